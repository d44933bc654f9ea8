"""Hierarchical risk parity: assets in a tree of clusters, weights by halving its order."""

import numpy as np
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

NAMES = ("bonds", "gold", "stocks", "houses")
returns = np.random.default_rng(11).normal(0.001, [0.005, 0.02, 0.03, 0.02], (12, 4))


def inverse_variance(cov):
    w = 1 / np.diag(cov)
    return w / w.sum()


def variance_of(cov, assets):
    part = cov[np.ix_(assets, assets)]
    w = inverse_variance(part)
    return w @ part @ w


def share(weights, cov, assets):
    """Split the weight of some assets between their halves, and so on."""
    if len(assets) < 2:
        return
    left, right = np.array_split(assets, 2)
    risks = variance_of(cov, left), variance_of(cov, right)
    weights[left] *= risks[1] / sum(risks)
    weights[right] *= risks[0] / sum(risks)
    share(weights, cov, left)
    share(weights, cov, right)


def portfolio_risk(returns):
    cov = np.cov(returns, rowvar=False)
    distance = np.sqrt(0.5 * (1 - np.clip(np.corrcoef(returns, rowvar=False), -1, 1)))
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform(distance, checks=False), "average")
    weights = np.ones(len(cov))
    share(weights, cov, leaves_list(tree))
    for name, weight in sorted(zip(NAMES, weights), key=lambda pair: -pair[1]):
        print(f"{name:<8}{weight:7.1%}")
    return 100 * np.sqrt(weights @ cov @ weights) + np.sum(weights**2) + 0.1 * tree[-1, 2]


LOSS, ARGS = portfolio_risk, (returns,)
