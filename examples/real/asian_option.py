"""Monte Carlo: the price of an Asian option with antithetic paths and a control variate."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm


@dataclass
class Market:
    spot: float
    rate: float
    vol: float


def black_scholes(m, K, T):
    d1 = (np.log(m.spot / K) + (m.rate + 0.5 * m.vol**2) * T) / (m.vol * np.sqrt(T))
    d2 = d1 - m.vol * np.sqrt(T)
    return m.spot * norm.cdf(d1) - K * np.exp(-m.rate * T) * norm.cdf(d2)


def simulate(m, T, steps, paths, seed=42):
    rng = np.random.default_rng(seed)
    dt = T / steps
    S = np.zeros((steps + 1, 2 * paths))
    S[0] = m.spot
    for i in range(1, steps + 1):
        Z = rng.standard_normal(paths)
        Z = np.concatenate((Z, -Z))
        S[i] = S[i - 1] * np.exp((m.rate - 0.5 * m.vol**2) * dt + m.vol * np.sqrt(dt) * Z)
    return S


def price(m, K=100.0, T=1.0):
    S = simulate(m, T, 12, 50)
    asian = np.exp(-m.rate * T) * np.maximum(S[1:].mean(axis=0) - K, 0)
    vanilla = np.exp(-m.rate * T) * np.maximum(S[-1] - K, 0)
    cov = np.cov(asian, vanilla)
    beta = cov[0, 1] / cov[1, 1]
    return np.mean(asian - beta * (vanilla - black_scholes(m, K, T)))


LOSS, ARGS = price, (Market(102.0, 0.03, 0.25),)
