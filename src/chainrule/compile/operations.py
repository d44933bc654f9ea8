"""The operations of kernels on one entry: which blocks they are, and how they are written in compiled code.

`{T}` stands for the dtype of the result. Where NumPy's result at NaN, Inf or 0 differs from that of the plain operator,
the text says it NumPy's way.
"""

from __future__ import annotations

import numpy as np

from chainrule.block import Block
from chainrule.blocks import activations
from chainrule.blocks import elementwise as ufuncs
from chainrule.blocks.special.error_functions import erf, erfc
from chainrule.compile.values import KERNEL_OPS

__all__ = ["BLOCK_OF", "CHEAP", "ENTRY_BY_ENTRY", "FLOAT_ONLY", "text_of"]

KERNEL_OPS.update(
    add="({0} + {1})",
    subtract="({0} - {1})",
    multiply="({0} * {1})",
    divide="({0} / {1})",
    negative="(-{0})",
    square="({0} * {0})",
    reciprocal="({T}(1) / {0})",
    sqrt="math.sqrt({0})",
    absolute="abs({0})",
    maximum="vm.maximum({0}, {1})",
    minimum="vm.minimum({0}, {1})",
    fmax="vm.select({1} != {1}, {0}, vm.select({0} != {0}, {1}, vm.maximum({0}, {1})))",
    fmin="vm.select({1} != {1}, {0}, vm.select({0} != {0}, {1}, vm.minimum({0}, {1})))",
    copysign="{T}(math.copysign({0}, {1}))",
    relu="vm.select({0} <= {T}(0), {T}(0), {0})",
    where="vm.select({0}, {1}, {2})",
    product_or_zero="vm.product_or_zero({0}, {1})",
    exp="vm.exp({0})",
    expm1="vm.expm1({0})",
    log="vm.log({0})",
    log1p="vm.log1p({0})",
    tanh="vm.tanh({0})",
    sigmoid="vm.sigmoid({0})",
    softplus="vm.softplus({0})",
    logaddexp="vm.logaddexp({0}, {1})",
    exp2="vm.exp2({0})",
    log2="vm.log2({0})",
    log10="vm.log10({0})",
    sin="vm.sin({0})",
    cos="vm.cos({0})",
    tan="vm.tan({0})",
    arcsin="vm.arcsin({0})",
    arccos="vm.arccos({0})",
    arctan="vm.arctan({0})",
    arctan2="vm.arctan2({0}, {1})",
    sinh="vm.sinh({0})",
    cosh="vm.cosh({0})",
    arcsinh="vm.arcsinh({0})",
    arccosh="vm.arccosh({0})",
    arctanh="vm.arctanh({0})",
    hypot="vm.hypot({0}, {1})",
    erf="vm.erf({0})",
    cbrt="vm.cbrt({0})",
    erfc="vm.erfc({0})",
    ndtr="vm.ndtr({0})",
    power="vm.power({0}, {1})",
    sign="vm.select({0} > {T}(0), {T}(1), vm.select({0} < {T}(0), {T}(-1), {0} * {T}(0)))",
    floor="{T}(np.floor({0}))",
    ceil="{T}(np.ceil({0}))",
    trunc="{T}(np.trunc({0}))",
    rint="{T}(np.rint({0}))",
    less="({0} < {1})",
    less_equal="({0} <= {1})",
    greater="({0} > {1})",
    greater_equal="({0} >= {1})",
    equal="({0} == {1})",
    not_equal="({0} != {1})",
    isnan="({0} != {0})",
    isfinite="(abs({0}) < np.inf)",
    isinf="(abs({0}) == np.inf)",
    logical_and="({0} & {1})",
    logical_or="({0} | {1})",
    logical_not="(not {0})",
    cast="{T}({0})",
    view="{0}",
    transpose="{0}",
    broadcast="{0}",
    one_hot="",
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
    activations.relu: "relu",
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
    ufuncs.arctan2: "arctan2",
    ufuncs.sinh: "sinh",
    ufuncs.cosh: "cosh",
    ufuncs.arcsinh: "arcsinh",
    ufuncs.arccosh: "arccosh",
    ufuncs.arctanh: "arctanh",
    ufuncs.hypot: "hypot",
    erf: "erf",
    ufuncs.cbrt: "cbrt",
    erfc: "erfc",
    activations.ndtr: "ndtr",
    ufuncs.sign: "sign",
    ufuncs.floor: "floor",
    ufuncs.ceil: "ceil",
    ufuncs.trunc: "trunc",
    ufuncs.rint: "rint",
    ufuncs.less: "less",
    ufuncs.less_equal: "less_equal",
    ufuncs.greater: "greater",
    ufuncs.greater_equal: "greater_equal",
    ufuncs.equal: "equal",
    ufuncs.not_equal: "not_equal",
    ufuncs.isnan: "isnan",
    ufuncs.isfinite: "isfinite",
    ufuncs.isinf: "isinf",
    ufuncs.logical_and: "logical_and",
    ufuncs.logical_or: "logical_or",
    ufuncs.logical_not: "logical_not",
    ufuncs.bitwise_and: "logical_and",
    ufuncs.bitwise_or: "logical_or",
}
"""The blocks that are one operation on each entry."""

BLOCK_OF: dict[str, Block] = {op: block for block, op in reversed(ENTRY_BY_ENTRY.items())}
"""The block that an operation on each entry is; of truths the logical one."""

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
"""What is computed anew rather than stored and read again."""

COMPUTED = frozenset(map(np.dtype, [np.float32, np.float64, np.int32, np.int64, np.bool_]))
"""The dtypes of which kernels compute."""


def text_of(dtype: np.dtype) -> str:
    return f"np.{np.dtype(dtype).name}" if np.dtype(dtype) != np.bool_ else "bool"
