"""Twins of correlation, linear regression and t-tests; their p-values are tails of Student's distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.special as sp
import scipy.stats

from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name
from chainrule.scipy.stats.distribution import entries
from chainrule.scipy.stats.samples import count_along, sample_along
from chainrule.standins.scipy_functions import filled, plain_result, twin


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
    x, axis = sample_along(x, axis)
    y = sample_along(y, axis)[0]
    dx, dy = (a - np.mean(a, axis=axis, keepdims=True) for a in (x, y))
    r = np.sum(dx * dy, axis=axis) / np.sqrt(np.sum(dx**2, axis=axis) * np.sum(dy**2, axis=axis))
    n = count_along(x, axis)
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
    a, axis = sample_along(a, axis, options.get("nan_policy", "propagate"))
    popmean = entries(popmean)
    if np.ndim(popmean) == np.ndim(a):
        popmean = np.squeeze(popmean, axis=axis)
    n = count_along(a, axis)
    mean, error = np.mean(a, axis=axis), np.std(a, axis=axis, ddof=1) / math.sqrt(n)
    return _tested(result, mean, (mean - popmean) / error, error, n - 1, options)


@twin(scipy.stats.ttest_rel, adopts=False)
def ttest_rel(a: Any, b: Any, axis: Any = 0, *rest: Any, **options: Any) -> Any:
    result = plain_result(scipy.stats.ttest_rel, a, b, axis, *rest, **options)
    options = by_name(scipy.stats.ttest_rel, 3, rest, options)
    away, axis = sample_along(entries(a) - entries(b), axis, options.get("nan_policy", "propagate"))
    n = count_along(away, axis)
    mean, error = np.mean(away, axis=axis), np.std(away, axis=axis, ddof=1) / math.sqrt(n)
    return _tested(result, mean, mean / error, error, n - 1, options)


@twin(scipy.stats.ttest_ind, adopts=False)
def ttest_ind(a: Any, b: Any, **options: Any) -> Any:
    result = plain_result(scipy.stats.ttest_ind, a, b, **options)
    nan_policy = options.get("nan_policy", "propagate")
    a, axis = sample_along(a, options.get("axis", 0), nan_policy)
    b, its = sample_along(b, options.get("axis", 0), nan_policy)
    if options.get("trim"):
        raise RecordingError("ttest_ind has a derivative without trim=" + at_line())
    n, m = count_along(a, axis), count_along(b, its)
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
