"""Constants of every class, in every position, against plain NumPy: `python -m tests.sweeps.containers` (15 s).

Each must give NumPy's value and the gradient that differences of the plain function have, or an error of chainrule, or
NumPy's own error. Classes of pandas, xarray, pint and SciPy are tried where these are installed.
"""

from __future__ import annotations

import array
import collections
import datetime
import decimal
import fractions
import importlib
import sys
import warnings

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError

X = np.array([1.0, 2.0, 3.0])
V = [1.5, 2.25, 4.0]


class Plain(np.ndarray):
    """A subclass that computes as ndarray does."""


class Doubles(np.ndarray):
    def __mul__(self, other):
        return np.asarray(self) * other * 2

    __rmul__ = __mul__


class SumsToSeven(np.ndarray):
    def sum(self, *args, **kwargs):
        return 7.0


class Units(np.ndarray):
    """As units of astropy: each operand is asked for its numbers by `.value`."""

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        numbers = [np.asarray(getattr(x, "value", x)) for x in inputs]
        return getattr(ufunc, method)(*numbers, **kwargs).view(Units)


class Wraps:
    """As an array of xarray: it computes with what it holds."""

    def __init__(self, held):
        self.held = held

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        return Wraps(getattr(ufunc, method)(*(x.held if isinstance(x, Wraps) else x for x in inputs), **kwargs))


class HasArray:
    def __array__(self, dtype=None, copy=None):
        return np.array(V)


class HasInterface:
    held = np.array(V)
    __array_interface__ = held.__array_interface__


class Prior:
    __array_priority__ = 100

    def __mul__(self, other):
        return other * np.array(V)

    __rmul__ = __mul__


class NoUfuncs(Prior):
    __array_ufunc__ = None


class Vector:
    def __init__(self, held):
        self.held = held

    def __mul__(self, other):
        return Vector(self.held * other)

    __rmul__ = __mul__


class Unknown:
    pass


CONSTANTS = {
    "list": V,
    "tuple": tuple(V),
    "deque": collections.deque(V),
    "range": range(4, 7),
    "memoryview": memoryview(np.array(V)),
    "array.array": array.array("d", V),
    "objects": np.array(V, dtype=object),
    "masked": np.ma.masked_array(V, [0, 1, 0]),
    "matrix": np.matrix(V),
    "records": np.zeros(3, dtype=[("a", float)]),
    "subclass": np.array(V).view(Plain),
    "subclass with *": np.array(V).view(Doubles),
    "subclass with sum": np.array(V).view(SumsToSeven),
    "subclass with units": np.array(V).view(Units),
    "wraps": Wraps(np.array(V)),
    "__array__": HasArray(),
    "__array_interface__": HasInterface(),
    "__array_priority__": Prior(),
    "__array_ufunc__ = None": NoUfuncs(),
    "vector": Vector(np.array(V)),
    "unknown": Unknown(),
    "Decimal": decimal.Decimal("1.5"),
    "Fraction": fractions.Fraction(3, 2),
    "datetime64": np.datetime64("2020-01-01"),
    "timedelta64": np.array([1, 2, 4], "m8[s]"),
    "timedelta": datetime.timedelta(3),
    "text": "abc",
    "texts": np.array(["a", "b", "c"]),
    "bytes": b"abc",
    "set": {1, 2},
    "dict": {"a": 1.0},
    "None": None,
    "function": np.sin,
}


def constants_of_libraries():
    """Constants of other libraries, as far as they are installed."""
    made = {
        "pandas": lambda pd: {k.__name__: k(V) for k in (pd.Series, pd.Index, pd.DataFrame, pd.array)},
        "xarray": lambda xr: {"DataArray": xr.DataArray(V), "Variable": xr.Variable("a", V)},
        "pint": lambda pint: {"Quantity": pint.UnitRegistry().Quantity(np.array(V), "m")},
        "scipy.sparse": lambda ss: {k: getattr(ss, k)(np.eye(3)) for k in ("csr_array", "csc_matrix", "coo_array")},
    }
    found = {}
    for library, make in made.items():
        try:
            found |= make(importlib.import_module(library))
        except ImportError:
            print(f"{library} is not installed")
    return found


def _set(x, c):
    y = x * 1.0
    y[:] = c
    return y


def _add(x, c):
    y = x * 1.0
    y += c
    return y


OPERATIONS = {
    "x * c": lambda x, c: x * c,
    "c * x": lambda x, c: c * x,
    "x - c": lambda x, c: x - c,
    "c - x": lambda x, c: c - x,
    "x @ c": lambda x, c: x @ c,
    "c @ x": lambda x, c: c @ x,
    "x > c": lambda x, c: np.where(x > c, x, 0),
    "x == c": lambda x, c: np.where(x == c, 0, x),
    "x += c": _add,
    "x[:] = c": _set,
    "x[c]": lambda x, c: x[c],
    "multiply(x, c)": lambda x, c: np.multiply(x, c),
    "multiply(c, x)": lambda x, c: np.multiply(c, x),
    "dot": lambda x, c: np.dot(x, c),
    "x.dot": lambda x, c: x.dot(c),
    "where": lambda x, c: np.where(x > 1.2, x, c),
    "concatenate": lambda x, c: np.concatenate([x, c]),
    "stack": lambda x, c: np.stack([c, x]),
    "average": lambda x, c: np.average(x, weights=c),
    "einsum": lambda x, c: np.einsum("i,i", x, c),
    "interp": lambda x, c: np.interp(x, c, c),
}


def trial(operation, c):
    """What is wrong with an operation with a constant; "" if nothing is. An error is right if it is chainrule's."""

    def f(x):
        return np.sum(operation(x, c))

    try:
        value, gradient = cr.value_and_grad(f)(X)
    except ChainruleError:
        return ""
    except Exception as error:
        try:
            f(X.copy())
        except Exception:
            return ""
        return f"unclear {type(error).__name__}: {error}"
    try:
        expected = float(f(X.copy()))
        step = 1e-6
        slopes = [(float(f(X + step * e)) - float(f(X - step * e))) / (2 * step) for e in np.eye(3)]
    except Exception as error:
        return f"{value}, where NumPy has {type(error).__name__}: {error}"
    if value != expected:
        return f"value {value}, not {expected}"
    return "" if np.allclose(gradient, slopes, atol=1e-5) else f"gradient {gradient}, not {slopes}"


def sweep(constants, operations=OPERATIONS):
    """What is wrong, by operation and constant, and how many were tried."""
    wrong = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, c in constants.items():
            for operation, function in operations.items():
                if told := trial(function, c):
                    wrong[f"{operation} with {name}"] = told
    return wrong, len(constants) * len(operations)


def main():
    wrong, count = sweep({**CONSTANTS, **constants_of_libraries()})
    for what, told in wrong.items():
        print(f"{what}: {told}")
    print(f"{count} tried, {len(wrong)} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
