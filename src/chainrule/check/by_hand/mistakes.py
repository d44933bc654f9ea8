"""The first wrong line of a backward pass written by hand.

A variable `dvar` is compared with the gradient of the recorded value `var`. That alone proves nothing: it may be a part
of that gradient, or N times as large by the author's convention. So a line is named only
if correcting the value that it assigns makes the returned gradients right, on these and on other inputs. Of several
such lines the first is named, since everything computed from a wrong value is wrong too.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from chainrule.check.by_hand.diagnosis import Seen, diagnosis_of
from chainrule.check.by_hand.edits import ADDED
from chainrule.check.by_hand.meanings import Meanings
from chainrule.check.by_hand.names import named_by
from chainrule.check.by_hand.repairs import Case, Group, Repair, Right, UserRun, groups_of, history_of
from chainrule.check.by_hand.rewritten import Rewritten, rewritten
from chainrule.check.by_hand.truth import Truth
from chainrule.check.report import Mistake
from chainrule.errors import NoAnswer, asking_others
from chainrule.node import Line, Node

__all__ = ["mistakes_in_values", "mistakes_of"]

SECONDS = 10.0
"""Seconds of computing after which no further line is tried; others may use the processor meanwhile."""

RUNS = 600
"""The largest number of times that the user's function is called."""


def mistakes_of(case: Case, other: Case | None, labels: Sequence[str]) -> list[Mistake]:
    """The mistakes in the user's function, in the order in which they happen; none if it cannot be followed.

    Parameters
    ----------
    other : the same function on other inputs, which must confirm a mistake; None if there are no other inputs.
    """
    if not _can_run(case) or not case.plain.wrong:
        return []
    if other is not None and not _can_run(other):
        other = None
    with np.errstate(all="ignore"):  # of values that are tried; the user's own run has warned already
        return list(_Search(case, other, labels).mistakes())


def _can_run(case: Case) -> bool:
    """Whether the function runs on these inputs, and is short enough to be followed."""
    try:
        with asking_others():
            return case.plain is not None
    except NoAnswer:
        return False


def mistakes_in_values(case: Case, other: Case | None, wrong: Sequence[tuple[str, Node]]) -> list[Mistake]:
    """The first wrong value, if the function returned right gradients of its arguments but other wrong values."""
    if not _can_run(case):
        return []
    search = _Search(case, other if other is not None and _can_run(other) else None, [])
    for group in search.groups:
        for name, node in wrong:
            if group.text == name and len(group.places) == 1:
                right = Right(case.truth.places[node])
                return [search.told(Repair(group, (right,)), [])]
    return []


