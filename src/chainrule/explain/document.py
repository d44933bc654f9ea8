"""An explanation as a document: LaTeX, or Markdown with formulas in LaTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.escape import latex_text, markdown, markdown_code
from chainrule.explain import values
from chainrule.explain.explanation import Explanation, Factor, Gradient, Step, where
from chainrule.explain.printers import latex, latex_rows

__all__ = ["latex_document", "latex_gradient", "latex_step", "markdown_document"]


def _value(x: Any) -> str:
    """A value in LaTeX: a number, a matrix, or in words if it is large."""
    x = np.asarray(x)
    if x.ndim and not values.is_small(x):
        shape = values.shape_text(x).replace("×", r" \times ")
        return rf"{shape}\text{{: {', '.join(values.lines(x)).replace(' … ', ' to ').replace('%', chr(92) + '%')}}}"
    text = values.inline(x)
    return latex_rows(text) if text.startswith("[") else text.replace("inf", r"\infty").replace("nan", r"\mathrm{NaN}")


def _aligned(left: str, right: list[str]) -> str:
    lines = [f"{left} &= {right[0]}", *(f"&= {r}" for r in right[1:])]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _gradient(gradient: Gradient) -> Iterator[str]:
    """The equations of one gradient: the chain, and the local gradients where they are matrices."""
    name, factors = latex(gradient.name), gradient.factors
    chain = []
    if factors:
        chain.append(" + ".join(rf"{latex(f.local)} \, {latex(f.upstream)}" for f in factors))
        chain.append(" + ".join(latex(f.rule) for f in factors))
        if all(f.numbers is not None for f in factors):
            chain.append(" + ".join(latex(f.numbers) for f in factors if f.numbers is not None))
    value = _value(gradient.value)
    if not chain or chain[-1] != value:
        chain.append(value)
    yield _aligned(name, chain)
    yield from (_matrix(f) for f in factors if f.matrix is not None and values.is_small(f.matrix))


def _matrix(factor: Factor) -> str:
    assert factor.matrix is not None
    return f"{latex(factor.local)} = {latex_rows(values.inline(factor.matrix))}"


def latex_step(step: Step, equals: str = "=") -> str:
    """One step as an equation: name = formula = value."""
    right = [_value(step.value)] if step.formula is None else [latex(step.formula), _value(step.value)]
    return f"{latex(step.name)} {equals} {' = '.join(right)}"


def latex_gradient(gradient: Gradient) -> str:
    """One gradient as equations, one below the other."""
    return next(_gradient(gradient))


LEGEND = (
    r"Here $\frac{\partial %s}{\partial x}$ is the gradient of the loss, and $\frac{\partial [\ldots]}{\partial x}$ "
    "with a block in brackets is the local gradient of that block alone."
)


def latex_document(explanation: Explanation) -> str:
    """A document that compiles on its own, and whose body can be cut out."""
    loss = latex(explanation.loss)
    parts = [
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\setcounter{MaxMatrixCols}{32}",
        r"\begin{document}",
        rf"\section*{{{latex_text(explanation.title)}}}",
        r"\subsection*{Forward pass}",
        "\\begin{align*}\n" + " \\\\\n".join(latex_step(s, "&=") for s in explanation.forward) + "\n\\end{align*}",
        r"\subsection*{Backward pass}",
        LEGEND % loss,
    ]
    for gradient in explanation.backward:
        parts += [f"\\[\n{equation}\n\\]" for equation in _gradient(gradient)]
    if explanation.closed_forms:
        parts.append(r"\subsection*{Closed forms}")
        forms = " \\\\\n".join(f"{latex(c.name)} &= {latex(c.formula)}" for c in explanation.closed_forms)
        parts.append("\\begin{align*}\n" + forms + "\n\\end{align*}")
    return "\n".join([*parts, r"\end{document}", ""])


def markdown_document(explanation: Explanation) -> str:
    """Markdown as GitHub renders it: tables, and formulas in math blocks."""
    loss = latex(explanation.loss)
    out = [
        f"## {markdown_code(explanation.title)}",
        "### Forward pass",
        "| name | formula | value | block | shape | line |\n|---|---|---|---|---|---|\n"
        + "\n".join(_row(step) for step in explanation.forward),
        "### Backward pass",
        re.sub(r"\$(.*?)\$", r"$`\1`$", LEGEND % loss),
    ]
    for gradient in explanation.backward:
        out += [_block(equation) for equation in _gradient(gradient)]
    if explanation.closed_forms:
        out.append("### Closed forms")
        out += [_block(form.latex()) for form in explanation.closed_forms]
    return "\n\n".join(out) + "\n"


def _block(formula: str) -> str:
    return f"```math\n{_for_github(formula)}\n```"


def _inline(formula: str) -> str:
    """A formula in a line. Between dollars alone GitHub would take some backslashes for its own."""
    return f"$`{_for_github(formula)}`$"


def _for_github(formula: str) -> str:
    """GitHub refuses the macro operatorname."""
    return formula.replace(r"\operatorname", r"\mathrm")


def _row(step: Step) -> str:
    value = _value(step.value)
    cells = [
        _inline(latex(step.name)),
        _inline(latex(step.formula)) if step.formula else "",
        _inline(value),
    ]
    # A bar would end the cell; LaTeX has a name for it.
    cells = [cell.replace("|", r"\vert ") for cell in cells]
    cells += [markdown_code(step.block), values.shape_text(step.value), markdown(where(step.line))]
    return "| " + " | ".join(cells) + " |"
