"""An energy balance model of the climate by latitude, with helpers that are cached, partial and imported late."""

from functools import cache, partial

import numpy as np


@cache
def latitudes(n):
    import numpy

    return numpy.linspace(-1, 1, n + 1)[:-1] + 1.0 / n


def insolation(s2, x):
    return 342.0 * (1 + s2 * 0.5 * (3 * x**2 - 1))


def albedo(T, ice):
    import math

    values = []
    for t in T:
        values.append(0.3 + 0.3 / (1 + math.exp((t - ice) / 2)))
    return values


def diffuse(T, x, D):
    from numpy import zeros

    flux = zeros(len(T) + 1)
    edges = 0.5 * (x[1:] + x[:-1])
    flux[1:-1] = D * (1 - edges**2) * np.diff(T) / np.diff(x)
    return np.diff(flux) / (x[1] - x[0])


def mean_temperature(parameters, n=6, years=1):
    """Mean temperature and its contrast after some years, by diffusivity, ice line and greenhouse constants."""
    D, ice, A, B = parameters
    x = latitudes(n)
    sun = partial(insolation, -0.48)
    T = 12 - 40 * (x**2)
    for _ in range(years * 4):
        absorbed = sun(x) * (1 - np.array(albedo(T, ice)))
        T = T + 0.25 / 10 * (absorbed - (A + B * T) + diffuse(T, x, D))
    return T.mean() + 0.1 * (T.max() - T.min())


LOSS, ARGS = mean_temperature, (np.array([0.6, -10.0, 203.3, 2.09]),)
