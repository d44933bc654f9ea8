"""Elliptic integrals and functions (DLMF, chapters 19 and 22), with the parameter m = k².

Derivatives are in R. C. Carlson's symmetric integrals, which have no 0/0 at m = 0.
"""

import math

from chainrule.block import Elementwise, singular
from chainrule.blocks.special.table import chance, result_of, special_function, symbol, through, together
from chainrule.domains import above_one, example, inside, positive

# Symmetric integrals (19.16). ∂R_F/∂x = −R_D(y, z, x)/6 by 19.18.1 ------------------------------------------------------


def _rd_by_duplication(xp, x, y, z):
    """R_D(x, y, z) by B. C. Carlson's duplication theorem (19.36(i), 19.26.20).

    Each step brings the three nearer together by a factor of 4; after ten, the series 19.36.2 is exact in doubles.
    """
    total, power = 0.0, 1.0
    for _ in range(10):
        root_x, root_y, root_z = xp.sqrt(x), xp.sqrt(y), xp.sqrt(z)
        shift = root_x * root_y + root_y * root_z + root_z * root_x
        total = total + 3 * power / (root_z * (z + shift))
        power = power / 4
        x, y, z = (x + shift) / 4, (y + shift) / 4, (z + shift) / 4
    mean = (x + y + 3 * z) / 5
    dx, dy = 1 - x / mean, 1 - y / mean
    dz = -(dx + dy) / 3
    e2 = dx * dy - 6 * dz * dz
    e3 = (3 * dx * dy - 8 * dz * dz) * dz
    return total + power * mean**-1.5 * (1 - 3 / 14 * e2 + e3 / 6 + 9 / 88 * e2 * e2)


def _rg_by_x(xp, x, y, z):
    """∂R_G/∂x, from 2 R_G = z R_F − (x − z)(y − z) R_D/3 + √(xy/z), 19.21.10."""
    return (xp.sqrt(y / (x * z)) / 2 - (y * elliprd(y, z, x) + (y - z) * elliprd(x, y, z)) / 6) / 2


@singular
def _rj_by_x(xp, rj, x, y, z, p):
    """∂R_J/∂x: 1/((t+x)(t+p)) in the integrand, as partial fractions."""
    return (elliprd(y, z, x) - rj) / (2 * (x - p))


@singular
def _rj_by_p(xp, rj, x, y, z, p):
    """R_J is homogeneous of degree −3/2 (19.20)."""
    by_x, by_y, by_z = _rj_by_x(xp, rj, x, y, z, p), _rj_by_x(xp, rj, y, x, z, p), _rj_by_x(xp, rj, z, x, y, p)
    return -(1.5 * rj + x * by_x + y * by_y + z * by_z) / p


# fmt: off

elliprd: Elementwise = special_function("elliprd", *(singular(through(_rd_by_duplication, i)) for i in range(3)), notation=symbol("R_D"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)))
elliprf = special_function(
    "elliprf",
    lambda xp, r, x, y, z: elliprd(y, z, x) / -6,
    lambda xp, r, x, y, z: elliprd(z, x, y) / -6,
    lambda xp, r, x, y, z: elliprd(x, y, z) / -6,
    notation=symbol("R_F"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
elliprc = special_function(  # R_F(x, y, y), 19.16.6
    "elliprc",
    lambda xp, r, x, y: elliprd(y, y, x) / -6,
    lambda xp, r, x, y: elliprd(x, y, y) / -3,
    notation=symbol("R_C"), complex=True, example=example(positive(2, 3), positive(2, 3)),
)
elliprg = special_function(
    "elliprg",
    singular(lambda xp, r, x, y, z: _rg_by_x(xp, x, y, z)),
    singular(lambda xp, r, x, y, z: _rg_by_x(xp, y, z, x)),
    singular(lambda xp, r, x, y, z: _rg_by_x(xp, z, x, y)),
    notation=symbol("R_G"), complex=True, example=example(positive(2, 3), positive(2, 3), positive(2, 3)),
)
elliprj = special_function(
    "elliprj",
    lambda xp, r, x, y, z, p: _rj_by_x(xp, r, x, y, z, p),
    lambda xp, r, x, y, z, p: _rj_by_x(xp, r, y, x, z, p),
    lambda xp, r, x, y, z, p: _rj_by_x(xp, r, z, x, y, p),
    lambda xp, r, x, y, z, p: _rj_by_p(xp, r, x, y, z, p),
    notation=symbol("R_J"), complex=True, example=example(chance(2, 3), chance(2, 3), chance(2, 3), above_one(2, 3)),
)

# Legendre's integrals: K = R_F(0, 1−m, 1) and its relatives, 19.25(i) ---------------------------------------------------

ellipk = special_function("ellipk", lambda xp, z, m: elliprd(0.0, 1.0, 1 - m) / 6, notation=symbol("K"), example=example(chance(2, 3)))
ellipkm1 = special_function("ellipkm1", lambda xp, z, p: elliprd(0.0, 1.0, p) / -6, notation=lambda p: symbol("K")(1 - p), example=example(positive(2, 3)))
ellipe = special_function("ellipe", lambda xp, z, m: elliprd(0.0, 1 - m, 1.0) / -6, notation=symbol("E"), example=example(chance(2, 3)))


def _periods(xp, phi):
    """φ as a multiple of π and what remains, for the integrals grow by twice the complete one each π (19.2.10)."""
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
    """∂M(a, b)/∂a of M = π (a + b) / (4 K(m)), m = ((a − b)/(a + b))², 19.8.5."""
    total = a + b
    slope_of_log_k = elliprd(0.0, 1.0, 4 * a * b / total**2) * z * 4 / (6 * math.pi * total)
    return z * (1 / total - slope_of_log_k * 4 * b * (a - b) / total**3)


agm = special_function("agm", lambda xp, z, a, b: _mean_by_first(xp, z, a, b), lambda xp, z, a, b: _mean_by_first(xp, z, b, a), example=example(positive(2, 3), positive(2, 3)))
