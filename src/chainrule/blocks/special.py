"""Special functions: the ufuncs of `scipy.special` whose derivative is known, one line each.

Derivatives: NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov, the chapter named beside each group.
"""

import functools
import math
from typing import Any

import numpy as np

from chainrule.block import Elementwise, answers, elementwise, singular
from chainrule.blocks import elementwise as ufuncs
from chainrule.blocks.activations import softplus
from chainrule.errors import GradientError
from chainrule.formula import call
from chainrule.libraries import special_functions_of
from chainrule.node import at_line

ROOT_PI = math.sqrt(math.pi)
ROOT_2PI = math.sqrt(2 * math.pi)
DEGREE = math.pi / 180


def special_function(name: str, *derivatives: Any, **options: Any) -> Elementwise:
    """One line of the table: the function's name in `scipy.special`, and its local derivative for each operand."""

    def forward(xp, *xs):
        return getattr(special_functions_of(xp), name)(*xs)

    made = elementwise(name, forward, *derivatives, answers_for=(f"scipy.special.{name}",), **options)
    made.__doc__ = f"scipy.special.{name}, entry by entry."
    return made


def unknown(function, operand):
    """The derivative of a function by an operand for which mathematics has no closed form."""

    def derivative(*args):
        raise GradientError(
            f"the derivative of scipy.special.{function} with respect to {operand} has no closed form; "
            f"give {operand} as a plain number, or as cr.stop_gradient({operand})" + at_line()
        )

    return derivative


def _symbol(symbol):
    return functools.partial(call, symbol)


# fmt: off

# Error functions (chapter 7) --------------------------------------------------------------------------------------

erf = special_function("erf", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(-x * x))
erfc = special_function("erfc", lambda xp, z, x: (-2 / ROOT_PI) * xp.exp(-x * x))
erfcx = special_function("erfcx", lambda xp, z, x: 2 * x * z - 2 / ROOT_PI)
erfi = special_function("erfi", lambda xp, z, x: (2 / ROOT_PI) * xp.exp(x * x))
dawsn = special_function("dawsn", lambda xp, z, x: 1 - 2 * x * z)
erfinv = special_function("erfinv", lambda xp, z, x: (ROOT_PI / 2) * xp.exp(z * z), notation=_symbol("erf⁻¹"))
erfcinv = special_function("erfcinv", lambda xp, z, x: (-ROOT_PI / 2) * xp.exp(z * z), notation=_symbol("erfc⁻¹"))
log_ndtr = special_function("log_ndtr", lambda xp, z, x: xp.exp(-0.5 * x * x - z) / ROOT_2PI)
ndtri = special_function("ndtri", lambda xp, z, p: ROOT_2PI * xp.exp(0.5 * z * z), notation=_symbol("Φ⁻¹"))
ndtri_exp = special_function("ndtri_exp", lambda xp, z, x: ROOT_2PI * xp.exp(x + 0.5 * z * z))

# Gamma and beta functions (chapters 5, 8 and 25) ------------------------------------------------------------------

zeta: Elementwise = special_function("zeta", unknown("zeta", "x"), lambda xp, z, s, q: -s * zeta(s + 1, q), notation=_symbol("ζ"))
digamma = special_function("psi", lambda xp, z, x: zeta(2.0, x), notation=_symbol("ψ"))
gamma = special_function("gamma", lambda xp, z, x: z * digamma(x), notation=_symbol("Γ"))
gammaln = special_function("gammaln", lambda xp, z, x: digamma(x), notation=_symbol("log Γ"))
loggamma = special_function("loggamma", lambda xp, z, x: digamma(x), notation=_symbol("log Γ"))
rgamma = special_function("rgamma", lambda xp, z, x: -z * digamma(x), notation=lambda x: 1 / call("Γ", x))
beta = special_function(
    "beta",
    lambda xp, z, a, b: z * (digamma(a) - digamma(a + b)),
    lambda xp, z, a, b: z * (digamma(b) - digamma(a + b)),
    notation=_symbol("B"),
)
betaln = special_function(
    "betaln",
    lambda xp, z, a, b: digamma(a) - digamma(a + b),
    lambda xp, z, a, b: digamma(b) - digamma(a + b),
    notation=_symbol("log B"),
)
binom = special_function(
    "binom",
    lambda xp, z, n, k: z * (digamma(n + 1) - digamma(n - k + 1)),
    lambda xp, z, n, k: z * (digamma(n - k + 1) - digamma(k + 1)),
)
poch = special_function(
    "poch",
    lambda xp, z, a, m: z * (digamma(a + m) - digamma(a)),
    lambda xp, z, a, m: z * digamma(a + m),
)


