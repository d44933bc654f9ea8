"""The objects that a function can reach beside its arguments: its globals and closures, and what these hold."""

from __future__ import annotations

import builtins
import dis
import functools
import sys
import types
from collections import deque
from collections.abc import Iterator, Set
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import Array
from chainrule.node import Node, is_library

__all__ = [
    "Place",
    "Reach",
    "globals_of",
    "is_filled",
    "is_of_library",
    "is_of_library_module",
    "own_attribute",
    "places",
    "reached",
    "steps_of",
    "words_of",
]

REACH = 20_000
"""The maximum number of objects that are looked at."""


def reached(f: Any) -> Iterator[Any]:
    """The objects that a function can reach: itself, its globals and closures, and what those hold."""
    seen: set[int] = set()
    reach = Reach()
    queue: deque[Any] = deque([f])
    while queue and len(seen) < REACH:
        item = queue.popleft()
        if id(item) not in seen:
            seen.add(id(item))
            yield item
            queue += [place.value for place in reach.places(item)]


class Reach:
    """The places that code can reach, found object by object.

    A module is reached like any object, but only the members that some code names count: `tools.grid.build` in a
    function, `self.tools = tools` in another. So members of modules that were met before are found when code that
    names them is met, and the other way round.
    """

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.modules: list[dict[str, Any]] = []

    def places(self, item: Any) -> list[Place]:
        """The places of an object, with those in modules that it makes reachable."""
        if isinstance(item, types.ModuleType):
            if is_of_library_module(item):
                return []
            self.modules.append(_members(item))
            return _named_in(self.modules[-1:], self.words)
        found = places(item)
        if isinstance(item, types.FunctionType) and not is_library(item.__code__.co_filename):
            new = words_of(item.__code__) - self.words
            self.words |= new
            found += _named_in(self.modules, new)
            found += _fixed(*(sys.modules[word] for word in new if word in sys.modules))  # importlib, sys.modules
        return found


def _named_in(modules: list[dict[str, Any]], words: Set[str]) -> list[Place]:
    return [Place(members, name, members[name]) for members in modules for name in words & members.keys()]


def _members(module: types.ModuleType) -> dict[str, Any]:
    """The namespace of a module, read without the code by which some import their members late."""
    return object.__getattribute__(module, "__dict__")


def is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


class Place(NamedTuple):
    """Where a value is stored: `holder[key]`, an attribute `holder.key`, or a cell. No holder: it is fixed."""

    holder: Any
    key: Any
    value: Any

    def now(self) -> Any:
        """The value that is stored there now; None if there is none."""
        holder, key = self.holder, self.key
        if isinstance(holder, types.CellType):
            return holder.cell_contents if is_filled(holder) else None
        if isinstance(holder, dict):
            return dict.get(holder, key)
        if isinstance(holder, list | deque):
            return holder[key] if key < len(holder) else None
        return vars(holder).get(key) if isinstance(holder, type) else own_attribute(holder, key)

    def put(self, value: Any) -> None:
        """Store another value there, without calling the user's `__setitem__` or `__setattr__`, which may refuse."""
        holder, key = self.holder, self.key
        if isinstance(holder, types.CellType):
            holder.cell_contents = value
        elif isinstance(holder, dict):
            dict.__setitem__(holder, key, value)
        elif isinstance(holder, list):
            list.__setitem__(holder, key, value)
        elif isinstance(holder, deque):
            deque.__setitem__(holder, key, value)
        elif isinstance(holder, type):
            type.__setattr__(holder, key, value)
        else:
            object.__setattr__(holder, key, value)


