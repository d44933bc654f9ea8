"""Arrays whose zeros are absent: structural zeros, not numbers.

chainrule makes some arrays only to select entries: the identity matrix of cotangents that seeds a Jacobian, and the
one-hot rows of labels in a backward rule. A product may skip the factors of their zeros, even NaN or infinite ones. In
any other array 0 is a number, and 0·NaN is NaN. A user's array may have the same entries, so the arrays are remembered
here by identity.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

__all__ = ["has_absent_zeros", "made_of", "with_absent_zeros"]

_KNOWN: dict[int, weakref.ref[np.ndarray]] = {}
"""The arrays whose zeros are absent, by id."""


def with_absent_zeros(x: Any) -> Any:
    """Mark the zeros of an array, and of its views, as absent; returns the array."""
    if type(x) is np.ndarray:
        key = id(x)
        _KNOWN[key] = weakref.ref(x, lambda gone: _forget(key, gone))
    return x


def _forget(key: int, gone: Any) -> None:
    if _KNOWN.get(key) is gone:  # else another array has this id already
        del _KNOWN[key]


def has_absent_zeros(x: Any) -> bool:
    """Whether the zeros of an array are absent: it, or an array that it is a view of, was marked so."""
    while _KNOWN and type(x) is np.ndarray:
        known = _KNOWN.get(id(x))
        if known is not None and known() is x:
            return True
        x = x.base
    return False


def made_of(made: Any, *operands: Any) -> Any:
    """A result computed from constants: its zeros are absent if those of the only array among them are.

    A constant with the same number everywhere does not count as an array here: it only scales.
    """
    if not _KNOWN or not any(map(has_absent_zeros, operands)):
        return made
    return with_absent_zeros(made) if sum(not _is_number(x) for x in operands) == 1 else made


def _is_number(x: Any) -> bool:
    x = np.asarray(x)
    return x.size > 0 and bool((x == x.flat[0]).all())
