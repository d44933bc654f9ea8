"""The kinds of error that chainrule raises. Each message says what was wrong, where, and what to write instead."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextvars import ContextVar

__all__ = [
    "REFUSED",
    "BlockError",
    "CannotRecord",
    "ChainruleError",
    "CheckFailed",
    "CompilerError",
    "DependsOnPhase",
    "EngineError",
    "ExpressionError",
    "GradientError",
    "NoAnswer",
    "NoDerivative",
    "RecordingError",
    "Refusal",
    "RefusedInJax",
    "Unreachable",
    "asking_others",
    "is_own_mistake",
]


class ChainruleError(Exception):
    """Base class of all errors of chainrule."""


class BlockError(ChainruleError, ValueError):
    """A block cannot compute with its arguments: shapes do not match, or an argument is unknown."""


REFUSED: ContextVar[list[Refusal] | None] = ContextVar("REFUSED", default=None)
"""The errors of this class since the function that is being recorded began; None if none is."""


class Refusal(ChainruleError):
    """A recorded array is refused: if the user's code catches the error, it is raised when the function returns."""

    def __init__(self, *args: object):
        super().__init__(*args)
        refused = REFUSED.get()
        if refused is not None:
            refused.append(self)


class RecordingError(Refusal, TypeError):
    """The code would silently lose a gradient, or uses a function for which there is no block."""


class RefusedInJax(Refusal):
    """A function of JAX is given a recorded array. This is no TypeError, which JAX replaces by one of its own."""


class CannotRecord(RecordingError):
    """The inside of a block's rule cannot be recorded; the block is then one step."""


class Unreachable(RecordingError):
    """NumPy cannot compute with arrays of another library, or not on their device."""


class GradientError(ChainruleError, TypeError):
    """A gradient is not defined: that of an integer, or of a loss that is not a scalar."""


class NoDerivative(GradientError):
    """The derivative by this operand does not exist, or cannot be computed."""


class DependsOnPhase(GradientError):
    """The loss depends on the phase of complex eigenvectors, which is arbitrary."""


class ExpressionError(ChainruleError, ValueError):
    """A text is not in the expression language, or a name or argument in it cannot be found."""


class CheckFailed(ChainruleError, AssertionError):
    """A gradient differs from its references."""


class CompilerError(ChainruleError, AssertionError):
    """A compiled program is inconsistent: a bug of chainrule, found before the program could run."""


class EngineError(ChainruleError, ValueError):
    """An engine cannot compile a function like this: arguments that are not divided as asked, an unknown engine."""


# Foreign code --------------------------------------------------------------------------------------------------------


class NoAnswer(Exception):
    """Foreign code has raised `error` where chainrule can do without its answer."""

    def __init__(self, error: Exception):
        super().__init__(f"{type(error).__name__}: {first_line(error)}")
        self.error = error


@contextlib.contextmanager
def asking_others() -> Iterator[None]:
    """Context for foreign code, which may raise anything: the user's function, a rule on another library's arrays.

    Any error becomes NoAnswer, and the caller continues without the answer. This is the only place in chainrule
    that catches errors of all classes: NumPy, PyTorch, JAX and users have their own classes. A bug of chainrule
    itself is raised unchanged.
    """
    try:
        yield
    except Exception as error:
        if is_own_mistake(error):
            raise
        raise NoAnswer(error) from error


def is_own_mistake(error: Exception) -> bool:
    """Whether an error can only be a bug in chainrule, whatever its arguments were.

    These are an undefined name, a failed assertion and a missing attribute of a class of chainrule, if raised in a file
    of chainrule. An array that stands in for a foreign one (recorded, or of written code) may lack an attribute of it.
    """
    if isinstance(error, CompilerError):
        return True
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None or not trace.tb_frame.f_code.co_filename.startswith(_HERE):
        return False
    if isinstance(error, AttributeError):
        kind = type(error.obj)
        return kind.__module__.startswith("chainrule.") and not hasattr(kind, "__array_ufunc__")
    return isinstance(error, NameError | AssertionError) and not isinstance(error, ChainruleError)


def first_line(error: BaseException) -> str:
    """The first line of an error's message."""
    return next(iter(str(error).strip().splitlines()), "")


_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
