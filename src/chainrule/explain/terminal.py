"""An explanation for the terminal: tables and derivations that fit 80 columns."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from chainrule.explain import values
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained, Factor, Gradient, Jacobian, Step, where

__all__ = ["columns", "derivation", "equation", "matrix_lines", "matrix_rows", "renderables", "text"]

WIDTH = 80


def text(explanation: Explained, width: int = WIDTH) -> str:
    """The explanation as plain text."""
    out = io.StringIO()
    console = Console(
        file=out, width=width, color_system=None, highlight=False, legacy_windows=False, force_jupyter=False
    )
    for part in renderables(explanation, width):
        console.print(part)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def renderables(explanation: Explained, width: int) -> Iterator[Any]:
    """The parts to print, one after another."""
    loss = unicode(explanation.loss)
    yield Text(f"Forward pass of {explanation.title}", style="bold")
    yield _forward_table(explanation.steps)
    if explanation.jacobians:
        yield Text()
        yield Text("Jacobian", style="bold")
        yield Text("A row for each entry of the input, a column for each of the result.", style="dim")
        for jacobian in explanation.jacobians:
            yield _jacobian(jacobian, width)
    yield Text()
    yield Text("Backward pass", style="bold")
    what = "the loss" if explanation.result is None else f"any loss {loss} of {unicode(explanation.result)}"
    yield Text(f"∂{loss}/∂x: gradient of {what}.  ∂[…]/∂x: local gradient of one block.", style="dim")
    for gradient in explanation.gradients:
        yield Text()
        yield from _gradient(gradient, width)
    if explanation.closed_forms:
        yield Text()
        yield Text("Closed forms", style="bold")
        for form in explanation.closed_forms:
            yield equation(unicode(form.name), [unicode(form.formula)], width)


def _forward_table(steps: tuple[Step, ...]) -> Table:
    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for heading, style in (
        ("name", "cyan"),
        ("formula", ""),
        ("value", "green"),
        ("block", "magenta"),
        ("shape", "dim"),
    ):
        table.add_column(heading, style=style, overflow="fold", no_wrap=heading == "block")
    for step in steps:
        table.add_row(
            Text(unicode(step.name)),
            Text(unicode(step.formula) if step.formula else ""),
            Text("\n".join(values.lines(step.value))),
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
    told, more = derivation(gradient)
    if not gradient.factors:
        one = np.ndim(gradient.value) == 0 and gradient.value == 1
        note = "given, by gradient=…" if gradient.given else "" if one else "no influence on the loss"
        yield equation(name, told, width, style="green", note=note, more=more)
        return
    note = ", ".join(dict.fromkeys(filter(None, (f.block for f in gradient.factors))))
    line = where(gradient.factors[0].line)
    yield equation(name, told, width, style="green", note=f"{note}  {line}".rstrip(), more=more)
    for factor in gradient.factors:
        if factor.matrix is not None:
            yield Padding(Text(f"{unicode(factor.local)} =", style="dim"), (0, 0, 0, 4))
            for row in matrix_lines(factor):
                yield Padding(Text(row, style="dim"), (0, 0, 0, 8))


def derivation(gradient: Gradient) -> tuple[list[str], list[str]]:
    """A gradient step by step: the chain rule, the rule of the block, the rule with numbers, the value.

    The second list has the further lines of the value.
    """
    result = values.lines(gradient.value)
    if not gradient.factors:
        return result[:1], result[1:]
    told = [" + ".join(f"{unicode(f.local)} · {unicode(f.upstream)}" for f in gradient.factors)]
    if len(gradient.factors) == 1:
        told += _rule(gradient.factors[0])
    else:
        for option in ("rule", "numbers"):
            pieces = [getattr(f, option) for f in gradient.factors]
            if all(p is not None for p in pieces):
                told.append(" + ".join(unicode(p) for p in pieces))
    if len(result) > 1 or told[-1] != result[0]:
        told.append(result[0])
    return told, result[1:]


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
            if gap >= 2 and len(pieces) == 1:
                out.append(" " * gap + note, style="magenta")
            elif gap < 2 or len(pieces) > 1:
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
    """Write the rest of an equation, and on a line below the note that does not fit beside it."""
    for piece in pieces[1:]:
        out.append("\n" + indent + "  " + piece)
    out.append("\n" + indent + "  " + note, style="magenta")
    return ""


def _broken(line: str, width: int) -> list[str]:
    """A line, broken at spaces where it is longer than the width."""
    pieces = []
    while len(line) > max(width, 20):
        cut = line.rfind(" ", 1, max(width, 20))
        if cut <= 0:
            break
        pieces.append(line[:cut])
        line = line[cut + 1 :]
    return [*pieces, line]
