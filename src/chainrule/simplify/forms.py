"""Forms: sums of products, as they stand in a backward pass, where factors cancel that no single block sees together.

A form is read through the blocks that add, multiply and arrange, down to *atoms*: one-hot rows, and results of other
blocks. What may happen to it, so that a computation keeps its values:
- A factor cancels its inverse only where mathematics says that it is positive: p/p = 1 for a softmax, a sigmoid,
  1 + e^x. Then p/p was NaN only by underflow, or where p is NaN; and a form is taken only if what has cancelled is
  still somewhere in it, so that it is NaN there too.
- Terms cancel each other only where such a factor is in them. Other sums stay as they are: a compensated sum relies on
  that.
- A sum is multiplied out only where something comes of it, by factors that are bounded, so no infinity arises.
- p e_c = p[c] e_c and Σ e_c = 1 for one-hot rows e_c, whose zeros are absent (see `chainrule.absent`).
- Factors that together are one of another kind become that by the identities of products (`algebra/identities.py`), as
  e^y σ(−y) = σ(y): these do not overflow.
- Factors are multiplied smallest first, so a row of numbers is scaled before it meets a matrix.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.algebra.identities import PRODUCTS
from chainrule.block import Block, product_or_zero
from chainrule.blocks.elementwise import add, divide, multiply, negative, square, subtract
from chainrule.blocks.indexing import add_at, getitem
from chainrule.blocks.integers import gather, one_hot_rows, scatter
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.expressions import OVERHEAD, expression_of, least_cost, mixes_sizes
from chainrule.simplify.matching import made, match_factors
from chainrule.simplify.structure import is_positive, is_result_of, one_hot
from chainrule.simplify.terms import (
    ONE,
    Form,
    Hot,
    Product,
    UnreadableError,
    atom_form,
    broadcast,
    covers,
    has_same_size,
    inverse,
    is_array,
    is_bounded_power,
    is_unit,
    may_meet,
    scaled,
    shape_of,
)

__all__ = ["Forms"]

TERMS = 12
FACTORS = 12
"""Beyond these numbers a form is not multiplied out, so that the work for each node is bounded."""

DEPTH = 16
"""How many blocks deep a form is read that was not read before."""

NESTED = 2
"""A sum that is a factor is multiplied out, and a sum that is a factor in that; deeper ones stay. Each level
multiplies the work by the number of terms: without a limit a chain of x = a x + b would double it with each block."""


class Forms:
    """The forms of nodes, and what is cheaper or more stable."""

    def __init__(self, build: Builder):
        self.build = build
        self._of: dict[Node, Form] = {}
        self._depth = 0
        self._nested = 0
        self._hots: dict[Any, Hot] = {}

    def simpler(self, node: Node) -> Any:
        """The node from its form, if that is cheaper or more stable; else None."""
        if node.block not in READ or not _is_real_float(node.value):
            return None
        form = self.of(node)
        if form.terms.keys() == {frozenset([(node, 1)])} or not (form.gain or mixes_sizes(form)):
            return None
        if not form.terms or not covers(form.terms, form.lost):
            return None
        if not form.stable and least_cost(form) >= form.cost:
            return None
        try:
            found = expression_of(form, np.shape(node.value), self.build.known)
        except UnreadableError:
            return None
        if found.cost >= (2 * form.cost + 8 * OVERHEAD if form.stable else form.cost):
            return None
        return found.built(self.build)

    # Reading ------------------------------------------------------------------------------------------------

    def of(self, x: Any) -> Form:
        """The form of an operand."""
        if type(x) is not Node:
            return self._of_constant(x)
        if x not in self._of:
            if self._depth == DEPTH:
                return atom_form(x)
            self._depth += 1
            self._of[x] = self._read(x)
            self._depth -= 1
        return self._of[x]

    def factor(self, x: Any, other: Any) -> Form:
        """The form of a factor. A single row with one number in it, beside another row, is data and no label."""
        if type(x) is np.ndarray and x.ndim == 1 and shape_of(other)[-1:] == x.shape and self.build.one_hot(x):
            return Form({ONE: x})
        return self.of(x)

    def _read(self, x: Node) -> Form:
        atom = atom_form(x)
        if x.block not in READ or self.build.is_leaf(x) or not _is_real_float(x.value):
            return atom
        if is_result_of(x, add, subtract) and is_positive(x):
            return atom  # 1 + e^x and 1 − σ are factors
        try:
            form = READ[x.block](self, x)
        except UnreadableError:
            return atom
        if len(form.terms) > TERMS or any(sum([abs(e) for _, e in p]) > FACTORS for p in form.terms):
            return atom
        below = sum([self.of(i).cost for i in {i for i in x.inputs if type(i) is Node} if self.build.dies(i)])
        return replace(form, cost=OVERHEAD + x.value.size + below)

    def _of_constant(self, c: Any) -> Form:
        number = self.build.uniform(c)
        if number is not None and math.isfinite(number) and number != 0:
            return Form({ONE: float(number)})
        if not isinstance(c, np.ndarray) or c.dtype.kind != "f" or not c.ndim or not c.size:
            raise UnreadableError
        hot = self.build.one_hot(c)
        if hot is not None:
            return Form({frozenset([(self.hot(hot.labels, hot.size, c.dtype), 1)]): float(hot.number)})
        return Form({ONE: c})

    def hot(self, labels: Any, size: int, dtype: Any, put: bool = False) -> Hot:
        key = (labels if type(labels) is Node else self.build.key(labels), size, str(dtype), put)
        return self._hots.setdefault(key, Hot(labels, size, dtype, put))

    # Arithmetic ---------------------------------------------------------------------------------------------

    def times(self, a: Form, b: Form) -> Form:
        """The product. A sum is multiplied out by a number, or where something comes of it."""
        if len(b.terms) > 1:
            a, b = b, a
        if len(b.terms) > 1 or not b.terms:
            raise UnreadableError
        ((factor, y),) = b.terms.items()
        multiplied_out = len(a.terms) > 1 and bool(factor)
        if multiplied_out and not may_meet(a.terms, factor):
            raise UnreadableError
        large = {f[0] for f in factor if not is_bounded_power(f)} if multiplied_out else ()
        terms: dict[Product, Any] = {}
        notes = _Notes(
            a.lost | b.lost, a.stable or b.stable, not multiplied_out and (a.gain or b.gain), a.slopes | b.slopes
        )
        for p, x in a.terms.items():
            product, scale = self._product(p, factor, scaled(x, y), notes)
            if large and any(atom in large for atom, _ in product):
                raise UnreadableError  # unless it has become part of something bounded
            self._add(terms, product, scale, notes)
        if multiplied_out and not notes.gain:
            raise UnreadableError
        merged = len(a.terms) == 1 and not is_unit(y) and not is_unit(next(iter(a.terms.values())))
        return notes.form(terms, notes.gain or merged)

    def plus(self, a: Form, b: Form, sign: float) -> Form:
        notes = _Notes(a.lost | b.lost, a.stable or b.stable, a.gain or b.gain, a.slopes | b.slopes)
        terms = dict(a.terms)
        for product, c in b.terms.items():
            self._add(terms, product, c if sign == 1 else -c, notes)
        return notes.form(terms, notes.gain)

    def inverse(self, a: Form, x: Any) -> Form:
        if len(a.terms) != 1:
            if type(x) is not Node:
                raise UnreadableError
            return Form({frozenset([(x, -1)]): 1.0})
        ((product, c),) = a.terms.items()
        if any(isinstance(atom, Hot) for atom, _ in product):
            raise UnreadableError
        return replace(a, terms={frozenset((atom, -e) for atom, e in product): inverse(c)})

    def _add(self, terms: dict[Product, Any], product: Product, c: Any, notes: _Notes) -> None:
        if product not in terms:
            terms[product] = c
            return
        before = terms[product]
        has_same_size(before, c)
        total = before + c
        if np.any(before * c < 0):
            if not any(type(atom) is Node and is_positive(atom) for atom, _ in product):
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

    def _product(self, p: Product, q: Product, c: Any, notes: _Notes) -> tuple[Product, Any]:
        """p q, and what becomes of its coefficient."""
        exponents: Counter[Any] = Counter()
        for atom, e in (*p, *q):
            if exponents[atom] * e < 0:
                if type(atom) is not Node or not is_positive(atom):
                    raise UnreadableError
                notes.lost.add(atom)
                notes.gain = notes.stable = True
            exponents[atom] += e
        self._settle(exponents, notes)
        self._into_sums(p, q, exponents, notes)
        hots = [atom for atom in exponents if isinstance(atom, Hot)]
        if len(hots) > 1:
            raise UnreadableError
        if hots:
            exponents = self._picked(hots[0], exponents, notes)
            c = self._entry(c, hots[0])
            if type(c) is Node:
                raise UnreadableError
        self._settle(exponents, notes)
        return frozenset((atom, e) for atom, e in exponents.items() if e), c

    def _into_sums(self, p: Product, q: Product, exponents: Counter[Any], notes: _Notes) -> None:
        """(… + …) t where the sum is a factor of p and t one of q: multiplied out if something comes of it."""
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
                        notes.gain, notes.stable = True, notes.stable or is_stable
                        break

    def _multiplied_out(self, total: Node, factor: tuple[Any, int], is_slope: bool) -> tuple[Node, bool] | None:
        """A sum times a factor, and whether that is more stable; None if nothing comes of it."""
        inner = self.of(total)
        single: Product = frozenset([factor])
        if self._nested == NESTED or not may_meet(inner.terms, single):
            return None
        self._nested += 1
        try:
            form = self.times(inner, Form({single: 1.0}, slopes=frozenset([factor[0]] if is_slope else [])))
            if not form.terms or not covers(form.terms, form.lost):
                return None
            shape = broadcast(shape_of(total), shape_of(factor[0]))
            made = expression_of(form, shape, self.build.known).built(self.build)
        except UnreadableError:
            return None
        finally:
            self._nested -= 1
        return (made, form.stable) if type(made) is Node else None

    def _picked(self, hot: Hot, exponents: Counter[Any], notes: _Notes) -> Counter[Any]:
        """p e_c = p[c] e_c for every factor p, and e_c e_c = e_c."""
        picked: Counter[Any] = Counter({hot: 1})
        for atom, e in exponents.items():
            if atom is hot or not e:
                continue
            entry = notes.from_(self._entry(atom, hot), atom)
            if picked[entry] * e < 0:
                if not is_positive(entry):
                    raise UnreadableError
                notes.lost.add(entry)
                notes.gain = notes.stable = True
            picked[entry] += e
        return picked

    def _entry(self, atom: Any, hot: Hot) -> Any:
        """p[c], for each row, with an axis of length 1 in place of the row."""
        shape = shape_of(atom)
        lead = hot.rows
        if hot.is_identity:  # I v = diag(v), for a row v and for a column v; it is kept as a row
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
            entries = self.build.call(gather, atom, hot.labels, key=key)
            return self.build.call(reshape, entries, shape=(*lead, 1)) if lead else entries
        if type(atom) is not Node:
            entries = np.asarray(atom[key])
            return entries.reshape(hot.size if hot.is_identity and entries.size == hot.size else (*lead, 1))
        entries = self.build.call(getitem, atom, key=key)
        if hot.is_identity and entries.value.size == hot.size:
            return self.build.call(reshape, entries, shape=(hot.size,))
        return self.build.call(reshape, entries, shape=(*lead, 1)) if lead else entries

    def _settle(self, exponents: Counter[Any], notes: _Notes) -> None:
        """Factors become others by the identities of products: e^y σ(−y) is σ(y)."""
        for identity in PRODUCTS:
            left, right = identity.factors
            for atoms, binding in list(match_factors(left, self.build, exponents, {})):
                times = min([abs(exponents[atom]) for atom in atoms])
                found = {made(pattern, self.build, binding): e for pattern, e in right.items()}
                if times == 0 or not all(type(atom) is Node for atom in found):
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

    # Arranging -----------------------------------------------------------------------------------------------

    def moved(self, form: Form, old: tuple[int, ...], new: tuple[int, ...]) -> Form:
        """The form of x, reshaped so that only axes of length 1 come or go."""
        if old == new:
            return form
        if [n for n in old if n != 1] != [n for n in new if n != 1]:
            raise UnreadableError
        terms, slopes = {}, form.slopes & form.atoms
        for product, c in form.terms.items():
            terms[frozenset((self._moved(atom, old, new), e) for atom, e in product)] = self._moved(c, old, new)
        return replace(form, terms=terms, slopes=frozenset(self._moved(atom, old, new) for atom in slopes))

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
        """Σ over the last axis, which stays with length 1: Σ e_c = 1, and n times what does not change along it."""
        terms: dict[Product, Any] = {}
        notes = _Notes(form.lost, form.stable, True, form.slopes)
        for product, c in form.terms.items():
            hots = {(atom, e) for atom, e in product if isinstance(atom, Hot)}
            rest = product - hots
            for hot, _ in hots:
                if hot.is_identity:
                    rest = frozenset((notes.from_(self._column(atom, hot), atom), e) for atom, e in rest)
                    c = self._column(c, hot)
            if any(shape_of(atom)[-1:] not in ((), (1,)) for atom, _ in rest):
                raise UnreadableError
            if not hots:
                c = np.sum(c, axis=-1, keepdims=True) if shape_of(c)[-1:] not in ((), (1,)) else c * shape[-1]
            self._add(terms, rest, c, notes)
        return notes.form(terms, True)

    def _column(self, atom: Any, hot: Hot) -> Any:
        """A factor of an identity matrix as a column, if it is a row."""
        if shape_of(atom)[-1:] != (hot.size,):
            return atom
        shape = (*hot.rows, 1)
        return self.build.call(reshape, atom, shape=shape) if type(atom) is Node else atom.reshape(shape)


@dataclass
class _Notes:
    """What is noticed while forms are multiplied and added."""

    lost: Any
    stable: bool
    gain: bool
    slopes: Any

    def __post_init__(self) -> None:
        self.lost, self.slopes = set(self.lost), set(self.slopes)

    def from_(self, made: Any, *atoms: Any) -> Any:
        """A new atom that takes the place of others: a slope if one of them is."""
        if type(made) is Node and not self.slopes.isdisjoint(atoms):
            self.slopes.add(made)
        return made

    def form(self, terms: dict[Product, Any], gain: bool) -> Form:
        return Form(terms, 0, frozenset(self.lost), self.stable, gain, frozenset(self.slopes))


# Questions -------------------------------------------------------------------------------------------------------


def _is_real_float(value: Any) -> bool:
    return getattr(value, "dtype", np.dtype(bool)).kind == "f" and np.size(value) > 0


# How the form of each block follows from those of its operands ---------------------------------------------------


def _arranged(forms: Forms, x: Node) -> Form:
    """reshape and getitem that only bring or drop axes of length 1."""
    if x.block is getitem and any(part is not None and part != slice(None) for part in map(_plain, x.params["key"])):
        raise UnreadableError
    return forms.moved(forms.of(x.inputs[0]), np.shape(x.inputs[0].value), np.shape(x.value))


def _plain(part: Any) -> Any:
    return "array" if isinstance(part, np.ndarray) else part


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
    if shape != x.value.shape:
        raise UnreadableError
    hot = one_hot(x.block.forward(np, np.ones(v.value.shape, v.value.dtype), key=key, shape=shape))
    if hot is None or hot.number != 1 or v.value.shape != hot.labels.shape:
        raise UnreadableError
    if v.value.ndim > 1 or (v.value.ndim == 1 and not np.array_equal(key[0], np.arange(len(hot.labels)))):
        raise UnreadableError
    column = forms.build.call(reshape, v, shape=(*v.value.shape, 1)) if v.value.ndim else v
    e_c = Form({frozenset([(forms.hot(hot.labels, hot.size, v.value.dtype, put=True), 1)]): 1.0})
    return _times(forms, column, forms.of(column), None, e_c)


def _one_hot_rows(forms: Forms, x: Node) -> Form:
    """e_c, for labels that are known only at run time."""
    if type(x.inputs[0]) is not Node or len(shape_of(x.inputs[0])) > 1 or not x.params["absent"]:
        raise UnreadableError
    hot = forms.hot(x.inputs[0], x.params["classes"], x.value.dtype)
    return Form({frozenset([(hot, 1)]): 1.0})


def _scattered(forms: Forms, x: Node) -> Form:
    """What puts one number into each row, at a label that is known only at run time, is that number times e_c."""
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
    return _times(forms, column, forms.of(column), None, Form({frozenset([(hot, 1)]): 1.0}))


def _multiplied(forms: Forms, x: Any, y: Any) -> Form:
    return _times(forms, x, forms.factor(x, y), y, forms.factor(y, x))


def _multiplied_or_zero(forms: Forms, x: Node) -> Form:
    """A product whose second factor is a slope; a constant one that is still masked is infinite or NaN somewhere."""
    dz, slope = x.inputs
    if type(slope) is not Node:
        raise UnreadableError
    b = forms.factor(slope, dz)
    return _times(forms, dz, forms.factor(dz, slope), slope, replace(b, slopes=b.slopes | b.atoms | {slope}))


def _divided(forms: Forms, x: Node) -> Form:
    above, below = x.inputs
    return _times(forms, above, forms.of(above), None, forms.inverse(forms.of(below), below))


def _times(forms: Forms, x: Any, a: Form, y: Any, b: Form) -> Form:
    """The product, multiplied out if that is allowed; else with the sums as factors."""
    try:
        return forms.times(a, b)
    except UnreadableError:
        if len(a.terms) == 1 and len(b.terms) == 1:
            raise
    a = atom_form(x) if type(x) is Node and len(a.terms) > 1 else a
    b = replace(atom_form(y), slopes=b.slopes & {y}) if type(y) is Node and len(b.terms) > 1 else b
    return forms.times(a, b)


READ: dict[Block, Any] = {
    add: lambda forms, x: forms.plus(forms.of(x.inputs[0]), forms.of(x.inputs[1]), 1.0),
    subtract: lambda forms, x: forms.plus(forms.of(x.inputs[0]), forms.of(x.inputs[1]), -1.0),
    multiply: lambda forms, x: _multiplied(forms, *x.inputs),
    product_or_zero: _multiplied_or_zero,
    divide: _divided,
    square: lambda forms, x: _multiplied(forms, x.inputs[0], x.inputs[0]),
    negative: lambda forms, x: forms.times(Form({ONE: -1.0}), forms.of(x.inputs[0])),
    reshape: _arranged,
    getitem: _arranged,
    broadcast_to: lambda forms, x: forms.of(x.inputs[0]),
    sum_: _summed,
    add_at: _put,
    one_hot_rows: _one_hot_rows,
    scatter: _scattered,
}
