"""The elementwise operations of kernels, as expressions of compiled code.

Each is a function of its operands and of `T`, which converts a number to the result's dtype. Where NumPy's result at
NaN, Inf or 0 differs from the plain operator, the expression gives NumPy's result.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks import activations, directions, rectifiers
from chainrule.blocks import elementwise as ufuncs
from chainrule.blocks import step_functions as steps
from chainrule.blocks.special.error_functions import erf, erfc
from chainrule.compile.loops import FunctionCall, LoopExpression, Unary, call, kind
from chainrule.compile.values import KERNEL_OPS, VIEWS

__all__ = ["BLOCK_OF", "CHEAP", "ENTRY_BY_ENTRY", "FLOAT_ONLY", "Kind", "entrywise"]

Kind = Callable[[Any], FunctionCall]
"""Converts a number to a dtype."""
Entrywise = Callable[..., LoopExpression]
VECTOR_MATH = (
    "maximum minimum product_or_zero exp expm1 log log1p tanh sigmoid softplus logaddexp exp2 log2 log10 sin cos tan "
    "arcsin arccos arctan arctan2 sinh cosh arcsinh arccosh arctanh hypot erf cbrt erfc ndtr power"
).split()
"""The operations that are functions of `vecmath`."""


def kind_of(dtype: np.dtype) -> Kind:
    name = kind(dtype)
    return lambda x: call(name, x)


def entrywise(op: str, dtype: np.dtype, *operands: LoopExpression) -> LoopExpression:
    """An entry of an operation's result, from the entries of its operands."""
    made = KERNEL_OPS[op](kind_of(dtype), *operands)
    return call(kind(dtype), made) if dtype.kind == "i" and op not in VIEWS | {"cast", "one_hot"} else made


def _select(condition: LoopExpression, x: Any, y: Any) -> LoopExpression:
    return call("vm.select", condition, x, y)


def _beyond(name: str, x: LoopExpression, y: LoopExpression) -> LoopExpression:
    """The maximum or minimum of two numbers; NaN if one is NaN."""
    return _select(y.is_other(y), x, _select(x.is_other(x), y, call(f"vm.{name}", x, y)))


def _sign(T: Kind, x: LoopExpression) -> LoopExpression:
    return _select(x > T(0), T(1), _select(x < T(0), T(-1), x * T(0)))


def _vector_math(name: str) -> Entrywise:
    return lambda T, *operands: call(f"vm.{name}", *operands)


def _rounded(name: str) -> Entrywise:
    return lambda T, x: T(call(f"np.{name}", x))


KERNEL_OPS.update(
    add=lambda T, x, y: x + y,
    subtract=lambda T, x, y: x - y,
    multiply=lambda T, x, y: x * y,
    divide=lambda T, x, y: x / y,
    negative=lambda T, x: -x,
    square=lambda T, x: x * x,
    reciprocal=lambda T, x: T(1) / x,
    sqrt=lambda T, x: call("math.sqrt", x),
    absolute=lambda T, x: call("abs", x),
    fmax=lambda T, x, y: _beyond("maximum", x, y),
    fmin=lambda T, x, y: _beyond("minimum", x, y),
    copysign=lambda T, x, y: T(call("math.copysign", x, y)),
    relu=lambda T, x: _select(x <= T(0), T(0), x),
    where=lambda T, condition, x, y: _select(condition, x, y),
    sign=_sign,
    less=lambda T, x, y: x < y,
    less_equal=lambda T, x, y: x <= y,
    greater=lambda T, x, y: x > y,
    greater_equal=lambda T, x, y: x >= y,
    equal=lambda T, x, y: x.is_equal(y),
    not_equal=lambda T, x, y: x.is_other(y),
    isnan=lambda T, x: x.is_other(x),
    isfinite=lambda T, x: call("abs", x) < np.inf,
    isinf=lambda T, x: call("abs", x).is_equal(np.inf),
    logical_and=lambda T, x, y: x & y,
    logical_or=lambda T, x, y: x | y,
    logical_not=lambda T, x: Unary("not", x),
    cast=lambda T, x: T(x),
    view=lambda T, x: x,
    transpose=lambda T, x: x,
    broadcast=lambda T, x: x,
    one_hot=lambda T, place, label: T(place.is_equal(label)),
    **{name: _rounded(name) for name in "floor ceil trunc rint".split()},
    **{name: _vector_math(name) for name in VECTOR_MATH},
)

