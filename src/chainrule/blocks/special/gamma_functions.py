"""Gamma, beta and zeta functions, complete and incomplete (DLMF, chapters 5, 8 and 25)."""

import math

import numpy as np

from chainrule.block import Elementwise, answers, elementwise, singular
from chainrule.blocks.special.information import xlogy
from chainrule.blocks.special.table import chance, hidden, near_zero, special_function, symbol, through, unknown
from chainrule.domains import above_one, example, inside, positive
from chainrule.libraries import is_complex, special_functions_of

BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330]
"""B₂, B₄, B₆, … (24.2(iv))."""


def sinpi(xp, x):
    """sin(πx), exactly 0 at the integers."""
    turns = xp.round(xp.real(x) if is_complex(x) else x)
    return (1 - 2 * (turns % 2)) * xp.sin(math.pi * (x - turns))


def cospi(xp, x):
    """cos(πx); for real x exactly 0 halfway between integers, and accurate to all digits near these points."""
    turns = xp.round(xp.real(x) if is_complex(x) else x)
    rest = x - turns
    found = xp.cos(math.pi * rest)
    if not is_complex(x):
        found = xp.where(abs(rest) > 0.25, xp.sin(math.pi * (0.5 - abs(rest))), found)
    return (1 - 2 * (turns % 2)) * found


# ζ by s ------------------------------------------------------------------------------------------------------------------


def _zeta_sum_by_s(xp, s, a):
    """∂ζ(s, a)/∂s, term by term of the Euler-Maclaurin sum for ζ(s, a) (25.11.28, with ten terms before it).

    From s = 1000 on the remaining terms are 0 to all digits; their factors would overflow, so they are left out.
    """
    y = a + 10.0
    log = xp.log(y)
    slope = 0.0
    for k in range(10):
        slope = slope - xp.log(a + k) * (a + k) ** -s
    last, s = y**-s, xp.where(s < 1000, s, 0.0)
    slope = slope - y * last * (log / (s - 1) + 1 / (s - 1) ** 2) - 0.5 * log * last
    rising, by_s = s, 1.0  # s (s + 1) ⋯ (s + 2k − 2) and its derivative
    for k, b in enumerate(BERNOULLI, start=1):
        power = (b / math.factorial(2 * k)) * y ** (1.0 - 2 * k) * last
        slope = slope + power * (by_s - rising * log)
        step, step_by_s = (s + 2 * k - 1) * (s + 2 * k), 2 * s + 4 * k - 1
        rising, by_s = rising * step, by_s * step + rising * step_by_s
    return slope


zeta_by_s: Elementwise = hidden(  # by a: 25.11.17, differentiated by s
    "zeta_by_s",
    _zeta_sum_by_s,
    through(_zeta_sum_by_s, 0),
    lambda xp, z, s, a: -zeta(s + 1, a) - s * zeta_by_s(s + 1, a),
)


def _riemann_by_s(xp, s):
    """ζ′(s); left of −1 by the reflection 25.4.2, ζ(s) = 2 (2π)^(s−1) sin(πs/2) Γ(1−s) ζ(1−s)."""
    left = s < -1
    y = xp.where(left, 1 - s, 3.0)
    sine, cosine = sinpi(xp, (1 - y) / 2), cospi(xp, (1 - y) / 2)
    factor = 2 * xp.exp(gammaln(y) - y * math.log(2 * math.pi))
    slope = (math.log(2 * math.pi) - digamma(y)) * sine + (math.pi / 2) * cosine
    reflected = factor * ((1 + zetac(y)) * slope - sine * zeta_by_s(y, 1.0))
    return xp.where(left, reflected, zeta_by_s(xp.where(left, 3.0, s), 1.0))


# ψ, its derivative, and differences of it --------------------------------------------------------------------------------


def _complex_trigamma(xp, x):
    """ψ′(x): reflected to the right half-plane (5.15.6), shifted to large x (5.15.5), then the series 5.15.8."""
    left = xp.real(x) < 0.5
    y = xp.where(left, 1 - x, x)
    far = y + 12
    sum_ = 1 / far + 0.5 / far**2
    for k in range(12):
        sum_ = sum_ + 1 / (y + k) ** 2
    for k, b in enumerate(BERNOULLI[:8], start=1):
        sum_ = sum_ + b * far ** (-2.0 * k - 1)
    sine = sinpi(xp, xp.where(left, x, 0.5))
    return xp.where(left, (math.pi / sine) ** 2 - sum_, sum_)


