"""Exponential, sine and cosine integrals (DLMF, chapter 6), the dilogarithm (25.12) and Lambert's function (4.13)."""

import math

from chainrule.block import Elementwise, answers, elementwise, singular
from chainrule.blocks.special.table import (
    FUNCTIONS,
    near_zero,
    result_of,
    special_function,
    symbol,
    together,
    whole,
    whole_part,
)
from chainrule.domains import above_one, exactly, example, normal, positive
from chainrule.formula import call
from chainrule.libraries import special_functions_of

# fmt: off

exp1 = special_function("exp1", singular(lambda xp, z, x: -xp.exp(-x) / x), notation=symbol("E₁"), complex=True, example=example(positive(2, 3)))  # 6.2.1
expi = special_function("expi", singular(lambda xp, z, x: xp.exp(x) / x), notation=symbol("Ei"), complex=True, example=example(positive(2, 3)))  # 6.2.5


@singular
def _expn_by_x(xp, z, n, x):
    """−E_(n−1)(x), and E_(−1)(x) = e^(−x) (1 + x) / x²."""
    n = whole_part(xp, n)
    return xp.where(n == 0, -xp.exp(-x) * (1 + x) / (x * x), -expn(xp.maximum(n - 1, 0), x))


expn: Elementwise = special_function("expn", whole("expn", "n"), _expn_by_x, notation=symbol("E"), example=example(exactly(3), positive(2, 3)))  # 8.19.13


def _sine_over(xp, z, x):
    """sin(x) / x."""
    return near_zero(xp, x, 0.5, _alternating(-1), lambda x: xp.sin(x) / x)


def _sinh_over(xp, z, x):
    """sinh(x) / x."""
    return near_zero(xp, x, 0.5, _alternating(1), lambda x: xp.sinh(x) / x)


def _alternating(sign):
    return [sign ** (k // 2) / math.factorial(k + 1) if k % 2 == 0 else 0.0 for k in range(15)]


together(
    "sici",  # 6.2.9 and 6.2.11
    result_of("sici", 0, "Si", _sine_over, complex=True, example=example(positive(2, 3))),
    result_of("sici", 1, "Ci", singular(lambda xp, z, x: xp.cos(x) / x), complex=True, example=example(positive(2, 3))),
)
together(
    "shichi",  # 6.2.15 and 6.2.16
    result_of("shichi", 0, "Shi", _sinh_over, complex=True, example=example(positive(2, 3))),
    result_of("shichi", 1, "Chi", singular(lambda xp, z, x: xp.cosh(x) / x), complex=True, example=example(positive(2, 3))),
)


@singular
def _spence_by_x(xp, z, x):
    coefficients = [(-1) ** (k + 1) / (k + 1) for k in range(24)]
    near = abs(x - 1) < 0.2
    series = near_zero(xp, xp.where(near, x - 1, 0.0), 0.2, coefficients, abs)
    return xp.where(near, series, xp.log(xp.where(near, 1.0, x)) / (1 - xp.where(near, 0.0, x)))


spence = special_function("spence", _spence_by_x, notation=lambda x: call("Li₂", 1 - x), complex=True, example=example(above_one(2, 3)))  # 25.12.1

lambertw = elementwise(  # 4.13.4, written so that it holds at 0
    "lambertw",
    lambda xp, x, k=0, tol=1e-8: special_functions_of(xp).lambertw(x, k, tol),
    singular(lambda xp, z, x, k=0, tol=1e-8: xp.exp(-z) / (1 + z)),
    notation=lambda x, k, tol: call("W", x), complex=True, example=example(positive(2, 3)), flat_at_infinity=True,
)
FUNCTIONS["lambertw"] = "lambertw", None


@answers("scipy.special._lambertw")
def scipy_lambertw(z, k, tol):
    """The ufunc within scipy.special.lambertw; k and tol are plain numbers."""
    return lambertw(z, k=k, tol=tol)


wrightomega = special_function("wrightomega", singular(lambda xp, z, x: z / (1 + z)), notation=symbol("ω"), complex=True, example=example(normal(2, 3)))  # 4.13.4 of W(eˣ)