ENTRY_BY_ENTRY: dict[Block, str] = {
    ufuncs.add: "add",
    ufuncs.subtract: "subtract",
    ufuncs.multiply: "multiply",
    ufuncs.divide: "divide",
    ufuncs.negative: "negative",
    ufuncs.square: "square",
    ufuncs.reciprocal: "reciprocal",
    ufuncs.sqrt_: "sqrt",
    ufuncs.absolute: "absolute",
    ufuncs.maximum: "maximum",
    ufuncs.minimum: "minimum",
    ufuncs.fmax: "fmax",
    ufuncs.fmin: "fmin",
    ufuncs.copysign: "copysign",
    rectifiers.relu: "relu",
    ufuncs.where: "where",
    ufuncs.exp: "exp",
    ufuncs.expm1: "expm1",
    ufuncs.log: "log",
    ufuncs.log1p: "log1p",
    ufuncs.tanh: "tanh",
    activations.sigmoid: "sigmoid",
    activations.logaddexp: "logaddexp",
    ufuncs.exp2: "exp2",
    ufuncs.log2: "log2",
    ufuncs.log10: "log10",
    ufuncs.sin: "sin",
    ufuncs.cos: "cos",
    ufuncs.tan: "tan",
    ufuncs.arcsin: "arcsin",
    ufuncs.arccos: "arccos",
    ufuncs.arctan: "arctan",
    directions.arctan2: "arctan2",
    ufuncs.sinh: "sinh",
    ufuncs.cosh: "cosh",
    ufuncs.arcsinh: "arcsinh",
    ufuncs.arccosh: "arccosh",
    ufuncs.arctanh: "arctanh",
    directions.hypot: "hypot",
    erf: "erf",
    ufuncs.cbrt: "cbrt",
    erfc: "erfc",
    activations.ndtr: "ndtr",
    steps.sign: "sign",
    steps.floor: "floor",
    steps.ceil: "ceil",
    steps.trunc: "trunc",
    steps.rint: "rint",
    steps.less: "less",
    steps.less_equal: "less_equal",
    steps.greater: "greater",
    steps.greater_equal: "greater_equal",
    steps.equal: "equal",
    steps.not_equal: "not_equal",
    steps.isnan: "isnan",
    steps.isfinite: "isfinite",
    steps.isinf: "isinf",
    steps.logical_and: "logical_and",
    steps.logical_or: "logical_or",
    steps.logical_not: "logical_not",
    steps.bitwise_and: "logical_and",
    steps.bitwise_or: "logical_or",
}
"""The blocks that are one elementwise operation."""

BLOCK_OF: dict[str, Block] = {op: block for block, op in reversed(ENTRY_BY_ENTRY.items())}
"""The block of each elementwise operation; for booleans the logical one."""

COMPARISONS = frozenset("less less_equal greater greater_equal equal not_equal isnan isfinite isinf".split())
LOGICAL = frozenset("logical_and logical_or logical_not".split())
ON_INTEGERS = frozenset("add subtract multiply negative square view transpose broadcast where cast".split())
FLOAT_ONLY = frozenset(KERNEL_OPS) - COMPARISONS - LOGICAL - ON_INTEGERS - {"one_hot"}

CHEAP = (
    COMPARISONS
    | LOGICAL
    | frozenset(
        "add subtract multiply negative square absolute maximum minimum relu where product_or_zero cast view transpose "
        "broadcast one_hot sign".split()
    )
)
"""Operations that are recomputed rather than stored and read again."""

COMPUTED = frozenset(map(np.dtype, [np.float32, np.float64, np.int32, np.int64, np.bool_]))
"""The dtypes that kernels compute with."""
