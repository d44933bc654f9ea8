"""Lowering rules of elementwise and shape blocks to the operations of kernels and copies.

A rule returns None if the block cannot be lowered for these operands; the block is then expanded, or stays a call.
"""

from __future__ import annotations

import itertools
import math
import operator
from typing import Any

import numpy as np

from chainrule.backward import numpy_number
from chainrule.block import product_or_zero
from chainrule.blocks.activations import softplus
from chainrule.blocks.calculus import cumprod
from chainrule.blocks.copies import cast, cast_to_integer, copy
from chainrule.blocks.elementwise import clip, positive_, power
from chainrule.blocks.joining import concatenate, stack
from chainrule.blocks.reductions import cumsum
from chainrule.blocks.shaping import broadcast_to, flip, reshape, roll, transpose
from chainrule.blocks.step_functions import invert
from chainrule.compile.bounds import is_plain_product, may_overflow, numerators
from chainrule.compile.making import Maker, RuleTable
from chainrule.compile.operations import (
    BLOCK_OF,
    COMPARISONS,
    COMPUTED,
    ENTRY_BY_ENTRY,
    FLOAT_ONLY,
    LOGICAL,
    ON_INTEGERS,
)
from chainrule.compile.values import KERNEL_OPS, REDUCTIONS, Value, size_of
from chainrule.node import Node
from chainrule.transforms import stop_gradient

__all__ = ["RULES", "as_dtype", "kind_of", "number_of", "reshaped", "simpler", "transposed"]

RULES = RuleTable()


# Elementwise ---------------------------------------------------------------------------------------------------


def kind_of(node: Node) -> np.dtype:
    return np.asarray(node.value).dtype


def _is_weak(node: Node) -> bool:
    return type(node.value) in (int, float, bool)


def as_dtype(low: Maker, x: Value, dtype: Any) -> Value:
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.op == "constant" and "number" in x.params:
        return low.constant(dtype.type(x.params["number"]), x.shape, dtype) if not x.shape else _filled(low, x, dtype)
    if x.op == "transpose":
        return transposed(low, as_dtype(low, x.args[0], dtype), x.params["order"])
    return low.make("cast", [x], x.shape, dtype)


def _filled(low: Maker, x: Value, dtype: np.dtype) -> Value:
    return low.constant(dtype.type(x.params["number"]), x.shape, dtype)


def _pointwise(low: Maker, op: str, node: Node, args: list[Value]) -> Value | None:
    dtype = kind_of(node)
    if op in FLOAT_ONLY and dtype.kind != "f":
        return None
    if op in ON_INTEGERS and dtype.kind == "b" and op not in ("where", "cast", "view"):
        return None
    if op in COMPARISONS:
        kinds = [_representative(a) for a in args]
        common = np.result_type(*kinds) if len(kinds) > 1 else args[0].dtype
        if common.kind == "b" or common not in COMPUTED or any(_is_beyond(a, common) for a in args):
            return None
        args = [as_dtype(low, a, common) for a in args]
    elif op in LOGICAL:
        if any(a.dtype != bool for a in args):
            return None
    elif op == "where":
        condition = args[0] if args[0].dtype == bool else None
        if condition is None:
            return None
        args = [condition, *(as_dtype(low, a, dtype) for a in args[1:])]
    elif op != "cast":
        args = [as_dtype(low, a, dtype) for a in args]
    shape = np.shape(node.value)
    if (turned := _turned_outside(low, op, args, shape, dtype)) is not None:
        return turned
    return simpler(low, low.make(op, args, shape, dtype, _is_weak(node)))


def _turned_outside(low: Maker, op: str, args: list[Value], shape: tuple[int, ...], dtype: np.dtype) -> Value | None:
    """xᵀ · v as (x · v)ᵀ: the rows of x are then read in order, and a matrix product reads the transpose directly."""
    orders = {a.params["order"] for a in args if a.op == "transpose" and a.shape == shape}
    if len(orders) != 1:
        return None
    order = orders.pop()
    inner: list[Value] = []
    for a in args:
        if a.op == "transpose" and a.shape == shape:
            inner.append(a.args[0])
        elif number_of(a) is not None:
            inner.append(low.constant(number_of(a), (), a.dtype))
        elif sum(n != 1 for n in a.shape) <= 1:
            padded = (1,) * (len(shape) - len(a.shape)) + a.shape
            inner.append(reshaped(low, a, tuple(padded[order.index(j)] for j in range(len(shape)))))
        else:
            return None
    made = low.make(op, inner, tuple(shape[order.index(j)] for j in range(len(shape))), dtype)
    return low.make("transpose", [simpler(low, made)], shape, dtype, order=order)


def _representative(a: Value) -> Any:
    return a.dtype if not a.weak else {"f": 0.0, "i": 0, "b": False}[a.dtype.kind]


def _is_beyond(a: Value, dtype: np.dtype) -> bool:
    """Whether a Python integer does not fit this dtype: NumPy still compares arrays with it."""
    if number_of(a) is None or not a.weak or dtype.kind != "i" or a.dtype.kind != "i":
        return False
    return int(dtype.type(number_of(a))) != int(number_of(a))


