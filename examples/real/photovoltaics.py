"""A solar cell: the current of the one-diode model by Newton's method for each voltage."""

import math

import numpy as np

q, k = 1.602176634e-19, 1.380649e-23


def current(V, Iph, I0, Rs, Rsh, n=1.3, T=298.15, tol=1e-12):
    Vt = n * k * T / q
    I = Iph
    for _ in range(100):
        e = math.exp((V + I * Rs) / Vt)
        f = Iph - I0 * (e - 1) - (V + I * Rs) / Rsh - I
        df = -I0 * Rs / Vt * e - Rs / Rsh - 1
        step = f / df
        I = I - step
        if abs(step) < tol:
            break
    return I


def maximum_power(parameters, points=9):
    """Largest power on a grid of voltages, by photo current, series and parallel resistance."""
    Iph, Rs, Rsh = parameters
    voltages = np.linspace(0.0, 0.6, points)
    power = np.array([V * current(V, Iph, 1e-9, Rs, Rsh) for V in voltages])
    best = int(np.argmax(power))
    print("maximum at", voltages[best], "V:", power[best], "W")
    return power[best] + 0.1 * np.trapezoid(power, voltages)


LOSS, ARGS = maximum_power, (np.array([3.0, 0.01, 50.0]),)
