"""The user's plain arrays by name, and constants of formulas expressed by them: Y, Xᵀ, X[2], 1 − Y, Y/3."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from chainrule.absent import has_absent_zeros
from chainrule.formula import Formula, name, number, relation

__all__ = ["NO_DATA", "Data", "Origin"]

MOST_ROWS = 1_000
"""Only the first rows of an array, up to this number, are compared with constants."""
SHIFTS = (0, 1, Fraction(-1, 2))
"""The numbers that may be added to an array before it is scaled: c·Y, c·(1 − Y), c·(2·Y − 1)."""


class Origin(NamedTuple):
    """How a constant is computed from a named array: scale · (array + shift).

    Attributes
    ----------
    label : the name of the array.
    value : the array.
    scale, shift : numbers; 1 and 0 for the array itself.
    transposed : whether the transpose of the array is used.
    row : the row of the array that is used, or None.
    inverse : whether it is scale / array.
    """

    label: str
    value: np.ndarray
    scale: float = 1
    shift: float = 0
    transposed: bool = False
    row: int | None = None
    inverse: bool = False

    @property
    def part(self) -> Formula:
        """The array, its transpose or its row as a formula."""
        whole = name(self.label, self.value.shape)
        if self.row is not None:
            return whole.at(str(self.row)).of_shape(self.value.shape[1:])
        return whole.T if self.transposed else whole

    def formula(self) -> Formula:
        """The constant as a formula."""
        if self.inverse:
            return _of(self.scale) / self.part
        if not self.shift:
            return _times(self.scale, self.part)
        if self.shift == -1:  # c·(1 − Y)
            return _times(-self.scale, 1 - self.part)
        return _times(self.scale / 2, 2 * self.part - 1)


def _times(c: float, f: Formula) -> Formula:
    """c·f, with a fraction as a quotient: f/3."""
    exact = simple(c)
    if exact is None or exact.denominator == 1:
        return _of(c) * f
    scaled = abs(exact.numerator) * f / exact.denominator
    return (-scaled if exact < 0 else scaled).of_shape(f.shape)


def _of(c: float) -> Formula:
    """A number as a formula, as a fraction if it is a simple one."""
    exact = simple(c)
    if exact is None or exact.denominator == 1:
        return number(float(c) if exact is None else int(exact))
    return number(exact.numerator) / exact.denominator


def simple(c: Any) -> Fraction | None:
    """A number as a fraction with a small denominator, if it is one up to rounding."""
    near = Fraction(float(c)).limit_denominator(1000)
    return near if near and abs(float(near) - c) <= 1e-15 * abs(c) else None


class Data:
    """The user's plain arrays by name, steady ones first."""

    def __init__(self, arrays: Mapping[str, Any]):
        self.arrays = {name: x for name, x in arrays.items() if np.asarray(x).dtype.kind in "biufc"}  # texts, objects

    def origin(self, x: np.ndarray) -> Origin | None:
        """How a constant is computed from a named array; None if it is not, or if it only selects entries."""
        if not self.arrays or x.size == 0 or has_absent_zeros(x) or (x == x.flat[0]).all():
            return None
        ways = (self._itself, self._transpose, self._row, self._scaled)
        return next((found for way in ways for found in way(x)), None)

    def condition(self, mask: np.ndarray) -> Formula | None:
        """How a constant of truths compares a named array with a number: y = 1, x > 0; None if it does not."""
        for label, value in self._of_shape(mask.shape) if mask.size and mask.any() and not mask.all() else ():
            if value.dtype.kind in "fiub" and (found := _comparison(value, mask)) is not None:
                return relation(found[0], name(label, value.shape), found[1]).of_shape(mask.shape)
        return None

    def has_row(self, x: np.ndarray) -> bool:
        """Whether an array is a row of one of these."""
        return next(self._row(x), None) is not None

    def _of_shape(self, shape: tuple[int, ...]) -> Iterator[tuple[str, np.ndarray]]:
        for label, value in self.arrays.items():
            if np.shape(value) == shape:
                yield label, np.asarray(value)

    def _itself(self, x: np.ndarray) -> Iterator[Origin]:
        for label, value in self._of_shape(x.shape):
            if _same(value, x):
                yield Origin(label, value)

    def _transpose(self, x: np.ndarray) -> Iterator[Origin]:
        for label, value in self._of_shape(x.shape[::-1]) if x.ndim == 2 else ():
            if _same(value.T, x):
                yield Origin(label, value, transposed=True)

    def _row(self, x: np.ndarray) -> Iterator[Origin]:
        for label, value in self.arrays.items():
            if np.ndim(value) == x.ndim + 1 and np.shape(value)[1:] == x.shape and len(value) <= MOST_ROWS:
                first = np.flatnonzero([_same(row, x) for row in np.asarray(value)])
                if first.size:
                    yield Origin(label, np.asarray(value), row=int(first[0]))

    def _scaled(self, x: np.ndarray) -> Iterator[Origin]:
        if x.dtype.kind not in "fiu":
            return
        for label, value in self._of_shape(x.shape):
            if value.dtype.kind in "fiub":
                for shift in SHIFTS:
                    scale = _scale(value + float(shift) * (-1 if shift == 1 else 1), x)
                    if scale is not None:
                        yield Origin(label, value, scale, -1 if shift == 1 else float(shift))
                with np.errstate(divide="ignore", over="ignore"):
                    scale = _scale(1 / value.astype(float), x)
                if scale is not None:
                    yield Origin(label, value, scale, inverse=True)


def _comparison(value: np.ndarray, mask: np.ndarray) -> tuple[str, Any] | None:
    """The sign and the number c for which the mask is value = c, value ≠ c, or a comparison with 0."""
    there, elsewhere = value[mask][0], value[~mask][0]
    label = [("=", there, value == there), ("≠", elsewhere, value != elsewhere)]
    zero = [("=", 0, value == 0)]  # before ≥ and ≤, which hold as well if all entries have one sign: a mask
    sign = [(">", 0, value > 0), ("<", 0, value < 0), *zero, ("≥", 0, value >= 0), ("≤", 0, value <= 0)]
    ways = sign + label if value.dtype.kind == "f" else label + sign
    found = ((sign, c) for sign, c, holds in ways if np.array_equal(holds, mask))
    return next(((sign, np.asarray(c * 1).item()) for sign, c in found), None)


def _scale(base: np.ndarray, x: np.ndarray) -> float | None:
    """The number c for which x = c · base, up to rounding; None if there is none."""
    at = np.flatnonzero(base)
    if not at.size or not np.isfinite(base).all():
        return None
    with np.errstate(all="ignore"):  # an overflow is not a multiple
        c = x.flat[at[0]] / base.flat[at[0]]
        near = c and np.isfinite(c) and np.allclose(x, c * base, rtol=4 * np.finfo(float).eps, atol=0)
    return float(c) if near else None


def _same(value: Any, x: np.ndarray) -> bool:
    """Whether two arrays are equal; a mask of booleans does not equal floating zeros and ones."""
    return (np.asarray(value).dtype == bool) == (x.dtype == bool) and np.array_equal(
        value, x, equal_nan=x.dtype.kind == "f"
    )


NO_DATA = Data({})
