"""Sums of products of real numbers, for printed formulas: products are multiplied out, and terms cancel.

Unit vectors e_c simplify losses on one label: e_c e_c = e_c, p e_c = p[c] e_c and Σ e_c = 1, so the gradient of softmax
with cross-entropy is p − e_c.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.algebra.powers import raised
from chainrule.algebra.sums import SUMS, Sums
from chainrule.algebra.terms import ONE, Form, Hot, Notes, Product, UnreadableError, is_negative, scaled, shape_of
from chainrule.block import Block
from chainrule.blocks.elementwise import add, divide, multiply, negative, power, square, subtract
from chainrule.blocks.indexing import add_at, getitem, key_of
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.constants import one_hot
from chainrule.layout import bytes_of
from chainrule.libraries import dtype_of
from chainrule.node import Node
from chainrule.simplify.builder import Builder

__all__ = ["Reals"]

TERMS = 12
"""A product is multiplied out to at most the square of this number of terms."""


class Reals(Sums):
    """The forms of nodes for printed formulas, and nodes made from forms."""

    def __init__(self, build: Builder):
        super().__init__(build)
        self.reads = READ
        self._constants: dict[Any, Node] = {}

    def simplest(self, node: Node) -> Any:
        """A node written from its form; None if it has none."""
        if node.block not in READ or not self.may_read(node):
            return None
        form, dtype = self.of(node), dtype_of(node.value)
        return self.written(form, np.shape(node.value), dtype) if _meets_its_dtype(form, dtype) else None

    def may_read(self, x: Node) -> bool:
        """Real numbers only: integers wrap, and a sum of no entries is 0."""
        return dtype_of(x.value).kind == "f" and np.size(x.value) > 0

    def may_cancel(self, atom: Any) -> bool:
        return True

    def terms_may_cancel(self, product: Product) -> bool:
        return True

    def of_constant(self, c: Any) -> Form:
        c = np.asarray(c)
        if c.size and (c == c.flat[0]).all():
            return Form({ONE: float(c.flat[0])} if c.flat[0] != 0 else {})
        hot = one_hot(c) if c.ndim == 1 else None
        if hot is not None:
            return self.unit(int(hot.labels), hot.size, float(hot.number))
        key = (c.dtype.str, c.shape, bytes_of(c))
        if key not in self._constants:  # one node for equal constants, so that they cancel
            self._constants[key] = Node(None, (), {}, c)
        return Form({frozenset([(self._constants[key], 1)]): 1.0})

    def unit(self, index: int, size: int, number: float = 1.0) -> Form:
        """A number times the unit vector e_index."""
        return Form({frozenset([(self.hot(np.array(index), size), 1)]): number})

    def entry(self, atom: Any, hot: Hot) -> Any:
        """p[c] for a vector p; other factors of e_c do not change."""
        return super().entry(atom, hot) if shape_of(atom) == hot.shape else atom

    # Arithmetic ---------------------------------------------------------------------------------------------

    def times(self, a: Form, b: Form) -> Form:
        terms: dict[Product, Any] = {}
        notes = Notes.of(a, b, gain=False)
        for p, x in a.terms.items():
            for q, y in b.terms.items():
                if len({atom for atom, _ in (*p, *q) if isinstance(atom, Hot)}) < 2:  # e_c e_d = 0
                    self.add(terms, *self.product(p, q, scaled(x, y), notes), notes)
        return notes.form(terms, notes.gain)

    def power(self, a: Form, exponent: int) -> Form:
        """a to an integer power: any for a single term without e_c, else 1 to 3."""
        if len(a.terms) == 1:
            ((product, c),) = a.terms.items()
            if not any(isinstance(atom, Hot) for atom, _ in product):
                with np.errstate(all="ignore"):
                    c = scaled(float(np.float64(c) ** exponent), 1.0)
                return Form({frozenset(raised(dict(product), exponent).items()): c})
        if exponent not in (1, 2, 3):
            raise UnreadableError
        result = Form({ONE: 1.0})
        for _ in range(exponent):
            result = self.times(result, a)
        return result

    # From forms back to nodes -------------------------------------------------------------------------------

    def written(self, form: Form, shape: tuple[int, ...], dtype: Any) -> Any:
        """The node of a form, of the given shape; positive terms first.

        Its constants have the given dtype; its atoms keep theirs.
        """
        total: Any = None
        for product, c in sorted(form.terms.items(), key=lambda term: is_negative(term[1])):
            term = self.term(product, abs(c), dtype)
            if total is None:
                total = self.build.call(negative, term) if is_negative(c) else term
            else:
                total = self.build.call(subtract if is_negative(c) else add, total, term)
        if type(total) is not Node:
            return np.full(shape, 0.0 if total is None else total, dtype)[()]
        own = shape_of(total)
        if len(own) > len(shape):  # axes of length 1 that the atoms have and the result lacks
            total = self.build.call(reshape, total, shape=own[len(own) - len(shape) :])
        return total if shape_of(total) == shape else self.build.call(broadcast_to, total, shape=shape)

    def term(self, product: Product, c: float, dtype: Any) -> Any:
        above: Any = None if c == 1.0 else c
        below: Any = None
        for atom, exponent in sorted(product, key=_writing_order):
            factor = self._factor(atom, abs(exponent), dtype)
            if exponent > 0:
                above = factor if above is None else self.build.call(multiply, above, factor)
            else:
                below = factor if below is None else self.build.call(multiply, below, factor)
        above = 1.0 if above is None else above
        if np.asarray(above.value if type(above) is Node else above).dtype.kind == "b":  # NumPy adds booleans as `or`
            above = self.build.call(multiply, 1.0, above)
        return above if below is None else self.build.call(divide, above, below)

    def _factor(self, atom: Any, exponent: int, dtype: Any) -> Any:
        if isinstance(atom, Hot):
            factor: Any = np.zeros(atom.size, dtype)
            factor[int(atom.labels)] = 1.0
        else:
            factor = atom.value if atom in self._constants.values() else atom
        if exponent == 2:
            return self.build.call(square, factor)
        return factor if exponent == 1 else self.build.call(power, factor, exponent)


def _writing_order(factor: tuple[Any, int]) -> tuple[int, int]:
    """Numbers before vectors before unit vectors, older before newer, as in mathematical notation."""
    atom, _ = factor
    return (2, 0) if isinstance(atom, Hot) else (int(np.ndim(atom.value) > 0), atom.order)


def _meets_its_dtype(form: Form, dtype: np.dtype) -> bool:
    """Whether no two atoms of another dtype meet before one of this: integers wrap, float32 has seven digits."""

    def others(product: Product, sign: int) -> int:
        found = [e for atom, e in product if isinstance(atom, Node) and dtype_of(atom.value) not in (dtype, np.bool_)]
        return sum(abs(e) for e in found if e * sign > 0)

    alone = [product for product in form.terms if others(product, 1) == sum(e for _, e in product if e > 0) > 0]
    return len(alone) < 2 and all(others(product, sign) < 2 for product in form.terms for sign in (1, -1))


# How the form of each block follows from those of its operands ---------------------------------------------------


def _power(reals: Reals, x: Node) -> Form:
    base, exponent = x.inputs
    if type(exponent) is Node or np.ndim(exponent) or not float(exponent).is_integer() or exponent == 0:
        raise UnreadableError
    return reals.power(reals.of(base), int(exponent))


def _sum(reals: Reals, x: Node) -> Form:
    """Σ over a vector: numbers are factored out, Σ e_c = 1, and Σ of a constant is n times the constant."""
    (vector,) = x.inputs
    if np.size(vector.value) == 1:
        return reals.of(vector)
    if len(shape_of(vector)) != 1 or np.size(x.value) != 1:
        raise UnreadableError
    terms: dict[Product, Any] = {}
    notes = Notes.of(gain=False)
    for product, c in reals.of(vector).terms.items():
        outside: Product = frozenset((a, e) for a, e in product if isinstance(a, Node) and np.size(a.value) == 1)
        inside = product - outside
        if not inside:
            c *= np.size(vector.value)
        elif not any(isinstance(a, Hot) for a, _ in inside):
            part = reals.build.make(sum_, [reals.term(inside, 1.0, dtype_of(x.value))], x.params)
            if type(part) is Node:
                outside, c = reals.product(outside, frozenset([(part, 1)]), c, notes)
            else:
                c *= part.item()
        reals.add(terms, outside, c, notes)
    return notes.form(terms, notes.gain)


def _entry_alone(reals: Reals, x: Node) -> Form:
    """add_at that puts a number at one place of a vector is that number times e_c."""
    key, shape = key_of(x), x.params["shape"]
    if len(shape) != 1 or len(key) != 1 or not isinstance(key[0], int | np.integer):
        raise UnreadableError
    number = reals.of(x.inputs[0])
    return number if shape == (1,) else reals.times(number, reals.unit(int(key[0]) % shape[0], shape[0]))


def _same(reals: Reals, x: Node) -> Form:
    """Broadcasting or reshaping a single number does not change its form."""
    if np.size(x.inputs[0].value) != 1:
        raise UnreadableError
    return reals.of(x.inputs[0])


READ: dict[Block, Any] = SUMS | {
    power: _power,
    sum_: _sum,
    add_at: _entry_alone,
    broadcast_to: _same,
    reshape: _same,
    getitem: _same,
}
