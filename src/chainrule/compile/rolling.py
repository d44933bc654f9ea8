"""Rolling: steps that a loop in Python has recorded one by one become one loop with a body.

A loop of n steps is recorded as the same blocks again and again. Where they repeat with a period, and what each block
takes moves along with it (a result of the same step, or of one before; the next row of an array; the same thing each
time), the blocks of one period are the body of a `Loop`. The backward pass, simplification and compilation then work
on the body, not on each step. Nodes do not change: new ones compute the same results.

The first steps of a loop are often different (a sum begins with 0), so they stay as they are.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of
from chainrule.blocks.indexing import getitem
from chainrule.blocks.joining import concatenate, stack
from chainrule.compile.failures import CannotRoll
from chainrule.compile.rolled import Loop, Results, looped, recorded_loop, result_of
from chainrule.compile.steady import _key
from chainrule.graph import graph_between
from chainrule.node import NO_PARAMS, Node
from chainrule.scanning import Body, Inputs, Outputs

__all__ = ["rolled"]

FEWEST = 8
"""Steps of a loop that is rolled."""
WORTH = 300
"""A loop is rolled if that leaves so many blocks fewer."""
LARGE = 100_000
"""Steps of larger arrays stay as they are: several threads compute them."""
FARTHEST = 4
"""How many steps back a value may have been computed."""
CANDIDATES = 6
REAL = frozenset(map(np.dtype, [np.float32, np.float64, np.bool_]))


def rolled(inputs: Sequence[Node], outputs: Sequence[Any], watched: Container[Node]) -> list[Any]:
    """The outputs (recorded arrays, nodes, or plain values), computed by loops where steps repeat.

    Parameters
    ----------
    watched : nodes whose values decided about the path; they stay steps of their own.
    """
    nodes = _recorded(inputs, outputs)
    if len(nodes) < WORTH:
        return list(outputs)
    loops = _loops(nodes, _kinds(nodes, watched), _places(nodes))
    return _Rewriting(nodes, loops).outputs(outputs) if loops else list(outputs)


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


# Where blocks repeat -------------------------------------------------------------------------------------------------


def _kinds(nodes: Sequence[Node], watched: Container[Node]) -> np.ndarray:
    """A number for each node: equal for nodes that may be the same step of a body."""
    numbers: dict[Any, int] = {}
    params: dict[int, Any] = {}
    kinds = np.empty(len(nodes), np.int64)
    for i, node in enumerate(nodes):
        key: Any = i
        if node.version is None and node.block.pure and node not in watched and not _is_for_itself(node.block):
            value = node.value
            kind = type(value)
            if kind is float or (
                isinstance(value, np.ndarray | np.generic) and value.dtype in REAL and 0 < value.size < LARGE
            ):
                key = node.block, kind if kind is not np.ndarray else (value.dtype, value.shape), len(node.inputs)
                if node.block is getitem:
                    key = *key, *map(_masked, node.params["key"])
                elif node.params:
                    about = params.get(id(node.params))
                    if about is None:
                        about = params[id(node.params)] = _key(node.params)
                    key = *key, about
        kinds[i] = numbers.setdefault(key, i)
    return kinds


def _is_small_and_real(value: Any) -> bool:
    return value.dtype in REAL and 0 < value.size < LARGE


def _is_for_itself(block: Any) -> bool:
    """Whether steps of a block are never part of a body."""
    return block is looped or block is result_of or block.draws


def _places(nodes: Sequence[Node]) -> np.ndarray:
    """A number for each node: equal for nodes that one place of the user's code has recorded."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault((id(node.code), node.lasti, node.block), i) for i, node in enumerate(nodes)])


def _masked(part: Any) -> Any:
    """A part of a key; a number may differ from step to step."""
    if isinstance(part, slice):
        return slice, part.start, part.stop, part.step
    if isinstance(part, np.ndarray):
        return part.shape, part.tobytes()
    return int if isinstance(part, int | np.integer) else part


class _Region(NamedTuple):
    """Nodes that repeat: so many times the next `period` nodes, from `start`."""

    start: int
    period: int
    times: int


def _loops(nodes: Sequence[Node], kinds: np.ndarray, places: np.ndarray) -> list[_Found]:
    """The loops of a recording, first to last."""
    found: list[_Found] = []
    parts = [(0, len(kinds))]
    while parts:
        first, last = parts.pop()
        for region in _candidates(kinds[first:last], places[first:last]):
            loop = _Finder(nodes, region._replace(start=first + region.start)).found()
            if loop is not None:
                found.append(loop)
                parts += [(first, loop.first), (loop.stop, last)]
                break
    return sorted(found, key=lambda loop: loop.first)


