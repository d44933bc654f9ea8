"""Views: arrays that share, in NumPy's sense, the memory of another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.answers import with_part
from chainrule.errors import RecordingError
from chainrule.libraries import PYTHON
from chainrule.node import Node, at_line

__all__ = [
    "EntriesStep",
    "IndexStep",
    "View",
    "is_entry",
    "is_number",
    "is_same_view",
    "refuse_shared",
    "same_steps",
    "view_of",
]


@dataclass(frozen=True, slots=True, eq=False)
class IndexStep:
    """The step from an array to a part of it: `x[key]`."""

    key: Any

    def __call__(self, x: Any) -> Any:
        return x[self.key]


@dataclass(frozen=True, slots=True, eq=False)
class EntriesStep:
    """The step from an array to some of its entries in C order: a reshape or a stride that no index gives."""

    places: np.ndarray

    def __call__(self, x: Any) -> Any:
        return np.ravel(x)[self.places]


class View(NamedTuple):
    """How an array shares the memory of another array, in NumPy's sense.

    Recorded values cannot share memory, because a node never changes. So a view remembers how it was taken: a read
    after a write to the root takes it again, and a write to the view writes to the root.

    Attributes
    ----------
    root : the array whose memory it shares; not a view itself.
    seen : the node of the root when the view was taken; if the root now has another, the view is stale.
    steps : how it was taken from the root, each step a function of recorded and of plain arrays. None if unknown: a
        number out of an array of dtype object, or a reshape of entries whose order in memory may not be NumPy's, so in
        NumPy it may be a view or a copy. Then neither may be used after a write to the other.
    """

    root: Any
    seen: Node
    steps: tuple[Callable[[Any], Any], ...] | None

    @property
    def stale(self) -> bool:
        """Whether the root was written to since the view was taken."""
        return self.root._own is not self.seen

    def taken_again(self) -> Any:
        """The same part of the root, with its present value."""
        if self.steps is None:
            raise RecordingError(
                "this array (or number) may share the memory of one that was written to since, or be a copy of it: "
                "take it again after the write, or take a copy (x.reshape(…).copy()) before" + at_line()
            )
        made: Any = self.root
        for step in self.steps:
            made = step(made)
        return made

    def write(self, new: Any) -> View | None:
        """Write the view's new value into the root; returns the view of the root after that."""
        if self.steps is None:
            if self.root._shares:
                refuse_shared(self.root)
            _forbid(self.root)
            return None
        if new.dtype != self.root.dtype:
            self.root._write(with_part(self.root, self.steps, new))
        elif len(self.steps) == 1 and type(self.steps[0]) is IndexStep:
            self.root[self.steps[0].key] = new
        else:
            positions: Any = np.arange(self.root.size).reshape(self.root.shape)
            for step in self.steps:
                positions = step(positions)
            if np.unique(positions).size < np.size(positions):
                raise RecordingError(
                    "an update in place of a view in which entries stand several times (np.broadcast_to); copy it first"
                    + at_line()
                )
            entries: Any = np.ravel(self.root)
            entries._view = None
            entries[positions] = new
            self.root._write(np.reshape(entries, self.root.shape))
        return self._replace(seen=self.root._own)


def refuse_shared(x: Any) -> None:
    """The error for an update in place of an argument that shares its memory with another one."""
    raise RecordingError(
        f"an update in place of an argument that shares its memory with {x._shares}: in NumPy both change, so there is "
        "no gradient by the one alone; give the function a copy of one of them" + at_line()
    )


def _forbid(root: Any) -> None:
    """Forbid later reads of this array and its views, because its value would depend on memory order."""
    node = root._own
    root._own = Node(node.block, node.inputs, node.params, node.value, node.code, node.lasti, node.name)
    root._view = View(root, node, None)


def view_of(source: Any, *steps: Callable[[Any], Any]) -> View:
    """The view of an array that was taken from a source by some steps, and shares its memory."""
    if source._view is None:
        return View(source, source._own, steps)
    root, seen, before = source._view
    return View(root, seen, None if before is None else before + steps)


def is_same_view(x: Any, y: Any) -> bool:
    """Whether y is a view of the same part of the same array as the view x."""
    view = getattr(y, "_view", None)
    return view is not None and not view.stale and view.root is x._view.root and same_steps(view.steps, x._view.steps)


def same_steps(a: Any, b: Any) -> bool:
    """Whether two views of a root were taken by the same steps."""
    return (
        a is not None
        and b is not None
        and len(a) == len(b)
        and all(
            s is t or (type(s) is IndexStep and type(t) is IndexStep and s.key is t.key)
            for s, t in zip(a, b, strict=True)
        )
    )


def is_number(x: Any) -> bool:
    """Whether x is a number in NumPy, which cannot be written into. A view without axes, as x[..., 0], can."""
    value = x._node.value
    return type(value) is not np.ndarray and _has_no_memory(value) and (x._view is None or x._view.steps is None)


def is_entry(x: Any) -> bool:
    """Whether x is a view without axes, as x[..., 0], which shares memory, although its value here is a number."""
    return isinstance(x._node.value, np.generic) and not is_number(x)


def _has_no_memory(value: Any) -> bool:
    return isinstance(value, np.generic) or type(value) in PYTHON
