"""scan: a loop that carries a state, recorded as one block with a body.

The backward pass of a loop is a loop too: from the last step to the first it carries ∂L/∂state, and it adds up ∂L/∂w
for what the body uses from outside. So one rule gives gradients of any order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from chainrule.argnums import name_of, needs_function
from chainrule.array import WATCHER, Array, constant, form_of, node_of
from chainrule.backward import as_rule_takes
from chainrule.block import unlisted_block
from chainrule.block.results import Results
from chainrule.errors import RecordingError
from chainrule.forks import imported
from chainrule.formula import call
from chainrule.graph import Graph, as_constant, as_parameters, graph_between
from chainrule.libraries import NUMPY, PYTHON, dtype_of, is_foreign, is_inexact, is_traced, namespace_of, numpy_form
from chainrule.namespace import RECORDING
from chainrule.node import NO_PARAMS, Node, at_line, now, value_of_operand
from chainrule.recording import Rolls, checked_result
from chainrule.step import foreign_result, record
from chainrule.transforms import vjp
from chainrule.trees import flatten

__all__ = ["scan"]


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
    inputs, outputs : the nodes of the graph by what they mean.
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
        """The operands of the block by what they mean."""
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
    """Those of some arrays that stand for nodes with a gradient."""
    return [x for x, node in zip(part, nodes, strict=True) if is_inexact(value_of_operand(node))]


def cut(xs: Sequence[Any], *counts: int) -> list[Sequence[Any]]:
    """A sequence in pieces of these lengths, and the rest."""
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
    """Whether compile (or another reader of single steps) watches, perhaps from outside the body of another scan."""
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


@unlisted_block(notation=lambda *xs, body, length: call("scan", *xs))
def scanned(xp: Any, *operands: Any, body: Any = None, length: int = 0) -> Any:
    """The states after each step of a loop, the results of its steps, and its sums, packed into one array."""
    given = body.taken_apart(operands)
    if any(map(is_traced, operands)):
        return body.packing(length).packed(xp, _in_a_loop_of_jax(body, given, length))
    state: Sequence[Any] = given.state
    along: list[list[Any]] = []
    sums: Sequence[Any] = []
    for t in range(length):
        out = body.step(xp, Inputs(state, [x[t] for x in given.entries], given.outside))
        state = out.state
        along.append([*out.state, *out.results])
        sums = [a + b for a, b in zip(sums, out.sums, strict=True)] if t else out.sums
    return body.packing(length).packed(xp, [*(xp.stack(column) for column in zip(*along, strict=True)), *sums])


def _in_a_loop_of_jax(body: Body, given: Inputs, length: int) -> list[Any]:
    """What `scanned` packs, as one loop (`jax.lax.scan`) of the program that JAX traces."""
    jax = imported("jax")

    def in_dtype(part: Sequence[Any], values: Sequence[Any]) -> list[Any]:
        return [jax.numpy.asarray(x, dtype=form_of_operand(out).dtype) for x, out in zip(values, part, strict=True)]

    def one(carry: Any, entries: Sequence[Any]) -> Any:
        state, sums = carry
        token = WATCHER.set(None)  # what a step asks about its values belongs to no run of the whole program
        try:
            made = body.step(jax.numpy, Inputs(state, entries, given.outside))
        finally:
            WATCHER.reset(token)
        after, results = in_dtype(body.outputs.state, made.state), in_dtype(body.outputs.results, made.results)
        added = [a + b for a, b in zip(sums, in_dtype(body.outputs.sums, made.sums), strict=True)]
        return (after, added), [*after, *results]

    zeros = [jax.numpy.zeros(form.shape, form.dtype) for form in map(form_of_operand, body.outputs.sums)]
    start = in_dtype(body.outputs.state, given.state), zeros
    (_, sums), along = jax.lax.scan(one, start, list(map(jax.numpy.asarray, given.entries)), length=length)
    return [*along, *sums]


@scanned.backward
def scanned_backward(xp: Any, dz: Any, z: Any, *operands: Any, body: Any = None, length: int = 0) -> Any:
    if dz.ndim > z.ndim:  # one loop for each cotangent
        rows = xp.reshape(dz, (-1, *z.shape))
        many = [scanned_backward(xp, row, z, *operands, body=body, length=length) for row in rows]
        lead = tuple(dz.shape[: dz.ndim - z.ndim])
        return [
            None if parts[0] is None else xp.reshape(xp.stack(parts), lead + np.shape(x))
            for parts, x in zip(zip(*many, strict=True), operands, strict=True)
        ]
    given = body.taken_apart(operands)
    after = body.unpacked(xp, z, length).state
    cotangents = Outputs(*map(chosen_of, body.unpacked(xp, dz, length), body.outputs))
    before = [
        xp.concatenate([xp.reshape(first, (1, *first.shape)), states[:-1]])
        for first, states in zip(map(_with_shape, given.state), after, strict=True)
    ]
    entries = [x[::-1] for x in [*before, *given.entries, *cotangents.state, *cotangents.results]]
    start = [np.zeros_like(form_of_operand(out))[()] for out in differentiable(body.outputs.state)]
    back = body.backward
    packed = scanned(*start, *entries, *given.outside, *cotangents.sums, body=back, length=length)
    made = back.unpacked(xp, packed, length)
    grads = iter([*(x[-1] for x in made.state), *(x[::-1] for x in made.results), *made.sums])
    return [next(grads) if is_inexact(value_of_operand(node)) else None for part in body.inputs for node in part]


def _with_shape(x: Any) -> Any:
    return x if hasattr(x, "shape") else np.asarray(x)


def scan(f: Callable[..., Any], carry: Any, xs: Any = None, length: int | None = None) -> tuple[Any, Any]:
    """A loop over the first axis of xs that carries a state from step to step, as `jax.lax.scan`.

    It computes what this loop does:

        ys = []
        for x in xs:
            carry, y = f(carry, x)
            ys.append(y)
        return carry, np.stack(ys)

    Parameters
    ----------
    f : the body, `(carry, x) -> (carry, y)`. It may use recorded arrays from outside.
    carry : the state before the first step: an array, a number, or a tree of them. Shapes and dtypes stay the same.
    xs : an array, or a tree of arrays, with one entry for each step along the first axis; None if there are none.
    length : the number of steps, if xs is None.

    Returns `(carry, ys)`: the state after the last step, and the results of all steps, joined along a new first axis.

    Recorded, the loop is one block: f is recorded once, and may not branch on values. The states after each step are
    kept for the backward pass, the steps inside f are computed again. Derivatives of any order are loops as well.
    `cr.compile` records the steps one by one, as it does those of a loop in Python; with `memory` it takes the body, so
    that recording keeps few states too. Steps with arrays of another library are recorded one by one.

    Raises
    ------
    RecordingError : f reads a value that differs from step to step, or changes the shape or dtype of the state.

    >>> import numpy as np, chainrule as cr
    >>> def total(a):
    ...     return cr.scan(lambda s, x: (a * s + x, s), 0.0, np.array([1.0, 2.0, 3.0]))[0]
    >>> total(0.5), cr.grad(total)(0.5)
    (np.float64(4.25), np.float64(3.0))
    """
    needs_function(f, "scan")
    name = name_of(f)
    (state, rebuild_state), (arrays, rebuild_entries) = flatten(carry), flatten(xs)
    state = [_checked(x, "carry") for x in state]
    arrays = [_checked(x, "xs") for x in arrays]
    n = _length(arrays, length)
    rebuild_results: list[Callable[[list[Any]], Any]] = []

    def body(given: Inputs) -> Outputs:
        returned = f(rebuild_state(list(given.state)), rebuild_entries(list(given.entries)))
        if not isinstance(returned, tuple | list) or len(returned) != 2:
            raise RecordingError(
                f"the body of scan, {name}, must return a pair (carry, y), of which y may be None; it returned "
                f"{type(returned).__name__}" + at_line()
            )
        (after, _), (results, rebuild) = flatten(returned[0]), flatten(returned[1])
        rebuild_results[:] = [rebuild]
        made = Outputs(*([checked_result(x, name) for x in part] for part in (after, results)))
        _must_stay(given.state, made.state, name)
        return made

    if is_compiling() or any(is_foreign(x) and not is_traced(x) for x in map(form_of, (*state, *arrays))):
        compiled = _compiled_loop(name, body, state, arrays, n)
        if compiled is not None:
            last, along = compiled
            return rebuild_state(last), rebuild_results[0](along)
        return _written_out(body, state, arrays, n, rebuild_state, rebuild_results)
    state, recorded = _body_once(name, body, state, arrays)
    whole = scanned(*state, *arrays, *map(Array, recorded.inputs.outside), body=recorded, length=n)
    made = recorded.unpacked(RECORDING, whole, n)
    return rebuild_state([x[-1] for x in made.state]), rebuild_results[0](list(made.results))


def _body_once(name: str, body: Any, state: list[Any], arrays: Sequence[Any]) -> tuple[list[Any], Body]:
    """The state before the loop, and the body. Python's numbers take the dtype that the state has after a step."""

    def first() -> Inputs:
        return Inputs(list(map(form_of, state)), [form_of(x[0]) for x in arrays])

    recorded = body_of(name, body, first())
    if any(type(form_of(x)) in PYTHON for x in state):
        state = [_in_dtype_of(out, x) for x, out in zip(state, recorded.outputs.state, strict=True)]
        recorded = body_of(name, body, first())
    return state, recorded


