"""Repeats: parts of a recording in which the same steps repeat, as a loop in Python records them.

Blocks repeat with a period, and what each block takes moves along with it: a result of the same step, or of one before;
the next row of an array; the same thing each time. `rolling.py` makes a loop of what is found.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Container, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.blocks.indexing import getitem
from chainrule.compile.rolled import looped, result_of
from chainrule.compile.steady import content_key
from chainrule.layout import bytes_of
from chainrule.libraries import is_traced, numpy_form
from chainrule.node import Node

__all__ = ["FEWEST", "Along", "Found", "Inner", "NextRow", "Same", "Worth", "loops_of", "may_be_in_body"]

FEWEST = 8
"""Loops of fewer steps are not rolled."""
FARTHEST = 4
"""How many steps earlier an operand may have been computed."""
CANDIDATES = 6
INNER = 64
"""An inner loop of fewer steps is part of the body of the outer one."""
REAL = frozenset(map(np.dtype, [np.float32, np.float64, np.bool_]))
NUMBERS = frozenset([float, np.float32, np.float64, np.bool_])
"""Types of numbers that may be part of a body."""


class Worth(NamedTuple):
    """Which loops are worth rolling: long ones, on arrays that are not large.

    Attributes
    ----------
    blocks : a loop of at least this many blocks in all its steps is rolled,
    steps : and so is one of at least this many steps,
    entries : if all its arrays have fewer entries than this. Steps on larger arrays run on several threads unrolled.
    """

    blocks: float = 300
    steps: float = math.inf
    entries: float = 100_000

    def of(self, times: int, period: int) -> bool:
        return times * period >= self.blocks or times >= self.steps


WORTH = Worth()


# Where blocks repeat -------------------------------------------------------------------------------------------------


def _kinds(nodes: Sequence[Node], watched: Container[Node], worth: Worth) -> np.ndarray:
    """A number for each node: equal for nodes that may be the same step of a body."""
    numbers: dict[Any, int] = {}
    params: dict[int, Any] = {}
    alone: dict[Any, bool] = {}
    kinds = np.empty(len(nodes), np.int64)
    for i, node in enumerate(nodes):
        key: Any = i
        block = node.block
        is_alone = alone.get(block)
        if is_alone is None:
            is_alone = alone[block] = not block.pure or _is_for_itself(block)
        if not is_alone and node.version is None and node not in watched:
            kind = type(node.value)
            form = kind if kind in NUMBERS else _form_in_body(node.value, worth.entries)
            if form is not None:
                key = block, form, len(node.inputs)
                if block is getitem:
                    key = *key, *map(_masked, node.params["key"])
                elif node.params:
                    about = params.get(id(node.params))
                    if about is None:
                        about = params[id(node.params)] = content_key(node.params)
                    key = *key, about
        kinds[i] = numbers.setdefault(key, i)
    return kinds


def _form_in_body(value: Any, entries: float) -> Any:
    """The dtype and shape of a value that may be part of a body; None if it may not."""
    is_array = isinstance(value, np.ndarray | np.generic) or is_traced(value)
    if is_array and value.dtype in REAL and 0 < value.size < entries:
        return type(value) if isinstance(value, np.generic) else (value.dtype, value.shape)
    return None


def may_be_in_body(node: Node) -> bool:
    """Whether a node that repeats in each step can be part of a body."""
    block, value = node.block, node.value
    if node.version is not None or (block is not None and (not block.pure or _is_for_itself(block))):
        return False
    return type(value) in NUMBERS or _form_in_body(value, math.inf) is not None


def _is_for_itself(block: Any) -> bool:
    """Whether steps of this block must stay outside of loops."""
    return block is looped or block is result_of or block.draws


def _places(nodes: Sequence[Node]) -> np.ndarray:
    """A number for each node: equal for nodes that one place of the user's code has recorded."""
    numbers: dict[Any, int] = {}
    return np.array([numbers.setdefault((id(node.code), node.lasti, node.block), i) for i, node in enumerate(nodes)])


def _masked(part: Any) -> Any:
    """A part of a key; a number may differ from step to step."""
    if type(part) is int:
        return int
    if isinstance(part, slice):
        return slice, part.start, part.stop, part.step
    if isinstance(part, np.ndarray):
        return part.shape, bytes_of(part)
    return int if isinstance(part, int | np.integer) else part


class _Region(NamedTuple):
    """Nodes that repeat: from `start`, `times` groups of `period` nodes."""

    start: int
    period: int
    times: int


def loops_of(nodes: Sequence[Node], watched: Container[Node], worth: Worth) -> list[Found]:
    """The loops of a recording, first to last.

    Parameters
    ----------
    nodes : the steps of the recording, oldest first.
    watched : nodes whose values decided which path was taken; they are not put into loops.
    worth : which loops are worth rolling.
    """
    if not worth.of(len(nodes), 1):
        return []
    kinds, places = _kinds(nodes, watched, worth), _places(nodes)
    found: list[Found] = []
    parts = [(0, len(kinds))]
    while parts:
        first, last = parts.pop()
        for region in _candidates(kinds[first:last], places[first:last], worth):
            region = region._replace(start=first + region.start)
            loop = _Finder(nodes, region, worth).found()
            if loop is not None:
                loop = _with_inner_loop(nodes, region, loop, worth) or loop
                found.append(loop)
                parts += [(first, loop.first), (loop.stop, last)]
                break
    return sorted(found, key=lambda loop: loop.first)


