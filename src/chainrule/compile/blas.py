"""The number of threads of NumPy's BLAS.

Two threads can be ten times slower than one: on thin products OpenBLAS has little work to divide and long waits.
So a program sets before each product whether to use several threads, and restores their number at the end. If other
work occupies the processors it uses one thread, because OpenBLAS's threads spin while they wait for one that does not
run.
"""

from __future__ import annotations

import ctypes
import functools
import glob
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.compile.threads import cores_are_taken

__all__ = ["BEFORE", "WORTH_THREADS", "all_threads", "is_worth_threads", "library", "one_thread", "several_threads"]

WORTH_THREADS = 16_000_000
"""A product with at least this many multiplications uses several threads, unless it is thin."""
THIN = 64


def is_worth_threads(rows: int, inner: int, columns: int) -> bool:
    return min(rows, columns) >= THIN and rows * inner * columns >= WORTH_THREADS


class BlasLibrary(NamedTuple):
    """The OpenBLAS that comes with NumPy.

    Attributes
    ----------
    file : the loaded library; the names of its functions have this prefix and this suffix.
    put, get : set and tell the number of its threads.
    """

    file: ctypes.CDLL
    prefix: str
    suffix: str
    put: Callable[[int], Any]
    get: Callable[[], int]


@functools.cache
def library() -> BlasLibrary | None:
    """The OpenBLAS that comes with NumPy, if there is one."""
    here = os.path.dirname(np.__file__)
    for pattern in ("../numpy.libs/*openblas*", ".libs/*openblas*", ".dylibs/*openblas*"):
        for path in glob.glob(os.path.join(here, pattern)):
            try:
                file = ctypes.CDLL(path)
            except OSError:
                continue
            for prefix in ("scipy_openblas", "openblas"):
                for suffix in ("64_", ""):
                    put = getattr(file, f"{prefix}_set_num_threads{suffix}", None)
                    get = getattr(file, f"{prefix}_get_num_threads{suffix}", None)
                    if put is not None and get is not None:
                        return BlasLibrary(file, prefix, suffix, put, get)
    return None


BEFORE = ctypes.c_int64(0)
"""The number of threads before a program set it to one; 0 while it is not changed. Native programs set it too."""


def one_thread() -> None:
    """Use one thread from here on."""
    found = library()
    if found is not None and not BEFORE.value:
        BEFORE.value = int(found.get())
        found.put(1)


def all_threads() -> None:
    """Restore the number of threads from before `one_thread`. If interrupted anywhere, it can be called again."""
    found = library() if BEFORE.value else None
    if found is not None:
        found.put(BEFORE.value)
        BEFORE.value = 0


def several_threads() -> None:
    """Use as many threads as before `one_thread`, unless other work occupies the processors."""
    if cores_are_taken():
        one_thread()
    else:
        all_threads()
