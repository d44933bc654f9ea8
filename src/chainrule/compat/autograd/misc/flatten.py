"""Trees as vectors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.trees import ravel as flatten

__all__ = ["flatten", "flatten_func"]


def flatten_func(func: Callable[..., Any], example: Any) -> tuple[Callable[..., Any], Callable[[Any], Any], Any]:
    """func as a function of vectors that returns a vector; how a vector becomes a tree; and the example as a vector."""
    vector, unflatten = flatten(example)

    def of_vectors(x: Any, *args: Any, **kwargs: Any) -> Any:
        return flatten(func(unflatten(x), *args, **kwargs))[0]

    return of_vectors, unflatten, vector
