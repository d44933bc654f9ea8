"""Compares a gradient written by hand, and looks for its mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import value_of
from chainrule.check.by_hand import (
    Case,
    HandWritten,
    Truth,
    gradients_in,
    mistakes_in_values,
    mistakes_of,
    must_have_some,
    others_in,
)
from chainrule.check.compare import compare_arrays
from chainrule.check.problem import precision
from chainrule.check.report import BY_HAND, Comparison, Mistake, listed
from chainrule.check.run import Run
from chainrule.errors import NoAnswer, asking_others
from chainrule.libraries import is_inexact
from chainrule.node import Node, is_internal

__all__ = ["Written", "findings_by_hand", "judged"]


class Written(NamedTuple):
    """The results of a gradient written by hand.

    Attributes
    ----------
    gradients : for each checked argument; None if it was not given.
    others : the other returned values, by name.
    """

    told: Any
    gradients: list[Any]
    others: dict[str, Any]

    @classmethod
    def by(cls, hand: HandWritten, run: Run) -> Written:
        told = hand.run(run.call.leaves, run.seeds)()
        return cls(told, gradients_in(told, run.call), others_in(told, run.call))


class Judged(NamedTuple):
    """The verdict on a gradient written by hand.

    Attributes
    ----------
    comparisons : those of the other returned values.
    mistakes : its wrong lines.
    remarks : on values that are right, but not what their names say.
    """

    comparisons: list[Comparison]
    mistakes: list[Mistake]
    remarks: list[str]


def judged(hand: HandWritten, run: Run, written: Written, slopes: Sequence[Comparison], network: Any) -> Judged:
    """Compare intermediate values and find the mistakes, given the comparisons of the arguments' gradients."""
    case = _case(hand, run)
    arguments_right = all(c.ok for c in slopes)
    proven = arguments_right and any(g is not None for g in written.gradients)
    others, wrong, remarks = _compare_others(written.others, case.truth, proven)
    must_have_some(written.told, written.gradients, {c.label: c for c in others})
    mistakes: list[Mistake] = []
    if not arguments_right:
        mistakes = mistakes_of(case, _other_case(hand, run, network), run.call.labels)
    elif wrong:
        mistakes = mistakes_in_values(case, _other_case(hand, run, network), wrong)
    return Judged(others, mistakes, remarks)


def _case(hand: HandWritten, run: Run) -> Case:
    """The function written by hand, with the right values, on the inputs of a run."""
    call, between = run.call, run.recording.path.between
    tolerance = float(np.sqrt(precision([*call.leaves, *(node.value for node in between)])))
    truth = Truth(run.recording, run.seeds, call.labels, run.named, tolerance)
    leaves = [value_of(x) for x in call.leaves]
    code = getattr(getattr(hand.function, "__wrapped__", hand.function), "__code__", None)
    is_users = code is None or not is_internal(code.co_filename)
    return Case(truth, lambda: hand.run(leaves, run.seeds), lambda told: gradients_in(told, call), is_users)


def _other_case(hand: HandWritten, run: Run, network: Any) -> Case | None:
    """The same on other inputs: each number is changed by up to a quarter; None if f is not defined there."""
    rng = np.random.default_rng(1)
    call = run.call
    fixed = [network is not None and network.is_parameter(label) for label in call.labels]  # f reads parameters itself
    moved = call.with_leaves([x if keep else _moved(x, rng) for x, keep in zip(call.leaves, fixed, strict=True)])
    try:
        with asking_others(), np.errstate(all="ignore"):
            other = Run.of(moved, hand, network, seed=1)
    except NoAnswer:
        return None
    defined = all(np.all(np.isfinite(z)) for z in other.outputs if is_inexact(z))
    alike = all(a.shape == b.shape for a, b in zip(other.seeds, run.seeds, strict=True))
    return _case(hand, other) if defined and alike else None


def _compare_others(
    told: dict[str, Any], truth: Truth, proven: bool
) -> tuple[list[Comparison], list[tuple[str, Node]], list[str]]:
    """Compare the other returned values: gradients of intermediate values, by their names.

    Returns the comparisons, the wrong ones by name and node, and remarks. If the gradients of the arguments are given
    and right, a value may also be a part or a multiple of the gradient that it is named for.
    """
    rows: list[Comparison] = []
    wrong: list[tuple[str, Node]] = []
    remarks: list[str] = []
    for name, value in told.items():
        if (found := truth.of_name(name)) is None:
            continue
        node, meant = found
        right = next((truth.gradients[n] for n in truth.alike(node) if truth.agrees(value, truth.gradients[n])), None)
        if right is None and proven:
            factor = truth.factor(value, truth.gradients[node])
            if factor is not None or any(truth.agrees(value, s) for s in truth.sums_of_parts(node)):
                what = f"{factor:g} times" if factor is not None else "a part of"
                remarks.append(f"{name} is {what} ∂L/∂{meant}.")
                continue
        given = value.reshape(right.shape) if right is not None else value
        right = truth.gradients[node] if right is None else right
        row = compare_arrays(meant, BY_HAND, right, given, truth.tolerance, 0.0)
        rows.append(row)
        if not row.ok:
            wrong.append((name, node))
    return rows, wrong, remarks


def _moved(x: Any, rng: np.random.Generator) -> Any:
    x = np.asarray(x)
    return (x * rng.uniform(0.75, 1.25, x.shape)).astype(x.dtype)[()]


def findings_by_hand(comparisons: Sequence[Comparison]) -> list[str]:
    findings = []
    for c in comparisons:
        if c.reference != BY_HAND or c.ok:
            continue
        text = f"The gradient written by hand is wrong for {c.label}"
        if c.problem:
            findings.append(f"{text}: it {c.problem}.")
            continue
        place = f" at {c.place}" if c.place else ""
        agree = [
            o.reference for o in comparisons if o.label == c.label and o.reference != BY_HAND and o.ok and o.settled
        ]
        with_ = f"; {listed(agree)} agree{'s' * (len(agree) == 1)} with chainrule" if agree else ""
        findings.append(f"{text}{place}: it gives {c.theirs:.6g}, chainrule {c.ours:.6g}{with_}.")
    return findings
