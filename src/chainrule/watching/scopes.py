"""Scopes: the call of a user's function, or the module of a network, to which each recorded step belongs.

A scope is an interval of node numbers: it opens and closes between two nodes, and contains the nodes between. So
recording a node costs nothing more.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from chainrule.node import Line, Node, is_internal, is_library, now

__all__ = ["NO_SCOPES", "Scope", "Scopes", "collect_scopes", "scope"]


@dataclass(frozen=True)
class Scope:
    """One call of a function, or one use of a module. Each call is a scope of its own.

    Attributes
    ----------
    name : the function's or the module's name.
    kind : "function" or "module".
    parent : the position of the enclosing scope, or None.
    line : the line of user code that called it, if one did.
    """

    name: str
    kind: str
    parent: int | None
    line: Line | None


class Scopes:
    """The scopes opened during one recording. It is the `calls` of `watch_locals`."""

    def __init__(self) -> None:
        self._opened: list[Scope] = []
        self._spans: list[list[int]] = []  # first and last node number
        self._open: list[int | None] = []  # positions of the open ones, outermost first; None: the function itself

    def enter(self, frame: Any) -> int | None:
        """A user's function is called. Returns the argument for `leave`, or None if the call is not a scope."""
        code = frame.f_code
        if (code.co_name.startswith("<") and code.co_name != "<lambda>") or is_library(code.co_filename):
            return None
        if not self._open:  # the explained function itself
            self._open.append(None)
            return 0
        return self.open(_name(code), "function", _caller(frame))

    def open(self, name: str, kind: str, line: Line | None) -> int:
        """Open a scope inside the open ones. Returns the argument for `leave`."""
        parent = next((place for place in reversed(self._open) if place is not None), None)
        self._open.append(len(self._opened))
        self._opened.append(Scope(name, kind, parent, line))
        self._spans.append([now(), STILL_OPEN])
        return len(self._open) - 1

    def leave(self, depth: int) -> None:
        """Close a scope, and all that are still open inside it."""
        for place in self._open[depth:]:
            if place is not None:
                self._spans[place][1] = now()
        del self._open[depth:]

    def of(self, nodes: Sequence[Node]) -> tuple[tuple[Scope, ...], list[int | None]]:
        """The scopes in which these nodes were recorded, and for each node the position of its innermost one."""
        innermost = self._innermost(nodes)
        used: set[int] = set()
        for place in innermost:
            while place is not None and place not in used:
                used.add(place)
                place = self._opened[place].parent
        kept = sorted(used)
        places = {old: new for new, old in enumerate(kept)}
        scopes = [self._opened[old] for old in kept]
        moved = tuple(Scope(s.name, s.kind, None if s.parent is None else places[s.parent], s.line) for s in scopes)
        return moved, [None if place is None else places[place] for place in innermost]

    def _innermost(self, nodes: Sequence[Node]) -> list[int | None]:
        """One walk over the nodes in recorded order, with a stack of the enclosing scopes."""
        found: dict[Node, int | None] = {}
        stack: list[int] = []
        upcoming = 0
        for node in sorted(nodes, key=lambda node: node.order):
            while upcoming < len(self._spans) and self._spans[upcoming][0] < node.order:
                stack.append(upcoming)
                upcoming += 1
            while stack and self._spans[stack[-1]][1] < node.order:
                stack.pop()
            found[node] = stack[-1] if stack else None
        return [found[node] for node in nodes]


STILL_OPEN = 2**63
"""The end of a scope that is still open: later than every node."""

NO_SCOPES = Scopes()
"""The scopes of a recording that was not watched."""

COLLECTED: ContextVar[Scopes | None] = ContextVar("COLLECTED", default=None)


@contextlib.contextmanager
def collect_scopes() -> Iterator[Scopes]:
    """Collect the scopes opened in this thread inside the `with` block."""
    scopes = Scopes()
    token = COLLECTED.set(scopes)
    try:
        yield scopes
    finally:
        COLLECTED.reset(token)


@contextlib.contextmanager
def scope(name: str, kind: str = "function", line: Line | None = None) -> Iterator[None]:
    """Steps recorded inside belong to a scope of this name. Without `collect_scopes` it does nothing.

    >>> import chainrule as cr
    >>> def doubled(x):
    ...     with scope("first layer", "module"):
    ...         h = x * x
    ...     return h * 2
    >>> explanation = cr.explain(doubled)(3.0)
    >>> explanation.scopes[0].name, [step.scope for step in explanation.forward]
    ('first layer', [None, 0, None])
    """
    scopes = COLLECTED.get()
    if scopes is None:
        yield
        return
    depth = scopes.open(name, kind, line)
    try:
        yield
    finally:
        scopes.leave(depth)


def _name(code: Any) -> str:
    """A function's name as in its source: `Net.forward`, but `Net` for `__call__`."""
    name = code.co_qualname.rpartition("<locals>.")[2]
    return name.removesuffix(".__call__").replace("<lambda>", "lambda")


def _caller(frame: Any) -> Line | None:
    """The line of user code that called the function of a frame."""
    frame = frame.f_back
    while frame is not None and is_internal(frame.f_code.co_filename):
        frame = frame.f_back
    return None if frame is None else Line(frame.f_code.co_filename, frame.f_lineno)
