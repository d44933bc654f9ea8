"""Rules about products with identity matrices, one-hot rows, diagonal matrices and matrices of rank one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import absent
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.indexing import getitem
from chainrule.blocks.linalg import matmul, outer
from chainrule.blocks.shaping import reshape, transpose
from chainrule.libraries import is_inexact
from chainrule.node import value_of_operand
from chainrule.simplify.builder import Builder
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(matmul)
def rows_of_identity(build: Builder, x: Any, y: Any) -> Any:
    """I x = x."""
    return y if build.is_identity(x) else None


@rule(matmul)
def rows_of_one_hot(build: Builder, x: Any, y: Any) -> Any:
    """E y = y[labels] for one-hot rows E."""
    hot = build.one_hot(x)
    if hot is None or build.is_identity(x) or len(shape(y)) not in (1, 2) or len(shape(x)) < 2:
        return None
    if hot.labels.shape != (hot.size,) or not np.array_equal(hot.labels, np.arange(hot.size)):
        key = (hot.labels,) if len(shape(y)) == 1 else (hot.labels, slice(None))
        y = build.call(getitem, y, key=key)
    return build.call(multiply, y, hot.number)


@rule(matmul)
def product_with_the_identity(build: Builder, x: Any, y: Any) -> Any:
    """x I = x."""
    return x if build.is_identity(y) else None


@rule(matmul)
def seeds_of_matrices(build: Builder, x: Any, y: Any) -> Any:
    """Σ_l δ_ik δ_jl y_l = δ_ik y_j: the last axis of the seeds of a matrix's Jacobian becomes that of y."""
    axes = len(shape(x)) // 2
    if axes < 2 or not build.is_seed(x) or len(shape(y)) not in (1, 2):
        return None
    rows = shape(x)[: axes - 1]
    ones, m = (1,) * len(rows), shape(y)[1:]
    delta = absent.with_absent_zeros(np.eye(math.prod(rows), dtype=x.dtype))
    delta = delta.reshape(rows + (1,) + rows + (1,) * len(m))
    return build.call(multiply, delta, build.call(reshape, y, shape=shape(y)[:1] + ones + m))


@rule(matmul)
def matrix_times_seed(build: Builder, x: Any, y: Any) -> Any:
    """Σ_k x_nk δ_ik δ_jl = x_ni δ_jl: the first axis of the seeds of a matrix's Jacobian becomes that of x."""
    if len(shape(y)) != 4 or not build.is_seed(y) or len(shape(x)) not in (1, 2):
        return None
    rows, columns = shape(y)[2:]
    delta = absent.with_absent_zeros(np.eye(columns, dtype=y.dtype))
    if len(shape(x)) == 1:
        return build.call(multiply, build.call(reshape, x, shape=(rows, 1, 1)), delta)
    turned = build.call(transpose, x, axes=(-1, -2))
    made = build.call(reshape, turned, shape=(rows, 1, shape(x)[0], 1))
    return build.call(multiply, made, delta.reshape(columns, 1, columns))


@rule(matmul)
def diagonal_times_matrix(build: Builder, x: Any, y: Any) -> Any:
    """diag(v) y = v[:, None] * y."""
    v = _diagonal(build, x)
    if v is None or len(shape(y)) not in (1, 2):
        return None
    return build.call(multiply, _as_column(build, v, len(shape(y)) - 1), y)


@rule(matmul)
def matrix_times_diagonal(build: Builder, x: Any, y: Any) -> Any:
    """x diag(v) = x * v."""
    v = _diagonal(build, y)
    return None if v is None else build.call(multiply, x, _as_column(build, v, 0))


def _diagonal(build: Builder, x: Any) -> Any:
    """v if x is diag(v): the identity times a row, a column or a number; else None."""
    product = made_by(x, build, multiply)
    if product is None:
        return None
    for eye, v in (product.inputs, product.inputs[::-1]):
        if build.is_identity(eye) and len([n for n in shape(v) if n != 1]) <= 1:
            return v
    return None


def _as_column(build: Builder, v: Any, ones: int) -> Any:
    """The entries of v along one axis, followed by `ones` axes of length 1; a single entry as a number."""
    size = math.prod(shape(v))
    return build.call(reshape, v, shape=() if size == 1 else (size,) + (1,) * ones)


@rule(matmul)
def rank_one_times_vector(build: Builder, x: Any, y: Any) -> Any:
    """(u vᵀ) y = (v · y) u, and x (u vᵀ) = (x · u) v."""
    for product, other, met, left in ((x, y, 1, 0), (y, x, 0, 1)):
        rank_one = made_by(product, build, outer)
        if rank_one is None or len(shape(other)) != 1 or any(len(shape(v)) != 1 for v in rank_one.inputs):
            continue
        if all(is_inexact(value_of_operand(v)) for v in (*rank_one.inputs, other)):  # products of integers wrap
            u, v = rank_one.inputs[left], rank_one.inputs[met]
            return build.call(multiply, u, build.call(matmul, v, other))
    return None
