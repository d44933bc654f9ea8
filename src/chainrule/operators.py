"""Operators of recorded arrays and numbers: `x * y`, `x < y`, `-x`, `x += y`, `round(x)`."""

from __future__ import annotations

import math
import operator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.array import Array, form_of, read
from chainrule.inputs import alias
from chainrule.libraries import NUMPY, PYTHON, is_foreign
from chainrule.methods import Methods
from chainrule.node import NO_PARAMS, at_line
from chainrule.numpy_value import answered
from chainrule.operands import as_plain_number, gives_way, is_sparse, with_sparse
from chainrule.protocols import call
from chainrule.step import can_change, is_number_in_numpy, record
from chainrule.views import is_number

__all__: list[str] = []

MIRRORED = {
    name: f"__{other}__" for name, other in zip("lt le gt ge eq ne".split(), "gt ge lt le eq ne".split(), strict=True)
}
"""The reflected comparison, which the other operand computes."""


def _binary(function: Any, name: str) -> tuple[Any, Any, Any]:
    """The operator, its reflection and its in-place form for a NumPy function; plain values have Python's operator."""
    run = getattr(operator, f"__{name}__")
    mirrored = MIRRORED.get(name, f"__r{name}__")
    is_power = function is np.power

    def forward(self: Array, other: Any) -> Any:
        kind = type(other)
        if kind not in NUMPY and kind is not Array:
            return _of_another_class(function, name, mirrored, self, other)
        if is_power:
            _looks_whether_real(self, other)
        return record(ANSWERS[function], (self, other), NO_PARAMS, run)

    def reflected(self: Array, other: Any) -> Any:
        if type(other) not in NUMPY:
            number = as_plain_number(other, object, "")
            if number is not None:
                plain = self.item() if type(number) is not int and issubclass(self._class, float | complex) else self
                return reflected(plain, _beside(plain, number))
            if isinstance(other, Fraction) and not self.ndim:
                return run(float(other), self.item())
            if is_sparse(other):
                return with_sparse(f"__{name}__", self, other)
            if getattr(type(other), "__array_ufunc__", other) is None:
                return NotImplemented
        if is_power:
            _looks_whether_real(other, self)
        return record(ANSWERS[function], (other, self), NO_PARAMS, run)

    def in_place(self: Array, other: Any) -> Array:
        if type(other) not in NUMPY and type(other) is not Array and gives_way(self, other, mirrored):
            return NotImplemented
        # A number does not change: `s += 1` binds a new value, and other references keep the old one. So does an
        # argument of JAX's, which the caller keeps.
        if is_number(self) or is_number_in_numpy(self) or _is_fixed_argument(self):
            return forward(self, other)
        return self._write(record(ANSWERS[function], (self, other), NO_PARAMS, run))

    return forward, reflected, in_place


def _of_another_class(function: Any, name: str, mirrored: str, self: Array, other: Any) -> Any:
    """The result of an operator if the other operand's class may compute for itself."""
    run = getattr(operator, f"__{name}__")
    number = as_plain_number(other, self._class, mirrored)
    if number is not None:
        return run(self, _beside(self, number))
    if isinstance(other, Fraction | Decimal) and not self.ndim:
        if name in COMPARISONS:
            return run(read(self._node), other)  # exact, and without a gradient
        if isinstance(other, Fraction):
            return run(self.item(), float(other))  # as Fraction does it
    if is_sparse(other):
        return with_sparse(mirrored, self, other)
    if gives_way(self, other, mirrored):
        return NotImplemented
    if isinstance(other, (list, tuple)):
        return record(ANSWERS[function], (self, other))
    if isinstance(other, (str, bytes)) and function in (np.equal, np.not_equal):
        return getattr(read(self._node), f"__{name}__")(other)
    return function(self, other)  # NumPy's protocol asks both operands


def _is_fixed_argument(x: Array) -> bool:
    """Whether x is an argument of the recorded function, of a library whose arrays cannot be written into."""
    node = x._own
    given = node.block in (None, alias) and x._view is None
    return given and is_foreign(node.value) and not can_change(node.value)


def _beside(self: Array, number: Any) -> Any:
    """A number of a subclass of Python's as NumPy takes it, with its own dtype; Python's ignore the subclass."""
    return number if self._class in PYTHON else np.asarray(number)[()]


def _looks_whether_real(base: Any, exponent: Any) -> None:
    """Guard a power of Python numbers: (−8.0) ** 0.5 is complex, (−∞) ** 0.5 and (−8.0) ** ∞ are not."""
    x, y = form_of(base), form_of(exponent)
    if type(x) not in (int, float) or type(y) is not float or (type(exponent) is not Array and y.is_integer()):
        return
    if -math.inf < base < 0 and type(exponent) is Array and -math.inf < exponent < math.inf:
        bool(exponent % 1 == 0)


def _unary(function: Any, run: Any) -> Any:
    def method(self: Array) -> Any:
        return record(ANSWERS[function], (self,), NO_PARAMS, run)

    return method


BINARY = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "truediv": np.divide,
    "floordiv": np.floor_divide,
    "mod": np.remainder,
    "pow": np.power,
    "matmul": np.matmul,
    "lshift": np.left_shift,
    "rshift": np.right_shift,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}
COMPARISONS = {
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "eq": np.equal,
    "ne": np.not_equal,
}
UNARY = {"neg": np.negative, "pos": np.positive, "abs": np.abs, "invert": np.invert}

for _name, _function in BINARY.items():
    for _prefix, _method in zip(("", "r", "i"), _binary(_function, _name), strict=True):
        setattr(Array, f"__{_prefix}{_name}__", _method)
for _name, _function in COMPARISONS.items():
    setattr(Array, f"__{_name}__", _binary(_function, _name)[0])
for _name, _function in UNARY.items():
    setattr(Array, f"__{_name}__", _unary(_function, getattr(operator, _name)))


# Numbers ---------------------------------------------------------------------------------------------------


def _whole(rounded: Any, x: Array, name: str) -> int:
    """A recorded number as a Python integer, which has no gradient; arrays have no such method."""
    if x.ndim:
        raise TypeError(f"type numpy.ndarray doesn't define {name} method" + at_line())
    return int(rounded(x))


def _round(self: Array, ndigits: int | None = None) -> Any:
    if self._class is np.ndarray:
        raise TypeError("type numpy.ndarray doesn't define __round__ method" + at_line())
    if ndigits is None:
        return _whole(np.rint, self, "__round__")
    if self._class in PYTHON:
        return record(ANSWERS[round], (self,), {"ndigits": operator.index(ndigits)})
    return call(np.round, self, ndigits)


def _divmod(self: Array, other: Any) -> Any:
    return (self // other, self % other) if self._class in PYTHON else np.divmod(self, other)


def _rdivmod(self: Array, other: Any) -> Any:
    return (other // self, other % self) if self._class in PYTHON else np.divmod(other, self)


def conj(self: Array) -> Any:
    """ndarray.conj; for a Python number complex.conjugate."""
    if self._class is complex:
        return answered(ANSWERS[np.conjugate], "conjugate", complex.conjugate, (self,), {})
    return Methods.conj(self)


NUMBERS = {
    "__round__": _round,
    "__floor__": lambda self: _whole(np.floor, self, "__floor__"),
    "__ceil__": lambda self: _whole(np.ceil, self, "__ceil__"),
    "__trunc__": lambda self: _whole(np.trunc, self, "__trunc__"),
    "__divmod__": _divmod,
    "__rdivmod__": _rdivmod,
    "conj": conj,
    "conjugate": conj,
}
for _name, _method in NUMBERS.items():
    setattr(Array, _name, _method)
