"""Frames: for each step of the forward and the backward pass, the visible parts of one picture."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from chainrule.explain.picture.items import Items
from chainrule.explain.steps import Explained, Gradient, Step

__all__ = ["WHOLE", "Frame", "frames_of"]


@dataclass(frozen=True)
class Frame:
    """The visible parts of a picture in one step.

    Attributes
    ----------
    values, gradients : the items whose value, and whose gradient is known; None for all.
    now : the item of the step; None if there is none.
    told : what the step computes; "" if there is nothing to say.
    """

    values: frozenset[int] | None = None
    gradients: frozenset[int] | None = None
    now: int | None = None
    told: Step | Gradient | str = ""


WHOLE = Frame()
"""The frame in which everything is visible."""


def frames_of(explanation: Explained, items: Items) -> Iterator[Frame]:
    """The frames in order: the inputs, each item of the forward pass, then each gradient from the loss back."""
    inputs = [i for i, item in enumerate(items.items) if item.kind == "input"]
    others = [i for i in range(len(items.items)) if i not in inputs]
    known = frozenset(inputs)
    nothing: frozenset[int] = frozenset()
    yield Frame(known, nothing, None, "The inputs")
    for i in others:
        known |= {i}
        item = items.items[i]
        step = _step_of(explanation, item.places)
        yield Frame(known, nothing, i, item.words or step)
    rows = {gradient.name.parts[1]: gradient for gradient in explanation.backward}
    gradients = nothing
    for i in (*reversed(others), *inputs):
        item = items.items[i]
        if item.below and item.name in rows:
            gradients |= {i}
            yield Frame(known, gradients, i, rows[item.name])


def _step_of(explanation: Explained, places: Sequence[int]) -> Step:
    return explanation.forward[places[-1]]
