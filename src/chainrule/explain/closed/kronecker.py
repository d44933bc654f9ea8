"""Linear maps of a matrix V as Kronecker products: Σ_kl A_ik V_kl B_jl is (A ⊗ B) V, entry by entry in rows."""

from __future__ import annotations

from typing import Any, NamedTuple

from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.terms import ONE, Expr, Factors, Index, Term, without

__all__ = ["KroneckerFactor", "as_kronecker"]


class KroneckerFactor(NamedTuple):
    """diag(u) + A, as the values u and A."""

    diagonal: Expr
    rest: Expr

    @property
    def is_identity(self) -> bool:
        return not self.rest.terms and [t.factors for t in self.diagonal.terms] == [{}]

    def without_number(self) -> tuple[Any, KroneckerFactor]:
        """The number of a matrix of one term, and the matrix without it."""
        terms = (*self.diagonal.terms, *self.rest.terms)
        if len(terms) != 1:
            return 1, self
        number = terms[0].number
        return number, KroneckerFactor(*(Expr(tuple(t.times(1 / t.number) for t in x.terms), x.axes) for x in self))


class _Side(NamedTuple):
    """The factors of a term that belong to the rows or to the columns of V; on the diagonal if both indices are one."""

    term: Term
    is_diagonal: bool


def as_kronecker(atoms: Atoms, x: Expr, seed: Any) -> list[tuple[KroneckerFactor, KroneckerFactor]] | None:
    """The matrices A and B of a sum of A ⊗ B, for a value that is linear in the matrix `seed`; None if it is none.

    Terms that have one side in common are put together.
    """
    row, column = x.axes
    if row is None or column is None:
        return None
    others = Index(row.size), Index(column.size)
    pairs = [_sides(t, seed, (row, column), others) for t in x.terms]
    if not pairs or None in pairs:
        return None
    found: Any = []
    for kept in (0, 1):
        axes = ((row, others[0]), (column, others[1]))
        groups: dict[Any, list[Any]] = {}
        for pair in pairs:
            side = pair[kept]  # type: ignore[index]
            key = side.is_diagonal, atoms.key(Expr((side.term.times(1 / side.term.number),), axes[kept]))
            groups.setdefault(key, []).append(pair)
        made = []
        for group in groups.values():
            same = group[0][kept]
            number = same.term.number
            scaled = [
                _Side(p[1 - kept].term.times(p[kept].term.number / number), p[1 - kept].is_diagonal) for p in group
            ]
            both = [_matrix(atoms, [same], axes[kept]), _matrix(atoms, scaled, axes[1 - kept])]
            made.append((both[kept], both[1 - kept]))
        found.append(made)
    return min(found, key=len)


def _sides(term: Term, seed: Any, axes: tuple[Index, Index], others: tuple[Index, Index]) -> tuple[_Side, _Side] | None:
    """The two sides of a term: the factors joined to the rows, with its number, and those joined to the columns."""
    seeds = [(f, e) for f, e in term.factors.items() if f[0].content is seed]
    if len(seeds) != 1 or seeds[0][1] != 1 or len(seeds[0][0][1]) != 2:
        return None
    inner = seeds[0][0][1]
    left = without(term.factors, seeds[0][0])
    if {inner[0], axes[0]} & {inner[1], axes[1]}:
        return None
    sides: list[_Side] = []
    for own, other, number in ((inner[0], others[0], term.number), (inner[1], others[1], ONE)):
        axis = axes[len(sides)]
        near: set[Index] = {own, axis}
        mine: Factors = {}
        while more := {f: e for f, e in left.items() if near.intersection(f[1]) or (not f[1] and not sides)}:
            mine |= more
            left = without(left, *more)
            near.update(i for _, idx in more for i in idx)
        if near & {*inner, *axes} != {own, axis}:
            return None
        names = {} if own is axis else {own: other}
        sides.append(_Side(Term(number, mine).renamed(names), own is axis))
    return None if left else (sides[0], sides[1])


def _matrix(atoms: Atoms, sides: list[_Side], axes: tuple[Index, Index]) -> KroneckerFactor:
    diagonal = atoms.collected([s.term for s in sides if s.is_diagonal], axes[:1])
    return KroneckerFactor(diagonal, atoms.collected([s.term for s in sides if not s.is_diagonal], axes))
