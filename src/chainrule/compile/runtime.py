"""What the generated modules import: how their functions are compiled, and how arrays are told apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types

from chainrule.compile import vecmath as vm

__all__ = ["KERNEL", "OtherInputs", "dense", "kernel", "njit", "read", "vm", "written"]

KERNEL: dict[str, Any] = {"error_model": "numpy", "fastmath": {"reassoc", "contract"}, "nogil": True}
"""Sums may be reassociated and products added in one step; NaN, Inf and the sign of zero keep their meaning."""


class OtherInputs(Exception):
    """The arguments are not those for which a function was compiled."""


def read(dtype: str, ndim: int) -> Any:
    """The type of an array that is only read."""
    return types.Array(getattr(types, dtype), ndim, "C", readonly=True) if ndim else getattr(types, dtype)


def written(dtype: str, ndim: int) -> Any:
    """The type of an array that is written."""
    return types.Array(getattr(types, dtype), ndim, "C")


def kernel(*signature: Any) -> Any:
    """Decorator: compile a function, for one signature, or (without one) within those that call it."""
    return njit(signature, cache=True, **KERNEL) if signature else njit(**KERNEL)


def dense(x: Any, dtype: Any, shape: tuple[int, ...]) -> Any:
    """The result of a call as kernels take it; what is not as it was recorded is an error."""
    if np.shape(x) != shape or np.asarray(x).dtype != dtype:
        raise OtherInputs(f"a call returned {np.asarray(x).dtype} {np.shape(x)} instead of {dtype} {shape}")
    return np.ascontiguousarray(x) if shape else x[()] if isinstance(x, np.ndarray) else x


def kernel_without_cache(*signature: Any) -> Any:
    """As `kernel`, where there is no file beside which machine code could be kept."""
    return njit(signature, **KERNEL) if signature else njit(**KERNEL)
