"""erf and erfc: a polynomial in x² near 0, and e^(−x²) times a polynomial beyond."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.exponentials import LOG2E, exp2_short64, exp64
from chainrule.compile.vecmath.intrinsics import bits64, exact, f32, f64, fma, from_bits64, i64, of_both, select

__all__ = ["erf", "erfc", "ndtr"]


@exact
def erf_series64(z):
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


@exact
def erfc_scaled64(z):
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


@exact
def erfc_of_positive64(y, low):
    """erfc(y + low), where low is the rounding error of y: in the exponent −(y + low)² it is multiplied by 2y."""
    y = select(y > 28.0, 28.0, y)
    high = from_bits64(bits64(y) & i64(-134217728))  # its square is exact
    d = (high - y) * (high + y) - 2.0 * y * low
    e = exp64(-high * high)
    e = e + e * (d + d * d * (0.5 + d * (1 / 6)))  # d is below 3e-5
    return e * (erfc_scaled64((y - 3.75) / (y + 3.75)) / (1.0 + 2.0 * y))


@exact
def erf64(x):
    y = abs(x)
    return select(y < 1.0, x * erf_series64(x * x), math.copysign(1.0 - erfc_of_positive64(y, 0.0), x))


@exact
def erfc64(x):
    r = erfc_of_positive64(abs(x), 0.0)
    r = select(x < 0.0, 2.0 - r, r)
    return select(abs(x) < 0.5, 1.0 - x * erf_series64(x * x), r)


@exact
def erf32(x):
    """x times a polynomial in x², up to 4; computed in float64, because its terms cancel. By tools/minimax.py."""
    x = f64(x)
    x = select(abs(x) > 4.0, math.copysign(4.0, x), x)
    z = x * x
    p = -9.87464554879432e-20
    p = p * z + 1.5521641539455858e-17
    p = p * z - 1.1393774830664383e-15
    p = p * z + 5.204558424633031e-14
    p = p * z - 1.6652077712663196e-12
    p = p * z + 3.98911491123317e-11
    p = p * z - 7.484131788524183e-10
    p = p * z + 1.1381939011690081e-08
    p = p * z - 1.4433725916054278e-07
    p = p * z + 1.5615252165402723e-06
    p = p * z - 1.4643474951223623e-05
    p = p * z + 0.00011985842495062421
    p = p * z - 0.0008536154221125814
    p = p * z + 0.005222541899625056
    p = p * z - 0.02686512217113668
    p = p * z + 0.11283750497418557
    p = p * z - 0.3761263234279334
    p = p * z + 1.1283791653039088
    return f32(x * p)


@exact
def erfc32(x):
    """Like erfc64, by a shorter polynomial, in float64, where x² is exact."""
    y = f64(abs(x))
    y = select(y > 12.0, 12.0, y)
    z = (y - 3.75) / (y + 3.75)
    p = -0.00019724270188822097
    p = p * z + 0.0005219503388781834
    p = p * z + 0.0018414820680373047
    p = p * z - 0.009832427810178892
    p = p * z + 0.028304426203885392
    p = p * z - 0.05868433417218802
    p = p * z + 0.0923151616074268
    p = p * z - 0.10880398871713684
    p = p * z + 0.08227598539672364
    p = p * z + 0.003585398622199684
    p = p * z - 0.14024058402699113
    p = p * z + 1.2375126309620985
    r = exp2_short64(y * y * -LOG2E) * p / (1.0 + 2.0 * y)
    return f32(select(x < f32(0.0), 2.0 - r, r))


SQRT_HALF, SQRT_HALF_LOW = 0.7071067811865476, -4.833646656726457e-17


@exact
def ndtr64(x):
    """erfc(−x / √2) / 2, with x / √2 as a sum of two numbers."""
    y = abs(x) * SQRT_HALF
    low = fma(abs(x), SQRT_HALF, -y) + abs(x) * SQRT_HALF_LOW
    low = low + low / (2.0 * y * (y + 0.5))  # −erfc′ / erfc is about 2y + 1 / (y + ½)
    r = 0.5 * erfc_of_positive64(y, select(y < 28.0, low, 0.0))
    r = select(x > 0.0, 1.0 - r, r)
    return select(y < 0.5, 0.5 + 0.5 * (x * SQRT_HALF) * erf_series64(y * y), r)


erf = of_both("erf", erf64, erf32)
erfc = of_both("erfc", erfc64, erfc32)
ndtr = of_both("ndtr", ndtr64)
