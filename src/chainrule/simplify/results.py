"""Simplify a result for printing: rebuild it from its leaves up in the simplest form, sharing equal nodes.

The new form is recorded, so a simplified result has a value and can be compared with the original.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import product_or_zero, unless_masked
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.integers import as_known
from chainrule.graph import nodes_above
from chainrule.node import Node, value_of_operand
from chainrule.simplify.builder import Builder, shape_and_dtype
from chainrule.simplify.reals import Reals
from chainrule.simplify.rules import FOR_READING

__all__ = ["simplify"]


def simplify(result: Any, leaves: Container[Node] = (), size: int = 400) -> Any:
    """An equal result, recorded with fewer blocks.

    The identities hold for real numbers: they may cancel factors such as p/p, so NaN and Inf may differ.

    Parameters
    ----------
    result : a recorded array (a plain one is returned unchanged).
    leaves : nodes that are not changed.
    size : a result of more blocks than this is returned unchanged.

    >>> import numpy as np, chainrule as cr
    >>> p = cr.variable(np.array([0.2, 0.3, 0.5]), name="p")
    >>> simplify(p * 1 + 0 * p)
    Array([0.2, 0.3, 0.5], name='p')
    """
    if type(result) is not Array:
        return result
    order = nodes_above(node_of(result), leaves, size)
    if len(order) > size:
        return result
    build = Reader(leaves)
    new: dict[Node, Any] = {}
    for node in order:
        if node.block is None or node in build.leaves:
            new[node] = node
        else:
            inputs, params = as_known(node)
            operands = tuple(new[i] if type(i) is Node else i for i in inputs)
            new[node] = build.simplest(node.block, operands, params, node.value)
    found = new[node_of(result)]
    return Array(found) if type(found) is Node else found


class Reader(Builder):
    """Makes nodes for a formula, with the rules for reading and with sums of products multiplied out."""

    def __init__(self, leaves: Container[Node]):
        super().__init__({}, Counter(), leaves)
        self.reals = Reals(self)

    def is_pure(self, block: Any) -> bool:
        return True  # a formula is not computed with

    def has_absent_zeros(self, x: Any) -> bool:
        return type(x) is np.ndarray  # formulas are about real numbers, without NaN

    def simplest(self, block: Any, operands: tuple[Any, ...], params: dict[str, Any], value: Any) -> Any:
        """A block simplified by the rules if possible; else the block itself.

        A product that masks infinite local derivatives is a plain product if the derivative is finite.
        """
        if block in (product_or_zero, unless_masked) and np.all(np.isfinite(value_of_operand(operands[-1]))):
            if block is product_or_zero:
                block = multiply
            elif np.shape(value_of_operand(operands[0])) == np.shape(value):
                return operands[0]
        for rule in FOR_READING.get(block, ()):
            found = rule.apply(self, operands, params)
            if found is not None and np.shape(found.value if type(found) is Node else found) == np.shape(value):
                return found
        made = self.make(block, operands, params)
        found = self.reals.simplest(made) if type(made) is Node else None
        if found is None or shape_and_dtype(found) != shape_and_dtype(made) or self.cost(found) >= self.cost(made):
            return made
        return found

    def cost(self, x: Any) -> int:
        """The number of blocks between a result and the leaves."""
        if type(x) is not Node:
            return 0
        return sum(n.block is not None and n not in self.leaves for n in nodes_above(x, self.leaves))
