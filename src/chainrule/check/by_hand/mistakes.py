"""The first wrong line of a backward pass written by hand.

A variable `dvar` is compared with the gradient of the recorded value `var`. That alone proves nothing: it may be a part
of that gradient, or N times as large by the author's convention. So a line is named only if the gradients that the
function returns become right when what it assigned is put right, on these and on other inputs. Of several such lines it
is the first, since what follows from a wrong value is wrong too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.check.by_hand.diagnosis import Seen, diagnosis_of
from chainrule.check.by_hand.names import named_by
from chainrule.check.by_hand.truth import Truth
from chainrule.check.by_hand.watched import Assigned, TooLong, Watched
from chainrule.check.report import Mistake
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import Line, Node

__all__ = ["Case", "mistakes_of"]

SECONDS = 10.0
"""Seconds after which no further line is tried."""

RUNS = 600
"""The largest number of times that the user's function is called."""

SOME = 60
"""A variable whose name says nothing is tried with so many gradients and parts of gradients."""


@dataclass
class Case:
    """The user's function on some inputs, and what would be right there.

    Attributes
    ----------
    call : makes one call of the function ready.
    gradients : turns what it returned into one array for each checked leaf, None where it gives none.
    """

    truth: Truth
    call: Callable[[], Callable[[], Any]]
    gradients: Callable[[Any], list[Any]]

    def run(self, put_right: dict[int, np.ndarray] | None = None) -> Run:
        """Call the function, with other values for some of its assignments."""
        watched = Watched(put_right)
        told = watched.run(self.call())
        return Run(self, watched, self.gradients(told))

    @cached_property
    def plain(self) -> Run:
        return self.run()


@dataclass
class Run:
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
            if g is not None and not truth.agrees(g, truth.gradients[node])
        )


@dataclass(frozen=True)
class Group:
    """The last assignment to a variable on one line, each time that it ran.

    Attributes
    ----------
    places : for each time the position of the assignment.
    """

    file: str
    line: int
    text: str
    name: str
    places: tuple[int, ...]


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

    def text(self, truth: Truth) -> str:
        name = truth.name_of(truth.nodes[self.node])
        if self.kind == "through":
            return f"the part of ∂L/∂{name} that comes through {truth.name_of(truth.nodes[self.step])}"
        return f"the value of {name}" if self.kind == "value" else f"∂L/∂{name}"


@dataclass(frozen=True)
class Repair:
    """A variable, with what it should hold each time that its line runs.

    Attributes
    ----------
    factor : by the author's convention the variable holds this multiple of the gradient.
    """

    group: Group
    rights: tuple[Right, ...]
    factor: float = 1.0

    def values(self, truth: Truth) -> dict[int, np.ndarray]:
        return {
            place: self.factor * right.value(truth)
            for place, right in zip(self.group.places, self.rights, strict=True)
        }


def mistakes_of(case: Case, other: Case | None, labels: Sequence[str]) -> list[Mistake]:
    """The mistakes in the user's function, in the order in which they happen; none if it cannot be followed.

    Parameters
    ----------
    other : the same on other inputs, which must confirm what is found; None if there are none.
    """
    try:
        with asking_others():
            if not case.plain.wrong:
                return []
            return list(_Search(case, other, labels).mistakes())
    except (NoAnswer, TooLong):
        return []


