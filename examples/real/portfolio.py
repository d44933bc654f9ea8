"""A portfolio: its risk-adjusted return and its deepest fall, by weights of a softmax."""

import numpy as np

rng = np.random.default_rng(7)
returns = rng.normal(0.01, 0.05, size=(12, 4))
cov = np.cov(returns.T)


def drawdown(wealth):
    peak = wealth[0]
    worst = 0.0
    for w in wealth:
        if w > peak:
            peak = w
        fall = (peak - w) / peak
        if fall > worst:
            worst = fall
    return worst


def objective(scores, fee=0.001):
    """Negative Sharpe ratio plus the deepest fall, by one score for each asset."""
    weights = np.exp(scores) / np.exp(scores).sum()
    daily = returns.dot(weights)
    vol = np.sqrt(weights.T.dot(cov).dot(weights))
    wealth = [1.0]
    for r in daily:
        wealth.append(wealth[-1] * (1 + r - fee))
    sharpe = daily.mean() / vol
    turnover = sum(abs(w - 0.25) for w in weights)
    return -sharpe + drawdown(np.array(wealth)) + 0.01 * turnover


LOSS, ARGS = objective, (np.array([0.1, 0.5, -0.2, 0.3]),)
