"""Advice for operands whose shapes do not fit: which one to transpose or reshape, and what the result would be."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.errors import NoAnswer, asking_others

__all__ = ["advice", "in_words"]

LARGEST = 1_000_000
"""Operands of more entries, and products that would be larger, are not tried."""

_CORE = re.compile(
    r"\w+: Input operand (\d) has a mismatch in its core dimension (\d), with gufunc signature (\S+)->\S+ "
    r"\(size (\d+) is different from (\d+)\)"
)
_WHICH = ("first", "second", "third")


def in_words(message: str, values: Sequence[Any]) -> str:
    """NumPy's message about core dimensions of operands that do not fit, in plain words; "" for other messages.

    >>> told = ("matmul: Input operand 1 has a mismatch in its core dimension 0, with gufunc signature "
    ...         "(n?,k),(k,m?)->(n?,m?) (size 2 is different from 3)")
    >>> in_words(told, [np.ones((4, 3)), np.ones((2, 3))])
    '\\n  the second operand has 2 entries along its axis 0, and must have 3'
    """
    found = _CORE.match(message)
    if found is None:
        return ""
    operand, core, signature, has, needs = found.groups()
    if int(operand) >= min(len(values), len(_WHICH)):
        return ""
    cores = re.findall(r"\(([^)]*)\)", signature)[int(operand)].split(",")
    axis = max(np.ndim(values[int(operand)]) - len(cores) + int(core), 0)
    which = _WHICH[int(operand)]
    return f"\n  the {which} operand has {has} entries along its axis {axis}, and must have {needs}"


def advice(again: Callable[[list[Any]], Any], values: Sequence[Any]) -> str:
    """A suggestion of operands that would fit in place of two that do not; "" if there is none.

    Parameters
    ----------
    again : a function that computes the same with other operands.
    """
    if len(values) != 2 or not all(isinstance(x, np.ndarray) and 0 < x.size <= LARGEST for x in values):
        return ""
    if values[0].size * values[1].size > LARGEST * 1_000:
        return ""
    for others, what in _others(*(np.eye(*x.shape) if x.ndim == 2 else np.ones(x.shape) for x in values)):
        try:
            with asking_others(), np.errstate(all="ignore"):
                result = again(others)
        except NoAnswer:
            continue
        shapes = " and ".join(str(x.shape) for x in others)
        return f"\n  {what} would fit: {shapes} give {np.shape(result)}"
    return ""


def _others(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[list[Any], str]]:
    """Variants of two operands: one of them or both transposed, or a vector as a column."""
    if b.ndim == 1 < a.ndim:
        yield [a, b[:, None]], "the second operand as a column ([:, None])"
    if a.ndim == 1 < b.ndim:
        yield [a[:, None], b], "the first operand as a column ([:, None])"
    if b.ndim == 2:
        yield [a, b.T], "the second operand transposed (.T)"
    if a.ndim == 2:
        yield [a.T, b], "the first operand transposed (.T)"
    if a.ndim == b.ndim == 2:
        yield [a.T, b.T], "both operands transposed (.T)"
