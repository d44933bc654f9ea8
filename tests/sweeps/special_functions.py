"""Special and elementary functions in mpmath, with the points at which they are compared.

One line each: what chainrule computes, what mpmath computes, and for each operand the points. They reach from tiny to huge numbers,
to poles, boundaries and orders below zero. What mpmath lacks is written from its definition.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from mpmath import mp
from scipy import special as scipy_special

import chainrule as cr
from chainrule import special
from chainrule.blocks.special.table import FUNCTIONS


@dataclass(frozen=True)
class Function:
    """One function of the sweep.

    Attributes
    ----------
    name : the block's name.
    ours : the function, as a user calls it.
    exact : the same in mpmath.
    points : for each operand the numbers that are tried.
    keep : which combinations of these are within the domain.
    most : how many combinations are tried; fewer where mpmath takes seconds for one.
    """

    name: str
    ours: Callable[..., Any]
    exact: Callable[..., Any]
    points: tuple[list[float], ...]
    keep: Callable[..., bool] = field(default=lambda *xs: True)
    most: int = 60


TABLE: dict[str, Function] = {}

# Points ---------------------------------------------------------------------------------------------------------------

TINY = [1e-300, 1e-30, 1e-9, 1e-3]
BULK = [0.07, 0.31, 0.5, 1.0, 1.7, 3.3, 8.0]
LARGE = [23.0, 77.0, 411.5, 1e4]
HUGE = [1e6, 1e10, 1e100, 1e300]
SHAPES = [1e-9, 1e-3, 0.3, 1.0, 2.5, 9.0, 40.0, 1e3, 1e6]
CHANCES = [1e-300, 1e-30, 1e-9, 1e-3, 0.2, 0.5, 0.73, 0.99, 1 - 1e-9]
ABOVE = TINY + BULK + LARGE + HUGE
NEAR = TINY[2:] + BULK + LARGE
INSIDE = [1e-9, 1e-3, 0.07, 0.31, 0.5, 0.9, 0.999, 1 - 1e-9]
ORDERS = [-2.5, -1.0, 0.0, 0.3, 1.0, 2.0, 7.5, 40.0]
DEGREES = [0.0, 1.0, 2.0, 5.0, 30.0]


def both(points):
    """The points, 0 and their opposites."""
    return [-x for x in points] + [0.0, *points]


def function(name, exact, *points, ours=None, keep=None, most=60):
    """A line of the table. Without `ours` it is a function of scipy.special, or that result of one."""
    if ours is None:
        scipys, index = FUNCTIONS[name]
        f = getattr(special, scipys)
        ours = f if index is None else lambda *xs: f(*xs)[index]
    TABLE[name] = Function(name, ours, exact, points, keep or (lambda *xs: True), most)


def inverse(name, of, scipys):
    """The root y of of(y, …) = 0, by secants from SciPy's value on."""

    def root(*xs):
        start = mp.mpf(float(np.real(scipys(*map(float, xs)))))
        a, b = start, start * (1 + mp.mpf(10) ** -9)
        fa, fb = of(a, *xs), of(b, *xs)
        for _ in range(40):
            if fb == 0 or fa == fb or abs(b - a) <= abs(b) * mp.mpf(10) ** (5 - mp.dps):
                return b
            a, b, fa = b, b - fb * (b - a) / (fb - fa), fb
            fb = of(b, *xs)
        raise ValueError(f"no root of {name} at {xs}")

    return root


def integral(integrand, low, high):
    return mp.quad(integrand, [low, high])


# fmt: off

# Elementary functions ----------------------------------------------------------------------------------------------------

function("exp", mp.exp, both(TINY + BULK + [77.0, 411.5]), ours=np.exp)
function("exp2", lambda x: mp.mpf(2)**x, both(TINY + BULK + [77.0, 411.5]), ours=np.exp2)
function("expm1", mp.expm1, both(TINY + BULK + [77.0, 411.5]), ours=np.expm1)
function("log", mp.log, [*ABOVE, 1 + 1e-9], ours=np.log)
function("log2", lambda x: mp.log(x, 2), ABOVE, ours=np.log2)
function("log10", mp.log10, ABOVE, ours=np.log10)
function("log1p", mp.log1p, [-0.5, -0.99, -1 + 1e-9, *both(TINY), *ABOVE], ours=np.log1p)
function("sqrt", mp.sqrt, ABOVE, ours=np.sqrt)
function("cbrt", lambda x: mp.sign(x) * mp.cbrt(abs(x)), [x for x in both(ABOVE) if x], ours=np.cbrt)
function("power", lambda x, y: x**y, ABOVE, both([1e-30, 1e-3, 0.5, 1.0, 2.0, 3.3, 40.0]), ours=np.power)
function("divide", lambda x, y: x / y, both(ABOVE), both(BULK)[:7], ours=np.divide)
function("reciprocal", lambda x: 1 / x, ABOVE, ours=np.reciprocal)


def log_sum(x, y):
    return max(x, y) + mp.log1p(mp.exp(-abs(x - y)))


def log_sum2(x, y):
    return max(x, y) + mp.log1p(mp.mpf(2) ** -abs(x - y)) / mp.log(2)


function("logaddexp", log_sum, both(BULK + LARGE + [1e6]), both(BULK + LARGE + [1e6]), ours=np.logaddexp)
function("logaddexp2", log_sum2, both(BULK + LARGE), both(BULK + LARGE), ours=np.logaddexp2)
function("hypot", mp.hypot, both(ABOVE), both(ABOVE), ours=np.hypot, keep=lambda x, y: x or y)
function("arctan2", mp.atan2, both(ABOVE), both(ABOVE), ours=np.arctan2, keep=lambda y, x: y and x)
function("sin", mp.sin, both(TINY + BULK + LARGE), ours=np.sin)
function("cos", mp.cos, both(TINY + BULK + LARGE), ours=np.cos)
function("tan", mp.tan, both(TINY + BULK + LARGE), ours=np.tan)
function("arcsin", mp.asin, both(TINY + INSIDE), ours=np.arcsin)
function("arccos", mp.acos, both(TINY + INSIDE), ours=np.arccos)
function("arctan", mp.atan, both(ABOVE), ours=np.arctan)
function("sinh", mp.sinh, both(TINY + BULK + [77.0, 411.5]), ours=np.sinh)
function("cosh", mp.cosh, both(TINY + BULK + [77.0, 411.5]), ours=np.cosh)
function("tanh", mp.tanh, both(TINY + BULK + [23.0, 77.0]), ours=np.tanh)
function("arcsinh", mp.asinh, both(ABOVE), ours=np.arcsinh)
function("arccosh", mp.acosh, [1 + 1e-9, 1.003, 1.7, 3.3, 8.0, *LARGE, *HUGE], ours=np.arccosh)
function("arctanh", mp.atanh, both(TINY + INSIDE), ours=np.arctanh)
function("sinc", mp.sincpi, both([*TINY, 0.07, 0.31, 0.49, 0.51, 1.0, 1.7, 3.3, 23.3, 77.1, 411.5]), ours=np.sinc)

# Activations and what losses are made of ---------------------------------------------------------------------------------

