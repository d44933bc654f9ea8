"""exp, expm1 and exp2: x = k ln 2 + r, a polynomial in r, and 2^k by its bits.

The reduction is Cody and Waite's: k ln 2 is taken away in two parts, of which the first is exact.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

from chainrule.compile.vecmath.intrinsics import (
    bits32,
    bits64,
    exact,
    f32,
    f64,
    from_bits32,
    from_bits64,
    i32,
    i64,
    of_both,
    select,
    shift_right,
)

__all__ = ["exp", "exp2", "expm1"]

LOG2E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
ROUND64, ROUND32 = 6755399441055744.0, f32(12582912.0)  # 1.5 · 2^52 and 1.5 · 2^23: adding one rounds to an integer


@exact
def reduced64(x):
    """k and r with x = k ln 2 + r and |r| ≤ ln 2 / 2; k as an integer and as a number."""
    t = x * LOG2E + ROUND64
    k = t - ROUND64
    return bits64(t) - bits64(ROUND64), (x - k * LN2_HIGH) - k * LN2_LOW


@exact
def expm1_near_0_64(r):
    """e^r − 1 for |r| ≤ 0.35: the Taylor series to r^13."""
    p = 1 / 6227020800.0
    p = p * r + 1 / 479001600.0
    p = p * r + 1 / 39916800.0
    p = p * r + 1 / 3628800.0
    p = p * r + 1 / 362880.0
    p = p * r + 1 / 40320.0
    p = p * r + 1 / 5040.0
    p = p * r + 1 / 720.0
    p = p * r + 1 / 120.0
    p = p * r + 1 / 24.0
    p = p * r + 1 / 6.0
    p = p * r + 0.5
    return p * (r * r) + r


@exact
def power_of_2_64(k):
    return from_bits64((k + i64(1023)) << i64(52))


@exact
def exp64(x):
    x = select(x < -746.0, -746.0, x)
    x = select(x > 710.0, 710.0, x)
    k, r = reduced64(x)
    p = 1.0 + expm1_near_0_64(r)
    half = k >> i64(1)  # in two steps, so that the ends of the range are reached through numbers that exist
    return p * power_of_2_64(half) * power_of_2_64(k - half)


@exact
def expm1_64(x):
    big = select(x > 709.0, 1.0, 0.0)
    y = select(x < -40.0, -40.0, x)
    y = select(y > 709.0, 709.0, y)
    k, r = reduced64(y)
    scale = power_of_2_64(k - i64(1))
    z = 2.0 * (scale * expm1_near_0_64(r) + (scale - 0.5))
    z = select(big == 1.0, exp64(x), z)
    return select(x == 0.0, x, z)


@exact
def exp2_64(x):
    y = select(x < -1080.0, -1080.0, x)
    y = select(y > 1025.0, 1025.0, y)
    t = y + ROUND64
    k = bits64(t) - bits64(ROUND64)
    p = 1.0 + expm1_near_0_64((y - (t - ROUND64)) * 0.6931471805599453)
    half = k >> i64(1)
    return p * power_of_2_64(half) * power_of_2_64(k - half)


@exact
def exp2_short64(p):
    """2^p for what becomes a float32, within 2^-29 of itself: minimax, by tools/minimax.py."""
    p = select(p < -160.0, -160.0, p)
    p = select(p > 130.0, 130.0, p)
    n = p + ROUND64
    r = p - (n - ROUND64)
    e = 0.00015345814528891646
    e = e * r + 0.001339996091567243
    e = e * r + 0.009618489156776025
    e = e * r + 0.055503287012772434
    e = e * r + 0.24022646886665125
    e = e * r + 0.6931472057739158
    e = e * r + 1.0000000005552379
    return from_bits64(bits64(e) + (bits64(n) << i64(52)))


@exact
def exp2_32(x):
    return f32(exp2_short64(f64(x)))


@exact
def reduced32(x):
    t = x * f32(LOG2E) + ROUND32
    k = t - ROUND32
    return bits32(t) - bits32(ROUND32), (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)


@exact
def expm1_near_0_32(r):
    p = f32(1 / 5040.0)
    p = p * r + f32(1 / 720.0)
    p = p * r + f32(1 / 120.0)
    p = p * r + f32(1 / 24.0)
    p = p * r + f32(1 / 6.0)
    p = p * r + f32(0.5)
    return p * (r * r) + r


@exact
def power_of_2_32(k):
    return from_bits32((k + i32(127)) << i32(23))


@exact
def exp32(x):
    x = select(x < f32(-104.0), f32(-104.0), x)
    x = select(x > f32(89.0), f32(89.0), x)
    t = x * f32(LOG2E) + ROUND32
    k = t - ROUND32
    r = (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)
    r2 = r * r
    p = (f32(0.00831611679732) * r + f32(0.0418912070472)) * r2 + (f32(0.166670859318) * r + f32(0.499992235902))
    p = p * r2 + (r + f32(1.0))
    # times 2^k in two steps, as in exp64; adding to the exponent of p instead would make numbers of some NaN
    half = shift_right(bits32(t), i32(1))
    p = p * from_bits32(i32((half << i32(23)) + i32(0x3F800000)))
    return p * from_bits32(i32(((bits32(t) - half) << i32(23)) + i32(0x3F800000)))


@exact
def expm1_32(x):
    y = select(x < f32(-20.0), f32(-20.0), x)
    y = select(y > f32(88.0), f32(88.0), y)
    k, r = reduced32(y)
    scale = power_of_2_32(k - i32(1))
    z = f32(2.0) * (scale * expm1_near_0_32(r) + (scale - f32(0.5)))
    z = select(x > f32(88.0), exp32(x), z)
    return select(x == f32(0.0), x, z)


exp = of_both("exp", exp64, exp32)
expm1 = of_both("expm1", expm1_64, expm1_32)
exp2 = of_both("exp2", exp2_64, exp2_32)
