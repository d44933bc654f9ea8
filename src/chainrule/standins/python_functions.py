"""Stand-ins for Python's max, min and sum while a function is recorded: one block each.

Python's own functions would compare or add recorded numbers one by one, and a formula would not show the call. The
value, and the choice among equal operands, stay Python's.
"""

from __future__ import annotations

import builtins
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block.elementwise import elementwise
from chainrule.buffered import BUFFERED
from chainrule.formula import call as written
from chainrule.libraries import PYTHON, dtype_of
from chainrule.numpy_value import answered, plain
from chainrule.protocols import call
from chainrule.standins.function import StandIn
from chainrule.step import record

__all__ = ["PYTHON_FUNCTIONS"]


# They declare no bounds: with NaN Python's choice depends on the order, so a result may be a number though an operand
# is NaN.
# fmt: off
larger = elementwise(
    "larger", lambda xp, x, y: xp.where(y > x, y, x),  # the first of equal ones, as Python's max chooses
    lambda xp, z, x, y: 1 - (y > x),
    lambda xp, z, x, y: y > x,
    notation=lambda x, y: written("max", x, y), listed=False,
)
smaller = elementwise(
    "smaller", lambda xp, x, y: xp.where(y < x, y, x),
    lambda xp, z, x, y: 1 - (y < x),
    lambda xp, z, x, y: y < x,
    notation=lambda x, y: written("min", x, y), listed=False,
)
# fmt: on


def _choosing(choose: Callable[..., Any], block: Any) -> Callable[..., Any]:
    """max or min: a block for recorded real numbers, Python's own function for anything else."""

    def chosen(*args: Any, **options: Any) -> Any:
        operands = args[0] if len(args) == 1 and type(args[0]) in (list, tuple) else args
        if options or len(operands) < 2 or not BUFFERED.get() or not _are_numbers(operands):
            return choose(*args, **options)
        return functools.reduce(
            lambda x, y: record(block, (x, y), {}, known=_as_float(choose(plain(x), plain(y)))), operands
        )

    return chosen


def _as_float(x: Any) -> Any:
    """A number as an operand; an integer beside floats becomes a float."""
    return float(x) if isinstance(x, int) else x


def _are_numbers(xs: Any) -> bool:
    """Whether these are real numbers of one dtype, one of which is recorded and has a gradient.

    With several dtypes the value decides the dtype of the result, so Python compares them, and compiled code guards it.
    A Python constant counts as one of that dtype if the dtype can represent it.
    """
    found, dtypes, constants = False, list[Any](), list[Any]()
    for x in xs:
        if type(x) in PYTHON:
            constants.append(x)
        else:
            dtypes.append(dtype_of(node_of(x).value if type(x) is Array else x))
        if type(x) is Array:
            if x.ndim or x.dtype.kind not in "fiu":
                return False
            found = found or (node_of(x).differentiable and x.dtype.kind == "f")
        elif not isinstance(x, int | float | np.floating | np.integer):
            return False
    return found and len(set(dtypes)) == 1 and all(float(dtypes[0].type(x)) == x for x in constants)


def _summed(*args: Any, **options: Any) -> Any:
    """sum: one block for a recorded array, Python's own function for anything else."""
    x = args[0] if len(args) == 1 and not options else None
    if not BUFFERED.get() or type(x) is not Array or not x.ndim or not len(x) or x.dtype.kind not in "fc":
        return builtins.sum(*args, **options)
    return answered(lambda x: call(np.sum, x, axis=0), "sum", builtins.sum, (x,), {})


PYTHON_FUNCTIONS = {
    "max": StandIn(builtins.max, _choosing(builtins.max, larger)),
    "min": StandIn(builtins.min, _choosing(builtins.min, smaller)),
    "sum": StandIn(builtins.sum, _summed),
}
"""The stand-ins for Python's functions, by their name."""
