"""Order statistics: partition, median, quantile, ptp."""

import math
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, form_of
from chainrule.block import answers, as_floats, axis_from_right, library_block
from chainrule.blocks.integers import step
from chainrule.blocks.reductions import any_, axes_of, expand, spread
from chainrule.blocks.shaping import as_array
from chainrule.blocks.statistics import weights_along
from chainrule.blocks.step_functions import isnan
from chainrule.domains import apart, example
from chainrule.errors import BlockError
from chainrule.formula import call, name
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.step import owned


def _ordinal_notation(x, rank, axis):
    """x₍₁₎ is the smallest, as in statistics."""
    if x.kind != "name":
        return call("sort", x).at(str(rank))
    return name(f"{x.text}₍{''.join('₀₁₂₃₄₅₆₇₈₉'[int(digit)] for digit in str(rank + 1))}₎")


@library_block(notation=_ordinal_notation, example=example(apart(4), rank=1))
def order_statistic(xp, x, rank=0, axis=-1):
    """The entry at `rank` of the sorted axis; NaN if the axis has a NaN. Ties share the gradient evenly."""
    return xp.sort(x, axis=axis)[(..., rank, *(slice(None),) * (-1 - axis))]


@order_statistic.backward
def order_statistic_backward(xp, dz, z, x, rank=0, axis=-1):
    hit = xp.astype(x == expand(xp, z, x, axis), x.dtype)
    return spread(xp, dz, z, x, axis) * (hit / xp.sum(hit, axis=axis, keepdims=True))


order_statistic.picks = True


@answers(np.partition)
def numpy_partition(a, kth, axis=-1, kind="introselect", order=None):
    if axis is None:
        a, axis = np.ravel(a), -1
    return np.take_along_axis(a, np.argpartition(a, kth, axis=axis, kind=kind), axis)


def _last_axis(a, axis):
    """The axes merged into one last axis; and the shape of a result that keeps them."""
    axes = axes_of(axis_from_right(axis, a.ndim))
    rest = [i for i in range(-a.ndim, 0) if i not in axes]
    kept = tuple(1 if i in axes else a.shape[i] for i in range(-a.ndim, 0))
    rows = np.transpose(a, (*rest, *sorted(axes))) if a.ndim > 1 else a
    return np.reshape(rows, (*(a.shape[i] for i in rest), math.prod(a.shape[i] for i in axes))), kept


@answers(np.quantile)
def numpy_quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """np.quantile, in every method: an entry of the sorted array, or a point between two of them."""
    return _quantiles(a, q, axis, out, method, keepdims, weights, _between)


@answers(np.nanquantile)
def numpy_nanquantile(
    a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None
):
    """np.nanquantile: the quantiles of the entries that are not NaN."""
    return _quantiles(a, q, axis, out, method, keepdims, weights, _among_numbers(a))


def _among_numbers(a):
    """The function that finds an entry, or a point between two entries, ignoring NaN."""
    return _between_numbers if bool(np.any(np.isnan(a))) else _between


def _quantiles(a, q, axis, out, method, keepdims, weights, between):
    if out is not None:
        raise BlockError("quantiles with out= and a recorded array: use the returned array" + at_line())
    a = as_array(a)
    if is_complex(form_of(a)):
        raise BlockError("complex numbers have no quantiles; take them of np.real(x) or np.abs(x)" + at_line())
    recorded = q if isinstance(q, Array) else None
    if recorded is not None and (method != "linear" or weights is not None or between is _between_numbers):
        raise BlockError("a recorded q is covered for method='linear', without weights and NaN" + at_line())
    python_q = isinstance(form_of(q), int | float)
    dtype = a.dtype if python_q else np.result_type(a.dtype, np.asarray(form_of(q)).dtype)
    q = as_array(q)
    if not bool(np.all((q >= 0) & (q <= 1))):
        raise BlockError("a quantile lies between 0 and 1" + at_line())
    a = as_floats(np.astype(a, dtype))
    rows, kept = _last_axis(a, axis)
    if recorded is not None:
        found = [_at_recorded(rows, part) for part in np.reshape(recorded, -1)]
    elif weights is None:
        found = [between(rows, Quantile(part, method)) for part in q.ravel()]
    else:
        weights, _ = _last_axis(np.broadcast_to(weights_along(as_array(weights), a, axis), a.shape), axis)
        skips_nan = between is _between_numbers
        found = [_weighted(rows, float(part), method, weights, skips_nan) for part in q.ravel()]
    if q.ndim == 0 and not keepdims:
        return found[0]
    shape = kept if keepdims else found[0].shape
    return owned(np.reshape(np.stack(found), q.shape + shape))


class QuantilePlace(NamedTuple):
    """The two sorted entries between which a quantile lies, and its relative distance from the first.

    Where NumPy takes an entry unchanged, both are that one, and `share` is NaN: no other entry is used.
    """

    below: Any
    above: Any
    share: Any


class Quantile(NamedTuple):
    """A quantile in one of NumPy's methods."""

    q: Any
    method: Any

    def place(self, n):
        """Its place among n entries, from NumPy's quantile of 0, …, n − 1.

        If that is an entry, NumPy may have computed it as this entry plus 0 times another. A test with infinite entries
        reveals which one.
        """
        ranks = np.arange(float(n))
        position = self.of(ranks)
        below = int(position)
        if position > below:
            position = self.q * (n - 1) if self.method == "linear" else position
            return QuantilePlace(below, below + 1, float(position) - below)
        if np.isnan(self.of(np.where(ranks > below, np.inf, ranks))):
            return QuantilePlace(below, below + 1, 0.0)
        if np.isnan(self.of(np.where(ranks < below, -np.inf, ranks))):
            return QuantilePlace(below - 1, below, 1.0)
        interpolates = np.isnan(self.of(np.where(ranks >= below, np.inf, ranks)))
        return QuantilePlace(below, below, 0.0 if interpolates else np.nan)

    def of(self, ranks):
        with np.errstate(invalid="ignore"):
            return np.quantile(ranks, self.q, method=self.method)

    def mixed(self, low, high, share):
        """A point between two entries, computed from the nearer one, as NumPy does."""
        if np.ndim(share) == 0:
            return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
        return np.where(share < 0.5, low + (high - low) * share, high - (high - low) * (1 - share))


