"""Bessel functions and their relatives: Airy (DLMF, chapter 9), Bessel (10), Struve (11), parabolic cylinder (12), Mathieu (28).

The derivative of a Bessel function lies between the neighbouring orders (10.6.1, 10.29.1). That of a solution of a
differential equation of the second order is SciPy's second result, and the equation gives the derivative of that one.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import Elementwise, answers, singular
from chainrule.blocks.special.gamma_functions import rgamma
from chainrule.blocks.special.table import (
    near_zero,
    result_of,
    special_function,
    symbol,
    together,
    unknown,
    whole,
    whole_part,
)
from chainrule.domains import exactly, example, far_from_zero, inside, normal, positive
from chainrule.libraries import is_complex, special_functions_of

DEGREE = math.pi / 180


# Scaled functions are C y^(−1/2) Σ (±1)^k a_k(v) / y^k far out (10.17.1, 10.40(i)). Their derivative is small there, and
# as a difference of neighbouring orders and the function itself it would cancel.

TERMS = 24


def _is_far(xp, v, y):
    """Whether the series is accurate to all digits."""
    return (abs(y) > 30) & (4 * abs(y) > v * v)


def _far_fall(xp, v, y, sign):
    """−y f′(y)/f(y) of such a function f: the sum with a factor k + ½, over the sum."""
    total, slope, term = 0.0, 0.0, 1.0
    for k in range(TERMS):
        total, slope = total + term, slope + (k + 0.5) * term
        term = term * (sign * (4 * v * v - (2 * k + 1) ** 2) / (8 * (k + 1))) / y
    return slope / total


def _scaled(xp, z, v, x, y, sign, near):
    """f′(x) of a scaled function, where y is x or a multiple of it; near(v, x) where the series does not hold."""
    far = _is_far(xp, v, y)
    order, place = xp.where(far, v, 0.0), xp.where(far, y, 40.0)
    return xp.where(far, -z / xp.where(far, x, 1.0) * _far_fall(xp, order, place, sign), near(xp.where(far, 1.0, x)))


# fmt: off

jv: Elementwise = special_function("jv", unknown("jv", "v"), lambda xp, z, v, x: 0.5 * (jv(v - 1, x) - jv(v + 1, x)), notation=symbol("J"), complex=True, example=example(exactly(2), normal(2, 3)))
yv: Elementwise = special_function("yv", unknown("yv", "v"), lambda xp, z, v, x: 0.5 * (yv(v - 1, x) - yv(v + 1, x)), notation=symbol("Y"), complex=True, example=example(exactly(2), positive(2, 3)))
iv: Elementwise = special_function("iv", unknown("iv", "v"), lambda xp, z, v, x: 0.5 * (iv(v - 1, x) + iv(v + 1, x)), notation=symbol("I"), complex=True, example=example(exactly(2), normal(2, 3)))
kv: Elementwise = special_function("kv", unknown("kv", "v"), lambda xp, z, v, x: -0.5 * (kv(v - 1, x) + kv(v + 1, x)), notation=symbol("K"), complex=True, example=example(exactly(2), positive(2, 3)))
hankel1: Elementwise = special_function("hankel1", unknown("hankel1", "v"), lambda xp, z, v, x: 0.5 * (hankel1(v - 1, x) - hankel1(v + 1, x)), notation=symbol("H⁽¹⁾"), complex=True, example=example(exactly(2), positive(2, 3)))
hankel2: Elementwise = special_function("hankel2", unknown("hankel2", "v"), lambda xp, z, v, x: 0.5 * (hankel2(v - 1, x) - hankel2(v + 1, x)), notation=symbol("H⁽²⁾"), complex=True, example=example(exactly(2), positive(2, 3)))
# Scaled by e^(∓iz) and e^z, which are holomorphic, or by e^(−|Im z|) and e^(−|Re z|), which are not.
hankel1e: Elementwise = special_function("hankel1e", unknown("hankel1e", "v"), lambda xp, z, v, x: _scaled(xp, z, v, x, -1j * x, 1, lambda x: 0.5 * (hankel1e(v - 1, x) - hankel1e(v + 1, x)) - 1j * z), complex=True, example=example(exactly(2), positive(2, 3)))
hankel2e: Elementwise = special_function("hankel2e", unknown("hankel2e", "v"), lambda xp, z, v, x: _scaled(xp, z, v, x, 1j * x, 1, lambda x: 0.5 * (hankel2e(v - 1, x) - hankel2e(v + 1, x)) + 1j * z), complex=True, example=example(exactly(2), positive(2, 3)))
kve: Elementwise = special_function("kve", unknown("kve", "v"), lambda xp, z, v, x: _scaled(xp, z, v, x, x, 1, lambda x: z - 0.5 * (kve(v - 1, x) + kve(v + 1, x))), complex=True, example=example(exactly(2), positive(2, 3)))
jve: Elementwise = special_function("jve", unknown("jve", "v"), lambda xp, z, v, x: 0.5 * (jve(v - 1, x) - jve(v + 1, x)), example=example(exactly(2), normal(2, 3)))
yve: Elementwise = special_function("yve", unknown("yve", "v"), lambda xp, z, v, x: 0.5 * (yve(v - 1, x) - yve(v + 1, x)), example=example(exactly(2), positive(2, 3)))
ive: Elementwise = special_function("ive", unknown("ive", "v"), lambda xp, z, v, x: _scaled(xp, z, v, x, abs(x), -1, lambda x: 0.5 * (ive(v - 1, x) + ive(v + 1, x)) - xp.sign(x) * z), example=example(exactly(2), far_from_zero(2, 3)))
yn: Elementwise = special_function("yn", whole("yn", "n"), lambda xp, z, n, x: 0.5 * (yn(whole_part(xp, n) - 1, x) - yn(whole_part(xp, n) + 1, x)), notation=symbol("Y"), example=example(exactly(2), positive(2, 3)))
kn: Elementwise = special_function("kn", whole("kn", "n"), lambda xp, z, n, x: -0.5 * (kn(whole_part(xp, n) - 1, x) + kn(whole_part(xp, n) + 1, x)), notation=symbol("K"), example=example(exactly(2), positive(2, 3)))
j0 = special_function("j0", lambda xp, z, x: -j1(x), notation=symbol("J₀"))
j1: Elementwise = special_function("j1", lambda xp, z, x: 0.5 * (j0(x) - jv(2.0, x)), notation=symbol("J₁"))
y0 = special_function("y0", lambda xp, z, x: -y1(x), notation=symbol("Y₀"), example=example(positive(2, 3)))
y1: Elementwise = special_function("y1", lambda xp, z, x: 0.5 * (y0(x) - yv(2.0, x)), notation=symbol("Y₁"), example=example(positive(2, 3)))
i0 = special_function("i0", lambda xp, z, x: i1(x), notation=symbol("I₀"))
i1: Elementwise = special_function("i1", lambda xp, z, x: 0.5 * (i0(x) + iv(2.0, x)), notation=symbol("I₁"))
k0 = special_function("k0", lambda xp, z, x: -k1(x), notation=symbol("K₀"), example=example(positive(2, 3)))
k1: Elementwise = special_function("k1", lambda xp, z, x: -0.5 * (k0(x) + kv(2.0, x)), notation=symbol("K₁"), example=example(positive(2, 3)))
i0e = special_function("i0e", lambda xp, z, x: _scaled(xp, z, 0.0, x, abs(x), -1, lambda x: i1e(x) - xp.sign(x) * z), example=example(far_from_zero(2, 3)))
i1e: Elementwise = special_function("i1e", lambda xp, z, x: _scaled(xp, z, 1.0, x, abs(x), -1, lambda x: 0.5 * (i0e(x) + ive(2.0, x)) - xp.sign(x) * z), example=example(far_from_zero(2, 3)))
k0e = special_function("k0e", lambda xp, z, x: _scaled(xp, z, 0.0, x, x, 1, lambda x: z - k1e(x)), example=example(positive(2, 3)))
k1e: Elementwise = special_function("k1e", lambda xp, z, x: _scaled(xp, z, 1.0, x, x, 1, lambda x: z - 0.5 * (k0e(x) + kve(2.0, x))), example=example(positive(2, 3)))
answers(np.i0)(i0)


# Spherical Bessel functions by x (10.51.1 and 10.51.4): between the neighbouring orders too. n j_(n−1) is 0 for n = 0.

SPHERICAL: dict[Elementwise, tuple[int, int]] = {}
"""For each spherical Bessel function the signs of the orders below and above in its derivative."""


def spherical_by_x(function, n, x):
    below, above = SPHERICAL[function]
    return (below * n * function(abs(n - 1), x) + above * (n + 1) * function(n + 1, x)) / (2 * n + 1)


def _spherical(name, below, above):
    made: Elementwise = special_function(
        name, whole(name, "n"), lambda xp, z, n, x: spherical_by_x(made, n, x),
        notation=symbol(name[-2]), complex=True, example=example(exactly(1), positive(2, 3)),
    )
    SPHERICAL[made] = below, above
    return made


spherical_jn = _spherical("spherical_jn", 1, -1)
spherical_yn = _spherical("spherical_yn", 1, -1)
spherical_in = _spherical("spherical_in", 1, 1)
spherical_kn = _spherical("spherical_kn", -1, -1)


# Integrals of Bessel functions (10.22(i), 10.43(i)) ---------------------------------------------------------------------

together(
    "itj0y0",  # ∫₀ˣ J₀ and ∫₀ˣ Y₀
    result_of("itj0y0", 0, "∫J₀", lambda xp, z, x: j0(x), example=example(positive(2, 3))),
    result_of("itj0y0", 1, "∫Y₀", lambda xp, z, x: y0(x), example=example(positive(2, 3))),
)
together(
    "iti0k0",
    result_of("iti0k0", 0, "∫I₀", lambda xp, z, x: i0(x), example=example(positive(2, 3))),
    result_of("iti0k0", 1, "∫K₀", lambda xp, z, x: k0(x), example=example(positive(2, 3))),
)


def _j0_less_one_over_x(xp, z, x):
    """(1 − J₀(x))/x; near 0 the series 10.2.2."""
    return _even_series(xp, x, -1, lambda x: (1 - j0(x)) / x)


def _i0_less_one_over_x(xp, z, x):
    """(I₀(x) − 1)/x; near 0 the series 10.25.2."""
    return _even_series(xp, x, 1, lambda x: (i0(x) - 1) / x)


def _even_series(xp, x, sign, far):
    coefficients = [0.0] * 20
    for k in range(1, 11):
        coefficients[2 * k - 1] = sign ** (k + 1) / (4**k * math.factorial(k) ** 2)
    return near_zero(xp, x, 1.0, coefficients, far)


together(
    "it2j0y0",  # ∫₀ˣ (1 − J₀(t))/t and ∫ₓ^∞ Y₀(t)/t
    result_of("it2j0y0", 0, "∫(1−J₀)/t", _j0_less_one_over_x, example=example(positive(2, 3))),
    result_of("it2j0y0", 1, "∫Y₀/t", singular(lambda xp, z, x: -y0(x) / x), example=example(positive(2, 3))),
)
together(
    "it2i0k0",
    result_of("it2i0k0", 0, "∫(I₀−1)/t", _i0_less_one_over_x, example=example(positive(2, 3))),
    result_of("it2i0k0", 1, "∫K₀/t", singular(lambda xp, z, x: -k0(x) / x), example=example(positive(2, 3))),
)
besselpoly: Elementwise = special_function(  # ∫₀¹ x^λ J_ν(2ax) dx
    "besselpoly",
    lambda xp, z, a, lmb, nu: besselpoly(a, lmb + 1, nu - 1) - besselpoly(a, lmb + 1, nu + 1),
    unknown("besselpoly", "lmb"), unknown("besselpoly", "nu"),
    example=example(positive(2, 3), exactly(1), exactly(2)),
)

# Airy functions: Ai″ = x Ai (9.2.1); scaled by e^ζ and e^(−|Re ζ|), ζ = (2/3) x^(3/2) ---------------------------------

airy_ai = result_of("airy", 0, "Ai", lambda xp, z, x: airy_aip(x), complex=True)
airy_aip: Elementwise = result_of("airy", 1, "Ai′", lambda xp, z, x: x * airy_ai(x), complex=True)
airy_bi = result_of("airy", 2, "Bi", lambda xp, z, x: airy_bip(x), complex=True)
airy_bip: Elementwise = result_of("airy", 3, "Bi′", lambda xp, z, x: x * airy_bi(x), complex=True)
together("airy", airy_ai, airy_aip, airy_bi, airy_bip)

def _root(xp, x):
    """√x for positive x, else 0: for x < 0 the scaled Bi equals Bi."""
    return xp.where(x > 0, xp.sqrt(xp.where(x > 0, x, 1.0)), 0.0)


def _scaled_air(xp, z, x, order, power, sign, near):
    """The derivative by x of c x^power f(ζ), ζ = (2/3) x^(3/2), with a scaled Bessel function f of this order (9.6(i))."""
    far = (xp.real(x) if is_complex(x) else x) > 30
    place = xp.where(far, x, 40.0)
    zeta = place * xp.sqrt(place) / 1.5
    return xp.where(far, z / place * (power - 1.5 * _far_fall(xp, order, zeta, sign)), near(xp.where(far, 1.0, x)))


airye_ai = result_of("airye", 0, "Ai", lambda xp, z, x: _scaled_air(xp, z, x, 1 / 3, 0.5, 1, lambda x: airye_aip(x) + xp.sqrt(x) * z), complex=True, example=example(positive(2, 3)))
airye_aip: Elementwise = result_of("airye", 1, "Ai′", lambda xp, z, x: _scaled_air(xp, z, x, 2 / 3, 1.0, 1, lambda x: x * airye_ai(x) + xp.sqrt(x) * z), complex=True, example=example(positive(2, 3)))
airye_bi = result_of("airye", 2, "Bi", lambda xp, z, x: _scaled_air(xp, z, x, 1 / 3, 0.5, -1, lambda x: airye_bip(x) - _root(xp, x) * z), example=example(far_from_zero(2, 3)))
airye_bip: Elementwise = result_of("airye", 3, "Bi′", lambda xp, z, x: _scaled_air(xp, z, x, 2 / 3, 1.0, -1, lambda x: x * airye_bi(x) - _root(xp, x) * z), example=example(far_from_zero(2, 3)))
together("airye", airye_ai, airye_aip, airye_bi, airye_bip)


def _ai(xp, x):
    """Ai(x), 0 where it underflows; SciPy's is NaN for large x."""
    return xp.where(x < 110, airy_ai(xp.minimum(x, 110.0)), 0.0)


