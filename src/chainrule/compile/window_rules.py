"""Lowering rules for windows: columns and pooling on arrays with the channels last in memory.

A convolution is recorded as columns, a product and a transpose. The transpose is not executed: results stay in the
product's layout, positions first and channels last, and the next step reads that layout.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.block import Block
from chainrule.blocks.pooling import max_pool, max_pool_tangent, max_pool_transpose
from chainrule.blocks.windows import columns, from_columns, positions_of
from chainrule.compile.lowering_rules import reshaped, transposed
from chainrule.compile.making import LoweringRule, Maker
from chainrule.compile.product_rules import untransposed
from chainrule.compile.values import Value
from chainrule.node import Node

__all__ = ["WINDOW_RULES"]


def _in_memory(x: Value) -> tuple[Value, tuple[int, ...]]:
    """The array in its memory order, and for each axis of x the axis of that array."""
    if x.op == "transpose":
        return x.args[0], x.params["order"]
    return x, tuple(range(len(x.shape)))


def _inverse(order: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(order.index(a) for a in range(len(order)))


def _columns(low: Maker, node: Node, args: list[Value]) -> Value | None:
    how, n = node.params, len(node.params["kernel"])
    x, order = _in_memory(args[0])
    *lead, batch, channels = args[0].shape[:-n]
    groups = how["groups"]
    positions = positions_of(args[0].shape[-n:], **_window(how))
    shape = (*lead, groups, batch, *positions, *how["kernel"], channels // groups)
    made = low.make("columns", [x], shape, x.dtype, **_window(how), groups=groups, orders=(order,))
    count = batch * math.prod(positions)
    made = reshaped(low, made, (*lead, groups, count, math.prod(how["kernel"]) * channels // groups))
    a = len(lead)
    return transposed(low, made, (*range(a + 1), a + 2, a + 1))


def _window(how: dict) -> dict:
    return {name: how[name] for name in ("kernel", "stride", "padding", "dilation")}


def _from_columns(low: Maker, node: Node, args: list[Value]) -> Value | None:
    how, n = node.params, len(node.params["kernel"])
    z, by_position = untransposed(low, args[0])
    *lead, groups, rows, _ = args[0].shape
    positions = positions_of(how["size"], **_window(how))
    channels = rows // math.prod(how["kernel"])
    row, column = (*how["kernel"], channels), (how["batch"], *positions)
    z = reshaped(low, z, (*lead, groups, *column, *row) if by_position else (*lead, groups, *row, *column))
    shape = (*lead, how["batch"], *how["size"], groups * channels)
    made = low.make("from_columns", [z], shape, z.dtype, **_window(how), groups=groups, by_position=by_position)
    a = len(lead)
    return transposed(low, made, (*range(a + 1), a + 1 + n, *range(a + 1, a + 1 + n)))


def _max_pool(low: Maker, node: Node, args: list[Value]) -> Value | None:
    x, order = _in_memory(args[0])
    if x.dtype.kind != "f":
        return None
    shape = np.shape(node.value)
    made = low.make("max_pool", [x], _permuted(shape, order), x.dtype, **_window(node.params), orders=(order, order))
    return transposed(low, made, order)


def _permuted(shape: tuple[int, ...], order: tuple[int, ...]) -> tuple[int, ...]:
    """A shape in memory order."""
    return tuple(shape[a] for a in _inverse(order))


LARGEST = {max_pool_transpose: ("max_pool_transpose", 1), max_pool_tangent: ("max_pool_tangent", 2)}
"""For each block its operation, and the operand whose memory order its result has."""


def _of_largest(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """Rule for the two linear maps of pooling; with leading axes they are left to NumPy."""
    arrays, orders = zip(*map(_in_memory, args), strict=True)
    shape = np.shape(node.value)
    dtypes = {a.dtype for a in arrays}
    if len(shape) != len(args[1].shape) or len(dtypes) != 1 or arrays[0].dtype.kind != "f":
        return None
    op, like = LARGEST[node.block]
    order = orders[like]
    made = low.make(
        op, arrays, _permuted(shape, order), arrays[0].dtype, **_window(node.params), orders=(*orders, order)
    )
    return transposed(low, made, order)


WINDOW_RULES: dict[Block, LoweringRule] = {
    columns: _columns,
    from_columns: _from_columns,
    max_pool: _max_pool,
    max_pool_transpose: _of_largest,
    max_pool_tangent: _of_largest,
}
