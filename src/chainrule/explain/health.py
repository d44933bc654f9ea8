"""Health: what the numbers of a forward and a backward pass say about a network.

For each block: the size of values and gradients, their distribution, and how many are zero. For the network: where NaN
or Inf first appears, which units are dead, and whether gradients vanish or explode with depth (X. Glorot, Y. Bengio,
Understanding the difficulty of training deep feedforward neural networks, 2010).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.explain import values
from chainrule.explain.printers import unicode
from chainrule.explain.remarks import remarks
from chainrule.explain.steps import Explained, Factor, Gradient, Step, where
from chainrule.formula import Formula
from chainrule.node import Line

__all__ = ["AT_ONCE", "DEEP", "FAR_APART", "Health", "Statistics", "Vital", "health_of", "statistics"]

BINS = 20
DEEP, FAR_APART, AT_ONCE = 8, 1e3, 1e6
"""Gradients vanish or explode if their size changes by the factor FAR_APART over at least DEEP blocks, or by AT_ONCE
over fewer."""


@dataclass(frozen=True)
class Statistics:
    """The distribution of the entries of an array (for a complex one, of their absolute values).

    Attributes
    ----------
    size : the number of entries.
    norm : the root of the sum of the squares of the finite ones.
    rms : the root of their mean square, which does not grow with the size.
    minimum, maximum, mean, std : those of the finite entries; NaN if there are none.
    zeros : the share of entries that are exactly zero.
    nans, infinities : how many there are.
    histogram : how many finite entries fall into each of the bins of equal width between minimum and maximum; empty
        where these are equal.
    """

    size: int
    norm: float
    rms: float
    minimum: float
    maximum: float
    mean: float
    std: float
    zeros: float
    nans: int
    infinities: int
    histogram: tuple[int, ...]

    @property
    def finite(self) -> bool:
        """Whether every entry is a finite number."""
        return not (self.nans or self.infinities)


def statistics(x: Any) -> Statistics:
    """The statistics of an array, computed in double precision.

    >>> s = statistics([0.0, 3.0, 4.0, float("inf")])
    >>> s.norm, s.zeros, s.infinities
    (5.0, 0.25, 1)
    """
    x = np.asarray(x)
    x = np.abs(x) if x.dtype.kind == "c" else x
    x = x.astype(np.float64).ravel()
    finite = x[np.isfinite(x)]
    nans = int(np.isnan(x).sum())
    if not finite.size:
        nothing = (np.nan,) * 4
        return Statistics(x.size, 0.0, 0.0, *nothing, 0.0, nans, x.size - nans, ())
    top = float(np.max(np.abs(finite))) or 1.0  # so that no square over- or underflows
    norm = top * float(np.linalg.norm(finite / top))
    low, high = float(finite.min()), float(finite.max())
    mean = top * float(np.mean(finite / top))
    std = top * float(np.std(finite / top))
    width = high / top - low / top
    places = np.minimum((finite / top - low / top) / (width or 1.0) * BINS, BINS - 1).astype(int)
    counts = np.bincount(places, minlength=BINS) if width else np.zeros(0, int)
    return Statistics(
        size=x.size,
        norm=norm,
        rms=norm / float(np.sqrt(finite.size)),
        minimum=low,
        maximum=high,
        mean=mean,
        std=std,
        zeros=float(np.count_nonzero(x == 0) / x.size),
        nans=nans,
        infinities=x.size - finite.size - nans,
        histogram=tuple(int(n) for n in counts),
    )


@dataclass(frozen=True)
class Vital:
    """One step of the forward pass and its gradient.

    Attributes
    ----------
    step : its place in `Explanation.forward`.
    depth : the length of the longest way to it from an input.
    value, gradient : their statistics; the gradient is None if the loss does not depend on the value.
    dead : the number of units that are zero for every sample, and the number of all units; None if not applicable.
    """

    step: int
    name: Formula
    block: str
    depth: int
    value: Statistics
    gradient: Statistics | None
    dead: tuple[int, int] | None
    line: Line | None


@dataclass(frozen=True)
class Health:
    """The vitals of every step, in the order of the forward pass, and findings as sentences. It prints as a table."""

    title: str
    loss: Formula
    vitals: tuple[Vital, ...]
    findings: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether there are no findings."""
        return not self.findings

    def __str__(self) -> str:
        top = unicode(self.loss)
        head = ("name", "block", "rms", "zeros", f"rms ∂{top}", "zeros", "line")
        rows = [head, *(_row(v) for v in self.vitals)]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        table = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
        findings = self.findings or ("All numbers are finite; nothing else stands out.",)
        return "\n".join([f"Health of {self.title}", *table, "", *findings])

    __repr__ = __str__


