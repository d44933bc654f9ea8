"""From index notation to matrix notation: sums over shared indices become products, transposes, traces and norms.

Vectors are columns. ⊙ is the product entry by entry, in which a vector stands beside each row as NumPy has it; what
multiplies each row by a number of its own is diag(u) A.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.block import Elementwise
from chainrule.explain.closed.terms import Atom, Atoms, Expr, Factor, Index, Term, UnreadableError, content
from chainrule.formula import Formula, call, indicator, name, number, sqrt, total, unit

__all__ = ["Writing"]

ONE = Fraction(1)
Link = tuple[Formula, bool | None]
"""A factor of a matrix product, and whether it is transposed; None where that makes no difference."""


@dataclass(frozen=True)
class Piece:
    """A vector or a matrix on its indices: a product of matrices, or a product of such entry by entry.

    Attributes
    ----------
    idx : one index, or those of the rows and the columns.
    links : the matrix product; of several factors the entrywise product is one link.
    tall : whether a vector is an array with an axis of length 1 behind it, which NumPy lets stand beside columns.
    """

    idx: tuple[Index, ...]
    links: tuple[Link, ...]
    tall: bool = False

    @property
    def T(self) -> Piece:  # noqa: N802
        return Piece(self.idx[::-1], turned(self.links), self.tall)


def turned(links: tuple[Link, ...]) -> tuple[Link, ...]:
    """(A B)ᵀ = Bᵀ Aᵀ."""
    return tuple((f, None if t is None else not t) for f, t in reversed(links))


class Writing:
    """Writes values in matrix notation.

    Parameters
    ----------
    atoms : of which they are made.
    leaf : the formula of a leaf, from its node or constant.
    names : the names of values that have one, by their keys: what has a name is written as its name.
    """

    def __init__(self, atoms: Atoms, leaf: Callable[[Any], Formula], names: Mapping[Any, Formula] | None = None):
        self.atoms = atoms
        self.leaf = leaf
        self.names = names or {}
        self.written: dict[Atom, Formula] = {}

    # Sums ----------------------------------------------------------------------------------------------------

    def formula(self, x: Expr, beside: bool = False) -> Formula:
        """A value as a formula; beside another that has all its indices it may stand for rows that are all alike."""
        found = self.named(x)
        if found is not None:
            return found
        if not x.terms:
            return number("0", x.shape)
        try:
            return self._sum(x, beside)
        except UnreadableError:
            opened = list(self.atoms.opened(x, only=lambda atom: atom.axes > 2))
            if not opened:
                raise
            return self._sum(opened[-1], beside)

    def _sum(self, x: Expr, beside: bool) -> Formula:
        if len(x.terms) == 1:
            return self._product(x.terms[0], x, beside)
        common = self._common(x)
        if common is not None:
            return self._product(common, x, beside)
        rows = [self._parts(t, x) for t in x.terms]
        free = set(x.free())
        whole = beside or any(t.indices() >= free for t in x.terms) or not free
        chains = [p for p in rows if p.is_chain and p.covers(free)]
        others = [p for p in rows if p not in chains]
        parts = _sum_of_chains([(p.number, p.over, p.under, p.piece.links) for p in chains])  # type: ignore[union-attr]
        for p in others:
            parts.append((p.number, self._written(p, x, beside=whole)))
        return _added(parts).of_shape(x.shape)

    def named(self, x: Expr) -> Formula | None:
        if not self.names or not x.terms or set(x.used()) != set(x.free()):
            return None
        key = (self.atoms.key(x), x.shape)
        if key in self.names:
            return self.names[key]
        negative = (self.atoms.key(x.scaled(-1)), x.shape)
        return -self.names[negative] if negative in self.names else None

    def _common(self, x: Expr) -> Term | None:
        """The sum as a product, if all its terms have factors or a number in common."""
        first, *others = x.terms
        free = set(x.free())
        shared: dict[Factor, Fraction] = {}
        for f, e in first.factors.items():
            powers = [e, *(t.factors.get(f, ONE * 0) for t in others)]
            if all(i in free for i in f[1]) and (min(powers) > 0 or max(powers) < 0):
                shared[f] = min(powers) if e > 0 else max(powers)
        rest = Expr(tuple(Term(t.number, _without(t.factors, shared)) for t in x.terms), x.axes)
        number = content(rest)
        if not shared and abs(number) == 1:
            return None
        bracket = self.atoms.in_brackets(rest)
        factors = dict(shared)
        for f, e in bracket.factors.items():
            factors[f] = factors.get(f, ONE * 0) + e
        return Term(bracket.number, factors)

    # Products ------------------------------------------------------------------------------------------------

    def _product(self, term: Term, x: Expr, beside: bool) -> Formula:
        p = self._parts(term, x)
        return _signed(p.number, self._written(p, x, beside)).of_shape(x.shape)

    def _written(self, p: _Parts, x: Expr, beside: bool) -> Formula:
        """A term without its sign. Beside one that has all indices a vector may stand for rows that are all alike."""
        free = x.free()
        body = None if p.piece is None else _chain(p.piece.links)
        if body is not None and len(free) == 2 and len(p.piece.idx) == 1:  # type: ignore[union-attr]
            (i,) = p.piece.idx  # type: ignore[union-attr]
            if i is free[0] and not (beside and p.piece.tall):  # type: ignore[union-attr]
                body = _matmul(body, name("𝟏", (free[1].size,)).T)
            elif i is free[1] and not (beside and body.kind == "name"):
                body = _matmul(name("𝟏", (free[0].size,)), body.T)
        for f, e in p.rest:  # what stands beside each row, or beside each column
            body = f if body is None and e > 0 else (number(1) if body is None else body) / f if e < 0 else f * body
        if body is None and free and not beside:
            body = name("𝟏", x.shape)
        return _scaled(abs(p.number), p.over, p.under, body)

    def _parts(self, term: Term, x: Expr) -> _Parts:
        return _Network(self, term, x.free()).parts()

    # Atoms ---------------------------------------------------------------------------------------------------

    def atom(self, atom: Atom) -> Formula:
        """An atom on its own indices in their order."""
        if atom not in self.written:
            idx = tuple(Index(n) for n in atom.shape if n != 1)
            alone = Expr((Term(ONE, {(atom, idx): ONE}),), idx)
            found = self.named(alone) if len(idx) == atom.axes and atom.kind == "call" else None
            self.written[atom] = self._atom(atom) if found is None else found
        return self.written[atom]

    def _atom(self, atom: Atom) -> Formula:
        match atom.kind:
            case "leaf":
                return self.leaf(atom.content)
            case "delta":
                return name("I", atom.shape)
            case "hot":
                if atom.content.ndim == 0:
                    return unit(str(int(atom.content)), atom.shape[0])
                return self.leaf(_rows(atom))
            case "sum":
                assert atom.value is not None
                return self.formula(atom.value)
        assert atom.block is not None
        each = isinstance(atom.block, Elementwise) or atom.block.name == "where"
        whole = each and any(len(a.used()) == atom.axes for a in atom.args)
        args = [self.formula(a, beside=whole) for a in atom.args]
        if atom.block.name == "inv":
            return Formula("pow", (args[0], Formula("neg", (number(1),))), shape=atom.shape)
        if atom.block.notation is not None:
            made = atom.block.notation(*args, **atom.params)
        else:
            told = (f"{k}={v}" for k, v in atom.params.items() if v is not atom.block.defaults.get(k))
            made = call(atom.block.name, *args, *map(name, told))
        if made.kind == "relation":
            made = indicator(made)
        return made.of_shape(atom.shape)


def _rows(atom: Atom) -> Any:
    return np.eye(atom.shape[-1])[atom.content]


@dataclass
class _Parts:
    """A term in matrix notation: number · over / under · piece, times or divided by the rest entry by entry."""

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


class _Network:
    """The factors of a term, joined one summed index after the other."""

    def __init__(self, write: Writing, term: Term, free: tuple[Index, ...]):
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
        if atom.name == "exp" and e < 0 and len(idx) <= 2:
            self._place(_exp_of_minus(self.write.atom(atom)), idx, -e, atom)
            return
        if not idx:
            self._scalar(self._scalar_formula(atom, e), e)
            return
        self._place(self.write.atom(atom), idx, e, atom)

    def _place(self, f: Formula, idx: tuple[Index, ...], e: Fraction, atom: Atom) -> None:
        if not idx:
            self._scalar(f if e == 1 else f ** number(int(e)), e)
            return
        if len(idx) == 2 and idx[0] is idx[1]:
            f, idx = call("diag", f).of_shape((idx[0].size,)), idx[:1]
        if len(idx) > 2:
            raise UnreadableError
        tall = len(idx) == 1 and atom.kind != "sum" and len(atom.shape) == 2 and atom.shape[1] == 1
        self.pieces.append((Piece(idx, ((f, None if atom.symmetric else False),), tall), e))

    def _scalar(self, f: Formula, e: Fraction) -> None:
        (self.over if e > 0 else self.under).append(f)

    def _scalar_formula(self, atom: Atom, e: Fraction) -> Formula:
        e = abs(e)
        if atom.kind == "sum" and atom.value is not None and e.denominator == 2:
            found = self._norm_of(atom)
            if found is not None:
                return found if e * 2 == 1 else found ** number(int(e * 2))
        f = self.write.atom(atom)
        if e == 1:
            return f
        return sqrt(f) if e * 2 == 1 else sqrt(f) ** number(int(2 * e)) if e.denominator == 2 else f ** number(int(e))

    def _norm_of(self, atom: Atom) -> Formula | None:
        """‖x‖, if a sum is one of squares."""
        assert atom.value is not None
        if len(atom.value.terms) != 1:
            return None
        term = atom.value.terms[0]
        if term.number != 1 or len(term.factors) != 1:
            return None
        (((inner, idx), e),) = term.factors.items()
        if e != 2 or len(set(idx)) != len(idx):
            return None
        return norm(self.write.atom(inner))

    # Contraction ---------------------------------------------------------------------------------------------

    def parts(self) -> _Parts:
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
                self.over.append(norm(_chain(piece.links)) ** number(2))

    def _group(self, dummies: list[Index]) -> None:
        """Join what stands on the same indices entry by entry, if one of them is summed over."""
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
        """Sum over one index: one with a vector first, so that products with vectors come before those of matrices."""

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
            # The rows first that the result has first, so that less is transposed afterwards.
            joined = Piece(ends, a.links + middle + b.links)
            if ends[0] is ends[1]:
                if ends[0] in self.free:
                    raise UnreadableError
                self.over.append(_trace(joined.links))
                if any(ends[0] in p.idx for p, _ in self.pieces):
                    raise UnreadableError
                dummies[:] = [i for i in dummies if i is not ends[0]]
            else:
                self.pieces.append((joined, ONE))
        else:
            raise UnreadableError
        return k

    def _finished(self) -> _Parts:
        free = self.free
        whole = [(p, e) for p, e in self.pieces if len(p.idx) == 2]
        if len(free) < 2:
            if any(len(p.idx) != 1 for p, _ in self.pieces):
                raise UnreadableError
            return self._made(_vector(self.pieces) if self.pieces else None, [])
        if len(free) > 2:
            raise UnreadableError
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
            links = piece.links
            if under:
                links = ((_inverse(_diag(_vector(under))), None), *links)
            if over:
                links = ((_diag(_vector(over)), None), *links)
            piece = Piece(free, links)
        for p, e in columns + tall:
            rest.append((_powered(_chain(p.links), abs(e), False), 1 if e > 0 else -1))
        return self._made(piece, sorted(rest, key=lambda r: -r[1]))

    def _made(self, piece: Piece | None, rest: list[tuple[Formula, int]]) -> _Parts:
        return _Parts(self.number, tuple(self.over), tuple(self.under), piece, tuple(rest))


# Small pieces ---------------------------------------------------------------------------------------------------


def _exp_of_minus(f: Formula) -> Formula:
    """e^−x, from e^x."""
    base, exponent = f.parts
    return Formula("pow", (base, -exponent), shape=f.shape)


def _inverse(f: Formula) -> Formula:
    return Formula("pow", (f, Formula("neg", (number(1),))), shape=f.shape)


def _without(factors: Mapping[Factor, Fraction], shared: Mapping[Factor, Fraction]) -> dict[Factor, Fraction]:
    return {f: e - shared.get(f, 0) for f, e in factors.items() if e != shared.get(f, 0)}


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
        f = _powered(_chain(p.links), abs(e), len(p.idx) == 2)
        if e > 0:
            over = f if over is None else over * f
        else:
            under = f if under is None else under * f
    shape = tuple(i.size for i in first.idx)
    if under is not None:
        over = (number(1) if over is None else over) / under
    assert over is not None
    return Piece(first.idx, ((over.of_shape(shape), False),))


def _powered(f: Formula, e: Fraction, matrix: bool) -> Formula:
    """f to a positive power, entry by entry."""
    if e == 1:
        return f
    if e.denominator == 2:
        f, e = sqrt(f), e * 2
        if e == 1:
            return f
    if matrix and e == 2:
        return (f * f).of_shape(f.shape)
    return Formula("pow", (f, number(int(e))), text="∘" if matrix else "", shape=f.shape)


def _turn(link: Link) -> Formula:
    f, transposed = link
    return f.T if transposed else f


Row = tuple[Any, tuple[Formula, ...], tuple[Formula, ...], tuple[Link, ...]]
"""number · over / under · product of links."""


def _sum_of_chains(rows: list[Row]) -> list[tuple[Any, Formula]]:
    """Products of matrices as the terms of a sum, with factors at one end that several have in common taken out."""
    terms: list[tuple[Any, Formula]] = []
    rows = sorted(rows, key=lambda row: (row[0] < 0, len(row[3]) == 1, _turns(row[3])))
    while rows:
        group, last = _shared_end(rows)
        if len(group) < 2:
            number_, over, under, links = rows.pop(0)
            terms.append((number_, _scaled(abs(number_), over, under, _chain(links))))
            continue
        shared = group[0][3][-1 if last else 0]
        rows = [row for row in rows if not any(row is g for g in group)]
        c = _common_number([row[0] for row in group])
        inner = [(row[0] / c, row[1], row[2], row[3][:-1] if last else row[3][1:]) for row in group]
        n = shared[0].shape
        one = name("I", (n[0 if last else -1],) * 2)
        made = _sum_of_rows([row if row[3] else (*row[:3], ((one, None),)) for row in inner])
        product = _matmul(made, _turn(shared)) if last else _matmul(_turn(shared), made)
        terms.append((c, _scaled(abs(c), (), (), product)))
    return terms


def _sum_of_rows(rows: list[Row]) -> Formula:
    """The same as one formula; (A + B)ᵀ where all would be transposed."""
    back = [(*row[:3], turned(row[3])) for row in rows]
    if sum(_turns(row[3]) for row in back) == 0 < min(_turns(row[3]) for row in rows):
        return _added(_sum_of_chains(back)).T
    return _added(_sum_of_chains(rows))


def _turns(links: tuple[Link, ...]) -> int:
    return sum(bool(t) for _, t in links)


def _shared_end(rows: list[Row]) -> tuple[list[Row], bool]:
    """The largest group of products with the same last factor, or the same first one; and whether it is the last."""
    best: list[Row] = []
    at_end = True
    for last in (True, False):
        groups: dict[Link, list[Row]] = {}
        for row in rows:
            groups.setdefault(row[3][-1 if last else 0], []).append(row)
        for link, group in groups.items():
            alone = any(len(row[3]) == 1 for row in group)
            if alone and (_is_simple(link[0]) or all(len(row[3]) == 1 for row in group)):
                group = [row for row in group if len(row[3]) > 1]
            if len(group) > len(best):
                best, at_end = group, last
    return best, at_end


def _is_simple(f: Formula) -> bool:
    """What is not worth a factor of its own: A + A B stays, (A − B) + (A − B) C is (A − B) (I + C)."""
    return f.ndim != 2 or f.kind not in ("add", "sub")


def _common_number(numbers: list[Any]) -> Any:
    sign = -1 if all(n < 0 for n in numbers) else 1
    first = abs(numbers[0])
    return sign * first if all(abs(n) == first for n in numbers) else Fraction(sign)


def _added(terms: list[tuple[Any, Formula]]) -> Formula:
    """The terms, each with its sign: what is added before what is subtracted."""
    made: Formula | None = None
    for sign, f in sorted(terms, key=lambda t: t[0] < 0):
        made = (-f if sign < 0 else f) if made is None else made - f if sign < 0 else made + f
    assert made is not None
    return made.of_shape(terms[0][1].shape)


def _chain(links: tuple[Link, ...]) -> Formula:
    """A product of matrices; equal ones beside each other are a power."""
    made: Formula | None = None
    n = 0
    while n < len(links):
        run = 1
        while n + run < len(links) and links[n + run] == links[n] and _is_square_matrix(links[n][0]):
            run += 1
        f, transposed = links[n]
        if run > 1:
            f = Formula("pow", (f, number(run)), shape=f.shape)
        f = f.T if transposed else f
        made = f if made is None else _matmul(made, f)
        n += run
    assert made is not None
    return made


def _is_square_matrix(f: Formula) -> bool:
    return f.ndim == 2 and f.shape[0] == f.shape[1]


def _matmul(x: Formula, y: Formula) -> Formula:
    """x y; of several factors from the left, so that no brackets are needed."""
    if y.kind == "matmul":
        return _matmul(_matmul(x, y.parts[0]), y.parts[1])
    shape = (*x.shape[:1], *y.shape[1:]) if x.ndim and y.ndim else ()
    return (x @ y).of_shape(shape)


def _diag(v: Piece) -> Formula:
    n = v.idx[0].size
    return call("diag", _chain(v.links)).of_shape((n, n))


def _dot(a: Piece, b: Piece) -> Formula:
    """Σ a b, all indices summed: uᵀ v, or tr(A B)."""
    if len(a.idx) == 1:
        return _chain(turned(a.links) + b.links).of_shape(())
    b = b if b.idx == a.idx[::-1] else b.T
    return _trace(a.links + b.links)


def _trace(links: tuple[Link, ...]) -> Formula:
    if _turns(links) > len(links) / 2:
        links = turned(links)
    return call("tr", _chain(links)).of_shape(())


def _total(v: Piece) -> Formula:
    """Σ v; 𝟏ᵀ v where that is a product already."""
    return total(_chain(v.links)).of_shape(())


def norm(x: Formula) -> Formula:
    return Formula("norm", (x,), shape=())


def _number(c: Any) -> Formula:
    if isinstance(c, Fraction):
        if c.denominator == 1:
            return number(str(c.numerator))
        if 1000 % c.denominator:
            return Formula("div", (number(str(c.numerator)), number(str(c.denominator))))
    return number(f"{float(c):.6g}" if isinstance(c, Fraction) else f"{c:.4g}")


def _signed(c: Any, f: Formula) -> Formula:
    return -f if c < 0 else f


def _scaled(c: Any, over: Any, under: Any, body: Formula | None) -> Formula:
    """c · over / under · body, as it is written: numbers in front, what divides a single thing behind it."""
    top: list[Formula] = []
    below: list[Formula] = list(under)
    if body is None and not over and not under:
        return _number(c)
    if isinstance(c, Fraction):
        if c.numerator != 1:
            top.append(number(str(c.numerator)))
        if c.denominator != 1:
            below.insert(0, number(str(c.denominator)))
    elif c != 1:
        top.append(_number(c))
    top.extend(over)
    shape = body.shape if body is not None else ()
    bottom = math.prod(below[1:], start=below[0]) if below else None
    short = body is not None and body.kind not in ("matmul", "mul", "div", "neg")
    if body is not None and not top and bottom is not None and (short or bottom.kind != "number"):
        return (body / bottom).of_shape(shape)
    front = math.prod(top[1:], start=top[0]) if top else None
    if bottom is not None:
        front = (number(1) if front is None else front) / bottom
    if front is not None and body is not None and body.kind == "div" and body.parts[0] == number(1):
        return (front.of_shape(()) / body.parts[1]).of_shape(shape)
    if front is None:
        assert body is not None or not top
        return body if body is not None else number(1)
    return front if body is None else (front.of_shape(()) * body).of_shape(shape)