@singular
def _trigamma(xp, z, x):
    """ψ′(x) = ζ(2, x) (5.15.1), of a negative x by reflection (5.15.6); scipy.special has it for real x only."""
    if is_complex(x):
        return _complex_trigamma(xp, x)
    left = x < 0
    reflected = (math.pi / sinpi(xp, xp.where(left, x, 0.5))) ** 2 - zeta(2.0, xp.where(left, 1 - x, 1.0))
    return xp.where(left, reflected, zeta(2.0, xp.where(left, 1.0, x)))


def _polygamma_step(xp, a, b, order=0):
    """ψ⁽ⁿ⁾(a + b) − ψ⁽ⁿ⁾(a) for positive a and a + b, without cancellation: 5.15.5 shifts to large a, where 5.15.9 holds."""
    log = xp.log1p(b / (a + 12))
    total = log if order == 0 else math.factorial(order - 1) * _power_step(xp, a + 12, log, order)
    sign = 1.0 if order == 0 else (-1.0) ** (order + 1)
    rest = 0.5 * math.factorial(order) * _power_step(xp, a + 12, log, order + 1)
    for k in range(12):
        rest = rest + math.factorial(order) * _power_step(xp, a + k, xp.log1p(b / (a + k)), order + 1)
    for k, bernoulli in enumerate(BERNOULLI[:8], start=1):
        factor = bernoulli * math.factorial(2 * k + order - 1) / math.factorial(2 * k)
        rest = rest + factor * _power_step(xp, a + 12, log, 2 * k + order)
    return sign * total + (-1.0) ** (order + 1) * rest


def _power_step(xp, x, log, n):
    """(x + b)^(−n) − x^(−n), given log = log(1 + b/x)."""
    return x ** float(-n) * xp.expm1(-n * log)


polygamma_step: Elementwise = hidden(
    "polygamma_step",
    _polygamma_step,
    lambda xp, z, a, b, order=0: polygamma_step(a, b, order=order + 1),
    lambda xp, z, a, b, order=0: (-1.0) ** order * math.factorial(order + 1) * zeta(order + 2.0, a + b),
)


@singular
def _digamma_step(xp, a, b):
    """ψ(a + b) − ψ(a). An argument left of 1 is reflected (5.5.4); if both are, this keeps the limit at two poles."""
    right = (a > 0) & (a + b > 0)
    left = (a < 1) & (a + b < 1) & ~right
    beside = right | left
    falls = ~beside & (a > 0)  # from the right to the left; else from the left to the right
    high, low = (xp.where(beside, 0.5, xp.where(falls, x, y)) for x, y in ((a, a + b), (a + b, a)))
    near = xp.where(right, a, xp.where(left, 1 - a, high))
    change = polygamma_step(near, xp.where(right, b, xp.where(left, -b, 1 - low - high)))
    over, under = math.pi * sinpi(xp, b), sinpi(xp, a) * sinpi(xp, a + b)
    both_poles = (over == 0) & (under == 0)
    reflected = xp.where(both_poles, 0.0, over / xp.where(both_poles, 1.0, under))
    fallen = change - math.pi * cospi(xp, low) / sinpi(xp, low)
    return xp.where(beside, change + xp.where(left, reflected, 0.0), xp.where(falls, fallen, -fallen))


# Functions with Γ in the denominator, at whose poles they are 0 and their derivatives are not ---------------------------


@singular
def _rgamma_by_x(xp, z, x):
    """(1/Γ)′; for x < ½ the derivative of sin(πx) Γ(1−x) / π (5.5.3)."""
    left = (xp.real(x) if is_complex(x) else x) < 0.5
    y = xp.where(left, x, 0.0)
    reflected = gamma(1 - y) * (cospi(xp, y) - sinpi(xp, y) * digamma(1 - y) / math.pi)
    return xp.where(left, reflected, -z * digamma(xp.where(left, 1.0, x)))


def _slope_of_rgamma(xp, x):
    return _rgamma_by_x(xp, rgamma(x), x)


