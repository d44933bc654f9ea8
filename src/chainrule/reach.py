"""The objects that a function can reach beside its arguments: its globals and closures, and what these hold."""

from __future__ import annotations

import functools
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.node import Node, is_internal

__all__ = ["is_filled", "is_library", "reached"]

REACH = 20_000
"""The maximum number of objects that are looked at."""


def reached(f: Any) -> Iterator[Any]:
    """The objects that a function can reach: itself, its globals and closures, and what those hold."""
    seen: set[int] = set()
    queue: deque[Any] = deque([f])
    while queue and len(seen) < REACH:
        item = queue.popleft()
        if id(item) not in seen:
            seen.add(id(item))
            yield item
            queue += _parts(item)


def is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _parts(item: Any) -> list[Any]:
    """The objects that a function can reach through an object."""
    if item is None or isinstance(item, str | bytes | int | float | complex | np.ndarray | np.generic | Array | Node):
        return []
    if isinstance(item, type):
        return [] if _is_of_library(item) else [*vars(item).values(), *item.__bases__]
    if isinstance(item, staticmethod | classmethod):
        return [item.__func__]
    if isinstance(item, property):
        return [item.fget, item.fset]
    if isinstance(item, list | tuple | set | frozenset):
        return list(item)
    if isinstance(item, dict):
        return list(item.values())
    if isinstance(item, functools.partial):
        return [item.func, *item.args, *item.keywords.values()]
    if isinstance(item, types.MethodType):
        return [item.__self__, item.__func__]
    if isinstance(item, types.FunctionType):
        parts = [cell.cell_contents for cell in item.__closure__ or () if is_filled(cell)]
        parts += [*(item.__defaults__ or ()), *(item.__kwdefaults__ or {}).values(), getattr(item, "__wrapped__", None)]
        return parts if is_library(item.__code__.co_filename) else parts + _named(item.__code__, item.__globals__)
    if isinstance(item, types.ModuleType):
        return []
    slots = [getattr(item, n, None) for c in type(item).__mro__ for n in _slots(c)]
    return [*getattr(item, "__dict__", {}).values(), *slots, type(item)]


LIBRARIES = tuple({sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")})


def _is_of_library(kind: type) -> bool:
    """Whether a class is not the user's. The module of an interactive session has no file."""
    module = sys.modules.get(kind.__module__)
    return kind.__module__ != "__main__" and is_library(getattr(module, "__file__", None))


def is_library(file: str | None) -> bool:
    """Whether code is not the user's, so that its globals are not looked into."""
    return file is None or is_internal(file) or file.startswith(LIBRARIES)


def _slots(kind: type) -> list[str]:
    slots = kind.__dict__.get("__slots__", ())
    return [n for n in ([slots] if isinstance(slots, str) else slots) if n not in ("__dict__", "__weakref__")]


def _named(code: types.CodeType, scope: dict[str, Any]) -> list[Any]:
    """The globals that a function's code names, and the members of modules and classes that it names."""
    names = set(code.co_names)
    inner = [part for part in code.co_consts if isinstance(part, types.CodeType)]
    found = [scope[n] for n in names if n in scope]
    for owner in [x for x in found if isinstance(x, types.ModuleType | type)]:
        if owner is not np:
            found += [vars(owner)[n] for n in names if n in vars(owner)]
    for part in inner:
        found += _named(part, scope)
    return found
