"""Systems of equations with structured matrices.

- Kronecker products: factor by factor, (A ⊗ B)⁻¹ = A⁻¹ ⊗ B⁻¹.
- K + λ I for a Kronecker product K: by the eigenvectors of its factors, whose products are those of K.
- D + L R with a diagonal D: by Woodbury's identity, x = D⁻¹ (b − L (I + R D⁻¹ L)⁻¹ R D⁻¹ b).
- All others: by their blocks.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.structured.networks import Factor, Label, Labels, TensorNetwork, contracted, reached, renamed

__all__ = ["LowRank", "as_columns", "least_squares", "low_rank", "solved"]

MOST_LABELS = 10
"""A cut of a network with more labels is not looked for."""


def as_columns(b: np.ndarray, n: int) -> np.ndarray:
    """A vector or matrix of n rows as a matrix."""
    if b.ndim not in (1, 2) or b.shape[0] != n:
        raise ValueError(f"a matrix of shape ({n}, {n}) cannot be multiplied by or solved for an array of {b.shape}")
    return b.reshape(n, -1) if b.size else b.reshape(n, math.prod(b.shape[1:]))


def _by_columns(solve: Callable[[Any, np.ndarray], np.ndarray], h: Any, b: Any) -> np.ndarray:
    """solve(h, b) of a vector or matrix b as a matrix; the result has b's shape and the dtype of both."""
    b = np.asarray(b)
    columns = as_columns(b, h.shape[0])
    dtype = np.result_type(b, h.dtype)
    return np.asarray(solve(h, columns.astype(dtype)), dtype).reshape(b.shape)


def solved(h: Any, b: Any) -> np.ndarray:
    """The solution x of h x = b; raises LinAlgError for a singular h."""
    return _by_columns(_solved, h, b)


