"""The notes of a report: possible reasons for a wrong gradient, and comparisons that were not made."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from chainrule.check.call import CheckedCall
from chainrule.check.compare import DIFFERENCES
from chainrule.check.libraries import LIBRARIES, Unavailable
from chainrule.check.problem import Problem
from chainrule.check.report import Comparison, listed
from chainrule.layout import copied_as_it_lies
from chainrule.libraries import is_complex
from chainrule.node import Node

__all__ = ["notes_on", "other_reasons"]


def other_reasons(call: CheckedCall, wrong: Sequence[Comparison]) -> list[str]:
    """Possible reasons for a wrong gradient if every block is right by itself."""
    reasons = [f"The {c.label} by {c.reference} {c.problem}, as recorded." for c in wrong if c.problem]
    reasons.append("No block is to blame: each backward rule is right by itself.")
    if all(c.reference in (DIFFERENCES, "plain NumPy") for c in wrong):
        reasons.append(
            "Only the plain function differs from its recording. It may compute a part outside the recording "
            "(x.value, int(x)), depend on the type of its arguments, or jump near this point (a branch, a rounding)."
        )
    if written := _writes_into(call):
        reasons.append(
            f"The function writes into its argument {', '.join(written)}: pass a copy, and see if it is right then."
        )
    return reasons


def _writes_into(call: CheckedCall) -> list[str]:
    leaves = [copied_as_it_lies(x) if isinstance(x, np.ndarray) else x for x in call.leaves]
    call.run(leaves)
    return [
        label
        for label, now, before in zip(call.labels, leaves, call.leaves, strict=True)
        if isinstance(now, np.ndarray) and not np.array_equal(now, before, equal_nan=True)
    ]


def notes_on(
    problem: Problem, comparisons: Sequence[Comparison], stopped: Sequence[Node], steady: bool, weighted: str
) -> list[str]:
    notes = []
    if weighted == "sum":
        notes.append("L is the sum of what is returned.")
    elif weighted:
        part = "real part of the sum" if any(is_complex(dz) for dz in problem.seeds) else "sum"
        notes.append(f"L is the {part} of what is returned, times fixed random weights.")
    for library in LIBRARIES:
        if isinstance(why := problem.answer(library), Unavailable):
            notes.append(f"{library}: {why}.")
    measured = [c for c in comparisons if c.reference == DIFFERENCES]
    if not steady:
        notes.append("differences: not taken, because the function is not deterministic: two runs gave two results.")
    elif steps := [c.step for c in measured if c.step]:
        what = "random directions" if any(c.place == "direction" for c in measured) else "entry by entry"
        low, high = min(steps), max(steps)
        width = f"{low:.1e}" if low == high else f"{low:.1e} to {high:.1e}"
        notes.append(f"differences: central, extrapolated, {what}, most stable at step {width}.")
    for node in stopped:
        line = f"\n  at {node.line}" if node.line else ""
        notes.append(f"stop_gradient: its value is held fixed here; differences of the whole function differ.{line}")
    for label, gradient in zip(problem.labels, problem.gradients, strict=True):
        if lost := int(np.sum(~np.isfinite(gradient))):
            notes.append(f"{lost} of ∂L/∂{label} {'is' if lost == 1 else 'are'} not finite.")
        mine = [c for c in comparisons if c.label == label]
        for c in mine:
            if c.lost:
                notes.append(f"∂L/∂{label}: {c.reference} gives NaN for {c.lost}; the function's own slopes are right.")
        if kinks := max((c.kinks - c.lost for c in mine), default=0):
            names = listed([c.reference for c in mine if c.kinks > c.lost])
            notes.append(
                f"∂L/∂{label}: {kinks} at a kink, where any number between the slopes on both sides is right ({names})."
            )
        if unsettled := max((c.unsettled for c in mine), default=0):
            notes.append(f"∂L/∂{label}: {unsettled} not compared: the function has no stable differences there.")
    return notes
