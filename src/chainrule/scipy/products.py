"""Products with sparse matrices: constant ones, such as the matrix of a filter, and ones whose entries are recorded.

A matrix is stored as its entries `data` and their places `indices` and `indptr`, as in SciPy's csr_array, or as in a
csc_array if it is `transposed`. So the transpose has the same entries in the same order.
"""

import functools
from typing import Any

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate

__all__ = ["Places", "along_axis", "matrix_of", "of_columns", "sparse_product", "sparse_solve"]


class Places:
    """The places of the entries of a sparse matrix."""

    __slots__ = ("indices", "indptr", "shape", "transposed")

    def __init__(self, indices, indptr, shape, transposed=False):
        self.indices, self.indptr, self.shape, self.transposed = indices, indptr, shape, transposed

    def turned(self):
        """The places in the transposed matrix."""
        return Places(self.indices, self.indptr, self.shape[::-1], not self.transposed)

    def matrix(self, data):
        """SciPy's matrix with these entries."""
        kind = scipy.sparse.csc_array if self.transposed else scipy.sparse.csr_array
        return kind((data, self.indices, self.indptr), shape=self.shape)

    def rows_and_columns(self):
        outer = np.repeat(np.arange(len(self.indptr) - 1), np.diff(self.indptr))
        return (self.indices, outer) if self.transposed else (outer, self.indices)

    def arrays(self):
        return self.indices, self.indptr

    def params(self):
        """The places as parameters of a block."""
        return {name: getattr(self, name) for name in Places.__slots__}


def of_columns(function, x):
    """A linear function of columns, applied to all columns of a stack of matrices at once."""
    columns = np.moveaxis(x, -2, 0)
    z = function(columns.reshape(len(columns), -1))
    return np.moveaxis(z.reshape(len(z), *columns.shape[1:]), 0, -2)


@unlisted_block(notation=lambda data, x, **_: data @ x, complex=True)
def sparse_product(xp, data, x, indices=None, indptr=None, shape=(), transposed=False):
    """z = a x for matrices x and the sparse matrix a with these entries."""
    places = Places(indices, indptr, shape, transposed)
    if data.ndim > 1:
        lead = np.broadcast_shapes(data.shape[:-1], x.shape[:-2])
        data, x = np.broadcast_to(data, lead + data.shape[-1:]), np.broadcast_to(x, lead + x.shape[-2:])
        z = [places.matrix(data[at]) @ x[at] for at in np.ndindex(lead)]
        return np.reshape(z, (*lead, shape[0], x.shape[-1]))
    matrix = places.matrix(data)
    return of_columns(lambda x: matrix @ x, x)


@sparse_product.backward("data")
def sparse_product_ddata(xp, dz, z, data, x, **places):
    rows, columns = Places(**places).rows_and_columns()
    d = xp.sum(dz[..., rows, :] * conjugate(xp, x)[..., columns, :], axis=-1)
    return sum_to(xp, d, tuple(data.shape), (*z.shape[:-2], *data.shape[-1:]))


@sparse_product.backward("x")
def sparse_product_dx(xp, dz, z, data, x, **places):
    dx = sparse_product(conjugate(xp, data), dz, **Places(**places).turned().params())
    return sum_to(xp, dx, tuple(x.shape), (*z.shape[:-2], *x.shape[-2:]))


# Equations -------------------------------------------------------------------------------------------------------


@unlisted_block(notation=lambda data, b, **_: data**-1 @ b, complex=True)
def sparse_solve(xp, data, b, indices=None, indptr=None, shape=(), transposed=False):
    """z = a⁻¹ b for matrices b and the square sparse matrix a with these entries."""
    places = Places(indices, indptr, shape, transposed)
    if data.ndim > 1:
        lead = np.broadcast_shapes(data.shape[:-1], b.shape[:-2])
        data, b = np.broadcast_to(data, lead + data.shape[-1:]), np.broadcast_to(b, lead + b.shape[-2:])
        z = [_factors(places, data[at])(b[at]) for at in np.ndindex(lead)]
        return np.reshape(z, b.shape)
    return of_columns(_factors(places, data), b)


@sparse_solve.backward
def sparse_solve_backward(xp, dz, z, data, b, **params):
    places = Places(**params)
    db = sparse_solve(conjugate(xp, data), dz, **places.turned().params())
    rows, columns = places.rows_and_columns()
    d = -xp.sum(db[..., rows, :] * conjugate(xp, z)[..., columns, :], axis=-1)
    return (
        sum_to(xp, d, tuple(data.shape), (*z.shape[:-2], *data.shape[-1:])),
        sum_to(xp, db, tuple(b.shape), tuple(z.shape)),
    )


_known: list[tuple[Any, ...]] = []
"""The last factors, with their matrix: a backward pass solves with the same matrix again."""


def _factors(places, data):
    """A function that solves equations with the matrix."""
    for own, entries, lu in _known:
        if entries.dtype == data.dtype and all(map(np.array_equal, own.arrays(), places.arrays())):
            turned = own.transposed != places.transposed
            if np.array_equal(entries, data):
                return functools.partial(_solve, lu, trans="T" if turned else "N")
            if turned and np.array_equal(entries, np.conj(data)):
                return functools.partial(_solve, lu, trans="H")
    kind = data.dtype if data.dtype.char in "fdFD" else np.float64
    lu = scipy.sparse.linalg.splu(places.matrix(data.astype(kind)).tocsc())
    _known[:] = [(places, data.copy(), lu), *_known[:1]]
    return functools.partial(_solve, lu, trans="N")


def _solve(lu, b, trans):
    """The solution; SciPy's factors take right-hand sides of their own dtype only."""
    kind = lu.L.dtype
    if np.iscomplexobj(b) and kind.kind == "f":
        return _solve(lu, b.real, trans) + 1j * _solve(lu, b.imag, trans)
    return lu.solve(np.ascontiguousarray(b.astype(kind)), trans)


# A linear function along an axis --------------------------------------------------------------------------------

_REACH = 64
"""The largest distance between an entry of a result and the entries of x that it depends on, in the functions below."""


def matrix_of(function, n):
    """The sparse matrix of a linear function of vectors of length n whose results depend on nearby entries only.

    One call of the function (along the first axis) gives many columns at once: those far from each other.
    """
    count = max(1, n // (2 * _REACH))
    starts = np.arange(count) * n // count
    lengths = np.diff([*starts, n])
    combs = np.zeros((n, lengths.max()))
    for start, length in zip(starts, lengths, strict=True):
        combs[np.arange(start, start + length), np.arange(length)] = 1
    z = function(combs)
    rows, colours = np.nonzero(abs(z) > 1e-18)
    centres = starts[:, None] + np.arange(lengths.max())
    centres = np.where(np.arange(lengths.max()) < lengths[:, None], centres, 10 * n)
    distances = abs(rows[:, None] - centres.T[colours])
    distances = np.minimum(distances, abs(n - distances))  # around the end
    nearest = np.argmin(distances, axis=1)
    made = scipy.sparse.csr_array((z[rows, colours], (rows, centres[nearest, colours])), shape=(len(z), n))
    return made.data, Places(made.indices, made.indptr, made.shape)


def along_axis(matrix, x, axis):
    """The product of a sparse matrix with x along an axis."""
    data, places = matrix
    rows = np.moveaxis(x, axis, 0)
    z = sparse_product(data, np.reshape(rows, (rows.shape[0], -1)), **places.params())
    return np.moveaxis(np.reshape(z, (places.shape[0], *rows.shape[1:])), 0, axis)
