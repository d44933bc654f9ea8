"""Second derivatives of a loss, as formulas and as numbers: one more backward pass over what is recorded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.backward import backpropagate, find_path
from chainrule.explain.closed import ClosedForms, pieces
from chainrule.explain.data import Data
from chainrule.explain.notation import constant_formula
from chainrule.explain.steps import Explained
from chainrule.formula import Formula, name
from chainrule.node import Node

__all__ = ["Second", "second_derivatives"]

LARGEST = 256
"""Matrices of more entries are left out."""
LONGEST = 40
"""Formulas of more pieces are left out, because the matrix beside them is easier to read."""


class Second(NamedTuple):
    """The second derivatives of the loss by one input.

    Attributes
    ----------
    by : the name of the input.
    formula : the matrix in closed form; None if there is no short one.
    product : for an input with two axes, a name V for a change of it, and H V as a formula; None if there is no short
        one.
    matrix : its numbers, a row and a column for each entry of the input.
    """

    by: Formula
    formula: Formula | None
    product: tuple[Formula, Formula] | None
    matrix: np.ndarray


def second_derivatives(explanation: Explained) -> Iterator[Second]:
    """The second derivatives of the loss by each input on which its gradient depends: the Hessian matrices.

    >>> import numpy as np, chainrule as cr
    >>> from chainrule.explain.printers import unicode
    >>> found = second_derivatives(cr.explain(lambda A, x: x @ A @ x)(np.ones((2, 2)), np.ones(2)))
    >>> [(unicode(d.by), unicode(d.formula)) for d in found]
    [('x', 'Aᵀ + A')]
    """
    symbols: dict[Node, Formula] = {
        node: step.name for node, step in zip(explanation.nodes, explanation.forward, strict=True)
    }
    inputs = [node for node in explanation.nodes if node.block is None and np.asarray(node.value).dtype.kind == "f"]
    data = Data(explanation.plain)
    closed = ClosedForms(list(explanation.nodes), inputs, symbols, lambda x: constant_formula(x, data), data)
    loss = explanation.nodes[-1]
    one = np.float64(1).astype(np.asarray(loss.value).dtype)
    gradients = backpropagate(find_path(inputs, [loss]), {loss: one}, recorded=True)
    for x in inputs:
        gradient, n = gradients.get(x), np.size(x.value)
        if type(gradient) is not Array or not 0 < n * n <= LARGEST:
            continue
        seeds = np.eye(n, dtype=gradient.dtype).reshape(n, *np.shape(x.value))
        rows = pulled(gradient, x, seeds)
        if rows is not None:
            product = _product(closed, symbols, gradient, x) if np.ndim(x.value) == 2 else None
            yield Second(symbols[x], _formula(closed, gradient, x, rows), product, np.reshape(value_of(rows), (n, n)))


def pulled(gradient: Array, x: Node, seed: Any) -> Any:
    """A product of the seed and the derivative of a recorded gradient by x; None if it does not depend on x."""
    node = node_of(gradient)
    return backpropagate(find_path([x], [node]), {node: seed}, recorded=True).get(x)


def _product(
    closed: ClosedForms, symbols: dict[Node, Formula], gradient: Array, x: Node
) -> tuple[Formula, Formula] | None:
    """V and H V for a matrix V in the place of x: the derivative of the gradient along V."""
    seed = _change(x)
    taken = {f.text for f in symbols.values()}
    symbols[seed] = change = name(next(v for v in CHANGES if v not in taken), np.shape(x.value))
    try:
        found = closed.of(_node(pulled(gradient, x, Array(seed))))
    finally:
        del symbols[seed]
    return None if found is None or pieces(found) > LONGEST else (change, found)


def _change(x: Node) -> Node:
    """A leaf in the place of a change of x."""
    return Node(None, (), {}, np.random.default_rng(0).normal(size=np.shape(x.value)).astype(x.value.dtype))


CHANGES = ("V", "Δ", "U", "dV", "dX")
"""Names for a change of an input; the first free one is used."""


def _formula(closed: ClosedForms, gradient: Array, x: Node, rows: Any) -> Formula | None:
    """The formula of the matrix H, read off H v for a general vector v, or else from its rows."""
    if np.ndim(x.value) == 2:
        seed = _change(x)
        return closed.kronecker(_node(pulled(gradient, x, Array(seed))), seed)
    if np.ndim(x.value) > 2:
        return None
    if np.ndim(x.value) == 1:
        seed = Node(None, (), {}, np.ones_like(x.value))
        if (found := closed.jacobian(_node(pulled(gradient, x, Array(seed))), seed)) is not None:
            return found
    formula = closed.of(_node(np.reshape(rows, np.shape(x.value) * 2)))
    return None if formula is None or pieces(formula) > LONGEST else formula


def _node(x: Any) -> Any:
    return node_of(x) if type(x) is Array else x
