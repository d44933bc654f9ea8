r"""The catalogue as a Markdown document, with formulas as GitHub renders them.

Formulas stand between $` and `$, so that Markdown leaves their backslashes and underscores alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chainrule.catalogue.entry import BlockEntry, OperandRule
from chainrule.catalogue.families import Family
from chainrule.catalogue.names import Composite
from chainrule.explain.printers import latex, unicode
from chainrule.formula import Formula

__all__ = ["document"]

LONGEST = 130
"""A formula of more characters than this is left out; `chainrule blocks NAME` shows it."""

INTRODUCTION = """\
# The blocks

This page is generated: `chainrule blocks --markdown > docs/blocks.md`. The formulas are printed from the rules that
compute; none is written by hand. `chainrule blocks softmax` shows one block in full, with numbers, and
`chainrule blocks --check` checks them all.

$`L`$ is the loss, $`z`$ the result of a block (or as its backward rule calls it). $`[c]`$ is 1 where the condition
$`c`$ holds and 0 elsewhere. The local gradient of an elementwise block is the derivative of each entry of the result by
the same entry of the operand; of other blocks it is a matrix with a row for each entry of the operand, whose size is
given for the block's example; where the result is a vector, $`\\partial z_{0} / \\partial x`$ is its first column.
The gradient of an operand that broadcasts is the sum over the axes along which it was repeated.
"""


def document(families: Sequence[Family]) -> str:
    """The whole catalogue."""
    count = sum(len(f.entries) for f in families)
    names = {n for f in families for n in f.names}
    told = [INTRODUCTION, f"{count} blocks answer for {len(names)} functions of NumPy, SciPy and chainrule.\n"]
    told += ["\n".join(_family(f)) for f in families]
    return "\n".join(told)


def _family(family: Family) -> Iterator[str]:
    yield f"## {family.name}\n"
    yield f"{family.description}\n"
    if family.entries:
        yield "| block | forward | backward | local gradient | answers for |"
        yield "|---|---|---|---|---|"
        yield from (_row(entry) for entry in family.entries)
        yield ""
    if family.composites:
        composed = (_names(c.names) + _called(c) for c in family.composites)
        yield f"Composed of blocks: {'; '.join(composed)}.\n"
    if family.steps:
        yield f"Without a derivative: {_names([s.name for s in family.steps])}.\n"


def _called(composite: Composite) -> str:
    """The blocks that a function calls, in parentheses."""
    return f" ({', '.join(block.name for block in composite.blocks)})" if composite.blocks else ""


def _names(names: Sequence[str]) -> str:
    return ", ".join(f"`{n}`" for n in names)


def _row(entry: BlockEntry) -> str:
    backward = [_backward(entry, g) for g in entry.backward]
    local = [_local(entry, g) for g in entry.backward]
    if not entry.block.differentiable:
        backward = ["no derivative"]
    cells = [
        f"`{entry.name}`",
        _forward(entry),
        *("<br>".join(c) for c in (backward, local)),
        _names(entry.answers.itself),
    ]
    return f"| {' | '.join(cells)} |"


def _math(text: str) -> str:
    """A formula inside a table. A bar would end the cell, so LaTeX's names for it are used."""
    return f"$`{text.replace('|', chr(92) + 'vert ')}`$"


def _forward(entry: BlockEntry) -> str:
    if entry.forward is None:
        return "no example"
    steps = [entry.result, entry.forward]
    if entry.inside is not None and entry.forward.kind == "call" and _is_short(entry.inside):
        steps.append(entry.inside)
    return _math(" = ".join(map(latex, steps)))


def _backward(entry: BlockEntry, gradient: OperandRule) -> str:
    left = latex(gradient.name)
    if gradient.rule is None:
        return f"{_math(left)}: {gradient.told}"
    if not _is_short(gradient.rule):
        return f"{_math(left)}: {gradient.told or f'see `chainrule blocks {entry.name}`'}"
    note = f", {gradient.told}" if gradient.told else ""
    return _math(f"{left} = {latex(gradient.rule)}") + note


def _local(entry: BlockEntry, gradient: OperandRule) -> str:
    if gradient.local is None:
        return entry.size_of(gradient).replace("×", " × ")
    if gradient.of != entry.result and _is_short(gradient.local):
        return _math(f"{latex(gradient.local_name)} = {latex(gradient.local)}")
    if not entry.elementwise and not _is_short(gradient.local):
        return entry.size_of(gradient).replace("×", " × ")
    return _math(latex(gradient.local)) if _is_short(gradient.local) else "…"


def _is_short(f: Formula) -> bool:
    return len(unicode(f)) <= LONGEST
