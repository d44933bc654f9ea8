"""arcsin, arccos, arctan and arctan2: minimax polynomials near 0, and identities that lead there."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.intrinsics import exact, maximum, of_both, select

__all__ = ["arccos", "arcsin", "arctan", "arctan2"]

QUARTER_PI, QUARTER_PI_LOW = 0.7853981633974483, 3.061616997868383e-17


@exact
def arcsin_series64(z):
    """(arcsin(s) − s) / s³ with z = s², up to s = 1/2: minimax, by tools/minimax.py."""
    p = 0.032653687081578564
    p = p * z - 0.021038124622195287
    p = p * z + 0.021734317073036465
    p = p * z + 0.0036956733813436407
    p = p * z + 0.01078301118042568
    p = p * z + 0.011398435461449526
    p = p * z + 0.013980876876400903
    p = p * z + 0.017351607482775297
    p = p * z + 0.02237221523015145
    p = p * z + 0.030381942699534342
    p = p * z + 0.04464285717477623
    p = p * z + 0.07499999999970636
    p = p * z + 0.1666666666666676
    return p


@exact
def arcsin_part64(y):
    """arcsin(y) up to y = 1/2; above it arcsin √((1 − y)/2), which is (π/2 − arcsin y)/2."""
    big = y > 0.5
    z = select(big, 0.5 * (1.0 - y), y * y)
    s = select(big, math.sqrt(z), y)
    return s + s * (z * arcsin_series64(z))


@exact
def arcsin64(x):
    y = abs(x)
    r = arcsin_part64(y)
    return math.copysign(select(y > 0.5, 2.0 * QUARTER_PI - 2.0 * (r - QUARTER_PI_LOW), r), x)


@exact
def arccos64(x):
    y = abs(x)
    r = arcsin_part64(y)
    big = select(x > 0.0, 2.0 * r, 4.0 * QUARTER_PI - 2.0 * (r - 2.0 * QUARTER_PI_LOW))
    return select(y > 0.5, big, 2.0 * QUARTER_PI - (math.copysign(r, x) - 2.0 * QUARTER_PI_LOW))


@exact
def arctan_series64(z):
    """(arctan(t) − t) / t³ with z = t², up to t = tan(π/8): minimax, by tools/minimax.py."""
    p = 0.015191762764905864
    p = p * z - 0.03347051241309051
    p = p * z + 0.04503351593076481
    p = p * z - 0.05218348086210488
    p = p * z + 0.05877011745333944
    p = p * z - 0.06666225583621836
    p = p * z + 0.07692282668146815
    p = p * z - 0.09090908139984087
    p = p * z + 0.11111111088035154
    p = p * z - 0.14285714285385423
    p = p * z + 0.19999999999997645
    p = p * z - 0.33333333333333326
    return p


@exact
def arctan_of_quotient64(a, b):
    """arctan(a / b) of two numbers that are not negative, by one division."""
    swapped = a > b
    small, large = select(swapped, b, a), select(swapped, a, b)
    shifted = small > 0.41421356237309503 * large  # arctan(s / l) = π/4 + arctan((s − l) / (s + l))
    t = select(shifted, small - large, small) / select(shifted, small + large, large)
    z = t * t
    r = t + t * (z * arctan_series64(z))
    r = select(shifted, QUARTER_PI + (r + QUARTER_PI_LOW), r)
    return select(swapped, 2.0 * QUARTER_PI - (r - 2.0 * QUARTER_PI_LOW), r)


@exact
def arctan64(x):
    return math.copysign(arctan_of_quotient64(abs(x), 1.0), x)


@exact
def arctan2_64(y, x):
    a, b = abs(y), abs(x)
    scale = select(maximum(a, b) > 1e300, 2.0**-600, 1.0)  # a sum may be too large
    a, b = scale * a, scale * b
    infinite = maximum(a, b) == math.inf
    a = select(infinite, select(a == math.inf, 1.0, 0.0), a)
    b = select(infinite, select(b == math.inf, 1.0, 0.0), b)
    r = arctan_of_quotient64(a, select(maximum(a, b) == 0.0, 1.0, b))
    r = select(math.copysign(1.0, x) < 0.0, 4.0 * QUARTER_PI - (r - 4.0 * QUARTER_PI_LOW), r)
    return math.copysign(r, y)


arcsin = of_both("arcsin", arcsin64)
arccos = of_both("arccos", arccos64)
arctan = of_both("arctan", arctan64)
arctan2 = of_both("arctan2", arctan2_64)
