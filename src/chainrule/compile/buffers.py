"""Buffers: the arrays for intermediate results of a large program, kept from call to call.

Arrays that are not needed at the same time share one.
Writing into freshly allocated memory costs as much as computing a softmax over it.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Lifetime", "Workspace", "share"]

ALIGNMENT = 64


class Lifetime(NamedTuple):
    """An array and the first and last step that need it."""

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
    """Assign a slot to each array; arrays in one slot are never needed at the same time. Returns slots and their sizes.

    The largest are placed first, so every existing slot is large enough for the next array; it takes the free slot that
    was used most recently.

    >>> f8 = np.dtype(float)
    >>> share([Lifetime((8,), f8, 0, 1), Lifetime((8,), f8, 1, 2), Lifetime((4,), f8, 2, 3)])
    ([0, 1, 0], [64, 64])
    """
    sizes: list[int] = []
    chosen = [0] * len(lifetimes)
    end = max((life.last for life in lifetimes), default=0)
    free = _FreeTimes(end + 1)
    for i in sorted(range(len(lifetimes)), key=lambda i: (-lifetimes[i].nbytes, lifetimes[i].first, i)):
        life = lifetimes[i]
        found = free.take(life.first, life.last)
        if found is None:
            found = 0, end, len(sizes)
            sizes.append(life.nbytes)
        before, after, chosen[i] = found
        free.add(before, life.first - 1, chosen[i])
        free.add(life.last + 1, after, chosen[i])
    return chosen, sizes


class _FreeTimes:
    """The times at which slots are free. Each operation takes logarithmic time in the number of steps.

    Attributes
    ----------
    at : for each step the free times that begin there, as a heap of (−last step, slot).
    until : a binary tree over the steps: the last step of any free time that begins in a range; −1 if none does.
    """

    def __init__(self, steps: int):
        self.leaves = 1 << (steps - 1).bit_length()
        self.at: list[list[tuple[int, int]]] = [[] for _ in range(steps)]
        self.until = [-1] * (2 * self.leaves)

    def add(self, first: int, last: int, slot: int) -> None:
        if first <= last:
            heapq.heappush(self.at[first], (-last, slot))
            self._changed(first)

    def take(self, first: int, last: int) -> tuple[int, int, int] | None:
        """Take the free time that begins latest among those that contain first to last; returned with its slot."""
        until, k = self.until, self.leaves + first
        while until[k] < last:
            while k > 1 and k % 2 == 0:
                k //= 2
            if k <= 1:
                return None
            k -= 1
        while k < self.leaves:
            k = 2 * k + 1 if until[2 * k + 1] >= last else 2 * k
        start = k - self.leaves
        end, slot = heapq.heappop(self.at[start])
        self._changed(start)
        return start, -end, slot

    def _changed(self, start: int) -> None:
        k = self.leaves + start
        self.until[k] = -self.at[start][0][0] if self.at[start] else -1
        while k > 1:
            k //= 2
            self.until[k] = max(self.until[2 * k], self.until[2 * k + 1])


class Workspace:
    """Sets of buffers for one program; each call takes one and gives it back, so several threads never share one."""

    def __init__(self, lifetimes: Sequence[Lifetime]):
        # Kernels compare dtypes by identity, and a pickled dtype becomes another object.
        self.lifetimes = [life._replace(dtype=np.dtype(life.dtype.str)) for life in lifetimes]
        self.chosen, self.sizes = share(self.lifetimes)
        self.nbytes = sum(self.sizes)
        self._free: deque[list[Any]] = deque()

    def __reduce__(self) -> Any:
        return Workspace, (self.lifetimes,)

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
