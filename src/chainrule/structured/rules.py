"""How each linear block changes the networks of its operand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.backward import numpy_number
from chainrule.block import Block, product_or_zero, unless_masked
from chainrule.blocks.copies import cast, copy
from chainrule.blocks.elementwise import add, divide, multiply, negative, positive_, subtract, where
from chainrule.blocks.indexing import add_at, getitem, key_of
from chainrule.blocks.linalg import einsum, matmul, outer
from chainrule.blocks.reductions import mean
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape, transpose
from chainrule.node import Node, value_of_operand
from chainrule.structured.networks import Label, Labels, TensorNetwork, Unreadable, is_identity, leaves
from chainrule.structured.reading import IndexReading, Networks

__all__ = ["LINEAR"]


def _broadcast(networks: Networks, shape: Sequence[int]) -> Networks:
    """The networks of an operand, repeated to a shape: new labels on which no factor depends."""
    found = []
    for n in networks:
        axes = ((),) * (len(shape) - len(n.axes)) + n.axes
        new = tuple(axis if axis or size == 1 else (Label(size),) for axis, size in zip(axes, shape, strict=True))
        found.append(n.with_axes(new))
    return found


def _scaled(networks: Networks, number: float) -> Networks:
    return [replace(n, number=number * n.number) for n in networks]


def _same(r: IndexReading, node: Node, x: Any, *rest: Any, **params: Any) -> Networks:
    return r.of(x)


def _added(r: IndexReading, node: Node, x: Any, y: Any, sign: float = 1.0) -> Networks:
    shape = np.shape(node.value)
    found: Networks = []
    for operand, factor in ((x, 1.0), (y, sign)):
        if r.depends(operand):
            found += _broadcast(_scaled(r.of(operand), factor), shape)
        elif np.any(r.constant(operand)):
            raise Unreadable
    return found


def _times(r: IndexReading, node: Node, x: Any, y: Any) -> Networks:
    v, c = r.split(x, y)
    return [r.times(n, c, n.axes) for n in _broadcast(r.of(v), np.shape(node.value))]


def _divided(r: IndexReading, node: Node, x: Any, y: Any) -> Networks:
    inverse = 1 / r.constant(y)
    return [r.times(n, inverse, n.axes) for n in _broadcast(r.of(x), np.shape(node.value))]


def _unless_masked(r: IndexReading, node: Node, dx: Any, dz: Any, slope: Any) -> Networks:
    """dx, where it is not masked out."""
    dz, finite = value_of_operand(dz), np.isfinite(value_of_operand(slope))
    if np.all(finite):
        return _broadcast(r.of(dx), np.shape(node.value))
    mask = np.asarray((dz != 0) | finite, r.dtype)
    return [r.times(n, mask, n.axes) for n in _broadcast(r.of(dx), np.shape(node.value))]


def _where(r: IndexReading, node: Node, condition: Any, x: Any, y: Any) -> Networks:
    mask, found = r.constant(condition), Networks()
    for operand, chosen in ((x, mask), (y, 1 - mask)):
        if r.depends(operand):
            found += [r.times(n, chosen, n.axes) for n in _broadcast(r.of(operand), np.shape(node.value))]
        elif np.any(r.constant(operand) * chosen):
            raise Unreadable
    return found


def _summed(r: IndexReading, node: Node, x: Any, axis: Any, keepdims: bool) -> Networks:
    found = []
    for n in r.of(x):
        over = {a % len(n.axes) for a in (axis if isinstance(axis, tuple) else (axis,))} if n.axes else set()
        gone = [label for a in over for label in n.axes[a]]
        rest = tuple(() if a in over else labels for a, labels in enumerate(n.axes) if keepdims or a not in over)
        found.append(_without(r, n.with_axes(rest), gone))
    return found


def _without(r: IndexReading, n: TensorNetwork, gone: Sequence[Label]) -> TensorNetwork:
    """A network that is summed over labels; its number is multiplied by the sizes of those that it does not have."""
    there = {*n.rows, *r.labels(), *(label for _, labels in n.factors for label in leaves(labels))}
    return replace(n, number=n.number * math.prod(x.size for x in set(leaves(gone)) if x not in there))


def _mean(r: IndexReading, node: Node, x: Any, axis: Any, keepdims: bool) -> Networks:
    count = np.size(x.value) // max(np.size(node.value), 1)
    return _scaled(_summed(r, node, x, axis, keepdims), 1 / max(count, 1))


def _repeated(r: IndexReading, node: Node, x: Any, shape: tuple[int, ...]) -> Networks:
    return _broadcast(r.of(x), np.shape(node.value))


def _reshaped(r: IndexReading, node: Node, x: Any, shape: tuple[int, ...]) -> Networks:
    return [n.with_axes(_in_shape(n, np.shape(node.value))) for n in r.of(x)]


def _in_shape(n: TensorNetwork, shape: Sequence[int]) -> tuple[Labels, ...]:
    """The rows of a network as the axes of another shape; labels are split where that is needed."""
    left = list(reversed(n.rows))
    axes = []
    for size in shape:
        axis: list[Label] = []
        while size > 1:
            if not left:
                raise Unreadable
            label = left.pop()
            if label.size > size and label.size % size == 0:
                label.split(size)
                left.append(label.parts[1])
                label = label.parts[0]
            if size % label.size:
                raise Unreadable
            size //= label.size
            axis.append(label)
        axes.append(tuple(axis))
    return tuple(axes)


def _transposed(r: IndexReading, node: Node, x: Any, axes: tuple[int, ...]) -> Networks:
    return [n.with_axes(tuple(n.axes[a] for a in axes)) for n in r.of(x)]


def _matmul(r: IndexReading, node: Node, x: Any, y: Any) -> Networks:
    v, c = r.split(x, y)
    array, found = r.constant(c), []
    for n in r.of(v):
        if v is x:
            inner, rest = n.axes[-1], n.axes[-2:-1]
            own: tuple[Labels, ...] = (inner, *map(_new, array.shape[1:][-1:]))
            kept = (*rest, *own[1:])
        else:
            inner, rest = n.axes[-2:][0], n.axes[-2:][1:]
            own = (*map(_new, array.shape[-2:-1]), inner)
            kept = (*own[:-1], *rest)
        lead = _leading(n.axes[:-2], array.shape[:-2])
        found.append(_without(r, r.times(n, array, (*lead, *own)).with_axes((*lead, *kept)), inner))
    return found


def _new(size: int) -> Labels:
    return (Label(size),) if size != 1 else ()


def _leading(own: Sequence[Labels], shape: Sequence[int]) -> list[Labels]:
    """The leading axes of two operands, broadcast."""
    count = max(len(own), len(shape))
    mine = [()] * (count - len(own)) + list(own)
    sizes = [1] * (count - len(shape)) + list(shape)
    return [axis or _new(n) for axis, n in zip(mine, sizes, strict=True)]


def _outer(r: IndexReading, node: Node, x: Any, y: Any) -> Networks:
    v, c = r.split(x, y)
    array, found = r.constant(c), []
    for n in r.of(v):
        lead = _leading(n.axes[:-1], array.shape[:-1])
        mine, free = n.axes[-1], _new(array.shape[-1])
        axes = (*lead, mine, free) if v is x else (*lead, free, mine)
        found.append(r.times(n, array, (*lead, free)).with_axes(axes))
    return found


def _einsum(r: IndexReading, node: Node, *xs: Any, subscripts: str) -> Networks | None:
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    mine = [i for i, x in enumerate(xs) if r.depends(x)]
    if "..." in subscripts and any(
        len(t.replace("...", "")) != np.ndim(value_of_operand(x)) for t, x in zip(terms, xs, strict=True)
    ):
        return None
    terms, output = [t.replace("...", "") for t in terms], output.replace("...", "")
    if len(mine) != 1 or len(set(terms[mine[0]])) < len(terms[mine[0]]):
        return None
    found = []
    for n in r.of(xs[mine[0]]):
        letters: dict[str, Labels] = dict(zip(terms[mine[0]], n.axes, strict=True))
        for x, term in zip(xs, terms, strict=True):
            for letter, size in zip(term, np.shape(value_of_operand(x)), strict=True):
                letters[letter] = letters.get(letter) or _new(size)
        for i, (x, term) in enumerate(zip(xs, terms, strict=True)):
            if i not in mine:
                n = r.times(n, x, [letters[c] for c in term])
        gone = [label for c, labels in letters.items() if c not in output for label in labels]
        found.append(_without(r, n.with_axes(tuple(letters[c] for c in output)), gone))
    return found


def _getitem(r: IndexReading, node: Node, x: Any, *indices: Any, key: Any) -> Networks | None:
    """Entries that are read: each part of the key is a product with one-hot rows."""
    key = key_of(node)
    if not _is_read(key):
        return None
    read = sum(part is not None for part in key)
    found = []
    for n in r.of(x):
        own, sizes = list(n.axes[len(n.axes) - read :]), list(np.shape(x.value)[np.ndim(x.value) - read :])
        axes, gone = list(n.axes[: len(n.axes) - read]), list[Label]()
        together: Labels | None = None
        for part in key:
            if part is None:
                axes.append(())
                continue
            axis, size = own.pop(0), sizes.pop(0)
            if _is_whole(part):
                axes.append(axis)
                continue
            hot = r.hot(part, size)
            to = together
            if hot.ndim == 1:
                to = ()
            elif isinstance(part, slice) or together is None:
                to = axis if is_identity(hot) else _new(len(hot))
                axes.append(to)
                together = None if isinstance(part, slice) else to
            assert to is not None
            if to is not axis:
                n = r.times(n, hot, (to, axis))
                gone += axis
        found.append(_without(r, n.with_axes(tuple(axes)), gone))
    return found


def _add_at(r: IndexReading, node: Node, v: Any, *indices: Any, key: Any, shape: tuple[int, ...]) -> Networks | None:
    """The transpose of `_getitem`."""
    key = key_of(node)
    if not _is_read(key) or np.shape(node.value) != shape:
        return None
    lead = len(shape) - sum(part is not None for part in key)
    found = []
    for n in r.of(v):
        own, sizes, axes, gone = list(n.axes[lead:]), list(shape[lead:]), list(n.axes[:lead]), list[Label]()
        together: Labels | None = None
        for part in key:
            if part is None:
                own.pop(0)
                continue
            size = sizes.pop(0)
            if _is_whole(part):
                axes.append(own.pop(0))
                continue
            hot = r.hot(part, size)
            source: Labels = ()
            if hot.ndim == 2:
                source = own.pop(0) if isinstance(part, slice) or together is None else together
                together = together if isinstance(part, slice) else source
            to = source if is_identity(hot) else _new(size)
            axes.append(to)
            if to is not source:
                n = r.times(n, hot, (source, to))
                gone += source
        kept = {label for axis in axes for label in axis}
        found.append(_without(r, n.with_axes(tuple(axes)), [label for label in gone if label not in kept]))
    return found


def _is_read(key: Sequence[Any]) -> bool:
    """Whether a key has slices, integers and new axes only, or vectors of integers side by side beside slices."""
    arrays = [i for i, part in enumerate(key) if isinstance(part, np.ndarray)]
    if any(key[i].ndim != 1 or key[i].dtype.kind not in "iu" for i in arrays):
        return False
    if not all(isinstance(part, np.ndarray | slice | int | np.integer) or part is None for part in key):
        return False
    mixed = arrays and any(isinstance(part, int | np.integer) for part in key)
    return not mixed and (not arrays or arrays[-1] - arrays[0] == len(arrays) - 1)


def _is_whole(part: Any) -> bool:
    return isinstance(part, slice) and part == slice(None)


LINEAR: dict[Block, Callable[..., Networks | None]] = {
    add: _added,
    subtract: lambda r, node, x, y: _added(r, node, x, y, -1.0),
    negative: lambda r, node, x: _scaled(r.of(x), -1.0),
    positive_: _same,
    numpy_number: _same,
    copy: _same,
    cast: _same,
    multiply: _times,
    product_or_zero: _times,
    divide: _divided,
    unless_masked: _unless_masked,
    where: _where,
    sum_: _summed,
    mean: _mean,
    broadcast_to: _repeated,
    reshape: _reshaped,
    transpose: _transposed,
    matmul: _matmul,
    outer: _outer,
    einsum: _einsum,
    getitem: _getitem,
    add_at: _add_at,
}
"""How each linear block changes the networks of its operand; others are read entry by entry if they are small."""
