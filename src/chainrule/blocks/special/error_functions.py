"""Error functions and their relatives (DLMF, chapter 7)."""

import cmath
import math

import numpy as np

from chainrule.block import Elementwise, singular
from chainrule.block.bounds import falling, rising
from chainrule.blocks.special.table import chance, result_of, special_function, symbol, together
from chainrule.domains import between, example, inside, normal, positive
from chainrule.libraries import dtype_of, is_complex, numpy_dtype

ROOT_PI = math.sqrt(math.pi)
ROOT_2PI = math.sqrt(2 * math.pi)


# erfcx, Dawson's integral and w: far from 0 their derivative is the difference of two nearly equal numbers. From |x| = 6 on it
# is that of the asymptotic series 7.12.1, √π x erfcx(x) = Σ (−1)^k c_k / x^(2k), c_k = (2k−1)!! / 2^k.

COEFFICIENTS = [math.prod(range(1, 2 * k, 2)) / 2**k for k in range(31)]


def _far_slope(q, order=0):
    """Σ (2k+1) c_k / q^(k+1), or its derivative: √π erfcx′(x) is that of q = −x²."""
    total = 0.0
    for k in range(len(COEFFICIENTS) - 1, -1, -1):
        total = total / q + COEFFICIENTS[k] * (2 * k + 1) * (-(k + 1) if order else 1)
    return total / (q * q if order else q)


def _is_far(xp, x):
    """Whether |x| > 6, and x where it is (7 elsewhere)."""
    far = abs(x) > 6
    return far, xp.where(far, x, 7.0)


def _gaussian_of(xp, where, x):
    """x e^(−x²) where a condition holds, else 0."""
    x = xp.where(where, x, 0.0)
    return x * xp.exp(-x * x)


def _erfcx_by_x(xp, z, x):
    """2xz − 2/√π; where Re x < 0 there is 2 e^(x²) beside the series, since erfcx(x) = 2 e^(x²) − erfcx(−x) (7.4.2)."""
    far, y = _is_far(xp, x)
    if not is_complex(x):
        far = far & (x > 0)  # for x < 0 nothing cancels
        return xp.where(far, _far_slope(-y * y) / ROOT_PI, 2 * x * xp.where(far, 0.0, z) - 2 / ROOT_PI)
    gaussian = 4j * _gaussian_of(xp, far & (xp.real(x) < 0), -1j * x)
    return xp.where(far, _far_slope(-y * y) / ROOT_PI + gaussian, 2 * x * xp.where(far, 0.0, z) - 2 / ROOT_PI)


def _dawsn_by_x(xp, z, x):
    """1 − 2xz."""
    far, y = _is_far(xp, x)
    slope = -0.5 * _far_slope(y * y)
    if is_complex(x):
        above = xp.where(xp.imag(x) < 0, -x, x)  # F′ is even
        slope = slope - 1j * ROOT_PI * _gaussian_of(xp, far & (xp.imag(x) != 0), above)
    return xp.where(far, slope, 1 - 2 * x * xp.where(far, 0.0, z))


def _wofz_by_x(xp, z, x):
    """−2xz + 2i/√π (7.10.2); where Im x < 0 there is 2 e^(−x²) beside the series, for w(x) = 2 e^(−x²) − w(−x) (7.4.3)."""
    far, y = _is_far(xp, x)
    slope = -1j / ROOT_PI * _far_slope(y * y)
    if is_complex(x):
        slope = slope - 4 * _gaussian_of(xp, far & (xp.imag(x) < 0), x)
    return xp.where(far, slope, -2 * x * xp.where(far, 0.0, z) + 2j / ROOT_PI)


def _wofz_curvature(xp, x):
    """w″(x), as w′."""
    far, y = _is_far(xp, x)
    curvature = -2j / ROOT_PI * y * _far_slope(y * y, 1) + 4 * (2 * y - 1 / y) * _gaussian_of(
        xp, far & (xp.imag(x) < 0), x
    )
    near = xp.where(far, 0.0, x)
    w = wofz(near)
    return xp.where(far, curvature, -2 * w - 2 * near * _wofz_by_x(xp, w, near))


# φ/Φ and Φ/φ of the left tail by erfcx, for there Φ(x) = e^(−x²/2) erfcx(−x/√2) / 2.


def _log_ndtr_by_x(xp, z, x):
    left = (xp.real(x) if is_complex(x) else x) < 0
    tail = math.sqrt(2 / math.pi) / erfcx(xp.where(left, x, 0.0) / -math.sqrt(2))
    right = xp.where(left, 0.0, x)
    return xp.where(left, tail, xp.exp(-0.5 * right * right - xp.where(left, 0.0, z)) / ROOT_2PI)


def _ndtri_exp_by_x(xp, z, x):
    tail = math.sqrt(math.pi / 2) * erfcx(xp.where(z < 0, z, 0.0) / -math.sqrt(2))
    right = xp.where(z < 0, 0.0, z)
    return xp.where(z < 0, tail, ROOT_2PI * xp.exp(x + 0.5 * right * right))


def _quarter_turns(xp, x):
    """x² modulo 4, with the rounding error of the square (T. J. Dekker, 1971): without it no digit is right from 10⁸ on."""
    if is_complex(x):
        return x * x
    split = (4097.0 if numpy_dtype(dtype_of(x)) == np.float32 else 134217729.0) * x
    high = split - (split - x)
    low, square = x - high, x * x
    return square % 4.0 + (((high * high - square) + 2 * high * low) + low * low)


