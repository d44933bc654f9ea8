"""Are derivatives as precise as the forward pass where an operand has a smaller dtype than the result?

NumPy takes a float32, a float16, an integer or a truth beside float64 in float64. So must a backward rule: the gradient
is the one with that operand cast to float64 beforehand.

    PYTHONPATH=src:tests python -m tests.sweeps.precision

Takes about half a minute.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from catalogue import CASES
from chainrule.errors import ChainruleError

DTYPES = [np.float32, np.float16, np.int8, np.uint8, np.int64, np.bool]

FUNCTIONS: dict[str, Callable[[Any, Any], Any]] = {
    **{
        f.__name__: f
        for f in (
            *(np.add, np.subtract, np.multiply, np.divide, np.power, np.remainder, np.fmod, np.hypot, np.arctan2),
            *(np.maximum, np.minimum, np.fmax, np.fmin, np.copysign, np.heaviside, np.float_power),
            *(np.logaddexp, np.logaddexp2, np.inner, np.outer, np.kron, np.vdot, np.vecdot, np.cross, np.trapezoid),
        )
    },
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "%": lambda x, y: x % y,
    "where": lambda x, y: np.where(x > y, x * y, y / x),
    "clip": lambda x, y: np.clip(x, y, y + 2),
    "matmul": lambda x, y: x @ y.T,
    "einsum": lambda x, y: np.einsum("ij,kj->ik", x, y),
    "einsum of three": lambda x, y: np.einsum("ij,kj,ij->ik", x, y, x),
    "tensordot": lambda x, y: np.tensordot(x, y, ([1], [1])),
    "multi_dot": lambda x, y: np.linalg.multi_dot([x, y.T, x]),
    "solve": lambda x, y: np.linalg.solve(x[:, :2], y[:, :2]),
    "lstsq": lambda x, y: np.linalg.lstsq(x.T, y.T)[0],
    "convolve": lambda x, y: np.convolve(x[0], y[0]),
    "average": lambda x, y: np.average(x, weights=y, axis=1),
    "gradient": lambda x, y: np.gradient(x, y[0], axis=1),
    "interp": lambda x, y: np.interp(x[0], np.sort(y[0]), y[1]),
    "polyval": lambda x, y: np.polyval(x[0], y[0]),
    "cov": lambda x, y: np.cov(x, aweights=y[0]),
}
"""Functions of two arrays of shape (2, 3)."""

X = np.array([[0.3, 0.7, 1.3], [2.1, 0.9, 1.7]])
Y = np.array([[3.1, 100.7, 7.0], [2.3, 113.9, 5.3]])


class Call(NamedTuple):
    """A function of an array and of one whose dtype may be smaller."""

    name: str
    f: Callable[[Any, Any], Any]
    x: np.ndarray
    small: np.ndarray


def calls() -> Iterator[Call]:
    """The functions above on both sides, and every function of the catalogue by each pair of its operands."""
    for (name, f), dtype in itertools.product(FUNCTIONS.items(), DTYPES):
        y = Y.astype(dtype)
        yield Call(f"{name}(x, {y.dtype})", f, X, y)
        yield Call(f"{name}({y.dtype}, x)", lambda x, y, f=f: f(y, x), X, y)
    for case in CASES:
        xs = [np.asarray(x) for x in case.arrays()]
        places = [i for i, x in enumerate(xs) if x.dtype == np.float64]
        for (i, j), dtype in itertools.product(itertools.permutations(places, 2), DTYPES):
            small = _as_small(xs[j], dtype)
            yield Call(f"{case.name} by {i}, {j} of {small.dtype}", _by(case.f, xs, i, j), xs[i], small)


def _as_small(x: np.ndarray, dtype: Any) -> np.ndarray:
    if np.issubdtype(dtype, np.integer):
        x = np.clip(np.round(40 * x), max(np.iinfo(dtype).min, -120), 120)
    return x.astype(dtype)


def _by(f: Callable[..., Any], xs: list[np.ndarray], i: int, j: int) -> Callable[[Any, Any], Any]:
    def of_two(x: Any, y: Any) -> Any:
        args: list[Any] = list(xs)
        args[i], args[j] = x, y
        return f(*args)

    return of_two


WAYS: dict[str, Callable[[Any], Any]] = {"grad": cr.grad, "compile": lambda f: cr.compile(cr.grad(f))}


def fault(call: Call, way: str) -> str:
    """ "" if right, "refused", "no question" where NumPy's own value has fewer digits; else what is wrong."""
    wide = call.small.astype(np.float64)
    try:
        z, same = call.f(call.x, call.small), call.f(call.x, wide)
    except Exception:
        return "no question"
    if not isinstance(z, np.ndarray | np.float64) or z.dtype != np.float64 or same.dtype != np.float64:
        return "no question"
    if not np.allclose(z, same, rtol=1e-13, atol=0, equal_nan=True):
        return "no question"
    seed = np.cos(np.arange(z.size)).reshape(z.shape) + 1.5
    try:
        found, expected = (WAYS[way](lambda x, y=y: np.sum(call.f(x, y) * seed))(call.x) for y in (call.small, wide))
    except ChainruleError:
        return "refused"
    scale = np.max(np.abs(expected), initial=0)
    right = np.allclose(found, expected, rtol=4e-14, atol=1e-15 * scale, equal_nan=True)
    return "" if right else f"{found.tolist()} for {expected.tolist()}"


def main() -> int:
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for i, call in enumerate(calls()):
        for way in WAYS if i < 2 * len(FUNCTIONS) * len(DTYPES) else ("grad",):
            with np.errstate(all="ignore"):
                told = fault(call, way)
            known = told in ("", "refused", "no question")
            counts[(told or "right") if known else "wrong"] += 1
            if not known:
                print(f"WRONG {call.name}, {way}: {told[:200]}")
    print(dict(counts))
    return min(counts["wrong"], 1)


if __name__ == "__main__":
    sys.exit(main())
