"""Logarithms, entropies and losses of scipy.special. 0 log 0 = 0, and so is its derivative where both are 0, as in PyTorch."""

import math

from chainrule.block import Elementwise, answers, elementwise, singular
from chainrule.blocks import elementwise as ufuncs
from chainrule.blocks.activations import softplus
from chainrule.blocks.special.table import chance, near_zero, special_function
from chainrule.domains import above_one, apart, example, far_from_zero, inside, normal, positive
from chainrule.formula import call
from chainrule.libraries import is_complex, special_functions_of


@answers("scipy.special.log_expit")
def scipy_log_expit(x):
    """log(1 / (1 + e^(−x)))."""
    return -softplus(-x)


def _unless(xp, both, y, log):
    """log(y), and 0 where both are 0."""
    return xp.where(both, 0.0, log(xp.where(both, 1.0, y)))


def _over(xp, x, y):
    """x / y, and 0 where both are 0."""
    return xp.where((x == 0) & (y == 0), 0.0, x / y)


def _no_log(y, least):
    """The mask of entries where log(y − least) does not exist."""
    return y == least if is_complex(y) else y <= least


@singular
def _log_ratio(xp, x, y):
    """log(x/y): near 1 from the difference, which is exact, and far from it without the quotient, which may overflow."""
    close = abs(x - y) < 0.5 * abs(y)
    near = xp.log1p(xp.where(close, x - y, 0.0) / xp.where(close, y, 1.0))
    return xp.where(close, near, xp.log(xp.where(close, 1.0, x)) - xp.log(xp.where(close, 1.0, y)))


def _exprel_by_x(xp, z, x):
    """(e^x (x − 1) + 1) / x²; for large x from z = (e^x − 1)/x, because e^x overflows before z does."""
    coefficients = [(k + 1) / math.factorial(k + 2) for k in range(15)]
    right = x > 1
    above = z * (1 - 1 / xp.where(right, x, 1.0)) + 1 / xp.where(right, x, 1.0)
    x = xp.where(right, 1.0, x)
    return xp.where(right, above, near_zero(xp, x, 0.5, coefficients, lambda x: (xp.exp(x) * (x - 1) + 1) / (x * x)))


@singular
def _kl_div_by_y(xp, z, x, y):
    """1 − x/y; near x = y from the difference, which is exact."""
    close = abs(x - y) < 0.5 * abs(y)
    return xp.where(close, (y - x) / xp.where(close, y, 1.0), 1 - x / y)


def _rise(xp, z, delta, r):
    """z/δ = δ (s − 1) of the pseudo-Huber loss z, with s = √(1 + (r/δ)²), and |r| − δ near δ = 0."""
    return xp.where(delta == 0, abs(r) - delta, z / _one_if_0(xp, delta))


def _pseudo_huber_by_delta(xp, z, delta, r):
    """δ (s − 1)² / s."""
    rise = _rise(xp, z, delta, r)
    return rise * (rise / _one_if_0(xp, delta + rise))


def _one_if_0(xp, x):
    return xp.where(x == 0, 1.0, x)


# fmt: off

logit = special_function("logit", singular(lambda xp, z, x: 1 / (x * (1 - x))), example=example(chance(2, 3)))
xlogy = special_function(
    "xlogy",
    singular(lambda xp, z, x, y: _unless(xp, (x == 0) & _no_log(y, 0), y, xp.log)),
    singular(lambda xp, z, x, y: _over(xp, x, y)),
    notation=lambda x, y: x * call("log", y), complex=True, example=example(normal(2, 3), positive(2, 3)),
    flat_at_infinity=True,
)
xlog1py = special_function(
    "xlog1py",
    singular(lambda xp, z, x, y: _unless(xp, (x == 0) & _no_log(y, -1), y, xp.log1p)),
    singular(lambda xp, z, x, y: _over(xp, x, 1 + y)),
    notation=lambda x, y: x * call("log", 1 + y), complex=True, example=example(normal(2, 3), positive(2, 3)),
    flat_at_infinity=True,
)
entr = special_function("entr", singular(lambda xp, z, x: -xp.log(x) - 1), notation=lambda x: -x * call("log", x), example=example(positive(2, 3)))
rel_entr = special_function(
    "rel_entr",
    lambda xp, z, x, y: _log_ratio(xp, x, y) + 1,
    singular(lambda xp, z, x, y: -x / y),
    notation=lambda x, y: x * call("log", x / y), example=example(positive(2, 3), positive(2, 3)),
)
kl_div = special_function(
    "kl_div",
    lambda xp, z, x, y: _log_ratio(xp, x, y),
    _kl_div_by_y,
    notation=lambda x, y: x * call("log", x / y) - x + y, example=example(positive(2, 3), positive(2, 3)),
)
huber = special_function(
    "huber",
    lambda xp, z, delta, r: xp.where(abs(r) > delta, abs(r) - delta, 0.0),
    lambda xp, z, delta, r: xp.where(abs(r) > delta, delta * xp.sign(r), r),
    example=example(positive(2, 3), apart(2, 3)),
)
pseudo_huber = special_function(
    "pseudo_huber",
    _pseudo_huber_by_delta,
    lambda xp, z, delta, r: r * (delta / _one_if_0(xp, xp.hypot(delta, r))),  # r/s
    example=example(positive(2, 3), normal(2, 3)),
)

