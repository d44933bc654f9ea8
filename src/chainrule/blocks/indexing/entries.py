"""The blocks of indexing: reading and writing selected entries.

They take a *plain key*: one part for each of the last axes, with all index arrays side by side, so that the key still
works with extra leading axes. A recorded part (a label, the position of a maximum) is an operand of the block, and the
key has a `Slot` in its place: its value may differ when the recording runs again. `getitem` and `add_at` are transposes
of each other, so each is the backward rule of the other.
"""

import math
from dataclasses import dataclass

import numpy as np

from chainrule.array import Array, is_recorded
from chainrule.block import library_block, sum_to, unlisted_block
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import added_at, moved
from chainrule.domains import example, normal
from chainrule.formula import call, unit
from chainrule.libraries import NUMPY, copied, is_jax, is_numpy, is_traced
from chainrule.node import Node
from chainrule.step import record

# Keys ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Slot:
    """In a key, the place of the index operand with this number."""

    number: int


def slots(key):
    """A key with a slot for each recorded part, and those parts."""
    indices: list[Array] = []
    parts = []
    for part in key:
        if type(part) is Array:
            parts.append(Slot(len(indices)))
            indices.append(part)
        else:
            parts.append(part)
    return tuple(parts), indices


def filled(key, indices):
    """The key with the index operands in its slots."""
    return tuple(indices[part.number] if type(part) is Slot else part for part in key) if indices else key


def key_of(node):
    """The key of a step of indexing, with the values that its index operands have."""
    key, count = node.params["key"], len(node.block.operands) - 1
    return key if len(node.inputs) == count else filled(key, [_known_index(x) for x in node.inputs[count:]])


def _known_index(x):
    value = np.asarray(getattr(x, "value", x))
    return value if value.ndim else int(value)


def with_known_key(node):
    """The operands and parameters of a step; index operands of an indexing step are put into the key as values."""
    count = len(node.block.operands) - 1
    if node.block not in (getitem, add_at, set_at) or len(node.inputs) == count:
        return node.inputs, node.params
    return node.inputs[:count], node.params | {"key": key_of(node)}


def index_text(key):
    """An index as text: `0`, `1:3`, `[0 2]`."""
    return ", ".join(_part_text(part) for part in key)


def _part_text(part):
    if part is None:
        return "None"
    if isinstance(part, slice):
        start, stop, step = ("" if p is None else str(p) for p in (part.start, part.stop, part.step))
        return f"{start}:{stop}" + (f":{step}" if step else "")
    if isinstance(part, str):  # the name of an array
        return part
    part = np.asarray(part)
    if part.ndim == 2 and len(part) > 1 and np.array_equal(part, np.add.outer(*map(np.arange, part.shape))):
        return f"i:i+{part.shape[1]}"  # the windows: row i is this slice
    if part.size <= 4:
        return " ".join(str(part).split())
    if part.ndim == 1 and np.array_equal(part, np.arange(part[0], part[0] + part.size)):
        return f"[{part[0]} … {part[-1]}]"
    return f"<{'×'.join(map(str, part.shape))} integers>"


_ARRAYS = (np.ndarray, Array, Slot)
_BASIC = frozenset([int, slice, type(None), type(...)])


def has_arrays(key):
    return not _BASIC.issuperset(map(type, key)) and any(isinstance(part, _ARRAYS) for part in key)


def is_whole(key):
    """Whether a key reads the whole array: it has full slices and new axes only."""
    return all(part is None or (isinstance(part, slice) and part == slice(None)) for part in key)


def _with_known_key(dependence):
    """The dependence of entries, for the index values of the recording."""

    def of_known(node, operands):
        inputs, params = with_known_key(node)
        known = node if inputs is node.inputs else Node(node.block, inputs, params, node.value)
        return dependence(known, operands[: len(inputs)])

    return of_known


# Blocks -------------------------------------------------------------------------------------------------


def _getitem_notation(x, key):
    """x[key], but only x if the key does nothing but add axes."""
    return x if is_whole(key) else x.at(index_text(key))


