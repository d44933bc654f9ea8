"""Arrays for the page: small ones in full, large ones as a summary and a map of colours."""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from chainrule.explain import values

__all__ = ["array", "heat", "plain_number", "plain_numbers"]

FULL = 64
"""Arrays up to this size are shown number by number."""
PIXELS = 40
"""The largest number of rows and columns of a map of colours."""


def array(x: Any) -> dict[str, Any]:
    """A value for the page: shape, text, and numbers or a map of colours."""
    x = np.asarray(x)
    told: dict[str, Any] = {"shape": list(x.shape), "dtype": str(x.dtype)}
    if x.dtype.kind not in "fiub":
        return told | {"lines": values.lines(x)}
    if not values.is_small(x):
        told["lines"] = values.lines(x)
    if x.size <= FULL and x.ndim <= 2:
        told["numbers"] = plain_numbers(x)
    else:
        told["heat"] = heat(_rows(x))
    if x.size:
        told["size"] = _size(x)
    return told


def _size(x: np.ndarray) -> float | str:
    """The root of the mean square: the typical size of an entry."""
    with np.errstate(over="ignore", invalid="ignore"):
        return plain_number(np.sqrt(np.mean(np.square(x, dtype=np.float64))))


def _rows(x: np.ndarray) -> np.ndarray:
    return x.reshape(1, -1) if x.ndim < 2 else x.reshape(-1, x.shape[-1])


def heat(x: np.ndarray) -> dict[str, Any]:
    """A matrix as a map of colours: one byte an entry, 128 for zero, 0 for what is not finite; thinned out."""
    shape = [len(x), x.shape[1]]
    rows, columns = (_thinned(n) for n in shape)
    shown = np.asarray(x[np.ix_(rows, columns)], dtype=np.float64)
    finite = np.isfinite(shown)
    top = float(np.max(np.abs(shown), where=finite, initial=0.0))
    scaled = np.where(finite, shown, 0) / top if top else np.zeros_like(shown)
    bytes_ = np.where(finite, 128 + np.rint(127 * scaled), 0).astype(np.uint8)
    return {
        "shape": shape,
        "rows": len(rows),
        "columns": len(columns),
        "top": plain_number(top),
        "pixels": base64.b64encode(bytes_.tobytes()).decode(),
    }


def _thinned(n: int) -> np.ndarray:
    return np.arange(n) if n <= PIXELS else np.linspace(0, n - 1, PIXELS).astype(int)


def plain_numbers(x: np.ndarray) -> list[Any]:
    """All numbers of an array, row by row."""
    if x.dtype.kind != "f" or np.isfinite(x).all():
        return x.ravel().tolist()
    return [plain_number(entry) for entry in x.ravel()]


def plain_number(x: Any) -> Any:
    """A number in JSON: exact; a word for NaN and infinities, which JSON lacks."""
    if isinstance(x, np.bool_ | bool):
        return bool(x)
    if isinstance(x, np.integer | int):
        return int(x)
    x = float(x)
    return x if math.isfinite(x) else "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
