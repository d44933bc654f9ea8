"""Elementary functions that LLVM vectorises: polynomials after a range reduction, and bit casts for powers of two.

A call of the C library inside a loop keeps the loop scalar. These have no branches and no calls, are within 4 units in
the last place, and right at NaN, ±Inf, ±0 and denormals. They are compiled without reassociation, because the range
reductions live from the order of their additions.

Sources: W. J. Cody and W. Waite, Software manual for the elementary functions (1980): range reductions; J.-M. Muller,
Elementary functions (3rd edition, 2016), chapters 3 and 11: minimax polynomials, log by atanh; W. Kahan's log1p.
"""

# What Numba compiles has types of its own.
# mypy: ignore-errors

from __future__ import annotations

import math

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload, register_jitable

__all__ = [
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "cbrt",
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
    "maximum",
    "minimum",
    "product_or_zero",
    "select",
    "sigmoid",
    "sinh",
    "softplus",
    "take",
    "tanh",
]

f32, f64 = np.float32, np.float64
i32, i64 = np.int32, np.int64
EXACT = {
    "error_model": "numpy",
    "fastmath": {"contract"},
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}


# What LLVM has and Python has not ------------------------------------------------------------------------------


def _bit_cast(source, target, llvm):
    @intrinsic
    def cast(context, x):
        return target(source), lambda cg, builder, signature, arguments: builder.bitcast(arguments[0], llvm)

    return cast


bits64 = _bit_cast(types.float64, types.int64, ir.IntType(64))
from_bits64 = _bit_cast(types.int64, types.float64, ir.DoubleType())
bits32 = _bit_cast(types.float32, types.int32, ir.IntType(32))
from_bits32 = _bit_cast(types.int32, types.float32, ir.FloatType())


def _extreme(name):
    @intrinsic
    def extreme(context, x, y):
        """The larger (smaller) one, NaN if one is."""

        def generate(cg, builder, signature, arguments):
            kind = arguments[0].type
            function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind, kind]))
            return builder.call(function, arguments)

        return x(x, x), generate

    return extreme


maximum, minimum = _extreme("llvm.maximum"), _extreme("llvm.minimum")


@intrinsic
def select(context, condition, x, y):
    """x where the condition holds, else y, without a branch."""

    def generate(cg, builder, signature, arguments):
        return builder.select(cg.cast(builder, arguments[0], types.boolean, types.boolean), arguments[1], arguments[2])

    return x(types.boolean, x, x), generate


def _add_one(place):
    @intrinsic
    def add_one(context, array):
        """Add one to an entry of an array of integers, whatever other threads do with it; what it was before."""

        def generate(cg, builder, signature, arguments):
            data = cg.make_array(signature.args[0])(cg, builder, arguments[0]).data
            here = builder.gep(data, [ir.Constant(ir.IntType(64), place)])
            return builder.atomic_rmw("add", here, ir.Constant(ir.IntType(64), 1), "seq_cst")

        return types.int64(array), generate

    return add_one


take, finish = _add_one(0), _add_one(1)  # turns: how many pieces have been taken, and how many are done


@intrinsic
def shift_right(context, x, n):
    """The bits of x moved down by n, zeros coming in: `>>` makes a number of 64 bits, so twice as many vectors."""
    return x(x, x), lambda cg, builder, signature, arguments: builder.lshr(*arguments)


@register_jitable(**EXACT)
def product_or_zero(dz, slope):
    """dz · slope, and 0 where dz is 0 though the slope be infinite or NaN."""
    return select(dz == 0, dz, dz * slope)


# exp -------------------------------------------------------------------------------------------------------------

LOG2E = 1.4426950408889634
LN2_HIGH, LN2_LOW = 0.693147180369123816490, 1.90821492927058770002e-10
ROUND64, ROUND32 = 6755399441055744.0, f32(12582912.0)  # 1.5 · 2^52 and 1.5 · 2^23: adding one rounds to an integer


