"""Variables of a backward pass written by hand, the values they should hold, and runs with some of them corrected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.check.by_hand.truth import Truth
from chainrule.check.by_hand.watched import Assigned, Watched

__all__ = ["Case", "Group", "Repair", "Right", "Rights", "UserRun", "filled", "groups_of", "history_of"]


@dataclass
class Case:
    """The user's function on some inputs, with the right values for these inputs.

    Attributes
    ----------
    call : makes one call of the function ready.
    gradients : turns its return value into one array for each checked leaf; None for a leaf without one.
    is_users : whether the first function that is called is the user's, not a function of this library that runs the
        user's forward and backward pass.
    """

    truth: Truth
    call: Callable[[], Callable[[], Any]]
    gradients: Callable[[Any], list[Any]]
    is_users: bool = True

    def run(self, put_right: dict[int, np.ndarray] | None = None) -> UserRun:
        """Call the function, with other values for some of its assignments."""
        watched = Watched(put_right)
        told = watched.run(self.call())
        return UserRun(self, watched, self.gradients(told))

    @cached_property
    def plain(self) -> UserRun:
        return self.run()


@dataclass
class UserRun:
    """One call of the user's function."""

    case: Case
    watched: Watched
    gradients: list[Any]

    @cached_property
    def wrong(self) -> frozenset[int]:
        """The positions of the wrong gradients."""
        truth = self.case.truth
        return frozenset(
            i
            for i, (node, g) in enumerate(zip(truth.inputs, self.gradients, strict=True))
            if g is not None and not (np.shape(g) == np.shape(node.value) and truth.agrees(g, truth.gradients[node]))
        )


@dataclass(frozen=True)
class Group:
    """A variable that one line assigns: its last assignment each time that the line ran.

    Attributes
    ----------
    places : for each time, the position of the assignment.
    given : whether it is an argument of a function that the user's function calls.
    """

    file: str
    line: int
    text: str
    name: str
    places: tuple[int, ...]
    given: bool = False


@dataclass(frozen=True)
class Right:
    """What a variable should hold, by positions in the recording, so that it means the same on other inputs.

    Attributes
    ----------
    node : the value in question.
    kind : "gradient" of that value, the part of it that comes "through" a step, or the "value" itself.
    step : the position of that step.
    """

    node: int
    kind: str = "gradient"
    step: int = -1

    def value(self, truth: Truth) -> np.ndarray:
        node = truth.nodes[self.node]
        if self.kind == "through":
            return truth.part(node, truth.nodes[self.step])
        return np.asarray(node.value) if self.kind == "value" else truth.gradients[node]

    def text(self, truth: Truth, name: str = "") -> str:
        name = name or truth.name_of(truth.nodes[self.node])
        if self.kind == "through":
            return f"the part of ∂L/∂{name} that comes through {truth.name_of(truth.nodes[self.step])}"
        return f"the value of {name}" if self.kind == "value" else f"∂L/∂{name}"


Rights = tuple[Right | None, ...]
"""What a variable should hold each time that its line runs; None where that is not recorded."""


@dataclass(frozen=True)
class Repair:
    """A variable, with what it should hold each time that its line runs.

    Attributes
    ----------
    factor : the variable holds this multiple of the gradient, by the author's convention.
    """

    group: Group
    rights: Rights
    factor: float = 1.0

    def values(self, truth: Truth) -> dict[int, np.ndarray]:
        pairs = zip(self.group.places, self.rights, strict=True)
        return {place: self.factor * right.value(truth) for place, right in pairs if right is not None}


def filled(rights: Sequence[Right | None], count: int) -> Rights:
    """The values for the first times that a line runs, filled up with None."""
    return (*rights[:count], *[None] * (count - len(rights)))


def history_of(assigned: Sequence[Assigned], place: int) -> list[Assigned]:
    """The assignments that made the value of a variable, up to one of them."""
    last = assigned[place]
    history = []
    for a in reversed(assigned[: place + 1]):
        if a.call == last.call and a.text == last.text:
            history.append(a)
            if a.whole:
                break
    return history[::-1]


def groups_of(assigned: Sequence[Assigned]) -> list[Group]:
    """The last assignments of each version of each variable, by line, in the order in which they first happen."""
    final: dict[tuple[int, str], int] = {}
    places: list[int] = []
    for place, a in enumerate(assigned):
        if (a.whole or a.rebound) and (a.call, a.text) in final:
            places.append(final[a.call, a.text])
        final[a.call, a.text] = place
    places += final.values()
    groups: dict[tuple[str, int, str], list[int]] = {}
    for place in sorted(places):
        a = assigned[place]
        groups.setdefault((a.file, a.line, a.text), []).append(place)
    return [
        Group(file, line, text, assigned[found[0]].name, tuple(found), assigned[found[0]].given)
        for (file, line, text), found in groups.items()
        if not all(assigned[place].argument for place in found)
    ]
