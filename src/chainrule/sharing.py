"""Memory that arguments share: in NumPy an update in place of one of them changes the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["owner_of_memory", "sharing_pairs"]


def sharing_pairs(arrays: Sequence[Any]) -> list[tuple[int, int]]:
    """The positions of plain arrays that have entries in common, as pairs; other values share nothing.

    >>> x = np.arange(4.0)
    >>> sharing_pairs([x, x[::2], x[1::2], x.copy()])
    [(0, 1), (0, 2)]
    """
    owners: dict[int, list[int]] = {}
    for i, x in enumerate(arrays):
        if isinstance(x, np.ndarray) and x.size:
            owners.setdefault(id(owner_of_memory(x)), []).append(i)
    return [
        (i, j)
        for places in owners.values()
        for n, i in enumerate(places)
        for j in places[n + 1 :]
        if _overlap(arrays[i], arrays[j])
    ]


def owner_of_memory(x: Any) -> Any:
    """The object that owns the memory of an array."""
    while isinstance(x, np.ndarray) and x.base is not None:
        x = x.base
    return x.obj if isinstance(x, memoryview) else x


def _overlap(x: Any, y: Any) -> bool:
    try:
        return np.shares_memory(x, y, max_work=10_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True
