"""Indexing: reading some entries, and writing some.

An index may hold slices, integers, `...`, `None`, and arrays of integers or booleans. The blocks take a *plain key*:
one part for each of the last axes, arrays side by side, so that it still fits when there are extra leading axes.
`getitem` and `add_at` are each other's transpose, so each is the other's backward rule.
"""

import math
from functools import partial
from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.answers import getitem_key, setitem_key
from chainrule.array import WATCHER, Array, form_of, owned, read_only, record, value_of
from chainrule.block import answers, library_block, sum_to
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import RecordingError
from chainrule.formula import call, unit
from chainrule.libraries import copied, is_complex, is_inexact, is_numpy, namespace_of
from chainrule.node import at_line
from chainrule.views import is_number, view_of


def at_run_time(x):
    """Whether x is a recorded value that must not be taken as a constant: somebody compiles what is recorded."""
    return type(x) is Array and WATCHER.get() is not None


def _is_at_run_time(key):
    return any(type(part) is Array for part in key)


def _as_index(part):
    """Integers as an array; those that are known only at run time stay recorded."""
    return part if at_run_time(part) else np.asarray(value_of(part))


def _integers():
    """The room for indices that are known only at run time, which knows this one."""
    from chainrule.blocks import integers

    return integers


def index_text(key):
    """An index as it is written: `0`, `1:3`, `[0 2]`."""
    return ", ".join(_part_text(part) for part in key)


