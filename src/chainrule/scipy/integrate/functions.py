"""Twins of integrals of functions.

SciPy computes the value. The derivative by a value inside the function is the integral of the function's derivative; it
is recorded as a sum over the intervals that SciPy has chosen. The derivative by a limit is the function at that limit.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.integrate

from chainrule.array import Array, form_of, node_of, read, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback
from chainrule.scipy._solving import Solving
from chainrule.scipy.arguments import by_name
from chainrule.standins.scipy_functions import read_values, twin, with_value

__all__: list[str] = []

ORDER = 21
"""Points of the rule of Gauss and Legendre on each interval."""


@functools.cache
def _gauss(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights on the interval from 0 to 1."""
    points, weights = np.polynomial.legendre.leggauss(order)
    return (points + 1) / 2, weights / 2


@functools.cache
def _double_exponential() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Distances from 0 and from 1, and weights, on the interval from 0 to 1; for functions with singular ends.

    H. Takahasi and M. Mori, Double exponential formulas for numerical integration (1974).
    """
    t = np.arange(-60, 61) / 16
    u = 0.5 * math.pi * np.sinh(t)
    left, right = 1 / (1 + np.exp(-2 * u)), 1 / (1 + np.exp(2 * u))
    weights = 0.5 * math.pi * np.cosh(t) / np.cosh(u) ** 2 / 2 / 16
    return left, right, weights


def _points(intervals: list[tuple[float, float]], singular: bool) -> tuple[np.ndarray, np.ndarray]:
    """The points and weights of a sum over intervals."""
    points, weights = [], []
    for a, b in intervals:
        if singular:
            left, right, w = _double_exponential()
            x = np.where(left < 0.5, a + (b - a) * left, b - (b - a) * right)
            inside = (x > min(a, b)) & (x < max(a, b))
            points.append(x[inside])
            weights.append((b - a) * w[inside])
        else:
            u, w = _gauss(ORDER)
            points.append(a + (b - a) * u)
            weights.append((b - a) * w)
    return np.concatenate(points), np.concatenate(weights)


def _on_the_line(a: float, b: float, t: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights of an integral with an infinite limit, from those on (0, 1) (QUADPACK's substitution)."""
    x, w = (1 - t) / t, w / t**2
    if math.isinf(a) and math.isinf(b):
        x, w = np.concatenate([x, -x]), np.concatenate([w, w])
    else:
        x = a + x if math.isinf(b) else b - x
    return x, w if a < b else -w


def _sum(f: Callback | _Inner, points: np.ndarray, weights: np.ndarray) -> Any:
    values = [f.recorded(float(x)) for x in points]
    recorded = any(type(v) is Array for v in values)
    if not recorded:
        return sum(w * v for w, v in zip(weights, values, strict=True))
    return np.tensordot(weights, np.stack([v * 1.0 for v in values]), 1)


def _integral(name: str, f: Callback | _Inner, limits: tuple[Any, Any], value: Any, error: Any, intervals: Any) -> Any:
    """The recorded integral.

    Parameters
    ----------
    value, error : SciPy's integral and its estimate of the error; recorded if compiled code integrates again.
    intervals : those that SciPy has chosen; between 0 and 1 if a limit is infinite.
    """
    a, b = (float(value_of(x)) for x in limits)
    total: Any = 0.0
    if a > b and not math.isinf(a - b):
        intervals = [(max(pair), min(pair)) for pair in intervals]  # SciPy's go up
    if a != b:
        allowed = 10 * error + 1e-9 * np.max(np.abs(value))
        recorded = type(value) is Array
        for singular in (False, True):
            points, weights = _points(intervals, singular)
            if math.isinf(a) or math.isinf(b):
                points, weights = _on_the_line(a, b, points, weights)
            with np.errstate(all="ignore"):
                total = _sum(f, points, weights)
            if np.all(np.abs((total if recorded else form_of(total)) - value) <= allowed):
                break
        else:
            raise RecordingError(
                f"the function in {name} is too irregular for the derivative of its integral to be computed with the "
                "digits of its value; split the interval where it is singular" + at_line()
            )
    for limit, x, sign in ((limits[0], a, -1.0), (limits[1], b, 1.0)):
        if type(limit) is Array and math.isfinite(x):
            total = total + sign * _beyond(f, x, limit)
    return total


