"""Sums of products: the normal form of what add, subtract, multiply, divide, square and sum build.

A polynomial is a dict from monomials to their coefficients; a monomial is a frozenset of (atom, exponent). An atom is
anything else: a leaf, a function's value, or a unit vector e_c. Unit vectors are what makes losses on one label simple:
e_c e_c = e_c, p e_c = p[c] e_c and Σ e_c = 1, so softmax followed by cross-entropy comes to p − e_c.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from chainrule.array import Array, answer, getitem_key
from chainrule.block import Block
from chainrule.blocks.elementwise import add, divide, multiply, negative, power, square, subtract
from chainrule.blocks.indexing import add_at, getitem
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.libraries import dtype_of
from chainrule.node import Node

__all__ = ["Polynomials"]

TERMS = 12
"""Beyond this number of terms a polynomial is not multiplied out."""


@dataclass(frozen=True)
class Unit:
    """The unit vector e_index with `size` entries."""

    index: int
    size: int


Atom = Node | Unit
Monomial = frozenset[tuple[Atom, int]]
Polynomial = dict[Monomial, float]
ONE: Monomial = frozenset()


class Making(Protocol):
    """What makes the values of polynomials: `results.py` has one.

    Attributes
    ----------
    leaves : nodes that are not looked into.
    atoms : one node for each constant array.
    """

    leaves: Container[Node]
    atoms: dict[Any, Any]

    def block(self, block: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The block applied to recorded arrays."""
        ...

    def cost(self, x: Any) -> int:
        """How many blocks stand between a result and the leaves."""
        ...


