"""The vectors of a decomposition: computed packed into one array, written as U and V in a formula."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from chainrule.explain.closed.terms import UnwritableError
from chainrule.formula import Formula, name
from chainrule.node import Node

__all__ = ["Part"]

SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True)
class Part:
    """Vectors of a decomposition: all of them as columns, or a single one.

    Attributes
    ----------
    letter : U or V, of X = U diag(s) Vᵀ or A = V diag(w) Vᵀ.
    shape : of the matrix or vector.
    of : the decomposed matrix.
    column : of the single vector, counted from 0; None for all.
    """

    letter: str
    shape: tuple[int, ...]
    of: Node
    column: int | None = None

    def formula(self, taken: Container[str]) -> Formula:
        """U, or u₁. Falls back to the block's name if the user has a variable of that name."""
        if self.letter in taken or self.letter.lower() in taken:
            raise UnwritableError
        if self.column is None:
            return name(self.letter, self.shape)
        return name(self.letter.lower() + str(self.column + 1).translate(SUBSCRIPTS), self.shape)
