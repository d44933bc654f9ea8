"""Several results of one block: packed into one array, the value of the node, and extracted again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.namespace import RECORDING
from chainrule.node import at_line
from chainrule.step import owned
from chainrule.trees import flatten

__all__ = ["Results", "results_of"]

EXACT = 2**53
"""Integers up to this size are exact as floating numbers."""


class Results(NamedTuple):
    """How a block returns a tuple, a list or a dict of arrays.

    Attributes
    ----------
    block : the name of the block.
    shapes, dtypes : the shapes and dtypes of the arrays.
    dtype : the dtype of the packed array, which holds all arrays one after the other.
    rebuild : builds the tuple (or list, or dict) from the arrays.
    """

    block: str
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype, ...]
    dtype: np.dtype
    rebuild: Callable[[list[Any]], Any]

    def packed(self, xp: Any, value: Any) -> Any:
        """The results of the forward rule as one array."""
        leaves = _leaves(value)
        shapes = tuple(tuple(np.shape(leaf)) for leaf in leaves)
        if shapes != self.shapes:
            raise RecordingError(
                f"block {self.block} returned arrays of shapes {shapes}, and before of {self.shapes}" + at_line()
            )
        flat = [
            xp.astype(xp.reshape(leaf if hasattr(leaf, "shape") else xp.asarray(leaf), (-1,)), self.dtype)
            for leaf in leaves
        ]
        return xp.concatenate(flat) if hasattr(xp, "concatenate") else xp.concat(flat)

    def split(self, xp: Any, packed: Any) -> Any:
        """The tuple of the arrays that are packed in one, or of their cotangents."""
        lead = tuple(packed.shape[:-1])
        parts = []
        for start, shape, dtype in zip(self._starts(), self.shapes, self.dtypes, strict=True):
            part = xp.reshape(packed[..., start : start + math.prod(shape)], lead + shape)
            parts.append(_of_dtype(xp, part, dtype) if dtype.kind in "fc" else part)
        return self.rebuild(parts)

    def taken_from(self, whole: Array) -> Any:
        """The tuple of recorded arrays, each extracted from the one that holds them all."""
        parts = []
        for start, shape, dtype in zip(self._starts(), self.shapes, self.dtypes, strict=True):
            part: Any = whole[start] if shape == () else whole[start : start + math.prod(shape)]
            part = part if part.shape == shape else RECORDING.reshape(part, shape)
            parts.append(owned(_of_dtype(RECORDING, part, dtype)))
        return self.rebuild(parts)

    def _starts(self) -> Sequence[int]:
        ends = np.cumsum([0, *map(math.prod, self.shapes)])
        return [int(n) for n in ends[:-1]]


def results_of(block: str, value: Any) -> Results:
    """How the results of a forward rule are packed."""
    leaves, rebuild = flatten(value)
    plain = [np.asarray(leaf) for leaf in leaves]
    bad = next((x for x in plain if x.dtype.kind not in "fciub"), None)
    if not leaves or bad is not None:
        what = type(value).__name__ if bad is None else f"a {type(value).__name__} with an item of dtype {bad.dtype}"
        raise RecordingError(f"block {block} returned {what}; a block returns arrays" + at_line())
    dtype = np.result_type(*(x.dtype for x in plain))
    for x in plain:
        if x.dtype.kind in "iu" and dtype.kind in "fc" and np.any((x > EXACT) | (x < -EXACT)):
            raise RecordingError(f"block {block} returned integers beyond 2⁵³ beside other arrays" + at_line())
    return Results(block, tuple(x.shape for x in plain), tuple(x.dtype for x in plain), dtype, rebuild)


def _leaves(value: Any) -> list[Any]:
    return flatten(value)[0]


def _of_dtype(xp: Any, part: Any, dtype: np.dtype) -> Any:
    if part.dtype.kind == "c" and dtype.kind != "c":
        part = xp.real(part)
    return part if part.dtype == dtype else xp.astype(part, dtype)