@singular
def _poch_by_a(xp, z, a, m):
    """z (ψ(a + m) − ψ(a)); if a is nearer to a pole of Γ than a + m, Γ(a + m) times the derivative of 1/Γ."""
    inner = (a + m > 0) | (
        2 * abs(sinpi(xp, a)) < abs(sinpi(xp, a + m))  # for a whole m the two are equal up to rounding
    )
    near = (a < 0.01 * abs(m)) & (a < 0.5) & (a > -170) & (a + m < 170) & inner
    pole, sum_ = xp.where(near, a, 1.0), xp.where(near, a + m, 1.0)
    at_poles = gamma(sum_) * (_slope_of_rgamma(xp, pole) + rgamma(pole) * digamma(sum_))
    return xp.where(near, at_poles, z * _digamma_step(xp, xp.where(near, 1.0, a), m))


@singular
def _beta_by_a(xp, z, a, b):
    """z (ψ(a) − ψ(a + b)); where only Γ(a + b) has a pole, the derivative of Γ(a) Γ(b) / Γ(a + b) there."""
    near = _is_pole(xp, a + b - 1) & (abs(sinpi(xp, a)) > 0.01) & (abs(a) < 170) & (abs(b) < 170)
    pole, first = xp.where(near, a + b, 1.0), xp.where(near, a, 1.0)
    at_pole = gamma(first) * gamma(pole - first) * (_slope_of_rgamma(xp, pole) + digamma(first) * rgamma(pole))
    return xp.where(near, at_pole, -z * _digamma_step(xp, xp.where(near, 1.0, a), b))


def _is_pole(xp, k):
    """Whether k is a pole of Γ(k + 1), or so near to one (0.003) that ψ cancels."""
    return ((k < -0.5) & (k > -170) & (abs(sinpi(xp, k)) < 0.01)) | _is_far_pole(xp, k)


def _is_far_pole(xp, k):
    """Whether k is a pole so far left that Γ and 1/Γ beside it over- and underflow; then only the pole itself counts."""
    return (k < -100) & (k == xp.floor(k)) & (k > -(2.0**52))


@singular
def _binom_at_poles(xp, upper, pole, psi_of):
    """∂/∂pole of poch(upper − pole + 1, pole) / Γ(pole + 1) at or near a pole; ψ(psi_of) is from poch."""
    far = _is_far_pole(xp, pole)
    near = xp.where(far, 0.0, pole)
    ratio = poch(upper - near + 1, near)
    at_near = ratio * (_slope_of_rgamma(xp, near + 1) + rgamma(near + 1) * digamma(psi_of))
    at_far = -cospi(xp, pole) * beta(xp.where(far, upper + 1, 1.0), xp.where(far, -pole, 1.0))
    return xp.where(far, at_far, at_near)


@singular
def _binom_by_n(xp, z, n, k):
    """z (ψ(n + 1) − ψ(n − k + 1)); where Γ(n − k + 1) has poles, of poch(k + 1, n − k) / Γ(n − k + 1)."""
    near = _is_pole(xp, n - k)
    n1, k1 = xp.where(near, n, 1.0), xp.where(near, k, 0.0)
    away = z * _digamma_step(xp, xp.where(near, 1.0, n - k + 1), k)
    return xp.where(near, _binom_at_poles(xp, n1, n1 - k1, n1 + 1), away)


@singular
def _binom_by_k(xp, z, n, k):
    """z (ψ(n − k + 1) − ψ(k + 1)); where Γ(k + 1) has poles, of poch(n − k + 1, k) / Γ(k + 1), and so with n − k for k."""
    right = _is_pole(xp, n - k)
    near = right | _is_pole(xp, k)
    n1, pole = xp.where(near, n, 1.0), xp.where(near, xp.where(right, n - k, k), 0.0)
    at_poles = _binom_at_poles(xp, n1, pole, n1 - pole + 1)
    away = z * _digamma_step(xp, xp.where(near, 1.0, k + 1), n - 2 * k)
    return xp.where(near, xp.where(right, -at_poles, at_poles), away)


# fmt: off

