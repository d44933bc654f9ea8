"""Forms: sums of products across blocks, as in a backward pass, so that factors of different blocks can cancel.

A form is read through the blocks that add, multiply and rearrange, down to *atoms*: one-hot rows, and results of other
blocks. To preserve computed values, only these steps are allowed:
- A factor cancels its inverse only if it is mathematically positive: p/p = 1 for a softmax, a sigmoid, 1 + e^x. Then
  p/p was NaN only by underflow, or where p is NaN; and a form is accepted only if it still depends on the factor
  that cancelled, so that it is NaN there too.
- Terms cancel each other only if they contain such a factor. Other sums stay as they are: a compensated sum relies on
  that.
- A sum is multiplied out only if that simplifies, and only by bounded factors, so no infinity arises.
- p e_c = p[c] e_c and Σ e_c = 1 for one-hot rows e_c, whose zeros are absent (see `chainrule.absent`).
- Factors are merged by the identities of products (`algebra/identities.py`), such as e^y σ(−y) = σ(y); the results do
  not overflow.
- Factors are multiplied smallest first, so a row of numbers is scaled before it meets a matrix.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.algebra.identities import PRODUCTS
from chainrule.algebra.sums import SUMS, Sums
from chainrule.algebra.terms import (
    ONE,
    Form,
    Hot,
    Notes,
    Product,
    UnreadableError,
    broadcast,
    is_unit,
    not_large,
    scaled,
    shape_of,
)
from chainrule.block import Block, product_or_zero, unless_masked
from chainrule.blocks.elementwise import add, subtract
from chainrule.blocks.indexing import add_at, getitem, is_whole
from chainrule.blocks.integers import one_hot_rows
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.constants import one_hot
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.expressions import OVERHEAD, age_of, expression_of, least_cost, mixes_sizes
from chainrule.simplify.laws import covers, may_meet
from chainrule.simplify.matching import holds, made, match_factors
from chainrule.simplify.structure import is_result_of

__all__ = ["Forms"]

NESTED = 2
"""The largest depth of nested sums that are multiplied out. Each level multiplies the work by the number of terms:
without a limit a chain of x = a x + b would double it with each block."""


class Forms(Sums):
    """The forms of nodes to be computed, and cheaper or more stable nodes made from them."""

    factors = 12

    def __init__(self, build: Builder):
        super().__init__(build)
        self.reads = READ
        self._nested = 0

    def simpler(self, node: Node) -> Any:
        """The node from its form, if that is cheaper or more stable; else None."""
        if node.block not in READ or not _is_real_float(node.value):
            return None
        form = self.of(node)
        if form.terms.keys() == {frozenset([(node, 1)])} or not (form.gain or mixes_sizes(form)):
            return None
        if any(type(atom) is Node and not _has_dtype(atom.value, node.value.dtype) for atom in form.atoms):
            return None  # the new order would combine two float32 first, with seven digits
        if not form.terms or not covers(form.terms, form.lost) or not self._are_masked(form):
            return None
        if not form.stable and least_cost(form) >= form.cost:
            return None
        try:
            found = expression_of(form, np.shape(node.value), self.build)
        except UnreadableError:
            return None
        if found.cost >= (2 * form.cost + 8 * OVERHEAD if form.stable else form.cost):
            return None
        return found.built(self.build)

    # Which identities hold ------------------------------------------------------------------------------------

    def may_cancel(self, atom: Any) -> bool:
        return type(atom) is Node and self.build.range_of(atom).is_positive

    def may_read(self, x: Node) -> bool:
        """Real numbers only; sums that are positive, such as 1 + e^x and 1 − σ, stay atoms."""
        return _is_real_float(x.value) and not (is_result_of(x, add, subtract) and self.build.range_of(x).is_positive)

    def _are_masked(self, form: Form) -> bool:
        """Whether each term is 0 where the mask is 0: the mask is multiplied before factors that may be infinite."""
        return all(self._is_masked(product, mask, form.slopes) for product in form.terms for mask in form.masks)

    def _is_masked(self, product: Product, mask: Any, slopes: frozenset[Any]) -> bool:
        if (mask, 1) not in product and (mask, 2) not in product:
            return False
        if mask not in slopes:
            return True
        before = [(atom, e) for atom, e in product if atom in slopes and age_of(atom) > age_of(mask)]
        finite = all(self._is_bounded(atom, e) for atom, e in before)
        return finite and covers([frozenset([(mask, 1)])], [atom for atom, _ in before])

    def _is_bounded(self, atom: Any, e: int) -> bool:
        """Whether a power of an atom is bounded."""
        return isinstance(atom, Hot) or (e > 0 and self.build.range_of(atom).is_bounded)

    def factor(self, x: Any, other: Any) -> Form:
        """The form of a factor. A single row with one nonzero entry, times another row, is data, not a label."""
        if type(x) is np.ndarray and x.ndim == 1 and shape_of(other)[-1:] == x.shape and self.build.one_hot(x):
            return Form({ONE: x})
        return self.of(x)

    def read_from(self, form: Form, x: Node) -> Form:
        """The form with the cost of the node and of the nodes that only it uses."""
        below = sum([self.of(i).cost for i in {i for i in x.inputs if type(i) is Node} if self.build.dies(i)])
        return replace(form, cost=OVERHEAD + x.value.size + below)

    def of_constant(self, c: Any) -> Form:
        number = self.build.uniform(c)
        if number is not None and math.isfinite(number) and number != 0:
            return Form({ONE: float(number)})
        if not isinstance(c, np.ndarray) or c.dtype.kind != "f" or not c.ndim or not c.size:
            raise UnreadableError
        hot = self.build.one_hot(c)
        if hot is not None:
            return Form({frozenset([(self.hot(hot.labels, hot.size, c.dtype), 1)]): float(hot.number)})
        return Form({ONE: c})

    # Arithmetic ---------------------------------------------------------------------------------------------

    def plus(self, a: Form, b: Form, sign: float) -> Form:
        """The sum. A factor that may be infinite must be a slope in both terms or none: only a slope's 0 · ∞ is 0."""
        mixed = a.slopes ^ b.slopes
        if mixed and not all(self._is_bounded(atom, 1) for atom in mixed & a.atoms & b.atoms):
            raise UnreadableError
        return super().plus(a, b, sign)

    def times(self, a: Form, b: Form) -> Form:
        """The product. A sum is multiplied out only by a number, or if that simplifies."""
        if len(b.terms) > 1:
            a, b = b, a
        if len(b.terms) > 1 or not b.terms:
            raise UnreadableError
        ((factor, y),) = b.terms.items()
        multiplied_out = len(a.terms) > 1 and bool(factor)
        if multiplied_out and not may_meet(a.terms, factor):
            raise UnreadableError
        large = {f[0] for f in factor if not self._is_bounded(*f)} if multiplied_out else ()
        terms: dict[Product, Any] = {}
        notes = Notes.of(a, b, gain=not multiplied_out and (a.gain or b.gain))
        for p, x in a.terms.items():
            product, scale = self.product(p, factor, scaled(x, y), notes)
            if large and any(atom in large for atom, _ in product):
                raise UnreadableError  # unless it has become part of a bounded atom
            self.add(terms, product, scale, notes)
        if multiplied_out and not notes.gain:
            raise UnreadableError
        merged = len(a.terms) == 1 and not is_unit(y) and not is_unit(next(iter(a.terms.values())))
        return notes.form(terms, notes.gain or merged)

    def open_sums(self, p: Product, q: Product, exponents: Counter[Any], notes: Notes) -> bool:
        """Multiply out (… + …) t, where the sum is a factor of p and t one of q, if that simplifies."""
        changed = False
        for sums, others in ((p, q), (q, p)):
            for atom, e in sums:
                if e != 1 or type(atom) is not Node or exponents[atom] != 1 or len(self.of(atom).terms) < 2:
                    continue
                for factor in others:
                    if exponents[factor[0]] != factor[1]:
                        continue
                    found = self._multiplied_out(atom, factor, factor[0] in notes.slopes)
                    if found is not None:
                        made, is_stable = found
                        notes.from_(made, atom)
                        exponents[atom] -= 1
                        exponents[factor[0]] -= factor[1]
                        exponents[made] += 1
                        changed = notes.gain = True
                        notes.stable = notes.stable or is_stable
                        break
        return changed

    def _multiplied_out(self, total: Node, factor: tuple[Any, int], is_slope: bool) -> tuple[Node, bool] | None:
        """A sum times a factor, and whether that is more stable; None if it does not simplify."""
        inner = self.of(total)
        single: Product = frozenset([factor])
        if self._nested == NESTED or not may_meet(inner.terms, single):
            return None
        self._nested += 1
        try:
            form = self.times(inner, Form({single: 1.0}, slopes=frozenset([factor[0]] if is_slope else [])))
            if not form.terms or not covers(form.terms, form.lost) or form.masks:
                return None
            shape = broadcast(shape_of(total), shape_of(factor[0]))
            made = expression_of(form, shape, self.build).built(self.build)
        except UnreadableError:
            return None
        finally:
            self._nested -= 1
        return (made, form.stable) if type(made) is Node else None

    def settle(self, exponents: Counter[Any], notes: Notes) -> None:
        """Merge factors by the identities of products: e^y σ(−y) is σ(y)."""
        blocks = {atom.block for atom in exponents if type(atom) is Node}
        for identity in PRODUCTS:
            left, right = identity.factors
            if not blocks.issuperset(identity.factors_made_by):
                continue
            for atoms, binding in list(match_factors(left, self.build, exponents, {})):
                times = min([abs(exponents[atom]) for atom in atoms])
                if times == 0 or not holds(right, binding):
                    continue
                found = {made(pattern, self.build, binding): e for pattern, e in right.items()}
                if not all(type(atom) is Node for atom in found):
                    continue
                for atom, e in zip(atoms, left.values(), strict=True):
                    exponents[atom] -= times * e
                for atom, e in found.items():
                    exponents[notes.from_(atom, *atoms)] += times * e
                notes.stable = notes.gain = True

    def are_opposite(self, x: Any, y: Any) -> bool:
        """Whether x = −y by their forms."""
        if type(x) is not Node or type(y) is not Node:
            return False
        a, b = self.of(x).terms, self.of(y).terms
        return a.keys() == b.keys() and all(np.array_equal(a[p], -b[p]) for p in a)

    # Rearranging ---------------------------------------------------------------------------------------------

    def moved(self, form: Form, old: tuple[int, ...], new: tuple[int, ...]) -> Form:
        """The form of x, reshaped so that only axes of length 1 come or go."""
        if old == new:
            return form
        if [n for n in old if n != 1] != [n for n in new if n != 1]:
            raise UnreadableError
        if form.masks:
            raise UnreadableError
        notes = Notes.of(form, gain=form.gain)
        notes.slopes = {self._moved(atom, old, new) for atom in form.slopes & form.atoms}
        terms: dict[Product, Any] = {}
        for product, c in form.terms.items():
            moved = self.collected(((self._moved(atom, old, new), e) for atom, e in product), notes)
            self.add(terms, moved, self._moved(c, old, new), notes)
        return replace(notes.form(terms, notes.gain), cost=form.cost)

    def _moved(self, atom: Any, old: tuple[int, ...], new: tuple[int, ...]) -> Any:
        shape = shape_of(atom)
        if math.prod(shape) == 1 and not shape:
            return atom
        if isinstance(atom, Hot):
            raise UnreadableError
        padded = (1,) * (len(old) - len(shape)) + shape
        lengths = iter([n for n, full in zip(padded, old, strict=True) if full != 1])
        wanted = tuple(1 if n == 1 else next(lengths) for n in new)
        while len(wanted) > 0 and wanted[0] == 1 and len(wanted) > len(shape):
            wanted = wanted[1:]
        if wanted == shape:
            return atom
        if type(atom) is not Node:
            return atom.reshape(wanted)
        return self.build.call(reshape, atom, shape=wanted)

    def summed(self, form: Form, shape: tuple[int, ...]) -> Form:
        """Σ over the last axis, kept with length 1: Σ e_c = 1, and Σ x = n x for an x that is constant along it."""
        terms: dict[Product, Any] = {}
        notes = Notes.of(form, gain=True)
        for product, c in form.terms.items():
            hots = {(atom, e) for atom, e in product if isinstance(atom, Hot)}
            rest = product - hots
            for hot, _ in hots:
                if hot.is_identity:
                    rest = self.collected(((notes.from_(self._column(atom, hot), atom), e) for atom, e in rest), notes)
                    c = self._column(c, hot)
            if any(shape_of(atom)[-1:] not in ((), (1,)) for atom, _ in rest):
                raise UnreadableError
            if not hots:
                alike = shape_of(c)[-1:] in ((), (1,))
                c = scaled(c, float(shape[-1])) if alike else not_large(np.sum(c, axis=-1, keepdims=True))
            self.add(terms, rest, c, notes)
        return notes.form(terms, True)

    def _column(self, atom: Any, hot: Hot) -> Any:
        """A row that multiplies an identity matrix, as a column; anything else unchanged."""
        if shape_of(atom)[-1:] != (hot.size,):
            return atom
        shape = (*hot.rows, 1)
        return self.build.call(reshape, atom, shape=shape) if type(atom) is Node else atom.reshape(shape)


