"""Error functions and their relatives (DLMF, chapter 7)."""

import math

from chainrule.block import singular
from chainrule.blocks.special.table import chance, result_of, special_function, symbol, together
from chainrule.domains import between, example, inside, normal, positive

ROOT_PI = math.sqrt(math.pi)
ROOT_2PI = math.sqrt(2 * math.pi)


# fmt: off

# 7.10(i)
erf = special_function("erf", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(-x * x), complex=True)
erfc = special_function("erfc", lambda xp, z, x: (-2 / ROOT_PI) * xp.exp(-x * x), complex=True)
erfcx = special_function("erfcx", lambda xp, z, x: 2 * x * z - 2 / ROOT_PI, complex=True)
erfi = special_function("erfi", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(x * x), complex=True)
dawsn = special_function("dawsn", lambda xp, z, x: 1 - 2 * x * z, complex=True)
wofz = special_function("wofz", lambda xp, z, x: -2 * x * z + 2j / ROOT_PI, notation=symbol("w"), complex=True)
erfinv = special_function("erfinv", lambda xp, z, x: (ROOT_PI / 2) * xp.exp(z * z), notation=symbol("erf⁻¹"), example=example(inside(2, 3)))
erfcinv = special_function("erfcinv", lambda xp, z, x: (-ROOT_PI / 2) * xp.exp(z * z), notation=symbol("erfc⁻¹"), example=example(chance(2, 3)))
log_ndtr = special_function("log_ndtr", lambda xp, z, x: xp.exp(-0.5 * x * x - z) / ROOT_2PI, notation=symbol("log Φ"), complex=True)
ndtri = special_function("ndtri", lambda xp, z, p: ROOT_2PI * xp.exp(0.5 * z * z), notation=symbol("Φ⁻¹"), example=example(chance(2, 3)))
ndtri_exp = special_function("ndtri_exp", lambda xp, z, x: ROOT_2PI * xp.exp(x + 0.5 * z * z), example=example(between(-3, -0.3)(2, 3)))
owens_t = special_function(  # D. B. Owen, Tables for computing bivariate normal probabilities (1956), equation 2.1
    "owens_t",
    lambda xp, z, h, a: -xp.exp(-0.5 * h * h) * erf(a * h / math.sqrt(2)) / (2 * ROOT_2PI),
    lambda xp, z, h, a: xp.exp(-0.5 * h * h * (1 + a * a)) / (2 * math.pi * (1 + a * a)),
    notation=symbol("T"),
)

# Fresnel integrals, 7.2(iii)

fresnel_s = result_of("fresnel", 0, "S", lambda xp, z, x: xp.sin((math.pi / 2) * x * x), complex=True)
fresnel_c = result_of("fresnel", 1, "C", lambda xp, z, x: xp.cos((math.pi / 2) * x * x), complex=True)
together("fresnel", fresnel_s, fresnel_c)

# Modified Fresnel integrals: F(x) = ∫ₓ^∞ e^(±it²) dt and K(x) = e^(∓i(x² + π/4)) F(x) / √π. SciPy's are NaN in single
# precision near 2.6, and wrong for negative x.
for _function, _sign, _names in ("modfresnelp", 1, ("F₊", "K₊")), ("modfresnelm", -1, ("F₋", "K₋")):
    together(
        _function,
        result_of(_function, 0, _names[0], lambda xp, z, x, i=1j * _sign: -xp.exp(i * x * x), complex=True, example=example(between(0.3, 2)(2, 3))),
        result_of(
            _function, 1, _names[1],
            lambda xp, z, x, i=1j * _sign: -2 * i * x * z - (1 - i) / (math.sqrt(2) * ROOT_PI),  # e^(∓iπ/4) = (1 ∓ i)/√2
            complex=True, example=example(between(0.3, 2)(2, 3)),
        ),
    )
# fmt: on


def _voigt(part):
    """The profile is Re w(u) / (σ √(2π)) of u = (x + iγ) / (σ √2), 7.19(i)."""

    def derivative(xp, z, x, sigma, gamma):
        u = (x + 1j * gamma) / (sigma * math.sqrt(2))
        slope = -2 * u * wofz(u) + 2j / ROOT_PI  # w′(u), 7.10.2
        return part(xp, z, u, slope, sigma) / (sigma * ROOT_2PI)

    return singular(derivative)


voigt_profile = special_function(
    "voigt_profile",
    _voigt(lambda xp, z, u, slope, sigma: xp.real(slope) / (sigma * math.sqrt(2))),
    _voigt(lambda xp, z, u, slope, sigma: -ROOT_2PI * z - xp.real(slope * u) / sigma),
    _voigt(lambda xp, z, u, slope, sigma: -xp.imag(slope) / (sigma * math.sqrt(2))),
    notation=symbol("V"),
    example=example(normal(2, 3), positive(2, 3), positive(2, 3)),
)
