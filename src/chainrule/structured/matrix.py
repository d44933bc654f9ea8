"""The matrix of second derivatives as a sum of networks: what structure it has, and what follows from that."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.structured import solving
from chainrule.structured.networks import (
    SMALL,
    Label,
    Labels,
    TensorNetwork,
    Unreadable,
    contracted,
    gathered,
    leaves,
    matched,
    merged,
    renamed,
)

__all__ = ["StructuredMatrix", "matrix_of"]


class StructuredMatrix:
    """A matrix that is kept as what it is made of: factors of a Kronecker product, blocks, a low rank and a diagonal.

    Attributes
    ----------
    kind : "diagonal", "block-diagonal", "Kronecker product", "Kronecker product plus a multiple of I",
        "sum of Kronecker products", "low rank plus diagonal", "low rank" or "dense".
    shape : its rows and columns; an argument of several axes counts in the order of `ravel`.
    stored : how many numbers are kept.
    """

    def __init__(self, terms: Sequence[TensorNetwork], rows: Labels, columns: Labels, dtype: Any):
        self.terms = tuple(terms)
        self.rows, self.columns = rows, columns
        self.sizes = tuple(label.size for label in columns)
        n = math.prod(self.sizes)
        self.shape = (n, n)
        self.dtype = dtype

    # What it is ----------------------------------------------------------------------------------------------

    @cached_property
    def batch(self) -> tuple[int, ...]:
        """The axes along which it is block-diagonal: those that are δ in every term."""
        return tuple(p for p in range(len(self.rows)) if all(p in self.deltas(t) for t in self.terms))

    @cached_property
    def inner(self) -> tuple[int, ...]:
        """The axes inside of a block."""
        return tuple(p for p in range(len(self.rows)) if p not in self.batch)

    def deltas(self, term: TensorNetwork) -> set[int]:
        return {p for p, (r, c) in enumerate(zip(term.rows, self.columns, strict=True)) if r is c}

    @cached_property
    def factors(self) -> tuple[StructuredMatrix, ...]:
        """The matrices whose Kronecker product it is, in the order of the axes; only itself if it is none."""
        return self._factors_of(self.terms) or (self,)

    @cached_property
    def shift(self) -> tuple[float, StructuredMatrix] | None:
        """λ and K, if it is K + λ I for a Kronecker product K."""
        plain = [t for t in self.terms if not t.factors and len(self.deltas(t)) == len(self.rows)]
        rest = [t for t in self.terms if t not in plain]
        if not plain or not rest or self._factors_of(rest) is None:
            return None
        return sum(t.number for t in plain), StructuredMatrix(rest, self.rows, self.columns, self.dtype)

    @cached_property
    def low_rank(self) -> solving.LowRank | None:
        """Inside of the blocks: a diagonal plus a product L R with a small inner side; None if it is not small."""
        found = solving.low_rank(self)
        return found if found is not None and found.rank < self.block else None

    @property
    def block(self) -> int:
        """The number of rows of a block."""
        return math.prod(self.sizes[p] for p in self.inner)

    @cached_property
    def products(self) -> int:
        """The number of Kronecker products whose sum it is, of one label that is summed over; 1 if it is none."""
        for term in self.terms:
            outside = {*term.rows, *self.columns}
            for label in {x for _, labels in term.factors for x in labels} - outside:
                if len(_groups([term], self.rows, self.columns, {label})) > 1:
                    return label.size
        return 1

    @cached_property
    def kind(self) -> str:
        if not self.inner:
            return "diagonal"
        if len(self.factors) > 1:
            return "Kronecker product"
        if self.batch:
            return "block-diagonal"
        if self.shift is not None:
            return "Kronecker product plus a multiple of I"
        if self.products > 1:
            return "sum of Kronecker products"
        if self.low_rank is None:
            return "dense"
        return "low rank plus diagonal" if self.low_rank.diagonal else "low rank"

    @property
    def may_be_sparse(self) -> bool:
        """Whether it may have many zeros: a dense matrix, with a factor that has mostly zeros."""
        arrays = [a for t in self.terms for a, _ in t.factors]
        return self.kind == "dense" and any(2 * np.count_nonzero(a) < a.size for a in arrays)

    @property
    def stored(self) -> int:
        return sum({id(a): a.size for t in self.terms for a, _ in t.factors}.values())

    def __repr__(self) -> str:
        n = self.shape[0]
        kind, told = self.kind, ""
        if kind == "Kronecker product":
            told = ": " + " ⊗ ".join(f._as_factor() for f in self.factors)
        elif kind == "Kronecker product plus a multiple of I":
            assert self.shift is not None
            told = ": " + " ⊗ ".join(f._as_factor() for f in self.shift[1].factors) + f" + {self.shift[0]:.6g} I"
        elif kind == "block-diagonal":
            told = f" of {n // self.block} blocks"
        elif kind == "sum of Kronecker products":
            told = f" of {self.products} products"
        elif self.low_rank is not None and kind != "diagonal":
            told = f" of rank {self.low_rank.rank}"
        return f"<{kind} {n}×{n} matrix{told}, {self.stored} numbers>"

    def _as_factor(self) -> str:
        """In words, in a Kronecker product."""
        n, numbers = self.shape[0], [t.number for t in self.terms]
        if self.kind == "diagonal" and not any(t.factors for t in self.terms):
            return f"I({n})" if sum(numbers) == 1 else f"{sum(numbers):.6g} I({n})"
        rank = f" of rank {self.low_rank.rank}" if self.kind == "low rank" and self.low_rank is not None else ""
        return f"({self.kind} {n}×{n}{rank})"

    def _factors_of(self, terms: Sequence[TensorNetwork]) -> tuple[StructuredMatrix, ...] | None:
        """Matrices with that Kronecker product: all terms have the same factors in all groups of axes but one."""
        groups = _groups(terms, self.rows, self.columns)
        if len(groups) < 2 or not terms:
            return None
        parts = [[self._part(t, group) for t in terms] for group in groups]
        keys = [{_key(t, self.rows, self.columns) for t in part} for part in parts]
        different = [i for i, key in enumerate(keys) if len(key) > 1]
        if len(different) > 1:
            return None
        summed = different[0] if different else 0
        found = []
        for i, (group, part) in enumerate(zip(groups, parts, strict=True)):
            own = part[:1]
            if i == summed:
                numbers = [t.number for t in terms]
                own = [TensorNetwork(c, t.factors, t.axes) for c, t in zip(numbers, part, strict=True)]
                own = own if different else [TensorNetwork(sum(numbers), own[0].factors, own[0].axes)]
            rows, columns = (tuple(x[p] for p in group) for x in (self.rows, self.columns))
            found.append(StructuredMatrix(own, rows, columns, self.dtype))
        return tuple(found)

    def _part(self, term: TensorNetwork, group: Sequence[int]) -> TensorNetwork:
        """The factors of a term that belong to some axes, without its number."""
        mine = {x for p in group for x in (term.rows[p], self.columns[p])}
        factors: list[Any] = []
        left = list(term.factors)
        while found := [f for f in left if mine & set(f[1])]:
            factors += found
            left = [f for f in left if not any(f is g for g in found)]
            mine |= {x for _, labels in found for x in labels}
        return TensorNetwork(1.0, tuple(factors), tuple((term.rows[p],) for p in group))

    # What it gives -------------------------------------------------------------------------------------------

    def __matmul__(self, x: Any) -> np.ndarray:
        x = np.asarray(x)
        vector = solving.as_columns(x, self.shape[0])
        count = Label(vector.shape[1])
        given = vector.reshape((*self.sizes, count.size))
        dtype = np.result_type(x, self.dtype)
        total = np.zeros(given.shape, dtype)
        for t in self.terms:
            total += t.number * contracted((*t.factors, (given, (*self.columns, count))), (*t.rows, count), dtype)
        return total.reshape(x.shape)

    def blocks(self) -> np.ndarray:
        """The blocks on the diagonal, of shape (blocks, n, n): one, the whole matrix, if it is not block-diagonal."""
        batch = [self.columns[p] for p in self.batch]
        columns = [self.columns[p] for p in self.inner]
        total: Any = 0.0
        for t in self.terms:
            labels = [*batch, *(t.rows[p] for p in self.inner), *columns]
            total = total + t.number * contracted(t.factors, labels, self.dtype)
        n = self.block
        return np.reshape(total, (-1, n, n)) if self.terms else np.zeros((self.shape[0], 1, 1), self.dtype)

    def places(self) -> np.ndarray:
        """For each block, the rows that it has."""
        numbers = np.arange(self.shape[0]).reshape(self.sizes).transpose(*self.batch, *self.inner)
        return numbers.reshape(-1, self.block)

    def dense(self) -> np.ndarray:
        """The matrix as a NumPy array."""
        places = self.places()
        out = np.zeros(self.shape, self.dtype)
        out[places[:, :, None], places[:, None, :]] = self.blocks()
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self.dense(), dtype=dtype)

    def tosparse(self) -> Any:
        """The matrix as a `scipy.sparse.csr_array`; for a Kronecker product with a diagonal one, without its zeros."""
        from scipy import sparse

        places, blocks = self.places(), self.blocks()
        rows = np.broadcast_to(places[:, :, None], blocks.shape)
        columns = np.broadcast_to(places[:, None, :], blocks.shape)
        return sparse.csr_array((blocks.ravel(), (rows.ravel(), columns.ravel())), shape=self.shape)

    def diagonal(self) -> np.ndarray:
        total = np.zeros(self.sizes, self.dtype)
        for t in self.terms:
            names = dict(zip(t.rows, self.columns, strict=True))
            total += t.number * contracted(renamed(t.factors, names), self.columns, self.dtype)
        return total.ravel()

    def solve(self, b: Any) -> np.ndarray:
        """The solution x of `H @ x = b`, by the structure: factor by factor, block by block, or by the small rank.

        Raises `np.linalg.LinAlgError` if the matrix is singular.
        """
        return solving.solved(self, b)

    def lstsq(self, b: Any) -> np.ndarray:
        """The x of least norm among those for which `H @ x` is closest to b, also where the matrix is singular."""
        return solving.least_squares(self, b)


def matrix_of(networks: Iterable[TensorNetwork], columns: Sequence[Labels], dtype: Any) -> StructuredMatrix:
    """The matrix of a sum of networks. For each axis, its rows have one label, or the label of the column: a δ."""
    networks = list(networks)
    count = -1
    while count != (count := _count(networks, columns)):
        for n in networks:
            for axis, column in zip(n.axes, columns, strict=True):
                matched(axis, column)
    own = leaves(label for axis in columns for label in axis)
    rows = tuple(Label(c.size) for c in own)
    found: list[TensorNetwork] = []
    for n in networks:
        network = gathered(_on_rows(n.settled(), rows, own, dtype).settled(), own, dtype)
        for place, other in enumerate(found):
            both = merged(other, network, own, dtype)
            if both is not None:
                found[place] = both
                break
        else:
            found.append(network)
    copies: dict[int, Any] = {}  # the arrays may be the user's, who may write into them
    kept = []
    for n in found:
        factors = tuple((copies.setdefault(id(a), a.copy()), labels) for a, labels in n.factors)
        if n.number:
            kept.append(TensorNetwork(n.number, factors, tuple((label,) for label in n.rows)))
    return StructuredMatrix(kept, rows, own, dtype)


def _count(networks: Sequence[TensorNetwork], columns: Sequence[Labels]) -> int:
    return sum(len(n.rows) for n in networks) + len(leaves(label for axis in columns for label in axis))


def _on_rows(n: TensorNetwork, rows: Labels, columns: Labels, dtype: Any) -> TensorNetwork:
    names: dict[Label, Label] = {}
    extra, axes = [], []
    for own, row, column in zip(n.rows, rows, columns, strict=True):
        if own is column and own not in names:
            axes.append((own,))
        elif own in columns or own in names:  # a transpose, or a diagonal of a matrix
            if row.size**2 > SMALL:
                raise Unreadable
            extra.append((np.eye(row.size, dtype=dtype), (names.get(own, own), row)))
            axes.append((row,))
        else:
            names[own] = row
            axes.append((row,))
    return TensorNetwork(n.number, (*renamed(n.factors, names), *extra), tuple(axes))


def _groups(
    terms: Sequence[TensorNetwork], rows: Labels, columns: Labels, fixed: Iterable[Label] = ()
) -> list[tuple[int, ...]]:
    """The axes in groups: two are in one if factors of a term join them, apart from the labels that are fixed."""
    fixed = set(fixed)
    groups = [{p} for p in range(len(rows))]
    place = {label: p for labels in (rows, columns) for p, label in enumerate(labels)}
    for term in terms:
        joined: list[set[Any]] = [set(labels) - fixed for _, labels in term.factors]
        for labels in joined:
            near = set(labels)
            while more := [x for x in joined if x & near and not x <= near]:
                near = near.union(*more)
            places = {place[x] for x in near if x in place}
            touched = [g for g in groups if g & places]
            if len(touched) > 1:
                groups = [g for g in groups if not g & places] + [set().union(*touched)]
    return sorted(tuple(sorted(g)) for g in groups)


def _key(term: TensorNetwork, rows: Labels, columns: Labels) -> Any:
    """A key that is equal for the same product of factors, whatever the labels that are summed over."""
    names: dict[Label, Any] = {c: ("column", p) for p, c in enumerate(columns)}
    names |= {r: ("row", p) for p, r in enumerate(rows) if r not in names}

    def known(factor: Any) -> Any:
        return id(factor[0]), [names.get(x, ("sum", x.size)) for x in factor[1]]

    for _, labels in sorted(term.factors, key=known):
        for x in labels:
            names.setdefault(x, ("sum", len(names)))
    factors = sorted((id(a), tuple(names[x] for x in labels)) for a, labels in term.factors)
    return tuple(factors), tuple(names[r] for r in term.rows)