SCORES = both([*TINY, *BULK, 23.0, 40.0, 77.0, 411.5])
phi = mp.ncdf


def gelu_tanh(x):
    return x / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (x + mp.mpf(0.044715) * x**3)))


function("sigmoid", lambda x: 1 / (1 + mp.exp(-x)), SCORES, ours=cr.sigmoid)
function("softplus", lambda x: mp.log1p(mp.exp(x)), SCORES, ours=cr.softplus)
function("logsigmoid", lambda x: -mp.log1p(mp.exp(-x)), SCORES, ours=cr.logsigmoid)
function("silu", lambda x: x / (1 + mp.exp(-x)), SCORES, ours=cr.silu)
function("gelu", lambda x: x * phi(x), [x for x in SCORES if abs(x) < 30], ours=cr.gelu)
function("gelu, tanh", gelu_tanh, [x for x in SCORES if abs(x) < 4], ours=lambda x: cr.gelu(x, approximate="tanh"))
function("mish", lambda x: x * mp.tanh(mp.log1p(mp.exp(x))), SCORES, ours=cr.mish)
function("tanhshrink", lambda x: x - mp.tanh(x), SCORES, ours=cr.tanhshrink)
function("softsign", lambda x: x / (1 + abs(x)), [x for x in both(ABOVE) if x], ours=cr.softsign)
function("elu", lambda x: x if x > 0 else mp.expm1(x), [x for x in SCORES if abs(x) > 1e-20], ours=cr.elu)
function("ndtr", phi, [x for x in SCORES if abs(x) < 30], ours=special.ndtr)
function("logsumexp", log_sum, SCORES, SCORES, ours=lambda x, y: cr.logsumexp(np.stack([x, y]), axis=0))
function("log_softmax", lambda x, y: x - log_sum(x, y), SCORES, SCORES, ours=lambda x, y: cr.log_softmax(np.stack([x, y]), axis=0)[0])
function("log_expit", lambda x: -mp.log1p(mp.exp(-x)), SCORES, ours=special.log_expit)

# Logarithms, entropies, losses (information.py) ----------------------------------------------------------------------------

function("logit", lambda x: mp.log(x / (1 - x)), CHANCES)
function("xlogy", lambda x, y: x * mp.log(y) if x else mp.mpf(0), both(ABOVE), [*ABOVE, 1 + 1e-9], keep=lambda x, y: x != 0)
function("xlog1py", lambda x, y: x * mp.log1p(y), both(ABOVE), [-0.99, *ABOVE], keep=lambda x, y: x != 0)
function("entr", lambda x: -x * mp.log(x), ABOVE)
function("rel_entr", lambda x, y: x * mp.log(x / y), ABOVE, [*ABOVE, 1 + 1e-9])
function("kl_div", lambda x, y: x * mp.log(x / y) - x + y, [1e-150, 1e-9, *BULK, *LARGE, 1e150], [1e-150, *BULK, *LARGE, 1e150, 1 + 1e-9])
function("huber", lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2), [1e-150, *BULK, *LARGE], both([1e-140, 0.06, 0.9, 411.0, 1e5]))
function("pseudo_huber", lambda d, r: d * d * (mp.sqrt(1 + (r / d)**2) - 1), [1e-150, *BULK, *LARGE, 1e100], both([1e-150, *BULK, *LARGE, 1e100]))
function("exprel", lambda x: mp.expm1(x) / x if x else mp.mpf(1), [*both(TINY + BULK + [77.0, 411.5, 705.0]), -1e10, 1e-5, 0.499, 0.501])


def boxcox(x, k):
    return (x**k - 1) / k if k else mp.log(x)


def inv_boxcox(y, k):
    return mp.exp(mp.log1p(k * y) / k) if k else mp.exp(y)


POWERS = both([1e-30, 1e-5, 0.07, 0.5, 1.0, 2.0, 8.0])
function("boxcox", boxcox, [1e-9, *BULK, 77.0, 1 + 1e-9, 1e10], POWERS)
function("boxcox1p", lambda x, k: boxcox(1 + x, k), [-0.99, -0.3, *TINY, *BULK, 77.0, 1e10], POWERS)
function("inv_boxcox", inv_boxcox, both([1e-9, 0.07, 0.5, 1.7, 23.0]), POWERS, keep=lambda y, k: y * k > -0.999)
function("inv_boxcox1p", lambda y, k: inv_boxcox(y, k) - 1, both([1e-9, 0.07, 0.5, 1.7, 23.0]), POWERS, keep=lambda y, k: y * k > -0.999)
function("powm1", lambda x, y: x**y - 1, [1e-30, *BULK, 77.0, 1 + 1e-9], both([1e-30, 1e-3, 0.5, 2.0, 8.0]))
function("exp10", lambda x: mp.mpf(10)**x, both([*TINY, *BULK, 77.0]))
function("cosm1", lambda x: mp.cos(x) - 1, both(TINY[1:] + BULK + LARGE))
ANGLES = both([1e-9, 0.31, 8.0, 30.0, 77.0, 411.5])
function("sindg", lambda x: mp.sin(x * mp.pi / 180), ANGLES)
function("cosdg", lambda x: mp.cos(x * mp.pi / 180), ANGLES)
function("tandg", lambda x: mp.tan(x * mp.pi / 180), ANGLES)
function("cotdg", lambda x: mp.cot(x * mp.pi / 180), [x for x in ANGLES if x])
function("radian", lambda d, m, s: (d + m / 60 + s / 3600) * mp.pi / 180, both([1.0, 77.0]), [0.0, 8.0], [0.0, 3.3])

# Gamma, beta, zeta ---------------------------------------------------------------------------------------------------------

