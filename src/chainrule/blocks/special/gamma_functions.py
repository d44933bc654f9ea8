"""Gamma, beta and zeta functions, complete and incomplete (DLMF, chapters 5, 8 and 25)."""

import math

import numpy as np

from chainrule.array import form_of
from chainrule.block import Elementwise, answers, singular
from chainrule.blocks.integers import step
from chainrule.blocks.special.information import xlog1py, xlogy
from chainrule.blocks.special.table import chance, special_function, symbol, unknown
from chainrule.domains import above_one, exactly, example, inside, positive
from chainrule.errors import GradientError
from chainrule.libraries import is_complex
from chainrule.node import at_line

BERNOULLI = [1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798, -174611 / 330]
"""B₂, B₄, B₆, … (24.2(iv))."""


def _zeta_by_s(xp, s, a):
    """∂ζ(s, a)/∂s, term by term of the Euler-Maclaurin sum for ζ(s, a) (25.11.28, with ten terms before it)."""
    y = a + 10.0
    log = xp.log(y)
    slope = 0.0
    for k in range(10):
        slope = slope - xp.log(a + k) * (a + k) ** -s
    tail = y ** (1 - s)
    slope = slope - tail * (log / (s - 1) + 1 / (s - 1) ** 2) - 0.5 * log * y**-s
    rising, by_s = s, 1.0  # s (s + 1) ⋯ (s + 2k − 2) and its derivative
    for k, b in enumerate(BERNOULLI, start=1):
        power = (b / math.factorial(2 * k)) * y ** (1.0 - 2 * k) * y**-s
        slope = slope + power * (by_s - rising * log)
        step, step_by_s = (s + 2 * k - 1) * (s + 2 * k), 2 * s + 4 * k - 1
        rising, by_s = rising * step, by_s * step + rising * step_by_s
    return slope


def _complex_trigamma(xp, x):
    """ψ′: reflected to the right half-plane (5.15.6), moved far out (5.15.5), and there the asymptotic series (5.15.8)."""
    left = xp.real(x) < 0.5
    y = xp.where(left, 1 - x, x)
    far = y + 12
    sum_ = 1 / far + 0.5 / far**2
    for k in range(12):
        sum_ = sum_ + 1 / (y + k) ** 2
    for k, b in enumerate(BERNOULLI[:8], start=1):
        sum_ = sum_ + b * far ** (-2.0 * k - 1)
    sine = xp.sin(math.pi * xp.where(left, x, 0.5))
    return xp.where(left, (math.pi / sine) ** 2 - sum_, sum_)


def _trigamma(xp, z, x):
    """ψ′(x); scipy.special has it for real x only."""
    return _complex_trigamma(xp, x) if is_complex(x) else zeta(2.0, x)


# fmt: off

zeta: Elementwise = special_function("zeta", lambda xp, z, s, a: _zeta_by_s(xp, s, a), lambda xp, z, s, a: -s * zeta(s + 1, a), notation=symbol("ζ"), example=example(above_one(2, 3), positive(2, 3)))  # 25.11.17
zetac = special_function("zetac", lambda xp, z, s: _zeta_by_s(xp, s, 1.0), notation=lambda s: symbol("ζ")(s) - 1, example=example(above_one(2, 3)))
digamma = special_function("psi", _trigamma, notation=symbol("ψ"), complex=True, example=example(positive(2, 3)))  # 5.15.1
gamma = special_function("gamma", lambda xp, z, x: z * digamma(x), notation=symbol("Γ"), complex=True, example=example(positive(2, 3)))  # 5.2.2
gammaln = special_function("gammaln", lambda xp, z, x: digamma(x), notation=symbol("log Γ"), example=example(positive(2, 3)))
loggamma = special_function("loggamma", lambda xp, z, x: digamma(x), notation=symbol("log Γ"), complex=True, example=example(positive(2, 3)))
rgamma = special_function("rgamma", lambda xp, z, x: -z * digamma(x), notation=lambda x: 1 / symbol("Γ")(x), complex=True, example=example(positive(2, 3)))
beta = special_function(  # 5.12.1
    "beta",
    lambda xp, z, a, b: z * (digamma(a) - digamma(a + b)),
    lambda xp, z, a, b: z * (digamma(b) - digamma(a + b)),
    notation=symbol("B"), example=example(positive(2, 3), positive(2, 3)),
)
betaln = special_function(
    "betaln",
    lambda xp, z, a, b: digamma(a) - digamma(a + b),
    lambda xp, z, a, b: digamma(b) - digamma(a + b),
    notation=symbol("log B"), example=example(positive(2, 3), positive(2, 3)),
)
binom = special_function(  # 1.2.6
    "binom",
    lambda xp, z, n, k: z * (digamma(n + 1) - digamma(n - k + 1)),
    lambda xp, z, n, k: z * (digamma(n - k + 1) - digamma(k + 1)),
    example=example(above_one(2, 3), inside(2, 3)),
)
poch = special_function(  # 5.2.5
    "poch",
    lambda xp, z, a, m: z * (digamma(a + m) - digamma(a)),
    lambda xp, z, a, m: z * digamma(a + m),
    example=example(positive(2, 3), positive(2, 3)),
)


