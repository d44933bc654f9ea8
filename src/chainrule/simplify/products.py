"""Products of several matrices, associated in the cheapest order: A B x as A (B x).

The order is found by dynamic programming over the chain. Source: T. H. Cormen et al., Introduction to Algorithms,
section "Matrix-chain multiplication".
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.blocks.linalg import matmul
from chainrule.blocks.shaping import transpose
from chainrule.graph import Graph, graph_between
from chainrule.libraries import is_inexact
from chainrule.node import Node, value_of_operand
from chainrule.simplify.builder import Builder
from chainrule.simplify.structure import is_result_of

__all__ = ["associate", "uses_of"]

LONGEST = 64
"""A longer chain is cut: the work is cubic in its length."""

Factor = tuple[Any, bool]
"""A matrix (or a vector at an end), and whether it is transposed."""


def uses_of(graph: Graph) -> Counter[Node]:
    """The number of uses of each node: nodes that use it, and times that it is an output."""
    uses: Counter[Node] = Counter()
    for node in graph.nodes:
        uses.update({x for x in node.inputs if type(x) is Node})
    uses.update(out for out in graph.outputs if type(out) is Node)
    return uses


def associate(graph: Graph) -> Graph:
    """The graph with its products of several matrices in the cheapest order."""
    uses = uses_of(graph)
    inside = set(graph.nodes)
    orders: dict[Node, tuple[list[Factor], Any]] = {}
    taken: set[Node] = set()
    for node in reversed(graph.nodes):
        if node in taken or not _is_product(node):
            continue
        factors, products = _chain(node, uses, inside)
        taken.update(products)
        cost, order = _cheapest(_lengths(factors))
        if cost < sum(map(_multiplications, products)):
            orders[node] = (factors, order)
    return _reordered(graph, orders) if orders else graph


def _is_product(x: Any) -> bool:
    """Whether it is a product of matrices and vectors of floats, all of its own dtype.

    Products of integers may wrap, those of booleans are not sums, and two of single precision would lose digits before
    they are multiplied by a float64.
    """
    if not is_result_of(x, matmul) or not is_inexact(x.value):
        return False
    operands = [np.asarray(value_of_operand(i)) for i in x.inputs]
    return all(a.ndim in (1, 2) and a.dtype == x.value.dtype for a in operands)


def _is_transpose(x: Any) -> bool:
    return is_result_of(x, transpose) and x.params["axes"] == (-1, -2)


def _chain(top: Node, uses: Mapping[Node, int], inside: set[Node]) -> tuple[list[Factor], list[Node]]:
    """The factors of a product, read through inner products that nothing else uses, and all these products."""
    factors: list[Factor] = [(top, False)]
    products: list[Node] = []
    at = 0
    while at < len(factors) and len(factors) < LONGEST:
        x, transposed = factors[at]
        if _is_transpose(x) and x in inside and _is_open(x.inputs[0], uses, inside):
            factors[at] = (x.inputs[0], not transposed)
        elif (x is top or _is_open(x, uses, inside)) and _fits(x, at, len(factors)):
            left, right = x.inputs
            factors[at : at + 1] = [(right, True), (left, True)] if transposed else [(left, False), (right, False)]
            products.append(x)
        else:
            at += 1
    return factors, products


def _is_open(x: Any, uses: Mapping[Node, int], inside: set[Node]) -> bool:
    return _is_product(x) and x in inside and uses[x] <= 1


def _fits(x: Node, at: int, count: int) -> bool:
    """Whether a product may be replaced by its factors: a vector must be at its own end of the chain."""
    left, right = (np.ndim(value_of_operand(i)) for i in x.inputs)
    return (left == 2 or at == 0) and (right == 2 or at == count - 1)


def _lengths(factors: list[Factor]) -> list[int]:
    """The numbers of rows of the factors, and the columns of the last. A vector counts as a row or a column."""
    shapes = [
        np.shape(value_of_operand(x))[::-1] if transposed else np.shape(value_of_operand(x))
        for x, transposed in factors
    ]
    first, last = shapes[0], shapes[-1]
    rows = [shape[0] for shape in shapes[1:]]
    return [first[0] if len(first) == 2 else 1, *rows, last[1] if len(last) == 2 else 1]


def _cheapest(n: list[int]) -> tuple[int, Any]:
    """The least number of multiplications, and the order as nested pairs of positions."""
    count = len(n) - 1
    best: dict[tuple[int, int], tuple[int, Any]] = {(i, i): (0, i) for i in range(count)}
    for width in range(1, count):
        for i in range(count - width):
            j = i + width
            costs = [best[i, k][0] + best[k + 1, j][0] + n[i] * n[k + 1] * n[j + 1] for k in range(i, j)]
            k = i + int(np.argmin(costs))
            best[i, j] = (costs[k - i], (best[i, k][1], best[k + 1, j][1]))
    return best[0, count - 1]


def _multiplications(product: Node) -> int:
    """The number of multiplications in one product."""
    x, y = (np.shape(value_of_operand(i)) for i in product.inputs)
    return math.prod(x) * (y[1] if len(y) == 2 else 1)


def _reordered(graph: Graph, orders: dict[Node, tuple[list[Factor], Any]]) -> Graph:
    build = Builder({}, Counter(), frozenset(graph.inputs))
    new: dict[Node, Any] = {node: node for node in graph.inputs}

    def now(x: Any) -> Any:
        return new.get(x, x.value) if type(x) is Node else x

    for node in graph.nodes:
        if node in orders:
            factors, order = orders[node]
            made = _built(build, [_as_factor(build, now(x), transposed) for x, transposed in factors], order)
            made.name, made.code, made.lasti = node.name, node.code, node.lasti
            made.must_be_finite = node.must_be_finite
            new[node] = made
        else:
            new[node] = build.make(node.block, [now(x) for x in node.inputs], node.params, like=node)
    return graph_between(graph.inputs, [now(out) for out in graph.outputs])


def _as_factor(build: Builder, x: Any, transposed: bool) -> Any:
    if not transposed or np.ndim(value_of_operand(x)) < 2:
        return x
    return build.call(transpose, x, axes=(-1, -2))


def _built(build: Builder, factors: list[Any], order: Any) -> Any:
    if isinstance(order, int):
        return factors[order]
    return build.call(matmul, *(_built(build, factors, half) for half in order))