def number_of(a: Value) -> Any:
    return a.params.get("number") if a.op == "constant" else None


def simpler(low: Maker, made: Value) -> Value:
    """Drop a multiplication by one, and the like: exact for every number, NaN and Inf too."""
    if made.op in ("multiply", "divide", "subtract", "add") and made.dtype.kind == "f":
        x, y = made.args
        neutral = 1 if made.op in ("multiply", "divide") else 0
        if number_of(y) is not None and number_of(y) == neutral and not (made.op == "add" or np.signbit(number_of(y))):
            return _as_shape(low, x, made.shape)
        if made.op == "multiply" and number_of(x) is not None and number_of(x) == 1:
            return _as_shape(low, y, made.shape)
    if made.op == "negative" and made.args[0].op == "negative":
        return made.args[0].args[0]
    if made.args and all(number_of(a) is not None for a in made.args) and made.op in ("multiply", "negative", "add"):
        numbers = [number_of(a) for a in made.args]
        with np.errstate(all="ignore"):
            result = BLOCK_OF[made.op].forward(np, *numbers)
        return low.constant(result, made.shape, made.dtype)
    return made


def _as_shape(low: Maker, x: Value, shape: tuple[int, ...]) -> Value:
    if x.shape == shape:
        return x
    if number_of(x) is not None:
        return low.constant(number_of(x), shape, x.dtype)
    op = "view" if size_of(x) == math.prod(shape) else "broadcast"
    return low.make(op, [x], shape, x.dtype)


