"""The story: everything that the page shows of an explanation, as one JSON document.

The page's scripts only lay it out. Rules, numbers, structures and sentences come from the recorded blocks, here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.explain.health import AT_ONCE, DEEP, FAR_APART, Health, Statistics, health_of
from chainrule.explain.page import numbers
from chainrule.explain.page.boxes import boxes_of
from chainrule.explain.page.insides import Row, rows_of
from chainrule.explain.page.intuition import BY_NUMBERS, intuition, phrase, with_slots
from chainrule.explain.page.local_gradients import LocalGradient, local_gradient_of
from chainrule.explain.page.sources import sources_of
from chainrule.explain.page.whatif import program_of
from chainrule.explain.printers import latex, mathml, unicode
from chainrule.explain.second import Second
from chainrule.explain.steps import Explained, Factor
from chainrule.formula import Formula
from chainrule.node import Line

__all__ = ["story"]

MANY = 400
"""With more rows than this, local gradients of more than `FEW` entries are shown as colours."""
FEW = 9


def story(explanation: Explained, check: Any = None, second: Sequence[Second] = ()) -> dict[str, Any]:
    """The document; `check` is a report of `cr.check`, or None, `second` second derivatives to show.

    ``steps`` has a row for each block: first those of the forward pass, as in `Explanation.forward`, then those inside
    composite blocks. ``ways`` of a step are the contributions to its gradient, each through one block.
    """
    rows = rows_of(explanation)
    teller = _Teller(explanation, rows)
    loss = next(i for i, step in enumerate(explanation.forward) if step.name == explanation.loss)
    return {
        "title": explanation.title,
        "result": None if explanation.result is None else told(explanation.result),
        "loss": loss,
        "count": len(explanation.forward),
        "steps": [teller.step(place, row) for place, row in enumerate(rows)],
        "order": [unicode(g.name.parts[1]) for g in explanation.backward],
        "closed": [
            {"name": told(c.name), "formula": told(c.formula), "of": unicode(c.name.parts[1])}
            for c in explanation.closed_forms
        ],
        "jacobians": [_matrix(j.name.parts[1], j.formula, j.value) for j in explanation.jacobians],
        "second": [_matrix(s.by, s.formula, s.matrix) | {"product": _product(s)} for s in second],
        "box": boxes_of(rows, explanation.scopes, explanation.title).story(),
        "sources": teller.sources,
        "health": _health(health_of(explanation)),
        "program": program_of(rows, loss),
        "check": None if check is None else _check(check),
    }


def _matrix(by: Formula, formula: Formula | None, value: Any) -> dict[str, Any]:
    """A matrix of derivatives by an input."""
    return {
        "by": told(by),
        "formula": None if formula is None else told(formula),
        "value": None if value is None else numbers.array(value),
    }


def _product(second: Second) -> list[dict[str, Any]] | None:
    """A change V of an input, and the product of the second derivatives with it."""
    return None if second.product is None else [told(formula) for formula in second.product]


def _health(health: Health) -> dict[str, Any]:
    def told_of(s: Statistics | None) -> dict[str, Any] | None:
        if s is None:
            return None
        numbers_of = {key: numbers.plain_number(x) for key, x in vars(s).items() if key != "histogram"}
        return numbers_of | {"histogram": list(s.histogram)}

    vitals = [
        {
            "step": v.step,
            "depth": v.depth,
            "value": told_of(v.value),
            "gradient": told_of(v.gradient),
            "dead": v.dead and list(v.dead),
        }
        for v in health.vitals
    ]
    return {"findings": list(health.findings), "vitals": vitals, "deep": DEEP, "far": FAR_APART, "atOnce": AT_ONCE}


def _check(report: Any) -> dict[str, Any]:
    """The results of a check, by the names of the inputs, and the block to blame."""
    of: dict[str, list[dict[str, Any]]] = {}
    for c in report.comparisons:
        found = c.problem or f"{c.reference}: {c.verdict}, differs by {c.difference:.1e}"
        of.setdefault(c.label, []).append({"ok": c.ok, "text": found})
    blame = None
    if report.blame is not None:
        line = report.blame.line
        blame = {"block": report.blame.block, "line": line and line.number, "text": str(report.blame).split("\n")[0]}
    return {"ok": report.ok, "text": report.conclusion, "of": of, "blame": blame}


def told(f: Formula) -> dict[str, str]:
    """A formula as MathML, LaTeX and text."""
    return {"m": mathml(f), "l": latex(f), "t": unicode(f)}


class _Teller:
    """Makes the JSON of each row, with what all rows share."""

    def __init__(self, explanation: Explained, rows: Sequence[Row]):
        self.explanation = explanation
        self.rows = rows
        self.lines = [self._line(row) for row in rows]
        self.sources = sources_of([*self.lines, *(scope.line for scope in explanation.scopes)])
        self.files = {source["file"]: place for place, source in enumerate(self.sources)}
        for source in self.sources:
            del source["file"]  # the page may be shared, so it has no paths of this disk
        self.lean = len(rows) > MANY
        self.local: dict[tuple[int, int], LocalGradient | None] = {}

    def _line(self, row: Row) -> Line | None:
        return row.node.line if row.within is None and row.formula is not None else None

    def step(self, place: int, row: Row) -> dict[str, Any]:
        line = self.lines[place]
        block = row.node.block.name if row.formula is not None else "input"
        made: dict[str, Any] = {
            "name": told(row.name),
            "block": block,
            "value": numbers.array(row.node.value),
            "operands": [i for i in row.operands if i is not None],
            "ways": [self.way(place, factor) for factor in row.factors],
        }
        if row.formula is not None:
            made["formula"] = told(row.formula)
        if row.gradient is not None:
            made["gradient"] = numbers.array(row.gradient)
        if line is not None:
            made["line"] = [self.files[line.file], line.number]
        if row.within is not None:
            made["within"] = row.within
        if row.out is not None:
            made["out"] = row.out
        made |= self._intuition(place)
        return made

    def way(self, place: int, factor: Factor) -> dict[str, Any]:
        made: dict[str, Any] = {
            "step": factor.step,
            "operand": factor.operand,
            "use": factor.local.text,
            "rule": told(factor.rule),
            "value": numbers.array(factor.value),
        }
        gradient = self._local(factor.step, factor.operand)
        if gradient is not None:
            made["matrix"] = gradient.story(*[FEW] * self.lean)
        return made

    def _local(self, step: int, operand: int) -> LocalGradient | None:
        key = (step, operand)
        if key not in self.local:
            self.local[key] = local_gradient_of(self.rows[step].node, operand)
        return self.local[key]

    def _intuition(self, place: int) -> dict[str, Any]:
        """A sentence on what the block does with the gradient.

        If it depends on numbers, ``now`` has the sentence with slots, and for each slot what decides it: the kind of
        phrase, and the contribution (row and index) whose local gradient is used.
        """
        row = self.rows[place]
        ways = [
            (operand, index, factor)
            for operand in dict.fromkeys(i for i in row.operands if i is not None)
            for index, factor in enumerate(self.rows[operand].factors)
            if factor.step == place
        ]
        operands = [self.rows[operand] for operand, _, _ in ways]
        phrases = [
            phrase(row, operand, factor, self._local(place, factor.operand))
            for operand, (_, _, factor) in zip(operands, ways, strict=True)
        ]
        sentence = intuition(row, operands, phrases)
        if not sentence or all(p.kind not in BY_NUMBERS for p in phrases):
            return {"intuition": sentence} if sentence else {}
        of = [[p.kind if p.kind in BY_NUMBERS else None, o, i] for p, (o, i, _) in zip(phrases, ways, strict=True)]
        return {
            "intuition": sentence,
            "now": {"text": intuition(row, operands, with_slots(phrases)), "of": of},
        }
