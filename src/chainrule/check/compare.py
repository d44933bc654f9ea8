"""Comparing gradients with those of references, entry by entry, on a scale that makes sense of the numbers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.check.finite_differences import Derivative, along, slopes, typical_step
from chainrule.check.libraries import LIBRARIES, Answer, Unavailable, answer_of
from chainrule.check.parts import dot, from_parts, real_parts, widest
from chainrule.check.report import Comparison
from chainrule.errors import NoAnswer, asking_others
from chainrule.graph import Graph
from chainrule.layout import laid_out_as
from chainrule.libraries import is_complex, is_inexact
from chainrule.node import Node
from chainrule.trees import flatten

__all__ = ["Function", "Problem", "compare_gradients", "compare_values", "precision"]

ENTRIES = 200
"""Up to so many entries of an argument, each is differenced; beyond, random directions are."""

SECONDS = 10.0
"""Directions are taken of smaller arrays too, where the entries of one would take longer than this."""

DIRECTIONS = 10
DIFFERENCES = "differences"

Function = Callable[[Sequence[Any], bool], Any]
"""`f(leaves, wide)`: the outputs for other values of the inputs; `wide` computes all of it in double precision."""


@dataclass(frozen=True)
class Problem:
    """∂L/∂x for some arrays x, where L = Re Σ d̄z z over the outputs z: as computed, and as others can compute it again.

    Attributes
    ----------
    labels : the names of the arrays x.
    graph : the recording between x and the outputs.
    f : the function itself, for differences; None where it cannot be differenced.
    inputs, gradients : the arrays x, and what is to be checked.
    seeds : a cotangent dz for each output.
    rough : how much of a relative difference rounding explains (the epsilon of the coarsest dtype in the graph).
    libraries : those to compare with.
    """

    labels: Sequence[str]
    graph: Graph
    f: Function | None
    inputs: Sequence[Any]
    seeds: Sequence[np.ndarray]
    gradients: Sequence[np.ndarray]
    rough: float
    libraries: Sequence[str] = tuple(LIBRARIES)
    _answers: dict[str, Answer | Unavailable] = field(default_factory=dict)

    def direction(self, i: int, d: np.ndarray) -> np.ndarray:
        """A direction in which an input may be moved: a symmetric matrix stays symmetric where one triangle is read."""
        x = np.asarray(self.inputs[i])
        if x.ndim < 2 or is_complex(x) or not self._reads_a_triangle or not np.array_equal(x, np.swapaxes(x, -1, -2)):
            return d
        return (d + np.swapaxes(d, -1, -2)) / 2

    @property
    def _reads_a_triangle(self) -> bool:
        """Whether a block is for symmetric matrices only; its example says so."""
        examples = [node.block.example for node in self.graph.nodes if node.block.example]
        return any(operand.project is not None for example in examples for operand in example.operands)

    def answer(self, library: str) -> Answer | Unavailable:
        """What a library computes for this problem, or why it does not."""
        if library not in self._answers:
            try:
                self._answers[library] = answer_of(library, self.graph, self.inputs, self.seeds)
            except Unavailable as why:
                self._answers[library] = why
            else:
                if (chosen := self._chosen_otherwise(self._answers[library])) is not None:
                    self._answers[library] = Unavailable(f"another choice of signs in {chosen}, which are free")
        return self._answers[library]

    def _chosen_otherwise(self, answer: Answer | Unavailable) -> str | None:
        """The first block whose result has signs that are free (eigenvectors), and which a library chose otherwise."""
        for node in self.graph.nodes:
            theirs = answer.values.get(node) if isinstance(answer, Answer) and node.block.free_signs else None
            if theirs is not None and not np.allclose(node.value, theirs, rtol=np.sqrt(self.rough)):
                return node.block.name
        return None

    @cached_property
    def is_nan(self) -> bool:
        """Whether L is NaN, so that it has no slopes."""
        outputs = [z.value if type(z) is Node else z for z in self.graph.outputs]
        return any(bool(np.isnan(z).any()) for z in outputs if is_inexact(z))

    # Neighbouring points ----------------------------------------------------------------------------------

    @cached_property
    def wide(self) -> bool:
        """Whether f computes in double precision when it is given such arrays."""
        if all(_is_wide(x) for x in self.inputs):
            return True
        try:
            with asking_others():
                outputs = self.outputs(self.inputs, wide=True)
        except NoAnswer:
            return False
        return all(_is_wide(z) for z in outputs if is_inexact(z))

    def outputs(self, inputs: Sequence[Any], wide: bool) -> list[Any]:
        assert self.f is not None
        inputs = [np.asarray(x, dtype=widest(np.asarray(x).dtype) if wide else None) for x in inputs]
        inputs = [
            laid_out_as(x, own) if isinstance(own, np.ndarray) else x[()]
            for x, own in zip(inputs, self.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            return [value_of(z) for z in flatten(self.f(inputs, wide))[0]]

    @cached_property
    def timed(self) -> tuple[list[Any], float]:
        """The outputs as f gives them here, and the seconds that it took."""
        start = time.perf_counter()
        return self.outputs(self.inputs, self.wide), time.perf_counter() - start

    @cached_property
    def noise(self) -> float:
        """How much rounding changes L."""
        narrows = all(_is_wide(x) for x in self.inputs)  # then what is rough is f's own doing
        eps = self.rough if narrows or not self.wide else np.finfo(float).eps
        terms = zip(self.seeds, self.timed[0], strict=True)
        size = float(sum(np.sum(np.abs(dz * z)) for dz, z in terms if is_inexact(z)))
        return float(eps) * (size if np.isfinite(size) else 1.0)

    def moved(self, i: int, amount: float, direction: np.ndarray) -> list[Any] | None:
        """The outputs where input i is moved along a direction (of its real parts); None where f is not defined."""
        inputs = list(self.inputs)
        own = np.asarray(inputs[i])
        there = own.astype(widest(own.dtype)) + amount * from_parts(direction, own)
        inputs[i] = there if isinstance(self.inputs[i], np.ndarray) else there[()]
        if not self.wide:
            inputs[i] = inputs[i].astype(own.dtype)
        try:
            with asking_others():
                return self.outputs(inputs, self.wide)
        except NoAnswer:  # outside of the domain
            return None

    def change(self, i: int, direction: np.ndarray) -> Callable[[float, float], float]:
        """L(x + b d) − L(x + a d), as a function of a and b."""

        def change(a: float, b: float) -> float:
            before, after = self.moved(i, a, direction), self.moved(i, b, direction)
            if before is None or after is None or len(before) != len(after):
                return np.nan
            total = 0.0
            for dz, z0, z1 in zip(self.seeds, before, after, strict=True):
                if is_inexact(z1):
                    if np.shape(z0) != np.shape(z1):
                        return np.nan
                    with np.errstate(all="ignore"):
                        total += float(dot(dz, np.asarray(z1, widest(np.asarray(z1).dtype)) - z0))
            return total

        return change

    def kink(self, i: int, direction: np.ndarray, step: float) -> tuple[float, float, float] | None:
        """The one-sided slopes (see `slopes`), where the function has a kink along this direction."""
        if self.f is None:
            return None
        step *= (np.finfo(float).eps if self.wide else self.rough) ** 0.25
        return slopes(self.change(i, direction), step, self.noise)

    # Scale ------------------------------------------------------------------------------------------------

    @cached_property
    def floor(self) -> float:
        """Below this a difference is rounding: terms of this problem's size that cancel leave as much."""
        outputs = [z.value if type(z) is Node else z for z in self.graph.outputs]
        size = sum(_largest(dz * z) for dz, z in zip(self.seeds, outputs, strict=True) if is_inexact(z))
        steps = max(typical_step(real_parts(x)) for x in self.inputs)
        return 1e3 * self.rough * max(size / steps, *(_largest(g) for g in self.gradients))


