"""Order statistics and averages: partition, median, quantile, ptp, average."""

import numpy as np

from chainrule.array import Array, owned, value_of
from chainrule.block import answers, axis_from_right, library_block
from chainrule.blocks.reductions import axes_of, expand, spread
from chainrule.errors import BlockError
from chainrule.formula import name
from chainrule.node import at_line


def _ordinal_notation(x, rank, axis):
    text = x.text if x.kind == "name" else "x"
    return name(f"{text}₍{''.join('₀₁₂₃₄₅₆₇₈₉'[int(digit)] for digit in str(rank))}₎")


@library_block(notation=_ordinal_notation)
def order_statistic(xp, x, rank=0, axis=-1):
    """The entry that would stand at `rank` if the axis were sorted; NaN if there is one. Ties share evenly."""
    return xp.sort(x, axis=axis)[(..., rank, *(slice(None),) * (-1 - axis))]


@order_statistic.backward
def order_statistic_backward(xp, dz, z, x, rank=0, axis=-1):
    hit = xp.astype(x == expand(xp, z, x, axis), x.dtype)
    return spread(xp, dz, z, x, axis) * (hit / xp.sum(hit, axis=axis, keepdims=True))


@answers(np.partition)
def numpy_partition(a, kth, axis=-1, kind="introselect", order=None):
    if axis is None:
        a, axis = np.ravel(a), -1
    return np.take_along_axis(a, np.argpartition(value_of(a), kth, axis=axis, kind=kind), axis)


def _last_axis(a, axis):
    """The axes moved together to the end, as one; and the shape of a result that keeps them."""
    axes = axes_of(axis_from_right(axis, a.ndim))
    rest = [i for i in range(-a.ndim, 0) if i not in axes]
    kept = tuple(1 if i in axes else a.shape[i] for i in range(-a.ndim, 0))
    rows = np.transpose(a, (*rest, *sorted(axes))) if a.ndim > 1 else a
    return np.reshape(rows, (*(a.shape[i] for i in rest), -1)), kept


@answers(np.quantile)
def numpy_quantile(a, q, axis=None, out=None, overwrite_input=False, method="linear", keepdims=False, *, weights=None):
    """np.quantile with method="linear": between the two nearest entries in order."""
    if out is not None or method != "linear" or weights is not None:
        raise BlockError("quantiles are covered with method='linear', without out= and weights=" + at_line())
    dtype = a.dtype if isinstance(q, int | float) else np.result_type(a.dtype, np.asarray(q).dtype)
    q = np.asarray(q)
    if not np.all((q >= 0) & (q <= 1)):
        raise BlockError("a quantile lies between 0 and 1" + at_line())
    rows, kept = _last_axis(np.astype(a, dtype), axis)
    found = [_quantile(rows, float(position)) for position in q.ravel() * (rows.shape[-1] - 1)]
    shape = kept if keepdims else found[0].shape
    if q.ndim == 0 and not keepdims:
        return found[0]
    return owned(np.reshape(np.stack(found), q.shape + shape))


def _quantile(rows, position):
    """Between the two entries in order around a position, from the nearer of them, as NumPy computes it."""
    n = rows.shape[-1]
    below = min(int(position), max(n - 2, 0))
    share = position - below
    low, high = order_statistic(rows, rank=below), order_statistic(rows, rank=min(below + 1, n - 1))
    z = low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
    missing = np.isnan(value_of(rows)).any(axis=-1)
    return np.where(missing, np.nan, z)[()] if missing.any() else z


@answers(np.percentile)
def numpy_percentile(a, q, *args, **kwargs):
    """np.percentile: a quantile in hundredths."""
    return numpy_quantile(a, q / 100 if isinstance(q, int | float) else np.asarray(q) / 100, *args, **kwargs)


@answers(np.median)
def numpy_median(a, axis=None, out=None, overwrite_input=False, keepdims=False):
    """np.median: the middle entry, or the mean of the middle two; ties share the gradient evenly, as in PyTorch."""
    return numpy_quantile(a, 0.5, axis, out, keepdims=keepdims)


@answers(np.ptp)
def numpy_ptp(a, axis=None, out=None, keepdims=False):
    """Peak to peak: the largest entry minus the smallest."""
    if out is not None:
        raise BlockError("numpy.ptp(out=…) with a recorded array: use the returned array" + at_line())
    return np.max(a, axis=axis, keepdims=keepdims) - np.min(a, axis=axis, keepdims=keepdims)


@answers(np.average)
def numpy_average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """np.average: Σ w x / Σ w."""
    a = a if isinstance(a, Array) else np.asarray(a)
    if weights is None:
        z = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full_like(value_of(z), a.size / max(z.size, 1))
    else:
        weights = weights if isinstance(weights, Array) else np.asarray(weights)
        if weights.shape != a.shape:
            axes = sorted(i % a.ndim for i in axes_of(axis_from_right(axis, a.ndim)))
            if weights.shape != tuple(a.shape[i] for i in axes_of(axis_from_right(axis, a.ndim))) or weights.ndim != 1:
                raise BlockError(
                    f"weights of shape {weights.shape} for the axes {axes} of an array of shape {a.shape}" + at_line()
                )
            weights = np.reshape(weights, (-1, *(1,) * (a.ndim - 1 - axes[0])))
        total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
        z = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (z, total) if returned else z
