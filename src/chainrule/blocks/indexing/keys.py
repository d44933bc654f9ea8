"""The answers for `x[key]` and for NumPy's indexing functions: NumPy's indices become plain keys.

An index may hold slices, integers, `...`, `None`, and arrays of integers or booleans.
"""

import math
import operator
from functools import partial
from typing import Any

import numpy as np

from chainrule.answers import getitem_key, setitem_key
from chainrule.array import Array, form_of, is_recorded, value_of
from chainrule.block import answers
from chainrule.block.base import kept
from chainrule.blocks import integers
from chainrule.blocks.indexing.entries import (
    Slot,
    added,
    gathered,
    getitem,
    has_arrays,
    set_at,
    slots,
)
from chainrule.blocks.shaping import as_array
from chainrule.errors import RecordingError
from chainrule.layout import flags_of
from chainrule.libraries import as_numpy, is_complex, is_inexact, is_numpy, namespace_of
from chainrule.node import at_line
from chainrule.step import owned, read_only, record, record_write
from chainrule.views import is_number, view_of


def _as_index(part):
    """Integers as an array; recorded ones stay recorded."""
    return part if is_recorded(part) else np.asarray(part)


def full_key(key, shape):
    """An index with one part for each axis: `...` in full, masks as integer arrays; recorded integers stay recorded."""
    parts = []
    for part in key if isinstance(key, tuple) else (key,):
        if is_recorded(part) and part.dtype.kind in "iu":
            parts.append(part)
            continue
        part = as_numpy(value_of(part))
        if part is None or part is Ellipsis or isinstance(part, slice):
            parts.append(_plain_slice(part) if isinstance(part, slice) else part)
            continue
        if isinstance(part, bool | np.bool_):
            raise RecordingError("an index that is a single boolean is not covered; use np.where" + at_line())
        array = np.asarray(part) if np.size(part) else np.asarray(part, dtype=getattr(part, "dtype", int))
        if array.dtype.kind == "b":
            _fits(array, parts, shape)
            parts.extend(array.nonzero())
        elif array.dtype.kind in "iu":
            parts.append(int(array) if array.ndim == 0 else array)
        else:
            raise IndexError(f"an index must be integers, booleans or slices, not {array.dtype}{at_line()}")
    taken = sum(part is not None and part is not Ellipsis for part in parts)
    if taken > len(shape):
        raise IndexError(f"{taken} indices for an array of shape {shape}{at_line()}")
    fill = (slice(None),) * (len(shape) - taken)
    where = next((i for i, part in enumerate(parts) if part is Ellipsis), len(parts))
    before, after = parts[:where], [part for part in parts[where:] if part is not Ellipsis]
    if not fill and has_arrays(parts) and all(any(map(_is_array, side)) for side in (before, after)):
        return (*before, Ellipsis, *after)  # it consumes no axis, but still separates arrays
    return (*before, *fill, *after)


def _is_array(part):
    """Whether a part of a key is an array; beside arrays an integer counts as one, as in NumPy."""
    return isinstance(part, np.ndarray | int | Array)


def _fits(mask, before, shape):
    start = sum(part is not None for part in before)
    if (
        Ellipsis not in [p if p is Ellipsis else None for p in before]
        and shape[start : start + mask.ndim] != mask.shape
    ):
        raise IndexError(
            f"a mask of shape {mask.shape} for the axes of shape {shape[start : start + mask.ndim]}{at_line()}"
        )


def _plain_slice(part):
    return slice(*(None if p is None else int(value_of(p)) for p in (part.start, part.stop, part.step)))


def _is_simple(parts):
    """Whether the parts of an index are Python integers and slices of these."""
    for part in parts:
        kind = type(part)
        if kind is slice:
            if not _BOUNDS.issuperset((type(part.start), type(part.stop), type(part.step))):
                return False
        elif kind is not int:
            return False
    return True


_BOUNDS = frozenset([int, type(None)])
_AT_THE_OPERAND = (Slot(0),)


