"""Assumes that small slopes that multiply large stacks of cotangents are finite, so that no masks are needed.

The cotangents of a Jacobian are a stack with one cotangent for each entry of the result, and all are multiplied by the
same slopes. If the slopes are finite, a masked product equals a plain product, whose factors can be reordered and
cancelled. So the compiled function first checks the slopes alone; if one is not finite, it takes another path with
masked products.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from chainrule.block import product_or_zero, unless_masked
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.reductions import all_
from chainrule.blocks.shaping import broadcast_to
from chainrule.blocks.step_functions import isfinite
from chainrule.graph import Graph, graph_between
from chainrule.node import Node
from chainrule.simplify.builder import Builder

__all__ = ["with_finite_slopes"]

TIMES = 8
"""A slope is checked if the array that it multiplies is at least this many times as large."""


def with_finite_slopes(graph: Graph) -> Graph:
    """The graph with plain products in place of masked ones with small slopes; extra outputs check these slopes.

    A slope that is not finite in the recording keeps its masks.
    """
    if not any(_is_plain_if_finite(node) for node in graph.nodes):
        return graph
    build = Builder({}, Counter(), frozenset(graph.inputs))
    new: dict[Node, Any] = {node: node for node in graph.inputs}
    slopes: dict[Node, None] = {}

    def now(x: Any) -> Any:
        return new.get(x, x.value) if type(x) is Node else x

    for node in graph.nodes:
        operands = [now(x) for x in node.inputs]
        if not _is_plain_if_finite(node):
            new[node] = build.make(node.block, operands, node.params, like=node)
        else:
            slopes[operands[-1]] = None
            if node.block is product_or_zero:
                new[node] = build.call(multiply, *operands)
            else:
                new[node] = build.call(broadcast_to, operands[0], shape=np.shape(node.value))
        if node.must_be_finite and type(new[node]) is Node:
            new[node].must_be_finite = True
    finite = [build.call(all_, build.call(isfinite, x), axis=None) for x in slopes]
    outputs = [now(out) for out in graph.outputs]
    return graph_between(graph.inputs, [*outputs, *finite])


def _is_plain_if_finite(node: Node) -> bool:
    if node.block not in (product_or_zero, unless_masked) or type(node.inputs[-1]) is not Node:
        return False
    slope = node.inputs[-1].value
    if np.size(node.value) < TIMES * np.size(slope) or np.asarray(slope).dtype.kind != "f":
        return False
    return bool(np.isfinite(slope).all())