def _compiled_loop(
    name: str, body: Any, state: list[Any], arrays: Sequence[Any], n: int
) -> tuple[list[Any], list[Any]] | None:
    """The last states and the results, if whoever compiles takes the body as it is."""
    watcher = WATCHER.get()
    if not isinstance(watcher, Rolls) or not watcher.takes_bodies():
        return None
    try:
        state, recorded = _body_once(name, body, state, arrays)
    except RecordingError:  # it reads a value: step by step, that is a path
        return None
    return watcher.looped(recorded, [*state, *arrays, *map(Array, recorded.inputs.outside)], n)


def _written_out(
    body: Any, state: Sequence[Any], arrays: list[Any], n: int, rebuild_state: Any, rebuild_results: list[Any]
) -> tuple[Any, Any]:
    """The loop step by step."""
    along = []
    for t in range(n):
        state, results, _ = body(Inputs(state, [x[t] for x in arrays]))
        along.append(results)
    return rebuild_state(list(state)), rebuild_results[0]([_stacked(column) for column in zip(*along, strict=True)])


def _stacked(column: Sequence[Any]) -> Any:
    return np.stack(column) if any(type(x) is Array for x in column) else namespace_of(column).stack(column)


def _checked(x: Any, what: str) -> Any:
    """A leaf of the carry or of xs: an array or a number."""
    if type(x) is Array or type(x) in (float, complex) or is_foreign(x):
        return x
    x = np.asarray(x)
    if x.dtype.kind not in "fciub":
        raise RecordingError(f"{what} of scan are arrays and numbers, not {x.dtype}" + at_line())
    return x if x.ndim else x[()]


