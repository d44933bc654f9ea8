"""Rank filters: they select, by its value, one entry of the window around each entry."""

import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import fixed
from chainrule.scipy.ndimage.edges import axes_of, for_all_axes, for_each_axis, padded_by_modes
from chainrule.standins.scipy_functions import twin

__all__ = ["chosen_of_windows", "footprint_of", "greatest", "least", "rank_filter"]


def chosen_of_windows(x, choose, footprint, mode, cval, origin, offsets=None):
    """In each window of x, the entry at a place that is chosen by values: choose(entries) along the last axis.

    `offsets` are added to the entries of a window, those under the footprint.
    """
    x = as_array(x)
    n, modes = x.ndim, for_each_axis(mode, x.ndim)
    before = [k // 2 + o for k, o in zip(footprint.shape, for_each_axis(origin, n), strict=True)]
    after = [k - 1 - b for k, b in zip(footprint.shape, before, strict=True)]
    places = padded_by_modes(np.arange(x.size).reshape(x.shape), before, after, modes, x.size)
    windows = sliding_window_view(places, footprint.shape)[..., footprint]
    entries = np.append(np.ravel(x), cval)
    under = None if offsets is None else offsets[footprint]
    found = step(lambda x, *s: choose(x[windows] + (s[0] if s else 0)), entries, *(() if under is None else (under,)))
    at = step(lambda k: np.take_along_axis(windows, k[..., None], -1)[..., 0], found)
    z = gathered(entries, (at,))
    return z if under is None else z + gathered(under, (found,))


def footprint_of(size, footprint, ndim, axes=None):
    """The footprint as a boolean array over all axes."""
    axes = axes_of(axes, ndim)
    if footprint is None:
        footprint = np.ones(for_each_axis(size, len(axes)), bool)
    footprint = np.asarray(footprint, bool)
    shape = [1] * ndim
    for axis, k in zip(sorted(axes), footprint.shape, strict=True):
        shape[axis] = k
    return footprint.reshape(shape)


def _at_rank(rank):
    """A function that selects the entry of this rank among k entries; the rank is a number, or a function of k."""

    def choose(entries):
        k = entries.shape[-1]
        r = rank(k) if callable(rank) else rank
        return np.argpartition(entries, r, axis=-1)[..., r]

    return choose


def least(entries):
    return np.argmin(entries, axis=-1)


def greatest(entries):
    return np.argmax(entries, axis=-1)


def _ranked(input, choose, size, footprint, mode, cval, origin, axes):
    origin, mode = for_all_axes(origin, axes, input.ndim, 0), for_all_axes(mode, axes, input.ndim, "reflect")
    return chosen_of_windows(input, choose, footprint_of(size, footprint, input.ndim, axes), mode, cval, origin)


@twin(scipy.ndimage.minimum_filter)
def minimum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, least, size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.maximum_filter)
def maximum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, greatest, size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.minimum_filter1d)
def minimum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _ranked(input, least, size, None, mode, cval, origin, axis)


@twin(scipy.ndimage.maximum_filter1d)
def maximum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _ranked(input, greatest, size, None, mode, cval, origin, axis)


@twin(scipy.ndimage.median_filter)
def median_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, _at_rank(lambda k: k // 2), size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.rank_filter)
def rank_filter(input, rank, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    rank = fixed(rank, "rank")
    return _ranked(input, _at_rank(lambda k: rank % k), size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.percentile_filter)
def percentile_filter(
    input, percentile, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    percentile = fixed(percentile, "percentile")
    percentile += 100.0 * (percentile < 0)

    def rank(k):
        return k - 1 if percentile == 100.0 else int(k * percentile / 100.0)

    return _ranked(input, _at_rank(rank), size, footprint, mode, cval, origin, axes)
