"""Structure: properties of a value that follow from its block and operands: its range, and where it is NaN.

These are statements about real numbers: a softmax is positive although it may round to 0. Properties of a constant's
entries are in `chainrule.constants`.

Some zeros are *absent* (see `chainrule.absent`): rules may drop the factors of such a zero, even NaN or infinite ones.
Any other zero is a number, even in an array with equal entries: 0·NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.block.bounds import ANY, Range
from chainrule.block.dependence import along_axis, entrywise
from chainrule.blocks.copies import copy
from chainrule.blocks.indexing import Slot, getitem, is_whole
from chainrule.blocks.reductions import axes_of
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node, value_of_operand

__all__ = [
    "is_bounded",
    "is_positive",
    "is_result_of",
    "origins",
]


def is_result_of(x: Any, *blocks: Block) -> bool:
    """Whether a value is the result of one of these blocks."""
    return type(x) is Node and x.block in blocks


# Properties of a block's result ---------------------------------------------------------------------------------

_DEPTH = 6
"""The largest number of blocks through which the functions below look."""


def range_of(x: Any, depth: int = _DEPTH, known: Mapping[Node, Range] = MappingProxyType({})) -> Range:
    """The mathematical range of a value wherever it is not NaN."""
    if type(x) is Node and x in known:
        return known[x]
    if type(x) is not Node:
        return _range_of_constant(np.asarray(x))
    bounds = None if x.block is None else x.block.bounds
    if bounds is None or depth == 0 or not _holds_reals(x.value) or not _holds_reals(x.inputs[0]):
        return ANY
    return bounds(*[range_of(i, depth - 1, known) for i in x.inputs])


def _holds_reals(x: Any) -> bool:
    """Whether a value is a non-empty array of real floats, or a number: integers wrap, and an empty sum is 0."""
    value = x.value if type(x) is Node else x
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.kind == "f" and value.size > 0
    return isinstance(value, float | int)


def _range_of_constant(c: np.ndarray) -> Range:
    if c.dtype.kind not in "fiub" or not c.size:
        return ANY
    low, high = float(np.min(c)), float(np.max(c))
    return Range(low, high) if math.isfinite(low) and math.isfinite(high) else ANY


def is_positive(x: Any) -> bool:
    """Whether a value is mathematically positive wherever it is not NaN."""
    return range_of(x).is_positive


def is_bounded(x: Any) -> bool:
    """Whether a value is bounded, far from overflow, wherever it is not NaN."""
    return range_of(x).is_bounded


Axes = frozenset[int]
"""Axes, counted from the right: −1 is the last."""


def origins(x: Any) -> Iterator[tuple[Node, Axes]]:
    """The nodes whose NaN a value propagates: itself, and nodes that it is computed from at the same place.

    Each comes with the axes along which NaN spreads: a NaN in a row makes the whole row of its softmax NaN.
    """
    stack: list[tuple[Any, Axes]] = [(x, frozenset())]
    for _ in range(4 * _DEPTH):
        if not stack:
            return
        x, axes = stack.pop()
        if type(x) is Node:
            yield x, axes
            stack.extend(sources(x, axes))


def sources(x: Node, axes: Axes = frozenset()) -> list[tuple[Any, Axes]]:
    """The operands whose NaN a node has at the same place, or somewhere along these axes and those it reduces."""
    if x.block is None or x.block.bounds is None:
        return []
    if x.block.dependence is entrywise or x.block in (broadcast_to, copy):
        return [(y, axes) for y in x.inputs]
    reduction = x if np.shape(x.value) == np.shape(value_of_operand(x.inputs[0])) else kept_reduction(x)
    if reduction is None or reduction.block.dependence is not along_axis or reduction.block.bounds is None:
        return []  # entries move to other places, or NaN does not propagate
    return [(reduction.inputs[0], axes | _reduced_axes(reduction))]


# Reductions whose axes are kept ------------------------------------------------------------------------------------


def kept_reduction(x: Node) -> Node | None:
    """The reduction that a value is a view of, if the reduced axes are kept, each with length 1; else None."""
    inner = _viewed(x)
    if inner.block is None or inner.block.dependence is not along_axis:
        return None
    return inner if _has_shape(x, kept_shape(inner)) and np.size(x.value) == np.size(inner.value) else None


def entry_of_row(x: Node) -> Node | None:
    """The node from whose rows a value takes one entry each, keeping the last axis with length 1; else None."""
    inner = _viewed(x)
    if not is_result_of(inner, getitem) or type(inner.inputs[0]) is not Node:
        return None  # entries of a constant, at places that differ from run to run
    full = np.shape(inner.inputs[0].value)
    if not _has_shape(x, (*full[:-1], 1)):
        return None
    rows = np.arange(math.prod(full[:-1])).reshape(full[:-1])
    key = tuple([0 if isinstance(part, Slot) else part for part in inner.params["key"]])
    return inner.inputs[0] if np.array_equal(np.broadcast_to(rows[..., None], full)[key], rows) else None


def _viewed(x: Node) -> Node:
    """The node of which a value is a view, or a repetition, with the entries in the same order."""
    inner: Any = x
    while is_result_of(inner, reshape, broadcast_to, getitem) and is_whole(inner.params.get("key", ())):
        inner = inner.inputs[0]
    return inner


def _has_shape(x: Node, kept: tuple[int, ...]) -> bool:
    """Whether a value has a shape, perhaps without axes of length 1 in front."""
    shape = np.shape(x.value)
    return (1,) * (len(kept) - len(shape)) + shape == kept


def kept_shape(reduction: Node) -> tuple[int, ...]:
    """The shape of a reduction with the reduced axes kept, each with length 1."""
    full, axes = np.shape(value_of_operand(reduction.inputs[0])), _reduced_axes(reduction)
    return tuple(1 if i - len(full) in axes else n for i, n in enumerate(full))


def _reduced_axes(reduction: Node) -> Axes:
    """None of a number: its softmax is along an axis that it does not have."""
    count = np.ndim(value_of_operand(reduction.inputs[0]))
    return frozenset(a % count - count for a in axes_of(reduction.params["axis"])) if count else frozenset()
