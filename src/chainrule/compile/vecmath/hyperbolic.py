"""The hyperbolic functions by e^x − 1, and their inverses by log1p."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.exponentials import LOG2E, ROUND32, expm1_near_0_64, power_of_2_64, reduced64
from chainrule.compile.vecmath.intrinsics import bits32, exact, f32, from_bits32, i32, i64, of_both, select
from chainrule.compile.vecmath.logarithms import log1p_64

__all__ = ["arccosh", "arcsinh", "arctanh", "cosh", "sinh", "tanh"]


@exact
def tanh64(x):
    y = -2.0 * abs(x)
    k, r = reduced64(select(y < -40.0, -40.0, y))
    scale = power_of_2_64(k)
    t = scale * expm1_near_0_64(r) + (scale - 1.0)  # e^y − 1
    return math.copysign(t / (t + 2.0), x)


@exact
def tanh32(x):
    """h / (h + 1) with h = (e^2x − 1) / 2, and x = k ln 2 / 2 + r."""
    y = select(x < f32(-10.0), f32(-10.0), x)
    y = select(y > f32(10.0), f32(10.0), y)
    t = y * f32(2 * LOG2E) + ROUND32
    r = y - (t - ROUND32) * f32(math.log(2) / 2)
    p = (f32(0.044426411168) * r + f32(0.13386547278784)) * (r * r) + (f32(0.3333375464776) * r + f32(0.666661723868))
    q = ((p * r + f32(0.999999963202)) * r + f32(1.0)) * r  # (e^2r − 1) / 2, and −0 where r is
    scale = from_bits32(i32((bits32(t) << i32(23)) + i32(0x3F800000)))
    h = scale * q - (f32(0.5) - f32(0.5) * scale)
    return h / (h + f32(1.0))


@exact
def sinh64(x):
    """u + u / (2u + 1) with u = (e^|x| − 1) / 2."""
    y = abs(x)
    k, r = reduced64(select(y > 710.5, 710.5, y))
    scale = power_of_2_64(k - i64(2))
    u = 2.0 * (scale * expm1_near_0_64(r) + (scale - 0.25))
    return math.copysign(u + select(u < 1e300, u / (2.0 * u + 1.0), 0.0), x)


@exact
def cosh64(x):
    """a + 1 / 4a with a = e^|x| / 2."""
    y = abs(x)
    k, r = reduced64(select(y > 710.5, 710.5, y))
    a = 2.0 * (power_of_2_64(k - i64(2)) * (1.0 + expm1_near_0_64(r)))
    return a + 0.25 / a


@exact
def arcsinh64(x):
    y = abs(x)
    big = y > 268435456.0  # log 2y, as log1p(y − 1) + log 2
    s = select(big, 1.0, y)
    z = select(big, y - 1.0, s + s * s / (1.0 + math.sqrt(1.0 + s * s)))
    return math.copysign(log1p_64(z) + select(big, 0.6931471805599453, 0.0), x)


@exact
def arccosh64(x):
    big = x > 268435456.0  # log 2x, as log1p(x − 1) + log 2
    t = select(big, 1.0, x - 1.0)
    z = select(big, x - 1.0, t + math.sqrt(2.0 * t + t * t))
    return select(x >= 1.0, log1p_64(z) + select(big, 0.6931471805599453, 0.0), math.nan)


@exact
def arctanh64(x):
    y = abs(x)
    return math.copysign(0.5 * log1p_64(2.0 * y / (1.0 - y)), x)


tanh = of_both("tanh", tanh64, tanh32)
sinh = of_both("sinh", sinh64)
cosh = of_both("cosh", cosh64)
arcsinh = of_both("arcsinh", arcsinh64)
arccosh = of_both("arccosh", arccosh64)
arctanh = of_both("arctanh", arctanh64)
