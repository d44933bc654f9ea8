"""The statement `import` inside a function, while a function is recorded.

    def f(x):
        import numpy as np      # np stands for our namespace here too

Python calls `__import__` for it, which is replaced while a function with such a statement is recorded.
"""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Callable
from typing import Any

from chainrule.buffered import BUFFERED
from chainrule.node import is_library
from chainrule.standins.function import StandIn

__all__ = ["importer"]


@functools.cache
def importer(
    real: Callable[..., Any],
    standin_of: Callable[..., Any],
    enter: Callable[[types.ModuleType], None],
    kept: frozenset[str],
) -> StandIn:
    """The `__import__` that gives functions of the user's code stand-ins for modules.

    Parameters
    ----------
    real : the original `__import__`.
    standin_of : a function that returns the stand-in for a module, or None.
    enter : called with each module of the user's that is imported.
    kept : the names that are not replaced.
    """

    def imported(name: str, scope: Any = None, local: Any = None, fromlist: Any = (), level: int = 0) -> Any:
        module = real(name, scope, local, fromlist, level)
        if not BUFFERED.get() or scope is None or local is scope or is_library(scope.get("__file__", "<user>")):
            return module
        for part in (module, sys.modules.get(name), *(getattr(module, n, None) for n in fromlist or ())):
            if isinstance(part, types.ModuleType) and not is_library(getattr(part, "__file__", None)):
                enter(part)
        standin = standin_of(module, kept)
        return module if standin is None else standin

    return StandIn(real, imported)
