"""Statistics: averages, covariances, and counts in bins."""

import math
import operator

import numpy as np

from chainrule.array import Array, form_of, is_recorded, value_of
from chainrule.block import answers, axis_from_right
from chainrule.blocks.indexing.entries import added
from chainrule.blocks.integers import step
from chainrule.blocks.reductions import axes_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.libraries import is_complex, numpy_form
from chainrule.node import at_line

# Averages and covariances --------------------------------------------------------------------------------------------


@answers(np.average)
def numpy_average(a, axis=None, weights=None, returned=False, *, keepdims=False):
    """np.average: Σ w x / Σ w."""
    a = as_array(a)
    if weights is None:
        z = np.mean(a, axis=axis, keepdims=keepdims)
        total = np.full_like(numpy_form(form_of(z)), a.size / max(z.size, 1))
        return (z, total) if returned else z
    weights = weights_along(as_array(weights), a, axis)
    weights = np.astype(weights, np.result_type(a, weights), copy=False)
    total = np.sum(np.broadcast_to(weights, a.shape), axis=axis, keepdims=keepdims)
    if bool(np.any(total == 0)):
        raise ZeroDivisionError("the weights of np.average sum to zero" + at_line())
    z = np.sum(a * weights, axis=axis, keepdims=keepdims) / total
    return (z, np.broadcast_to(total, z.shape)) if returned else z


def weights_along(weights, a, axis):
    """Weights given in the order of the named axes, reshaped to the axes of the array."""
    if weights.shape == a.shape:
        return weights
    axes = [i % a.ndim for i in axes_of(axis_from_right(axis, a.ndim))]
    if axis is None or weights.shape != tuple(a.shape[i] for i in axes):
        raise BlockError(
            f"weights of shape {weights.shape} for the axis {axis} of an array of shape {a.shape}" + at_line()
        )
    weights = np.transpose(weights, [int(i) for i in np.argsort(axes)])
    return np.reshape(weights, tuple(n if i in axes else 1 for i, n in enumerate(a.shape)))


@answers(np.cov)
def numpy_cov(m, y=None, rowvar=True, bias=False, ddof=None, fweights=None, aweights=None, *, dtype=None):
    """np.cov: Σ w (x − mean)(x − mean)ᴴ / (Σ w − ddof Σ w a / Σ w), with w = f a."""
    x = _rows(m, rowvar, dtype)
    if y is not None:
        x = np.concatenate([x, _rows(y, rowvar, dtype)], axis=0)
    ddof = operator.index(int(not bias) if ddof is None else ddof)
    weights = None
    for given in (fweights, aweights):
        if given is not None:
            given = np.astype(as_array(given), np.float64, copy=False)  # as in NumPy: sums of bytes would wrap
            weights = given if weights is None else weights * given
    mean, total = np.average(x, axis=1, weights=weights, returned=True)
    norm = total[0] - ddof
    if aweights is not None:
        norm = total[0] - (ddof * np.sum(weights * aweights) / total[0] if ddof else 0.0)
    x = x - mean[:, None]
    c = x @ np.conj((x if weights is None else x * weights).T) / norm
    return np.squeeze(c)


def _rows(m, rowvar, dtype):
    """The variables as rows."""
    m = as_array(m)
    if m.ndim > 2:
        raise BlockError(f"the covariance of an array with {m.ndim} axes" + at_line())
    m = np.astype(np.atleast_2d(m), np.result_type(m.dtype, np.float64) if dtype is None else dtype)
    return m if rowvar or m.shape[0] == 1 else m.T


@answers(np.corrcoef)
def numpy_corrcoef(x, y=None, rowvar=True, *, dtype=None):
    """np.corrcoef: the covariance of variables with variance 1, clipped to −1 and 1."""
    c = np.cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    deviation = np.sqrt(np.real(np.diagonal(c)))
    c = c / deviation[:, None] / deviation
    if is_complex(form_of(c)):
        return _correlation(np.real(c)) + 1j * _correlation(np.imag(c))
    return _correlation(c)


def _correlation(c):
    """c between −1 and 1. A variable of variance 0 has NaN, and so is its gradient: no clip hides it."""
    missing = np.isnan(c)
    clipped = np.clip(c, -1, 1)
    return np.where(missing, c, clipped) if bool(np.any(missing)) else clipped


# Counts in bins ------------------------------------------------------------------------------------------------------


def _of_real(weights):
    weights = as_array(weights)
    if is_complex(form_of(weights)):
        raise BlockError("complex weights; count those of np.real(w) and of np.imag(w)" + at_line())
    return weights


