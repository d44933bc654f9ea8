"""Boxes, which open and close on the page: functions, modules, composite blocks, loops, pieces of long boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.explain.page.insides import Row
from chainrule.explain.printers import unicode
from chainrule.watching.scopes import Scope

__all__ = ["Box", "boxes_of"]

CROWD = 40
"""A box with more items than this is cut into pieces."""
AT_FIRST = 26
"""Functions start open as long as no more items than this are visible."""
FEW_INPUTS = 12
"""If there are more inputs than this, each moves into the box that uses it, if it is the only one."""
REPEATS, REPEATED = 3, 6
"""A loop is folded if it has at least this many iterations and this many items."""
LONGEST_TURN = 64


@dataclass
class Box:
    """Several items under one name.

    Attributes
    ----------
    kind : "function", "module", "inside" (of a composite block), "repeat" (a loop), "turn" (once through it), "group".
    name : of the box.
    items : positions of rows, and boxes.
    step : for an inside, the place of the composite block.
    open : whether it starts open.
    """

    kind: str
    name: str
    items: list[int | Box] = field(default_factory=list)
    step: int | None = None
    open: bool = False

    def story(self) -> dict[str, Any]:
        items = [item.story() if isinstance(item, Box) else item for item in self.items]
        told: dict[str, Any] = {"kind": self.kind, "name": self.name, "items": items, "open": self.open}
        return told if self.step is None else told | {"step": self.step}


def boxes_of(rows: Sequence[Row], scopes: Sequence[Scope], title: str) -> Box:
    """The explained function as a box that contains all others."""
    root = _scoped(rows, scopes, title)
    inputs = [place for place in root.items if isinstance(place, int) and rows[place].formula is None]
    if len(inputs) > FEW_INPUTS:
        _move_to_their_users(root, rows, inputs)
    signatures: dict[Any, int] = {}
    _fold(root, rows, signatures, len(inputs) <= FEW_INPUTS)
    _open_some(root)
    return root


def _scoped(rows: Sequence[Row], scopes: Sequence[Scope], title: str) -> Box:
    root = Box("function", title, open=True)
    boxes = [Box(scope.kind, scope.name) for scope in scopes]
    placed: set[int] = set()

    def box_of(scope: int | None) -> Box:
        if scope is None:
            return root
        if scope not in placed:
            placed.add(scope)
            box_of(scopes[scope].parent).items.append(boxes[scope])
        return boxes[scope]

    insides = {
        place: Box("inside", unicode(row.name), step=place) for place, row in enumerate(rows) if row.out is not None
    }
    for place, row in enumerate(rows):
        box = box_of(row.scope) if row.within is None else insides[row.within]
        box.items.append(insides.get(place, place))
    return root


def _move_to_their_users(root: Box, rows: Sequence[Row], inputs: list[int]) -> None:
    """Move weights into the layer that uses them, if it is the only one."""
    users: dict[int, list[int]] = {}
    for place, row in enumerate(rows):
        if row.within is None:
            for operand in row.operands:
                if operand is not None:
                    users.setdefault(operand, []).append(place)
    above = _boxes_above(root)
    for place in inputs:
        chains = [above[user] for user in users.get(place, ())]
        common = _common(chains) if chains else [root]
        if common[-1] is not root:
            root.items.remove(place)
            common[-1].items.insert(0, place)


def _boxes_above(root: Box) -> dict[int, list[Box]]:
    """The boxes around each row, outermost first."""
    found: dict[int, list[Box]] = {}
    stack = [[root]]
    while stack:
        chain = stack.pop()
        for item in chain[-1].items:
            if isinstance(item, int):
                found[item] = chain
            elif item.step is not None:
                found[item.step] = chain
            else:
                stack.append([*chain, item])
    return found


def _common(chains: list[list[Box]]) -> list[Box]:
    length = 0
    while all(len(c) > length for c in chains) and all(c[length] is chains[0][length] for c in chains):
        length += 1
    return chains[0][:length]


# Folding -----------------------------------------------------------------------------------------------------


def _fold(box: Box, rows: Sequence[Row], signatures: dict[Any, int], inputs_stay: bool) -> int:
    """Fold repetitions in a box, from the inside out. Returns a number that is the same for equal boxes."""

    def signature(item: int | Box) -> int:
        if isinstance(item, Box):
            return _fold(item, rows, signatures, inputs_stay)
        row = rows[item]
        kind = "input" if row.formula is None else row.node.block.does
        return signatures.setdefault((kind, np.shape(row.node.value)), len(signatures))

    marks = [signature(item) for item in box.items]
    fixed = [inputs_stay and _is_input(item, rows) for item in box.items]
    blocks = tuple(mark for mark, item in zip(marks, box.items, strict=True) if not _is_input(item, rows))
    own = signatures.setdefault((box.kind, box.name if box.step is None else "", blocks), len(signatures))
    if box.kind != "inside":
        box.items = _repeats_folded(box.items, marks, fixed)
    for item in box.items:
        if isinstance(item, Box) and item.kind == "repeat":
            _cut(item, [str(i + 1) for i in range(len(item.items))], "–", f" of {len(item.items)}")
    _cut(box, [_name(item, rows) for item in box.items], " … ")
    return own


def _is_input(item: int | Box, rows: Sequence[Row]) -> bool:
    return isinstance(item, int) and rows[item].formula is None


def _repeats_folded(items: list[int | Box], marks: list[int], fixed: list[bool]) -> list[int | Box]:
    folded: list[int | Box] = []
    at = 0
    while at < len(items):
        length, times = (1, 1) if fixed[at] else _repetition(marks, at)
        if times == 1:
            folded.append(items[at])
            at += 1
            continue
        turns = [items[at + k * length : at + (k + 1) * length] for k in range(times)]
        whole = [
            turn[0] if len(turn) == 1 else Box("turn", f"{k + 1} of {times}", turn) for k, turn in enumerate(turns)
        ]
        folded.append(Box("repeat", f"×{times}", whole))
        at += length * times
    return folded


def _repetition(marks: list[int], at: int) -> tuple[int, int]:
    """The length and number of turns of the largest loop that starts here; (1, 1) if there is none."""
    best = (1, 1)
    for length in range(1, min(LONGEST_TURN, (len(marks) - at) // REPEATS) + 1):
        if marks[at] != marks[at + length]:
            continue
        times, end = 1, at + length
        while marks[end : end + length] == marks[at : at + length]:
            times, end = times + 1, end + length
        if times >= REPEATS and times * length >= REPEATED and times * length > best[0] * best[1]:
            best = (length, times)
    return best


def _cut(box: Box, names: Sequence[str], between: str, after: str = "") -> None:
    """Cut a long box into pieces of about the same length, and group these again if they are many.

    The name of a piece is that of its first and its last item.
    """
    spans = [(i, i) for i in range(len(box.items))]
    while len(box.items) > CROWD:
        pieces = -(-len(box.items) // CROWD)
        size = -(-len(box.items) // pieces)
        cuts = [slice(i, i + size) for i in range(0, len(box.items), size)]
        spans = [(spans[cut][0][0], spans[cut][-1][1]) for cut in cuts]
        box.items = [
            Box("group", f"{names[span[0]]}{between}{names[span[1]]}{after}", box.items[cut])
            for span, cut in zip(spans, cuts, strict=True)
        ]


def _name(item: int | Box, rows: Sequence[Row]) -> str:
    return unicode(rows[item].name) if isinstance(item, int) else item.name.split(" … ")[0]


def _open_some(root: Box) -> None:
    """Open functions and modules from the outside in, up to `AT_FIRST` visible items."""
    seen = len(root.items)
    waiting = [item for item in root.items if isinstance(item, Box)]
    while waiting:
        box = waiting.pop(0)
        if box.kind in ("function", "module") and seen + len(box.items) - 1 <= AT_FIRST:
            box.open = True
            seen += len(box.items) - 1
            waiting += [item for item in box.items if isinstance(item, Box)]