zeta: Elementwise = special_function("zeta", lambda xp, z, s, a: zeta_by_s(s, a), lambda xp, z, s, a: -s * zeta(s + 1, a), notation=symbol("ζ"), example=example(above_one(2, 3), positive(2, 3)))  # 25.11.17
zetac: Elementwise = special_function("zetac", lambda xp, z, s: _riemann_by_s(xp, s), notation=lambda s: symbol("ζ")(s) - 1, example=example(above_one(2, 3)))
digamma: Elementwise = special_function("psi", _trigamma, notation=symbol("ψ"), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)  # 5.15.1
gamma: Elementwise = special_function("gamma", lambda xp, z, x: z * digamma(x), notation=symbol("Γ"), complex=True, example=example(positive(2, 3)))  # 5.2.2
gammaln: Elementwise = special_function("gammaln", lambda xp, z, x: digamma(x), notation=symbol("log Γ"), example=example(positive(2, 3)))
loggamma = special_function("loggamma", lambda xp, z, x: digamma(x), notation=symbol("log Γ"), complex=True, example=example(positive(2, 3)))
rgamma: Elementwise = special_function("rgamma", _rgamma_by_x, notation=lambda x: 1 / symbol("Γ")(x), complex=True, example=example(positive(2, 3)))
beta = special_function(  # 5.12.1
    "beta",
    _beta_by_a,
    lambda xp, z, a, b: _beta_by_a(xp, z, b, a),
    notation=symbol("B"), example=example(positive(2, 3), positive(2, 3)),
)
betaln = special_function(
    "betaln",
    lambda xp, z, a, b: -_digamma_step(xp, a, b),
    lambda xp, z, a, b: -_digamma_step(xp, b, a),
    notation=symbol("log B"), example=example(positive(2, 3), positive(2, 3)),
)
binom = special_function(  # 1.2.6
    "binom",
    _binom_by_n,
    _binom_by_k,
    example=example(above_one(2, 3), inside(2, 3)),
)
poch: Elementwise = special_function(  # 5.2.5
    "poch",
    _poch_by_a,
    lambda xp, z, a, m: z * digamma(a + m),
    example=example(positive(2, 3), positive(2, 3)),
)


# Incomplete gamma functions (chapter 8) ----------------------------------------------------------------------------------

def stirling(xp, a):
    """log Γ(a) − (a − ½) log a + a − ½ log 2π of an a above 10, 5.11.1."""
    series = 0.0
    for k in range(8, 0, -1):
        series = series / (a * a) + BERNOULLI[k - 1] / (2 * k * (2 * k - 1))
    return series / a


def excess(xp, x, a):
    """μ − log(1 + μ), with 1 + μ = x/a; for small μ by log(1 + μ) = 2 artanh v, v = μ/(2 + μ) (C. Loader, 2000)."""
    mu = (x - a) / a
    near = abs(mu) < 0.3
    v = xp.where(near, mu, 0.0) / (2 + xp.where(near, mu, 0.0))
    series = 0.0
    for k in range(10, -1, -1):
        series = series * v * v + 2 / (2 * k + 3)
    return xp.where(near, 2 * v * v / (1 - v) - v**3 * series, xp.where(near, 0.0, mu) - xp.log(xp.where(near, 1.0, x / a)))


@singular
def gamma_density(xp, a, x):
    """∂P(a, x)/∂x = x^(a−1) e^(−x) / Γ(a), 8.8.13. For large a the factors are far from 1, their product is not."""
    end = x == math.inf
    x = xp.where(end, 1.0, x)
    large = (a > 10) & (x > 0)
    b, y = xp.where(large, a, 11.0), xp.where(large, x, 11.0)
    together = xp.sqrt(b / (2 * math.pi)) / y * xp.exp(-b * excess(xp, y, b) - stirling(xp, b))
    b, y = xp.where(large, 1.0, a), xp.where(large, 1.0, x)
    return xp.where(end, 0.0, xp.where(large, together, xp.exp(xlogy(b - 1, y) - y - gammaln(b))))


def _log_less_digamma(xp, x, a):
    """a (log x − ψ(a)); for large a near x by log(x/a) and the series of log a − ψ(a) (5.11.2)."""
    large = a > 10
    b = xp.where(large, a, 11.0)
    series = 0.0
    for k in range(8, 0, -1):
        series = series / (b * b) + BERNOULLI[k - 1] / (2 * k)
    ratio = (x - b) / b
    close = abs(ratio) < 0.5
    log = xp.where(close, xp.log1p(xp.where(close, ratio, 0.0)), xp.log(xp.where(close, 1.0, x / b)))
    small = xp.where(large, 1.0, a)
    return xp.where(large, b * (log + 0.5 / b + series / (b * b)), small * (xp.log(x) - digamma(small + 1)) + 1)


def _expm1_less(xp, v):
    """e^v − 1 − v."""
    return near_zero(xp, v, 0.3, [0.0, 0.0, *(1 / math.factorial(k) for k in range(2, 14))], lambda v: xp.expm1(v) - v)


