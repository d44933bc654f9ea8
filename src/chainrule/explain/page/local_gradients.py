"""Local gradients for the page: the matrix, or its pattern if it is large, and the name of its structure."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.block import Elementwise
from chainrule.explain.page.numbers import heat, plain_numbers
from chainrule.explain.reader import local_columns, local_gradient
from chainrule.node import Node

__all__ = ["LocalGradient", "local_gradient_of"]

NUMBERS = 64
"""A local gradient of at most this many entries is shown number by number."""
WHOLE = 4096
"""Up to this many entries it is computed completely; larger ones for some entries of the result only."""
SAMPLE = 24
HUGE = 1_000_000
"""For operands with more entries than this no column is computed."""


class LocalGradient:
    """∂z/∂x of one block and operand: a row for each entry of x and a column for each of z.

    Attributes
    ----------
    shape : its rows and columns.
    matrix : the matrix, or some of its columns; None if it is too large.
    whole : whether all columns are there.
    structure : its structure in a few words, or "".
    """

    def __init__(self, node: Node, index: int):
        operand = node.inputs[index].value
        self.shape = (np.size(operand), np.size(node.value))
        self.matrix = local_gradient(node, index, WHOLE)
        self.whole = self.matrix is not None
        self.diagonal = isinstance(node.block, Elementwise) and np.shape(operand) == np.shape(node.value)
        if self.matrix is None and 0 < self.shape[0] <= HUGE and self.shape[1] > 0:
            outputs = np.unique(np.linspace(0, self.shape[1] - 1, SAMPLE).astype(int))
            self.matrix = local_columns(node, index, outputs)
        self.structure = structure(self.matrix) if self.whole else "diagonal" if self.diagonal else ""

    def story(self, most: int = NUMBERS) -> dict[str, Any]:
        """The JSON form, number by number up to `most` entries."""
        told: dict[str, Any] = {"shape": list(self.shape), "structure": self.structure, "whole": self.whole}
        if self.matrix is None or self.matrix.dtype.kind not in "fiub":
            return told
        if self.whole and self.matrix.size <= most:
            told["numbers"] = plain_numbers(self.matrix)
        elif self.whole or not self.diagonal:
            told["heat"] = heat(self.matrix)
        return told


def local_gradient_of(node: Node, index: int) -> LocalGradient | None:
    """The local gradient, or None if the rule cannot be run on its own."""
    try:
        with np.errstate(all="ignore"):
            return LocalGradient(node, index)
    except (TypeError, ValueError, NotImplementedError):
        return None


def structure(J: np.ndarray | None) -> str:
    """The structure of a matrix in words.

    >>> structure(np.diag([1.0, 2.0])), structure(3 * np.eye(2)), structure(np.kron(np.eye(2), [[1.0], [2.0]]))
    ('diagonal', '3 × identity', '2 equal blocks on the diagonal')
    """
    if J is None or J.size <= 1 or J.dtype.kind not in "fiub" or not np.isfinite(J).all():
        return ""
    if not J.any():
        return "zero"
    rows, columns = J.shape
    if rows == columns and _is_diagonal(J):
        return _diagonal(np.diag(J))
    if np.isin(J, (0, 1)).all() and (J.sum(axis=0) == 1).all():
        return _selection(J)
    if (J.flat[0] == J).all():
        return f"{_short(J.flat[0])} everywhere"
    if found := _kronecker(J):
        return found
    if np.count_nonzero(J) == 1:
        return "a single entry"
    if rows == columns and np.allclose(J, J.T, rtol=1e-12, atol=1e-14 * np.abs(J).max()):
        return "symmetric"
    if rows == columns and (not np.triu(J, 1).any() or not np.tril(J, -1).any()):
        return "triangular"
    zeros = np.count_nonzero(J == 0) / J.size
    return f"{zeros:.0%} zeros" if zeros >= 0.3 else ""


def _is_diagonal(J: np.ndarray) -> bool:
    return np.count_nonzero(J) == np.count_nonzero(np.diag(J))


def _diagonal(d: np.ndarray) -> str:
    if (d == 1).all():
        return "identity"
    if (d == d[0]).all():
        return f"{_short(d[0])} × identity"
    return "diagonal of zeros and ones" if np.isin(d, (0, 1)).all() else "diagonal"


def _selection(J: np.ndarray) -> str:
    if J.shape[1] == 1:
        return "picks one entry"
    if J.shape[0] == 1:
        return "1 everywhere"
    uses = J.sum(axis=1)
    if (uses == 1).all():
        return "permutation"
    return "each result is one of the entries" if uses.max() == 1 else "copies"


def _kronecker(J: np.ndarray) -> str:
    """Equal blocks on the diagonal, or blocks that are multiples of the identity."""
    rows, columns = J.shape
    for k in range(min(rows, columns), 1, -1):
        if rows % k or columns % k:
            continue
        r, c = rows // k, columns // k
        if np.array_equal(J, np.kron(np.eye(k), J[:r, :c])):
            return f"{k} equal blocks on the diagonal"
        if np.array_equal(J, np.kron(J[::k, ::k], np.eye(k))):
            return f"blocks that are multiples of the {k}×{k} identity"
    return ""


def _short(x: Any) -> str:
    return f"{float(x):.4g}"
