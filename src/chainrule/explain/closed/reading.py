"""Reading, as the tables of blocks see it: what a line of a table may ask while it reads one block."""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction
from typing import Any, Protocol

from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.terms import Expr, Index
from chainrule.node import Node

__all__ = ["Reading"]


class Reading(Protocol):
    """The reading of a graph; `read.py` has the one that there is.

    Attributes
    ----------
    atoms : of which the values are made.
    leaves : nodes that are not looked into.
    """

    atoms: Atoms
    leaves: Container[Node]

    def of(self, x: Any) -> Expr:
        """The value of a node or of a constant."""
        ...

    def whole(self, key: Any, shape: tuple[int, ...], content: Any, symmetric: bool = False) -> Expr:
        """A value that is not looked into, as one atom."""
        ...

    def hot(self, labels: Any, size: int, idx: tuple[Index, ...]) -> dict[Any, Fraction]:
        """The one-hot rows of some labels, as a factor."""
        ...
