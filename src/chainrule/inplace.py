"""Entries of an array, and updates in place.

Reading entries may give a view. An update in place makes the array point at a new node; nodes do not change.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, getitem_key, setitem_key
from chainrule.array import Array, value_of
from chainrule.errors import BlockError, RecordingError
from chainrule.layout import laid_out_as, layout_of
from chainrule.libraries import NUMPY
from chainrule.likeness import OfArrays
from chainrule.node import Node, at_line
from chainrule.protocols import call
from chainrule.views import IndexStep, is_number, refuse_shared, same_steps, view_of

__all__: list[str] = []


def getitem(self: Array, key: Any) -> Any:
    # Integers and slices need none of the checks of `call`; x[i] is the most frequent call.
    result = ANSWERS[getitem_key](self, key) if type(key) in (int, slice) else call(getitem_key, self, key)
    # NumPy's x[..., 0] is not a number but a 0-d view; writes into it change x.
    known = result._view is not None and result._view.steps is not None
    if known or (_has_ellipsis(key) and not result.ndim):
        if not is_number(self):  # x[...] of a number is a new array
            result._view = view_of(self, IndexStep(key))
        if type(result._own.value) in NUMPY:
            result._own.value = np.asarray(result._own.value)
    return result


def _has_ellipsis(key: Any) -> bool:
    return key is Ellipsis or (type(key) is tuple and any(part is Ellipsis for part in key))


def setitem(self: Array, key: Any, new: Any) -> None:
    if type(new) is Array and new._view is not None and not new._view.stale:
        mine = view_of(self, IndexStep(key))
        if new._view.root is mine.root and same_steps(new._view.steps, mine.steps):
            return  # the second half of `x[key] += v`: the view has written itself already
    if is_number(self):
        raise RecordingError("a number cannot be written into; write x = np.full((), v, like=x)" + at_line())
    self._write(call(setitem_key, self, new, key))


def write(self: Array, result: Array) -> Array:
    """Make the result of an update in place the new value, with this array's shape and dtype, as NumPy does."""
    if isinstance(self._own.value, np.ndarray) and not self._own.value.flags.writeable:
        raise BlockError("this array is read-only, as in NumPy; write into a copy of it (x.copy())" + at_line())
    if self._shares:
        refuse_shared(self)
    if result.shape != self.shape:
        raise BlockError(f"an array of shape {self.shape} cannot hold a result of shape {result.shape}" + at_line())
    joins = type(self._own.value) in NUMPY and type(result._own.value) not in NUMPY  # another library from now on
    if result.dtype != self.dtype and not joins:
        if not np.can_cast(result.dtype, self.dtype, "same_kind"):
            raise BlockError(f"an array of dtype {self.dtype} cannot hold a result of {result.dtype}" + at_line())
        result = call(np.astype, result, self.dtype)
    if self._view is not None:
        self._view = self._view.write(result)
    elif isinstance(self._node.value, np.ndarray) and isinstance(result._node.value, np.generic):
        result = call(np.copy, result)  # a 0-d array stays one, although NumPy computes a number
    else:
        result = _laid_out_as(self._own, result)
    self._own = result._node
    return self


def _laid_out_as(target: Node, result: Array) -> Array:
    """A result with the memory layout of the array that it is written into; it decides what is a view later."""
    x, z = _some_value(target), _some_value(result._node)
    if type(x) is not np.ndarray or type(z) is not np.ndarray or x.strides == z.strides or layout_of(x) == layout_of(z):
        return result
    result = call(np.copy, result)
    result._own.value = laid_out_as(result._own.value, x)
    return result


def _some_value(node: Node) -> Any:
    """The value of a node, or of any version of its array: they share the memory layout, and this costs nothing."""
    return node.value if node.version is None else node.version.of.any


def _holds(self: Array, item: Any) -> bool:
    return bool(np.any(np.equal(self._node.value, value_of(item))))


Array.__contains__ = OfArrays(_holds, "argument of type {} is not iterable")
Array.__getitem__ = getitem
Array.__setitem__ = setitem
Array._write = write
