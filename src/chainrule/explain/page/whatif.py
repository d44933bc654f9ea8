"""What if: the calls that compute every number of the page, so that the page can repeat them.

The blocks' own rules are run once more, forward and backward, on arrays that write down each call (as for code). The
page has a small NumPy (`numpy.js`) that makes these calls on other inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, node_of
from chainrule.backward import backpropagate, find_path, pulled
from chainrule.code.tape import ARGUMENT, CONSTANT, WRITE, TracedValue
from chainrule.code.tracing import trace
from chainrule.errors import ChainruleError
from chainrule.explain.page.insides import Row
from chainrule.explain.page.numbers import plain_number
from chainrule.graph import graph_between
from chainrule.node import Node
from chainrule.step import record

__all__ = ["program_of"]

INPUTS, ENTRIES, ROWS = 64, 4000, 200
"""The largest numbers of inputs that can be changed, of entries that are computed again, and of rows."""
JACOBIAN = 64
"""Local gradients of at most this many entries are computed again."""


def program_of(rows: Sequence[Row], loss: int) -> dict[str, Any] | None:
    """The calls, and which of them make the numbers of each row; None if there are too many or a rule refuses.

    ``calls`` are function, arguments and keyword arguments, each argument a number or a list that begins with a letter
    (see `_argument`). ``rows`` name for each row the calls that make its value and gradient, and each contribution to
    that gradient (as in the story) with its local gradient. ``guards`` are calls by whose truth a rule branched;
    if one has another truth, the program gives no numbers.
    """
    inputs = [place for place, row in enumerate(rows) if row.formula is None and _is_real(row.node.value)]
    sizes = [np.size(row.node.value) for row in rows]
    if len(rows) > ROWS or sum(sizes) > ENTRIES or not 0 < sum(sizes[i] for i in inputs) <= INPUTS:
        return None
    decisions: list[tuple[Node, str]] = []
    token = WATCHER.set(lambda node, how: decisions.append((node, how)))  # the branches of rules on values
    try:
        with np.errstate(all="ignore"):
            return _Passes(rows, loss).program(inputs, decisions)
    except (ChainruleError, TypeError, ValueError):  # a rule cannot be written down, so the page has no such fields
        return None
    finally:
        WATCHER.reset(token)


def _is_real(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


class _Passes:
    """The forward and the backward pass of all rows, also inside of composite blocks, on one recorded graph."""

    def __init__(self, rows: Sequence[Row], loss: int):
        self.rows = rows
        self.made: list[Array] = []
        self.gradients: dict[int, Any] = {}
        self.contributions: dict[tuple[int, int], Any] = {}
        self.jacobians: dict[tuple[int, int], Any] = {}
        for row in rows:
            again = row.within is not None
            self.made.append(record(row.node.block, self._operands(row), row.node.params) if again else Array(row.node))
        outer = [place for place, row in enumerate(rows) if row.within is None]
        inputs = [place for place in outer if rows[place].formula is None]
        self._backward(inputs, outer, loss, np.ones_like(rows[loss].node.value))
        for place, row in enumerate(rows):
            if row.out is not None and place in self.gradients:
                inner = [i for i, r in enumerate(rows) if r.within == place]
                operands = [i for i in row.operands if i is not None]
                self._backward(operands, inner, row.out, self.gradients[place])
        for place in self.gradients:
            if rows[place].formula is not None and rows[place].node.block.differentiable:
                self._ways(place)

    def _operands(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            (x.value if type(x) is Node else x) if place is None else self.made[place]
            for place, x in zip(row.operands, row.node.inputs, strict=True)
        )

    def _backward(self, inputs: Sequence[int], places: Sequence[int], last: int, seed: Any) -> None:
        """The chain rule over some rows, from the last one back to the inputs."""
        nodes = {place: node_of(self.made[place]) for place in (*inputs, *places)}
        path = find_path([node for i in inputs if _is_real((node := nodes[i]).value)], [nodes[last]])
        gradients = backpropagate(path, {nodes[last]: seed}, recorded=True)
        self.gradients[last] = seed
        for place in places:
            if gradients.get(nodes[place]) is not None:
                self.gradients[place] = gradients[nodes[place]]

    def _ways(self, place: int) -> None:
        """The contributions of one block to the gradients of its operands, and its local gradients."""
        row, node = self.rows[place], node_of(self.made[place])
        wanted = [i is not None and _is_real(self.rows[i].node.value) for i in row.operands]
        for index, dx in enumerate(pulled(node, self.gradients[place], wanted, recorded=True)):
            if dx is not None:
                self.contributions[place, index] = dx
        z = np.asarray(node.value)
        small = [w and np.size(i.value) * z.size <= JACOBIAN for w, i in zip(wanted, node.inputs, strict=True)]
        if not any(small) or not z.size:
            return
        seeds = np.eye(z.size, dtype=z.dtype).reshape(z.size, *z.shape)
        for index, dx in enumerate(pulled(node, seeds, small, recorded=True)):
            if dx is not None:
                self.jacobians[place, index] = np.reshape(dx, (z.size, -1)).T

    def program(self, inputs: Sequence[int], decisions: Sequence[tuple[Node, str]]) -> dict[str, Any]:
        if any(how != "truth" for _, how in decisions):
            raise ValueError("a rule takes an array as plain numbers")
        wanted: list[Any] = []

        def place_of(x: Any) -> int | None:
            """The position of a result among the outputs; None if it is a constant."""
            if type(x) is not Array:
                return None
            wanted.append(x)
            return len(wanted) - 1

        found = [
            (
                place_of(self.made[place]),
                place_of(self.gradients.get(place)),
                [
                    [place_of(table.get((f.step, f.operand))) for table in (self.contributions, self.jacobians)]
                    for f in row.factors
                ],
            )
            for place, row in enumerate(self.rows)
        ]
        guards = {place_of(Array(node)): bool(node.value) for node, _ in decisions}
        graph = graph_between([self.rows[place].node for place in inputs], wanted)
        traces = trace(graph, "numpy")

        def call_of(place: int | None) -> int | None:
            out = None if place is None else traces.outputs[place]
            return out.order if isinstance(out, TracedValue) else None

        told = [
            {"value": call_of(v), "gradient": call_of(g), "ways": [[call_of(c), call_of(j)] for c, j in ways]}
            for v, g, ways in found
        ]
        asked = {value.order: bool(truth) for value, truth in traces.tape.asked}
        checked = {call_of(place): truth for place, truth in guards.items()} | asked
        return {
            "inputs": list(inputs),
            "calls": [_call(value) for value in traces.tape.values],
            "rows": told,
            "guards": [[call, truth] for call, truth in checked.items() if call is not None],
        }


def _call(value: TracedValue) -> list[Any]:
    if value.function == ARGUMENT:
        return ["argument"]
    if value.function == CONSTANT:
        return ["constant", _array(value.content)]
    if value.function == WRITE:
        old, template, *rest = value.args
        return [template, [_argument(x) for x in (old, *rest)], {}]
    return [value.function, [_argument(x) for x in value.args], {k: _argument(x) for k, x in value.kwargs.items()}]


def _argument(x: Any) -> Any:
    """A number, text or None as it is; else a list of a letter and its content.

    v is a value, l a list, s a slice, e an ellipsis, d a dtype, a an array, n a number that JSON lacks.
    """
    if isinstance(x, TracedValue):
        return ["v", x.order]
    if isinstance(x, tuple | list):
        return ["l", *(_argument(part) for part in x)]
    if isinstance(x, slice):
        return ["s", *(_argument(part) for part in (x.start, x.stop, x.step))]
    if x is Ellipsis:
        return ["e"]
    if isinstance(x, np.dtype | type):
        return ["d", np.dtype(x).name]
    if isinstance(x, np.ndarray):
        return ["a", _array(x)]
    if isinstance(x, str | None):
        return x
    if isinstance(x, float | int | np.generic):
        number = plain_number(x)
        return ["n", number] if isinstance(number, str) else number
    raise TypeError(f"the page cannot take an argument of type {type(x).__name__}")


def _array(x: np.ndarray) -> dict[str, Any]:
    return {"shape": list(x.shape), "dtype": x.dtype.name, "data": [plain_number(entry) for entry in x.ravel()]}
