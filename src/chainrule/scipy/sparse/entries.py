"""The recorded entries of a sparse matrix and their places: formats, dense arrays, parts.

The entries are one recorded vector, row by row, and their places are plain integers. SciPy's operations on places
(slices, transposes, joined blocks) run on a matrix of index numbers that stand for the entries. SciPy's own matrix of
the plain values is kept beside them, and gives every value.
"""

import functools
import operator

import numpy as np
import scipy.sparse

from chainrule.array import Array, value_of
from chainrule.blocks.indexing.entries import add_at
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.scipy.accepted import accepts
from chainrule.scipy.products import Places
from chainrule.scipy.sparse.dense import Matrix, array_of

__all__ = ["FORMATS", "Entries", "not_into"]

FORMATS = ("csr", "csc", "coo", "dia", "lil", "dok", "bsr")


class Entries:
    """A sparse matrix with recorded entries.

    Attributes
    ----------
    rows, columns, entries : its entries, row by row, and their places.
    plain : SciPy's matrix of the plain values, made at once, because the arrays it is made from may change later.
    matrix : whether it is a csr_matrix (`*` is the matrix product), not a csr_array.
    """

    __array_priority__ = 2000  # above that of a recorded array
    __array_ufunc__ = None
    ndim = 2

    def __init__(self, rows, columns, entries, plain):
        self._rows, self._columns, self._entries = rows, columns, entries
        self.plain = _of_two_axes(plain)
        self._written = {}  # entries that were written one by one, by their places

    # Making -------------------------------------------------------------------------------------------------

    @classmethod
    def of(cls, plain):
        """SciPy's own matrix."""
        csr = scipy.sparse.csr_array(_of_two_axes(plain))
        if not csr.has_canonical_format:
            csr = csr.copy()
            csr.sum_duplicates()
        rows = np.repeat(np.arange(csr.shape[0]), np.diff(csr.indptr))
        return cls(rows, csr.indices, csr.data, plain)

    @classmethod
    def of_places(cls, rows, columns, entries, plain):
        """A matrix from entries in any order; entries at the same place are added."""
        rows, columns = (np.asarray(value_of(x)).astype(np.int64) for x in (rows, columns))
        width = _of_two_axes(plain).shape[1]
        unique, which = np.unique(rows * width + columns, return_inverse=True)
        if len(unique) < len(rows):
            entries = add_at(entries, key=(which,), shape=unique.shape)
        elif len(rows):
            entries = entries[np.argsort(which)]
        return cls(unique // width, unique % width, entries, plain)

    def _with(self, entries, plain):
        """Other entries at the same places."""
        return type(self)(self.rows, self.columns, entries, plain)

    def moved(self, function):
        """The result of a function of SciPy that only moves entries to other places."""
        plain = _of_two_axes(function(self.plain))
        numbers = np.arange(1.0, len(self.rows) + 1)
        kind = scipy.sparse.csr_matrix if self.matrix else scipy.sparse.csr_array
        moved = function(kind((numbers, (self.rows, self.columns)), shape=self.shape)).tocoo()
        own = moved.data != 0
        entries = self.entries[moved.data[own].astype(np.int64) - 1]
        return type(self).of_places(moved.row[own], moved.col[own], entries, plain)

    # Contents -----------------------------------------------------------------------------------------------

    rows = property(lambda self: self._settled()._rows)
    columns = property(lambda self: self._settled()._columns)
    entries = property(lambda self: self._settled()._entries)
    keys = property(lambda self: self.rows * self.shape[1] + self.columns)
    matrix = property(lambda self: isinstance(self.plain, scipy.sparse.spmatrix))
    shape = property(lambda self: self.plain.shape)
    format = property(lambda self: self.plain.format)
    dtype = property(lambda self: self.plain.dtype)
    nnz = property(lambda self: self.plain.nnz)
    T = property(lambda self: self.transpose())
    H = property(lambda self: self.conj().transpose())
    row = property(lambda self: self.plain.row)
    col = property(lambda self: self.plain.col)
    indices = property(lambda self: self.plain.indices)
    indptr = property(lambda self: self.plain.indptr)
    offsets = property(lambda self: self.plain.offsets)

    @property
    def data(self):
        """The entries in the order in which SciPy keeps them."""
        plain = self.plain.tocoo()
        keys = plain.row.astype(np.int64) * self.shape[1] + plain.col
        if self.format not in ("csr", "csc", "coo") or len(np.unique(keys)) < len(keys):
            raise RecordingError(
                "entries of a recorded matrix are those of A.tocsr(), after A.sum_duplicates()" + at_line()
            )
        return self.entries[np.searchsorted(self.keys, keys)]

    @property
    def is_recorded(self):
        """Whether an entry is recorded."""
        return type(self._entries) is Array or any(type(x) is Array for x in self._written.values())

    def _settled(self):
        """The matrix, with all single writes applied."""
        if self._written:
            written, self._written = self._written, {}
            self._replace(
                np.fromiter(written, np.int64, len(written)), np.stack([array_of(x) for x in written.values()])
            )
        return self

    def _replace(self, keys, entries):
        """Put entries at places, instead of those that are there."""
        kept = ~np.isin(self._rows * self.shape[1] + self._columns, keys)
        rows = np.concatenate([self._rows[kept], keys // self.shape[1]])
        columns = np.concatenate([self._columns[kept], keys % self.shape[1]])
        entries = np.concatenate([self._entries[kept], entries]) if np.any(kept) else entries
        made = type(self).of_places(rows, columns, entries, self.plain)
        self._rows, self._columns, self._entries = made._rows, made._columns, made._entries

    def places(self):
        return Places(self.columns, np.searchsorted(self.rows, np.arange(self.shape[0] + 1)), self.shape)

    def toarray(self, order=None, out=None):
        def dense(entries):
            flat = add_at(entries, key=(self.keys,), shape=(self.shape[0] * self.shape[1],))
            return np.reshape(flat, self.shape)

        not_into(out)
        return answered(dense, "toarray", lambda _: self.plain.toarray(), (self.entries,), {})

    def todense(self, order=None, out=None):
        return self.dense(self.toarray(order, out))

    def dense(self, x):
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
        return self._with(self.entries, self.plain.asformat(format, copy=copy))

    def copy(self):
        return self._with(self.entries, self.plain.copy())

    def astype(self, dtype, casting="unsafe", copy=True):
        return self._with(self.entries.astype(dtype), self.plain.astype(dtype))

    def sum_duplicates(self):
        self.plain.sum_duplicates()

    def sort_indices(self):
        self.plain.sort_indices()

    def eliminate_zeros(self):
        """Entries that are 0 now keep their derivative."""
        self.plain.eliminate_zeros()

    prune = eliminate_zeros

    # Entries ------------------------------------------------------------------------------------------------

    def at(self, rows, columns):
        """The entries at places, 0 where there are none."""
        keys, own = np.asarray(rows) * self.shape[1] + np.asarray(columns), self.keys
        if not len(own):
            return np.zeros(keys.shape)
        at = np.minimum(np.searchsorted(own, keys), len(own) - 1)
        return np.where(own[at] == keys, self.entries[at], 0.0)

    def __getitem__(self, key):
        place = self._one_place(key)
        if place is None:
            return self.moved(lambda matrix: matrix[key])
        number = place[0] * self.shape[1] + place[1]
        return self._written[number] if number in self._written else self.at(*place)[()]

    def _one_place(self, key):
        """The row and the column of a key of two integers; None for other keys."""
        if isinstance(key, tuple) and len(key) == 2 and all(np.ndim(k) == 0 and hasattr(k, "__index__") for k in key):
            key = tuple(map(operator.index, key))
            for k, n in zip(key, self.shape, strict=True):
                if not -n <= k < n:
                    raise IndexError(f"index {key} is outside of a sparse matrix of shape {self.shape}" + at_line())
            return tuple(k % n for k, n in zip(key, self.shape, strict=True))
        return None

    def getrow(self, i):
        return self[[i], :]

    def getcol(self, j):
        return self[:, [j]]

    def diagonal(self, k=0):
        m, n = self.shape
        i = np.arange(max(min(m + min(k, 0), n - max(k, 0)), 0))
        return self.at(i + max(-k, 0), i + max(k, 0))

    def trace(self, offset=0):
        return np.sum(self.diagonal(offset))

    def nonzero(self):
        self.keep_zeros()
        return self.plain.nonzero()

    def keep_zeros(self):
        """If compiling, add a guard that the same entries are 0 in each run."""
        accepts(functools.partial(_is_zero_where, (value_of(self.entries) == 0).tobytes()), self.entries)

    @property
    def _of_values(self):
        return self.plain

    @property
    def _class(self):
        """The class that `isinstance` sees in recorded code, but not within SciPy, which would read internal fields."""
        return type(self.plain)


def _is_zero_where(zeros, entries):
    return (entries == 0).tobytes() == zeros


def _of_two_axes(plain):
    """SciPy's matrix; an error if it is an array of one axis."""
    if plain.ndim != 2:
        raise RecordingError(
            "a recorded sparse array has two axes: write A[[i], :] for a row, and x[None, :] for a vector" + at_line()
        )
    return plain


def not_into(out):
    if out is not None:
        raise RecordingError("out= with a recorded sparse matrix: use the returned array" + at_line())


for _format in FORMATS:
    setattr(Entries, f"to{_format}", functools.partialmethod(Entries.asformat, _format))
