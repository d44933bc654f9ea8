"""Values as text: short numbers, small arrays in full, large ones as a summary."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["in_columns", "index_text", "inline", "is_small", "lines", "shape_text", "short"]

SMALL = 24
"""The number of entries up to which an array is shown in full."""


DIGITS = 4
"""How many digits of a number are shown."""


def short(x: Any, digits: int = DIGITS) -> str:
    """A number in few digits: in at most about eight characters, if none are asked for.

    >>> short(np.float32(0.1)), short(2.0), short(1234567.0), short(True)
    ('0.1', '2', '1.23457e+06', 'True')
    >>> short(1 - 2j), short(-3j)
    ('(1-2j)', '-3j')
    """
    if isinstance(x, bool | np.bool_ | int | np.integer):
        return str(x)
    if isinstance(x, complex | np.complexfloating):
        return _complex(complex(x), digits)
    text = f"{float(x):.{digits + 2 if abs(x) >= 1000 else digits}g}"
    return "0" if text == "-0" else text


def _complex(x: complex, digits: int) -> str:
    """A complex number as it stands in a formula: `3j`, `(1-2j)`."""
    if not x.imag:
        return short(x.real, digits)
    imaginary = f"{short(x.imag, digits)}j"
    if not x.real:
        return imaginary
    return f"({short(x.real, digits)}{'' if imaginary.startswith('-') else '+'}{imaginary})"


def is_small(x: Any) -> bool:
    return np.size(x) <= SMALL and np.ndim(x) <= 2 and (np.ndim(x) < 2 or np.shape(x)[1] <= 8)


def inline(x: Any, digits: int = DIGITS) -> str:
    """A small array on one line.

    >>> inline(np.array([[1.0, 2.5], [3.0, 4.0]]))
    '[[1 2.5] [3 4]]'
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return short(x[()], digits)
    return "[" + " ".join(inline(row, digits) for row in x) + "]"


def lines(x: Any, digits: int = DIGITS, width: int = 0) -> list[str]:
    """A value on as many lines as it needs: small matrices row by row in columns, large arrays as a summary.

    A vector that is longer than the width stands in columns, too; 0 stands for a line of any length.
    """
    x = np.asarray(x)
    if x.ndim == 0:
        return [short(x[()], digits)]
    if not is_small(x):
        return summary(x, digits)
    if x.ndim == 1:
        return in_columns(x, width, digits)
    cells = [[short(v, digits) for v in row] for row in x]
    widths = [max((len(row[j]) for row in cells), default=0) for j in range(x.shape[1])]
    rows = ["[" + " ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) + "]" for row in cells]
    return rows or [f"empty, shape {x.shape}"]


def in_columns(x: np.ndarray, width: int, digits: int = DIGITS) -> list[str]:
    """A vector on one line, or on several of a width.

    >>> in_columns(np.arange(5.0), 0), in_columns(np.arange(5.0), 8)
    (['[0 1 2 3 4]'], ['[0 1 2', ' 3 4]'])
    """
    whole = inline(x, digits)
    if not width or len(whole) <= width:
        return [whole]
    cells = [short(v, digits) for v in x]
    widest = max(map(len, cells))
    each = max((width - 1) // (widest + 1), 1)
    rows = [" ".join(c.rjust(widest) for c in cells[i : i + each]) for i in range(0, len(cells), each)]
    return [("[" if i == 0 else " ") + row for i, row in enumerate(rows[:-1])] + [f" {rows[-1]}]"]


def summary(x: np.ndarray, digits: int = DIGITS) -> list[str]:
    """Range, mean, share of zeros, and where the first NaN or Inf stands."""
    if x.size == 0:
        return [f"empty, shape {shape_text(x)}"]
    if x.dtype.kind not in "fiu":
        return [f"{x.dtype} {shape_text(x)}"]
    finite = x[np.isfinite(x)] if x.dtype.kind == "f" else x
    told = []
    if finite.size and finite.min() == finite.max():
        told.append(f"all {short(finite.min(), digits)}")
    elif finite.size:
        low, high, mean = (short(v, digits) for v in (finite.min(), finite.max(), finite.mean()))
        told.append(f"{low} … {high}, mean {mean}")
    zeros = np.count_nonzero(x == 0) / x.size
    if 0 < zeros < 1:
        told.append(f"{zeros:.1%} zeros")
    if finite.size < x.size:
        first = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
        told.append(f"{x.size - finite.size} NaN or Inf, first {x[first]} at {list(first)}")
    return told


def shape_text(x: Any) -> str:
    """A shape as 3×2; nothing for a number."""
    shape = np.shape(x)
    return "×".join(str(n) for n in shape) if len(shape) != 1 else str(shape[0])


def index_text(index: tuple[int, ...]) -> str:
    """An index as [0, 1]; empty for a number."""
    return f"[{', '.join(map(str, index))}]" if index else ""