@njit(**EXACT)
def _reduced64(x):
    """k and r with x = k ln 2 + r and |r| ≤ ln 2 / 2; k as an integer and as a number."""
    t = x * LOG2E + ROUND64
    k = t - ROUND64
    return bits64(t) - bits64(ROUND64), (x - k * LN2_HIGH) - k * LN2_LOW


@njit(**EXACT)
def _expm1_near_0_64(r):
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


@njit(**EXACT)
def _power_of_2_64(k):
    return from_bits64((k + i64(1023)) << i64(52))


@njit(**EXACT)
def exp64(x):
    x = select(x < -746.0, -746.0, x)
    x = select(x > 710.0, 710.0, x)
    k, r = _reduced64(x)
    p = 1.0 + _expm1_near_0_64(r)
    half = k >> i64(1)  # in two steps, so that the ends of the range are reached through numbers that exist
    return p * _power_of_2_64(half) * _power_of_2_64(k - half)


@njit(**EXACT)
def expm1_64(x):
    big = select(x > 709.0, 1.0, 0.0)
    y = select(x < -40.0, -40.0, x)
    y = select(y > 709.0, 709.0, y)
    k, r = _reduced64(y)
    scale = _power_of_2_64(k - i64(1))
    z = 2.0 * (scale * _expm1_near_0_64(r) + (scale - 0.5))
    z = select(big == 1.0, exp64(x), z)
    return select(x == 0.0, x, z)


@njit(**EXACT)
def _reduced32(x):
    t = x * f32(LOG2E) + ROUND32
    k = t - ROUND32
    return bits32(t) - bits32(ROUND32), (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)


@njit(**EXACT)
def _expm1_near_0_32(r):
    p = f32(1 / 5040.0)
    p = p * r + f32(1 / 720.0)
    p = p * r + f32(1 / 120.0)
    p = p * r + f32(1 / 24.0)
    p = p * r + f32(1 / 6.0)
    p = p * r + f32(0.5)
    return p * (r * r) + r


@njit(**EXACT)
def _power_of_2_32(k):
    return from_bits32((k + i32(127)) << i32(23))


@njit(**EXACT)
def exp32(x):
    x = select(x < f32(-104.0), f32(-104.0), x)
    x = select(x > f32(89.0), f32(89.0), x)
    t = x * f32(LOG2E) + ROUND32
    k = t - ROUND32
    r = (x - k * f32(0.693359375)) - k * f32(-2.12194440e-4)
    r2 = r * r
    p = (f32(0.00831611679732) * r + f32(0.0418912070472)) * r2 + (f32(0.166670859318) * r + f32(0.499992235902))
    p = p * r2 + (r + f32(1.0))
    # times 2^k in two steps, as in exp64; the first one by adding to the exponent
    half = shift_right(bits32(t), i32(1))
    p = from_bits32(i32(bits32(p) + (half << i32(23))))
    return p * from_bits32(i32(((bits32(t) - half) << i32(23)) + i32(0x3F800000)))


@njit(**EXACT)
def expm1_32(x):
    y = select(x < f32(-20.0), f32(-20.0), x)
    y = select(y > f32(88.0), f32(88.0), y)
    k, r = _reduced32(y)
    scale = _power_of_2_32(k - i32(1))
    z = f32(2.0) * (scale * _expm1_near_0_32(r) + (scale - f32(0.5)))
    z = select(x > f32(88.0), exp32(x), z)
    return select(x == f32(0.0), x, z)


# log -------------------------------------------------------------------------------------------------------------


@njit(**EXACT)
def _log_of_parts64(m_bits, k):
    """log(m 2^k) for m in [√½, √2): k ln 2 + 2 atanh(f / (2 + f)), f = m − 1."""
    f = from_bits64(m_bits) - 1.0
    s = f / (2.0 + f)
    z = s * s
    w = z * z
    # 2 atanh(s) = 2 s + s R(s²), the minimax polynomial on |s| ≤ 0.1716
    t1 = w * (3.999999999940941908e-01 + w * (2.222219843214978396e-01 + w * 1.531383769920937332e-01))
    t2 = z * (
        6.666666666666735130e-01
        + w * (2.857142874366239149e-01 + w * (1.818357216161805012e-01 + w * 1.479819860511658591e-01))
    )
    half = 0.5 * f * f
    return k * LN2_HIGH - ((half - (s * (half + (t1 + t2)) + k * LN2_LOW)) - f)