def _row(vital: Vital) -> tuple[str, ...]:
    def told(s: Statistics | None) -> tuple[str, str]:
        if s is None or not s.size:
            return "", ""
        bad = f"{s.nans} NaN" if s.nans else f"{s.infinities} Inf" if s.infinities else f"{s.rms:.3g}"
        return bad, f"{s.zeros:.0%}" if s.zeros else ""

    return (unicode(vital.name), vital.block, *told(vital.value), *told(vital.gradient), where(vital.line))


def health_of(explanation: Explained) -> Health:
    """The health of an explanation, from the numbers in it; nothing is computed again."""
    gradients = {gradient.name.parts[1]: gradient for gradient in explanation.backward}
    vitals: list[Vital] = []
    depths: list[int] = []
    for place, step in enumerate(explanation.forward):
        depths.append(1 + max((depths[i] for i in step.operands), default=-1))
        gradient = gradients.get(step.name)
        if np.asarray(step.value).dtype.kind not in "fc":
            continue
        told = None if gradient is None else statistics(gradient.value)
        dead = _dead_units(step, explanation.forward)
        vitals.append(Vital(place, step.name, step.block, depths[-1], statistics(step.value), told, dead, step.line))
    findings = [
        *_first_not_finite(explanation.forward),
        *_first_gradient_not_finite(explanation, gradients),
        *_dead(vitals),
        *_with_depth(vitals, unicode(explanation.loss)),
        *(f"{remark}." for remark in remarks(explanation)),
    ]
    return Health(explanation.title, explanation.loss, tuple(vitals), tuple(findings))


# NaN and Inf -------------------------------------------------------------------------------------------------


def _first_not_finite(steps: Sequence[Step]) -> Iterator[str]:
    """A finding on the first value that is not finite."""
    for step in steps:
        bad = _not_finite(step.value)
        if bad is None:
            continue
        index, kind = bad
        here = f"{unicode(step.name)}{values.index_text(index)}"
        if step.formula is None:
            yield f"The input {unicode(step.name)} is not finite: {here} is {kind}."
        else:
            of = "; ".join(_entry(steps[i], index, step) for i in dict.fromkeys(step.operands))
            yield (
                f"The first {kind} of the forward pass: {here} in {unicode(step.name)} = {unicode(step.formula)} "
                f"({_place(step.block, step.line)}), from {of}."
            )
        return


def _first_gradient_not_finite(explanation: Explained, gradients: dict[Formula, Gradient]) -> Iterator[str]:
    steps = {step.name: step for step in explanation.forward}
    if not all(_not_finite(step.value) is None for step in explanation.forward):
        return  # the gradients only follow from that
    for gradient in explanation.backward:
        bad = _not_finite(gradient.value)
        if bad is None:
            continue
        index, kind = bad
        step = steps[gradient.name.parts[1]]
        factor = next((f for f in gradient.factors if _not_finite(f.value) is not None), None)
        here = f"{unicode(gradient.name)}{values.index_text(index)}"
        yield f"The first {kind} of the backward pass: {here}{_through(factor, gradients, step, index)}."
        return