# fmt: off

# 7.10(i)
erf = special_function("erf", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(-x * x), bounds=rising(math.erf), complex=True)
erfc = special_function("erfc", lambda xp, z, x: (-2 / ROOT_PI) * xp.exp(-x * x), bounds=falling(math.erfc), complex=True)
erfcx: Elementwise = special_function("erfcx", _erfcx_by_x, complex=True)
erfi = special_function("erfi", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(x * x), complex=True)
dawsn = special_function("dawsn", _dawsn_by_x, complex=True)
wofz: Elementwise = special_function("wofz", _wofz_by_x, notation=symbol("w"), complex=True)
erfinv = special_function("erfinv", lambda xp, z, x: (ROOT_PI / 2) * xp.exp(z * z), notation=symbol("erf⁻¹"), example=example(inside(2, 3)))
erfcinv = special_function("erfcinv", lambda xp, z, x: (-ROOT_PI / 2) * xp.exp(z * z), notation=symbol("erfc⁻¹"), example=example(chance(2, 3)))
log_ndtr = special_function("log_ndtr", _log_ndtr_by_x, notation=symbol("log Φ"), complex=True)
ndtri = special_function("ndtri", lambda xp, z, p: ROOT_2PI * xp.exp(0.5 * z * z), notation=symbol("Φ⁻¹"), example=example(chance(2, 3)))
ndtri_exp = special_function("ndtri_exp", _ndtri_exp_by_x, example=example(between(-3, -0.3)(2, 3)), flat_at_infinity=True)
owens_t = special_function(  # D. B. Owen, Tables for computing bivariate normal probabilities (1956), equation 2.1
    "owens_t",
    lambda xp, z, h, a: -xp.exp(-0.5 * h * h) * erf(a * h / math.sqrt(2)) / (2 * ROOT_2PI),
    lambda xp, z, h, a: xp.exp(-0.5 * (h * h + (h * xp.where(h == 0, 0.0, a)) ** 2)) / (2 * math.pi * (1 + a * a)),
    notation=symbol("T"),
)

# Fresnel integrals, 7.2(iii)

fresnel_s = result_of("fresnel", 0, "S", lambda xp, z, x: xp.sin((math.pi / 2) * _quarter_turns(xp, x)), complex=True)
fresnel_c = result_of("fresnel", 1, "C", lambda xp, z, x: xp.cos((math.pi / 2) * _quarter_turns(xp, x)), complex=True)
together("fresnel", fresnel_s, fresnel_c)

# Modified Fresnel integrals: F(x) = ∫ₓ^∞ e^(±it²) dt and K(x) = e^(∓i(x² + π/4)) F(x) / √π. SciPy's are NaN in single
# precision near 2.6, and wrong for negative x.
for _function, _sign, _names in ("modfresnelp", 1, ("F₊", "K₊")), ("modfresnelm", -1, ("F₋", "K₋")):
    together(
        _function,
        result_of(_function, 0, _names[0], lambda xp, z, x, i=1j * _sign: -xp.exp(i * x * x), complex=True, example=example(between(0.3, 2)(2, 3))),
        result_of(
            _function, 1, _names[1],
            lambda xp, z, x, turn=cmath.exp(-0.25j * math.pi * _sign): 0.5 * turn * _erfcx_by_x(xp, 2 * z, turn * x),  # K(x) = erfcx(e^(∓iπ/4) x) / 2
            complex=True, example=example(between(0.3, 2)(2, 3)),
        ),
    )
# fmt: on


# Voigt's profile is Re w(u) / (σ √(2π)) of u = (x + iγ) / (σ √2), 7.19(i), and Re i / (π (x + iγ)) where σ = 0.


@singular
def _voigt_slope(xp, x, sigma, gamma):
    """The derivative by x + iγ of the number whose real part the profile is."""
    place, sharp = x + 1j * gamma, sigma == 0
    width = xp.where(sharp, 1.0, sigma) * math.sqrt(2)
    u = place / width
    return xp.where(sharp, -1j / (math.pi * place * place), _wofz_by_x(xp, wofz(u), u) / (width * width * ROOT_PI))


def _voigt_by_sigma(xp, x, sigma, gamma):
    """σ ∂²V/∂x²: V solves the heat equation, with σ²/2 as the time."""
    place, sharp = x + 1j * gamma, sigma == 0
    width = xp.where(sharp, 1.0, sigma) * math.sqrt(2)
    curvature = _wofz_curvature(xp, place / width) / (width * width * width * (ROOT_PI / 2))
    return 0.5 * sigma * xp.real(xp.where(sharp, 4j / (math.pi * place * place * place), curvature))


voigt_profile = special_function(
    "voigt_profile",
    lambda xp, z, x, sigma, gamma: xp.real(_voigt_slope(xp, x, sigma, gamma)),
    lambda xp, z, x, sigma, gamma: _voigt_by_sigma(xp, x, sigma, gamma),
    lambda xp, z, x, sigma, gamma: -xp.imag(_voigt_slope(xp, x, sigma, gamma)),
    notation=symbol("V"),
    example=example(normal(2, 3), positive(2, 3), positive(2, 3)),
)
