"""Elliptic integrals and functions (DLMF, chapters 19 and 22), with the parameter m = k².

Derivatives are in R. C. Carlson's symmetric integrals, which have no 0/0 at m = 0.
"""

import functools
import math
import operator

import numpy as np

from chainrule.array import value_of
from chainrule.block import Elementwise, singular
from chainrule.blocks.copies import cast
from chainrule.blocks.special.table import chance, hidden, result_of, special_function, symbol, together
from chainrule.domains import above_one, example, inside, positive
from chainrule.libraries import dtype_of, is_complex

# Symmetric integrals (19.16) --------------------------------------------------------------------------------------------


def _symmetric(xp, x, y, z, p, powers=(0.5, 0.5, 0.5, 1.0), rise=0):
    """∫₀^∞ t^rise (t+x)^(−p₁) (t+y)^(−p₂) (t+z)^(−p₃) (t+p)^(−p₄) dt, R. C. Carlson's R but for a factor (19.16.9).

    Its derivative by x is −p₁ times the integral with p₁ + 1. So derivatives of every order are integrals of one sign, and
    nothing cancels where arguments coincide. With t = eᵘ the integrand is analytic in a strip and falls exponentially to both sides: the
    trapezoidal rule has all digits (L. N. Trefethen and J. A. C. Weideman, The exponentially convergent trapezoidal rule, 2014).
    """
    used = [(x, power) for x, power in zip((x, y, z, p), powers, strict=True) if power]
    size = functools.reduce(xp.maximum, [xp.asarray(abs(x)) for x, _ in used])
    size = xp.where(xp.isfinite(size) & (size > 0), size, 1.0)
    scaled = [(x / size, power) for x, power in used]
    u, step = _places(scaled, rise)
    t = xp.exp(xp.reshape(xp.asarray(u), (-1,) + (1,) * size.ndim))  # in double precision, or its powers overflow
    integrand, at_0 = t ** (rise + 1.0), rise + 1.0
    for x, power in scaled:
        integrand = integrand * (t + x) ** -power
        at_0 = at_0 - power * (x == 0)
    degree = rise + 1.0 - sum(powers)
    integral = xp.where(at_0 > 0, size**degree * step * xp.sum(integrand, axis=0), math.inf)
    return cast(integral, dtype=functools.reduce(np.promote_types, [dtype_of(x) for x, _ in scaled]))


def _places(xs, rise):
    """The places u where the integrand of `_symmetric` exceeds rounding errors, and the step between them.

    The integrand's singularities are at u = log(−x): their distance from the real axis is π − |arg x|.
    """
    xs = [(np.asarray(value_of(x)), power) for x, power in xs]
    sizes = np.concatenate([abs(x[(x != 0) & np.isfinite(x)]).ravel() for x, _ in xs])
    at_0 = rise + 1.0 - sum(power for x, power in xs if np.any(x == 0))
    fall = sum(power for _, power in xs) - rise - 1.0
    start = np.log(sizes.min(initial=1.0)) - 40 / max(at_0, 0.5)
    width = min(math.pi - abs(np.angle(x[np.isfinite(x)])).max(initial=0.0) for x, _ in xs)
    step = max(width, 0.3) / 6.5
    return np.arange(max(start, -700.0), 40 / fall + step, step), step


def _by_operand(i):
    def derivative(xp, r, *xs, powers, rise):
        more = tuple(power + (i == j) for j, power in enumerate(powers))
        return -powers[i] * symmetric(*xs, powers=more, rise=rise)

    return derivative


symmetric: Elementwise = hidden("symmetric", _symmetric, *map(_by_operand, range(4)), complex=True)


def _integral_of(factor, *powers, rise=0):
    """The derivative rule of `factor` times the integral above. Operands whose power is 0 have no effect."""

    def rule(xp, r, *xs):
        slope = factor * symmetric(*xs, *[1.0] * (4 - len(xs)), powers=powers, rise=rise)
        if not any(map(is_complex, xs)):
            return slope
        cut = functools.reduce(operator.or_, [(xp.imag(x) == 0) & (xp.real(x) < 0) for x in xs if is_complex(x)])
        return xp.where(cut, math.nan, slope)  # at the cut the integrand has a pole, and the function jumps

    return rule


def _is_left(xp, x):
    return (xp.real(x) if is_complex(x) else x) < 0


# R_C has closed derivatives, which cancel where x is near y; there the integral is used. Of a negative y it is a
# principal value, and the closed ones hold.


def _is_near(xp, x, y):
    return abs(x - y) < 0.5 * abs(y)


@singular
def _rc_by_x(xp, r, x, y):
    """∂R_C/∂x by partial fractions."""
    near = _is_near(xp, x, y)
    x1, y1 = xp.where(near, x, 1.0), xp.where(near, y, 1.0)
    integral = -0.25 * symmetric(x1, 1.0, 1.0, y1, powers=(1.5, 0.0, 0.0, 1.0))
    return xp.where(near, integral, (r - 1 / xp.sqrt(x)) / (2 * (xp.where(near, 0.0, y) - xp.where(near, 1.0, x))))


