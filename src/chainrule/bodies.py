"""Bodies of loops: one step, recorded once, and the body of its backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import WATCHER, Array, constant, node_of
from chainrule.block.results import Results
from chainrule.errors import RecordingError
from chainrule.graph import Graph, as_constant, as_parameters, graph_between
from chainrule.libraries import NUMPY, is_foreign, is_inexact, namespace_of, numpy_form
from chainrule.namespace import RECORDING
from chainrule.node import NO_PARAMS, Node, at_line, now, value_of_operand
from chainrule.step import foreign_result, record
from chainrule.transforms import vjp

__all__ = [
    "Body",
    "Inputs",
    "Outputs",
    "Reads",
    "body_of",
    "chosen_of",
    "cut",
    "differentiable",
    "form_of_operand",
    "is_compiling",
    "plain_result",
]


class Inputs(NamedTuple):
    """The inputs of a body: its state, one entry of each array of xs, and what it uses from outside."""

    state: Sequence[Any]
    entries: Sequence[Any]
    outside: Sequence[Any] = ()


class Outputs(NamedTuple):
    """The outputs of a body: the next state, the results of the step, and what is added up over all steps."""

    state: Sequence[Any]
    results: Sequence[Any]
    sums: Sequence[Any] = ()


@dataclass(frozen=True, eq=False)
class Body:
    """The body of a loop, recorded once.

    Attributes
    ----------
    name : the name of the function.
    graph : its steps, between the inputs and the outputs.
    inputs, outputs : the nodes of the graph by their role.
    """

    name: str
    graph: Graph
    inputs: Inputs
    outputs: Outputs

    def step(self, xp: Any, given: Inputs) -> Outputs:
        """The outputs of one step."""
        values: dict[Any, Any] = dict(zip(self.graph.inputs, [x for part in given for x in part], strict=True))

        def value(x: Any) -> Any:
            if x.__class__ is Node:
                if x in values:
                    return values[x]
                x = x.value
            return as_constant(xp, x)

        for node in self.graph.nodes:
            operands = tuple(map(value, node.inputs))
            if any(type(x) is Array for x in operands):
                values[node] = record(node.block, operands, node.params)
            else:
                values[node] = plain_result(node.block, operands, as_parameters(xp, node.params))
        return Outputs(*([value(out) for out in part] for part in self.outputs))

    def taken_apart(self, operands: Sequence[Any]) -> Inputs:
        """The operands of the block, split by their role."""
        first, second = len(self.inputs.state), len(self.inputs.state) + len(self.inputs.entries)
        return Inputs(operands[:first], operands[first:second], operands[second:])

    def packing(self, length: int) -> Results:
        """How the states after each step, the results of each step and the sums are packed into one array."""
        forms = [form_of_operand(out) for part in self.outputs for out in part]
        along = len(forms) - len(self.outputs.sums)
        shapes = tuple((length, *x.shape) if i < along else x.shape for i, x in enumerate(forms))
        dtypes = tuple(x.dtype for x in forms)
        return Results(self.name, shapes, dtypes, np.result_type(*dtypes), lambda parts: parts)

    def unpacked(self, xp: Any, packed: Any, length: int) -> Outputs:
        """The arrays that are packed in one, or their cotangents."""
        how = self.packing(length)
        parts = [
            part if dtype.kind in "fc" else xp.astype(part, dtype)
            for part, dtype in zip(how.split(xp, packed), how.dtypes, strict=True)
        ]
        first, second = len(self.outputs.state), len(parts) - len(self.outputs.sums)
        return Outputs(parts[:first], parts[first:second], parts[second:])

    @cached_property
    def backward(self) -> Body:
        """The body of the backward pass.

        Its state is ∂L/∂state; its entries are the state before each step, the entries of xs, and the cotangents of the
        states and of the results; from outside come what this body uses from outside, and the cotangents of the sums.
        Its results are the gradients of the entries, its sums those of what comes from outside.
        """
        inputs, outputs = self.inputs, self.outputs
        cotangents = [[np.ones_like(form_of_operand(out))[()] for out in differentiable(part)] for part in outputs]
        states, entries, outside = ([value_of_operand(x) for x in part] for part in inputs)
        counts = [len(states), len(entries), len(cotangents[0])]
        example = Inputs(cotangents[0], [*states, *entries, *cotangents[0], *cotangents[1]], [*outside, *cotangents[2]])

        def pulled(given: Inputs) -> Outputs:
            before, entries, of_states, of_results = cut(given.entries, *counts)
            outside, of_sums = cut(given.outside, len(inputs.outside))
            own = Inputs(before, entries, outside)
            active = [chosen_of(*pair) for pair in zip(own, inputs, strict=True)]

            def run(*chosen: Any) -> Any:
                rest = iter(chosen)
                full = (
                    [next(rest) if is_inexact(value_of_operand(node)) else x for x, node in zip(*pair, strict=True)]
                    for pair in zip(own, inputs, strict=True)
                )
                made = self.step(RECORDING, Inputs(*full))
                return [out for part, nodes in zip(made, outputs, strict=True) for out in chosen_of(part, nodes)]

            _, pullback = vjp(run, *(x for part in active for x in part))
            of_states = [a + b for a, b in zip(given.state, of_states, strict=True)]
            grads = pullback([*of_states, *of_results, *of_sums])
            return Outputs(*cut(grads, len(active[0]), len(active[1])))

        return body_of(f"backward of {self.name}", pulled, example)


def form_of_operand(x: Any) -> np.ndarray:
    """An array of the shape and dtype of an operand."""
    return np.asarray(numpy_form(value_of_operand(x)))


def plain_result(block: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
    """The result of a block for plain operands."""
    if any(type(x) not in NUMPY and is_foreign(x) for x in operands):
        return foreign_result(block, operands, params)
    return block.forward(namespace_of(operands), *operands, **params)


def differentiable(part: Sequence[Any]) -> list[Any]:
    return chosen_of(part, part)


def chosen_of(part: Sequence[Any], nodes: Sequence[Any]) -> list[Any]:
    """Those of some arrays whose nodes have a gradient."""
    return [x for x, node in zip(part, nodes, strict=True) if is_inexact(value_of_operand(node))]


def cut(xs: Sequence[Any], *counts: int) -> list[Sequence[Any]]:
    """A sequence cut into pieces of these lengths, and the rest."""
    pieces = []
    for count in counts:
        pieces.append(xs[:count])
        xs = xs[count:]
    return [*pieces, xs]


class Reads:
    """Called on each value that the recording of a body reads: one that differs from step to step is an error."""

    def __init__(self, title: str, start: int, outer: Callable[[Node, str], Any] | None):
        self.title = title
        self.start = start
        self.outer = outer

    def __call__(self, node: Node, how: str) -> Any:
        if node.order > self.start:
            raise RecordingError(
                f"the body of scan, {self.title}, reads a value that differs from step to step (an if, int(), an "
                "index), but it is recorded only once; use np.where, or write the loop in Python" + at_line()
            )
        return None if self.outer is None else self.outer(node, how)


def is_compiling() -> bool:
    """Whether compile (or another watcher of single steps) is active, also outside the body of an enclosing scan."""
    watcher = WATCHER.get()
    while isinstance(watcher, Reads):
        watcher = watcher.outer
    return watcher is not None


def body_of(title: str, f: Callable[[Inputs], Outputs], example: Inputs, reads: type[Reads] = Reads) -> Body:
    """Record f as a body, on an example of its inputs; what it uses from outside is added to them.

    `reads` is made, and called on each value that f reads.
    """
    start = now()
    inputs = Inputs(*([Node(None, (), NO_PARAMS, constant(x)) for x in part] for part in example))
    token = WATCHER.set(reads(title, start, WATCHER.get()))
    try:
        made = f(Inputs(*([Array(node) for node in part] for part in inputs)))
    finally:
        WATCHER.reset(token)
    outputs = Outputs(*([node_of(x) if type(x) is Array else x for x in part] for part in made))
    own = {node for part in inputs for node in part}
    outside = _outside(own, [out for part in outputs for out in part if type(out) is Node], start)
    inputs = inputs._replace(outside=[*inputs.outside, *outside])
    everything = [node for part in inputs for node in part]
    return Body(title, graph_between(everything, [out for part in outputs for out in part]), inputs, outputs)


def _outside(own: set[Node], outputs: Sequence[Node], start: int) -> list[Node]:
    """The nodes older than the body that its outputs were computed from."""
    seen = set(own)
    stack = list(outputs)
    found = []
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            if node.order < start:
                found.append(node)
            else:
                stack += [x for x in node.inputs if type(x) is Node]
    return found
