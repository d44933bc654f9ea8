"""Structure: what is known of a value from its block and operands, or of a constant from its entries.

Constants: all entries one number (`uniform`), one number at one place of each row and zeros elsewhere (`one_hot`, of
which the identity matrix is the case "row i at place i"), the seeds of a Jacobian (`is_seed`).
Results: positive, bounded. These are statements about real numbers: a softmax is positive although it may round to 0.

Some zeros are absent (see `chainrule.absent`): rules may leave out what stands beside them, though it be NaN or
infinite there. Any other zero is a number, in an array with the same entries too: 0·NaN stays NaN.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from chainrule.block import Block
from chainrule.block.bounds import ANY, Range
from chainrule.blocks.indexing import getitem
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node

__all__ = [
    "OneHot",
    "is_bounded",
    "is_identity",
    "is_positive",
    "is_result_of",
    "is_seed",
    "one_hot",
    "origins",
    "uniform",
]


class OneHot(NamedTuple):
    """Rows of zeros with one number at the place that each row's label names.

    Attributes
    ----------
    labels : integers, of the shape of the array without its last axis.
    size : the length of a row.
    number : what stands there, the same in each row.
    """

    labels: np.ndarray
    size: int
    number: Any


def uniform(x: Any) -> Any:
    """The number that all entries of a constant are; None where they differ, and for NaN."""
    if isinstance(x, bool | np.bool_) or x is None or isinstance(x, str):
        return None
    if isinstance(x, int | float):
        return x if x == x else None
    if not isinstance(x, np.ndarray | np.generic) or x.dtype.kind not in "fiu" or x.size == 0:
        return None
    first = x.flat[0] if isinstance(x, np.ndarray) else x
    if first != first or (x.size > 1 and x.flat[-1] != first):
        return None
    if x.size > 1 and not (x == first).all():
        return None
    if first == 0 and x.dtype.kind == "f" and x.size > 1 and np.signbit(x).any() != np.signbit(x).all():
        return None
    return first.item()


def one_hot(x: Any) -> OneHot | None:
    """A constant as one-hot rows, or None."""
    if not isinstance(x, np.ndarray) or x.ndim == 0 or x.dtype.kind != "f" or x.shape[-1] < 2:
        return None
    rows = math.prod(x.shape[:-1])
    if rows == 0 or np.count_nonzero(x.reshape(-1, x.shape[-1])[0]) != 1 or np.count_nonzero(x) != rows:
        return None
    labels = np.argmax(x != 0, axis=-1)
    picked = np.take_along_axis(x, labels[..., None], axis=-1)
    number = picked.flat[0]
    if not np.isfinite(number) or not (picked == number).all():
        return None
    return OneHot(labels, x.shape[-1], number.item())


def is_identity(hot: OneHot | None) -> bool:
    """Whether one-hot rows are an identity matrix."""
    return (
        hot is not None
        and hot.number == 1
        and hot.labels.shape == (hot.size,)
        and bool((hot.labels == np.arange(hot.size)).all())
    )


def is_seed(x: np.ndarray) -> bool:
    """Whether a constant is an identity matrix, reshaped to S + S: the cotangents of an output of shape S."""
    half = x.ndim // 2
    n = math.prod(x.shape[:half])
    if x.dtype.kind != "f" or x.ndim % 2 or n < 2 or x.shape[:half] != x.shape[half:] or np.count_nonzero(x) != n:
        return False
    return bool((x.reshape(n, n).diagonal() == 1).all())


def is_result_of(x: Any, *blocks: Block) -> bool:
    """Whether a value is the result of one of these blocks."""
    return type(x) is Node and x.block in blocks


# What a block says of its result --------------------------------------------------------------------------------

_DEPTH = 6
"""How far the statements below look."""


def range_of(x: Any, depth: int = _DEPTH, known: Mapping[Node, Range] = MappingProxyType({})) -> Range:
    """Between which numbers, as mathematics has them, a value lies wherever it is not NaN."""
    if type(x) is Node and x in known:
        return known[x]
    if type(x) is not Node:
        return _range_of_constant(np.asarray(x))
    bounds = None if x.block is None else x.block.bounds
    if bounds is None or depth == 0 or not _holds_reals(x.value) or not _holds_reals(x.inputs[0]):
        return ANY
    return bounds(*[range_of(i, depth - 1, known) for i in x.inputs])


def _holds_reals(x: Any) -> bool:
    """Whether there are numbers in it, all of them real and floating: integers wrap, and a sum of nothing is 0."""
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
    """Whether a value is a positive number, as mathematics has it, wherever it is not NaN."""
    return range_of(x).is_positive


def is_bounded(x: Any) -> bool:
    """Whether a value lies in a bounded range, far from overflow, wherever it is not NaN."""
    return range_of(x).is_bounded


def origins(x: Any) -> Iterator[Node]:
    """The nodes from which a value is NaN wherever they are: itself, and what it is a function of entry by entry."""
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
    """The reduction that a value is, if it stands beside what is reduced: with its axes kept, each of length 1."""
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
