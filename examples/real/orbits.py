"""Kepler orbits: places by Kepler's equation, vectorised over a function of numbers."""

import math

import numpy as np


def eccentric_anomaly(M, e):
    E = M if e < 0.8 else math.pi
    delta = 1.0
    while abs(delta) > 1e-13:
        delta = (E - e * math.sin(E) - M) / (1 - e * math.cos(E))
        E -= delta
    return E


solve_kepler = np.vectorize(eccentric_anomaly)


def place(t, elements):
    a, e, omega = elements
    period = 2 * math.pi * a**1.5
    E = solve_kepler((2 * np.pi * t / period) % (2 * np.pi), e)
    nu = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(E / 2), np.sqrt(1 - e) * np.cos(E / 2))
    r = a * (1 - e * np.cos(E))
    return r * np.cos(nu + omega), r * np.sin(nu + omega)


times = np.array([0.1, 0.9, 1.7, 2.5])
seen = np.array([[0.6, 0.1, -0.9, -1.2], [0.3, 0.9, 0.8, 0.2]])


def residual(elements):
    """Squared distance to the seen places, by semi-major axis, eccentricity and argument of perihelion."""
    x, y = place(times, elements)
    return float(np.sum((x - seen[0]) ** 2 + (y - seen[1]) ** 2))


LOSS, ARGS = residual, (np.array([1.1, 0.3, 0.2]),)