LEFT = [-0.3, -1.5, -2.0 - 1e-9, -2.7, -20.5, -77.25]
WHOLE_BELOW = [0.0, -1.0, -2.0, -7.0]
function("zeta", mp.zeta, [1 + 1e-9, 1.003, 1.7, 2.0, 3.3, 8.0, 30.0, 100.0], [1e-3, 0.31, 1.0, 2.5, 23.0, 1e4, 1e10])
function("zeta of Riemann", mp.zeta, [-1e-9, -0.5, -1.0, -2.0, -3.0, -4.0, -20.5, -77.25, -140.5, 1e-9, 0.31, 0.5, 0.9, 1.003, 1.7, 3.3, 8.0, 30.0, 100.0], ours=scipy_special.zeta)
function("zetac", lambda s: mp.zeta(s) - 1, [-0.5, -1.0, -2.0, -20.5, -77.25, 0.31, 0.9, 1.003, 1.7, 3.3, 8.0, 30.0, 100.0])
function("psi", mp.digamma, [*LEFT, -1e4 - 0.3, *ABOVE[2:-1]])
function("polygamma 1", lambda x: mp.psi(1, x), [*LEFT, *ABOVE[2:-1]], ours=lambda x: special.polygamma(1, x))
function("polygamma 2", lambda x: mp.psi(2, x), [*LEFT, *ABOVE[2:-2]], ours=lambda x: special.polygamma(2, x))
function("gamma", mp.gamma, [*LEFT, *TINY[1:], *BULK, 23.0, 77.0, 165.0])
function("gammaln", lambda x: mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x), [*LEFT, *ABOVE])
function("loggamma", mp.loggamma, ABOVE)
function("rgamma", mp.rgamma, [*WHOLE_BELOW, *LEFT, -160.5, *TINY[1:], *BULK, 23.0, 77.0])
function("multigammaln", lambda a: mp.loggamma(a) + mp.loggamma(a - 0.5) + mp.log(mp.pi) / 2, [0.5 + 1e-9, 1.0, 1.7, 3.3, 77.0, 1e6], ours=lambda a: special.multigammaln(a, 2))
function("beta", mp.beta, [*LEFT[:4], 1e-30, *SHAPES[:-2], 170.0], [1e-30, *SHAPES[:-2], 170.0], keep=lambda a, b: a + b not in WHOLE_BELOW)
function("betaln", lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b), [1e-30, *SHAPES, 1e12], [1e-30, *SHAPES, 1e12])
function("binom", mp.binomial, [*LEFT[:4], 0.0, *SHAPES[:-1], 3.0], [*LEFT[:4], *WHOLE_BELOW[:3], *SHAPES[:-2], 3.0, 5.0], keep=lambda n, k: n > 0 or k != round(k))
function("poch", mp.rf, [*WHOLE_BELOW[:3], *LEFT[:4], *SHAPES[:-1]], [*LEFT[:4], *SHAPES[:-2], 3.0], keep=lambda a, m: a + m > 0 or (a + m) % 1)
GAMMA_ORDERS = [1e-9, 1e-3, 0.3, 1.0, 2.5, 9.0, 40.0, 1e3, 1e4]
GAMMA_POINTS = [*ABOVE[1:-4], 0.97e3, 1.2e3]


def beside(a, x):
    """Whether a large a is near x: else the function is 0 or 1, and mpmath takes long."""
    return a < 100 or (0.3 * a < x < 3 * a)


function("gammainc", lambda a, x: mp.gammainc(a, 0, x, regularized=True), GAMMA_ORDERS, GAMMA_POINTS, keep=beside, most=24)
function("gammaincc", lambda a, x: mp.gammainc(a, x, regularized=True), GAMMA_ORDERS, GAMMA_POINTS, keep=beside, most=24)


def lower(a, x):
    """P(a, x) by 8.11.4, all of whose terms are positive; mpmath takes minutes next to a whole a."""
    if x == 0:
        return mp.mpf(0)
    if not mp.im(x) == 0 <= mp.re(x) < 1e5 + 10 * a:
        raise ValueError(f"P({a}, {x})")
    term = total = mp.exp(a * mp.log(x) - x - mp.loggamma(a + 1))
    k = 1
    while k < x or term > total * mp.mpf(10) ** (-mp.dps - 5):
        term *= x / (a + k)
        total += term
        k += 1
    return total


def upper(a, x):
    """1 − P(a, x), with as many more digits as Q(a, x) has zeros."""
    zeros = max(0, x - a + a * mp.log(a / x)) / mp.log(10) if x else 0
    with mp.workdps(mp.dps + 15 + int(zeros)):
        return 1 - lower(a, x)


def log_of(f, y):
    return mp.log(f) - mp.log(y)


GAMMA_SHAPES = [0.3, 1.0, 2.5, 9.0, 40.0, 300.0]
function("gammaincinv", inverse("gammaincinv", lambda x, a, p: log_of(lower(a, x), p), special.gammaincinv), GAMMA_SHAPES, [1e-15, *CHANCES[2:]], most=24)
function("gammainccinv", inverse("gammainccinv", lambda x, a, p: log_of(upper(a, x), p), special.gammainccinv), GAMMA_SHAPES, [1e-15, *CHANCES[2:]], most=24)


def incomplete_beta(a, b, x):
    """I_x(a, b), by the series about the nearer end; the other one takes mpmath minutes."""
    return 1 - rest_of_beta(a, b, x) if x > 0.5 else mp.betainc(a, b, 0, x, regularized=True)


def rest_of_beta(a, b, x):
    return 1 - incomplete_beta(a, b, x) if x <= 0.5 else mp.betainc(b, a, 0, 1 - x, regularized=True)


BETA_SHAPES = [0.3, 1.0, 2.5, 9.0, 77.0]
function("betainc", incomplete_beta, [*BETA_SHAPES, 1e4], [*BETA_SHAPES, 1e4], INSIDE, most=24)
function("betaincc", rest_of_beta, BETA_SHAPES, BETA_SHAPES, INSIDE, most=24)
function("betaincinv", inverse("betaincinv", lambda x, a, b, p: log_of(incomplete_beta(a, b, x), p), special.betaincinv), BETA_SHAPES, BETA_SHAPES, CHANCES[2:-1], most=24)
function("betainccinv", inverse("betainccinv", lambda x, a, b, p: log_of(rest_of_beta(a, b, x), p), special.betainccinv), BETA_SHAPES, BETA_SHAPES, CHANCES[2:-1], most=24)

# Distributions -------------------------------------------------------------------------------------------------------------

function("gdtr", lambda a, b, x: lower(b, a * x), [0.3, 2.5, 1e3], [0.3, 1.0, 2.5, 9.0, 40.0], NEAR[:-1], most=24)
function("gdtrc", lambda a, b, x: upper(b, a * x), [0.3, 2.5], [0.3, 1.0, 2.5, 9.0, 40.0], NEAR[:-1], most=24)
function("gdtria", inverse("gdtria", lambda a, p, b, x: log_of(lower(b, a * x), p), special.gdtria), CHANCES[2:-1], GAMMA_SHAPES[:-1], [0.31, 8.0], most=24)
function("gdtrib", inverse("gdtrib", lambda b, a, p, x: log_of(lower(b, a * x), p), special.gdtrib), [0.3, 2.5], CHANCES[2:-1], [0.31, 3.3, 23.0], most=24)
function("gdtrix", inverse("gdtrix", lambda x, a, b, p: log_of(lower(b, a * x), p), special.gdtrix), [0.3, 2.5], GAMMA_SHAPES[:-1], CHANCES[2:-1], most=24)
function("chdtr", lambda v, x: lower(v / 2, x / 2), [0.3, 1.0, 2.5, 9.0, 40.0], NEAR)
function("chdtrc", lambda v, x: upper(v / 2, x / 2), [0.3, 1.0, 2.5, 9.0, 40.0], NEAR[:-1])
function("chdtri", inverse("chdtri", lambda x, v, p: log_of(upper(v / 2, x / 2), p), special.chdtri), GAMMA_SHAPES, [1e-15, *CHANCES[2:]], most=24)
function("chdtriv", inverse("chdtriv", lambda v, p, x: log_of(lower(v / 2, x / 2), p), special.chdtriv), CHANCES[2:-1], [0.31, 3.3, 23.0], most=24)
COUNTS = [0.0, 1.0, 3.0, 30.0, 300.0]
function("pdtr", lambda k, m: upper(k + 1, m), COUNTS, NEAR[:-1])
function("pdtrc", lambda k, m: lower(k + 1, m), COUNTS, NEAR[:-1])
function("pdtri", inverse("pdtri", lambda m, k, y: log_of(upper(k + 1, m), y), special.pdtri), COUNTS, CHANCES[2:-1])
function("pdtrik", inverse("pdtrik", lambda k, p, m: log_of(upper(k + 1, m), p), special.pdtrik), [0.2, 0.5, 0.73, 0.99], [1.7, 8.0, 77.0], most=24)
function("bdtr", lambda k, n, p: rest_of_beta(k + 1, n - k, p), [0, 2, 4], [5, 50], INSIDE)
function("bdtrc", lambda k, n, p: incomplete_beta(k + 1, n - k, p), [0, 2, 4], [5, 50], INSIDE)
function("bdtri", inverse("bdtri", lambda p, k, n, y: log_of(rest_of_beta(k + 1, n - k, p), y), special.bdtri), [1, 2, 4], [5, 50], CHANCES[2:-1], most=24)
function("nbdtr", lambda k, n, p: incomplete_beta(n, k + 1, p), [0, 2, 30], [1, 5, 50], INSIDE)
function("nbdtrc", lambda k, n, p: rest_of_beta(n, k + 1, p), [0, 2, 30], [1, 5, 50], INSIDE)
function("nbdtri", inverse("nbdtri", lambda p, k, n, y: log_of(incomplete_beta(n, k + 1, p), y), special.nbdtri), [1, 2, 30], [1, 5, 50], CHANCES[2:-1], most=24)


