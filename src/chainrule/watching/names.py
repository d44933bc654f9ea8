"""Names for recorded nodes: those of the user's variables, else a, b, c, …"""

from __future__ import annotations

import contextlib
import itertools
import string
import types
from collections import deque
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from chainrule.node import Node
from chainrule.reach import REACH, Place, Reach

__all__ = ["Names", "captured", "data_in_reach", "numbers_of", "variables_of", "variables_read"]

MOST_IN_LISTS = 1_000
"""Lists of more numbers than this are not treated as arrays."""


def captured(f: Callable[..., Any]) -> dict[str, Any]:
    """The plain arrays that a function reads from outside."""
    return {name: value for name, value in variables_read(f).items() if isinstance(value, np.ndarray)}


def data_in_reach(f: Callable[..., Any]) -> dict[str, np.ndarray]:
    """The plain arrays and lists of numbers that a function can reach from outside, nearest first.

    They are named by variables, attributes and keys. If two have the same name, the name of the more distant one is
    prefixed by the name of its holder: data.X.
    """
    found: dict[str, np.ndarray] = {}
    seen: set[int] = set()
    reach = Reach()
    queue: deque[tuple[Any, str]] = deque([(f, "")])
    while queue and len(seen) < REACH:
        holder, called = queue.popleft()
        if id(holder) in seen:
            continue
        seen.add(id(holder))
        for label, value in _named_places(holder, reach.places(holder)):
            array = numbers_of(value)
            if array is None:
                queue.append((value, label or called))
            elif label.isidentifier():
                known = found.setdefault(label, array)
                if known is not array and called:
                    found.setdefault(f"{called}.{label}", array)
    return found


def _named_places(holder: Any, places: list[Place]) -> list[tuple[str, Any]]:
    """The values in an object's places with their names; variables in the order in which code first uses them."""
    code: Any = getattr(holder, "__code__", None)
    of_python = isinstance(code, types.CodeType)  # a class of compiled functions has an attribute of this name
    order = {n: i for i, n in enumerate((*code.co_names, *code.co_freevars))} if of_python else {}
    cells = zip(getattr(holder, "__closure__", None) or (), code.co_freevars, strict=False) if of_python else ()
    closure = {id(cell): label for cell, label in cells}
    named = [(closure.get(id(p.holder)) or (p.key if isinstance(p.key, str) else ""), p.value) for p in places]
    return sorted(named, key=lambda place: order.get(place[0], len(order))) if order else named


def numbers_of(x: Any) -> np.ndarray | None:
    """An array, or a list of numbers as one; else None."""
    if isinstance(x, np.ndarray):
        return x if x.dtype.kind in "biufc" else None
    if not isinstance(x, list | tuple) or not 0 < len(x) <= MOST_IN_LISTS:
        return None
    rows = [row if isinstance(row, list | tuple) else [row] for row in x]
    if len({len(row) for row in rows}) > 1 or len(rows) * len(rows[0]) > MOST_IN_LISTS:
        return None
    flat = all(type(n) in (int, float, bool) for row in rows for n in row)
    return np.array(x) if flat and rows[0] else None


def variables_read(f: Callable[..., Any]) -> dict[str, Any]:
    """The variables that a function reads from outside: its closure and the globals that it names."""
    code = getattr(f, "__code__", None)
    if code is None:
        return {}
    found = {n: f.__globals__[n] for n in code.co_names if n in f.__globals__}  # type: ignore[attr-defined]
    for name, cell in zip(code.co_freevars, getattr(f, "__closure__", None) or (), strict=False):
        with contextlib.suppress(ValueError):  # a cell that is still empty
            found[name] = cell.cell_contents
    return found


def variables_of(f: Callable[..., Any]) -> set[str]:
    """The names of a function's variables, including those not assigned yet."""
    code = getattr(f, "__code__", None)
    return set() if code is None else {*code.co_varnames, *code.co_freevars, *code.co_cellvars}


LOSS = ("L", "J", "E")
"""Names for a loss without a name, tried in order; if the user has another L, it is J, not L2."""


class Names:
    """A unique name for each node.

    Nodes keep their name, with a number if it is taken (x, x2, x3). Nodes without a name get letters.
    """

    AVOID = frozenset("deijlo")  # e is Euler's number, d and i, j are read as signs, l and o as digits

    def __init__(self, nodes: list[Node], last: Node, taken: set[str], reserved: Collection[str] = ()):
        self.of: dict[Node, str] = {}
        taken = set(taken)
        counts: dict[str, int] = {}  # the largest number given to each name
        for node in nodes:
            if node.name:
                self.of[node] = _free(node.name, taken, counts)
        if last not in self.of:
            self.of[last] = next((n for n in LOSS if n not in taken), None) or _free("L", taken, counts)
            taken.add(self.of[last])
        taken |= set(reserved)
        letters = (
            "".join(word)
            for size in itertools.count(1)
            for word in itertools.product(string.ascii_lowercase, repeat=size)
            if size > 1 or word[0] not in self.AVOID
        )
        for node in nodes:
            if node not in self.of:
                self.of[node] = next(letter for letter in letters if letter not in taken)
                taken.add(self.of[node])


def _free(name: str, taken: set[str], counts: dict[str, int]) -> str:
    """Take and return the first free one of name, name2, name3, …"""
    found = name
    while found in taken:
        counts[name] = counts.get(name, 1) + 1
        found = f"{name}{counts[name]}"
    taken.add(found)
    return found