def _part_text(part):
    if part is None:
        return "None"
    if isinstance(part, slice):
        start, stop, step = ("" if p is None else str(p) for p in (part.start, part.stop, part.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    part = np.asarray(part)
    return str(part) if part.size <= 4 else f"<{'×'.join(map(str, part.shape))} integers>"


def _has_arrays(key):
    return any(isinstance(part, np.ndarray | Array) for part in key)


def _getitem_notation(x, key):
    """New axes alone are not worth an index."""
    return x.at(index_text(key)) if any(part not in (None, slice(None)) for part in map(_hashable, key)) else x


def _hashable(part):
    return "array" if isinstance(part, np.ndarray) else part


@library_block(view=True, notation=_getitem_notation, complex=True, example=example(normal(3), key=(1,)))
def getitem(xp, x, key=()):
    """z = x[key]."""
    if hasattr(x, "index_add"):  # PyTorch
        x, key = _forwards(xp, x, key)
    z = x[(..., *key)]
    return z[()] if is_numpy(xp) else z  # an entry is a number, not a 0-d view


def _forwards(xp, x, key):
    """PyTorch's slices have no negative step: reverse the axis, and go forwards."""
    axis = -sum(part is not None for part in key)
    parts = []
    for part in key:
        if isinstance(part, slice) and part.step is not None and part.step < 0:
            n = x.shape[axis]
            start, stop, step = part.indices(n)
            x, part = xp.flip(x, axis=axis), slice(n - 1 - start, n - 1 - stop, -step)
        axis += part is not None
        parts.append(part)
    return x, tuple(parts)


@getitem.backward
def getitem_backward(xp, dz, z, x, key=()):
    return add_at(dz, key=key, shape=x.shape)


def _add_at_notation(v, key, shape):
    if len(shape) == 1 and v.ndim == 0 and len(key) == 1:
        return v * unit(str(key[0] % shape[0]), shape[0])
    return call("scatter", v, index=index_text(key))


@library_block(notation=_add_at_notation, complex=True, example=example(normal(), key=(1,), shape=(3,)))
def add_at(xp, v, key=(), shape=()):
    """Zeros of the given shape with v added at the key; an entry that is named several times gets the sum."""
    lead = v.shape[: v.ndim - _selected_ndim(key, shape)]
    z = xp.zeros(lead + shape, dtype=v.dtype)
    if is_numpy(xp) and _has_arrays(key):
        xp.add.at(z, (..., *key), v)
    elif hasattr(z, "at"):  # JAX's arrays cannot be written into
        z = z.at[(..., *key)].add(v)
    elif is_numpy(xp) or _is_basic(key):
        z[(..., *key)] = v
    else:
        z = _added_in_pytorch(xp, z, v, key, shape, lead)
    return z


def _selected_ndim(key, shape):
    """The number of axes of an array of this shape after indexing; the key is for the last of its axes."""
    if not _has_arrays(key):
        return len(shape) + sum(part is None for part in key) - sum(isinstance(part, int | np.integer) for part in key)
    return np.broadcast_to(np.False_, shape)[(..., *key)].ndim


def _is_basic(key):
    """Whether a key names each entry once, in a way that PyTorch knows: no arrays, no slices with a negative step."""
    return not _has_arrays(key) and not any(isinstance(part, slice) and (part.step or 1) < 0 for part in key)


def _added_in_pytorch(xp, z, v, key, shape, lead):
    size = math.prod(shape)
    positions = np.arange(size).reshape(shape)[(..., *key)].flatten()
    v = xp.reshape(v, (*lead, positions.size))
    return xp.reshape(xp.reshape(z, (*lead, size)).index_add(-1, xp.asarray(positions), v), lead + shape)


@add_at.backward
def add_at_backward(xp, dz, z, v, key=(), shape=()):
    return getitem(dz, key=key)


@library_block(
    notation=lambda x, new, key: call("set", x, new, index=index_text(key)),
    complex=True,
    example=example(normal(3), normal(), key=(1,)),
)
def set_at(xp, x, new, key=()):
    """x with the entries at the key replaced by `new`."""
    if hasattr(x, "at"):  # JAX's arrays cannot be written into
        return x.at[(..., *key)].set(new)
    z = xp.array(x) if is_numpy(xp) else x.copy() if hasattr(x, "copy") else copied(x)
    z[(..., *key)] = new
    return z


@set_at.backward("x")
def set_at_dx(xp, dz, z, x, new, key=()):
    return set_at(dz, 0.0, key=key)


@set_at.backward("new")
def set_at_dnew(xp, dz, z, x, new, key=()):
    where = (..., *key)
    shape = np.broadcast_to(np.False_, x.shape)[where].shape
    dnew = getitem(dz, key=key)
    if _has_arrays(key):  # an entry that is named several times keeps only what was written last
        times = np.empty(x.shape, dtype=int)
        written = np.arange(math.prod(shape)).reshape(shape)
        times[where] = written
        dnew = xp.where(times[where] == written, dnew, 0.0)
    return sum_to(xp, dnew, new.shape, shape)


# From NumPy's indices to plain keys ------------------------------------------------------------------------------


def full_key(key, shape):
    """An index with one part for each axis: `...` in full, masks as integer arrays, recorded integers as plain ones."""
    parts = []
    for part in key if isinstance(key, tuple) else (key,):
        if at_run_time(part) and part.dtype.kind in "iu":
            parts.append(part)
            continue
        part = value_of(part)
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
    if not fill and _has_arrays(parts) and all(any(map(_is_array, side)) for side in (before, after)):
        return (*before, Ellipsis, *after)  # it stands for no axis, but separates arrays all the same
    return (*before, *fill, *after)


def _is_array(part):
    """Integers beside an array count as arrays, as in NumPy."""
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


@answers(getitem_key)
def read(x, key):
    """x[key]."""
    if type(key) is int and x.ndim == 1:  # by far the most frequent
        return record(getitem, (x,), {"key": (key,)})
    key = full_key(key, x.shape)
    if not _has_arrays(key):
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
    if _is_at_run_time(parts):
        return _integers().gathered(x, parts)
    return getitem(x, key=tuple(parts))


@answers(setitem_key)
def write(x, new, key):
    """x with x[key] = new done; what `Array.__setitem__` makes its array into."""
    if (type(new) is complex or is_complex(form_of(new))) and not is_complex(form_of(x)):
        raise RecordingError("a complex number cannot be written into a real array; take np.real of it" + at_line())
    if type(new) in (bool, int, float, complex):
        xp = namespace_of((form_of(x),))
        new = np.array(new, x.dtype) if is_numpy(xp) else xp.asarray(new, dtype=x.dtype)  # an error if it does not fit
    if not is_inexact(form_of(x)) and is_inexact(form_of(new)):
        new = np.astype(as_array(new), x.dtype)  # rounded towards zero, so the gradient ends here
    if at_run_time(key) and key.dtype == bool and np.ndim(new) == 0 and key.shape == x.shape[: key.ndim]:
        mask = np.reshape(key, key.shape + (1,) * (x.ndim - key.ndim))
        return np.where(mask, np.astype(as_array(new), x.dtype), x)
    key = full_key(key, x.shape)
    if _is_at_run_time(key):
        return _integers().written(x, new, key)
    if _has_arrays(key) or None in [part if part is None else 0 for part in key]:
        positions = np.arange(x.size).reshape(x.shape)[key]
        new = np.broadcast_to(as_array(new), positions.shape)
        flat = record(set_at, (np.reshape(x, (-1,)), new), {"key": (positions,)})
        return np.reshape(flat, x.shape)
    return record(set_at, (x, as_array(new)), {"key": key})


@answers((np.add, "at"))
def numpy_add_at(a, indices, b):
    """np.add.at: x[key] += v, where an entry that is named several times gets the sum."""
    if not isinstance(a, Array):
        raise RecordingError("np.add.at of a recorded array into a plain one would lose its gradient" + at_line())
    if is_number(a):
        raise RecordingError("np.add.at of a number, which cannot be written into; write x = x + v" + at_line())
    key = full_key(indices, a.shape)
    if _is_at_run_time(key):
        a += _integers().added(a, b, key)
        return
    positions = np.arange(a.size).reshape(a.shape)[key]
    b = as_array(b)
    b = np.broadcast_to(np.astype(b, np.result_type(form_of(a), form_of(b))), positions.shape)
    sums = np.reshape(add_at(b, key=(positions,), shape=(a.size,)), a.shape)
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
        indices = _integers().step(lambda indices: np.take(places, indices, mode=mode), indices)
    indices = _as_index(indices)
    return owned(a[(slice(None),) * (axis % a.ndim) + (indices,)])


@answers(np.take_along_axis)
def numpy_take_along_axis(arr, indices, axis=-1):
    indices = _as_index(indices)
    if axis is None:
        arr, axis = np.ravel(arr), 0
    key = list(np.ix_(*(np.arange(n) for n in arr.shape)))
    key[axis % arr.ndim] = indices
    if at_run_time(indices) and type(arr) is not Array:  # a plain array would look at the indices
        return _integers().gathered(arr, key)
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
    if a.ndim > 1 and form_of(a).flags.fnc:  # the result keeps Fortran's order: it decides what is a view of it
        return owned(np.transpose(numpy_sort(np.transpose(a), a.ndim - 1 - axis % a.ndim, kind, stable=stable)))
    z = owned(np.take_along_axis(a, np.argsort(a, axis=axis, kind=kind or "stable"), axis))
    z._unsure = not form_of(a).flags.c_contiguous
    return z


@answers(np.argsort)
def numpy_argsort(a, *args, **kwargs):
    """Integers have no gradient, so the plain result is enough."""
    if at_run_time(a) and not args and set(kwargs) <= {"axis", "kind"} and kwargs.get("axis", -1) is not None:
        return record(_integers().argsort, (a,), {"axis": kwargs.get("axis", -1)})
    recorded = _integers().of_values(lambda x: np.argsort(x, *args, **kwargs), a)
    return np.argsort(value_of(a), *args, **kwargs) if recorded is None else recorded


def one_hot(xp, label, classes, like):
    """Rows of zeros, which are absent, with a one at each label: shape label.shape + (classes,)."""
    if at_run_time(label):
        return _integers().one_hot_rows(label, classes=classes, dtype=like.dtype, absent=True)
    dtype = like.dtype if isinstance(like.dtype, np.dtype) else np.float64
    if type(label) is int:
        rows = np.zeros(classes, dtype)
        rows[label] = 1
    else:
        rows = np.zeros((*np.shape(label), classes), dtype)
        np.put_along_axis(rows, np.asarray(label)[..., None], 1, axis=-1)
    rows = with_absent_zeros(rows)
    return rows if dtype is like.dtype else xp.asarray(rows, dtype=like.dtype)
