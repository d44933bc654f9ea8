"""The membrane of a nerve by Hodgkin and Huxley: rates in a dict of lambdas, gates in a class."""

import functools
import math

import numpy as np

RATES = {
    "m": (lambda V: 0.1 * (25 - V) / (math.exp((25 - V) / 10) - 1), lambda V: 4 * math.exp(-V / 18)),
    "h": (lambda V: 0.07 * math.exp(-V / 20), lambda V: 1 / (math.exp((30 - V) / 10) + 1)),
    "n": (lambda V: 0.01 * (10 - V) / (math.exp((10 - V) / 10) - 1), lambda V: 0.125 * math.exp(-V / 80)),
}


def clipped(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        return min(max(f(*args, **kwargs), 0.0), 1.0)

    return wrapper


class Gate:
    def __init__(self, name, V=0.001):
        self.alpha, self.beta = RATES[name]
        self.value = self.alpha(V) / (self.alpha(V) + self.beta(V))

    @clipped
    def update(self, V, dt):
        self.value += dt * (self.alpha(V) * (1 - self.value) - self.beta(V) * self.value)
        return self.value


def spike(conductances, dt=0.05, steps=10):
    """Mean voltage during a stimulus, by the three conductances."""
    g_na, g_k, g_l = conductances
    gates = {name: Gate(name) for name in "mhn"}
    V = 0.001
    trace = np.zeros(steps)
    for t in range(steps):
        m, h, n = (gates[name].update(V, dt) for name in "mhn")
        I = 20.0 if t > 3 else 0.0
        V += dt * (I - g_na * m**3 * h * (V - 115) - g_k * n**4 * (V + 12) - g_l * (V - 10.6))
        trace[t] = V
    return np.mean(trace)


LOSS, ARGS = spike, (np.array([120.0, 36.0, 0.3]),)
