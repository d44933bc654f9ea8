"""Helpers of several rules: whether a call is zeros or reads a diagonal; short forms of indices."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.code.tape import CONSTANT, Tape, TracedValue

__all__ = [
    "ELEMENTWISE",
    "REDUCTIONS",
    "call",
    "is_diagonal",
    "is_float",
    "is_zero",
    "only_new_axes_first",
    "short_key",
]

REDUCTIONS = frozenset("sum prod max min amax amin mean any all".split())

ELEMENTWISE = frozenset(["+", "-", "*", "/", "**", ">", ">=", "<", "<=", "==", "!=", "&", "|"])


def call(tape: Tape, like: TracedValue, function: str, *args: Any, **kwargs: Any) -> TracedValue:
    return tape.call(function, args, kwargs, like.shape, like.dtype)


def is_zero(x: Any) -> bool:
    """Whether a value is an array of zeros."""
    if not isinstance(x, TracedValue):
        return False
    return x.function.split(".")[-1] in ("zeros", "zeros_like") or (x.function == CONSTANT and not x.content.any())


def is_float(x: TracedValue) -> bool:
    return "float" in str(x.dtype)


def is_diagonal(key: Any, shape: tuple[int, ...]) -> bool:
    parts = [p for p in key if p is not Ellipsis] if isinstance(key, tuple) else []
    if len(shape) != 2 or shape[0] != shape[1] or len(parts) != 2:
        return False
    return all(
        isinstance(p, TracedValue) and p.function == CONSTANT and np.array_equal(p.content, np.arange(shape[0]))
        for p in parts
    )


def only_new_axes_first(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(part for part in parts if part is not Ellipsis)
    while parts and parts[-1] == slice(None):
        parts = parts[:-1]
    return bool(parts) and all(part is None for part in parts)


def short_key(key: Any, ndim: int) -> Any:
    """An index without an Ellipsis that covers no axis, and without full slices at the end."""
    if not isinstance(key, tuple) or not key:
        return key
    if key[0] is not Ellipsis:
        return tuple(_short_slice(part) for part in key)
    parts = tuple(_short_slice(part) for part in key[1:])
    taken = sum(part is not None for part in parts)
    if taken != ndim or not parts:
        return (Ellipsis, *parts)
    while len(parts) > 1 and isinstance(parts[-1], slice) and parts[-1] == slice(None):
        parts = parts[:-1]
    return parts[0] if len(parts) == 1 else parts


def _short_slice(part: Any) -> Any:
    """1:3 for 1:3:1, :3 for 0:3."""
    if not isinstance(part, slice):
        return part
    step = None if part.step == 1 else part.step
    return slice(None if part.start == 0 and (step is None or step > 0) else part.start, part.stop, step)
