"""Lowering loops: the body of a `Loop` as values, without the parts that are not needed.

A body is simplified and lowered as a recording of its own. Values that are the same in each step are computed once,
before the loop; results that are not read are not kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compile.failures import CannotRoll
from chainrule.compile.loop_copies import Copied
from chainrule.compile.loop_totals import Total
from chainrule.compile.making import Maker, key_of
from chainrule.compile.operations import CHEAP
from chainrule.compile.overflow import guard_overflow
from chainrule.compile.product_rules import reduced
from chainrule.compile.rolled import Loop, result_of
from chainrule.compile.schedule import needed
from chainrule.compile.signatures import TRUTHS
from chainrule.compile.values import VIEWS, Value, input_of
from chainrule.graph import Graph, graph_between
from chainrule.libraries import PYTHON
from chainrule.node import Node, value_of_operand
from chainrule.simplify import simplify_graph

__all__ = ["LoweredLoop", "lower_loop", "lower_result", "results_used"]


WORTH_KEEPING = 4
"""Values that take fewer operations per entry are computed again in the backward pass instead of being stored."""


class Lowers(Maker):
    """Replaces nodes by values: see `Lowering`."""

    of: dict[Node, Value]

    def value(self, operand: Any) -> Value:
        raise NotImplementedError

    def nodes(self, graph: Graph) -> None:
        raise NotImplementedError


@dataclass
class LoweredLoop:
    """A loop as values. The lists hold the body's states, results and sums that are needed, in the body's order.

    Attributes
    ----------
    length, backwards : the number of steps; whether the last entries are read first.
    states, entries, outside : the inputs of the body, in the order of the loop's operands.
    next_states, along, sums : the outputs of the body.
    results : the loop's results by their kind ("states", "last", "along", "sum") and place in the lists.
    threads : whether it has products that are worth several threads of BLAS.
    """

    length: int
    backwards: bool
    states: list[Value]
    entries: list[Value]
    outside: list[Value]
    next_states: list[Value]
    along: list[Value]
    sums: list[Value]
    results: dict[tuple[str, int], Value]
    threads: bool = False

    @property
    def outputs(self) -> list[Value]:
        return [*self.next_states, *self.along, *self.sums]


def results_used(graph: Graph) -> dict[Node, set[int]]:
    """For each loop of a graph, the numbers of its results that are read."""
    used: dict[Node, set[int]] = {}
    for node in graph.nodes:
        if node.block is result_of:
            used.setdefault(node.inputs[0], set()).add(node.params["number"])
    return used


def lower_loop(low: Lowers, node: Node, used: set[int]) -> Value:
    """The value of a loop, of which some results are used."""
    return _Lowered(low, node, used).value()


def lower_result(low: Lowers, node: Node) -> Value:
    """One result of a loop."""
    loop = low.value(node.inputs[0])
    found: Value = loop.params["numbers"][node.params["number"]]
    return found


class _Lowered:
    """One loop while it is lowered."""

    def __init__(self, low: Lowers, node: Node, used: set[int]):
        self.low, self.node, self.used = low, node, used
        self.loop: Loop = node.params["loop"]
        self.body = self.loop.body
        self.operands = self.body.taken_apart(node.inputs)

    def value(self) -> Value:
        """Lower the body, make the loop from it, then the results and the guards that read the loop."""
        loop, outputs = self.loop, self.body.outputs
        self.states = states = self._needed_states()
        along = [i for i in range(len(outputs.results)) if loop.along(i) in self.used]
        sums = [i for i in range(len(outputs.sums)) if loop.sum(i) in self.used]
        chosen = [
            *(outputs.state[i] for i in states),
            *(outputs.results[i] for i in along),
            *(outputs.sums[i] for i in sums),
        ]
        inside = iter(self._with_stored(self._inside(chosen)))
        self.next_states = [next(inside) for _ in states]
        self.along = [next(inside) for _ in along]
        totals = [Total(self, v, whole=loop.role == "segments") for v in inside]
        first_checked = len(self.along)
        self.along += [v for v, _, _ in self.checked]
        self._make_loop([total.rest for total in totals if total.rest is not None])
        self.whole.params["numbers"] = self._results(along, sums, totals)
        self._guard_outside(first_checked)
        return self.whole

    def _make_loop(self, rests: list[Value]) -> None:
        """Make the loop: a copy of its body, and its arguments. `rests` are the sums that are added up step by step."""
        loop, inputs, low = self.loop, self.body.inputs, self.low
        outputs = Copied([*self.next_states, *self.along, *rests], {id(v) for v in self.varying}, bool(loop.role))
        self.copy = outputs.copy
        states = [outputs.input(self.of_input[inputs.state[i]]) for i in self.states]
        entries = [(outputs.copy[v], x) for v, x in self.entries.items() if v in outputs.copy]
        self.made = LoweredLoop(
            loop.length,
            loop.backwards,
            states,
            [v for v, _ in entries],
            [v for _, v in outputs.outside],
            [outputs.copy[v] for v in self.next_states],
            [outputs.copy[v] for v in self.along],
            [outputs.copy[v] for v in rests],
            {},
            outputs.threads,
        )
        args = [
            *(low.value(self.operands.state[i]) for i in self.states),
            *(x for _, x in entries),
            *(x for x, _ in outputs.outside),
        ]
        self.whole = Value("loop", tuple(args), {"lowered": self.made, "of": self})
        self.whole.order = len(low.known)
        low.known[id(self.node)] = self.whole

    def _results(self, along: list[int], sums: list[int], totals: list[Total]) -> dict[int, Value]:
        """The used results of the loop, by their numbers."""
        loop = self.loop
        numbers: dict[int, Value] = {}
        for k, i in enumerate(self.states):
            for number, kind in ((i, "states"), (loop.last(i), "last")):
                if number in self.used:
                    numbers[number] = self._result(number, (kind, k))
        for k, i in enumerate(along):
            numbers[loop.along(i)] = self._result(loop.along(i), ("along", k))
        added = [total for total in totals if total.rest is not None]
        for total, i in zip(totals, sums, strict=True):
            number = loop.sum(i)
            rest = None if total.rest is None else self._result(number, ("sum", added.index(total)))
            numbers[number] = total.value(rest)
        return numbers

    def _guard_outside(self, first: int) -> None:
        """Guard, after the loop, what its steps have checked: outputs of the body from the `first` on."""
        for k, (_, how, truth) in enumerate(self.checked, first):
            truths = self.result(("along", k), (self.loop.length,), np.dtype(bool))
            self.low.guard(reduced(self.low, "all" if truth else "any", truths, (0,), ()), how, truth)

    def _result(self, number: int, kind: tuple[str, int]) -> Value:
        form, shape = self.loop.forms[number], self.loop.shapes[number]
        return self.result(kind, shape, np.asarray(form).dtype, type(form) in PYTHON and not shape)

    def result(self, kind: tuple[str, int], shape: Any, dtype: np.dtype, weak: bool = False) -> Value:
        """A result of the loop, by its kind and place."""
        results = self.whole.params["lowered"].results
        if kind not in results:
            made = Value("loop_result", (self.whole,), {"kind": kind, "text": "loop"}, shape, dtype, weak)
            made.order = len(self.low.known)
            self.low.known[id(self.whole), kind] = made
            results[kind] = made
        return results[kind]

    def of_all_steps(self, v: Value) -> Callable[[], Value]:
        """A function that returns a value of the body in all steps; call it after the loop has been made."""
        if v in self.entries:
            return lambda: self.entries[v]
        if v not in self.along:
            self.along.append(v)
        place = self.along.index(v)
        return lambda: self.result(("along", place), (self.loop.length, *v.shape), v.dtype)

    def stored(self, v: Value) -> Value:
        """A value of the body in all steps, after the loop has been made."""
        for k in range(len(self.states)):
            if self.next_states[k] is v and ("states", k) in self.made.results:
                return _rows(self.low, self.made.results["states", k], self.loop.after)
        if v not in self.along:
            self.along.append(v)
            self.made.along.append(self.copy[v])
        return self.of_all_steps(v)()

    def _needed_states(self) -> list[int]:
        """The states that the used results depend on."""
        loop, out = self.loop, self.body.outputs
        place = {node: i for i, node in enumerate(self.body.inputs.state)}
        found: set[int] = set()
        stack = [i for i in range(loop.states) if {i, loop.last(i)} & self.used]
        targets = [x for i, x in enumerate(out.results) if loop.along(i) in self.used]
        targets += [x for i, x in enumerate(out.sums) if loop.sum(i) in self.used]
        read = self._states_read(targets, place)
        stack += read
        while stack:
            i = stack.pop()
            if i not in found:
                found.add(i)
                stack += self._states_read([out.state[i]], place)
        return sorted(found)

    def _states_read(self, targets: Sequence[Any], place: Mapping[Node, int]) -> list[int]:
        seen: set[Node] = set()
        stack = [x for x in targets if type(x) is Node]
        own = {x for part in self.body.inputs for x in part}
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                if node not in own:
                    stack += [x for x in node.inputs if type(x) is Node]
        return [place[x] for x in seen if x in place]

    def _inside(self, chosen: Sequence[Any]) -> list[Value]:
        """The values of the body's outputs; operands from outside are used directly."""
        low, body = self.low, self.body
        inputs = [x for part in body.inputs for x in part]
        recorded = graph_between(inputs, chosen)
        graph = simplify_graph(recorded)
        self.of_input: dict[Any, Value] = {}
        for node in (*body.inputs.state, *body.inputs.entries):
            made = input_of(node, node.name or "")
            made.order = len(low.known)
            low.known[id(self.node), id(node)] = made
            low.of[node] = self.of_input[node] = made
        self.varying = list(self.of_input.values())
        self.entries = {
            self.of_input[node]: low.value(x)
            for node, x in zip(body.inputs.entries, self.operands.entries, strict=True)
        }
        for node, x in zip(body.inputs.outside, self.operands.outside, strict=True):
            low.of[node] = low.value(x)
        guards = len(low.guards)
        low.nodes(graph)
        found = [low.value(out) for out in graph.outputs]
        guard_overflow(low, recorded, graph, found)
        self.checked = self._checked([*low.guards][guards:])
        for value, out in zip(found, chosen, strict=True):
            form = value_of_operand(out)
            if value.shape != np.shape(form) or value.dtype != np.asarray(form).dtype:
                raise CannotRoll("a result of another form")
        return found

    def _with_stored(self, outputs: list[Value]) -> list[Value]:
        """The outputs; values that the loop of the forward pass has stored are read instead of computed again."""
        if self.loop.role == "segments":
            return outputs
        forward = next((found for x in self.entries.values() if (found := _loop_of(x)) is not None), None)
        if forward is None:
            return outputs
        stored = _Stored(self, forward)
        stored.compare([*outputs, *(v for v, _, _ in self.checked)])
        self.checked = [guard for guard in self.checked if not stored.is_checked(*guard)]
        replaced = stored.replaced([*outputs, *(v for v, _, _ in self.checked)])
        self.checked = [(v, *guard[1:]) for v, guard in zip(replaced[len(outputs) :], self.checked, strict=True)]
        return replaced[: len(outputs)]

    def _checked(self, guards: Sequence[Any]) -> list[tuple[Value, str, bool]]:
        """The guards that each step must check; a guard on a value that no step changes stays outside the loop."""
        varying = {id(v) for v in self.varying}
        found = []
        for value, how, outcome in guards:
            if not any(id(v) in varying for v in needed([value])):
                continue
            del self.low.guards[value, how, outcome]
            if how not in TRUTHS or value.dtype != bool:
                raise CannotRoll("a step of the loop reads a value")
            found.append((value, how, outcome))
        return found


