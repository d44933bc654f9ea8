"""Lowering rules of reductions and matrix products."""

from __future__ import annotations

import math

import numpy as np

from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.reductions import all_, any_, max_, mean, min_
from chainrule.blocks.reductions import sum as sum_
from chainrule.compile.lowering_rules import as_dtype, kind_of, number_of, reshaped, simpler, transposed
from chainrule.compile.making import Maker, RuleTable
from chainrule.compile.values import Value
from chainrule.node import Node

__all__ = ["PRODUCT_RULES", "untransposed"]

PRODUCT_RULES = RuleTable()


# Reductions and products ---------------------------------------------------------------------------------------


def _reduced_axes(node: Node, x: Value) -> tuple[int, ...]:
    axis = node.params["axis"]
    if axis is None:
        return tuple(range(len(x.shape)))
    axes = axis if isinstance(axis, tuple) else (axis,)
    return tuple(sorted(a % len(x.shape) for a in axes)) if x.shape else ()


def reduced(low: Maker, op: str, x: Value, axes: tuple[int, ...], shape: tuple[int, ...]) -> Value:
    """A reduction; over axes of length 1 it is a view."""
    if all(x.shape[a] == 1 for a in axes):
        return reshaped(low, x, shape)
    if number_of(x) is not None and op in ("max", "min"):
        return low.constant(number_of(x), shape, x.dtype)
    if x.op == "transpose":  # the kept axes must come out in their order
        order = x.params["order"]
        rest = [order[a] for a in range(len(order)) if a not in axes]
        if rest == sorted(rest):
            return reduced(low, op, x.args[0], tuple(sorted(order[a] for a in axes)), shape)
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    return reshaped(low, low.make(op, [x], kept, x.dtype, axes=axes), shape)


@PRODUCT_RULES(sum_, max_, min_, all_, any_)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _reduction(low, REDUCTION[node.block], node, args[0])


REDUCTION = {sum_: "sum", max_: "max", min_: "min", all_: "all", any_: "any"}


def _reduction(low: Maker, op: str, node: Node, x: Value) -> Value | None:
    dtype = kind_of(node)
    if (dtype.kind == "b" and op in ("max", "min", "sum")) or (op in ("all", "any") and x.dtype != bool):
        return None
    x = as_dtype(low, x, dtype)
    return reduced(low, op, x, _reduced_axes(node, x), np.shape(node.value))


@PRODUCT_RULES(mean)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    x, dtype = args[0], kind_of(node)
    total = _reduction(low, "sum", node, x) if dtype.kind == "f" else None
    n = math.prod(x.shape[a] for a in _reduced_axes(node, x))
    if total is None or n == 1:
        return total
    return low.make("divide", [total, low.constant(dtype.type(n), (), dtype)], total.shape, dtype)


@PRODUCT_RULES(outer)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype, shape = kind_of(node), np.shape(node.value)
    if dtype.kind != "f":
        return None
    x, y = (as_dtype(low, a, dtype) for a in args)
    x = reshaped(low, x, (*x.shape, 1))
    y = reshaped(low, y, (*y.shape[:-1], 1, y.shape[-1]))
    return simpler(low, low.make("multiply", [x, y], shape, dtype))


@PRODUCT_RULES(matmul)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = kind_of(node)
    if dtype.kind != "f":
        return None
    x, y = (as_dtype(low, a, dtype) for a in args)
    x, turned_x = untransposed(low, x)
    y, turned_y = untransposed(low, y)
    shape = np.shape(node.value)
    if turned_y and (turned_x or _has_positions(y)):  # x @ y as (yᵀ @ xᵀ)ᵀ
        n = len(shape)
        made = _product(low, y, x, (*shape[:-2], shape[-1], shape[-2]), not turned_y, not turned_x)
        return transposed(low, made, (*range(n - 2), n - 1, n - 2))
    return _product(low, x, y, shape, turned_x, turned_y)


def _product(low: Maker, x: Value, y: Value, shape: tuple[int, ...], turned_x: bool, turned_y: bool) -> Value:
    """A matrix product, without leading axes of length 1."""
    if len(shape) > 2 and math.prod(shape[:-2]) == 1:
        x, y = (reshaped(low, a, a.shape[-2:]) for a in (x, y))
        return reshaped(low, _product(low, x, y, shape[-2:], turned_x, turned_y), shape)
    if len(x.shape) > 2 >= len(y.shape) and not turned_x:  # the rows of all matrices, times one
        rows, inner = math.prod(x.shape[:-1]), x.shape[-1]
        flat = _product(low, reshaped(low, x, (rows, inner)), y, (rows, *shape[len(x.shape) - 1 :]), False, turned_y)
        return reshaped(low, flat, shape)
    return low.make("matmul", [x, y], shape, x.dtype, turned=(turned_x, turned_y))


def _has_positions(x: Value) -> bool:
    """Whether the rows of a matrix are the positions of a convolution; the rows of the result should then be, too."""
    while x.op in ("view", "reshape"):
        x = x.args[0]
    return x.op == "columns"


def untransposed(low: Maker, x: Value) -> tuple[Value, bool]:
    """The matrix without its transpose, and whether the product must read it transposed."""
    if x.op == "transpose" and len(x.shape) >= 2:
        n, order = len(x.shape), x.params["order"]
        wanted = (*range(n - 2), n - 1, n - 2)  # the axes of x in memory order
        lies = sorted(range(n), key=lambda a: order[a])
        if [a for a in lies if x.shape[a] != 1] == [a for a in wanted if x.shape[a] != 1]:
            return reshaped(low, x.args[0], tuple(x.shape[a] for a in wanted)), True
    return x, False
