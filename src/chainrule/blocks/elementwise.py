"""Elementwise blocks: one line each with the forward rule and the local derivative ∂z/∂x for each operand.

`elementwise` adds the chain rule (times ∂L/∂z) and undoes broadcasting. Derivatives are the standard ones (Abramowitz &
Stegun, chapters 4 and 7); at kinks and ties the conventions are PyTorch's, noted beside the line.
"""

import math

import numpy as np

from chainrule.array import form_of, is_recorded
from chainrule.block import (
    Elementwise,
    answers,
    bounds,
    elementwise,
    library_block,
    minus_one,
    one,
    singular,
    sum_to,
)
from chainrule.block.bounds import even, of_operand, rising
from chainrule.block.dependence import entrywise
from chainrule.blocks.copies import cast
from chainrule.blocks.directions import hypot, unit
from chainrule.blocks.limits import ROOTS, length_at_zero
from chainrule.domains import above_one, apart, exactly, example, far_from_zero, inside, integers, normal, positive
from chainrule.formula import call, cases, name, sqrt
from chainrule.libraries import dtype_of, is_complex, is_foreign, is_inexact, is_numpy, numpy_dtype

E = name("e")

# fmt: off

# Arithmetic ------------------------------------------------------------------------------------------------

add = elementwise(
    "add", lambda xp, x, y: x + y, one, one,
    notation=lambda x, y: x + y, bounds=bounds.add, answers_for=(np.add,), complex=True,
)
subtract = elementwise(
    "subtract", lambda xp, x, y: x - y, one, minus_one,
    notation=lambda x, y: x - y, bounds=bounds.subtract, answers_for=(np.subtract,), complex=True,
)
multiply = elementwise(
    "multiply", lambda xp, x, y: x * y,
    lambda xp, z, x, y: y,
    lambda xp, z, x, y: x,
    notation=lambda x, y: x * y, bounds=bounds.multiply, answers_for=(np.multiply,), complex=True,
)
divide = elementwise(
    "divide", lambda xp, x, y: x / y,
    singular(lambda xp, z, x, y: 1 / y),
    singular(lambda xp, z, x, y: -z / y),
    notation=lambda x, y: x / y, bounds=bounds.divide, answers_for=(np.divide,), complex=True, example=example(normal(2, 3), far_from_zero(2, 3)),
)
negative = elementwise(
    "negative", lambda xp, x: -x, minus_one,
    notation=lambda x: -x, bounds=bounds.negative, answers_for=(np.negative,), complex=True,
)
positive_ = elementwise("positive", lambda xp, x: +x, one, notation=lambda x: x, bounds=of_operand, answers_for=(np.positive,), complex=True)
reciprocal = elementwise(  # in NumPy that of an integer is an integer
    "reciprocal", lambda xp, x: 1 / x if not is_numpy(xp) or is_inexact(x) else xp.reciprocal(x), singular(lambda xp, z, x: -z * z),
    notation=lambda x: 1 / x, bounds=bounds.reciprocal, answers_for=(np.reciprocal,), complex=True, example=example(far_from_zero(2, 3)),
)
square = elementwise(
    "square", lambda xp, x: x * x, lambda xp, z, x: 2 * x,
    notation=lambda x: x**2, bounds=bounds.square, answers_for=(np.square,), complex=True,
)


def _power_by_base(xp, z, x, y):
    """y x^(y−1), and 0 where both are 0, because x⁰ is 1 there too."""
    if isinstance(y, int | float):
        return xp.zeros_like(x) if y == 0 else y * x ** (y - 1) if y >= 1 else _root_by_base(x, y)
    return xp.where(abs(x) + abs(y) == 0, 0.0, _root_by_base(x, y))


@singular
def _root_by_base(x, y):
    return y * x ** (y - 1)


@singular
def _power_by_exponent(xp, z, x, y):
    """z log x, and 0 where x = 0 (there z = 0 for every y > 0)."""
    if is_complex(z) and not is_complex(x):
        x = x + 0j  # so that a negative base has a logarithm
    return z * xp.log(xp.where(x == 0, 1.0, x))


power = elementwise(
    "power", lambda xp, x, y: x**y, _power_by_base, _power_by_exponent,
    notation=lambda x, y: x**y, answers_for=(np.power,), complex=True, example=example(positive(2, 3), normal(2, 3)),
    flat_at_infinity=lambda x, y: not isinstance(y, int | float) or 0 < y < 1,
)
@answers(np.float_power)
def numpy_float_power(x1, x2):
    """np.float_power: np.power in double precision at least."""
    x1 = x1 if hasattr(x1, "dtype") else np.asarray(x1)
    return np.power(x1.astype(np.result_type(x1.dtype, np.float64)), x2)


