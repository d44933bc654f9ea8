"""The twin of scipy.interpolate.interp1d."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate

from chainrule.scipy.accepted import accepts, is_between
from chainrule.scipy.interpolate.bsplines import BSpline, make_interp_spline
from chainrule.scipy.interpolate.piecewise import entries, first, interval, with_axis
from chainrule.standins.scipy_functions import twin

__all__ = ["Interp1d"]

STEPS = {"zero": ("right", 0), "previous": ("right", 0), "next": ("left", 1)}
DEGREES = {"quadratic": 2, "cubic": 3}


@twin(scipy.interpolate.interp1d)
class Interp1d:
    """The twin of scipy.interpolate.interp1d."""

    def __init__(
        self,
        x: Any,
        y: Any,
        kind: Any = "linear",
        axis: int = -1,
        copy: bool = True,
        bounds_error: Any = None,
        fill_value: Any = np.nan,
        assume_sorted: bool = False,
    ):
        self.x, self.y, self.kind, self.fill_value = entries(x), entries(y), kind, fill_value
        self.axis = axis % np.ndim(self.y)
        self._y = first(self.y, self.axis)
        if not assume_sorted:
            order = np.argsort(self.x, kind="mergesort")
            self.x, self._y = self.x[order], self._y[order]
        self._spline: Any = None
        self.bounds_error = not isinstance(fill_value, str) if bounds_error is None else bounds_error

    @classmethod
    def of(cls, plain: Any) -> Interp1d:
        made = cls(plain.x, plain.y, _kind_of(plain), plain.axis, fill_value=plain.fill_value, assume_sorted=True)
        made.bounds_error = plain.bounds_error
        if getattr(plain, "_spline", None) is not None:
            made._spline = plain._spline
        return made

    def __call__(self, x: Any) -> Any:
        x = entries(x)
        if self.bounds_error:
            accepts(is_between, x, self.x[0], self.x[-1])
        shape, flat = np.shape(x), np.reshape(x, (-1,))
        result = self._evaluated(flat)
        below, above = flat < self.x[0], flat > self.x[-1]
        if not (isinstance(self.fill_value, str) and self.fill_value == "extrapolate"):
            low, high = self.fill_value if isinstance(self.fill_value, tuple) else (self.fill_value,) * 2
            column = (-1,) + (1,) * (np.ndim(result) - 1)
            result = np.where(np.reshape(above, column), high, result)
            result = np.where(np.reshape(below, column), low, result)
        return with_axis(np.reshape(result, shape + np.shape(result)[1:]), len(shape), self.axis)

    def _evaluated(self, flat: Any) -> Any:
        kind = self.kind
        if kind in STEPS:
            side, ahead = STEPS[kind]
            method: Any = side
            i = np.searchsorted(self.x, flat, side=method) - 1 + ahead
            return self._y[np.clip(i, 0, np.shape(self.x)[0] - 1)]
        if kind in ("nearest", "nearest-up"):
            middle = (self.x[1:] + self.x[:-1]) / 2
            return self._y[np.searchsorted(middle, flat, side="left" if kind == "nearest" else "right")]
        if kind in ("linear", "slinear", 1):
            i = interval(self.x, flat, side="left")
            column = (-1,) + (1,) * (np.ndim(self._y) - 1)
            slope = (self._y[i + 1] - self._y[i]) / np.reshape(self.x[i + 1] - self.x[i], column)
            return slope * np.reshape(flat - self.x[i], column) + self._y[i]
        if self._spline is None:
            self._spline = make_interp_spline(self.x, self._y, DEGREES.get(kind, kind))
        spline = self._spline if isinstance(self._spline, BSpline) else BSpline.of(self._spline)
        return np.reshape(spline(flat), np.shape(flat) + np.shape(self._y)[1:])


def _kind_of(plain: Any) -> Any:
    """The kind of interpolation of an interp1d object, which stores the name of steps and lines only."""
    if getattr(plain, "_spline", None) is not None:
        return plain._spline.k
    name = plain._call.__name__
    if "nearest" in name:
        return "nearest" if plain._side == "left" else "nearest-up"
    if "previousnext" in name:
        return "previous" if plain._ind == 0 else "next"
    return "linear"
