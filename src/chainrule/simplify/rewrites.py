"""The tables of rules of each block.

Most rules are identities of `algebra/identities.py`. Rules about shapes, structured constants and matrix products need
a few lines of Python; the docstring of each states its identity.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import absent
from chainrule.algebra.identities import EXACT, REAL, STABLE
from chainrule.backward import numpy_number
from chainrule.block import BLOCKS, Block, Elementwise, product_or_zero, unless_masked
from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import (
    absolute,
    add,
    divide,
    multiply,
    negative,
    power,
    square,
    subtract,
    where,
)
from chainrule.blocks.indexing import add_at, getitem, is_whole
from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.reductions import logsumexp, max_, mean, min_, prod
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, cast, cast_to_integer, reshape, transpose
from chainrule.node import Node
from chainrule.recording import alias
from chainrule.simplify.builder import CONSTANT, Builder, shape_and_dtype
from chainrule.simplify.matching import IdentityRule
from chainrule.simplify.structure import is_result_of, origins

__all__ = ["FOR_COMPUTATIONS", "FOR_READING", "Rewrite"]


@dataclass(frozen=True)
class Rewrite:
    """A rule in Python: `function(build, *operands, **params)` returns an equal value, or None."""

    blocks: tuple[Block, ...]
    function: Callable[..., Any]
    of: frozenset[Any] = frozenset()
    """One of the operands must be the result of one of these; no condition if empty."""

    def may_apply(self, kinds: Set[Any]) -> bool:
        return not self.of or not self.of.isdisjoint(kinds)

    def apply(self, build: Builder, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return self.function(build, *operands, **params)


STRUCTURAL: list[Rewrite] = []


def rule(*blocks: Block, of: tuple[Any, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator: a rule for these blocks, if an operand is the result of a block in `of`."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        STRUCTURAL.append(Rewrite(blocks, function, frozenset(of)))
        return function

    return register


def _inner(x: Any, build: Builder, *blocks: Block) -> Node | None:
    """x, if it is the result of one of these blocks."""
    return x if is_result_of(x, *blocks) and not build.is_leaf(x) else None


def shape(x: Any) -> tuple[int, ...]:
    return np.shape(x.value if type(x) is Node else x)


# Rearranging -----------------------------------------------------------------------------------------------------


@rule(broadcast_to, reshape)
def to_the_same_shape(build: Builder, x: Any, **params: Any) -> Any:
    """reshape(x, x.shape) = x."""
    return x if params["shape"] == shape(x) else None


@rule(reshape, of=(reshape,))
def reshape_twice(build: Builder, x: Any, **params: Any) -> Any:
    """reshape(reshape(x, a), b) = reshape(x, b)."""
    inner = _inner(x, build, reshape)
    return build.call(reshape, inner.inputs[0], **params) if inner else None


@rule(broadcast_to, of=(broadcast_to,))
def broadcast_twice(build: Builder, x: Any, **params: Any) -> Any:
    """broadcast_to(broadcast_to(x, a), b) = broadcast_to(x, b)."""
    inner = _inner(x, build, broadcast_to)
    return build.call(broadcast_to, inner.inputs[0], **params) if inner else None


REDUCTIONS = (sum_, mean, max_, min_, prod, logsumexp)


@rule(reshape, getitem, of=REDUCTIONS)
def kept_axes(build: Builder, x: Any, *indices: Any, **params: Any) -> Any:
    """sum(x, axis)[…, None] = sum(x, axis, keepdims=True), and so for other reductions."""
    inner = _inner(x, build, *REDUCTIONS)
    if inner is None or inner.params["keepdims"] or not build.dies(inner):
        return None
    key = params.get("key", ())
    if not is_whole(key):
        return None
    full, axis = shape(inner.inputs[0]), inner.params["axis"]
    axes = {a % len(full) for a in (axis if isinstance(axis, tuple) else (axis,))} if full else set()
    kept = tuple(1 if a in axes else n for a, n in enumerate(full))
    made = params.get("shape") or _indexed_shape(key, shape(x))
    return build.call(inner.block, inner.inputs[0], axis=axis, keepdims=True) if made == kept else None


@rule(add_at)
def put_back_axes(build: Builder, x: Any, *indices: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """add_at with a key of new axes and full slices is a reshape."""
    return build.call(reshape, x, shape=shape) if is_whole(key) and x.value.size == math.prod(shape) else None


def _indexed_shape(key: tuple[Any, ...], old: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after an index of new axes and full slices of the last axes."""
    rest = list(old[len(old) - sum(part is not None for part in key) :])
    return old[: len(old) - len(rest)] + tuple(1 if part is None else rest.pop(0) for part in key)


