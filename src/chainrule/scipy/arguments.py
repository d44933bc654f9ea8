"""Arguments of SciPy's functions: those without a derivative, and options that are given by position."""

import functools
import inspect
from typing import Any

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.protocols import call
from chainrule.standins.scipy_functions import positional_names

__all__ = ["by_name", "fixed", "padded", "with_defaults"]


def fixed(x: Any, what: str) -> Any:
    """The plain value of an argument, such as a size or an order; an error if a gradient would be lost."""
    if isinstance(x, tuple | list):
        return type(x)([fixed(part, what) for part in x])
    if type(x) is Array and node_of(x).differentiable and x.dtype.kind in "fc":
        raise RecordingError(
            f"{what} has no derivative; give it as a plain number, or as cr.stop_gradient(x)" + at_line()
        )
    return value_of(x)


def by_name(function: Any, count: int, rest: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """The options of a function of SciPy's by their names; `rest` are those given by position, after `count` others."""
    names = positional_names(function)[count:]
    if len(rest) > len(names):
        raise TypeError(
            f"{function.__name__} takes {count + len(names)} arguments by position, not {count + len(rest)}"
        )
    return dict(zip(names, rest, strict=False)) | options


def with_defaults(function: Any, count: int, rest: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """Like `by_name`, with the defaults of options that are not given."""
    return dict(_defaults(function)) | by_name(function, count, rest, options)


@functools.cache
def _defaults(function: Any) -> tuple[tuple[str, Any], ...]:
    parameters = inspect.signature(function).parameters.values()
    return tuple((p.name, p.default) for p in parameters if p.default is not p.empty)


def padded(x: Any, widths: Any, value: Any) -> Any:
    """x, padded with a number. The number may be recorded although x is not; NumPy's protocol would not check it."""
    pad: Any = functools.partial(call, np.pad) if type(value) is Array else np.pad
    return pad(x, widths, constant_values=value)