together(
    "itairy",  # ∫₀ˣ Ai(t), ∫₀ˣ Bi(t), ∫₀ˣ Ai(−t), ∫₀ˣ Bi(−t)
    result_of("itairy", 0, "∫Ai", lambda xp, z, x: _ai(xp, x)),
    result_of("itairy", 1, "∫Bi", lambda xp, z, x: airy_bi(x)),
    result_of("itairy", 2, "∫Ai(−t)", lambda xp, z, x: _ai(xp, -x)),
    result_of("itairy", 3, "∫Bi(−t)", lambda xp, z, x: airy_bi(-x)),
)

# Kelvin functions: w = ber + i bei and w = ker + i kei solve x² w″ + x w′ = i x² w (10.61.3) --------------------------

def _over_x(xp, dz, x, at_0):
    """dz / x, and its limit at 0."""
    return xp.where(x == 0, at_0, dz / xp.where(x == 0, 1.0, x))


ber = special_function("ber", lambda xp, z, x: berp(x))
bei = special_function("bei", lambda xp, z, x: beip(x))
berp: Elementwise = special_function("berp", lambda xp, z, x: -bei(x) - _over_x(xp, z, x, 0.0), notation=symbol("ber′"))
beip: Elementwise = special_function("beip", lambda xp, z, x: ber(x) - _over_x(xp, z, x, 0.5), notation=symbol("bei′"))
ker = special_function("ker", lambda xp, z, x: kerp(x), example=example(positive(2, 3)))
kei = special_function("kei", lambda xp, z, x: keip(x), example=example(positive(2, 3)))
kerp: Elementwise = special_function("kerp", singular(lambda xp, z, x: -kei(x) - z / x), notation=symbol("ker′"), example=example(positive(2, 3)))
keip: Elementwise = special_function("keip", singular(lambda xp, z, x: ker(x) - z / x), notation=symbol("kei′"), example=example(positive(2, 3)))


