"""An explanation as a document: LaTeX, or Markdown with formulas in LaTeX."""

from __future__ import annotations

import re

from chainrule.escape import latex_text, markdown, markdown_code
from chainrule.explain import values
from chainrule.explain.printers import latex
from chainrule.explain.steps import Explained, Step, latex_equations, latex_step, latex_value, where

__all__ = ["latex_document", "markdown_document"]


LEGEND = (
    r"Here $\frac{\partial %s}{\partial x}$ is the gradient of the loss, and $\frac{\partial [\ldots]}{\partial x}$ "
    "with a block in brackets is the local gradient of that block alone."
)


def latex_document(explanation: Explained) -> str:
    """A complete LaTeX document, whose body can also be copied into another one."""
    loss = latex(explanation.loss)
    parts = [
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\setcounter{MaxMatrixCols}{32}",
        r"\allowdisplaybreaks",
        r"\begin{document}",
        rf"\section*{{{latex_text(explanation.title)}}}",
        r"\subsection*{Forward pass}",
        "\\begin{align*}\n" + " \\\\\n".join(latex_step(s, "&=") for s in explanation.steps) + "\n\\end{align*}",
        *_jacobians(explanation),
        r"\subsection*{Backward pass}",
        LEGEND % loss,
    ]
    for gradient in explanation.gradients:
        parts += [f"\\[\n{equation}\n\\]" for equation in latex_equations(gradient)]
    if explanation.closed_forms:
        parts.append(r"\subsection*{Closed forms}")
        forms = " \\\\\n".join(f"{latex(c.name)} &= {latex(c.formula)}" for c in explanation.closed_forms)
        parts.append("\\begin{align*}\n" + forms + "\n\\end{align*}")
    return "\n".join([*parts, r"\end{document}", ""])


def _jacobians(explanation: Explained) -> list[str]:
    if not explanation.jacobians:
        return []
    return [r"\subsection*{Jacobian}", *(f"\\[\n{j.latex()}\n\\]" for j in explanation.jacobians)]


def markdown_document(explanation: Explained) -> str:
    """Markdown as GitHub renders it: tables, and formulas in math blocks."""
    loss = latex(explanation.loss)
    out = [
        f"## {markdown_code(explanation.title)}",
        "### Forward pass",
        "| name | formula | value | block | shape | line |\n|---|---|---|---|---|---|\n"
        + "\n".join(_row(step) for step in explanation.steps),
        *(["### Jacobian", *(_block(j.latex()) for j in explanation.jacobians)] if explanation.jacobians else []),
        "### Backward pass",
        re.sub(r"\$(.*?)\$", r"$`\1`$", LEGEND % loss),
    ]
    for gradient in explanation.gradients:
        out += [_block(equation) for equation in latex_equations(gradient)]
    if explanation.closed_forms:
        out.append("### Closed forms")
        out += [_block(form.latex()) for form in explanation.closed_forms]
    return "\n\n".join(out) + "\n"


def _block(formula: str) -> str:
    return f"```math\n{_for_github(formula)}\n```"


def _inline(formula: str) -> str:
    """An inline formula. Between plain dollars GitHub reads some backslashes as Markdown escapes."""
    return f"$`{_for_github(formula)}`$"


def _for_github(formula: str) -> str:
    """GitHub refuses the macro operatorname."""
    return formula.replace(r"\operatorname", r"\mathrm")


def _row(step: Step) -> str:
    value = latex_value(step.value)
    cells = [
        _inline(latex(step.name)),
        _inline(latex(step.formula)) if step.formula else "",
        _inline(value),
    ]
    # A bar would end the cell, so LaTeX's name for it is used.
    cells = [cell.replace("|", r"\vert ") for cell in cells]
    cells += [markdown_code(step.block), values.shape_text(step.value), markdown(where(step.line))]
    return "| " + " | ".join(cells) + " |"
