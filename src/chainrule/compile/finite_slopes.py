"""Small slopes that multiply large stacks of cotangents are taken for finite: then nothing is masked.

The cotangents of a Jacobian are a stack of as many as the result has entries, and all meet the same slopes. Where these
are finite, a masked product is a plain one, whose factors move and cancel freely. So the compiled function looks
whether they are, in a pass over the slopes alone; where one is not, it takes another path, whose products are masked.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from chainrule.block import product_or_zero, unless_masked
from chainrule.blocks.elementwise import isfinite, multiply
from chainrule.blocks.reductions import all_
from chainrule.blocks.shaping import broadcast_to
from chainrule.graph import Graph, graph_between
from chainrule.node import Node
from chainrule.simplify.builder import Builder

__all__ = ["with_finite_slopes"]

TIMES = 8
"""How many times as large as a slope what it multiplies must be."""


def with_finite_slopes(graph: Graph) -> Graph:
    """The graph with plain products for masked ones with small slopes; further outputs say that these are finite.

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
