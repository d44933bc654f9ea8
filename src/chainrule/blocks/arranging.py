"""Arranging: rotate, window, choose and delete; each is composed of shaping and indexing blocks."""

import operator
from functools import partial

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.array import form_of
from chainrule.block import answers, axis_from_right
from chainrule.blocks.indexing.keys import write
from chainrule.blocks.integers import step
from chainrule.blocks.plain import plain_of
from chainrule.blocks.reductions import axes_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.libraries import numpy_form
from chainrule.node import at_line
from chainrule.step import owned, read_only
from chainrule.views import view_of


def _entries_at(x, positions):
    """The entries of x at positions in the flattened array."""
    return np.ravel(x)[positions]


def _positions(x):
    return np.arange(x.size).reshape(x.shape)


# Resize and rotate -------------------------------------------------------------------------------------------------


@answers(np.rot90)
def numpy_rot90(m, k=1, axes=(0, 1)):
    """np.rot90: k quarter turns in the plane of two axes, from the first towards the second."""
    if len({operator.index(axis) % m.ndim for axis in axes}) != 2:
        raise BlockError(f"rot90 turns in the plane of two axes; axes={axes} of shape {m.shape}" + at_line())
    k %= 4
    if k == 0:
        return m[:]
    if k == 2:
        return np.flip(m, axes)
    if k == 1:
        return np.swapaxes(np.flip(m, axes[1]), *axes)
    return np.flip(np.swapaxes(m, *axes), axes[1])


@answers(np.flipud)
def numpy_flipud(m):
    return np.flip(m, 0)


@answers(np.fliplr)
def numpy_fliplr(m):
    return np.flip(m, 1)


@answers(np.rollaxis)
def numpy_rollaxis(a, axis, start=0):
    axis, start = axis % a.ndim, start + a.ndim if start < 0 else start
    return np.moveaxis(a, axis, start - (axis < start))


@answers(np.resize)
def numpy_resize(a, new_shape):
    if not np.size(a):
        return np.resize(plain_of(a), new_shape)
    return _entries_at(a, np.resize(np.arange(np.size(a)), new_shape))


# Grids and windows -------------------------------------------------------------------------------------------------


@answers(np.meshgrid)
def numpy_meshgrid(*xi, copy=True, sparse=False, indexing="xy"):
    """np.meshgrid: the coordinates of a grid; "xy" swaps the first two axes."""
    n = len(xi)
    order = [1, 0, *range(2, n)] if indexing == "xy" and n > 1 else list(range(n))
    shapes = [tuple(-1 if order[j] == i else 1 for j in range(n)) for i in range(n)]
    grids = tuple(np.reshape(x, shape) for x, shape in zip(xi, shapes, strict=True))
    grids = grids if sparse else tuple(np.broadcast_arrays(*grids))
    return tuple(np.copy(g) for g in grids) if copy else grids


@answers(sliding_window_view)
def numpy_sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    """np.lib.stride_tricks.sliding_window_view."""
    windows = _entries_at(x, sliding_window_view(_positions(x), window_shape, axis))
    windows._view = view_of(x, partial(sliding_window_view, window_shape=window_shape, axis=axis))
    return windows if writeable else read_only(windows)


@answers(np.ix_)
def numpy_ix_(*args):
    """np.ix_: each vector along its own axis; masks become the indices where they are True."""
    vectors = [np.flatnonzero(plain_of(a)) if a.dtype.kind == "b" else a for a in map(as_array, args)]
    if any(a.ndim != 1 for a in vectors):
        raise BlockError(f"ix_ takes vectors, not arrays of shape {[a.shape for a in vectors]}" + at_line())
    n = len(vectors)
    return tuple(np.reshape(a, tuple(-1 if i == j else 1 for j in range(n))) for i, a in enumerate(vectors))


@answers(np.trim_zeros)
def numpy_trim_zeros(filt, trim="fb", axis=None):
    """np.trim_zeros: the entries from the first to the last nonzero one."""
    trim = trim.lower()
    if set(trim) - set("fb"):
        raise BlockError(f"trim={trim!r}; it is 'f', 'b' or 'fb'" + at_line())
    axes = axes_of(axis_from_right(axis, filt.ndim))
    places = np.argwhere(plain_of(filt != 0))
    key = [slice(None)] * filt.ndim
    for i in axes:
        if not len(places):
            key[i] = slice(0)
            continue
        first, last = int(places[:, i].min()), int(places[:, i].max())
        key[i] = slice(first if "f" in trim else None, last + 1 if "b" in trim else None)
    return filt[tuple(key)]


