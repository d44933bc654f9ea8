"""Patterns in the entries of a constant: one number everywhere, one-hot rows, an identity matrix."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

__all__ = ["OneHot", "is_identity", "is_seed", "is_uniform", "one_hot", "times_identity", "uniform"]


def is_uniform(x: np.ndarray) -> bool:
    """Whether all entries are the same number, not NaN; −0 is not 0."""
    first = x.flat[0]
    if first != first or (x.size > 1 and (x.flat[-1] != first or not (x == first).all())):
        return False
    if first != 0 or x.size == 1 or x.dtype.kind not in "fc":
        return True
    return all(np.signbit(part).any() == np.signbit(part).all() for part in (x.real, x.imag))


def uniform(x: Any) -> Any:
    """The number that all entries of a constant equal; None if they differ or are NaN."""
    if isinstance(x, bool | np.bool_) or x is None or isinstance(x, str):
        return None
    if isinstance(x, int | float):
        return x if x == x else None
    if not isinstance(x, np.ndarray | np.generic) or x.dtype.kind not in "fiu" or x.size == 0:
        return None
    return x.flat[0].item() if is_uniform(np.asarray(x)) else None


class OneHot(NamedTuple):
    """Rows of zeros with one number, at the index given by each row's label.

    Attributes
    ----------
    labels : integers, of the shape of the array without its last axis.
    size : the length of a row, at least 2.
    number : the entry there, the same in each row.
    """

    labels: np.ndarray
    size: int
    number: Any


def one_hot(x: Any) -> OneHot | None:
    """A constant as one-hot rows, or None.

    >>> one_hot(np.array([0.0, 0.0, 3.0]))
    OneHot(labels=np.int64(2), size=3, number=3.0)
    """
    if not isinstance(x, np.ndarray) or x.ndim == 0 or x.dtype.kind not in "fiu" or x.shape[-1] < 2:
        return None
    rows = math.prod(x.shape[:-1])
    if rows == 0 or np.count_nonzero(x.reshape(-1, x.shape[-1])[0]) != 1 or np.count_nonzero(x) != rows:
        return None
    labels = np.argmax(x != 0, axis=-1)
    picked = np.take_along_axis(x, labels[..., None], axis=-1)
    number = picked.flat[0]
    if not np.isfinite(number) or not (picked == number).all():
        return None
    return OneHot(labels, x.shape[-1], number.item())


def times_identity(x: np.ndarray) -> Any:
    """The number c of a constant c·I of at least two rows; None for any other matrix."""
    n = len(x) if x.ndim == 2 else 0
    if n < 2 or x.shape != (n, n) or np.count_nonzero(x) != n:
        return None
    return x[0, 0].item() if x[0, 0] and (x.diagonal() == x[0, 0]).all() else None


def is_identity(x: np.ndarray) -> bool:
    """Whether a constant is an identity matrix of at least two rows."""
    return times_identity(x) == 1


def is_seed(x: np.ndarray) -> bool:
    """Whether a constant is an identity matrix, reshaped to S + S: the cotangents of an output of shape S."""
    half = x.ndim // 2
    n = math.prod(x.shape[:half])
    return x.dtype.kind == "f" and x.shape[:half] == x.shape[half:] and n > 1 and is_identity(x.reshape(n, n))
