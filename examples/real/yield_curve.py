"""A yield curve bootstrapped from deposits and swaps by brentq, log-linear discounts, then the value of a bond."""

import bisect

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq


class Curve:
    def __init__(self):
        self.t = [0.0]
        self.logdf = [0.0]

    def add(self, t, df):
        self.t.append(t)
        self.logdf.append(np.log(df))

    def df(self, t):
        i = bisect.bisect_left(self.t, t)
        if i == 0:
            return 1.0
        if i >= len(self.t):
            return np.exp(self.logdf[-1] / self.t[-1] * t)
        w = (t - self.t[i - 1]) / (self.t[i] - self.t[i - 1])
        return np.exp((1 - w) * self.logdf[i - 1] + w * self.logdf[i])


def swap_pv(curve, rate, maturity):
    times = np.arange(1, maturity + 1)
    annuity = sum(curve.df(t) for t in times)
    return rate * annuity + curve.df(maturity) - 1


def bootstrap(depos, swaps):
    c = Curve()
    for t, r in depos:
        c.add(t, 1 / (1 + r * t))
    for T, r in swaps:

        def f(x):
            trial = Curve()
            trial.t = c.t + [T]
            trial.logdf = c.logdf + [np.log(x)]
            return swap_pv(trial, r, T)

        x = brentq(f, 0.3, 1.2, xtol=1e-14)
        c.add(T, x)
    return c


def bond(quotes):
    depos = list(zip([0.25, 0.5, 1.0], quotes[:3]))
    swaps = list(zip([2, 3, 5], quotes[3:]))
    c = bootstrap(depos, swaps)
    flows = [(t, 4.5) for t in np.arange(0.5, 5, 1)] + [(5, 104.5)]
    pv = 0
    for t, cf in flows:
        pv += cf * c.df(t)
    zero = np.array([-l / t for t, l in zip(c.t[1:], c.logdf[1:])])
    spl = CubicSpline(np.array(c.t[1:]), zero, bc_type="natural")
    fwd = spl(4.0) + 4.0 * spl(4.0, 1)
    return pv / 100 + fwd * 10 + np.dot(zero, zero)


LOSS, ARGS = bond, (np.array([0.02, 0.022, 0.025, 0.028, 0.03, 0.032]),)