@njit(**EXACT)
def _split64(x):
    """The bits of m, and k, with x = m 2^k."""
    tiny = x < 2.2250738585072014e-308
    bits = bits64(select(tiny, x * 18014398509481984.0, x))
    shifted = bits + (i64(0x3FF0000000000000) - i64(0x3FE6A09E667F3BCD))
    exponent = (shifted >> i64(52)) - i64(1023)
    m = (shifted & i64(0x000FFFFFFFFFFFFF)) + i64(0x3FE6A09E667F3BCD)
    # an integer to a number by its bits: processors without AVX-512 have no vector instruction for it
    k = from_bits64(exponent + i64(0x4338000000000000)) - ROUND64
    return m, select(tiny, k - 54.0, k)


@njit(**EXACT)
def _log_edges64(x, z):
    """What a logarithm is at infinity, at zero, and below."""
    z = select(x == math.inf, math.inf, z)
    z = select(x == 0.0, -math.inf, z)
    return select(x >= 0.0, z, math.nan)


@njit(**EXACT)
def log64(x):
    m, k = _split64(x)
    return _log_edges64(x, _log_of_parts64(m, k))


@njit(**EXACT)
def log1p_64(x):
    u = 1.0 + x
    z = log64(u) + (x - (u - 1.0)) / u
    z = select(u == math.inf, u, z)
    z = select(u == 0.0, -math.inf, z)
    return select(u == 1.0, x, z)


@njit(**EXACT)
def log32(x):
    tiny = x < f32(1.1754944e-38)
    y = select(tiny, x * f32(16777216.0), x)
    bits = bits32(y)
    shifted = bits + (i32(0x3F800000) - i32(0x3F3504F3))
    exponent = (shifted >> i32(23)) - i32(127)
    f = from_bits32((shifted & i32(0x007FFFFF)) + i32(0x3F3504F3)) - f32(1.0)
    k = f32(exponent)
    k = select(tiny, k - f32(24.0), k)
    s = f / (f32(2.0) + f)
    z = s * s
    w = z * z
    t1 = w * (f32(0.40000972152) + w * f32(0.24279078841))
    t2 = z * (f32(0.66666662693) + w * f32(0.28498786688))
    half = f32(0.5) * f * f
    r = k * f32(6.9313812256e-01) - ((half - (s * (half + (t1 + t2)) + k * f32(9.0580006145e-06))) - f)
    r = select(x == f32(math.inf), f32(math.inf), r)
    r = select(x == f32(0.0), f32(-math.inf), r)
    return select(x >= f32(0.0), r, f32(math.nan))


@njit(**EXACT)
def log1p_32(x):
    u = f32(1.0) + x
    z = log32(u) + (x - (u - f32(1.0))) / u
    z = select(u == f32(math.inf), u, z)
    z = select(u == f32(0.0), f32(-math.inf), z)
    return select(u == f32(1.0), x, z)


# What is made of them --------------------------------------------------------------------------------------------


@njit(**EXACT)
def tanh64(x):
    y = -2.0 * abs(x)
    k, r = _reduced64(select(y < -40.0, -40.0, y))
    scale = _power_of_2_64(k)
    t = scale * _expm1_near_0_64(r) + (scale - 1.0)  # e^y − 1
    return math.copysign(t / (t + 2.0), x)


@njit(**EXACT)
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


@njit(**EXACT)
def sigmoid64(x):
    e = exp64(-abs(x))
    return select(x >= 0.0, 1.0, e) / (1.0 + e)


@njit(**EXACT)
def sigmoid32(x):
    e = exp32(-abs(x))
    return select(x >= f32(0.0), f32(1.0), e) / (f32(1.0) + e)


@njit(**EXACT)
def softplus64(x):
    return maximum(x, 0.0) + log1p_64(exp64(-abs(x)))


