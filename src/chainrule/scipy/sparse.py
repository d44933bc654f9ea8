"""scipy.sparse: products and solutions of constant matrices, and matrices made of recorded entries, kept sparse.

A `Sparse` has its entries in one recorded vector, row by row, and their places in plain integers; so what SciPy does to
places (slices, transposes, joined blocks) is done to numbers that stand for the entries.
"""

import functools

import numpy as np
import scipy.sparse
import scipy.sparse.linalg

from chainrule.array import Array, form_of, value_of
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.matrix_functions import expm
from chainrule.blocks.shaping import as_array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import answered, plain
from chainrule.scipy.arguments import fixed
from chainrule.scipy.products import Places, sparse_product, sparse_solve
from chainrule.standins.buffer import plain_of
from chainrule.standins.scipy_functions import Instance, twin, without_gradient

_FORMATS = ("csr", "csc", "coo", "dia", "lil", "dok", "bsr")


class Sparse:
    """A sparse matrix with recorded entries.

    Attributes
    ----------
    rows, columns, entries : its entries, row by row, and their places.
    format : SciPy's name of the format that it stands for.
    matrix : whether it stands for a csr_matrix (`*` is a product) or for a csr_array.
    """

    __array_priority__ = 2000  # above that of a recorded array
    __array_ufunc__ = None
    ndim = 2

    def __init__(self, rows, columns, entries, shape, format, matrix, plain):
        """`plain` is SciPy's matrix, or a function that makes it: SciPy gives all values."""
        self._rows, self._columns, self._entries = rows, columns, entries
        self.shape, self.format, self.matrix = tuple(map(int, shape)), format, matrix
        self._plain = plain
        self._written = {}  # entries that were written one by one, by their places

    # Making -------------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, plain):
        """SciPy's own matrix."""
        csr = scipy.sparse.csr_array(plain)
        if not csr.has_canonical_format:
            csr = csr.copy()
            csr.sum_duplicates()
        rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        matrix = isinstance(plain, scipy.sparse.spmatrix)
        return cls(rows, csr.indices, csr.data, csr.shape, plain.format, matrix, plain)

    @classmethod
    def of_places(cls, rows, columns, entries, shape, format, matrix, plain):
        """Of entries in any order; those at the same place are added."""
        rows, columns = (np.asarray(value_of(x)).astype(np.int64) for x in (rows, columns))
        unique, which = np.unique(rows * int(shape[1]) + columns, return_inverse=True)
        if len(unique) < len(rows):
            entries = add_at(entries, key=(which,), shape=unique.shape)
        elif len(rows):
            entries = entries[np.argsort(which)]
        return cls(unique // shape[1], unique % shape[1], entries, shape, format, matrix, plain)

    def _with(self, entries, function, format=None):
        """Other entries at the same places. `function` makes SciPy's matrix of SciPy's own."""
        how = (format or self.format, self.matrix, lambda: function(self.plain()))
        return Sparse(self.rows, self.columns, entries, self.shape, *how)

    def _moved(self, function):
        """What a function of SciPy's makes that only moves entries to other places."""
        numbers = np.arange(1.0, self.nnz + 1)
        kind = scipy.sparse.csr_matrix if self.matrix else scipy.sparse.csr_array
        moved = function(kind((numbers, (self.rows, self.columns)), shape=self.shape))
        if moved.ndim == 1:
            raise RecordingError("a row of a recorded sparse array is A[[i], :], with two axes" + at_line())
        moved, format = moved.tocoo(), moved.format
        own = moved.data != 0
        entries = self.entries[moved.data[own].astype(np.int64) - 1]
        plain = lambda: function(self.plain())  # noqa: E731
        return Sparse.of_places(moved.row[own], moved.col[own], entries, moved.shape, format, self.matrix, plain)

    # Contents -----------------------------------------------------------------------------------------------

    rows = property(lambda self: self._settled()._rows)
    columns = property(lambda self: self._settled()._columns)
    entries = property(lambda self: self._settled()._entries)
    keys = property(lambda self: self.rows * self.shape[1] + self.columns)
    nnz = property(lambda self: len(self.rows))
    dtype = property(lambda self: self.plain().dtype)
    T = property(lambda self: self.transpose())
    H = property(lambda self: self.conj().transpose())
    row = property(lambda self: self.plain().row)
    col = property(lambda self: self.plain().col)
    indices = property(lambda self: self.plain().indices)
    indptr = property(lambda self: self.plain().indptr)
    offsets = property(lambda self: self.plain().offsets)

    @property
    def data(self):
        """The entries in the order in which SciPy keeps them."""
        plain = self.plain().tocoo()
        if self.format not in ("csr", "csc", "coo") or plain.nnz != self.nnz:
            raise RecordingError(
                "entries of a recorded matrix are those of A.tocsr(), after A.sum_duplicates()" + at_line()
            )
        return self.entries[np.searchsorted(self.keys, plain.row.astype(np.int64) * self.shape[1] + plain.col)]

    @property
    def is_recorded(self):
        """Whether an entry is recorded."""
        return type(self._entries) is Array or any(type(x) is Array for x in self._written.values())

    def plain(self):
        """SciPy's matrix."""
        if not scipy.sparse.issparse(self._plain):
            self._plain = self._plain()
        return self._plain

    def _settled(self):
        """The matrix with what was written into it one by one."""
        if self._written:
            written, self._written = self._written, {}
            self._replace(np.fromiter(written, np.int64, len(written)), np.stack([_array(x) for x in written.values()]))
        return self

    def _replace(self, keys, entries):
        """Put entries at places, instead of those that are there."""
        kept = ~np.isin(self._rows * self.shape[1] + self._columns, keys)
        rows = np.concatenate([self._rows[kept], keys // self.shape[1]])
        columns = np.concatenate([self._columns[kept], keys % self.shape[1]])
        entries = np.concatenate([self._entries[kept], entries]) if np.any(kept) else entries
        made = Sparse.of_places(rows, columns, entries, self.shape, self.format, self.matrix, self._plain)
        self._rows, self._columns, self._entries = made._rows, made._columns, made._entries

    def places(self):
        return Places(self.columns, np.searchsorted(self.rows, np.arange(self.shape[0] + 1)), self.shape)

    def toarray(self, order=None, out=None):
        def dense(entries):
            flat = add_at(entries, key=(self.keys,), shape=(self.shape[0] * self.shape[1],))
            return np.reshape(flat, self.shape)

        return answered(dense, "toarray", lambda _: self.plain().toarray(), (self.entries,), {})

    def todense(self, order=None, out=None):
        return self._dense(self.toarray())

    def _dense(self, x):
        """A dense result: SciPy makes a np.matrix of a csr_matrix."""
        return Matrix(x) if self.matrix else x

    def __repr__(self):
        kind = f"{self.format}_{'matrix' if self.matrix else 'array'}"
        return f"<recorded {kind} of shape {self.shape} with {self.nnz} entries>"

    def __bool__(self):
        raise ValueError("The truth value of a sparse array with more than one element is ambiguous." + at_line())

    # Formats ------------------------------------------------------------------------------------------------

    def asformat(self, format, copy=False):
        if format in (None, self.format) and not copy:
            return self
        return self._with(self.entries, lambda plain: plain.asformat(format), format)

    def copy(self):
        return self._with(self.entries, lambda plain: plain.copy())

    def astype(self, dtype, casting="unsafe", copy=True):
        return self._with(self.entries.astype(dtype), lambda plain: plain.astype(dtype))

    def sum_duplicates(self):
        self.plain().sum_duplicates()

    def sort_indices(self):
        self.plain().sort_indices()

    def eliminate_zeros(self):
        """Entries that are 0 now have a derivative all the same."""

    prune = eliminate_zeros

    # Entries ------------------------------------------------------------------------------------------------

    def _at(self, rows, columns):
        """The entries at places, 0 where there are none."""
        keys, own = np.asarray(rows) * self.shape[1] + np.asarray(columns), self.keys
        if not len(own):
            return np.zeros(keys.shape)
        at = np.minimum(np.searchsorted(own, keys), len(own) - 1)
        return np.where(own[at] == keys, self.entries[at], 0.0)

    def __getitem__(self, key):
        place = self._one_place(key)
        if place is None:
            return self._moved(lambda matrix: matrix.tocsr()[key])
        number = place[0] * self.shape[1] + place[1]
        return self._written[number] if number in self._written else self._at(*place)[()]

    def _one_place(self, key):
        """The row and the column of a key of two integers; None for other keys."""
        if isinstance(key, tuple) and len(key) == 2 and all(np.ndim(k) == 0 and hasattr(k, "__index__") for k in key):
            return tuple(int(k) % n for k, n in zip(key, self.shape, strict=True))
        return None

    def __setitem__(self, key, value):
        value = value.A if isinstance(value, Matrix) else value
        if not scipy.sparse.issparse(self._plain) or not self._written:
            self._plain = self.plain().copy()
        self._plain[key] = sparse_of(value).plain() if is_sparse(value) else _plain(value)
        place = self._one_place(key)
        if place is not None:
            self._written[place[0] * self.shape[1] + place[1]] = value
            return
        self._settled()
        rows, columns = _grid(key, self.shape)
        value = sparse_of(value).toarray() if is_sparse(value) else _array(value)
        keys = (rows * self.shape[1] + columns).ravel()
        entries = np.ravel(np.broadcast_to(value, rows.shape))
        last = len(keys) - 1 - np.unique(keys[::-1], return_index=True)[1]
        self._replace(keys[last], entries[last])

    def getrow(self, i):
        return self[[i], :]

    def getcol(self, j):
        return self[:, [j]]

    def diagonal(self, k=0):
        m, n = self.shape
        i = np.arange(max(min(m + min(k, 0), n - max(k, 0)), 0))
        return self._at(i + max(-k, 0), i + max(k, 0))

    def setdiag(self, values, k=0):
        values = _array(values)
        count = min(self.shape[0] + min(k, 0), self.shape[1] - max(k, 0), *values.shape)
        i = np.arange(count)
        self[i + max(-k, 0), i + max(k, 0)] = values if values.ndim == 0 else values[:count]

    def trace(self, offset=0):
        return np.sum(self.diagonal(offset))

    def nonzero(self):
        return self.plain().nonzero()

    # Arithmetic ---------------------------------------------------------------------------------------------

    def transpose(self, axes=None, copy=False):
        other = {"csr": "csc", "csc": "csr"}.get(self.format, self.format)
        how = (self.shape[::-1], other, self.matrix, lambda: self.plain().transpose())
        return Sparse.of_places(self.columns, self.rows, self.entries, *how)

    def conj(self, copy=True):
        return self._with(np.conj(self.entries), lambda plain: plain.conj())

    conjugate = conj

    def __neg__(self):
        return self._with(-self.entries, lambda plain: -plain)

    def __abs__(self):
        return self._with(abs(self.entries), abs)

    def power(self, n, dtype=None):
        return self._with(self.entries**n, lambda plain: plain.power(n))

    def sum(self, axis=None, dtype=None, out=None):
        return self._summed("sum", axis, 1)

    def mean(self, axis=None, dtype=None, out=None):
        return self._summed("mean", axis, self.shape[0] * self.shape[1] if axis is None else self.shape[axis])

    def _summed(self, name, axis, count):
        def sums(entries):
            if axis is None:
                return np.sum(entries) / count
            z = add_at(entries, key=((self.columns, self.rows)[axis % 2],), shape=(self.shape[1 - axis % 2],)) / count
            return np.expand_dims(z, axis % 2) if self.matrix else z

        z = answered(sums, name, lambda _: np.asarray(getattr(self.plain(), name)(axis))[()], (self.entries,), {})
        return z if axis is None else self._dense(z)

    def __add__(self, other):
        if isinstance(other, Matrix):
            return self + other.A
        if is_sparse(other):
            other = sparse_of(other)
            rows, columns = (np.concatenate(pair) for pair in ((self.rows, other.rows), (self.columns, other.columns)))
            entries = np.concatenate([self.entries, other.entries])
            how = (self.shape, "csr", self.matrix, lambda: self.plain() + other.plain())
            return Sparse.of_places(rows, columns, entries, *how)
        if is_number(other) and _plain(other) == 0:
            return self
        return self._dense(self.toarray() + other)

    __radd__ = __add__

    def __sub__(self, other):
        return self + (-sparse_of(other) if is_sparse(other) else -other)

    def __rsub__(self, other):
        return -self + other

    def multiply(self, other):
        if is_number(other):
            return self._with(self.entries * other, lambda matrix: matrix * _plain(other))
        if is_sparse(other):
            other = sparse_of(other)
            if other.shape == self.shape:
                entries = self.entries * other._at(self.rows, self.columns)
                return self._with(entries, lambda matrix: matrix.multiply(other.plain()))
            other = other.toarray()
        other = _array(other)
        factors = np.broadcast_to(other, self.shape)[self.rows, self.columns]
        return self._with(self.entries * factors, lambda matrix: matrix.multiply(_plain(other)), "coo")

    def __mul__(self, other):
        return self @ other if self.matrix and not is_number(other) else self.multiply(other)

    def __rmul__(self, other):
        return other @ self if self.matrix and not is_number(other) else self.multiply(other)

    def __truediv__(self, other):
        if not is_number(other):
            return self.multiply(1 / _array(other))
        entries = self.entries.astype(np.result_type(self.entries.dtype, np.float64))  # as SciPy computes
        return self._with(entries * (1 / other), lambda matrix: matrix / _plain(other))

    def __matmul__(self, other):
        if is_sparse(other):
            return _product(self, sparse_of(other))
        other = other.A if isinstance(other, Matrix) else _array(other)
        return answered(self._times, "a sparse product", lambda _, x: self.plain() @ x, (self.entries, other), {})

    def _times(self, entries, x):
        z = sparse_product(entries, x[:, None] if x.ndim == 1 else x, **self.places().params())
        return z[:, 0] if x.ndim == 1 else z

    def __rmatmul__(self, other):
        return _product(sparse_of(other), self) if is_sparse(other) else (self.transpose() @ _array(other).T).T

    def _compared(self, other):
        raise RecordingError("a sparse matrix is compared with recorded values by .toarray()" + at_line())

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _compared
    __hash__ = object.__hash__

    def dot(self, other):
        return self * other if is_number(other) else self @ other


class Matrix:
    """What SciPy's csr_matrix and its like give where they become dense: a np.matrix, whose `*` is a product."""

    __array_ufunc__ = None

    def __init__(self, x):
        self.A = x

    A1 = property(lambda self: np.ravel(self.A))
    T = property(lambda self: Matrix(self.A.T))
    shape = property(lambda self: self.A.shape)

    def __array__(self, dtype=None, copy=None):
        raise RecordingError("a sparse matrix gives a np.matrix here; write .toarray(), or use csr_array" + at_line())

    def __add__(self, other):
        return Matrix(self.A + (other.A if isinstance(other, Matrix) else other))

    __radd__ = __add__

    def __neg__(self):
        return Matrix(-self.A)

    def __sub__(self, other):
        return self + -other

    def __rsub__(self, other):
        return -self + other

    def __mul__(self, other):
        if is_number(other):
            return Matrix(self.A * other)
        return Matrix(self.A @ (other.A if isinstance(other, Matrix) else _array(other)))

    def __rmul__(self, other):
        return Matrix(other * self.A if is_number(other) else _array(other) @ self.A)

    __matmul__, __rmatmul__ = __mul__, __rmul__

    def __truediv__(self, other):
        return Matrix(self.A / other)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self.__array__()


def _array(x):
    """A recorded array, or a plain one."""
    return as_array(plain_of(x))


def _plain(x):
    """The plain value of an array or a number, for SciPy."""
    x = plain_of(x)
    return plain(x) if type(x) is Array else x


def is_number(x):
    """Whether x is a number, recorded or not."""
    return not isinstance(x, (Sparse, Matrix)) and not is_sparse(x) and np.ndim(form_of(x)) == 0


def _grid(key, shape):
    """The rows and the columns of an index of two parts, of which some may be slices."""
    parts = key if isinstance(key, tuple) else (key, slice(None))
    both = [np.arange(n)[value_of(k)] for n, k in zip(shape, parts, strict=True)]
    outer = any(isinstance(k, slice) for k in parts)
    return np.broadcast_arrays(*(np.ix_(*map(np.ravel, both)) if outer else both))


for _format in _FORMATS:
    setattr(Sparse, f"to{_format}", functools.partialmethod(Sparse.asformat, _format))


def _product(a, b):
    """The product of two sparse matrices: each entry of a meets those of one row of b."""
    starts = np.searchsorted(b.rows, np.arange(b.shape[0] + 1))
    counts = np.diff(starts)[a.columns]
    first = np.repeat(np.arange(a.nnz), counts)
    second = (
        np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts) + np.repeat(starts[a.columns], counts)
    )
    entries = a.entries[first] * b.entries[second]
    how = ((a.shape[0], b.shape[1]), "csr", a.matrix, lambda: a.plain() @ b.plain())
    return Sparse.of_places(a.rows[first], b.columns[second], entries, *how)


def is_sparse(x):
    """Whether x is a sparse matrix, SciPy's or a recorded one."""
    return type(x) is Sparse or scipy.sparse.issparse(x) or (type(x) is Instance and scipy.sparse.issparse(x._plain))


def sparse_of(x):
    """A sparse or dense matrix as a `Sparse`."""
    if type(x) is Instance:
        x = x._made() if x._is_recorded() else x._plain
    if isinstance(x, Sparse):
        return x
    if scipy.sparse.issparse(x):
        return Sparse.of(x)
    x = _array(x)
    rows, columns = (g.ravel() for g in np.indices(x.shape))
    return Sparse(rows, columns, np.ravel(x), x.shape, "csr", False, lambda: scipy.sparse.csr_array(_plain(x)))


# Matrices made of recorded entries -----------------------------------------------------------------------------


def _constructor(kind, format, matrix):
    """The twin of one of SciPy's classes."""

    def made(arg1, shape=None, dtype=None, copy=False, *, maxprint=None):
        def own():
            return kind(_plain_tree(arg1), shape=shape, dtype=dtype)

        if is_sparse(arg1) or not isinstance(arg1, tuple):
            a = sparse_of(arg1 if is_sparse(arg1) else np.atleast_2d(_array(arg1)))
            rows, columns, entries, shape_ = a.rows, a.columns, a.entries, a.shape
        else:
            entries, others = _array(arg1[0]), arg1[1:]
            numbers = np.arange(1.0, entries.size + 1).reshape(entries.shape)
            numbered = scipy.sparse.coo_array if len(others) == 1 and format != "dia" else kind
            places = numbered((numbers, *_plain_tree(others)), shape=shape).tocoo()
            inside = places.data != 0
            entries = np.ravel(entries)[places.data[inside].astype(np.int64) - 1]
            rows, columns, shape_ = places.row[inside], places.col[inside], places.shape
        entries = entries if dtype is None else entries.astype(dtype)
        return Sparse.of_places(rows, columns, entries, shape_, format, matrix, own)

    if format in ("lil", "dok"):  # recorded values may be written into those that are made of plain ones
        made.__dict__["of"] = Sparse.of
    return made


def _plain_tree(x):
    """Arguments with the values of recorded arrays."""
    if isinstance(x, tuple | list):
        return type(x)([_plain_tree(part) for part in x])
    return sparse_of(x).plain() if is_sparse(x) else _plain(x)


for _format in _FORMATS:
    for _suffix in ("matrix", "array"):
        _kind = getattr(scipy.sparse, f"{_format}_{_suffix}")
        twin(_kind, adopts=False)(_constructor(_kind, _format, _suffix == "matrix"))


def _diagonals(diagonals, offsets, shape, format, dtype, matrix):
    function = scipy.sparse.diags if matrix else scipy.sparse.diags_array
    given = diagonals, offsets
    if np.ndim(offsets) == 0:
        diagonals = [diagonals] if len(diagonals) == 0 or np.ndim(form_of(diagonals[0])) == 0 else diagonals
        offsets = [offsets]
    diagonals = [np.atleast_1d(_array(d)) for d in diagonals]
    if shape is None:
        shape = (diagonals[0].size + abs(int(offsets[0])),) * 2
    parts = []
    for d, k in zip(diagonals, offsets, strict=True):
        i = np.arange(min(shape[0] + min(k, 0), shape[1] - max(k, 0)))
        parts.append((i + max(-k, 0), i + max(k, 0), np.broadcast_to(d, i.shape) if d.size == 1 else d[: i.size]))
    rows, columns, entries = (np.concatenate(part) for part in zip(*parts, strict=True))

    def own():
        return function(_plain_tree(given[0]), offsets=given[1], shape=shape, format=format, dtype=dtype)

    entries = entries if dtype is None else entries.astype(dtype)
    return Sparse.of_places(rows, columns, entries, shape, format or "dia", matrix, own)


@twin(scipy.sparse.diags, adopts=False)
def diags(diagonals, offsets=0, shape=None, format=None, dtype=None):
    return _diagonals(diagonals, offsets, shape, format, dtype, True)


@twin(scipy.sparse.diags_array, adopts=False)
def diags_array(diagonals, /, *, offsets=0, shape=None, format=None, dtype=None):
    return _diagonals(diagonals, offsets, shape, format, dtype, False)


@twin(scipy.sparse.spdiags, adopts=False)
def spdiags(data, diags, m=None, n=None, format=None):
    return dia_matrix((_array(data), value_of(diags)), m if n is None else (m, n)).asformat(format)


dia_matrix = _constructor(scipy.sparse.dia_matrix, "dia", True)


def _joined(function):
    """What a function makes that puts several matrices beside each other."""

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
            own = scipy.sparse.csr_array(
                (np.arange(start + 1.0, start + 1 + a.nnz), (a.rows, a.columns)), shape=a.shape
            )
            start += a.nnz
            return own

        blocks = list(blocks)
        coo = function(numbers(blocks), *args, **options).tocoo()
        entries = np.concatenate([a.entries for a in found])[coo.data.astype(np.int64) - 1]
        own = function(_plain_tree(blocks), *args, **options)
        matrix = isinstance(own, scipy.sparse.spmatrix)
        return Sparse.of_places(coo.row, coo.col, entries, coo.shape, own.format, matrix, own)

    return made


for _name in ("hstack", "vstack", "bmat", "block_array", "block_diag"):
    twin(getattr(scipy.sparse, _name), adopts=False)(_joined(getattr(scipy.sparse, _name)))


@twin(scipy.sparse.kron, adopts=False)
def kron(A, B, format=None):
    a, b = sparse_of(A), sparse_of(B)
    rows = a.rows[:, None] * b.shape[0] + b.rows
    columns = a.columns[:, None] * b.shape[1] + b.columns
    shape = tuple(m * n for m, n in zip(a.shape, b.shape, strict=True))
    entries = np.ravel(a.entries[:, None] * b.entries)
    own = scipy.sparse.kron(a.plain(), b.plain(), format)
    matrix = isinstance(own, scipy.sparse.spmatrix)
    return Sparse.of_places(rows.ravel(), columns.ravel(), entries, shape, own.format, matrix, own)


@twin(scipy.sparse.kronsum, adopts=False)
def kronsum(A, B, format=None):
    a, b = sparse_of(A), sparse_of(B)
    left = kron(scipy.sparse.eye_array(b.shape[0]), a)
    made = left + kron(b, scipy.sparse.eye_array(a.shape[0]))
    own = scipy.sparse.kronsum(a.plain(), b.plain(), format)
    return Sparse(made.rows, made.columns, made.entries, made.shape, own.format, a.matrix and b.matrix, own)


@twin(scipy.sparse.tril, adopts=False)
def tril(A, k=0, format=None):
    return sparse_of(A)._moved(lambda matrix: scipy.sparse.tril(matrix, k, format))


@twin(scipy.sparse.triu, adopts=False)
def triu(A, k=0, format=None):
    return sparse_of(A)._moved(lambda matrix: scipy.sparse.triu(matrix, k, format))


@twin(scipy.sparse.find, adopts=False)
def find(A):
    a = sparse_of(A)
    return a.rows, a.columns, a.entries


@twin(scipy.sparse.issparse, adopts=False)
def issparse(x):
    return is_sparse(x)


# Equations -----------------------------------------------------------------------------------------------------


def _solution(name, function, A, b):
    """The solution of A x = b, with the value that a function of SciPy gives for the plain matrix and b."""
    a = sparse_of(A)

    def solution(entries, b):
        return _solved(entries, a.places(), b)

    return answered(solution, name, lambda _, b: function(a.plain(), b), (a.entries, _array(b)), {})


def _solved(entries, places, b):
    z = sparse_solve(entries, b[:, None] if b.ndim == 1 else b, **places.params())
    return z[:, 0] if b.ndim == 1 else z


@twin(scipy.sparse.linalg.spsolve, adopts=False)
def spsolve(A, b, permc_spec=None, use_umfpack=True):
    if is_sparse(b):
        b = sparse_of(b).toarray()
        return sparse_of(_solution("spsolve", scipy.sparse.linalg.spsolve, A, b))
    b = _array(b)
    b = b[:, 0] if b.ndim == 2 and b.shape[1] == 1 else b
    return _solution("spsolve", lambda A, b: scipy.sparse.linalg.spsolve(A, b, permc_spec, use_umfpack), A, b)


@twin(scipy.sparse.linalg.spsolve_triangular, adopts=False)
def spsolve_triangular(A, b, lower=True, overwrite_A=False, overwrite_b=False, unit_diagonal=False):
    a = (tril if lower else triu)(A)
    if unit_diagonal:
        a = a - diags([a.diagonal()], [0]) + scipy.sparse.eye_array(a.shape[0])
    return _solution(
        "spsolve_triangular", lambda A, b: scipy.sparse.linalg.spsolve_triangular(A.tocsr(), b, lower), a, b
    )


class Factors:
    """The factors of a sparse matrix, for equations with it."""

    def __init__(self, A, *options):
        self.matrix, self.shape, self.options = sparse_of(A), A.shape, options

    @classmethod
    def of(cls, lu):
        """Of SciPy's factors: the matrix is their product."""
        return cls((lu.L @ lu.U).tocsr()[lu.perm_r][:, lu.perm_c])

    def solve(self, rhs, trans="N"):
        a = self.matrix

        def run(_, b):
            return scipy.sparse.linalg.splu(a.plain().tocsc(), *self.options).solve(b, trans)

        def solution(entries, b):
            entries = np.conj(entries) if trans == "H" else entries
            return _solved(entries, a.places() if trans == "N" else a.places().turned(), b)

        return answered(solution, "splu", run, (a.entries, _array(rhs)), {})


twin(scipy.sparse.linalg.SuperLU)(Factors)


@twin(scipy.sparse.linalg.splu, adopts=False)
def splu(A, *options, **more):
    if more.get("options"):
        raise RecordingError("splu with options= has no derivative; give it the matrix only" + at_line())
    return Factors(A, *options, *more.values())


@twin(scipy.sparse.linalg.factorized, adopts=False)
def factorized(A):
    return Factors(A).solve


def _iterative(name):
    """A solver that comes close to the solution: its value, with the derivatives of the solution."""
    function = getattr(scipy.sparse.linalg, name)

    def solve(A, b, x0=None, **options):
        info = []

        def run(matrix, b):
            x, code = function(matrix, b, value_of(x0), **options)
            info.append(code)
            return x

        if isinstance(A, scipy.sparse.linalg.LinearOperator):
            raise RecordingError(
                f"{name} with a LinearOperator has no derivative; give the matrix, or write cr.opaque(…)" + at_line()
            )
        x = _solution(name, run, A, b)
        return x, info[0] if info else 0

    twin(function, adopts=False)(solve)


for _name in "cg bicg bicgstab cgs gmres lgmres minres qmr gcrotmk tfqmr".split():
    _iterative(_name)


@twin(scipy.sparse.linalg.inv, adopts=False)
def inv(A):
    a = sparse_of(A)
    own = scipy.sparse.linalg.inv(a.plain())
    z = sparse_of(_solution("inv", lambda A, b: own.toarray(), a, np.eye(a.shape[0])))
    return Sparse(z.rows, z.columns, z.entries, z.shape, own.format, isinstance(own, scipy.sparse.spmatrix), own)


@twin(scipy.sparse.linalg.norm, adopts=False)
def norm(x, ord=None, axis=None):
    a = sparse_of(x)
    if axis is None and ord in (None, "fro", "f"):
        return np.linalg.norm(a.entries)
    return np.linalg.norm(a.toarray(), ord, axis)


@twin(scipy.sparse.linalg.expm_multiply, adopts=False)
def expm_multiply(A, B, start=None, stop=None, num=None, endpoint=None, traceA=None):
    if start is not None or stop is not None:
        raise RecordingError("expm_multiply has a derivative at one time: leave out start and stop" + at_line())
    a = sparse_of(A)

    def run(_, b):
        return scipy.sparse.linalg.expm_multiply(a.plain(), b, traceA=traceA)

    return answered(lambda _, b: expm(a.toarray()) @ b, "expm_multiply", run, (a.entries, _array(B)), {})


def _least_squares(name):
    """The z for which |a z − b| is smallest: [[1, a], [a*, 0]] [r, z] = [b, 0], which is sparse too."""
    function = getattr(scipy.sparse.linalg, name)

    def solve(A, b, damp=0.0, *args, **options):
        a, b = sparse_of(A), _array(b)
        m, n = a.shape
        if fixed(damp, "damp"):
            raise RecordingError(f"{name} has a derivative without damp" + at_line())
        others = []

        def solution(_, b):
            both = _joined(scipy.sparse.bmat)([[scipy.sparse.eye_array(m), a], [a.H, None]])
            return _solved(both.entries, both.places(), np.concatenate([b, np.zeros(n)]))[m:]

        def run(_, b):
            z, *rest = function(a.plain(), b, damp, *args, **options)
            others.extend(rest)
            return z

        return answered(solution, name, run, (a.entries, b), {}), *others

    twin(function, adopts=False)(solve)


for _name in ("lsqr", "lsmr"):
    _least_squares(_name)

without_gradient(scipy.sparse, " ".join(name for name in scipy.sparse.__all__ if name.startswith("isspmatrix")))
without_gradient(scipy.sparse.linalg, "is_sptriangular spbandwidth")
