"""Twins of B-splines (C. de Boor, A practical guide to splines, 1978).

A spline is evaluated by its basis functions, which are recorded: so it has derivatives by its coefficients, its knots
and the positions. Coefficients that interpolate are a linear function of the values.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.interpolate

from chainrule.array import Array, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_finite, is_increasing, is_sorted
from chainrule.scipy.arguments import fixed
from chainrule.scipy.interpolate.piecewise import entries, first, with_axis
from chainrule.standins.scipy_functions import plain_result, twin, with_value

__all__ = ["BSpline", "basis", "make_interp_spline", "spline_weights"]


def basis(t: Any, k: int, x: Any) -> tuple[Any, list[Any]]:
    """The k + 1 basis functions that are not 0 at each position, and the number of the first of them."""
    n = np.shape(t)[0] - k - 1
    i = np.clip(np.searchsorted(t, x, side="right") - 1, k, n - 1)
    found: list[Any] = [0.0 * x + 1.0]
    for degree in range(1, k + 1):
        made: list[Any] = [0.0] * (degree + 1)
        for j in range(degree):
            left, right = t[i + j + 1 - degree], t[i + j + 1]
            share = found[j] / (right - left)
            made[j] = made[j] + share * (right - x)
            made[j + 1] = made[j + 1] + share * (x - left)
        found = made
    return i - k, found


def _collocation(t: Any, k: int, x: Any) -> Any:
    """The values of all basis functions: a row for each position."""
    start, weights = basis(t, k, x)
    eye = np.eye(np.shape(t)[0] - k - 1)
    return sum(weight[:, None] * eye[start + j] for j, weight in enumerate(weights))


def _has_an_interval(t: Any) -> Any:
    """Whether the inner knots are not all the same."""
    return np.any(t != t[0])


@twin(scipy.interpolate.BSpline)
class BSpline:
    """The twin of a spline with knots t, coefficients c and degree k."""

    def __init__(self, t: Any, c: Any, k: int, extrapolate: Any = True, axis: int = 0):
        self.t, self.k, self.extrapolate = entries(t), int(k), extrapolate
        c = entries(c)
        self.axis = axis % np.ndim(c)
        self.c = first(c, self.axis)
        accepts(is_sorted, self.t)
        accepts(is_finite, self.t, self.c)
        accepts(_has_an_interval, self.t[self.k : np.shape(self.c)[0] + 1])

    @classmethod
    def of(cls, plain: Any) -> BSpline:
        return BSpline._made(plain.t, plain.c, plain.k, plain.extrapolate, plain.axis)

    @classmethod
    def _made(cls, t: Any, c: Any, k: int, extrapolate: Any, axis: int) -> BSpline:
        made = BSpline.__new__(BSpline)
        made.t, made.c, made.k, made.extrapolate, made.axis = t, c, k, extrapolate, axis
        return made

    @property
    def tck(self) -> tuple[Any, Any, int]:
        return self.t, self.c, self.k

    def __call__(self, x: Any, nu: int = 0, extrapolate: Any = None) -> Any:
        extrapolate = self.extrapolate if extrapolate is None else extrapolate
        if nu:
            return self.derivative(nu)(x, extrapolate=extrapolate)
        x = entries(x)
        shape, flat = np.shape(x), np.reshape(x, (-1,))
        low, high = self.t[self.k], self.t[np.shape(self.t)[0] - self.k - 1]
        if isinstance(extrapolate, str):
            flat = low + np.mod(flat - low, high - low)
        start, weights = basis(self.t, self.k, flat)
        column = (-1,) + (1,) * (np.ndim(self.c) - 1)
        total: Any = 0.0
        for j, weight in enumerate(weights):
            total = total + np.reshape(weight, column) * self.c[start + j]
        if not extrapolate:
            total = np.where(np.reshape((flat >= low) & (flat <= high), column), total, np.nan)
        return with_axis(np.reshape(total, shape + np.shape(self.c)[1:]), len(shape), self.axis)

    def derivative(self, nu: int = 1) -> BSpline:
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            if k == 0:
                return BSpline._made(t, 0.0 * c, 0, self.extrapolate, self.axis)
            n = np.shape(t)[0] - k - 1
            width = t[k + 1 : n + k] - t[1:n]
            column = np.reshape(np.where(width == 0, 1.0, width), (-1,) + (1,) * (np.ndim(c) - 1))
            c = (c[1:n] - c[: n - 1]) * k / column
            t, k = t[1:-1], k - 1
        return BSpline._made(t, c, k, self.extrapolate, self.axis)

    def antiderivative(self, nu: int = 1) -> BSpline:
        t, c, k = self.t, self.c, self.k
        for _ in range(nu):
            n = np.shape(t)[0] - k - 1
            width = np.reshape(t[k + 1 : n + k + 1] - t[:n], (-1,) + (1,) * (np.ndim(c) - 1))
            sums = np.cumsum(c[:n] * width, axis=0) / (k + 1)
            pad = np.stack([sums[-1]] * (k + 2))
            c = np.concatenate([0.0 * sums[:1], sums, pad[:-1]])
            t, k = np.concatenate([t[:1], t, t[-1:]]), k + 1
            c = c[: np.shape(t)[0] - k - 1]
        return BSpline._made(t, c, k, self.extrapolate, self.axis)

    def integrate(self, a: Any, b: Any, extrapolate: Any = None) -> Any:
        low, high = self.t[self.k], self.t[np.shape(self.t)[0] - self.k - 1]
        if not (self.extrapolate if extrapolate is None else extrapolate):
            a, b = (np.clip(x, low, high) for x in (a, b))
        whole = self.antiderivative()
        return whole(b, extrapolate=True) - whole(a, extrapolate=True)


# Interpolation -------------------------------------------------------------------------------------------------------


def _not_a_knot(x: Any, k: int) -> Any:
    """The knots of an interpolating spline: places, or the middles between them, without those next to the ends."""
    if k == 0:
        return np.concatenate([x, x[-1:]])
    if k % 2:
        inner = x[(k + 1) // 2 : np.shape(x)[0] - (k + 1) // 2]
    else:
        middles = (x[1:] + x[:-1]) / 2
        inner = middles[k // 2 : np.shape(middles)[0] - k // 2]
    return np.concatenate([x[:1]] * (k + 1) + [inner] + [x[-1:]] * (k + 1))


def spline_weights(x: Any, k: int, t: Any = None, bc_type: Any = None) -> np.ndarray:
    """The matrix by which coefficients follow from values at plain places."""

    def coefficients(y: Any) -> Any:
        return scipy.interpolate.make_interp_spline(x, y, k, t, bc_type).c

    n = len(x)
    return coefficients(np.eye(n)) - coefficients(np.zeros((n, n)))


@twin(scipy.interpolate.make_interp_spline)
def make_interp_spline(
    x: Any, y: Any, k: int = 3, t: Any = None, bc_type: Any = None, axis: int = 0, check_finite: bool = True
) -> BSpline:
    x, y = entries(x), entries(y)
    accepts(is_increasing, x)
    accepts(is_finite, x, y)
    y, axis = first(y, axis), axis % np.ndim(y)
    n = np.shape(x)[0]
    values = np.reshape(y, (n, -1))
    if type(x) is not Array:
        t = fixed(t, "a knot t of make_interp_spline")
        plain = scipy.interpolate.make_interp_spline(x, value_of(y), k, t, fixed(bc_type, "bc_type"))
        rest = scipy.interpolate.make_interp_spline(x, np.zeros((n, 1)), k, t, bc_type).c
        c = spline_weights(x, k, t, _homogeneous(bc_type)) @ values + rest
        extrapolate = plain.extrapolate
        return BSpline._made(plain.t, np.reshape(c, (-1, *np.shape(y)[1:])), k, extrapolate, axis)
    if bc_type not in (None, "not-a-knot") or t is not None:
        raise RecordingError(
            "make_interp_spline has a derivative by the places x without t= and bc_type=; give cr.stop_gradient(x)"
            + at_line()
        )
    t = _not_a_knot(x, k)
    c = np.linalg.solve(_collocation(t, k, x), values)
    return BSpline._made(t, np.reshape(c, (n, *np.shape(y)[1:])), k, True, axis)


@twin(scipy.interpolate.make_smoothing_spline)
def make_smoothing_spline(x: Any, y: Any, w: Any = None, lam: Any = None, *, axis: int = 0) -> BSpline:
    """It is linear in the values, if lam is given."""
    if lam is None:
        raise RecordingError(
            "make_smoothing_spline looks for lam where it is not given; give it: lam=cr.stop_gradient(…)" + at_line()
        )
    x, w, lam = (fixed(part, f"{name} of make_smoothing_spline") for part, name in ((x, "x"), (w, "w"), (lam, "lam")))
    y = entries(y)
    axis = axis % np.ndim(y)
    values = first(y, axis)
    plain = scipy.interpolate.make_smoothing_spline(x, np.eye(np.shape(values)[0]), w, lam)
    return BSpline._made(plain.t, np.tensordot(plain.c, values, 1), 3, plain.extrapolate, axis)


def _homogeneous(bc_type: Any) -> Any:
    """Conditions at the ends with zeros on the right side."""
    if bc_type is None or isinstance(bc_type, str):
        return bc_type
    return tuple(
        side if side is None or isinstance(side, str) else [(order, 0.0) for order, _ in side] for side in bc_type
    )


@twin(scipy.interpolate.splrep, adopts=False)
def splrep(x: Any, y: Any, w: Any = None, *rest: Any, k: int = 3, s: Any = None, **options: Any) -> Any:
    if rest or options or w is not None or (s is not None and s != 0):
        raise RecordingError(
            "splrep has a derivative where it interpolates: splrep(x, y, k=3, s=0); a smoothing spline has knots that "
            "depend on the values; write make_lsq_spline with knots" + at_line()
        )
    t, c, _ = plain_result(scipy.interpolate.splrep, x, y, k=k, s=s)
    spline = make_interp_spline(entries(x), entries(y), k)
    return with_value(spline.t, t), with_value(np.concatenate([spline.c, np.zeros(k + 1)]), c), k


@twin(scipy.interpolate.splev)
def splev(x: Any, tck: Any, der: int = 0, ext: int = 0) -> Any:
    if ext not in (0, 1):
        raise RecordingError("splev has a derivative with ext=0 or ext=1" + at_line())
    t, c, k = (tck.t, tck.c, tck.k) if hasattr(tck, "t") else tck
    t, c = entries(t), entries(c)
    x = entries(x)
    value = BSpline._made(t, c[: np.shape(t)[0] - k - 1], k, True, 0)(x, der)
    if ext == 0:
        return value
    inside = (x >= t[k]) & (x <= t[np.shape(t)[0] - k - 1])
    return np.where(inside, value, 0.0)


@twin(scipy.interpolate.splint)
def splint(a: Any, b: Any, tck: Any, full_output: int = 0) -> Any:
    t, c, k = tck
    t, c = entries(t), entries(c)
    spline = BSpline._made(t, c[: np.shape(t)[0] - k - 1], k, False, 0)
    return spline.integrate(entries(a), entries(b))


@twin(scipy.interpolate.make_lsq_spline)
def make_lsq_spline(
    x: Any, y: Any, t: Any, k: int = 3, w: Any = None, axis: int = 0, check_finite: bool = True, **options: Any
) -> BSpline:
    """By the normal equations of the basis functions."""
    x, y, t = entries(x), entries(y), entries(t)
    accepts(is_increasing, x)
    accepts(is_sorted, t)
    accepts(is_finite, x, y, t)
    y, axis = first(y, axis), axis % np.ndim(y)
    matrix, values = _collocation(t, k, x), np.reshape(y, (np.shape(x)[0], -1))
    if w is not None:
        w = entries(w)[:, None]
        matrix, values = matrix * w, values * w
    c = np.linalg.solve(matrix.T @ matrix, matrix.T @ values)
    return BSpline._made(t, np.reshape(c, (-1, *np.shape(y)[1:])), k, True, axis)


class UnivariateSpline:
    """The twin of a spline of FITPACK, which is made of plain values."""

    def __init__(self, spline: BSpline, ext: Any):
        self.spline, self.ext = spline, ext

    @classmethod
    def of(cls, plain: Any) -> UnivariateSpline:
        t, c, k = plain._eval_args
        return cls(BSpline._made(t, c[: len(t) - k - 1], k, True, 0), plain.ext)

    def __call__(self, x: Any, nu: int = 0, ext: Any = None) -> Any:
        ext = {0: 0, 1: 1, "extrapolate": 0, "zeros": 1}.get(self.ext if ext is None else ext)
        if ext is None:
            raise RecordingError("a spline has a derivative with ext 'extrapolate' or 'zeros'" + at_line())
        return splev(x, self.spline, nu, ext)

    def integral(self, a: Any, b: Any) -> Any:
        return BSpline._made(*self.spline.tck, False, 0).integrate(entries(a), entries(b))

    def derivative(self, n: int = 1) -> UnivariateSpline:
        return type(self)(self.spline.derivative(n), self.ext)

    def antiderivative(self, n: int = 1) -> UnivariateSpline:
        return type(self)(self.spline.antiderivative(n), self.ext)


@twin(scipy.interpolate.UnivariateSpline)
class SmoothingSpline(UnivariateSpline):
    """As `UnivariateSpline`; of recorded values where it interpolates."""

    def __init__(self, *args: Any, **options: Any):
        if args and isinstance(args[0], BSpline):
            super().__init__(*args)
            return
        given = dict(zip("x y w bbox k s ext".split(), args, strict=False)) | options
        s = given.pop("s", None)
        if s is None or s != 0:
            raise RecordingError(
                "UnivariateSpline smooths, with knots and a smoothness that it looks for until the residual is s up to "
                "0.1 %, so it has no derivative by the values; write s=0, make_smoothing_spline(x, y, lam=…), or "
                "make_lsq_spline with knots" + at_line()
            )
        given.pop("w", None)  # a spline through all values has no use for weights
        made = InterpolatedUnivariateSpline(**given)
        super().__init__(made.spline, made.ext)


@twin(scipy.interpolate.InterpolatedUnivariateSpline)
class InterpolatedUnivariateSpline(UnivariateSpline):
    def __init__(self, x: Any, y: Any, w: Any = None, bbox: Any = (None, None), k: int = 3, ext: Any = 0, **_: Any):
        if isinstance(x, BSpline):
            super().__init__(x, y)
        elif w is not None or tuple(bbox) != (None, None):
            raise RecordingError("InterpolatedUnivariateSpline has a derivative without w= and bbox=" + at_line())
        else:
            super().__init__(make_interp_spline(entries(x), entries(y), k), ext)
