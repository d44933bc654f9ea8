"""Python's integers as arguments of compiled functions: value, dtype, type and error of each call as without compiling.

    python -m tests.sweeps.counters        # 70 functions × 2 dtypes × 3 sequences, some twenty minutes

The sequences go up, start at 0, and mix signs and sizes beyond 64 bits. Whether an integer becomes an operand, or each
is a version of its own, must not show.
"""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr

ERRORS = (ArithmeticError, ValueError, TypeError, LookupError)


def _written(x, t):
    z = np.zeros_like(x)
    z[0] = t
    return z + x


ARITHMETIC: dict[str, Callable[..., Any]] = {
    "bias correction": lambda x, t: x / (1 - 0.9**t),
    "product": lambda x, t: x * t,
    "sum": lambda x, t: (x + t) * 2,
    "quotient": lambda x, t: x / t,
    "1/t": lambda x, t: x * (1 / t),
    "1/(t + 1)": lambda x, t: x * (1 / (t + 1)),
    "square root": lambda x, t: x / np.sqrt(t),
    "power": lambda x, t: x**t,
    "power of t": lambda x, t: x * t**0.5,
    "square of t": lambda x, t: x * t**2,
    "negative": lambda x, t: x * -t,
    "absolute": lambda x, t: x * abs(t),
    "remainder": lambda x, t: x * (t % 3),
    "branch": lambda x, t: x * 2 if t < 9 else x * 3,
    "branch of a remainder": lambda x, t: x if t % 3 == 0 else -x,
    "equal": lambda x, t: x * (t == 12),
    "where": lambda x, t: np.where(t > 8, x, -x),
    "a result": lambda x, t: (x, t + 1, t / 2),
    "exp": lambda x, t: x * np.exp(-0.1 * t),
    "cosine schedule": lambda x, t: x * (0.5 * (1 + np.cos(np.pi * t / 20))),
    "warm-up": lambda x, t: x * min(t / 10, 1.0),
    "gradient": cr.grad(lambda x, t: np.sum(x**2) / t),
    "running mean": lambda x, t: (x * (t - 1) + x) / t,
    "decay": lambda x, t: x * 2.5**-t,
    "polynomial": lambda x, t: x * (t * t - t),
    "power of an array": lambda x, t: x * np.power(0.5, t),
    "maximum": lambda x, t: np.maximum(x, t),
    "norm": lambda x, t: x / np.linalg.norm(x * t),
}

MORE: dict[str, Callable[..., Any]] = {
    "pole": lambda x, t: x / (t - 7),
    "large power": lambda x, t: x * t**9,
    "power of 2": lambda x, t: x * 2**t if abs(t) < 1000 else x,
    "floor": lambda x, t: x * (t // 3),
    "floor, as an exponent": lambda x, t: x * 0.5 ** (t // 3),
    "index": lambda x, t: x[t % 3],
    "index of a list": lambda x, t: x * [1, 2, 3][t % 3],
    "steps": lambda x, t: sum((x * i for i in range(t % 5)), x),
    "length": lambda x, t: np.sum(x) + np.zeros(t % 4 + 1),
    "repetitions": lambda x, t: np.tile(x, t % 3 + 1),
    "axis": lambda x, t: np.sum(np.outer(x, x), axis=t % 2),
    "itself": lambda x, t: (x, t),
    "full": lambda x, t: np.full(3, t) + x,
    "array": lambda x, t: np.array([t, 2 * t]) * x[0],
    "with integers": lambda x, t: np.arange(3) * t,
    "with small integers": lambda x, t: np.arange(3, dtype=np.int8) * t + x,
    "isinstance": lambda x, t: x * 2 if isinstance(t, int) else x * 3,
    "text": lambda x, t: x * len(str(t)),
    "float": lambda x, t: x * float(t),
    "int": lambda x, t: x * int(t),
    "math.sqrt": lambda x, t: x * math.sqrt(t),
    "math.factorial": lambda x, t: x * math.factorial(t % 6),
    "max": lambda x, t: x * max(t, 7),
    "clip": lambda x, t: x * np.clip(t, 2, 9),
    "int64": lambda x, t: x * np.int64(t),
    "float32": lambda x, t: x * np.float32(t),
    "dict": lambda x, t: x * {k: k for k in range(40)}.get(t, 0),
    "in": lambda x, t: x * 2 if t in (3, 5, 12) else x,
    "bits": lambda x, t: x * (t & 3),
    "shift": lambda x, t: x * (1 << (t % 5)),
    "round": lambda x, t: x * round(t / 3),
    "complex": lambda x, t: np.abs(x * 1j**t),
    "bool": lambda x, t: x * bool(t),
    "difference": lambda x, t: x * (t - t),
    "float16": lambda x, t: x.astype(np.float16) * t,
    "large": lambda x, t: x * (t * 10**12),
    "huge": lambda x, t: x * (t * 10**20),
    "t to −1": lambda x, t: x * t**-1,
    "divmod": lambda x, t: x * divmod(t, 4)[1],
    "sign": lambda x, t: x * np.sign(t),
    "written": _written,
    "ceil": lambda x, t: x * np.ceil(t / 4),
}

SEQUENCES = {
    "up": [*range(1, 30)],
    "from 0": [*range(20)],
    "mixed": [5, -3, 0, 7, 2, -8, 12, 4, 100, -1, 3, 9, 1, 6, 2**27, 2**40, 2**70, -(2**70), 11, 13],
}


def outcome(f: Callable[..., Any], x: np.ndarray, t: int) -> Any:
    """What a call returns, or the kind of its error."""
    try:
        returned = f(x, t)
    except ERRORS as error:
        return error
    return returned if isinstance(returned, tuple) else (returned,)


def differs(one: Any, other: Any, rtol: float) -> bool:
    """Whether two outcomes differ in kind, type, dtype, shape or value."""
    if isinstance(other, cr.errors.ChainruleError):
        return False  # a refusal that says what to write: an integer beyond 64 bits makes an array of dtype object
    if isinstance(one, Exception) or isinstance(other, Exception):
        return not (isinstance(one, Exception) and isinstance(other, Exception))
    for a, b in zip(one, other, strict=True):
        if type(a) is not type(b) or np.asarray(a).dtype != np.asarray(b).dtype or np.shape(a) != np.shape(b):
            return True
        if not np.allclose(np.asarray(a, float), np.asarray(b, float), rtol=rtol, atol=0, equal_nan=True):
            return True
    return False


def failures(
    functions: dict[str, Callable[..., Any]], dtypes: tuple[Any, ...], names: Any = SEQUENCES
) -> Iterator[str]:
    """The calls that are not as without compiling."""
    for dtype in dtypes:
        x = np.array([1, 2, 3], dtype)
        for name, f in functions.items():
            for sequence in names:
                compiled = cr.compile(f)
                for t in SEQUENCES[sequence]:
                    expected, actual = outcome(f, x, t), outcome(compiled, x, t)
                    if differs(expected, actual, 1e-6 if dtype is np.float32 else 1e-14):
                        yield f"{name}, {dtype.__name__}, {sequence}, t = {t}: {actual}, not {expected}"
                        break


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    warnings.simplefilter("ignore")
    found = list(failures(ARITHMETIC | MORE, (np.float32, np.float64)))
    print(*found, sep="\n")
    calls = len(ARITHMETIC | MORE) * 2 * sum(map(len, SEQUENCES.values()))
    print(f"{calls:,} calls, {len(found)} functions differ")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
