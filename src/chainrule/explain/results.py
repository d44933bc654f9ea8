"""Explaining a function whose result y is an array: for any loss L of y, ∂L/∂x = J ∂L/∂y, with J the Jacobian.

∂L/∂y is given, or all ones. The last step L = Σ ∂L/∂y ⊙ y, with ∂L/∂y held constant, is added to the recording; its
gradient with respect to y is the given one.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array, node_of
from chainrule.backward import backpropagate, find_path
from chainrule.block import unlisted_block
from chainrule.errors import GradientError
from chainrule.explain.closed import ClosedForms
from chainrule.explain.steps import Jacobian
from chainrule.formula import Formula, partial, total
from chainrule.libraries import is_complex, is_inexact
from chainrule.node import Node, at_line
from chainrule.recording import Recording

__all__ = ["Result", "jacobians_of", "with_loss"]

LARGEST = 256
"""A Jacobian is computed up to this number of entries."""


@unlisted_block(notation=lambda dy, y: total(dy * y))
def weighted(xp, dy, y):  # type: ignore[no-untyped-def]
    """The sum of the entries of y, each times its entry of dy."""
    return xp.sum(dy * y)


class Result(NamedTuple):
    """A result that is an array.

    Attributes
    ----------
    node : the result y.
    gradient : the given ∂L/∂y, a node that nothing depends on.
    """

    node: Node
    gradient: Node


def with_loss(recording: Recording, gradient: Any, taken: Container[str | None]) -> tuple[Recording, Result | None]:
    """The recording of a function that returns an array, with a loss as its last step; other recordings unchanged.

    A result without a name gets one that is not taken.
    """
    y = recording.outputs[0] if len(recording.outputs) == 1 else None
    if type(y) is not Array or not y.ndim or is_complex(y) or not is_inexact(y):
        if gradient is not None:
            raise GradientError(
                "gradient= is ∂L/∂y, so the function must return one array y of real floats" + at_line()
            )
        return recording, None
    try:
        given = np.ones(y.shape) if gradient is None else np.asarray(gradient, dtype=float)
    except (TypeError, ValueError):
        raise GradientError("gradient= must be an array of numbers, ∂L/∂y" + at_line()) from None
    if given.shape != y.shape:
        raise GradientError(f"gradient= must have the shape of the result, {y.shape}, not {given.shape}" + at_line())
    dy, node = Node(None, (), {}, given.astype(y.dtype)), node_of(y)
    if node.name is None:
        node.name = next((name for name in ("y", "z", "y_out") if name not in taken), None)
    loss = weighted(Array(dy), y)
    node_of(loss).code, node_of(loss).lasti = node.code, node.lasti  # the line of y: the loss has none
    made = recording._replace(outputs=[loss], path=find_path(recording.inputs, [node_of(loss)]))
    return made, Result(node, dy)


def jacobians_of(
    recording: Recording,
    result: Result,
    gradients: Mapping[Node, Any],
    symbols: Mapping[Node, Formula],
    closed: ClosedForms,
) -> Iterator[Jacobian]:
    """∂y/∂x for each input: a row for each entry of x and a column for each entry of y."""
    for x in recording.inputs:
        g = gradients[x]
        formula = closed.jacobian(node_of(g) if type(g) is Array else g, result.gradient)
        name = partial(symbols[result.node], symbols[x])
        yield Jacobian(name, formula, _matrix(recording, result.node, x))


def _matrix(recording: Recording, y: Node, x: Node) -> np.ndarray | None:
    n_in, n_out = np.size(x.value), np.size(y.value)
    if not 0 < n_in * n_out <= LARGEST:
        return None
    path = find_path(recording.inputs, [y])
    seeds = np.eye(n_out, dtype=np.asarray(y.value).dtype).reshape(n_out, *np.shape(y.value))
    columns = backpropagate(path, {y: seeds}, recorded=False)[x]
    return np.zeros((n_in, n_out)) if columns is None else np.asarray(columns).reshape(n_out, n_in).T
