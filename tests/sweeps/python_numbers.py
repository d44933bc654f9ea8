"""Python's own numbers as arguments: is what runs under chainrule what Python and NumPy make of them?

A Python number does not decide the dtype of a result: `2.0 * x` has the dtype of x. And Python computes with two of its
numbers itself: `1 // 2` is an int, `(-8.0) ** 0.5` is complex, `True + True` is 2. Each program is run plain, recorded
by `cr.grad`, and compiled (recorded, and then twice as machine code); value, dtype and type must be the same. Where
Python refuses a division by zero or an overflow, the result is that for a np.float64.

    PYTHONPATH=src:tests python -m tests.sweeps.python_numbers [-v]

Takes about five minutes. `tests/test_python_numbers.py` runs a sample.
"""

from __future__ import annotations

import itertools
import math
import operator
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule.array import value_of
from chainrule.errors import ChainruleError

Program = Callable[[Any], Any]

NUMBERS = [2.5, -2.5, 0.0, -0.0, 3.0, 1e200, math.inf, math.nan, 1.5 - 2j]

OTHERS: dict[str, Any] = {
    **{repr(x): x for x in (2.0, -0.5, 0.0, 3, -1, 0, True, False, 1.5 + 1j)},
    **{
        repr(x): x
        for x in (np.float64(1.5), np.float32(1.5), np.float16(1.5), np.longdouble(1.5), np.int8(3), np.int64(-2))
    },
    **{
        f"ones of {dtype}": np.ones(2, dtype)
        for dtype in ("float32", "float64", "float16", "int8", "uint8", "int64", "bool", "complex64", "complex128")
    },
    "0-d float32": np.array(1.5, np.float32),
}

OPERATORS = {
    **{
        f.__name__: f
        for f in (
            *(operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod),
            *(operator.pow, operator.lt, operator.le, operator.eq, operator.ne, operator.gt, operator.ge, divmod),
        )
    },
    "maximum": np.maximum,
    "hypot": np.hypot,
    "np.multiply": np.multiply,
    "np.power": np.power,
    "where": lambda x, y: np.where(True, x, y),
}

F32 = np.array([1.5, 0.25], np.float32)

OF_ONE: dict[str, Program] = {
    "x": lambda x: x,
    "-x": operator.neg,
    "+x": operator.pos,
    "abs(x)": abs,
    "round(x, 1)": lambda x: round(x * 1.07, 1),
    "round(x, 2)": lambda x: round(x + 0.175, 2),
    "x.real": lambda x: x.real,
    "x.imag": lambda x: x.imag,
    "x.conjugate()": lambda x: x.conjugate(),
    "x * x": lambda x: x * x,
    "x ** 2": lambda x: x**2,
    "x ** 0.5": lambda x: x**0.5,
    "x ** -1": lambda x: x**-1,
    "2 ** x": lambda x: 2**x,
    "1 / x": lambda x: 1 / x,
    "7 // x": lambda x: 7 // x,
    "7 % x": lambda x: 7 % x,
    "sum([x, x, 1])": lambda x: sum([x, x, 1]),
    "max(x, 1.0)": lambda x: max(x, 1.0),
    "(x > 1) + (x > 2)": lambda x: (x > 1) + (x > 2),
    "~(x > 1)": lambda x: ~(x > 1),
    "(x > 1) & (x > 2)": lambda x: (x > 1) & (x > 2),
    "(x > 1) | True": lambda x: (x > 1) | True,
    "(x > 1) ^ True": lambda x: (x > 1) ^ True,
    "(x > 1) * x": lambda x: (x > 1) * x,
    "(x > 1) / 2": lambda x: (x > 1) / 2,
    "(x > 1) ** -1": lambda x: ((x > 1) + 1) ** -1,
    "-(x > 1)": lambda x: -(x > 1),
    "np.sin(x)": np.sin,
    "np.abs(x)": np.abs,
    "np.real(x)": np.real,
    "np.clip(x, 0, 1)": lambda x: np.clip(x, 0, 1),
    "np.clip(f32, x, 1)": lambda x: np.clip(F32, x, 1),
    "np.sum(x)": np.sum,
    "np.mean(x)": np.mean,
    "np.square(x)": np.square,
    "np.round(x, 1)": lambda x: np.round(x, 1),
    "np.stack([x, 1.0])": lambda x: np.stack([x, 1.0]),
    "np.add(x, 1)": lambda x: np.add(x, 1),
    "f32.dot": lambda x: np.dot(F32, x),
    "f32[0] * x": lambda x: F32[0] * x,
    "x > f32": lambda x: x > F32,
    "int(x)": lambda x: int(x) * F32,
    "math.floor(x)": lambda x: math.floor(x) * F32,
    "x if isinstance(x, float)": lambda x: x if isinstance(x, float) and not isinstance(x, np.floating) else F32,
    "scale": lambda x: x * F32 * x + x,
    "polynomial": lambda x: (x * x - 2 * x + 1) * F32,
    "in place": lambda x: _in_place(x),
}
"""What one does with a number; the result is then multiplied by an array of float32."""


