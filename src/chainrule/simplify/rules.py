"""Rules for single blocks: each is an identity, named after what it says, or None where it does not apply."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array

__all__ = ["RULES"]

RULES: dict[str, list[Callable[..., Any]]] = {}


def rule(*blocks: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: an identity for these blocks; gets their operands and parameters."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        for block in blocks:
            RULES.setdefault(block, []).append(function)
        return function

    return register


@rule("broadcast_to", "reshape")
def to_the_same_shape(x: Any, shape: tuple[int, ...]) -> Any:
    """reshape(x, x.shape) = x."""
    return x if tuple(shape) == x.shape else None


@rule("cast")
def to_the_same_dtype(x: Any, dtype: Any) -> Any:
    """cast(x, x.dtype) = x."""
    return x if x.dtype == dtype else None


@rule("transpose")
def transpose_twice(x: Any, axes: tuple[int, ...]) -> Any:
    """(xᵀ)ᵀ = x, and a transpose that moves nothing is nothing."""
    if axes == tuple(range(-x.ndim, 0)):
        return x
    if type(x) is Array and x._node.block is not None and x._node.block.name == "transpose":
        inner = x._node.params["axes"]
        if tuple(inner[a] for a in axes) == tuple(range(-x.ndim, 0)):
            return Array(x._node.inputs[0])
    return None


@rule("matmul")
def product_with_the_identity(x: Any, y: Any) -> Any:
    """I x = x and x I = x."""
    if _is_identity(x) and np.ndim(y) > 0:
        return y
    return x if _is_identity(y) and np.ndim(x) > 0 else None


def _is_identity(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.ndim == 2 and x.shape[0] == x.shape[1] and np.array_equal(x, np.eye(len(x)))


@rule("where")
def where_of_equals(condition: Any, x: Any, y: Any) -> Any:
    """where(c, x, x) = x."""
    same = type(x) is Array and type(y) is Array and x._node is y._node
    return x if same and x.shape == np.broadcast_shapes(np.shape(condition), x.shape) else None


@rule("exp")
def exp_of_log(x: Any) -> Any:
    """e^{log x} = x."""
    return (
        Array(x._node.inputs[0])
        if type(x) is Array and x._node.block is not None and x._node.block.name == "log"
        else None
    )
