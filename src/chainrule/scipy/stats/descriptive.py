"""Twins of descriptive statistics, of correlation and of distances between samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats

from chainrule.array import value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name
from chainrule.scipy.stats.distribution import entries
from chainrule.special import logsumexp
from chainrule.standins.scipy_functions import filled, plain_result, twin

__all__: list[str] = []


def _along(a: Any, axis: Any, nan_policy: str = "propagate") -> tuple[Any, Any]:
    """A sample as an array, and its axis; None means all axes."""
    a = entries(a)
    if nan_policy == "omit" and np.any(np.isnan(value_of(a))):
        raise RecordingError(
            "nan_policy='omit' has no gradient where the sample has NaNs; leave them out first: x[~np.isnan(x)]"
            + at_line()
        )
    return a, tuple(range(np.ndim(a))) if axis is None else axis


def _mean(a: Any, axis: Any, weights: Any = None, keepdims: bool = True) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = entries(weights)
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(np.broadcast_to(weights, np.shape(a)), axis=axis, keepdims=keepdims)


def _count(a: Any, axis: Any) -> int:
    """The number of entries along an axis, or along several ones."""
    return math.prod(np.shape(a)[i] for i in (axis if isinstance(axis, tuple) else (axis,)))


def _kept(result: Any, axis: Any, keepdims: bool) -> Any:
    """A result that has its axes of length 1, without them unless they are wanted."""
    return result if keepdims else np.squeeze(result, axis=axis)


def _central(a: Any, axis: Any, order: int) -> Any:
    return np.mean((a - np.mean(a, axis=axis, keepdims=True)) ** order, axis=axis, keepdims=True)


@twin(scipy.stats.zscore)
def zscore(a: Any, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    return zmap(a, a, axis, ddof, nan_policy)


@twin(scipy.stats.zmap)
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    scores, (compare, along) = entries(scores), _along(compare, axis, nan_policy)
    spread = np.std(compare, axis=along, ddof=ddof, keepdims=True)
    return (scores - np.mean(compare, axis=along, keepdims=True)) / spread


@twin(scipy.stats.gzscore)
def gzscore(a: Any, *, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    return zscore(np.log(entries(a)), axis, ddof, nan_policy)


@twin(scipy.stats.moment)
def moment(
    a: Any, order: Any = 1, axis: Any = 0, nan_policy: str = "propagate", *, center: Any = None, keepdims: bool = False
) -> Any:
    a, axis = _along(a, axis, nan_policy)
    if np.ndim(order):
        return np.stack([moment(a, int(n), axis, center=center, keepdims=keepdims) for n in order])
    center = np.mean(a, axis=axis, keepdims=True) if center is None else center
    return _kept(np.mean((a - center) ** order, axis=axis, keepdims=True), axis, keepdims)


@twin(scipy.stats.skew)
def skew(a: Any, axis: Any = 0, bias: bool = True, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    a, axis = _along(a, axis, nan_policy)
    result, n = _central(a, axis, 3) / _central(a, axis, 2) ** 1.5, _count(a, axis)
    if not bias and n > 2:
        result = math.sqrt((n - 1) * n) / (n - 2) * result
    return _kept(result, axis, keepdims)


@twin(scipy.stats.kurtosis)
def kurtosis(
    a: Any,
    axis: Any = 0,
    fisher: bool = True,
    bias: bool = True,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    a, axis = _along(a, axis, nan_policy)
    result, n = _central(a, axis, 4) / _central(a, axis, 2) ** 2, _count(a, axis)
    if not bias and n > 3:
        result = ((n**2 - 1) * result - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return _kept(result - 3 if fisher else result, axis, keepdims)


@twin(scipy.stats.gmean)
def gmean(
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    weights: Any = None,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    a, axis = _along(a, axis, nan_policy)
    return np.exp(_mean(np.log(a), axis, weights, keepdims))


@twin(scipy.stats.hmean)
def hmean(
    a: Any,
    axis: Any = 0,
    dtype: Any = None,
    *,
    weights: Any = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    a, axis = _along(a, axis, nan_policy)
    return 1 / _mean(1 / a, axis, weights, keepdims)


@twin(scipy.stats.pmean)
def pmean(
    a: Any,
    p: Any,
    *,
    axis: Any = 0,
    dtype: Any = None,
    weights: Any = None,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    if value_of(p) == 0:
        return gmean(a, axis, dtype, weights, nan_policy=nan_policy, keepdims=keepdims)
    a, axis = _along(a, axis, nan_policy)
    return _mean(a**p, axis, weights, keepdims) ** (1 / p)


@twin(scipy.stats.sem)
def sem(a: Any, axis: Any = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    a, axis = _along(a, axis, nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / math.sqrt(_count(a, axis))


@twin(scipy.stats.variation)
def variation(a: Any, axis: Any = 0, nan_policy: str = "propagate", ddof: int = 0, *, keepdims: bool = False) -> Any:
    a, axis = _along(a, axis, nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / np.mean(a, axis=axis, keepdims=keepdims)


@twin(scipy.stats.gstd)
def gstd(a: Any, axis: Any = 0, ddof: int = 1, *, keepdims: bool = False, nan_policy: str = "propagate") -> Any:
    a, axis = _along(a, axis, nan_policy)
    return np.exp(np.std(np.log(a), axis=axis, ddof=ddof, keepdims=keepdims))


@twin(scipy.stats.iqr)
def iqr(
    x: Any,
    axis: Any = None,
    rng: Any = (25, 75),
    scale: Any = 1.0,
    nan_policy: str = "propagate",
    interpolation: str = "linear",
    keepdims: bool = False,
) -> Any:
    x, axis = _along(x, axis, nan_policy)
    scale = 2 * sp.erfinv(0.5) * math.sqrt(2) if isinstance(scale, str) else scale
    method: Any = interpolation
    low, high = (np.percentile(x, q, axis=axis, method=method, keepdims=keepdims) for q in sorted(rng))
    return (high - low) / scale


@twin(scipy.stats.median_abs_deviation)
def median_abs_deviation(
    x: Any,
    axis: Any = 0,
    center: Any = None,
    scale: Any = 1.0,
    nan_policy: str = "propagate",
    *,
    keepdims: bool = False,
) -> Any:
    x, axis = _along(x, axis, nan_policy)
    middle = np.median(x, axis=axis, keepdims=True) if center in (None, np.median) else center(x, axis=axis)
    if np.ndim(middle) < np.ndim(x):
        middle = np.expand_dims(middle, axis)
    scale = sp.ndtri(0.75) if isinstance(scale, str) else scale
    return np.median(abs(x - middle), axis=axis, keepdims=keepdims) / scale


@twin(scipy.stats.entropy)
def entropy(
    pk: Any,
    qk: Any = None,
    base: Any = None,
    axis: Any = 0,
    *,
    nan_policy: str = "propagate",
    keepdims: bool = False,
) -> Any:
    pk, along = _along(pk, axis, nan_policy)
    pk = pk / np.sum(pk, axis=along, keepdims=True)
    if qk is None:
        total = np.sum(sp.entr(pk), axis=along, keepdims=keepdims)
    else:
        qk, its = _along(qk, axis, nan_policy)
        total = np.sum(sp.rel_entr(pk, qk / np.sum(qk, axis=its, keepdims=True)), axis=along, keepdims=keepdims)
    return total if base is None else total / np.log(base)


@twin(scipy.stats.describe)
def describe(a: Any, axis: Any = 0, ddof: int = 1, bias: bool = True, nan_policy: str = "propagate") -> Any:
    a, axis = _along(a, axis, nan_policy)
    ends = np.min(a, axis=axis), np.max(a, axis=axis)
    spread = np.var(a, axis=axis, ddof=ddof)
    return _count(a, axis), ends, np.mean(a, axis=axis), spread, skew(a, axis, bias), kurtosis(a, axis, bias=bias)


# Correlation and regression ------------------------------------------------------------------------------------------


def _tail(t: Any, df: Any, alternative: str) -> Any:
    """The probability of a more extreme t, by Student's distribution."""
    if alternative == "two-sided":
        return 2 * sp.stdtr(df, -abs(t))
    return sp.stdtr(df, -t if alternative == "greater" else t)