# Helpers ---------------------------------------------------------------------------------------------------------


def _has_dtype(value: Any, dtype: np.dtype) -> bool:
    """Whether a value has a dtype; a Python number takes that of what it meets."""
    return type(value) in (bool, int, float) or value.dtype == dtype


def _is_real_float(value: Any) -> bool:
    """Whether coefficients, which are float64, are precise enough and not too large for a value."""
    return getattr(value, "dtype", None) in (np.float32, np.float64) and np.size(value) > 0


# How the form of each block follows from those of its operands ---------------------------------------------------


def _arranged(forms: Forms, x: Node) -> Form:
    """reshape and getitem that only add or drop axes of length 1."""
    if x.block is getitem and not is_whole(x.params["key"]):
        raise UnreadableError
    return forms.moved(forms.of(x.inputs[0]), np.shape(x.inputs[0].value), np.shape(x.value))


def _summed(forms: Forms, x: Node) -> Form:
    axis = x.params["axis"]
    shape = np.shape(x.inputs[0].value)
    if axis not in (-1, (-1,)) or not shape:
        raise UnreadableError
    total = forms.summed(forms.of(x.inputs[0]), shape)
    return total if x.params["keepdims"] else forms.moved(total, (*shape[:-1], 1), shape[:-1])


def _put(forms: Forms, x: Node) -> Form:
    """add_at that puts one number into each row is that number times e_c."""
    v, key, shape = x.inputs[0], x.params["key"], x.params["shape"]
    if len(x.inputs) > 1:
        return _put_at_labels(forms, x)
    if shape != x.value.shape:
        raise UnreadableError
    value = np.asarray(v.value)  # v may be a Python number
    hot = one_hot(x.block.forward(np, np.ones_like(value), key=key, shape=shape))
    if hot is None or hot.number != 1 or value.shape != hot.labels.shape:
        raise UnreadableError
    if value.ndim > 1 or (value.ndim == 1 and not np.array_equal(key[0], np.arange(len(hot.labels)))):
        raise UnreadableError
    column = forms.build.call(reshape, v, shape=(*value.shape, 1)) if value.ndim else v
    return _times_unit(forms, column, forms.hot(hot.labels, hot.size, value.dtype, put=True))


