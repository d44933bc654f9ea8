"""Value: one step of a program to be compiled, made by the lowering and used by the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.node import Node

__all__ = [
    "KERNEL_OPS",
    "REDUCTIONS",
    "SMALL",
    "VIEWS",
    "Value",
    "axes_of",
    "cost",
    "has_loops",
    "input_of",
    "reads",
    "size_of",
]

SMALL = 40_000
"""Programs that compute fewer numbers than this are native, and so are those that do so in each step on average."""

REDUCTIONS = frozenset(["sum", "max", "min", "all", "any", "pick"])
"""Operations that reduce some axes of their first operand; `pick` takes one entry of each row."""

VIEWS = frozenset(["view", "transpose", "broadcast"])
"""Operations that only rearrange entries: add or drop axes of length 1, permute axes, repeat along axes."""


class Value:
    """The result of an operation.

    Attributes
    ----------
    op : "input", "constant", "call" (a block's own rule, in NumPy), or the name of an operation.
    args : its operands.
    params : further parameters of the operation.
    shape, dtype : of the array.
    weak : whether it is a Python number, which takes no part in dtype promotion.
    name : the user's name, or None.
    """

    __slots__ = ("args", "dtype", "name", "op", "order", "params", "shape", "weak")

    def __init__(
        self,
        op: str,
        args: tuple[Value, ...] = (),
        params: dict[str, Any] | None = None,
        shape: tuple[int, ...] = (),
        dtype: Any = np.float64,
        weak: bool = False,
        name: str | None = None,
    ):
        self.op = op
        self.args = args
        self.params = params or {}
        self.shape = tuple(shape)
        self.dtype = np.dtype(dtype)
        self.weak = weak
        self.name = name
        self.order = 0

    def __repr__(self) -> str:
        return f"<{self.name or '·'} = {self.op}, {self.dtype} {self.shape}>"


def input_of(node: Node, name: str) -> Value:
    """The value of an input."""
    x = node.value
    return Value("input", (), {}, np.shape(x), np.asarray(x).dtype, type(x) in (int, float, complex), name)


def axes_of(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that have loops: those whose length is not 1."""
    return tuple(i for i, n in enumerate(shape) if n != 1)


def size_of(value: Value) -> int:
    size = 1
    for n in value.shape:
        size *= n
    return size


def cost(value: Value) -> int:
    """Roughly how many numbers a step computes."""
    if value.op == "matmul":
        x = value.args[0]
        inner = x.shape[-2 if value.params["turned"][0] and len(x.shape) > 1 else -1]
        return size_of(value) * inner
    if value.op == "loop":  # native by itself
        return 0
    if value.op in ("slice", "pick"):  # they read no more entries than they return
        return size_of(value)
    if value.op in ("set", "increase"):  # they write these entries only, unless x must be copied
        return size_of(value.args[1])
    return max([size_of(value), *(size_of(a) for a in value.args)])


def has_loops(value: Value, is_small: bool = False, small: int = SMALL) -> bool:
    """Whether a step outside of kernels can be written as loops: they are as fast as NumPy, or the program is small."""
    if value.op == "call":
        return False
    if value.op != "matmul":
        return True
    if max(len(a.shape) for a in (value, *value.args)) > 2:
        return False
    return is_small or min(len(a.shape) for a in value.args) == 1 or cost(value) <= small


def domain_of(value: Value) -> tuple[int, ...]:
    """The lengths of the loops in which a value is computed."""
    shape = value.args[0].shape if value.op in REDUCTIONS else value.shape
    return tuple(n for n in shape if n != 1)


def kept_axes(value: Value) -> tuple[int, ...]:
    """The positions, among a reduction's loops, of the axes that its result keeps."""
    axes = axes_of(value.args[0].shape)
    reduced = value.params["axes"]
    return tuple(i for i, a in enumerate(axes) if a not in reduced)


def reads(value: Value, k: int) -> tuple[int, ...]:
    """For each loop axis of operand k, the loop of the value along which it is read."""
    operand = value.args[k]
    if value.op in REDUCTIONS:
        return tuple(range(len(domain_of(value)))) if k == 0 else kept_axes(value)
    if value.op == "one_hot":
        return tuple(range(len(axes_of(operand.shape))))
    if value.op == "view":
        return tuple(range(len(axes_of(operand.shape))))
    own = {axis: i for i, axis in enumerate(axes_of(value.shape))}
    if value.op == "transpose":
        order = value.params["order"]
        return tuple(own[order.index(a)] for a in axes_of(operand.shape))
    shift = len(value.shape) - len(operand.shape)
    return tuple(own[a + shift] for a in axes_of(operand.shape))


KERNEL_OPS: dict[str, Callable[..., Any]] = {}
"""The elementwise operations, each with the function that writes it; filled by `chainrule.compile.operations`."""
