"""Folds repeated steps, so that a long function can be read.

For the iterations of a loop, or equal layers in a row, only the first and the last are shown. For a function or a
module that is called again with the same steps, only the first call is shown, and the results of the others. Inputs
that only hidden steps use are hidden too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from chainrule.explain.steps import Explained, Step, where

__all__ = ["Fold", "folds_of", "hidden_places"]

FEW = 30
"""A function of at most this many steps is not folded."""
ROUNDS = 4
"""At least this many equal iterations in a row are folded."""
LONGEST = 200
"""The largest number of steps of one iteration."""
SHORTEST = 4
"""Calls of fewer steps are not folded."""


class Fold(NamedTuple):
    """Neighbouring steps that are not shown.

    Attributes
    ----------
    start, stop : the place of the first hidden step, and the place after the last one.
    told : a description of the hidden steps.
    """

    start: int
    stop: int
    told: str


def folds_of(explanation: Explained) -> tuple[Fold, ...]:
    """The folds of a forward pass, in order."""
    steps = explanation.forward
    if len(steps) <= FEW:
        return ()
    found = list(_rounds(steps))
    hidden = hidden_places(found)
    if len(steps) - len(hidden) > FEW:
        found += _calls(explanation, hidden)
    hidden = hidden_places(found)
    found += _inputs(steps, hidden)
    return tuple(sorted(found))


def hidden_places(folds: Sequence[Fold]) -> set[int]:
    """The places of all steps that are not shown."""
    return {place for fold in folds for place in range(fold.start, fold.stop)}


# Rounds ------------------------------------------------------------------------------------------------------------


def _rounds(steps: Sequence[Step]) -> Iterator[Fold]:
    """The iterations between the first and the last. They are equal if they have the same blocks at the same lines."""
    keys = [(step.block, where(step.line)) for step in steps]
    i = 0
    while i < len(keys):
        period, rounds = _repeated(keys, i)
        if rounds >= ROUNDS and steps[i].formula is not None:
            yield Fold(i + period, i + (rounds - 1) * period, f"{rounds - 2} more rounds of the same steps")
            i += rounds * period
        else:
            i += 1


def _repeated(keys: Sequence[object], start: int) -> tuple[int, int]:
    """The length of a repeated iteration that begins here, and how often it is repeated; (1, 1) if nothing repeats."""
    for period in range(1, min(LONGEST, (len(keys) - start) // ROUNDS) + 1):
        first = keys[start : start + period]
        rounds = 1
        while keys[start + rounds * period : start + (rounds + 1) * period] == first:
            rounds += 1
        if rounds >= ROUNDS:
            return period, rounds
    return 1, 1


# Calls -------------------------------------------------------------------------------------------------------------


def _calls(explanation: Explained, hidden: set[int]) -> Iterator[Fold]:
    """The steps of calls that equal an earlier call, except steps whose results are used outside the call."""
    steps, scopes = explanation.forward, explanation.scopes
    members: dict[int, list[int]] = {}
    for place, step in enumerate(steps):
        scope = step.scope
        while scope is not None:
            members.setdefault(scope, []).append(place)
            scope = scopes[scope].parent
    used_by: dict[int, list[int]] = {}
    for place, step in enumerate(steps):
        for operand in step.operands:
            used_by.setdefault(operand, []).append(place)
    first: dict[tuple[object, ...], str] = {}
    taken = set(hidden)
    for scope, places in sorted(members.items()):
        if len(places) < SHORTEST or taken.intersection(places):
            continue
        name, key = scopes[scope].name, tuple((steps[place].block, where(steps[place].line)) for place in places)
        if key not in first:
            first[key] = name
            continue
        taken.update(places)
        own = set(places)
        inner = [place for place in places if own.issuperset(used_by.get(place, [-1]))]
        of = f"{name} as before" if first[key] == name else f"{name}, as in {first[key]}"
        for run in _runs(inner):
            yield Fold(run[0], run[-1] + 1, f"{len(run)} more steps of {of}")


def _runs(places: Sequence[int]) -> Iterator[list[int]]:
    """Places, grouped into runs of consecutive numbers."""
    run: list[int] = []
    for place in places:
        if run and place != run[-1] + 1:
            yield run
            run = []
        run.append(place)
    if run:
        yield run


# Inputs ------------------------------------------------------------------------------------------------------------


def _inputs(steps: Sequence[Step], hidden: set[int]) -> Iterator[Fold]:
    """The inputs that only hidden steps use."""
    shown = {operand for place, step in enumerate(steps) if place not in hidden for operand in step.operands}
    used = {operand for step in steps for operand in step.operands}
    only = [place for place, step in enumerate(steps) if step.formula is None and place in used - shown]
    for run in _runs(only):
        yield Fold(
            run[0], run[-1] + 1, f"{len(run)} inputs of the folded steps" if run[1:] else "an input of these steps"
        )
