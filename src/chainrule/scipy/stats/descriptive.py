"""Twins of descriptive statistics: moments, means, scores, spreads, entropy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats

from chainrule.array import value_of
from chainrule.scipy.stats.distribution import entries
from chainrule.scipy.stats.samples import count_along, sample_along
from chainrule.standins.scipy_functions import twin


def _mean(a: Any, axis: Any, weights: Any = None, keepdims: bool = True) -> Any:
    if weights is None:
        return np.mean(a, axis=axis, keepdims=keepdims)
    weights = entries(weights)
    total = np.sum(a * weights, axis=axis, keepdims=keepdims)
    return total / np.sum(np.broadcast_to(weights, np.shape(a)), axis=axis, keepdims=keepdims)


def _kept(result: Any, axis: Any, keepdims: bool) -> Any:
    """A result that was computed with keepdims=True, without the axes of length 1 unless they are wanted."""
    return result if keepdims else np.squeeze(result, axis=axis)


def _central(a: Any, axis: Any, order: int) -> Any:
    return np.mean((a - np.mean(a, axis=axis, keepdims=True)) ** order, axis=axis, keepdims=True)


@twin(scipy.stats.zscore)
def zscore(a: Any, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    return zmap(a, a, axis, ddof, nan_policy)


@twin(scipy.stats.zmap)
def zmap(scores: Any, compare: Any, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    scores, (compare, along) = entries(scores), sample_along(compare, axis, nan_policy)
    spread = np.std(compare, axis=along, ddof=ddof, keepdims=True)
    return (scores - np.mean(compare, axis=along, keepdims=True)) / spread


@twin(scipy.stats.gzscore)
def gzscore(a: Any, *, axis: Any = 0, ddof: int = 0, nan_policy: str = "propagate") -> Any:
    return zscore(np.log(entries(a)), axis, ddof, nan_policy)


@twin(scipy.stats.moment)
def moment(
    a: Any, order: Any = 1, axis: Any = 0, nan_policy: str = "propagate", *, center: Any = None, keepdims: bool = False
) -> Any:
    a, axis = sample_along(a, axis, nan_policy)
    if np.ndim(order):
        return np.stack([moment(a, int(n), axis, center=center, keepdims=keepdims) for n in order])
    center = np.mean(a, axis=axis, keepdims=True) if center is None else center
    return _kept(np.mean((a - center) ** order, axis=axis, keepdims=True), axis, keepdims)


@twin(scipy.stats.skew)
def skew(a: Any, axis: Any = 0, bias: bool = True, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    a, axis = sample_along(a, axis, nan_policy)
    result, n = _central(a, axis, 3) / _central(a, axis, 2) ** 1.5, count_along(a, axis)
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
    a, axis = sample_along(a, axis, nan_policy)
    result, n = _central(a, axis, 4) / _central(a, axis, 2) ** 2, count_along(a, axis)
    if not bias and n > 3:
        result = ((n**2 - 1) * result - 3 * (n - 1) ** 2) / ((n - 2) * (n - 3)) + 3
    return _kept(result - 3 if fisher else result, axis, keepdims)


def _mean_of_values(name: str, of: Callable[[Any], Any], back: Callable[[Any], Any]) -> Callable[..., Any]:
    """The twin of a generalised mean: the mean of a function's values, transformed back by its inverse."""

    def mean(a: Any, axis: Any = 0, dtype: Any = None, weights: Any = None, **options: Any) -> Any:
        a, axis = sample_along(a, axis, options.get("nan_policy", "propagate"))
        return back(_mean(of(a), axis, weights, options.get("keepdims", False)))

    return twin(getattr(scipy.stats, name))(mean)


gmean = _mean_of_values("gmean", np.log, np.exp)
hmean = _mean_of_values("hmean", lambda a: 1 / a, lambda z: 1 / z)


@twin(scipy.stats.pmean)
def pmean(a: Any, p: Any, *, axis: Any = 0, dtype: Any = None, weights: Any = None, **options: Any) -> Any:
    if value_of(p) == 0:
        return gmean(a, axis, dtype, weights, **options)
    a, axis = sample_along(a, axis, options.get("nan_policy", "propagate"))
    return _mean(a**p, axis, weights, options.get("keepdims", False)) ** (1 / p)


@twin(scipy.stats.sem)
def sem(a: Any, axis: Any = 0, ddof: int = 1, nan_policy: str = "propagate", *, keepdims: bool = False) -> Any:
    a, axis = sample_along(a, axis, nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / math.sqrt(count_along(a, axis))


@twin(scipy.stats.variation)
def variation(a: Any, axis: Any = 0, nan_policy: str = "propagate", ddof: int = 0, *, keepdims: bool = False) -> Any:
    a, axis = sample_along(a, axis, nan_policy)
    return np.std(a, axis=axis, ddof=ddof, keepdims=keepdims) / np.mean(a, axis=axis, keepdims=keepdims)


@twin(scipy.stats.gstd)
def gstd(a: Any, axis: Any = 0, ddof: int = 1, *, keepdims: bool = False, nan_policy: str = "propagate") -> Any:
    a, axis = sample_along(a, axis, nan_policy)
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
    x, axis = sample_along(x, axis, nan_policy)
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
    x, axis = sample_along(x, axis, nan_policy)
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
    pk, along = sample_along(pk, axis, nan_policy)
    pk = pk / np.sum(pk, axis=along, keepdims=True)
    if qk is None:
        total = np.sum(sp.entr(pk), axis=along, keepdims=keepdims)
    else:
        qk, its = sample_along(qk, axis, nan_policy)
        total = np.sum(sp.rel_entr(pk, qk / np.sum(qk, axis=its, keepdims=True)), axis=along, keepdims=keepdims)
    return total if base is None else total / np.log(base)


@twin(scipy.stats.describe)
def describe(a: Any, axis: Any = 0, ddof: int = 1, bias: bool = True, nan_policy: str = "propagate") -> Any:
    a, axis = sample_along(a, axis, nan_policy)
    ends = np.min(a, axis=axis), np.max(a, axis=axis)
    spread = np.var(a, axis=axis, ddof=ddof)
    return count_along(a, axis), ends, np.mean(a, axis=axis), spread, skew(a, axis, bias), kurtosis(a, axis, bias=bias)
