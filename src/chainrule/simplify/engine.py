"""The engine: rebuild a recording from its leaves up, sharing what is equal and rewriting what has a simpler form.

It records the new form as it goes, so a simplified result carries its value and can be compared with the original.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import Any

import numpy as np

from chainrule.array import Array, record
from chainrule.graph import nodes_above
from chainrule.node import Node
from chainrule.simplify.polynomials import Polynomials
from chainrule.simplify.rules import RULES

__all__ = ["simplify"]


def simplify(result: Any, leaves: Container[Node] = (), size: int = 400) -> Any:
    """An equal result, recorded with fewer blocks.

    The identities hold for real numbers: they may cancel factors such as p/p, so NaN and Inf may differ.

    Parameters
    ----------
    result : a recorded array (a plain one is returned as it is).
    leaves : nodes that are not looked into.
    size : a result of more blocks than this is returned as it is.

    >>> import numpy as np, chainrule as cr
    >>> p = cr.variable(np.array([0.2, 0.3, 0.5]), name="p")
    >>> simplify(p * 1 + 0 * p)
    Array([0.2, 0.3, 0.5], name='p')
    """
    if type(result) is not Array:
        return result
    order = nodes_above(result._node, leaves, size)
    if len(order) > size:
        return result
    build = Builder(leaves)
    new: dict[Node, Any] = {}
    for node in order:
        if node.block is None or node in build.leaves:
            new[node] = Array(node)
        else:
            operands = [new[i] if type(i) is Node else i for i in node.inputs]
            new[node] = build.simplest(node.block, operands, node.params, node.value)
    return new[result._node]


class Builder:
    """Records blocks, each equal one only once, in their simplest form."""

    def __init__(self, leaves: Container[Node]):
        self.leaves = leaves
        self.polynomials = Polynomials(self)
        self._known: dict[Any, Any] = {}

    def block(self, block: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """The block applied to the operands; the same node as last time if they are the same."""
        if not any(type(x) is Array for x in operands):
            return block(*operands, **params)
        key = (block.name, tuple(_key(x) for x in operands), repr(sorted(params.items())))
        if key not in self._known:
            self._known[key] = record(block, tuple(operands), params)
        return self._known[key]

    def simplest(self, block: Any, operands: Sequence[Any], params: dict[str, Any], value: Any) -> Any:
        """What the rules make of a block, if they make it simpler; else the block itself."""
        for rule in RULES.get(block.name, ()):
            found = rule(*operands, **params)
            if found is not None and np.shape(_value(found)) == np.shape(value):
                return found
        made = self.block(block, operands, params)
        expanded = self.polynomials.simpler(made)
        return made if expanded is None else expanded

    def cost(self, x: Any) -> int:
        """How many blocks stand between a result and the leaves."""
        return (
            sum(n.block is not None and n not in self.leaves for n in nodes_above(x._node, self.leaves))
            if type(x) is Array
            else 0
        )


def _value(x: Any) -> Any:
    return x._node.value if type(x) is Array else x


def _key(x: Any) -> Any:
    if type(x) is Array:
        return x._node
    x = np.asarray(x)
    return (x.dtype.str, x.shape, x.tobytes())
