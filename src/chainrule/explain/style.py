"""The options of a document about an explanation."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

from chainrule.explain.values import DIGITS

__all__ = ["Shows", "Style"]


class Style(NamedTuple):
    """The options of a document.

    Attributes
    ----------
    title : its heading; None for the name of the function, "" for no heading.
    steps : whether the backward pass is shown step by step; else only the forward pass and the closed forms are shown.
    symbols, numbers : whether formulas over names are shown, and whether numbers are.
    local_gradients : whether the chain with local gradients is shown, and these as matrices.
    digits : how many digits a number has.
    fold : whether equal rounds of a loop, and calls like an earlier one, are folded.
    """

    title: str | None = None
    steps: bool = True
    symbols: bool = True
    numbers: bool = True
    local_gradients: bool = True
    digits: int = DIGITS
    fold: bool = True


class Shows(TypedDict, total=False):
    """The options of `Style` as keyword arguments."""

    title: str | None
    steps: bool
    symbols: bool
    numbers: bool
    local_gradients: bool
    digits: int
    fold: bool
