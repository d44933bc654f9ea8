"""Recorded Python numbers from recorded arrays: `x.item()`, `x.tolist()`, and `float(x)`.

Python's `float(x)` must return a plain number, so while a function is recorded the name `float` is replaced (see
`chainrule.standins`) and calls `as_python`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import Array, node_of, read
from chainrule.numpy_value import answered
from chainrule.protocols import call

__all__ = ["as_python"]


def as_python(kind: type, *args: Any) -> Any:
    """A recorded array with one entry as a recorded number of Python: `float(x)`, `complex(x)` or `complex(x, y)`."""
    if not any(type(x) is Array and node_of(x).differentiable for x in args):
        return kind(*(read(node_of(x)) if type(x) is Array else x for x in args))
    return answered(_as_complex if kind is complex else _as_float, kind.__name__, kind, args, {})


def _as_float(x: Array) -> Any:
    return call(np.astype, call(np.reshape, call(np.real, x), ()), float)


def _as_complex(x: Any, y: Any = 0.0) -> Any:
    return call(np.astype, call(np.reshape, call(np.add, x, call(np.multiply, 1j, y)), ()), complex)


def item(self: Array, *args: Any) -> Any:
    """ndarray.item: an entry as a recorded Python number."""
    node = node_of(self)
    if not node.differentiable:
        return read(node).item(*args)
    if args:
        key = args[0] if len(args) == 1 else args
        return self[key].item() if type(key) is tuple else self.flat[key].item()
    if self.size != 1:
        node.value.item()  # NumPy's error
    rule = _as_complex if self.dtype.kind == "c" else _as_float
    return answered(rule, "ndarray.item", lambda x: x.item(), (call(np.reshape, self, ()),), {})


def tolist(self: Array) -> Any:
    """ndarray.tolist: lists of recorded Python numbers."""
    if not node_of(self).differentiable:
        return read(node_of(self)).tolist()
    return [tolist(part) for part in self] if self.ndim else item(self)


Array.item = item
Array.tolist = tolist
