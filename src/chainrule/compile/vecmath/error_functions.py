"""erf and erfc: a polynomial in x² near 0, and e^(−x²) times a polynomial beyond."""

# mypy: disable-error-code="no-untyped-def, no-untyped-call"

from __future__ import annotations

import math

from chainrule.compile.vecmath.exponentials import exp64
from chainrule.compile.vecmath.intrinsics import bits64, exact, from_bits64, i64, of_both, select

__all__ = ["erf", "erfc"]


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
def erfc_of_positive64(y):
    y = select(y > 28.0, 28.0, y)
    high = from_bits64(bits64(y) & i64(-134217728))  # its square is exact
    d = (high - y) * (high + y)
    e = exp64(-high * high)
    e = e + e * (d + d * d * (0.5 + d * (1 / 6)))  # d is below 3e-5
    return e * (erfc_scaled64((y - 3.75) / (y + 3.75)) / (1.0 + 2.0 * y))


@exact
def erf64(x):
    y = abs(x)
    return select(y < 1.0, x * erf_series64(x * x), math.copysign(1.0 - erfc_of_positive64(y), x))


@exact
def erfc64(x):
    r = erfc_of_positive64(abs(x))
    r = select(x < 0.0, 2.0 - r, r)
    return select(abs(x) < 0.5, 1.0 - x * erf_series64(x * x), r)


erf = of_both("erf", erf64)
erfc = of_both("erfc", erfc64)
