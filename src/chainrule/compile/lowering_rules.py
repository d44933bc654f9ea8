"""Rules: what each block is in the operations of kernels, products and copies.

A rule returns None where a block, or the way it is called, has no such form; it is then expanded, or stays a call.
"""

from __future__ import annotations

import itertools
import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.backward import numpy_number
from chainrule.block import Block, product_or_zero
from chainrule.blocks import integers
from chainrule.blocks.activations import softplus
from chainrule.blocks.elementwise import clip, invert, positive_, power
from chainrule.blocks.indexing import add_at, getitem, set_at
from chainrule.blocks.integers import gather, labels_fit, one_hot_rows, scatter
from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.reductions import all_, any_, max_, mean, min_
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import (
    broadcast_to,
    cast,
    cast_to_integer,
    concatenate,
    reshape,
    stack,
    transpose,
)
from chainrule.compile.bounds import is_plain_product, may_overflow, numerators
from chainrule.compile.making import Maker
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

__all__ = ["RULES", "LoweringRule", "reshaped", "transposed", "untransposed"]

LoweringRule = Callable[[Maker, Node, list[Value]], Value | None]
RULES: dict[Block, LoweringRule] = {}


def rule(*blocks: Block) -> Callable[[LoweringRule], LoweringRule]:
    """Decorator: what these blocks are."""

    def register(function: LoweringRule) -> LoweringRule:
        RULES.update(dict.fromkeys(blocks, function))
        return function

    return register


# Entry by entry ------------------------------------------------------------------------------------------------


def _kind_of(node: Node) -> np.dtype:
    return np.asarray(node.value).dtype


def _is_weak(node: Node) -> bool:
    return type(node.value) in (int, float, bool)


def _cast(low: Maker, x: Value, dtype: Any) -> Value:
    dtype = np.dtype(dtype)
    if x.dtype == dtype:
        return x
    if x.op == "constant" and "number" in x.params:
        return low.constant(dtype.type(x.params["number"]), x.shape, dtype) if not x.shape else _filled(low, x, dtype)
    if x.op == "transpose":
        return transposed(low, _cast(low, x.args[0], dtype), x.params["order"])
    return low.make("cast", [x], x.shape, dtype)


def _filled(low: Maker, x: Value, dtype: np.dtype) -> Value:
    return low.constant(dtype.type(x.params["number"]), x.shape, dtype)


def _pointwise(low: Maker, op: str, node: Node, args: list[Value]) -> Value | None:
    dtype = _kind_of(node)
    if op in FLOAT_ONLY and dtype.kind != "f":
        return None
    if op in ON_INTEGERS and dtype.kind == "b" and op not in ("where", "cast", "view"):
        return None
    if op in COMPARISONS:
        kinds = [_representative(a) for a in args]
        common = np.result_type(*kinds) if len(kinds) > 1 else args[0].dtype
        if common.kind == "b" or common not in COMPUTED or any(_is_beyond(a, common) for a in args):
            return None
        args = [_cast(low, a, common) for a in args]
    elif op in LOGICAL:
        if any(a.dtype != bool for a in args):
            return None
    elif op == "where":
        condition = args[0] if args[0].dtype == bool else None
        if condition is None:
            return None
        args = [condition, *(_cast(low, a, dtype) for a in args[1:])]
    elif op != "cast":
        args = [_cast(low, a, dtype) for a in args]
    shape = np.shape(node.value)
    if (turned := _turned_outside(low, op, args, shape, dtype)) is not None:
        return turned
    return _simpler(low, low.make(op, args, shape, dtype, _is_weak(node)))


def _turned_outside(low: Maker, op: str, args: list[Value], shape: tuple[int, ...], dtype: np.dtype) -> Value | None:
    """xᵀ · v as (x · v)ᵀ: the rows of x are then read in order, and a product takes the transpose as it is."""
    orders = {a.params["order"] for a in args if a.op == "transpose" and a.shape == shape}
    if len(orders) != 1:
        return None
    order = orders.pop()
    inner: list[Value] = []
    for a in args:
        if a.op == "transpose" and a.shape == shape:
            inner.append(a.args[0])
        elif _number(a) is not None:
            inner.append(low.constant(_number(a), (), a.dtype))
        elif sum(n != 1 for n in a.shape) <= 1:
            padded = (1,) * (len(shape) - len(a.shape)) + a.shape
            inner.append(reshaped(low, a, tuple(padded[order.index(j)] for j in range(len(shape)))))
        else:
            return None
    made = low.make(op, inner, tuple(shape[order.index(j)] for j in range(len(shape))), dtype)
    return low.make("transpose", [_simpler(low, made)], shape, dtype, order=order)


