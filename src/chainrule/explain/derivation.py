"""The closed forms as a few lines of text, with what their names stand for: for a docstring."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chainrule.explain.explanation import Explanation
from chainrule.explain.printers import unicode
from chainrule.formula import Formula

__all__ = ["derivation"]

LONGEST = 100


def derivation(explanation: Explanation, known: Collection[str] = ()) -> list[str]:
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
    lines = [f"{unicode(c.name)} = {unicode(c.formula)}" for c in forms]
    short = [i for i, line in enumerate(lines) if len(line) <= LONGEST]
    needed: set[str] = set()
    stack = [forms[i].formula for i in short]
    while stack:
        for name in _names_in(stack.pop()):
            step = steps.get(name)
            if name not in needed and step is not None and step.formula is not None:
                needed.add(name)
                stack.append(step.formula)
    found = [
        f"{name} = {unicode(step.formula)}"
        for name, step in steps.items()
        if name in needed and name not in known and step.formula is not None
    ]
    order = {argument: i for i, argument in enumerate(steps)}
    short.sort(key=lambda i: order[forms[i].name.parts[1].text])
    return [line for line in found if len(line) <= LONGEST] + [lines[i] for i in short]


def _names_in(f: Formula) -> Iterator[str]:
    stack = [f]
    while stack:
        part = stack.pop()
        if part.kind == "name":
            yield part.text
        stack.extend(part.parts)