def _in_place(x: Any) -> Any:
    y = x
    y += 1
    y *= x
    return y * F32


def programs() -> Iterator[tuple[str, Program]]:
    yield from OF_ONE.items()
    for (symbol, op), (name, other) in itertools.product(OPERATORS.items(), OTHERS.items()):
        yield f"{symbol}(x, {name})", lambda x, op=op, other=other: op(x, other)
        if op is operator.pow and isinstance(other, np.float32):
            continue  # NumPy's numbers hand over to the ufunc, which has other last digits than they have themselves
        yield f"{symbol}({name}, x)", lambda x, op=op, other=other: op(other, x)


class Outcome(NamedTuple):
    """What a program made: the result, and the result times an array of float32."""

    results: tuple[Any, ...]
    error: type | None = None


def told(x: Any) -> Any:
    """A value by its type, its dtype and its digits; bytes tell −0.0 from 0.0, and NaN is equal to NaN."""
    array = np.asarray(x)
    if array.dtype.kind in "fc":
        array = array + 0 * array if array.dtype == np.longdouble else array
        array = np.where(np.isnan(array), np.nan, array).astype(array.dtype)
    return type(x), array.dtype, array.shape, array.tolist() if array.dtype.kind in "biu" else repr(array.tolist())


def with_f32(f: Program) -> Program:
    def both(x: Any) -> Any:
        r = f(x)
        parts = r if isinstance(r, tuple) else (r,)
        return (*parts, *(part * F32 for part in parts))

    return both


def plain(f: Program, x: Any) -> Outcome:
    try:
        return Outcome(f(x))
    except (ZeroDivisionError, OverflowError):
        return Outcome((), ArithmeticError)
    except (ArithmeticError, TypeError, ValueError) as error:
        return Outcome((), type(error))


def recorded(f: Program, x: Any) -> Outcome:
    """What the program makes of a number that `cr.grad` records."""
    found: list[Any] = []

    def loss(x: Any) -> Any:
        found.extend(value_of(r) for r in f(x))
        return np.real(x * 1.0)

    try:
        cr.grad(loss)(x)
    except (ArithmeticError, TypeError, ValueError) as error:
        return Outcome((), ArithmeticError if isinstance(error, ArithmeticError) else type(error))
    return Outcome(tuple(found))


def differences(f: Program, x: Any, compiled: bool = True) -> Iterator[str]:
    """Where the recorded and the compiled program differ from the plain one."""
    f = with_f32(f)
    wanted = plain(f, x)
    ways: list[tuple[str, Callable[[], Outcome]]] = [("recorded", lambda: recorded(f, x))]
    if compiled:
        fast = cr.compile(f)
        ways += [(f"compiled, call {i + 1}", lambda: plain(fast, x)) for i in range(3)]
    for way, run in ways:
        try:
            got = run()
        except ChainruleError as error:
            if wanted.error is None:
                yield f"{way}: refused ({str(error).splitlines()[0]})"
            continue
        if wanted.error is ArithmeticError and got.error is None:
            numpys = plain(f, np.asarray(x)[()]).results
            if not all(map(_equal, got.results, numpys)):  # none if NumPy refuses too, as for a complex number
                yield f"{way}: {got.results}, by NumPy {numpys}"
        elif got.error is not wanted.error:
            yield f"{way}: {got.error or got.results} for {wanted.error or wanted.results}"
        elif list(map(told, got.results)) != list(map(told, wanted.results)):
            yield f"{way}: {got.results} for {wanted.results}"


def _equal(x: Any, y: Any) -> bool:
    return np.array_equal(x, y, equal_nan=True)


def sweep(every: int = 1, compiled: bool = True) -> tuple[Counter[str], list[str]]:
    """How many runs were the same or differ, and each difference."""
    counts: Counter[str] = Counter()
    found = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for i, ((name, f), x) in enumerate(itertools.product(programs(), NUMBERS)):
            if i % every:
                continue
            told = [f"{name} at x = {x!r}: {line}" for line in differences(f, x, compiled)]
            counts["differ" if told else "same"] += 1
            found += told
    return counts, found


if __name__ == "__main__":
    counts, found = sweep(int(sys.argv[1]) if len(sys.argv) > 1 else 1, compiled="-e" not in sys.argv)
    print("\n".join(found))
    print(dict(counts))
