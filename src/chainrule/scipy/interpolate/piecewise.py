"""Twins of piecewise polynomials: PPoly, interp1d, cubic splines, Pchip and Akima's interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate
import scipy.linalg

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_finite, is_increasing, is_monotonic
from chainrule.scipy.linalg.banded import solve_banded
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import twin

__all__ = ["PPoly", "entries", "first", "interval", "with_axis"]


def entries(x: Any) -> Any:
    """An argument as an array of float64 or complex128, recorded or plain: SciPy computes in these."""
    x = joined(x) if isinstance(x, list | tuple) else x
    x = x if type(x) is Array else np.asarray(x)
    dtype = np.complex128 if x.dtype.kind == "c" else np.float64
    return x if x.dtype == dtype else x.astype(dtype)


def interval(x: Any, at: Any, side: Any = "right", last: int = 2) -> Any:
    """For each position, the number of the interval of x that contains it."""
    return np.clip(np.searchsorted(x, at, side=side) - 1, 0, np.shape(x)[0] - last)


def first(y: Any, axis: int) -> Any:
    """The values with the interpolated axis moved to the front."""
    return np.moveaxis(y, axis, 0)


class PPoly:
    """The twin of a piecewise polynomial.

    Attributes
    ----------
    c : the coefficients for each interval, highest power first.
    x : the ends of the intervals.
    """

    def __init__(self, c: Any, x: Any, extrapolate: Any = None, axis: int = 0):
        self.c, self.x, self.axis = entries(c), entries(x), axis
        accepts(is_monotonic, self.x)
        self.extrapolate = True if extrapolate is None else extrapolate
        if axis:
            self.c = np.moveaxis(np.moveaxis(self.c, axis + 1, 0), axis + 1, 0)

    @classmethod
    def of(cls, plain: Any) -> PPoly:
        made = PPoly.__new__(PPoly)
        made.c, made.x, made.extrapolate, made.axis = plain.c, plain.x, plain.extrapolate, plain.axis
        return made

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        x = entries(x)
        shape, flat = np.shape(x), np.reshape(x, (-1,))
        if isinstance(extrapolate, str):
            flat = self.x[0] + np.mod(flat - self.x[0], self.x[-1] - self.x[0])
        i = interval(self.x, flat)
        c = _derived(self.c, nu)
        away = np.reshape(flat - self.x[i], (-1,) + (1,) * (np.ndim(c) - 2))
        total = c[0][i]
        for k in range(1, np.shape(c)[0]):
            total = total * away + c[k][i]
        if not extrapolate:
            inside = (flat >= self.x[0]) & (flat <= self.x[-1])
            total = np.where(np.reshape(inside, np.shape(away)), total, np.nan)
        total = np.reshape(total, shape + np.shape(c)[2:])
        return with_axis(total, len(shape), self.axis)

    def derivative(self, nu: int = 1) -> PPoly:
        return self.antiderivative(-nu) if nu < 0 else self._with(_derived(self.c, nu))

    def antiderivative(self, nu: int = 1) -> PPoly:
        made: PPoly = self
        if nu <= 0:
            return self.derivative(-nu)
        for _ in range(nu):
            made = made._integrated()
        return made

    def _integrated(self) -> PPoly:
        k = np.shape(self.c)[0]
        powers = np.reshape(np.arange(k, 0, -1.0), (-1,) + (1,) * (np.ndim(self.c) - 1))
        c = self.c / powers
        steps = np.reshape(self.x[1:] - self.x[:-1], (-1,) + (1,) * (np.ndim(c) - 2))
        total = c[0]
        for j in range(1, k):
            total = total * steps + c[j]
        start = np.cumsum(total * steps, axis=0)[:-1]
        start = np.concatenate([0.0 * total[:1], start], axis=0)
        return self._with(np.concatenate([c, start[None]], axis=0))

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        if isinstance(self.extrapolate if extrapolate is None else extrapolate, str):
            raise RecordingError("integrate of a periodic polynomial has no derivative" + at_line())
        whole = self.antiderivative()
        both = whole(np.stack([entries(b) * 1.0, entries(a) * 1.0]), extrapolate=extrapolate)
        both = np.moveaxis(both, self.axis, 0)
        return both[0] - both[1]

    def _with(self, c: Any) -> PPoly:
        made = PPoly.__new__(PPoly)
        made.c, made.x, made.extrapolate, made.axis = c, self.x, self.extrapolate, self.axis
        return made


def with_axis(total: Any, positions: int, axis: int) -> Any:
    """Results with the axes of the positions in place of the interpolated axis."""
    if not axis:
        return total
    axes = list(range(np.ndim(total)))
    return np.transpose(total, axes[positions : positions + axis] + axes[:positions] + axes[positions + axis :])


def _derived(c: Any, nu: int) -> Any:
    for _ in range(nu):
        k = np.shape(c)[0]
        if k == 1:
            return 0.0 * c
        c = c[:-1] * np.reshape(np.arange(k - 1, 0, -1.0), (-1,) + (1,) * (np.ndim(c) - 1))
    return c


twin(scipy.interpolate.PPoly)(PPoly)


def _hermite(x: Any, y: Any, slopes: Any) -> Any:
    """The coefficients of the cubic polynomials with these values and slopes at x."""
    h = np.reshape(x[1:] - x[:-1], (-1,) + (1,) * (np.ndim(y) - 1))
    secant = (y[1:] - y[:-1]) / h
    t = (slopes[:-1] + slopes[1:] - 2 * secant) / h
    return np.stack([t / h, (secant - slopes[:-1]) / h - t, slopes[:-1], y[:-1]])


class Cubic(PPoly):
    """The twin of a cubic interpolation by values and slopes."""

    def _made(self, x: Any, y: Any, axis: int, slopes: Any, extrapolate: Any) -> None:
        accepts(is_increasing, x)
        accepts(is_finite, x, y)
        self.x, self.axis = x, axis % np.ndim(y)
        self.extrapolate = True if extrapolate is None else extrapolate
        y = first(y, axis)
        self.c = _hermite(x, y, slopes(x, y))


@twin(scipy.interpolate.CubicHermiteSpline)
class CubicHermiteSpline(Cubic):
    def __init__(self, x: Any, y: Any, dydx: Any, axis: int = 0, extrapolate: Any = None):
        self._made(entries(x), entries(y), axis, lambda x, y: first(entries(dydx), axis), extrapolate)


@twin(scipy.interpolate.CubicSpline)
class CubicSpline(Cubic):
    def __init__(self, x: Any, y: Any, axis: int = 0, bc_type: Any = "not-a-knot", extrapolate: Any = None):
        ends = (bc_type, bc_type) if isinstance(bc_type, str) else tuple(bc_type)
        if extrapolate is None and ends[0] == "periodic":
            extrapolate = "periodic"
        self._made(entries(x), entries(y), axis, lambda x, y: _spline_slopes(x, y, ends), extrapolate)


NAMED = {"clamped": (1, 0.0), "natural": (2, 0.0)}


def _spline_slopes(x: Any, y: Any, ends: tuple[Any, Any]) -> Any:
    """The slopes with which the second derivative is continuous: a tridiagonal system (C. de Boor, 1978, IV)."""
    n, tail = np.shape(x)[0], np.shape(y)[1:]
    y = np.reshape(y, (n, -1))
    h = x[1:] - x[:-1]
    column = h[:, None]
    secant = (y[1:] - y[:-1]) / column
    start, end = (NAMED.get(kind, kind) if isinstance(kind, str) else kind for kind in ends)
    if n == 2:
        start = (1, secant[0]) if start in ("not-a-knot", "periodic") else start
        end = (1, secant[-1]) if end in ("not-a-knot", "periodic") else end
    if isinstance(start, str) and start == "periodic":
        return np.reshape(_periodic_slopes(h, secant), (n, *tail))
    zero, one = np.zeros(1), np.ones(1)
    inner = 3 * (column[1:] * secant[:-1] + column[:-1] * secant[1:])
    if n == 3 and start == "not-a-knot" and end == "not-a-knot":  # a parabola
        above = np.concatenate([zero, one, h[:1]])
        middle = np.concatenate([one, 2 * (h[:1] + h[1:]), one])
        below = np.concatenate([h[1:], one, zero])
        right = np.concatenate([2 * secant[:1], inner, 2 * secant[1:]])
    else:
        first, second, top = _end_row(start, h, column, secant, y, 1.0, tail)
        last, before, bottom = _end_row(end, h[::-1], column[::-1], secant[::-1], y[::-1], -1.0, tail)
        above = np.concatenate([zero, second, h[:-1]])
        middle = np.concatenate([first, 2 * (h[:-1] + h[1:]), last])
        below = np.concatenate([h[1:], before, zero])
        right = np.concatenate([top, inner, bottom])
    return np.reshape(solve_banded((1, 1), np.stack([above, middle, below]), right), (n, *tail))


def _end_row(kind: Any, h: Any, column: Any, secant: Any, y: Any, sign: float, tail: Any) -> tuple[Any, Any, Any]:
    """The first row of the system, by the condition at an end: its two entries, and the right side.

    For the other end everything is given in reverse order, with `sign` −1.
    """
    if isinstance(kind, str):  # not a knot
        d = h[:1] + h[1:2]
        right = ((column[:1] + 2 * d) * column[1:2] * secant[:1] + column[:1] ** 2 * secant[1:2]) / d
        return h[1:2], d, right
    order, value = kind
    value = np.reshape(value * np.ones(tail), (1, -1)) if type(value) is not Array else np.reshape(value, (1, -1))
    value = np.broadcast_to(value, np.shape(secant[:1]))
    if order == 1:
        return np.ones(1), np.zeros(1), value
    return 2 * h[:1], h[:1], sign * -0.5 * value * column[:1] ** 2 + 3 * (y[1:2] - y[:1]) * sign


def _periodic_slopes(h: Any, secant: Any) -> Any:
    """The slopes of a periodic spline: a cyclic system, solved as a dense one."""
    n = np.shape(h)[0]
    before, columns = np.roll(h, 1), np.roll(h, 1)[:, None]
    right = 3 * (h[:, None] * np.roll(secant, 1, axis=0) + columns * secant)
    eye = np.eye(n)
    matrix = 2 * (h + before)[:, None] * eye
    matrix = matrix + h[:, None] * np.roll(eye, -1, axis=1) + before[:, None] * np.roll(eye, 1, axis=1)
    slopes = np.linalg.solve(matrix, right)
    return np.concatenate([slopes, slopes[:1]])


@twin(scipy.interpolate.PchipInterpolator)
class PchipInterpolator(Cubic):
    def __init__(self, x: Any, y: Any, axis: int = 0, extrapolate: Any = None):
        self._made(entries(x), entries(y), axis, _pchip_slopes, extrapolate)


def _pchip_slopes(x: Any, y: Any) -> Any:
    """Weighted harmonic means of secants, 0 where these differ in sign (F. N. Fritsch and J. Butland, 1984)."""
    h = np.reshape(x[1:] - x[:-1], (-1,) + (1,) * (np.ndim(y) - 1))
    secant = (y[1:] - y[:-1]) / h
    if np.shape(y)[0] == 2:
        return np.concatenate([secant, secant])
    left, right = secant[:-1], secant[1:]
    flat = np.sign(left) * np.sign(right) <= 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    mean = (w1 / np.where(flat, 1.0, left) + w2 / np.where(flat, 1.0, right)) / (w1 + w2)
    inner = np.where(flat, 0.0, 1 / np.where(flat, 1.0, mean))
    first = _pchip_end(h[:1], h[1:2], secant[:1], secant[1:2])
    last = _pchip_end(h[-1:], h[-2:-1], secant[-1:], secant[-2:-1])
    return np.concatenate([first, inner, last])


def _pchip_end(h0: Any, h1: Any, s0: Any, s1: Any) -> Any:
    """The slope at an end: that of a parabola, limited so that the shape is preserved."""
    slope = ((2 * h0 + h1) * s0 - h0 * s1) / (h0 + h1)
    steep = (np.sign(s0) != np.sign(s1)) & (abs(slope) > 3 * abs(s0))
    return np.where(np.sign(slope) != np.sign(s0), 0.0, np.where(steep, 3 * s0, slope))


@twin(scipy.interpolate.Akima1DInterpolator)
class Akima1DInterpolator(Cubic):
    def __init__(self, x: Any, y: Any, axis: int = 0, *, method: str = "akima", extrapolate: Any = None):
        extrapolate = False if extrapolate is None else extrapolate
        self._made(entries(x), entries(y), axis, lambda x, y: _akima_slopes(x, y, method), extrapolate)


def _akima_slopes(x: Any, y: Any, method: str) -> Any:
    """Means of neighbouring secants, weighted by how much the next ones differ (H. Akima, 1970)."""
    h = np.reshape(x[1:] - x[:-1], (-1,) + (1,) * (np.ndim(y) - 1))
    secant = (y[1:] - y[:-1]) / h
    if np.shape(y)[0] == 2:
        return np.concatenate([secant, secant])
    left1 = 2 * secant[:1] - secant[1:2]
    right1 = 2 * secant[-1:] - secant[-2:-1]
    m = np.concatenate([2 * left1 - secant[:1], left1, secant, right1, 2 * right1 - secant[-1:]])
    change = abs(m[1:] - m[:-1])
    ahead, back = change[2:], change[:-2]
    if method == "makima":
        size = abs(m[1:] + m[:-1])
        ahead, back = ahead + 0.5 * size[2:], back + 0.5 * size[:-2]
    total = ahead + back
    defined = total > 1e-9 * np.max(total)
    weight = back / np.where(defined, total, 1.0)
    return np.where(defined, m[1:-2] + weight * (m[2:-1] - m[1:-2]), 0.5 * (m[3:] + m[:-3]))
