"""Results that are 0 except on a diagonal: δ_ij q, where δ is the seed of a Jacobian.

Only the diagonal is computed and written. The memory around it is zero from the start.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import Any, NamedTuple

import numpy as np

from chainrule import absent
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.shaping import reshape
from chainrule.compile.lowering_rules import as_dtype
from chainrule.compile.making import Maker
from chainrule.compile.values import Value
from chainrule.constants import times_identity
from chainrule.graph import Graph
from chainrule.node import Node

__all__ = ["Diagonal", "diagonal", "diagonals"]

SMALL = 64
"""A result with fewer entries is computed as an ordinary product."""


class Diagonal(NamedTuple):
    """A result c δ q.

    Attributes
    ----------
    pairs : axes along which the indices must be equal.
    number : c.
    q : the operand.
    """

    pairs: tuple[tuple[int, int], ...]
    number: Any
    q: Any


def diagonals(graph: Graph) -> dict[Node, Diagonal]:
    """The products with the seed of a Jacobian that are results of the graph, and not used elsewhere."""
    users: dict[Node, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        for x in {x for x in node.inputs if type(x) is Node}:
            users[x].append(node)
    found: dict[Node, Diagonal] = {}
    results = {out for out in graph.outputs if type(out) is Node}
    for node in reversed(graph.nodes):
        if node in results and node.block is reshape and not users[node]:
            results.add(node.inputs[0])
        if node in results and node.block is multiply and all(u in results and u.block is reshape for u in users[node]):
            for delta, q in (node.inputs, node.inputs[::-1]):
                how = _pairs(delta, np.ndim(node.value))
                if (
                    how is not None
                    and np.size(node.value) >= SMALL
                    and np.size(q)
                    and q.value.dtype == node.value.dtype
                ):
                    found[node] = Diagonal(*how, q)
    return found


def _pairs(delta: Any, axes: int) -> tuple[tuple[tuple[int, int], ...], Any] | None:
    """For c δ in an array of `axes` axes, the pairs of axes and c; None for any other operand."""
    if not isinstance(delta, np.ndarray) or not absent.has_absent_zeros(delta):
        return None
    own = [a for a, n in enumerate(delta.shape) if n != 1]
    rows, columns = own[: len(own) // 2], own[len(own) // 2 :]
    if [delta.shape[a] for a in rows] != [delta.shape[a] for a in columns]:
        return None
    n = math.prod(delta.shape[a] for a in rows)
    number = times_identity(delta.reshape(n, n))
    start = axes - delta.ndim
    return (
        None if number is None else (tuple((a + start, b + start) for a, b in zip(rows, columns, strict=True)), number)
    )


def diagonal(low: Maker, node: Node, how: Diagonal, q: Value) -> Value:
    """The value of such a result."""
    shape, dtype = np.shape(node.value), np.asarray(node.value).dtype
    q = as_dtype(low, q, dtype)
    if how.number != 1:
        q = low.make("multiply", [low.constant(dtype.type(how.number)), q], q.shape, dtype)
    return low.make("diagonal", [q], shape, dtype, pairs=how.pairs)
