"""Conventions for the arguments and the results of rules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from chainrule.array import Array, node_of
from chainrule.block import Block

__all__ = ["NotCovered", "axes_of", "cast", "chosen_by_pytorch", "fixed", "same_node", "without_gradient"]


class NotCovered(Exception):
    """The operator is covered, but not with these arguments."""


def without_gradient(*args: Any, **kwargs: Any) -> None:
    """The rule of operators that only use shapes or pass no gradient on: PyTorch's result is kept."""


def chosen_by_pytorch(rule: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: the rule gets PyTorch's own results first, to know which entries PyTorch chose."""
    rule.wants_result = True  # type: ignore[attr-defined]
    return rule


def same_node(x: Any) -> Any:
    """A copy with its own memory, so that a write into one does not change the other."""
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
