"""Samples: their entries along one or several axes, which may be all of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.stats.distribution import entries

__all__ = ["count_along", "sample_along"]


def sample_along(a: Any, axis: Any, nan_policy: str = "propagate") -> tuple[Any, Any]:
    """A sample as an array, and its axis; None means all axes."""
    a = entries(a)
    if nan_policy == "omit" and np.any(np.isnan(value_of(a))):
        raise RecordingError(
            "nan_policy='omit' has no gradient where the sample has NaNs; leave them out first: x[~np.isnan(x)]"
            + at_line()
        )
    return a, tuple(range(np.ndim(a))) if axis is None else axis


def count_along(a: Any, axis: Any) -> int:
    """The number of entries along an axis, or along several ones."""
    return math.prod(np.shape(a)[i] for i in (axis if isinstance(axis, tuple) else (axis,)))
