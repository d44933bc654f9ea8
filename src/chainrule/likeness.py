"""How a recorded array answers `isinstance(x, np.ndarray)`, `hasattr(x, "__len__")` and other queries of its type.

User code must take the same branch as for the plain value: a recorded array is an ndarray there, and a recorded number
is a NumPy number, or a Python number if no function of NumPy has computed it. `isinstance` checks `type(x)` and then
`x.__class__`, so `isinstance(x, cr.Array)` holds too. Inside this library only the real class counts.
"""

from __future__ import annotations

import os
import sys
from types import MethodType
from typing import Any

import numpy as np

__all__ = ["ArrayClass", "NumberHasNone", "OfArrays", "is_told_the_truth"]

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_ABSTRACT_CLASSES = ("abc", "_py_abc")
_WARY = ("numpy.ma.", "numpy.matrixlib.", "pandas.", "scipy.", "jax.", "torch.")
"""Modules that pass NumPy arrays to C code, or store or convert them in their own way."""


def is_told_the_truth(frame: Any) -> bool:
    """Whether the caller gets the real class: this library, or one that would read the memory of x as a NumPy array."""
    if frame.f_code.co_filename.startswith(_HERE):
        return True
    while frame.f_globals.get("__name__") in _ABSTRACT_CLASSES and frame.f_back is not None:
        frame = frame.f_back
    if frame.f_code.co_name == "isscalar" and frame.f_back is not None:
        return str(frame.f_back.f_globals.get("__name__")).startswith("scipy.sparse.")
    return frame.f_code.co_filename.startswith(_HERE) or f"{frame.f_globals.get('__name__')}.".startswith(_WARY)


class _AnArray:
    """The class that `collections.abc` inspects in place of Array: it has no method that a number lacks."""

    __hash__ = None  # type: ignore[assignment]


class ArrayClass(type):
    """The class of Array.

    `isinstance(x, Iterable)` looks for `__iter__` in `type(x).__mro__`, which is the same for numbers and arrays. It
    looks in `x.__class__` too, and that tells them apart; so `__mro__` here shows no `__iter__`.
    """

    @property
    def __mro__(cls) -> tuple[type, ...]:  # type: ignore[override]
        if sys._getframe(1).f_code.co_name == "_check_methods":
            return (_AnArray, object)
        return type.__dict__["__mro__"].__get__(cls)


class NumberHasNone(TypeError, AttributeError):
    """A number has no length and no entries: a TypeError where they are used, an AttributeError for `hasattr`."""


class OfArrays:
    """A method that arrays have and numbers lack: `hasattr(x, "__len__")` tells them apart."""

    def __init__(self, method: Any, told: str):
        self.method = method
        self.told = told

    def __get__(self, x: Any, kind: type) -> Any:
        if x is None:
            return self.method
        if x._class is not np.ndarray and x._class is not kind:
            raise NumberHasNone(self.told.format(repr(x._class.__name__)))
        return MethodType(self.method, x)
