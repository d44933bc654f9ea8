"""Derivatives by finite differences, from values of the function at neighbouring points alone.

The method: C. J. F. Ridders, Accurate computation of F'(x) and F'(x)F''(x), Advances in Engineering Software 4 (1982);
central differences at falling steps, extrapolated to step 0 (Richardson), and the most stable entry of the table wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Derivative", "along", "slopes", "typical_step"]

SHRINK = 4.0
STEPS = 13
COLUMNS = 5

Change = Callable[[float, float], float]
"""`change(a, b)`: L(x + b d) − L(x + a d) along some direction d; NaN where L is not defined."""


class Derivative(NamedTuple):
    """A derivative along a direction, with an estimate of its error and the step at which it was most stable."""

    value: float
    error: float
    step: float


def along(change: Change, step: float, noise: float, good: float) -> Derivative:
    """The derivative along a direction.

    Parameters
    ----------
    step : the largest step.
    noise : how much rounding changes L.
    good : the error at which to stop; one that is 100 times larger will do when two further steps do not improve it.

    >>> import numpy as np
    >>> d = along(lambda a, b: np.exp(b) - np.exp(a), 0.1, 1e-16, 1e-10)
    >>> bool(abs(d.value - 1) < 1e-10)
    True
    """
    best = Derivative(np.nan, np.inf, step)
    previous: list[float] = []
    since = 0
    for _ in range(STEPS):
        since += 1
        row = [change(-step, step) / (2 * step)]
        for j, older in enumerate(previous[: COLUMNS - 1]):
            row.append(row[-1] + (row[-1] - older) / (SHRINK ** (2 * j + 2) - 1))
            error = max(abs(row[-1] - row[-2]), abs(row[-1] - older)) + noise / step
            if error < best.error:  # never true of NaN
                best, since = Derivative(row[-1], error, step), 0
        if best.error <= good or (since >= 2 and best.error <= 100 * good):
            break
        previous = row if np.isfinite(row[0]) else []
        step /= SHRINK
    return best


def slopes(change: Change, step: float, noise: float) -> tuple[float, float, float] | None:
    """The one-sided slopes at a kink of L, and their uncertainty; None if L has no kink.

    Where L is smooth the two slopes approach each other as fast as the step falls; at a kink they stay apart.
    """
    near = step / 16
    jump = abs(change(0, step) / step - change(-step, 0) / step)
    left, right = change(-near, 0) / near, change(0, near) / near
    apart = abs(right - left)
    if not apart > 0.5 * jump or apart <= 1e-4 * max(abs(left), abs(right)) + 10 * noise / near:
        return None
    return left, right, 0.01 * apart


def typical_step(x: np.ndarray, entry: Any = None) -> float:
    """A length over which a function of x is expected to change: the size of the entry, or of a typical one."""
    size = float(np.sqrt(np.mean(np.square(x, dtype=float)))) if x.size else 0.0
    if entry is not None:
        size = max(abs(float(x[entry])), 0.1 * size)
    return size if np.isfinite(size) and size > 0 else 1.0
