"""Matrices made of recorded entries: SciPy's classes, diagonals, joined blocks, Kronecker products, triangles."""

import numpy as np
import scipy.sparse

from chainrule.array import form_of, value_of
from chainrule.scipy.sparse.dense import array_of, plain_value
from chainrule.scipy.sparse.entries import FORMATS
from chainrule.scipy.sparse.matrices import Sparse, is_sparse, sparse_of
from chainrule.standins.scipy_functions import twin, without_gradient


def _constructor(kind, format):
    """The twin of one of SciPy's classes."""

    def made(arg1, shape=None, dtype=None, copy=False, *, maxprint=None):
        plain = kind(plain_tree(arg1), shape=shape, dtype=dtype)
        if is_sparse(arg1) or not isinstance(arg1, tuple):
            a = sparse_of(arg1)
            rows, columns, entries = a.rows, a.columns, a.entries
        else:
            entries, others = array_of(arg1[0]), arg1[1:]
            numbers = np.arange(1.0, entries.size + 1).reshape(entries.shape)
            numbered = scipy.sparse.coo_array if len(others) == 1 and format != "dia" else kind
            places = numbered((numbers, *plain_tree(others)), shape=shape).tocoo()
            inside = places.data != 0
            entries = np.ravel(entries)[places.data[inside].astype(np.int64) - 1]
            rows, columns = places.row[inside], places.col[inside]
        entries = entries if dtype is None else entries.astype(dtype)
        return Sparse.of_places(rows, columns, entries, plain)

    made.__dict__["of"] = Sparse.of  # sparse matrices of plain values may meet recorded ones
    return made


def plain_tree(x):
    """Arguments with the values of recorded arrays."""
    if isinstance(x, tuple | list):
        return type(x)([plain_tree(part) for part in x])
    return sparse_of(x).plain if is_sparse(x) else plain_value(x)


for _format in FORMATS:
    for _suffix in ("matrix", "array"):
        _kind = getattr(scipy.sparse, f"{_format}_{_suffix}")
        twin(_kind, adopts=False)(_constructor(_kind, _format))


def _diagonals(function, diagonals, offsets, shape, format, dtype):
    plain = function(plain_tree(diagonals), offsets=offsets, shape=shape, format=format, dtype=dtype)
    if np.ndim(offsets) == 0:
        diagonals = [diagonals] if len(diagonals) == 0 or np.ndim(form_of(diagonals[0])) == 0 else diagonals
        offsets = [offsets]
    parts = []
    for d, k in zip(diagonals, offsets, strict=True):
        d = np.atleast_1d(array_of(d))
        i = np.arange(min(plain.shape[0] + min(k, 0), plain.shape[1] - max(k, 0)))
        parts.append((i + max(-k, 0), i + max(k, 0), np.broadcast_to(d, i.shape) if d.size == 1 else d[: i.size]))
    rows, columns, entries = (np.concatenate(part) for part in zip(*parts, strict=True))
    return Sparse.of_places(rows, columns, entries if dtype is None else entries.astype(dtype), plain)


@twin(scipy.sparse.diags, adopts=False)
def diags(diagonals, offsets=0, shape=None, format=None, dtype=None):
    return _diagonals(scipy.sparse.diags, diagonals, offsets, shape, format, dtype)


@twin(scipy.sparse.diags_array, adopts=False)
def diags_array(diagonals, /, *, offsets=0, shape=None, format=None, dtype=None):
    return _diagonals(scipy.sparse.diags_array, diagonals, offsets, shape, format, dtype)


@twin(scipy.sparse.spdiags, adopts=False)
def spdiags(data, diags, m=None, n=None, format=None):
    return dia_matrix((array_of(data), value_of(diags)), m if n is None else (m, n)).asformat(format)


dia_matrix = _constructor(scipy.sparse.dia_matrix, "dia")


def joined(function):
    """The twin of a function that joins several matrices."""

    def made(blocks, *args, **options):
        found, start = [], 0

        def numbers(x):
            nonlocal start
            if isinstance(x, list | tuple):
                return type(x)([numbers(part) for part in x])
            if x is None:
                return None
            a = sparse_of(x)
            found.append(a)
            count = len(a.rows)
            numbered = scipy.sparse.csr_array(
                (np.arange(start + 1.0, start + 1 + count), (a.rows, a.columns)), shape=a.shape
            )
            start += count
            return numbered

        blocks = list(blocks)
        coo = function(numbers(blocks), *args, **options).tocoo()
        entries = np.concatenate([a.entries for a in found])[coo.data.astype(np.int64) - 1]
        return Sparse.of_places(coo.row, coo.col, entries, function(plain_tree(blocks), *args, **options))

    return made


for _name in ("hstack", "vstack", "bmat", "block_array", "block_diag"):
    twin(getattr(scipy.sparse, _name), adopts=False)(joined(getattr(scipy.sparse, _name)))


@twin(scipy.sparse.kron, adopts=False)
def kron(A, B, format=None):
    plain = scipy.sparse.kron(plain_tree(A), plain_tree(B), format)
    a, b = sparse_of(A), sparse_of(B)
    rows = a.rows[:, None] * b.shape[0] + b.rows
    columns = a.columns[:, None] * b.shape[1] + b.columns
    entries = np.ravel(a.entries[:, None] * b.entries)
    return Sparse.of_places(rows.ravel(), columns.ravel(), entries, plain)


@twin(scipy.sparse.kronsum, adopts=False)
def kronsum(A, B, format=None):
    a, b = sparse_of(A), sparse_of(B)
    left = kron(scipy.sparse.eye_array(b.shape[0]), a)
    made = left + kron(b, scipy.sparse.eye_array(a.shape[0]))
    return Sparse(made.rows, made.columns, made.entries, scipy.sparse.kronsum(a.plain, b.plain, format))


@twin(scipy.sparse.tril, adopts=False)
def tril(A, k=0, format=None):
    return sparse_of(A).moved(lambda matrix: scipy.sparse.tril(matrix, k, format))


@twin(scipy.sparse.triu, adopts=False)
def triu(A, k=0, format=None):
    return sparse_of(A).moved(lambda matrix: scipy.sparse.triu(matrix, k, format))


@twin(scipy.sparse.find, adopts=False)
def find(A):
    a = sparse_of(A)
    rows, columns, _ = scipy.sparse.find(a.plain)
    a.keep_zeros()
    return rows, columns, a.at(rows, columns)


@twin(scipy.sparse.issparse, adopts=False)
def issparse(x):
    return is_sparse(x)


without_gradient(scipy.sparse, " ".join(name for name in scipy.sparse.__all__ if name.startswith("isspmatrix")))
