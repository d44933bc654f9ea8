"""Rolling: steps that a loop in Python has recorded one by one become one loop with a body.

A loop of n steps is recorded as the same blocks again and again. Where they repeat with a period, and what each block
takes moves along with it (a result of the same step, or of one before; the next row of an array; the same thing each
time), the blocks of one period are the body of a `Loop`. The backward pass, simplification and compilation then work
on the body, not on each step. Nodes do not change: new ones compute the same results.

The first steps of a loop are often different (a sum begins with 0), so they stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of
from chainrule.blocks.joining import concatenate, stack
from chainrule.bodies import Body, Inputs, Outputs
from chainrule.compile import repeats
from chainrule.compile.failures import CannotRoll
from chainrule.compile.repeats import FEWEST, Along, Found, Inner, NextRow, Same, Worth, loops_of
from chainrule.compile.rolled import Loop, LoopResults, handle, recorded_loop
from chainrule.compile.segments import SHORTEST, Known, MemoryBudget, Segments, filled
from chainrule.compile.writes import without_writes
from chainrule.graph import graph_between
from chainrule.libraries import is_traced
from chainrule.node import NO_PARAMS, Node

__all__ = ["rolled"]


def whole(body: Body, length: int, operands: Sequence[Any], known: Known, like: Node) -> LoopResults:
    """Record a loop in one piece: see `Segments`."""
    loop = Loop(body, length)
    return recorded_loop(loop, operands, filled(loop, known), like)


def rolled(
    inputs: Sequence[Node],
    outputs: Sequence[Any],
    watched: Iterable[Node],
    memory: MemoryBudget | None = None,
    worth: Worth | None = None,
    loop: Callable[..., Any] = whole,
) -> list[Any]:
    """The outputs (recorded arrays, nodes, or plain values), computed by loops where steps repeat.

    Parameters
    ----------
    watched : nodes whose values decided which path was taken; they are not put into loops.
    memory : if given, long loops keep fewer states.
    worth : which loops are worth rolling.
    loop : called as `Segments`, to record a loop that is not in segments.
    """
    targets = [node_of(out) if type(out) is Array else out for out in outputs]
    nodes, plain = without_writes(_recorded(inputs, outputs), [x for x in targets if type(x) is Node])
    if worth is None:
        worth = repeats.WORTH if memory is None else Worth(steps=SHORTEST, entries=math.inf)
    loops = loops_of(nodes, {plain.get(node, node) for node in watched}, worth)
    if not loops:
        return list(outputs)
    in_segments = memory is not None and memory.segments(sum(_bytes_of_states(nodes, found) for found in loops))
    return _Rewriting(nodes, loops, plain, in_segments, loop).outputs(outputs)


def _bytes_of_states(nodes: Sequence[Node], loop: Found) -> int:
    """The bytes of the states of all steps."""
    places = {x.place for operands in loop.takes for x in operands if type(x) is Inner and x.back}
    return loop.length * sum(np.asarray(nodes[loop.first + place].value).nbytes for place in places)


def _recorded(inputs: Sequence[Node], outputs: Sequence[Any]) -> list[Node]:
    """The steps that were recorded since the inputs, and that the outputs depend on, oldest first."""
    start = min((node.order for node in inputs), default=0)
    seen = set(inputs)
    stack = [node_of(out) if type(out) is Array else out for out in outputs]
    found = []
    while stack:
        node = stack.pop()
        if type(node) is Node and node not in seen and node.order > start and node.block is not None:
            seen.add(node)
            found.append(node)
            stack += node.inputs
    return sorted(found, key=attrgetter("order"))


# The recording with loops --------------------------------------------------------------------------------------------


class _Rewriting:
    """Records anew what depends on the steps of loops.

    Attributes
    ----------
    new : for nodes that are replaced, the node that takes their place.
    plain : for a write to an array, the node that takes its place (see `without_writes`).
    in_segments : whether long loops keep only some of their states.
    whole : records a loop that is not in segments.
    inside : for each node of a loop, the loop, its step and its place in the step.
    """

    def __init__(
        self, nodes: Sequence[Node], loops: Sequence[Found], plain: Mapping[Node, Node], in_segments: bool, whole: Any
    ):
        self.nodes, self.loops, self.plain, self.in_segments, self.whole = nodes, loops, plain, in_segments, whole
        self.new: dict[Node, Node] = {}
        self.inside: dict[Node, tuple[int, int, int]] = {}
        for number, loop in enumerate(loops):
            for i in range(loop.first, loop.stop):
                step, place = divmod(i - loop.first, loop.period)
                if type(loop.kinds[place]) is not Along:
                    self.inside[nodes[i]] = number, step, place
        self.made: list[_Made] = []

    def outputs(self, outputs: Sequence[Any]) -> list[Any]:
        targets = [node_of(out) if type(out) is Array else out for out in outputs]
        used = self._used_outside([self._plain(x) for x in targets])
        loops = iter(enumerate(self.loops))
        number, loop = next(loops)
        i = 0
        while i < len(self.nodes):
            if loop is not None and i == loop.first:
                for k in [k for k, kind in enumerate(loop.kinds) if type(kind) is Along]:
                    for node in self.nodes[i + k : loop.stop : loop.period]:
                        self._again(node)
                self.made.append(self._loop(loop, used[number]))
                i = loop.stop
                number, loop = next(loops, (0, None))  # type: ignore[assignment]
                continue
            self._again(self.nodes[i])
            i += 1
        made = [self._result(x) if type(x) is Node else x for x in targets]
        return [Array(x) if type(out) is Array else x for x, out in zip(made, outputs, strict=True)]

    def _plain(self, x: Any) -> Any:
        return self.plain.get(x, x) if type(x) is Node else x

    def _result(self, node: Node) -> Node:
        """The node that takes the place of an output, with the same value."""
        return self._of(self._plain(node))

    def _used_outside(self, outputs: Sequence[Any]) -> list[dict[int, bool]]:
        """For each loop, the places in a step whose results are used outside, and whether only of the last step."""
        used: list[dict[int, bool]] = [{} for _ in self.loops]

        def add(number: int, step: int, place: int) -> None:
            is_last = step == self.loops[number].length - 1
            used[number][place] = is_last and used[number].get(place, True)

        for node in self.nodes:
            own = self.inside.get(node, (None,))[0]
            for x in node.inputs:
                if type(x) is Node and (at := self.inside.get(x)) is not None and at[0] != own:
                    add(*at)
        for node in outputs:
            if type(node) is Node and (at := self.inside.get(node)) is not None:
                add(*at)
        return used

    def _of(self, x: Any) -> Any:
        """The node that takes the place of an operand."""
        if type(x) is not Node:
            return x
        if x not in self.new and x in self.inside:
            number, step, place = self.inside[x]
            self.new[x] = self.made[number].result(step, place)
        return self.new.get(x, x)

    def _again(self, node: Node) -> None:
        """Record a node outside of loops again, with new operands."""
        if node.block is stack and len(node.inputs) >= FEWEST and (joined := self._stacked(node)) is not None:
            self.new[node] = joined
            return
        operands = tuple(map(self._of, node.inputs))
        if any(a is not b for a, b in zip(operands, node.inputs, strict=True)):
            self.new[node] = node.remade(node.block, operands, node.params)

    def _stacked(self, node: Node) -> Node | None:
        """A stack whose entries are one result of every step: the rows of that result are taken as a whole."""
        if node.params["axis"] != -np.ndim(node.value):
            return None
        axis, runs = node.params["axis"], self._runs(node.inputs)
        if all(len(xs) < FEWEST or self._at(xs[0]) is None for xs, _ in runs):
            return None
        parts: list[Any] = []
        for xs, apart in runs:
            if len(xs) < FEWEST or (at := self._at(xs[0])) is None:
                parts.append(stack(*map(handle, map(self._of, xs)), axis=axis))
                continue
            number, step, place = at
            made = self.made[number].rows(place)
            whole = apart == 1 and len(xs) == self.loops[number].length
            end = step + apart * len(xs)
            parts.append(made if whole else made[step : end if end >= 0 else None : apart])
        if any(type(x) is not Array for x in parts):
            return None
        return node_of(parts[0] if len(parts) == 1 else concatenate(*parts, axis=axis))

    def _runs(self, xs: Sequence[Any]) -> list[tuple[list[Any], int]]:
        """The entries of a stack, split into runs from evenly spaced steps of one loop, each with its spacing."""
        runs: list[tuple[list[Any], int]] = []
        before: Any = None
        for i, x in enumerate(xs):
            at = self._at(x)
            apart = at[1] - before[1] if at and before and at[::2] == before[::2] else 0
            if i and at is before is None:
                runs[-1][0].append(x)
            elif apart and runs[-1][1] in (0, apart):
                runs[-1][0].append(x)
                runs[-1] = runs[-1][0], apart
            else:
                runs.append(([x], 0))
            before = at
        return runs

    def _at(self, x: Any) -> tuple[int, int, int] | None:
        """The loop of which an operand is a result, its step, and its place in the step."""
        return self.inside.get(x) if type(x) is Node else None

    def _loop(self, found: Found, used: dict[int, bool]) -> _Made:
        """Record a loop in place of its steps."""
        return _Making(self, found, used).made()


class _Made(NamedTuple):
    """A loop that was recorded.

    Attributes
    ----------
    carried, kept : for a place in a step, the number of its state, and of its result.
    same : for a place whose value is the same in each step, its node.
    """

    length: int
    results: LoopResults | Segments | Any
    carried: dict[int, int]
    kept: dict[int, int]
    same: dict[int, Any]

    def rows(self, place: int) -> Array:
        """The values of a place in all steps, as rows."""
        if place in self.same:
            node = self.same[place]
            return np.broadcast_to(Array(node), (self.length, *np.shape(node.value)))  # type: ignore
        if place in self.kept:
            return self.results.along(self.kept[place])
        assert not isinstance(self.results, Segments)
        return self.results.after(self.carried[place])

    def result(self, step: int, place: int) -> Node:
        """The value of a place in one step."""
        if place in self.same:
            return self.same[place]
        if place in self.carried and step == self.length - 1:
            return node_of(self.results.last(self.carried[place]))
        if place in self.kept:
            return node_of(self.rows(place)[step])
        assert not isinstance(self.results, Segments)
        return node_of(self.results.state(self.carried[place], step))


class _Making:
    """Makes a loop of the steps that were found."""

    def __init__(self, to: _Rewriting, found: Found, used: dict[int, bool]):
        self.to, self.found, self.used = to, found, used
        self.in_segments = to.in_segments and found.length >= SHORTEST
        self.example = to.nodes[found.first : found.first + found.period]
        self.outside: dict[Any, tuple[Node, Any]] = {}
        self.entries: dict[Any, tuple[Node, Any]] = {}
        self.states: dict[tuple[int, int], Node] = {}
        self.new: dict[int, Any] = {}

    def made(self) -> _Made:
        to, found = self.to, self.found
        same: dict[int, Any] = {}
        for k, kind in enumerate(found.kinds):
            if kind == "same":
                operands = tuple(to._of(x.x) if type(x) is Same else same[x.place] for x in found.takes[k])
                node = self.example[k]
                changed = any(a is not b for a, b in zip(operands, node.inputs, strict=True))
                same[k] = node.remade(node.block, operands, node.params) if changed else node
        self.same = same
        self._require_defined()
        for k, kind in enumerate(found.kinds):
            if kind == "same":
                continue
            if kind == "body":
                node = self.example[k]
                operands = tuple(map(self._operand, found.takes[k]))
                made = self.new[k] = Node(node.block, operands, node.params, node.value, node.code, node.lasti)
                made.must_be_finite = node.must_be_finite
            else:
                self.new[k] = self._entry(kind, self.example[k].value)
        if self.in_segments:  # results that are used of the last step only are not kept for all steps
            for place, is_last in self.used.items():
                if is_last and place not in same:
                    self._state(place, 1)
        while True:  # a state that is older than one step needs those between
            missing = [(p, b - 1) for p, b in self.states if b > 1 and (p, b - 1) not in self.states]
            if not missing:
                break
            for place, back in missing:
                self._state(place, back)
        return self._recorded()

    def _require_defined(self) -> None:
        """Refuse to roll if a value overflows: its gradient is unknown (NaN), which only single steps can detect."""
        for k, node in enumerate(self.example):
            if node.block.flat_at_infinity and not is_traced(node.value):
                steps = self.to.nodes[self.found.first + k : self.found.stop : self.found.period]
                if any(np.isinf(step.value).any() for step in steps):
                    raise CannotRoll("a value overflows")

    def _operand(self, take: Any) -> Any:
        if type(take) is Inner:
            if take.back:
                return self._state(take.place, take.back)
            return self._from_same(take.place) if take.place in self.same else self.new[take.place]
        if type(take) is Same:
            return self._from_outside(take.x)
        return self._entry(take, None)

    def _from_same(self, place: int) -> Any:
        return self._known(self.outside, ("same", place), self.same[place], self.example[place].value)

    def _from_outside(self, x: Any) -> Any:
        if type(x) is not Node:
            return x
        return self._known(self.outside, x, self.to._of(x), x.value)

    def _known(self, among: dict[Any, tuple[Node, Any]], key: Any, operand: Any, value: Any) -> Node:
        if key not in among:
            among[key] = Node(None, (), NO_PARAMS, value), operand
        return among[key][0]

    def _state(self, place: int, back: int) -> Any:
        if (place, back) not in self.states:
            before = self._before(place, back)
            self.states[place, back] = Node(None, (), NO_PARAMS, before.value)
        return self.states[place, back]

    def _before(self, place: int, back: int) -> Node:
        """The value of a place, `back` steps before the loop begins."""
        return self.to.nodes[self.found.first - back * self.found.period + place]

    def _entry(self, kind: Any, value: Any) -> Node:
        """The input of the body for an operand that differs from step to step."""
        key = (kind.array, str(kind.key)) if type(kind) is NextRow else tuple(map(id, kind.of))
        if key in self.entries:
            return self.entries[key][0]
        if type(kind) is NextRow:
            array = self.to._of(kind.array)
            operand = Array(array)[kind.key] if type(array) is Node else array[kind.key]
            first = form_of_row(operand, 0)
        else:
            xs = [self.to._of(x) for x in kind.of]
            if any(type(x) is Node for x in xs):
                operand = stack(*map(handle, xs), axis=-1 - np.ndim(getattr(xs[0], "value", xs[0])))
            else:
                operand = np.stack(xs)
            first = xs[0].value if type(xs[0]) is Node else xs[0]
        if value is None:
            value = first
        return self._known(self.entries, key, operand, value)

    def _recorded(self) -> _Made:
        found, to = self.found, self.to
        states = list(self.states)
        carried = {place: i for i, (place, back) in enumerate(states) if back == 1}
        kept_places = sorted(k for k in self.used if k not in self.same and self._is_kept(k, k in carried))
        outputs = Outputs(
            [
                self.states[p, b - 1] if b > 1 else self._from_same(p) if p in self.same else self.new[p]
                for p, b in states
            ],
            [self.new[k] for k in kept_places],
        )
        inputs = Inputs(
            list(self.states.values()),
            [node for node, _ in self.entries.values()],
            [node for node, _ in self.outside.values()],
        )
        everything = [x for part in inputs for x in part]
        graph = graph_between(everything, [out for part in outputs for out in part])
        body = Body("loop", graph, inputs, outputs)
        start = [to._of(self._before(*state)) for state in states]
        operands = [*start, *(x for _, x in self.entries.values()), *(x for _, x in self.outside.values())]

        def known(kind: str, i: int, t: int) -> Any:
            place, back = states[i] if kind == "state" else (kept_places[i], 0)
            return to.nodes[found.first + place + (t - back) * found.period].value

        made = Segments if self.in_segments else to.whole
        results = made(body, found.length, operands, known, self.example[-1])
        return _Made(found.length, results, carried, {place: i for i, place in enumerate(kept_places)}, self.same)

    def _is_kept(self, place: int, is_carried: bool) -> bool:
        """Whether the values of a place must be kept as a result; states of an unsegmented loop are kept anyway."""
        return not (self.used[place] if self.in_segments else is_carried)


def form_of_row(x: Any, i: int) -> Any:
    if type(x) is not Array:
        return x[i]
    value = node_of(x).value
    return node_of(x[i]).value if is_traced(value) else value[i]
