"""Reading blocks that are sums, products and powers over the axes of their operands."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.backward import numpy_number
from chainrule.block import Block, product_or_zero, unless_masked
from chainrule.blocks.copies import cast, cast_to_integer, copy
from chainrule.blocks.directions import hypot, over_hypot
from chainrule.blocks.elementwise import (
    add,
    divide,
    multiply,
    negative,
    positive_,
    power,
    reciprocal,
    sqrt_,
    square,
    subtract,
)
from chainrule.blocks.linalg import einsum, matmul, outer
from chainrule.blocks.norms import norm
from chainrule.blocks.reductions import mean
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape, transpose
from chainrule.explain.closed.choices import negation
from chainrule.explain.closed.reading import Reading
from chainrule.explain.closed.terms import ONE, Expr, Index
from chainrule.libraries import dtype_of
from chainrule.node import Node

__all__ = ["SUMS"]

HALF = Fraction(1, 2)


def _add(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    return r.atoms.plus(r.of(x), r.of(y))


def _subtract(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    """x − y; 1 − [x < y] is [x ≥ y]."""
    condition = y.inputs[0] if type(y) is Node and y.block in (cast, cast_to_integer) else y
    if type(x) is not Node and np.all(x == 1) and (negated := negation(r, condition)) is not None:
        return negated
    return r.atoms.plus(r.of(x), r.of(y).scaled(-1))


def _negative(r: Reading, node: Node, x: Any) -> Expr:
    return r.of(x).scaled(-1)


def _same(r: Reading, node: Node, x: Any, **params: Any) -> Expr:
    return r.of(x)


def _integer(r: Reading, node: Node, x: Any, dtype: Any) -> Expr | None:
    """A cast to integers: booleans and integers do not change; None for other numbers, which would be rounded."""
    return r.of(x) if dtype_of(x.value if type(x) is Node else x).kind in "biu" else None


def _multiply(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    return r.atoms.times(r.of(x), r.of(y))


def _product_or_zero(r: Reading, node: Node, dz: Any, slope: Any) -> Expr | None:
    """A product; None if the local derivative is infinite, where the result is 0 if dz is."""
    finite = np.all(np.isfinite(slope.value if type(slope) is Node else slope))
    return _multiply(r, node, dz, slope) if finite else None


def _unless_masked(r: Reading, node: Node, dx: Any, dz: Any, slope: Any) -> Expr | None:
    """dx; None if the local derivative is infinite, where the result may be 0, or if dx is repeated."""
    finite = np.all(np.isfinite(slope.value if type(slope) is Node else slope))
    repeated = np.shape(dx.value if type(dx) is Node else dx) != np.shape(node.value)
    return None if repeated or not finite else r.of(dx)


def _divide(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    if type(y) is not Node:
        return r.atoms.times(r.of(x), r.of(1 / np.asarray(y)))
    return r.atoms.times(r.of(x), r.atoms.power(r.of(y), -ONE))


def _square(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), 2 * ONE)


def _sqrt(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), HALF)


def _hypot(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    """√(x² + y²); None if one is repeated along an axis, which its name alone does not say."""
    shapes = [np.shape(z.value if type(z) is Node else z) for z in (x, y)]
    if shapes[0] != shapes[1] and () not in shapes:
        return None
    squares = [r.atoms.power(r.of(z), 2 * ONE) for z in (x, y)]
    return r.atoms.power(r.atoms.plus(*squares), HALF)


def _over_hypot(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    """x/√(x² + y²); None if an entry is at the origin, where it is 0."""
    numbers = (np.abs(z.value if type(z) is Node else z) for z in (x, y))
    length = _hypot(r, node, x, y)
    if length is None or np.any(np.maximum(*numbers) == 0):
        return None
    return r.atoms.times(r.of(x), r.atoms.power(length, -ONE))


def _reciprocal(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), -ONE)


def _power(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    if type(y) is Node or np.ndim(y) or not (2 * float(y)).is_integer():
        return None
    return r.atoms.power(r.of(x), Fraction(float(y)))


def _sum(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr:
    return _summed(r, r.of(x), axis, keepdims)


def _summed(r: Reading, x: Expr, axis: Any, keepdims: bool) -> Expr:
    x = x.fresh()
    over = {a % len(x.axes) for a in (axis if isinstance(axis, tuple) else (axis,))} if x.axes else set()
    rest = tuple(None if a in over else i for a, i in enumerate(x.axes) if keepdims or a not in over)
    return r.atoms.sum(x, {i for a, i in enumerate(x.axes) if a in over and i is not None}, rest)


def _mean(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr | None:
    count = np.size(x.value if type(x) is Node else x) // max(np.size(node.value), 1)
    if count == 0:
        return None
    return _sum(r, node, x, axis, keepdims).scaled(Fraction(1, count))


def _norm(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr:
    squares = r.atoms.power(r.of(x), 2 * ONE)
    return r.atoms.power(_summed(r, squares, axis, keepdims), HALF)


def _broadcast(r: Reading, node: Node, x: Any, shape: tuple[int, ...]) -> Expr:
    return r.of(x)


def _reshape(r: Reading, node: Node, x: Any, shape: tuple[int, ...]) -> Expr | None:
    value = r.of(x)
    if [n for n in value.shape if n != 1] != [n for n in shape if n != 1]:
        return None
    idx = iter(value.free())
    return value.along(tuple(None if n == 1 else next(idx) for n in shape))


def _transpose(r: Reading, node: Node, x: Any, axes: tuple[int, ...]) -> Expr:
    value = r.of(x)
    lead = len(value.axes) - len(axes)
    return value.along((*value.axes[:lead], *(value.axes[a] for a in axes)))


def _matmul(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    a, b = r.of(x).fresh(), r.of(y).fresh()
    rows, columns = a.axes[-2:-1], b.axes[-1:] if len(b.axes) > 1 else ()
    inner = (a.axes[-1], b.axes[-2] if len(b.axes) > 1 else b.axes[0])
    left, right = a.axes[:-2], b.axes[:-2]
    lead_a = (None,) * (len(right) - len(left)) + left
    lead_b = (None,) * (len(left) - len(right)) + right
    names = {i: j for i, j in zip(lead_b, lead_a, strict=True) if i is not None and j is not None}
    if inner[0] is not None and inner[1] is not None:
        names[inner[1]] = inner[0]
    b = b.renamed(names)
    lead = tuple(j if j is not None else i for i, j in zip(lead_b, lead_a, strict=True))
    return r.atoms.shorter(r.atoms.product(a, b, (*lead, *rows, *columns)))


def _outer(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    a, b = r.of(x).fresh(), r.of(y).fresh()
    if len(a.axes) != 1 or len(b.axes) != 1:
        return None
    return r.atoms.shorter(r.atoms.product(a, b, (a.axes[0], b.axes[0])))


def _einsum(r: Reading, node: Node, *xs: Any, subscripts: str) -> Expr | None:
    inputs, output = subscripts.split("->")
    letters: dict[str, Index | None] = {}
    total: Expr | None = None
    for x, term in zip(xs, inputs.split(","), strict=True):
        value = r.of(x).fresh()
        own = term.replace("...", "")
        if len(own) != len(value.axes) or ("..." in output and len(output) - 3 != np.ndim(node.value)):
            return None
        names: dict[Index, Index] = {}
        for letter, i in zip(own, value.axes, strict=True):
            known = letters.setdefault(letter, i)
            if i is not None and known is not None:
                names[i] = known
        value = value.renamed(names)
        if len(set(value.free())) < len(value.free()):  # a repeated letter reads a diagonal
            value = Expr(value.terms, tuple(dict.fromkeys(value.free())))
        so_far = () if total is None else total.free()
        axes = tuple(dict.fromkeys((*so_far, *value.free())))
        total = value.along(axes) if total is None else r.atoms.product(total, value, axes)
    assert total is not None
    kept = tuple(letters[c] for c in output.replace("...", ""))
    over = set(total.free()) - set(kept)
    return r.atoms.sum(total, over, kept)


SUMS: dict[Block, Callable[..., Expr | None]] = {
    add: _add,
    subtract: _subtract,
    negative: _negative,
    positive_: _same,
    cast: _same,
    cast_to_integer: _integer,
    numpy_number: _same,
    product_or_zero: _product_or_zero,
    unless_masked: _unless_masked,
    copy: _same,
    multiply: _multiply,
    divide: _divide,
    square: _square,
    sqrt_: _sqrt,
    hypot: _hypot,
    over_hypot: _over_hypot,
    reciprocal: _reciprocal,
    power: _power,
    sum_: _sum,
    mean: _mean,
    norm: _norm,
    broadcast_to: _broadcast,
    reshape: _reshape,
    transpose: _transpose,
    matmul: _matmul,
    outer: _outer,
    einsum: _einsum,
}
"""The reading of each such block."""
