"""Counting the numbers in the arguments of a call."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.array import Array, node_of


def shape_of(x: Any) -> tuple[int, ...]:
    """The shape of an array or number, or of the array that a list would be."""
    shape = getattr(x, "shape", None)
    if isinstance(shape, tuple):
        return shape
    found: list[int] = []
    while isinstance(x, list | tuple):
        found.append(len(x))
        if not x:
            break
        x = x[0]
    return (*found, *getattr(x, "shape", ()))


def size(x: Any) -> int:
    """How many numbers an argument has."""
    if isinstance(x, list | tuple):
        return max(1, sum(map(size, x)))
    return math.prod(shape_of(x))


def whole(x: Any) -> list[int]:
    """The integers in an argument that gives lengths or counts: 3, (3, 4), an array of repeats."""
    if x is None:
        return []
    if isinstance(x, list | tuple):
        return [n for entry in x for n in whole(entry)]
    value = node_of(x).value if type(x) is Array else x
    return [abs(int(n)) for n in np.ravel(value).tolist()]


def largest(x: Any) -> int:
    return max(whole(x), default=0)


def product(x: Any) -> int:
    """How many entries an array of this shape has; length 0 counts as 1, so that the other lengths are bounded."""
    return math.prod(max(1, n) for n in whole(x))


def together(*given: Any) -> int:
    """The entries of all arguments, or of the array to which they broadcast if these are more."""
    shapes = [shape_of(x) for x in given]
    axes = max(map(len, shapes), default=0)
    longest = [max((shape[-i] for shape in shapes if len(shape) >= i), default=1) for i in range(1, axes + 1)]
    return max(math.prod(longest), sum(map(size, given)))


def same(*given: Any, **options: Any) -> int:
    return together(*given, *options.values())


def indexed(x: Any, key: Any) -> int:
    """The entries of x[key]."""
    keys = key if isinstance(key, tuple) else (key,)
    shape = shape_of(x)
    arrays = [k for k in keys if isinstance(k, list) or shape_of(k)]
    if not arrays:
        return size(x)
    taken: set[int] = set()
    axis = 0
    for i, k in enumerate(keys):
        axes = len(shape) - axis - sum(map(_axes_of, keys[i + 1 :])) if k is Ellipsis else _axes_of(k)
        if any(k is array for array in arrays):
            taken.update(range(axis, axis + axes))
        axis += axes
    points = together(*(np.broadcast_to(0, size(k) if _is_mask(k) else shape_of(k)) for k in arrays))
    return points * math.prod(n for i, n in enumerate(shape) if i not in taken)


def _axes_of(key: Any) -> int:
    """How many axes one entry of an index covers."""
    return 0 if key is None or key is Ellipsis else max(1, len(shape_of(key))) if _is_mask(key) else 1


def _is_mask(key: Any) -> bool:
    while isinstance(key, list) and key:
        key = key[0]
    return isinstance(key, bool) or getattr(getattr(key, "dtype", None), "kind", "") == "b"


def over(x: Any, axis: Any = -1) -> int:
    """The entries of x for each position along one or several axes."""
    shape = shape_of(x)
    axes = range(len(shape)) if axis is None else [axis] if isinstance(axis, int) else axis
    along = {i + len(shape) if i < 0 else i for i in axes}
    return math.prod(n for i, n in enumerate(shape) if i not in along)


def side(x: Any) -> int:
    """The longer side of a matrix, or of the matrices of a batch."""
    return max(shape_of(x)[-2:], default=1)