@answers(getitem_key)
def read(x, key):
    """x[key]."""
    given = key if type(key) is tuple else (key,)
    if _is_simple(given) and len(given) <= (ndim := x.ndim):  # by far the most frequent case
        full = *given, *(slice(None),) * (ndim - len(given))
        return record(getitem, (x,), {"key": full}, operator.itemgetter(key))
    if type(key) is Array and x.ndim == 1 and key.dtype.kind in "iu":
        return record(getitem, (x, key), {"key": _AT_THE_OPERAND})
    key = full_key(key, x.shape)
    if not has_arrays(key):
        return getitem(x, key=key)
    separated = any(part is Ellipsis for part in key)
    key = tuple(part for part in key if part is not Ellipsis)
    # First the slices and None, then the arrays.
    isarray = [_is_array(part) for part in key]
    basic = tuple(slice(None) if a else part for part, a in zip(key, isarray, strict=True))
    if any(part != slice(None) for part in basic):
        x = getitem(x, key=basic)
    parts = [_as_index(part) if a else slice(None) for part, a in zip(key, isarray, strict=True)]
    axes = [i for i, a in enumerate(isarray) if a]
    if separated or axes != list(range(axes[0], axes[-1] + 1)):  # NumPy puts separated arrays first
        rest = [i for i in range(len(parts)) if i not in axes]
        x = np.transpose(x, (*axes, *rest))
        parts = [*(parts[i] for i in axes), *(slice(None) for _ in rest)]
    return gathered(x, parts)


def _positions(key, shape):
    """The positions in the flattened array of this shape of the entries at the key; recorded if a part of it is."""
    positions = np.arange(math.prod(shape)).reshape(shape)
    return read(positions, key) if any(map(is_recorded, key)) else positions[key]


@answers(setitem_key)
def write(x, new, key):
    """x after x[key] = new: the new value of the array of `Array.__setitem__`."""
    if (type(new) is complex or is_complex(form_of(new))) and not is_complex(form_of(x)):
        raise RecordingError("a complex number cannot be written into a real array; take np.real of it" + at_line())
    if type(new) in (bool, int, float, complex):
        xp = namespace_of((form_of(x),))
        new = np.array(new, x.dtype) if is_numpy(xp) else xp.asarray(new, dtype=x.dtype)  # raises if it does not fit
    if not is_inexact(form_of(x)) and is_inexact(form_of(new)):
        new = np.astype(as_array(new), x.dtype)  # rounded towards zero, so the gradient ends here
    if is_recorded(key) and key.dtype == bool and np.ndim(new) == 0 and key.shape == x.shape[: key.ndim]:
        mask = np.reshape(key, key.shape + (1,) * (x.ndim - key.ndim))
        return np.where(mask, np.astype(as_array(new), x.dtype), x)
    key = full_key(key, x.shape)
    if _is_plain_with_arrays(key, x):
        key = kept(key)  # the user may write into these arrays later
        parts, indices = slots(key)
        return record_write(set_at, (x, as_array(new), *indices), {"key": parts}, tuple(map(form_of, key)))
    if has_arrays(key) or None in [part if part is None else 0 for part in key]:
        positions = _positions(key, x.shape)
        new = np.broadcast_to(as_array(new), positions.shape)
        key, indices = slots((positions,))
        now = (form_of(positions),)
        flat = record_write(set_at, (np.reshape(x, (-1,)), new, *indices), {"key": key}, now)
        return np.reshape(flat, x.shape)
    return record_write(set_at, (x, as_array(new)), {"key": key}, key)


def _is_plain_with_arrays(key, x):
    """Whether a key is a plain one: with arrays, all side by side, and no new axes."""
    if not has_arrays(key) or not is_numpy(namespace_of((form_of(x),))):
        return False
    if any(part is None or part is Ellipsis for part in key) or (x.ndim > 1 and any(map(is_recorded, key))):
        return False
    arrays = [i for i, part in enumerate(key) if _is_array(part)]
    return arrays == list(range(arrays[0], arrays[-1] + 1))