class _Search:
    def __init__(self, case: Case, other: Case | None, labels: Sequence[str]):
        self.case, self.other, self.labels = case, other, labels
        self.groups = _groups(case.plain.watched.assigned)
        self._until = time.monotonic() + SECONDS
        self._runs = 0

    def mistakes(self) -> Iterator[Mistake]:
        if (order := self._another_order()) is not None:
            yield order
            return
        repairs = self._single() or self._several()
        left = self._run(self.case, repairs)
        for repair in repairs:
            yield self._told(repair, repairs)
        for i in sorted((left or self.case.plain).wrong):
            yield self._of_result(i)

    def _another_order(self) -> Mistake | None:
        """The mistake if the gradients are right, but returned in another order than that of the arguments."""
        run, truth = self.case.plain, self.case.truth
        right = [truth.gradients[node] for node in truth.inputs]
        order = []
        for g in run.gradients:
            places = [i for i, r in enumerate(right) if g is not None and i not in order and truth.agrees(g, r, 0.0)]
            if g is None or not places or g.size < 2:
                return None
            order.append(places[0])
        if run.watched.returned is None:
            return None
        file, statement = run.watched.returned
        told, meant = ", ".join(self.labels[i] for i in order), ", ".join(self.labels)
        diagnosis = f"the gradients are right, but in the order {told}, and the arguments are {meant}"
        return Mistake("the result", "in the order of the arguments", Line(file, statement.first), diagnosis)

    # Trying -------------------------------------------------------------------------------------------------------

    def _run(self, case: Case, repairs: Sequence[Repair]) -> Run | None:
        """A run with some variables put right; None if it fails, or if there were too many runs."""
        if self._runs >= RUNS or time.monotonic() > self._until:
            return None
        self._runs += 1
        if case is not self.case and _shape(case.plain) != _shape(self.case.plain):
            return None  # another path: the assignments are not the same
        put_right = {place: v for repair in repairs for place, v in repair.values(case.truth).items()}
        try:
            with asking_others():
                return case.run(put_right)
        except NoAnswer:
            return None

    def _confirmed(self, repairs: Sequence[Repair], wrong: frozenset[int]) -> bool:
        """Whether other inputs leave the same gradients wrong."""
        if self.other is None:
            return True
        run = self._run(self.other, repairs)
        return run is not None and run.wrong <= wrong

    def _single(self) -> list[Repair]:
        """The first variable that, put right, makes all gradients right."""
        for group in self.groups:
            for repair in self._candidates(group):
                run = self._run(self.case, [repair])
                if run is not None and not run.wrong and self._confirmed([repair], frozenset()):
                    return [repair]
        return []

    def _several(self) -> list[Repair]:
        """The variables that, put right one after the other, make more and more gradients right."""
        done: list[Repair] = []
        now = self.case.plain
        for group in self.groups:
            for repair in self._candidates(group, now):
                run = self._run(self.case, [*done, repair])
                if run is None or not run.wrong <= now.wrong:
                    continue
                better = run.wrong < now.wrong or self._claims(run) < self._claims(now) - 1
                if better and self._confirmed([*done, repair], run.wrong):
                    done, now = [*done, repair], run
                    break
            if not now.wrong:
                break
        return done

    def _claims(self, run: Run) -> int:
        """How many variables differ from the gradient that their name promises."""
        wrong = 0
        for group in self.groups:
            rights = self._meant(group)
            if rights and rights[0].kind == "gradient":
                wrong += not self._is_right(run, group, rights)
        return wrong

    # What a variable should hold ----------------------------------------------------------------------------------

    def _candidates(self, group: Group, run: Run | None = None) -> Iterator[Repair]:
        """What the variable may be meant to hold, the likeliest first; nothing if it is right."""
        run = run or self.case.plain
        if any(place >= len(run.watched.assigned) for place in group.places):
            return
        truth = self.case.truth
        meant = self._meant(group)
        if meant:
            if self._is_right(run, group, meant):
                return
            yield Repair(group, meant)
            if meant[0].kind == "gradient":
                for factor in self._factors(group):
                    yield Repair(group, meant, factor)
        if len(group.places) > 1:
            return
        value = run.watched.assigned[group.places[0]].value
        if value.size < 2:
            return
        others = [r for r in self._all_rights if np.squeeze(r.value(truth)).shape == np.squeeze(value).shape]
        if not any(truth.agrees(value, r.value(truth), 0.0) for r in others):  # else it is one of them
            yield from (Repair(group, (right,)) for right in others if (right,) != meant)

    @cached_property
    def _all_rights(self) -> list[Right]:
        """All gradients of named values, and all parts of gradients that are sums."""
        truth = self.case.truth
        found = [Right(place) for node, place in truth.places.items() if node in truth.with_names]
        for node, place in truth.places.items():
            steps = truth.users.get(node, [])
            if 1 < len(steps) <= 8:
                found += [Right(place, "through", truth.places[step]) for step in steps]
        return found[:SOME]

    def _meant(self, group: Group) -> tuple[Right, ...]:
        """What the variable is named for, each time that its line runs; () if its name says nothing."""
        truth = self.case.truth
        name = named_by(group.name, truth.named)
        if name is not None:
            return self._paired(group, truth.named[name], "gradient")
        if group.name in truth.named:
            in_dict = group.text != group.name  # grads['W'], self.W
            return self._paired(group, truth.named[group.name], "gradient" if in_dict else "value")
        return ()

    def _paired(self, group: Group, nodes: Sequence[Node], kind: str) -> tuple[Right, ...]:
        """A recorded value for each time that a line ran: the last one for the first time."""
        truth = self.case.truth
        value = self.case.plain.watched.assigned[group.places[0]].value
        fitting = [n for n in nodes if np.squeeze(np.asarray(n.value)).shape == np.squeeze(value).shape] or list(nodes)
        count = len(group.places)
        if len(fitting) == 1:
            fitting = fitting * count
        if len(fitting) < count:
            return ()
        if count == 1:
            fitting = [n for n in fitting if n in truth.inputs] or fitting
        return tuple(Right(truth.places[n], kind) for n in fitting[::-1][:count])

    def _is_right(self, run: Run, group: Group, rights: Sequence[Right]) -> bool:
        """Whether the variable holds what it should, or the same of another value of that name."""
        truth = self.case.truth
        for place, right in zip(group.places, rights, strict=True):
            if place >= len(run.watched.assigned):
                return False
            value = run.watched.assigned[place].value
            alike = [Right(truth.places[n], right.kind) for n in truth.alike(truth.nodes[right.node])]
            if not any(truth.agrees(value, r.value(truth)) for r in alike):
                return False
        return True

    def _factors(self, group: Group) -> list[float]:
        """The factors by which earlier variables differ from the gradients that they are named for."""
        truth, found = self.case.truth, []
        for earlier in self.groups:
            if earlier.places[0] >= group.places[0]:
                break
            rights = self._meant(earlier)
            if len(rights) == 1 and rights[0].kind == "gradient":
                value = self.case.plain.watched.assigned[earlier.places[0]].value
                factor = truth.factor(value, rights[0].value(truth))
                if factor is not None and factor not in (0.0, 1.0):
                    found.append(factor)
        return list(dict.fromkeys(found))[:3]

    # Telling ------------------------------------------------------------------------------------------------------

    def _told(self, repair: Repair, repairs: Sequence[Repair]) -> Mistake:
        truth, group = self.case.truth, repair.group
        others = [r for r in repairs if r is not repair]
        run = self._run(self.case, others) or self.case.plain
        second = None if self.other is None else self._run(self.other, others)
        n = _worst(run, repair, truth)
        place, right = group.places[n], repair.rights[n]
        diagnosis = ""
        if right.kind != "value" and second is not None:
            diagnosis = diagnosis_of(self._seen(run, repair, n), self._seen(second, repair, n))
        fixed = run.wrong - (self._run(self.case, repairs) or run).wrong
        return Mistake(
            group.text,
            right.text(truth) + (f", times {repair.factor:g} as the others" if repair.factor != 1 else ""),
            self._line(run, group, place, repair, right),
            diagnosis,
            tuple(self._right_before(run, group)),
            tuple(self.labels[i] for i in sorted(fixed)),
        )

    def _seen(self, run: Run, repair: Repair, n: int) -> Seen:
        """A wrong value as the gradient of what it belongs to: of a part of one, with the other parts."""
        truth, right = run.case.truth, repair.rights[n]
        node = truth.nodes[right.node]
        value = run.watched.assigned[repair.group.places[n]].value / repair.factor
        part = right.value(truth)
        if right.kind == "through" and value.size == part.size:
            value = value.reshape(part.shape) + truth.gradients[node] - part
        return truth, node, value

    def _line(self, run: Run, group: Group, place: int, repair: Repair, meant: Right) -> Line:
        """The line that made the variable wrong: of several that write into it, the first after which it is wrong."""
        history = [a for a in _history(run.watched.assigned, place) if np.any(a.value)]
        truth = self.case.truth
        right = repair.values(truth)[place]
        if len({a.line for a in history}) < 2 or np.squeeze(right).shape != np.squeeze(history[-1].value).shape:
            return Line(group.file, history[-1].line if history else group.line)
        right = right.reshape(history[-1].value.shape)
        far = truth.tolerance * np.max(np.abs(right), initial=0.0)
        wrong = ~np.isclose(history[-1].value, right, rtol=truth.tolerance, atol=far)
        sums = truth.sums_of_parts(truth.nodes[meant.node], repair.factor) if meant.kind == "gradient" else []
        before = np.zeros(right.shape)
        for now in history:
            touched = now.value.shape != right.shape or np.any((now.value != before) & wrong)
            if touched and not (sums and truth.is_multiple(now.value, sums)):
                return Line(group.file, now.line)
            before = now.value
        return Line(group.file, history[0].line)

    def _right_before(self, run: Run, group: Group) -> list[str]:
        """The variables assigned before that are the gradients that they are named for."""
        found = []
        for earlier in self.groups:
            if earlier.places[0] >= group.places[0]:
                break
            rights = self._meant(earlier)
            if rights and rights[0].kind == "gradient" and self._is_right(run, earlier, rights):
                found.append(earlier.text)
        return list(dict.fromkeys(found))

    def _of_result(self, i: int) -> Mistake:
        """A wrong gradient that is the fault of no variable before it: of the line that computes or returns it."""
        run = self.case.plain
        truth, node = self.case.truth, self.case.truth.inputs[i]
        label, g = self.labels[i], np.asarray(run.gradients[i])
        second = self.other.plain if self.other is not None else None
        diagnosis = ""
        if second is not None and second.gradients[i] is not None:
            diagnosis = diagnosis_of((truth, node, g), (second.case.truth, second.case.truth.inputs[i], second.gradients[i]))
        text, line = label, None
        for a in reversed(run.watched.assigned):
            if a.value.shape == g.shape and np.array_equal(a.value, g, equal_nan=True):
                history = _history(run.watched.assigned, run.watched.assigned.index(a))
                text, line = a.text, Line(a.file, history[-1].line)
                break
        if line is None and run.watched.returned is not None:
            file, statement = run.watched.returned
            texts = statement.returned
            text, number = texts[i] if len(texts) == len(self.labels) else (label, statement.first)
            line = Line(file, number)
        return Mistake(text, f"∂L/∂{label}", line, diagnosis)