def _through(factor: Factor | None, gradients: dict[Formula, Gradient], step: Step, index: tuple[int, ...]) -> str:
    if factor is None:
        return ""
    upstream = gradients[factor.upstream.parts[1]].value
    value = f"{unicode(step.name)}{values.index_text(index)} = {values.short(np.asarray(step.value)[index])}"
    above = unicode(factor.upstream)
    if np.shape(upstream) == np.shape(step.value):
        above += f"{values.index_text(index)} = {values.short(np.asarray(upstream)[index])}"
    else:
        above += f" = {'; '.join(values.lines(upstream)[:1])}"
    return f", through {_place(factor.block, factor.line)}, where {value} and {above}"


def _not_finite(x: Any) -> tuple[tuple[int, ...], str] | None:
    x = np.asarray(x)
    if x.dtype.kind not in "fc" or np.all(np.isfinite(x)):
        return None
    index = tuple(int(i) for i in np.argwhere(~np.isfinite(x))[0])
    return index, "NaN" if np.isnan(x[index]) else "Inf"


def _entry(operand: Step, index: tuple[int, ...], step: Step) -> str:
    """The operand's number at this entry of the result if it broadcasts to its shape; otherwise its values in short."""
    x = np.asarray(operand.value)
    name = unicode(operand.name)
    try:
        entry = np.broadcast_to(x, np.shape(step.value))[index]
    except ValueError:
        return f"{name} = {values.lines(x)[0]}"
    return f"{name}{values.index_text(index) if x.shape == np.shape(step.value) else ''} = {values.short(entry)}"


def _place(block: str, line: Line | None) -> str:
    return f"{block}, {where(line)}" if where(line) else block


# Units that are always zero ----------------------------------------------------------------------------------


def _dead_units(step: Step, steps: Sequence[Step]) -> tuple[int, int] | None:
    """How many units (columns; channels of images) are 0 for every sample, if the block itself made zeros."""
    x = np.asarray(step.value)
    if step.formula is None or x.ndim < 2 or x.shape[0] < 2 or not x.size:
        return None
    zeros = np.count_nonzero(x == 0)
    if not zeros or any(np.count_nonzero(np.asarray(steps[i].value) == 0) >= zeros for i in step.operands):
        return None
    axis = 1 if x.ndim > 3 else x.ndim - 1
    always = np.all(x == 0, axis=tuple(i for i in range(x.ndim) if i != axis))
    return int(always.sum()), always.size


def _dead(vitals: Sequence[Vital]) -> Iterator[str]:
    for vital in vitals:
        if vital.dead is not None and vital.dead[0]:
            dead, units = vital.dead
            units_of = f"{unicode(vital.name)} ({_place(vital.block, vital.line)})"
            are = "is" if dead == 1 else "are"
            yield f"{dead} of {units} units of {units_of} {are} 0 for every sample; no gradient passes through."


# With depth --------------------------------------------------------------------------------------------------


def _with_depth(vitals: Sequence[Vital], loss: str) -> Iterator[str]:
    """Whether gradients are much smaller or larger near the inputs than near the loss."""
    inner = [v for v in vitals if v.depth > 0 and v.gradient is not None and v.gradient.size and v.gradient.finite]
    arrays = [v for v in inner if v.gradient.size > 1 and v.gradient.rms > 0]  # type: ignore[union-attr]
    inner = arrays if arrays else [v for v in inner if v.gradient.rms > 0]  # type: ignore[union-attr]
    if not inner:
        return
    last = max(inner, key=lambda v: v.depth)
    size = _rms(last)
    for first in sorted(inner, key=lambda v: v.depth):
        blocks, ratio = last.depth - first.depth, _rms(first) / size
        bound = FAR_APART if blocks >= DEEP else AT_ONCE
        if not 1 / bound <= ratio <= bound:
            yield (
                f"Gradients {'vanish' if ratio < 1 else 'explode'}: over {blocks} block{'s' * (blocks != 1)} their "
                f"root mean square goes from {size:.2g} (∂{loss}/∂{unicode(last.name)}) to {_rms(first):.2g} "
                f"(∂{loss}/∂{unicode(first.name)})."
            )
            return


def _rms(vital: Vital) -> float:
    assert vital.gradient is not None
    return vital.gradient.rms