_U = np.arange(-3.6, 4.05, 0.05)
_V, _DV = np.exp(_U - np.exp(-_U)), 0.05 * np.exp(_U - np.exp(-_U)) * (1 + np.exp(-_U))
"""Double exponential quadrature over (0, ∞) of what falls like e^(−v) (H. Takahasi and M. Mori, 1974): nodes and weights."""


def _gamma_moment(xp, a, x):
    """−∂P(a, x)/∂a Γ(a + 1) x^(−a) e^x, from terms of one sign.

    For small x by the power series 8.7.1. Else by Γ(a) ∂P/∂a = ∫₀ˣ t^(a−1) e^(−t) (log t − ψ(a)) dt, and minus the same from x
    to ∞: on the side of x that is away from the maximum near a, t = x e^(±v).
    """
    small = x < 1.5
    y, term, psi, series = xp.where(small, x, 1.0), 1.0, digamma(a + 1), 0.0
    log = xp.log(y)
    for k in range(30):
        series = series + term * (psi - log)
        psi, term = psi + 1 / (a + k + 1), term * y / (a + k + 1)
    x, a = xp.where(small, 2.0, x)[..., None], xp.where(small, 2.0, a)[..., None]
    sign = xp.where(x < a, -1.0, 1.0)
    scale = 1 / (sign * (x - a) + xp.sqrt(x))
    v = scale * xp.asarray(_V, dtype=x.dtype)
    exponent = x * _expm1_less(xp, sign * v) + sign * (x - a) * v
    integrand = xp.exp(-exponent) * (sign * _log_less_digamma(xp, x, a) + a * v)
    weights = xp.asarray(_DV, dtype=x.dtype)
    return xp.where(small, series, xp.sum(integrand * weights, axis=-1) * scale[..., 0])


gamma_moment = hidden("gamma_moment", _gamma_moment, through(_gamma_moment, 0), through(_gamma_moment, 1))


def gammainc_by_a(xp, a, x):
    """∂P(a, x)/∂a = −∂Q(a, x)/∂a."""
    density = gamma_density(xp, a + 1, x)
    underflows = density == 0  # at x = 0 it is 0, and where a and x are far apart the moment may be NaN
    return -density * gamma_moment(xp.where(underflows, 1.0, a), xp.where(underflows, 1.0, x))


@singular
def gamma_quantile_by_a(xp, a, x):
    """∂x/∂a of P(a, x) = p; 0 at x = 0, where p is 0."""
    return xp.where(x == 0, 0.0, x / a * gamma_moment(a, xp.where(x == 0, 1.0, x)))


_of_shape = example(positive(2, 3), positive(2, 3))
_inverse_of_shape = example(positive(2, 3), chance(2, 3))
gammainc = special_function("gammainc", lambda xp, z, a, x: gammainc_by_a(xp, a, x), lambda xp, z, a, x: gamma_density(xp, a, x), notation=symbol("P"), example=_of_shape)
gammaincc = special_function("gammaincc", lambda xp, z, a, x: -gammainc_by_a(xp, a, x), lambda xp, z, a, x: -gamma_density(xp, a, x), notation=symbol("Q"), example=_of_shape)
gammaincinv = special_function(
    "gammaincinv",
    singular(lambda xp, z, a, p: gamma_quantile_by_a(xp, a, z)),  # of P(a, z) = p
    singular(lambda xp, z, a, p: 1 / gamma_density(xp, a, z)),
    notation=symbol("P⁻¹"), example=_inverse_of_shape,
)
gammainccinv = special_function(
    "gammainccinv",
    singular(lambda xp, z, a, q: gamma_quantile_by_a(xp, a, z)),
    singular(lambda xp, z, a, q: -1 / gamma_density(xp, a, z)),
    notation=symbol("Q⁻¹"), example=_inverse_of_shape,
)
# fmt: on

special_function("gammasgn", differentiable=False)
answers("scipy.special._zeta")(zeta)  # the ufuncs within scipy.special.zeta


@answers("scipy.special._riemann_zeta")
def scipy_riemann_zeta(s):
    """ζ(s) = ζ(s, 1), 25.11.2; also left of 1, where SciPy has only the function of one operand."""
    return complex_zeta(s) if is_complex(s) else zetac(s) + 1.0


complex_zeta = elementwise(
    "complex_zeta",
    lambda xp, s: special_functions_of(xp).zeta(s),
    unknown("zeta", "s", "has no rule for complex numbers"),
    notation=symbol("ζ"),
    complex=True,
    listed=False,
)
