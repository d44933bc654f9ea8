"""Rules for products of factors with different axes, such as δ_ij x_k y_l: small factors are multiplied first.

For a linear block f (a sum, a matrix product), f(o r) = o f(r) if o is constant along the axes that f sums over. So the
second derivatives of a layer are computed factor by factor, and only the last product is large. In the rules below, o
is the outside factor and r the rest.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks.elementwise import add, multiply, negative, subtract
from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import reshape, transpose
from chainrule.node import Node
from chainrule.simplify.builder import Builder, shape_and_dtype
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)

MOST = 6
"""Products of more factors are left as they are."""


# Products and their factors ----------------------------------------------------------------------------------------


def _factors(build: Builder, x: Any) -> list[Any]:
    """The factors of a product, if at least two are arrays smaller than the product; else an empty list."""
    if made_by(x, build, multiply) is None or not shape(x) or x.value.dtype.kind != "f":
        return []
    factors, at = list(x.inputs), 0
    while at < len(factors):
        inner = made_by(factors[at], build, multiply)
        if inner is None or not build.dies(inner) or len(factors) == MOST:
            at += 1
        else:
            factors[at : at + 1] = inner.inputs
    parts = [r for r in factors if 1 < _size(r) < x.value.size]
    of_one_dtype = all(not shape(r) or shape_and_dtype(r)[1] == x.value.dtype for r in factors)
    return factors if len(parts) > 1 and of_one_dtype else []


def _size(*xs: Any) -> int:
    return math.prod(np.broadcast_shapes(*map(shape, xs)))


def _cheapest(shapes: Sequence[tuple[int, ...]]) -> tuple[int, Any]:
    """The cost of a product of arrays (entries computed), and its order as nested pairs of positions.

    The pair with the smallest product is multiplied first; among equals, a pair in which one has all axes of the other.
    """
    parts: list[tuple[Any, tuple[int, ...]]] = list(enumerate(shapes))
    total = 0

    def cost(pair: tuple[Any, Any]) -> tuple[int, int]:
        size = math.prod(np.broadcast_shapes(pair[0][1], pair[1][1]))
        return size, size - max(math.prod(part[1]) for part in pair)

    while len(parts) > 1:
        pair = min(itertools.combinations(parts, 2), key=cost)
        total += cost(pair)[0]
        parts = [part for part in parts if part not in pair]
        parts.append(((pair[0][0], pair[1][0]), np.broadcast_shapes(pair[0][1], pair[1][1])))
    return total, parts[0][0]


def _product(build: Builder, factors: Sequence[Any], order: Any = None) -> Any:
    if order is None:
        order = _cheapest([*map(shape, factors)])[1]
    if isinstance(order, int):
        return factors[order]
    return build.call(multiply, *(_product(build, factors, half) for half in order))


def _padded(x: Any, axes: int) -> tuple[int, ...]:
    """The shape of x, with axes of length 1 before it."""
    return (1,) * (axes - len(shape(x))) + shape(x)


def _of_shape(build: Builder, x: Any, wanted: tuple[int, ...]) -> Any:
    if shape(x) == wanted:
        return x
    return build.call(reshape, x, shape=wanted) if type(x) is Node else np.reshape(x, wanted)


def _split(build: Builder, x: Any, axes: set[int]) -> tuple[list[Any], Any] | None:
    """The factors of x that are constant along the given axes, and the product of the others; None if x has no such."""
    n = len(shape(x))
    factors = _factors(build, x)
    inside = [r for r in factors if any(_padded(r, n)[a] != 1 for a in axes)]
    if not inside or len(inside) == len(factors):
        return None
    lengths = np.broadcast_shapes(*(_padded(r, n) for r in inside))
    if math.prod(lengths) == x.value.size or any(lengths[a] != shape(x)[a] for a in axes):
        return None
    return [o for o in factors if not any(o is r for r in inside)], _product(build, inside)


# Rules ------------------------------------------------------------------------------------------------------------


@rule(multiply, of=(multiply,))
def in_the_cheapest_order(build: Builder, x: Any, y: Any) -> Any:
    """(o r) s = o (r s), if r s is smaller."""
    before, factors = _size(x, y), []
    for v in (x, y):
        inner = _factors(build, v)
        factors += inner or [v]
        before += sum(p.value.size for p in _products_in(v, inner))
    if not 2 < len(factors) <= MOST:
        return None
    cost, order = _cheapest([*map(shape, factors)])
    return _product(build, factors, order) if cost < before else None


def _products_in(x: Any, factors: Sequence[Any]) -> list[Node]:
    """The product x and the products inside it, down to the given factors."""
    if not factors or any(x is r for r in factors):
        return []
    return [x, *(p for inner in x.inputs for p in _products_in(inner, factors))]


def _of_sum(block: Block) -> Callable[..., Any]:
    def of_sum(build: Builder, x: Any, y: Any) -> Any:
        """o r + o s = o (r + s), and o r − o s = o (r − s)."""
        rest = _factors(build, x), _factors(build, y)
        if not all(rest):
            return None
        common, left, right = _common(build, *rest)
        if not (common and left and right) or 2 * _size(*left, *right) > _size(x):
            return None
        return _product(build, [*common, build.call(block, _product(build, left), _product(build, right))])

    return of_sum


def _common(build: Builder, left: list[Any], right: list[Any]) -> tuple[list[Any], list[Any], list[Any]]:
    """The factors that two products share, and the others of each."""
    common: list[Any] = []
    others: list[Any] = []
    for r in left:
        k = next((k for k, s in enumerate(right) if build.same(r, s)), None)
        (others if k is None else common).append(r)
        right = right if k is None else right[:k] + right[k + 1 :]
    return common, others, right


for _block in (add, subtract):
    rule(_block, of=(multiply,))(_of_sum(_block))


@rule(negative, of=(multiply,))
def of_negative(build: Builder, x: Any) -> Any:
    """−(o r) = o (−r)."""
    factors = _factors(build, x)
    if not factors:
        return None
    factors.sort(key=lambda r: (type(r) is not Node, _size(r)))
    return _product(build, [build.call(negative, factors[0]), *factors[1:]])


@rule(sum_, of=(multiply,))
def of_total(build: Builder, x: Any, axis: Any, keepdims: bool) -> Any:
    """Σ_k o r_k = o Σ_k r_k."""
    n = len(shape(x))
    axes = {a % n for a in (axis if isinstance(axis, tuple) else (axis,))} if n else set()
    parts = _split(build, x, axes)
    if parts is None:
        return None
    outside, r = parts
    total = build.call(sum_, _of_shape(build, r, _padded(r, n)), axis=axis, keepdims=keepdims)
    if not keepdims:
        outside = [_without(build, o, n, axes) for o in outside]
    return _product(build, [*outside, total])


def _without(build: Builder, x: Any, n: int, axes: set[int]) -> Any:
    """x, seen as an array of n axes, without some of these axes."""
    return _of_shape(build, x, tuple(k for a, k in enumerate(_padded(x, n)) if a not in axes))


@rule(matmul, of=(multiply,))
def of_matrix_product(build: Builder, x: Any, y: Any) -> Any:
    """Σ_k (o r_ik) y_kj = o Σ_k r_ik y_kj, and the same for a second factor o r."""
    for v, w, is_first in ((x, y, True), (y, x, False)):
        n = len(shape(v))
        axis = n - 1 if is_first else n - 2
        parts = _split(build, v, {axis}) if n > 1 else None
        if parts is None:
            continue
        outside, r = parts
        made = build.call(matmul, r, w) if is_first else build.call(matmul, w, r)
        if len(shape(w)) == 1:
            outside = [_without(build, o, n, {axis}) for o in outside]
        if _size(made) < _size(*outside, made):
            return _product(build, [*outside, made])
    return None


@rule(matmul, of=(multiply,))
def stack_as_columns(build: Builder, x: Any, y: Any) -> Any:
    """Σ_l (f_jl s_al) y_lb = Σ_l f_jl (s_al y_lb): one matrix product whose columns are the pairs (a, b)."""
    *lead, rows, inner = shape(x) if len(shape(x)) > 2 else (0, 0)
    if not lead or len(shape(y)) != 2 or 2 * shape(y)[1] > rows or shape_and_dtype(x)[1] != shape_and_dtype(y)[1]:
        return None
    factors = _factors(build, x)
    of_rows = [r for r in factors if _padded(r, 2)[-2] != 1]
    others = [r for r in factors if _padded(r, 2)[-2] == 1]
    if not (of_rows and others) or _size(*of_rows) != rows * inner or _size(*others) != math.prod(lead) * inner:
        return None
    columns = (math.prod(lead), shape(y)[1])
    f = _of_shape(build, _product(build, of_rows), (rows, inner))
    s = _of_shape(build, _product(build, others), (columns[0], inner))
    s = _of_shape(build, build.call(transpose, s, axes=(-1, -2)), (inner, columns[0], 1))
    right = build.call(multiply, s, _of_shape(build, y, (inner, 1, columns[1])))
    made = build.call(matmul, f, _of_shape(build, right, (inner, math.prod(columns))))
    made = _of_shape(build, made, (rows, *lead, columns[1]))
    return build.call(transpose, made, axes=(*range(-len(lead) - 1, -1), -len(lead) - 2, -1))


@rule(outer, of=(multiply,))
def of_outer_product(build: Builder, x: Any, y: Any) -> Any:
    """(o r) yᵀ = o (r yᵀ)."""
    factors = _factors(build, x) if len(shape(y)) == 1 else []
    if not factors or shape_and_dtype(x)[1] != shape_and_dtype(y)[1]:
        return None
    return _product(build, [*(_of_shape(build, r, (*shape(r), 1)) if shape(r) else r for r in factors), y])


@rule(transpose, of=(multiply,))
def of_transpose(build: Builder, x: Any, axes: tuple[int, ...]) -> Any:
    """(o r)ᵀ = oᵀ rᵀ."""
    n = len(shape(x))
    factors = _factors(build, x) if len(axes) == n else []
    if not factors:
        return None
    turned = [build.call(transpose, _of_shape(build, r, _padded(r, n)), axes=axes) if shape(r) else r for r in factors]
    return _product(build, turned)