def student(df, t):
    tail = mp.betainc(df / 2, mp.mpf(1) / 2, 0, df / (df + t * t), regularized=True) / 2
    return 1 - tail if t > 0 else tail


def fisher(n, d, x):
    return incomplete_beta(n / 2, d / 2, n * x / (d + n * x))


def fisher_tail(n, d, x):
    return incomplete_beta(d / 2, n / 2, d / (d + n * x))


function("stdtr", student, [0.3, 1.0, 3.0, 30.0, 1e4], [x for x in both([1e-9, *BULK, 77.0, 1e4]) if x])
function("stdtrit", inverse("stdtrit", lambda t, df, p: log_of(student(df, t), p), special.stdtrit), [1.0, 3.0, 30.0], [1e-9, 1e-3, 0.2, 0.73, 0.99], most=24)
function("fdtr", fisher, [1.0, 3.0, 30.0], [1.0, 4.0, 100.0], NEAR)
function("fdtrc", fisher_tail, [1.0, 3.0, 30.0], [1.0, 4.0, 100.0], NEAR)
function("fdtri", inverse("fdtri", lambda x, n, d, p: log_of(fisher(n, d, x), p), special.fdtri), [1.0, 3.0, 30.0], [1.0, 4.0, 100.0], CHANCES[3:-1], most=24)


def noncentral(x, df, nc):
    total, weight, k = mp.mpf(0), mp.exp(-nc / 2), 0
    while k < 400 and not (k > nc / 2 and weight < mp.mpf(10) ** (-mp.dps)):
        total += weight * lower(df / 2 + k, x / 2)
        k += 1
        weight *= nc / (2 * k)
    return total


function("chndtr", noncentral, [1e-3, 0.31, 3.3, 23.0, 77.0], [0.5, 1.0, 3.0, 30.0], [1e-9, 0.31, 3.3, 23.0], most=24)
function("chndtrix", inverse("chndtrix", lambda x, p, df, nc: log_of(noncentral(x, df, nc), p), special.chndtrix), [1e-3, 0.2, 0.73, 0.99], [1.0, 3.0, 30.0], [0.31, 3.3, 23.0], most=24)
function("chndtrinc", inverse("chndtrinc", lambda nc, x, df, p: log_of(noncentral(x, df, nc), p), special.chndtrinc), [6.5], [3.0], [0.2, 0.3, 0.4])
function("tklmbda", inverse("tklmbda", lambda f, x, k: boxcox(f, k) - boxcox(1 - f, k) - x, special.tklmbda), [-3.3, -0.7, -1e-3, 0.31, 0.7], [-0.5, 0.0, 0.2, 0.5])


def kolmogorov(y):
    if y > 1:
        return 2 * mp.nsum(lambda k: (-1) ** (int(k) - 1) * mp.exp(-2 * k * k * y * y), [1, 40], method="d")
    return 1 - mp.sqrt(2 * mp.pi) / y * mp.nsum(lambda k: mp.exp(-((2 * k - 1) ** 2) * mp.pi**2 / (8 * y * y)), [1, 12], method="d")


def smirnov(n, d):
    n = int(n)
    return d * sum(mp.binomial(n, j) * (d + mp.mpf(j) / n) ** (j - 1) * (1 - d - mp.mpf(j) / n) ** (n - j) for j in range(int(mp.floor(n * (1 - d))) + 1))


function("kolmogorov", kolmogorov, [0.06, 0.31, 0.5, 0.99, 1.001, 1.7, 3.3, 8.0, 18.0])
function("kolmogi", inverse("kolmogi", lambda y, p: log_of(kolmogorov(y), p), special.kolmogi), CHANCES[1:-1])
function("smirnov", smirnov, [1, 5, 40], [1e-9, 0.07, 0.31, 0.52, 0.93])
function("smirnovi", inverse("smirnovi", lambda d, n, p: log_of(smirnov(n, d), p), special.smirnovi), [5, 40], [1e-9, 0.07, 0.31, 0.52])

# Error functions -----------------------------------------------------------------------------------------------------------

LONG = both([*TINY[1:], *BULK, 23.0])
FAR = both([*TINY[1:], *BULK, *LARGE, 1e7, 1e10, 1e100])


def erfcx(x):
    return mp.erfc(x) * mp.exp(x * x)


def dawson(x):
    return mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x)


def tail(series, near, border):
    """A series for |x| beyond a border, where mpmath takes too long or overflows."""
    return lambda x: series(x) if abs(x) > border else near(x)


def erfcx_far(x):
    return mp.nsum(lambda k: (-1) ** int(k) * mp.fac2(2 * k - 1) / (2 * x * x) ** k, [0, 12], method="d") / (x * mp.sqrt(mp.pi))


def dawson_far(x):
    return mp.nsum(lambda k: mp.fac2(2 * k - 1) / (2 * x * x) ** k, [0, 12], method="d") / (2 * x)


function("erf", mp.erf, LONG)
function("erfc", mp.erfc, LONG)
function("erfcx", tail(erfcx_far, erfcx, 1e6), [x for x in FAR if x > -25])
function("erfi", mp.erfi, LONG)
function("dawsn", tail(dawson_far, dawson, 1e6), FAR)
function("erfinv", inverse("erfinv", lambda y, x: mp.erf(y) - x, special.erfinv), both(INSIDE[2:]))
function("erfcinv", inverse("erfcinv", lambda y, x: log_of(mp.erfc(y), x), special.erfcinv), [*CHANCES[:-1], 1.3, 1.999])
function("log_ndtr", lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2), [-1e7, -1e5, -1e3, *LONG])
function("ndtri", inverse("ndtri", lambda z, p: log_of(phi(z), p), special.ndtri), [x for x in CHANCES if x != 0.5])
function("ndtri_exp", inverse("ndtri_exp", lambda z, y: mp.log(phi(z)) - y, special.ndtri_exp), [-1e10, -1e6, -1e3, -77.0, -8.0, -1.0, -0.1, -1e-9])


