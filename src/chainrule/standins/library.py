"""This library as user code sees it while a function is recorded: its functions get arrays, not buffers."""

from __future__ import annotations

import functools
import types
from typing import Any

from chainrule.standins.buffer import plain_of

__all__ = ["chainrule_standin", "given_arrays"]


class _GivenArrays:
    """A function of the library that gets each buffer as the array that it is now."""

    def __init__(self, function: Any):
        self._function = function
        functools.update_wrapper(self, function, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._function(*plain_of(args), **plain_of(kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._function, name)

    def __repr__(self) -> str:
        return repr(self._function)


def given_arrays(function: Any) -> Any:
    """The stand-in for a callable of the library."""
    return function if isinstance(function, type) else _GivenArrays(function)


@functools.cache
def chainrule_standin(module: types.ModuleType) -> types.ModuleType:
    """The module that `cr` stands for."""
    made = types.ModuleType("chainrule", module.__doc__)
    for name, value in vars(module).items():
        vars(made)[name] = given_arrays(value) if callable(value) and not name.startswith("_") else value
    return made
