"""Texts and files that recorded numbers are written to.

Printing, logging and saving are free. But a number that the same function reads back from there would be a constant,
and the gradient would be lost without a word:

    x * float(str(x))       # an error: write x * x
    x * float(f"{x:.3f}")   # rounded as by np.round(x, 3), so the text counts as a constant
"""

from __future__ import annotations

import re
from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.buffered import BUFFERED
from chainrule.errors import RecordingError
from chainrule.node import at_line

__all__ = ["WRITTEN", "NumberText", "note_written", "refuse_reading", "refuse_text", "text_of"]

WRITTEN: ContextVar[list[Any] | None] = ContextVar("WRITTEN", default=None)
"""The numbers that recorded arrays have written to files since the recording began; None outside of one."""


class NumberText(str):
    """The text of a recorded number, unrounded. It is a string like any other, but `float` of it is an error."""

    __slots__ = ()

    def __str__(self) -> str:
        return self

    def __format__(self, spec: str) -> str:
        return format(str.__str__(self), spec) if spec else self

    def __float__(self) -> float:
        refuse_text("float")
        return float(str.__str__(self))

    def __complex__(self) -> complex:
        refuse_text("complex")
        return complex(str.__str__(self))

    def __reduce__(self) -> Any:
        return str, (str.__str__(self),)

    def strip(self, chars: str | None = None, /) -> str:
        return NumberText(super().strip(chars))


def text_of(value: Any, differentiable: bool, spec: str | None = None) -> str:
    """`str` of a recorded value, or `format` with a spec: for an unrounded number a `NumberText`."""
    text = str(value) if spec is None else format(value, spec)
    digits = re.search(r"\.(\d+)", spec or "")
    rounded = digits is not None and int(digits[1]) < _ALL_DIGITS
    return NumberText(text) if differentiable and not rounded and not np.ndim(value) and BUFFERED.get() else text


_ALL_DIGITS = 15


def refuse_text(name: str) -> None:
    """Raise if a function is being recorded: the text of a recorded number becomes a number again."""
    if BUFFERED.get():
        raise RecordingError(
            f"{name}(text) of the text of a recorded number would lose its gradient; use the number itself" + at_line()
        )


def note_written(x: Any) -> Any:
    """x, the numbers of a recorded array that are written to a file now, after a note of that."""
    written = WRITTEN.get()
    if written is not None:
        written.append(np.ravel(x))
    return x


def refuse_reading(name: str, numbers: Any) -> None:
    """Raise if these numbers, just read by a function of that name, are those that a recorded array has written."""
    for written in WRITTEN.get() or ():
        if np.size(numbers) == written.size and np.array_equal(np.ravel(numbers), written):
            raise RecordingError(
                f"{name} reads numbers that a recorded array has written, which would lose their gradient; use the "
                "array itself" + at_line()
            )
