"""Twins of functions of empirical distributions: distances between two, and kernel density estimates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats

from chainrule.scipy.stats.distribution import entries
from chainrule.special import logsumexp
from chainrule.standins.scipy_functions import twin


@twin(scipy.stats.wasserstein_distance)
def wasserstein_distance(u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None) -> Any:
    return _distance(1, u_values, v_values, u_weights, v_weights)


@twin(scipy.stats.energy_distance)
def energy_distance(u_values: Any, v_values: Any, u_weights: Any = None, v_weights: Any = None) -> Any:
    return math.sqrt(2) * _distance(2, u_values, v_values, u_weights, v_weights)


def _distance(p: int, u_values: Any, v_values: Any, u_weights: Any, v_weights: Any) -> Any:
    """(∫ |U − V|^p)^(1/p) of the distribution functions of two samples."""
    u, v = entries(u_values), entries(v_values)
    every = np.sort(np.concatenate([u, v]))
    between = every[1:] - every[:-1]
    apart = abs(_steps(u, u_weights, every[:-1]) - _steps(v, v_weights, every[:-1]))
    return np.sum(apart * between) if p == 1 else np.sqrt(np.sum(apart**2 * between))


def _steps(values: Any, weights: Any, at: Any) -> Any:
    """The distribution function of a sample."""
    order = np.argsort(values)
    below = np.searchsorted(values[order], at, side="right")
    if weights is None:
        return below / np.size(values)
    weights = entries(weights)[order]
    sums = np.concatenate([np.zeros(1), np.cumsum(weights)])
    return sums[below] / sums[-1]


@twin(scipy.stats.gaussian_kde)
class GaussianKDE:
    """The twin of a density that is a mean of normal densities."""

    def __init__(self, dataset: Any, bw_method: Any = None, weights: Any = None):
        self.dataset = np.atleast_2d(entries(dataset))
        self.d, self.n = np.shape(self.dataset)
        weights = np.ones(self.n) if weights is None else entries(weights)
        self.weights = weights / np.sum(weights)
        self.neff = 1 / np.sum(self.weights**2)
        self.set_bandwidth(bw_method)

    @classmethod
    def of(cls, plain: Any) -> GaussianKDE:
        return cls(plain.dataset, plain.factor, plain.weights)

    def set_bandwidth(self, bw_method: Any = None) -> None:
        if bw_method is None or isinstance(bw_method, str):
            count = self.neff if bw_method in (None, "scott") else self.neff * (self.d + 2) / 4.0
            self.factor = count ** (-1 / (self.d + 4))
        else:
            self.factor = bw_method(self) if callable(bw_method) else bw_method
        away = self.dataset - np.sum(self.dataset * self.weights, axis=1, keepdims=True)
        spread = (away * self.weights) @ away.T / (1 - np.sum(self.weights**2))
        self.covariance = spread * self.factor**2

    def logpdf(self, x: Any) -> Any:
        return logsumexp(self._log_kernels(x), axis=1, b=self.weights)

    def evaluate(self, points: Any) -> Any:
        return np.exp(self._log_kernels(points)) @ self.weights

    def _log_kernels(self, points: Any) -> Any:
        """The logarithms of the normal densities at some points: a row for each of them."""
        points = np.atleast_2d(entries(points))
        if np.shape(points)[0] != self.d and np.shape(points) == (1, self.d):
            points = np.reshape(points, (self.d, 1))
        away = points[:, :, None] - self.dataset[:, None, :]
        flat = np.reshape(away, (self.d, -1))
        squares = np.sum(flat * np.linalg.solve(self.covariance, flat), axis=0)
        logs = -0.5 * (squares + np.linalg.slogdet(2 * math.pi * self.covariance)[1])
        return np.reshape(logs, np.shape(away)[1:])

    __call__ = pdf = evaluate
