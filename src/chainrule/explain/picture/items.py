"""The boxes of a picture: single steps, and closed boxes for functions, modules and loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.explain import values
from chainrule.explain.page.boxes import Box, boxes_of
from chainrule.explain.page.insides import Row
from chainrule.explain.printers import unicode
from chainrule.explain.steps import Explained, Step
from chainrule.formula import Formula

__all__ = ["LONGEST", "Item", "Items", "foldings"]

FEW = 30
"""A function of at most this many steps is drawn step by step; boxes are opened until this many items are visible."""
FEW_INPUTS = 12
"""If there are more inputs than this, they move into the closed boxes that use them."""
LONGEST = 30
"""The largest number of characters of a formula in a box."""
ROWS = 4
"""The largest number of lines of a value above a wire."""


@dataclass(frozen=True)
class Item:
    """What one box of a picture stands for.

    Attributes
    ----------
    kind : "input", "step", "loss" or "folded" (several steps).
    name : of its value.
    formula : the formula of a step; None for an input and for a folded box.
    words : the name of the function, module or loop in a folded box.
    subtitle : the second line in the box.
    above, below : the lines on its wire: the value, and its gradient.
    places : the numbers of the steps that it contains.
    """

    kind: str
    name: Formula
    formula: Formula | None
    words: str
    subtitle: str
    above: tuple[str, ...]
    below: tuple[str, ...]
    places: tuple[int, ...]


@dataclass(frozen=True)
class Items:
    """The items of a picture in their order, and the wires: from an earlier to a later one."""

    items: tuple[Item, ...]
    wires: tuple[tuple[int, int], ...]


def foldings(explanation: Explained, fold: bool, room: int) -> Iterator[Items]:
    """The ways to draw a graph, from the one that shows most to a single box with its inputs.

    `room` is how many characters of a value fit on a line.
    """
    steps = range(len(explanation.forward))
    if not fold or len(steps) <= FEW:
        yield _items(explanation, [(place,) for place in steps], room)
    if not fold:
        return
    rows = [
        Row(node, step.name, step.formula, step.operands, None, (), step.scope)
        for node, step in zip(explanation.nodes, explanation.forward, strict=True)
    ]
    root = boxes_of(rows, explanation.scopes, explanation.title)
    opened = _opened(root)
    for count in range(len(opened), 0, -1):
        seen = list(_seen(root, {id(box) for box in opened[:count]}))
        yield _items(explanation, [_places(item) for item in seen], room, seen)


# Boxes -----------------------------------------------------------------------------------------------------------


def _opened(root: Box) -> list[Box]:
    """The boxes to open, the outer ones first, until `FEW` items are seen."""
    found, waiting = [], [root]
    count = 1
    while waiting:
        box = waiting.pop(0)
        shown = _shown(box)
        if box is root or count + len(shown) - 1 <= FEW:
            found.append(box)
            count += len(shown) - 1
            waiting += [item for item in shown if isinstance(item, Box)]
    return found


def _shown(box: Box) -> list[int | Box]:
    """The items inside an open box. A loop shows its first and last iteration, and one box for those between."""
    if box.kind != "repeat":
        return box.items
    rounds = _rounds(box)
    if len(rounds) < 4:
        return rounds
    between = Box("folded", box.name, rounds[1:-1])
    return [rounds[0], between, rounds[-1]]


def _rounds(box: Box) -> list[int | Box]:
    """The iterations of a loop, which may be split over several boxes."""
    found: list[int | Box] = []
    for item in box.items:
        found += _rounds(item) if isinstance(item, Box) and item.kind == "group" else [item]
    return found


def _seen(box: Box, opened: set[int]) -> Iterator[int | Box]:
    """The items that are visible if these boxes are open."""
    if id(box) not in opened:
        yield box
        return
    for item in _shown(box):
        if isinstance(item, int) or item.kind == "folded":
            yield item
        else:
            yield from _seen(item, opened)


def _places(item: int | Box) -> tuple[int, ...]:
    """The steps in an item."""
    if isinstance(item, int):
        return (item,)
    return tuple(sorted(place for part in item.items for place in _places(part)))


# Items -----------------------------------------------------------------------------------------------------------


def _items(
    explanation: Explained, groups: Sequence[tuple[int, ...]], room: int, boxes: Sequence[int | Box] | None = None
) -> Items:
    """Items for groups of steps; an input that only one closed group uses may move into it."""
    steps = explanation.forward
    named = dict(zip(groups, boxes or groups, strict=True))
    groups = sorted(_with_inputs(steps, groups), key=lambda group: _first(steps, group))
    item_of = {place: i for i, group in enumerate(groups) for place in group}
    gradients = {gradient.name.parts[1]: gradient.value for gradient in explanation.backward}
    found = []
    for group in groups:
        out = _result(steps, group)
        box = named.get(group) or next(box for places, box in named.items() if set(places) <= set(group))
        words = _words(box, steps, group) if isinstance(box, Box) else ""
        found.append(_item(explanation, group, words, room, gradients.get(steps[out].name)))
    wires = (
        (item_of[source], target)
        for target, group in enumerate(groups)
        for place in group
        for source in steps[place].operands
    )
    return Items(tuple(found), tuple(dict.fromkeys((a, b) for a, b in wires if a != b)))


def _with_inputs(steps: Sequence[Step], groups: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """The groups; if there are many inputs, each moves into the closed group that uses it, if it is the only one."""
    item_of = {place: i for i, group in enumerate(groups) for place in group}
    inputs = [group for group in groups if len(group) == 1 and steps[group[0]].formula is None]
    if len(inputs) <= FEW_INPUTS:
        return list(groups)
    users: dict[int, set[int]] = {}
    for place, step in enumerate(steps):
        for source in step.operands:
            users.setdefault(source, set()).add(item_of[place])
    moved: dict[int, list[int]] = {}
    for (place,) in inputs:
        by = users.get(place, set())
        if len(by) == 1 and len(groups[next(iter(by))]) > 1:
            moved.setdefault(next(iter(by)), []).append(place)
    gone = {place for places in moved.values() for place in places}
    return [
        tuple(sorted((*group, *moved.get(i, ()))))
        for i, group in enumerate(groups)
        if not (len(group) == 1 and group[0] in gone)
    ]


def _first(steps: Sequence[Step], group: tuple[int, ...]) -> tuple[bool, int]:
    """A sort key: the first step of a group that is not an input; inputs come first."""
    inner = [place for place in group if steps[place].formula is not None]
    return (True, inner[0]) if inner else (False, group[0])


def _result(steps: Sequence[Step], group: tuple[int, ...]) -> int:
    """The step whose value is used outside the group; the last one if there are several."""
    return next((place for place in reversed(group) if steps[place].formula is not None), group[-1])


def _words(box: Box, steps: Sequence[Step], group: tuple[int, ...]) -> str:
    """The title of a closed box."""
    more = "more " * (box.kind == "folded")
    if all(steps[place].formula is None for place in group):
        return f"{len(group)} {more}inputs"
    if box.kind in ("repeat", "folded"):
        return f"{len(_rounds(box))} {more}rounds"
    return f"round {box.name}" if box.kind == "turn" else box.name


def _item(explanation: Explained, group: tuple[int, ...], words: str, room: int, gradient: Any) -> Item:
    step = explanation.forward[_result(explanation.forward, group)]
    shape = values.shape_text(step.value)
    if len(group) > 1:
        inner = sum(explanation.forward[place].formula is not None for place in group)
        subtitle = [f"{inner} steps" if inner else "inputs", f"{unicode(step.name)} {shape}".rstrip()]
    else:
        subtitle = [step.block if step.formula else "", shape]
    kind = "folded" if len(group) > 1 else "input" if step.formula is None else "step"
    return Item(
        "loss" if kind == "step" and step.name == explanation.loss else kind,
        step.name,
        step.formula,
        words,
        " · ".join(filter(None, subtitle)),
        _lines(step.value, room),
        () if gradient is None else _lines(gradient, room),
        group,
    )


def _lines(x: Any, room: int) -> tuple[str, ...]:
    told = values.lines(x)
    if len(told) > ROWS:
        told = [*told[: ROWS - 1], "⋮"]
    return tuple(line if len(line) <= room else line[: room - 1] + "…" for line in told)
