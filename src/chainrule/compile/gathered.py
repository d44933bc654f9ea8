"""Sums of entries that were put at places, as one array of these entries.

A loop over the rows of x reads one row at each step. Its gradient is a sum with a term for each step: an array as large
as x, zero but for one row. Added up one by one they would cost n² for n rows. But their sum is known: each row is what
was put there.
"""

from __future__ import annotations

import functools
from collections import Counter
from typing import Any

import numpy as np

from chainrule.blocks.elementwise import add
from chainrule.blocks.indexing import add_at
from chainrule.compile.lowering_rules import reshaped
from chainrule.compile.making import Maker
from chainrule.compile.values import Value
from chainrule.graph import Graph
from chainrule.node import Node

__all__ = ["Gathered", "gathered", "sum_of_entries"]

REAL = frozenset(map(np.dtype, [np.float32, np.float64]))
FEW = 8
"""Sums of fewer terms stay sums: a kernel computes them in one loop."""


class Gathered:
    """A sum, many of whose terms put entries at places.

    Attributes
    ----------
    axis : the axis along which the places lie.
    at : for each place the nodes that are put there.
    others : the other terms.
    """

    def __init__(self, axis: int):
        self.axis = axis
        self.at: dict[int, list[Any]] = {}
        self.others: list[Any] = []


def gathered(graph: Graph) -> dict[Node, Gathered]:
    """The sums of a graph that have many terms which put entries at places along one axis."""
    uses = Counter(x for node in graph.nodes for x in node.inputs if type(x) is Node)
    uses.update(x for x in graph.outputs if type(x) is Node)
    inside: set[Node] = set()
    found: dict[Node, Gathered] = {}
    for node in reversed(graph.nodes):
        if (
            node.block is not add
            or node in inside
            or np.asarray(node.value).dtype not in REAL
            or not np.size(node.value)
        ):
            continue
        terms: list[Any] = []
        stack = [node.inputs[1], node.inputs[0]]
        while stack:
            term = stack.pop()
            if type(term) is Node and term.block is add and uses[term] == 1 and _is_alike(term, node):
                inside.add(term)
                stack += [term.inputs[1], term.inputs[0]]
            else:
                terms.append(term)
        if len(terms) >= FEW and (made := _split(node, terms, uses)) is not None:
            found[node] = made
    return found


def _is_real(value: Any) -> bool:
    return np.size(value) > 0 and np.asarray(value).dtype in REAL


def _is_alike(x: Any, node: Node) -> bool:
    value, whole = x.value if type(x) is Node else x, node.value
    return np.shape(value) == np.shape(whole) and np.asarray(value).dtype == np.asarray(whole).dtype


def _split(node: Node, terms: list[Any], uses: Counter[Node]) -> Gathered | None:
    """The terms by what they are; None if few put entries at places."""
    places = [_place(term, uses) if _is_alike(term, node) else None for term in terms]
    axes = Counter(place[0] for place in places if place is not None)
    if not axes or max(axes.values()) < FEW:
        return None
    made = Gathered(max(axes, key=lambda axis: axes[axis]))
    for term, place in zip(terms, places, strict=True):
        if place is not None and place[0] == made.axis:
            made.at.setdefault(place[1], []).append(term.inputs[0])
        else:
            made.others.append(term)
    return made


def _place(term: Any, uses: Counter[Node]) -> tuple[int, int] | None:
    """The axis and the place at which a term puts an entry; None if it does something else."""
    if type(term) is not Node or term.block is not add_at or len(term.inputs) != 1 or uses[term] != 1:
        return None
    key, shape = term.params["key"], np.shape(term.value)
    at = [k for k, part in enumerate(key) if type(part) is int]
    if len(at) != 1 or any(part != slice(None) for part in key if type(part) is not int):
        return None
    axis = len(shape) - len(key) + at[0]
    entry = term.inputs[0].value if type(term.inputs[0]) is Node else term.inputs[0]
    if (
        np.shape(entry) != (*shape[:axis], *shape[axis + 1 :])
        or np.asarray(entry).dtype != np.asarray(term.value).dtype
    ):
        return None
    return axis, key[at[0]] % shape[axis]


def sum_of_entries(low: Maker, sums: Gathered, shape: tuple[int, ...], dtype: np.dtype, value: Any) -> Value:
    """The value of such a sum; `value` gives that of a term."""

    def total(terms: list[Any], of: tuple[int, ...]) -> Value:
        return functools.reduce(lambda x, y: low.make("add", [x, y], of, dtype), map(value, terms))

    def part(count: int) -> tuple[int, ...]:
        return (*shape[: sums.axis], count, *shape[sums.axis + 1 :])

    entry = (*shape[: sums.axis], *shape[sums.axis + 1 :])
    parts: list[Value] = []
    end = 0
    for place in [*sorted(sums.at), shape[sums.axis]]:
        if place > end:
            parts.append(low.constant(dtype.type(0), part(place - end), dtype))
        if place in sums.at:
            parts.append(reshaped(low, total(sums.at[place], entry), part(1)))
        end = place + 1
    made = low.make("concatenate", parts, shape, dtype, axis=sums.axis)
    return low.make("add", [total(sums.others, shape), made], shape, dtype) if sums.others else made
