"""Sums, products and powers of values in index notation, over atoms; equal atoms are one object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from chainrule.block import Block
from chainrule.block.bounds import ANY
from chainrule.blocks.matrices import inv
from chainrule.explain.closed.terms import (
    Atom,
    Expr,
    Factor,
    Index,
    Term,
    UnwritableError,
    aligned,
    cost,
    join,
    summed,
    term_key,
    with_fresh_dummies,
)

__all__ = ["Atoms", "content", "exactly", "product"]

LONGEST = 100
"""Values with a higher cost than this are given up as unreadable."""

TERMS = 16
"""Products are multiplied out up to this number of terms."""


@dataclass
class Atoms:
    """The atoms of one closed form, without duplicates, and the arithmetic of values built from them."""

    known: dict[Any, Atom] = field(default_factory=dict)
    scales: dict[Atom, Any] = field(default_factory=dict)
    rules: Any = None
    """The function that normalises the factors of a term (`index_rules.simpler`)."""

    def atom(self, key: Any, **what: Any) -> Atom:
        if key not in self.known:
            self.known[key] = Atom(number=len(self.known), **what)
        return self.known[key]

    def key(self, x: Expr, order: Iterable[Index] | None = None) -> Any:
        """A key that is the same for equal values; `order` numbers the indices (by default that of the axes)."""
        free = {i: n for n, i in enumerate(x.free() if order is None else order)}
        return tuple(sorted(((term_key(t, free), t.number) for t in x.terms), key=str))

    # Sums and products ----------------------------------------------------------------------------------------

    def collected(self, terms: Iterable[Term], axes: tuple[Index | None, ...]) -> Expr:
        """A sum, with equal terms added up."""
        free = {i: id(i) for i in axes if i is not None}
        total: dict[Any, Term] = {}
        for raw in terms:
            for term in self.rules(self, raw, free):
                key = term_key(term, free)
                before = total[key].number if key in total else 0
                number = term.number + before
                if number == 0 or (isinstance(number, float) and abs(number) < 1e-12 * abs(before)):
                    total.pop(key, None)
                else:
                    total[key] = Term(number, total[key].factors if key in total else term.factors)
        return Expr(tuple(total.values()), axes)

    def number(self, c: Any, axes: tuple[Index | None, ...]) -> Expr:
        return Expr(() if c == 0 else (Term(exactly(c), {}),), axes)

    def plus(self, *xs: Expr) -> Expr:
        axes, parts = aligned(xs)
        return self.shorter(self.collected([t for x in parts for t in x.terms], axes))

    def times(self, x: Expr, y: Expr) -> Expr:
        axes, (x, y) = aligned((x, y))
        return self.shorter(self.product(x, y, axes))

    def product(self, x: Expr, y: Expr, axes: tuple[Index | None, ...]) -> Expr:
        """x y over given axes, summed over indices that both have and the axes do not."""
        a, b = self.bracketed(x), self.bracketed(y)
        if a is None or b is None:
            return Expr((), axes)
        shared = set(x.free()) | set(y.free())
        return self.collected([summed(product(a, b, shared), shared - set(axes))], axes)

    def sum(self, x: Expr, over: set[Index], axes: tuple[Index | None, ...]) -> Expr:
        """The sum over some indices of a value."""
        return self.shorter(self.collected([summed(t, over) for t in x.terms], axes))

    def power(self, x: Expr, e: Fraction) -> Expr:
        if e == 0:
            return self.number(1, x.axes)
        if e == 1 or not x.terms:
            return x if e > 0 else _unreadable()
        term = self.bracketed(x)
        assert term is not None
        summed = term.indices() - set(x.free())
        whole = e.denominator == 1
        if summed or (not whole and not _is_positive(term)):
            term = self.in_brackets(x)
        number = term.number
        try:
            if not whole and not isinstance(number, float) and not _is_square(number, e):
                number = float(number)
            number = number**e if whole or isinstance(number, float) else _root(number, e)
        except (OverflowError, ZeroDivisionError):  # of a number that a float cannot hold
            _unreadable()
        return self.collected([Term(exactly(number), {f: k * e for f, k in term.factors.items()})], x.axes)

    def bracketed(self, x: Expr) -> Term | None:
        """The value as one term; a sum of several terms is put in brackets."""
        if not x.terms:
            return None
        return x.terms[0] if len(x.terms) == 1 else self.in_brackets(x)

    def in_brackets(self, x: Expr) -> Term:
        """A value as a number times an atom; values that differ only by a number share the atom."""
        idx = self.sorted_indices(x)
        scale = content(x)
        base = x.scaled(1 / scale)
        for order in (idx, idx[::-1]):
            for sign in (1, -1):
                key = self.key(base.scaled(sign), order)
                if key in self.known_sums:
                    return Term(scale * sign, {(self.known["sum", key], order): Fraction(1)})
        key = self.key(base, idx)
        inner = Expr(base.terms, idx)
        symmetric = len(idx) == 2 and idx[0].size == idx[1].size and self.key(inner, idx[::-1]) == self.key(inner, idx)
        atom = self.atom(("sum", key), kind="sum", axes=len(idx), value=inner, shape=inner.shape, symmetric=symmetric)
        self.known_sums.add(key)
        return Term(scale, {(atom, idx): Fraction(1)})

    known_sums: set[Any] = field(default_factory=set)

    def sorted_indices(self, x: Expr) -> tuple[Index, ...]:
        """The indices of a value, ordered by their places in its factors: for A_ij they are i, j."""
        used = x.used()
        if len(used) < 2:
            return used
        slots: dict[Index, list[int]] = {i: [] for i in used}
        for term in x.terms:
            for atom, idx in term.factors:
                for place, i in enumerate(idx):
                    if i in slots and len(idx) > 1 and atom.block is not inv:
                        slots[i].append(place)
        mean = {i: Fraction(sum(s), max(len(s), 1)) for i, s in slots.items()}
        return tuple(sorted(used, key=lambda i: (mean[i], used.index(i))))

    def shorter(self, x: Expr) -> Expr:
        """x, or x multiplied out if that is much shorter because terms cancel."""
        least = cost(x)
        if least > LONGEST:
            raise UnwritableError
        best, limit = x, 0.75 * least
        for opened in self.opened(x):
            if (c := cost(opened)) < limit:
                best, limit = opened, c
        return best

    def opened(self, x: Expr, only: Any = None) -> Iterator[Expr]:
        """x with one more bracket of each term multiplied out each time, until it gets too long."""
        for _ in range(8):
            terms: list[Term] = []
            changed = False
            for term in x.terms:
                brackets = [
                    f
                    for f, e in term.factors.items()
                    if f[0].kind == "sum" and e in (1, 2, 3) and (only is None or only(f[0]))
                ]
                if not brackets:
                    terms.append(term)
                    continue
                changed = True
                # First the one that cancels most with the factors beside it.
                found = max(brackets, key=lambda f: _cancels(f, term))
                terms.extend(self._opened(term, found, set(x.free())))
                if len(terms) > TERMS:
                    return
            if not changed:
                return
            x = self.collected(terms, x.axes)
            yield x

    def _opened(self, term: Term, factor: Factor, free: set[Index]) -> list[Term]:
        atom, idx = factor
        assert atom.value is not None
        rest = dict(term.factors)
        e = rest.pop(factor)
        if e > 1:
            rest[factor] = e - 1
        outside = Term(term.number, rest)
        kept = set(idx) | term.indices() | free
        inner = atom.value.at(idx)
        made = [product(outside, with_fresh_dummies(t, set(idx)), kept) for t in inner.terms]
        return [summed(t, set(idx) - free) for t in made]


def product(a: Term, b: Term, free: set[Index]) -> Term:
    """The product of two terms; summed indices of the second that the first also has are renamed."""
    taken = a.indices()
    b = b.renamed({i: Index(i.size) for i in b.indices() if i in taken and i not in free})
    factors = dict(a.factors)
    for (atom, idx), e in b.factors.items():
        join(factors, atom, idx, e)
    number = a.number * b.number
    return Term(exactly(number), factors)


def content(x: Expr) -> Any:
    """The number to factor out of a sum: the common factor and sign of its terms."""
    numbers = [t.number for t in x.terms]
    first = numbers[0]
    sign = -1 if all(n < 0 for n in numbers) else 1
    if all(abs(n) == abs(first) for n in numbers):
        return abs(first) * sign
    if all(isinstance(n, Fraction) and n.denominator == first.denominator for n in numbers):
        return sign * Fraction(math.gcd(*(n.numerator for n in numbers)), first.denominator)
    return Fraction(sign)


def _cancels(factor: Factor, term: Term) -> int:
    """How many factors beside a bracket are inverses of factors inside it."""
    atom, idx = factor
    assert atom.value is not None
    place = dict(zip(atom.value.free(), idx, strict=True))
    return sum(
        term.factors.get((a, tuple(place.get(i, i) for i in inner)), 0) * e < 0
        for t in atom.value.terms
        for (a, inner), e in t.factors.items()
    )


def _unreadable() -> Any:
    raise UnwritableError


# Numbers -------------------------------------------------------------------------------------------------------


MOST = 10**15
"""Fractions of larger numbers are decimal numbers."""


def exactly(c: Any) -> Any:
    """A number as a fraction, if it is a simple fraction."""
    if isinstance(c, Fraction) and max(abs(c.numerator), c.denominator) < MOST:
        return c
    try:
        c = float(c)
    except OverflowError:
        c = math.inf
    if not math.isfinite(c):
        raise UnwritableError
    if abs(c) > MOST:
        return c
    near = Fraction(c).limit_denominator(1000)
    return near if near and abs(float(near) - c) <= 4e-16 * abs(c) else c


def _is_square(number: Fraction, e: Fraction) -> bool:
    return (
        number > 0
        and e.denominator == 2
        and all(math.isqrt(n) ** 2 == n for n in (number.numerator, number.denominator))
    )


def _root(number: Fraction, e: Fraction) -> Fraction:
    return Fraction(math.isqrt(number.numerator), math.isqrt(number.denominator)) ** e.numerator


def _is_never_negative(block: Block | None) -> bool:
    """Whether the result of a block is never negative."""
    return block is not None and block.bounds is not None and block.bounds(*[ANY] * len(block.operands)).low >= 0


def _is_positive(term: Term) -> bool:
    """Whether each factor has a real root: only then √(x y) is √x √y."""
    return term.number > 0 and all(
        _is_never_negative(atom.block)
        or (atom.kind == "sum" and len(term.factors) == 1 and e == 1)
        or (e.denominator == 2)
        for (atom, _), e in term.factors.items()
    )