def _tail_of_correlation(r: Any, n: int, alternative: str) -> Any:
    """The probability of a more extreme correlation of n pairs."""
    return _tail(r * np.sqrt((n - 2) / ((1 - r) * (1 + r))), n - 2, alternative)


@twin(scipy.stats.pearsonr, adopts=False)
def pearsonr(x: Any, y: Any, *, alternative: str = "two-sided", method: Any = None, axis: Any = 0) -> Any:
    result = plain_result(scipy.stats.pearsonr, x, y, alternative=alternative, method=method, axis=axis)
    x, axis = _along(x, axis)
    y = _along(y, axis)[0]
    dx, dy = (a - np.mean(a, axis=axis, keepdims=True) for a in (x, y))
    r = np.sum(dx * dy, axis=axis) / np.sqrt(np.sum(dx**2, axis=axis) * np.sum(dy**2, axis=axis))
    n = _count(x, axis)
    if method is not None or n < 3:
        return filled(result, statistic=r, correlation=r)
    return filled(result, statistic=r, pvalue=_tail_of_correlation(r, n, alternative), correlation=r)


@twin(scipy.stats.linregress, adopts=False)
def linregress(x: Any, y: Any, alternative: str = "two-sided", **options: Any) -> Any:
    result = plain_result(scipy.stats.linregress, x, y, alternative, **options)
    if options.get("axis", 0) not in (0, -1) or np.ndim(x) > 1:
        raise RecordingError("linregress has a gradient for vectors; write a loop over the rows" + at_line())
    x, y = entries(x), entries(y)
    n, x_mean, y_mean = np.shape(x)[0], np.mean(x), np.mean(y)
    xx, yy, xy = np.mean((x - x_mean) ** 2), np.mean((y - y_mean) ** 2), np.mean((x - x_mean) * (y - y_mean))
    r, slope = xy / np.sqrt(xx * yy), xy / xx
    spread = np.sqrt((1 - r**2) * yy / xx / (n - 2))
    fields = {
        "slope": slope,
        "intercept": y_mean - slope * x_mean,
        "rvalue": r,
        "stderr": spread,
        "intercept_stderr": spread * np.sqrt(xx + x_mean**2),
    }
    if n > 2:
        fields["pvalue"] = _tail_of_correlation(r, n, alternative)
    return filled(result, **fields)


