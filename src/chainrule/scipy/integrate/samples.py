"""Twins of integrals of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.integrate

from chainrule.array import Array
from chainrule.errors import GradientError
from chainrule.node import at_line
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import plain_values, twin

__all__: list[str] = []


def _samples(y: Any, x: Any, axis: int) -> tuple[Any, Any]:
    """The samples with their axis last, and the places along it."""
    y, x = (joined(part) if isinstance(part, list | tuple) else part for part in (y, x))
    y = np.moveaxis(y, axis, -1)
    return y, x if x is None or np.ndim(x) == 1 else np.moveaxis(x, axis, -1)


def _steps(x: Any, dx: Any, n: int) -> Any:
    """The distances between neighbouring places."""
    return np.broadcast_to(dx, (n - 1,)) if x is None else x[..., 1:] - x[..., :-1]


@twin(scipy.integrate.trapezoid)
def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y, x = _samples(y, x, axis)
    return np.sum(_steps(x, dx, np.shape(y)[-1]) * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)


@twin(scipy.integrate.cumulative_trapezoid)
def cumulative_trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    y, x = _samples(y, x, axis)
    sums = np.cumsum(_steps(x, dx, np.shape(y)[-1]) * (y[..., 1:] + y[..., :-1]) / 2, axis=-1)
    if initial is not None:
        sums = np.concatenate([np.full((*np.shape(sums)[:-1], 1), 1.0 * initial), sums], axis=-1)
    return np.moveaxis(sums, -1, axis)


@twin(scipy.integrate.simpson)
def simpson(y: Any, x: Any = None, *, dx: Any = 1.0, axis: int = -1) -> Any:
    """Simpson's rule; for an even number of points the last interval has a correction."""
    y, x = _samples(y, x, axis)
    n = np.shape(y)[-1]
    h = _steps(x, dx, n)
    if n == 2:
        return 0.5 * h[..., 0] * (y[..., 0] + y[..., 1])
    stop = n - 1 if n % 2 else n - 2
    h0, h1 = h[..., 0:stop:2], h[..., 1:stop:2]
    y0, y1, y2 = y[..., 0 : stop - 1 : 2], y[..., 1:stop:2], y[..., 2 : stop + 1 : 2]
    total = h0 + h1
    parabolas = total / 6 * (y0 * (2 - h1 / h0) + y1 * total**2 / (h0 * h1) + y2 * (2 - h0 / h1))
    result = np.sum(parabolas, axis=-1)
    if n % 2 == 0:
        h0, h1 = h[..., -2], h[..., -1]
        result = result + (2 * h1**2 + 3 * h0 * h1) / (6 * (h0 + h1)) * y[..., -1]
        result = result + (h1**2 + 3 * h0 * h1) / (6 * h0) * y[..., -2]
        result = result - h1**3 / (6 * h0 * (h0 + h1)) * y[..., -3]
    return result


@twin(scipy.integrate.romb)
def romb(y: Any, dx: Any = 1.0, axis: int = -1, show: bool = False) -> Any:
    """Romberg integration, linear in the samples: its weights are its values for unit vectors."""
    y, _ = _samples(y, None, axis)
    weights = scipy.integrate.romb(np.eye(np.shape(y)[-1]), axis=0)
    return np.sum(y * weights, axis=-1) * dx


@twin(scipy.integrate.cumulative_simpson)
def cumulative_simpson(y: Any, *, x: Any = None, dx: Any = 1.0, axis: int = -1, initial: Any = None) -> Any:
    """Cumulative Simpson integration, linear in the samples."""
    if type(x) is Array:
        raise GradientError(
            "cumulative_simpson has no derivative by the places x; give cr.stop_gradient(x), or write "
            "cumulative_trapezoid" + at_line()
        )
    y, x = _samples(y, plain_values(x), axis)
    n = np.shape(y)[-1]
    weights = scipy.integrate.cumulative_simpson(np.eye(n), x=x, axis=0)
    sums = y @ weights.T * (dx if x is None else 1.0)
    if initial is not None:
        sums = np.concatenate([0.0 * y[..., :1], sums], axis=-1) + initial
    return np.moveaxis(sums, -1, axis)
