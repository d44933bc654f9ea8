"""Versions: the values of an array between writes of a few entries, held in one array.

    x[1] = a        version 0: a copy of the array, after this write
    x[2] = b        version 1: the same memory; the old entry is kept
    x[3] = c        version 2

A node never changes, so each write makes a new node with its own value. If each had a copy of the array, n writes would
cost n². So they share one array, which holds one version at a time. Each write keeps the entries that it replaces. To
restore an older version, these entries are swapped with those in the array, newest write first; swapping again goes
forwards. A backward pass reads the versions newest first, so each costs as much as its write.

Other code that was given the array may still hold it, or a view of it (its reference count tells). Then the array no
longer changes: the next version gets a copy.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.layout import laid_out_as
from chainrule.libraries import NUMPY
from chainrule.node import Node

__all__ = ["ArrayVersion", "Write", "at_key", "is_small_part", "written"]

SMALL = 64
"""Arrays of at most this many entries are copied: a node takes as much memory."""

Write = Callable[[np.ndarray, Any, Any], None]
"""`write(array, index, new)` changes the entries of an array at an index."""

REFUSED = (IndexError, ValueError, TypeError, OverflowError, FloatingPointError, Warning)
"""The errors with which NumPy refuses a write."""


class ArrayVersion(NamedTuple):
    """One version of an array: its state after write `number`, counted from 0."""

    of: Versions
    number: int


class Versions:
    """All versions of an array, in the memory of one array.

    `form` has their shape and dtype: zeros that take no memory.
    """

    __slots__ = ("_array", "_lock", "_now", "_replaced", "form")

    def __init__(self, array: np.ndarray):
        self._array = array
        self._now = 0  # the version that the array holds
        self._replaced: list[tuple[Any, Any]] = []
        """For each write, its index, and the entries there: old or new ones, which the array does not hold."""
        self._lock = threading.Lock()
        self.form = np.broadcast_to(np.zeros((), array.dtype), array.shape)

    @property
    def any(self) -> np.ndarray:
        """The array at one of its versions; all have its shape, dtype and memory layout."""
        return self._array

    def holds(self, array: np.ndarray) -> bool:
        return self._array is array

    def get(self, number: int) -> np.ndarray:
        with self._lock:
            if self._now != number:
                self._go_to(number)
            return self._array

    def write(self, number: int, write: Write, index: Any, new: Any) -> ArrayVersion | None:
        """The version after a write into version `number`; None if that is not the newest one."""
        with self._lock:
            if number != len(self._replaced):
                return None
            if self._now != number:
                self._go_to(number)
            self._own()
            replaced = _entries(self._array, index)
            write(self._array, index, new)
            self._replaced.append((index, replaced))
            self._now = number + 1
            return ArrayVersion(self, number + 1)

    def _go_to(self, number: int) -> None:
        self._own()
        while self._now != number:
            back = self._now > number
            write = self._now - 1 if back else self._now
            index, other = self._replaced[write]
            self._replaced[write] = (index, _entries(self._array, index))
            self._array[index] = other
            self._now += -1 if back else 1

    def _own(self) -> None:
        """Continue with a copy if other code holds the array."""
        if sys.getrefcount(self._array) > 2:  # this object and the call
            self._array = laid_out_as(self._array, self._array)


def _entries(array: np.ndarray, index: Any) -> Any:
    """A copy of the entries at an index."""
    entries = array[index]
    return entries.copy() if isinstance(entries, np.ndarray) else entries


def at_key(array: np.ndarray, key: tuple[Any, ...]) -> tuple[Any, ...]:
    """The index for a key of the last axes."""
    whole = len(key) == array.ndim and not any(part is None for part in key)  # None takes no axis
    return key if whole else (..., *key)


def is_small_part(entries: Any, size: int) -> bool:
    """Whether so few entries of so large an array are written or read that a pass over the array costs more."""
    return size > SMALL and 4 * np.size(entries) < size


def written(node: Node, write: Write, key: tuple[Any, ...], new: Any) -> ArrayVersion | None:
    """The version of a node's value after a write; None if a copy costs no more, or if NumPy refuses the write."""
    array = node.value
    if type(array) is not np.ndarray or array.size <= SMALL or type(new) not in NUMPY:
        return None
    index = at_key(array, key)
    try:
        entries = array[index]
        new = np.asarray(new).astype(array.dtype, copy=False)
        np.broadcast_to(new, np.shape(entries))
    except REFUSED:
        return None
    if not is_small_part(entries, array.size):
        return None
    version = node.version
    if version is not None and version.of.holds(array):  # the node was not given another value meanwhile
        del array, entries
        if (made := version.of.write(version.number, write, index, new)) is not None:
            return made
        array = node.value
    array = laid_out_as(array, array)
    write(array, index, new)
    return ArrayVersion(Versions(array), 0)
