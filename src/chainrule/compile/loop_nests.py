"""Loops around a body: one inside the other, and over pieces of rows that threads share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chainrule.compile.loops import (
    Assign,
    Constant,
    Do,
    For,
    Length,
    LoopExpression,
    LoopFunction,
    Name,
    Statement,
    While,
    as_expression,
    call,
)
from chainrule.compile.signatures import Argument
from chainrule.compile.threads import PIECES

__all__ = ["nested", "of_pieces", "over_pieces"]


def nested(loops: Sequence[tuple[str, Any, Any]], body: Sequence[Statement]) -> list[Statement]:
    """Loops around a body, outermost first, each given by index, start and stop."""
    made = list(body)
    for index, start, stop in reversed(loops):
        made = [For(index, as_expression(start), as_expression(stop), Constant(1), tuple(made))]
    return made


def of_pieces(sums: int) -> list[Argument]:
    """The first parameters of a kernel that threads share: cuts, turns and parts, with a column for each sum."""
    return [
        Argument("int64", (PIECES + 1,)),
        Argument("int64", (2,), is_written=True),
        Argument("float64", (PIECES, sums), is_written=True),
    ]


def over_pieces(
    name: str, parameters: list[str], rows: LoopExpression, body: list[Statement], takes: tuple[Argument, ...]
) -> LoopFunction:
    """A function that takes pieces of its rows and runs them until none is left: see `threads.shared`."""
    turns, piece = Name("turns"), Name("piece")
    take = Assign(("piece",), call("vm.take", turns))
    ends = Assign(("first", "last", "count"), call("vm.piece_of", Name("cuts"), piece, rows))
    each = While(piece < Length(Name("parts")), (ends, *body, Do(call("vm.finish", turns)), take))
    return LoopFunction(name, ("cuts", "turns", "parts", *parameters), (take, each), "kernel", takes)