def _shape(run: Run) -> list[tuple[str, int, str]]:
    return [(a.file, a.line, a.text) for a in run.watched.assigned]


def _worst(run: Run, repair: Repair, truth: Truth) -> int:
    """The first time that the variable was wrong."""
    values = repair.values(truth)
    for n, place in enumerate(repair.group.places):
        if place < len(run.watched.assigned) and not truth.agrees(run.watched.assigned[place].value, values[place]):
            return n
    return 0


def _history(assigned: Sequence[Assigned], place: int) -> list[Assigned]:
    """The assignments that made the value of a variable, up to one of them."""
    last = assigned[place]
    history = []
    for a in reversed(assigned[: place + 1]):
        if a.call == last.call and a.text == last.text:
            history.append(a)
            if a.whole:
                break
    return history[::-1]


def _groups(assigned: Sequence[Assigned]) -> list[Group]:
    """The last assignments of each version of each variable, by line, in the order in which they first happen."""
    final: dict[tuple[int, str], int] = {}
    places: list[int] = []
    for place, a in enumerate(assigned):
        if a.whole and (a.call, a.text) in final:
            places.append(final[a.call, a.text])
        final[a.call, a.text] = place
    places += final.values()
    groups: dict[tuple[str, int, str], list[int]] = {}
    for place in sorted(places):
        a = assigned[place]
        groups.setdefault((a.file, a.line, a.text), []).append(place)
    return [
        Group(file, line, text, assigned[found[0]].name, tuple(found)) for (file, line, text), found in groups.items()
    ]
