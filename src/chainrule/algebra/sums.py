"""Sums of products of recorded values: reading them from nodes, and their arithmetic.

A form is read through the blocks that add, multiply and rearrange, down to *atoms*: one-hot rows, and results of other
blocks. Subclasses define which identities hold: `simplify.forms` is for computation and preserves NaN, infinities and
overflow; `simplify.reals` is for formulas to be read, and uses the identities of real numbers.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from chainrule.algebra.terms import (
    ONE,
    Form,
    Hot,
    Notes,
    Product,
    UnreadableError,
    atom_form,
    has_same_size,
    inverse,
    is_array,
    negated,
    not_large,
    shape_of,
)
from chainrule.block import Block
from chainrule.blocks.elementwise import add, divide, multiply, negative, square, subtract
from chainrule.blocks.indexing import getitem
from chainrule.blocks.shaping import reshape
from chainrule.node import Node

__all__ = ["SUMS", "Sums"]

TERMS = 12
"""The largest number of terms of a form, which bounds the work for each node."""

DEPTH = 16
"""How many levels of operands a new form is read through."""


class Making(Protocol):
    """What makes the nodes of forms; the builder of simplify implements it."""

    def call(self, block: Block, *operands: Any, **params: Any) -> Any:
        """A block, applied."""
        ...

    def is_leaf(self, x: Node) -> bool:
        """Whether forms must treat a node as an atom."""
        ...

    def key(self, x: Any) -> Any:
        """A key that is equal for equal constants."""
        ...


class Sums:
    """The forms of nodes.

    A subclass defines what is multiplied out (`times`), what cancels (`may_cancel`), the form of a constant
    (`of_constant`), and how the form of each block follows from those of its operands (`reads`).
    """

    reads: Mapping[Block, Any]
    factors = math.inf
    """The largest number of factors of a product in a form."""

    def __init__(self, build: Making):
        self.build: Any = build
        self._of: dict[Node, Form] = {}
        self._depth = 0
        self._hots: dict[Any, Hot] = {}

    # Which identities hold ----------------------------------------------------------------------------------

    def may_cancel(self, atom: Any) -> bool:
        """Whether an atom may cancel its inverse, and whether two terms that contain it may cancel."""
        raise NotImplementedError

    def may_read(self, x: Node) -> bool:
        """Whether a node may be read as a sum of products."""
        return True

    def settle(self, exponents: Counter[Any], notes: Notes) -> None:
        """Rewrite, in place, the factors of a product by identities."""

    # Reading ------------------------------------------------------------------------------------------------

    def of(self, x: Any) -> Form:
        """The form of an operand."""
        if type(x) is not Node:
            return self.of_constant(x)
        if x not in self._of:
            if self._depth == DEPTH:
                return atom_form(x)
            self._depth += 1
            self._of[x] = self.read(x)
            self._depth -= 1
        return self._of[x]

    def of_constant(self, c: Any) -> Form:
        raise NotImplementedError

    def factor(self, x: Any, other: Any) -> Form:
        """The form of a factor x that multiplies `other`."""
        return self.of(x)

    def read(self, x: Node) -> Form:
        atom = atom_form(x)
        if x.block not in self.reads or self.build.is_leaf(x) or not self.may_read(x):
            return atom
        try:
            form = self.reads[x.block](self, x)
        except UnreadableError:
            return atom
        too_long = len(form.terms) > TERMS or any(sum([abs(e) for _, e in p]) > self.factors for p in form.terms)
        return atom if too_long else self.read_from(form, x)

    def read_from(self, form: Form, x: Node) -> Form:
        """The form of a node, with notes about the node."""
        return form

    def hot(self, labels: Any, size: int, dtype: Any = None, put: bool = False) -> Hot:
        key = (labels if type(labels) is Node else self.build.key(labels), size, str(dtype), put)
        return self._hots.setdefault(key, Hot(labels, size, dtype, put))

    # Arithmetic ---------------------------------------------------------------------------------------------

    def plus(self, a: Form, b: Form, sign: float) -> Form:
        notes = Notes.of(a, b, gain=a.gain or b.gain)
        terms = dict(a.terms)
        for product, c in b.terms.items():
            self.add(terms, product, c if sign == 1 else negated(c), notes)
        return notes.form(terms, notes.gain)

    def times(self, a: Form, b: Form) -> Form:
        raise NotImplementedError

    def times_whole(self, x: Any, a: Form, y: Any, b: Form) -> Form:
        """The product of x and y, multiplied out if allowed; else with sums as factors."""
        try:
            return self.times(a, b)
        except UnreadableError:
            if len(a.terms) == 1 and len(b.terms) == 1:
                raise
        a = atom_form(x) if type(x) is Node and len(a.terms) > 1 else a
        b = replace(atom_form(y), slopes=b.slopes & {y}) if type(y) is Node and len(b.terms) > 1 else b
        return self.times(a, b)

    def inverse(self, a: Form, x: Any) -> Form:
        if len(a.terms) != 1:
            if type(x) is not Node:
                raise UnreadableError
            return Form({frozenset([(x, -1)]): 1.0})
        ((product, c),) = a.terms.items()
        if any(isinstance(atom, Hot) for atom, _ in product):
            raise UnreadableError
        return replace(a, terms={frozenset((atom, -e) for atom, e in product): inverse(c)})

    def add(self, terms: dict[Product, Any], product: Product, c: Any, notes: Notes) -> None:
        """Add a term to others, in place."""
        if product not in terms:
            terms[product] = c
            return
        before = terms[product]
        has_same_size(before, c)
        with np.errstate(all="ignore"):
            total = not_large(before + c)
        if np.any(before * c < 0):
            if not self.terms_may_cancel(product):
                raise UnreadableError
            notes.lost |= {atom for atom, _ in product}
            notes.stable = True
            gone = abs(total) <= 1e-15 * abs(c)
            total = (
                np.where(gone, 0, total).astype(np.asarray(total).dtype) if is_array(total) else 0.0 if gone else total
            )
        notes.gain = True
        terms[product] = total
        if not np.any(total):
            del terms[product]

    def terms_may_cancel(self, product: Product) -> bool:
        return any(self.may_cancel(atom) for atom, _ in product)

    def product(self, p: Product, q: Product, c: Any, notes: Notes) -> tuple[Product, Any]:
        """The product p q, and its coefficient."""
        exponents = self._exponents((*p, *q), notes)
        self.settle(exponents, notes)
        changed = self.open_sums(p, q, exponents, notes)
        hots = [atom for atom in exponents if isinstance(atom, Hot)]
        if len(hots) > 1:
            raise UnreadableError
        if hots:
            exponents = self._picked(hots[0], exponents, notes)
            c = self.entry(c, hots[0])
            if type(c) is Node:
                raise UnreadableError
        if hots or changed:
            self.settle(exponents, notes)
        return frozenset((atom, e) for atom, e in exponents.items() if e), c

    def collected(self, factors: Iterable[tuple[Any, int]], notes: Notes) -> Product:
        """The product of factors, of which two may have become the same atom."""
        return frozenset((atom, e) for atom, e in self._exponents(factors, notes).items() if e)

    def _exponents(self, factors: Iterable[tuple[Any, int]], notes: Notes) -> Counter[Any]:
        exponents: Counter[Any] = Counter()
        for atom, e in factors:
            if exponents[atom] * e < 0:
                self._cancel(atom, notes)
            exponents[atom] += e
        return exponents

    def open_sums(self, p: Product, q: Product, exponents: Counter[Any], notes: Notes) -> bool:
        """Multiply out sums that are factors of p and q; returns whether any were."""
        return False

    def _cancel(self, atom: Any, notes: Notes) -> None:
        """Note that an atom cancels its inverse."""
        if not self.may_cancel(atom):
            raise UnreadableError
        notes.lost.add(atom)
        notes.gain = notes.stable = True

    def _picked(self, hot: Hot, exponents: Counter[Any], notes: Notes) -> Counter[Any]:
        """p e_c = p[c] e_c for every factor p, and e_c e_c = e_c.

        The zeros of an `add_at` are numbers, so p · 0 is NaN where p is NaN, unless p is a local gradient (slope).
        """
        others = [(atom, e) for atom, e in exponents.items() if atom is not hot and e]
        if hot.put:
            notes.lost |= {atom for atom, _ in others if atom not in notes.slopes}
        entries = ((notes.from_(self.entry(atom, hot), atom), e) for atom, e in others)
        return self._exponents([(hot, 1), *entries], notes)

    def entry(self, atom: Any, hot: Hot) -> Any:
        """p[c] for each row, with an axis of length 1 in place of the row's axis."""
        shape = shape_of(atom)
        lead = hot.rows
        if hot.is_identity:  # I v = diag(v), for a row v and for a column v; v is kept as a row
            full = (1,) * (len(lead) + 1 - len(shape)) + shape
            if full == (*lead, 1) and math.prod(shape) > 1:
                return (
                    atom.reshape(hot.size)
                    if type(atom) is not Node
                    else self.build.call(reshape, atom, shape=(hot.size,))
                )
            if full[-1] == hot.size and math.prod(full) == hot.size:
                return atom
        if not shape or shape[-1] == 1:
            return atom
        if shape not in (hot.shape, (hot.size,)):
            raise UnreadableError
        key = hot.key if shape == hot.shape else hot.key[-1:]
        if hot.at_run_time:
            entries = self.build.call(getitem, atom, hot.labels, key=key)
            return self.build.call(reshape, entries, shape=(*lead, 1)) if lead else entries
        if type(atom) is not Node:
            entries = np.asarray(atom[key])
            return entries.reshape(hot.size if hot.is_identity and entries.size == hot.size else (*lead, 1))
        entries = self.build.call(getitem, atom, key=key)
        if hot.is_identity and entries.value.size == hot.size:
            return self.build.call(reshape, entries, shape=(hot.size,))
        return self.build.call(reshape, entries, shape=(*lead, 1)) if lead else entries


# How the form of each block follows from those of its operands ---------------------------------------------------


def _multiplied(sums: Sums, x: Any, y: Any) -> Form:
    return sums.times_whole(x, sums.factor(x, y), y, sums.factor(y, x))


def _divided(sums: Sums, x: Node) -> Form:
    above, below = x.inputs
    return sums.times_whole(above, sums.of(above), None, sums.inverse(sums.of(below), below))


SUMS: dict[Block, Any] = {
    add: lambda sums, x: sums.plus(sums.of(x.inputs[0]), sums.of(x.inputs[1]), 1.0),
    subtract: lambda sums, x: sums.plus(sums.of(x.inputs[0]), sums.of(x.inputs[1]), -1.0),
    multiply: lambda sums, x: _multiplied(sums, *x.inputs),
    divide: _divided,
    square: lambda sums, x: _multiplied(sums, x.inputs[0], x.inputs[0]),
    negative: lambda sums, x: sums.times(Form({ONE: -1.0}), sums.of(x.inputs[0])),
}
"""The forms of arithmetic blocks."""
