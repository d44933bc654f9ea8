"""What a variable of a backward pass should hold, guessed from its name, its shape, or its value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from chainrule.check.by_hand.names import named_by
from chainrule.check.by_hand.repairs import Case, Group, Repair, Right, Rights, UserRun, filled
from chainrule.check.by_hand.truth import RecordedOrigin
from chainrule.node import Line, Node

__all__ = ["Meanings"]

SOME = 40
"""A variable whose name says nothing is compared with at most this many gradients and parts of gradients."""


class Meanings:
    """What the variables of a backward pass should hold.

    Parameters
    ----------
    groups : the variables, in the order in which they are assigned.
    """

    def __init__(self, case: Case, groups: Sequence[Group]):
        self.case, self.groups = case, groups
        self._known: dict[int, list[Rights]] = {}
        self._meanings: dict[Group, list[Rights]] = {}

    def named(self, group: Group, run: UserRun) -> Iterator[Repair]:
        """The repairs that the variable's name suggests, most likely first; none if it is right."""
        meant = self.meant(group)
        if self.holds_any(run, group, meant):
            whole = [rights for rights in meant if all(r is not None and r.kind == "gradient" for r in rights)]
            whole = [rights for rights in whole if len(set(rights)) == len(rights)]
            if not self.holds_any(run, group, whole):  # perhaps it is a part of the gradient it is named for
                yield from (Repair(group, rights) for rights in whole[:2])
            return
        yield from (Repair(group, rights) for rights in meant)
        if meant and self.is_gradient(group):
            yield from (Repair(group, meant[0], factor) for factor in self._factors(group, meant[0]))

    def unnamed(self, group: Group, run: UserRun) -> Iterator[Repair]:
        """The repairs that the variable's shape allows; none if it holds one of these values."""
        places, assigned = group.places, run.watched.assigned
        if places[-1] >= len(assigned):
            return
        meant, truth = self.meant(group), self.case.truth
        if self.holds_any(run, group, meant):
            return
        matches = [truth.matches(assigned[place].value) for place in places]
        value = assigned[places[0]].value
        if all(matches):
            candidates = self._next_to(matches)
        elif value.size > 1:
            candidates = [rights for rights in self._all(len(places)) if self._fits(rights, value)]
        else:
            return
        yield from (Repair(group, rights) for rights in candidates if rights not in meant)

    def beyond(self, group: Group, run: UserRun) -> Iterator[Repair]:
        """For a variable that holds the gradient of its name that of the operand: dh may stand for h before the relu.

        For one that holds parts of it, each time another, their sum: they should have been added up.
        """
        meant = self.meant(group)
        if meant and self.is_gradient(group) and self.holds_any(run, group, meant):
            total = [rights for rights in meant if len(rights) > 1 and rights == (rights[0],) * len(rights)]
            yield from (Repair(group, rights) for rights in total[:1])
            steps = [None if right is None else self.case.truth.nodes[right.node] for right in meant[0]]
            yield from (Repair(group, rights) for rights in self._before(steps))

    def _next_to(self, matches: Sequence[Sequence[RecordedOrigin]]) -> list[Rights]:
        """For a part of a gradient, the whole; for a gradient, that of an operand that only this step uses."""
        truth = self.case.truth
        wholes: list[Right | None] = []
        before: list[Node | None] = []
        for origins in matches:
            parts = [o.node for o in origins if o.kind == "through"]
            steps = [o.node for o in origins if o.kind == "gradient"]
            whole = next((n for n in (*parts, *steps) if n not in truth.inputs), None)
            wholes.append(None if whole is None else Right(truth.places[whole]))
            before.append(next((step for step in steps if [*self._operands(step)]), None))
        if any(o.kind == "through" for origins in matches for o in origins):
            return [tuple(wholes)] if any(wholes) else []
        return self._before(before)

    def _before(self, steps: Sequence[Node | None]) -> list[Rights]:
        """What the operands of some steps may be, the nearest first."""
        before = [[] if step is None else [*self._operands(step)] for step in steps]
        deepest = max(map(len, before), default=0)
        return [tuple(rights[n] if n < len(rights) else None for rights in before) for n in range(deepest)]

    def _operands(self, step: Node) -> Iterator[Right]:
        """The values of the same shape that only this step uses, and those that only they use."""
        truth = self.case.truth
        for _ in range(6):  # a sigmoid is four steps
            operands = [
                i
                for i in step.inputs
                if type(i) is Node and truth.users.get(i) == [step] and np.shape(i.value) == np.shape(step.value)
            ]
            if not operands:
                return
            step = operands[0]
            yield Right(truth.places[step])

    def holds_any(self, run: UserRun, group: Group, several: Sequence[Rights]) -> bool:
        """Whether the variable holds one of its possible values each time that its line runs."""
        truth, assigned = self.case.truth, run.watched.assigned
        if not several or group.places[-1] >= len(assigned):
            return False
        rights = [r.value(truth) for r in dict.fromkeys(r for rights in several for r in rights) if r is not None]
        return all(any(truth.agrees(assigned[place].value, r) for r in rights) for place in group.places)

    def _fits(self, rights: Rights, value: np.ndarray) -> bool:
        truth = self.case.truth
        return any(r is not None and np.squeeze(r.value(truth)).shape == np.squeeze(value).shape for r in rights)

    def _all(self, count: int) -> list[Rights]:
        """All possible values of a variable whose line runs `count` times: gradients, and parts of gradients."""
        if count in self._known:
            return self._known[count]
        truth = self.case.truth
        found: list[Rights] = []
        if count > 1:
            for nodes in truth.named.values():
                found += self._paired(nodes, count, "gradient")
        else:
            places = sorted(truth.places.values(), key=lambda place: truth.nodes[place] not in truth.with_names)
            found = [(Right(place),) for place in places]
            for place in places:
                steps = truth.users.get(truth.nodes[place], [])
                if 1 < len(steps) <= 8:
                    found += [(Right(place, "through", truth.places[step]),) for step in steps]
        self._known[count] = found[:SOME]
        return self._known[count]

    def is_gradient(self, group: Group) -> bool:
        """Whether the variable is named as a gradient: dW, or W in a dict."""
        truth = self.case.truth
        return named_by(group.name, truth.named) is not None or (group.name in truth.named and group.text != group.name)

    def meant(self, group: Group) -> list[Rights]:
        """The values that the variable's name may mean, most likely first; none if its name says nothing."""
        if group in self._meanings:
            return self._meanings[group]
        truth, count = self.case.truth, len(group.places)
        name = named_by(group.name, truth.named) or group.name
        nodes = truth.named.get(name, [])
        shapes = {np.squeeze(self.case.plain.watched.assigned[place].value).shape for place in group.places}
        nodes = [n for n in nodes if np.squeeze(np.asarray(n.value)).shape in shapes] or nodes
        found: list[Rights] = []
        if nodes and self.is_gradient(group):
            if count == 1:
                nodes = sorted(nodes, key=lambda n: n not in truth.inputs)
                last = [n for n in nodes if n in truth.inputs] or nodes[::-1]
                found = [(Right(truth.places[n]),) for n in last]
            else:
                found = self._paired(nodes, count, "gradient")
        elif nodes:
            found = self._paired(nodes, count, "value")
            found += [filled(rights[::-1], count) for rights in found if all(rights)]
        self._meanings[group] = found
        return found

    def _paired(self, nodes: Sequence[Node], count: int, kind: str) -> list[Rights]:
        """Recorded values for each time that a line ran; late values first, since a backward pass goes back in time."""
        truth = self.case.truth
        found = [rights for series in _series(nodes) for rights in self._backwards(series, count, kind)]
        for node in nodes if kind == "gradient" else ():  # used in each step of a loop
            steps = truth.users.get(node, [])
            if len(steps) >= count:
                place = truth.places[node]
                found.append(tuple(Right(place, "through", truth.places[s]) for s in steps[::-1][:count]))
        found += [(Right(truth.places[n], kind),) * count for n in nodes if n in truth.inputs or kind == "value"]
        return list(dict.fromkeys(rights for rights in found if any(rights)))

    def _backwards(self, nodes: Sequence[Node], count: int, kind: str) -> Iterator[Rights]:
        """The last values of a loop for a line that ran `count` times, or those before them."""
        truth = self.case.truth
        for offset in range(len(nodes) - count + 2):
            yield filled([Right(truth.places[n], kind) for n in nodes[::-1][offset:]], count)
            for which in (0, -1) if kind == "gradient" else ():  # the part that comes through one of its users
                through = [
                    Right(truth.places[n], "through", truth.places[truth.users[n][which]])
                    for n in nodes[::-1][offset:]
                    if len(truth.users.get(n, ())) > 1
                ]
                yield filled(through, count)

    def _factors(self, group: Group, meant: Rights) -> list[float]:
        """The factors by which the author may have multiplied gradients: those of earlier variables, and lengths."""
        truth, found = self.case.truth, []
        for earlier in self.groups:
            if earlier.places[0] > group.places[0]:
                continue
            rights = self.meant(earlier)
            if len(earlier.places) == 1 and rights and self.is_gradient(earlier) and rights[0][0] is not None:
                value = self.case.plain.watched.assigned[earlier.places[0]].value
                factor = truth.factor(value, rights[0][0].value(truth))
                if factor is not None and factor != 0:
                    found.append(factor if earlier is not group else abs(factor))
        if meant[0] is not None:
            found += [float(n) for n in meant[0].value(truth).shape]
        return [factor for factor in dict.fromkeys(found) if factor != 1][:5]


def _series(nodes: Sequence[Node]) -> list[Sequence[Node]]:
    """The values of a name: all, and those of each line. A loop that binds it twice has two of them in each round."""
    by_line: dict[Line | None, list[Node]] = {}
    for node in nodes:
        by_line.setdefault(node.line, []).append(node)
    return [nodes, *(found for found in by_line.values() if len(by_line) > 1 and len(found) > 1)]