def _candidates(kinds: np.ndarray, places: np.ndarray) -> list[_Region]:
    """The parts that repeat, the most promising first."""
    if len(kinds) < WORTH:
        return []
    periods = {several * period for each in (kinds, places) for period in _distances(each) for several in (1, 2)}
    found: list[tuple[int, int, _Region]] = []
    for period in sorted(periods - {0}):
        same = np.concatenate(([False], kinds[period:] == kinds[:-period], [False]))
        ends = np.flatnonzero(np.diff(same.astype(np.int8)))
        for start, stop in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            region = _Region(start, period, (stop - start) // period + 1)
            gain = (region.times - 2) * period
            if region.times > FEWEST and gain >= WORTH:
                found.append((-gain, period, region))
    return [region for *_, region in sorted(found)[:CANDIDATES]]


def _distances(numbers: np.ndarray) -> list[int]:
    """How far apart equal numbers are most often, and where these distances cover most."""
    order = np.argsort(numbers, kind="stable")
    apart = np.diff(order)[np.diff(numbers[order]) == 0]
    counts = np.bincount(apart)
    found: list[int] = []
    for weight in (counts, counts * np.arange(len(counts))):
        found += np.argsort(-weight, kind="stable")[:CANDIDATES].tolist()
    return found


# What moves along ----------------------------------------------------------------------------------------------------


class _Found(NamedTuple):
    """A loop that was found.

    Attributes
    ----------
    first, stop : its steps, without those before it that stay as they are: nodes[first:stop].
    period : the number of nodes of a step.
    takes : for each node of a step, where each of its operands comes from.
    kinds : for each node of a step, whether it is part of the body, the "same" each time, or an "entry" of an array.
    """

    first: int
    stop: int
    period: int
    takes: list[list[Any]]
    kinds: list[Any]

    @property
    def length(self) -> int:
        return (self.stop - self.first) // self.period


class _Same(NamedTuple):
    """An operand that is the same in each step: a node from outside, or a constant."""

    x: Any


class _Inner(NamedTuple):
    """An operand that is a result of this step, or of one so many steps before."""

    place: int
    back: int


class _Along(NamedTuple):
    """An operand with another value from outside in each step."""

    of: tuple[Any, ...]


class _Row(NamedTuple):
    """The next entry of an array in each step; `key` cuts these entries out of it."""

    array: Any
    key: tuple[Any, ...]


class _Finder:
    """Looks whether a region is a loop."""

    def __init__(self, nodes: Sequence[Node], region: _Region):
        self.nodes, self.region = nodes, region
        end = region.start + region.period * region.times
        self.at = {node: i for i, node in enumerate(nodes[region.start : end], region.start)}

    def found(self) -> _Found | None:
        period = self.region.period
        start = self.region.start + self._offset()
        count = (self.region.start + period * self.region.times - start) // period
        first, last = 1, count  # the steps of the loop
        columns = self._columns(start, count)
        if columns is None:
            return None
        while True:
            low, high = first, last
            for k, column in enumerate(columns):
                for operands in column:
                    low, high = self._regular(operands, start, k, low, high)
                    if high - low < FEWEST:
                        return None
            if (low, high) == (first, last):
                break
            first, last = low, high
        if (last - first) * period < WORTH:
            return None
        return self._classified(start, first, last, columns)

    def _offset(self) -> int:
        """Where a step begins, so that the fewest numbers are carried to the next one."""
        start, period, times = self.region
        middle = start + period * (times // 2)
        until: dict[int, int] = {}
        for i in range(middle, middle + 2 * period):
            if i < start + period * times:
                for x in self.nodes[i].inputs:
                    at = self.at.get(x) if type(x) is Node else None
                    if at is not None and middle <= at < middle + period:
                        until[at] = max(until.get(at, at), i)
        alive = np.zeros(period + 1)
        for at, end in until.items():
            size = np.size(self.nodes[at].value)
            for k in range(at + 1, min(end, at + period) + 1):
                alive[(k - middle) % period] += size
        return int(np.argmin(alive[:period]))

    def _columns(self, start: int, count: int) -> list[list[list[Any]]] | None:
        """For each node of a step and each of its operands, that operand in all steps."""
        period = self.region.period
        found = []
        for k in range(period):
            rows = [self.nodes[i].inputs for i in range(start + k, start + count * period, period)]
            found.append([list(column) for column in zip(*rows, strict=True)])
        return found

    def _regular(self, operands: Sequence[Any], start: int, k: int, first: int, last: int) -> tuple[int, int]:
        """The steps around the middle one in which an operand comes from the same place."""
        middle = (first + last) // 2
        kind = self._place(operands[middle], start, middle)
        low, high = middle, middle + 1
        while low > first and self._place(operands[low - 1], start, low - 1) == kind:
            low -= 1
        while high < last and self._place(operands[high], start, high) == kind:
            high += 1
        if type(kind) is int and kind < 0:
            low = max(low, -(kind // self.region.period))
        return low, high

    def _place(self, x: Any, start: int, step: int) -> Any:
        """Where an operand comes from: how far from the step's first node; None from outside."""
        if type(x) is not Node:
            return type(x), getattr(x, "dtype", None), getattr(x, "shape", None)
        at = self.at.get(x)
        far = None if at is None or at < start else at - start - step * self.region.period
        return far if far is not None and far >= -FARTHEST * self.region.period else ("outside", _form(x.value))

    def _classified(self, start: int, first: int, last: int, columns: Any) -> _Found | None:
        period = self.region.period
        takes: list[list[Any]] = []
        kinds: list[Any] = []
        begin, stop = start + first * period, start + last * period
        for k, column in enumerate(columns):
            operands: list[Any] = []
            node = self.nodes[begin + k]
            for each in column:
                inner = self._place(each[first], start, first)
                if type(inner) is int:
                    operands.append(_Inner(inner % period, -(inner // period)))
                    continue
                taken = _from_outside(each[first:last], node)
                if taken is None or (type(taken) is _Along and any(self.at.get(x, -1) >= begin for x in _nodes(taken))):
                    return None
                operands.append(taken)
            steps = self.nodes[begin + k : stop : period]
            kind = _kind_of(steps, operands, kinds)
            if kind is None:
                return None
            takes.append(operands)
            kinds.append(kind)
        if "body" not in kinds:
            return None
        return _Found(begin, stop, period, takes, kinds)


def _form(value: Any) -> Any:
    return type(value) if np.ndim(value) == 0 else np.ndarray, np.shape(value), getattr(value, "dtype", None)


def _from_outside(each: Sequence[Any], node: Node) -> Any:
    """An operand from outside: the same in each step, or another one along the loop."""
    one = each[0]
    if all(x is one for x in each):
        return _Same(one)
    if type(one) is Node:
        return _Along(tuple(each)) if _form(one.value)[2] in REAL or type(one.value) is float else None
    if isinstance(one, np.ndarray | np.generic | float | int | bool | complex):
        keys = [_key(x) for x in each]
        if all(key == keys[0] for key in keys):
            return _Same(one)
        if not isinstance(one, np.ndarray | np.generic):  # Python's numbers take the dtype of the result
            value = np.asarray(node.value)
            if type(one) not in (int, float) or value.dtype.kind != "f" or max(map(abs, each)) > 2**53:
                return None
            return _Along((*map(float, each),))
        return _Along(tuple(each)) if one.dtype in REAL else None
    return _Same(one) if all(_key(x) == _key(one) for x in each) else None


def _nodes(along: _Along) -> list[Node]:
    return [x for x in along.of if type(x) is Node]


def _kind_of(steps: Sequence[Node], operands: Sequence[Any], before: Sequence[Any]) -> Any:
    """What the nodes at one place of all steps are: part of the body, the same each time, or entries of an array."""

    def is_same(x: Any) -> bool:
        return type(x) is _Same or (type(x) is _Inner and x.back == 0 and before[x.place] == "same")

    node = steps[0]
    if node.block is getitem:
        keys = [step.params["key"] for step in steps]
        moving = [
            j for j in range(len(keys[0])) if type(_masked(keys[0][j])) is type and len({key[j] for key in keys}) > 1
        ]
        if moving:
            if not all(map(is_same, operands)) or type(operands[0]) is not _Same or len(operands) > 1:
                return None
            return _rows(node, keys, moving) or _Along(tuple(steps))
    return "same" if all(map(is_same, operands)) else "body"


def _rows(node: Node, keys: Sequence[Any], moving: Sequence[int]) -> Any:
    """The entries of an array that are read one after the other, if they lie apart evenly along its first axis."""
    array = node.inputs[0]
    if len(moving) != 1 or type(array) is not Node:
        return None
    (j,), key = moving, keys[0]
    shape = np.shape(array.value)
    used = [part for part in key if part is not None]
    axis = len(shape) - len(used) + sum(part is not None for part in key[:j])
    if axis or any(isinstance(part, np.ndarray) for part in key) or key[0] is None:
        return None
    places = [int(key[j]) % shape[0] for key in keys]
    apart = places[1] - places[0]
    if not apart or any(b - a != apart for a, b in itertools.pairwise(places)):
        return None
    end = places[-1] + apart
    return _Row(array, (slice(places[0], end if end >= 0 else None, apart), *key[1:]))


# The recording with loops --------------------------------------------------------------------------------------------


class _Rewriting:
    """Records anew what depends on the steps of loops.

    Attributes
    ----------
    new : for nodes that are replaced, the node that takes their place.
    inside : for each node of a loop, the loop, its step and its place in the step.
    """

    def __init__(self, nodes: Sequence[Node], loops: Sequence[_Found]):
        self.nodes, self.loops = nodes, loops
        self.new: dict[Node, Node] = {}
        self.inside: dict[Node, tuple[int, int, int]] = {}
        for number, loop in enumerate(loops):
            for i in range(loop.first, loop.stop):
                step, place = divmod(i - loop.first, loop.period)
                if type(loop.kinds[place]) is not _Along:
                    self.inside[nodes[i]] = number, step, place
        self.made: list[_Made] = []

    def outputs(self, outputs: Sequence[Any]) -> list[Any]:
        used = self._used_outside(outputs)
        loops = iter(enumerate(self.loops))
        number, loop = next(loops)
        i = 0
        while i < len(self.nodes):
            if loop is not None and i == loop.first:
                for k in [k for k, kind in enumerate(loop.kinds) if type(kind) is _Along]:
                    for node in self.nodes[i + k : loop.stop : loop.period]:
                        self._again(node)
                self.made.append(self._loop(loop, used[number]))
                i = loop.stop
                number, loop = next(loops, (0, None))  # type: ignore[assignment]
                continue
            self._again(self.nodes[i])
            i += 1
        return [
            Array(self._of(node_of(out))) if type(out) is Array else self._of(out) if type(out) is Node else out
            for out in outputs
        ]

    def _used_outside(self, outputs: Sequence[Any]) -> list[set[int]]:
        """For each loop, the places in a step whose results are used elsewhere."""
        used: list[set[int]] = [set() for _ in self.loops]
        for node in self.nodes:
            own = self.inside.get(node, (None,))[0]
            for x in node.inputs:
                if type(x) is Node and (at := self.inside.get(x)) is not None and at[0] != own:
                    used[at[0]].add(at[2])
        for out in outputs:
            node = node_of(out) if type(out) is Array else out
            if type(node) is Node and (at := self.inside.get(node)) is not None:
                used[at[0]].add(at[2])
        return used

    def _of(self, x: Any) -> Any:
        """What takes the place of an operand."""
        if type(x) is not Node:
            return x
        if x not in self.new and x in self.inside:
            number, step, place = self.inside[x]
            self.new[x] = self.made[number].result(step, place)
        return self.new.get(x, x)

    def _again(self, node: Node) -> None:
        """A node outside of loops, from new operands."""
        if node.block is stack and len(node.inputs) >= FEWEST and (joined := self._stacked(node)) is not None:
            self.new[node] = joined
            return
        operands = tuple(map(self._of, node.inputs))
        if any(a is not b for a, b in zip(operands, node.inputs, strict=True)):
            self.new[node] = node.remade(node.block, operands, node.params)

    def _stacked(self, node: Node) -> Node | None:
        """Entries of a stack that are a result of all steps are joined as they lie."""
        if node.params["axis"] != -np.ndim(node.value):
            return None
        parts: list[Any] = []
        several = False
        for key, group in itertools.groupby(enumerate(node.inputs), lambda pair: self._run_of(*pair)):
            xs = [x for _, x in group]
            if key is None or len(xs) < FEWEST:
                parts.append(stack(*map(_handle, map(self._of, xs)), axis=node.params["axis"]))
                continue
            number, step, place = self.inside[xs[0]]
            made = self.made[number].rows(place)
            whole = len(xs) == self.loops[number].length
            parts.append(made if whole else made[step : step + len(xs)])
            several = True
        if not several or any(type(x) is not Array for x in parts):
            return None
        value = parts[0] if len(parts) == 1 else concatenate(*parts, axis=node.params["axis"])
        return node_of(value)

    def _run_of(self, i: int, x: Any) -> Any:
        """Equal for entries of a stack that come from consecutive steps of a loop."""
        at = self.inside.get(x) if type(x) is Node else None
        return None if at is None else (at[0], at[2], at[1] - i)

    def _loop(self, found: _Found, used: set[int]) -> _Made:
        """Record a loop in place of its steps."""
        return _Making(self, found, used).made()


def _handle(x: Any) -> Any:
    return Array(x) if type(x) is Node else x


class _Made(NamedTuple):
    """A loop that was recorded.

    Attributes
    ----------
    carried, kept : the number of the state, and of the result, that a place of a step is.
    same : the node that a place is in each step.
    """

    results: Results
    carried: dict[int, int]
    kept: dict[int, int]
    same: dict[int, Any]

    def rows(self, place: int) -> Array:
        """What a place was in all steps."""
        loop = self.results.run.loop
        if place in self.carried:
            return self.results.array(self.carried[place])[loop.after]
        return self.results.array(loop.along(self.kept[place]))

    def result(self, step: int, place: int) -> Node:
        """What a place was in one step."""
        loop = self.results.run.loop
        if place in self.same:
            return self.same[place]
        if place in self.carried and step == loop.length - 1:
            return self.results(loop.last(self.carried[place]))
        if place in self.carried:
            return node_of(self.results.array(self.carried[place])[loop.row_after(step)])
        return node_of(self.results.array(loop.along(self.kept[place]))[step])


class _Making:
    """Makes a loop of the steps that were found."""

    def __init__(self, to: _Rewriting, found: _Found, used: set[int]):
        self.to, self.found, self.used = to, found, used
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
                operands = tuple(to._of(x.x) if type(x) is _Same else same[x.place] for x in found.takes[k])
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
                self.new[k] = Node(node.block, operands, node.params, node.value, node.code, node.lasti)
            else:
                self.new[k] = self._entry(kind, self.example[k].value)
        while True:  # a state that is older than one step needs those between
            missing = [(p, b - 1) for p, b in self.states if b > 1 and (p, b - 1) not in self.states]
            if not missing:
                break
            for place, back in missing:
                self._state(place, back)
        return self._recorded()

    def _require_defined(self) -> None:
        """Where a value overflows its gradient is unknown, which is found step by step."""
        for k, node in enumerate(self.example):
            if node.block.flat_at_infinity:
                steps = self.to.nodes[self.found.first + k : self.found.stop : self.found.period]
                if any(np.isinf(step.value).any() for step in steps):
                    raise CannotRoll("a value overflows")

    def _operand(self, take: Any) -> Any:
        if type(take) is _Inner:
            if take.back:
                return self._state(take.place, take.back)
            return self._from_same(take.place) if take.place in self.same else self.new[take.place]
        if type(take) is _Same:
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
        """What a place was, so many steps before the loop begins."""
        return self.to.nodes[self.found.first - back * self.found.period + place]

    def _entry(self, kind: Any, value: Any) -> Node:
        """One entry in each step of what differs along the loop."""
        key = (kind.array, str(kind.key)) if type(kind) is _Row else tuple(map(id, kind.of))
        if key in self.entries:
            return self.entries[key][0]
        if type(kind) is _Row:
            array = self.to._of(kind.array)
            operand = Array(array)[kind.key] if type(array) is Node else array[kind.key]
            first = form_of_row(operand, 0)
        else:
            xs = [self.to._of(x) for x in kind.of]
            if any(type(x) is Node for x in xs):
                operand = stack(*map(_handle, xs), axis=-1 - np.ndim(getattr(xs[0], "value", xs[0])))
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
        kept_places = sorted(k for k in self.used if k not in carried and k not in self.same)
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
        loop = Loop(Body("loop", graph, inputs, outputs), found.length)
        start = [to._of(self._before(*state)) for state in states]
        operands = [*start, *(x for _, x in self.entries.values()), *(x for _, x in self.outside.values())]
        packed, parts = loop.memory()
        for i, (place, back) in enumerate(states):
            parts[i][0] = start[i].value
            first = found.first + place - (back - 1) * found.period
            for t in range(found.length):
                parts[i][t + 1] = to.nodes[first + t * found.period].value
        for i, place in enumerate(kept_places):
            for t in range(found.length):
                parts[loop.along(i)][t] = to.nodes[found.first + place + t * found.period].value
        results = recorded_loop(loop, operands, packed, self.example[-1])
        return _Made(results, carried, {place: i for i, place in enumerate(kept_places)}, self.same)


def form_of_row(x: Any, i: int) -> Any:
    value = node_of(x).value if type(x) is Array else x
    return value[i]
