"""log, log1p, log2 and log10: x = m 2^k with m near 1, and 2 atanh((m − 1) / (m + 1)) for log m.

Logarithms by atanh: Muller, chapter 11. log1p corrects log(1 + x) by what rounding took from 1 + x: W. Kahan.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.exponentials import LN2_HIGH, LN2_LOW, LOG2E, ROUND64
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
)

__all__ = ["log", "log1p", "log2", "log10"]


@exact
def log_of_parts64(m_bits, k):
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


@exact
def split64(x):
    """The bits of m, and k, with x = m 2^k."""
    tiny = x < 2.2250738585072014e-308
    bits = bits64(select(tiny, x * 18014398509481984.0, x))
    shifted = bits + (i64(0x3FF0000000000000) - i64(0x3FE6A09E667F3BCD))
    exponent = (shifted >> i64(52)) - i64(1023)
    m = (shifted & i64(0x000FFFFFFFFFFFFF)) + i64(0x3FE6A09E667F3BCD)
    # an integer to a number by its bits: processors without AVX-512 have no vector instruction for it
    k = from_bits64(exponent + i64(0x4338000000000000)) - ROUND64
    return m, select(tiny, k - 54.0, k)


@exact
def log_edges64(x, z):
    """z = log x, with its values at ∞ (∞), at 0 (−∞), and at negative numbers (NaN) in place of what was computed."""
    z = select(x == math.inf, math.inf, z)
    z = select(x == 0.0, -math.inf, z)
    return select(x >= 0.0, z, math.nan)


@exact
def log64(x):
    m, k = split64(x)
    return log_edges64(x, log_of_parts64(m, k))


@exact
def log1p_64(x):
    u = 1.0 + x
    z = log64(u) + (x - (u - 1.0)) / u
    z = select(u == math.inf, u, z)
    z = select(u == 0.0, -math.inf, z)
    return select(u == 1.0, x, z)


@exact
def log2_64(x):
    m, k = split64(x)
    return log_edges64(x, k + log_of_parts64(m, 0.0) * LOG2E)


@exact
def log10_64(x):
    m, k = split64(x)
    z = k * 3.69423907715893078616e-13 + log_of_parts64(m, 0.0) * 0.4342944819032518
    return log_edges64(x, k * 3.01029995663611771306e-01 + z)


@exact
def log2_short64(x):
    """Of a positive float64 that came from float32, within 2^-45 of itself: minimax, by tools/minimax.py."""
    bits = bits64(x) + (i64(0x3FF0000000000000) - i64(0x3FE6A09E667F3BCD))
    k = from_bits64((bits >> i64(52)) - i64(1023) + i64(0x4338000000000000)) - ROUND64
    f = from_bits64((bits & i64(0x000FFFFFFFFFFFFF)) + i64(0x3FE6A09E667F3BCD)) - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 0.28292490043547824
    p = p * z + 0.31990374372361147
    p = p * z + 0.4122093084323539
    p = p * z + 0.577077941661153
    p = p * z + 0.9617966941169489
    p = p * z + 2.8853900817778446
    return k + s * p


@exact
def log2_32(x):
    x = f64(x)
    return f32(log_edges64(x, log2_short64(x)))


@exact
def log10_32(x):
    x = f64(x)
    return f32(log_edges64(x, log2_short64(x) * 0.30102999566398120))


@exact
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


@exact
def log1p_32(x):
    u = f32(1.0) + x
    z = log32(u) + (x - (u - f32(1.0))) / u
    z = select(u == f32(math.inf), u, z)
    z = select(u == f32(0.0), f32(-math.inf), z)
    return select(u == f32(1.0), x, z)


log = of_both("log", log64, log32)
log1p = of_both("log1p", log1p_64, log1p_32)
log2 = of_both("log2", log2_64, log2_32)
log10 = of_both("log10", log10_64, log10_32)
