"""A PID controller with anti-windup on a motor: gains tuned by the integral of the squared error."""

import numpy as np


class PID:
    def __init__(self, kp, ki, kd, limits=(-10.0, 10.0)):
        self.kp, self.ki, self.kd = kp, ki, kd
        self.lo, self.hi = limits
        self._integral = 0
        self._last = None

    def __call__(self, error, dt):
        self._integral += error * dt
        self._integral = max(min(self._integral, 5.0), -5.0)
        d = 0 if self._last is None else (error - self._last) / dt
        self._last = error
        out = self.kp * error + self.ki * self._integral + self.kd * d
        if out > self.hi:
            return self.hi
        elif out < self.lo:
            return self.lo
        return out


class Motor:
    R, L, K, J, b = 1.0, 0.5, 0.01, 0.01, 0.1

    def __init__(self):
        self.i = 0.0
        self.w = 0.0

    def step(self, u, dt):
        di = (u - self.R * self.i - self.K * self.w) / self.L
        dw = (self.K * self.i - self.b * self.w) / self.J
        self.i += di * dt
        self.w += dw * dt
        return self.w


def cost(gains):
    pid = PID(*gains)
    motor = Motor()
    dt = 0.02
    history = {"t": [], "w": [], "u": []}
    for n in range(60):
        e = 0.5 - motor.w
        u = pid(e, dt)
        w = motor.step(u, dt)
        history["t"].append(n * dt)
        history["w"].append(w)
        history["u"].append(u)
    w = np.array(history["w"])
    return np.trapezoid((w - 0.5) ** 2 * np.array(history["t"]), dx=dt) + 1e-4 * np.sum(np.square(history["u"]))


LOSS, ARGS = cost, ([20.0, 30.0, 0.3],)
