"""A loop as one step of a recording: its body, recorded once, and how often it runs.

`rolling.py` finds such loops in what was recorded step by step. A loop is one node, whose value holds all its results,
one after the other; a *result* is a part of it. The backward pass of a loop is a loop in the other direction: it
carries ∂L/∂state, reads the states before each step, and computes the inside of the step again. So derivatives of any
order are loops too.

The states of a loop of n steps are n + 1 rows. Step t reads the entries at t; forwards it goes from the state in row t
to that in row t + 1, and in the other direction from row t + 1 to row t.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, node_of
from chainrule.block import unlisted_block
from chainrule.bodies import Body, Inputs, Outputs, Reads, body_of
from chainrule.compile.failures import CannotRoll
from chainrule.compile.loop_step import LoopStep
from chainrule.compile.steady import Compared, Told, told
from chainrule.errors import RecordingError
from chainrule.formula import call
from chainrule.graph import graph_between
from chainrule.libraries import PYTHON, is_inexact
from chainrule.namespace import RECORDING
from chainrule.node import Node, value_of_operand
from chainrule.transforms import vjp

__all__ = ["Loop", "handle", "is_long", "looped", "recorded_loop", "result_of"]


class Loop(Compared):
    """A loop of a known number of steps.

    Attributes
    ----------
    body : one step.
    length : the number of steps.
    backwards : whether it reads the last entries first.
    role : its part in a loop that is recorded in segments (`segments.py`): the outer loop ("segments"), which stores
        only the state at the start of each segment; one "segment"; or the steps left over. Empty for any other loop.
    """

    def __init__(self, body: Body, length: int, backwards: bool = False, role: str = ""):
        self.body, self.length, self.backwards, self.role = body, length, backwards, role

    @cached_property
    def content(self) -> Any:
        """The key by which it is compared with a loop of another recording."""
        nodes = [x for part in self.body.inputs for x in part]
        outputs = [out for part in self.body.outputs for out in part]
        steps = tuple(step.what for step in told(nodes, outputs))
        roles = tuple(tuple(map(len, part)) for part in (self.body.inputs, self.body.outputs))
        return steps, tuple(_kind(x) for x in nodes), roles, self.length, self.backwards, self.role

    # Results ------------------------------------------------------------------------------------------------
    #
    # First the states of all steps, then the last states, the results of all steps, and the sums.

    @property
    def states(self) -> int:
        return len(self.body.outputs.state)

    def last(self, i: int) -> int:
        """The number of the result that holds state i after the last step."""
        return self.states + i

    def along(self, i: int) -> int:
        """The number of the result that holds result i of every step."""
        return 2 * self.states + i

    def sum(self, i: int) -> int:
        """The number of the result that holds sum i."""
        return 2 * self.states + len(self.body.outputs.results) + i

    @cached_property
    def forms(self) -> list[Any]:
        """For each result, the value that it has in one step of the body."""
        out = self.body.outputs
        return [value_of_operand(x) for part in (out.state, out.state, out.results, out.sums) for x in part]

    @cached_property
    def shapes(self) -> list[tuple[int, ...]]:
        """The shapes of the results."""
        n, out = self.length, self.body.outputs
        rows = [(n + 1,)] * self.states + [()] * self.states + [(n,)] * len(out.results) + [()] * len(out.sums)
        return [(*lead, *np.shape(x)) for lead, x in zip(rows, self.forms, strict=True)]

    def row_after(self, t: int) -> int:
        """The row of the state after step t."""
        return t if self.backwards else t + 1

    @property
    def before(self) -> slice:
        """The rows of the states before each step."""
        return slice(1, self.length + 1) if self.backwards else slice(0, self.length)

    @property
    def after(self) -> slice:
        """The rows of the states after each step."""
        return slice(0, self.length) if self.backwards else slice(1, self.length + 1)

    def memory(self) -> tuple[np.ndarray, list[np.ndarray]]:
        """An array that holds all results, and each as a part of it."""
        dtype = np.result_type(*(np.asarray(x).dtype for x in self.forms))
        packed = np.zeros(sum(math.prod(shape) for k, shape in enumerate(self.shapes) if not self._is_last(k)), dtype)
        return packed, [self.part(packed, k) for k in range(len(self.shapes))]

    def _is_last(self, k: int) -> bool:
        return self.states <= k < 2 * self.states

    @cached_property
    def starts(self) -> list[int]:
        """Where each result begins. The last states are rows of all states."""
        found, start = [0] * len(self.shapes), 0
        for k, shape in enumerate(self.shapes):
            if not self._is_last(k):
                found[k] = start
                start += math.prod(shape)
        for i in range(self.states):
            row = 0 if self.backwards else self.length
            found[self.states + i] = found[i] + row * math.prod(self.shapes[self.states + i])
        return found

    def part(self, packed: np.ndarray, k: int) -> np.ndarray:
        """Result k, in the memory of all."""
        shape, start = self.shapes[k], self.starts[k]
        return packed[start : start + math.prod(shape)].reshape(shape)

    # Running ------------------------------------------------------------------------------------------------

    @cached_property
    def step(self) -> LoopStep:
        """The body, ready to run."""
        return LoopStep(self.body, self.role == "segment")

    def run(self, operands: Sequence[Any]) -> np.ndarray:
        """All results, computed by NumPy."""
        given = self.body.taken_apart(operands)
        packed, parts = self.memory()
        step, first_sum = self.step, self.states + len(self.body.outputs.results)
        state = list(given.state)
        for part, x in zip(parts, state, strict=False):
            part[self.length if self.backwards else 0] = x
        along, sums = parts[2 * self.states : self.sum(0)], parts[self.sum(0) :]
        for t in reversed(range(self.length)) if self.backwards else range(self.length):
            made = step(state, [x[t] for x in given.entries], given.outside)
            state, row = made[: self.states], self.row_after(t)
            for part, x in zip(parts, state, strict=False):
                part[row] = x
            for part, x in zip(along, made[self.states : first_sum], strict=True):
                part[t] = x
            for part, x in zip(sums, made[first_sum:], strict=True):
                part += x
        return packed


def _kind(x: Any) -> Any:
    """The form of an input of a body, as text."""
    value = value_of_operand(x)
    return type(value).__name__, np.shape(value), np.asarray(value).dtype.str


# Blocks --------------------------------------------------------------------------------------------------------------


@unlisted_block(notation=lambda *xs, loop: call("loop", *xs))
def looped(xp: Any, *operands: Any, loop: Any = None) -> Any:
    """All results of a loop, one after the other."""
    return loop.run(operands)


@unlisted_block(notation=lambda x, loop, number: x)
def result_of(xp: Any, packed: Any, loop: Any = None, number: int = 0) -> Any:
    """One result of a loop."""
    return _as_form(loop.part(packed, number), loop, number)


def _as_form(part: Any, loop: Loop, number: int) -> Any:
    """A result in the dtype, and of the kind of number, that it has in the body."""
    x = loop.forms[number]
    if part.ndim == 0:
        return part[()].item() if type(x) in PYTHON else part.astype(np.asarray(x).dtype)[()]
    return part.astype(np.asarray(x).dtype, copy=False)


class LoopResults:
    """The results of a loop in a recording, made when they are asked for."""

    def __init__(self, node: Node):
        self.node = node
        self.loop: Loop = node.params["loop"]
        self.known: dict[int, Node] = {}

    def __call__(self, number: int) -> Node:
        loop, known = self.loop, self.known
        if number not in known:
            value = _as_form(loop.part(self.node.value, number), loop, number)
            params = {"loop": loop, "number": number}
            known[number] = Node(result_of, (self.node,), params, value, self.node.code, self.node.lasti)
        return known[number]

    def array(self, number: int) -> Array:
        return Array(self(number))

    def last(self, i: int) -> Array:
        """State i after the last step."""
        return self.array(self.loop.last(i))

    def along(self, i: int) -> Array:
        """Result i of all steps."""
        return self.array(self.loop.along(i))

    def after(self, i: int) -> Array:
        """State i after each step."""
        return self.array(i)[self.loop.after]

    def state(self, i: int, t: int) -> Array:
        """State i after step t."""
        return self.array(i)[self.loop.row_after(t)]


MANY_STEPS = 500
"""Shorter recordings without loops compile faster than the cache on disk can be searched."""


def is_long(steps: Sequence[Told]) -> bool:
    """Whether caching the compiled form of a recording on disk saves time."""
    return len(steps) >= MANY_STEPS or any(step.what[0] is looped for step in steps)


def recorded_loop(
    loop: Loop, operands: Sequence[Any], packed: np.ndarray | None = None, like: Any = None
) -> LoopResults:
    """Record a loop; `packed` are its results, if they are known."""
    nodes = tuple(node_of(x) if type(x) is Array else x for x in operands)
    if packed is None:
        with np.errstate(all="ignore"):
            packed = loop.run([value_of_operand(x) for x in nodes])
    code, lasti = (like.code, like.lasti) if like is not None else (None, 0)
    return LoopResults(Node(looped, nodes, {"loop": loop}, packed, code, lasti))


def _leave(node: Node, gradients: dict[Node, Any], take: Callable[[Node], Any]) -> Sequence[Any]:
    """Add the gradient of one result to that of its loop: a dict from the number of a result to its gradient."""
    dz = take(node)
    if dz is not None:
        (loop,), number = node.inputs, node.params["number"]
        of = dict(gradients[loop] or {})
        of[number] = of[number] + dz if number in of else dz
        gradients[loop] = of
    return ()


def _pull(node: Node, gradients: dict[Node, Any], take: Callable[[Node], Any]) -> Sequence[Any]:
    """The gradients of a loop's operands, by a loop in the other direction."""
    loop: Loop = node.params["loop"]
    cotangents = take(node)
    wanted = [type(x) is Node and x in gradients and is_inexact(value_of_operand(x)) for x in node.inputs]
    if not cotangents or not any(wanted):
        return ()
    if any(np.shape(dz) != loop.shapes[number] for number, dz in cotangents.items()):
        raise CannotRoll("several cotangents at once")
    try:
        return _Backward(node, cotangents, wanted).gradients()
    except RecordingError as error:  # a rule reads a value, which differs from step to step
        raise CannotRoll(str(error)) from error