@singular
def _minus_the_quotient(xp, z, x, y):
    """−k, where z = x − k y: from z, because x/y may round to the next integer."""
    return -xp.round(x / y - z / y)


remainder = elementwise(
    "remainder", lambda xp, x, y: x % y, one, _minus_the_quotient,
    notation=lambda x, y: call("mod", x, y), bounds=bounds.remainder, answers_for=(np.remainder,), example=example(normal(2, 3), positive(2, 3)),
)
fmod = elementwise(
    "fmod", lambda xp, x, y: xp.fmod(x, y), one, _minus_the_quotient,
    notation=lambda x, y: call("fmod", x, y), answers_for=(np.fmod,), example=example(normal(2, 3), far_from_zero(2, 3)),
)
def _ldexp(xp, x, i):
    """x 2^i in three steps, since 2^i alone may overflow; one step where |i| ≤ 1000, so that it is rounded once."""
    if is_numpy(xp):
        return xp.ldexp(x, i)
    if isinstance(i, np.ndarray | np.integer | int):
        i, clip = np.asarray(i, dtype=float), np.clip
    else:
        i, clip = xp.astype(i, x.dtype), xp.clip
    for _ in range(3):
        part = clip(i, -1000, 1000)
        x, i = x * 2.0**part, i - part
    return x


ldexp = elementwise(
    "ldexp", _ldexp, lambda xp, z, x, i: 2.0**i, None,  # i are integers
    notation=lambda x, i: x * 2**i, answers_for=(np.ldexp,), example=example(normal(2, 3), integers(4)(2, 3)),
)

# Powers, exponentials, logarithms ---------------------------------------------------------------------------

exp = elementwise(
    "exp", lambda xp, x: xp.exp(x), lambda xp, z, x: z,
    notation=lambda x: E**x, bounds=rising(np.exp), grows=True, answers_for=(np.exp,), complex=True,
)
exp2 = elementwise(
    "exp2", lambda xp, x: xp.exp2(x), lambda xp, z, x: z * math.log(2.0),
    notation=lambda x: 2**x, bounds=rising(np.exp2), grows=True, answers_for=(np.exp2,), complex=True,
)
expm1 = elementwise(
    "expm1", lambda xp, x: xp.expm1(x), lambda xp, z, x: xp.exp(x),
    notation=lambda x: E ** x - 1, grows=True, answers_for=(np.expm1,), complex=True,
)
log = elementwise("log", lambda xp, x: xp.log(x), singular(lambda xp, z, x: 1 / x), bounds=rising(np.log), answers_for=(np.log,), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)
log2 = elementwise("log2", lambda xp, x: xp.log2(x), singular(lambda xp, z, x: 1 / math.log(2.0) / x), answers_for=(np.log2,), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)
log10 = elementwise("log10", lambda xp, x: xp.log10(x), singular(lambda xp, z, x: 1 / math.log(10.0) / x), answers_for=(np.log10,), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)
log1p = elementwise("log1p", lambda xp, x: xp.log1p(x), singular(lambda xp, z, x: 1 / (1 + x)), notation=lambda x: call("log", 1 + x), bounds=rising(np.log1p), answers_for=(np.log1p,), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)
sqrt_ = elementwise("sqrt", lambda xp, x: xp.sqrt(x), singular(lambda xp, z, x: 0.5 / z), notation=sqrt, bounds=rising(np.sqrt), answers_for=(np.sqrt,), complex=True, example=example(positive(2, 3)), flat_at_infinity=True)
cbrt = elementwise("cbrt", lambda xp, x: xp.cbrt(x) if hasattr(xp, "cbrt") else xp.sign(x) * abs(x) ** (1 / 3), singular(lambda xp, z, x: 1 / (3 * z * z)), answers_for=(np.cbrt,), example=example(far_from_zero(2, 3)), flat_at_infinity=True)

# Trigonometric and hyperbolic -------------------------------------------------------------------------------