def precision(values: Sequence[Any]) -> float:
    """The epsilon of the coarsest floating dtype among some values."""
    dtypes = {np.asarray(v).dtype for v in values if is_inexact(v)}
    return max(
        (float(np.finfo(d).eps) if d.kind in "fc" else 2.0**-7 for d in dtypes), default=float(np.finfo(float).eps)
    )


def _largest(x: Any) -> float:
    x = np.abs(np.asarray(x)).astype(float)
    return float(np.max(x, where=np.isfinite(x), initial=0.0))


def _is_wide(x: Any) -> bool:
    dtype = np.asarray(x).dtype
    return dtype == widest(dtype)


def _relative(ours: np.ndarray, theirs: np.ndarray, scale: Any) -> np.ndarray:
    """|ours − theirs| / scale; infinite where only one is finite, 0 where both are the same infinity or NaN."""
    with np.errstate(all="ignore"):
        relative = np.abs(ours - theirs) / np.where(np.asarray(scale) == 0, 1.0, scale)
        same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    return np.where(same, 0.0, np.where(np.isnan(relative), np.inf, relative))


def _scale(ours: np.ndarray, theirs: np.ndarray, floor: float) -> float:
    return max(_largest(ours), _largest(theirs), floor)


# Values ----------------------------------------------------------------------------------------------------


