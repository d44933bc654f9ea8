"""Blocks that take integers as operands: recorded labels and indices that may change from call to call.

An index is a parameter of `getitem`, because it is mostly known when code is written. A compiled function is later
called with other labels, so a recorded index stays an operand there: it is read on each run.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.array import Array, value_of
from chainrule.block import Block, sum_to, unlisted_block
from chainrule.block.bounds import of_operand
from chainrule.blocks.indexing.entries import add_at, at_run_time, getitem
from chainrule.libraries import copied, is_numpy
from chainrule.step import record

__all__ = [
    "Slot",
    "argsort",
    "at_run_time",
    "counted",
    "entries_at",
    "gather",
    "labels_fit",
    "of_values",
    "one_hot",
    "one_hot_rows",
    "put",
    "scatter",
    "slots",
    "step",
]


def counted(x: Any) -> Any:
    """Truths as integers, of which sums count how many are true; NumPy's sum of products of truths is their `or`."""
    return np.astype(x, np.int64) if x.dtype == bool else x


class Slot(int):
    """In a key, the placeholder of the operand with this number."""

    def __repr__(self) -> str:
        return f"index{int(self)}"


def slots(key: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Array]]:
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


def _filled(key: tuple[Any, ...], indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The key with the operands in its slots; plain integers as arrays, so that they count as such."""
    return tuple(_as_index(indices[part]) if type(part) is Slot else part for part in key)


def _as_index(x: Any) -> Any:
    return np.asarray(x) if isinstance(x, int | np.ndarray | np.generic) else x


def _is_recorded(*operands: Any) -> bool:
    return any(type(x) is Array for x in operands)


def gathered(x: Any, key: Any) -> Any:
    """x[key] for a plain key with recorded parts."""
    template, indices = slots(tuple(key))
    return gather(x, *indices, key=template)


def entries_at(x: Any, indices: Any) -> Any:
    """x[indices]; recorded indices are gathered, because a plain x would read their values."""
    return gathered(x, (indices,)) if at_run_time(indices) else x[indices]


def _positions(x: Any, key: Any) -> Any:
    """The positions in the flattened x of the entries at the key."""
    return np.reshape(_index_of(x.shape), x.shape)[key]


def _index_of(shape: tuple[int, ...]) -> Any:
    return record(constant_index, (), {"shape": shape})


def written(x: Any, new: Any, key: Any) -> Any:
    """x after x[key] = new, for a key with recorded parts."""
    positions = _positions(x, key)
    new = np.broadcast_to(new if type(new) is Array else np.asarray(new), positions.shape)
    return np.reshape(put(np.reshape(x, (-1,)), new, positions), x.shape)


def added(x: Any, v: Any, key: Any) -> Any:
    """Zeros like x with v added at a key with recorded parts."""
    positions = _positions(x, key)
    v = np.broadcast_to(v, positions.shape)
    return np.reshape(scatter(v, positions, key=(Slot(0),), shape=(x.size,)), x.shape)


@unlisted_block(bounds=of_operand)
def gather(xp, x, *indices, key=()):
    """z = x[key], with operands in the slots of the key."""
    if _is_recorded(x, *indices):
        return record(gather, (x, *indices), {"key": key})
    return getitem.forward(xp, x, key=_filled(key, indices))


@gather.backward
def gather_backward(xp, dz, z, x, *indices, key=()):
    return scatter(dz, *indices, key=key, shape=tuple(x.shape)), *(None for _ in indices)


@unlisted_block()
def scatter(xp, v, *indices, key=(), shape=()):
    """Zeros of the given shape with v added at the key, which has operands in its slots."""
    if _is_recorded(v, *indices):
        return record(scatter, (v, *indices), {"key": key, "shape": shape})
    filled = _filled(key, indices)
    if all(isinstance(x, np.ndarray) for x in filled if not isinstance(x, slice)):
        return add_at.forward(xp, v, key=filled, shape=shape)
    lead = v.shape[: v.ndim - _ndim_at(key, indices, shape)]
    z = xp.zeros(lead + shape, dtype=v.dtype)
    if hasattr(z, "at"):  # JAX
        return z.at[(..., *filled)].add(v)
    if is_numpy(xp):
        xp.add.at(z, (..., *filled), v)
        return z
    if not lead and not any(isinstance(x, slice) for x in filled):
        return z.index_put(tuple(xp.asarray(x) for x in filled), v, accumulate=True)
    positions = xp.reshape(xp.reshape(xp.arange(math.prod(shape)), shape)[filled], (-1,))
    flat = xp.reshape(z, (*lead, -1)).index_add(-1, positions, xp.reshape(v, (*lead, -1)))
    return xp.reshape(flat, lead + shape)


def _ndim_at(key: tuple[Any, ...], indices: tuple[Any, ...], shape: tuple[int, ...]) -> int:
    """The number of axes of an array of this shape after indexing with this key."""
    places = [np.zeros(np.shape(i), int) for i in indices]
    return np.broadcast_to(np.False_, shape)[_filled(key, tuple(places))].ndim


@scatter.backward
def scatter_backward(xp, dz, z, v, *indices, key=(), shape=()):
    return gather(dz, *indices, key=key), *(None for _ in indices)


@unlisted_block()
def put(xp, x, new, positions):
    """The vector x with the entries at the positions replaced by `new`; the last one counts."""
    if hasattr(x, "at"):  # JAX's arrays cannot be written into
        return x.at[..., positions].set(new)
    z = xp.array(x) if is_numpy(xp) else copied(x)
    z[..., positions] = new
    return z


@put.backward("x")
def put_dx(xp, dz, z, x, new, positions):
    return put(dz, 0.0, positions)


@put.backward("new")
def put_dnew(xp, dz, z, x, new, positions):
    key, indices = slots((positions,))
    dnew = gather(dz, *indices, key=key)
    dnew = xp.where(written_last(positions, size=math.prod(x.shape)), dnew, 0.0)
    return sum_to(xp, dnew, tuple(new.shape), tuple(positions.shape))


@unlisted_block(differentiable=False)
def constant_index(xp, shape=()):
    """0, 1, 2, …: recorded, so that recorded integers can index it."""
    return np.arange(math.prod(shape))


@unlisted_block(differentiable=False)
def written_last(xp, positions, size=0):
    """Which writes at these positions are not overwritten by a later one."""
    times = np.empty(size, dtype=int)
    written = np.arange(math.prod(positions.shape)).reshape(positions.shape)
    times[positions] = written
    return times[positions] == written


@unlisted_block(differentiable=False)
def labels_fit(xp, label, classes=1, ignored=None):
    """Whether all labels are between 0 and classes − 1, or the label of ignored rows."""
    fits = (label >= 0) & (label < classes)
    return np.all(fits if ignored is None else fits | (label == ignored))


@unlisted_block(differentiable=False)
def one_hot_rows(xp, label, classes=1, dtype=None, absent=False):
    """Rows of zeros with a one at each label: shape label.shape + (classes,). `absent`: whether its zeros are."""
    return xp.astype(label[..., None] == xp.arange(classes), dtype)


@unlisted_block(differentiable=False)
def argsort(xp, x, axis=-1):
    """The indices that sort x; equal entries keep their order."""
    return np.argsort(x, axis=axis, kind="stable") if is_numpy(xp) else xp.argsort(x, axis=axis)


def step(function: Any, *operands: Any) -> Any:
    """The result of a function of values without a gradient: computed now, or recorded as a block while compiling.

    Its shape does not depend on the values.
    """
    recorded = of_values(function, *operands)
    return function(*map(value_of, operands)) if recorded is None else recorded


def of_values(function: Any, *operands: Any, **params: Any) -> Any:
    """A function of plain values without a gradient, recorded as a block while compiling; None otherwise."""
    if not any(at_run_time(x) for x in operands) or any(type(p) is Array for p in params.values()):
        return None

    def rule(xp, *operands):
        return function(*operands, **params)

    rule.__name__ = getattr(function, "__qualname__", "step").split(".")[0]  # for a lambda: the function around it
    return record(Block(rule, differentiable=False), operands)


def one_hot(xp, label, classes, like):
    """Rows of absent zeros with a one at each label: shape label.shape + (classes,)."""
    if at_run_time(label):
        return one_hot_rows(label, classes=classes, dtype=like.dtype, absent=True)
    dtype = like.dtype if isinstance(like.dtype, np.dtype) else np.float64
    if type(label) is int:
        rows = np.zeros(classes, dtype)
        rows[label] = 1
    else:
        rows = np.zeros((*np.shape(label), classes), dtype)
        np.put_along_axis(rows, np.asarray(label)[..., None], 1, axis=-1)
    rows = with_absent_zeros(rows)
    return rows if dtype is like.dtype else xp.asarray(rows, dtype=like.dtype)
