"""Structure: properties of a value that follow from its block and operands: its range, and where it is NaN.

These are statements about real numbers: a softmax is positive although it may round to 0. Properties of a constant's
entries are in `chainrule.constants`.

Some zeros are absent (see `chainrule.absent`): rules may drop what they multiply, even if it is NaN or infinite. Any
other zero is a number, even in an array with equal entries: 0·NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.block.bounds import ANY, Range
from chainrule.blocks.indexing import getitem
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node

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
"""How many blocks deep the functions below look."""


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


def origins(x: Any) -> Iterator[Node]:
    """The nodes whose NaN a value propagates: itself, and nodes that it is computed from elementwise."""
    stack = [x]
    for _ in range(4 * _DEPTH):
        if not stack:
            return
        x = stack.pop()
        if type(x) is not Node:
            continue
        yield x
        if x.block is not None and x.block.bounds is not None:
            stack.extend(x.inputs)


# Reductions whose axes are kept ------------------------------------------------------------------------------------


def kept_reduction(x: Node, reduction: Block) -> Node | None:
    """The reduction that a value is a view of, if the reduced axes are kept, each with length 1; else None."""
    inner: Any = x
    while is_result_of(inner, reshape, getitem, broadcast_to):
        inner = inner.inputs[0]
    if not is_result_of(inner, reduction):
        return None
    full = np.shape(inner.inputs[0].value)
    axis = inner.params["axis"]
    axes = {a % len(full) for a in (axis if isinstance(axis, tuple) else (axis,))} if full else set()
    kept = tuple(1 if i in axes else n for i, n in enumerate(full))
    shape = np.shape(x.value)
    is_kept = (1,) * (len(kept) - len(shape)) + shape == kept and np.size(x.value) == np.size(inner.value)
    return inner if is_kept else None
