"""This library as user code sees it while a function is recorded: its functions get arrays, not buffers."""

from __future__ import annotations

import functools
import types
from typing import Any

from chainrule.standins.buffer import plain_of
from chainrule.standins.function import StandIn, StandInModule

__all__ = ["chainrule_standin", "given_arrays"]


def given_arrays(function: Any) -> Any:
    """The stand-in for a callable of the library, which gets each buffer as the array that it is now."""
    if isinstance(function, type):
        return function
    return StandIn(function, lambda *args, **kwargs: function(*plain_of(args), **plain_of(kwargs)))


@functools.cache
def chainrule_standin(module: types.ModuleType, kept: frozenset[str]) -> types.ModuleType:
    """The module that `cr` stands for; some names are kept as they are."""
    names = dict(vars(module))
    for name, value in names.items():
        if callable(value) and not name.startswith("_") and name not in kept:
            names[name] = given_arrays(value)
    return StandInModule(module, names)
