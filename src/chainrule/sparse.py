"""Sparse second derivatives and Jacobians: sparse_hessian, sparse_jacobian.

Which entries may differ from 0 is read off the recording (`block/dependence.py`). Columns that share no row are
computed by one product, so k products give all entries of a banded Hessian with k diagonals, of any size
(A. Curtis, M. Powell and J. Reid, 1974).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cached_property
from itertools import pairwise
from typing import Any, ParamSpec

import numpy as np

from chainrule.argnums import name_of, positions_of
from chainrule.array import Array, form_of, node_of
from chainrule.block.dependence import NotSparse
from chainrule.errors import GradientError
from chainrule.graph import graph_between
from chainrule.inputs import with_numpys_arrays
from chainrule.libraries import is_complex
from chainrule.node import Node, at_line
from chainrule.recording import Recording, record_call
from chainrule.transforms import derived_from, grad, transposed_pull

__all__ = ["SparseMatrix", "sparse_hessian", "sparse_jacobian"]

P = ParamSpec("P")


class SparseMatrix:
    """A matrix of derivatives of which most entries are 0 for every value of the argument.

    Attributes
    ----------
    kind : "diagonal", "banded", "block-diagonal", "sparse" or "dense".
    shape : its rows and columns; an argument or a result of several axes counts in the order of `ravel`.
    nnz : the number of entries that may differ from 0.
    products : how many products with vectors were computed.
    """

    def __init__(self, matrix: Any, products: int):
        self._matrix = matrix
        self.products = products
        self.shape: tuple[int, int] = matrix.shape
        self.nnz: int = matrix.nnz

    @property
    def dtype(self) -> Any:
        return self._matrix.dtype

    @cached_property
    def bandwidth(self) -> tuple[int, int]:
        """The number of diagonals with entries below and above the main one."""
        entries = self._matrix.tocoo()
        if not self.nnz:
            return 0, 0
        below = entries.row.astype(np.int64) - entries.col
        return max(int(below.max()), 0), max(int(-below.min()), 0)

    @cached_property
    def _labels(self) -> np.ndarray:
        """For each row of a square matrix, the number of the block to which it belongs."""
        from scipy.sparse.csgraph import connected_components

        return connected_components(self._matrix, directed=False)[1]

    @cached_property
    def kind(self) -> str:
        n, m = self.shape
        if n == m and self.bandwidth == (0, 0):
            return "diagonal"
        if 2 * self.nnz >= n * m:
            return "dense"
        if n == m and self.nnz == np.sum(np.bincount(self._labels) ** 2):
            return "block-diagonal"
        return "banded" if n == m and 4 * self.nnz >= n * (sum(self.bandwidth) + 1) else "sparse"

    def __repr__(self) -> str:
        told = ""
        if self.kind == "banded":
            told = f" with {sum(self.bandwidth) + 1} diagonals"
        elif self.kind == "block-diagonal":
            told = f" of {int(self._labels.max()) + 1} blocks"
        n, m = self.shape
        return f"<{self.kind} {n}×{m} matrix{told}, {self.nnz} entries, by {self.products} products>"

    def dense(self) -> np.ndarray:
        """The matrix as a NumPy array."""
        return self._matrix.toarray()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.dense(), dtype=dtype)

    def tosparse(self) -> Any:
        """The matrix as a `scipy.sparse.csr_array`."""
        return self._matrix.copy()

    def diagonal(self) -> np.ndarray:
        return self._matrix.diagonal()

    def __matmul__(self, x: Any) -> np.ndarray:
        return self._matrix @ x

    def solve(self, b: Any) -> np.ndarray:
        """The solution x of `H @ x = b`, in time and memory that grow with the entries where the structure allows it.

        Raises `np.linalg.LinAlgError` if the matrix is singular.
        """
        from scipy import linalg
        from scipy.sparse.linalg import splu

        b = np.asarray(b)
        if self.shape[0] != self.shape[1]:
            raise np.linalg.LinAlgError(f"a matrix of shape {self.shape} is not square, so it cannot be solved for x")
        if self.kind == "diagonal":
            d = self.diagonal()
            if not d.all():
                raise np.linalg.LinAlgError("Singular matrix")
            return b / (d if b.ndim == 1 else d[:, None])
        if self.kind == "dense":
            return np.linalg.solve(self.dense(), b)
        if self.kind == "banded":
            below, above = self.bandwidth
            entries = self._matrix.tocoo()
            bands = np.zeros((below + above + 1, self.shape[0]), self.dtype)
            bands[above + entries.row - entries.col, entries.col] = entries.data
            return linalg.solve_banded((below, above), bands, b)
        try:
            return splu(self._matrix.tocsc()).solve(b.astype(np.result_type(b, self.dtype)))
        except RuntimeError as error:  # SuperLU reports a singular matrix so
            raise np.linalg.LinAlgError("Singular matrix") from error


def sparse_hessian(f: Callable[P, Any], argnums: int | str = 0) -> Callable[P, SparseMatrix]:
    """A function that returns the Hessian of a scalar f as a sparse matrix, by few Hessian-vector products.

    Which entries are 0 for every argument is read off the computation: for sums over neighbours the matrix is banded,
    for sums over independent parts block-diagonal. Time and memory grow with its entries.

    Parameters
    ----------
    f : a function that returns a scalar.
    argnums : the position or name of one argument, an array of any shape; its entries count in the order of `ravel`.

    The result H has `H.dense()`, `H @ v`, `H.solve(b)`, `H.tosparse()` (for SciPy), `H.diagonal()` and `H.kind`.

    Raises
    ------
    GradientError : the argument is not one array, or the Hessian has so many entries that it is not sparse.

    >>> import numpy as np, chainrule as cr
    >>> def rosenbrock(x):
    ...     return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
    >>> H = cr.sparse_hessian(rosenbrock)(np.zeros(1000))
    >>> H
    <banded 1000×1000 matrix with 3 diagonals, 2998 entries, by 3 products>
    >>> H.solve(np.ones(1000))[:3]
    array([0.5      , 0.0049505, 0.0049505])
    """
    positions = positions_of(f, argnums, "sparse_hessian")
    gradient = grad(f, argnums)

    def differentiated(*args: Any, **kwargs: Any) -> SparseMatrix:
        recording = record_call(gradient, positions, args, kwargs)
        pattern = _pattern(recording, "sparse_hessian", name_of(f))
        rows, columns = (pattern + pattern.T).nonzero()
        colours, alone = _coloured_symmetrically(rows, columns, pattern.shape[0])
        turned = alone[rows] & ~alone[columns]  # by symmetry, these entries are in the product for their row
        which = np.where(turned, colours[rows], colours[columns])
        entry = np.where(turned, columns, rows)
        values = _products(which, entry, colours, recording.inputs[0], lambda v: recording.pull([v])[0])
        return SparseMatrix(_matrix(values, rows, columns, pattern.shape), int(colours.max(initial=-1)) + 1)

    return derived_from(differentiated, f, "sparse_hessian")


def sparse_jacobian(f: Callable[P, Any], argnums: int | str = 0) -> Callable[P, SparseMatrix]:
    """A function that returns the Jacobian of f as a sparse matrix, by few products with vectors.

    It has a row for each entry of the result and a column for each entry of the argument, in the order of `ravel`.
    Rows without a common column are computed by one backward pass, or columns without a common row by one forward pass,
    whichever are fewer.

    Parameters
    ----------
    f : a function that returns an array of any shape.
    argnums : the position or name of one argument, an array of any shape.

    The result is a `SparseMatrix`, as for `sparse_hessian`, which also lists the errors.

    >>> import numpy as np, chainrule as cr
    >>> J = cr.sparse_jacobian(np.diff)(np.zeros(1000))
    >>> J
    <sparse 999×1000 matrix, 1998 entries, by 2 products>
    >>> np.ptp(J @ np.arange(1000.0))
    np.float64(0.0)
    """
    positions = positions_of(f, argnums, "sparse_jacobian")

    def differentiated(*args: Any, **kwargs: Any) -> SparseMatrix:
        args, kwargs = with_numpys_arrays(args, kwargs)  # the result is SciPy's
        recording = record_call(f, positions, args, kwargs)
        pattern = _pattern(recording, "sparse_jacobian", name_of(f))
        rows, columns = pattern.nonzero()
        n, m = pattern.shape
        by_rows = _coloured(columns, rows, (m, n))
        fewest = int(by_rows.max(initial=-1)) + 1
        if int(np.bincount(rows, minlength=1).max()) < fewest:
            by_columns = _coloured(rows, columns, (n, m))
            if (count := int(by_columns.max(initial=-1)) + 1) < fewest:
                push = transposed_pull(recording)
                values = _products(by_columns[columns], rows, by_columns, recording.inputs[0], lambda v: push([v])[0])
                return SparseMatrix(_matrix(values, rows, columns, pattern.shape), count)
        out = node_of(recording.outputs[0]) if fewest else recording.inputs[0]
        values = _products(by_rows[rows], columns, by_rows, out, lambda v: recording.pull([v])[0])
        return SparseMatrix(_matrix(values, rows, columns, pattern.shape), fewest)

    return derived_from(differentiated, f, "sparse_jacobian")


# The pattern -------------------------------------------------------------------------------------------------------


def _pattern(recording: Recording, what: str, title: str) -> Any:
    """Which entries of the output depend on which entries of the input, as a sparse matrix of truth values."""
    from scipy import sparse

    if recording.recorded or any(type(x) is Array for x in recording.given):
        raise GradientError(
            f"{what} of {title} gives plain numbers, so it cannot be differentiated or compiled; use cr.hvp, cr.vjp or "
            "cr.jacobian inside of the function" + at_line()
        )
    values = [form_of(x) for x in (*recording.given, *recording.outputs)]
    if len(recording.inputs) != 1 or len(recording.outputs) != 1 or any(map(is_complex, values)):
        raise GradientError(
            f"{what} of {title} needs one real array as argument and one as result; it has {len(recording.inputs)} and "
            f"{len(recording.outputs)}; join several with cr.ravel" + at_line()
        )
    (source,), (out,) = recording.inputs, recording.outputs
    size = np.size(values[0])
    known: dict[Node, Any] = {source: sparse.eye_array(size, dtype=bool, format="csr")}
    if type(out) is Array:
        graph = graph_between([source], [out])
        left = Counter(x for node in graph.nodes for x in {i for i in node.inputs if type(i) is Node})
        left[node_of(out)] += 1
        try:
            for node in graph.nodes:
                operands = [known.get(x) if type(x) is Node else None for x in node.inputs]
                if node.differentiable and any(x is not None for x in operands):
                    known[node] = node.block.dependence(node, operands)
                for x in {i for i in node.inputs if type(i) is Node}:
                    left[x] -= 1
                    if not left[x]:
                        known.pop(x, None)  # its memory is free
        except NotSparse:
            raise GradientError(
                f"{what} of {title}: the matrix of {np.size(values[1])}×{size} entries is not sparse, for each result "
                "depends on very many entries; use cr.hvp or cr.vjp, which need no matrix" + at_line()
            ) from None
        if node_of(out) in known:
            return known[node_of(out)]
    return sparse.csr_array((np.size(values[1]), size), dtype=bool)


# Colouring ---------------------------------------------------------------------------------------------------------


def _matrix(values: Any, rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Any:
    from scipy import sparse

    return sparse.csr_array((values, (rows, columns)), shape=shape)


def _coloured(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """A colour for each column, such that columns with entries in one row differ; -1 for columns without entries.

    Each column takes the first colour that is free.
    """
    by_row = _matrix(np.ones(len(rows), bool), rows, columns, shape)
    by_column = by_row.tocsc()
    in_row, starts = by_row.indices.tolist(), by_row.indptr.tolist()
    in_column, tops = by_column.indices.tolist(), by_column.indptr.tolist()
    colours = [-1] * shape[1]
    for j in range(shape[1]):
        if tops[j] == tops[j + 1]:
            continue
        taken = {colours[k] for i in in_column[tops[j] : tops[j + 1]] for k in in_row[starts[i] : starts[i + 1]]}
        colour = 0
        while colour in taken:
            colour += 1
        colours[j] = colour
    return np.array(colours)


def _coloured_symmetrically(rows: np.ndarray, columns: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """A colour for each column of a symmetric matrix, and which columns share their colour with no other.

    The fullest columns get a colour of their own (as for a parameter that all results depend on). By symmetry they also
    give their rows, so the other columns may overlap in those rows.
    """
    sizes = np.bincount(rows, minlength=n)
    fullest = np.argsort(-sizes, kind="stable")
    alone = np.zeros(n, dtype=bool)
    alone[fullest[: int(np.argmin(np.arange(n) + sizes[fullest])) if n else 0]] = True
    others = ~(alone[rows] | alone[columns])
    colours = _coloured(rows[others], columns[others], (n, n))
    colours[alone] = colours.max(initial=-1) + 1 + np.arange(np.count_nonzero(alone))
    return colours, alone


def _products(
    which: np.ndarray, entry: np.ndarray, colours: np.ndarray, like: Node, product: Callable[[Any], Any]
) -> np.ndarray:
    """The value of each entry of a matrix: entry `entry` of the product with the columns of colour `which`."""
    form = np.asarray(like.value)
    values = np.zeros(len(which), form.dtype)
    order = np.argsort(which, kind="stable")
    ends = np.searchsorted(which[order], np.arange(int(colours.max(initial=-1)) + 2))
    for colour, (start, end) in enumerate(pairwise(ends)):
        v = (colours == colour).astype(form.dtype).reshape(form.shape)
        mine = order[start:end]
        values[mine] = np.ravel(product(v if form.ndim else v[()]))[entry[mine]]
    return values
