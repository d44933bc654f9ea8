"""Matrices of a simple structure as formulas: I, diag(…), 𝟏."""

from __future__ import annotations

import numpy as np

from chainrule.explain.values import DIGITS, inline, short
from chainrule.formula import Formula, call, name, number

__all__ = ["simple_matrix"]


def simple_matrix(J: np.ndarray, digits: int = DIGITS) -> Formula | None:
    """A matrix as I, diag(…), ones, or a number times one of these; None for any other.

    >>> from chainrule.explain.printers import unicode
    >>> [unicode(simple_matrix(J)) for J in (3 * np.eye(2), np.diag([1.0, 2.0]), np.full((2, 1), 0.5))]
    ['3·I', 'diag([1 2])', '0.5·𝟏']
    """
    if J.size < 2 or not np.isfinite(J).all() or not J.any():
        return None
    rows, columns = J.shape
    if (J.flat[0] == J).all():
        down, across = name("𝟏", (rows,)), name("𝟏", (columns,)).T
        return number(short(J.flat[0], digits)) * (down if columns == 1 else across if rows == 1 else down @ across)
    diagonal = np.diag(J)
    if rows != columns or np.count_nonzero(J) != np.count_nonzero(diagonal):
        return None
    if (diagonal == diagonal[0]).all():
        return number(short(diagonal[0], digits)) * name("I", J.shape)
    return call("diag", number(inline(diagonal, digits)))
