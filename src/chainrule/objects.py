"""Object arrays: what NumPy makes of recorded arrays where its protocols do not ask us.

`np.array([x * y, z])`, `np.asarray(x)` and `np.r_[x, 1.0]` give an array of dtype object with a recorded number in each
place. NumPy computes with those one by one, so nothing is lost; where such an array next meets a recorded operation, or
is returned, it is stacked back to one recorded array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import Array, call
from chainrule.views import is_number, view_of

__all__ = ["from_objects", "holds_recorded", "to_objects"]


def to_objects(x: Array, shared: bool) -> np.ndarray:
    """An array of dtype object, of the shape of x, with a recorded number in each place.

    Where NumPy's result would share the memory of x, a write into either would show in the other. It cannot here, so
    the array is read-only, and the use of its entries after a write to x is an error.
    """
    objects = np.empty(x.shape, dtype=object, order="F" if np.isfortran(x._node.value) else "C")
    entries = call(np.ravel, x)
    view = None
    if shared and not is_number(x):
        view = view_of(x)._replace(steps=None)
    for i in range(x.size):
        entry = entries[i]
        entry._view = view
        objects[np.unravel_index(i, x.shape)] = entry
    objects.flags.writeable = not shared
    return objects


def holds_recorded(x: Any) -> bool:
    """Whether a value is an array of dtype object with a recorded array among its entries."""
    return isinstance(x, np.ndarray) and x.dtype == object and any(type(entry) is Array for entry in x.flat)


def from_objects(objects: np.ndarray) -> Any:
    """The entries of an array of dtype object, stacked to one recorded array; the very one that it was made from."""
    entries = objects.reshape(-1).tolist()
    whole = _taken_apart(entries)
    if whole is None:
        whole = call(np.stack, [entry if type(entry) is Array else np.asarray(entry) for entry in entries])
    shape = objects.shape + whole.shape[1:]
    return whole if whole.shape == shape else call(np.reshape, whole, shape)


def _taken_apart(entries: list[Any]) -> Any:
    """The recorded vector of which these are all the entries in order, if there is one."""
    first = entries[0]
    if type(first) is not Array or first._node.block is None or first._node.block.library_name != "getitem":
        return None
    source = first._node.inputs[0]
    if source.value.shape != (len(entries),):
        return None
    for i, entry in enumerate(entries):
        if type(entry) is not Array or (entry._view is not None and entry._view.stale):
            return None
        node = entry._node
        if node.block is not first._node.block or node.inputs[0] is not source:
            return None
        if node.params["key"] != (i,):
            return None
    return Array(source)