@rule(cast)
def to_the_same_dtype(build: Builder, x: Any, dtype: Any) -> Any:
    """cast(x, x.dtype) = x."""
    return x if shape_and_dtype(x)[1] == dtype else None


@rule(absolute, of=(square,))
def absolute_of_square(build: Builder, x: Any) -> Any:
    """|x²| = x² for floats: an integer's square may overflow and be negative."""
    return x if _inner(x, build, square) is not None and shape_and_dtype(x)[1].kind == "f" else None


@rule(transpose)
def transpose_twice(build: Builder, x: Any, axes: tuple[int, ...]) -> Any:
    """(xᵀ)ᵀ = x, and a transpose that moves no axis is x."""
    still = tuple(range(-len(axes), 0))
    if axes == still:
        return x
    inner = _inner(x, build, transpose)
    if inner is None:
        return None
    both = tuple(inner.params["axes"][a] for a in axes)
    return inner.inputs[0] if both == still else build.call(transpose, inner.inputs[0], axes=both)


@rule(where)
def where_of_equals(build: Builder, condition: Any, x: Any, y: Any) -> Any:
    """where(c, x, x) = x."""
    return x if type(x) is Node and x is y and shape(x) == np.broadcast_shapes(shape(condition), shape(x)) else None


@rule(subtract, of=(sigmoid,))
def complement_that_is_there(build: Builder, one: Any, y: Any) -> Any:
    """1 − σ(x) = σ(−x), if σ(−x) is computed anyway: then the two can cancel."""
    inner = _inner(y, build, sigmoid)
    if inner is None or build.uniform(one) != 1 or inner.inputs[0] not in build.negated:
        return None
    return build.call(sigmoid, build.call(negative, inner.inputs[0]))


@rule(product_or_zero, of=(CONSTANT,))
def product_that_is_never_masked(build: Builder, dz: Any, slope: Any) -> Any:
    """dz s is a plain product if dz is a constant without zeros or s a finite constant."""
    if type(slope) is not Node:
        never = bool(np.all(np.isfinite(slope)))
    else:
        never = type(dz) is not Node and bool(np.all(np.asarray(dz) != 0))
    return build.call(multiply, dz, slope) if never else None


@rule(unless_masked, of=(product_or_zero, multiply))
def mask_of_another_form(build: Builder, dx: Any, dz: Any, slope: Any) -> Any:
    """If dz s got a stable form, use the mask of that form, or none."""
    product = build.call(product_or_zero, dz, slope)
    if _inner(product, build, product_or_zero):
        if product.inputs[0] is dz and product.inputs[1] is slope:
            return None
        return build.call(unless_masked, dx, *product.inputs)
    return dx


@rule(unless_masked)
def mask_that_is_never_needed(build: Builder, dx: Any, dz: Any, slope: Any) -> Any:
    """No entry is masked if dz is never 0, or if the slope is bounded, and NaN only where dz is."""
    if type(dz) is not Node:
        never_zero = bool(np.all(np.asarray(dz) != 0))
    else:
        bounds = build.range_of(dz)
        never_zero = bounds.low > 0 or bounds.high < 0  # e^x rounds to 0
    bounds = build.range_of(slope)
    finite = bounds.is_bounded and _is_nan_only_with(build, slope, dz)
    return dx if (never_zero or finite) and shape(dx) == np.broadcast_shapes(*map(shape, (dx, dz, slope))) else None


def _is_nan_only_with(build: Builder, x: Any, y: Any) -> bool:
    """Whether y is NaN wherever x is: both are computed elementwise from everything that can make x NaN."""
    spread = set(origins(y))
    stack = [x]
    for _ in range(24):
        if not stack:
            return True
        x = stack.pop()
        if type(x) is not Node:
            if build.range_of(x).is_infinite:
                return False
        elif x not in spread:
            if build.is_leaf(x) or x.block.bounds is None or build.range_of(x).nan:
                return False
            stack.extend(x.inputs)
    return False


@rule(multiply, of=(unless_masked,))
def mask_that_is_multiplied_anyway(build: Builder, x: Any, y: Any) -> Any:
    """A cotangent that was masked where dz is 0, times dz: dx is multiplied only where dz is not 0.

    So it does not matter whether the slope rounds to infinity there, and factors of dx can cancel.
    """
    for masked, dz in ((x, y), (y, x)):
        inner = _inner(masked, build, unless_masked)
        if inner is None or type(dz) is Node or not build.same(inner.inputs[1], dz) or not np.all(np.isfinite(dz)):
            continue
        if type(inner.inputs[0]) is Node:
            return build.call(product_or_zero, dz, inner.inputs[0])
    return None


@rule(power, of=(CONSTANT,))
def power_zero(build: Builder, x: Any, y: Any) -> Any:
    """x⁰ = 1, for NaN too."""
    if build.uniform(y) != 0:
        return None
    form, dtype = np.broadcast_shapes(shape(x), shape(y)), np.result_type(x.value, y)
    return np.broadcast_to(np.ones((), dtype), form)[()]