@answers((np.add, "at"))
def numpy_add_at(a, indices, b):
    """np.add.at: x[key] += v, where an entry that is indexed several times gets the sum."""
    if not isinstance(a, Array):
        raise RecordingError("np.add.at of a recorded array into a plain one would lose its gradient" + at_line())
    if is_number(a):
        raise RecordingError("np.add.at of a number, which cannot be written into; write x = x + v" + at_line())
    positions = _positions(full_key(indices, a.shape), a.shape)
    b = as_array(b)
    b = np.broadcast_to(np.astype(b, np.result_type(a, b)), positions.shape)
    sums = np.reshape(added(b, (positions,), (a.size,)), a.shape)
    total: Any = np.astype(np.add(a, sums), a.dtype)
    a._write(total)


_INDEX_DTYPES = frozenset(map(np.dtype, np.typecodes["AllInteger"]))


@answers(np.take)
def numpy_take(a, indices, axis=None, out=None, mode="raise"):
    if out is not None:
        raise RecordingError("np.take with out= and a recorded array: use the returned array" + at_line())
    a = as_array(a)
    if axis is None or a.ndim == 0:
        a, axis = np.ravel(a), 0
    if mode != "raise" or getattr(indices, "dtype", None) not in _INDEX_DTYPES:  # True and 1.5 are 1 here, not a mask
        places = np.arange(a.shape[axis])
        indices = integers.step(lambda indices: np.take(places, indices, mode=mode), indices)
    indices = _as_index(indices)
    return owned(a[(slice(None),) * (axis % a.ndim) + (indices,)])


@answers(np.take_along_axis)
def numpy_take_along_axis(arr, indices, axis=-1):
    indices = _as_index(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    key = [indices]
    if arr.ndim != 1:
        key = list(np.ix_(*(np.arange(n) for n in arr.shape)))
        key[axis % arr.ndim] = indices
    if is_recorded(indices) and not is_recorded(arr):  # a plain array would read the indices
        return gathered(arr, key)
    return arr[tuple(key)]


@answers(np.diagonal)
def numpy_diagonal(a, offset=0, axis1=0, axis2=1):
    source, a = a, np.moveaxis(a, (axis1, axis2), (-2, -1))
    n = len(np.diagonal(np.empty(a.shape[-2:], dtype=bool), offset))
    i = np.arange(n)
    z = a[..., i + max(-offset, 0), i + max(offset, 0)]
    z._view = view_of(source, partial(np.diagonal, offset=offset, axis1=axis1, axis2=axis2))  # NumPy's is a view
    return read_only(z)


@answers(np.trace)
def numpy_trace(a, offset=0, axis1=0, axis2=1, dtype=None, out=None):
    return np.sum(np.diagonal(a, offset, axis1, axis2), axis=-1, dtype=dtype, out=out)


@answers(np.sort)
def numpy_sort(a, axis=-1, kind=None, order=None, *, stable=None):
    if axis is None:
        a, axis = np.ravel(a), -1
    if not a.ndim:
        raise np.exceptions.AxisError("a number has no axis to sort along" + at_line())
    if a.ndim > 1 and flags_of(form_of(a)).fnc:  # the result keeps Fortran's order, which decides what is a view of it
        return owned(np.transpose(numpy_sort(np.transpose(a), a.ndim - 1 - axis % a.ndim, kind, stable=stable)))
    z = owned(numpy_take_along_axis(a, numpy_argsort(a, axis=axis, kind=kind or "stable"), axis))
    z._unsure = not flags_of(form_of(a)).c_contiguous
    return z


@answers(np.argsort)
def numpy_argsort(a, *args, **kwargs):
    """Integers, so without a gradient."""
    if is_recorded(a) and not args and set(kwargs) <= {"axis", "kind"} and kwargs.get("axis", -1) is not None:
        return record(integers.argsort, (a,), {"axis": kwargs.get("axis", -1)})
    return integers.step(lambda x: np.argsort(x, *args, **kwargs), a)