@singular
def _rc_by_y(xp, r, x, y):
    """∂R_C/∂y: −(½ R_C + x ∂R_C/∂x)/y, for R_C is homogeneous of degree −1/2."""
    near = _is_near(xp, x, y)
    x1, y1 = xp.where(near, x, 1.0), xp.where(near, y, 1.0)
    integral = -0.5 * symmetric(x1, 1.0, 1.0, y1, powers=(0.5, 0.0, 0.0, 2.0))
    x, y = xp.where(near, 1.0, x), xp.where(near, 0.5, y)
    return xp.where(near, integral, -(0.5 * r + (x * r - xp.sqrt(x)) / (2 * (y - x))) / y)


@singular
def _rj_by_x(xp, r, x, y, z, p):
    """∂R_J/∂x; of a negative p, for which R_J is a principal value, by partial fractions: 1/((t+x)(t+p))."""
    left = _is_left(xp, p)
    away = -0.75 * symmetric(x, y, z, xp.where(left, 1.0, p), powers=(1.5, 0.5, 0.5, 1.0))
    return xp.where(left, (elliprd(y, z, x) - r) / (2 * (x - xp.where(left, p, -1.0))), away)


@singular
def _rj_by_p(xp, r, x, y, z, p):
    """∂R_J/∂p; for a negative p from the other derivatives, because R_J is homogeneous of degree −3/2."""
    left = _is_left(xp, p)
    away = -1.5 * symmetric(x, y, z, xp.where(left, 1.0, p), powers=(0.5, 0.5, 0.5, 2.0))
    total = 1.5 * r
    for side, *others in ((x, y, z), (y, x, z), (z, x, y)):
        total = total + xp.where(side == 0, 0.0, side * _rj_by_x(xp, r, side, *others, p))
    return xp.where(left, -total / p, away)


# fmt: off

