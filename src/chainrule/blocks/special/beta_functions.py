"""Incomplete beta functions (DLMF 8.17), with their derivatives by the parameters."""

import math

import numpy as np

from chainrule.block import singular
from chainrule.blocks.special.gamma_functions import betaln, excess, polygamma_step, stirling
from chainrule.blocks.special.information import xlogy
from chainrule.blocks.special.table import chance, hidden, special_function, symbol, through
from chainrule.domains import example, positive

__all__ = ["beta_by_a", "beta_by_b", "beta_density", "beta_moment", "betainc", "betaincc", "betainccinv", "betaincinv"]


def beta_density(xp, a, b, x, rest=None):
    """∂I_x(a, b)/∂x = x^(a−1) (1−x)^(b−1) / B(a, b), 8.17.2. `rest` is 1 − x, if it is known with more digits."""
    rest = 1 - x if rest is None else rest
    large = (a > 10) & (b > 10) & (x > 0) & (rest > 0)
    c, d, y, y1 = (xp.where(large, t, default) for t, default in ((a, 11.0), (b, 11.0), (x, 0.5), (rest, 0.5)))
    n = c + d
    exponent = (
        c * excess(xp, n * y, c) + d * excess(xp, n * y1, d) + stirling(xp, c) + stirling(xp, d) - stirling(xp, n)
    )
    together = xp.sqrt(c * d / (2 * math.pi * n)) * xp.exp(-exponent) / (y * y1)
    c, d = xp.where(large, 1.0, a), xp.where(large, 1.0, b)
    apart = xp.exp(xlogy(c - 1, xp.where(large, 0.5, x)) + xlogy(d - 1, xp.where(large, 0.5, rest)) - betaln(c, d))
    return xp.where(large, together, apart)


_U = np.arange(-3.6, 4.05, 0.025)
_W, _DW = np.exp(_U - np.exp(-_U)), 0.025 * np.exp(_U - np.exp(-_U)) * (1 + np.exp(-_U))
"""Double exponential quadrature over (0, ∞) of what falls like e^(−w) (H. Takahasi and M. Mori, 1974): nodes and weights."""


def _log(xp, x, rest):
    """log x, given rest = 1 − x."""
    near = rest < 0.5
    return xp.where(near, xp.log1p(-xp.where(near, rest, 0.0)), xp.log(xp.where(near, 1.0, x)))


def _beta_series(xp, a, b, x, rest):
    """The moment by the series 8.17.8, differentiated term by term; all terms have one sign where x is small."""
    term, psi, series, log = 1.0, polygamma_step(a + 1, b - 1), 0.0, _log(xp, x, rest)
    for k in range(54):
        series = series - term * (log + psi)
        psi = psi + (1 - b) / ((a + b + k) * (a + 1 + k))
        term = term * x * (a + b + k) / (a + 1 + k)
    return x * rest / a * series


def _beta_integral(xp, a, b, x, rest):
    """The moment by B(a, b) ∂I/∂a = ∫ t^(a−1) (1−t)^(b−1) (log t − ψ(a) + ψ(a+b)) dt from 0 to x, or minus that from x to 1.

    The bracket changes its sign once. The integral is taken on the side of x where it does not: t = x e^(−w), or
    1 − t = (1 − x) e^(−w).
    """
    step = polygamma_step(a, b)  # ψ(a + b) − ψ(a)
    bracket = _log(xp, x, rest) + step
    lower = bracket < 0
    y, z = xp.where(lower, x, rest), xp.where(lower, rest, x)
    fall, other = xp.where(lower, a, b), xp.where(lower, b, a) - 1
    above = xp.where(other > 0, other, 0.0)
    bend = above * y / z
    scale = 1 / (abs(fall - bend) + bend / xp.sqrt(1 + above * y))  # how fast the integrand falls
    w = scale[..., None] * xp.asarray(_W, dtype=x.dtype)
    log = xp.log1p((y / z)[..., None] * -xp.expm1(-w))
    exponent = other[..., None] * log - fall[..., None] * w
    factor = xp.where(lower[..., None], w - bracket[..., None], log + bracket[..., None])
    return y * scale * xp.sum(xp.exp(exponent) * factor * xp.asarray(_DW, dtype=x.dtype), axis=-1)


