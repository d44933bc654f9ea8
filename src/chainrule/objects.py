"""Object arrays: NumPy's result for recorded arrays where it calls no protocol.

`np.array([x * y, z])`, `np.asarray(x)` and `np.r_[x, 1.0]` give an array of dtype object with a recorded number in each
place. NumPy computes with those one by one, so nothing is lost; where such an array next meets a recorded operation, or
is returned, it is stacked back to one recorded array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.answers import from_objects
from chainrule.array import Array, node_of
from chainrule.blocks.indexing.entries import getitem
from chainrule.protocols import call
from chainrule.views import is_number, view_of

__all__ = ["stacked", "to_objects"]


def to_objects(self: Array, shared: bool) -> np.ndarray:
    """An array of dtype object, of the shape of this one, with a recorded number in each place.

    If NumPy's result shares memory, a write into one array changes the other. Here that is not possible, so the
    array is read-only, and using its entries after a write to this array is an error.
    """
    objects = np.empty(self.shape, dtype=object, order="F" if np.isfortran(np.asarray(node_of(self).value)) else "C")
    entries = call(np.ravel, self)
    view = None
    if shared and not is_number(self):
        view = view_of(self)._replace(steps=None)
    for i in range(self.size):
        entry = entries[i]
        entry._view = view
        objects[np.unravel_index(i, self.shape)] = entry
    objects.flags.writeable = not shared
    return objects


Array._to_objects = to_objects


@from_objects.is_
def stacked(objects: np.ndarray) -> Any:
    """The entries of an array of dtype object as one recorded array; if they are all entries of one, that array."""
    entries = objects.reshape(-1).tolist()
    whole = _taken_apart(entries)
    if whole is None:
        whole = call(np.stack, [entry if type(entry) is Array else np.asarray(entry) for entry in entries])
    shape = objects.shape + whole.shape[1:]
    return whole if whole.shape == shape else call(np.reshape, whole, shape)


def _taken_apart(entries: list[Any]) -> Any:
    """The recorded vector of which these are all the entries in order, if there is one."""
    first = entries[0]
    if type(first) is not Array or node_of(first).block is not getitem:
        return None
    source = node_of(first).inputs[0]
    if source.value.shape != (len(entries),):
        return None
    for i, entry in enumerate(entries):
        if type(entry) is not Array or (entry._view is not None and entry._view.stale):
            return None
        node = node_of(entry)
        if node.block is not getitem or node.inputs[0] is not source:
            return None
        if node.params["key"] != (i,):
            return None
    return Array(source)