@answers("scipy.special.kelvin")
def scipy_kelvin(x):
    """scipy.special.kelvin: Be, Ke, Be′ and Ke′, each of a real and an imaginary part."""
    return ber(x) + 1j * bei(x), ker(x) + 1j * kei(x), berp(x) + 1j * beip(x), kerp(x) + 1j * keip(x)


# Struve functions: 11.4.24 and 11.4.26 ----------------------------------------------------------------------------------

def _struve_near(xp, v, x, sign):
    """By x of Σ (±1)^k (x/2)^(2k+v+1) / (Γ(k + 3/2) Γ(k + v + 3/2)), 11.2.1 and 11.2.2, for |x| ≤ 1."""
    slope = 0.0
    for k in range(12):
        coefficient = sign**k * (0.5 * (2 * k + v + 1)) / math.gamma(k + 1.5)
        power = xp.where(coefficient == 0, 1.0, 2 * k + v)
        slope = slope + coefficient * rgamma(k + v + 1.5) * (0.5 * x) ** power
    return slope


@singular
def _struve_by_x(xp, z, v, x, function, sign):
    """H_(v−1) − (v/x) H_v, and so of L; near 0, where these cancel, the series."""
    far = abs(x) > 1
    y = xp.where(far, x, 1.0)
    return xp.where(far, function(v - 1, y) - v / y * z, _struve_near(xp, v, xp.where(far, 1.0, x), sign))


