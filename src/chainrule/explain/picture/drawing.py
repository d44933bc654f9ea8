"""The geometry of a picture, for all its writers: rectangles, texts and lines, in pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from chainrule.explain.picture.items import LONGEST, Item, Items
from chainrule.explain.picture.placement import Point, placed
from chainrule.explain.printers import unicode

__all__ = ["LINE", "Drawing", "DrawnLine", "Rectangle", "Words", "drawn", "first_that_fits", "title_of"]

CHARACTER, LINE = 7.3, 15.0
"""The width of a character and the height of a line, in pixels, of the typeface of the pictures."""
PAD, STUB, MARGIN = 9.0, 14.0, 20.0
CORNER = 8.0
"""How far from the corner of a box a wire ends."""


class Rectangle(NamedTuple):
    """A box; `item` is its place among the items."""

    item: int
    kind: str
    left: float
    top: float
    width: float
    height: float


class Words(NamedTuple):
    """A line of text at a position: the middle, the start or the end of its base line.

    `kind` is "title", "block", "value" or "gradient"; `item` is the place of its item.
    """

    item: int
    kind: str
    text: str
    x: float
    y: float
    anchor: str = "start"


class DrawnLine(NamedTuple):
    """A line through points, with a head if it leads to another box; `items` are those at its ends."""

    items: tuple[int, int]
    points: tuple[Point, ...]
    head: bool


@dataclass(frozen=True)
class Drawing:
    """A picture: its corners, and its parts, the lines first."""

    items: Items
    low: Point
    high: Point
    lines: tuple[DrawnLine, ...]
    rectangles: tuple[Rectangle, ...]
    words: tuple[Words, ...]

    @property
    def width(self) -> float:
        return self.high[0] - self.low[0]

    @property
    def height(self) -> float:
        return self.high[1] - self.low[1]


def first_that_fits(ways: Iterator[Items], direction: str | None, width: float | None) -> Drawing:
    """The drawing that shows most and fits the width; else the narrowest one.

    Without a direction wires lead to the right, or downwards if the picture fits only in that way.
    """
    if direction is not None and direction not in DIRECTIONS:
        raise ValueError(f"direction must be {' or '.join(map(repr, DIRECTIONS))}, not {direction!r}")
    narrowest = None
    for items in ways:
        for way in DIRECTIONS if direction is None and width is not None else (direction or "right",):
            drawing = drawn(items, way)
            if width is None or drawing.width <= width:
                return drawing
            narrowest = drawing if narrowest is None or drawing.width < narrowest.width else narrowest
    assert narrowest is not None
    return narrowest


def title_of(item: Item) -> str:
    """The text in a box, as one line."""
    if item.kind == "folded":
        return item.words
    name = unicode(item.name)
    return name if item.formula is None else f"{name} = {_shortened(unicode(item.formula))}"


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def drawn(items: Items, direction: str) -> Drawing:
    """Lay out the items, and draw each with its wire."""
    return DIRECTIONS[direction](items)


def _box_size(item: Item) -> Point:
    wide = max(len(title_of(item)) * CHARACTER, len(item.subtitle) * CHARACTER * 0.85) + 2 * PAD
    return wide, LINE * (2 if item.subtitle else 1) + 2 * PAD


def _text_width(lines: Sequence[str]) -> float:
    return max(map(len, lines), default=0) * CHARACTER


def _framed(
    items: Items, low: Point, high: Point, lines: list[DrawnLine], rectangles: list[Rectangle], words: list[Words]
) -> Drawing:
    low, high = (low[0] - MARGIN, low[1] - MARGIN), (high[0] + MARGIN, high[1] + MARGIN)
    return Drawing(items, low, high, tuple(lines), tuple(rectangles), tuple(words))


def _in_box(i: int, item: Item, left: float, top: float) -> Iterator[Words]:
    """The texts in a box."""
    center = left + _box_size(item)[0] / 2
    yield Words(i, "title", title_of(item), center, top + PAD + LINE - 4, "middle")
    if item.subtitle:
        yield Words(i, "block", item.subtitle, center, top + PAD + 2 * LINE - 4, "middle")


def _into(wire: Sequence[Point], low: float, high: float) -> Sequence[Point]:
    """A wire whose end is moved to the border of the box: a box may be narrower than the room for its values."""
    x, y = wire[-1]
    inside = min(max(y, low + CORNER), high - CORNER)
    return wire if y == inside else [*wire[:-1], (x - CORNER, y), (x - CORNER, inside), (x, inside)]


def _to_the_right(items: Items) -> Drawing:
    """The wires lead from left to right; a value stands above its wire, its gradient below."""
    boxes = [_box_size(item) for item in items.items]
    labels = [_text_width([*item.above, *item.below]) + 2 * STUB for item in items.items]
    sizes = [
        (wide + label, max(high, 2 * max(len(item.above), len(item.below)) * LINE + PAD))
        for item, (wide, high), label in zip(items.items, boxes, labels, strict=True)
    ]
    centers, wires, low, high = placed(sizes, items.wires)
    lines: list[DrawnLine] = []
    rectangles: list[Rectangle] = []
    words: list[Words] = []
    for (source, target), wire in zip(items.wires, wires, strict=True):
        # Start in the middle of the box, where the label of the value is, not at the port that the layout chose.
        start = (wire[0][0], centers[source][1])
        y, half = centers[target][1], boxes[target][1] / 2
        lines.append(DrawnLine((source, target), (start, *_into(wire, y - half, y + half)), head=True))
    for i, (item, box, (x, y), size) in enumerate(zip(items.items, boxes, centers, sizes, strict=True)):
        left = round(x - size[0] / 2, 3) + 0.0  # no −0.0
        top = y - box[1] / 2
        rectangles.append(Rectangle(i, item.kind, left, top, *box))
        words += _in_box(i, item, left, top)
        end = left + box[0]
        lines.append(DrawnLine((i, i), ((end, y), (left + size[0], y)), head=False))
        above = [Words(i, "value", t, end + STUB, y - 5 - k * LINE) for k, t in enumerate(reversed(item.above))]
        below = [Words(i, "gradient", t, end + STUB, y + LINE - 1 + k * LINE) for k, t in enumerate(item.below)]
        words += [*above, *below]
    return _framed(items, low, high, lines, rectangles, words)


def _downwards(items: Items) -> Drawing:
    """The wires lead downwards; a value stands left of its wire, its gradient to the right."""
    boxes = [_box_size(item) for item in items.items]
    halves = [max(_text_width(item.above), _text_width(item.below)) + STUB for item in items.items]
    stubs = [max(len(item.above), len(item.below), 1) * LINE + STUB for item in items.items]
    sizes = [(high + stub, max(wide, 2 * half)) for (wide, high), half, stub in zip(boxes, halves, stubs, strict=True)]
    turned = placed(sizes, items.wires)  # from left to right
    low, high = turned.low[::-1], turned.high[::-1]
    lines: list[DrawnLine] = []
    rectangles: list[Rectangle] = []
    words: list[Words] = []
    for (source, target), wire in zip(items.wires, turned.wires, strict=True):
        start = (turned.centers[source][1], wire[0][0])
        x, half = turned.centers[target][1], boxes[target][0] / 2
        points = _into(wire, x - half, x + half)
        lines.append(DrawnLine((source, target), (start, *((x, y) for y, x in points)), head=True))
    for i, (item, box, (y, x), size) in enumerate(zip(items.items, boxes, turned.centers, sizes, strict=True)):
        top = round(y - size[0] / 2, 3) + 0.0
        left = x - box[0] / 2
        rectangles.append(Rectangle(i, item.kind, left, top, *box))
        words += _in_box(i, item, left, top)
        end = top + box[1]
        lines.append(DrawnLine((i, i), ((x, end), (x, top + size[0])), head=False))
        base = end + LINE
        words += [Words(i, "value", t, x - 6, base + k * LINE, "end") for k, t in enumerate(item.above)]
        words += [Words(i, "gradient", t, x + 6, base + k * LINE) for k, t in enumerate(item.below)]
    return _framed(items, low, high, lines, rectangles, words)


DIRECTIONS: dict[str, Callable[[Items], Drawing]] = {"right": _to_the_right, "down": _downwards}