def _gamma_density(xp, a, x):
    """x^(a−1) e^(−x) / Γ(a)."""
    return xp.exp(xlogy(a - 1, x) - x - gammaln(a))


def _beta_density(xp, a, b, x):
    """x^(a−1) (1−x)^(b−1) / B(a, b)."""
    return xp.exp(xlogy(a - 1, x) + xlog1py(b - 1, -x) - betaln(a, b))


gammainc = special_function("gammainc", unknown("gammainc", "a"), lambda xp, z, a, x: _gamma_density(xp, a, x), notation=_symbol("P"))
gammaincc = special_function("gammaincc", unknown("gammaincc", "a"), lambda xp, z, a, x: -_gamma_density(xp, a, x), notation=_symbol("Q"))
gammaincinv = special_function("gammaincinv", unknown("gammaincinv", "a"), singular(lambda xp, z, a, p: 1 / _gamma_density(xp, a, z)), notation=_symbol("P⁻¹"))
gammainccinv = special_function("gammainccinv", unknown("gammainccinv", "a"), singular(lambda xp, z, a, q: -1 / _gamma_density(xp, a, z)), notation=_symbol("Q⁻¹"))
betainc = special_function("betainc", unknown("betainc", "a"), unknown("betainc", "b"), lambda xp, z, a, b, x: _beta_density(xp, a, b, x), notation=_symbol("I"))
betaincc = special_function("betaincc", unknown("betaincc", "a"), unknown("betaincc", "b"), lambda xp, z, a, b, x: -_beta_density(xp, a, b, x))
betaincinv = special_function("betaincinv", unknown("betaincinv", "a"), unknown("betaincinv", "b"), singular(lambda xp, z, a, b, p: 1 / _beta_density(xp, a, b, z)), notation=_symbol("I⁻¹"))

# Logarithms and entropies: 0 log 0 = 0, and so is its derivative where both are 0, as in PyTorch --------------------

logit = special_function("logit", singular(lambda xp, z, x: 1 / (x * (1 - x))))


@answers("scipy.special.log_expit")
def scipy_log_expit(x):
    """log(1 / (1 + e^(−x)))."""
    return -softplus(-x)


def _log_unless(xp, both, y):
    return xp.where(both, 0.0, xp.log(xp.where(both, 1.0, y)))


xlogy = special_function(
    "xlogy",
    singular(lambda xp, z, x, y: _log_unless(xp, (x == 0) & (y <= 0), y)),
    singular(lambda xp, z, x, y: x / y),
    notation=lambda x, y: x * call("log", y),
)
xlog1py = special_function(
    "xlog1py",
    singular(lambda xp, z, x, y: _log_unless(xp, (x == 0) & (y <= -1), 1 + y)),
    singular(lambda xp, z, x, y: x / (1 + y)),
    notation=lambda x, y: x * call("log", 1 + y),
)
entr = special_function("entr", singular(lambda xp, z, x: -xp.log(x) - 1), notation=lambda x: -x * call("log", x))
rel_entr = special_function(
    "rel_entr",
    singular(lambda xp, z, x, y: xp.log(x / y) + 1),
    singular(lambda xp, z, x, y: -x / y),
    notation=lambda x, y: x * call("log", x / y),
)
kl_div = special_function(
    "kl_div",
    singular(lambda xp, z, x, y: xp.log(x / y)),
    singular(lambda xp, z, x, y: 1 - x / y),
    notation=lambda x, y: x * call("log", x / y) - x + y,
)

# Bessel functions (chapter 10): the derivative lies between the neighbouring orders ---------------------------------