def _length(arrays: list[Any], length: int | None) -> int:
    lengths = {x.shape[0] if np.ndim(form_of(x)) else None for x in arrays} | ({length} - {None})
    if len(lengths) != 1 or None in lengths:
        raise RecordingError(
            "scan needs the number of its steps: arrays xs of one length along the first axis, or length= alone; "
            f"given are {', '.join(str(np.shape(form_of(x))) for x in arrays) or 'no arrays'} and length={length}"
            + at_line()
        )
    (n,) = lengths
    if not n:
        raise RecordingError("scan over no steps: what its body returns is not known" + at_line())
    return n


def _must_stay(before: Sequence[Any], after: Sequence[Any], name: str) -> None:
    """Raise unless the state has as many arrays after a step as before, of the same shapes and dtypes."""
    told = [[f"{tuple(np.shape(x))} of {dtype_of(x)}" for x in map(form_of, part)] for part in (before, after)]
    python = [type(form_of(x)) in PYTHON for x in before]
    if len(before) != len(after) or any(
        np.shape(form_of(x)) != np.shape(form_of(y)) or (a != b and not is_python)
        for x, y, a, b, is_python in zip(before, after, *told, python, strict=True)
    ):
        raise RecordingError(
            f"the state of scan is {', '.join(told[0])} before a step of {name} and {', '.join(told[1])} after it; "
            "it must stay the same" + at_line()
        )


def _in_dtype_of(out: Any, x: Any) -> Any:
    """A Python number of the state in the dtype of that part of the next state; other arrays unchanged."""
    dtype = form_of_operand(out).dtype
    if type(x) is Array:
        return as_rule_takes(x, dtype)
    return dtype.type(x) if type(x) in PYTHON else x