# Powers with a logarithm as their limit (G. E. P. Box and D. R. Cox, An analysis of transformations, 1964) -----------

exprel = special_function("exprel", _exprel_by_x)


@singular
def _inverse_by_lambda(xp, y, lmbda):
    """∂/∂λ log (1 + λy)^(1/λ) = y² (w/(1+w) − log(1+w)) / w², with w = λy; written so that squares do not overflow."""
    w = lmbda * y
    near = abs(w) < 0.2
    coefficients = [(-1) ** (k + 1) * (k - 1) / k for k in range(2, 26)]
    series = y * y * near_zero(xp, xp.where(near, w, 0.0), 0.2, coefficients, abs)
    w, scale = xp.where(near, 1.0, w), xp.where(near, 1.0, lmbda)
    log = xp.where(abs(w) < 1e30, xp.log1p(w), xp.log(abs(y)) + xp.log(abs(scale)))
    return xp.where(near, series, (1 / (1 + 1 / w) - log) / scale / scale)


def _boxcox_by_lambda(xp, z, log, lmbda):
    """log² x exprel′(λ log x); of (0^λ − 1)/λ = −1/λ for a positive λ."""
    at_0 = (log == -math.inf) & (lmbda > 0)
    log = xp.where(at_0, 0.0, log)
    return xp.where(at_0, z * z, log * log * _exprel_by_x(xp, exprel(lmbda * log), lmbda * log))


boxcox = special_function(  # log x · exprel(λ log x)
    "boxcox",
    singular(lambda xp, z, x, lmbda: x ** (lmbda - 1)),
    singular(lambda xp, z, x, lmbda: _boxcox_by_lambda(xp, z, xp.log(x), lmbda)),
    example=example(positive(2, 3), far_from_zero(2, 3)), flat_at_infinity=True,
)
boxcox1p = special_function(
    "boxcox1p",
    singular(lambda xp, z, x, lmbda: xp.exp((lmbda - 1) * xp.log1p(x))),
    singular(lambda xp, z, x, lmbda: _boxcox_by_lambda(xp, z, xp.log1p(x), lmbda)),
    example=example(positive(2, 3), far_from_zero(2, 3)), flat_at_infinity=True,
)
inv_boxcox: Elementwise = special_function(
    "inv_boxcox",
    singular(lambda xp, z, y, lmbda: z / (1 + lmbda * y)),
    singular(lambda xp, z, y, lmbda: z * _inverse_by_lambda(xp, y, lmbda)),
    example=example(inside(2, 3), inside(2, 3)),
)
inv_boxcox1p = special_function(
    "inv_boxcox1p",
    singular(lambda xp, z, y, lmbda: inv_boxcox(y, lmbda) / (1 + lmbda * y)),
    singular(lambda xp, z, y, lmbda: inv_boxcox(y, lmbda) * _inverse_by_lambda(xp, y, lmbda)),
    example=example(inside(2, 3), inside(2, 3)),
)
powm1 = special_function(
    "powm1",
    ufuncs.power.derivatives[0],
    lambda xp, z, x, y: ufuncs.power.derivatives[1](xp, x**y, x, y),
    notation=lambda x, y: x**y - 1, example=example(positive(2, 3), far_from_zero(2, 3)),
)

# Elementary functions with a name of their own ------------------------------------------------------------------------

DEGREE = math.pi / 180

exp10 = special_function("exp10", lambda xp, z, x: math.log(10.0) * z, notation=lambda x: 10**x)
cosm1 = special_function("cosm1", lambda xp, z, x: -xp.sin(x), notation=lambda x: call("cos", x) - 1)
sindg: Elementwise = special_function("sindg", lambda xp, z, x: DEGREE * cosdg(x))
cosdg: Elementwise = special_function("cosdg", lambda xp, z, x: -DEGREE * sindg(x))
tandg = special_function("tandg", lambda xp, z, x: DEGREE * (1 + z * z), example=example(inside(2, 3)))
cotdg = special_function("cotdg", lambda xp, z, x: -DEGREE * (1 + z * z), example=example(above_one(2, 3)))
radian = special_function(  # degrees, minutes and seconds
    "radian",
    lambda xp, z, d, m, s: xp.full_like(z, DEGREE),
    lambda xp, z, d, m, s: xp.full_like(z, DEGREE / 60),
    lambda xp, z, d, m, s: xp.full_like(z, DEGREE / 3600),
)

# fmt: on

for _name in ("exp2", "expm1", "log1p", "cbrt"):  # SciPy has ufuncs of its own for these
    answers(f"scipy.special.{_name}")(getattr(ufuncs, _name))
elementwise(  # np.round is another function, with decimals
    "special_round",
    lambda xp, x: special_functions_of(xp).round(x),
    differentiable=False,
    answers_for=("scipy.special.round",),
)