# Broadcasting ----------------------------------------------------------------------------------------------------


@rule(sum_, of=(broadcast_to,))
def sum_of_repeated(build: Builder, x: Any, axis: Any, keepdims: bool) -> Any:
    """Σ of n times x is n x."""
    found = _reduced_once(build, sum_, x, axis, keepdims)
    return None if found is None else build.call(multiply, found[0], float(found[1]))


@rule(mean, of=(broadcast_to,))
def mean_of_repeated(build: Builder, x: Any, axis: Any, keepdims: bool) -> Any:
    """The mean of n times x is x."""
    found = _reduced_once(build, mean, x, axis, keepdims)
    return None if found is None else found[0]


def _reduced_once(build: Builder, block: Block, x: Any, axis: Any, keepdims: bool) -> tuple[Any, int] | None:
    """The reduction of a repeated array over the axes along which it is not repeated; and the number of repeats."""
    inner = _inner(x, build, broadcast_to)
    if inner is None:
        return None
    y, large = inner.inputs[0], shape(x)
    small = (1,) * (len(large) - len(shape(y))) + shape(y)
    axes = {a % len(large) for a in (axis if isinstance(axis, tuple) else (axis,))}
    repeats = math.prod(large[a] for a in axes if small[a] != large[a])
    if repeats <= 1:
        return None
    own = [a - len(large) for a in sorted(axes) if a >= len(large) - len(shape(y))]
    if any(small[a] != 1 for a in own):
        y = build.call(block, y, axis=tuple(own), keepdims=keepdims)
    wanted = tuple(1 if a in axes else n for a, n in enumerate(large) if keepdims or a not in axes)
    if math.prod(shape(y)) == math.prod(wanted) and shape(y) != wanted:
        y = build.call(reshape, y, shape=wanted)
    elif shape(y) != wanted:
        if not keepdims:
            y = build.call(reshape, y, shape=tuple(n for a, n in enumerate(small) if a not in axes))
        y = build.call(broadcast_to, y, shape=wanted)
    return y, repeats


_ELEMENTWISE = [block for block in BLOCKS.values() if isinstance(block, Elementwise) and len(block.operands) > 1]


def _repeated_in(block: Block) -> Callable[..., Any]:
    def rule_for_one_block(build: Builder, *xs: Any, **params: Any) -> Any:
        """f(broadcast_to(x), y) = f(x, y), and a constant of equal entries becomes a number: f broadcasts by itself."""
        for i, x in enumerate(xs):
            inner = _inner(x, build, broadcast_to)
            small = inner.inputs[0] if inner else None
            if inner is None and np.ndim(x) > 0:
                small = build.uniform(x)
            if small is not None and not (block is where and i == 0):
                rest = (*xs[:i], small, *xs[i + 1 :])
                if any(type(y) is Node for y in rest) and _result_shape(rest) == _result_shape(xs):
                    return build.call(block, *rest, **params)
        return None

    return rule_for_one_block


def _result_shape(xs: Iterable[Any]) -> tuple[int, ...]:
    return np.broadcast_shapes(*map(shape, xs))


for _block in (*_ELEMENTWISE, where):
    rule(_block, of=(broadcast_to, CONSTANT))(_repeated_in(_block))


def _of_one_dtype(block: Block) -> Callable[..., Any]:
    def sums_of_one_dtype(build: Builder, x: Any, y: Any) -> Any:
        """f(c, y) = f(cast(c), y) for a constant of another dtype: NumPy casts it too, but on each call."""
        dtype = np.result_type(*(v.value if type(v) is Node else v for v in (x, y)))
        cast = [_cast(v, dtype) if type(v) is np.ndarray and v.dtype != dtype else v for v in (x, y)]
        return build.call(block, *cast) if dtype.kind == "f" and not (cast[0] is x and cast[1] is y) else None

    return sums_of_one_dtype