def owens_t(h, a):
    return integral(lambda t: mp.exp(-h * h * (1 + t * t) / 2) / (1 + t * t), 0, a) / (2 * mp.pi)


function("owens_t", owens_t, both([1e-9, 0.31, 1.7, 8.0]), both([1e-9, 0.31, 1.0, 3.3]), most=24)
function("fresnel_S", mp.fresnels, both([1e-3, *BULK, *LARGE, 1e6 + 0.3]))
function("fresnel_C", mp.fresnelc, both([1e-3, *BULK, *LARGE, 1e6 + 0.3]))


def faddeeva(z):
    return mp.exp(-z * z) * mp.erfc(-1j * z)


def faddeeva_far(z):
    return 1j / (z * mp.sqrt(mp.pi)) * sum(mp.fac2(2 * k - 1) / (2 * z * z) ** k for k in range(13))


function("wofz", lambda x: tail(faddeeva_far, faddeeva, 1e6)(x), FAR)


def voigt(x, sigma, gamma):
    u = (x + 1j * gamma) / (sigma * mp.sqrt(2))
    return mp.re(tail(faddeeva_far, faddeeva, 1e5)(u)) / (sigma * mp.sqrt(2 * mp.pi))


function("voigt_profile", voigt, both([1e-9, 0.31, 3.3, 77.0, 1e4]), [1e-3, 0.31, 3.3, 77.0], [1e-3, 0.31, 3.3, 77.0], most=24)


def modified_fresnel(sign):
    def integral(x):
        return mp.sqrt(mp.pi) / 2 * mp.exp(sign * 1j * mp.pi / 4) * mp.erfc(x * mp.exp(-sign * 1j * mp.pi / 4))

    return integral, lambda x: mp.exp(-sign * 1j * (x * x + mp.pi / 4)) * integral(x) / mp.sqrt(mp.pi)


for _function, _sign, _names in ("modfresnelp", 1, ("F₊", "K₊")), ("modfresnelm", -1, ("F₋", "K₋")):
    for _name, _exact in zip(_names, modified_fresnel(_sign), strict=True):
        function(f"{_function}_{_name}", _exact, [1e-3, 0.31, 1.7, 8.0, 77.0, 411.5])

# Exponential, sine and cosine integrals ------------------------------------------------------------------------------------

function("exp1", mp.e1, [*TINY, *BULK, 77.0, 411.5])
function("expi", mp.ei, [x for x in both([*TINY, *BULK, 77.0, 411.5]) if x] + [711.0])
function("expn", mp.expint, [0, 1, 2, 3, 10, 100], [*TINY[1:], *BULK, 77.0, 411.5])
function("sici_Si", mp.si, both([1e-9, 1e-3, *BULK, *LARGE]))
function("sici_Ci", mp.ci, [*TINY, *BULK, *LARGE])
function("shichi_Shi", mp.shi, both([1e-9, 1e-3, *BULK, 77.0, 411.5]))
function("shichi_Chi", mp.chi, [*TINY, *BULK, 77.0, 411.5])
function("spence", lambda x: mp.polylog(2, 1 - x) if x > 0.05 else mp.pi**2 / 6 - mp.log(x) * mp.log1p(-x) - mp.polylog(2, x), [*TINY, *BULK, 0.99, 1.01, *LARGE])
function("lambertw", lambda x: mp.lambertw(x), [-0.367879, -0.36, -0.1, *both(TINY[1:]), *ABOVE[3:]], ours=lambda x: np.real(special.lambertw(x)))
function("lambertw, k = −1", lambda x: mp.lambertw(x, -1), [-0.367879, -0.36, -0.1, -1e-9, -1e-300], ours=lambda x: np.real(special.lambertw(x + 0j, -1)))
function("wrightomega", lambda x: mp.lambertw(mp.exp(x)), both([1e-9, *BULK, 77.0, 411.5]))

# Elliptic integrals and functions ------------------------------------------------------------------------------------------

SIDES = [1e-9, 1e-3, 0.31, 1.0, 1 + 1e-9, 2.0, 3.0, 77.0, 1e6]
function("elliprd", mp.elliprd, SIDES, SIDES, SIDES, most=10)
function("elliprf", mp.elliprf, SIDES, SIDES, SIDES, most=10)
function("elliprc", mp.elliprc, [1e-30, *SIDES, 1e30], [-3.3, -0.31, 1e-30, *SIDES, 1e30])
function("elliprg", mp.elliprg, SIDES, SIDES, SIDES, most=10)
function("elliprj", lambda *xs: mp.re(mp.elliprj(*xs)), SIDES, SIDES, SIDES, [-0.31, -3.3, *SIDES], most=10)
function("ellipk", mp.ellipk, [-1e6, -3.3, *both(INSIDE)])
function("ellipkm1", lambda p: mp.ellipk(1 - p), [*ABOVE[1:-2]])
function("ellipe", mp.ellipe, [-1e6, -3.3, *both(INSIDE)])
AMPLITUDES = both([1e-9, 0.31, 1.5, 2.0, 7.5, 23.0])
function("ellipkinc", mp.ellipf, AMPLITUDES, [-77.0, -3.3, *both(INSIDE[1:-2])])
function("ellipeinc", mp.ellipe, AMPLITUDES, [-77.0, -3.3, *both(INSIDE[1:-2])])
_jacobi = ([1e-9, 0.31, 1.5, 2.0, 7.5, -1.7], INSIDE[1:])
function("ellipj_sn", lambda u, m: mp.re(mp.ellipfun("sn", u, m=m)), *_jacobi)
function("ellipj_cn", lambda u, m: mp.re(mp.ellipfun("cn", u, m=m)), *_jacobi)
function("ellipj_dn", lambda u, m: mp.re(mp.ellipfun("dn", u, m=m)), *_jacobi)


def amplitude(u, m):
    turns = mp.nint(u / (2 * mp.ellipk(m)))
    return mp.asin(mp.re(mp.ellipfun("sn", u - 2 * turns * mp.ellipk(m), m=m))) + turns * mp.pi


function("ellipj_am", amplitude, *_jacobi)
function("agm", mp.agm, [*TINY[1:], *BULK, 1 + 1e-9, *LARGE, 1e100], [*TINY[1:], *BULK, *LARGE, 1e100])

# Hypergeometric functions --------------------------------------------------------------------------------------------------