def _one_hot_rows(forms: Forms, x: Node) -> Form:
    """e_c, for labels known only at run time."""
    if type(x.inputs[0]) is not Node or len(shape_of(x.inputs[0])) > 1 or not x.params["absent"]:
        raise UnreadableError
    hot = forms.hot(x.inputs[0], x.params["classes"], x.value.dtype)
    return Form({frozenset([(hot, 1)]): 1.0})


def _put_at_labels(forms: Forms, x: Node) -> Form:
    """The same at recorded labels."""
    v, *labels = x.inputs
    if len(labels) != 1 or type(labels[0]) is not Node or x.params["shape"] != x.value.shape:
        raise UnreadableError
    hot = forms.hot(labels[0], x.value.shape[-1], x.value.dtype, put=True)
    if hot.shape != x.value.shape or shape_of(v) != hot.rows or len(hot.rows) > 1:
        raise UnreadableError
    if forms.build.key(x.params["key"]) != forms.build.key(hot.key):
        raise UnreadableError
    column = v
    if hot.rows:
        column = forms.build.call(reshape, v, shape=(*hot.rows, 1))
    return _times_unit(forms, column, hot)


def _times_unit(forms: Forms, v: Any, hot: Hot) -> Form:
    """v e_c. The zeros of e_c are absent, so no NaN of v is lost."""
    form = forms.of(v)
    return replace(forms.times_whole(v, form, None, Form({frozenset([(hot, 1)]): 1.0})), lost=form.lost)


