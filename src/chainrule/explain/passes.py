"""The steps of the forward and of the backward pass of a recording, as an explanation shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.explain.closed import ClosedForms
from chainrule.explain.notation import step_formula
from chainrule.explain.reader import RuleReader
from chainrule.explain.results import Result
from chainrule.explain.steps import ClosedForm, Gradient, Step
from chainrule.formula import Formula, partial
from chainrule.graph import nodes_above
from chainrule.node import Node
from chainrule.recording import Recording

__all__ = ["backward_steps", "closed_forms_of", "forward_nodes", "forward_steps"]


def forward_nodes(recording: Recording, loss: Node) -> list[Node]:
    """All nodes from the inputs to the loss, including those without a gradient (a comparison, say)."""
    return sorted({*recording.inputs, *nodes_above(loss, _Outside(recording.inputs))}, key=lambda node: node.order)


class _Outside:
    """The set of the inputs and all nodes older than the recording, such as a variable captured by the function."""

    def __init__(self, inputs: list[Node]):
        self.inputs = set(inputs)
        self.start = min(node.order for node in inputs)

    def __contains__(self, node: object) -> bool:
        return isinstance(node, Node) and (node in self.inputs or node.order < self.start)


def forward_steps(
    recording: Recording,
    nodes: Sequence[Node],
    symbols: Mapping[Node, Formula],
    constants: Callable[[Any], Formula],
    innermost: Sequence[int | None],
) -> tuple[Step, ...]:
    """The steps of the forward pass; `innermost` has the scope of each node."""

    def symbol(x: Any) -> Formula:
        return symbols[x] if type(x) is Node else constants(x)

    outside = _Outside(recording.inputs)
    places = {node: place for place, node in enumerate(nodes)}
    return tuple(
        Step(symbols[node], None, "input", node.value, None)
        if node.block is None or node in outside
        else Step(
            symbols[node],
            step_formula(node, symbol),
            node.block.name,
            node.value,
            node.line,
            tuple(places[i] for i in node.inputs if type(i) is Node),
            scope,
        )
        for node, scope in zip(nodes, innermost, strict=True)
    )


def backward_steps(
    recording: Recording,
    loss: Node,
    nodes: Sequence[Node],
    symbols: dict[Node, Formula],
    constants: Callable[[Any], Formula],
    gradients: Mapping[Node, Any],
) -> tuple[Gradient, ...]:
    """∂L/∂x for each step and input, as the sum over the blocks that use it, with their rules and local gradients."""
    top = symbols[loss]
    values = {node: _plain_gradient(g, node) for node, g in gradients.items()}
    places = {node: place for place, node in enumerate(nodes)}
    factors = RuleReader(symbols, top, values, constants, places).factors(recording.path)
    return tuple(
        Gradient(partial(top, symbols[node]), tuple(factors.get(node, ())), values[node])
        for node in _backward_order(recording)
    )


def _backward_order(recording: Recording) -> list[Node]:
    """The nodes from the loss to the inputs; the inputs in the order of the arguments."""
    return [*reversed(recording.path.between), *recording.inputs]


def _plain_gradient(g: Any, node: Node) -> Any:
    return np.zeros_like(node.value) if g is None else value_of(g)


def closed_forms_of(
    recording: Recording,
    loss: Node,
    gradients: Mapping[Node, Any],
    symbols: dict[Node, Formula],
    closed: ClosedForms,
    result: Result | None,
) -> list[ClosedForm]:
    """∂L/∂x as formulas over the names of the forward pass, if short enough to read; intermediates first.

    Only inputs and values with names have one; unnamed values are expanded in the formulas.
    """
    given = loss if result is None else result.node
    found = []
    for node in _backward_order(recording):
        g = gradients[node]
        if g is None or node in (loss, given) or not (node.name or node in recording.inputs):
            continue
        f = closed.of(node_of(g) if type(g) is Array else g)
        if f is not None:
            found.append(ClosedForm(partial(symbols[loss], symbols[node]), f))
    return found
