"""Values from the command line: numbers, lists of numbers, and arrays from files."""

from __future__ import annotations

import ast
import io
import os
import stat
import warnings
from tokenize import TokenError
from typing import Any

import numpy as np

from chainrule.errors import ExpressionError
from chainrule.expression.limits import MOST_BITS, shortened
from chainrule.expression.suggestions import list_meant

__all__ = ["parse_value"]

LONGEST = 1_000_000
"""The largest number of characters of a value; the command line of most systems is shorter."""


def parse_value(text: str) -> Any:
    """A value from the command line: a number, a nested list as an array, or `@file.npy`.

    >>> parse_value("[[1, 2], [3, 4]]")
    array([[1, 2],
           [3, 4]])
    >>> parse_value("0.5")
    0.5
    """
    if text.startswith("@"):
        return _array_from(text[1:])
    shown = shortened(text)
    value = _literal(text)
    if isinstance(value, list | tuple):
        try:
            array = np.array(value)
        except ValueError:
            raise ExpressionError(f"the rows of {shown} are not equally long") from None
        if array.dtype.kind not in "iufbc":
            raise ExpressionError(f"{shown} is not a list of numbers")
        return array
    if not isinstance(value, int | float | complex):
        raise ExpressionError(f"{shown!r} is not a number, a list of numbers, or @file.npy")
    if isinstance(value, int) and value.bit_length() > MOST_BITS:
        raise ExpressionError(f"{shown} is larger than any float")
    return value


def _literal(text: str) -> Any:
    """The value of a literal."""
    if len(text) > LONGEST:
        raise ExpressionError(f"a value may have {LONGEST:,} characters; put a longer one into a file, @file.npy")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)
            return ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        pass
    try:
        value = float(text)  # inf, nan
    except ValueError:
        told = f"{shortened(text)!r} is not a number, a list of numbers, or @file.npy"
        meant = list_meant(text.strip().strip("[]"))
        raise ExpressionError(told + (f"; write {meant}" if meant else "")) from None
    if np.isinf(value) and text.strip("+- ").isdigit():
        raise ExpressionError(f"{shortened(text)} is larger than any float")
    return value


def _array_from(path: str) -> np.ndarray:
    """The array of a file that `np.save` wrote. Only files are read, since a pipe, say, might block."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            about = os.fstat(descriptor)
            if not stat.S_ISREG(about.st_mode):
                raise ExpressionError(f"cannot read an array from {path}: it is no file")
            return _read(file, about.st_size)
    except (OSError, ValueError, EOFError, MemoryError, SyntaxError, TypeError, RecursionError, TokenError) as error:
        if isinstance(error, ExpressionError):
            raise
        reason = error.strerror if isinstance(error, OSError) else None
        reason = reason or "it must be a .npy file, as np.save writes it"
        raise ExpressionError(f"cannot read an array from {path}: {reason}") from None


def _read(file: io.BufferedReader, length: int) -> np.ndarray:
    """Read an array of numbers from a file that is as long as its header says."""
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    else:
        shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    count = 1
    for n in shape:
        count *= int(n)
    if dtype.kind not in "biufc" or count < 0 or count * dtype.itemsize > length - file.tell():
        raise ValueError("not an array of numbers, or not all of it")
    data = np.fromfile(file, dtype, count)
    return data.reshape(shape, order="F" if fortran else "C")
