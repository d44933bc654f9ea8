"""Simplify a graph into an equal one with fewer or cheaper blocks, to be run in its place."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Container
from typing import Any

from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import negative
from chainrule.graph import Graph, graph_between
from chainrule.libraries import is_inexact
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.forms import Forms
from chainrule.simplify.products import associate, uses_of
from chainrule.simplify.rules import FOR_COMPUTATIONS
from chainrule.simplify.structure import is_result_of

__all__ = ["simplify_graph"]

PASSES = 8
NEAR = 4
"""The number of levels of operands that the rules of a node read."""


def simplify_graph(graph: Graph) -> Graph:
    """An equal graph to compute with: same inputs, equal outputs, fewer or cheaper blocks.

    Values, NaN, infinities, signed zeros, dtypes and shapes do not change, up to rounding, with these exceptions:
    - Where the original over- or underflows a stable form may give the mathematically correct value
      (`log(1 + exp(x))` at 1000 is 1000, not inf).
    - The zeros of labels' one-hot rows and of the seeds of Jacobians are absent, not multiplied: a NaN times such a
      zero is dropped (see `chainrule.absent`).
    - Products are associated by cost, and common factors taken out of sums. That may over- or underflow if an
      intermediate product or sum does.

    >>> import numpy as np
    >>> from chainrule.graph import record_graph
    >>> graph = simplify_graph(record_graph(lambda x: np.log(1 + np.exp(x)), np.array([1.0, -1.0])))
    >>> [node.block.name for node in graph.nodes]
    ['softplus']
    >>> graph.run(np, [np.array([1000.0, -1000.0])])
    (array([1000.,    0.]),)
    """
    simplest: set[Node] = set()
    before: Counter[Node] = Counter()
    for _ in range(PASSES):
        uses = uses_of(graph)
        # A node in its simplest form is rebuilt only if a node near it has changed.
        changed = {node for node in graph.nodes if node not in simplest or (before[node] > 1) != (uses[node] > 1)}
        simpler = associate(_rebuilt(graph, uses, changed))
        if all(map(operator.is_, simpler.outputs, graph.outputs)):
            break
        graph, before = simpler, uses  # `uses` now counts the new nodes too
        simplest.update(graph.nodes)
    return graph


def _rebuilt(graph: Graph, uses: Counter[Node], changed: Container[Node]) -> Graph:
    """Rebuild each node from its simplified operands, oldest first, if it or a node near it has changed."""
    build = Builder(FOR_COMPUTATIONS, uses, frozenset(graph.inputs))
    build.forms = Forms(build)
    new: dict[Node, Any] = {node: node for node in graph.inputs}
    near: dict[Node, int] = {}
    negated = {node.inputs[0].inputs[0] for node in graph.nodes if _is_sigmoid_of_negative(node)}
    build.negated.update(x for x in negated if x in new)
    for node in graph.nodes:
        inputs = [x for x in node.inputs if type(x) is Node]
        near[node] = NEAR if node in changed else max([near.get(x, 0) for x in inputs]) - 1
        if near[node] <= 0 and all(new.get(x) is x for x in inputs):
            new[node] = build.keep(node)
        else:
            operands = [new.get(x, x.value) if type(x) is Node else x for x in node.inputs]
            new[node] = build.make(node.block, operands, node.params, like=node)
        if node.must_be_finite and type(new[node]) is Node:
            new[node].must_be_finite = True
        if node in negated:
            build.negated.add(new[node])
    outputs = [new.get(out, out.value) if type(out) is Node else out for out in graph.outputs]
    return graph_between(graph.inputs, outputs)


def _is_sigmoid_of_negative(node: Node) -> bool:
    if node.block is not sigmoid:
        return False
    inner = node.inputs[0]
    return is_result_of(inner, negative) and type(inner.inputs[0]) is Node and is_inexact(inner.value)
