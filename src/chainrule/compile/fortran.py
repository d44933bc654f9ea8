"""BLAS and LAPACK, called from compiled code by the addresses of their functions.

NumPy's own OpenBLAS comes first: its results are NumPy's to the bit, and there is one pool of threads. If NumPy uses
another library, SciPy's is taken, whose functions are in the capsules that SciPy has for Cython. Without either,
programs call NumPy between their steps.

All functions are Fortran's: each argument is an address. An integer is kept in 64 bits, of which a library with
32-bit integers reads the lower half, so the same code calls both.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import sys
from typing import Any, NamedTuple

from chainrule.compile.blas import BEFORE, library

__all__ = ["LARGEST", "ROUTINES", "STATE", "Routines", "addresses", "is_available", "routines"]

ROUTINES = [f"{letter}{name}" for letter in "sd" for name in "gemm gemv potrf getrf getrs trsm trsv".split()]
"""The functions, by BLAS's names: s for float32, d for float64."""
STATE = ["bytes of integers", "get threads", "set threads", "threads before"]
"""Further entries of compiled code's table that describe the library."""
LARGEST = 2**31 - 1
"""The largest length, and number of entries, that every library can take."""


class Routines(NamedTuple):
    """The addresses of the functions, and the number of bytes of the library's integers (pivots are such)."""

    addresses: list[int]
    integer: int


def is_available() -> bool:
    """Whether compiled code can call BLAS and LAPACK."""
    return routines() is not None


@functools.cache
def routines() -> Routines | None:
    """The functions of NumPy's OpenBLAS, else of SciPy's, else None."""
    if sys.byteorder != "little":
        return None
    return _of_numpy() or _of_scipy()


def _of_numpy() -> Routines | None:
    own = library()
    if own is None:
        return None
    prefix, suffix = own.prefix.removesuffix("openblas"), own.suffix
    found = [getattr(own.file, f"{prefix}{name}_{suffix}", None) for name in ROUTINES]
    if None in found:
        return None
    return Routines([ctypes.cast(f, ctypes.c_void_p).value or 0 for f in found], 8 if "64" in suffix else 4)  # type: ignore[arg-type]


def _of_scipy() -> Routines | None:
    capsules: dict[str, Any] = {}
    for module in ("cython_blas", "cython_lapack"):
        capsules |= getattr(importlib.import_module(f"scipy.linalg.{module}"), "__pyx_capi__", {})
    if not all(name in capsules for name in ROUTINES):
        return None
    api = ctypes.pythonapi
    name_of, pointer = api.PyCapsule_GetName, api.PyCapsule_GetPointer
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.py_object]
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    found = [capsules[name] for name in ROUTINES]
    return Routines(
        [pointer(capsule, name_of(capsule)) for capsule in found], 4 if b"int *" in name_of(found[0]) else 8
    )


def addresses() -> list[int]:
    """The table's entries for ROUTINES and STATE in this process; 0 where there is nothing."""
    found, own = routines(), library()
    if found is None:
        return [0] * (len(ROUTINES) + len(STATE))
    threads = [0, 0, 0]
    if own is not None:
        getter, setter = (ctypes.cast(f, ctypes.c_void_p).value or 0 for f in (own.get, own.put))  # type: ignore[arg-type]
        threads = [getter, setter, ctypes.addressof(BEFORE)]
    return [*found.addresses, found.integer, *threads]