@library_block(
    bounds=of_operand,
    view=True,
    notation=_getitem_notation,
    complex=True,
    example=example(normal(3), key=(1,)),
    dependence=_with_known_key(moved),
)
def getitem(xp, x, *indices, key=()):
    """z = x[key]."""
    if indices:
        if any(map(is_recorded, indices)):  # a plain x would read their values
            return record(getitem, (x, *indices), {"key": key})
        key = filled(key, indices)
    if hasattr(x, "index_add"):  # PyTorch
        x, key = _forwards(xp, x, key)
    if not is_numpy(xp):
        _must_be_inside(x, key)
    if not is_numpy(xp) and has_arrays(key):
        key = tuple(xp.asarray(part) if isinstance(part, np.ndarray) else part for part in key)
    z = x[(..., *key)]
    return z[()] if is_numpy(xp) else z  # an entry is a number, not a 0-d view


def _must_be_inside(x, key):
    """NumPy's error for a place outside of an array of JAX's, which would take the last entry, or write nothing."""
    if is_jax(x) and not any(map(is_traced, key)):
        np.broadcast_to(np.False_, x.shape)[(..., *key)]


def _forwards(xp, x, key):
    """PyTorch's slices have no negative step: reverse the axis, and go forwards."""
    axes, key = _without_negative_steps(x.shape, key)
    return xp.flip(x, axis=axes) if axes else x, key


def _without_negative_steps(shape, key):
    """The axes along which a key goes backwards, and the key that goes forwards after these were reversed."""
    axis = -sum(part is not None for part in key)
    axes, parts = [], []
    for part in key:
        if isinstance(part, slice) and part.step is not None and part.step < 0:
            n = shape[axis]
            start, stop, step = part.indices(n)
            axes.append(axis)
            part = slice(n - 1 - start, n - 1 - stop, -step)
        axis += part is not None
        parts.append(part)
    return tuple(axes), tuple(parts)


@getitem.backward
def getitem_backward(xp, dz, z, x, *indices, key=()):
    dx = add_at(dz, *indices, key=key, shape=tuple(x.shape))
    return (dx, *(None for _ in indices)) if indices else dx


def _add_at_notation(v, key, shape):
    if len(shape) == 1 and v.ndim == 0 and len(key) == 1:
        return v * unit(str(key[0] % shape[0]), shape[0])
    return v if is_whole(key) else call("scatter", v, index=index_text(key))


@library_block(
    notation=_add_at_notation,
    complex=True,
    example=example(normal(), key=(1,), shape=(3,)),
    dependence=_with_known_key(added_at),
)
def add_at(xp, v, *indices, key=(), shape=()):
    """Zeros of the given shape with v added at the key; an entry that is indexed several times gets the sum."""
    if indices and any(map(is_recorded, (v, *indices))):
        return record(add_at, (v, *indices), {"key": key, "shape": shape})
    if isinstance(v, float | complex):  # simplify may have reduced a product to a Python number
        v = xp.asarray(v)
    if (
        not v.shape and len(key) == len(shape) == 1 and type(key[0]) is int and type(v) in NUMPY
    ):  # the most frequent case
        z = np.zeros(shape, v.dtype)
        z[key] = v
        return z
    lead = v.shape[: v.ndim - _selected_ndim(key, indices, shape)]
    z = xp.zeros(lead + shape, dtype=v.dtype)
    template, key = key, filled(key, indices)
    if is_numpy(xp) and has_arrays(template):
        xp.add.at(z, (..., *key), v)
    elif hasattr(z, "at"):  # JAX's arrays cannot be written into
        z = z.at[(..., *key)].add(v)
    elif is_numpy(xp) or _is_basic(template):
        z[(..., *key)] = v
    elif hasattr(getattr(xp, "add", None), "at"):  # CuPy
        xp.add.at(z, (..., *(xp.asarray(part) if isinstance(part, np.ndarray) else part for part in key)), v)
    elif indices and not lead and not any(isinstance(part, slice) for part in key):
        z = z.index_put(tuple(xp.asarray(part) for part in key), v, accumulate=True)
    else:
        positions = _positions(xp, key, shape) if indices else _positions(np, key, shape).copy()
        z = _added_in_pytorch(xp, z, v, positions, lead)
    return z


def _selected_ndim(key, indices, shape):
    """The number of axes of an array of this shape after indexing; the key is for the last of its axes."""
    if not has_arrays(key):
        return len(shape) + sum(part is None for part in key) - sum(isinstance(part, int | np.integer) for part in key)
    places = [np.zeros(np.shape(i), int) for i in indices]
    return np.broadcast_to(np.False_, shape)[(..., *filled(key, places))].ndim