# Incomplete gamma functions (chapter 8). P by a: the power series 8.7.1, term by term; every term is positive --------

def gamma_density(xp, a, x):
    """∂P(a, x)/∂x = x^(a−1) e^(−x) / Γ(a), 8.8.13."""
    return xp.exp(xlogy(a - 1, x) - x - gammaln(a))


def gammainc_by_a(xp, a, x):
    """∂P(a, x)/∂a, of P(a, x) = Σ_k x^(a+k) e^(−x) / Γ(a + k + 1)."""
    terms = int(step(_terms, x))
    if terms * np.size(form_of(x)) > 10**8:
        raise GradientError(
            f"the derivative of scipy.special.gammainc with respect to a takes {terms} terms of a series for numbers "
            f"as large as these, too many; give a as a plain number, or as cr.stop_gradient(a)" + at_line()
        )
    a, x = xp.asarray(a)[..., None] + np.arange(terms, dtype=np.asarray(form_of(x)).dtype), xp.asarray(x)[..., None]
    log = xp.log(xp.where(x == 0, 1.0, x))
    return xp.sum(xp.exp(xlogy(a, x) - x - gammaln(a + 1)) * (log - digamma(a + 1)), axis=-1)


def _terms(x):
    """The weights are those of a Poisson distribution of mean x. Few numbers of terms: each compiles by itself."""
    largest = np.max(np.asarray(x), initial=0.0, where=np.isfinite(x))
    return np.asarray(64 << int(np.log2((largest + 10 * math.sqrt(largest) + 40) / 64) + 1))


def beta_density(xp, a, b, x):
    """∂I_x(a, b)/∂x = x^(a−1) (1−x)^(b−1) / B(a, b), 8.17.2."""
    return xp.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


_of_shape = example(positive(2, 3), positive(2, 3))
_inverse_of_shape = example(positive(2, 3), chance(2, 3))
gammainc = special_function("gammainc", lambda xp, z, a, x: gammainc_by_a(xp, a, x), lambda xp, z, a, x: gamma_density(xp, a, x), notation=symbol("P"), example=_of_shape)
gammaincc = special_function("gammaincc", lambda xp, z, a, x: -gammainc_by_a(xp, a, x), lambda xp, z, a, x: -gamma_density(xp, a, x), notation=symbol("Q"), example=_of_shape)
gammaincinv = special_function(
    "gammaincinv",
    singular(lambda xp, z, a, p: -gammainc_by_a(xp, a, z) / gamma_density(xp, a, z)),  # of P(a, z) = p
    singular(lambda xp, z, a, p: 1 / gamma_density(xp, a, z)),
    notation=symbol("P⁻¹"), example=_inverse_of_shape,
)
gammainccinv = special_function(
    "gammainccinv",
    singular(lambda xp, z, a, q: -gammainc_by_a(xp, a, z) / gamma_density(xp, a, z)),
    singular(lambda xp, z, a, q: -1 / gamma_density(xp, a, z)),
    notation=symbol("Q⁻¹"), example=_inverse_of_shape,
)
_of_shapes = example(exactly(2), exactly(3), chance(2, 3))
betainc = special_function("betainc", unknown("betainc", "a"), unknown("betainc", "b"), lambda xp, z, a, b, x: beta_density(xp, a, b, x), notation=symbol("I"), example=_of_shapes)
betaincc = special_function("betaincc", unknown("betaincc", "a"), unknown("betaincc", "b"), lambda xp, z, a, b, x: -beta_density(xp, a, b, x), example=_of_shapes)
betaincinv = special_function("betaincinv", unknown("betaincinv", "a"), unknown("betaincinv", "b"), singular(lambda xp, z, a, b, p: 1 / beta_density(xp, a, b, z)), notation=symbol("I⁻¹"), example=_of_shapes)
betainccinv = special_function("betainccinv", unknown("betainccinv", "a"), unknown("betainccinv", "b"), singular(lambda xp, z, a, b, p: -1 / beta_density(xp, a, b, z)), example=_of_shapes)

# fmt: on

special_function("gammasgn", differentiable=False)
answers("scipy.special._zeta")(zeta)  # the ufuncs within scipy.special.zeta


@answers("scipy.special._riemann_zeta")
def scipy_riemann_zeta(s):
    """ζ(s) = ζ(s, 1), 25.11.2; also left of 1, where SciPy has only the function of one operand."""
    return zetac(s) + 1.0
