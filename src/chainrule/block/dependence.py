"""Dependence: which entries of the inputs each entry of a block's result depends on.

The dependence of an array on the input of a recording is a sparse matrix of truth values, with a row for each of its
entries and a column for each entry of the input. Each block declares a function that makes the
matrix of its result from those of its operands (None for an operand that does not depend on the input). The matrix may
have too many entries, never too few. Without a declaration each entry of the result depends on everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.libraries import NUMPY_NAMESPACE
from chainrule.node import Node

__all__ = ["Dependence", "NotSparse", "added_at", "along_axis", "entrywise", "everything", "moved", "product"]

MOST = 30_000_000
"""The largest number of entries of a matrix: a few hundred megabytes."""

Dependence = Callable[[Node, Sequence[Any]], Any]


class NotSparse(Exception):
    """Too many entries depend on each other: the pattern itself does not fit into memory."""


def entrywise(node: Node, operands: Sequence[Any]) -> Any:
    """Each entry of the result depends on the entries of the operands at its place, after broadcasting."""
    shape = np.shape(node.value)
    parts = []
    for x, matrix in zip(node.inputs, operands, strict=True):
        if matrix is not None:
            own = np.shape(x.value)
            places = np.arange(math.prod(own)).reshape(own)
            parts.append(matrix if own == shape else _rows(matrix, np.broadcast_to(places, shape).ravel()))
    return _union(parts)


def moved(node: Node, operands: Sequence[Any]) -> Any:
    """Each entry of the result is an entry of an operand, or a constant. The block runs on indices to tell which."""
    start = 1
    numbers = []
    parts = []
    for x, matrix in zip(node.inputs, operands, strict=True):
        shape = np.shape(x.value if type(x) is Node else x)
        if matrix is None:
            numbers.append(np.zeros(shape, int))
        else:
            numbers.append(np.arange(start, start + math.prod(shape)).reshape(shape))
            start += math.prod(shape)
            parts.append(matrix)
    places = np.asarray(node.block.forward(NUMPY_NAMESPACE, *numbers, **node.params)).ravel()
    return _rows(_stacked([_empty(1, parts[0].shape[1]), *parts]), places)


def along_axis(node: Node, operands: Sequence[Any]) -> Any:
    """Each entry of the result depends on the entries of the first operand along the axes `axis`, and on no other."""
    if any(matrix is not None for matrix in operands[1:]):
        return everything(node, operands)
    x, z = np.shape(node.inputs[0].value), np.shape(node.value)
    axis = node.params["axis"]
    axes = {a % len(x) for a in (axis if isinstance(axis, tuple) else (axis,))} if x else set()
    kept = tuple(1 if i in axes else n for i, n in enumerate(x))
    groups = np.broadcast_to(np.arange(math.prod(kept)).reshape(kept), x).ravel()
    joined = _joined(operands[0], groups, math.prod(kept))
    return _rows(joined, groups) if z == x else joined


def product(node: Node, operands: Sequence[Any]) -> Any:
    """A matrix product: an entry depends on its row of the first factor and its column of the second.

    Zeros of a constant factor do not count.
    """
    a, b = (np.asarray(x.value if type(x) is Node else x) for x in node.inputs)
    if a.ndim > 2 or b.ndim > 2:
        return everything(node, operands)
    rows, columns = (a.shape[0] if a.ndim == 2 else 1), (b.shape[1] if b.ndim == 2 else 1)
    inner = a.shape[-1]
    parts = []
    if operands[0] is not None:
        places = np.arange(rows * inner).reshape(rows, inner)
        if operands[1] is None:  # z[i, j] depends on a[i, k] where b[k, j] is not 0
            parts.append(_by_constant(operands[0], places, b.reshape(inner, columns).T, rows, columns, first=True))
        else:
            parts.append(_spread(operands[0], np.repeat(np.arange(rows), inner), np.repeat(np.arange(rows), columns)))
    if operands[1] is not None:
        places = np.arange(inner * columns).reshape(inner, columns).T
        if operands[0] is None:
            parts.append(_by_constant(operands[1], places, a.reshape(rows, inner), rows, columns, first=False))
        else:
            parts.append(_spread(operands[1], np.tile(np.arange(columns), inner), np.tile(np.arange(columns), rows)))
    return _union(parts)


def added_at(node: Node, operands: Sequence[Any]) -> Any:
    """The entries of the last operand are added at `key`, to those of the first one if there are two."""
    shape = np.shape(node.value)
    v = operands[-1]
    parts = [] if len(operands) == 1 or operands[0] is None else [operands[0]]
    if v is not None:
        places = np.arange(math.prod(shape)).reshape(shape)[(..., *node.params["key"])]
        parts.append(_joined(v, places.ravel(), math.prod(shape)))
    return _union(parts)


def everything(node: Node, operands: Sequence[Any]) -> Any:
    """Each entry of the result depends on all entries of all operands."""
    known = [matrix for matrix in operands if matrix is not None]
    row = _union([_joined(matrix, np.zeros(matrix.shape[0], int), 1) for matrix in known])
    return _rows(row, np.zeros(np.size(node.value), int))


# Matrices of truth values ------------------------------------------------------------------------------------------


def _checked(count: int) -> None:
    if count > MOST:
        raise NotSparse


def _empty(rows: int, columns: int) -> Any:
    from scipy import sparse

    return sparse.csr_array((rows, columns), dtype=bool)


def _rows(matrix: Any, places: np.ndarray) -> Any:
    """The rows at some places."""
    _checked(int(np.diff(matrix.indptr)[places].sum()))
    return matrix[places]


def _stacked(matrices: Sequence[Any]) -> Any:
    from scipy import sparse

    return sparse.vstack(matrices, format="csr")


def _union(matrices: Sequence[Any]) -> Any:
    """The entries of any of the matrices."""
    union = matrices[0]
    for matrix in matrices[1:]:
        union = union + matrix
    return union


def _joined(matrix: Any, groups: np.ndarray, count: int) -> Any:
    """A row for each group of rows: the union of them."""
    from scipy import sparse

    ones = np.ones(len(groups), dtype=bool)
    return _unions(sparse.csr_array((ones, (groups, np.arange(len(groups)))), shape=(count, len(groups))), matrix)


def _unions(chosen: Any, matrix: Any) -> Any:
    """For each row of `chosen`, the union of the rows of `matrix` that it has."""
    counts = chosen @ np.diff(matrix.indptr).astype(np.int64)
    _checked(int(np.minimum(counts, matrix.shape[1]).sum()))
    return chosen @ matrix


def _spread(matrix: Any, groups: np.ndarray, places: np.ndarray) -> Any:
    """The unions of groups of rows, at some places."""
    return _rows(_joined(matrix, groups, int(groups.max(initial=-1)) + 1), places)


def _by_constant(matrix: Any, places: np.ndarray, constant: np.ndarray, rows: int, columns: int, first: bool) -> Any:
    """The rows of a product with a constant factor.

    places[i, k] is the row of `matrix` for entry k of line i of the other factor. The entry of the product of line i
    and line j of the constant depends on the entries k for which constant[j, k] is not 0.
    """
    from scipy import sparse

    j, k = constant.nonzero()
    lines = len(places)
    _checked(lines * len(j))
    line = np.repeat(np.arange(lines), len(j))
    j, k = np.tile(j, lines), np.tile(k, lines)
    z = line * columns + j if first else j * columns + line
    ones = np.ones(len(z), dtype=bool)
    return _unions(sparse.csr_array((ones, (z, places[line, k])), shape=(rows * columns, matrix.shape[0])), matrix)
