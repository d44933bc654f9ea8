"""The catalogue in the terminal: a table of all blocks, and one block on a page of its own."""

from __future__ import annotations

import inspect
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import Family
from chainrule.catalogue.names import Composite
from chainrule.catalogue.worked import work
from chainrule.check.blocks import BlockReport
from chainrule.check.libraries import LIBRARIES
from chainrule.check.sample import Sample
from chainrule.explain import values
from chainrule.explain.printers import unicode
from chainrule.explain.terminal import columns, equation
from chainrule.formula import Formula, name, partial

__all__ = ["composite_page", "listing", "page", "show"]

NARROW, WIDE = 80, 120


def show(parts: Iterable[Any], width: int | None = None) -> None:
    """Print in colour on up to 120 columns if the terminal can; otherwise plain text of 80 columns."""
    console = Console(highlight=False)
    if width is None and console.is_terminal:
        console = Console(highlight=False, width=min(console.width, WIDE))
        for part in parts:
            console.print(part)
        return
    out = io.StringIO()
    console = Console(
        file=out, width=width or NARROW, color_system=None, highlight=False, legacy_windows=False, force_jupyter=False
    )
    for part in parts:
        console.print(part)
    print("\n".join(line.rstrip() for line in out.getvalue().splitlines()))


def page_width(width: int | None = None) -> int:
    console = Console(highlight=False)
    return width or (min(console.width, WIDE) if console.is_terminal else NARROW)


# All blocks --------------------------------------------------------------------------------------------------


def listing(families: Sequence[Family], width: int) -> Iterator[Any]:
    """A table for each family, a line (or one for each operand) for each block."""
    count = sum(len(f.entries) for f in families)
    names = {n for f in families for n in f.names}
    yield Text(f"{count} blocks, which answer for {len(names)} functions", style="bold")
    yield Text(
        "np: numpy, special: scipy.special, cr: chainrule. z is the result of a block, L the loss.\n"
        "chainrule blocks NAME shows one block in full, with numbers.",
        style="dim",
    )
    for family in families:
        yield Text()
        yield _heading(family, width)
        yield _table(family.entries, width)
        yield from _also("composed of blocks", [n for c in family.composites for n in c.names])
        yield from _also("no derivative", [s.name for s in family.steps])


def _heading(family: Family, width: int) -> Text:
    text = Text(family.name, style="bold cyan")
    note = family.description
    room = width - len(family.name) - 2
    return text.append(f"  {note if len(note) <= room else note[: room - 1] + '…'}", style="dim")


def _table(entries: Sequence[BlockEntry], width: int) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    room = width - 6  # three gaps
    shares = [round(room * share) for share in (0.24, 0.22, 0.35)]
    shares.append(room - sum(shares))
    for heading, size in zip(("block", "forward", "backward", "local gradient"), shares, strict=True):
        table.add_column(heading if entries else "", width=size, overflow="fold")
    block, forward, backward, local = shares
    for entry in entries:
        told = _gradients(entry, backward, local)
        first, *rest = told or [(Text(), Text())]
        label, shown = _label(entry, block), _forward(entry, forward)
        table.add_row(label, shown, *first)
        for row in rest:
            table.add_row("", "", *row)
    return table


PREFIXES = {"scipy.special.": "special.", "scipy.": ""}


def _label(entry: BlockEntry, width: int) -> Text:
    """The block's name with the module for which it answers, and its other names below."""
    names = list(entry.answers.itself)
    for long, short in PREFIXES.items():
        names = [short + n.removeprefix(long) if n.startswith(long) else n for n in names]
    own = next((n for n in names if n.rpartition(".")[2] == entry.name), None)
    prefix = own.removesuffix(entry.name) if own else ""
    text = Text()
    for i, line in enumerate(_broken_name(prefix + entry.name, width)):
        text.append("\n" if i else "").append(line, style="magenta")
    text.stylize("dim not magenta", 0, len(prefix))
    for other in names:
        if other != own:
            text.append("".join("\n" + line for line in _broken_name(f"  {other}", width)), style="dim")
    return text


def _broken_name(text: str, width: int) -> list[str]:
    """A name, broken into lines behind dots and underscores if it is long."""
    lines = [""]
    for part in re.split(r"(?<=[._])", text):
        if len(lines[-1] + part) > width and lines[-1].strip():
            lines.append("  ")
        lines[-1] += part
    return lines


LINES = 3
"""Formulas with more lines are left out of the table; the page of the block shows them."""


def _fitting(text: str, width: int) -> Text:
    return Text(text if len(text) <= LINES * width else "…")


def _forward(entry: BlockEntry, width: int) -> Text:
    """The notation; if that is only the block's name, its forward rule if that is short."""
    if entry.forward is None:
        return Text("no example", style="dim")
    result = unicode(entry.result)
    shown, told = unicode(entry.forward), entry.inside
    if told is not None and entry.forward.kind == "call" and len(unicode(told)) + len(result) + 3 <= LINES * width:
        shown = unicode(told)
    return _fitting(f"{result} = {shown}", width)


def _gradients(entry: BlockEntry, backward: int, local: int) -> list[tuple[Text, Text]]:
    """A row for each operand."""
    if not entry.block.differentiable:
        return [(Text("no derivative", style="dim"), Text())]
    rows = []
    for gradient in entry.backward:
        left = unicode(gradient.name)
        if gradient.rule is None:
            rule = Text.assemble(f"{left}: ", (gradient.told, "dim"))
        else:
            rule = _fitting(f"{left} = {unicode(gradient.rule)}", backward)
            rule = rule if rule.plain != "…" else Text(f"{left} = …")
        slope = Text(entry.size_of(gradient), style="dim")
        if gradient.local is not None and gradient.of == entry.result:
            slope = _fitting(unicode(gradient.local), local)
        rows.append((rule, slope))
    return rows