def _beyond(f: Callback | _Inner, at: float, limit: Any) -> Any:
    """The integral from a plain number to an equal recorded number: its value is 0, its derivatives are not."""
    away, total = limit - at, 0.0
    for u, w in zip(*_gauss(2), strict=True):
        total = total + w * f.recorded(at + away * u)
    return away * total


@twin(scipy.integrate.quad, adopts=False)
def quad(func: Any, a: Any, b: Any, args: Any = (), full_output: int = 0, *rest: Any, **options: Any) -> Any:
    options = read_values(by_name(scipy.integrate.quad, 5, rest, options))
    if options.get("weight") is not None or options.get("complex_func"):
        raise RecordingError(
            "quad has a derivative without weight= and complex_func=; write the weight into the function, and take the "
            "integrals of the real and the imaginary part" + at_line()
        )
    f = Callback(func, args)
    limits = read_values(a), read_values(b)
    solving = Solving(_integrate, [f], (*limits, options))
    found = solving.result
    warns = len(found) > 3 and not full_output
    can_move = type(a) is Array or type(b) is Array
    solving.settle(_inside(*limits), _value, solves_again=not (can_move or warns or full_output))
    bounds = solving.part("quad_intervals", _intervals)
    if type(bounds) is Array:
        read(node_of(bounds), "error")  # other intervals are other steps
    value, error = solving.part("quad_value", _value), solving.part("quad_error", _error)
    total = _integral("quad", f, (a, b), value, error, sorted(map(tuple, _intervals(found).tolist())))
    solving.guard_decisions(f)
    if warns or full_output:
        result = scipy.integrate.quad(f, *limits, **options) if warns else found
        return (with_value(total, result[0]), *result[1:])
    return solving.with_value("quad", total, _value), error


def _integrate(callbacks: Any, given: Any) -> Any:
    a, b, options = given
    return scipy.integrate.quad(callbacks[0], a, b, full_output=1, **options)


def _value(found: Any) -> Any:
    return found[0]


def _error(found: Any) -> Any:
    return found[1]


def _intervals(found: Any) -> Any:
    """The intervals that SciPy has chosen, a row for each."""
    last = found[2]["last"]
    return np.stack([found[2]["alist"][:last], found[2]["blist"][:last]], axis=1)


def _inside(a: float, b: float) -> Any:
    """A number between two limits."""
    if math.isfinite(a) and math.isfinite(b):
        return np.float64((a + b) / 2)
    return np.float64(a + 1 if math.isfinite(a) else b - 1 if math.isfinite(b) else 0)


@twin(scipy.integrate.quad_vec, adopts=False)
def quad_vec(f: Any, a: Any, b: Any, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.integrate.quad_vec, 3, rest, options)
    callback = Callback(f, options.pop("args", ()))
    if not all(np.isfinite(value_of(x)) for x in (a, b)):
        raise RecordingError("quad_vec has a derivative between finite limits; write quad of each entry" + at_line())
    limits = read_values(a), read_values(b)
    found = scipy.integrate.quad_vec(callback, *limits, **{**options, "full_output": True})
    intervals = sorted((float(lo), float(hi)) for lo, hi in found[2].intervals)
    callback.operands()
    total = _integral("quad_vec", callback, (a, b), found[0], found[1], intervals)
    made = with_value(total, found[0])
    return (made, *found[1:]) if options.get("full_output") else (made, found[1])


# Several variables ---------------------------------------------------------------------------------------------------


