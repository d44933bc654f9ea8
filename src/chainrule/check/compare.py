"""Comparing gradients with those of references, entry by entry, relative to their scale."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from chainrule.check.finite_differences import Derivative, along, typical_step
from chainrule.check.libraries import Answer
from chainrule.check.parts import real_parts
from chainrule.check.problem import Problem, largest
from chainrule.check.report import Comparison
from chainrule.libraries import is_complex, is_inexact
from chainrule.node import Node

__all__ = ["DIFFERENCES", "compare_arrays", "compare_gradients", "compare_values"]

ENTRIES = 200
"""Arguments with at most this many entries are differenced entry by entry, larger ones along random directions."""

SECONDS = 10.0
"""If this takes more seconds, smaller arrays are differenced along random directions too."""

DIRECTIONS = 10
DIFFERENCES = "differences"


def _relative(ours: np.ndarray, theirs: np.ndarray, scale: Any) -> np.ndarray:
    """|ours − theirs| / scale; infinite where only one is finite, 0 where both are the same infinity or NaN."""
    with np.errstate(all="ignore"):
        relative = np.abs(ours - theirs) / np.where(np.asarray(scale) == 0, 1.0, scale)
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return np.where(same, 0.0, np.where(np.isnan(relative), np.inf, relative))


def _scale(ours: np.ndarray, theirs: np.ndarray, floor: float) -> float:
    return max(largest(ours), largest(theirs), floor)


# Values ----------------------------------------------------------------------------------------------------


def compare_values(problem: Problem, outputs: Sequence[Any], plain: Sequence[Any] | None) -> list[Comparison]:
    """Compare the recorded outputs with those of f on plain values, and of the libraries."""
    rows = []
    floating = [i for i, z in enumerate(outputs) if is_inexact(z)]
    tolerance = float(np.sqrt(problem.rough))
    floor = 1e3 * problem.rough * max((largest(x) for x in problem.inputs), default=0.0)
    for n, i in enumerate(floating):
        label = "value" if len(floating) == 1 else f"value {n}"
        ours = np.asarray(outputs[i])
        references = {} if plain is None else {"plain NumPy": plain[i]}
        for library in problem.libraries:
            answer = problem.answer(library)
            if isinstance(answer, Answer) and type(problem.graph.outputs[i]) is Node:
                references[library] = answer.values.get(problem.graph.outputs[i], ours)
        for name, value in references.items():
            rows.append(compare_arrays(label, name, ours, np.asarray(value), tolerance, floor))
    return rows


def compare_arrays(
    label: str,
    reference: str,
    ours: np.ndarray,
    theirs: np.ndarray,
    tolerance: float,
    floor: float,
    excused: Callable[[tuple[int, ...], float, float], bool] | None = None,
) -> Comparison:
    """Compare two arrays that should be equal; of complex ones the real and the imaginary parts.

    `excused` tells whether a difference at an entry is legitimate (a kink).
    """
    if ours.shape != theirs.shape:
        hint = ""
        if ours.shape == theirs.shape[::-1] and np.allclose(ours, theirs.T):
            hint = "; its transpose is right"
        problem = f"has shape {theirs.shape}, should have {ours.shape}{hint}"
        return Comparison(label, ours.shape, reference, np.inf, tolerance, problem=problem)
    shape = ours.shape
    if not ours.size:
        return Comparison(label, shape, reference, 0.0, tolerance)
    split = is_complex(ours) or is_complex(theirs)
    ours, theirs = real_parts(ours, split), real_parts(theirs, split)
    floor = floor / tolerance
    relative = _relative(ours, theirs, _scale(ours, theirs, floor))
    kinks, unsettled = 0, 0
    if excused is not None:
        kinks, unsettled = _excuse(relative, tolerance, lambda k: excused(k, float(ours[k]), float(theirs[k])))
    worst = int(np.argmax(np.where(relative > 0, relative, 0.0) if np.any(relative > 0) else np.abs(ours)))
    index = tuple(int(k) for k in np.unravel_index(worst, ours.shape))
    difference, entry_and_part = float(relative[index]), _place(index, split)
    numbers = float(ours[index]), float(theirs[index])
    return Comparison(
        label, shape, reference, difference, tolerance, *entry_and_part, *numbers, kinks=kinks, unsettled=unsettled
    )


def _place(index: tuple[int, ...], split: bool) -> tuple[tuple[int, ...], str]:
    """The entry (and its real or imaginary part) that an index into the split real numbers refers to."""
    return (index[:-1], ("re", "im")[index[-1]]) if split else (index, "")


def _excuse(relative: np.ndarray, tolerance: float, excused: Callable[[tuple[int, ...]], bool]) -> tuple[int, int]:
    """Clear excused differences, the largest first, until one is not excused.

    Returns how many were cleared, and how many were left open because there were too many.
    """
    worst_first = np.argsort(-relative, axis=None, kind="stable")
    worst_first = worst_first[relative.flat[worst_first] > tolerance]
    for cleared, position in enumerate(worst_first[:ENTRIES]):
        entry = tuple(int(k) for k in np.unravel_index(position, relative.shape))
        if not excused(entry):
            return cleared, 0
        relative[entry] = 0.0
    relative.flat[worst_first] = 0.0
    return min(len(worst_first), ENTRIES), max(len(worst_first) - ENTRIES, 0)


# Gradients -------------------------------------------------------------------------------------------------


def compare_gradients(problem: Problem, extra: dict[str, Sequence[Any]] | None = None) -> list[Comparison]:
    """Compare each gradient with every reference, and with extra ones (name → one array an input)."""
    tolerance = float(np.sqrt(problem.rough))
    rows = []
    for i, label in enumerate(problem.labels):
        ours = np.asarray(problem.gradients[i])
        references: dict[str, Any] = {}
        for library in problem.libraries:
            answer = problem.answer(library)
            if isinstance(answer, Answer):
                references[library] = answer.gradients[i]
        references |= {name: arrays[i] for name, arrays in (extra or {}).items() if arrays[i] is not None}

        def excused(entry: tuple[int, ...], ours: float, theirs: float, i: int = i) -> bool:
            if problem.is_nan and not (np.isfinite(ours) or np.isfinite(theirs)):
                return True
            if np.isnan(theirs) and np.isinf(ours):
                return _is_steep(problem, i, entry, ours)
            if np.isnan(theirs):  # as PyTorch and JAX give for a norm at 0
                return _between_slopes(problem, i, entry, (ours,)) or _by_differences(problem, i, entry, ours)
            return _between_slopes(problem, i, entry, (ours, theirs)) or _is_shared_by_ties(
                problem, i, entry, np.asarray(problem.gradients[i])
            )

        for name, theirs in references.items():
            row = compare_arrays(label, name, ours, np.asarray(theirs), tolerance, problem.floor, excused)
            lost = int(np.sum(np.isnan(theirs) & ~np.isnan(ours))) if row.ok else 0
            rows.append(replace(row, lost=lost))
        if problem.f is not None and ours.size:
            rows.append(compare_with_differences(problem, i, max(tolerance, 1e-6)))
    return rows


def _between_slopes(problem: Problem, i: int, entry: tuple[int, ...], numbers: Sequence[float]) -> bool:
    """Whether f has a kink at this entry, and all numbers lie between its one-sided slopes."""
    x = real_parts(problem.inputs[i])
    kink = problem.kink(i, _unit(x.shape, entry), typical_step(x, entry))
    if kink is None:
        return False
    left, right, slack = kink
    return all(min(left, right) - slack <= g <= max(left, right) + slack for g in numbers)


def _is_steep(problem: Problem, i: int, entry: tuple[int, ...], number: float) -> bool:
    """Whether an infinite gradient is right: the slope of f grows without bound on a side where f is defined."""
    if problem.f is None:
        return False
    x = real_parts(problem.inputs[i])
    change = problem.change(i, _unit(x.shape, entry))
    steps = [1e-3 * typical_step(x, entry) / 16**k for k in range(4)]
    for slopes_there in ([change(0, h) / h for h in steps], [change(-h, 0) / h for h in steps]):
        towards = np.sign(number) * np.array(slopes_there)
        if np.all(towards > 0) and np.all(towards[1:] > 1.5 * towards[:-1]):
            return True
    return False


def _is_shared_by_ties(problem: Problem, i: int, entry: tuple[int, ...], ours: np.ndarray) -> bool:
    """Whether f has a kink because entries are equal, and the gradients of these entries have the right sum.

    A median of three or more equal entries does not change when one of them moves, but does when all move.
    """
    x = real_parts(problem.inputs[i])
    ties = x == x[entry]
    if problem.f is None or ours.shape != x.shape or np.count_nonzero(ties) < 2:
        return False
    shares = ours[ties]
    together = _measure(problem, i, ties.astype(float), typical_step(x, entry), 0.0)
    scale = max(abs(together.value), problem.floor)
    right_sum = abs(np.sum(shares) - together.value) <= 1e-4 * scale + 3 * together.error
    one_sign = bool(np.all(shares >= 0) or np.all(shares <= 0))
    return right_sum and one_sign and not _is_additive(problem, i, ties, typical_step(x, entry), 1e-4 * scale)


def _is_additive(problem: Problem, i: int, among: np.ndarray, step: float, slack: float) -> bool:
    """Whether slopes are additive in the direction, as they are where f has a gradient."""
    rng = np.random.default_rng(0)
    directions = [np.where(among, rng.standard_normal(among.shape), 0.0) for _ in range(6)]
    for d, e in zip(directions[::2], directions[1::2], strict=True):
        off = []
        for h in (1e-3 * step, 1e-3 * step / 16):
            parts = [problem.change(i, line)(0, h) / h for line in (d, e, d + e)]
            off.append(abs(parts[0] + parts[1] - parts[2]))
        if off[1] > max(slack, 0.5 * off[0]):
            return False
    return True


def _by_differences(problem: Problem, i: int, entry: tuple[int, ...], number: float) -> bool:
    """Whether stable differences of f at this entry agree with a number."""
    if problem.f is None:
        return False
    x = real_parts(problem.inputs[i])
    tolerance = max(np.sqrt(problem.rough), 1e-6)
    scale = max(abs(number), problem.floor / tolerance)
    there = _measure(problem, i, _unit(x.shape, entry), typical_step(x, entry), tolerance * scale)
    return there.error <= 1e-2 * scale and abs(there.value - number) <= max(tolerance * scale, 3 * there.error)


def _slope(gradient: np.ndarray, direction: np.ndarray) -> float:
    """The slope along a direction; entries where the direction is 0 are left out, since they may be infinite."""
    return float(np.sum(np.where(direction == 0, 0.0, gradient * np.where(direction == 0, 1.0, direction))))


def _unit(shape: tuple[int, ...], entry: tuple[int, ...]) -> np.ndarray:
    direction = np.zeros(shape)
    direction[entry] = 1.0
    return direction


def compare_with_differences(problem: Problem, i: int, tolerance: float) -> Comparison:
    """Compare one gradient with finite differences, entry by entry or along random directions."""
    lines = _Lines.of(problem, i, tolerance)
    relative = np.where(lines.stable, lines.difference(lines.numbers, lines.values, lines.errors), 0.0)
    _excuse(relative, tolerance, lambda line: lines.excused(line[0]))
    open_ones = [n for n in np.flatnonzero(~lines.stable) if not lines.excused(int(n))]
    worst = int(np.argmax(relative)) if np.any(relative > 0) else int(np.argmax(np.abs(lines.numbers)))
    index, number, there = lines.places[worst], float(lines.numbers[worst]), lines.measured[worst]
    if index is None and relative[worst] > tolerance:
        index = _worst_entry(problem, i, lines.ours, lines.directions[worst][0], tolerance * lines.scale)
        number = float(lines.ours[index])
        there = lines.measure(_unit(lines.x.shape, index), typical_step(lines.x, index))
    entry, part = (None, "") if index is None else _place(index, lines.split)
    return Comparison(
        problem.labels[i],
        np.shape(problem.gradients[i]),
        DIFFERENCES,
        float(relative[worst]),
        tolerance,
        entry,
        part,
        number,
        there.value,
        kinks=len(lines.at_kink),
        unsettled=len(open_ones),
        lines=len(lines.directions),
        step=there.step,
    )


@dataclass
class _Lines:
    """Lines through the point along which one gradient is compared with differences.

    Attributes
    ----------
    x, ours : the argument and its gradient, as real numbers; `split` if they are complex.
    places : the entry that each line is along; None along a random direction.
    directions : of each line, with a typical step.
    scale : the size of the gradient, to which differences are relative.
    measured : the differences.
    at_kink : the lines with a kink at the point.
    """

    problem: Problem
    i: int
    tolerance: float
    x: np.ndarray
    ours: np.ndarray
    split: bool
    places: list[Any]
    directions: list[tuple[np.ndarray, float]]
    scale: float
    measured: list[Derivative] = field(default_factory=list)
    at_kink: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, problem: Problem, i: int, tolerance: float) -> _Lines:
        x = real_parts(problem.inputs[i])
        split = is_complex(np.asarray(problem.inputs[i]))
        ours = real_parts(problem.gradients[i], split)
        # The precision is relative to another gradient than the one in question, if there is one.
        answers = [a for a in map(problem.answer, problem.libraries) if isinstance(a, Answer)]
        believed = real_parts(answers[0].gradients[i], split) if answers else ours
        places: list[Any]
        if ours.size <= min(ENTRIES, SECONDS / (8 * problem.timed[1])):
            places = list(np.ndindex(ours.shape))
            directions = [(problem.direction(i, _unit(x.shape, entry)), typical_step(x, entry)) for entry in places]
            scale = _scale(believed, believed, problem.floor / tolerance)
        else:
            rng = np.random.default_rng(0)
            places = [None] * DIRECTIONS
            directions = [(problem.direction(i, rng.standard_normal(x.shape)), typical_step(x)) for _ in places]
            scale = max(float(np.linalg.norm(believed.ravel())), problem.floor / tolerance)
        lines = cls(problem, i, tolerance, x, ours, split, places, directions, scale)
        lines.measured = [lines.measure(d, step) for d, step in directions]
        lines.scale = max(scale, largest(lines.values))
        return lines

    @functools.cached_property
    def numbers(self) -> np.ndarray:
        """The slope along each line by the gradient."""
        return np.array([_slope(self.ours, d) for d, _ in self.directions])

    @functools.cached_property
    def values(self) -> np.ndarray:
        """The slope along each line by differences, as first measured."""
        return np.array([m.value for m in self.measured])

    @functools.cached_property
    def errors(self) -> np.ndarray:
        return np.array([m.error for m in self.measured])

    @functools.cached_property
    def stable(self) -> np.ndarray:
        return self.errors <= 1e-2 * self.scale

    def measure(self, direction: np.ndarray, step: float) -> Derivative:
        return _measure(self.problem, self.i, direction, step, self.tolerance * self.scale)

    def difference(self, numbers: Any, values: Any, errors: Any) -> Any:
        """How far two slopes are apart, relative to the gradient; less than their error counts as nothing."""
        return _relative(numbers, values, np.maximum(max(self.scale, largest(numbers)), 3 * errors / self.tolerance))

    def excused(self, n: int) -> bool:
        """Whether a line that differs is right after all: by a smaller step, or since there is a kink."""
        place, (direction, step) = self.places[n], self.directions[n]
        if self.stable[n]:  # kinks can make differences look stable: start with a smaller step, use all steps
            finer = _measure(self.problem, self.i, direction, step / 64, 0.0)
            settled = finer.error <= 1e-2 * self.scale
            if settled and self.difference(self.numbers[n], finer.value, finer.error) <= self.tolerance:
                self.measured[n] = finer
                return True
        if place is not None:
            kink = _between_slopes(self.problem, self.i, place, (self.numbers[n],))
            kink = kink or _is_shared_by_ties(self.problem, self.i, place, self.ours)
        else:
            kink = self.problem.kink(self.i, direction, step / np.sqrt(self.x.size)) is not None
        if kink:
            self.at_kink.add(n)
        return kink


def _measure(problem: Problem, i: int, direction: np.ndarray, step: float, allowed: float) -> Derivative:
    return along(problem.change(i, direction), 0.05 * step, problem.noise, 1e-3 * allowed)


def _worst_entry(problem: Problem, i: int, ours: np.ndarray, direction: np.ndarray, allowed: float) -> tuple[int, ...]:
    """An entry that is wrong, found by bisection: each time the half of the entries that differs more."""
    step = typical_step(real_parts(problem.inputs[i]))
    places = np.arange(ours.size)
    while len(places) > 1:
        off: list[tuple[float, int, np.ndarray]] = []
        for half in np.array_split(places, 2):
            d = np.zeros(ours.shape)
            d.flat[half] = direction.flat[half]
            off.append((abs(_slope(ours, d) - _measure(problem, i, d, step, allowed).value), len(off), half))
        places = max(off, key=lambda o: np.nan_to_num(o[0], nan=np.inf))[2]
    return tuple(int(k) for k in np.unravel_index(places[0], ours.shape))
