"""Rules of PyTorch's operators: which rule an operator has, and a call of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.pytorch.operators import OPERATORS
from chainrule.pytorch.tensors import mapped

__all__ = ["call_rule", "rule_for"]

IGNORED = frozenset(["out", "generator", "memory_format", "layout", "device", "pin_memory", "non_blocking"])
"""Options of operators that do not affect values."""


def rule_for(func: Any) -> Callable[..., Any] | None:
    space, name = func._schema.name.split("::")
    if space != "aten":
        return None
    if name.endswith("_") and not name.endswith("__"):
        name = name[:-1]
    return OPERATORS.get(f"{name}.{func._overloadname}") or OPERATORS.get(name)


def call_rule(rule: Any, lowered: Callable[[Any], Any], args: Any, kwargs: Any, result: Any) -> Any:
    """The result of a rule for the arguments of an operator.

    Parameters
    ----------
    lowered : converts a tensor or a dtype to the form that the rule takes.
    result : PyTorch's result, which some rules take too.
    """
    given = [mapped(lowered, result)] if hasattr(rule, "wants_result") else []
    options = {k: v for k, v in mapped(lowered, kwargs).items() if k not in IGNORED}
    with np.errstate(all="ignore"):  # PyTorch does not warn either
        return rule(*given, *mapped(lowered, args), **options)