def places(item: Any) -> list[Place]:
    """The places of the objects that a function can reach through an object."""
    if item is None or isinstance(item, str | bytes | int | float | complex | np.ndarray | np.generic | Array | Node):
        return []
    if isinstance(item, type):
        if is_of_library(item):
            return []
        return [*(Place(item, name, x) for name, x in vars(item).items()), *_fixed(*item.__bases__, type(item))]
    if isinstance(item, staticmethod | classmethod):
        return _fixed(item.__func__)
    if isinstance(item, property):
        return _fixed(item.fget, item.fset)
    if isinstance(item, list | deque):
        return [Place(item, i, x) for i, x in enumerate(item)]
    if isinstance(item, tuple | set | frozenset):
        return _fixed(*item)
    if isinstance(item, dict):
        return [Place(item, key, x) for key, x in dict.items(item)]
    if isinstance(item, functools.partial):
        return [*_fixed(item.func, *item.args), *places(item.keywords)]
    if isinstance(item, types.MethodType):
        return _fixed(item.__self__, item.__func__)
    if isinstance(item, types.FunctionType):
        found = [Place(cell, None, cell.cell_contents) for cell in item.__closure__ or () if is_filled(cell)]
        found += [Place(item, "__defaults__", item.__defaults__), *_fixed(getattr(item, "__wrapped__", None))]
        found += places(item.__kwdefaults__)
        return found if is_library(item.__code__.co_filename) else found + _named(item.__code__, item.__globals__)
    if isinstance(item, types.ModuleType):
        return []
    slots = [Place(item, n, own_attribute(item, n)) for c in type(item).__mro__ for n in _slots(c)]
    return [*places(own_attribute(item, "__dict__")), *slots, *_fixed(type(item))]


def own_attribute(item: Any, name: str) -> Any:
    """An attribute that an object itself has, read without calling its `__getattr__`; None if it has none."""
    try:
        return object.__getattribute__(item, name)
    except AttributeError:
        return None


def _fixed(*values: Any) -> list[Place]:
    return [Place(None, None, value) for value in values]


def is_of_library(kind: type) -> bool:
    """Whether a class is not the user's. The module of an interactive session has no file."""
    module = sys.modules.get(kind.__module__)
    if module is None or module is builtins:  # exec'd code and modules that are not in sys.modules have classes too
        return not kind.__flags__ & _OF_A_CLASS_STATEMENT
    return is_of_library_module(module)


_OF_A_CLASS_STATEMENT = 1 << 9  # Py_TPFLAGS_HEAPTYPE


def is_of_library_module(module: types.ModuleType) -> bool:
    """Whether a module is not the user's. Modules made at run time, and folders without `__init__.py`, have no file."""
    members = _members(module)
    file, spec = members.get("__file__"), members.get("__spec__")
    if members.get("__name__") == "__main__":
        return False
    if file is not None or spec is None:
        return file is not None and is_library(file)
    folders = spec.submodule_search_locations
    return folders is None or any(map(is_library, folders))


def _slots(kind: type) -> list[str]:
    slots = kind.__dict__.get("__slots__", ())
    return [n for n in ([slots] if isinstance(slots, str) else slots) if n not in ("__dict__", "__weakref__")]


@functools.lru_cache(maxsize=200)
def steps_of(code: types.CodeType) -> tuple[dis.Instruction, ...]:
    """The instructions of a code object; cached, because several readers ask for them."""
    return tuple(step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "EXTENDED_ARG"))


@functools.lru_cache(maxsize=10_000)
def globals_of(code: types.CodeType) -> frozenset[str]:
    """The names that code reads or sets as globals; `co_names` has those of attributes too."""
    return frozenset(step.argval for step in steps_of(code) if step.opname.endswith(("_GLOBAL", "_NAME")))


@functools.lru_cache(maxsize=10_000)
def words_of(code: types.CodeType) -> frozenset[str]:
    """What code may call a module's member by: names, and texts (`getattr(module, "build")`)."""
    inner = (words_of(part) for part in code.co_consts if isinstance(part, types.CodeType))
    texts = (part for part in code.co_consts if isinstance(part, str) and len(part) < 100)
    return frozenset(code.co_names).union(texts, *inner)


def _named(code: types.CodeType, scope: dict[str, Any]) -> list[Place]:
    """The globals that a function's code names."""
    found = [Place(scope, n, scope[n]) for n in globals_of(code) if n in scope]
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            found += _named(part, scope)
    return found
