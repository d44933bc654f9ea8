"""Stand-ins for Python's math, cmath and statistics while a function is recorded.

They take recorded numbers. The module's own function gives the value, a Python number; a function of NumPy or SciPy
with the same meaning gives the derivative.
"""

from __future__ import annotations

import cmath
import functools
import math
import statistics
import types
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, form_of, read_by_error, value_of
from chainrule.caught import is_caught
from chainrule.errors import RecordingError
from chainrule.libraries import as_numpy, is_foreign, is_traced
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.standins.function import StandIn, StandInModule
from chainrule.standins.numpy_functions import joined

__all__ = ["NUMBER_FUNCTIONS", "NUMBER_MODULES", "number_module_standin"]


def _special(name: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        import scipy.special

        return getattr(scipy.special, name)(*args)

    return function


def _log(x: Any, base: Any = None) -> Any:
    return np.log(x) if base is None else np.log(x) / np.log(base)


def _norm(xs: Sequence[Any]) -> Any:
    """√(Σ x²), without squares, which overflow or vanish where their root does not."""
    first, *others = xs if len(xs) > 1 else (0.0, *xs)
    return functools.reduce(np.hypot, others, first)


def _product(xs: Any, start: Any = 1) -> Any:
    return np.prod(joined(xs)) * start


_MATH: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in "sin cos tan sinh cosh tanh exp expm1 log1p log2 log10 sqrt fabs".split()},
    **{name: getattr(np, name) for name in "degrees radians copysign fmod cbrt exp2".split()},
    **{name: getattr(np, f"arc{name[1:]}") for name in "asin acos atan asinh acosh atanh atan2".split()},
    **{name: _special(other) for name, other in {"erf": "erf", "erfc": "erfc", "gamma": "gamma"}.items()},
    "lgamma": _special("gammaln"),
    "log": _log,
    "pow": np.power,
    "hypot": lambda *xs: _norm(xs),
    "dist": lambda p, q: _norm([x - y for x, y in zip(p, q, strict=True)]),
    "fsum": lambda xs: np.sum(joined(xs)),
    "prod": _product,
    "sumprod": lambda p, q: np.sum(joined(p) * joined(q)),
    "remainder": lambda x, y: x - y * np.rint(x / y),
    "fma": lambda x, y, z: x * y + z,
    "ldexp": np.ldexp,
    "modf": np.modf,
    "frexp": np.frexp,
}