@answers(np.bincount)
def numpy_bincount(x, /, weights=None, minlength=0):
    """np.bincount: integers, or sums of weights, which have a gradient."""
    x = as_array(x)
    count = int(step(lambda x: np.asarray(len(np.bincount(x, minlength=minlength))), x))
    if weights is None:
        return step(lambda x: np.bincount(x, minlength=count), x)
    weights = np.astype(_of_real(weights), np.float64)
    if weights.shape != x.shape or x.ndim != 1:
        raise BlockError(f"bincount of shape {x.shape} with weights of shape {weights.shape}" + at_line())
    return added(weights, (x,), (count,))


@answers(np.histogram_bin_edges)
def numpy_histogram_bin_edges(a, bins=10, range=None, weights=None):
    """np.histogram_bin_edges: they move with the smallest and the largest entry if no range is given."""
    if np.ndim(bins) == 1:
        return as_array(bins)
    if range is None and isinstance(bins, int) and is_recorded(a) and a.size and bool(np.min(a) != np.max(a)):
        return np.linspace(np.min(a), np.max(a), bins + 1)
    if range is not None and isinstance(bins, int):
        return np.histogram_bin_edges(np.empty(0, form_of(as_array(a)).dtype), bins, value_of(range))
    plain = np.asarray(value_of(a))
    edges = np.histogram_bin_edges(plain, bins, value_of(range), value_of(weights))
    if range is not None or not isinstance(a, Array) or not plain.size:
        return edges
    apart = 0.0 if plain.min() < plain.max() else 0.5  # equal entries lie in the middle of an interval of length 1
    return np.linspace(np.min(a) - apart, np.max(a) + apart, len(edges))


def _bins_of(places, edges):
    """The bin index of each value; the number of bins if outside. The last bin includes its end."""
    return step(_numbers_of_bins, places, edges)


def _numbers_of_bins(places, edges):
    n = len(edges) - 1
    which = np.searchsorted(edges, places, side="right") - 1
    which = np.where(places == edges[-1], n - 1, which)
    return np.where((which < 0) | (which >= n), n, which)


def _counted(which, shape, weights):
    """The count of each bin, or its sum of weights."""
    bins = math.prod(shape)
    places = step(lambda *which: _places_of_bins(which, shape), *which)
    if weights is None:
        counts = step(lambda places: np.bincount(places, minlength=bins + 1), places)
    else:
        counts = added(np.ravel(as_array(weights)), (places,), (bins + 1,))
    return np.reshape(counts[:bins], shape)


def _places_of_bins(which, shape):
    """The index of each bin among all bins flattened; the number of bins for values in none."""
    inside = np.all([i < n for i, n in zip(which, shape, strict=True)], axis=0)
    inner = [np.minimum(i, n - 1) for i, n in zip(which, shape, strict=True)]
    return np.where(inside, np.ravel_multi_index(inner, shape), math.prod(shape))


@answers(np.histogram)
def numpy_histogram(a, bins=10, range=None, density=None, weights=None):
    """np.histogram: counts are integers; sums of weights have a gradient, and so have densities by the edges."""
    edges = numpy_histogram_bin_edges(a, bins, range, weights)
    counts = _counted([_bins_of(np.ravel(as_array(a)), edges)], (len(edges) - 1,), weights)
    if density:
        counts = counts / np.diff(edges) / np.sum(counts)
    return counts, edges


@answers(np.histogramdd)
def numpy_histogramdd(sample, bins=10, range=None, density=None, weights=None):
    """np.histogramdd: counts, or sums of weights, in boxes."""
    if isinstance(sample, list | tuple):
        sample = np.stack([as_array(column) for column in sample], axis=-1)
    sample = as_array(sample)
    sample = sample if sample.ndim > 1 else np.reshape(sample, (-1, 1))
    n = sample.shape[1]
    bins = list(bins) if hasattr(bins, "__len__") else [bins] * n
    ranges = [None] * n if range is None else list(range)
    if len(bins) != n or len(ranges) != n:
        raise BlockError(f"a histogram of {n} variables with {len(bins)} bins and {len(ranges)} ranges" + at_line())
    edges = [numpy_histogram_bin_edges(sample[:, i], b, r) for i, (b, r) in enumerate(zip(bins, ranges, strict=True))]
    which = [_bins_of(sample[:, i], e) for i, e in enumerate(edges)]
    if weights is not None:  # NumPy sums in float64
        weights = np.astype(_of_real(as_array(weights)), np.float64)
    counts = np.astype(_counted(which, tuple(len(e) - 1 for e in edges), weights), np.float64)
    if density:
        counts = counts / np.sum(counts)
        for i, e in enumerate(edges):
            counts = counts / np.reshape(np.diff(e), tuple(-1 if j == i else 1 for j in np.arange(n)))
    return counts, edges


@answers(np.histogram2d)
def numpy_histogram2d(x, y, bins=10, range=None, density=None, weights=None):
    if hasattr(bins, "__len__") and len(bins) not in (1, 2):
        bins = [bins, bins]
    counts, edges = numpy_histogramdd((x, y), bins, range, density, weights)
    return counts, edges[0], edges[1]