def compare_values(problem: Problem, outputs: Sequence[Any], plain: Sequence[Any] | None) -> list[Comparison]:
    """The recorded outputs against those of f run plainly, and those of the libraries."""
    rows = []
    floating = [i for i, z in enumerate(outputs) if is_inexact(z)]
    tolerance = float(np.sqrt(problem.rough))
    floor = 1e3 * problem.rough * max((_largest(x) for x in problem.inputs), default=0.0)
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
    """Two arrays that should be equal; of complex ones the real and the imaginary parts.

    `excused` says of an entry where they differ whether that is no mistake (a kink).
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
    """An index of real parts as the index of an entry, and which part of it is meant."""
    return (index[:-1], ("re", "im")[index[-1]]) if split else (index, "")


def _excuse(relative: np.ndarray, tolerance: float, excused: Callable[[tuple[int, ...]], bool]) -> tuple[int, int]:
    """Clear the differences that are no mistakes, the largest first, up to the first that is one.

    Returns how many were cleared, and how many are left open because so many were.
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
    """Every gradient against every reference that there is, and against extra ones (name → one array an input)."""
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
            if np.isnan(theirs):  # the reference has no answer, as PyTorch and JAX have none for a norm at 0
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
    """Whether f has a kink at this entry, and the numbers are all between the slopes on its two sides."""
    x = real_parts(problem.inputs[i])
    kink = problem.kink(i, _unit(x.shape, entry), typical_step(x, entry))
    if kink is None:
        return False
    left, right, slack = kink
    return all(min(left, right) - slack <= g <= max(left, right) + slack for g in numbers)


