"""Sigmoid, softplus and logaddexp, which do not overflow, and the masked product of gradients."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from chainrule.compile.vecmath.exponentials import exp32, exp64
from chainrule.compile.vecmath.intrinsics import exact, f32, maximum, of_both, select
from chainrule.compile.vecmath.logarithms import log1p_32, log1p_64

__all__ = ["logaddexp", "product_or_zero", "sigmoid", "softplus"]


@exact
def product_or_zero64(dz, slope):
    """dz · slope; where dz is 0 the result is 0, even if the slope is infinite or NaN."""
    return select(dz == 0.0, dz, dz * slope)


@exact
def product_or_zero32(dz, slope):
    return select(dz == f32(0.0), dz, dz * slope)


@exact
def sigmoid64(x):
    e = exp64(-abs(x))
    return select(x >= 0.0, 1.0, e) / (1.0 + e)


@exact
def sigmoid32(x):
    e = exp32(-abs(x))
    return select(x >= f32(0.0), f32(1.0), e) / (f32(1.0) + e)


@exact
def softplus64(x):
    return maximum(x, 0.0) + log1p_64(exp64(-abs(x)))


@exact
def softplus32(x):
    return maximum(x, f32(0.0)) + log1p_32(exp32(-abs(x)))


@exact
def logaddexp64(x, y):
    """max(x, y) + log(1 + e^(−|x − y|)). The difference of equal numbers is set to 0, because ∞ − ∞ would be NaN."""
    return maximum(x, y) + log1p_64(exp64(-abs(select(x == y, 0.0, x - y))))


@exact
def logaddexp32(x, y):
    return maximum(x, y) + log1p_32(exp32(-abs(select(x == y, f32(0.0), x - y))))


sigmoid = of_both("sigmoid", sigmoid64, sigmoid32)
product_or_zero = of_both("product_or_zero", product_or_zero64, product_or_zero32)
logaddexp = of_both("logaddexp", logaddexp64, logaddexp32)
softplus = of_both("softplus", softplus64, softplus32)