def _cast(c: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return absent.made_of(c.astype(dtype), c)


for _block in (add, subtract, multiply, divide, matmul):
    rule(_block, of=(CONSTANT,))(_of_one_dtype(_block))


# Structured constants --------------------------------------------------------------------------------------------


@rule(matmul)
def rows_of_identity(build: Builder, x: Any, y: Any) -> Any:
    """I x = x."""
    return y if build.is_identity(x) and len(shape(y)) > 0 else None


@rule(matmul)
def rows_of_one_hot(build: Builder, x: Any, y: Any) -> Any:
    """E y = y[labels] for one-hot rows E."""
    hot = build.one_hot(x)
    if hot is None or build.is_identity(x) or len(shape(y)) not in (1, 2) or len(shape(x)) < 2:
        return None
    if hot.labels.shape != (hot.size,) or not np.array_equal(hot.labels, np.arange(hot.size)):
        key = (hot.labels,) if len(shape(y)) == 1 else (hot.labels, slice(None))
        y = build.call(getitem, y, key=key)
    return y if hot.number == 1 else build.call(multiply, y, hot.number)


@rule(matmul)
def product_with_the_identity(build: Builder, x: Any, y: Any) -> Any:
    """x I = x."""
    return x if build.is_identity(y) and len(shape(x)) > 0 else None


@rule(matmul)
def seeds_of_matrices(build: Builder, x: Any, y: Any) -> Any:
    """Σ_l δ_ik δ_jl y_l = δ_ik y_j: the seeds of a Jacobian by a matrix leave their last axis to y."""
    axes = len(shape(x)) // 2
    if axes < 2 or not build.is_seed(x) or len(shape(y)) not in (1, 2):
        return None
    rows = shape(x)[: axes - 1]
    ones, m = (1,) * len(rows), shape(y)[1:]
    delta = absent.with_absent_zeros(np.eye(math.prod(rows), dtype=x.dtype))
    delta = delta.reshape(rows + (1,) + rows + (1,) * len(m))
    return build.call(multiply, delta, build.call(reshape, y, shape=shape(y)[:1] + ones + m))


@rule(matmul)
def diagonal_times_matrix(build: Builder, x: Any, y: Any) -> Any:
    """diag(v) y = v[:, None] * y."""
    v = _diagonal(build, x)
    if v is None or len(shape(y)) not in (1, 2):
        return None
    return build.call(multiply, _as_shape(build, v, (-1, 1) if len(shape(y)) == 2 else (-1,)), y)


@rule(matmul)
def matrix_times_diagonal(build: Builder, x: Any, y: Any) -> Any:
    """x diag(v) = x * v."""
    v = _diagonal(build, y)
    return None if v is None or not shape(x) else build.call(multiply, x, _as_shape(build, v, (-1,)))


def _diagonal(build: Builder, x: Any) -> Any:
    """v, where x is diag(v): the identity times a row, a column or a number."""
    product = _inner(x, build, multiply)
    if product is None:
        return None
    for eye, v in (product.inputs, product.inputs[::-1]):
        if build.is_identity(eye) and len([n for n in shape(v) if n != 1]) <= 1 and len(shape(v)) <= 2:
            return v
    return None


def _as_shape(build: Builder, v: Any, wanted: tuple[int, ...]) -> Any:
    size = math.prod(shape(v))
    if size == 1:
        return v if shape(v) == () else build.call(reshape, v, shape=())
    exact = tuple(size if n == -1 else n for n in wanted)
    return v if shape(v) == exact else build.call(reshape, v, shape=exact)


# Rank one --------------------------------------------------------------------------------------------------------


@rule(matmul)
def rank_one_times_vector(build: Builder, x: Any, y: Any) -> Any:
    """(u vᵀ) y = (v · y) u, and x (u vᵀ) = (x · u) v."""
    for product, other, met, left in ((x, y, 1, 0), (y, x, 0, 1)):
        rank_one = _inner(product, build, outer)
        if rank_one is not None and len(shape(other)) == 1 and all(len(shape(v)) == 1 for v in rank_one.inputs):
            u, v = rank_one.inputs[left], rank_one.inputs[met]
            return build.call(multiply, u, build.call(matmul, v, other))
    return None


# The tables ------------------------------------------------------------------------------------------------------


def _by_block(*rules: IdentityRule | Rewrite) -> dict[Block, list[Any]]:
    found: dict[Block, list[Any]] = {}
    for r in rules:
        for block in r.blocks:
            found.setdefault(block, []).append(r)
    return found


FOR_COMPUTATIONS = _by_block(
    Rewrite((alias,), lambda build, x: x), *map(IdentityRule, STABLE), *map(IdentityRule, EXACT), *STRUCTURAL
)
"""The rules for graphs to be computed."""


def integers_stay(build: Builder, x: Any, dtype: Any) -> Any:
    """A boolean or an integer, cast to an integer, is unchanged."""
    return x if shape_and_dtype(x)[1].kind in "biu" else None


_SHORTER = {
    to_the_same_shape,
    to_the_same_dtype,
    transpose_twice,
    where_of_equals,
    rows_of_identity,
    product_with_the_identity,
}
FOR_READING = _by_block(
    Rewrite((numpy_number,), lambda build, x, dtype: x),
    Rewrite((cast_to_integer,), integers_stay),
    *(r for r in STRUCTURAL if r.function in _SHORTER),
    *map(IdentityRule, REAL),
)
"""The rules for formulas to be read: none that replaces a block by another."""
