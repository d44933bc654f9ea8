"""From index notation to matrix notation: sums over shared indices become products, transposes, traces and norms.

Vectors are columns. ⊙ is the entrywise product, in which a vector is broadcast along rows as in NumPy; to multiply
each row by its own number is diag(u) A.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.algebra.powers import common, multiplied, over
from chainrule.block import Elementwise
from chainrule.blocks.elementwise import where
from chainrule.blocks.matrices import inv
from chainrule.explain.closed.atoms import Atoms, content
from chainrule.explain.closed.contraction import FactorNetwork, MatrixTerm
from chainrule.explain.closed.picks import entry
from chainrule.explain.closed.products import added, chain, matmul, scaled, signed, sum_of_chains
from chainrule.explain.closed.rows import is_tall, row_of, turns
from chainrule.explain.closed.terms import Atom, Expr, Index, Term, UnwritableError, cost, single
from chainrule.explain.notation import block_formula
from chainrule.formula import Formula, call, indicator, name, number, unit, vector

__all__ = ["Writing"]

MOST_ENTRIES = 4
"""Vectors of more entries than this are not written by their entries."""


class Writing:
    """Writes values in matrix notation.

    Parameters
    ----------
    atoms : the atoms of the values.
    leaf : a function that returns the formula of a leaf, from its node or constant.
    names : the names of named values, by their keys; such a value is written as its name.
    """

    def __init__(self, atoms: Atoms, leaf: Callable[[Any], Formula], names: Mapping[Any, Formula] | None = None):
        self.atoms = atoms
        self.leaf = leaf
        self.names = names or {}
        self.written: dict[Atom, Formula] = {}

    # Sums ----------------------------------------------------------------------------------------------------

    def formula(self, x: Expr, beside: bool = False) -> Formula:
        """A value as a formula; beside another one with all its indices, a vector may stand for equal rows."""
        made = self.column(x, beside)
        if len(x.axes) != 2 or x.axes[0] is not None or made.kind in ("name", "number"):
            return made  # 𝟏 has any shape
        return row_of(made.of_shape(x.shape[1:])).of_shape(x.shape)

    def column(self, x: Expr, beside: bool = False) -> Formula:
        """The same with an array of shape (1, n) as a column."""
        found = self.named(x)
        if found is not None:
            return found
        if not x.terms:
            return number("0", x.shape)
        if (entries := self._entries(x)) is not None:
            return entries
        try:
            return self._sum(x, beside)
        except UnwritableError:
            opened = list(self.atoms.opened(x, only=lambda atom: atom.axes > 2))
            if not opened:
                raise
            return self._sum(opened[-1], beside)

    def matrix(self, diagonal: Expr, rest: Expr) -> Formula:
        """diag(u) + A + B, for a vector u and the terms of another value; no vector stands for equal rows here."""
        parts: list[tuple[Any, Formula]] = []
        if diagonal.terms:
            square = (diagonal.shape[0], diagonal.shape[0])
            whole = Expr(diagonal.terms, ()) if not diagonal.used() else diagonal
            u = self.formula(whole)
            identity = (u * name("I", square)) if whole is not diagonal else call("diag", u)
            parts.append((1, identity.of_shape(square)))
        for term in rest.terms:
            p = self._parts(term, rest)
            parts.append((p.number, self._written(p, rest, beside=False)))
        return added(parts).of_shape(rest.shape)

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
        parts = sum_of_chains([(p.number, p.over, p.under, p.piece.links) for p in chains])  # type: ignore[union-attr]
        for p in others:
            parts.append((p.number, self._written(p, x, beside=whole)))
        return added(parts).of_shape(x.shape)

    def _entries(self, x: Expr) -> Formula | None:
        """A sum of multiples of different unit vectors as [a, b]; None of any other value, and of long vectors."""
        if len(x.axes) != 1 or not x.used() or x.shape[0] > MOST_ENTRIES:
            return None
        (i,) = x.used()
        units = [{f[0] for f in t.factors if f[0].kind == "hot" and f[1] == (i,)} for t in x.terms]
        if not all(units) or len(set().union(*units)) < 2:
            return None
        return vector(*(self.formula(entry(self.atoms, x, i, c)) for c in range(i.size)))

    def named(self, x: Expr) -> Formula | None:
        """The name of a value or of its negative, if it has one; of an array of shape (1, n) as a column."""
        if not self.names or not x.terms or set(x.used()) != set(x.free()):
            return None
        sizes = tuple(i.size for i in x.free())
        for shape in dict.fromkeys((x.shape, sizes, (*sizes, 1), (1, *sizes))):
            for sign in (1, -1):
                found = self.names.get((self.atoms.key(x.scaled(sign)), shape))
                if found is not None:
                    return signed(sign, _column(found))
        return None

    def _common(self, x: Expr) -> Term | None:
        """The sum as a product, if all its terms have factors or a number in common."""
        free = set(x.free())
        shared = {f: e for f, e in common(t.factors for t in x.terms).items() if all(i in free for i in f[1])}
        rest = Expr(tuple(Term(t.number, over(t.factors, shared)) for t in x.terms), x.axes)
        opened = [y for y in self.atoms.opened(rest) if len(y.terms) <= len(rest.terms)]
        rest = min((rest, *opened), key=cost)  # c − (1 − c) is 2 c − 1
        number = content(rest)
        if not shared and abs(number) == 1:
            return None
        bracket = self.atoms.in_brackets(rest)
        return Term(bracket.number, multiplied(shared, *bracket.factors.items()))

    # Products ------------------------------------------------------------------------------------------------

    def _product(self, term: Term, x: Expr, beside: bool) -> Formula:
        p = self._parts(term, x)
        return signed(p.number, self._written(p, x, beside)).of_shape(x.shape)

    def _written(self, p: MatrixTerm, x: Expr, beside: bool) -> Formula:
        """A term without its sign; beside another one with all its indices, a vector may stand for equal rows."""
        free = x.free()
        body = None if p.piece is None else chain(p.piece.links)
        if body is not None and len(free) == 2 and len(p.piece.idx) == 1:  # type: ignore[union-attr]
            (i,) = p.piece.idx  # type: ignore[union-attr]
            row = row_of(body) if is_tall(body) else body
            if i is free[0] and not (beside and p.piece.tall):  # type: ignore[union-attr]
                body = matmul(body, name("𝟏", (free[1].size,)).T)
            elif i is free[1] and beside and (row.parts[0] if row.kind == "transpose" else row).kind == "name":
                body = row
            elif i is free[1]:
                body = matmul(name("𝟏", (free[0].size,)), row_of(body))
        for f, e in p.rest:  # vectors broadcast along rows, or along columns
            body = f if body is None and e > 0 else (number(1) if body is None else body) / f if e < 0 else f * body
        if body is None and free and not beside:
            body = name("𝟏", x.shape)
        return scaled(abs(p.number), p.over, p.under, body)

    def _parts(self, term: Term, x: Expr) -> MatrixTerm:
        return FactorNetwork(self.atom, term, x.free()).parts()

    # Atoms ---------------------------------------------------------------------------------------------------

    def atom(self, atom: Atom) -> Formula:
        """An atom on its own indices in their order."""
        if atom not in self.written:
            idx = tuple(Index(n) for n in atom.shape if n != 1)
            alone = single(atom, idx)
            found = self.named(alone) if len(idx) == atom.axes and atom.kind == "call" else None
            self.written[atom] = _column(self._atom(atom)) if found is None else found
        return self.written[atom]

    def _atom(self, atom: Atom) -> Formula:
        match atom.kind:
            case "leaf":
                made = self.leaf(atom.content)
                return indicator(made) if made.kind == "relation" else made
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
        each = isinstance(atom.block, Elementwise) or atom.block is where
        whole = each and any(len(a.used()) == atom.axes for a in atom.args)
        args = [self.formula(a, beside=whole) for a in atom.args]
        rows = [*map(row_of, args)] if each and atom.axes == 1 else args
        lies = sum(map(turns, rows)) < sum(map(turns, args))
        args = rows if lies else args
        if atom.block is inv:
            return Formula("pow", (args[0], Formula("neg", (number(1),))), shape=atom.shape)
        made = block_formula(atom.block, args, atom.params, self.leaf)
        if made.kind == "relation":
            made = indicator(made)
        made = made.of_shape(atom.shape)
        return made.T if lies else made


def _column(f: Formula) -> Formula:
    """An array of shape (1, n) as a column; all others as they are."""
    return f.T if f.ndim == 2 and f.shape[0] == 1 < f.shape[1] else f


def _rows(atom: Atom) -> Any:
    return with_absent_zeros(np.eye(atom.shape[-1])[atom.content])
