"""power for all numbers, and roots: cbrt and hypot.

power is 2^(y log2 x). The product may be 1024, and its error is the relative error of the result; so log2 x and the
product are computed as sums of two numbers, by products that are exact with what `fma` leaves. For float32, float64 is
exact enough. The results at 0, ±1, Inf and NaN are those of C's pow.

Sources: T. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18 (1971); log by
atanh: J.-M. Muller, Elementary functions (2016), chapter 11; the edges: ISO C, annex F.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from chainrule.compile.vecmath.exponentials import ROUND64, exp2_short64, expm1_near_0_64, power_of_2_64
from chainrule.compile.vecmath.intrinsics import (
    bits64,
    exact,
    f32,
    f64,
    fma,
    from_bits64,
    i64,
    maximum,
    minimum,
    of_both,
    select,
    strict,
)
from chainrule.compile.vecmath.logarithms import log2_short64, split64

__all__ = ["cbrt", "hypot", "power"]

# Constants as sums of two numbers: the second one is the rounding error of the first.
THIRD, THIRD_LOW = 1 / 3, 1.850371707708594e-17
TWO_LOG2E, TWO_LOG2E_LOW = 2.8853900817779268, 4.0710547481862066e-17
LN2, LN2_LOW = 0.6931471805599453, 2.3190468138462996e-17


@exact
def atanh_tail64(z):
    """((atanh(s) / s − 1) / z − 1/3) / z with z = s², up to s = 0.1716: minimax, by tools/minimax.py."""
    p = 0.05994551097120679
    p = p * z + 0.058374041602595086
    p = p * z + 0.06668158946585125
    p = p * z + 0.07692278429739652
    p = p * z + 0.09090909435235126
    p = p * z + 0.11111111108767659
    p = p * z + 0.1428571428572256
    return p * z + 0.1999999999999999


@strict
def log2_in_two64(x):
    """log2 of a positive number, k + 2 atanh(s) / ln 2 with s = f / (2 + f), as a sum of two numbers."""
    bits, k = split64(x)
    f = from_bits64(bits) - 1.0
    d = 2.0 + f
    d_low = (2.0 - d) + f
    inverse = 1.0 / d
    s = f * inverse
    s_low = inverse * fma(-s, d_low, fma(-s, d, f))
    z = s * s
    z_low = fma(2.0 * s, s_low, fma(s, s, -z))
    # atanh(s) = s + s u, u = z (1/3 + z tail)
    v = z * atanh_tail64(z)
    h = THIRD + v
    h_low = ((THIRD - h) + v) + THIRD_LOW
    u = z * h
    u_low = fma(z, h_low, fma(z_low, h, fma(z, h, -u)))
    su = s * u
    su_low = fma(s, u_low, fma(s_low, u, fma(s, u, -su)))
    a = s + su
    a_low = ((s - a) + su) + (su_low + s_low)
    p = a * TWO_LOG2E
    p_low = fma(a_low, TWO_LOG2E, fma(a, TWO_LOG2E_LOW, fma(a, TWO_LOG2E, -p)))
    t = k + p
    return t, ((k - t) + p) + p_low


@strict
def exp2_of_two64(p, p_low):
    p = select(p < -1080.0, -1080.0, p)
    p = select(p > 1025.0, 1025.0, p)
    n = p + ROUND64
    r = p - (n - ROUND64)
    x = r * LN2
    x_low = fma(p_low, LN2, fma(r, LN2_LOW, fma(r, LN2, -x)))
    e = expm1_near_0_64(x)
    e = 1.0 + (e + fma(x_low, e, x_low))
    k = bits64(n) - bits64(ROUND64)
    half = k >> i64(1)  # in two steps, as in exp64
    return e * power_of_2_64(half) * power_of_2_64(k - half)


@exact
def power_of_any64(x, y, z):
    """x^y, where z is |x|^y."""
    a, half = abs(x), 0.5 * y
    odd = (np.floor(y) == y) & (np.floor(half) != half)
    z = select(odd, math.copysign(z, x), z)
    z = select((x < 0.0) & (a < math.inf) & (np.floor(y) != y), math.nan, z)
    z = select((a == 1.0) & (abs(y) == math.inf), 1.0, z)
    return select((x == 1.0) | (y == 0.0), 1.0, z)


@strict
def power64(x, y):
    a = abs(x)
    t, t_low = log2_in_two64(a)
    t = select(a == 0.0, -math.inf, select(a < math.inf, t, a))
    p = y * t
    p_low = select(abs(p) < 1100.0, fma(y, t_low, fma(y, t, -p)), 0.0)
    return power_of_any64(x, y, exp2_of_two64(p, p_low))


@exact
def power32(x, y):
    x, y = f64(x), f64(y)
    a = abs(x)
    t = select(a == 0.0, -math.inf, select(a < math.inf, log2_short64(a), a))
    return f32(power_of_any64(x, y, exp2_short64(y * t)))


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
power = of_both("power", power64, power32)