@twin(scipy.stats.ttest_1samp, adopts=False)
def ttest_1samp(a: Any, popmean: Any, axis: Any = 0, *rest: Any, **options: Any) -> Any:
    result = plain_result(scipy.stats.ttest_1samp, a, popmean, axis, *rest, **options)
    options = by_name(scipy.stats.ttest_1samp, 3, rest, options)
    a, axis = _along(a, axis, options.get("nan_policy", "propagate"))
    popmean = entries(popmean)
    if np.ndim(popmean) == np.ndim(a):
        popmean = np.squeeze(popmean, axis=axis)
    n = _count(a, axis)
    mean, error = np.mean(a, axis=axis), np.std(a, axis=axis, ddof=1) / math.sqrt(n)
    return _tested(result, mean, (mean - popmean) / error, error, n - 1, options)


@twin(scipy.stats.ttest_rel, adopts=False)
def ttest_rel(a: Any, b: Any, axis: Any = 0, *rest: Any, **options: Any) -> Any:
    result = plain_result(scipy.stats.ttest_rel, a, b, axis, *rest, **options)
    options = by_name(scipy.stats.ttest_rel, 3, rest, options)
    away, axis = _along(entries(a) - entries(b), axis, options.get("nan_policy", "propagate"))
    n = _count(away, axis)
    mean, error = np.mean(away, axis=axis), np.std(away, axis=axis, ddof=1) / math.sqrt(n)
    return _tested(result, mean, mean / error, error, n - 1, options)


@twin(scipy.stats.ttest_ind, adopts=False)
def ttest_ind(a: Any, b: Any, **options: Any) -> Any:
    result = plain_result(scipy.stats.ttest_ind, a, b, **options)
    nan_policy = options.get("nan_policy", "propagate")
    a, axis = _along(a, options.get("axis", 0), nan_policy)
    b, its = _along(b, options.get("axis", 0), nan_policy)
    if options.get("trim"):
        raise RecordingError("ttest_ind has a derivative without trim=" + at_line())
    n, m = _count(a, axis), _count(b, its)
    spread_a, spread_b = np.var(a, axis=axis, ddof=1), np.var(b, axis=its, ddof=1)
    away = np.mean(a, axis=axis) - np.mean(b, axis=its)
    if options.get("equal_var", True):
        df: Any = n + m - 2
        error = np.sqrt(((n - 1) * spread_a + (m - 1) * spread_b) / df * (1 / n + 1 / m))
    else:  # Welch's test
        square_a, square_b = spread_a / n, spread_b / m
        df = (square_a + square_b) ** 2 / (square_a**2 / (n - 1) + square_b**2 / (m - 1))
        error = np.sqrt(square_a + square_b)
    if options.get("method") is not None or options.get("permutations"):
        return filled(result, statistic=away / error)  # the p-value counts samples, so it has no slope
    return _tested(result, away, away / error, error, df, options)


def _tested(result: Any, estimate: Any, t: Any, error: Any, df: Any, options: dict[str, Any]) -> Any:
    """The result of a test; its interval of confidence is made of the estimate and the standard error."""
    pvalue = _tail(t, df, options.get("alternative", "two-sided"))
    return filled(result, statistic=t, pvalue=pvalue, df=df, _estimate=estimate, _standard_error=error)


# Distances and densities ---------------------------------------------------------------------------------------------


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
