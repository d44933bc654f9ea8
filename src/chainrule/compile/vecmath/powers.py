"""Roots: cbrt and hypot."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.exponentials import ROUND64, power_of_2_64
from chainrule.compile.vecmath.intrinsics import bits64, exact, from_bits64, maximum, minimum, of_both, select
from chainrule.compile.vecmath.logarithms import split64

__all__ = ["cbrt", "hypot"]


@exact
def hypot64(x, y):
    a, b = abs(x), abs(y)
    large, small = maximum(a, b), minimum(a, b)
    r = small / select(large == 0.0, 1.0, large)
    z = select(large == 0.0, 0.0, large * math.sqrt(1.0 + r * r))
    return select((a == math.inf) | (b == math.inf), math.inf, z)


@exact
def cbrt64(x):
    """x = w 2^3q; Halley's iteration twice, for the cube root of w between 0.35 and 2.83."""
    y = abs(x)
    bits, k = split64(y)
    t = k * (1 / 3) + ROUND64
    q = bits64(t) - bits64(ROUND64)
    rest = bits64((k - 3.0 * (t - ROUND64)) + ROUND64) - bits64(ROUND64)
    w = from_bits64(bits) * power_of_2_64(rest)
    c = ((0.032712 * w - 0.225579) * w + 0.704830) * w + 0.489440
    cube = c * c * c
    c = c - c * ((cube - w) / (2.0 * cube + w))
    cube = c * c * c
    c = c - c * ((cube - w) / (2.0 * cube + w))
    z = c * power_of_2_64(q)
    return select((y > 0.0) & (y < math.inf), math.copysign(z, x), x)


cbrt = of_both("cbrt", cbrt64)
hypot = of_both("hypot", hypot64)
