"""The public interface of a sparse matrix with recorded entries: writes, sums, arithmetic and products."""

import numpy as np
import scipy.sparse

from chainrule.array import Array, value_of
from chainrule.blocks.indexing.entries import add_at
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.scipy.products import sparse_product
from chainrule.scipy.sparse.dense import Matrix, array_of, is_number, plain_value
from chainrule.scipy.sparse.entries import Entries, not_into
from chainrule.standins.scipy_functions import Instance

__all__ = ["Sparse", "is_sparse", "sparse_of"]


class Sparse(Entries):
    """A sparse matrix with recorded entries, in place of one of SciPy's."""

    # Writes -------------------------------------------------------------------------------------------------

    def __setitem__(self, key, value):
        value = value.A if isinstance(value, Matrix) else value
        place = self._one_place(key)
        plain = self.plain if self._written else self.plain.copy()  # a copy, since earlier results may share the matrix
        plain[key] = sparse_of(value).plain if is_sparse(value) else plain_value(value)
        self.plain = plain
        if place is not None:
            self._written[place[0] * self.shape[1] + place[1]] = value
            return
        rows, columns = _grid(key, self.shape)
        self._put(rows, columns, sparse_of(value).toarray() if is_sparse(value) else array_of(value))

    def _put(self, rows, columns, value):
        self._settled()
        keys = (rows * self.shape[1] + columns).ravel()
        entries = np.ravel(np.broadcast_to(value, rows.shape))
        last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
        self._replace(keys[last], entries[last])

    def setdiag(self, values, k=0):
        plain = self.plain.copy()
        plain.setdiag(plain_value(values), k)
        self.plain, values = plain, array_of(values)
        count = min(self.shape[0] + min(k, 0), self.shape[1] - max(k, 0), *values.shape)
        i = np.arange(count)
        self._put(i + max(-k, 0), i + max(k, 0), values if values.ndim == 0 else values[:count])

    # Arithmetic ---------------------------------------------------------------------------------------------

    def transpose(self, axes=None, copy=False):
        return Sparse.of_places(self.columns, self.rows, self.entries, self.plain.transpose())

    def conj(self, copy=True):
        return self._with(np.conj(self.entries), self.plain.conj())

    conjugate = conj

    def __neg__(self):
        return self._with(-self.entries, -self.plain)

    def __abs__(self):
        return self._with(abs(self.entries), abs(self.plain))

    def power(self, n, dtype=None):
        plain = self.plain.power(n if isinstance(n, int) else plain_value(n)[()], dtype)
        return self._with(self.entries.astype(plain.dtype) ** n, plain)

    def __pow__(self, n):
        if not self.matrix:
            return self.power(n)
        plain, made = self.plain**n, self._with(self.entries, self.plain)  # SciPy raises for powers that it lacks
        if n == 0:
            return Sparse.of(plain)
        for _ in range(n - 1):
            made = made @ self
        return Sparse(made.rows, made.columns, made.entries, plain)

    def sum(self, axis=None, dtype=None, out=None):
        return self._summed("sum", axis, dtype, out, 1)

    def mean(self, axis=None, dtype=None, out=None):
        count = self.shape[0] * self.shape[1] if axis is None else self.shape[axis]
        return self._summed("mean", axis, dtype, out, count)

    def _summed(self, name, axis, dtype, out, count):
        not_into(out)

        def run(_):
            return np.asarray(getattr(self.plain, name)(axis, dtype=dtype))[()]

        def sums(entries):
            if axis is None:
                return np.sum(entries) / count
            z = add_at(entries, key=((self.columns, self.rows)[axis % 2],), shape=(self.shape[1 - axis % 2],)) / count
            return np.expand_dims(z, axis % 2) if self.matrix else z

        z = answered(sums, name, run, (self.entries,), {})
        return z if axis is None else self.dense(z)

    def __add__(self, other):
        if isinstance(other, Matrix):
            return self + other.A
        if is_sparse(other):
            other = sparse_of(other)
            plain = self.plain + other.plain
            rows, columns = (np.concatenate(pair) for pair in ((self.rows, other.rows), (self.columns, other.columns)))
            entries = np.concatenate([self.entries, other.entries])
            return Sparse.of_places(rows, columns, entries, plain)
        if is_number(other):
            return self._plus_number(other)
        return self.dense(self.toarray() + other)

    __radd__ = __add__

    def _plus_number(self, number):
        plain = self.plain + plain_value(number)
        if self.format == "dok":  # all entries are stored then
            made = sparse_of(self.toarray() + number)
            return Sparse(made.rows, made.columns, made.entries, plain)
        if type(number) is Array:  # SciPy adds only 0, which does not change the matrix
            raise RecordingError("a recorded number is added to the dense array: A.toarray() + s" + at_line())
        return self._with(self.entries, plain)

    def __sub__(self, other):
        return self + (-sparse_of(other) if is_sparse(other) else -other)

    def __rsub__(self, other):
        return -self + other

    def multiply(self, other):
        if is_number(other):
            return self._with(self.entries * other, self.plain * plain_value(other))
        if is_sparse(other):
            other = sparse_of(other)
            if other.shape == self.shape:
                entries = self.entries * other.at(self.rows, self.columns)
                return self._with(entries, self.plain.multiply(other.plain))
            other = other.toarray()
        other = array_of(other)
        factors = np.broadcast_to(other, self.shape)[self.rows, self.columns]
        return self._with(self.entries * factors, self.plain.multiply(plain_value(other)))

    def __mul__(self, other):
        return self @ other if self.matrix and not is_number(other) else self.multiply(other)

    def __rmul__(self, other):
        return other @ self if self.matrix and not is_number(other) else self.multiply(other)

    def __truediv__(self, other):
        if is_sparse(other):
            raise RecordingError("a quotient of sparse matrices is dense: A.toarray() / B.toarray()" + at_line())
        if not is_number(other):
            return self.multiply(1 / array_of(other))
        entries = self.entries.astype(np.result_type(self.entries.dtype, np.float64))  # as SciPy computes
        return self._with(entries * (1 / other), self.plain / plain_value(other))

    def __matmul__(self, other):
        if is_sparse(other):
            return _product(self, sparse_of(other))
        other = other.A if isinstance(other, Matrix) else array_of(other)
        return answered(self._times, "a sparse product", lambda _, x: self.plain @ x, (self.entries, other), {})

    def _times(self, entries, x):
        z = sparse_product(entries, x[:, None] if x.ndim == 1 else x, **self.places().params())
        return z[:, 0] if x.ndim == 1 else z

    def __rmatmul__(self, other):
        return _product(sparse_of(other), self) if is_sparse(other) else (self.transpose() @ array_of(other).T).T

    def _compared(self, other):
        raise RecordingError("a sparse matrix is compared with recorded values by .toarray()" + at_line())

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = maximum = minimum = _compared
    __hash__ = object.__hash__

    def dot(self, other):
        return self * other if is_number(other) else self @ other


