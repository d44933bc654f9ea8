"""Leaving out the steps that only hand a value on: float(x), x.item(), a cast to the dtype that it has, 0 + x.

They are recorded because the result is another object, or of another class, or because Python's sum begins with 0 and
math.prod with 1. They tell a reader nothing, unless the result has a name of its own.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.backward import find_path
from chainrule.blocks.copies import cast, copy
from chainrule.blocks.elementwise import add, multiply
from chainrule.blocks.shaping import reshape
from chainrule.graph import nodes_above
from chainrule.inputs import alias
from chainrule.node import Node
from chainrule.recording import Recording

__all__ = ["without_steps_that_hand_on"]

HAND_ON = frozenset([alias, cast, copy, reshape])
"""Blocks whose result is their operand, if it has the operand's shape and dtype."""


NEUTRAL = {add: 0, multiply: 1}
"""Blocks whose result is the one operand if the other is this integer, as a program writes it."""


def without_steps_that_hand_on(recording: Recording) -> Recording:
    """The recording without these steps; the same one if there are none."""
    ends = [node_of(out) for out in recording.outputs if type(out) is Array]
    start = min((node.order for node in recording.inputs), default=0)
    above = {node for end in ends for node in nodes_above(end, {*recording.inputs})}
    nodes = sorted((node for node in above if node.order > start and node.block is not None), key=attrgetter("order"))
    if all(_place(node) is None for node in nodes):
        return recording
    new: dict[Node, Node] = {}
    for node in nodes:
        operands = tuple(new.get(x, x) if type(x) is Node else x for x in node.inputs)
        new[node] = _handed_on(node, operands, node in ends) or _remade(node, operands)
    outputs = [Array(new[node_of(out)]) if type(out) is Array else out for out in recording.outputs]
    path = find_path(recording.inputs, [node_of(out) for out in outputs if type(out) is Array])
    return recording._replace(outputs=outputs, path=path)


def _place(node: Node) -> int | None:
    """Which operand a step hands on; None if it computes something."""
    if node.block in HAND_ON:
        place = 0
    elif node.block in NEUTRAL:
        neutral = [type(x) is int and x == NEUTRAL[node.block] for x in node.inputs]
        if True not in neutral:
            return None
        place = 1 - neutral.index(True)
    else:
        return None
    return place if _is_equal(node.inputs[place], node) else None


def _is_equal(x: Any, node: Node) -> bool:
    """Whether the value of a step is that of its operand; an alias may be NumPy's value, rounded differently."""
    if type(x) is not Node or np.shape(x.form) != np.shape(node.form):
        return False
    return np.result_type(x.form) == np.result_type(node.form) and np.array_equal(x.value, node.value, equal_nan=True)


def _handed_on(node: Node, operands: tuple[Any, ...], is_end: bool) -> Node | None:
    """The operand in the place of a step that hands it on, with its name; None if the step is to be kept."""
    place = _place(node)
    if place is None:
        return None
    x: Node = operands[place]
    if x.block is None:
        return x if node.name in (None, x.name) and not is_end else None
    if None not in (node.name, x.name) and node.name != x.name:
        return None
    x.name = x.name or node.name
    return x


def _remade(node: Node, operands: tuple[Any, ...]) -> Node:
    """The step on other operands, at its place in time."""
    made = node.remade(node.block, operands, node.params)
    made.order = node.order
    return made