elliprd: Elementwise = special_function(  # (3/2) ∫, 19.16.5
    "elliprd",
    _integral_of(-0.75, 1.5, 0.5, 1.5, 0.0),
    _integral_of(-0.75, 0.5, 1.5, 1.5, 0.0),
    _integral_of(-2.25, 0.5, 0.5, 2.5, 0.0),
    notation=symbol("R_D"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
elliprf = special_function(  # ½ ∫, 19.16.1
    "elliprf",
    _integral_of(-0.25, 1.5, 0.5, 0.5, 0.0),
    _integral_of(-0.25, 0.5, 1.5, 0.5, 0.0),
    _integral_of(-0.25, 0.5, 0.5, 1.5, 0.0),
    notation=symbol("R_F"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
elliprc = special_function("elliprc", _rc_by_x, _rc_by_y, notation=symbol("R_C"), complex=True, example=example(positive(2, 3), positive(2, 3)))  # R_F(x, y, y), 19.16.6
elliprg = special_function(  # R of the power 1/2, 19.16.9
    "elliprg",
    _integral_of(0.125, 1.5, 0.5, 0.5, 0.0, rise=1),
    _integral_of(0.125, 0.5, 1.5, 0.5, 0.0, rise=1),
    _integral_of(0.125, 0.5, 0.5, 1.5, 0.0, rise=1),
    notation=symbol("R_G"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
    flat_at_infinity=True,
)
elliprj = special_function(  # (3/2) ∫, 19.16.2
    "elliprj",
    _rj_by_x,
    lambda xp, r, x, y, z, p: _rj_by_x(xp, r, y, x, z, p),
    lambda xp, r, x, y, z, p: _rj_by_x(xp, r, z, x, y, p),
    _rj_by_p,
    notation=symbol("R_J"), complex=True, example=example(chance(2, 3), chance(2, 3), chance(2, 3), above_one(2, 3)),
)

# Legendre's integrals: K = R_F(0, 1−m, 1) and its relatives, 19.25(i) ---------------------------------------------------

ellipk = special_function("ellipk", lambda xp, z, m: elliprd(0.0, 1.0, 1 - m) / 6, notation=symbol("K"), example=example(chance(2, 3)))
ellipkm1 = special_function("ellipkm1", lambda xp, z, p: elliprd(0.0, 1.0, p) / -6, notation=lambda p: symbol("K")(1 - p), example=example(positive(2, 3)))
ellipe = special_function("ellipe", lambda xp, z, m: elliprd(0.0, 1 - m, 1.0) / -6, notation=symbol("E"), example=example(chance(2, 3)))


def _periods(xp, phi):
    """φ as a multiple of π and a remainder: in each period π the integrals grow by twice the complete one (19.2.10)."""
    turns = xp.round(phi / math.pi)
    return turns, phi - turns * math.pi


def _first_by_m(xp, phi, m):
    """∂F(φ, m)/∂m, of F = sin φ R_F(cos² φ, 1 − m sin² φ, 1), 19.25.5."""
    turns, rest = _periods(xp, phi)
    sine, cosine = xp.sin(rest), xp.cos(rest)
    part = sine**3 * elliprd(cosine * cosine, 1.0, 1 - m * sine * sine) / 6
    return part + xp.where(turns == 0, 0.0, turns * elliprd(0.0, 1.0, 1 - m) / 3)


def _second_by_m(xp, phi, m):
    """∂E(φ, m)/∂m = −(F − E)/(2m), with 19.25.7 for F − E."""
    turns, rest = _periods(xp, phi)
    sine, cosine = xp.sin(rest), xp.cos(rest)
    part = sine**3 * elliprd(cosine * cosine, 1 - m * sine * sine, 1.0) / -6
    return part - xp.where(turns == 0, 0.0, turns * elliprd(0.0, 1 - m, 1.0) / 3)


ellipkinc = special_function(
    "ellipkinc",
    singular(lambda xp, z, phi, m: 1 / xp.sqrt(1 - m * xp.sin(phi) ** 2)),
    lambda xp, z, phi, m: _first_by_m(xp, phi, m),
    notation=symbol("F"), example=example(inside(2, 3), inside(2, 3)),
)
ellipeinc = special_function(
    "ellipeinc",
    lambda xp, z, phi, m: xp.sqrt(1 - m * xp.sin(phi) ** 2),
    lambda xp, z, phi, m: _second_by_m(xp, phi, m),
    notation=symbol("E"), example=example(inside(2, 3), inside(2, 3)),
)

# Jacobi's functions of u and m (22.13(i)). By m: the amplitude φ keeps u = F(φ, m), so ∂φ/∂m = −dn ∂F/∂m --------------

_jacobi = example(inside(2, 3), chance(2, 3))


def _amplitude_by_m(xp, u, m):
    return -jacobi_dn(u, m) * _first_by_m(xp, jacobi_ph(u, m), m)


jacobi_sn: Elementwise = result_of("ellipj", 0, "sn", lambda xp, z, u, m: jacobi_cn(u, m) * jacobi_dn(u, m), lambda xp, z, u, m: jacobi_cn(u, m) * _amplitude_by_m(xp, u, m), example=_jacobi)
jacobi_cn: Elementwise = result_of("ellipj", 1, "cn", lambda xp, z, u, m: -jacobi_sn(u, m) * jacobi_dn(u, m), lambda xp, z, u, m: -jacobi_sn(u, m) * _amplitude_by_m(xp, u, m), example=_jacobi)
jacobi_dn: Elementwise = result_of(
    "ellipj", 2, "dn",
    lambda xp, z, u, m: -m * jacobi_sn(u, m) * jacobi_cn(u, m),
    lambda xp, z, u, m: -jacobi_sn(u, m) * (0.5 * jacobi_sn(u, m) + m * jacobi_cn(u, m) * _amplitude_by_m(xp, u, m)) / z,  # dn² = 1 − m sn²
    example=_jacobi,
)
jacobi_ph: Elementwise = result_of("ellipj", 3, "am", lambda xp, z, u, m: jacobi_dn(u, m), lambda xp, z, u, m: _amplitude_by_m(xp, u, m), example=_jacobi)
together("ellipj", jacobi_sn, jacobi_cn, jacobi_dn, jacobi_ph)


@singular
def _mean_by_first(xp, z, a, b):
    """∂M(a, b)/∂a of M = π (a + b) / (4 K(m)), m = ((a − b)/(a + b))², 19.8.5; M is 0 for every a if b is 0.

    If one is 10²⁰ times the other, M = πa / (2 log(4a/b)) is differentiated instead (19.12.1).
    """
    more, less = abs(b) < 1e-20 * abs(a), abs(a) < 1e-20 * abs(b)
    far = more | less | (b == 0)
    c, d = xp.where(far, 1.0, a), xp.where(far, 1.0, b)
    total = c + d
    u, v = c / total, d / total
    slope_of_log_k = elliprd(0.0, 1.0, 4 * u * v) * (z / total) * 4 / (6 * math.pi)
    near = z / total * (1 - slope_of_log_k * 4 * v * (u - v))
    log = math.log(4.0) + abs(xp.log(abs(a)) - xp.log(abs(b)))
    beyond = xp.where(more, z / a * (1 - 1 / log), xp.where(a == 0, math.inf, z / a / log))
    return xp.where(far, xp.where(b == 0, 0.0, beyond), near)


agm = special_function("agm", lambda xp, z, a, b: _mean_by_first(xp, z, a, b), lambda xp, z, a, b: _mean_by_first(xp, z, b, a), example=example(positive(2, 3), positive(2, 3)))
