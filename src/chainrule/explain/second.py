"""Jacobians of a named array, and second derivatives of the loss, as formulas and as numbers.

Both are one more backward pass over what an explanation has recorded, from an array back to the inputs, with the
identity matrix as its gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.array import Array, node_of, value_of
from chainrule.backward import backpropagate, find_path
from chainrule.explain.closed import ClosedForms
from chainrule.explain.notation import constant_formula
from chainrule.explain.steps import Explained
from chainrule.formula import Formula
from chainrule.node import Node

__all__ = ["Derivative", "derivatives_of", "second_derivatives_of"]

MOST = 256
"""Matrices of more entries are left out."""


class Derivative(NamedTuple):
    """A matrix of derivatives.

    Attributes
    ----------
    top, by : the names of what is differentiated and of the input.
    formula : the matrix in closed form; None where there is no short one, or where one of the two is a matrix.
    matrix : the numbers: a row for each entry of what is differentiated, a column for each of the input.
    """

    top: Formula
    by: Formula
    formula: Formula | None
    matrix: np.ndarray


def derivatives_of(explanation: Explained, name: str) -> list[Derivative]:
    """The Jacobians ∂y/∂x of a value of the forward pass by each input that it depends on.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.explain.printers import unicode
    >>> def f(A, x):
    ...     y = A @ x
    ...     return np.sum(y)
    >>> found = derivatives_of(cr.explain(f)(np.eye(2), np.ones(2)), "y")
    >>> [(unicode(d.by), d.formula and unicode(d.formula)) for d in found]
    [('A', None), ('x', 'A')]
    """
    closed = _closed_forms(explanation)
    place = next(i for i, step in enumerate(explanation.forward) if step.name.text == name)
    y = explanation.nodes[place]
    return [d for x in _inputs(explanation) if x is not y and (d := _derivative(closed, y, y, x)) is not None]


def second_derivatives_of(explanation: Explained) -> list[Derivative]:
    """The second derivatives of the loss by each input, the Hessian matrices; zeros are left out.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.explain.printers import unicode
    >>> found = second_derivatives_of(cr.explain(lambda A, x: x @ A @ x)(np.ones((2, 2)), np.ones(2)))
    >>> [(unicode(d.by), unicode(d.formula)) for d in found]
    [('x', 'A + Aᵀ')]
    """
    return list(_second_derivatives(explanation))


def _second_derivatives(explanation: Explained) -> Iterator[Derivative]:
    closed = _closed_forms(explanation)
    inputs, loss = _inputs(explanation), explanation.nodes[-1]
    one = np.float64(1).astype(np.asarray(loss.value).dtype)
    gradients = backpropagate(find_path(inputs, [loss]), {loss: one}, recorded=True)
    for x in inputs:
        gradient = gradients.get(x)
        if type(gradient) is Array and (d := _derivative(closed, loss, node_of(gradient), x)) is not None:
            yield d


def _closed_forms(explanation: Explained) -> ClosedForms:
    symbols = {node: step.name for node, step in zip(explanation.nodes, explanation.forward, strict=True)}
    inputs = _inputs(explanation)
    return ClosedForms(list(explanation.nodes), inputs, symbols, lambda x: constant_formula(x, explanation.plain))


def _inputs(explanation: Explained) -> list[Node]:
    steps = zip(explanation.nodes, explanation.forward, strict=True)
    return [node for node, step in steps if step.formula is None and np.asarray(node.value).dtype.kind == "f"]


def _derivative(closed: ClosedForms, top: Node, y: Node, x: Node) -> Derivative | None:
    """∂y/∂x, called ∂top/∂x; None if it is zero, or too large."""
    shape, columns = np.shape(y.value), np.size(x.value)
    rows = math.prod(shape)
    if rows * columns > MOST or not rows * columns:
        return None
    seed = np.eye(rows, dtype=np.asarray(y.value).dtype)
    seed = with_absent_zeros(seed if len(shape) == 1 else np.reshape(seed, shape + shape))
    found: Any = backpropagate(find_path([x], [y]), {y: seed}, recorded=True).get(x)
    if found is None:
        return None
    matrix = np.reshape(value_of(found), (rows, columns))
    readable = np.ndim(y.value) <= 1 and np.ndim(x.value) <= 1
    formula = closed.of(node_of(found) if type(found) is Array else found) if readable else None
    return Derivative(closed.symbols[top], closed.symbols[x], formula, matrix)
