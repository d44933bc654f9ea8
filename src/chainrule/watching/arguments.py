"""The arguments of a call by name, and which of them can be differentiated."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from chainrule.array import value_of
from chainrule.libraries import is_inexact
from chainrule.trees import flatten

__all__ = ["bound_arguments", "has_floats"]


def bound_arguments(f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call of f by name; those of `*args` get numbers."""
    try:
        bound = inspect.signature(f).bind(*args, **kwargs)
    except ValueError:  # no signature, as for NumPy's own functions
        return {"x" if len(args) == 1 else f"x{i}": a for i, a in enumerate(args)} | kwargs
    named: dict[str, Any] = {}
    for label, value in bound.arguments.items():
        if bound.signature.parameters[label].kind is inspect.Parameter.VAR_POSITIONAL:
            named |= {f"{label}{i}": v for i, v in enumerate(value)}
        elif bound.signature.parameters[label].kind is inspect.Parameter.VAR_KEYWORD:
            named |= value
        else:
            named[label] = value
    return named


def has_floats(x: Any) -> bool:
    """Whether an argument is an array of a floating type, or a tree with one."""
    if isinstance(x, str | bytes | type(None) | bool | int) or callable(x):
        return False
    leaves, _ = flatten(x)
    return any(is_inexact(value_of(leaf)) for leaf in leaves)