def _entry_by_entry(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _pointwise(low, ENTRY_BY_ENTRY[node.block], node, args)


RULES(*ENTRY_BY_ENTRY)(_entry_by_entry)


@RULES(invert)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    if type(node.value) is int:  # Python's ~True is −2
        return low.make("subtract", [low.constant(-1), as_dtype(low, args[0], np.int64)], (), np.int64, True)
    return _pointwise(low, "logical_not", node, args)


@RULES(product_or_zero)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    made = _pointwise(low, "product_or_zero", node, args)
    if made is None or made.op != "product_or_zero":
        return made
    dz, slope = made.args
    if is_plain_product(dz, slope):
        return low.make("multiply", [dz, slope], made.shape, made.dtype, made.weak)
    factors = numerators(dz)
    if factors is None or not may_overflow(slope):
        return made
    # If dz is 0 because of a division by infinity, the product may be NaN, not 0. Only an exact factor 0 masks it: the
    # product is dz then, which is 0, or NaN where it was divided by 0 too.
    product = low.make("multiply", [dz, slope], made.shape, made.dtype, made.weak)
    for x in factors:
        counts = low.make("not_equal", [x, low.constant(x.dtype.type(0))], x.shape, bool)
        product = low.make("where", [counts, product, dz], made.shape, made.dtype, made.weak)
    return product


@RULES(softplus)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _pointwise(low, "softplus", node, args) if node.params.get("beta", 1.0) == 1 else None


@RULES(power)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = kind_of(node)
    if dtype.kind != "f":
        return None
    exponent = number_of(args[1])
    shape = np.shape(node.value)
    x = as_dtype(low, args[0], dtype)
    if exponent is not None and x.shape == shape:
        weak = _is_weak(node)
        if exponent == 1:
            return x
        if exponent == 2:
            return low.make("square", [x], shape, dtype, weak)
        if exponent == 3:
            return low.make("multiply", [low.make("square", [x], shape, dtype, weak), x], shape, dtype, weak)
        if exponent == -1:
            return low.make("reciprocal", [x], shape, dtype, weak)
        if exponent == 0.5 and not weak:  # √−0 is −0, and Python's (−0.0) ** 0.5 is 0
            return low.make("sqrt", [x], shape, dtype, weak)
    return _pointwise(low, "power", node, args)


@RULES(positive_, stop_gradient)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return args[0]


@RULES(numpy_number)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return low.make("cast", args, (), kind_of(node))


@RULES(clip)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype, shape = kind_of(node), np.shape(node.value)
    if dtype.kind != "f":
        return None
    x, below, above = (as_dtype(low, a, dtype) for a in args)
    return low.make("minimum", [low.make("maximum", [x, below], shape, dtype), above], shape, dtype)


@RULES(cast, cast_to_integer)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = kind_of(node)
    if dtype.kind in "ib" and args[0].dtype.kind == "f":
        return None  # left to NumPy: its results for NaN and numbers out of range
    if dtype.kind == "b" and args[0].dtype.kind != "b":
        return low.make("not_equal", [args[0], low.constant(args[0].dtype.type(0))], np.shape(node.value), dtype)
    return as_dtype(low, args[0], dtype)


@RULES(copy)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return args[0]  # a value is never overwritten while another step reads it


# Along an axis -------------------------------------------------------------------------------------------------


@RULES(cumsum, cumprod)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype, shape = kind_of(node), np.shape(node.value)
    x, axis = as_dtype(low, args[0], dtype), node.params["axis"] % len(shape)
    how = operator.add if node.block is cumsum else operator.mul
    return x if size_of(x) == 0 or shape[axis] == 1 else low.make("accumulate", [x], shape, dtype, axis=axis, how=how)


# Shapes --------------------------------------------------------------------------------------------------------


@RULES(reshape)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return reshaped(low, args[0], np.shape(node.value))


def reshaped(low: Maker, x: Value, shape: tuple[int, ...]) -> Value:
    if x.shape == shape:
        return x
    if number_of(x) is not None:
        return low.constant(number_of(x), shape, x.dtype)
    if x.op in ("view", "reshape"):
        return reshaped(low, x.args[0], shape)
    if x.op == "transpose" and (turned := _turned_reshape(low, x, shape)) is not None:
        return turned
    same = tuple(n for n in x.shape if n != 1) == tuple(n for n in shape if n != 1)
    in_kernel = x.op in KERNEL_OPS or x.op in REDUCTIONS
    return low.make("view" if same and (in_kernel or not x.shape) else "reshape", [x], shape, x.dtype)


def _turned_reshape(low: Maker, x: Value, shape: tuple[int, ...]) -> Value | None:
    """The reshape of a transpose as a transpose of a reshape, if the merged axes are contiguous in memory."""
    order, parts = x.params["order"], _parts(x.shape, shape)
    memory: list[tuple[list[int], list[int]]] = []  # for each part its axes before and after
    for before, after in parts:
        places = [order[a] for a in before if x.shape[a] != 1]
        if places and places != [a for a in range(min(places), max(places) + 1) if x.args[0].shape[a] != 1]:
            return None
        memory.append((places, after))
    # parts in memory order; those of length 1 go last
    placed = sorted(range(len(parts)), key=lambda i: (memory[i][0] or [len(order)], i))
    new = [a for i in placed for a in memory[i][1]]
    made = reshaped(low, x.args[0], tuple(shape[a] for a in new))
    return transposed(low, made, tuple(new.index(a) for a in range(len(shape))))


def _parts(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes, split into as many parts as possible of equal size before and after."""
    ends = [list(itertools.accumulate(shape, operator.mul)) for shape in (before, after)]
    cuts = sorted(set(ends[0]) & set(ends[1]))

    def axes(of: list[int], low: int, high: int) -> list[int]:
        return [a for a, end in enumerate(of) if low < end <= high]

    return [(axes(ends[0], low, high), axes(ends[1], low, high)) for low, high in itertools.pairwise([0, *cuts])]


@RULES(transpose)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return transposed(low, args[0], tuple(a + len(args[0].shape) for a in node.params["axes"]))


def transposed(low: Maker, x: Value, order: tuple[int, ...]) -> Value:
    """x with its axes in another order: axis j of the result is axis order[j] of x."""
    if x.op == "transpose":
        order, x = tuple(x.params["order"][i] for i in order), x.args[0]
    shape = tuple(x.shape[a] for a in order)
    if number_of(x) is not None:
        return low.constant(number_of(x), shape, x.dtype)
    if order == tuple(range(len(order))):
        return x
    if [a for a in order if x.shape[a] != 1] == [a for a in range(len(order)) if x.shape[a] != 1]:
        return reshaped(low, x, shape)
    return low.make("transpose", [x], shape, x.dtype, order=order)


@RULES(broadcast_to)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _as_shape(low, args[0], np.shape(node.value))


@RULES(flip)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    (x,), axes = args, node.params["axis"]
    if number_of(x) is not None:
        return x
    every = range(len(x.shape)) if axes is None else np.atleast_1d(axes) % max(len(x.shape), 1)
    key = tuple(slice(None, None, -1) if a in every else slice(None) for a in range(len(x.shape)))
    return low.make("slice", [x], x.shape, x.dtype, key=key)


@RULES(roll)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """The last entries of an axis, then the others."""
    x = args[0]
    for shift, axis in zip(node.params["shift"], node.params["axis"], strict=True):
        n, before = x.shape[axis], (slice(None),) * (axis % len(x.shape))
        if shift % n and number_of(x) is None:
            cut = n - shift % n
            ends = (slice(cut, n), cut, n), (slice(0, cut), 0, cut)
            parts = [_cut(low, x, (*before, part), axis % len(x.shape), stop - start) for part, start, stop in ends]
            x = low.make("concatenate", parts, x.shape, x.dtype, axis=axis % len(x.shape))
    return x


def _cut(low: Maker, x: Value, key: tuple[slice, ...], axis: int, length: int) -> Value:
    shape = (*x.shape[:axis], length, *x.shape[axis + 1 :])
    return low.make("slice", [x], shape, x.dtype, key=(*key, *[slice(None)] * (len(shape) - len(key))))


@RULES(concatenate, stack)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    shape, dtype = np.shape(node.value), kind_of(node)
    axis = node.params["axis"] + len(shape)
    args = [as_dtype(low, a, dtype) for a in args]
    if node.block is stack:
        args = [reshaped(low, a, (*a.shape[:axis], 1, *a.shape[axis:])) for a in args]
    return low.make("concatenate", args, shape, dtype, axis=axis)