class Polynomials:
    """The polynomials of recorded values, and the values of polynomials."""

    def __init__(self, build: Making):
        self.build = build
        self._of: dict[Node, Polynomial] = {}
        self._constants: set[Node] = set()

    def simpler(self, x: Any) -> Any:
        """x from its normal form, if that takes fewer blocks; else None."""
        if type(x) is not Array or x._node.block not in READ:
            return None
        value = x._node.value
        if np.size(value) == 0 or np.asarray(value).dtype.kind != "f":
            return None
        polynomial = self.of(x)
        dtype = dtype_of(value)
        found = self.value(polynomial, np.shape(value), dtype)
        return found if found.dtype == dtype and self.build.cost(found) < self.build.cost(x) else None

    def of(self, x: Any) -> Polynomial:
        """The polynomial of a recorded array or a constant."""
        if type(x) is not Array:
            return self._of_constant(np.asarray(x))
        node = x._node
        if node not in self._of:
            read = None if node.block is None or node in self.build.leaves else READ.get(node.block)
            found = None
            if read is not None:
                operands = [Array(i) if type(i) is Node else i for i in node.inputs]
                found = read(self, node, operands)
            self._of[node] = {frozenset([(node, 1)]): 1.0} if found is None or len(found) > TERMS else found
        return self._of[node]

    def _of_constant(self, c: np.ndarray) -> Polynomial:
        if c.size and (c == c.flat[0]).all():
            return {ONE: float(c.flat[0])} if c.flat[0] != 0 else {}
        if c.ndim == 1 and np.count_nonzero(c) == 1:
            index = int(np.flatnonzero(c)[0])
            return {frozenset([(Unit(index, c.size), 1)]): float(c[index])}
        return {frozenset([(self._constant(c), 1)]): 1.0}

    def _constant(self, c: np.ndarray) -> Node:
        """One node for each constant array, so that equal ones cancel."""
        key = (c.dtype.str, c.shape, c.tobytes())
        known = self.build.atoms
        if key not in known:
            known[key] = Node(None, (), {}, c)
            self._constants.add(known[key])
        return known[key]

    def times(self, a: Polynomial, b: Polynomial) -> Polynomial | None:
        if len(a) * len(b) > TERMS * TERMS:
            return None
        product: Polynomial = {}
        for m, x in a.items():
            for n, y in b.items():
                k = self._monomial_times(m, n)
                if k is not None:
                    product[k] = product.get(k, 0.0) + x * y
        return {m: x for m, x in product.items() if x != 0}

    def _monomial_times(self, m: Monomial, n: Monomial) -> Monomial | None:
        """The product of two monomials; None if it is zero."""
        exponents: dict[Atom, int] = dict(m)
        for atom, exponent in n:
            exponents[atom] = exponents.get(atom, 0) + exponent
        units = {atom for atom in exponents if isinstance(atom, Unit)}
        if len(units) > 1:
            return None
        if units:
            (unit,) = units
            picked: dict[Atom, int] = {unit: 1}  # e_c is its own power
            for atom, exponent in exponents.items():
                if isinstance(atom, Node):
                    atom = self._entry(atom, unit)
                    picked[atom] = picked.get(atom, 0) + exponent
            exponents = picked
        return frozenset((atom, e) for atom, e in exponents.items() if e != 0)

    def _entry(self, atom: Node, unit: Unit) -> Node:
        """p[c], for a vector beside e_c; a number stays as it is."""
        if np.shape(atom.value) != (unit.size,) or unit.size == 1:
            return atom
        read = answer(getitem_key)
        assert read is not None
        key = (atom, "entry", unit.index)
        known = self.build.atoms
        if key not in known:
            known[key] = self.build.block(getitem, [Array(atom)], {"key": (unit.index,)})
        return known[key]._node

    def power(self, a: Polynomial, exponent: int) -> Polynomial | None:
        """a to an integer power: of a single term any, of several terms a small one."""
        if len(a) == 1:
            ((m, x),) = a.items()
            if any(isinstance(atom, Unit) for atom, _ in m) and exponent < 0:
                return None
            return {frozenset((atom, e if isinstance(atom, Unit) else e * exponent) for atom, e in m): x**exponent}
        if not 0 <= exponent <= 3:
            return None
        result: Polynomial | None = {ONE: 1.0}
        for _ in range(exponent):
            result = None if result is None else self.times(result, a)
        return result

    # From polynomials back to blocks --------------------------------------------------------------------------

    def value(self, polynomial: Polynomial, shape: tuple[int, ...], dtype: Any) -> Any:
        """The recorded value of a polynomial, of the given shape; positive terms first.

        What is constant in it is of the given dtype; its atoms have dtypes of their own.
        """
        total: Any = None
        for monomial, c in sorted(polynomial.items(), key=lambda term: term[1] < 0):
            term = self._term(monomial, abs(c), dtype)
            if total is None:
                total = term if c > 0 else self._apply(negative, term)
            else:
                total = self._apply(add if c > 0 else subtract, total, term)
        if type(total) is not Array:
            return np.full(shape, 0.0 if total is None else total, dtype)[()]
        if total.ndim > len(shape):  # axes of length 1, which its atoms had and the result has not
            total = self.build.block(reshape, [total], {"shape": total.shape[total.ndim - len(shape) :]})
        return total if total.shape == shape else self.build.block(broadcast_to, [total], {"shape": shape})

    def _term(self, monomial: Monomial, c: float, dtype: Any) -> Any:
        over: Any = None if c == 1.0 else c
        under: Any = None
        # Numbers before vectors before unit vectors, older before newer: as one writes them.
        for atom, exponent in sorted(monomial, key=_writing_order):
            factor: Any
            if isinstance(atom, Unit):
                factor = np.zeros(atom.size, dtype)
                factor[atom.index] = 1.0
            else:
                factor = atom.value if atom in self._constants else Array(atom)
            if abs(exponent) == 2:
                factor = self._apply(square, factor)
            elif abs(exponent) > 2:
                factor = self._apply(power, factor, abs(exponent))
            if exponent > 0:
                over = factor if over is None else self._apply(multiply, over, factor)
            else:
                under = factor if under is None else self._apply(multiply, under, factor)
        over = 1.0 if over is None else over
        if np.asarray(_plain(over)).dtype.kind == "b":  # NumPy adds booleans as truths
            over = self._apply(multiply, 1.0, over)
        return over if under is None else self._apply(divide, over, under)

    def _apply(self, block: Block, *operands: Any) -> Any:
        return self.build.block(block, operands, {})