def _of_complex(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *xs: function(*[np.asarray(x) + 0j if type(x) is not Array else x + 0j for x in xs])


_CMATH: dict[str, Callable[..., Any]] = {
    **{name: _of_complex(getattr(np, name)) for name in "sin cos tan sinh cosh tanh exp log10 sqrt".split()},
    **{name: _of_complex(getattr(np, f"arc{name[1:]}")) for name in "asin acos atan asinh acosh atanh".split()},
    "log": _of_complex(_log),
    "phase": _of_complex(np.angle),
    "polar": lambda z: (np.abs(z), np.angle(z + 0j)),
    "rect": lambda r, phi: r * np.cos(phi) + 1j * (r * np.sin(phi)),
}


def _spread(ddof: int, root: bool) -> Callable[..., Any]:
    """The variance of data about their mean (or about a given mean), or its square root."""

    def spread(data: Any, center: Any = None) -> Any:
        x = joined(data)
        total = np.sum((x - (np.mean(x) if center is None else center)) ** 2) / (x.size - ddof)
        return np.sqrt(total) if root else total

    return spread


def _harmonic_mean(data: Any, weights: Any = None) -> Any:
    x = joined(data)
    w = np.ones(x.size) if weights is None else joined(weights)
    return np.sum(w) / np.sum(w / x)


def _covariance(x: Any, y: Any) -> Any:
    x, y = joined(x), joined(y)
    return np.sum((x - np.mean(x)) * (y - np.mean(y))) / (x.size - 1)


def _correlation(x: Any, y: Any) -> Any:
    return _covariance(x, y) / np.sqrt(_covariance(x, x) * _covariance(y, y))


_STATISTICS: dict[str, Callable[..., Any]] = {
    "mean": lambda data: np.mean(joined(data)),
    "fmean": lambda data, weights=None: np.average(joined(data), weights=None if weights is None else joined(weights)),
    "geometric_mean": lambda data: np.exp(np.mean(np.log(joined(data)))),
    "harmonic_mean": _harmonic_mean,
    "median": lambda data: np.median(joined(data)),
    "median_low": lambda data: np.sort(joined(data))[(len(data) - 1) // 2],
    "median_high": lambda data: np.sort(joined(data))[len(data) // 2],
    "pvariance": _spread(0, root=False),
    "variance": _spread(1, root=False),
    "pstdev": _spread(0, root=True),
    "stdev": _spread(1, root=True),
    "covariance": _covariance,
    "correlation": _correlation,
}

NUMBER_MODULES: dict[types.ModuleType, dict[str, Callable[..., Any]]] = {
    math: _MATH,
    cmath: _CMATH,
    statistics: _STATISTICS,
}
"""Python's modules of numbers, and for each of their functions the one that gives its derivative."""


def _is_close(x: Any, y: Any, *, rel_tol: float = 1e-9, abs_tol: float = 0.0) -> Any:
    far = np.abs(x - y)
    near = far <= np.maximum(rel_tol * np.maximum(np.abs(x), np.abs(y)), abs_tol)
    return (x == y) | (near & (far < math.inf))


_TRUTHS: dict[str, Callable[..., Any]] = {
    **{name: getattr(np, name) for name in ("isnan", "isinf", "isfinite")},
    "isclose": _is_close,
}
"""Predicates (isnan, …) of recorded numbers."""

_OWN_METHOD = ("floor", "ceil", "trunc")
"""Functions that call the number's method of the same name; their results are Python integers, without a gradient."""


_DOMAINS: dict[Callable[..., Any], Callable[..., Any]] = {
    statistics.geometric_mean: lambda data: joined(data) > 0,
    statistics.harmonic_mean: lambda data, weights=None: joined(data) >= 0,
    math.log: lambda x, base=1.0: base > 0,
    cmath.log: lambda x, base=1.0: base != 0,
}
"""The condition on the data under which a function raises no error, if a finite result does not show it."""


def _is_recorded(args: Any) -> bool:
    return any(type(x) is Array or (isinstance(x, (list, tuple)) and _is_recorded(x)) for x in args)


def _is_traced(args: Any) -> bool:
    return any(is_traced(form_of(x)) for x in args)


def _number(x: Any) -> Any:
    """A recorded number as Python's; JAX raises an error if it is not known while it traces."""
    return as_numpy(value_of(x)).item() if type(x) is Array else x


def _standin(module: types.ModuleType, function: Callable[..., Any]) -> Callable[..., Any]:
    name, answers = function.__name__, NUMBER_MODULES[module]
    full_name = f"{module.__name__}.{name}"

    def standin(*args: Any, **kwargs: Any) -> Any:
        args = tuple([[*x] if isinstance(x, Iterator) else x for x in args])
        if not _is_recorded((*args, *kwargs.values())):
            return function(*args, **kwargs)
        if name in _TRUTHS:
            return bool(_TRUTHS[name](*args, **kwargs))
        if name not in answers:
            raise RecordingError(f"{full_name} has no gradient here; write it with NumPy's functions" + at_line())
        args = tuple([[*x] if type(x) is Array and x.ndim else x for x in args])
        if any(type(x) is Array and is_foreign(form_of(x)) for x in args) and (is_caught() or not _is_traced(args)):
            function(*map(_number, args), **kwargs)  # it may raise, where another library has NaN or infinity
        result = answered(answers[name], full_name, function, args, kwargs, converts=True)
        if WATCHER.get() is not None:
            if function in _DOMAINS:
                bool(np.all(_DOMAINS[function](*args)))
            for part in result if isinstance(result, tuple) else (result,):
                if not bool(np.isfinite(part)):  # with an error of math (domain, overflow) the code takes another path
                    read_by_error(args, kwargs)
        return result

    return StandIn(function, standin)


NUMBER_FUNCTIONS = {
    function: _standin(module, function)
    for module in NUMBER_MODULES
    for name, function in vars(module).items()
    if callable(function) and not isinstance(function, type) and name[0] != "_" and name not in _OWN_METHOD
    if getattr(function, "__module__", None) == module.__name__
}
"""The stand-ins for the functions of these modules, by the function itself."""


@functools.cache
def number_module_standin(module: types.ModuleType, kept: frozenset[str]) -> types.ModuleType:
    """The module that `math`, `cmath` or `statistics` stands for; some names are kept as they are."""
    names = dict(vars(module))
    for name, x in names.items():
        if name not in kept and isinstance(x, types.FunctionType | types.BuiltinFunctionType):
            names[name] = NUMBER_FUNCTIONS.get(x, x)
    return StandInModule(module, names)
