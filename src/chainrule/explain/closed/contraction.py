"""Joins the factors of a term over shared indices into matrix products, traces, norms and entrywise products."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from chainrule.blocks.elementwise import exp
from chainrule.explain.closed.products import Link, chain, trace, turned
from chainrule.explain.closed.rows import in_fewest_turns, is_tall, unturned
from chainrule.explain.closed.terms import ONE, Atom, Factor, Index, Term, UnwritableError
from chainrule.formula import Formula, call, name, number, sqrt, total

__all__ = ["FactorNetwork", "MatrixTerm"]


@dataclass(frozen=True)
class Piece:
    """A vector or a matrix with its indices: a product of matrices, or an entrywise product of these.

    Attributes
    ----------
    idx : one index, or those of rows and columns.
    links : the factors of the matrix product; an entrywise product is one link.
    tall : whether a vector has shape (n, 1) in NumPy, so that it broadcasts along columns.
    identity : whether it is the identity matrix, which is not written beside diag(u).
    """

    idx: tuple[Index, ...]
    links: tuple[Link, ...]
    tall: bool = False
    identity: bool = False

    @property
    def T(self) -> Piece:  # noqa: N802
        return Piece(self.idx[::-1], turned(self.links), self.tall, self.identity)


@dataclass
class MatrixTerm:
    """A term in matrix notation: number · over / under · piece, with the remaining factors entrywise."""

    number: Any
    over: tuple[Formula, ...]
    under: tuple[Formula, ...]
    piece: Piece | None
    rest: tuple[tuple[Formula, int], ...]

    @property
    def is_chain(self) -> bool:
        return self.piece is not None and not self.rest

    def covers(self, free: set[Index]) -> bool:
        return self.piece is not None and set(self.piece.idx) == free


class FactorNetwork:
    """The factors of a term, joined over one summed index after the other.

    Parameters
    ----------
    write : a function that returns the formula of an atom on its own indices.
    term : the term.
    free : the indices that are not summed over.
    """

    def __init__(self, write: Callable[[Atom], Formula], term: Term, free: tuple[Index, ...]):
        self.write = write
        self.number = term.number
        self.free = free
        self.over: list[Formula] = []
        self.under: list[Formula] = []
        self.pieces: list[tuple[Piece, Fraction]] = []
        for factor, e in term.factors.items():
            self._add(factor, e)

    def _add(self, factor: Factor, e: Fraction) -> None:
        atom, idx = factor
        if atom.block is exp and e < 0 and len(idx) <= 2:
            self._place(_exp_of_minus(self.write(atom)), idx, -e, atom)
            return
        if not idx:
            self._scalar(self._scalar_formula(atom, e), e)
            return
        self._place(self.write(atom), idx, e, atom)

    def _place(self, f: Formula, idx: tuple[Index, ...], e: Fraction, atom: Atom) -> None:
        if not idx:
            self._scalar(f if e == 1 else f ** number(int(e)), e)
            return
        if len(idx) == 2 and idx[0] is idx[1]:
            f, idx = call("diag", f).of_shape((idx[0].size,)), idx[:1]
        if len(idx) > 2:
            raise UnwritableError
        tall = len(idx) == 1 and atom.kind != "sum" and len(atom.shape) == 2 and atom.shape[1] == 1
        link = in_fewest_turns(f) if len(idx) == 1 else (f, None if atom.symmetric else False)
        self.pieces.append((Piece(idx, (link,), tall, atom.kind == "delta"), e))

    def _scalar(self, f: Formula, e: Fraction) -> None:
        (self.over if e > 0 else self.under).append(f)

    def _scalar_formula(self, atom: Atom, e: Fraction) -> Formula:
        e = abs(e)
        if atom.kind == "sum" and atom.value is not None and e.denominator == 2:
            found = self._norm_of(atom)
            if found is not None:
                return found if e * 2 == 1 else found ** number(int(e * 2))
        f = self.write(atom)
        if e == 1:
            return f
        return sqrt(f) if e * 2 == 1 else sqrt(f) ** number(int(2 * e)) if e.denominator == 2 else f ** number(int(e))

    def _norm_of(self, atom: Atom) -> Formula | None:
        """‖x‖ for a square root of a sum of squares; else None."""
        assert atom.value is not None
        if len(atom.value.terms) != 1:
            return None
        term = atom.value.terms[0]
        if term.number != 1 or len(term.factors) != 1:
            return None
        (((inner, idx), e),) = term.factors.items()
        if e != 2 or len(set(idx)) != len(idx):
            return None
        return norm(self.write(inner))

    # Contraction ---------------------------------------------------------------------------------------------

    def parts(self) -> MatrixTerm:
        dummies = [i for i in dict.fromkeys(i for p, _ in self.pieces for i in p.idx) if i not in self.free]
        while dummies:
            self._squares_are_norms(dummies)
            self._group(dummies)
            dummies = [i for i in dummies if any(i in p.idx for p, _ in self.pieces)]
            if not dummies:
                break
            dummies.remove(self._contract_one(dummies))
        return self._finished()

    def _squares_are_norms(self, dummies: list[Index]) -> None:
        """Σ x² = ‖x‖², for a vector or a matrix that shares no index with anything."""
        for piece, e in list(self.pieces):
            alone = all(i in dummies for i in piece.idx) and not any(
                set(p.idx) & set(piece.idx) for p, _ in self.pieces if p is not piece
            )
            if alone and e == 2:
                self.pieces.remove((piece, e))
                self.over.append(norm(chain(piece.links)) ** number(2))

    def _group(self, dummies: list[Index]) -> None:
        """Join pieces on the same indices to an entrywise product, if one of the indices is summed over."""
        groups: dict[frozenset[Index], list[tuple[Piece, Fraction]]] = {}
        for piece, e in self.pieces:
            groups.setdefault(frozenset(piece.idx), []).append((piece, e))
        self.pieces = []
        for idx, group in groups.items():
            if not any(i in dummies for i in idx):
                self.pieces.extend(group)
                continue
            plain = len(group) == 2 and all(e == 1 for _, e in group) and all(i in dummies for i in idx)
            if plain and not any(idx & other for other in groups if other != idx):
                self.over.append(_dot(group[0][0], group[1][0]))
                continue
            self.pieces.append((_entrywise(group), ONE))

    def _contract_one(self, dummies: list[Index]) -> Index:
        """Sum over one index, preferably of a vector, so that products with vectors come before those of matrices."""

        def difficulty(k: Index) -> tuple[int, int]:
            there = [p for p, _ in self.pieces if k in p.idx]
            matrices = [p for p in there if len(p.idx) == 2]
            return (len(matrices) > 2, 0 if len(there) > len(matrices) else 1 if len(matrices) == 2 else 2)  # type: ignore[return-value]

        k = min(dummies, key=difficulty)
        there = [p for p, _ in self.pieces if k in p.idx]
        self.pieces = [(p, e) for p, e in self.pieces if k not in p.idx]
        vectors = [p for p in there if len(p.idx) == 1]
        matrices = [p for p in there if len(p.idx) == 2]
        if not matrices:
            (v,) = vectors
            self.over.append(_total(v))
        elif len(matrices) == 1:
            m = matrices[0] if matrices[0].idx[1] is k else matrices[0].T
            links = vectors[0].links if vectors else ((name("𝟏", (k.size,)), False),)
            self.pieces.append((Piece(m.idx[:1], m.links + links), ONE))
        elif len(matrices) == 2:
            a, b = matrices
            a = a if a.idx[1] is k else a.T
            b = b if b.idx[0] is k else b.T
            middle: tuple[Link, ...] = ((_diag(vectors[0]), None),) if vectors else ()
            ends = (a.idx[0], b.idx[1])
            # Rows in the order of the result, so that less is transposed afterwards.
            joined = Piece(ends, a.links + middle + b.links)
            if ends[0] is ends[1]:
                if ends[0] in self.free:
                    raise UnwritableError
                self.over.append(trace(joined.links))
                if any(ends[0] in p.idx for p, _ in self.pieces):
                    raise UnwritableError
                dummies[:] = [i for i in dummies if i is not ends[0]]
            else:
                self.pieces.append((joined, ONE))
        else:
            raise UnwritableError
        return k

    def _finished(self) -> MatrixTerm:
        free = self.free
        whole = [(p, e) for p, e in self.pieces if len(p.idx) == 2]
        if len(free) < 2:
            if any(len(p.idx) != 1 for p, _ in self.pieces):
                raise UnwritableError
            return self._made(_vector(self.pieces) if self.pieces else None, [])
        if len(free) > 2:
            raise UnwritableError
        i, j = free
        rows = [(p, e) for p, e in self.pieces if p.idx == (i,)]
        columns = [(p, e) for p, e in self.pieces if p.idx == (j,)]
        rest: list[tuple[Formula, int]] = []
        if not whole:
            if rows and columns:
                u, v = _vector(rows), _vector(columns)
                return self._made(Piece(free, u.links + turned(v.links)), rest)
            if rows or columns:
                return self._made(_vector(rows or columns), rest)
            return self._made(None, rest)
        plain = [p for p, e in whole if e == 1]
        if len(whole) == 1 and plain:
            piece = plain[0] if plain[0].idx == free else plain[0].T
        else:
            piece = _entrywise([(p if p.idx == free else p.T, e) for p, e in whole])
        tall = [(p, e) for p, e in rows if p.tall]
        rows = [(p, e) for p, e in rows if not p.tall]
        if rows:
            over = [(p, e) for p, e in rows if e > 0]
            under = [(p, -e) for p, e in rows if e < 0]
            links = () if piece.identity else piece.links
            if under:
                links = ((_inverse(_diag(_vector(under))), None), *links)
            if over:
                links = ((_diag(_vector(over)), None), *links)
            piece = Piece(free, links)
        for p, e in columns:  # of what has the shape (n, 1) the row
            column = chain(p.links)
            f = chain(turned(p.links)) if is_tall(column) else column
            rest.append((_powered(f, abs(e), False), 1 if e > 0 else -1))
        for p, e in tall:
            rest.append((_powered(chain(p.links), abs(e), False), 1 if e > 0 else -1))
        return self._made(piece, sorted(rest, key=lambda r: -r[1]))

    def _made(self, piece: Piece | None, rest: list[tuple[Formula, int]]) -> MatrixTerm:
        return MatrixTerm(self.number, tuple(self.over), tuple(self.under), piece, tuple(rest))


# Pieces ---------------------------------------------------------------------------------------------------------


def _vector(group: list[tuple[Piece, Fraction]]) -> Piece:
    if len(group) == 1 and group[0][1] == 1:
        return group[0][0]
    return _entrywise(group)


def _entrywise(group: list[tuple[Piece, Fraction]]) -> Piece:
    """The product entry by entry of pieces on the same indices."""
    first = group[0][0]
    if len(group) == 1 and group[0][1] == 1:
        return first
    over: Formula | None = None
    under: Formula | None = None
    for piece, e in sorted(group, key=lambda g: 0):
        p = piece if piece.idx == first.idx else piece.T
        f = _powered(chain(p.links), abs(e), len(p.idx) == 2)
        if e > 0:
            over = f if over is None else over * f
        else:
            under = f if under is None else under * f
    shape = tuple(i.size for i in first.idx)
    if under is not None:
        over = (number(1) if over is None else over) / under
    assert over is not None
    made = over.of_shape(shape)
    return Piece(first.idx, (in_fewest_turns(made) if len(shape) == 1 else (made, False),))


def _powered(f: Formula, e: Fraction, matrix: bool) -> Formula:
    """f to a positive power, entrywise."""
    if e == 1:
        return f
    if e.denominator == 2:
        f, e = sqrt(f), e * 2
        if e == 1:
            return f
    if matrix and e == 2:
        return (f * f).of_shape(f.shape)
    return Formula("pow", (f, number(int(e))), text="∘" if matrix else "", shape=f.shape)


def _diag(v: Piece) -> Formula:
    n = v.idx[0].size
    return call("diag", unturned(chain(v.links))).of_shape((n, n))


def _dot(a: Piece, b: Piece) -> Formula:
    """Σ a b, all indices summed: uᵀ v, or tr(A B)."""
    if len(a.idx) == 1:
        return chain(turned(a.links) + b.links).of_shape(())
    b = b if b.idx == a.idx[::-1] else b.T
    return trace(a.links + b.links)


def _total(v: Piece) -> Formula:
    """Σ v; 𝟏ᵀ v if v is a product already."""
    return total(unturned(chain(v.links))).of_shape(())


def _inverse(f: Formula) -> Formula:
    return Formula("pow", (f, Formula("neg", (number(1),))), shape=f.shape)


def _exp_of_minus(f: Formula) -> Formula:
    """e^−x, from e^x."""
    if f.kind == "transpose":
        return _exp_of_minus(f.parts[0]).T
    base, exponent = f.parts
    return Formula("pow", (base, -exponent), shape=f.shape)


def norm(x: Formula) -> Formula:
    return Formula("norm", (unturned(x) if x.ndim == 1 else x,), shape=())