def _also(what: str, names: Sequence[str]) -> Iterator[Any]:
    if names:
        yield Text.assemble((f"{what}: ", "dim"), ", ".join(names))


# One block -----------------------------------------------------------------------------------------------------


def page(entry: BlockEntry, width: int, report: BlockReport | None) -> Iterator[Any]:
    """One block in full: forward, backward, local gradient, and an example with numbers."""
    yield _head(entry.name, f"{entry.family} · blocks/{entry.place}", width)
    if entry.description:
        yield Text(entry.description)
    if entry.forward is not None:
        yield from _part("Forward pass")
        steps = [unicode(entry.forward), *([unicode(entry.inside)] if entry.inside is not None else [])]
        yield equation(unicode(entry.result), steps, width)
    yield from _part("Backward pass")
    if not entry.block.differentiable:
        yield Text("The gradient ends here: it is zero wherever there is one.")
    elif entry.sample is None:
        yield Text("This block has no example, so there is nothing to show.")
    for gradient in entry.backward:
        if gradient.rule is None:
            yield Text.assemble((unicode(gradient.name), "cyan"), f": {gradient.told}")
        else:
            yield equation(unicode(gradient.name), [unicode(gradient.rule)], width, note=gradient.told)
    local = [g for g in entry.backward if g.local is not None]
    if local:
        yield from _part("Local gradient", "entry by entry" if entry.elementwise else "")
        for gradient in local:
            assert gradient.local is not None
            yield equation(unicode(gradient.local_name), [unicode(gradient.local)], width)
    if entry.sample is not None:
        yield from _example(entry, entry.sample, width)
    yield from _facts(entry, report)


def _head(label: str, note: str, width: int) -> Text:
    gap = " " * max(2, width - len(label) - len(note))
    return Text.assemble((label, "bold magenta"), (gap + note, "dim"))


def _part(title: str, note: str = "") -> Iterator[Any]:
    yield Text()
    yield Text(title, style="bold").append(f"  {note}" if note else "", style="dim")


def _local_name(entry: BlockEntry, by: Formula) -> str:
    return unicode(partial(entry.result, by))


def _example(entry: BlockEntry, sample: Sample, width: int) -> Iterator[Any]:
    worked = work(sample)
    params = sample.node.params
    note = ", ".join(f"{k}={values.inline(v) if isinstance(v, np.ndarray) else v}" for k, v in params.items())
    yield from _part("Example", note)
    for label, value in worked.operands.items():
        yield _value(label, value, width)
    yield _value(unicode(entry.result), worked.value, width, "green")
    if worked.gradients:
        yield _value(unicode(entry.upstream), worked.dz, width)
    for label, gradient in worked.gradients.items():
        yield _value(f"∂L/∂{label}", gradient, width, "green")
    for label, matrix in worked.matrices.items():
        rows = values.lines(matrix) if values.is_small(matrix) else columns(matrix)
        local = _local_name(entry, name(label))
        yield equation(local, [rows[0]], width, note="a row for each entry of " + label, more=rows[1:])


def _value(label: str, value: Any, width: int, style: str = "") -> Text:
    rows = values.lines(value)
    return equation(label, [rows[0]], width, style=style, more=rows[1:])


def _facts(entry: BlockEntry, report: BlockReport | None) -> Iterator[Any]:
    yield Text()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    if entry.answers.itself:
        table.add_row("Answers for", Text(", ".join(entry.answers.itself)))
    if entry.answers.within:
        table.add_row("Part of", Text(", ".join(entry.answers.within)))
    table.add_row("Complex numbers", "yes" if entry.block.complex else "no: real numbers only")
    if report is not None:
        table.add_row("Checks", Text(status(report)))
    yield table


def status(report: BlockReport) -> str:
    """The results of the checks of one block, in a sentence or two."""
    references = [x for x in (*LIBRARIES, "differences") if report.compared_with(x)]
    dtypes = list(dict.fromkeys(r.dtype for r in report.results))
    text = f"{len(report.results)} comparisons in {', '.join(dtypes)}"
    text += f", with {', '.join(references)}: " if references else ": "
    if report.ok:
        text += "all right"
    else:
        text += f"{len(report.wrong)} WRONG\n" + "\n".join(str(r) for r in report.wrong[:5])
    return text + "".join(f"\n{library}: {why}" for library, why in report.missing.items())


# A function composed of blocks -----------------------------------------------------------------------------------


def composite_page(composite: Composite, text: str, width: int) -> Iterator[Any]:
    """The page of a function that is composed of blocks."""
    yield _head(text, f"{composite.family} · blocks/{composite.place}", width)
    described = inspect.cleandoc(composite.function.__doc__ or "").partition("\n>>>")[0].strip()
    if described:
        yield Text(described)
    yield Text()
    yield Text("Composed of blocks: its gradient follows from theirs by the chain rule.")
    if composite.blocks:
        yield Text.assemble(("Calls  ", "bold"), ", ".join(block.name for block in composite.blocks))
    yield Text.assemble(("Answers for  ", "bold"), ", ".join(composite.names))
