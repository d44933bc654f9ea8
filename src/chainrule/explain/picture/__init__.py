"""The picture of a computation graph: a box for each block; on each wire the value above and its gradient below.

Only the forward graph is drawn; the results of the backward pass stand below the wires. Long graphs are folded: `items`
chooses the boxes, `drawing` lays them out, and the writers write SVG, TikZ or Graphviz text.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explain.picture.as_dot import dot_of
from chainrule.explain.picture.as_svg import captions, svg_of
from chainrule.explain.picture.as_tikz import TEXT_WIDTH, tikz_of
from chainrule.explain.picture.drawing import DIRECTIONS, Drawing, first_that_fits
from chainrule.explain.picture.frames import frames_of
from chainrule.explain.picture.items import foldings
from chainrule.explain.steps import Explained

__all__ = ["DIRECTIONS", "dot", "frames", "svg", "tikz"]

LONGEST_VALUE, SHORTEST_VALUE = 60, 18
"""The largest number of characters of a value on a line, and that in the narrowest pictures."""
COLUMN = 25.0
"""Pixels of a picture's width for each character of a value."""


def svg(explanation: Explained, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
    """The graph as a standalone SVG file."""
    return svg_of(_drawing(explanation, fold, direction, width), explanation.title, width)


def tikz(explanation: Explained, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
    """The graph as a `tikzpicture`."""
    return tikz_of(_drawing(explanation, fold, direction, width or TEXT_WIDTH), explanation.title, width)


def dot(explanation: Explained, fold: bool = True, direction: str | None = None, width: float | None = None) -> str:
    """The graph in Graphviz's language; Graphviz places its boxes."""
    return dot_of(_drawing(explanation, fold, direction, width).items, direction or "right", width)


def frames(
    explanation: Explained, form: str, fold: bool = True, direction: str | None = None, width: float | None = None
) -> Iterator[str]:
    """A picture for each step of the forward and the backward pass, all of one size; `form` is "svg" or "tikz"."""
    drawing = _drawing(explanation, fold, direction, width or (TEXT_WIDTH if form == "tikz" else None))
    seen = list(frames_of(explanation, drawing.items))
    room = [line for frame in seen for line in captions(frame)]
    for frame in seen:
        if form == "svg":
            yield svg_of(drawing, explanation.title, width, frame, room)
        else:
            yield tikz_of(drawing, explanation.title, width, frame)


def _drawing(explanation: Explained, fold: bool, direction: str | None, width: float | None) -> Drawing:
    room = LONGEST_VALUE if width is None else int(min(max(width / COLUMN, SHORTEST_VALUE), LONGEST_VALUE))
    return first_that_fits(foldings(explanation, fold, room), direction, width)