looped.pull_in_place = _pull
result_of.pull_in_place = _leave


class _Decisions(Reads):
    """Notes the booleans that a body reads: they decide its path, which must be the same in each step."""

    def __init__(self, title: str, start: int, outer: Callable[[Node, str], Any] | None):
        super().__init__(title, start, outer)
        self.truths: dict[Node, bool] = {}

    def __call__(self, node: Node, how: str) -> Any:
        if node.order > self.start and how == "truth" and np.asarray(node.value).dtype == bool:
            self.truths[node] = bool(node.value)
            return None
        return super().__call__(node, how)


class _Backward:
    """The backward pass of one loop.

    Attributes
    ----------
    active : for each state, entry and outside operand, whether it is differentiated.
    of : the cotangents, by the number of their result.
    """

    def __init__(self, node: Node, cotangents: dict[int, Any], wanted: Sequence[bool]):
        self.node, self.of = node, cotangents
        self.loop: Loop = node.params["loop"]
        self.given = self.loop.body.taken_apart(node.inputs)
        self.wanted = self.loop.body.taken_apart(wanted)
        inputs, outputs = self.loop.body.inputs, self.loop.body.outputs
        self.active = Inputs(
            [
                is_inexact(value_of_operand(a)) and is_inexact(value_of_operand(b))
                for a, b in zip(inputs.state, outputs.state, strict=True)
            ],
            *self.wanted[1:],
        )
        loop = self.loop
        self.states = [i for i, is_active in enumerate(self.active.state) if is_active]
        self.seen = [i for i in self.states if i in self.of]
        self.results = [i for i in range(len(outputs.results)) if loop.along(i) in self.of]
        self.sums = [i for i in range(len(outputs.sums)) if loop.sum(i) in self.of]

    def gradients(self) -> list[Any]:
        loop, of = self.loop, self.of
        body = self._body()
        results = LoopResults(self.node)
        start = [
            of[loop.last(i)]
            if loop.last(i) in of
            else np.zeros_like(value_of_operand(loop.body.outputs.state[i]), dtype=self._real(i))
            for i in self.states
        ]
        before = [results.array(i)[loop.before] for i in range(loop.states)]
        after = [of[i][loop.after] for i in self.seen]
        along = [of[loop.along(i)] for i in self.results]
        entries = [*before, *map(handle, self.given.entries), *after, *along]
        outside = [*map(handle, self.given.outside), *(of[loop.sum(i)] for i in self.sums)]
        body, entries, outside = _needed_only(body, entries, outside)
        back = Loop(body, loop.length, not loop.backwards, loop.role)
        made = recorded_loop(back, [*start, *entries, *outside], None, self.node)
        self._require_decided(made, len(body.outputs.results) - len(self.decided))
        first = self.loop.length if loop.backwards else 0
        states: dict[int, Any] = {}
        for k, i in enumerate(self.states):
            if self.wanted.state[i]:
                states[i] = made.last(k)
                if i in of:
                    states[i] = states[i] + of[i][first]
        grads: list[Any] = [states.get(i) for i in range(loop.states)]
        along_found = iter(range(len(body.outputs.results)))
        grads += [made.along(next(along_found)) if want else None for want in self.wanted.entries]
        sums_found = iter(range(len(body.outputs.sums)))
        grads += [made.array(back.sum(next(sums_found))) if want else None for want in self.wanted.outside]
        return grads

    def _require_decided(self, made: LoopResults, first: int) -> None:
        """Add guards, so that each run checks that all steps take the recorded path.

        Both questions (all, any) are asked on every path, so that recordings of different paths stay comparable.
        """
        for k, truth in enumerate(self.decided, first):
            truths = made.along(k)
            if bool(RECORDING.all(truths)) != truth or bool(RECORDING.any(truths)) != truth:
                raise CannotRoll("steps of a loop take different paths")

    def _real(self, i: int) -> np.dtype:
        return np.asarray(value_of_operand(self.loop.body.outputs.state[i])).dtype

    def _body(self) -> Body:
        """The body of the backward pass, with everything that it may read as inputs."""
        inputs, outputs = self.loop.body.inputs, self.loop.body.outputs
        states, entries, outside = ([value_of_operand(x) for x in part] for part in inputs)

        def like(part: Sequence[Any], chosen: Sequence[int]) -> list[Any]:
            return [np.ones_like(np.asarray(value_of_operand(part[i])))[()] for i in chosen]

        carried, seen = like(outputs.state, self.states), like(outputs.state, self.seen)
        along, sums = like(outputs.results, self.results), like(outputs.sums, self.sums)
        example = Inputs(carried, [*states, *entries, *seen, *along], [*outside, *sums])
        active = [*self.active.state, *self.active.entries, *self.active.outside]

        def pulled(given: Inputs) -> Outputs:
            first = len(states) + len(entries)
            own = [*given.entries[:first], *given.outside[: len(outside)]]
            of_states = given.entries[first : first + len(seen)]
            of_results, of_sums = given.entries[first + len(seen) :], given.outside[len(outside) :]

            def run(*chosen: Any) -> Any:
                rest = iter(chosen)
                full = [next(rest) if is_active else x for x, is_active in zip(own, active, strict=True)]
                made = self.loop.body.step(RECORDING, self.loop.body.taken_apart(full))
                return [
                    *(made.state[i] for i in self.states),
                    *(made.results[i] for i in self.results),
                    *(made.sums[i] for i in self.sums),
                ]

            _, pullback = vjp(run, *(x for x, is_active in zip(own, active, strict=True) if is_active))
            direct = dict(zip(self.seen, of_states, strict=True))
            carried = [dz + direct[i] if i in direct else dz for i, dz in zip(self.states, given.state, strict=True)]
            grads = list(pullback([*carried, *of_results, *of_sums]))
            found = dict(zip([k for k, is_active in enumerate(active) if is_active], grads, strict=True))
            second = len(states) + len(entries)
            reads = WATCHER.get()
            assert isinstance(reads, _Decisions)
            self.decided = list(reads.truths.values())
            along_all = [found[k] for k in range(len(states), second) if k in found]
            return Outputs(
                [found[i] for i in self.states],
                [*along_all, *map(Array, reads.truths)],
                [found[k] for k in range(second, len(active)) if k in found],
            )

        return body_of(f"backward of {self.loop.body.name}", pulled, example, _Decisions)


def handle(x: Any) -> Any:
    """A node as a recorded array; anything else unchanged."""
    return Array(x) if type(x) is Node else x


def _needed_only(body: Body, entries: list[Any], outside: list[Any]) -> tuple[Body, list[Any], list[Any]]:
    """A body without the inputs that nothing reads, and the operands that are left."""
    outputs = [out for part in body.outputs for out in part if type(out) is Node]
    used = {x for node in body.graph.nodes for x in node.inputs if type(x) is Node}.union(outputs)
    kept_entries = [i for i, x in enumerate(body.inputs.entries) if x in used]
    kept_outside = [i for i, x in enumerate(body.inputs.outside) if x in used]
    inputs = Inputs(
        body.inputs.state,
        [body.inputs.entries[i] for i in kept_entries],
        [body.inputs.outside[i] for i in kept_outside],
    )
    graph = graph_between([x for part in inputs for x in part], [out for part in body.outputs for out in part])
    # Besides its operands the body may read older nodes from outside directly.
    given = [*outside, *map(Array, body.inputs.outside[len(outside) :])]
    return (
        Body(body.name, graph, inputs, body.outputs),
        [entries[i] for i in kept_entries],
        [given[i] for i in kept_outside],
    )
