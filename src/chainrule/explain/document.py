"""An explanation as a document: LaTeX, or Markdown with formulas in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from chainrule.backward import find_path
from chainrule.escape import latex_text, markdown, markdown_code
from chainrule.explain import values
from chainrule.explain.data import Data
from chainrule.explain.effects import capital
from chainrule.explain.folding import Fold, folds_of, hidden_places
from chainrule.explain.notation import constant_formula
from chainrule.explain.printers import breakable, latex, width
from chainrule.explain.reader import RuleReader
from chainrule.explain.steps import Explained, Gradient, Step, equation, latex_equations, latex_step, latex_value, where
from chainrule.explain.style import Style

__all__ = ["latex_document", "markdown_document"]


LEGEND = r"Here $\frac{\partial %s}{\partial x}$ is the gradient of the loss"
OF_BLOCKS = (
    r", and $\frac{\partial [\ldots]}{\partial x}$ with a block in brackets is the local gradient of that block alone"
)
PREAMBLE = r"""\documentclass{article}
\usepackage{amsmath,graphicx}
\setcounter{MaxMatrixCols}{32}
\allowdisplaybreaks
% What is still wider than the page after its lines were broken, as a wide matrix may be, is made smaller.
\newsavebox{\formula}
\newcommand{\fitted}[1]{\sbox{\formula}{$\displaystyle #1$}%
  \ifdim\wd\formula>\linewidth\resizebox{\linewidth}{!}{\usebox{\formula}}\else\usebox{\formula}\fi}
\begin{document}"""


WIDEST = 58.0
"""An equation that may be wider than this, in digits, is measured by TeX, and scaled down if it is too wide."""


class Shown:
    """The parts of an explanation that are shown, for every syntax."""

    def __init__(self, explanation: Explained, style: Style):
        self.explanation = with_digits(explanation, style.digits)
        self.style = style
        self.folds = folds_of(explanation) if style.fold else ()
        hidden = hidden_places(self.folds)
        self.unseen = {explanation.forward[place].name for place in hidden}

    def steps(self) -> Iterator[Step | Fold]:
        """The rows of the forward pass, and remarks in place of hidden rows."""
        starts = {fold.start: fold for fold in self.folds}
        for place, step in enumerate(self.explanation.steps):
            if place in starts:
                yield starts[place]
            if step.name not in self.unseen:
                yield step

    def backward(self) -> Iterator[Gradient | str]:
        """The rows of the backward pass, and remarks in place of hidden rows."""
        skipped = 0
        for gradient in self.explanation.gradients:
            if gradient.name.parts[1] in self.unseen:
                skipped += 1
                continue
            if skipped:
                yield _left_out(skipped)
                skipped = 0
            yield gradient
        if skipped:
            yield _left_out(skipped)

    def closed_forms(self) -> list[tuple[str, str]]:
        """The closed forms, as names and formulas with the marks of `printers.broken`."""
        forms = (c for c in self.explanation.closed_forms if c.name.parts[1] not in self.unseen)
        return [(latex(c.name), breakable(c.formula)) for c in forms]

    def legend(self) -> str:
        """The legend of the symbols of the backward pass."""
        both = self.style.symbols and self.style.local_gradients
        return f"{LEGEND}{OF_BLOCKS if both else ''}." % latex(self.explanation.loss)


def _left_out(count: int) -> str:
    return f"({count} gradients of the folded steps are left out.)" if count > 1 else "(One gradient is left out.)"


def with_digits(explanation: Explained, digits: int) -> Explained:
    """The explanation, read again so that the numbers in its rules have this many digits."""
    if digits == values.DIGITS:
        return explanation
    symbols = {node: step.name for node, step in zip(explanation.nodes, explanation.forward, strict=True)}
    given = {g.name.parts[1]: g.value for g in explanation.backward}
    inputs = [node for node in explanation.nodes if node.block is None and symbols[node] in given]
    data = Data(explanation.plain)
    reader = RuleReader(
        symbols,
        explanation.loss,
        {node: given[name] for node, name in symbols.items() if name in given},
        lambda x: constant_formula(x, data),
        {node: place for place, node in enumerate(explanation.nodes)},
        digits,
    )
    factors = reader.factors(find_path(inputs, [explanation.nodes[-1]]))
    by_name = {symbols[node]: tuple(found) for node, found in factors.items()}
    backward = tuple(replace(g, factors=by_name.get(g.name.parts[1], ())) for g in explanation.backward)
    return replace(explanation, backward=backward)


# LaTeX -----------------------------------------------------------------------------------------------------------


def latex_document(explanation: Explained, style: Style) -> str:
    """A complete LaTeX document, whose body can also be copied into another one."""
    shown = Shown(explanation, style)
    parts = [PREAMBLE]
    if title := explanation.title if style.title is None else style.title:
        parts.append(rf"\section*{{{latex_text(title)}}}")
    parts += [r"\subsection*{Forward pass}", *_forward(shown)]
    if explanation.jacobians:
        parts += [r"\subsection*{Jacobian}", *(_display(j.latex()) for j in explanation.jacobians)]
    if style.steps:
        parts += [r"\subsection*{Backward pass}", shown.legend()]
        for told in shown.backward():
            parts += [told] if isinstance(told, str) else map(_display, latex_equations(told, style))
    if forms := shown.closed_forms():
        parts += [r"\subsection*{Closed forms}", *_aligned([equation(name, [f], True) for name, f in forms])]
    return "\n".join([*parts, r"\end{document}", ""])


def _forward(shown: Shown) -> Iterator[str]:
    rows: list[str] = []
    for step in shown.steps():
        if isinstance(step, Step):
            rows.append(latex_step(step, shown.style, lines=True))
            continue
        yield from _aligned(rows)
        rows = []
        yield f"({capital(latex_text(step.told))}.)"
    yield from _aligned(rows)


def _aligned(rows: list[str]) -> Iterator[str]:
    """Aligned equations, which may break across pages; equations that TeX must measure stand alone."""
    together: list[str] = []
    left = right = 0.0
    for row in rows:
        names, sides = (max(map(width, part)) for part in zip(*_parts(row), strict=True))
        left, right = max(left, names), max(right, sides)
        if together and left + right > WIDEST:
            yield _align(together)
            together, left, right = [], names, sides
        if names + sides > WIDEST:
            yield _display(f"\\begin{{aligned}}\n{row}\n\\end{{aligned}}")
            left = right = 0.0
        else:
            together.append(row)
    if together:
        yield _align(together)


def _parts(row: str) -> Iterator[tuple[str, str]]:
    """The parts left and right of the alignment sign in each line of an equation."""
    for line in row.split("\\\\\n"):
        name, _, side = line.partition("&")
        yield name, side


def _align(rows: list[str]) -> str:
    return "\\begin{align*}\n" + " \\\\\n".join(rows) + "\n\\end{align*}"


def _display(formula: str) -> str:
    if width(formula) > WIDEST:
        return f"\\[\n\\fitted{{{formula}}}\n\\]"
    return f"\\[\n{formula}\n\\]"


# Markdown --------------------------------------------------------------------------------------------------------


def markdown_document(explanation: Explained, style: Style) -> str:
    """Markdown as GitHub renders it: tables, and formulas in math blocks."""
    shown = Shown(explanation, style)
    out = []
    if title := explanation.title if style.title is None else style.title:
        out.append(f"## {markdown_code(title)}")
    out += ["### Forward pass", _table(shown)]
    if explanation.jacobians:
        out += ["### Jacobian", *(_block(j.latex()) for j in explanation.jacobians)]
    if style.steps:
        out += ["### Backward pass", re.sub(r"\$(.*?)\$", r"$`\1`$", shown.legend())]
        for told in shown.backward():
            out += [told] if isinstance(told, str) else map(_block, latex_equations(told, style))
    if forms := shown.closed_forms():
        out += ["### Closed forms", *(_block(_one_aligned(equation(name, [f], True))) for name, f in forms)]
    return "\n\n".join(out) + "\n"


def _one_aligned(equation: str) -> str:
    if "\\\\" in equation:
        return f"\\begin{{aligned}}\n{equation}\n\\end{{aligned}}"
    return equation.replace("&= ", "= ")


def _block(formula: str) -> str:
    return f"```math\n{_for_github(formula)}\n```"


def _inline(formula: str) -> str:
    """An inline formula. Between plain dollars GitHub reads some backslashes as Markdown escapes."""
    return f"$`{_for_github(formula)}`$"


def _for_github(formula: str) -> str:
    """GitHub refuses the macro operatorname."""
    return formula.replace(r"\operatorname", r"\mathrm")


def _table(shown: Shown) -> str:
    head = "| name | formula | value | block | shape | line |\n|---|---|---|---|---|---|\n"
    rows = (
        _row(step, shown.style) if isinstance(step, Step) else f"| … | {markdown(step.told)} | | | | |"
        for step in shown.steps()
    )
    return head + "\n".join(rows)


def _row(step: Step, style: Style) -> str:
    cells = [
        _inline(latex(step.name)),
        _inline(latex(step.formula)) if step.formula and style.symbols else "",
        _inline(latex_value(step.value, style.digits)) if style.numbers else "",
    ]
    # A bar would end the cell, so LaTeX's name for it is used.
    cells = [cell.replace("|", r"\vert ") for cell in cells]
    cells += [markdown_code(step.block), values.shape_text(step.value), markdown(where(step.line))]
    return "| " + " | ".join(cells) + " |"