def _representative(a: Value) -> Any:
    return a.dtype if not a.weak else {"f": 0.0, "i": 0, "b": False}[a.dtype.kind]


def _is_beyond(a: Value, dtype: np.dtype) -> bool:
    """Whether a number of Python is none of this dtype: NumPy compares integers with it all the same."""
    if _number(a) is None or not a.weak or dtype.kind != "i" or a.dtype.kind != "i":
        return False
    return int(dtype.type(_number(a))) != int(_number(a))


def _number(a: Value) -> Any:
    return a.params.get("number") if a.op == "constant" else None


def _simpler(low: Maker, made: Value) -> Value:
    """Multiplying by one, and the like: exact for every number, NaN and Inf too."""
    if made.op in ("multiply", "divide", "subtract", "add") and made.dtype.kind == "f":
        x, y = made.args
        neutral = 1 if made.op in ("multiply", "divide") else 0
        if _number(y) is not None and _number(y) == neutral and not (made.op == "add" or np.signbit(_number(y))):
            return _as_shape(low, x, made.shape)
        if made.op == "multiply" and _number(x) is not None and _number(x) == 1:
            return _as_shape(low, y, made.shape)
    if made.op == "negative" and made.args[0].op == "negative":
        return made.args[0].args[0]
    if made.args and all(_number(a) is not None for a in made.args) and made.op in ("multiply", "negative", "add"):
        numbers = [_number(a) for a in made.args]
        with np.errstate(all="ignore"):
            result = BLOCK_OF[made.op].forward(np, *numbers)
        return low.constant(result, made.shape, made.dtype)
    return made


def _as_shape(low: Maker, x: Value, shape: tuple[int, ...]) -> Value:
    if x.shape == shape:
        return x
    if _number(x) is not None:
        return low.constant(_number(x), shape, x.dtype)
    op = "view" if size_of(x) == math.prod(shape) else "broadcast"
    return low.make(op, [x], shape, x.dtype)