struve: Elementwise = special_function("struve", unknown("struve", "v"), lambda xp, z, v, x: _struve_by_x(xp, z, v, x, struve, -1), notation=symbol("H"), example=example(exactly(2), positive(2, 3)))
modstruve: Elementwise = special_function("modstruve", unknown("modstruve", "v"), lambda xp, z, v, x: _struve_by_x(xp, z, v, x, modstruve, 1), notation=symbol("L"), example=example(exactly(2), positive(2, 3)))
itstruve0 = special_function("itstruve0", lambda xp, z, x: struve(0.0, x), notation=symbol("∫H₀"), example=example(positive(2, 3)))
it2struve0 = special_function("it2struve0", lambda xp, z, x: -_over_x(xp, struve(0.0, x), x, 2 / math.pi), notation=symbol("∫H₀/t"), example=example(positive(2, 3)))  # from x to ∞
itmodstruve0 = special_function("itmodstruve0", lambda xp, z, x: modstruve(0.0, x), notation=symbol("∫L₀"), example=example(positive(2, 3)))

# The function of E. M. Wright, Σ_k x^k / (k! Γ(ak + b)), 10.46.1 -------------------------------------------------------

wright_bessel: Elementwise = special_function("wright_bessel", unknown("wright_bessel", "a"), unknown("wright_bessel", "b"), lambda xp, z, a, b, x: wright_bessel(a, a + b, x), notation=symbol("Φ"), example=example(exactly(1), exactly(2), positive(2, 3)))
log_wright_bessel: Elementwise = special_function("log_wright_bessel", unknown("log_wright_bessel", "a"), unknown("log_wright_bessel", "b"), lambda xp, z, a, b, x: xp.exp(log_wright_bessel(a, a + b, x) - z), notation=symbol("log Φ"), example=example(exactly(1), exactly(2), positive(2, 3)))

