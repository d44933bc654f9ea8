"""The command `chainrule blocks`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console
from rich.text import Text

from chainrule.block import Block
from chainrule.catalogue.entry import BlockEntry
from chainrule.catalogue.families import Family, families
from chainrule.catalogue.markdown import document
from chainrule.catalogue.names import Composite, find
from chainrule.catalogue.terminal import composite_page, listing, page, page_width, show
from chainrule.check.blocks import BlockReport, check_block
from chainrule.check.libraries import LIBRARIES
from chainrule.errors import ExpressionError

__all__ = ["blocks", "check", "markdown"]


def blocks(names: Sequence[str]) -> int:
    """List all blocks, or show the named ones in full."""
    width = page_width()
    if not names:
        show(listing(families(), width))
        return 0
    for i, text in enumerate(names):
        found = find(text)
        if i:
            print()
        if isinstance(found, Composite):
            show(composite_page(found, text, width))
        else:
            entry = BlockEntry(found)
            show(page(entry, width, check_block(found) if entry.sample is not None else None))
    return 0


def markdown(names: Sequence[str]) -> int:
    """Print the catalogue as a document."""
    if names:
        raise ExpressionError("--markdown prints the whole catalogue; leave out the names")
    print(document(families()), end="")
    return 0


# Checks ------------------------------------------------------------------------------------------------------


def check(names: Sequence[str], jax: bool = False) -> int:
    """Check all blocks, or the named ones; the exit code is 1 if something is wrong.

    JAX checks only blocks that PyTorch cannot run, unless blocks are named or `jax` is set.
    """
    chosen = families()
    if names:
        wanted = [found for text in names for found in blocks_of(find(text))]
        chosen = tuple(f for f in (_only(family, wanted) for family in chosen) if f.entries)
    reports: list[BlockReport] = []
    console = Console(highlight=False, width=None if Console().is_terminal else 80)
    console.print(Text(HEAD, style="dim"))
    for family in chosen:
        if family.entries:
            mine = [check_block(entry.block, sparing=not names and not jax) for entry in family.entries]
            _print(console, line_of(family.name, mine), all(r.ok for r in mine))
            reports += mine
    if len(chosen) > 1:
        _print(console, line_of("total", reports), all(r.ok for r in reports))
    for text in told(reports, full=bool(names), jax=jax or bool(names)):
        print(textwrap.fill(text, console.width, subsequent_indent="  ", break_on_hyphens=False))
    return 0 if all(r.ok for r in reports) else 1


def blocks_of(found: Block | Composite) -> list[Block]:
    """The block itself, or the blocks of which a function is composed."""
    return list(found.blocks) if isinstance(found, Composite) else [found]


def _only(family: Family, wanted: Iterable[Block]) -> Family:
    return Family(family.name, tuple(e for e in family.entries if e.block in wanted), (), ())


HEAD = "family           blocks  checks  PyTorch  JAX  differences    double    single"


def line_of(label: str, reports: Sequence[BlockReport]) -> str:
    """A line with the counts of blocks, comparisons and blocks that each reference ran, and the largest difference."""
    counts = [sum(r.compared_with(x) for r in reports) for x in (*LIBRARIES, "differences")]
    double, single = (max((r.largest(s) for r in reports), default=0.0) for s in (False, True))
    total = sum(len(r.results) for r in reports)
    numbers = f"{len(reports):>7}{total:>8}{counts[0]:>9}{counts[1]:>5}{counts[2]:>13}{double:>10.1e}{single:>10.1e}"
    return f"{label:<16}{numbers}"


def _print(console: Console, line: str, ok: bool) -> None:
    console.print(Text.assemble(line, ("" if ok else "\n" + " " * 16 + "WRONG", "bold red")))


def told(reports: Sequence[BlockReport], full: bool, jax: bool) -> Iterator[str]:
    """Lines on what is wrong, what could not be compared, and what the numbers mean."""
    wrong = [r for r in reports if not r.ok]
    yield ""
    for report in wrong:
        for result in report.wrong:
            yield f"WRONG  {report.block.name}: {result}"
    if wrong:
        yield ""
    yield (
        "Checked on the example of each block: value, first and second derivative, leading axes, forward mode, "
        "memory layouts, and for elementwise blocks edge shapes; in float64, float32 and, where the block takes them, "
        "complex128. PyTorch and JAX differentiate the forward rule themselves; their columns count the blocks whose "
        "rule runs there (chainrule blocks --check NAME says why not). double, single: the largest relative difference."
    )
    if not jax:
        yield "JAX compiles each function: it is asked where PyTorch cannot run a rule, and for all with --jax."
    for library in (*LIBRARIES, "complex128"):
        missing = {r.block.name: r.missing[library] for r in reports if library in r.missing}
        if any("not installed" in why for why in missing.values()):
            yield f"{library}: not installed, so not compared."
        elif full or library == "complex128":
            yield from (f"{library}, {name}: {why}." for name, why in missing.items())
    count = len({r.block.name for r in wrong})
    yield f"{count} of {len(reports)} blocks WRONG" if wrong else f"{len(reports)} blocks: all right"