class _Search:
    """Puts variables right, one after the other, until the gradients are right."""

    def __init__(self, case: Case, other: Case | None, labels: Sequence[str]):
        self.case, self.other, self.labels = case, other, labels
        self.groups = groups_of(case.plain.watched.assigned)
        self.meanings = Meanings(case, self.groups)
        self.groups.sort(key=self._first_wrong)
        self._until = time.thread_time() + SECONDS
        self._runs = 0

    def mistakes(self) -> Iterator[Mistake]:
        repairs = self._single()
        if not repairs and (order := self._another_order()) is not None:
            yield order
            return
        repairs = repairs or self._several()
        if (edit := self._rewritten(repairs)) is not None:
            yield self._of_edit(edit, repairs)
            return
        left = self._run(self.case, repairs)
        for repair in repairs:
            yield self.told(repair, repairs)
        for i in sorted((left or self.case.plain).wrong):
            if (told := self._of_result(i)) is not None:
                yield told

    def _another_order(self) -> Mistake | None:
        """The mistake if the gradients are right, but returned in another order than that of the arguments."""
        run, truth = self.case.plain, self.case.truth
        given = [i for i, g in enumerate(run.gradients) if g is not None]
        order: list[int] = []
        for i in given:
            g = run.gradients[i]
            rights = [j for j in given if j not in order and truth.agrees(g, truth.gradients[truth.inputs[j]], 0.0)]
            if not rights or np.size(g) < 2:
                return None
            order.append(rights[0])
        if order == given or run.watched.returned is None:
            return None
        file, statement = run.watched.returned
        told, meant = ", ".join(self.labels[i] for i in order), ", ".join(self.labels[i] for i in given)
        diagnosis = f"it has the gradients of {told}, and the arguments are {meant}"
        return Mistake("The result", "in the order of the arguments", Line(file, statement.first), diagnosis)

    def _first_wrong(self, group: Group) -> tuple[bool, int]:
        """A sort key: when the variable is wrong for the first time. Arguments of called functions come last."""
        truth, assigned = self.case.truth, self.case.plain.watched.assigned
        rights = [r.value(truth) for rights in self.meanings.meant(group) for r in rights if r is not None]
        for place in group.places:
            value = assigned[place].value
            right = any(truth.agrees(value, r) for r in rights) if rights else bool(truth.matches(value))
            if not right:
                return group.given, place
        return group.given, group.places[0]

    # Trying -------------------------------------------------------------------------------------------------------

    def _run(self, case: Case, repairs: Sequence[Repair]) -> UserRun | None:
        """A run with some variables corrected; None if it fails, or if there were too many runs."""
        if self._runs >= RUNS or time.thread_time() > self._until:
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
        """The first variable whose correction makes all gradients right.

        Variables whose names say what they should hold are tried first, then all others before the one found; then
        those that hold what their names say, the last one first.
        """
        found: list[Repair] = []
        for group in self.groups:
            if found := self._first_that_helps(self.meanings.named(group, self.case.plain)):
                break
        for group in self.groups:
            if found and group is found[0].group:
                break
            if earlier := self._first_that_helps(self.meanings.unnamed(group, self.case.plain)):
                return earlier
        if not found:
            for group in reversed(self.groups):
                if found := self._first_that_helps(self.meanings.beyond(group, self.case.plain)):
                    break
        return found

    def _first_that_helps(self, candidates: Iterator[Repair]) -> list[Repair]:
        for repair in candidates:
            run = self._run(self.case, [repair])
            if run is not None and not run.wrong and self._confirmed([repair], frozenset()):
                return [repair]
        return []

    def _several(self) -> list[Repair]:
        """Several variables; correcting each in turn makes more gradients right."""
        done: list[Repair] = []
        now = self.case.plain
        for group in self.groups:
            for repair in [*self.meanings.named(group, now), *self.meanings.unnamed(group, now)]:
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

    def _claims(self, run: UserRun) -> int:
        """How many variables differ from the gradient that their name promises."""
        return sum(
            not self.meanings.holds_any(run, group, self.meanings.meant(group))
            for group in self.groups
            if self.meanings.is_gradient(group)
        )

    # Rewriting ----------------------------------------------------------------------------------------------------

    def _rewritten(self, repairs: Sequence[Repair]) -> Rewritten | None:
        """A small change of one line that makes all gradients right.

        If the line that made one variable differ from what its name promises is known already, only this line is
        changed, and lines before it that assign values not known to be right.
        """
        wrong = [line for repair in repairs for line in self._lines_of(repair)]
        known = self._known_lines()
        if len(repairs) == 1 and len(wrong) == 1 and self._is_known(repairs[0]):
            here = wrong[0]
            return rewritten(
                self.case,
                self.other,
                wrong,
                lambda line, far, inside: line == here or (line not in known and (inside or far < ADDED)),
                here,
            )
        return rewritten(self.case, self.other, wrong, lambda line, far, inside: line in wrong or line not in known)

    def _is_known(self, repair: Repair) -> bool:
        """Whether a variable differs from what its name promises by more than a factor, which may be intended."""
        values = repair.values(self.case.truth)
        assigned = self.case.plain.watched.assigned
        factors = [self.case.truth.factor(assigned[place].value, value) for place, value in values.items()]
        return self.meanings.is_gradient(repair.group) and not all(f is not None and f > 0 for f in factors)

    def _known_lines(self) -> set[Line]:
        """The lines that assign values known to be right."""
        known: dict[Line, bool] = {}
        truth, run = self.case.truth, self.case.plain
        for group in self.groups:
            values = [run.watched.assigned[place].value for place in group.places]
            origins = [{o.kind for o in truth.matches(value)} for value in values]
            right = self.meanings.holds_any(run, group, self.meanings.meant(group)) or all(
                "value" in kinds for kinds in origins
            )
            line = Line(group.file, group.line)
            known[line] = known.get(line, True) and right
        return {line for line, right in known.items() if right}

    def _lines_of(self, repair: Repair) -> list[Line]:
        n = _worst(self.case.plain, repair, self.case.truth)
        right = repair.rights[n]
        assert right is not None
        return self._lines(self.case.plain, repair.group, repair.group.places[n], repair, right)

    def _of_edit(self, edit: Rewritten, repairs: Sequence[Repair]) -> Mistake:
        told = [self.told(repair, repairs) for repair in repairs]
        results = [] if told else [self._of_result(i) for i in self.case.plain.wrong]
        line = edit.line
        wrong = tuple(self.labels[i] for i in sorted(self.case.plain.wrong))
        same = next((m for m in told if m.line == line or line in m.more), None)
        if same is not None and len(told) == 1:
            return replace(same, line=line, more=(), instead=edit.after)
        several = told if len(told) > 1 else [m for m in results if m is not None]
        diagnoses = {re.sub(r" \([^()]*\)$", "", m.diagnosis) for m in several}
        diagnosis = diagnoses.pop() if len(diagnoses) == 1 else ""
        return Mistake(edit.before, "", line, diagnosis, fixed=wrong, instead=edit.after)

    # Telling ------------------------------------------------------------------------------------------------------

    def told(self, repair: Repair, repairs: Sequence[Repair]) -> Mistake:
        truth, group = self.case.truth, repair.group
        others = [r for r in repairs if r is not repair]
        run = self._run(self.case, others) or self.case.plain
        second = None if self.other is None else self._run(self.other, others)
        n = _worst(run, repair, truth)
        place, right = group.places[n], repair.rights[n]
        assert right is not None
        diagnosis = ""
        if right.kind != "value" and second is not None:
            diagnosis = diagnosis_of(self._seen(run, repair, n), self._seen(second, repair, n))
        fixed = run.wrong - (self._run(self.case, repairs) or run).wrong
        line, *more = self._lines(run, group, place, repair, right)
        return Mistake(
            group.text,
            right.text(truth, self._name(group))
            + (f", times {repair.factor:g} as the others" if repair.factor != 1 else ""),
            line,
            diagnosis,
            tuple(self._right_before(run, group)),
            tuple(self.labels[i] for i in sorted(fixed)),
            tuple(more),
        )

    def _name(self, group: Group) -> str:
        """The name of the value that the variable is named for; "" if it is named for none."""
        return named_by(group.name, self.case.truth.named) or ""

    def _seen(self, run: UserRun, repair: Repair, n: int) -> Seen:
        """A wrong value, completed to the gradient of a whole array if it is only a part of it."""
        truth, right = run.case.truth, repair.rights[n]
        assert right is not None
        node = truth.nodes[right.node]
        value = run.watched.assigned[repair.group.places[n]].value / repair.factor
        part = right.value(truth)
        if right.kind == "through" and value.size == part.size:
            value = value.reshape(part.shape) + truth.gradients[node] - part
        return truth, node, value

    def _lines(self, run: UserRun, group: Group, place: int, repair: Repair, meant: Right) -> list[Line]:
        """The line that made the variable wrong: if several lines write into it, the first after which it is wrong.

        More lines follow if they have written to wrong entries too.
        """
        history = [a for a in history_of(run.watched.assigned, place) if np.any(a.value)]
        truth = self.case.truth
        right = repair.values(truth)[place]
        if len({a.line for a in history}) < 2 or np.squeeze(right).shape != np.squeeze(history[-1].value).shape:
            return [Line(group.file, history[-1].line if history else group.line)]
        right = right.reshape(history[-1].value.shape)
        far = truth.tolerance * np.max(np.abs(right), initial=0.0)
        wrong = ~np.isclose(history[-1].value, right, rtol=truth.tolerance, atol=far)
        sums = truth.sums_of_parts(truth.nodes[meant.node], repair.factor) if meant.kind == "gradient" else []
        seen_right = [self._may_be_right(a.value, right, sums) for a in history]
        if all(seen_right) and sums and truth.is_multiple(history[-1].value, sums):  # something was not added
            return list(dict.fromkeys(Line(group.file, a.line) for a in history))
        start = max((i + 1 for i, is_right in enumerate(seen_right[:-1]) if is_right), default=0)
        before = history[start - 1].value if start else np.zeros(right.shape)
        found = []
        for now in history[start:]:
            if now.value.shape != right.shape or before.shape != right.shape or np.any((now.value != before) & wrong):
                found.append(Line(group.file, now.line))
            before = now.value
        return list(dict.fromkeys(found)) or [Line(group.file, history[-1].line)]

    def _may_be_right(self, value: np.ndarray, right: np.ndarray, sums: Sequence[np.ndarray]) -> bool:
        """Whether a variable that is still written into may be right so far."""
        truth = self.case.truth
        if truth.matches(value):
            return True
        factor = truth.factor(value, right)
        return factor not in (None, 1.0, 0.0) or truth.is_multiple(value, sums)

    def _right_before(self, run: UserRun, group: Group) -> list[str]:
        """The variables assigned earlier that equal the gradients they are named for."""
        found = []
        for earlier in self.groups:
            if earlier.places[0] >= group.places[0]:
                continue
            if self.meanings.is_gradient(earlier) and self.meanings.holds_any(
                run, earlier, self.meanings.meant(earlier)
            ):
                found.append(earlier.text)
        return list(dict.fromkeys(found))

    def _of_result(self, i: int) -> Mistake | None:
        """The mistake of a wrong gradient if no variable causes it: it is in the line that computes or returns it."""
        run = self.case.plain
        truth, node = self.case.truth, self.case.truth.inputs[i]
        label, g = self.labels[i], np.asarray(run.gradients[i])
        second = self.other.plain if self.other is not None else None
        diagnosis = ""
        if second is not None and second.gradients[i] is not None:
            diagnosis = diagnosis_of(
                (truth, node, g), (second.case.truth, second.case.truth.inputs[i], second.gradients[i])
            )
        text, line = label, None
        for place in reversed(range(len(run.watched.assigned))):
            a = run.watched.assigned[place]
            if a.value.shape == g.shape and np.array_equal(a.value, g, equal_nan=True):
                text, line = a.text, Line(a.file, a.line)
                break
        for file, number, value in () if line else run.watched.lambdas:
            if truth.agrees(value, g, 0.0):
                line = Line(file, number)
        if line is None and run.watched.returned is not None:
            file, statement = run.watched.returned
            texts = statement.returned
            text, number = texts[i] if len(texts) == len(self.labels) else (label, statement.first)
            line = Line(file, number)
        return Mistake(text, f"∂L/∂{label}", line, diagnosis) if line is not None or diagnosis else None


def _shape(run: UserRun) -> list[tuple[str, int, str]]:
    return [(a.file, a.line, a.text) for a in run.watched.assigned]


def _worst(run: UserRun, repair: Repair, truth: Truth) -> int:
    """The first time that the variable was wrong."""
    values = repair.values(truth)
    known = [n for n, right in enumerate(repair.rights) if right is not None]
    for n in known:
        place = repair.group.places[n]
        if place < len(run.watched.assigned) and not truth.agrees(run.watched.assigned[place].value, values[place]):
            return n
    return known[0]
