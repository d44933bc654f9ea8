"""The twin of scipy.stats.multivariate_normal."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.stats

from chainrule.blocks.matrix_functions import solve_triangular
from chainrule.scipy.stats.distribution import entries
from chainrule.standins.scipy_functions import twin

__all__ = ["FrozenNormal", "MultivariateNormal"]


class MultivariateNormal:
    """The twin: densities are computed by the Cholesky factor of the covariance, which must not be singular."""

    def __call__(self, mean: Any = None, cov: Any = 1, allow_singular: bool = False, seed: Any = None, **_: Any) -> Any:
        return FrozenNormal(mean, cov)

    def logpdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        mean, factor = _factored(entries(mean), entries(cov))
        x, d = entries(x), factor.shape[0]
        if np.ndim(x) == 0:
            x = np.reshape(x, (1,))
        elif np.ndim(x) == 1:
            x = np.reshape(x, (-1, 1)) if d == 1 else x
        away = x - mean
        flat = np.reshape(away, (-1, d))
        whitened = solve_triangular(factor, flat.T, lower=True)
        squares = np.reshape(np.sum(whitened**2, axis=0), np.shape(away)[:-1])
        result = -0.5 * (d * math.log(2 * math.pi) + squares) - np.sum(np.log(np.diag(factor)))
        return np.squeeze(result)

    def pdf(self, x: Any, mean: Any = None, cov: Any = 1, allow_singular: bool = False) -> Any:
        return np.exp(self.logpdf(x, mean, cov))

    def entropy(self, mean: Any = None, cov: Any = 1) -> Any:
        _, factor = _factored(entries(mean), entries(cov))
        return 0.5 * factor.shape[0] * (math.log(2 * math.pi) + 1) + np.sum(np.log(np.diag(factor)))


def _factored(mean: Any, cov: Any) -> tuple[Any, Any]:
    """The mean, and the lower Cholesky factor of the covariance, which may be given as a number or a diagonal."""
    d = 1 if mean is None and np.ndim(cov) == 0 else np.shape(cov)[0] if mean is None else max(np.size(mean), 1)
    mean = np.zeros(d) if mean is None else np.reshape(mean, (d,))
    cov = cov if hasattr(cov, "ndim") else np.asarray(cov, float)
    if cov.ndim == 0:
        cov = cov * np.eye(d)
    elif cov.ndim == 1:
        cov = np.diag(cov)
    return mean, np.linalg.cholesky(cov * 1.0)


class FrozenNormal:
    """The twin of scipy.stats.multivariate_normal(mean, cov)."""

    def __init__(self, mean: Any, cov: Any):
        self.mean, self.cov = mean, cov

    @classmethod
    def of(cls, plain: Any) -> FrozenNormal:
        return cls(plain.mean, plain.cov)

    def logpdf(self, x: Any) -> Any:
        return NORMAL.logpdf(x, self.mean, self.cov)

    def pdf(self, x: Any) -> Any:
        return NORMAL.pdf(x, self.mean, self.cov)

    def entropy(self) -> Any:
        return NORMAL.entropy(self.mean, self.cov)


NORMAL = MultivariateNormal()
twin(scipy.stats.multivariate_normal)(NORMAL)
twin(type(scipy.stats.multivariate_normal(np.zeros(1))))(FrozenNormal)
