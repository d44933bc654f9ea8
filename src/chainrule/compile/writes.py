"""Writes: replaces the read of an array entry by the value that an earlier step wrote there.

`x[t] = a * x[t - 1]` records a write into an array, and the next step reads an entry of the array after that write.
Here the read is replaced by the value that was written. Then the loop does not need the array, and can be rolled; where
the array is read as a whole, it is built from all written entries. Nodes do not change: new ones compute the same
results.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.backward import numpy_number
from chainrule.blocks.indexing import getitem, set_at
from chainrule.blocks.joining import stack
from chainrule.blocks.shaping import transpose
from chainrule.libraries import NUMPY_NAMESPACE, PYTHON, as_numpy_number
from chainrule.node import Node, value_of_operand

__all__ = ["without_writes"]

FEWEST = 8
"""Arrays with fewer written entries are left alone, and up to so many writes are recorded one by one."""
PART = 32
"""A part with at most this many entries is built from the values written there."""
WHOLE = slice(None)


def without_writes(nodes: Sequence[Node], outputs: Sequence[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """The steps of a recording, oldest first, with reads replaced by the values that were written.

    Also returns, for each step that has changed, the step that takes its place.
    """
    if sum(node.block is set_at for node in nodes) < FEWEST:
        return list(nodes), {}
    following = _Following()
    for node in nodes:
        following.step(node)
    left = [following.operand(out) for out in outputs]
    needed: set[Node] = set()
    own = set(following.made)
    while left:
        node = left.pop()
        if type(node) is Node and node in own and node not in needed:
            needed.add(node)
            left += [x for x in node.inputs if type(x) is Node]
    new = {node: x for node, x in following.new.items() if type(x) is Node}
    return [node for node in following.made if node in needed], new


class _Chain:
    """An array into which entries are written one after the other; all keys have integers for the same axes.

    Attributes
    ----------
    root : the array before the first write.
    axes : the axes for which the keys have an integer.
    entries : for these integers, the values written there, each with the number of its write.
    writes : the writes.
    wholes : the array as a whole after some writes, by their number.
    """

    def __init__(self, root: Any, axes: tuple[int, ...]):
        self.root, self.axes = root, axes
        self.form = root.form if type(root) is Node else root
        self.entries: dict[tuple[int, ...], list[tuple[int, Any]]] = {}
        self.writes: list[Node] = []
        self.wholes: list[tuple[int, Any]] = [(0, root)]

    def latest(self, place: tuple[int, ...], number: int) -> tuple[int, Any] | None:
        """The last write at a place among the first `number` writes: its number and value; None if there is none."""
        known = self.entries.get(place, ())
        i = bisect.bisect_right(known, number, key=lambda pair: pair[0])
        return known[i - 1] if i else None


class _Following:
    """Goes through the steps of a recording.

    Attributes
    ----------
    new : for steps that are replaced, what takes their place.
    at : for each write that is followed, its array and its number.
    made : the steps of the new recording.
    """

    def __init__(self) -> None:
        self.new: dict[Node, Any] = {}
        self.at: dict[Node, tuple[_Chain, int]] = {}
        self.made: list[Node] = []

    def operand(self, x: Any) -> Any:
        """The node or value that takes the place of an operand."""
        if type(x) is not Node:
            return x
        if x not in self.new and x in self.at:
            self.new[x] = self._whole(*self.at[x])
        return self.new.get(x, x)

    def step(self, node: Node) -> None:
        if node.block is set_at and self._follow(node):
            return
        if node.block is getitem and (found := self._read(node)) is not None:
            self.new[node] = found
            return
        self._again(node, [self.operand(x) for x in node.inputs])

    def _again(self, node: Node, operands: Sequence[Any]) -> Node:
        """A step, recorded again with new operands."""
        same = all(a is b for a, b in zip(operands, node.inputs, strict=True))
        made = node if same else node.remade(node.block, tuple(operands), node.params)
        if made is not node:
            self.new[node] = made
        self.made.append(made)
        return made

    def _make(self, block: Any, operands: Sequence[Any], like: Node, **params: Any) -> Node:
        value = block.forward(NUMPY_NAMESPACE, *map(value_of_operand, operands), **params)
        self.made.append(Node(block, tuple(operands), params, value, like.code, like.lasti))
        return self.made[-1]

    # Writes -------------------------------------------------------------------------------------------------

    def _follow(self, node: Node) -> bool:
        """Note a write of an entry; False if it is not followed."""
        array = node.inputs[0]
        place = _place(node, array)
        if place is None or len(node.inputs) > 2:
            return False
        axes, integers = place
        chain, number = self.at.get(array, (None, 0))
        if chain is None or chain.axes != axes or number != len(chain.writes):
            chain, number = _Chain(array, axes), 0
        written = self._as_entry(node, chain, self.operand(node.inputs[1]))
        if written is None:
            return False
        chain.writes.append(node)
        chain.entries.setdefault(integers, []).append((number + 1, written))
        self.at[node] = chain, number + 1
        return True

    def _as_entry(self, node: Node, chain: _Chain, x: Any) -> Any:
        """A written value in the form in which it is read; None if it has another form."""
        form = chain.form
        shape = tuple(n for axis, n in enumerate(form.shape) if axis not in chain.axes)
        value = x.form if type(x) is Node else x
        if form.dtype.kind != "f":
            return None
        if type(value) in PYTHON:
            if type(x) is Node and not shape and type(value) is float:
                return self._make(numpy_number, (x,), node, dtype=form.dtype)
            if type(x) is Node or type(value) is complex:
                return None
            return np.full(shape, value, form.dtype) if shape else as_numpy_number(value, form.dtype)
        if np.shape(value) != shape or value.dtype != form.dtype:
            return None
        return x[()] if type(x) is not Node and not shape else x

    # Reads --------------------------------------------------------------------------------------------------

    def _read(self, node: Node) -> Any:
        """The value that a read gives; None if it must read the array itself."""
        chain, number = self.at.get(node.inputs[0], (None, 0)) if type(node.inputs[0]) is Node else (None, 0)
        if chain is None or len(node.inputs) > 1:
            return None
        parts = _parts(node.params["key"], chain.form.shape)
        if parts is None:
            return None
        if all(type(parts[axis]) is int for axis in chain.axes):
            rest = tuple(part for axis, part in enumerate(parts) if axis not in chain.axes)
            entry = self._entry(chain, tuple(parts[axis] for axis in chain.axes), number, node)
            if all(part == WHOLE for part in rest) or type(entry) is not Node:
                return entry if type(entry) is Node else entry[rest] if rest else entry
            return self._make(getitem, (entry,), node, key=rest)
        if chain.axes == (0,) and type(parts[0]) is slice and all(part == WHOLE for part in parts[1:]):
            places = range(*parts[0].indices(chain.form.shape[0]))
            if 0 < len(places) <= min(PART, chain.form.shape[0] - 1):
                entries = [self._entry(chain, (i,), number, node) for i in places]
                return self._make(stack, entries, node, axis=-chain.form.ndim)
        return None

    def _entry(self, chain: _Chain, place: tuple[int, ...], number: int, like: Node) -> Any:
        """An entry of an array after `number` writes."""
        found = chain.latest(place, number)
        if found is not None:
            return found[1]
        key = _key(place, chain)
        root = self.operand(chain.root)
        return self._make(getitem, (root,), like, key=key) if type(root) is Node else root[key][()]

    # The array as a whole -----------------------------------------------------------------------------------

    def _whole(self, chain: _Chain, number: int) -> Any:
        """A whole array after `number` writes."""
        start, base = max((pair for pair in chain.wholes if pair[0] <= number), key=lambda pair: pair[0])
        base = self.operand(base)
        since: dict[tuple[int, ...], Any] = {}
        for write in reversed(chain.writes[start:number]):
            place = _place(write, write.inputs[0])
            assert place is not None
            since.setdefault(place[1], write)
        latest = {place: chain.latest(place, number)[1] for place in since}  # type: ignore[index]
        made = self._at_once(chain, number, latest, base)
        if made is None:
            for write in reversed(since.values()):
                made = base = self._again(write, [base, self.operand(write.inputs[1])])
        chain.wholes.append((number, made))
        return made

    def _at_once(self, chain: _Chain, number: int, entries: dict[tuple[int, ...], Any], base: Any) -> Any:
        """All entries in one write, if they are evenly spaced, and are many or the whole array."""
        like = chain.writes[number - 1]
        runs = {axis: _run([place[k] for place in entries]) for k, axis in enumerate(chain.axes)}
        if None in runs.values():
            return None
        lengths = {axis: len(run) for axis, run in runs.items()}  # type: ignore[arg-type]
        is_all = all(n == chain.form.shape[axis] for axis, n in lengths.items())
        missing = math.prod(lengths.values()) - len(entries)
        if missing > min(FEWEST, len(entries)) or (len(entries) < FEWEST and (missing or not is_all)):
            return None
        if missing:
            entries = {place: self._entry(chain, place, number, like) for place in itertools.product(*runs.values())}  # type: ignore[arg-type]
        # The longest axis is joined first: along that one a loop runs.
        order = sorted(chain.axes, key=lambda axis: lengths[axis])
        value = self._joined(chain, runs, order, {}, entries, like)
        if is_all:
            return value
        slices = {axis: _as_slice(run) for axis, run in runs.items()}  # type: ignore[arg-type]
        key = tuple(slices.get(axis, WHOLE) for axis in range(chain.form.ndim))
        return self._make(set_at, (base, value), like, key=key)

    def _joined(
        self, chain: _Chain, runs: Any, axes: list[int], at: dict[int, int], entries: dict[Any, Any], like: Node
    ) -> Any:
        """The entries joined along these axes; for the others `at` has the place."""
        if not axes:
            return entries[tuple(at[axis] for axis in chain.axes)]
        axis, *rest = axes
        parts = [self._joined(chain, runs, rest, at | {axis: i}, entries, like) for i in runs[axis]]
        forms = [x.form if type(x) is Node else x for x in parts]
        made = self._make(stack, parts, like, axis=-1 - np.ndim(forms[0]))
        ndim = np.ndim(made.value)
        if runs[axis].step < 0:
            made = self._make(getitem, (made,), like, key=(slice(None, None, -1), *[WHOLE] * (ndim - 1)))
        before = sum(a not in at for a in range(axis))
        if not before:
            return made
        order = [*range(1, before + 1), 0, *range(before + 1, ndim)]
        return self._make(transpose, (made,), like, axes=tuple(a - ndim for a in order))


def _parts(key: Sequence[Any], shape: tuple[int, ...]) -> list[Any] | None:
    """The parts of a key, one for each axis; None if it has others than integers and slices."""
    if len(key) != len(shape):
        return None
    parts = [int(part) % n if isinstance(part, int | np.integer) else part for part, n in zip(key, shape, strict=True)]
    return parts if all(type(part) in (int, slice) for part in parts) else None


def _place(node: Node, array: Any) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """The axes at which a key has integers, and these integers; None unless the rest are full slices."""
    parts = _parts(node.params["key"], np.shape(array.form if type(array) is Node else array))
    if parts is None or any(type(part) is slice and part != WHOLE for part in parts):
        return None
    axes = tuple(axis for axis, part in enumerate(parts) if type(part) is int)
    return (axes, tuple(parts[axis] for axis in axes)) if axes else None


def _key(place: tuple[int, ...], chain: _Chain) -> tuple[Any, ...]:
    found = dict(zip(chain.axes, place, strict=True))
    return tuple(found.get(axis, WHOLE) for axis in range(chain.form.ndim))


def _run(places: Sequence[int]) -> range | None:
    """Places, given last first, as a range if they are evenly spaced; None if not."""
    ordered = sorted(set(places))
    step = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    if any(b - a != step for a, b in itertools.pairwise(ordered)):
        return None
    run = range(ordered[0], ordered[-1] + 1, step)
    return run if places[0] >= places[-1] else run[::-1]


def _as_slice(run: range) -> slice:
    run = run if run.step > 0 else run[::-1]
    return slice(run.start, run.stop, run.step if run.step > 1 else None)
