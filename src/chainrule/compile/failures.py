"""Failures that are not bugs of the compiler, each a class of its own. Every other exception is passed on."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chainrule.errors import is_own_mistake

__all__ = ["LEFT", "CallFailed", "CannotCompile", "CannotRoll", "OtherInputs", "Overflowed", "TooMuch", "asking_llvm"]


class OtherInputs(TypeError):
    """The arguments do not match those a function was compiled for, or take another path through it."""


class Overflowed(OtherInputs):
    """A value has overflowed, so its gradient is unknown (see `backward.py`): the function runs uncompiled."""


class CallFailed(Exception):
    """A block's own rule raised in a compiled program: the function itself is run again to report the error."""


class CannotCompile(Exception):
    """LLVM fails: an incompatible version, no executable memory, a full disk."""


class CannotRoll(Exception):
    """Repeated steps of a recording cannot be one loop: the function is recorded again, step by step."""


class TooMuch(CannotRoll):
    """A program takes more bytes for intermediate results than it may: its loops are recorded in segments."""

    def __init__(self, taken: int):
        super().__init__(f"it takes {taken} bytes")
        self.taken = taken


LEFT = (OtherInputs, CallFailed, FloatingPointError)
"""The exceptions that send a call to the general path; NumPy raises the last one, if `np.errstate` says so."""


@contextlib.contextmanager
def asking_llvm() -> Iterator[None]:
    """Context for calls of LLVM: turns its exceptions into CannotCompile."""
    try:
        yield
    except (RuntimeError, OSError, ImportError, AttributeError) as error:  # AttributeError: LLVM lacks a function
        if is_own_mistake(error):
            raise
        raise CannotCompile(f"{type(error).__name__}: {error}") from error
