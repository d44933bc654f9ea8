"""An American put by a binomial tree, backwards in an array, and a European one by recursion with a cache."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Option:
    S: float
    K: float
    r: float
    sigma: float
    T: float
    kind: str = "put"

    def payoff(self, s):
        return np.maximum(self.K - s, 0) if self.kind == "put" else np.maximum(s - self.K, 0)


def crr(opt: Option, N=6, american=True):
    dt = opt.T / N
    u = np.exp(opt.sigma * np.sqrt(dt))
    d = 1 / u
    p = (np.exp(opt.r * dt) - d) / (u - d)
    assert 0 < p < 1, "no arbitrage"
    S = np.zeros((N + 1, N + 1))
    for i in range(N + 1):
        for j in range(i + 1):
            S[j, i] = opt.S * u ** (i - j) * d**j
    V = np.zeros_like(S)
    V[:, N] = opt.payoff(S[:, N])
    exercised = np.zeros(S.shape, dtype=bool)
    for i in range(N - 1, -1, -1):
        for j in range(i + 1):
            hold = np.exp(-opt.r * dt) * (p * V[j, i + 1] + (1 - p) * V[j + 1, i + 1])
            now = opt.payoff(S[j, i])
            exercised[j, i] = now > hold
            V[j, i] = max(hold, now) if american else hold
    delta = (V[0, 1] - V[1, 1]) / (S[0, 1] - S[1, 1])
    return V[0, 0], delta, exercised.sum()


def by_recursion(opt, N=4):
    dt = opt.T / N
    u = np.exp(opt.sigma * np.sqrt(dt))
    p = (np.exp(opt.r * dt) - 1 / u) / (u - 1 / u)
    disc = np.exp(-opt.r * dt)

    @lru_cache(maxsize=None)
    def value(i, j):
        s = opt.S * u ** (2 * j - i)
        if i == N:
            return opt.payoff(s)
        return disc * (p * value(i + 1, j + 1) + (1 - p) * value(i + 1, j))

    return value(0, 0)


def price(x):
    S, sigma = x
    put = Option(S, 100, 0.03, sigma, 1.0)
    american, delta, n = crr(put)
    european = by_recursion(put)
    premium = american - european
    print(f"{american=:.4f} {european=:.4f} early {n} nodes")
    return american + delta + 0.5 * premium**2


LOSS, ARGS = price, (np.array([97.0, 0.25]),)