def _entry_by_entry(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _pointwise(low, ENTRY_BY_ENTRY[node.block], node, args)


rule(*ENTRY_BY_ENTRY)(_entry_by_entry)


@rule(invert)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    if type(node.value) is int:  # Python's ~True is −2
        return low.make("subtract", [low.constant(-1), _cast(low, args[0], np.int64)], (), np.int64, True)
    return _pointwise(low, "logical_not", node, args)


@rule(product_or_zero)
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
    # Where it is 0 because it was divided by infinity, the product is unknown. Only a factor of 0 masks it.
    product = low.make("multiply", [dz, slope], made.shape, made.dtype, made.weak)
    zero = low.constant(made.dtype.type(0))
    for x in factors:
        counts = low.make("not_equal", [x, low.constant(x.dtype.type(0))], x.shape, bool)
        product = low.make("where", [counts, product, zero], made.shape, made.dtype, made.weak)
    return product


@rule(softplus)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _pointwise(low, "softplus", node, args) if node.params.get("beta", 1.0) == 1 else None


@rule(power)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = _kind_of(node)
    if dtype.kind != "f":
        return None
    exponent = _number(args[1])
    shape = np.shape(node.value)
    x = _cast(low, args[0], dtype)
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


@rule(positive_, stop_gradient)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return args[0]


@rule(numpy_number)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return low.make("cast", args, (), _kind_of(node))


@rule(clip)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype, shape = _kind_of(node), np.shape(node.value)
    if dtype.kind != "f":
        return None
    x, below, above = (_cast(low, a, dtype) for a in args)
    return low.make("minimum", [low.make("maximum", [x, below], shape, dtype), above], shape, dtype)


@rule(cast, cast_to_integer)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = _kind_of(node)
    if dtype.kind in "ib" and args[0].dtype.kind == "f":
        return None  # what NumPy makes of NaN and of numbers that do not fit
    if dtype.kind == "b" and args[0].dtype.kind != "b":
        return low.make("not_equal", [args[0], low.constant(args[0].dtype.type(0))], np.shape(node.value), dtype)
    return _cast(low, args[0], dtype)


# Shapes --------------------------------------------------------------------------------------------------------


@rule(reshape)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return reshaped(low, args[0], np.shape(node.value))


def reshaped(low: Maker, x: Value, shape: tuple[int, ...]) -> Value:
    if x.shape == shape:
        return x
    if _number(x) is not None:
        return low.constant(_number(x), shape, x.dtype)
    if x.op in ("view", "reshape"):
        return reshaped(low, x.args[0], shape)
    if x.op == "transpose" and (turned := _turned_reshape(low, x, shape)) is not None:
        return turned
    same = tuple(n for n in x.shape if n != 1) == tuple(n for n in shape if n != 1)
    in_kernel = x.op in KERNEL_OPS or x.op in REDUCTIONS
    return low.make("view" if same and (in_kernel or not x.shape) else "reshape", [x], shape, x.dtype)


def _turned_reshape(low: Maker, x: Value, shape: tuple[int, ...]) -> Value | None:
    """The reshape of a transpose as a transpose of a reshape, where the axes that are merged lie together in memory."""
    order, parts = x.params["order"], _parts(x.shape, shape)
    memory: list[tuple[list[int], list[int]]] = []  # of each part its axes before, and after
    for before, after in parts:
        places = [order[a] for a in before if x.shape[a] != 1]
        if places and places != [a for a in range(min(places), max(places) + 1) if x.args[0].shape[a] != 1]:
            return None
        memory.append((places, after))
    # parts by where they lie; those of length 1 go last
    placed = sorted(range(len(parts)), key=lambda i: (memory[i][0] or [len(order)], i))
    new = [a for i in placed for a in memory[i][1]]
    made = reshaped(low, x.args[0], tuple(shape[a] for a in new))
    return transposed(low, made, tuple(new.index(a) for a in range(len(shape))))


def _parts(before: tuple[int, ...], after: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The axes of two shapes in as many parts as possible, so that a part has as many entries before as after."""
    ends = [list(itertools.accumulate(shape, operator.mul)) for shape in (before, after)]
    cuts = sorted(set(ends[0]) & set(ends[1]))

    def axes(of: list[int], low: int, high: int) -> list[int]:
        return [a for a, end in enumerate(of) if low < end <= high]

    return [(axes(ends[0], low, high), axes(ends[1], low, high)) for low, high in itertools.pairwise([0, *cuts])]


@rule(transpose)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return transposed(low, args[0], tuple(a + len(args[0].shape) for a in node.params["axes"]))


def transposed(low: Maker, x: Value, order: tuple[int, ...]) -> Value:
    """x with its axes in another order: axis j of the result is axis order[j] of x."""
    if x.op == "transpose":
        order, x = tuple(x.params["order"][i] for i in order), x.args[0]
    shape = tuple(x.shape[a] for a in order)
    if _number(x) is not None:
        return low.constant(_number(x), shape, x.dtype)
    if order == tuple(range(len(order))):
        return x
    if [a for a in order if x.shape[a] != 1] == [a for a in range(len(order)) if x.shape[a] != 1]:
        return reshaped(low, x, shape)
    return low.make("transpose", [x], shape, x.dtype, order=order)


@rule(broadcast_to)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _as_shape(low, args[0], np.shape(node.value))


@rule(getitem)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key = node.params["key"]
    shape = np.shape(node.value)
    if all(part is None or (isinstance(part, slice) and part == slice(None)) for part in key):
        return reshaped(low, args[0], shape)
    if not all(part is None or isinstance(part, slice | int) for part in key):
        return None
    if _number(args[0]) is not None:
        return low.constant(_number(args[0]), shape, args[0].dtype)
    x = args[0]
    rows = all(part == slice(None) for part in key[:-1])
    if type(key[-1]) is int and rows and _is_entry(x, shape):
        label = low.constant(np.int64(key[-1] % x.shape[-1]))
        return low.make("pick", [x, label], shape, x.dtype, axes=(len(x.shape) - 1,))
    return low.make("slice", args, shape, x.dtype, key=key)


def _is_entry(x: Value, shape: tuple[int, ...]) -> bool:
    """Whether a result is one entry of a vector, or of each row of a matrix, with lengths that are not 1."""
    return len(shape) == len(x.shape) - 1 <= 1 and x.shape[-1] > 1 and shape != (1,)


@rule(add_at)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key, shape = node.params["key"], np.shape(node.value)
    if not all(isinstance(part, slice | int) for part in key) or args[0].dtype != _kind_of(node):
        return None
    if not key:
        return args[0]
    if args[0].shape == () and len(shape) == 1 and len(key) == 1 and type(key[0]) is int and shape[0] > 1:
        here = low.make("one_hot", [low.constant(np.int64(key[0] % shape[0]))], shape, bool)
        return low.make("where", [here, args[0], low.constant(args[0].dtype.type(0))], shape, args[0].dtype)
    return low.make("place", args, shape, args[0].dtype, key=key)


@rule(set_at)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    key = node.params["key"]
    if not all(isinstance(part, slice | int) for part in key) or args[0].dtype != _kind_of(node) or not args[0].shape:
        return None
    return low.make("set", [args[0], _cast(low, args[1], args[0].dtype)], np.shape(node.value), args[0].dtype, key=key)


@rule(concatenate, stack)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    shape, dtype = np.shape(node.value), _kind_of(node)
    axis = node.params["axis"] + len(shape)
    args = [_cast(low, a, dtype) for a in args]
    if node.block is stack:
        args = [reshaped(low, a, (*a.shape[:axis], 1, *a.shape[axis:])) for a in args]
    return low.make("concatenate", args, shape, dtype, axis=axis)


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
    if _number(x) is not None and op in ("max", "min"):
        return low.constant(_number(x), shape, x.dtype)
    if x.op == "transpose":  # what is kept must come out in its order
        order = x.params["order"]
        rest = [order[a] for a in range(len(order)) if a not in axes]
        if rest == sorted(rest):
            return reduced(low, op, x.args[0], tuple(sorted(order[a] for a in axes)), shape)
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    return reshaped(low, low.make(op, [x], kept, x.dtype, axes=axes), shape)


@rule(sum_, max_, min_, all_, any_)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _reduction(low, REDUCTION[node.block], node, args[0])


REDUCTION = {sum_: "sum", max_: "max", min_: "min", all_: "all", any_: "any"}


def _reduction(low: Maker, op: str, node: Node, x: Value) -> Value | None:
    dtype = _kind_of(node)
    if (dtype.kind == "b" and op in ("max", "min", "sum")) or (op in ("all", "any") and x.dtype != bool):
        return None
    x = _cast(low, x, dtype)
    return reduced(low, op, x, _reduced_axes(node, x), np.shape(node.value))


@rule(mean)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    x, dtype = args[0], _kind_of(node)
    total = _reduction(low, "sum", node, x) if dtype.kind == "f" else None
    n = math.prod(x.shape[a] for a in _reduced_axes(node, x))
    if total is None or n == 1:
        return total
    return low.make("divide", [total, low.constant(dtype.type(n), (), dtype)], total.shape, dtype)


@rule(outer)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype, shape = _kind_of(node), np.shape(node.value)
    if dtype.kind != "f":
        return None
    x, y = (_cast(low, a, dtype) for a in args)
    x = reshaped(low, x, (*x.shape, 1))
    y = reshaped(low, y, (*y.shape[:-1], 1, y.shape[-1]))
    return _simpler(low, low.make("multiply", [x, y], shape, dtype))


@rule(matmul)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    dtype = _kind_of(node)
    if dtype.kind != "f":
        return None
    x, y = (_cast(low, a, dtype) for a in args)
    x, turned_x = untransposed(low, x)
    y, turned_y = untransposed(low, y)
    shape = np.shape(node.value)
    if turned_y and (turned_x or _has_positions(y)):  # x @ y as (yᵀ @ xᵀ)ᵀ
        n = len(shape)
        made = _product(low, y, x, (*shape[:-2], shape[-1], shape[-2]), not turned_y, not turned_x)
        return transposed(low, made, (*range(n - 2), n - 1, n - 2))
    return _product(low, x, y, shape, turned_x, turned_y)


def _product(low: Maker, x: Value, y: Value, shape: tuple[int, ...], turned_x: bool, turned_y: bool) -> Value:
    """A product; leading axes of length 1 are left out."""
    if len(shape) > 2 and math.prod(shape[:-2]) == 1:
        x, y = (reshaped(low, a, a.shape[-2:]) for a in (x, y))
        return reshaped(low, _product(low, x, y, shape[-2:], turned_x, turned_y), shape)
    return low.make("matmul", [x, y], shape, x.dtype, turned=(turned_x, turned_y))


def _has_positions(x: Value) -> bool:
    """Whether a matrix has the positions of a convolution as its rows, so that the result should have them too."""
    while x.op in ("view", "reshape"):
        x = x.args[0]
    return x.op == "columns"


def untransposed(low: Maker, x: Value) -> tuple[Value, bool]:
    """A transposed matrix is read the other way round by the product itself."""
    if x.op == "transpose" and len(x.shape) >= 2:
        n, order = len(x.shape), x.params["order"]
        wanted = (*range(n - 2), n - 1, n - 2)  # of the axes of x, in the order in which they lie in memory
        lies = sorted(range(n), key=lambda a: order[a])
        if [a for a in lies if x.shape[a] != 1] == [a for a in wanted if x.shape[a] != 1]:
            return reshaped(low, x.args[0], tuple(x.shape[a] for a in wanted)), True
    return x, False


# Labels that are known only at run time ------------------------------------------------------------------------


@rule(gather)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """One entry of each row, by its label: x[arange(N), label], or x[label] of a vector."""
    x, key = args[0], node.params["key"]
    if len(args) != 2 or args[1].dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or x.shape[-1:] == (1,):
        return None
    if len(x.shape) == 1 and len(key) == 1 and args[1].shape == () and _are_labels(low, node, args[1], x.shape[0]):
        return low.make("pick", args, (), x.dtype, axes=(0,))
    if len(x.shape) == 2 and len(key) == 2 and isinstance(key[0], np.ndarray) and type(key[1]) is integers.Slot:
        rows = x.shape[0]
        in_order = key[0].shape == (rows,) == args[1].shape and np.array_equal(key[0], np.arange(rows))
        if in_order and rows > 1 and _are_labels(low, node, args[1], x.shape[1]):
            return low.make("pick", args, (rows,), x.dtype, axes=(1,))
    return None


@rule(scatter)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """A number in each row, at its label."""
    v, key, shape = args[0], node.params["key"], np.shape(node.value)
    if len(args) != 2 or args[1].dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or shape[-1] == 1:
        return None
    if node.params["shape"] != shape or len(shape) > 2 or not (args[1].shape == v.shape == shape[:-1]):
        return None
    if len(key) != len(shape) or type(key[-1]) is not integers.Slot or shape[0] == 1:
        return None
    if len(shape) == 2 and not (isinstance(key[0], np.ndarray) and np.array_equal(key[0], np.arange(shape[0]))):
        return None
    if not _are_labels(low, node, args[1], shape[-1]):
        return None
    if _number(v) == 1:
        return low.make("one_hot", [args[1]], shape, v.dtype)
    here = low.make("one_hot", [args[1]], shape, bool)
    zero = low.constant(v.dtype.type(0))
    return low.make("where", [here, reshaped(low, v, (*v.shape, 1)) if v.shape else v, zero], shape, v.dtype)


def _are_labels(low: Maker, node: Node, label: Value, classes: int) -> bool:
    """Whether all indices are between 0 and classes − 1, as they are from now on: others are another path.

    An index that counts from the end, or beyond it, is NumPy's business.
    """
    found = node.inputs[1].value if type(node.inputs[1]) is Node else node.inputs[1]
    if not np.all((found >= 0) & (found < classes)):
        return False
    low.guard(_fit(low, label, classes), "truth", True)
    return True


def _fit(low: Maker, label: Value, classes: int, ignored: int | None = None) -> Value:
    """Whether all labels are between 0 and classes − 1, or that of the ignored rows."""
    low_enough = low.make("less", [label, low.constant(label.dtype.type(classes))], label.shape, bool)
    not_negative = low.make("greater_equal", [label, low.constant(label.dtype.type(0))], label.shape, bool)
    fits = low.make("logical_and", [not_negative, low_enough], label.shape, bool)
    if ignored is not None:
        is_ignored = low.make("equal", [label, low.constant(label.dtype.type(ignored))], label.shape, bool)
        fits = low.make("logical_or", [fits, is_ignored], label.shape, bool)
    return reduced(low, "all", fits, tuple(range(len(label.shape))), ())


@rule(one_hot_rows)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    label = args[0]
    if label.dtype not in (np.dtype(np.int64), np.dtype(np.int32)) or np.shape(node.value)[-1] == 1:
        return None
    return low.make("one_hot", [label], np.shape(node.value), _kind_of(node))


@rule(labels_fit)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    label = args[0]
    if label.dtype not in (np.dtype(np.int64), np.dtype(np.int32)):
        return None
    return _fit(low, label, node.params["classes"], node.params["ignored"])
