"""Stand-ins for chainrule's own functions while a function is recorded: they get arrays, not buffers."""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from chainrule.standins.buffer import plain_of
from chainrule.standins.function import StandIn, StandInModule

__all__ = ["chainrule_standin", "given_arrays"]


def given_arrays(function: Any) -> Any:
    """The stand-in for a callable of the library: each buffer is passed as the array that it holds."""
    if isinstance(function, type):
        return function
    return StandIn(function, lambda *args, **kwargs: function(*plain_of(args), **plain_of(kwargs)))


@functools.cache
def chainrule_standin(module: types.ModuleType, kept: frozenset[str]) -> types.ModuleType:
    """The stand-in for the module `cr`, or `cr.special`; the names in `kept` are not replaced in it."""
    names = dict(vars(module))
    for name, value in names.items():
        if callable(value) and not name.startswith("_") and name not in kept:
            names[name] = given_arrays(value)
        elif value is sys.modules.get("chainrule.special"):
            names[name] = chainrule_standin(value, kept)
    return StandInModule(module, names)