def _rows(low: Lowers, x: Value, rows: slice) -> Value:
    """Some rows of an array."""
    return low.make("slice", [x], (rows.stop - rows.start, *x.shape[1:]), x.dtype, key=_key_of(rows, x))


def _key_of(rows: slice, x: Value) -> tuple[slice, ...]:
    return (rows, *[slice(None)] * (len(x.shape) - 1))


def _loop_of(x: Value) -> _Lowered | None:
    """The loop whose states before each step this array holds; None if there is none."""
    if x.op != "slice" or x.args[0].op != "loop_result" or x.args[0].params["kind"][0] != "states":
        return None
    loop: _Lowered = x.args[0].args[0].params["of"]
    return loop if _start_of(x) == loop.loop.before.start else None


def _start_of(x: Value) -> Any:
    part = x.params["key"][0]
    return part.indices(x.args[0].shape[0])[0] if isinstance(part, slice) and len(x.params["key"]) >= 1 else None


class _Stored:
    """Replaces values of a backward loop that the forward loop has computed from the same states already.

    Attributes
    ----------
    alike : the values of the earlier body, by those of the later one.
    """

    def __init__(self, of: _Lowered, forward: _Lowered):
        self.of, self.forward = of, forward
        self.alike: dict[Value, Value | None] = {}
        theirs = {x: v for v, x in forward.entries.items()}
        for v, x in of.entries.items():
            if _loop_of(x) is forward:
                k = x.args[0].params["kind"][1]
                self.alike[v] = forward.of_input[forward.body.inputs.state[forward.states[k]]]
            elif x in theirs and of.loop.length == forward.loop.length:
                self.alike[v] = theirs[x]
        self.own = {id(v) for v in of.varying}
        self.new: dict[Value, Value] = {}
        self.cost: dict[Value, int] = {}

    def compare(self, outputs: list[Value]) -> None:
        """For each value that the outputs need, find the equal value of the earlier body, and its cost."""
        for v in needed(outputs):
            if v not in self.alike:
                self.alike[v] = self._alike(v)
            own = any(self.cost.get(a, 0) for a in v.args) or id(v) in self.own
            self.cost[v] = sum(self.cost[a] for a in v.args) + _cost(v) if own and v.args else int(own)

    def is_checked(self, v: Value, how: str, truth: bool) -> bool:
        """Whether the earlier loop has checked the same guard, in the same steps."""
        known = self.alike[v]
        return self.of.loop.length == self.forward.loop.length and (known, how, truth) in self.forward.checked

    def replaced(self, outputs: list[Value]) -> list[Value]:
        for v in outputs:
            self._replace(v)
        return [self.new[v] for v in outputs]

    def _alike(self, v: Value) -> Value | None:
        """The equal value of the earlier body, if it has one."""
        if id(v) in self.own:
            return None
        if not v.args:
            return v
        args = [self.alike[a] for a in v.args]
        if all(a is b for a, b in zip(args, v.args, strict=True)):
            return v
        return None if None in args else self.of.low.known.get(key_of(v, args))  # type: ignore[arg-type]

    def _replace(self, v: Value) -> None:
        stack = [v]
        while stack:
            v = stack[-1]
            if v in self.new:
                stack.pop()
                continue
            if self._is_stored(v):
                self.new[v] = self._read(v)
                continue
            missing = [a for a in v.args if a not in self.new]
            if missing:
                stack += missing
                continue
            args = [self.new[a] for a in v.args]
            same = all(a is b for a, b in zip(args, v.args, strict=True))
            self.new[v] = v if same else self.of.low.make(v.op, args, v.shape, v.dtype, v.weak, **v.params)
            stack.pop()

    def _is_stored(self, v: Value) -> bool:
        """Whether it costs less to keep a value than to compute it again."""
        known = self.alike[v]
        return (
            known is not None
            and known is not v
            and id(v) not in self.own
            and (known in self.forward.copy and self.cost[v] >= WORTH_KEEPING)
        )

    def _read(self, v: Value) -> Value:
        known = self.alike[v]
        assert known is not None
        made = Value("input", (), {}, v.shape, v.dtype, v.weak, v.name)
        made.order = len(self.of.low.known)
        self.of.low.known[id(self.of.node), "stored", id(known)] = made
        self.of.entries[made] = self.forward.stored(known)
        self.of.varying.append(made)
        return made


def _cost(v: Value) -> int:
    """Roughly how many operations an entry of a value takes."""
    if v.op in VIEWS or v.op in ("reshape", "slice"):
        return 0
    if v.op == "matmul":
        return 8 + v.args[0].shape[-1]
    return 1 if v.op in CHEAP else 8
