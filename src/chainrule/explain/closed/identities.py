"""The identities of products in `algebra.identities`, applied to the factors of a term: e^−u σ(u) is σ(−u).

A variable stands for a value over the indices of the term. e^u and 1/e^−u are the same factor. A sum over an axis
matches Σ_k e^(u_k) if e^(u_k) is a factor too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chainrule.algebra.identities import PRODUCTS
from chainrule.algebra.patterns import Call, Identity, Number, Pattern, Variable
from chainrule.algebra.powers import multiplied, raised
from chainrule.block import Elementwise
from chainrule.blocks.elementwise import add, exp, negative
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.reductions import sum as sum_
from chainrule.explain.closed import calls
from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.terms import ONE, Atom, Expr, Factor, Factors, Index, Term

__all__ = ["of_products"]

TERMS = {add: 2, sum_: 1}
"""The number of terms of a sum in brackets that can match: x + y, or a sum over an axis."""

Binding = dict[str, Any]
"""The value of each variable, and the index of each axis."""


def of_products() -> list[Callable[[Atoms, Term, Mapping[Index, Any]], Term | None]]:
    """A rule on terms for each identity of products."""
    return [_rule(identity) for identity in PRODUCTS]


def _rule(identity: Identity) -> Callable[[Atoms, Term, Mapping[Index, Any]], Term | None]:
    left, right = identity.factors

    def rule(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
        for powers, binding in _factors_that_match(atoms, list(left.items()), term.factors, {}):
            made = [raised(_made(atoms, pattern, binding), e) for pattern, e in right.items()]
            return Term(term.number, multiplied(term.factors, *powers, *(f for new in made for f in new.items())))
        return None

    rule.__name__ = identity.text
    return rule


Powers = list[tuple[Factor, int]]


def _factors_that_match(
    atoms: Atoms, patterns: list[tuple[Pattern, int]], factors: Factors, binding: Binding
) -> Iterator[tuple[Powers, Binding]]:
    """Each match of a product of patterns in a term: the powers that remove it, and the binding."""
    if not patterns:
        yield [], binding
        return
    (pattern, e), *rest = patterns
    for (atom, idx), n in factors.items():
        sign = 1 if n.numerator > 0 else -1
        if n.denominator == 1 and _may_match(pattern, atom, sign * e):
            x = Expr((Term(ONE, {(atom, idx): ONE * sign * e}),), tuple(dict.fromkeys(idx)))
            for found in _match(atoms, pattern, x, binding):
                for others, more in _factors_that_match(atoms, rest, factors, found):
                    yield [((atom, idx), -sign), *others], more


def _may_match(pattern: Pattern, atom: Atom, e: int) -> bool:
    """Whether a power of one atom can match: a sum only one in brackets, a function only a call of it."""
    if not isinstance(pattern, Call) or pattern.block is negative:
        return True
    if pattern.block in TERMS:
        return e == 1 and atom.value is not None and len(atom.value.terms) == TERMS[pattern.block]
    return atom.block is pattern.block


def _match(atoms: Atoms, pattern: Pattern, x: Expr, binding: Binding) -> Iterator[Binding]:
    if isinstance(pattern, Variable):
        if pattern.name not in binding:
            yield binding | {pattern.name: x}
        elif _are_equal(atoms, binding[pattern.name], x):
            yield binding
        return
    if isinstance(pattern, Number):
        if len(x.terms) == 1 and not x.terms[0].factors and x.terms[0].number == pattern.value:
            yield binding
        return
    if pattern.block is negative:
        yield from _match(atoms, pattern.operands[0], x.scaled(-1), binding)
        return
    if len(x.terms) == 1 and len(x.terms[0].factors) == 1 and x.terms[0].number == 1:
        (((atom, idx), e),) = x.terms[0].factors.items()
        if atom.value is not None and e == 1:
            x = atom.value.at(idx)
        elif atom.block is pattern.block and (e == 1 or (e == -1 and atom.block is exp)):
            if len(atom.args) == len(pattern.operands) == 1 and isinstance(atom.block, Elementwise):
                yield from _match(atoms, pattern.operands[0], atom.args[0].at(idx).scaled(int(e)), binding)
            return
    if pattern.block is add and len(x.terms) == 2:
        for order in (x.terms, x.terms[::-1]):
            for found in _match(atoms, pattern.operands[0], Expr(order[:1], x.axes), binding):
                yield from _match(atoms, pattern.operands[1], Expr(order[1:], x.axes), found)
    if pattern.block is sum_ and len(x.terms) == 1:
        yield from _match_sum(atoms, pattern, x, binding)


def _match_sum(atoms: Atoms, pattern: Call, x: Expr, binding: Binding) -> Iterator[Binding]:
    """Match a sum over one index, which is renamed to an index of a value that is already bound."""
    (term,) = x.terms
    over = term.indices() - set(x.free())
    names = {i for bound in binding.values() if isinstance(bound, Expr) for i in bound.free()} - set(x.free())
    if len(over) != 1:
        return
    (k,) = over
    for i in names:
        if i.size == k.size:
            inner = Expr((term.renamed({k: i}),), (*x.free(), i))
            yield from _match(atoms, pattern.operands[0], inner, binding | {dict(pattern.params)["axis"]: i})


def _are_equal(atoms: Atoms, x: Expr, y: Expr) -> bool:
    idx = x.used()
    return set(idx) == set(y.used()) and atoms.key(x, idx) == atoms.key(y, idx)


def _made(atoms: Atoms, pattern: Pattern, binding: Binding) -> Factors:
    """The factors for the right side of an identity: a function of each entry, or a softmax along an axis."""
    assert isinstance(pattern, Call)
    (operand,) = pattern.operands
    x = _value(operand, binding)
    if pattern.block is softmax:
        found = calls.softmax(atoms, x, x.axes.index(binding[dict(pattern.params)["axis"]]))
    else:
        found = calls.elementwise(atoms, pattern.block, {}, [x])
    return found.terms[0].factors


def _value(pattern: Pattern, binding: Binding) -> Expr:
    if isinstance(pattern, Variable):
        return binding[pattern.name]
    assert isinstance(pattern, Call)
    assert pattern.block is negative
    return _value(pattern.operands[0], binding).scaled(-1)
