"""Value: the result of one step of a program to be compiled; made by lowering, used by the kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compile import fortran
from chainrule.compile.blas import is_worth_threads
from chainrule.node import Node

__all__ = [
    "KERNEL_OPS",
    "REDUCTIONS",
    "SMALL",
    "VIEWS",
    "Value",
    "axes_of",
    "calls_blas",
    "cost",
    "has_loops",
    "input_of",
    "is_stack",
    "product_is_worth_threads",
    "product_lengths",
    "reads",
    "size_of",
    "tail_of",
]

SMALL = 40_000
"""Programs that compute fewer numbers than this, in total or per step on average, are native."""

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
    shape, dtype : those of the array.
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
        return size_of(value) * product_lengths(value)[1]
    if value.op == "loop":  # native by itself
        return 0
    if value.op == "diagonal":
        return size_of(value.args[0])
    if value.op in ("slice", "pick"):  # they read no more entries than they return
        return size_of(value)
    if value.op in ("set", "increase"):  # they write these entries only, unless x must be copied
        return size_of(value.args[1])
    return max([size_of(value), *(size_of(a) for a in value.args)])


def is_stack(value: Value) -> bool:
    """Whether a step has operands that are stacks of matrices."""
    return max(len(a.shape) for a in value.args) > 2


def product_lengths(value: Value) -> tuple[int, int, int]:
    """The lengths (rows, summed axis, columns) of a matrix product, or of each product in a stack."""
    x, y = value.args
    turned_x, turned_y = value.params["turned"]
    rows = 1 if len(x.shape) == 1 else x.shape[-1 if turned_x else -2]
    columns = 1 if len(y.shape) == 1 else y.shape[-2 if turned_y else -1]
    return rows, x.shape[-2 if turned_x and len(x.shape) > 1 else -1], columns


def product_is_worth_threads(value: Value) -> bool:
    """Whether a product is worth several threads of BLAS, which multiplies stacks matrix by matrix."""
    return is_worth_threads(*product_lengths(value))


def calls_blas(value: Value) -> bool:
    """Whether a step may be a call of BLAS that compiled code makes as well as NumPy does."""
    return value.op == "matmul" and fortran.is_available() and not product_is_worth_threads(value)


def tail_of(dtype: Any) -> int:
    """How many more rows a matrix with its factors has: n pivots of 8 bytes, and a row that begins with a sign."""
    return 8 // np.dtype(dtype).itemsize + 1


def has_loops(value: Value, is_small: bool = False, small: int = SMALL) -> bool:
    """Whether a step outside of kernels can be part of a native program, and be as fast there as NumPy."""
    if value.op == "call":
        return False
    if value.op == "loop":
        return not value.params["lowered"].threads
    if value.op != "matmul":
        return True
    if fortran.is_available():
        return not product_is_worth_threads(value)
    if is_stack(value):
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
