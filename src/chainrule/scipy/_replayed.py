"""Recorded steps of a callback as a function: recorded again on other values, or computed on plain ones."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.array import Array, node_of, read
from chainrule.block import Block
from chainrule.errors import RecordingError
from chainrule.libraries import NUMPY_NAMESPACE
from chainrule.node import Node
from chainrule.step import record

__all__ = ["OtherSteps", "Replayed", "Solved"]


class OtherSteps(RecordingError):
    """Recorded steps of a callback are not those for other numbers."""


class Solved(Block):
    """A step whose value SciPy has computed.

    Attributes
    ----------
    is_fixed : whether its value is known for the recorded operands only.
    """

    is_fixed = True


class Replayed:
    """Recorded steps of a callback as a function of its arguments and of the values from outside.

    They are recorded again on other values, or computed on plain ones.

    Attributes
    ----------
    inputs : the arguments, then the values from outside, those that have no derivative last.
    results : the result; and the derivative, if the callback returns it too.
    decisions : the values that decided which steps these are.
    """

    def __init__(
        self,
        arguments: Sequence[Node],
        outside: Sequence[Node],
        fixed: Sequence[Node],
        results: Sequence[Any],
        decisions: dict[Node, str],
        start: int,
    ):
        self.arguments, self.inputs, self.results = arguments, [*arguments, *outside, *fixed], results
        self.result, self.decisions = results[0], decisions
        last = [node_of(result) for result in results if type(result) is Array]
        self.steps = _steps_since(start, [*last, *decisions], set(self.inputs))
        self.steps_of_result = _steps_since(start, last[:1], set(self.inputs)) if type(self.result) is Array else []

    def __call__(self, *values: Any) -> Any:
        if type(self.result) is not Array:
            return self.result
        return self._recorded(self.steps_of_result, values).get(node_of(self.result), self.result)

    def _recorded(self, steps: Sequence[Node], values: Sequence[Any]) -> dict[Node, Any]:
        made: dict[Node, Any] = dict(zip(self.inputs, values, strict=False))
        for node in steps:
            operands = [x if x.__class__ is not Node else made[x] if x in made else Array(x) for x in node.inputs]
            result = record(node.block, tuple(operands), node.params)
            made[node] = result if any(type(x) is Array for x in operands) else node_of(result).value
        return made

    def guard(self, *values: Any) -> None:
        """Guard a compiled function by the decisions for these recorded values."""
        made = self._recorded(self.steps, values) if self.decisions else {}
        for node in self.decisions:
            read(node_of(made[node]), "error")

    def plain(self, *values: Any) -> Any:
        """The result for plain values, or all results. Raises where they lead to other decisions."""
        for node, value in zip(self.arguments, values, strict=False):
            if np.shape(value) != np.shape(node.value):
                raise OtherSteps("the solver has asked for a value of another shape")
        constants, tape, places = self._numbered
        made = [*values, *constants]
        for node, operands, decided in tape:
            made.append(node.block.forward(NUMPY_NAMESPACE, *[made[i] for i in operands], **node.params))
            if decided is not None and not np.array_equal(made[-1], decided):
                raise OtherSteps("a branch in a callback took another way")
        found = []
        for result in self.results:
            last = node_of(result) if type(result) is Array else None
            value = result if last is None else made[places[last]] if last in places else last.value
            found.append(value.copy() if isinstance(value, np.ndarray) else value)
        return found[0] if len(found) == 1 else tuple(found)

    @functools.cached_property
    def _numbered(self) -> tuple[list[Any], list[tuple[Node, list[int], Any]], dict[Node, int]]:
        """The constants; the steps, with the places of their operands and what they decided; the place of each value.

        Inputs have the first places, then constants, then results of steps.
        """
        known = {*self.inputs, *self.steps}
        constants = [x for node in self.steps for x in node.inputs if x.__class__ is not Node or x not in known]
        places = {node: i for i, node in enumerate(self.inputs)}
        constant = itertools.count(len(places))
        step = itertools.count(len(places) + len(constants))
        tape = []
        for node in self.steps:
            operands = [places[x] if x.__class__ is Node and x in known else next(constant) for x in node.inputs]
            tape.append((node, operands, node.value if node in self.decisions else None))
            places[node] = next(step)
        return [x.value if x.__class__ is Node else x for x in constants], tape, places

    @property
    def content(self) -> Any:
        """The steps, to be compared with those of another recording: their blocks, operands and parameters."""
        places = {node: ("value", i) for i, node in enumerate([*self.inputs, *self.steps])}

        def key(x: Any) -> Any:
            x = node_of(x) if type(x) is Array else x
            return x if x.__class__ is not Node else places.get(x, x.value)

        return [(node.block, [*map(key, node.inputs)], node.params) for node in self.steps], [*map(key, self.results)]

    def is_whole(self) -> bool:
        """Whether `plain` is the callback for all values: it decides by truths and integers, and solves again."""
        decides = all(np.asarray(node.value).dtype.kind in "biu" for node in self.decisions)
        return decides and not any(isinstance(node.block, Solved) and node.block.is_fixed for node in self.steps)


def _steps_since(start: int, roots: Sequence[Node], leaves: set[Node]) -> list[Node]:
    """The steps that lead to some nodes and are not older than a time, oldest first."""
    seen, stack = set(leaves), [*roots]
    found = []
    while stack:
        node = stack.pop()
        if node in seen or node.order < start or node.block is None:
            continue
        seen.add(node)
        found.append(node)
        stack += [x for x in node.inputs if x.__class__ is Node]
    return sorted(found, key=attrgetter("order"))
