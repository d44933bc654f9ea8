"""Folding what repeats: of the rounds of a loop, or of equal layers in a row, the first and the last are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from chainrule.explain.steps import Step, where

__all__ = ["Fold", "folds_of"]

FEW = 60
"""A function of no more steps than this is shown as it is."""
ROUNDS = 4
"""So many equal rounds in a row are folded."""
LONGEST = 200
"""The most steps of one round."""


class Fold(NamedTuple):
    """Steps that are not shown: the rounds between the first and the last.

    Attributes
    ----------
    start, stop : the places of the first step that is hidden, and after the last.
    rounds : how many rounds these are.
    """

    start: int
    stop: int
    rounds: int


def folds_of(steps: Sequence[Step]) -> tuple[Fold, ...]:
    """The folds of a forward pass, in order. Rounds are equal if they have the same blocks at the same lines."""
    if len(steps) <= FEW:
        return ()
    keys = [(step.block, where(step.line)) for step in steps]
    found = []
    i = 0
    while i < len(keys):
        period, rounds = _repeated(keys, i)
        if rounds >= ROUNDS and steps[i].formula is not None:
            found.append(Fold(i + period, i + (rounds - 1) * period, rounds - 2))
            i += rounds * period
        else:
            i += 1
    return tuple(found)


def _repeated(keys: Sequence[object], start: int) -> tuple[int, int]:
    """The length of a round that begins here and is repeated, and how often; (1, 1) if nothing is."""
    for period in range(1, min(LONGEST, (len(keys) - start) // ROUNDS) + 1):
        first = keys[start : start + period]
        rounds = 1
        while keys[start + rounds * period : start + (rounds + 1) * period] == first:
            rounds += 1
        if rounds >= ROUNDS:
            return period, rounds
    return 1, 1
