"""The number of threads of NumPy's BLAS.

Two threads can be ten times as slow as one: on thin products OpenBLAS has little to share out and much to wait for.
So a program says before each product whether it is worth several, and leaves the number as it was.
"""

from __future__ import annotations

import ctypes
import glob
import os
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["WORTH_THREADS", "all_threads", "is_worth_threads", "one_thread"]

WORTH_THREADS = 16_000_000
"""Multiplications from which on a product is worth several threads, if it is not thin."""
THIN = 64


def is_worth_threads(rows: int, inner: int, columns: int) -> bool:
    return min(rows, columns) >= THIN and rows * inner * columns >= WORTH_THREADS


def _functions() -> tuple[Callable[[int], Any], int] | None:
    """What sets the number of threads of the OpenBLAS that comes with NumPy, and that number now."""
    here = os.path.dirname(np.__file__)
    for pattern in ("../numpy.libs/*openblas*", ".libs/*openblas*", ".dylibs/*openblas*"):
        for path in glob.glob(os.path.join(here, pattern)):
            try:
                library = ctypes.CDLL(path)
            except OSError:
                continue
            for prefix in ("scipy_openblas", "openblas"):
                for suffix in ("64_", ""):
                    put = getattr(library, f"{prefix}_set_num_threads{suffix}", None)
                    get = getattr(library, f"{prefix}_get_num_threads{suffix}", None)
                    if put is not None and get is not None:
                        return put, int(get())
    return None


_known: list[Any] = []


def _set(several: bool) -> None:
    if not _known:
        _known.append(_functions())
    if _known[0] is not None:
        put, most = _known[0]
        if most > 1:
            put(most if several else 1)


def one_thread() -> None:
    """From here on one thread."""
    _set(False)


def all_threads() -> None:
    """From here on as many threads as before the first call."""
    _set(True)
