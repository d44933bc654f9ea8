"""sin, cos and tan of all finite numbers, however large, by one reduction without branches.

x = s 2^k with 1 ≤ |s| < 2, and x = s with k = 0 below 1. A table has 2^k 2/π for each k, without the digits that only
add whole turns to the product with s: as s is a multiple of 2^-52, those are the digits from 2^54 on. So s times a line
of the table is x in quarter turns, q + f with q an integer and |f| ≤ 1/2; f times π/2 goes into the polynomials, and q
says which of them is wanted, with which sign. float64 needs f to some 115 bits after the point: no float64 but 0 is
nearer to a multiple of π/2 than 2^-61 of it. It is computed as an unevaluated sum of two numbers.

Sources: M. Payne and R. Hanek, Radian reduction for trigonometric functions, SIGNUM Newsletter 18 (1983): only those
digits of 2/π that matter; T. Dekker, A floating-point technique for extending the available precision, Numer. Math. 18
(1971): sums and products in two numbers; J.-M. Muller, Elementary functions (2016), chapter 11.
"""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

import numpy as np

from chainrule.compile.vecmath.exponentials import ROUND64
from chainrule.compile.vecmath.intrinsics import (
    bits32,
    bits64,
    exact,
    f32,
    f64,
    fma,
    from_bits32,
    from_bits64,
    i32,
    i64,
    maximum,
    of_both,
    select,
    shift_right,
    strict,
)

__all__ = ["cos", "sin", "tan"]

# 2^k 2/π ---------------------------------------------------------------------------------------------------------


def two_over_pi(bits: int) -> int:
    """2/π · 2^bits rounded down, by Machin's formula π/4 = 4 arccot 5 − arccot 239."""
    one = 1 << (bits + 32)

    def arccot(n: int) -> int:
        power, total, k = one // n, 0, 0
        while power:
            total += (-power if k & 1 else power) // (2 * k + 1)
            power //= n * n
            k += 1
        return total

    return (1 << (2 * bits + 33)) // (4 * (4 * arccot(5) - arccot(239)))


def digits(count: int, first: int, widths: tuple[int, ...]) -> list[np.ndarray]:
    """The binary digits of 2^k 2/π, k < count, from 2^first down, in parts of the given widths."""
    width = sum(widths)
    text = f"{two_over_pi(count + width):0{first + 1 + count + width}b}"
    rows = np.lib.stride_tricks.sliding_window_view(np.frombuffer(text.encode(), np.uint8) - 48.0, width)[:count]
    weights = 2.0 ** (first - np.arange(width))
    return [rows[:, end - n : end] @ weights[end - n : end] for n, end in zip(widths, np.cumsum(widths), strict=True)]


def carried(high: np.ndarray, low: np.ndarray, unit: float, turns: float) -> tuple[np.ndarray, np.ndarray]:
    """Both parts centred at 0: the low one within half a unit of the high one, the high one within half a turn."""
    up = unit * (low >= unit / 2)
    high, low = high + up, low - up
    return high - turns * (high >= turns / 2), low


def table64() -> np.ndarray:
    """Four numbers for each k: multiples of 2^28, multiples of 2^-25 below that, and two with the rest.

    The third is at least 2^-25, so that it is larger than the rounding errors of products with the second.
    """
    t0, t1, t2, t3 = digits(1024, 53, (26, 53, 52, 53))
    t0, t1 = carried(t0, t1, 2.0**28, 2.0**54)
    return with_nan(t0, t1 - 2.0**-25, t2 + 2.0**-25, t3)


def table32() -> np.ndarray:
    """Two numbers for each k: a multiple of 2^-5, whose product with a number of 24 bits is exact, and the rest."""
    high, low = digits(128, 24, (30, 53))
    return with_nan(*carried(high, low, 2.0**-5, 2.0**25))


def with_nan(*parts: np.ndarray) -> np.ndarray:
    """The lines of a table one after the other; the last, for the exponent of Inf and NaN, is NaN."""
    return np.append(np.stack(parts, axis=1), np.full(len(parts), math.nan))


TABLE64, TABLE32 = table64(), table32()

# float64 ---------------------------------------------------------------------------------------------------------

HALF_PI, HALF_PI_LOW = math.pi / 2, 6.123233995736766e-17
TINY64 = 2.0**-27  # below it x³ / 3 is less than a quarter of a unit in the last place of x


@exact
def scaled64(x):
    """x as s 2^k with s in the range of the table, and the place where the line of k begins."""
    bits, one = bits64(x), i64(0x3FF0000000000000)
    exponent = bits & i64(0x7FF0000000000000)
    above = maximum(exponent, one) - one
    return from_bits64(bits - above), shift_right(above, i64(50))


