"""Finds which typical mistake explains a wrong gradient: the one that gives exactly these numbers.

Each mistake is a generator: it yields descriptions of a mistake, each with the gradient that the mistake would give. A
diagnosis counts only if the same mistake also gives the user's numbers on other inputs.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.backward import as_rules_take
from chainrule.check.by_hand.truth import Truth, broadcasts_to
from chainrule.libraries import NUMPY_NAMESPACE, is_inexact
from chainrule.node import Node

__all__ = ["diagnosis_of"]

Seen = tuple[Truth, Node, np.ndarray]
"""The truth, the value in question, and the wrong gradient of it."""

HELD = 12
"""With at most this many values, pairs of them are held constant too, to find what is missing."""


def diagnosis_of(first: Seen, second: Seen) -> str:
    """What is wrong with a gradient on both inputs; "" if that is not known."""
    for mistake in MISTAKES:
        there = set(mistake(*second))
        for text in mistake(*first):
            if text in there:
                return text
    return ""


# One number ---------------------------------------------------------------------------------------------------------


def _nothing(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    right = truth.gradients[node]
    if g.size and right.size and not np.any(g) and not truth.agrees(np.zeros(right.shape), right):
        yield "it is zero"


def _shaped(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    right = truth.gradients[node]
    if g.shape != right.shape and truth.agrees(g, right):
        yield f"its numbers are right, but it has the shape {g.shape} and not {right.shape}"
    elif g.ndim == right.ndim == 2 and min(g.shape) > 1 and truth.agrees(g.T, right):
        yield "transposed"


def _factor(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    factor = truth.factor(g, truth.gradients[node])
    if factor in (None, 0.0, 1.0):
        return
    assert factor is not None
    yield from _times(truth, node, factor)


def _times(truth: Truth, node: Node, factor: float) -> Iterator[str]:
    sign = ", and the sign is turned" if factor < 0 else ""
    size = abs(factor)
    if abs(size - 1) < truth.tolerance:
        yield "the sign is turned"
        return
    larger = "large" if size > 1 else "small"
    times = size if size > 1 else 1 / size
    if abs(times - round(times)) < truth.tolerance * times:
        number = round(times)
        yield f"exactly {number} times too {larger}{_length(truth, number)}{sign}"
        return
    for name, value in truth.named_arrays():
        if value.size == 1 and value != 0:
            v = abs(float(np.real(value.reshape(())[()])))
            if abs(size * v - 1) < truth.tolerance:
                yield f"the factor {name} is missing{sign}"
            elif abs(size - v) < truth.tolerance * v:
                yield f"a factor {name} too many{sign}"
    square = times * times
    if abs(square - round(square)) < truth.tolerance * square:
        yield f"exactly √{round(square)} times too {larger}{_length(truth, round(square))}{sign}"
    else:
        yield f"exactly {times:.6g} times too {larger}{sign}"


def _length(truth: Truth, number: int) -> str:
    """A note saying that a number is the length of an axis, or the size of an array; "" if it is neither."""
    arrays = [(truth.name_of(n), np.asarray(n.value)) for n in truth.inputs]
    arrays += truth.named_arrays()
    for name, value in arrays:
        for axis, length in enumerate(value.shape):
            if length == number > 2:  # a 2 may come from anything
                return f" ({number} is the length of axis {axis} of {name})"
    for name, value in arrays:
        if value.size == number > 2 and value.ndim > 1:
            return f" ({number} is the size of {name})"
    return ""


def _conjugate(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    if np.iscomplexobj(g) and truth.agrees(np.conj(g), truth.gradients[node]):
        yield "it is the conjugate of the gradient"


# Sums ---------------------------------------------------------------------------------------------------------------


def _unsummed(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    right = truth.gradients[node]
    if g.size <= right.size or g.ndim > 5:
        return
    for count in range(1, g.ndim + 1):
        for axes in itertools.combinations(range(g.ndim), count):
            if truth.agrees(np.sum(g, axis=axes), right):
                yield f"the sum over {_axes(axes)} is missing"


def _oversummed(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    right = truth.gradients[node]
    if g.size >= right.size or right.ndim > 5:
        return
    for axis in range(right.ndim):
        if truth.agrees(g, np.sum(right, axis=axis)):
            yield f"it is summed over axis {axis}, over which there is no sum"
        elif truth.agrees(g, np.mean(right, axis=axis)):
            yield f"it is the mean over axis {axis}, over which there is none"


def _axes(axes: tuple[int, ...]) -> str:
    if axes == (0,):
        return "the batch (axis 0)"
    return f"axis {axes[0]}" if len(axes) == 1 else f"axes {' and '.join(map(str, axes))}"


# Contributions ------------------------------------------------------------------------------------------------------


def _contributions(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    """One of the contributions is missing, counted twice, or multiplied by a number."""
    right = truth.gradients[node]
    if np.squeeze(g).shape != np.squeeze(right).shape:
        return
    g = g.reshape(right.shape)
    parts = truth.parts(node)
    direct = set(parts)
    for name, through in truth.between(node)[:HELD]:
        if name not in direct:
            parts[name] = truth.part_through(node, through)
    for name, part in parts.items():
        if truth.agrees(part, right) or truth.agrees(part, np.zeros(part.shape)):
            continue
        amount = truth.factor(g - right, part)
        if amount is None or amount == 0:
            continue
        what = f"the contribution through {name}"
        if amount == -1:
            yield f"{what} is missing"
        elif amount == -2:
            yield f"{what} has the wrong sign"
        elif amount == 1:
            yield f"{what} is counted twice"
        else:
            for times in _times(truth, node, 1 + amount):
                if times.startswith("exactly"):
                    yield f"{what} is {times}"


def _held(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    """Some values are treated as constants."""
    between = truth.between(node)[:HELD]
    for count in (1, 2):
        for pair in itertools.combinations(between, count):
            without = truth.without(node, [n for _, n in pair])
            if truth.agrees(g, without) and not truth.agrees(without, truth.gradients[node]):
                names = " and ".join(name for name, _ in pair)
                yield (
                    f"the contribution through {names} is missing"
                    if count == 1
                    else (f"the contributions through {names} are missing")
                )


def _only_one(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    parts = truth.parts(node)
    for name, part in parts.items():
        if len(parts) > 1 and truth.agrees(g, part):
            yield f"only the contribution through {name} is there"


# Other gradients and factors ------------------------------------------------------------------------------------------


def _of_another(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    """It is the gradient with respect to another value."""
    for step in truth.users.get(node, []):
        if truth.agrees(g, truth.gradients[step]) and g.size > 1:
            block = step.block.name
            yield f"it is ∂L/∂{truth.name_of(step)} as it came: the local gradient of {block} is missing"
    for other in truth.nodes:
        if other is not node and other in truth.with_names and g.size > 1 and truth.agrees(g, truth.gradients[other]):
            yield f"it is ∂L/∂{truth.name_of(other)}"


def _factor_array(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
    right = truth.gradients[node]
    if np.squeeze(g).shape != np.squeeze(right).shape or g.size < 2:
        return
    g = g.reshape(right.shape)
    for name, value in truth.named_arrays():
        if value.size > 1 and np.any(value != value.flat[0]) and broadcasts_to(value, right):
            for sign, turned in ((1, ""), (-1, ", and the sign is turned")):
                if truth.agrees(sign * g * value, right):
                    yield f"the factor {name} is missing{turned}"
                if truth.agrees(sign * g, right * value):
                    yield f"a factor {name} too many{turned}"


# One step ------------------------------------------------------------------------------------------------------------

Way = Callable[[Truth, Node, Node], Iterator[tuple[str, Any]]]


def _steps(way: Way) -> Callable[[Truth, Node, np.ndarray], Iterator[str]]:
    """A mistake in the rule of one of the steps that take the value as an operand."""

    def mistake(truth: Truth, node: Node, g: np.ndarray) -> Iterator[str]:
        right = truth.gradients[node]
        for step in truth.users.get(node, []):
            if not is_inexact(step.value):
                continue
            others = right - truth.pull_step(step, truth.gradients[step], node)
            for text, part in way(truth, node, step):
                part = np.asarray(part)
                if part.shape != right.shape:
                    if np.any(others) or not truth.agrees(g, part):
                        continue
                elif not truth.agrees(g, others + part):
                    continue
                if not truth.agrees(g, right):
                    yield text

    return mistake


def _from_above(truth: Truth, node: Node, step: Node) -> Iterator[tuple[str, Any]]:
    dz = truth.gradients[step]
    name = truth.name_of(step)
    yield f"the gradient from above, ∂L/∂{name}, is missing", truth.pull_step(step, np.ones(dz.shape), node)
    yield f"the gradient from above, ∂L/∂{name}, is there twice", truth.pull_step(step, dz * dz, node)
    if dz.ndim and dz.shape[0] > 1:
        for place, which in ((0, "first"), (-1, "last")):
            masked = np.zeros(dz.shape)
            masked[place] = dz[place]
            yield f"only the {which} of the batch is in it", truth.pull_step(step, masked, node)
    if dz.ndim == 2 and dz.shape[0] == dz.shape[1] > 1:
        yield f"∂L/∂{name} is transposed in it", truth.pull_step(step, dz.T, node)


def _broadcast(truth: Truth, node: Node, step: Node) -> Iterator[tuple[str, Any]]:
    """The operand is broadcast: its gradient is a sum over what it was repeated along."""
    z, x = np.asarray(step.value), np.asarray(node.value)
    if x.shape == z.shape or not broadcasts_to(x, z) or len(step.inputs) > 2:
        return
    full = np.broadcast_to(x, z.shape)
    inputs = tuple(full if i is node else i for i in step.inputs)
    inside = Node(None, (), {}, full)
    inputs = tuple(inside if i is node else i for i in step.inputs)
    whole = Node(step.block, inputs, step.params, step.value)
    g = truth.pull_step(whole, truth.gradients[step], inside)
    for axis in range(g.ndim):
        if x.ndim < g.ndim or x.shape[axis - g.ndim] != g.shape[axis]:
            yield f"only the first of {_axes((axis,))} is in it", np.take(g, 0, axis)
            yield f"only the last of {_axes((axis,))} is in it", np.take(g, -1, axis)
        else:
            yield f"the sum is over axis {axis}, the wrong one", np.sum(g, axis)


def _places(truth: Truth, node: Node, step: Node) -> Iterator[tuple[str, Any]]:
    """The local derivative is taken at the output instead of the input, or the reverse."""
    if [i for i in step.inputs if type(i) is Node] != [node] or np.shape(step.value) != np.shape(node.value):
        return
    z, operands = as_rules_take(step, recorded=False)
    where = [i for i, x in enumerate(step.inputs) if x is node]
    dz = np.asarray(truth.gradients[step])[()]
    x = operands[where[0]]
    block, out, into = step.block, truth.name_of(step), truth.name_of(node)

    def rule(z: Any, x: Any) -> Any:
        given = [x if i in where else operand for i, operand in enumerate(operands)]
        wanted = [i in where for i, _ in enumerate(operands)]
        grads = block.pull(NUMPY_NAMESPACE, dz, z, given, step.params, wanted)
        return sum(g for g, want in zip(grads, wanted, strict=True) if want and g is not None)

    with np.errstate(all="ignore"):
        again = block.forward(NUMPY_NAMESPACE, *[z if i in where else o for i, o in enumerate(operands)], **step.params)
        yield f"the derivative of {block.name} is taken at its output {out} instead of its input {into}", rule(again, z)
        yield f"the derivative of {block.name} has its input {into} in the place of its output {out}", rule(x, x)
        yield f"the derivative of {block.name} has its output {out} in the place of its input {into}", rule(z, z)


def _diagonal(truth: Truth, node: Node, step: Node) -> Iterator[tuple[str, Any]]:
    """Only the diagonal of a Jacobian is used that is not diagonal."""
    z = np.asarray(step.value)
    if z.shape != np.shape(node.value) or not 1 < z.size <= 400 or sum(i is node for i in step.inputs) != 1:
        return
    units = np.eye(z.size).reshape(z.size, *z.shape)
    rows = np.stack([truth.pull_step(step, unit, node).ravel() for unit in units])
    diagonal = np.diag(rows).reshape(z.shape)
    if np.any(rows - np.diag(np.diag(rows))):
        yield (
            (
                f"only the diagonal of the local gradient of {step.block.name} is in it: each entry of the result "
                "depends on other entries too"
            ),
            truth.gradients[step] * diagonal,
        )


MISTAKES = (
    _shaped,
    _nothing,
    _conjugate,
    _factor,
    _unsummed,
    _oversummed,
    _contributions,
    _of_another,
    _held,
    _only_one,
    _steps(_from_above),
    _steps(_broadcast),
    _steps(_places),
    _steps(_diagonal),
    _factor_array,
)
