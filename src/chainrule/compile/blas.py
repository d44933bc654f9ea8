"""The number of threads of NumPy's BLAS.

Two threads can be ten times slower than one: on thin products OpenBLAS has little work to divide and long waits.
So a program sets before each product whether to use several threads, and restores their number at the end.
"""

from __future__ import annotations

import ctypes
import glob
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["WORTH_THREADS", "all_threads", "is_worth_threads", "one_thread"]

WORTH_THREADS = 16_000_000
"""A product with at least so many multiplications uses several threads, unless it is thin."""
THIN = 64


def is_worth_threads(rows: int, inner: int, columns: int) -> bool:
    return min(rows, columns) >= THIN and rows * inner * columns >= WORTH_THREADS


class _Library(NamedTuple):
    """The OpenBLAS that comes with NumPy."""

    put: Callable[[int], Any]
    get: Callable[[], int]


def _find() -> _Library | None:
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
                        return _Library(put, get)
    return None


class _Threads:
    """The libraries found, and the number of threads before a program set it to one."""

    library: _Library | None = None
    sought = False
    before = 0  # 0 while it is not changed


def one_thread() -> None:
    """Use one thread from here on."""
    if not _Threads.sought:
        _Threads.library = _find()
        _Threads.sought = True
    if _Threads.library is not None and not _Threads.before:
        _Threads.before = int(_Threads.library.get())
        _Threads.library.put(1)


def all_threads() -> None:
    """Restore the number of threads from before `one_thread`. If interrupted anywhere, it can be called again."""
    if _Threads.library is not None and _Threads.before:
        _Threads.library.put(_Threads.before)
        _Threads.before = 0