class _Nested:
    """Integrals over the first variables, as functions of the others.

    Attributes
    ----------
    f : the function.
    ranges, options : the limits of each variable and how it is integrated, or functions of the variables after it.
    """

    def __init__(self, f: Callback, ranges: Sequence[Any], options: Sequence[Any]):
        self.f, self.ranges, self.options = f, ranges, options
        self.plain_ranges = [Callback(r) if callable(r) else read_values(r) for r in ranges]

    def value(self, count: int, others: tuple[Any, ...], **more: Any) -> Any:
        """SciPy's integral over so many variables."""
        ranges, others = self.plain_ranges[:count], tuple(read_values(others))
        return scipy.integrate.nquad(self.f, ranges, others, [*self.options[:count]], **more)

    def recorded(self, count: int, others: tuple[Any, ...]) -> Any:
        if count == 0:
            return self.f.recorded(*others)
        limits, options = (x(*others) if callable(x) else x for x in (self.ranges[count - 1], self.options[count - 1]))
        inner = _Inner(self, count - 1, others)
        found = scipy.integrate.quad(inner, *read_values([*limits]), full_output=1, **options)
        last = found[2]["last"]
        intervals = [
            (float(x), float(y)) for x, y in zip(found[2]["alist"][:last], found[2]["blist"][:last], strict=True)
        ]
        inner.operands()
        return with_value(_integral("nquad", inner, limits, found[0], found[1], sorted(intervals)), found[0])


class _Inner:
    """An inner integral as a function of the next variable, with the interface of a Callback."""

    def __init__(self, nested: _Nested, count: int, others: tuple[Any, ...]):
        self.nested, self.count, self.others = nested, count, others

    def __call__(self, x: Any) -> Any:
        if self.count == 0:
            return self.nested.f(x, *read_values(self.others))
        return self.nested.value(self.count, (x, *self.others))[0]

    def recorded(self, x: Any) -> Any:
        return self.nested.recorded(self.count, (x, *self.others))

    def operands(self) -> list[Any]:
        return self.nested.f.operands()


@twin(scipy.integrate.nquad, adopts=False)
def nquad(func: Any, ranges: Any, args: Any = None, opts: Any = None, full_output: bool = False) -> Any:
    args = () if args is None else args if isinstance(args, tuple) else (args,)

    def with_args(x: Any) -> Any:
        return (lambda *others: x(*others, *args)) if callable(x) else x

    one = opts is None or isinstance(opts, dict) or callable(opts)
    options = [({} if opts is None else opts)] * len(ranges) if one else opts
    nested = _Nested(Callback(func, args), [*map(with_args, ranges)], [*map(with_args, options)])
    result = nested.value(len(ranges), (), full_output=full_output)
    return (with_value(nested.recorded(len(ranges), ()), result[0]), *result[1:])


def _limits(low: Any, high: Any, order: slice = slice(None)) -> Any:
    """Two limits, numbers or functions, as a range of nquad's; `order` is that of the functions' arguments."""

    def limits(*others: Any) -> Any:
        return [x(*others[order]) if callable(x) else x for x in (low, high)]

    return limits


@twin(scipy.integrate.dblquad, adopts=False)
def dblquad(
    func: Any, a: Any, b: Any, gfun: Any, hfun: Any, args: Any = (), epsabs: float = 1.49e-8, epsrel: float = 1.49e-8
) -> Any:
    opts = {"epsabs": epsabs, "epsrel": epsrel}
    return nquad(lambda *x: func(*x, *args), [_limits(gfun, hfun), [a, b]], opts=opts)


@twin(scipy.integrate.tplquad, adopts=False)
def tplquad(
    func: Any,
    a: Any,
    b: Any,
    gfun: Any,
    hfun: Any,
    qfun: Any,
    rfun: Any,
    args: Any = (),
    epsabs: float = 1.49e-8,
    epsrel: float = 1.49e-8,
) -> Any:
    opts = {"epsabs": epsabs, "epsrel": epsrel}
    backwards = slice(None, None, -1)
    return nquad(lambda *x: func(*x, *args), [_limits(qfun, rfun, backwards), _limits(gfun, hfun), [a, b]], opts=opts)
