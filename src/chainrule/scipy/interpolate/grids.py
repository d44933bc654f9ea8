"""Twins of interpolation on grids and between scattered places."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import scipy.interpolate
import scipy.spatial

from chainrule.array import Array, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_between, is_finite, is_monotonic
from chainrule.scipy.interpolate.bsplines import BSpline, basis, spline_weights
from chainrule.scipy.interpolate.piecewise import entries, interval
from chainrule.standins.scipy_functions import twin

__all__: list[str] = []


def _positions(xi: Any) -> Any:
    """Positions as an array with the coordinates last."""
    if isinstance(xi, tuple):
        return np.stack(np.broadcast_arrays(*[entries(x) * 1.0 for x in xi]), axis=-1)
    return entries(xi)


@twin(scipy.interpolate.RegularGridInterpolator)
class RegularGridInterpolator:
    """Linear and nearest interpolation on a grid, by the values, the positions and the places of the grid."""

    def __init__(
        self,
        points: Any,
        values: Any,
        method: str = "linear",
        bounds_error: bool = True,
        fill_value: Any = np.nan,
        **_: Any,
    ):
        self.grid = tuple(map(entries, points))
        self.values, self.method, self.fill_value = entries(values), method, fill_value
        self.bounds_error = bounds_error
        for places in self.grid:
            accepts(is_monotonic, places)
        for axis, places in enumerate(self.grid):
            if np.any(value_of(places)[1:] < value_of(places)[:-1]):  # descending
                self.grid = (*self.grid[:axis], places[::-1], *self.grid[axis + 1 :])
                self.values = np.flip(self.values, axis)

    @classmethod
    def of(cls, plain: Any) -> RegularGridInterpolator:
        return cls(plain.grid, plain.values, plain.method, plain.bounds_error, plain.fill_value)

    def __call__(self, xi: Any, method: Any = None, *, nu: Any = None) -> Any:
        method = self.method if method is None else method
        if method not in ("linear", "nearest"):
            raise RecordingError(
                f"RegularGridInterpolator has a derivative with method='linear' or 'nearest', not {method!r}; in two "
                "dimensions write RectBivariateSpline" + at_line()
            )
        xi = _positions(xi)
        d = len(self.grid)
        if np.ndim(xi) == 1:
            xi = np.reshape(xi, (-1, 1)) if d == 1 else np.reshape(xi, (1, -1))
        shape, flat = np.shape(xi)[:-1], np.reshape(xi, (-1, d))
        tail = np.shape(self.values)[d:]
        numbers, shares, inside = [], [], True
        for axis, places in enumerate(self.grid):
            x = flat[:, axis]
            if self.bounds_error:
                accepts(is_between, x, places[0], places[-1])
            i = interval(places, x)
            numbers.append(i)
            shares.append((x - places[i]) / (places[i + 1] - places[i]))
            inside = inside & (x >= places[0]) & (x <= places[-1])
        column = (-1,) + (1,) * len(tail)
        if method == "nearest":
            total = self.values[tuple(np.where(s > 0.5, i + 1, i) for i, s in zip(numbers, shares, strict=True))]
        else:
            total = 0.0
            for corner in itertools.product((0, 1), repeat=d):
                weight: Any = 1.0
                for share, side in zip(shares, corner, strict=True):
                    weight = weight * (share if side else 1 - share)
                entry = self.values[tuple(i + side for i, side in zip(numbers, corner, strict=True))]
                total = total + np.reshape(weight, column) * entry
        if self.fill_value is not None and not self.bounds_error:
            total = np.where(np.reshape(inside, column), total, self.fill_value)
        return np.reshape(total, shape + tail)


@twin(scipy.interpolate.interpn)
def interpn(
    points: Any,
    values: Any,
    xi: Any,
    method: str = "linear",
    bounds_error: bool = True,
    fill_value: Any = np.nan,
) -> Any:
    if method == "splinef2d":
        raise RecordingError("interpn has a derivative with method='linear' or 'nearest'" + at_line())
    return RegularGridInterpolator(points, values, method, bounds_error, fill_value)(xi)


@twin(scipy.interpolate.RectBivariateSpline)
class RectBivariateSpline:
    """The tensor product of two interpolating splines; its coefficients are linear in the values."""

    def __init__(self, x: Any, y: Any, z: Any, bbox: Any = (None,) * 4, kx: int = 3, ky: int = 3, s: Any = 0, **_: Any):
        if type(x) is Array or type(y) is Array or s != 0 or any(b is not None for b in bbox):
            raise RecordingError(
                "RectBivariateSpline has a derivative by z and by the positions, with plain places, s=0 and without "
                "bbox=" + at_line()
            )
        z = entries(z)
        accepts(is_finite, z)
        plain = scipy.interpolate.RectBivariateSpline(x, y, value_of(z), kx=kx, ky=ky)
        self.tx, self.ty, _ = plain.tck
        self.kx, self.ky = kx, ky
        wx, wy = spline_weights(np.asarray(x, float), kx, self.tx), spline_weights(np.asarray(y, float), ky, self.ty)
        self.c = wx @ z @ wy.T

    @classmethod
    def of(cls, plain: Any) -> RectBivariateSpline:
        made = cls.__new__(cls)
        made.kx, made.ky = plain.degrees
        made.tx, made.ty, c = plain.tck
        made.c = np.reshape(c, (len(made.tx) - made.kx - 1, len(made.ty) - made.ky - 1))
        return made

    def ev(self, xi: Any, yi: Any, dx: int = 0, dy: int = 0) -> Any:
        return self(xi, yi, dx, dy, grid=False)

    def __call__(self, x: Any, y: Any, dx: int = 0, dy: int = 0, grid: bool = True) -> Any:
        x, y = entries(x), entries(y)
        c, tx, ty, kx, ky = self.c, self.tx, self.ty, self.kx, self.ky
        if dx:
            c, tx, kx = _lower(c, tx, kx, dx)
        if dy:
            c, ty, ky = _lower(c.T, ty, ky, dy)
            c = c.T
        if grid:
            x, y = np.atleast_1d(x), np.atleast_1d(y)
            return BSpline._made(ty, BSpline._made(tx, c, kx, True, 0)(_clipped(x, tx)).T, ky, True, 0)(
                _clipped(y, ty)
            ).T
        x, y = np.broadcast_arrays(x, y)
        shape, x, y = np.shape(x), np.ravel(_clipped(x, tx)), np.ravel(_clipped(y, ty))
        i, by_x = basis(tx, kx, x)
        j, by_y = basis(ty, ky, y)
        total: Any = 0.0
        for a, one in enumerate(by_x):
            for b, other in enumerate(by_y):
                total = total + one * other * c[i + a, j + b]
        return np.reshape(total, shape)


def _clipped(x: Any, t: Any) -> Any:
    """FITPACK evaluates at the nearest end outside the knots."""
    return np.clip(x, t[0], t[-1])


def _lower(c: Any, t: Any, k: int, nu: int) -> tuple[Any, Any, int]:
    made = BSpline._made(t, c, k, True, 0).derivative(nu)
    return made.c, made.t, made.k


@twin(scipy.interpolate.LinearNDInterpolator)
class LinearNDInterpolator:
    """Linear interpolation on triangles of plain places, by the values and the positions."""

    def __init__(self, points: Any, values: Any, fill_value: Any = np.nan, rescale: bool = False):
        if type(points) is Array or rescale:
            raise RecordingError(
                "LinearNDInterpolator has a derivative by the values and the positions, with plain places and without "
                "rescale=True" + at_line()
            )
        self.triangles = points if isinstance(points, scipy.spatial.Delaunay) else scipy.spatial.Delaunay(points)
        self.values, self.fill_value = entries(values), fill_value

    @classmethod
    def of(cls, plain: Any) -> LinearNDInterpolator:
        return cls(plain.tri, plain.values.reshape(plain.values.shape[0], *plain.values_shape), plain.fill_value)

    def __call__(self, *args: Any) -> Any:
        xi = _positions(args if len(args) > 1 else args[0])
        d = self.triangles.points.shape[1]
        shape, flat = np.shape(xi)[:-1], np.reshape(xi, (-1, d))
        which = self.triangles.find_simplex(value_of(flat))
        known = self.triangles.transform[which]
        most = np.einsum("nij,nj->ni", known[:, :d], flat - known[:, d])
        shares = np.concatenate([most, 1 - np.sum(most, axis=1, keepdims=True)], axis=1)
        corners = self.values[self.triangles.simplices[which]]
        total = np.sum(np.reshape(shares, (*np.shape(shares), *(1,) * (np.ndim(corners) - 2))) * corners, axis=1)
        column = (-1,) + (1,) * (np.ndim(total) - 1)
        total = np.where(np.reshape(which >= 0, column), total, self.fill_value)
        return np.reshape(total, shape + np.shape(self.values)[1:])


@twin(scipy.interpolate.griddata)
def griddata(
    points: Any, values: Any, xi: Any, method: str = "linear", fill_value: Any = np.nan, rescale: bool = False
) -> Any:
    points = np.stack(points, axis=-1) if isinstance(points, tuple) else points
    if method != "linear" or np.ndim(points) < 2:
        raise RecordingError("griddata has a derivative with method='linear', in two dimensions or more" + at_line())
    return LinearNDInterpolator(points, values, fill_value, rescale)(xi)