def _multiplied_or_zero(forms: Forms, x: Node) -> Form:
    """A product whose second factor is a slope. A constant slope that still needs its mask is not finite."""
    dz, slope = x.inputs
    if type(slope) is not Node:
        raise UnreadableError
    b = forms.factor(slope, dz)
    return forms.times_whole(dz, forms.factor(dz, slope), slope, replace(b, slopes=b.slopes | b.atoms | {slope}))


def _unless_masked(forms: Forms, x: Node) -> Form:
    """dx, if dz is positive or negative: dz is then 0 only by underflow, and dx has the factors of dz too."""
    dx, dz, _ = x.inputs
    if type(dx) is not Node or type(dz) is not Node or shape_of(dx) != shape_of(x):
        raise UnreadableError
    bounds, factors = forms.build.range_of(dz), forms.of(dz).terms
    if len(factors) != 1 or not (bounds.is_positive or bounds.negated.is_positive):
        raise UnreadableError
    ((product, _),) = factors.items()
    if any(e < 1 or type(atom) is not Node for atom, e in product):
        raise UnreadableError
    form = forms.of(dx)
    return replace(form, masks=form.masks | {atom for atom, _ in product})


READ: dict[Block, Any] = SUMS | {
    product_or_zero: _multiplied_or_zero,
    unless_masked: _unless_masked,
    reshape: _arranged,
    getitem: _arranged,
    broadcast_to: lambda forms, x: forms.of(x.inputs[0]),
    sum_: _summed,
    add_at: _put,
    one_hot_rows: _one_hot_rows,
}
