"""Stand-ins: functions and modules that replace others while a function is recorded.

Code may compare functions: by `==`, as keys of a dict, by `isinstance`. A stand-in behaves like its original there.
Only `is` tells them apart, so names that code may compare by `is` are not replaced (`needed.py`).
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any

__all__ = ["StandIn", "StandInModule", "Stands", "meant"]


class Stands:
    """Base class of stand-ins.

    Attributes
    ----------
    _meant : the original that it replaces.
    _of_values : the original, made of plain values.
    """

    __slots__ = ()

    @property
    def _meant(self) -> Any:
        raise NotImplementedError

    @property
    def _of_values(self) -> Any:
        return self._meant


class StandIn(Stands):
    """A function or class that is called in another way, and compares equal to its original."""

    def __init__(self, function: Callable[..., Any], call: Callable[..., Any]):
        self._function, self._call = function, call
        functools.update_wrapper(self, function, updated=())

    @property
    def _meant(self) -> Any:
        return self._function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_function"], name)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # what isinstance asks
        return type(self._function)

    def __instancecheck__(self, x: Any) -> bool:
        kind: Any = self._function
        return issubclass(x._class, kind) if hasattr(type(x), "_class") else isinstance(x, kind)

    def __subclasscheck__(self, kind: type) -> bool:
        mine: Any = self._function
        return issubclass(meant(kind), mine)

    def __mro_entries__(self, bases: Any) -> tuple[Any, ...]:
        return (self._function,)

    def __eq__(self, other: object) -> bool:
        return self is other or self._function == meant(other)

    def __hash__(self) -> int:
        return hash(self._function)

    def __repr__(self) -> str:
        return repr(self._function)

    def __reduce__(self) -> Any:  # copies and pickles are the function itself
        return _itself, (self._function,)


class StandInModule(types.ModuleType, Stands):
    """A module with other functions, which compares equal to its original."""

    def __init__(self, module: types.ModuleType, names: dict[str, Any]):
        super().__init__(module.__name__, module.__doc__)
        self.__dict__.update(names)
        self.__dict__["_module"] = module

    @property
    def _meant(self) -> Any:
        return self._module

    def __eq__(self, other: object) -> bool:
        return self is other or self._module is meant(other)

    def __hash__(self) -> int:
        return hash(self._module)

    def __repr__(self) -> str:
        return repr(self._module)


def meant(x: Any) -> Any:
    """The original of a stand-in; anything else unchanged."""
    return x._meant if issubclass(type(x), Stands) else x


def _itself(function: Callable[..., Any]) -> Callable[..., Any]:
    return function
