"""Imperative use: variables to compute with, and `loss.backward()`, which stores the gradients in `.grad`."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.array import WATCHER, Array, node_of
from chainrule.backward import OF_VARIABLE, backpropagate, find_path
from chainrule.errors import GradientError
from chainrule.hints import spelled
from chainrule.inputs import input_node
from chainrule.libraries import namespace_of
from chainrule.node import Node, at_line
from chainrule.recording import fresh
from chainrule.transforms import checked_seed, ones_of

__all__ = ["sources_of", "variable"]


def variable(value: Any, name: str | None = None) -> Array:
    """A recorded array to compute with directly; after `L.backward()` its gradient is `variable.grad`.

    Parameters
    ----------
    value : an array, a number or a nested list of numbers, of a floating type. It is copied.
    name : its name in explanations.

    >>> import chainrule as cr
    >>> x = cr.variable([1.0, 2.0], name="x")
    >>> L = (x ** 2).sum()
    >>> L.backward()
    >>> x.grad
    array([2., 4.])
    """
    node = input_node(value, variable, name or "value")
    node.name, node.params = name, OF_VARIABLE
    return Array(node)


@spelled
def backward(self: Array, gradient: Any = None) -> None:
    """Backpropagate from this array: sets `.grad` of this array and of all values that it was computed from.

    Each call sets new gradients; they are not added to those of an earlier call.

    Parameters
    ----------
    gradient : ∂L/∂self, of this array's shape; may be left out if self is the loss itself, a scalar.

    >>> import chainrule as cr
    >>> x = cr.variable(3.0, name="x")
    >>> L = x * x
    >>> L.backward()
    >>> x.grad
    np.float64(6.0)
    """
    if gradient is None:
        if self.shape != ():
            raise GradientError(
                f"backward() starts from a scalar loss; this array has shape {self.shape}; "
                "reduce it (with np.sum or np.mean), or give ∂L/∂self: z.backward(gradient)" + at_line()
            )
        gradient = ones_of(self)
    elif type(gradient) is Array:
        gradient = gradient.value if WATCHER.get() is None else gradient
    if not node_of(self).differentiable:
        raise GradientError(
            "backward() of an array of integers or booleans, or of one that has no gradient" + at_line()
        )
    sources = sources_of(node_of(self))
    path = find_path(sources, [node_of(self)])
    seed = checked_seed(gradient, self)
    taken = {id(seed)}
    for node, dz in backpropagate(path, {node_of(self): seed}, recorded=WATCHER.get() is not None).items():
        value = node.value
        if dz is None:
            dz = namespace_of((value,)).zeros_like(value)
        node.grad = fresh(dz, isinstance(value, np.ndarray), taken)


Array.backward = backward


def sources_of(node: Node) -> list[Node]:
    """The inputs (nodes without a block) that a node was computed from."""
    seen = {node}
    stack = [node]
    sources = []
    while stack:
        node = stack.pop()
        if node.block is None:
            sources.append(node)
        elif node.block.differentiable:
            for operand in node.inputs:
                if type(operand) is Node and operand not in seen:
                    seen.add(operand)
                    stack.append(operand)
    return sources
