"""Sums of arrays that are zero except for some entries, as one array of these entries.

A loop over the rows of x reads one row at each step. Its gradient is a sum with a term for each step: an array as large
as x, zero but for one row. Adding them one by one costs n² for n rows. But each row of the sum is known:
it is the value that was put there.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import numpy as np

from chainrule.blocks.elementwise import add
from chainrule.blocks.indexing import add_at, add_to_entries
from chainrule.compile.lowering_rules import reshaped
from chainrule.compile.making import Maker
from chainrule.compile.values import Value
from chainrule.graph import Graph
from chainrule.node import Node

__all__ = ["Gathered", "gathered", "sum_of_entries"]

REAL = frozenset(map(np.dtype, [np.float32, np.float64]))
SUMS = frozenset([add, add_to_entries])
FEW = 8
"""Sums of fewer terms are not changed: a kernel computes them in one loop."""


class Gathered:
    """A sum, many of whose terms put entries at places.

    Attributes
    ----------
    axis : the axis along which the places lie; None while no term puts an entry anywhere.
    at : for each place, the value that is put there.
    others : the other terms.
    """

    def __init__(self) -> None:
        self.axis: int | None = None
        self.at: dict[int, list[Any]] = {}
        self.others: list[Any] = []

    def takes(self, node: Node, entry: Any) -> bool:
        """Take a node's entry, if its key is one place along the axis."""
        key, shape = node.params["key"], np.shape(node.value)
        at = [k for k, part in enumerate(key) if type(part) is int]
        if len(at) != 1 or any(part != slice(None) for part in key if type(part) is not int):
            return False
        axis = len(shape) - len(key) + at[0]
        if self.axis not in (None, axis) or not _has_form(entry, (*shape[:axis], *shape[axis + 1 :]), node):
            return False
        self.axis = axis
        self.at.setdefault(key[at[0]] % shape[axis], []).append(entry)
        return True


def gathered(graph: Graph) -> dict[Node, Gathered]:
    """The sums of a graph that have many terms which put entries at places along one axis."""
    uses = Counter(x for node in graph.nodes for x in node.inputs if type(x) is Node)
    uses.update(x for x in graph.outputs if type(x) is Node)
    inside: set[Node] = set()
    found: dict[Node, Gathered] = {}
    for node in reversed(graph.nodes):
        if node.block not in SUMS or node in inside or not _is_real(node.value):
            continue
        sums, stack, shape = Gathered(), [node], np.shape(node.value)
        while stack:
            term = stack.pop()
            mine = term is node or (type(term) is Node and uses[term] == 1 and _has_form(term, shape, node))
            if mine and term.block is add_at and len(term.inputs) == 1 and sums.takes(term, term.inputs[0]):
                continue
            if mine and term.block is add_to_entries and len(term.inputs) == 2 and sums.takes(term, term.inputs[1]):
                stack.append(term.inputs[0])
            elif mine and term.block is add:
                stack += [term.inputs[1], term.inputs[0]]
            else:
                sums.others.append(term)
                continue
            inside.add(term)
        if node in inside and sum(map(len, sums.at.values())) >= FEW:
            found[node] = sums
    return found


def _is_real(value: Any) -> bool:
    return np.size(value) > 0 and np.asarray(value).dtype in REAL


def _has_form(x: Any, shape: tuple[int, ...], node: Node) -> bool:
    """Whether an operand has a shape, and the dtype of a node."""
    value = x.value if type(x) is Node else x
    return np.shape(value) == shape and np.asarray(value).dtype == np.asarray(node.value).dtype


def sum_of_entries(low: Maker, sums: Gathered, shape: tuple[int, ...], dtype: np.dtype, value: Any) -> Value:
    """The value of such a sum; `value` gives that of a term."""
    axis = sums.axis
    assert axis is not None

    def total(terms: list[Any], of: tuple[int, ...]) -> Value:
        return functools.reduce(lambda x, y: low.make("add", [x, y], of, dtype), map(value, terms))

    def part(count: int) -> tuple[int, ...]:
        return (*shape[:axis], count, *shape[axis + 1 :])

    entry = (*shape[:axis], *shape[axis + 1 :])
    parts: list[Value] = []
    end = 0
    for place in [*sorted(sums.at), shape[axis]]:
        if place > end:
            parts.append(low.constant(dtype.type(0), part(place - end), dtype))
        if place in sums.at:
            parts.append(reshaped(low, total(sums.at[place], entry), part(1)))
        end = place + 1
    made = low.make("concatenate", parts, shape, dtype, axis=axis)
    return low.make("add", [total(sums.others, shape), made], shape, dtype) if sums.others else made