@strict
def quarter_turns64(x):
    """f as a sum of two numbers, and bits of which the last two are those of q.

    Only the last 26 bits of s are multiplied by the first number of the line; the other bits would give whole turns.
    Every line of code but the last is exact, with one exception: if k is large and s times the second number is below
    1/4 (one case in 10^8), f is rounded by a relative 2^-54.
    """
    s, k = scaled64(x)
    t0, t1, t2, t3 = TABLE64[k], TABLE64[k + i64(1)], TABLE64[k + i64(2)], TABLE64[k + i64(3)]
    last = s - from_bits64(bits64(s) & i64(-67108864))
    p1 = s * t1
    e1 = fma(s, t1, -p1)
    q = fma(last, t0, p1) + ROUND64
    f = fma(last, t0, ROUND64 - q) + p1
    p2 = s * t2
    e2 = fma(s, t2, -p2)
    c = p2 + e1
    e1 = (p2 - c) + e1
    high = f + c
    return high, ((f - high) + c) + (e1 + fma(s, t3, e2)), bits64(q)


@strict
def radians64(high, low):
    r = high * HALF_PI
    return r, fma(high, HALF_PI, -r) + fma(high, HALF_PI_LOW, low * HALF_PI)


@exact
def sin_and_cos64(r, low):
    """sin(r + low) − r, and cos(r + low) as a sum of two, for |r| ≤ π/4: minimax, by tools/minimax.py."""
    z = r * r
    p = 1.5896203568106345e-10
    p = p * z - 2.5050747326043706e-08
    p = p * z + 2.7557313618755008e-06
    p = p * z - 0.00019841269829582508
    p = p * z + 0.008333333333322111
    p = p * z - 0.1666666666666663
    c = -1.1359650877729229e-11
    c = c * z + 2.087572333275042e-09
    c = c * z - 2.755731435277013e-07
    c = c * z + 2.480158728948368e-05
    c = c * z - 0.0013888888888874127
    c = c * z + 0.0416666666666666
    half = 0.5 * z
    one = 1.0 - half
    return (r * z) * p + (low - low * half), one, ((1.0 - one) - half) + (z * z * c - r * low)


@exact
def turned64(q, sine, cosine):
    """The sine after q quarter turns."""
    y = select((q << i64(63)) < i64(0), cosine, sine)
    return from_bits64(bits64(y) + ((q & i64(2)) << i64(62)))


@exact
def sin64(x):
    high, low, q = quarter_turns64(x)
    r, rest = radians64(high, low)
    sine, cosine, more = sin_and_cos64(r, rest)
    return select(abs(x) < TINY64, x, turned64(q, r + sine, cosine + more))


@exact
def cos64(x):
    high, low, q = quarter_turns64(x)
    r, rest = radians64(high, low)
    sine, cosine, more = sin_and_cos64(r, rest)
    return turned64(q + i64(1), r + sine, cosine + more)


@strict
def tan64(x):
    """A quotient of two sums, corrected by the remainder; without that, two units in the last place would be wrong."""
    high, low, q = quarter_turns64(x)
    r, rest = radians64(high, low)
    p, one, more = sin_and_cos64(r, rest)
    sine, cosine = r + p, one + more
    sine_low, cosine_low = (r - sine) + p, (one - cosine) + more
    odd = (q << i64(63)) < i64(0)
    above, above_low = select(odd, -cosine, sine), select(odd, -cosine_low, sine_low)
    below, below_low = select(odd, sine, cosine), select(odd, sine_low, cosine_low)
    inverse = 1.0 / below
    y = above * inverse
    y = y + inverse * (fma(-y, below, above) + fma(-y, below_low, above_low))
    return select(abs(x) < TINY64, x, y)


# float32: through float64, where s times the first number of the line is exact ------------------------------------


@strict
def quarter_turns32(x):
    bits, one = bits32(x), i32(0x3F800000)
    exponent = bits & i32(0x7F800000)
    above = maximum(exponent, one) - one
    s, k = f64(from_bits32(bits - above)), i64(shift_right(above, i32(22)))
    p = s * TABLE32[k]
    q = p + ROUND64
    return fma(s, TABLE32[k + i64(1)], p - (q - ROUND64)), bits64(q)


@exact
def sin_and_cos32(f):
    """The sine and cosine of f quarter turns, |f| ≤ 0.532: minimax, by tools/minimax.py."""
    z = f * f
    p = -0.0045910943692354203
    p = p * z + 0.07967647572460511
    p = p * z - 0.6459631708950599
    p = p * z + 1.570796318400942
    c = 0.0009020265604648108
    c = c * z - 0.020859395201036732
    c = c * z + 0.2536691256580236
    c = c * z - 1.2337005390147867
    return f * p, c * z + 1.0


@exact
def sin32(x):
    f, q = quarter_turns32(x)
    sine, cosine = sin_and_cos32(f)
    return f32(turned64(q, sine, cosine))


@exact
def cos32(x):
    f, q = quarter_turns32(x)
    sine, cosine = sin_and_cos32(f)
    return f32(turned64(q + i64(1), sine, cosine))


@exact
def tan32(x):
    f, q = quarter_turns32(x)
    sine, cosine = sin_and_cos32(f)
    odd = (q << i64(63)) < i64(0)
    return f32(select(odd, -cosine, sine) / select(odd, sine, cosine))


sin = of_both("sin", sin64, sin32)
cos = of_both("cos", cos64, cos32)
tan = of_both("tan", tan64, tan32)