def _grid(key, shape):
    """The rows and columns that a two-part index selects; the parts may be slices."""
    parts = key if isinstance(key, tuple) else (key, slice(None))
    both = [np.arange(n)[value_of(k)] for n, k in zip(shape, parts, strict=True)]
    outer = any(isinstance(k, slice) for k in parts)
    return np.broadcast_arrays(*(np.ix_(*map(np.ravel, both)) if outer else both))


def _product(a, b):
    """The product of two sparse matrices: each entry of a is multiplied by the entries of one row of b."""
    plain = a.plain @ b.plain
    starts = np.searchsorted(b.rows, np.arange(b.shape[0] + 1))
    counts = np.diff(starts)[a.columns]
    first = np.repeat(np.arange(len(a.rows)), counts)
    second = (
        np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts[a.columns], counts)
    )
    entries = a.entries[first] * b.entries[second]
    return Sparse.of_places(a.rows[first], b.columns[second], entries, plain)


def is_sparse(x):
    """Whether x is a sparse matrix, SciPy's or a recorded one."""
    return type(x) is Sparse or scipy.sparse.issparse(x) or (type(x) is Instance and scipy.sparse.issparse(x._plain))


def sparse_of(x):
    """A sparse or dense matrix as a `Sparse`."""
    if type(x) is Instance:
        x = x._made() if x._is_recorded() else x._plain
    if type(x) is Sparse:
        return x
    if scipy.sparse.issparse(x):
        return Sparse.of(x)
    x = np.atleast_2d(array_of(x))
    rows, columns = (g.ravel() for g in np.indices(x.shape))
    return Sparse(rows, columns, np.ravel(x), scipy.sparse.csr_array(plain_value(x)))
