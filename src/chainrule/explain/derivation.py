"""The closed forms, and definitions of the names in them, as a few lines of text for a docstring."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained
from chainrule.formula import Formula

__all__ = ["derivation"]

LONGEST = 100
DEEPEST = 12
"""The largest depth of substitutions of formulas into each other; deeper results are too long to show."""


def derivation(explanation: Explained, known: Collection[str] = ()) -> list[str]:
    """The closed forms of the arguments' gradients, after the steps of the forward pass that they name.

    A name in `known` needs no explanation.

    >>> import numpy as np, chainrule as cr
    >>> def loss(x, y):
    ...     r = x - y
    ...     return np.sum(r**2)
    >>> print(*derivation(cr.explain(loss)(np.ones(2), np.zeros(2))), sep="\\n")
    r = x − y
    ∂L/∂x = 2·r
    ∂L/∂y = −2·r
    """
    steps = {step.name.text: step for step in explanation.forward}
    arguments = {name for name, step in steps.items() if step.formula is None}
    forms = [c for c in explanation.closed_forms if c.name.parts[1].text in arguments]
    unnamed = {
        step.name.text: step.formula
        for step, node in zip(explanation.forward, explanation.nodes, strict=True)
        if step.formula is not None and node.name is None
    }
    written = {c.name.parts[1].text: _with(c.formula, unnamed) for c in forms}
    lines = [f"{unicode(c.name)} = {unicode(written[c.name.parts[1].text])}" for c in forms]
    short = [i for i, line in enumerate(lines) if len(line) <= LONGEST]
    needed: set[str] = set()
    stack = [written[forms[i].name.parts[1].text] for i in short]
    while stack:
        for name in _names_in(stack.pop()):
            step = steps.get(name)
            if name not in needed and step is not None and step.formula is not None:
                needed.add(name)
                stack.append(_with(step.formula, unnamed))
    found = [
        f"{name} = {unicode(_with(step.formula, unnamed))}"
        for name, step in steps.items()
        if name in needed and name not in known and step.formula is not None
    ]
    order = {argument: i for i, argument in enumerate(steps)}
    short.sort(key=lambda i: order[forms[i].name.parts[1].text])
    return [line for line in found if len(line) <= LONGEST] + [lines[i] for i in short]


def _with(f: Formula, formulas: Mapping[str, Formula], depth: int = 0) -> Formula:
    """A formula with each letter of an unnamed value replaced by the formula of that value."""
    if f.kind == "name" and f.text in formulas and depth < DEEPEST:
        return _with(formulas[f.text], formulas, depth + 1)
    parts = tuple(_with(part, formulas, depth + 1) for part in f.parts)
    return f if parts == f.parts else replace(f, parts=parts)


def _names_in(f: Formula) -> Iterator[str]:
    stack = [f]
    while stack:
        part = stack.pop()
        if part.kind == "name":
            yield part.text
        stack.extend(part.parts)
