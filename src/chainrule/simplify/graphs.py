"""Simplify a graph: an equal one, with fewer or cheaper blocks, to be run in place of the original."""

from __future__ import annotations

from collections import Counter
from typing import Any

from chainrule.graph import Graph, graph_between
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.forms import Forms
from chainrule.simplify.products import associate
from chainrule.simplify.rules import FOR_COMPUTATIONS

__all__ = ["simplify_graph"]

PASSES = 6


def simplify_graph(graph: Graph) -> Graph:
    """An equal graph for computations: same inputs, equal outputs, fewer or cheaper blocks.

    Values, NaN, infinities, signed zeros, dtypes and shapes stay as they are, up to rounding, with these exceptions:
    - Where the original over- or underflows a stable form may give the value that mathematics has
      (`log(1 + exp(x))` at 1000 is 1000, not inf).
    - The zeros of one-hot matrices (labels, the seeds of Jacobians) are absent, not multiplied: NaN beside one is left out.
    - Products are associated by cost. That may over- or underflow where a product of some factors alone does.

    >>> import numpy as np
    >>> from chainrule.graph import record_graph
    >>> graph = simplify_graph(record_graph(lambda x: np.log(1 + np.exp(x)), np.array([1000.0, -1000.0])))
    >>> [node.block.name for node in graph.nodes]
    ['softplus']
    >>> graph.run(np, graph.inputs[0].value[None])
    (array([1000.,    0.]),)
    """
    for _ in range(PASSES):
        simpler = associate(_rebuilt(graph))
        if simpler.nodes == graph.nodes:
            break
        graph = simpler
    return graph


def uses_of(graph: Graph) -> Counter[Node]:
    """How many other nodes use each node, and how often it is an output."""
    uses: Counter[Node] = Counter()
    for node in graph.nodes:
        uses.update({x for x in node.inputs if type(x) is Node})
    uses.update(out for out in graph.outputs if type(out) is Node)
    return uses


def _rebuilt(graph: Graph) -> Graph:
    """Each node made again from its simplified operands, oldest first."""
    build = Builder(FOR_COMPUTATIONS, uses_of(graph), frozenset(graph.inputs))
    build.forms = Forms(build)
    new: dict[Node, Any] = {node: node for node in graph.inputs}
    for node in graph.nodes:
        operands = [new.get(x, x.value) if type(x) is Node else x for x in node.inputs]
        new[node] = build.make(node.block, operands, node.params, like=node)
    outputs = [new.get(out, out.value) if type(out) is Node else out for out in graph.outputs]
    return graph_between(graph.inputs, outputs)