class Median:
    """The middle entry, or the middle of two."""

    def place(self, n):
        return QuantilePlace((n - 1) // 2, n // 2, 0.5 if n % 2 == 0 else np.nan)

    def mixed(self, low, high, share):
        return (low + high) / 2


def _at_recorded(rows, q):
    n = rows.shape[-1]
    position = q * (n - 1)
    below = min(int(position), max(n - 2, 0))
    low, high = order_statistic(rows, rank=below), order_statistic(rows, rank=min(below + 1, n - 1))
    return _nan_where_missing(Quantile(q, "linear").mixed(low, high, position - below), rows)


def _between(rows, what):
    below, above, share = what.place(rows.shape[-1])
    z = order_statistic(rows, rank=below)
    if not np.isnan(share):
        z = what.mixed(z, order_statistic(rows, rank=above), share)
    return _nan_where_missing(z, rows)


def _nan_where_missing(z, rows):
    return _nan_where(any_(isnan(rows), axis=-1), z, rows)


def _nan_where(missing, z, rows):
    """z, and NaN for rows that are said to miss entries. The gradient of these is NaN too, as that of a maximum is."""
    if not bool(any_(missing) if missing.ndim else missing):
        return z
    return np.where(missing, np.nan * np.sum(rows, axis=-1), z)[()]


def _between_numbers(rows, what):
    """Like `_between`, for the entries of each row that are not NaN; NaN are sorted last."""

    def ranked(which):
        place = step(lambda rows: _place_of_rank(rows, what, which), rows)
        chosen = np.take_along_axis(rows, place[..., None], -1)
        if not bool(np.any(np.count_nonzero(rows == chosen, axis=-1) > 1)):
            return chosen[..., 0]
        ties = step(lambda rows, chosen: rows == chosen, rows, chosen)  # equal entries share the gradient evenly
        return np.sum(np.where(ties, rows, 0.0), axis=-1) / np.maximum(np.sum(ties, axis=-1), 1)

    taken = step(lambda rows: np.isnan(_places(rows, what).share), rows)
    share = step(lambda rows: np.nan_to_num(_places(rows, what).share), rows)
    low = ranked(0)
    return owned(np.where(taken, low, what.mixed(low, ranked(1), share)))


def _places(rows, what):
    """For each row, the place of the quantile among its numbers."""
    counts = np.count_nonzero(~np.isnan(rows), axis=-1)
    found = np.zeros((3, *counts.shape))
    for n in np.unique(counts[counts > 0]):
        found[:, counts == n] = np.reshape(what.place(int(n)), (3, 1))
    return QuantilePlace(found[0].astype(int), found[1].astype(int), found[2].astype(rows.dtype))


def _place_of_rank(rows, what, which):
    """The index in each row of the entry below or above a place."""
    rank = _places(rows, what)[which]
    return np.take_along_axis(np.argsort(rows, axis=-1, kind="stable"), rank[..., None], -1)[..., 0]


def _weighted(rows, q, method, weights, skips_nan):
    """The entry that NumPy finds; small changes of the weights keep the same entry, so they have no gradient."""
    quantile = np.nanquantile if skips_nan else np.quantile
    z = step(lambda rows, weights: quantile(rows, q, axis=-1, method=method, weights=weights), rows, weights)
    which = step(lambda rows, z: np.argmax(rows == np.expand_dims(z, -1), axis=-1), rows, z)
    found = owned(np.take_along_axis(rows, which[..., None], -1)[..., 0])
    found = _nan_where(np.isnan(z), found, rows)
    return found if found.ndim else np.copy(found)  # NumPy gives an array here, not a number


@answers(np.percentile)
def numpy_percentile(a, q, *args, **kwargs):
    """np.percentile: a quantile in hundredths."""
    return numpy_quantile(a, _hundredths(q), *args, **kwargs)


@answers(np.nanpercentile)
def numpy_nanpercentile(a, q, *args, **kwargs):
    return numpy_nanquantile(a, _hundredths(q), *args, **kwargs)


def _hundredths(q):
    return q / 100 if isinstance(q, int | float | Array) else np.asarray(q) / 100


@answers(np.median)
def numpy_median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """np.median: the middle entry, or the mean of the middle two; ties share the gradient evenly, as in PyTorch."""
    return _quantiles(a, 0.5, axis, out, "linear", keepdims, None, _middle_of(_between))


@answers(np.nanmedian)
def numpy_nanmedian(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    return _quantiles(a, 0.5, axis, out, "linear", keepdims, None, _middle_of(_among_numbers(a)))


def _middle_of(between):
    return lambda rows, half: between(rows, Median())


@answers(np.sort_complex)
def numpy_sort_complex(a):
    """np.sort_complex: sorted by the real part, then by the imaginary part."""
    a = np.sort(a)
    return a if is_complex(form_of(a)) else np.astype(a, np.result_type(a.dtype, np.complex128))


@answers(np.ptp)
def numpy_ptp(a, axis=None, out=None, keepdims=False):
    """Peak to peak: the largest entry minus the smallest."""
    if out is not None:
        raise BlockError("numpy.ptp(out=…) with a recorded array: use the returned array" + at_line())
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)
