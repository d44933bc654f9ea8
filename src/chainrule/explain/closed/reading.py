"""The interface of a reading: the methods that functions in the tables of blocks may call."""

from __future__ import annotations

from collections.abc import Container
from fractions import Fraction
from typing import Any, Protocol

from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.terms import Expr, Index
from chainrule.node import Node

__all__ = ["Reading"]


class Reading(Protocol):
    """The reading of a graph; implemented in `read.py`.

    Attributes
    ----------
    atoms : the atoms of the values.
    leaves : nodes that are not read further.
    """

    atoms: Atoms
    leaves: Container[Node]

    def of(self, x: Any) -> Expr:
        """The value of a node or of a constant."""
        ...

    def whole(self, key: Any, shape: tuple[int, ...], content: Any, symmetric: bool = False) -> Expr:
        """A value as one atom, not read further."""
        ...

    def hot(self, labels: Any, size: int, idx: tuple[Index, ...]) -> dict[Any, Fraction]:
        """The one-hot rows of some labels, as a factor."""
        ...
