"""What the generated modules import: which functions are compiled, for what, and how arrays are told apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compile.failures import OtherInputs
from chainrule.compile.signatures import Argument

__all__ = ["OtherInputs", "dense", "kernel", "program", "read", "scratch", "vm", "written"]

vm: Any = None
"""`chainrule.compile.vecmath`, while something is compiled."""


def read(dtype: str, shape: tuple[int | str, ...]) -> Argument:
    """The type of an array that is only read, or of a number."""
    return Argument(dtype, shape)


def written(dtype: str, shape: tuple[int | str, ...]) -> Argument:
    """The type of an array that is written."""
    return Argument(dtype, shape, is_written=True)


def scratch(dtype: str, shape: tuple[int, ...]) -> Argument:
    """Memory that a function is given for its own use; who calls it does not know of it."""
    return Argument(dtype, shape, is_written=True, is_scratch=True)


def kernel(*takes: Argument) -> Callable[[Any], Any]:
    """Decorator: compile a function, to be called by Python with these arguments, or (without any) by others."""

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


def dense(x: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """The result of a call as kernels take it; what is not as it was recorded is an error."""
    if np.shape(x) != shape or np.asarray(x).dtype != dtype:
        raise OtherInputs(f"a call returned {np.asarray(x).dtype} {np.shape(x)} instead of {dtype} {shape}")
    return np.ascontiguousarray(x) if shape else x[()] if isinstance(x, np.ndarray) else x