def _leg(xp, function, z, x):
    """√(1 − x²), without the rounding error of x²; for complex x on the branch of z = arcsin x or arccos x."""
    inside = (1 - x) * (1 + x)
    if not is_complex(x):
        return xp.sqrt(inside)
    leg = function(z)
    near = abs(inside) < 0.1  # where the leg is small, and that of z has few digits
    root = xp.sqrt(xp.where(near, inside, 1.0))
    other_side = (xp.imag(inside) == 0) & (xp.real(root * xp.conj(leg)) < 0)
    return xp.where(near, xp.where(other_side, -root, root), leg)


def _over_one_plus_square(xp, z, x):
    """1 / (1 + x²); of complex numbers in two quotients, because the square of a large one is NaN."""
    return 1 / (1 + 1j * x) / (1 - 1j * x) if is_complex(x) else 1 / (1 + x * x)


sin = elementwise("sin", lambda xp, x: xp.sin(x), lambda xp, z, x: xp.cos(x), bounds=bounds.periodic, answers_for=(np.sin,), complex=True)
cos = elementwise("cos", lambda xp, x: xp.cos(x), lambda xp, z, x: -xp.sin(x), bounds=bounds.periodic, answers_for=(np.cos,), complex=True)
tan = elementwise("tan", lambda xp, x: xp.tan(x), lambda xp, z, x: 1 + z * z, answers_for=(np.tan,), complex=True, example=example(inside(2, 3)))
arcsin = elementwise("arcsin", lambda xp, x: xp.asin(x), singular(lambda xp, z, x: 1 / _leg(xp, xp.cos, z, x)), answers_for=(np.arcsin,), complex=True, example=example(inside(2, 3)))
arccos = elementwise("arccos", lambda xp, x: xp.acos(x), singular(lambda xp, z, x: -1 / _leg(xp, xp.sin, z, x)), answers_for=(np.arccos,), complex=True, example=example(inside(2, 3)))
arctan = elementwise("arctan", lambda xp, x: xp.atan(x), _over_one_plus_square, bounds=rising(np.arctan), answers_for=(np.arctan,), complex=True)
sinh = elementwise("sinh", lambda xp, x: xp.sinh(x), lambda xp, z, x: xp.cosh(x), grows=True, answers_for=(np.sinh,), complex=True)
cosh = elementwise("cosh", lambda xp, x: xp.cosh(x), lambda xp, z, x: xp.sinh(x), bounds=even(np.cosh), grows=True, answers_for=(np.cosh,), complex=True)
tanh = elementwise("tanh", lambda xp, x: xp.tanh(x), lambda xp, z, x: 1 - z * z, bounds=rising(np.tanh), answers_for=(np.tanh,), complex=True)
arcsinh = elementwise("arcsinh", lambda xp, x: xp.asinh(x), singular(lambda xp, z, x: 1 / (_leg(xp, xp.cosh, z, 1j * x) if is_complex(x) else hypot(x, one(xp, z)))), answers_for=(np.arcsinh,), complex=True, flat_at_infinity=True)
arccosh = elementwise("arccosh", lambda xp, x: xp.acosh(x), singular(lambda xp, z, x: 1 / (xp.sqrt(x - 1) * xp.sqrt(x + 1))), answers_for=(np.arccosh,), complex=True, example=example(above_one(2, 3)), flat_at_infinity=True)
arctanh = elementwise("arctanh", lambda xp, x: xp.atanh(x), singular(lambda xp, z, x: 1 / (1 - x) / (1 + x)), answers_for=(np.arctanh,), complex=True, example=example(inside(2, 3)))
def _ratio(x, a, b):
    """a / b, divided in the precision in which NumPy does it for this x."""
    return float(np.float32(a) / np.float32(b)) if numpy_dtype(dtype_of(x)) == np.float32 else a / b


deg2rad = elementwise("deg2rad", lambda xp, x: x * _ratio(x, math.pi, 180), lambda xp, z, x: xp.full_like(x, math.pi / 180), answers_for=(np.deg2rad, np.radians))
rad2deg = elementwise("rad2deg", lambda xp, x: x * _ratio(x, 180, math.pi), lambda xp, z, x: xp.full_like(x, 180 / math.pi), answers_for=(np.rad2deg, np.degrees))