def _candidates(kinds: np.ndarray, places: np.ndarray, worth: Worth) -> list[_Region]:
    """The parts that repeat, the most promising first."""
    if not worth.of(len(kinds), 1):
        return []
    periods = {several * period for each in (kinds, places) for period in _distances(each) for several in (1, 2)}
    found: list[tuple[int, int, _Region]] = []
    for period in sorted(periods - {0}):
        same = np.concatenate(([False], kinds[period:] == kinds[:-period], [False]))
        ends = np.flatnonzero(np.diff(same.astype(np.int8)))
        for start, stop in zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True):
            region = _Region(start, period, (stop - start) // period + 1)
            if region.times > FEWEST and worth.of(region.times - 2, period):
                found.append(((2 - region.times) * period, period, region))
    return [region for *_, region in sorted(found)[:CANDIDATES]]


def _distances(numbers: np.ndarray) -> list[int]:
    """The most frequent distances between equal numbers: candidates for the period."""
    order = np.argsort(numbers, kind="stable")
    apart = np.diff(order)[np.diff(numbers[order]) == 0]
    counts = np.bincount(apart)
    found: list[int] = []
    for weight in (counts, counts * np.arange(len(counts))):
        found += np.argsort(-weight, kind="stable")[:CANDIDATES].tolist()
    return found


def _with_inner_loop(nodes: Sequence[Node], region: _Region, loop: Found, worth: Worth) -> Found | None:
    """A loop of longer steps, if the keys repeat after several steps, as they do when an inner loop was found."""
    for k, kind in enumerate(loop.kinds):
        if type(kind) is Along:
            keys = [content_key(node.params["key"]) for node in nodes[loop.first + k : loop.stop : loop.period]]
            steps = next((n for n in range(2, min(INNER, len(keys))) if keys[n:] == keys[:-n]), 0)
            if steps and region.times // steps >= FEWEST:
                longer = region._replace(period=region.period * steps, times=region.times // steps)
                return _Finder(nodes, longer, worth).found()
    return None


# What moves along ----------------------------------------------------------------------------------------------------


class Found(NamedTuple):
    """A loop that was found.

    Attributes
    ----------
    first, stop : the nodes of its steps are nodes[first:stop].
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


class Same(NamedTuple):
    """An operand that is the same in each step: a node from outside, or a constant."""

    x: Any


class Inner(NamedTuple):
    """An operand that is a result of this step, or of an earlier step."""

    place: int
    back: int


class Along(NamedTuple):
    """An operand with another value from outside in each step."""

    of: tuple[Any, ...]


class NextRow(NamedTuple):
    """The next entry of an array in each step; `key` cuts these entries out of it."""

    array: Any
    key: tuple[Any, ...]


class _Finder:
    """Looks whether a region is a loop."""

    def __init__(self, nodes: Sequence[Node], region: _Region, worth: Worth):
        self.nodes, self.region, self.worth = nodes, region, worth
        end = region.start + region.period * region.times
        self.at = {node: i for i, node in enumerate(nodes[region.start : end], region.start)}

    def found(self) -> Found | None:
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
        if not self.worth.of(last - first, period):
            return None
        return self._classified(start, first, last, columns)

    def _offset(self) -> int:
        """Where a step should begin so that the fewest numbers are carried to the next step."""
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

    def _classified(self, start: int, first: int, last: int, columns: Any) -> Found | None:
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
                    operands.append(Inner(inner % period, -(inner // period)))
                    continue
                taken = _from_outside(each[first:last], node)
                if taken is None or (type(taken) is Along and any(self.at.get(x, -1) >= begin for x in _nodes(taken))):
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
        return Found(begin, stop, period, takes, kinds)


def _form(value: Any) -> Any:
    return type(value) if np.ndim(value) == 0 else np.ndarray, np.shape(value), getattr(value, "dtype", None)


def _from_outside(each: Sequence[Any], node: Node) -> Any:
    """An operand from outside: the same in each step, or another one along the loop."""
    one = each[0]
    if all(x is one for x in each):
        return Same(one)
    if type(one) is Node:
        return Along(tuple(each)) if _form(one.value)[2] in REAL or type(one.value) is float else None
    if isinstance(one, np.ndarray | np.generic | float | int | bool | complex):
        keys = [content_key(x) for x in each]
        if all(key == keys[0] for key in keys):
            return Same(one)
        if not isinstance(one, np.ndarray | np.generic):  # Python's numbers take the dtype of the result
            value = np.asarray(numpy_form(node.value))
            if type(one) not in (int, float) or value.dtype.kind != "f" or max(map(abs, each)) > 2**53:
                return None
            return Along((*map(float, each),))
        return Along(tuple(each)) if one.dtype in REAL else None
    return Same(one) if all(content_key(x) == content_key(one) for x in each) else None


def _nodes(along: Along) -> list[Node]:
    return [x for x in along.of if type(x) is Node]


def _kind_of(steps: Sequence[Node], operands: Sequence[Any], before: Sequence[Any]) -> Any:
    """The kind of the nodes at one place of all steps: part of the body, the same each time, or entries of an array."""

    def is_same(x: Any) -> bool:
        return type(x) is Same or (type(x) is Inner and x.back == 0 and before[x.place] == "same")

    node = steps[0]
    if node.block is getitem:
        keys = [step.params["key"] for step in steps]
        moving = [
            j for j in range(len(keys[0])) if type(_masked(keys[0][j])) is type and len({key[j] for key in keys}) > 1
        ]
        if moving:
            if not all(map(is_same, operands)) or type(operands[0]) is not Same or len(operands) > 1:
                return None
            return _rows(node, keys, moving) or Along(tuple(steps))
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
    return NextRow(array, (slice(places[0], end if end >= 0 else None, apart), *key[1:]))
