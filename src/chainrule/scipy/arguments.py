"""Arguments of SciPy's functions by which there is no derivative."""

from typing import Any

from chainrule.array import Array, node_of, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line

__all__ = ["fixed"]


def fixed(x: Any, what: str) -> Any:
    """The plain value of an argument, such as a size or an order; an error if a gradient would be lost."""
    if isinstance(x, tuple | list):
        return type(x)([fixed(part, what) for part in x])
    if type(x) is Array and node_of(x).differentiable and x.dtype.kind in "fc":
        raise RecordingError(
            f"{what} has no derivative; give it as a plain number, or as cr.stop_gradient(x)" + at_line()
        )
    return value_of(x)
