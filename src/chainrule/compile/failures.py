"""What may go wrong without being a mistake of the compiler, each with a class of its own. Everything else surfaces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from chainrule.errors import is_own_mistake

__all__ = ["LEFT", "CallFailed", "CannotCompile", "OtherInputs", "asking_llvm"]


class OtherInputs(TypeError):
    """The arguments are not those for which a function was compiled, or take another path through it."""


class CallFailed(Exception):
    """A block's own rule has raised something, in a compiled program: the function itself, run anew, tells."""


class CannotCompile(Exception):
    """LLVM does not do what it is asked for: another version of it, no memory that may be executed, a full disk."""


LEFT = (OtherInputs, CallFailed, FloatingPointError)
"""What leaves a compiled program to the way that looks at everything; the last is NumPy's, if it is told to raise."""


@contextlib.contextmanager
def asking_llvm() -> Iterator[None]:
    """Within this, LLVM is called; what it raises is CannotCompile."""
    try:
        yield
    except (RuntimeError, OSError, ImportError, AttributeError) as error:  # the last one: no such function in it
        if is_own_mistake(error):
            raise
        raise CannotCompile(f"{type(error).__name__}: {error}") from error
