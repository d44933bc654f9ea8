"""The number of threads of NumPy's BLAS.

Two threads can be ten times as slow as one: on thin products OpenBLAS has little to share out and much to wait for.
So a program says before each product whether it is worth several, and leaves the number as it was.
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
"""Multiplications from which on a product is worth several threads, if it is not thin."""
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
    """What was found, and the number of threads before a program set it to one."""

    library: _Library | None = None
    sought = False
    before = 0  # 0 while nobody has set it


def one_thread() -> None:
    """From here on one thread."""
    if not _Threads.sought:
        _Threads.library = _find()
        _Threads.sought = True
    if _Threads.library is not None and not _Threads.before:
        _Threads.before = int(_Threads.library.get())
        _Threads.library.put(1)


def all_threads() -> None:
    """From here on as many threads as before `one_thread`. Interrupted at any place, it can be called again."""
    if _Threads.library is not None and _Threads.before:
        _Threads.library.put(_Threads.before)
        _Threads.before = 0