ARGUMENTS = both([1e-9, 0.31, 1.7, 8.0, 23.0])
function("hyp0f1", lambda v, z: mp.hyp0f1(v, z), [0.3, 1.0, 2.0, 7.5, 40.0, -1.5], [*ARGUMENTS, 411.5, -411.5])
function("hyp1f1", mp.hyp1f1, [-2.0, -0.5, 0.3, 1.0, 7.5], [0.3, 1.0, 2.0, 40.0], ARGUMENTS)
function("hyp2f1", mp.hyp2f1, [-2.0, 0.3, 1.0, 7.5], [0.5, 1.0, 3.3], [0.3, 2.0, 7.5], [-23.0, -0.999, -0.31, -1e-9, 0.0, 1e-9, 0.31, 0.7, 0.95])
function("hyperu", mp.hyperu, [0.3, 1.0, 2.0, 7.5], [-0.5, 0.3, 1.0, 2.0], [1e-3, 0.31, 1.7, 8.0, 77.0, 1e4], most=24)

# Bessel functions ----------------------------------------------------------------------------------------------------------

WAVES = [1e-9, 1e-3, *BULK, 23.0, 77.0, 1e4, 1e6]
GROWING = [1e-9, 1e-3, *BULK, 23.0, 77.0, 411.5]
SCALED = [1e-9, 1e-3, *BULK, 23.0, 31.0, 77.0, 1e4, 1e6, 1e10]


def scaled_k(v, x):
    return mp.besselk(v, x) * mp.exp(x) if x < 1e5 else hankel_series(v, x, 1) * mp.sqrt(mp.pi / (2 * x))


def scaled_i(v, x):
    if x < 0:
        return (-1) ** int(v) * scaled_i(v, -x)
    return mp.besseli(v, x) * mp.exp(-x) if x < 1e5 else hankel_series(v, x, -1) / mp.sqrt(2 * mp.pi * x)


def hankel_series(v, x, sign):
    """Σ a_k(v) (±1/x)^k, 10.17.1 and 10.40(i)."""
    total, term = mp.mpf(0), mp.mpf(1)
    for k in range(1, 40):
        total += term
        term *= sign * (4 * v * v - (2 * k - 1) ** 2) / (8 * k * x)
    return total


def scaled_hankel(sign):
    def exact(v, x):
        if x < 1e5:
            return (mp.besselj(v, x) + sign * 1j * mp.bessely(v, x)) * mp.exp(-sign * 1j * x)
        return mp.sqrt(2 / (mp.pi * x)) * mp.exp(-sign * 1j * mp.pi * (v / 2 + mp.mpf(1) / 4)) * hankel_series(v, x, sign * 1j)

    return exact


WHOLE_ORDERS = [0, 1, 2, 7, 40]
function("jv", mp.besselj, ORDERS, WAVES)
function("jve", mp.besselj, ORDERS, WAVES[:-1])
function("jv, whole order", mp.besselj, WHOLE_ORDERS, both(WAVES), ours=special.jv)
function("yv", mp.bessely, ORDERS, WAVES, most=24)
function("yve", mp.bessely, ORDERS, WAVES[:-1], most=24)
function("iv", mp.besseli, ORDERS, GROWING)
function("iv, whole order", mp.besseli, WHOLE_ORDERS, both(GROWING), ours=special.iv)
function("kv", mp.besselk, ORDERS, GROWING)
function("kve", scaled_k, ORDERS, SCALED)
function("ive", scaled_i, [v for v in ORDERS if v > -2], SCALED)
function("ive, whole order", scaled_i, WHOLE_ORDERS, [x for x in both(SCALED) if x], ours=special.ive)
function("hankel1", lambda v, x: mp.hankel1(v, x), ORDERS, WAVES[:-1], most=24)
function("hankel2", lambda v, x: mp.hankel2(v, x), ORDERS, WAVES[:-1], most=24)
function("hankel1e", scaled_hankel(1), ORDERS, SCALED, most=24)
function("hankel2e", scaled_hankel(-1), ORDERS, SCALED, most=24)
function("yn", mp.bessely, WHOLE_ORDERS, WAVES)
function("kn", mp.besselk, WHOLE_ORDERS, GROWING)
function("j0", lambda x: mp.besselj(0, x), both(WAVES))
function("j1", lambda x: mp.besselj(1, x), both(WAVES))
function("y0", lambda x: mp.bessely(0, x), WAVES)
function("y1", lambda x: mp.bessely(1, x), WAVES)
function("i0", lambda x: mp.besseli(0, x), both(GROWING))
function("i1", lambda x: mp.besseli(1, x), both(GROWING))
function("k0", lambda x: mp.besselk(0, x), GROWING)
function("k1", lambda x: mp.besselk(1, x), GROWING)
function("i0e", lambda x: scaled_i(0, x), [x for x in both(SCALED) if x])
function("i1e", lambda x: scaled_i(1, x), [x for x in both(SCALED) if x])
function("k0e", lambda x: scaled_k(0, x), SCALED)
function("k1e", lambda x: scaled_k(1, x), SCALED)


def spherical(bessel, factor, shift=1):
    def exact(n, x):
        if x == 0:
            return mp.mpf(n == 0)
        return factor() * mp.sqrt(1 / abs(x)) * bessel(n + mp.mpf(1) / 2, abs(x)) * ((-1) ** int(n) if x < 0 else 1)

    return exact


def root_half_pi():
    return mp.sqrt(mp.pi / 2)


function("spherical_jn", spherical(mp.besselj, root_half_pi), WHOLE_ORDERS[:4], [0.0, *WAVES[:-1]])
function("spherical_yn", spherical(mp.bessely, root_half_pi), WHOLE_ORDERS[:4], WAVES[:-1])
function("spherical_in", spherical(mp.besseli, root_half_pi), WHOLE_ORDERS[:4], [0.0, *GROWING])
function("spherical_kn", spherical(mp.besselk, root_half_pi), WHOLE_ORDERS[:4], GROWING)

SHORT = [0.07, 0.31, 1.7, 3.3, 8.0, 23.0]
function("itj0y0_∫J₀", lambda x: integral(lambda t: mp.besselj(0, t), 0, x), SHORT[:-1])
function("itj0y0_∫Y₀", lambda x: integral(lambda t: mp.bessely(0, t), 0, x), SHORT[:-1])
function("iti0k0_∫I₀", lambda x: integral(lambda t: mp.besseli(0, t), 0, x), SHORT[:-1])
function("iti0k0_∫K₀", lambda x: integral(lambda t: mp.besselk(0, t), 0, x), SHORT[:-1])


def power_series(term, start=0):
    """Σ term(k) of terms that fall faster than any power."""
    total, k = mp.mpf(0), start
    while True:
        more = term(k)
        total += more
        if k > start + 20 and abs(more) <= abs(total) * mp.mpf(10) ** (-mp.dps - 5):
            return total
        k += 1


def half_power(x, n):
    return (x / 2) ** n


def less_one_over_t(sign):
    """∫₀ˣ (1 − J₀(t))/t dt or ∫₀ˣ (I₀(t) − 1)/t dt, term by term of 10.2.2 and 10.25.2."""
    return lambda x: power_series(lambda k: sign ** (k + 1) * half_power(x, 2 * k) / (2 * k * mp.factorial(k) ** 2), 1)


def second_over_t(sign):
    """The series in 10.22.40 and 10.43.23, without its first terms."""

    def series(x):
        log = mp.log(x / 2)
        return power_series(lambda k: sign**k * (mp.digamma(k + 1) + mp.mpf(1) / (2 * k) - log) * half_power(x, 2 * k) / (2 * k * mp.factorial(k) ** 2), 1)

    return series


