"""Buffers: the arrays that a large program uses in between, kept from call to call.

What is not needed at the same time shares one.
Writing into memory that was just allocated costs as much as computing a softmax over it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Lifetime", "Workspace", "share"]

ALIGNMENT = 64


class Lifetime(NamedTuple):
    """An array and the steps from which to which it is needed, both included."""

    shape: tuple[int, ...]
    dtype: np.dtype
    first: int
    last: int

    @property
    def nbytes(self) -> int:
        size = self.dtype.itemsize
        for n in self.shape:
            size *= n
        return -(-size // ALIGNMENT) * ALIGNMENT


def share(lifetimes: Sequence[Lifetime]) -> tuple[list[int], list[int]]:
    """A slot for each array, and the size of each slot: arrays in one slot are never needed at the same time.

    The largest are placed first, each into the smallest slot that holds it and is free throughout its life.

    >>> f8 = np.dtype(float)
    >>> share([Lifetime((8,), f8, 0, 1), Lifetime((8,), f8, 1, 2), Lifetime((4,), f8, 2, 3)])
    ([0, 1, 0], [64, 64])
    """
    slots: list[list[Lifetime]] = []
    sizes: list[int] = []
    chosen = [0] * len(lifetimes)
    for i in sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].nbytes, i)):
        life = lifetimes[i]
        free = [k for k, others in enumerate(slots) if all(o.last < life.first or life.last < o.first for o in others)]
        if free:
            k = min(free, key=lambda k: sizes[k])
        else:
            k = len(slots)
            slots.append([])
            sizes.append(life.nbytes)
        slots[k].append(life)
        chosen[i] = k
    return chosen, sizes


class Workspace:
    """Sets of buffers for one program; each call takes one and gives it back, so several threads never share one."""

    def __init__(self, lifetimes: Sequence[Lifetime]):
        self.lifetimes = list(lifetimes)
        self.chosen, self.sizes = share(self.lifetimes)
        self.nbytes = sum(self.sizes)
        self._free: deque[list[Any]] = deque()

    def take(self) -> list[Any]:
        try:
            return self._free.pop()
        except IndexError:
            slots = [_aligned(size) for size in self.sizes]
            return [
                slots[k][: _size(life)].view(life.dtype).reshape(life.shape)
                for k, life in zip(self.chosen, self.lifetimes, strict=True)
            ]

    def give(self, buffers: list[Any]) -> None:
        self._free.append(buffers)


def _size(life: Lifetime) -> int:
    size = life.dtype.itemsize
    for n in life.shape:
        size *= n
    return size


def _aligned(size: int) -> np.ndarray:
    raw = np.empty(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]
