"""The blocks of indexing: reading and writing selected entries.

They take a *plain key*: one part for each of the last axes, arrays side by side, so that it still works with extra
leading axes. `getitem` and `add_at` are each other's transpose, so each is the other's backward rule.
"""

import math

import numpy as np

from chainrule.array import WATCHER, Array
from chainrule.block import library_block, sum_to, unlisted_block
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import added_at, moved
from chainrule.domains import example, normal
from chainrule.formula import call, unit
from chainrule.libraries import NUMPY, copied, is_numpy


def at_run_time(x):
    """Whether x is a recorded value while compiling, which must not become a constant."""
    return type(x) is Array and WATCHER.get() is not None


def index_text(key):
    """An index as text: `0`, `1:3`, `[0 2]`."""
    return ", ".join(_part_text(part) for part in key)


def _part_text(part):
    if part is None:
        return "None"
    if isinstance(part, slice):
        start, stop, step = ("" if p is None else str(p) for p in (part.start, part.stop, part.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    part = np.asarray(part)
    return str(part) if part.size <= 4 else f"<{'×'.join(map(str, part.shape))} integers>"


def has_arrays(key):
    return any(isinstance(part, np.ndarray | Array) for part in key)


def _getitem_notation(x, key):
    """A key of new axes only is not written."""
    return x.at(index_text(key)) if any(part not in (None, slice(None)) for part in map(_hashable, key)) else x


def _hashable(part):
    return "array" if isinstance(part, np.ndarray) else part


@library_block(
    bounds=of_operand,
    view=True,
    notation=_getitem_notation,
    complex=True,
    example=example(normal(3), key=(1,)),
    dependence=moved,
)
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


@library_block(
    notation=_add_at_notation, complex=True, example=example(normal(), key=(1,), shape=(3,)), dependence=added_at
)
def add_at(xp, v, key=(), shape=()):
    """Zeros of the given shape with v added at the key; an entry that is indexed several times gets the sum."""
    lead = v.shape[: v.ndim - _selected_ndim(key, shape)]
    z = xp.zeros(lead + shape, dtype=v.dtype)
    if is_numpy(xp) and has_arrays(key):
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
    if not has_arrays(key):
        return len(shape) + sum(part is None for part in key) - sum(isinstance(part, int | np.integer) for part in key)
    return np.broadcast_to(np.False_, shape)[(..., *key)].ndim


def _is_basic(key):
    """Whether a key indexes each entry once, in a form that PyTorch supports: no arrays, no negative steps."""
    return not has_arrays(key) and not any(isinstance(part, slice) and (part.step or 1) < 0 for part in key)


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
    dependence=moved,
)
def set_at(xp, x, new, key=()):
    """x with the entries at the key replaced by `new`; if an entry is indexed several times the last one counts."""
    if not is_numpy(xp) and type(new) not in NUMPY and new.dtype != x.dtype:
        new = xp.astype(new, x.dtype)  # PyTorch cannot write real numbers into complex ones
    if not is_numpy(xp) and has_arrays(key) and not (last := _last_of_each(key, x.shape)).all():
        # Other libraries leave the winner undefined, and PyTorch gives all of them its gradient.
        where = np.arange(math.prod(x.shape)).reshape(x.shape)[(..., *key)]
        entries = new
        if getattr(new, "shape", ()):
            entries = xp.broadcast_to(xp.reshape(new, new.shape[max(new.ndim - where.ndim, 0) :]), where.shape)[last]
        return xp.reshape(set_at(xp.reshape(x, (-1,)), entries, key=(where[last],)), x.shape)
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
    dnew = getitem(dz, key=key)
    shape = np.broadcast_to(np.False_, x.shape)[(..., *key)].shape
    if has_arrays(key):
        dnew = xp.where(_last_of_each(key, x.shape), dnew, 0.0)
    return sum_to(xp, dnew, new.shape, shape)


@unlisted_block(notation=lambda x, v, key, shape: x + _add_at_notation(v, key, shape), dependence=added_at)
def add_to_entries(xp, x, v, key=(), shape=()):
    """x + add_at(v): x with v added at the key, which is for the last axes, of the given shape."""
    return x + add_at.forward(xp, v, key=key, shape=shape)


@add_to_entries.backward
def add_to_entries_backward(xp, dz, z, x, v, key=(), shape=()):
    return dz, getitem(dz, key=key)


def _set(array, index, new):
    array[index] = new


def add_in_place(array, index, v):
    """Add to some entries of an array; one that is indexed several times gets the sum."""
    if has_arrays(index):
        np.add.at(array, index, v)
    else:
        array[index] += v


set_at.write = _set
add_to_entries.write = add_in_place
for _block in (getitem, add_at, set_at, add_to_entries):
    _block.by_form = True


def _last_of_each(key, shape):
    """For each written entry, whether no later entry of the same write replaces it."""
    where = (..., *key)
    times = np.empty(shape, dtype=int)
    written = np.arange(times[where].size).reshape(times[where].shape)
    times[where] = written
    return times[where] == written