@njit(**EXACT)
def softplus32(x):
    return maximum(x, f32(0.0)) + log1p_32(exp32(-abs(x)))


# Through float64 where float32 is asked for -------------------------------------------------------------------

QUARTER_PI, QUARTER_PI_LOW = 0.7853981633974483, 3.061616997868383e-17


@njit(**EXACT)
def exp2_64(x):
    y = select(x < -1080.0, -1080.0, x)
    y = select(y > 1025.0, 1025.0, y)
    t = y + ROUND64
    k = bits64(t) - bits64(ROUND64)
    p = 1.0 + _expm1_near_0_64((y - (t - ROUND64)) * 0.6931471805599453)
    half = k >> i64(1)
    return p * _power_of_2_64(half) * _power_of_2_64(k - half)


@njit(**EXACT)
def log2_64(x):
    m, k = _split64(x)
    return _log_edges64(x, k + _log_of_parts64(m, 0.0) * LOG2E)


@njit(**EXACT)
def log10_64(x):
    m, k = _split64(x)
    z = k * 3.69423907715893078616e-13 + _log_of_parts64(m, 0.0) * 0.4342944819032518
    return _log_edges64(x, k * 3.01029995663611771306e-01 + z)


@njit(**EXACT)
def sinh64(x):
    """u + u / (2u + 1) with u = (e^|x| − 1) / 2."""
    y = abs(x)
    k, r = _reduced64(select(y > 710.5, 710.5, y))
    scale = _power_of_2_64(k - i64(2))
    u = 2.0 * (scale * _expm1_near_0_64(r) + (scale - 0.25))
    return math.copysign(u + select(u < 1e300, u / (2.0 * u + 1.0), 0.0), x)


@njit(**EXACT)
def cosh64(x):
    """a + 1 / 4a with a = e^|x| / 2."""
    y = abs(x)
    k, r = _reduced64(select(y > 710.5, 710.5, y))
    a = 2.0 * (_power_of_2_64(k - i64(2)) * (1.0 + _expm1_near_0_64(r)))
    return a + 0.25 / a


@njit(**EXACT)
def arcsinh64(x):
    y = abs(x)
    big = y > 268435456.0
    s = select(big, 1.0, y)
    z = select(big, y, s + s * s / (1.0 + math.sqrt(1.0 + s * s)))
    return math.copysign(log1p_64(z) + select(big, 0.6931471805599453, 0.0), x)


@njit(**EXACT)
def arccosh64(x):
    big = x > 268435456.0
    t = select(big, 1.0, x - 1.0)
    z = select(big, x, t + math.sqrt(2.0 * t + t * t))
    return select(x >= 1.0, log1p_64(z) + select(big, 0.6931471805599453, 0.0), math.nan)


@njit(**EXACT)
def arctanh64(x):
    y = abs(x)
    return math.copysign(0.5 * log1p_64(2.0 * y / (1.0 - y)), x)


@njit(**EXACT)
def _arcsin_series64(z):
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


@njit(**EXACT)
def _arcsin_part64(y):
    """arcsin(y) up to 1/2; above, arcsin √((1 − y)/2), of which twice is missing from π/2."""
    big = y > 0.5
    z = select(big, 0.5 * (1.0 - y), y * y)
    s = select(big, math.sqrt(z), y)
    return s + s * (z * _arcsin_series64(z))


@njit(**EXACT)
def arcsin64(x):
    y = abs(x)
    r = _arcsin_part64(y)
    return math.copysign(select(y > 0.5, 2.0 * QUARTER_PI - 2.0 * (r - QUARTER_PI_LOW), r), x)


@njit(**EXACT)
def arccos64(x):
    y = abs(x)
    r = _arcsin_part64(y)
    big = select(x > 0.0, 2.0 * r, 4.0 * QUARTER_PI - 2.0 * (r - 2.0 * QUARTER_PI_LOW))
    return select(y > 0.5, big, 2.0 * QUARTER_PI - (math.copysign(r, x) - 2.0 * QUARTER_PI_LOW))


@njit(**EXACT)
def _arctan_series64(z):
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