# fmt: on

# Solutions of a differential equation y″ = c(x) y, with y and y′ as the two results ----------------------------------


def _product(xp, c, y):
    """c y; where y is 0 the result is 0, even if c is infinite or NaN."""
    return xp.where((y == 0) & ~xp.isfinite(c), 0.0, c) * y


def _solution(function, parameters, coefficient, domain, per_unit=1.0):
    """The blocks of y and y′. `per_unit` is the derivative of the equation's variable by that of SciPy's function."""
    unknowns = [unknown(function, name) for name in parameters]
    options = {"example": example(*(exactly(n) for n in parameters.values()), domain(2, 3))}
    y = result_of(function, 0, "y", *unknowns, lambda xp, z, *xs: per_unit * dy(*xs), **options)
    dy: Elementwise = result_of(
        function,
        1,
        "y′",
        *unknowns,
        lambda xp, z, *xs: per_unit * _product(xp, coefficient(xp, *xs), y(*xs)),
        **options,
    )
    together(function, y, dy)


_solution("pbdv", {"v": 2}, lambda xp, v, x: 0.25 * x * x - v - 0.5, normal)  # 12.2.4
_solution("pbvv", {"v": 2}, lambda xp, v, x: 0.25 * x * x - v - 0.5, normal)
_solution("pbwa", {"a": 1}, lambda xp, a, x: a - 0.25 * x * x, inside)  # 12.14.2


def _characteristic(name):
    """The characteristic value of Mathieu's equation. There is no gradient by m and q, so it is a plain number."""

    def value(m, q):
        return getattr(special_functions_of(np), name)(value_of(m), value_of(q))

    return value


mathieu_a, mathieu_b = _characteristic("mathieu_a"), _characteristic("mathieu_b")
for _function, _value in ("mathieu_cem", mathieu_a), ("mathieu_sem", mathieu_b):  # 28.2.1, x in degrees
    _solution(
        _function,
        {"m": 2, "q": 1},
        lambda xp, m, q, x, a=_value: 2 * q * xp.cos(2 * DEGREE * x) - a(m, q),
        normal,
        DEGREE,
    )
for _function, _value in {
    "mathieu_modcem1": mathieu_a,
    "mathieu_modsem1": mathieu_b,
    "mathieu_modcem2": mathieu_a,
    "mathieu_modsem2": mathieu_b,
}.items():  # 28.20.1
    _solution(_function, {"m": 2, "q": 1}, lambda xp, m, q, x, a=_value: a(m, q) - 2 * q * xp.cosh(2 * x), positive)
