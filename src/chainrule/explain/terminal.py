"""An explanation for the terminal: tables and derivations that fit 80 columns."""

from __future__ import annotations

import io
import os
import textwrap
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.explain import values
from chainrule.explain.effects import capital, sentence
from chainrule.explain.folding import Fold, folds_of, hidden_places
from chainrule.explain.printers import unicode, unicode_terms
from chainrule.explain.remarks import remarks
from chainrule.explain.simple_matrices import simple_matrix
from chainrule.explain.steps import Explained, Factor, Gradient, Jacobian, Step, places_of

__all__ = [
    "columns",
    "columns_of_terminal",
    "derivation",
    "equation",
    "matrix_lines",
    "matrix_rows",
    "renderables",
    "sentences",
    "text",
]

WIDTH = 80
NARROWEST = 40
NARROW = 24
"""The least width of a vector."""
UNBROKEN = 10_000
"""The width of a console that does not break lines."""
GAPS, LEAST, READABLE = 12, 12, 26
"""Characters between the columns of the forward table; the smallest width of a formula; and its width if values are
too wide for the terminal anyway."""
LONGEST_SENTENCE = 200
MOST_TERMS = 4
"""A sum of more terms than this shows only the first ones and the last."""


def columns_of_terminal() -> int:
    """The width for text that goes into a file or a pipe: the variable COLUMNS, as in other commands."""
    told = os.environ.get("COLUMNS", "")
    return max(int(told), NARROWEST) if told.isdigit() else WIDTH


def text(explanation: Explained, width: int = WIDTH, fold: bool = True) -> str:
    """The explanation as plain text."""
    out = io.StringIO()
    console = Console(
        file=out, width=UNBROKEN, color_system=None, highlight=False, legacy_windows=False, force_jupyter=False
    )
    for part in renderables(explanation, width, fold):
        console.print(part)  # its lines have been broken to the width already
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def renderables(explanation: Explained, width: int, fold: bool = True) -> Iterator[Any]:
    """The parts to print, one after another."""
    folds = folds_of(explanation) if fold else ()
    hidden = hidden_places(folds)
    unseen = {explanation.forward[place].name for place in hidden}
    loss = unicode(explanation.loss)
    yield Text(f"Forward pass of {explanation.title}", style="bold")
    yield _forward_table(explanation.steps, folds, width)
    for remark in remarks(explanation):
        yield Text()
        yield Text("\n".join(_broken(f"Note: {remark}.", width)), style="yellow")
    if explanation.jacobians:
        yield Text()
        yield Text("Jacobian", style="bold")
        yield _remark("A row for each entry of the input, a column for each of the result.", width)
        for jacobian in explanation.jacobians:
            yield _jacobian(jacobian, width)
    yield Text()
    yield Text("Backward pass", style="bold")
    what = "the loss" if explanation.result is None else f"any loss {loss} of {unicode(explanation.result)}"
    yield _remark(f"∂{loss}/∂x: gradient of {what}.  ∂[…]/∂x: local gradient of one block.", width)
    if any(factor.local.text for gradient in explanation.gradients for factor in gradient.factors):
        yield _remark("∂[…]/∂x⁽²⁾: by the second x of a block that uses x more than once.", width)
    skipped = 0
    for gradient in explanation.gradients:
        if gradient.name.parts[1] in unseen:
            skipped += 1
            continue
        if skipped:
            yield Text()
            yield Text(f"… {skipped} gradients of the folded steps", style="dim")
            skipped = 0
        yield Text()
        yield from _gradient(gradient, width)
    if explanation.closed_forms:
        yield Text()
        yield Text("Closed forms", style="bold")
        for form in explanation.closed_forms:
            if form.name.parts[1] in unseen:
                continue
            yield equation(unicode(form.name), [unicode(form.formula)], width)


def _remark(text: str, width: int) -> Text:
    return Text("\n".join(textwrap.wrap(text, width)), style="dim")


