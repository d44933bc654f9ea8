"""A particle filter of stochastic volatility with common random numbers and sorted (continuous) resampling."""

import numpy as np
from scipy.special import logsumexp
from scipy.stats import norm

RNG = np.random.RandomState(42)
T, NP = 8, 20
Y = RNG.normal(size=T) * 0.8
NOISE = RNG.normal(size=(T, NP))
UNI = RNG.uniform(size=T)


def continuous_resample(x, w, u):
    """Malik and Pitt: invert the piecewise linear distribution of sorted particles."""
    order = np.argsort(x)
    xs, ws = x[order], w[order]
    cum = np.cumsum(ws)
    pts = (np.arange(len(x)) + u) / len(x)
    mid = cum - 0.5 * ws
    return np.interp(pts, mid, xs)


class SV:
    def __init__(self, mu, phi, sigma):
        self.mu = mu
        self.phi = np.tanh(phi)
        self.sigma = np.exp(sigma)

    def init(self, e):
        return self.mu + self.sigma / np.sqrt(1 - self.phi**2) * e

    def move(self, x, e):
        return self.mu + self.phi * (x - self.mu) + self.sigma * e

    def logpdf(self, y, x):
        return norm.logpdf(y, loc=0, scale=np.exp(x / 2))


def neg_loglik(theta):
    model = SV(*theta)
    ess = []
    ll = 0
    x = model.init(NOISE[0])
    for t in range(T):
        if t > 0:
            x = model.move(x, NOISE[t])
        logw = model.logpdf(Y[t], x)
        ll += logsumexp(logw) - np.log(NP)
        w = np.exp(logw - logw.max())
        w /= w.sum()
        ess.append(1.0 / np.sum(w**2))
        if ess[-1] < NP:
            x = continuous_resample(x, w, UNI[t])
    assert np.all(np.isfinite(ess))
    return -ll / T + 0.001 * np.mean(ess)


LOSS, ARGS = neg_loglik, (np.array([-0.5, 1.2, -1.0]),)
