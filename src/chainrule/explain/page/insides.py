"""The inside of composite blocks: forward and backward pass as rows, like those of the explanation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.backward import backpropagate, find_path
from chainrule.errors import CannotRecord
from chainrule.explain.data import Data
from chainrule.explain.notation import constant_formula, step_formula
from chainrule.explain.reader import RuleReader
from chainrule.explain.steps import Explained, Factor
from chainrule.formula import Formula, name
from chainrule.graph import Graph, inside
from chainrule.node import Node
from chainrule.watching.names import Names

__all__ = ["Row", "rows_of"]

LARGEST = 60
"""A block with more blocks than this inside stays closed."""
BUDGET = 300
"""The largest number of blocks shown inside others, in total."""
DEEP = 2


@dataclass
class Row:
    """One block as the page shows it, of the function itself or inside a composite block.

    Attributes
    ----------
    node : the recorded node.
    name : the name of its value.
    formula : the block over its operands' names; None for an input.
    operands : the positions of its operands' rows, in the order of the block's operands; None for constants.
    gradient : ∂L/∂value, or None.
    factors : the contributions to its gradient; both through a composite block, and through the blocks inside it.
    scope : as in `Step.scope`.
    within : the position of the row of the composite block around it, or None.
    out : for a composite block, the position of the row inside it that has its result; else None.
    """

    node: Node
    name: Formula
    formula: Formula | None
    operands: tuple[int | None, ...]
    gradient: Any
    factors: tuple[Factor, ...]
    scope: int | None = None
    within: int | None = None
    out: int | None = None


def rows_of(explanation: Explained) -> list[Row]:
    """The rows of the forward pass in order, followed by those inside of composite blocks."""
    symbols = {node: step.name for node, step in zip(explanation.nodes, explanation.forward, strict=True)}
    gradients = {g.name.parts[1]: g for g in explanation.backward}
    places = {node: place for place, node in enumerate(explanation.nodes)}
    rows = []
    for node, step in zip(explanation.nodes, explanation.forward, strict=True):
        g = gradients.get(step.name)
        operands = () if step.formula is None else _operands(node, places)
        rows.append(Row(node, step.name, step.formula, operands, g and g.value, g.factors if g else (), step.scope))
    _open_all(explanation, rows, symbols, places)
    return rows


def _operands(node: Node, places: Mapping[Node, int]) -> tuple[int | None, ...]:
    return tuple(places.get(i) if type(i) is Node else None for i in node.inputs)


def _open_all(explanation: Explained, rows: list[Row], symbols: dict[Node, Formula], places: dict[Node, int]) -> None:
    """Append the rows inside of composite blocks, recursively, up to `BUDGET`."""
    taken = {f.text for f in symbols.values()}
    room = BUDGET
    depth = dict.fromkeys(range(len(rows)), 0)
    place = 0
    while place < len(rows) and room > 0:
        row = rows[place]
        if row.formula is not None and row.gradient is not None and depth[place] < DEEP:
            found = list(_inside(explanation, row, place, len(rows), taken, rows))
            if found and len(found) <= room:
                depth.update(dict.fromkeys(range(len(rows), len(rows) + len(found)), depth[place] + 1))
                row.out = len(rows) + len(found) - 1
                rows.extend(found)
                room -= len(found)
        place += 1


def _inside(
    explanation: Explained, row: Row, place: int, start: int, taken: set[str], rows: list[Row]
) -> Iterator[Row]:
    """The rows inside of one block; none if it has no inside to show."""
    graph = _graph(row.node)
    if graph is None:
        return
    (out,) = graph.outputs
    nodes = list(graph.nodes)
    outer = [operand for operand in row.operands if operand is not None]
    if len(outer) != len(graph.inputs):
        return
    symbols = {node: rows[operand].name for node, operand in zip(graph.inputs, outer, strict=True)}
    symbols[out] = row.name
    named = Names([n for n in nodes if n is not out], out, set(taken), explanation.plain)
    for node in nodes:
        if node is not out:
            symbols[node] = name(named.of[node], np.shape(node.value))
    taken |= {f.text for f in symbols.values()}
    places = dict(zip(graph.inputs, outer, strict=True)) | {node: start + i for i, node in enumerate(nodes)}

    data = Data(explanation.plain)

    def constants(x: Any) -> Formula:
        return constant_formula(x, data)

    def symbol(x: Any) -> Formula:
        if type(x) is Node:
            return symbols[x] if x in symbols else constants(x.value)
        return constants(x)

    path = find_path(graph.inputs, [out])
    with np.errstate(all="ignore"):
        found = backpropagate(path, {out: np.asarray(row.gradient)[()]}, recorded=False)
        gradients = {node: value_of(g) for node, g in found.items() if g is not None}
    values = {node: gradients.get(node, np.zeros_like(node.value)) for node in (*path.inputs, *path.between)}
    factors = RuleReader(symbols, explanation.loss, values, constants, places).factors(path)
    for node, operand in zip(graph.inputs, outer, strict=True):
        rows[operand].factors += tuple(factors.get(node, ()))
    for node in nodes:
        yield Row(
            node,
            symbols[node],
            step_formula(node, symbol),
            _operands(node, places),
            gradients.get(node),
            tuple(factors.get(node, ())),
            within=place,
        )


def _graph(node: Node) -> Graph | None:
    """The graph inside a block, if it is more than one block and gives the same value."""
    try:
        with np.errstate(all="ignore"):
            graph = inside(node)
    except CannotRecord:  # it has no inside to show
        return None
    (out,) = graph.outputs
    if not 1 < len(graph.nodes) <= LARGEST or type(out) is not Node or out is not graph.nodes[-1]:
        return None
    same = np.shape(out.value) == np.shape(node.value) and np.allclose(out.value, node.value, equal_nan=True)
    return graph if same else None