@njit(**EXACT)
def _arctan_of_quotient64(a, b):
    """arctan(a / b) of two numbers that are not negative, by one division."""
    swapped = a > b
    small, large = select(swapped, b, a), select(swapped, a, b)
    shifted = small > 0.41421356237309503 * large  # arctan(s / l) = π/4 + arctan((s − l) / (s + l))
    t = select(shifted, small - large, small) / select(shifted, small + large, large)
    z = t * t
    r = t + t * (z * _arctan_series64(z))
    r = select(shifted, QUARTER_PI + (r + QUARTER_PI_LOW), r)
    return select(swapped, 2.0 * QUARTER_PI - (r - 2.0 * QUARTER_PI_LOW), r)


@njit(**EXACT)
def arctan64(x):
    return math.copysign(_arctan_of_quotient64(abs(x), 1.0), x)


@njit(**EXACT)
def arctan2_64(y, x):
    a, b = abs(y), abs(x)
    scale = select(maximum(a, b) > 1e300, 2.0**-600, 1.0)  # a sum may be too large
    a, b = scale * a, scale * b
    infinite = maximum(a, b) == math.inf
    a = select(infinite, select(a == math.inf, 1.0, 0.0), a)
    b = select(infinite, select(b == math.inf, 1.0, 0.0), b)
    r = _arctan_of_quotient64(a, select(maximum(a, b) == 0.0, 1.0, b))
    r = select(math.copysign(1.0, x) < 0.0, 4.0 * QUARTER_PI - (r - 4.0 * QUARTER_PI_LOW), r)
    return math.copysign(r, y)


@njit(**EXACT)
def hypot64(x, y):
    a, b = abs(x), abs(y)
    large, small = maximum(a, b), minimum(a, b)
    r = small / select(large == 0.0, 1.0, large)
    z = select(large == 0.0, 0.0, large * math.sqrt(1.0 + r * r))
    return select((a == math.inf) | (b == math.inf), math.inf, z)


@njit(**EXACT)
def cbrt64(x):
    """x = w 2^3q; Halley's iteration twice, for the cube root of w between 0.35 and 2.83."""
    y = abs(x)
    bits, k = _split64(y)
    t = k * (1 / 3) + ROUND64
    q = bits64(t) - bits64(ROUND64)
    rest = bits64((k - 3.0 * (t - ROUND64)) + ROUND64) - bits64(ROUND64)
    w = from_bits64(bits) * _power_of_2_64(rest)
    c = ((0.032712 * w - 0.225579) * w + 0.704830) * w + 0.489440
    cube = c * c * c
    c = c - c * ((cube - w) / (2.0 * cube + w))
    cube = c * c * c
    c = c - c * ((cube - w) / (2.0 * cube + w))
    z = c * _power_of_2_64(q)
    return select((y > 0.0) & (y < math.inf), math.copysign(z, x), x)


@njit(**EXACT)
def _erf_series64(z):
    """erf(x) / x with z = x², up to x = 1: minimax, by tools/minimax.py."""
    p = 5.943873335952074e-11
    p = p * z - 1.1364802080891173e-09
    p = p * z + 1.4657643248835613e-08
    p = p * z - 1.63499877152472e-07
    p = p * z + 1.6460969009390796e-06
    p = p * z - 1.4925593248319261e-05
    p = p * z + 0.00012055331024985228
    p = p * z - 0.0008548326978372212
    p = p * z + 0.005223977624773331
    p = p * z - 0.026866170645071942
    p = p * z + 0.11283791670954851
    p = p * z - 0.3761263890318375
    p = p * z + 1.1283791670955126
    return p


