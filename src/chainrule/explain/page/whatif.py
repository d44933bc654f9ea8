"""What if: the calls by which every number of the page comes about, so that the page can make them again.

The blocks' own rules are run once more, forward and backward, on arrays that write down what is done with them (as for
code). The page has a small NumPy (`numpy.js`) that makes these calls on other inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, record
from chainrule.backward import as_rule_takes
from chainrule.code.tape import ARGUMENT, CONSTANT, WRITE, TracedValue
from chainrule.code.tracing import trace
from chainrule.errors import ChainruleError
from chainrule.explain.page.insides import Row
from chainrule.explain.page.numbers import plain_number
from chainrule.graph import graph_between
from chainrule.libraries import dtype_of
from chainrule.namespace import RECORDING
from chainrule.node import Node

__all__ = ["program_of"]

INPUTS, ENTRIES, ROWS = 64, 4000, 200
"""So many numbers may be changed, so many computed again in all, in so many rows; more is no exercise for the eye."""
JACOBIAN = 64
"""A local gradient is computed again up to so many entries."""


def program_of(rows: Sequence[Row], loss: int) -> dict[str, Any] | None:
    """The calls, and where among them the numbers of each row are; None where there are too many or a rule refuses.

    ``calls`` are function, arguments and keyword arguments, each argument a number or a list that begins with a letter
    (see `_argument`). ``rows`` say of each row which call makes its value, its gradient, and of each way on which
    the loss depends on it (as in the story) what it contributes and its local gradient. ``guards`` are calls
    by whose truth a rule decided what to do; where one turns out otherwise, the program says nothing.
    """
    inputs = [place for place, row in enumerate(rows) if row.formula is None and _is_real(row.node.value)]
    sizes = [np.size(row.node.value) for row in rows]
    if len(rows) > ROWS or sum(sizes) > ENTRIES or not 0 < sum(sizes[i] for i in inputs) <= INPUTS:
        return None
    decisions: list[tuple[Node, str]] = []
    token = WATCHER.set(lambda node, how: decisions.append((node, how)))  # what the rules decide by values
    try:
        with np.errstate(all="ignore"):
            return _Passes(rows, loss).program(inputs, decisions)
    except (ChainruleError, TypeError, ValueError):  # a rule that cannot be written down: the page does without
        return None
    finally:
        WATCHER.reset(token)


def _is_real(x: Any) -> bool:
    return np.asarray(x).dtype.kind == "f"


class _Passes:
    """The forward and the backward pass of all rows, those inside of composite blocks too, on one recorded graph."""

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
        self._backward(outer, loss, np.ones_like(rows[loss].node.value))
        for place, row in enumerate(rows):
            if row.out is not None and place in self.gradients:
                inner = [i for i, r in enumerate(rows) if r.within == place]
                self._backward(inner, row.out, self.gradients[place])

    def _operands(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            (x.value if type(x) is Node else x) if place is None else self.made[place]
            for place, x in zip(row.operands, row.node.inputs, strict=True)
        )

    def _backward(self, places: Sequence[int], last: int, seed: Any) -> None:
        """The chain rule over some rows, from the last one back."""
        self.gradients[last] = seed
        for place in reversed(places):
            row = self.rows[place]
            if row.formula is None or place not in self.gradients or not row.node.block.differentiable:
                continue
            for index, dx in self._pulled(place, self.gradients[place]).items():
                self.contributions[place, index] = dx
                operand = row.operands[index]
                if operand in places and operand is not None:
                    sofar = self.gradients.get(operand)
                    self.gradients[operand] = dx if sofar is None else sofar + dx
            self._local_gradients(place)

    def _pulled(self, place: int, dz: Any) -> dict[int, Any]:
        row = self.rows[place]
        wanted = [i is not None and _is_real(self.rows[i].node.value) for i in row.operands]
        dtype = dtype_of(row.node.value)
        z, *operands = [as_rule_takes(x, dtype) for x in (self.made[place], *self._operands(row))]
        pulled = row.node.block.pull(RECORDING, dz, z, operands, row.node.params, wanted)
        return {i: dx for i, (dx, want) in enumerate(zip(pulled, wanted, strict=False)) if want and dx is not None}

    def _local_gradients(self, place: int) -> None:
        row, z = self.rows[place], np.asarray(self.rows[place].node.value)
        small = [i for i in row.operands if i is not None and np.size(self.rows[i].node.value) * z.size <= JACOBIAN]
        if not small or not z.size:
            return
        seeds = np.eye(z.size, dtype=z.dtype).reshape(z.size, *z.shape)
        for index, dx in self._pulled(place, seeds).items():
            if row.operands[index] in small:
                self.jacobians[place, index] = np.reshape(dx, (z.size, -1)).T

    def program(self, inputs: Sequence[int], decisions: Sequence[tuple[Node, str]]) -> dict[str, Any]:
        if any(how != "truth" for _, how in decisions):
            raise ValueError("a rule takes an array as plain numbers")
        wanted: list[Any] = []

        def place_of(x: Any) -> int | None:
            """Where a result will stand among the outputs; None where it is always the same."""
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
    """A number, text or None as it is; else a letter and what it stands for.

    v is a value, l a list, s a slice, e an ellipsis, d a dtype, a an array, n what JSON has no number for.
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
    raise TypeError(f"an argument of type {type(x).__name__} is not for the page")


def _array(x: np.ndarray) -> dict[str, Any]:
    return {"shape": list(x.shape), "dtype": x.dtype.name, "data": [plain_number(entry) for entry in x.ravel()]}
