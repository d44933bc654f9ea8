"""Imported by generated modules: decorators of compiled functions, types of their arguments, a check of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compile.failures import OtherInputs
from chainrule.compile.signatures import Argument

__all__ = ["OtherInputs", "body", "dense", "kernel", "program", "read", "scratch", "vm", "written"]

vm: Any = None
"""The module `chainrule.compile.vecmath`, set while a function is compiled."""


def read(dtype: str, shape: tuple[int | str, ...]) -> Argument:
    """The type of an array that is only read, or of a number."""
    return Argument(dtype, shape)


def written(dtype: str, shape: tuple[int | str, ...]) -> Argument:
    """The type of an array that is written."""
    return Argument(dtype, shape, is_written=True)


def scratch(dtype: str, shape: tuple[int, ...]) -> Argument:
    """Scratch memory for a function's own use; hidden from the caller."""
    return Argument(dtype, shape, is_written=True, is_scratch=True)


def kernel(*takes: Argument) -> Callable[[Any], Any]:
    """Decorator: compile a function that Python calls with these arguments, or (without any) only compiled code."""

    def mark(function: Any) -> Any:
        function.takes, function.is_program = takes or None, False
        return function

    return mark


def program(*takes: Argument) -> Callable[[Any], Any]:
    """Decorator: compile the main function of a program that is native as a whole."""

    def mark(function: Any) -> Any:
        function.takes, function.is_program = takes, True
        return function

    return mark


def body(*takes: Argument) -> Callable[[Any], Any]:
    """Decorator: compile one step of a loop, which only that loop calls."""
    return kernel()


def dense(x: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """The result of a call in the form that kernels take; raises if its dtype or shape differs from the recording."""
    if np.shape(x) != shape or np.asarray(x).dtype != dtype:
        raise OtherInputs(f"a call returned {np.asarray(x).dtype} {np.shape(x)} instead of {dtype} {shape}")
    return np.ascontiguousarray(x) if shape else x[()] if isinstance(x, np.ndarray) else x
