"""Arrays whose zeros are absent: places where nothing is, not numbers.

chainrule makes some arrays only to say which entries are meant: the identity matrix of cotangents that seeds a
Jacobian, and the one-hot rows of labels in a backward rule. What stands beside their zeros may be left out of a
product, though it be NaN or infinite. In any other array 0 is a number, and 0·NaN is NaN: one that a user wrote may
have the same entries, so the arrays themselves are remembered here.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

__all__ = ["has_absent_zeros", "made_of", "with_absent_zeros"]

_KNOWN: dict[int, weakref.ref[np.ndarray]] = {}
"""The arrays whose zeros are absent, by id."""


def with_absent_zeros(x: Any) -> Any:
    """The array itself; from now on its zeros are absent, and those of its views."""
    if type(x) is np.ndarray:
        key = id(x)
        _KNOWN[key] = weakref.ref(x, lambda gone: _forget(key, gone))
    return x


def _forget(key: int, gone: Any) -> None:
    if _KNOWN.get(key) is gone:  # else another array is in its place already
        del _KNOWN[key]


def has_absent_zeros(x: Any) -> bool:
    """Whether the zeros of an array are absent: it has been said of it, or of an array that it is a view of."""
    while _KNOWN and type(x) is np.ndarray:
        known = _KNOWN.get(id(x))
        if known is not None and known() is x:
            return True
        x = x.base
    return False


def made_of(made: Any, *operands: Any) -> Any:
    """What was made of constants: its zeros are absent if those of the only array among them are.

    What has the same number everywhere is no array here: it only scales.
    """
    if not any(map(has_absent_zeros, operands)):
        return made
    return with_absent_zeros(made) if sum(not _is_number(x) for x in operands) == 1 else made


def _is_number(x: Any) -> bool:
    x = np.asarray(x)
    return x.size > 0 and bool((x == x.flat[0]).all())