jv: Elementwise = special_function("jv", unknown("jv", "v"), lambda xp, z, v, x: 0.5 * (jv(v - 1, x) - jv(v + 1, x)), notation=_symbol("J"))
yv: Elementwise = special_function("yv", unknown("yv", "v"), lambda xp, z, v, x: 0.5 * (yv(v - 1, x) - yv(v + 1, x)), notation=_symbol("Y"))
iv: Elementwise = special_function("iv", unknown("iv", "v"), lambda xp, z, v, x: 0.5 * (iv(v - 1, x) + iv(v + 1, x)), notation=_symbol("I"))
kv: Elementwise = special_function("kv", unknown("kv", "v"), lambda xp, z, v, x: -0.5 * (kv(v - 1, x) + kv(v + 1, x)), notation=_symbol("K"))
ive: Elementwise = special_function("ive", unknown("ive", "v"), lambda xp, z, v, x: 0.5 * (ive(v - 1, x) + ive(v + 1, x)) - xp.sign(x) * z)
kve: Elementwise = special_function("kve", unknown("kve", "v"), lambda xp, z, v, x: z - 0.5 * (kve(v - 1, x) + kve(v + 1, x)))
yn: Elementwise = special_function("yn", None, lambda xp, z, n, x: 0.5 * (yn(n - 1, x) - yn(n + 1, x)), notation=_symbol("Y"))  # n is an integer
kn: Elementwise = special_function("kn", None, lambda xp, z, n, x: -0.5 * (kn(n - 1, x) + kn(n + 1, x)), notation=_symbol("K"))
j0 = special_function("j0", lambda xp, z, x: -j1(x), notation=_symbol("J₀"))
j1: Elementwise = special_function("j1", lambda xp, z, x: 0.5 * (j0(x) - jv(2.0, x)), notation=_symbol("J₁"))
y0 = special_function("y0", lambda xp, z, x: -y1(x), notation=_symbol("Y₀"))
y1: Elementwise = special_function("y1", lambda xp, z, x: 0.5 * (y0(x) - yv(2.0, x)), notation=_symbol("Y₁"))
i0 = special_function("i0", lambda xp, z, x: i1(x), notation=_symbol("I₀"))
i1: Elementwise = special_function("i1", lambda xp, z, x: 0.5 * (i0(x) + iv(2.0, x)), notation=_symbol("I₁"))
k0 = special_function("k0", lambda xp, z, x: -k1(x), notation=_symbol("K₀"))
k1: Elementwise = special_function("k1", lambda xp, z, x: -0.5 * (k0(x) + kv(2.0, x)), notation=_symbol("K₁"))
i0e = special_function("i0e", lambda xp, z, x: i1e(x) - xp.sign(x) * z)
i1e: Elementwise = special_function("i1e", lambda xp, z, x: 0.5 * (i0e(x) + ive(2.0, x)) - xp.sign(x) * z)
k0e = special_function("k0e", lambda xp, z, x: z - k1e(x))
k1e: Elementwise = special_function("k1e", lambda xp, z, x: z - 0.5 * (k0e(x) + kve(2.0, x)))
answers(np.i0)(i0)

# Exponential integrals (chapter 6) and elementary functions with a name of their own ------------------------------

exp1 = special_function("exp1", singular(lambda xp, z, x: -xp.exp(-x) / x), notation=_symbol("E₁"))
expi = special_function("expi", singular(lambda xp, z, x: xp.exp(x) / x), notation=_symbol("Ei"))
expn = special_function("expn", None, singular(lambda xp, z, n, x: ((n - 1) * z - xp.exp(-x)) / x), notation=_symbol("E"))  # n is an integer
def _near_zero(xp, x, radius, coefficients, far):
    """far(x), and its power series where |x| is less than a radius, for there far(x) cancels."""
    near = abs(x) < radius
    small, series = xp.where(near, x, 0.0), 0.0
    for coefficient in reversed(coefficients):
        series = series * small + coefficient
    return xp.where(near, series, far(xp.where(near, 1.0, x)))


def _exprel_by_x(xp, z, x):
    coefficients = [(k + 1) / math.factorial(k + 2) for k in range(15)]
    return _near_zero(xp, x, 0.5, coefficients, lambda x: (xp.exp(x) * (x - 1) + 1) / (x * x))


def _spence_by_x(xp, z, x):
    coefficients = [(-1) ** (k + 1) / (k + 1) for k in range(24)]
    return _near_zero(xp, x - 1, 0.2, coefficients, singular(lambda y: -xp.log1p(y) / y))


exprel = special_function("exprel", _exprel_by_x)
spence = special_function("spence", _spence_by_x, notation=lambda x: call("Li₂", 1 - x))
exp10 = special_function("exp10", lambda xp, z, x: math.log(10.0) * z, notation=lambda x: 10**x)
cosm1 = special_function("cosm1", lambda xp, z, x: -xp.sin(x), notation=lambda x: call("cos", x) - 1)
sindg = special_function("sindg", lambda xp, z, x: DEGREE * cosdg(x))
cosdg: Elementwise = special_function("cosdg", lambda xp, z, x: -DEGREE * sindg(x))
tandg = special_function("tandg", lambda xp, z, x: DEGREE * (1 + z * z))
cotdg = special_function("cotdg", lambda xp, z, x: -DEGREE * (1 + z * z))

# fmt: on

answers("scipy.special._zeta")(zeta)  # the ufunc within scipy.special.zeta

for _name in ("exp2", "expm1", "log1p", "cbrt"):  # SciPy has ufuncs of its own for these
    answers(f"scipy.special.{_name}")(getattr(ufuncs, _name))

for _name in ("round", "gammasgn"):
    special_function(_name, differentiable=False)
