"""What a rule of an operator is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import Block

__all__ = ["NotCovered", "axes_of", "cast", "chosen_by_pytorch", "fixed", "same_node", "without_gradient"]


class NotCovered(Exception):
    """An operator is covered, but not with these arguments."""


def without_gradient(*args: Any, **kwargs: Any) -> None:
    """Stands for operators that only look at shapes, or through which no gradient flows: PyTorch's result is kept."""


def chosen_by_pytorch(rule: Callable[..., Any]) -> Callable[..., Any]:
    """A rule that wants PyTorch's own results first, because it is told by them which entries were chosen."""
    rule.wants_result = True  # type: ignore[attr-defined]
    return rule


def same_node(x: Any) -> Any:
    """A copy: the same value, in memory of its own, so that a write into one leaves the other."""
    return Array(node_of(x)) if type(x) is Array else np.copy(x)


@partial(Block, notation=lambda x: x, differentiable=False)
def fixed(xp, x):
    """A plain array, recorded because something may be written into it."""
    return x


def axes_of(dim: Any) -> tuple[int, ...] | int | None:
    """`dim` as `axis`: PyTorch's empty list means all."""
    return dim if isinstance(dim, int) else tuple(dim) if dim else None


def cast(x: Any, dtype: Any) -> Any:
    return x if dtype is None or x.dtype == dtype else np.astype(x, dtype)