def _beta_moment(xp, a, b, x, rest):
    """−(∂I/∂a) / (∂I/∂x) = ∂x/∂a for constant I_x(a, b). `rest` is 1 − x."""
    small = x * xp.where(b > 1, (a + b) / (a + 1), 1.0) < 0.5
    series = _beta_series(xp, a, b, xp.where(small, x, 0.1), xp.where(small, rest, 0.9))
    a, b, x, rest = (xp.where(small, other, t) for t, other in ((a, 1.0), (b, 1.0), (x, 0.5), (rest, 0.5)))
    return xp.where(small, series, _beta_integral(xp, a, b, x, rest))


beta_moment = hidden("beta_moment", _beta_moment, *(through(_beta_moment, i) for i in range(4)))


def _by_a(xp, a, b, x, rest):
    density = beta_density(xp, a, b, x, rest)
    ends = (density == 0) | (x <= 0) | (rest <= 0)  # there it is 0, and the moment may be NaN
    a, b, x, rest = (xp.where(ends, other, t) for t, other in ((a, 1.0), (b, 1.0), (x, 0.5), (rest, 0.5)))
    return xp.where(ends, 0.0, -density) * beta_moment(a, b, x, rest)


@singular
def beta_by_a(xp, a, b, x):
    """∂I_x(a, b)/∂a."""
    return _by_a(xp, a, b, x, 1 - x)


@singular
def beta_by_b(xp, a, b, x):
    """∂I_x(a, b)/∂b, since I_x(a, b) = 1 − I_(1−x)(b, a), 8.17.4."""
    return -_by_a(xp, b, a, 1 - x, x)


@singular
def _quantile_by_a(xp, a, b, x, rest):
    """∂x/∂a of I_x(a, b) = p; 0 at the ends, where p is 0 or 1."""
    ends = (x <= 0) | (rest <= 0)
    return xp.where(ends, 0.0, beta_moment(a, b, xp.where(ends, 0.5, x), xp.where(ends, 0.5, rest)))


def beta_quantile_by_a(xp, a, b, x):
    """∂x/∂a of I_x(a, b) = p."""
    return _quantile_by_a(xp, a, b, x, 1 - x)


def beta_quantile_by_b(xp, a, b, x):
    """∂x/∂b of I_x(a, b) = p."""
    return -_quantile_by_a(xp, b, a, 1 - x, x)


_of_shapes = example(positive(2, 3), positive(2, 3), chance(2, 3))
betainc = special_function(
    "betainc",
    lambda xp, z, a, b, x: beta_by_a(xp, a, b, x),
    lambda xp, z, a, b, x: beta_by_b(xp, a, b, x),
    lambda xp, z, a, b, x: beta_density(xp, a, b, x),
    notation=symbol("I"),
    example=_of_shapes,
)
betaincc = special_function(
    "betaincc",
    lambda xp, z, a, b, x: -beta_by_a(xp, a, b, x),
    lambda xp, z, a, b, x: -beta_by_b(xp, a, b, x),
    lambda xp, z, a, b, x: -beta_density(xp, a, b, x),
    example=_of_shapes,
)
betaincinv = special_function(  # the x of I_x(a, b) = p
    "betaincinv",
    lambda xp, x, a, b, p: beta_quantile_by_a(xp, a, b, x),
    lambda xp, x, a, b, p: beta_quantile_by_b(xp, a, b, x),
    singular(lambda xp, x, a, b, p: 1 / beta_density(xp, a, b, x)),
    notation=symbol("I⁻¹"),
    example=_of_shapes,
)
betainccinv = special_function(
    "betainccinv",
    lambda xp, x, a, b, p: beta_quantile_by_a(xp, a, b, x),
    lambda xp, x, a, b, p: beta_quantile_by_b(xp, a, b, x),
    singular(lambda xp, x, a, b, p: -1 / beta_density(xp, a, b, x)),
    example=_of_shapes,
)
