"""Conditions on values under which SciPy's functions raise no error, for compiled programs, which do not run SciPy.

A twin states what its function accepts. If a compiled program meets other values, a guard fails; the function then runs
uncompiled and raises SciPy's error.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import WATCHER
from chainrule.blocks.integers import step

__all__ = [
    "accepts",
    "is_between",
    "is_finite",
    "is_increasing",
    "is_monotonic",
    "is_not_negative",
    "is_positive_definite",
    "is_sorted",
    "starts_without_zero",
]


def accepts(condition: Callable[..., Any], *operands: Any) -> None:
    """If compiling, add a guard: SciPy accepts these operands only if a condition has the same outcome as now.

    For another outcome the function is recorded again.

    Parameters
    ----------
    condition : a function of plain arrays; the same one each time, so a function of a module.
    """
    if WATCHER.get() is not None:
        bool(step(condition, *operands))


def is_increasing(x: Any) -> Any:
    """Whether places increase strictly."""
    return np.all(x[1:] > x[:-1])


def is_monotonic(x: Any) -> Any:
    """Whether places increase or decrease strictly."""
    return is_increasing(x) or is_increasing(-x)


def is_sorted(x: Any) -> Any:
    """Whether places increase or repeat."""
    return np.all(x[1:] >= x[:-1])


def is_between(x: Any, low: Any, high: Any) -> Any:
    """Whether no entry lies outside of an interval."""
    return not np.any((x < low) | (x > high))


def is_finite(*xs: Any) -> Any:
    """Whether no entry is NaN or infinite."""
    return all(np.all(np.isfinite(x)) for x in xs)


def is_not_negative(x: Any) -> Any:
    """Whether no entry is below 0."""
    return not np.any(x < 0)


def starts_without_zero(x: Any) -> Any:
    """Whether the first entry along the last axis is not 0."""
    return np.all(x[..., 0] != 0)


def is_positive_definite(a: Any) -> Any:
    """Whether Hermitian matrices have a Cholesky factor."""
    try:
        np.linalg.cholesky(a)
    except np.linalg.LinAlgError:
        return False
    return True
