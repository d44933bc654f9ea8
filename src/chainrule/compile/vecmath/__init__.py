"""Elementary functions that LLVM vectorises: polynomials after a range reduction, and bit casts for powers of two.

A call of the C library inside a loop keeps the loop scalar. These have no branches and no calls, are within 4 units in
the last place, and right at NaN, ±Inf, ±0 and denormals. They are compiled without reassociation, because the range
reductions depend on the order of their additions. Each family has a file; `intrinsics` has their basic operations.

Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980): range reductions; J.-M. Muller,
Elementary functions (3rd edition, 2016), chapters 3 and 11: minimax polynomials, log by atanh; W. Kahan's log1p.
"""

from __future__ import annotations

from chainrule.compile.vecmath.activations import logaddexp, product_or_zero, sigmoid, softplus
from chainrule.compile.vecmath.error_functions import erf, erfc, ndtr
from chainrule.compile.vecmath.exponentials import exp, exp2, expm1
from chainrule.compile.vecmath.hyperbolic import arccosh, arcsinh, arctanh, cosh, sinh, tanh
from chainrule.compile.vecmath.intrinsics import finish, maximum, minimum, piece_of, select, take, whole
from chainrule.compile.vecmath.inverse_trigonometric import arccos, arcsin, arctan, arctan2
from chainrule.compile.vecmath.logarithms import log, log1p, log2, log10
from chainrule.compile.vecmath.powers import cbrt, hypot, power
from chainrule.compile.vecmath.trigonometric import cos, sin, tan

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "exp",
    "exp2",
    "expm1",
    "finish",
    "hypot",
    "log",
    "log1p",
    "log2",
    "log10",
    "logaddexp",
    "maximum",
    "minimum",
    "ndtr",
    "piece_of",
    "power",
    "product_or_zero",
    "select",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "take",
    "tan",
    "tanh",
    "whole",
]