def _solved(h: Any, b: np.ndarray) -> np.ndarray:
    if h.kind == "diagonal":
        d = h.diagonal()
        if not d.all():
            raise singular(f"{np.count_nonzero(d == 0)} entries of its diagonal are 0")
        return b / d[:, None]
    if h.kind == "Kronecker product":
        return _by_factors(h, b, solved)
    low = h.low_rank
    if low is not None and not low.diagonal:
        rank = low.rank * (h.shape[0] // h.block)
        raise singular(f"a part of {h.shape[0]}×{h.shape[0]} entries has rank {rank} at most")
    found = None
    if low is not None and (2 * low.rank <= h.block or h.shift is None):
        found = low.solved(h, b)
    if found is None and h.shift is not None:
        found = _by_eigenvectors(h, b)
    return _by_blocks(h, b) if found is None else found


def _by_blocks(h: Any, b: np.ndarray) -> np.ndarray:
    places = h.places()
    x = np.empty_like(b)
    try:
        x[places] = np.linalg.solve(h.blocks(), b[places])
    except np.linalg.LinAlgError:
        raise singular("a pivot is 0") from None
    return x


def singular(why: str) -> np.linalg.LinAlgError:
    return np.linalg.LinAlgError(
        f"Singular matrix: {why}; add a ridge to the function, as in `… + 0.01 * np.sum(w**2)`, or take H.lstsq(b), "
        "the solution of least norm"
    )


def least_squares(h: Any, b: Any) -> np.ndarray:
    """The x of least norm among those for which h x is nearest to b."""
    return _by_columns(_least_squares, h, b)


def _least_squares(h: Any, b: np.ndarray) -> np.ndarray:
    eps = np.finfo(h.dtype).eps ** 0.75
    if h.kind == "diagonal":
        d = h.diagonal()
        small = np.abs(d) <= eps * np.max(np.abs(d), initial=0.0)
        return np.where(small[:, None], 0, b / np.where(small, 1, d)[:, None])
    if h.kind == "Kronecker product":
        return _by_factors(h, b, least_squares)
    low = h.low_rank
    if low is not None and not low.diagonal and not h.batch:  # H = Q (Qᵀ H Q) Qᵀ, for H is symmetric
        q = np.linalg.qr(low.left(h))[0]
        inside = np.linalg.pinv(q.T @ (h @ q), rcond=eps)
        return q @ (inside @ (q.T @ b))
    places = h.places()
    x = np.empty_like(b)
    x[places] = np.linalg.pinv(h.blocks(), rcond=eps) @ b[places]
    return x


def _by_factors(h: Any, b: np.ndarray, solve: Any) -> np.ndarray:
    """A function of each factor, applied along its axes."""
    for factor in h.factors:
        b = _along(h, factor, b, lambda rows, factor=factor: solve(factor, rows))
    return b


def _along(h: Any, factor: Any, b: np.ndarray, change: Any) -> np.ndarray:
    """A function of matrices, applied to b along the axes of a factor."""
    axes = [h.columns.index(c) for c in factor.columns]
    front = np.moveaxis(b.reshape((*h.sizes, -1)), axes, range(len(axes)))
    changed = change(front.reshape(factor.shape[0], -1)).reshape(front.shape)
    return np.moveaxis(changed, range(len(axes)), axes).reshape(b.shape)


def _by_eigenvectors(h: Any, b: np.ndarray) -> np.ndarray | None:
    """(K + λ I)⁻¹ b; None if a factor of K is not symmetric."""
    number, product = h.shift
    values: Any = np.ones((1,) * len(h.sizes), h.dtype)
    turns = []
    for factor in product.factors:
        dense = factor.dense()
        if not np.array_equal(dense, dense.T) and not np.allclose(dense, dense.T, rtol=1e-12, atol=0):
            return None
        own, vectors = np.linalg.eigh((dense + dense.T) / 2)
        axes = [h.columns.index(c) for c in factor.columns]
        shape = [n if p in axes else 1 for p, n in enumerate(h.sizes)]
        values = values * own.reshape(shape)
        turns.append((factor, vectors))
    values = (values + number).ravel()
    if not values.all():
        raise singular("an eigenvalue is 0")
    for factor, vectors in turns:
        b = _along(product, factor, b, lambda rows, vectors=vectors: vectors.T @ rows)
    b = b / values[:, None]
    for factor, vectors in turns:
        b = _along(product, factor, b, lambda rows, vectors=vectors: vectors @ rows)
    return b


# A low rank plus a diagonal ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cut:
    """A network as a product L R of two: R maps the columns to the labels of the cut, and L these to the rows."""

    term: TensorNetwork
    labels: Labels
    left: tuple[Factor, ...]
    right: tuple[Factor, ...]

    @property
    def rank(self) -> int:
        return math.prod(label.size for label in self.labels)


@dataclass(frozen=True)
class LowRank:
    """Terms that are diagonal, and terms that are cut."""

    diagonal: tuple[TensorNetwork, ...]
    cuts: tuple[Cut, ...]

    @property
    def rank(self) -> int:
        return sum(cut.rank for cut in self.cuts)

    def diagonal_of(self, h: Any) -> np.ndarray:
        total = np.zeros(h.sizes, h.dtype)
        for t in self.diagonal:
            total += t.number * contracted(t.factors, h.columns, h.dtype)
        return total

    def left(self, h: Any) -> np.ndarray:
        """The matrices L side by side."""
        parts = [contracted(c.left, (*c.term.rows, *c.labels), h.dtype).reshape(h.shape[0], -1) for c in self.cuts]
        return np.concatenate(parts, axis=1)

    def solved(self, h: Any, b: np.ndarray) -> np.ndarray | None:
        """By Woodbury's identity, and again for what is left of b; None if that loses too many digits."""
        d = self.diagonal_of(h)
        if not d.all():
            return None
        try:
            system = self._system(h, d)
            x = self._once(h, d, b, system)
            x = x + self._once(h, d, b - h @ x, system)
        except np.linalg.LinAlgError:
            return None
        left = np.linalg.norm(b - h @ x, axis=0)
        return x if np.all(left <= np.finfo(h.dtype).eps ** 0.75 * np.linalg.norm(b, axis=0)) else None

    def _system(self, h: Any, d: np.ndarray) -> np.ndarray:
        """I + R D⁻¹ L, for each block."""
        batch = [h.columns[p] for p in h.batch]
        middle = tuple(c if p in h.batch else Label(c.size) for p, c in enumerate(h.columns))
        rows = []
        for t in self.cuts:
            names = dict(zip(h.columns, middle, strict=True))
            right, own = renamed(t.right, names), [names.get(x, x) for x in t.labels]
            row = []
            for u in self.cuts:
                names = dict(zip(u.term.rows, middle, strict=True))
                inside = {x for _, labels in u.left for x in labels} | set(u.labels)
                names |= {x: Label(x.size) for x in inside if x not in names and x not in batch}
                labels = [*batch, *own, *(names[x] for x in u.labels)]
                factors = (*right, (1 / d, middle), *renamed(u.left, names))
                part = t.term.number * contracted(factors, labels, h.dtype)
                row.append(part.reshape(-1, t.rank, u.rank))
            rows.append(np.concatenate(row, axis=2))
        return np.eye(self.rank, dtype=h.dtype) + np.concatenate(rows, axis=1)

    def _once(self, h: Any, d: np.ndarray, b: np.ndarray, system: np.ndarray) -> np.ndarray:
        count = Label(b.shape[1])
        batch = [h.columns[p] for p in h.batch]
        given = b.reshape((*h.sizes, count.size)) / d[..., None]
        small = []
        for c in self.cuts:
            factors = (*c.right, (given, (*h.columns, count)))
            part = c.term.number * contracted(factors, [*batch, *c.labels, count], b.dtype)
            small.append(part.reshape(-1, c.rank, count.size))
        found = np.linalg.solve(system, np.concatenate(small, axis=1))
        start = 0
        for c in self.cuts:
            part = found[:, start : start + c.rank]
            start += c.rank
            labels = (*batch, *c.labels, count)
            part = part.reshape([label.size for label in labels])
            given = given - contracted((*c.left, (part, labels)), (*c.term.rows, count), b.dtype) / d[..., None]
        return given.reshape(b.shape)


def low_rank(h: Any) -> LowRank | None:
    """A matrix cut where that is cheapest; None if its networks are too large to look for that."""
    diagonal = tuple(t for t in h.terms if len(h.deltas(t)) == len(h.rows))
    cuts = [_cheapest_cut(h, t) for t in h.terms if t not in diagonal]
    if not cuts or any(cut is None for cut in cuts):
        return None
    return LowRank(diagonal, tuple(cut for cut in cuts if cut is not None))


def _cheapest_cut(h: Any, term: TensorNetwork) -> Cut | None:
    """The labels of least size whose removal separates the rows from the columns."""
    fixed = {h.columns[p] for p in h.batch}
    rows = {term.rows[p] for p in h.inner}
    columns = {h.columns[p] for p in h.inner}
    needed = rows & columns
    others = ({*rows, *columns, *(x for _, labels in term.factors for x in labels)}) - fixed - needed
    if len(others) > MOST_LABELS:
        return None
    order = sorted(others, key=lambda x: x.size)
    best: Cut | None = None
    for count in range(len(order) + 1):
        for chosen in itertools.combinations(order, count):
            labels = (*needed, *chosen)
            size = math.prod(x.size for x in labels)
            if best is None or size < best.rank:
                left = reached(term.factors, rows - set(labels), fixed | set(labels))
                if not {x for f in left for x in f[1]} & (columns - set(labels)):
                    right = tuple(f for f in term.factors if not any(f is g for g in left))
                    best = Cut(term, labels, left, right)
    return best