# Along an axis -----------------------------------------------------------------------------------------------------


@answers(np.apply_along_axis)
def numpy_apply_along_axis(func1d, axis, arr, *args, **kwargs):
    """np.apply_along_axis: the function applied to every slice along an axis, with its results along that axis."""
    rows = np.moveaxis(arr, axis, -1)
    lead = rows.shape[:-1]
    if 0 in lead:
        raise BlockError("apply_along_axis of an array without rows" + at_line())
    results = [func1d(rows[at], *args, **kwargs) for at in np.ndindex(lead)]
    results = [as_array(r) for r in results]
    z = np.reshape(np.stack(results), (*lead, *results[0].shape))
    at = axis % arr.ndim
    width = results[0].ndim
    return owned(np.moveaxis(z, tuple(range(len(lead), len(lead) + width)), tuple(range(at, at + width))))


@answers(np.apply_over_axes)
def numpy_apply_over_axes(func, a, axes):
    """np.apply_over_axes: a reduction along one axis after the other; each is kept with length 1."""
    for axis in np.atleast_1d(axes):
        axis = int(axis) % max(np.ndim(a), 1)
        found = func(a, axis)
        a = found if np.ndim(found) == np.ndim(a) else np.expand_dims(found, axis)
    return a


# Choose ------------------------------------------------------------------------------------------------------------


@answers(np.choose)
def numpy_choose(a, choices, out=None, mode="raise"):
    """np.choose: at each position the entry of the choice that the integer there selects."""
    if out is not None:
        raise BlockError("numpy.choose(out=…) with a recorded array: use the returned array" + at_line())
    choices = list(choices)
    shape = np.broadcast_shapes(np.shape(a), *map(np.shape, choices))
    which, *choices = (np.broadcast_to(x, shape) for x in (as_array(a), *choices))
    places = np.arange(len(choices))[(slice(None), *(None,) * which.ndim)]
    order = step(lambda which: np.choose(which, places, mode=mode), which)
    return np.take_along_axis(np.stack(choices), order[None], axis=0)[0]


@answers(np.select)
def numpy_select(condlist, choicelist, default=0):
    """np.select: at each position the choice of the first condition that holds."""
    if len(condlist) != len(choicelist) or len(condlist) == 0:
        raise BlockError(f"select with {len(condlist)} conditions and {len(choicelist)} choices" + at_line())
    z = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        z = np.where(condition, choice, z)
    return z


@answers(np.piecewise)
def numpy_piecewise(x, condlist, funclist, *args, **kw):
    """np.piecewise: each function gets the entries where its condition holds; the last condition that holds counts."""
    conditions = [plain_of(c) for c in condlist] if isinstance(condlist, list | tuple) else plain_of(condlist)
    if np.isscalar(conditions) or (not isinstance(conditions[0], list | np.ndarray) and np.ndim(x)):
        conditions = [conditions]
    masks = list(np.asarray(conditions, dtype=bool))
    if len(funclist) == len(masks) + 1:
        masks.append(~np.any(masks, axis=0))
    if len(funclist) != len(masks):
        raise BlockError(f"piecewise with {len(masks)} conditions and {len(funclist)} functions" + at_line())
    for mask in masks:
        np.empty(np.shape(x), bool)[mask]  # NumPy's error where a condition does not fit
    if np.ndim(x) == 0:
        found = numpy_piecewise(np.reshape(x, (1,)), [np.reshape(mask, (1,)) for mask in masks], funclist, *args, **kw)
        return np.reshape(found, ())
    z = np.zeros_like(numpy_form(form_of(x)))
    for mask, function in zip(masks, funclist, strict=True):
        if mask.any():
            z = write(z, function(x[mask], *args, **kw) if callable(function) else function, mask)
    return z


@answers(np.extract)
def numpy_extract(condition, arr):
    return np.ravel(arr)[np.flatnonzero(np.ravel(plain_of(condition)))]


@answers(np.compress)
def numpy_compress(condition, a, axis=None, out=None):
    if out is not None:
        raise BlockError("numpy.compress(out=…) with a recorded array: use the returned array" + at_line())
    return np.take(a, np.flatnonzero(plain_of(condition)), axis=axis)


@answers(np.delete)
def numpy_delete(arr, obj, axis=None):
    arr = as_array(arr)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    axis = axis_from_right(operator.index(axis), arr.ndim)
    return np.take(arr, np.delete(np.arange(arr.shape[axis]), plain_of(obj)), axis=axis)
