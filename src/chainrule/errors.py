"""The kinds of error that chainrule raises. Each message says what was wrong, where, and what to write instead."""

__all__ = [
    "BlockError",
    "CannotRecord",
    "ChainruleError",
    "CheckFailed",
    "CompilerError",
    "ExpressionError",
    "GradientError",
    "RecordingError",
]


class ChainruleError(Exception):
    """What all errors of chainrule have in common."""


class BlockError(ChainruleError, ValueError):
    """A block cannot compute with what it was given: shapes that do not match, an argument it does not know."""


class RecordingError(ChainruleError, TypeError):
    """The code would lose a gradient without notice, or uses a function that no block answers for."""


class CannotRecord(RecordingError):
    """A block's rule does not record what it does inside; the block is one step then."""


class GradientError(ChainruleError, TypeError):
    """What was asked for is not defined: a gradient of an integer, of a loss that is not a scalar."""


class ExpressionError(ChainruleError, ValueError):
    """A text is not in the expression language, or a name or argument in it cannot be found."""


class CheckFailed(ChainruleError, AssertionError):
    """A gradient differs from its references."""


class CompilerError(ChainruleError, AssertionError):
    """A compiled program does not fit together: a mistake of chainrule's own, found before the program could run."""


OF_PLAIN_RULES = (
    ChainruleError,
    TypeError,
    ValueError,
    AttributeError,
    LookupError,
    ArithmeticError,
    NotImplementedError,
)
"""What a rule that was written for plain arrays may raise when it is given recorded ones."""
