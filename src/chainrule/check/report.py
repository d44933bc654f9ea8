"""Report: the results of a check, as a table of 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.display import chosen, table
from chainrule.display import text as escaped
from chainrule.errors import CheckFailed
from chainrule.escape import markdown, markdown_code
from chainrule.explain.values import index_text
from chainrule.node import Line

__all__ = ["BY_HAND", "Blame", "Comparison", "Mistake", "Report"]

BY_HAND = "by hand"
"""The reference of a comparison that is a gradient written by hand."""


@dataclass(frozen=True)
class Comparison:
    """A value or gradient against one reference.

    Attributes
    ----------
    label : the argument's name, or "value".
    shape : its shape.
    reference : the name of the reference.
    difference : the largest difference, relative to the largest entry of the array.
    tolerance : the largest accepted difference.
    index : the entry that differs most; None for a random direction, or if there is no entry.
    part : the part of a complex entry: "re" or "im".
    ours, theirs : the two numbers at that entry.
    kinks : how many entries are at a kink, where several numbers are right.
    lost : at how many entries the reference gives NaN and the function's own slopes agree with chainrule.
    unsettled : at how many entries no step gives stable differences.
    lines : how many entries or directions were differenced.
    step : the step of the differences at that entry.
    problem : the reason why nothing was compared (a different shape), or "".
    """

    label: str
    shape: tuple[int, ...]
    reference: str
    difference: float
    tolerance: float
    index: tuple[int, ...] | None = None
    part: str = ""
    ours: float = 0.0
    theirs: float = 0.0
    kinks: int = 0
    lost: int = 0
    unsettled: int = 0
    lines: int = 0
    step: float | None = None
    problem: str = ""

    @property
    def ok(self) -> bool:
        return not self.problem and self.difference <= self.tolerance

    @property
    def settled(self) -> bool:
        """Whether something was compared."""
        return not self.lines or self.unsettled < self.lines

    @property
    def verdict(self) -> str:
        """ok, WRONG, kink (right, and some entries are at a kink), NaN (the reference's) or open (not compared)."""
        if not self.ok:
            return "WRONG"
        if self.lost:
            return "NaN"
        return "open" if not self.settled else "kink" if self.kinks else "ok"

    @property
    def place(self) -> str:
        """Where the difference is largest."""
        if not self.has_numbers:
            return ""
        return "direction" if self.index is None else f"{index_text(self.index)} {self.part}".strip()

    @property
    def has_numbers(self) -> bool:
        """Whether `ours` and `theirs` were compared anywhere."""
        return not self.problem and (self.index is not None or self.lines > 0)


@dataclass(frozen=True)
class Blame:
    """A block whose rule is wrong by itself.

    Attributes
    ----------
    block : its name.
    operand : the operand whose gradient is wrong, or "" if the whole rule is.
    line : the line of user code that called the block.
    reason : what is wrong with it.
    """

    block: str
    operand: str
    line: Line | None
    reason: str

    def __str__(self) -> str:
        which = f"block {self.block}" + (f", operand {self.operand}" if self.operand else "")
        return f"{which}: {self.reason}" + (f"\n  at {self.line}" if self.line else "")


@dataclass(frozen=True)
class Mistake:
    """A wrong line of a gradient written by hand.

    Attributes
    ----------
    variable : the expression that the line assigns or returns, as written.
    meaning : what it should be: "∂L/∂var".
    line : the line; None if the source is not known.
    diagnosis : the error, if known: "exactly 3 times too large". It holds on other inputs too.
    right_before : the earlier variables that are right.
    fixed : the gradients that become right if this variable is corrected.
    more : further lines that have written wrong numbers into it.
    instead : a statement that makes all gradients right in place of this line, here and on other inputs.
    function : the `torch.autograd.Function` whose `backward` it is in, if several may have been called.
    """

    variable: str
    meaning: str
    line: Line | None
    diagnosis: str = ""
    right_before: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()
    more: tuple[Line, ...] = ()
    instead: str = ""
    function: str = ""

    def __str__(self) -> str:
        return f"In `backward` of {self.function}: {self._told}" if self.function else self._told

    @property
    def _told(self) -> str:
        what = f": {self.diagnosis}" if self.diagnosis else ""
        if not self.meaning:
            change = "Without it" if self.instead == "pass" else f"With `{self.instead}` instead"
            right = f"\n{change}, {listed(self.fixed)} would be right."
            return f"A line is wrong{what}.\n  at {self.line}{right}"
        place = f"\n  at {self.line}" if self.line else ""
        if self.more:
            numbers = [str(line.number) for line in self.more]
            place += f"\nWritten into on line{'s' * (len(numbers) > 1)} {listed(numbers)} too."
        fixed = f"\nOnce {self.variable} is right, {listed(self.fixed)} will be right too." if self.fixed else ""
        before = f"\nCorrect up to here: {', '.join(self.right_before)}." if self.right_before else ""
        instead = f"\nWrite `{self.instead}`." if self.instead else ""
        if self.instead == "pass":
            instead = "\nLeave the line out."
        return f"{self.variable} is not {self.meaning}{what}.{place}{fixed}{instead}{before}"


def listed(names: Sequence[str]) -> str:
    """Names as a text: x, y and z."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


@dataclass(frozen=True, repr=False)
class Report:
    """The results of `cr.check`. It prints as a table; `bool(report)` is `report.ok`.

    Attributes
    ----------
    title : the call that was checked.
    comparisons : one for each gradient and reference, and for the value.
    blame : the first block with a wrong rule, going backwards from the loss, or None.
    findings : what is wrong, as sentences; empty if nothing is.
    notes : further information: missing references, steps, kinks.
    mistakes : the wrong lines of a gradient written by hand, in the order in which they run; in `findings` too.
    functions : the reports of the `torch.autograd.Function`s that a network uses.
    """

    title: str
    comparisons: tuple[Comparison, ...]
    blame: Blame | None = None
    findings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    mistakes: tuple[Mistake, ...] = ()
    functions: tuple[Report, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether all comparisons agree, all checked rules are right, and something was compared."""
        return (
            not self.findings
            and self.blame is None
            and all(c.ok for c in self.comparisons)
            and any(c.settled for c in self.comparisons if not c.label.startswith("value"))
        )

    def __bool__(self) -> bool:
        return self.ok

    def raise_if_wrong(self) -> None:
        """Raise CheckFailed, with this report as its text, unless the report is ok."""
        if not self.ok:
            raise CheckFailed(str(self))

    def __str__(self) -> str:
        lines = [f"check of {self.title}: {self.conclusion}", ""]
        if self.comparisons:
            lines += [*_table(self.comparisons), ""]
        for finding in self.findings:
            if self.blame is not None and finding == str(self.blame):
                lines += ["To blame:", *(f"  {line}" for line in finding.split("\n")), ""]
            else:
                lines += [finding, ""]
        lines += self.notes
        return "\n".join(line for text in lines for part in text.split("\n") for line in _wrapped(part)).rstrip()

    __repr__ = __str__

    @property
    def conclusion(self) -> str:
        if self.ok:
            return "every gradient agrees"
        if self.findings or self.blame or not all(c.ok for c in self.comparisons):
            return "WRONG"
        return "nothing could be compared"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The outputs for a notebook, in the form that IPython asks for."""
        bundle = {"text/plain": str(self), "text/markdown": self._repr_markdown_(), "text/html": self._html()}
        return chosen(bundle, include, exclude)

    def _mime_(self) -> tuple[str, str]:
        """The same for marimo."""
        return "text/html", self._html()

    def _html(self) -> str:
        head, *rows = [[escaped(cell) for cell in row] for row in _rows(self.comparisons)]
        title = f"<b>check of {escaped(self.title)}: {self.conclusion}</b>"
        remarks = [escaped(remark).replace("\n", "<br>") for remark in self._remarks()]
        return f"<div><p>{title}</p>{table(rows, head)}{''.join(f'<p>{remark}</p>' for remark in remarks)}</div>"

    def _repr_markdown_(self) -> str:
        rows = ["| " + " | ".join(map(markdown, row)) + " |" for row in _rows(self.comparisons)]
        rows.insert(1, "|" + " --- |" * len(HEAD))
        return "\n\n".join(
            [
                f"**check of {markdown_code(self.title)}: {self.conclusion}**",
                "\n".join(rows),
                *map(_paragraph, self._remarks()),
            ]
        )

    def _remarks(self) -> list[str]:
        blame = str(self.blame) if self.blame is not None else None
        return [*(f"To blame: {text}" if text == blame else text for text in self.findings), *self.notes]


def _paragraph(text: str) -> str:
    """Text of several lines as one paragraph of Markdown."""
    return "\n".join(markdown(line) for line in text.split("\n"))


HEAD = ("gradient", "against", "relative", "at", "chainrule", "reference", "")
WIDTHS = (13, 11, 8, 9, 11, 11, 5)  # with two blanks between, 80 columns


def _rows(comparisons: tuple[Comparison, ...]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [HEAD]
    before = ""
    for c in comparisons:
        name = c.label if c.label.startswith("value") else f"∂L/∂{c.label}"
        numbers = (f"{c.ours:.5g}", f"{c.theirs:.5g}") if c.has_numbers else ("", "")
        relative = "" if c.problem or not c.settled else f"{c.difference:.1e}" if c.difference else "0"
        rows.append((name if name != before else "", c.reference, relative, c.place, *numbers, c.verdict))
        before = name
    return rows


def _table(comparisons: tuple[Comparison, ...]) -> list[str]:
    rows = _rows(comparisons)
    widths = [min(limit, max(len(row[i]) for row in rows)) for i, limit in enumerate(WIDTHS)]
    lines = []
    for name, *cells in rows:
        if len(name) > widths[0]:  # on a line of its own
            lines.append(name)
            name = ""
        lines.append("  ".join(_fit(cell, w) for cell, w in zip((name, *cells), widths, strict=True)).rstrip())
    return lines


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else text[: width - 1] + "…"


def _wrapped(text: str, width: int = 80) -> list[str]:
    """Long sentences in lines of at most 80 columns; lines of user code are not broken."""
    if len(text) <= width or text.lstrip().startswith("at "):
        return [text]
    import textwrap

    indent = " " * (len(text) - len(text.lstrip()))
    return textwrap.wrap(text, width, subsequent_indent=indent + "  ", break_long_words=False, break_on_hyphens=False)
