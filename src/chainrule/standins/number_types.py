"""Stand-ins for types of numbers while a function is recorded: `float(x)` of a recorded x stays recorded.

Python's own `float(x)` must return a plain number. So where code calls `float`, `complex` or `np.float64`, the name is
replaced by an object that equals the type, and that `isinstance`, `dtype=` and `astype` accept like the type.
"""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.buffered import BUFFERED
from chainrule.numpy_value import answered
from chainrule.protocols import call
from chainrule.python_numbers import as_python
from chainrule.standins.buffer import is_recorded, plain_of
from chainrule.standins.function import StandIn
from chainrule.standins.numpy_functions import joined
from chainrule.texts import NumberText, refuse_text

__all__ = ["PYTHON_TYPES", "NumberType", "number_types"]


class NumberType(StandIn):
    """The stand-in for a type of floating or complex numbers."""

    def __init__(self, kind: type):
        super().__init__(kind, self._converted)
        self.dtype = np.dtype(kind)

    def _converted(self, *args: Any, **kwargs: Any) -> Any:
        kind: Any = self._function
        if any(type(x) is NumberText for x in args):
            refuse_text(kind.__name__)
        if not BUFFERED.get() or not is_recorded(args):
            return kind(*plain_of(args), **kwargs)
        if kind in (float, complex):
            return as_python(kind, *(joined(x) for x in args))
        x = joined(args[0])
        if type(x) is Array and not node_of(x).differentiable:
            return kind(x)
        return answered(lambda x: call(np.astype, x, self.dtype), kind.__name__, kind, (x,), {})


PYTHON_TYPES = {kind.__name__: NumberType(kind) for kind in (builtins.float, builtins.complex)}
"""The stand-ins for Python's types, by their name."""

_NUMPY_TYPES: dict[Any, NumberType] = {}


def number_types(names: dict[str, Any]) -> dict[str, Any]:
    """The stand-ins for NumPy's floating and complex types among these names."""
    found = {}
    for name, kind in names.items():
        if isinstance(kind, type) and issubclass(kind, np.inexact) and kind not in (np.inexact, *_ABSTRACT):
            found[name] = _NUMPY_TYPES.setdefault(kind, NumberType(kind))
    return found


_ABSTRACT = (np.floating, np.complexfloating)