def _positions(xp, key, shape):
    """The positions of the entries at a key in the flattened array of this shape, as a vector."""
    positions = xp.reshape(xp.arange(math.prod(shape)), shape)[(..., *key)]
    return xp.reshape(positions, (-1,))


def _is_basic(key):
    """Whether a key indexes each entry once, in a form that PyTorch supports: no arrays, no negative steps."""
    return not has_arrays(key) and not any(isinstance(part, slice) and (part.step or 1) < 0 for part in key)


def _added_in_pytorch(xp, z, v, positions, lead):
    v = xp.reshape(v, (*lead, positions.shape[0]))
    return xp.reshape(xp.reshape(z, (*lead, -1)).index_add(-1, xp.asarray(positions), v), tuple(z.shape))


@add_at.backward
def add_at_backward(xp, dz, z, v, *indices, key=(), shape=()):
    dv = getitem(dz, *indices, key=key)
    return (dv, *(None for _ in indices)) if indices else dv


@library_block(
    notation=lambda x, new, key: call("set", x, new, index=index_text(key)),
    complex=True,
    example=example(normal(3), normal(), key=(1,)),
    dependence=_with_known_key(moved),
)
def set_at(xp, x, new, *indices, key=()):
    """x with the entries at the key replaced by `new`; if an entry is indexed several times the last one counts."""
    if not is_numpy(xp) and isinstance(x, np.ndarray):
        x = xp.asarray(x)  # JAX takes NumPy's arrays, but cannot write into them
    if not is_numpy(xp) and type(new) not in NUMPY and new.dtype != x.dtype:
        new = xp.astype(new, x.dtype)  # PyTorch cannot write real numbers into complex ones
    if not is_numpy(xp) and not indices and has_arrays(key) and not (last := _last_of_each(key, x.shape)).all():
        # Other libraries leave the winner undefined, and PyTorch gives all of them its gradient.
        where = np.arange(math.prod(x.shape)).reshape(x.shape)[(..., *key)]
        entries = new
        if getattr(new, "shape", ()):
            entries = xp.broadcast_to(xp.reshape(new, new.shape[max(new.ndim - where.ndim, 0) :]), where.shape)[last]
        return xp.reshape(set_at(xp.reshape(x, (-1,)), entries, key=(where[last],)), x.shape)
    key = filled(key, indices)
    if hasattr(x, "at"):  # JAX's arrays cannot be written into
        _must_be_inside(x, key)
        return x.at[(..., *key)].set(new)
    if hasattr(x, "index_add"):  # PyTorch
        axes, forwards = _without_negative_steps(x.shape, key)
        if axes:
            return xp.flip(set_at.forward(xp, xp.flip(x, axis=axes), new, key=forwards), axis=axes)
    z = xp.array(x) if is_numpy(xp) else x.copy() if hasattr(x, "copy") else copied(x)
    z[(..., *key)] = new
    return z


@set_at.backward("x")
def set_at_dx(xp, dz, z, x, new, *indices, key=()):
    return set_at(dz, 0.0, *indices, key=key)


@set_at.backward("new")
def set_at_dnew(xp, dz, z, x, new, *indices, key=()):
    dnew = getitem(dz, *indices, key=key)
    places = [np.zeros(np.shape(i), int) for i in indices]
    shape = np.broadcast_to(np.False_, x.shape)[(..., *filled(key, places))].shape
    if has_arrays(key):
        shape_of_x = tuple(x.shape)
        last = written_last(*indices, key=key, shape=shape_of_x) if indices else _last_of_each(key, shape_of_x)
        dnew = xp.where(last, dnew, 0.0)
    return sum_to(xp, dnew, new.shape, shape)


@unlisted_block(differentiable=False)
def written_last(xp, *indices, key=(), shape=()):
    """For each write at a key, whether no later one replaces it."""
    return _last_of_each(filled(key, indices), shape)


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


# Keys with recorded parts ------------------------------------------------------------------------------


def gathered(x, parts):
    """x at a plain key, parts of which may be recorded."""
    key, indices = slots(parts)
    return getitem(x, *indices, key=key)


def added(v, parts, shape):
    """Zeros of a shape with v added at a plain key, parts of which may be recorded."""
    key, indices = slots(parts)
    return add_at(v, *indices, key=key, shape=shape)
