"""Whether new arrays of the user's code can hold recorded values."""

from contextvars import ContextVar

__all__ = ["BUFFERED"]

BUFFERED: ContextVar[bool] = ContextVar("BUFFERED", default=False)
"""True while a function is recorded, in its own context only: new arrays that it makes are then buffers.

See `chainrule.standins`. The rules of a user's block run on plain arrays, so for them it is False.
"""