def _is_steep(problem: Problem, i: int, entry: tuple[int, ...], number: float) -> bool:
    """Whether the slope of f at this entry grows without bound towards an infinite number, on a side where f is."""
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
    """Whether f has a kink where entries are equal, and the gradients of those that are have the right sum.

    A median of three and more equal entries does not change when one of them is moved, and moves with all of them.
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
    """Whether the slopes along two directions add up to that along their sum, as they do where f has a gradient."""
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
    """Whether stable differences of f at this entry give a number."""
    if problem.f is None:
        return False
    x = real_parts(problem.inputs[i])
    tolerance = max(np.sqrt(problem.rough), 1e-6)
    scale = max(abs(number), problem.floor / tolerance)
    there = _measure(problem, i, _unit(x.shape, entry), typical_step(x, entry), tolerance * scale)
    return there.error <= 1e-2 * scale and abs(there.value - number) <= max(tolerance * scale, 3 * there.error)


def _slope(gradient: np.ndarray, direction: np.ndarray) -> float:
    """The slope along a direction, of which infinite entries elsewhere are no part."""
    return float(np.sum(np.where(direction == 0, 0.0, gradient * np.where(direction == 0, 1.0, direction))))


def _unit(shape: tuple[int, ...], entry: tuple[int, ...]) -> np.ndarray:
    direction = np.zeros(shape)
    direction[entry] = 1.0
    return direction


def compare_with_differences(problem: Problem, i: int, tolerance: float) -> Comparison:
    """One gradient against finite differences, entry by entry or along random directions."""
    x = real_parts(problem.inputs[i])
    split = is_complex(np.asarray(problem.inputs[i]))
    ours = real_parts(problem.gradients[i], split)
    # How precise to be: relative to a gradient that is not the one in question, if there is one.
    answers = [a for a in map(problem.answer, problem.libraries) if isinstance(a, Answer)]
    believed = real_parts(answers[0].gradients[i], split) if answers else ours
    places: list[Any]
    if ours.size <= min(ENTRIES, SECONDS / (8 * problem.timed[1])):
        places = list(np.ndindex(ours.shape))
        lines = [(problem.direction(i, _unit(x.shape, entry)), typical_step(x, entry)) for entry in places]
        scale = _scale(believed, believed, problem.floor / tolerance)
    else:
        rng = np.random.default_rng(0)
        places = [None] * DIRECTIONS
        lines = [(problem.direction(i, rng.standard_normal(x.shape)), typical_step(x)) for _ in places]
        scale = max(float(np.linalg.norm(believed.ravel())), problem.floor / tolerance)
    numbers = np.array([_slope(ours, d) for d, _ in lines])
    measured = [_measure(problem, i, d, step, tolerance * scale) for d, step in lines]
    theirs = np.array([m.value for m in measured])
    errors = np.array([m.error for m in measured])
    scale = max(scale, _largest(theirs))
    stable = errors <= 1e-2 * scale

    def difference(numbers: np.ndarray, theirs: Any, errors: Any) -> np.ndarray:
        return _relative(numbers, theirs, np.maximum(max(scale, _largest(numbers)), 3 * errors / tolerance))

    relative = np.where(stable, difference(numbers, theirs, errors), 0.0)
    at_kink = set()

    def excused(line: tuple[int, ...]) -> bool:
        (n,) = line
        place, (direction, step) = places[n], lines[n]
        if stable[n]:  # between kinks differences can look stable by chance: begin with a smaller step, go to the end
            finer = _measure(problem, i, direction, step / 64, 0.0)
            if finer.error <= 1e-2 * scale and difference(numbers[n], finer.value, finer.error) <= tolerance:
                measured[n] = finer
                return True
        if place is not None:
            kink = _between_slopes(problem, i, place, (numbers[n],)) or _is_shared_by_ties(problem, i, place, ours)
        else:
            kink = problem.kink(i, direction, step / np.sqrt(x.size)) is not None
        if kink:
            at_kink.add(n)
        return kink

    _excuse(relative, tolerance, excused)
    open_ones = [n for n in np.flatnonzero(~stable) if not excused((int(n),))]
    worst = int(np.argmax(relative)) if np.any(relative > 0) else int(np.argmax(np.abs(numbers)))
    index, number, there = places[worst], float(numbers[worst]), measured[worst]
    if index is None and relative[worst] > tolerance:
        index = _worst_entry(problem, i, ours, lines[worst][0], tolerance * scale)
        number = float(ours[index])
        there = _measure(problem, i, _unit(x.shape, index), typical_step(x, index), tolerance * scale)
    entry, part = (None, "") if index is None else _place(index, split)
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
        kinks=len(at_kink),
        unsettled=len(open_ones),
        lines=len(lines),
        step=there.step,
    )


def _measure(problem: Problem, i: int, direction: np.ndarray, step: float, allowed: float) -> Derivative:
    return along(problem.change(i, direction), 0.05 * step, problem.noise, 1e-3 * allowed)


def _worst_entry(problem: Problem, i: int, ours: np.ndarray, direction: np.ndarray, allowed: float) -> tuple[int, ...]:
    """An entry that is wrong, found by halving: the half of a direction along which the difference is larger."""
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