def _plain(x: Any) -> Any:
    return x._node.value if type(x) is Array else x


def _writing_order(power: tuple[Atom, int]) -> tuple[int, int]:
    atom, _ = power
    return (2, 0) if isinstance(atom, Unit) else (int(np.ndim(atom.value) > 0), atom.order)


# How each block's polynomial follows from those of its operands ------------------------------------------------


def _plus(p: Polynomials, node: Node, xs: Sequence[Any], sign: float = 1.0) -> Polynomial:
    total = dict(p.of(xs[0]))
    for monomial, c in p.of(xs[1]).items():
        total[monomial] = total.get(monomial, 0.0) + sign * c
    return {m: c for m, c in total.items() if c != 0}


def _minus(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial:
    return _plus(p, node, xs, -1.0)


def _negative(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial:
    return {m: -c for m, c in p.of(xs[0]).items()}


def _multiply(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    return p.times(p.of(xs[0]), p.of(xs[1]))


def _divide(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    divisor = p.of(xs[1])
    if len(divisor) != 1 and type(xs[1]) is Array:
        divisor = {frozenset([(xs[1]._node, 1)]): 1.0}
    inverse = p.power(divisor, -1) if len(divisor) == 1 else None
    return None if inverse is None else p.times(p.of(xs[0]), inverse)


def _square(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    return p.power(p.of(xs[0]), 2)


def _power(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    exponent = xs[1]
    if type(exponent) is Array or np.ndim(exponent) or exponent != int(exponent) or exponent == 0:
        return None
    return p.power(p.of(xs[0]), int(exponent))


def _sum(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    """Σ over a vector: numbers come out, Σ e_c = 1, Σ of a constant is n times it."""
    (x,) = xs
    if np.ndim(_plain(x)) != 1 or np.size(node.value) != 1:
        return None
    total: Polynomial = {}
    for monomial, c in p.of(x).items():
        outside: Monomial = frozenset((a, e) for a, e in monomial if isinstance(a, Node) and np.size(a.value) == 1)
        inside = monomial - outside
        if not inside:
            c *= np.size(_plain(x))
        elif not any(isinstance(a, Unit) for a, _ in inside):
            part = p.build.block(sum_, [p._term(inside, 1.0, node.value.dtype)], node.params)
            if type(part) is Array:
                found = p._monomial_times(outside, frozenset([(part._node, 1)]))
                assert found is not None
                outside = found
            else:
                c *= part.item()
        total[outside] = total.get(outside, 0.0) + c
    return {m: c for m, c in total.items() if c != 0}


def _entry_alone(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    """A number put at one place of a vector of zeros is that number times e_c."""
    key, shape = node.params["key"], node.params["shape"]
    if len(shape) != 1 or len(key) != 1 or not isinstance(key[0], int):
        return None
    if shape == (1,):
        return p.of(xs[0])
    return p.times(p.of(xs[0]), {frozenset([(Unit(key[0] % shape[0], shape[0]), 1)]): 1.0})


def _same(p: Polynomials, node: Node, xs: Sequence[Any]) -> Polynomial | None:
    """Broadcasting does not change what is repeated, where a number is repeated."""
    return p.of(xs[0]) if np.size(_plain(xs[0])) == 1 else None


READ: dict[Block, Any] = {
    add: _plus,
    subtract: _minus,
    negative: _negative,
    multiply: _multiply,
    divide: _divide,
    square: _square,
    power: _power,
    sum_: _sum,
    add_at: _entry_alone,
    broadcast_to: _same,
    reshape: _same,
    getitem: _same,
}