def y0_over_t(x):
    return mp.pi / 6 - (mp.log(x / 2) + mp.euler) ** 2 / mp.pi + 2 / mp.pi * second_over_t(-1)(x)


def k0_over_t(x):
    return mp.pi**2 / 24 + (mp.log(x / 2) + mp.euler) ** 2 / 2 - second_over_t(1)(x)


def bessel_moment(a, k, v):
    """∫₀¹ x^k J_v(2ax) dx, term by term of 10.2.2."""
    return power_series(lambda m: (-1) ** m * a ** (v + 2 * m) / (mp.factorial(m) * mp.gamma(v + m + 1) * (k + v + 2 * m + 1)))


function("it2j0y0_∫(1−J₀)/t", less_one_over_t(-1), SHORT)
function("it2j0y0_∫Y₀/t", y0_over_t, SHORT)
function("it2i0k0_∫(I₀−1)/t", less_one_over_t(1), SHORT)
function("it2i0k0_∫K₀/t", k0_over_t, SHORT)
function("besselpoly", bessel_moment, [0.07, 0.31, 1.7, 3.3], [0, 0.5, 1, 2], [0, 0.3, 1, 2], most=24)
AIRS = [-77.0, -23.0, -8.0, -1.7, -0.31, -1e-9, 0.0, *GROWING[:-2], 77.0]
function("airy_Ai", mp.airyai, AIRS)
function("airy_Ai′", lambda x: mp.airyai(x, 1), AIRS)
function("airy_Bi", mp.airybi, AIRS)
function("airy_Bi′", lambda x: mp.airybi(x, 1), AIRS)


def air_scale(x, sign):
    return mp.exp(sign * 2 * x ** (mp.mpf(3) / 2) / 3) if x > 0 else mp.mpf(1)


RIGHT_AIRS = [*SCALED[:-1]]
function("airye_Ai", lambda x: mp.airyai(x) * air_scale(x, 1), RIGHT_AIRS)
function("airye_Ai′", lambda x: mp.airyai(x, 1) * air_scale(x, 1), RIGHT_AIRS)
function("airye_Bi", lambda x: mp.airybi(x) * air_scale(x, -1), [-23.0, -1.7, *RIGHT_AIRS])
function("airye_Bi′", lambda x: mp.airybi(x, 1) * air_scale(x, -1), [-23.0, -1.7, *RIGHT_AIRS])
function("itairy_∫Ai", lambda x: mp.airyai(x, -1), both(SHORT[:-1]))
function("itairy_∫Bi", lambda x: mp.airybi(x, -1), both(SHORT[:-1]))
function("itairy_∫Ai(−t)", lambda x: -mp.airyai(-x, -1), both(SHORT[:-1]))
function("itairy_∫Bi(−t)", lambda x: -mp.airybi(-x, -1), both(SHORT[:-1]))
KELVIN = [1e-3, *BULK, 23.0, 77.0]


def of_slope(f):
    return lambda x: mp.diff(f, x)


function("ber", lambda x: mp.ber(0, x), KELVIN)
function("bei", lambda x: mp.bei(0, x), KELVIN)
function("ker", lambda x: mp.ker(0, x), KELVIN)
function("kei", lambda x: mp.kei(0, x), KELVIN)


def kelvin_slope(bessel, sign, turn, part):
    """By x of a Kelvin function of order 0, 10.61.1 and 10.61.2."""

    def exact(x):
        root = mp.exp(1j * turn * mp.pi / 4)
        return part(sign * root * bessel(1, x * root))

    return exact


function("berp", kelvin_slope(mp.besselj, -1, 3, mp.re), KELVIN)
function("beip", kelvin_slope(mp.besselj, -1, 3, mp.im), KELVIN)
function("kerp", kelvin_slope(mp.besselk, -1, 1, mp.re), KELVIN)
function("keip", kelvin_slope(mp.besselk, -1, 1, mp.im), KELVIN)
function("struve", mp.struveh, [-0.5, 0.0, 0.3, 1.0, 2.0, 7.5], [1e-9, 1e-3, *BULK, 23.0, 77.0, 1e4])
function("modstruve", mp.struvel, [-0.5, 0.0, 0.3, 1.0, 2.0, 7.5], GROWING)


def integral_of_struve(sign, over_t=False):
    """∫₀ˣ H₀ or ∫₀ˣ L₀, or of these over t, term by term of 11.2.1 and 11.2.2."""

    def series(x):
        factor = 1 if over_t else x
        return power_series(lambda k: sign**k * factor * half_power(x, 2 * k + 1) / (mp.gamma(k + mp.mpf(3) / 2) ** 2 * (2 * k + 2 - over_t)))

    return series


function("itstruve0", integral_of_struve(-1), SHORT)
function("it2struve0", lambda x: mp.pi / 2 - integral_of_struve(-1, over_t=True)(x), SHORT)
function("itmodstruve0", integral_of_struve(1), SHORT)


def wright(a, b, x):
    total, k = mp.mpf(0), 0
    term = mp.rgamma(b)
    while k < 3000 and (k < 5 or abs(term) > abs(total) * mp.mpf(10) ** (-mp.dps - 5)):
        total += term
        k += 1
        term = x**k / mp.factorial(k) * mp.rgamma(a * k + b)
    return total


function("wright_bessel", wright, [0.3, 1.0, 2.5], [0.5, 2.0, 7.5], [0.0, 1e-3, 0.31, 3.3, 23.0], most=24)
function("log_wright_bessel", lambda a, b, x: mp.log(wright(a, b, x)), [0.3, 1.0, 2.5], [0.5, 2.0, 7.5], [1e-3, 0.31, 3.3, 23.0], most=24)
CYLINDER = both([1e-3, 0.31, 1.7, 3.3, 8.0])
function("pbdv_y", mp.pcfd, [-1.5, 0.0, 2.0, 3.3], CYLINDER)
function("pbdv_y′", lambda v, x: x / 2 * mp.pcfd(v, x) - mp.pcfd(v + 1, x), [-1.5, 0.0, 2.0, 3.3], CYLINDER)
function("pbvv_y", lambda v, x: mp.pcfv(-v - mp.mpf(1) / 2, x), [-1.5, 0.0, 2.0, 3.3], CYLINDER)
function("pbvv_y′", lambda v, x: mp.pcfv(mp.mpf(1) / 2 - v, x) - x / 2 * mp.pcfv(-v - mp.mpf(1) / 2, x), [-1.5, 0.0, 2.0, 3.3], CYLINDER)  # 12.8.8
function("pbwa_y′", lambda a, x: mp.diff(lambda t: mp.pcfw(a, t), x), [-1.0, 0.3, 1.0], both([0.31, 1.7, 3.3]))
function("pbwa_y", mp.pcfw, [-1.0, 0.3, 1.0], both([0.31, 1.7, 3.3]))



# Mathieu's functions (28.4 and 28.24)


