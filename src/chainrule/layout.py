"""Layout: the order of an array's entries in memory, which decides whether NumPy makes a view or a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.errors import BlockError
from chainrule.node import at_line

__all__ = ["bytes_of", "copied_as_it_lies", "flags_of", "for_pytorch", "is_contiguous", "laid_out_as", "layout_of"]


def for_pytorch(x: Any) -> Any:
    """An array or number of NumPy's as PyTorch takes one: not backwards, and in the byte order of the processor.

    It shares its memory where it can be. `torch.from_dlpack` ends the process at a negative stride.
    """
    if not isinstance(x, np.ndarray | np.generic):
        return x
    x = np.asarray(x)
    if x.dtype.char in "gG":
        raise BlockError(f"PyTorch has no numbers of {x.dtype}; give x.astype(float) or x.astype(complex)" + at_line())
    if x.dtype.isnative and all(stride >= 0 and stride % x.itemsize == 0 for stride in x.strides):
        return x
    return x.astype(x.dtype.newbyteorder("="), order="C")


def bytes_of(x: Any) -> bytes:
    """The bytes of an array's or number's entries: equal bytes are equal entries, to the bit.

    A longdouble of 80 bits is stored in 12 or 16 bytes. What stands in the rest is arbitrary, and is 0 here.
    """
    if x.dtype.char not in "gG" or np.dtype(np.longdouble).itemsize == _BYTES_OF_LONGDOUBLE:
        return x.tobytes()
    each = np.frombuffer(bytearray(x.tobytes()), np.uint8).reshape(-1, np.dtype(np.longdouble).itemsize)
    swapped = not x.dtype.isnative
    each[:, slice(-_BYTES_OF_LONGDOUBLE) if swapped else slice(_BYTES_OF_LONGDOUBLE, None)] = 0
    return each.tobytes()


_BYTES_OF_LONGDOUBLE = 10 if np.finfo(np.longdouble).nmant == 63 else np.dtype(np.longdouble).itemsize


def copied_as_it_lies(x: np.ndarray) -> np.ndarray:
    """A copy with the memory layout of x: the same order and direction of axes, and gaps where x has gaps.

    So an operation of NumPy gives a view (or a contiguous array) for the copy exactly if it does for x. Gaps are
    shortened. The copy is read-only if x is.
    """
    copy = laid_out_as(x, x)
    if not x.flags.writeable:
        copy.flags.writeable = False
    return copy


def laid_out_as(entries: np.ndarray, x: np.ndarray) -> np.ndarray:
    """A copy of these entries with the memory layout of x, which has the same shape."""
    flags = x.flags
    if flags.c_contiguous:  # most often
        return entries.copy()
    if flags.f_contiguous or type(x) is not np.ndarray:
        return entries.copy(order="F" if flags.f_contiguous else "K")
    strides = tuple(s * entries.itemsize // x.itemsize for s in layout_of(x) or x.strides)
    reach = [(n - 1) * s for n, s in zip(x.shape, strides, strict=True)]
    before = -sum(r for r in reach if r < 0)
    memory = np.empty(before + sum(r for r in reach if r > 0) + entries.itemsize, np.uint8)
    copy = np.ndarray(x.shape, entries.dtype, memory, before, strides)
    copy[...] = entries
    return copy


def layout_of(x: np.ndarray) -> tuple[int, ...]:
    """The strides of x with all gaps shortened to one entry; equal results mean equal views. Empty for C order."""
    if x.flags.c_contiguous:
        return ()
    strides = [0] * x.ndim
    inner = gapless = x.itemsize  # the least stride of the next axis, here and in x
    for i in sorted((i for i, n in enumerate(x.shape) if n > 1), key=lambda i: abs(x.strides[i])):
        stride = abs(x.strides[i])
        if stride < gapless:
            return x.strides  # entries that share memory
        strides[i] = inner if stride == gapless else inner + x.itemsize
        inner, gapless = strides[i] * x.shape[i], stride * x.shape[i]
        strides[i] *= -1 if x.strides[i] < 0 else 1
    return tuple(strides)


def flags_of(x: Any) -> Any:
    """The flags of an array; those of C order for arrays of other libraries, which have no flags."""
    return x.flags if hasattr(x, "flags") else _OF_C


_OF_C = np.empty((2, 2)).flags


def is_contiguous(x: Any) -> bool:
    """Whether the entries are contiguous both in C and in Fortran's order, so that no other order is possible."""
    return not isinstance(x, np.ndarray) or (x.flags.c_contiguous and x.flags.f_contiguous)
