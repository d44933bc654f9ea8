"""Python's math as the user's code sees it while a function is recorded: it takes recorded numbers.

The value is math's own, a float of Python's; the function of NumPy or SciPy of the same meaning gives the derivative.
"""

from __future__ import annotations

import functools
import math
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.standins.function import StandIn, StandInModule
from chainrule.standins.numpy_functions import joined

__all__ = ["MATH_FUNCTIONS", "math_standin"]


def _special(name: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return function


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _norm(*xs: Any) -> Any:
    return np.linalg.norm(joined(xs))


def _product(xs: Any, start: Any = 1) -> Any:
    return np.prod(joined(xs)) * start


AS_NUMPY: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in "sin cos tan sinh cosh tanh exp expm1 log1p log2 log10 sqrt fabs".split()},
    **{name: getattr(np, name) for name in "degrees radians copysign fmod cbrt exp2".split()},
    **{name: getattr(np, f"arc{name[1:]}") for name in "asin acos atan asinh acosh atanh atan2".split()},
    **{name: _special(other) for name, other in {"erf": "erf", "erfc": "erfc", "gamma": "gamma"}.items()},
    "lgamma": _special("gammaln"),
    "log": _log,
    "pow": np.power,
    "hypot": _norm,
    "dist": lambda p, q: np.linalg.norm(joined(p) - joined(q)),
    "fsum": lambda xs: np.sum(joined(xs)),
    "prod": _product,
    "sumprod": lambda p, q: np.sum(joined(p) * joined(q)),
    "remainder": lambda x, y: x - y * np.rint(x / y),
    "fma": lambda x, y, z: x * y + z,
    "ldexp": np.ldexp,
}
"""Functions that compute the same with recorded numbers."""


def _is_close(x: Any, y: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Any:
    return (x == y) | (np.abs(x - y) <= np.maximum(rel_tol * np.maximum(np.abs(x), np.abs(y)), abs_tol))


TRUTHS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("isnan", "isinf", "isfinite")},
    "isclose": _is_close,
}
"""Predicates of recorded numbers."""

OWN_METHOD = ("floor", "ceil", "trunc")
"""Functions that ask a number for a method of that name; their results are integers of Python, without a gradient."""


def _is_recorded(args: Any) -> bool:
    return any(type(x) is Array or (isinstance(x, (list, tuple)) and _is_recorded(x)) for x in args)


def _standin(function: Callable[..., Any]) -> Callable[..., Any]:
    name = function.__name__

    def standin(*args: Any, **kwargs: Any) -> Any:
        if not _is_recorded(args):
            return function(*args, **kwargs)
        if name in TRUTHS:
            return bool(TRUTHS[name](*args, **kwargs))
        if name not in AS_NUMPY:
            raise RecordingError(f"math.{name} has no gradient here; write it with NumPy's functions" + at_line())
        args = tuple([*x] if type(x) is Array and x.ndim else x for x in args)
        result = answered(AS_NUMPY[name], f"math.{name}", function, args, kwargs)
        if WATCHER.get() is not None:
            bool(np.isfinite(result))  # an error of math (a domain, an overflow) is another path
        return result

    return StandIn(function, standin)


MATH_FUNCTIONS = {
    function: _standin(function)
    for name, function in vars(math).items()
    if callable(function) and name not in OWN_METHOD
}
"""The stand-ins for the functions of math, by the function itself."""


@functools.cache
def math_standin(kept: frozenset[str]) -> types.ModuleType:
    """The module that `math` stands for; some names are kept as they are."""
    names = {name: MATH_FUNCTIONS.get(x, x) if callable(x) else x for name, x in vars(math).items()}
    return StandInModule(math, names | {name: getattr(math, name) for name in kept if hasattr(math, name)})