@functools.cache
def mathieu_series(sine, m, q, dps):
    """The coefficients of ce_m or se_m of cos or sin kx, with their k: an eigenvector, from SciPy's eigenvalue on."""
    first = m % 2 if m % 2 or not sine else 2
    with mp.workdps(dps + 10):
        size = 24 + m // 2
        orders = [first + 2 * i for i in range(size)]
        matrix = mp.zeros(size)
        for i, k in enumerate(orders):
            matrix[i, i] = mp.mpf(k) ** 2
            if i:
                matrix[i, i - 1] = matrix[i - 1, i] = mp.mpf(q) * (mp.sqrt(2) if orders[i - 1] == 0 else 1)
        if first == 1:
            matrix[0, 0] += -mp.mpf(q) if sine else mp.mpf(q)
        value = mp.mpf(float((scipy_special.mathieu_b if sine else scipy_special.mathieu_a)(m, q)))
        x = mp.matrix([mp.mpf(1) / (1 + abs(k - m)) for k in orders])
        for _ in range(5):
            x = mp.lu_solve(matrix - value * mp.eye(size), x)
            x /= mp.norm(x)
            value = (x.T * matrix * x)[0]
        found = [c / (mp.sqrt(2) if k == 0 else 1) for c, k in zip(x, orders, strict=True)]
        sign = mp.sign(sum(c * (k if sine else 1) for c, k in zip(found, orders, strict=True)))
        return [(k, sign * c) for c, k in zip(found, orders, strict=True)]


def mathieu(sine, order):
    """ce_m or se_m of x in degrees, or its derivative by the angle."""

    def exact(m, q, x):
        angle = x * mp.pi / 180
        shapes = ([mp.cos, lambda t: -mp.sin(t)], [mp.sin, mp.cos])[sine]
        return sum(c * k**order * shapes[order](k * angle) for k, c in mathieu_series(sine, int(m), float(q), mp.dps))

    return exact


def modified_mathieu(sine, second, order):
    """The radial functions Mc and Ms of the first or second kind, or their derivatives: 28.24.6 to 28.24.9."""

    def exact(m, q, z):
        terms = mathieu_series(sine, int(m), float(q), mp.dps)
        bessel, sign, h = (mp.bessely if second else mp.besselj), (-1 if sine else 1), mp.sqrt(q)
        s = max(range(4), key=lambda i: abs(terms[i][1]))
        shift = 2 * s + terms[0][0]
        lower, upper = h * mp.exp(-z), h * mp.exp(z)

        def product(i, j):
            """J_i(he^(−z)) C_j(he^z), or its derivative by z."""
            one, two = mp.besselj(i, lower), bessel(j, upper)
            if not order:
                return one * two
            return -lower * mp.besselj(i, lower, 1) * two + one * upper * bessel(j, upper, 1)

        total = sum(
            (-1) ** i * c * (product(i - s, i - s + shift) + sign * product(i - s + shift, i - s))
            for i, (_, c) in enumerate(terms)
        )
        return (-1) ** ((int(m) - terms[0][0]) // 2) * total / terms[s][1] / (2 if shift == 0 else 1)

    return exact


_waves = ([1, 2, 5], [0.3, 2.0, 25.0], [-77.0, 0.0, 0.31, 30.0, 123.0])
for _prime, _order in ("", 0), ("′", 1):
    function(f"mathieu_cem_y{_prime}", mathieu(False, _order), [0, *_waves[0]], *_waves[1:], most=24)
    function(f"mathieu_sem_y{_prime}", mathieu(True, _order), *_waves, most=24)
    for _kind, _second in ("1", False), ("2", True):
        function(f"mathieu_modcem{_kind}_y{_prime}", modified_mathieu(False, _second, _order), [0, 1, 2], [0.3, 2.0], [0.31, 1.0], most=6)
        function(f"mathieu_modsem{_kind}_y{_prime}", modified_mathieu(True, _second, _order), [1, 2, 3], [0.3, 2.0], [0.31, 1.0], most=6)

# Orthogonal polynomials and Legendre functions -----------------------------------------------------------------------------

SEGMENT = both([1e-9, 0.31, 0.7, 0.999, 1 - 1e-9, 1.0])
UNIT = [0.0, 1e-9, 0.07, 0.31, 0.73, 0.999]
DEGREES_OF = [0, 1, 2, 5, 30]
ALL_DEGREES = [*DEGREES_OF, 2.5]
function("eval_jacobi", lambda n, a, b, x: mp.jacobi(n, a, b, x), DEGREES_OF, [0.3, 2.0], [0.5, 3.0], SEGMENT)
function("eval_legendre", lambda n, x: mp.legendre(n, x), DEGREES_OF, SEGMENT)
function("eval_gegenbauer", lambda n, a, x: mp.gegenbauer(n, a, x), DEGREES_OF, [0.3, 2.0], SEGMENT)
function("eval_chebyt", mp.chebyt, DEGREES_OF, SEGMENT)
function("eval_chebyu", mp.chebyu, DEGREES_OF, SEGMENT)
function("eval_chebyc", lambda n, x: 2 * mp.chebyt(n, x / 2), DEGREES_OF, SEGMENT)
function("eval_chebys", lambda n, x: mp.chebyu(n, x / 2), DEGREES_OF, SEGMENT)
function("eval_genlaguerre", mp.laguerre, DEGREES_OF, [0.3, 2.0], [0.0, 1e-9, *BULK, 23.0])
function("eval_laguerre", lambda n, x: mp.laguerre(n, 0, x), DEGREES_OF, [0.0, 1e-9, *BULK, 23.0])
function("eval_hermite", mp.hermite, DEGREES_OF, both([1e-9, *BULK]))
function("eval_hermitenorm", lambda n, x: mp.hermite(n, x / mp.sqrt(2)) / mp.mpf(2) ** (mp.mpf(n) / 2), DEGREES_OF, both([1e-9, *BULK]))
function("eval_sh_legendre", lambda n, x: mp.legendre(n, 2 * x - 1), DEGREES_OF, UNIT)
function("eval_sh_chebyt", lambda n, x: mp.chebyt(n, 2 * x - 1), DEGREES_OF, UNIT)
function("eval_sh_chebyu", lambda n, x: mp.chebyu(n, 2 * x - 1), DEGREES_OF, UNIT)
function("eval_sh_jacobi", lambda n, p, q, x: mp.jacobi(n, p - q, q - 1, 2 * x - 1) / mp.binomial(2 * n + p - 1, n), DEGREES_OF, [3.0, 4.5], [0.5, 2.0], UNIT)


def legendre_on_the_cut(m, v, x):
    """P_v^m of a whole m with Condon and Shortley's sign, 14.3.1 and 14.9.3."""
    half = (1 - x) / 2
    return (-1) ** int(m) * mp.gamma(v + m + 1) / mp.gamma(v - m + 1) * ((1 - x) / (1 + x)) ** (mp.mpf(m) / 2) * mp.hyp2f1(v + 1, -v, 1 + m, half) / mp.factorial(m)


function("lpmv", legendre_on_the_cut, [0, 1, 2], [2, 3.3, 7.5], both([1e-9, 0.31, 0.7, 0.999]))

# fmt: on
