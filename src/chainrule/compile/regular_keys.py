"""Keys with arrays of indices that are regular: they select what slices of the array in another shape select."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_slices"]

Shape = tuple[int, ...]
Key = tuple[Any, ...]


def as_slices(key: Key, shape: Shape) -> tuple[Shape, Key] | None:
    """Another shape for an array, and a key of slices that selects the same entries there; None if there are none.

    The key has one array of indices among slices, or those of the diagonals of square matrices.

    >>> as_slices((np.array([1, 3, 5]),), (8,))
    ((8,), (slice(1, 6, 2),))
    >>> as_slices((np.array([[5, 6], [9, 10]]),), (16,))  # the middle of a matrix of 4×4
    ((4, 4), (slice(1, 3, None), slice(1, 3, None)))
    >>> as_slices((np.arange(3), np.arange(3)), (3, 3))
    ((9,), (slice(0, 9, 4),))
    """
    if is_diagonal(key, shape):
        n = shape[-1]
        return (*shape[:-2], n * n), (*key[:-2], slice(0, n * n, n + 1))
    arrays = [i for i, part in enumerate(key) if isinstance(part, np.ndarray)]
    if len(arrays) != 1 or any(part is None or not isinstance(part, slice | np.ndarray) for part in key):
        return None
    at = arrays[0] - len(key)  # keys select along the last axes
    axis = len(shape) + at
    places, n = key[at], shape[axis]
    if places.dtype.kind not in "iu" or not places.size or places.min() < -n or places.max() >= n:
        return None
    found = _of_places(places % n, n)
    if found is None:
        return None
    lengths, slices = found
    return (*shape[:axis], *lengths, *shape[axis + 1 :]), (*key[: arrays[0]], *slices, *key[arrays[0] + 1 :])


def is_diagonal(key: Key, shape: Shape) -> bool:
    """Whether a key selects the diagonals of square matrices, by the same arrays of indices 0, 1, … for both axes."""
    if len(key) < 2 or len(shape) < 2 or shape[-1] != shape[-2]:
        return False
    *others, i, j = key
    if not (isinstance(i, np.ndarray) and isinstance(j, np.ndarray)):
        return False
    whole = all(isinstance(part, slice) and part == slice(None) for part in others)
    return whole and np.array_equal(i, np.arange(shape[-1])) and np.array_equal(j, i)


def _of_places(places: np.ndarray, n: int) -> tuple[Shape, Key] | None:
    """The lengths into which an axis of n entries is split, and a slice along each, for indices at equal distances."""
    first = int(places.reshape(-1)[0])
    if places.ndim == 1 and len(places) > 1:
        step = int(places[1]) - first
        last = first + step * (len(places) - 1)
        if step == 0 or not np.array_equal(places, first + step * np.arange(len(places))):
            return None
        end = last + (1 if step > 0 else -1)
        return (n,), (slice(first, end if end >= 0 else None, step),)
    if places.ndim != 2 or min(places.shape) < 2:
        return None
    (rows, columns), width, step = places.shape, int(places[1, 0]) - first, int(places[0, 1]) - first
    if width <= 0 or step <= 0 or n % width or first % width + step * (columns - 1) >= width:
        return None
    if not np.array_equal(places, first + width * np.arange(rows)[:, None] + step * np.arange(columns)):
        return None
    top, left = divmod(first, width)
    across = slice(left, left + step * (columns - 1) + 1, None if step == 1 else step)
    return (n // width, width), (slice(top, top + rows), across)