def _forward_table(steps: tuple[Step, ...], folds: tuple[Fold, ...], width: int) -> Table:
    starts = {fold.start: fold for fold in folds}
    hidden = hidden_places(folds)
    rows = [step for place, step in enumerate(steps) if place not in hidden]
    others = (
        ["name", *(unicode(step.name) for step in rows)],
        ["block", *(step.block for step in rows)],
        ["shape", *(values.shape_text(step.value) for step in rows)],
    )
    left = width - sum(max(map(len, column)) for column in others) - GAPS
    longest = max((len(unicode(step.formula)) for step in rows if step.formula), default=0)
    matrices = [len(line) for step in rows if np.ndim(step.value) != 1 for line in values.lines(step.value)]
    of_values = max(left - min(longest, READABLE), NARROW, *matrices)
    shown = [values.lines(step.value, width=of_values) for step in rows]
    left -= max([len("value"), *(len(line) for told in shown for line in told)])
    room = left if left >= LEAST else READABLE
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for heading, style in (
        ("name", "cyan"),
        ("formula", ""),
        ("value", "green"),
        ("block", "magenta"),
        ("shape", "dim"),
    ):
        is_formula = heading == "formula"
        table.add_column(
            heading, style=style, overflow="fold", no_wrap=not is_formula, max_width=room if is_formula else None
        )
    told = iter(shown)
    for place, step in enumerate(steps):
        if place in starts:
            table.add_row("…", starts[place].told, "", "", "")
        if place in hidden:
            continue
        table.add_row(
            Text(unicode(step.name)),
            Text(unicode(step.formula) if step.formula else ""),
            Text("\n".join(next(told))),
            Text(step.block),
            Text(values.shape_text(step.value)),
        )
    return table


def _jacobian(jacobian: Jacobian, width: int) -> Text:
    told = [] if jacobian.formula is None else [unicode(jacobian.formula)]
    rows = ["…"] if jacobian.value is None else matrix_rows(jacobian.value)
    return equation(unicode(jacobian.name), [*told, rows[0]], width, more=rows[1:])


def _gradient(gradient: Gradient, width: int) -> Iterator[Any]:
    name = unicode(gradient.name)
    told, more = derivation(gradient, width - len(name) - 3)
    if not gradient.factors:
        one = np.ndim(gradient.value) == 0 and gradient.value == 1
        note = "given, by gradient=…" if gradient.given else "" if one else "no influence on the loss"
        yield equation(name, told, width, style="green", note=note, more=more)
        return
    yield equation(name, told, width, style="green", note="\n".join(places_of(gradient)), more=more)
    if said := sentences(gradient):
        for line in _broken(said, width - 4):
            yield _indented(line, 4, style="italic dim")
    seen: set[str] = set()
    for factor in gradient.factors if len(gradient.factors) <= MOST_TERMS else gradient.factors[:1]:
        if factor.matrix is None:
            continue
        simple = simple_matrix(factor.matrix)
        short = "" if simple is None else unicode(simple)
        if (shown := short or unicode(factor.local)) in seen:
            continue
        seen.add(shown)
        yield _indented(f"{unicode(factor.local)} = {short}".rstrip(), 4)
        for row in () if short else matrix_lines(factor):
            yield _indented(row, 8)


def _indented(line: str, by: int, style: str = "dim") -> Text:
    """A line that is never broken: a row of a matrix."""
    return Text(" " * by + line, style=style, no_wrap=True, overflow="ignore")


def sentences(gradient: Gradient) -> str:
    """The effects of the blocks on their gradients, in words; "" if a rule is a general matrix."""
    effects = [(f.effect, f) for f in gradient.factors]
    told = [sentence(e, unicode(f.upstream), unicode(f.local.parts[0])) for e, f in effects if e is not None]
    if len(told) < len(gradient.factors) or len(told) > MOST_TERMS:
        return ""
    same = {said: told.count(said) > 1 for said in told}
    joined = "; plus ".join(f"{said}, once for each use" if several else said for said, several in same.items())
    if len(joined) > LONGEST_SENTENCE:
        return ""
    return f"{capital(joined)}."


def derivation(gradient: Gradient, width: int = 0) -> tuple[list[str], list[str]]:
    """A gradient step by step: the chain rule, the rule of the block, the rule with numbers, the value.

    The second list has the further lines of the value. Vectors are broken to the width; 0 stands for no breaks.
    """
    result = values.lines(gradient.value, width=width)
    if not gradient.factors:
        return result[:1], result[1:]
    told = [_joined([f"{unicode(f.local)} · {unicode(f.upstream)}" for f in gradient.factors])]
    if len(gradient.factors) == 1:
        told += _rule(gradient.factors[0])
    else:
        for option in ("rule", "numbers"):
            pieces = [getattr(f, option) for f in gradient.factors]
            if all(p is not None for p in pieces):
                told.append(_joined(unicode_terms(pieces)))
    if len(result) > 1 or told[-1] != result[0]:
        told.append(result[0])
    return told, result[1:]


