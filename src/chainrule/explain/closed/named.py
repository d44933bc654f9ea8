"""Multiples of named values: with r = X w − y, Xᵀ X w − Xᵀ y is Xᵀ r."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from chainrule.algebra.powers import multiplied
from chainrule.explain.closed.atoms import Atoms, product
from chainrule.explain.closed.terms import Expr, Factor, Factors, Index, Term, cost, summed

__all__ = ["Definition", "folded"]


@dataclass(frozen=True)
class Definition:
    """A named value and its definition.

    Attributes
    ----------
    name : the value as one atom, its name.
    value : the value without its name, as a sum of terms.
    """

    name: Expr
    value: Expr

    def pivot(self) -> Term | None:
        """The term by which multiples are searched: the one with all indices and the most factors."""
        free = set(self.value.free())
        whole = [t for t in self.value.terms if t.factors and t.indices() >= free]
        return max(whole, key=lambda t: len(t.factors), default=None)


def folded(atoms: Atoms, x: Expr, definitions: Iterable[Definition]) -> Expr:
    """A value in which each multiple of a named value is replaced by the name, if that is shorter."""
    definitions = tuple(definitions)
    while (shorter := next((y for d in definitions if (y := _folded(atoms, x, d)) is not None), None)) is not None:
        x = shorter
    return x


def _folded(atoms: Atoms, x: Expr, d: Definition) -> Expr | None:
    """x with one multiple of a named value written by its name; None if none is shorter."""
    pivot = d.pivot()
    if pivot is None:
        return None
    for term in x.terms:
        for place in _places(list(pivot.factors.items()), term.factors, {}):
            by = _quotient(term, pivot, place)
            if any(place[i] in by.indices() or place[i] in x.free() for i in place if i not in d.value.free()):
                continue  # an index that the definition sums over is also used elsewhere
            idx = tuple(place[i] for i in d.value.free())
            names = _times(by, d.name.at(idx), x)
            values = _times(by, d.value.at(idx).with_fresh_dummies(), x)
            y = atoms.collected([*x.terms, *(t.times(-1) for t in values), *names], x.axes)
            if cost(y) < cost(x):
                return y
    return None


def _quotient(term: Term, divisor: Term, place: dict[Index, Index]) -> Term:
    powers = (((atom, tuple(place[i] for i in idx)), -e) for (atom, idx), e in divisor.factors.items())
    return Term(term.number / divisor.number, multiplied(term.factors, *powers))


def _times(by: Term, value: Expr, x: Expr) -> list[Term]:
    """by · value, summed over the indices that x does not have."""
    idx = set(value.free())
    kept = idx | by.indices() | set(x.free())
    return [summed(product(by, t, kept), idx - set(x.free())) for t in value.terms]


Powers = list[tuple[Factor, Fraction]]


def _places(todo: Powers, there: Factors, place: dict[Index, Index]) -> Iterator[dict[Index, Index]]:
    """Each way to match some powers with those of a term, as a map of indices."""
    if not todo:
        yield place
        return
    ((atom, idx), e), *rest = todo
    for (other, at), k in there.items():
        if other is not atom or k * e <= 0 or abs(k) < abs(e):
            continue
        for order in (at, at[::-1]) if atom.symmetric and at[0] is not at[1] else (at,):
            if all(place.get(i, j) is j for i, j in zip(idx, order, strict=True)):
                yield from _places(rest, there, place | dict(zip(idx, order, strict=True)))
