"""Index notation, in which closed forms are computed.

A value is a sum of terms, a term a number times powers of factors, a factor an atom with an index for each of its axes:
A x is Σ_j A_ij x_j. An index that the value itself does not have is summed over. In this notation transposes, traces,
sums, broadcasting and products of matrices are one operation, so equal values look equal, and a rule is about
factors that share an index. Axes of length 1 have no index.
"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

__all__ = [
    "ONE",
    "Atom",
    "Expr",
    "Factor",
    "Factors",
    "Index",
    "Term",
    "UnwritableError",
    "aligned",
    "axes_of_shape",
    "cost",
    "join",
    "single",
    "summed",
    "term_key",
    "uses",
    "with_fresh_dummies",
    "without",
]

ONE = Fraction(1)


class UnwritableError(Exception):
    """A value cannot be written in this notation."""


class Index:
    """One index. Two are the same only if they are the same object."""

    __slots__ = ("size",)

    def __init__(self, size: int):
        self.size = size


@dataclass(frozen=True, eq=False)
class Atom:
    """A value that has no parts in this notation; equal atoms are the same object.

    Attributes
    ----------
    kind : "leaf" (a node or a constant), "call" (a block on other values), "sum" (a sum in brackets), "delta" (the
        identity matrix) or "hot" (one-hot rows).
    axes : the number of indices.
    number : identifies and orders atoms.
    content : the node or constant of a leaf; the labels of one-hot rows; else None.
    block, params, args : for a call.
    value : of a sum, the value in the brackets.
    shape : of the array, with axes of length 1.
    symmetric : whether its two indices may be exchanged.
    """

    kind: str
    axes: int
    number: int
    content: Any = None
    block: Any = None
    params: Any = None
    args: tuple[Expr, ...] = ()
    value: Expr | None = None
    shape: tuple[int, ...] = ()
    symmetric: bool = False

    @functools.cached_property
    def cost(self) -> float:
        """Its length when printed, as a measure of readability."""
        if self.value is not None:
            return 0.5 + cost(self.value)
        return 1 + 0.5 * sum(cost(x) for x in self.args)


Factor = tuple[Atom, tuple[Index, ...]]

Factors = dict[Factor, Fraction]


@dataclass(frozen=True)
class Term:
    """A number times powers of factors."""

    number: Any
    factors: Factors

    def __post_init__(self) -> None:
        """A number that has overflowed, or may have lost digits, has no closed form."""
        if isinstance(self.number, float) and not 1e-300 < abs(self.number) < 1e300:
            raise UnwritableError

    def indices(self) -> set[Index]:
        return {i for _, idx in self.factors for i in idx}

    def times(self, number: Any) -> Term:
        return Term(self.number * number, self.factors)

    def renamed(self, names: Mapping[Index, Index]) -> Term:
        factors: Factors = {}
        for (atom, idx), e in self.factors.items():
            join(factors, atom, tuple(names.get(i, i) for i in idx), e)
        return Term(self.number, factors)


def join(factors: Factors, atom: Atom, idx: tuple[Index, ...], e: Any) -> None:
    if atom.symmetric and idx[0] is not idx[1] and (atom, idx[::-1]) in factors:
        idx = idx[::-1]
    total = factors.get((atom, idx), 0) + e
    if total:
        factors[atom, idx] = total
    else:
        factors.pop((atom, idx), None)


def without(factors: Factors, *gone: Factor) -> Factors:
    """The remaining factors, without those in `gone`."""
    return {f: e for f, e in factors.items() if f not in gone}


@dataclass(frozen=True)
class Expr:
    """A sum of terms.

    Attributes
    ----------
    terms : in the order of reading.
    axes : an index for each axis of the array; None for one of length 1.
    """

    terms: tuple[Term, ...]
    axes: tuple[Index | None, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(1 if i is None else i.size for i in self.axes)

    def free(self) -> tuple[Index, ...]:
        return tuple(i for i in self.axes if i is not None)

    def used(self) -> tuple[Index, ...]:
        """The indices on which the value depends, in the order of the axes."""
        there = set().union(*(t.indices() for t in self.terms)) if self.terms else set()
        return tuple(i for i in self.free() if i in there)

    def fresh(self) -> Expr:
        """The same value with new indices."""
        names = {i: Index(i.size) for t in self.terms for i in t.indices()}
        names |= {i: Index(i.size) for i in self.free() if i not in names}
        return Expr(
            tuple(t.renamed(names) for t in self.terms), tuple(None if i is None else names[i] for i in self.axes)
        )

    def renamed(self, names: Mapping[Index, Index]) -> Expr:
        return Expr(
            tuple(t.renamed(names) for t in self.terms),
            tuple(None if i is None else names.get(i, i) for i in self.axes),
        )

    def at(self, idx: tuple[Index, ...]) -> Expr:
        """The value at other indices: A_ij at k, l is A_kl."""
        return self.renamed(dict(zip(self.free(), idx, strict=True)))

    def with_fresh_dummies(self) -> Expr:
        free = set(self.free())
        return Expr(tuple(with_fresh_dummies(t, free) for t in self.terms), self.axes)

    def scaled(self, number: Any) -> Expr:
        return Expr(tuple(t.times(number) for t in self.terms), self.axes)

    def along(self, axes: tuple[Index | None, ...]) -> Expr:
        return Expr(self.terms, axes)


def with_fresh_dummies(term: Term, free: set[Index]) -> Term:
    return term.renamed({i: Index(i.size) for i in term.indices() if i not in free})


# Values side by side, and how long they are --------------------------------------------------------------------


def single(atom: Atom, idx: tuple[Index, ...], axes: tuple[Index | None, ...] | None = None) -> Expr:
    """The value of one atom."""
    return Expr((Term(ONE, {(atom, idx): ONE}),), idx if axes is None else axes)


def axes_of_shape(shape: tuple[int, ...]) -> tuple[Index | None, ...]:
    """An index for each axis of an array."""
    return tuple(Index(n) if n != 1 else None for n in shape)


def aligned(xs: Iterable[Expr]) -> tuple[tuple[Index | None, ...], list[Expr]]:
    """Values over the same axes, as NumPy broadcasts them."""
    fresh = [x.fresh() for x in xs]
    ndim = max(len(x.axes) for x in fresh)
    rows = [(None,) * (ndim - len(x.axes)) + x.axes for x in fresh]
    axes = tuple(next((i for i in column if i is not None), None) for column in zip(*rows, strict=True))
    parts = []
    for x, row in zip(fresh, rows, strict=True):
        names = {i: axis for i, axis in zip(row, axes, strict=True) if i is not None and axis is not None}
        parts.append(x.renamed(names).along(axes))
    return axes, parts


def summed(term: Term, over: set[Index]) -> Term:
    """The sum over indices on which the term does not depend: their sizes times the term."""
    return term.times(math.prod(i.size for i in over - term.indices()))


def uses(term: Term) -> Counter[Index]:
    """The number of factors in which each index occurs."""
    return Counter(i for _, idx in term.factors for i in set(idx))


def cost(x: Expr) -> float:
    """The length of a value when printed, as a measure of readability."""
    return sum(
        1 + (abs(t.number) != 1) * 0.6 + sum(atom.cost + 0.4 * (e != 1) for (atom, _), e in t.factors.items())
        for t in x.terms
    )


# Equal things --------------------------------------------------------------------------------------------------


def colours(factors: Factors, free: Mapping[Index, Any]) -> dict[Index, int]:
    """A number for each index that does not depend on the names of summed indices."""
    colour = {i: hash(("free", free[i])) if i in free else hash(("sum", i.size)) for _, idx in factors for i in idx}
    for _ in range(min(4, len(factors))):
        seen: dict[Index, list[int]] = {i: [] for i in colour}
        for (atom, idx), e in factors.items():
            around = [colour[i] for i in idx]
            if atom.symmetric:
                around.sort()
            for place, i in enumerate(idx):
                seen[i].append(hash((atom.number, e, 0 if atom.symmetric else place, tuple(around))))
        colour = {i: hash((c, tuple(sorted(seen[i])))) for i, c in colour.items()}
    return colour


def term_key(term: Term, free: Mapping[Index, Any]) -> Any:
    """A key that is the same for equal products of factors, whatever the names of summed indices."""
    used = dict.fromkeys(i for _, idx in term.factors for i in idx)
    order = [i for i in used if i not in free]
    if len(order) > 1:
        order.sort(key=colours(term.factors, free).__getitem__)
    names = {i: ("free", free[i]) for i in used if i in free} | {i: ("sum", n) for n, i in enumerate(order)}
    found = []
    for (atom, idx), e in term.factors.items():
        named = [names[i] for i in idx]
        found.append((atom.number, e, tuple(sorted(named, key=str) if atom.symmetric else named)))
    return tuple(sorted(found, key=str))