def _sinc(xp, x, order):
    """The derivative of some order of sin(πx)/(πx), smooth at 0.

    Far from 0 by x f_n + n f_(n−1) = π^(n−1) sin(πx + nπ/2), the n-th derivative of x f = sin(πx)/π; near 0 by the series of
    the sine.
    """
    near = abs(x) < 0.5
    far, close = xp.where(near, 1.0, x), xp.where(near, x, 0.0)
    turns = xp.round(xp.real(far) if is_complex(far) else far)  # so that sin(πx) is right for large x too
    sine, cosine = (f(math.pi * (far - turns)) * (1 - 2 * (turns % 2)) for f in (xp.sin, xp.cos))
    shifted = (sine, cosine, -sine, -cosine)  # by nπ/2
    f = sine / (math.pi * far)
    for n in range(1, order + 1):
        f = (math.pi ** (n - 1) * shifted[n % 4] - n * f) / far
    powers = [k for k in range(28) if k % 2 == 0 and k >= order]
    series = sum((-1) ** (k // 2) * math.pi**k / (k + 1) / math.factorial(k - order) * close ** (k - order) for k in powers)
    z = xp.where(near, series, f)
    return z[()] if is_numpy(xp) else z


sinc: Elementwise = elementwise(
    "sinc", lambda xp, x, order=0: _sinc(xp, x, order) if order else np.sinc(x) if is_numpy(xp) else xp.sinc(x),
    lambda xp, z, x, order=0: sinc(x, order=order + 1),
    notation=lambda x, order: call("sinc" + "′" * order, x), answers_for=(np.sinc,), complex=True,
)

# Kinks: at x = 0 and at ties as PyTorch does ------------------------------------------------------------------

absolute = elementwise(
    "absolute", lambda xp, x: abs(x), lambda xp, z, x: _direction(xp, z, x),  # |x|'(0) = 0
    notation=abs, bounds=bounds.absolute, answers_for=(np.absolute, np.fabs), complex=True, example=example(far_from_zero(2, 3)),
)
absolute.at_zero = length_at_zero
ROOTS.add(absolute)
maximum = elementwise(
    "maximum", lambda xp, x, y: _either(xp, xp.maximum, x, y),
    lambda xp, z, x, y: _share(x > y, x, y, z),  # a tie is shared evenly
    lambda xp, z, x, y: _share(y > x, x, y, z),
    notation=lambda x, y: call("max", x, y), bounds=bounds.maximum, answers_for=(np.maximum,),
)
minimum = elementwise(
    "minimum", lambda xp, x, y: _either(xp, xp.minimum, x, y),
    lambda xp, z, x, y: _share(x < y, x, y, z),
    lambda xp, z, x, y: _share(y < x, x, y, z),
    notation=lambda x, y: call("min", x, y), bounds=bounds.minimum, answers_for=(np.minimum,),
)


fmax = elementwise(
    "fmax", lambda xp, x, y: xp.fmax(x, y),
    lambda xp, z, x, y: xp.logical_or(x >= y, xp.isnan(y)),  # at a tie the first operand gets the gradient, as in PyTorch
    lambda xp, z, x, y: xp.logical_not(xp.logical_or(x >= y, xp.isnan(y))),
    answers_for=(np.fmax,),
)
fmin = elementwise(
    "fmin", lambda xp, x, y: xp.fmin(x, y),
    lambda xp, z, x, y: xp.logical_or(x <= y, xp.isnan(y)),
    lambda xp, z, x, y: xp.logical_not(xp.logical_or(x <= y, xp.isnan(y))),
    answers_for=(np.fmin,),
)


def _heaviside(xp, x, y):
    """heaviside, for libraries that lack it or its derivative."""
    return xp.where(x == 0, y, xp.where(x > 0, 1.0, x * 0.0))


copysign = elementwise(
    "copysign", lambda xp, x, y: xp.copysign(x, y),
    lambda xp, z, x, y: xp.sign(x) * xp.sign(z),  # as for |x|, 0 where x = 0
    None,
    answers_for=(np.copysign,), example=example(far_from_zero(2, 3), far_from_zero(2, 3)),
)
nextafter = elementwise("nextafter", lambda xp, x, y: xp.nextafter(x, y), one, None, answers_for=(np.nextafter,))  # x, up to rounding
heaviside = elementwise(
    "heaviside", lambda xp, x, y: _heaviside(xp, x, y) if is_foreign(x) and not is_recorded(x) else xp.heaviside(x, y),
    None,
    lambda xp, z, x, y: x == 0,
    notation=lambda x, y: call("H", x), answers_for=(np.heaviside,),
)


def _direction(xp, z, x):
    """The sign of x; for a complex x the conjugate of x/|x|, because |x| grows most in the direction x."""
    return xp.conj(unit(x)) if is_complex(x) else xp.sign(x)


def _either(xp, function, x, y):
    """xp.maximum(x, y) where one may be a Python number, which not every library accepts."""
    if not is_numpy(xp) and isinstance(x, int | float):
        x = _filled_like(xp, y, x)
    if not is_numpy(xp) and isinstance(y, int | float):
        y = _filled_like(xp, x, y)
    return function(x, y)


def _filled_like(xp, x, number):
    """An array like x that is filled with a Python number; a float among integers has double precision, as in NumPy."""
    among_integers = type(number) is float and not is_inexact(x)
    return xp.full_like(x, number, dtype=xp.float64 if among_integers else x.dtype)


def _share(wins, x, y, z):
    return cast(wins, dtype=z.dtype) + 0.5 * cast(x == y, dtype=z.dtype)


# Selection ---------------------------------------------------------------------------------------------------


@library_block(notation=cases, complex=True, example=example(exactly([[True, False, True], [False, True, True]]), normal(2, 3), normal(3)), dependence=entrywise,)
def where(xp, condition, x, y):
    """x where the condition holds, else y. It selects and never multiplies, so an unselected NaN has no effect."""
    return xp.where(condition, x, y)


@where.backward("x")
def where_dx(xp, dz, z, condition, x, y):
    return sum_to(xp, xp.where(condition, dz, 0.0), x.shape, z.shape)


@where.backward("y")
def where_dy(xp, dz, z, condition, x, y):
    return sum_to(xp, xp.where(condition, 0.0, dz), y.shape, z.shape)


@answers(np.where)
def numpy_where(condition, x=None, y=None):
    """np.where: a selection, or the indices where the condition holds."""
    return np.nonzero(condition) if x is None and y is None else where(condition, x, y)


@library_block(
    notation=lambda x, low, high: call("clip", x, low, high),
    example=example(apart(2, 3), exactly(-1.0), exactly(1.0)),
    dependence=entrywise,
)
def clip(xp, x, low, high):
    """x, moved into [low, high]; either bound may be None. At a bound the gradient passes, as in PyTorch."""
    if low is not None:
        x = _either(xp, xp.maximum, x, low)
    if high is not None:
        x = _either(xp, xp.minimum, x, high)
    return x


@clip.backward("x")
def clip_dx(xp, dz, z, x, low, high):
    inside = z == x if low is None or high is None else (z == x) & (low <= high)
    return sum_to(xp, xp.where(inside, dz, 0.0), x.shape, z.shape)


@clip.backward("low")
def clip_dlow(xp, dz, z, x, low, high):
    below = (x < low) if high is None else (x < low) & (low <= high)
    return sum_to(xp, xp.where(below, dz, 0.0), low.shape, z.shape)


@clip.backward("high")
def clip_dhigh(xp, dz, z, x, low, high):
    above = (x > high) if low is None else (x > high) | (low > high)  # z = high where the bounds cross
    return sum_to(xp, xp.where(above, dz, 0.0), high.shape, z.shape)


clip.picks = True


@answers(np.clip)
def numpy_clip(a, a_min=None, a_max=None, *, min=None, max=None, dtype=None, casting=None):
    """np.clip: the bounds by position, or as `min` and `max`."""
    low, high = (min if a_min is None else a_min, max if a_max is None else a_max)
    if dtype is not None:
        a = np.astype(a, dtype)
    if a.dtype.kind in "iu":  # a Python integer outside the dtype's range does not bound
        ends = np.iinfo(a.dtype)
        low = None if type(low) is int and low < ends.min else low
        high = None if type(high) is int and high > ends.max else high
    return clip(a, low, high)


@answers(np.nan_to_num)
def numpy_nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    """np.nan_to_num: the gradient passes where x is finite, for each part of a complex number."""
    if not is_inexact(form_of(x)):
        return np.copy(x) if copy else x
    if is_complex(form_of(x)):
        parts = [numpy_nan_to_num(part(x), True, nan, posinf, neginf) for part in (np.real, np.imag)]
        z = parts[0] + 1j * parts[1]
    else:
        limits = np.finfo(x.dtype)
        z = np.where(np.isnan(x), nan, x)
        z = np.where(x == np.inf, limits.max if posinf is None else posinf, z)
        z = np.where(x == -np.inf, limits.min if neginf is None else neginf, z)
    return z if copy else x._write(z)