def _joined(terms: list[str]) -> str:
    """A sum, shortened if it has many terms: a weight that is used in each round of a loop."""
    if len(terms) > MOST_TERMS + 1:
        terms = [*terms[: MOST_TERMS - 1], f"… ({len(terms) - MOST_TERMS} more terms)", terms[-1]]
    return terms[0] + "".join(f" − {t.removeprefix('−')}" if t.startswith("−") else f" + {t}" for t in terms[1:])


def _rule(factor: Factor) -> list[str]:
    told = [unicode(factor.rule)]
    if factor.numbers is not None and unicode(factor.numbers) != told[0]:
        told.append(unicode(factor.numbers))
    return told


def matrix_lines(factor: Factor) -> list[str]:
    """The local gradient of a factor that has one, row by row."""
    assert factor.matrix is not None
    return matrix_rows(factor.matrix)


def matrix_rows(matrix: np.ndarray) -> list[str]:
    """A matrix row by row, even where a value of that size would be summarised."""
    return values.lines(matrix) if values.is_small(matrix) else columns(matrix)


def columns(matrix: np.ndarray) -> list[str]:
    """A local gradient row by row, even where a value of that size would be summarised."""
    cells = [[values.short(v) for v in row] for row in matrix]
    widths = [max(len(row[j]) for row in cells) for j in range(matrix.shape[1])]
    rows = ["[" + " ".join(c.rjust(w) for c, w in zip(row, widths, strict=True)) + "]" for row in cells]
    if len(rows[0]) <= WIDTH - 8:
        return rows
    zeros = np.count_nonzero(matrix == 0) / matrix.size
    return [f"{values.shape_text(matrix)}, {zeros:.0%} zeros"]


def equation(
    name: str, told: list[str], width: int, style: str = "", note: str = "", more: list[str] | None = None
) -> Text:
    """`name = first` and below it `= second` …; lines that are too long are broken at a space."""
    indent = " " * (len(name) + 1)
    out = Text()
    for i, part in enumerate(told):
        last = i == len(told) - 1
        pieces = _broken(part, width - len(indent) - 2)
        out.append(name if i == 0 else "", style="cyan")
        out.append(" = " if i == 0 else indent + "= ")
        out.append(pieces[0], style=style if last else "")
        if i == 0 and note:
            gap = width - len(name) - 3 - len(pieces[0]) - len(note)
            if gap >= 2 and len(pieces) == 1 and "\n" not in note:
                out.append(" " * gap + note, style="magenta")
            else:
                note = _after(note, out, pieces, indent)
                pieces = pieces[:1]
        for piece in pieces[1:]:
            out.append("\n" + indent + "  " + piece, style=style if last else "")
        if not last:
            out.append("\n")
    for row in more or ():
        out.append("\n" + indent + "  " + row, style=style)
    return out


def _after(note: str, out: Text, pieces: list[str], indent: str) -> str:
    """Write the rest of an equation, with a note that does not fit beside it on the lines below."""
    for piece in pieces[1:]:
        out.append("\n" + indent + "  " + piece)
    for line in note.split("\n"):
        out.append("\n" + indent + "  " + line, style="magenta")
    return ""


def _broken(line: str, width: int) -> list[str]:
    """A line, broken at spaces where it is longer than the width, but not inside of a row of numbers."""
    pieces: list[str] = []
    start, cut, depth = 0, 0, 0  # where the piece begins, the last space at which it may end, how many [ are open
    for i, sign in enumerate(line):
        depth += (sign == "[") - (sign == "]")
        if sign == " " and not depth:
            if i - start >= max(width, 20) and cut > start:
                pieces.append(line[start:cut])
                start = cut + 1
            cut = i
    if len(line) - start > max(width, 20) and cut > start:
        pieces.append(line[start:cut])
        start = cut + 1
    return [*pieces, line[start:]]
