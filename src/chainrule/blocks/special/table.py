"""The functions that make a line of the tables of special functions, and helpers of several lines."""

import functools
from typing import Any

import numpy as np

from chainrule.array import form_of
from chainrule.block import Elementwise, answers, elementwise, in_precision
from chainrule.blocks.complex_numbers import conjugate
from chainrule.domains import between
from chainrule.errors import NoDerivative
from chainrule.formula import call
from chainrule.libraries import is_complex, is_foreign, is_numpy, special_functions_of
from chainrule.namespace import RECORDING
from chainrule.node import at_line
from chainrule.transforms import vjp

FUNCTIONS: dict[str, tuple[str, int | None]] = {}
"""For each block of these tables, its function of `scipy.special`, and the number of the result if it has several."""

OTHER_NAMES = {"psi": "digamma"}
"""Other libraries' names of functions."""

chance = between(0.15, 0.7)
"""A probability, neither near 0 nor near 1."""


def in_double(derivative: Any) -> Any:
    """A local derivative in double precision, for operands of any.

    In single precision rules of many steps over- and underflow, and SciPy has fewer digits.
    """
    if derivative is None:
        return None

    @functools.wraps(derivative)
    def precise(xp, z, *xs, **params):
        if z.dtype in _SHORT and not is_foreign(form_of(z)):
            z, *operands = (in_precision(x, _SHORT[z.dtype]) for x in (z, *xs))
            return derivative(xp, z, *operands, **params)
        return derivative(xp, z, *xs, **params)

    return precise


_SHORT = {
    np.dtype(np.float16): np.dtype(np.float64),
    np.dtype(np.float32): np.dtype(np.float64),
    np.dtype(np.complex64): np.dtype(np.complex128),
}


def special_function(name: str, *derivatives: Any, **options: Any) -> Elementwise:
    """One line of the table: the function's name in `scipy.special`, and its local derivative for each operand."""

    def forward(xp, *xs):
        special = special_functions_of(xp)
        return getattr(special, name if hasattr(special, name) else OTHER_NAMES.get(name, name))(*xs)

    made = elementwise(name, forward, *map(in_double, derivatives), answers_for=(f"scipy.special.{name}",), **options)
    made.__doc__ = f"scipy.special.{name}, entry by entry."
    if made.differentiable:
        FUNCTIONS[name] = name, None
    return made


def result_of(function: str, index: int, name: str, *derivatives: Any, **options: Any) -> Elementwise:
    """One result of a function of `scipy.special` that has several: one block, one array."""

    def forward(xp, *xs):
        return getattr(special_functions_of(xp), function)(*xs)[index]

    made = elementwise(f"{function}_{name}", forward, *map(in_double, derivatives), notation=symbol(name), **options)
    made.__doc__ = f"scipy.special.{function}(…)[{index}], entry by entry."
    FUNCTIONS[made.name] = function, index
    return made


def hidden(name: str, algorithm: Any, *derivatives: Any, **options: Any) -> Elementwise:
    """A function that SciPy lacks but derivatives need: an algorithm in xp, and its local derivatives."""

    @functools.wraps(algorithm)
    def forward(xp, *xs, **params):
        with np.errstate(divide="ignore", invalid="ignore"):
            return as_number(xp, algorithm(xp, *xs, **params))

    return elementwise(name, forward, *derivatives, listed=False, **options)


def together(function: str, *results: Elementwise) -> None:
    """Answer for a function of `scipy.special` with the blocks of its results."""

    def all_results(*xs):
        return tuple(result(*xs) for result in results)

    all_results.__name__ = function
    all_results.__doc__ = f"scipy.special.{function}: a tuple of {len(results)} results."
    answers(f"scipy.special.{function}")(all_results)


def unknown(function: str, operand: str, why: str = "has no closed form") -> Any:
    """The derivative of a function by an operand for which there is no rule."""

    def derivative(*args):
        raise NoDerivative(
            f"the derivative of scipy.special.{function} with respect to {operand} {why}; "
            f"give {operand} as a plain number, or as cr.stop_gradient({operand})" + at_line()
        )

    return derivative


def whole(function: str, operand: str) -> Any:
    """The derivative of a function by an operand that is an integer."""
    return unknown(function, operand, "is not defined, it is an integer")


def whole_part(xp: Any, n: Any) -> Any:
    """The integer that SciPy uses for a float where a function needs an integer: rounded towards zero."""
    return n if isinstance(n, int) else xp.trunc(n)


def symbol(name: str) -> Any:
    return functools.partial(call, name)


def through(algorithm: Any, index: int) -> Any:
    """The local derivative of an algorithm written in xp by one operand, by the chain rule through its steps."""

    def derivative(xp, z, *xs):
        def of_one(x):
            return algorithm(RECORDING, *xs[:index], x, *xs[index + 1 :])

        x = xp.broadcast_to(xp.asarray(xs[index]), z.shape)
        if is_complex(z) and not is_complex(x):
            x = x + 0j  # or only the real part of its gradient would come back
        _, pullback = vjp(of_one, x)
        slope = pullback(xp.ones_like(z))[0]  # of complex numbers, the conjugate of the derivative
        return as_number(xp, conjugate(xp, slope))

    return derivative


def near_zero(xp, x, radius, coefficients, far):
    """far(x), or its power series where |x| is less than a radius, because far(x) cancels there."""
    near = abs(x) < radius
    small, series = xp.where(near, x, 0.0), 0.0
    for coefficient in reversed(coefficients):
        series = series * small + coefficient
    return xp.where(near, series, far(xp.where(near, 1.0, x)))


def as_number(xp, x):
    """A 0-d array as a number, as NumPy's functions return it."""
    return x[()] if is_numpy(xp) and not x.ndim else x