@njit(**EXACT)
def _erfc_scaled64(z):
    """(1 + 2y) e^(y²) erfc(y) with z = (y − 3.75) / (y + 3.75): minimax, by tools/minimax.py; the form is Shepherd and
    Laframboise's, Chebyshev approximation of (1 + 2x) exp(x²) erfc x, Math. Comp. 36 (1981).
    """
    p = -2.2433650611194055e-09
    p = p * z - 4.156823494965909e-10
    p = p * z + 3.275779697452888e-08
    p = p * z + 1.4739767775427092e-08
    p = p * z - 2.5314783310996583e-07
    p = p * z - 4.672871473003951e-08
    p = p * z + 1.7491023440138536e-06
    p = p * z - 9.810477399526544e-07
    p = p * z - 1.1443774327030855e-05
    p = p * z + 2.2387576493241502e-05
    p = p * z + 5.1649265982240274e-05
    p = p * z - 0.00029015503158111354
    p = p * z + 0.0002937135706470626
    p = p * z + 0.0017556260245432393
    p = p * z - 0.009746579537793027
    p = p * z + 0.028362277400154092
    p = p * z - 0.05869339859177273
    p = p * z + 0.09230432116151999
    p = p * z - 0.10880393014164283
    p = p * z + 0.0822767384901131
    p = p * z + 0.003585415485462496
    p = p * z - 0.1402405985855467
    p = p * z + 1.2375126308378275
    return p


@njit(**EXACT)
def _erfc_of_positive64(y):
    y = select(y > 28.0, 28.0, y)
    high = from_bits64(bits64(y) & i64(-134217728))  # its square is exact
    d = (high - y) * (high + y)
    e = exp64(-high * high)
    e = e + e * (d + d * d * (0.5 + d * (1 / 6)))  # d is below 3e-5
    return e * (_erfc_scaled64((y - 3.75) / (y + 3.75)) / (1.0 + 2.0 * y))


@njit(**EXACT)
def erf64(x):
    y = abs(x)
    return select(y < 1.0, x * _erf_series64(x * x), math.copysign(1.0 - _erfc_of_positive64(y), x))


@njit(**EXACT)
def erfc64(x):
    r = _erfc_of_positive64(abs(x))
    r = select(x < 0.0, 2.0 - r, r)
    return select(abs(x) < 0.5, 1.0 - x * _erf_series64(x * x), r)


def _of_both(name, of64, of32=None):
    """The function for both kinds of numbers, for use in compiled code; of float32 through float64 if it has no own."""

    def function(x):
        raise NotImplementedError("in compiled code only")

    def choose(x):
        if x == types.float32:
            return (lambda x: of32(x)) if of32 is not None else (lambda x: f32(of64(f64(x))))
        return (lambda x: of64(x)) if x == types.float64 else None

    function.__name__ = name
    overload(function, jit_options=EXACT)(choose)
    return function


def _of_two(name, of64):
    """The same for two arguments."""

    def function(x, y):
        raise NotImplementedError("in compiled code only")

    def choose(x, y):
        if x == types.float32 and y == types.float32:
            return lambda x, y: f32(of64(f64(x), f64(y)))
        return (lambda x, y: of64(x, y)) if x == types.float64 and y == types.float64 else None

    function.__name__ = name
    overload(function, jit_options=EXACT)(choose)
    return function


exp = _of_both("exp", exp64, exp32)
expm1 = _of_both("expm1", expm1_64, expm1_32)
log = _of_both("log", log64, log32)
log1p = _of_both("log1p", log1p_64, log1p_32)
tanh = _of_both("tanh", tanh64, tanh32)
sigmoid = _of_both("sigmoid", sigmoid64, sigmoid32)
softplus = _of_both("softplus", softplus64, softplus32)
exp2 = _of_both("exp2", exp2_64)
log2 = _of_both("log2", log2_64)
log10 = _of_both("log10", log10_64)
sinh = _of_both("sinh", sinh64)
cosh = _of_both("cosh", cosh64)
arcsinh = _of_both("arcsinh", arcsinh64)
arccosh = _of_both("arccosh", arccosh64)
arctanh = _of_both("arctanh", arctanh64)
arcsin = _of_both("arcsin", arcsin64)
arccos = _of_both("arccos", arccos64)
arctan = _of_both("arctan", arctan64)
cbrt = _of_both("cbrt", cbrt64)
erf = _of_both("erf", erf64)
erfc = _of_both("erfc", erfc64)
arctan2 = _of_two("arctan2", arctan2_64)
hypot = _of_two("hypot", hypot64)
