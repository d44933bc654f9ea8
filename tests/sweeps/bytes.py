"""Do the bytes of an array matter: their order, and whether they begin where the processor likes it?

Every way of the catalogue to call a function gets its operands in the other byte order, and at odd addresses. Value and
gradient must be those of native arrays, the value of the dtype that NumPy gives; its byte order is not compared, for
NumPy itself gives either.

    python -m tests.sweeps.bytes

The whole takes about a minute.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError

sys.path.insert(0, str(Path(__file__).parent.parent))

from cases import Case
from catalogue import CASES


def swapped(x: np.ndarray) -> np.ndarray:
    """The same numbers with their bytes in the other order."""
    return x.astype(x.dtype.newbyteorder("S"))


def odd(x: np.ndarray) -> np.ndarray:
    """The same numbers at an address that is no multiple of their size."""
    made = np.empty(x.nbytes + 1, np.uint8)[1:].view(x.dtype).reshape(x.shape)
    made[...] = x
    return made


WAYS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"swapped": swapped, "odd": odd}


def fault(case: Case, way: Callable[[np.ndarray], np.ndarray]) -> str:
    """What is wrong, or nothing."""
    arrays = case.arrays()
    value, pullback = cr.vjp(case.f, *arrays)
    seed = np.cos(np.arange(np.size(value)).reshape(np.shape(value))).astype(value.dtype)
    expected = pullback(seed)
    others = [way(x) for x in arrays]
    try:
        plain = case.f(*(x.copy() for x in others))
    except Exception:
        return ""  # NumPy refuses it too
    try:
        found, pullback = cr.vjp(case.f, *others)
        gradients = pullback(way(seed) if isinstance(seed, np.ndarray) and seed.ndim else seed)
    except ChainruleError as error:
        return f"{type(error).__name__}: {error}"
    if not np.allclose(found, value, rtol=1e-13, atol=1e-13, equal_nan=True):
        return f"value {np.ravel(found)[:4]} for {np.ravel(value)[:4]}"
    for a, b, x in zip(expected, gradients, others, strict=True):
        if b.dtype != x.dtype and x.ndim:
            return f"a gradient of {b.dtype} for {x.dtype}"
        if not np.allclose(a, b, rtol=1e-10, atol=1e-10, equal_nan=True):
            return f"gradient {np.ravel(b)[:4]} for {np.ravel(a)[:4]}"
    if isinstance(plain, np.ndarray) and plain.dtype.newbyteorder("=") != found.dtype.newbyteorder("="):
        return f"value of {found.dtype}, NumPy's is of {plain.dtype}"
    return ""


def main() -> int:
    warnings.simplefilter("ignore")
    counts: Counter[bool] = Counter()
    for case in CASES:
        for name, way in WAYS.items():
            wrong = fault(case, way)
            counts[bool(wrong)] += 1
            if wrong:
                print(f"WRONG {case.name}, {name}: {wrong[:200]}")
    print(f"{counts[False]} right, {counts[True]} wrong")
    return min(counts[True], 1)


if __name__ == "__main__":
    sys.exit(main())
