"""Expressions: the blocks of a form before they are built, so that costs can be compared."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.algebra.powers import common, over
from chainrule.algebra.terms import (
    ONE,
    Form,
    Hot,
    Product,
    UnreadableError,
    broadcast,
    is_array,
    is_negative,
    is_unit,
    shape_of,
)
from chainrule.block import Block, product_or_zero
from chainrule.blocks.elementwise import add, divide, multiply, square, subtract
from chainrule.blocks.indexing import add_at
from chainrule.blocks.integers import one_hot_rows
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.laws import covers

__all__ = ["OVERHEAD", "Expression", "expression_of", "least_cost", "mixes_sizes"]

OVERHEAD = 16
"""The fixed cost of a block, in entries."""

Known = Callable[..., Node | None]
"""Finds the existing node of a block on some operands, if any."""


class Expression:
    """A block on expressions, or a value (a node or a constant) if `block` is None."""

    __slots__ = ("block", "cost", "operands", "params", "shape", "size", "value")

    def __init__(
        self,
        block: Block | None,
        operands: tuple[Expression, ...],
        shape: tuple[int, ...],
        params: Any = None,
        value: Any = None,
    ):
        self.block = block
        self.operands = operands
        self.shape = shape
        self.params = params
        self.value = value
        self.size = math.prod(shape)
        self.cost: int = OVERHEAD + self.size + sum([x.cost for x in operands]) if block is not None else 0

    def built(self, build: Builder) -> Any:
        if self.block is None:
            return self.value
        return build.call(self.block, *(x.built(build) for x in self.operands), **(self.params or {}))


Factor = tuple[Expression, int]
"""An expression and its exponent."""


def _leaf(x: Any) -> Expression:
    return Expression(None, (), shape_of(x), value=x)


def _binary(block: Block, x: Expression, y: Expression) -> Expression:
    return Expression(block, (x, y), broadcast(x.shape, y.shape))


def _age(product: Product) -> int:
    return max((age_of(atom) for atom, _ in product), default=-1)


def age_of(x: Any) -> int:
    return x.order if type(x) is Node else -1


def _common_factor(terms: dict[Product, Any]) -> Product:
    """The common factor of all terms, without divisors: a sum of quotients is not changed."""
    if len(terms) < 2:
        return ONE
    return frozenset((atom, e) for atom, e in common(map(dict, terms)).items() if e > 0)


def _one_scale(terms: dict[Product, Any]) -> tuple[Any, list[float]]:
    """The coefficient that all terms share up to sign and rounding, and their signs; (1, []) if it is 1 or none."""
    scale, *others = terms.values()
    if not others or is_unit(scale):
        return 1.0, []
    scale = scale if is_array(scale) else abs(scale)
    near = 4 * np.finfo(np.asarray(scale).dtype).eps * abs(scale)
    signs = []
    for c in terms.values():
        sign = next(
            (s for s in (1.0, -1.0) if np.shape(c) == np.shape(scale) and np.all(abs(c - s * scale) <= near)), None
        )
        if sign is None:
            return 1.0, []
        signs.append(sign)
    return scale, signs


def _without(product: Product, factor: Product) -> Product:
    return frozenset(over(dict(product), dict(factor)).items())


# From a form to an expression ------------------------------------------------------------------------------------


def expression_of(form: Form, shape: tuple[int, ...], build: Builder) -> Expression:
    """The blocks of a form."""
    total = _SumWriter(build, form.slopes).sum(form.terms)
    return total if total.shape == shape else Expression(broadcast_to, (total,), shape, {"shape": shape})


class _SumWriter:
    """Writes sums and products. Slopes are multiplied last, and masked where the rest is 0."""

    def __init__(self, build: Builder, slopes: frozenset[Any]):
        self.build = build
        self.slopes = slopes

    def sum(self, terms: dict[Product, Any]) -> Expression:
        common = _common_factor(terms)
        if common:
            rest = {_without(p, common): c for p, c in terms.items()}
            return self.term(common, 1.0, self.sum(rest), any(map(self._has_slope, rest)))
        scale, signs = _one_scale(terms)
        if signs:
            terms = dict(zip(terms, signs, strict=True))
            return self.term(ONE, scale, self.sum(terms), any(map(self._has_slope, terms)))
        total = None
        for product, c in sorted(terms.items(), key=lambda term: (is_negative(term[1]), _age(term[0]))):
            if total is None:
                total = self.term(product, c)
            elif is_negative(c):
                total = _binary(subtract, total, self.term(product, -c))
            else:
                total = _binary(add, total, self.term(product, c))
        assert total is not None
        return total

    def _has_slope(self, product: Product) -> bool:
        return any(atom in self.slopes for atom, _ in product)

    def term(self, product: Product, c: Any, other: Expression | None = None, is_slope: bool = False) -> Expression:
        """A product, smallest factors first, times another factor. A number multiplies the smallest factor."""
        put = next((atom for atom, _ in product if isinstance(atom, Hot) and atom.put), None)
        if put is not None and (put.at_run_time or other or any(type(atom) is Node for atom, _ in product)):
            return _put(put, self.term(_without(product, frozenset([(put, 1)])), c, other, is_slope))
        factors, slopes, c = self._factors(product, c)
        if other is not None:
            (slopes if is_slope and factors else factors).append((other, 1))
        if factors and slopes and self._may_meet_first(slopes, factors):
            together, c = self._times_slopes(None, c, slopes)
            assert together is not None
            slopes = [(together, 1)]
        total: Expression | None = None
        for x, e in _in_turn(sorted(factors, key=_smallest_first)):
            total, c = self._times(total, c, x, e)
        total, c = self._times_slopes(total, c, slopes)
        return _leaf(c) if total is None else total

    def _times_slopes(self, total: Expression | None, c: Any, slopes: list[Factor]) -> tuple[Expression | None, Any]:
        """total times slopes, as `_times`."""
        for x, e in _in_turn(sorted(slopes, key=_newest_first)):
            total, c = self._times(total, c, x, e, is_slope=True)
        return total, c

    def _is_bounded(self, x: Any, e: int) -> bool:
        return e > 0 and self.build.range_of(x).is_bounded

    def _may_meet_first(self, slopes: list[Factor], factors: list[Factor]) -> bool:
        """Whether slopes are multiplied with each other first, before the other, larger factors.

        Masked products are associative. Their order does not matter if at most one slope can be infinite.
        """
        unbounded = sum(x.block is not None or not self._is_bounded(x.value, e) for x, e in slopes)
        return unbounded <= 1 and max(x.size for x, _ in slopes) < min(x.size for x, _ in factors)

    def _factors(self, product: Product, c: Any) -> tuple[list[Factor], list[Factor], Any]:
        """The factors of a product, its slopes, and the number that remains of its coefficient."""
        factors: list[Factor] = []
        slopes: list[Factor] = []
        plain: Product = frozenset((atom, e) for atom, e in product if atom not in self.slopes)
        for atom, e in product:
            if isinstance(atom, Hot) and atom.at_run_time:
                params = {"classes": atom.size, "dtype": atom.dtype, "absent": True}
                factors.append((Expression(one_hot_rows, (_leaf(atom.labels),), atom.shape, params), 1))
            elif isinstance(atom, Hot):
                rows = np.zeros(atom.shape, atom.dtype)
                np.put_along_axis(rows, atom.labels[..., None], 1, axis=-1)
                c = with_absent_zeros(rows if not is_array(c) and c == 1 else rows * c)
            elif atom not in self.slopes or (self._is_bounded(atom, e) and covers([plain], [atom])):
                factors.append((_leaf(atom), e))  # a bounded slope that is NaN only where the rest is
            else:
                slopes.append((_leaf(atom), e))
        if is_array(c):
            factors.append((_leaf(c), 1))
            c = 1.0
        return factors, slopes, c

    def _times(
        self, total: Expression | None, c: Any, x: Expression, e: int, is_slope: bool = False
    ) -> tuple[Expression | None, Any]:
        """total · xᵉ (total may be None), with c multiplied in if possible; and the remaining number c, or 1."""
        if e == 2:
            x, e = _square(x, self.build.known), 1
        for _ in range(abs(e)):
            if total is None and e > 0:
                total = x
            elif total is None:
                total, c = _binary(divide, _leaf(c), x), 1.0
            elif is_slope:
                total = _binary(product_or_zero, total, x if e > 0 else _binary(divide, _leaf(1.0), x))
            else:
                total = _binary(multiply if e > 0 else divide, total, x)
            if c != 1.0:
                total, c = _binary(multiply, total, _leaf(c)), 1.0
        return total, c


def _in_turn(factors: list[Factor]) -> list[Factor]:
    """Alternate factors and divisors if there are several of both: x² / y² may overflow, x / y · x / y does not."""
    if min(sum(e for _, e in factors if e > 0), sum(-e for _, e in factors if e < 0)) < 2:
        return factors
    times, over = ([(x, sign) for x, e in factors for _ in range(sign * e)] for sign in (1, -1))
    pairs = itertools.zip_longest(times, over) if factors[0][1] > 0 else itertools.zip_longest(over, times)
    return [factor for pair in pairs for factor in pair if factor is not None]


def _smallest_first(factor: Factor) -> Any:
    x, e = factor
    return x.size, e < 0, age_of(x.value)


def _newest_first(factor: Factor) -> Any:
    """The order of the chain rule: a slope that is 0 comes before the infinite ones that it masks."""
    return -age_of(factor[0].value)


def _put(hot: Hot, v: Expression) -> Expression:
    """v e_c, for a number v in each row, without multiplying v by zeros."""
    if v.block is None and v.size == 1 and type(v.value) is not Node:
        v = _leaf(np.full(hot.rows, v.value, hot.dtype))
    if v.size != math.prod(hot.rows):
        raise UnreadableError
    if v.shape != hot.rows:
        v = Expression(reshape, (v,), hot.rows, {"shape": hot.rows})
    labels = (_leaf(hot.labels),) if hot.at_run_time else ()
    return Expression(add_at, (v, *labels), hot.shape, {"key": hot.key, "shape": hot.shape})


def _square(x: Expression, known: Known) -> Expression:
    found = None if x.block is not None else known(square, x.value)
    return Expression(square, (x,), x.shape) if found is None else _leaf(found)


def mixes_sizes(form: Form) -> bool:
    """Whether a product has three or more factors of different sizes: then their order matters."""
    for product, c in form.terms.items():
        if len(product) + (not is_unit(c)) > 2:
            shapes = {shape_of(atom) for atom, _ in product}
            if len(shapes) > 1 or (is_array(c) and c.shape not in shapes):
                return True
    return False


def least_cost(form: Form) -> int:
    """A lower bound on the cost of a form: each atom and each term needs a block."""
    atoms = {atom for product in form.terms for atom, _ in product}
    least = min([math.prod(shape_of(atom)) for atom in atoms], default=1)
    return (len(atoms) + len(form.terms) - 2) * (OVERHEAD + least)
