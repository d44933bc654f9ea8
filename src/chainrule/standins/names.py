"""The names of NumPy, SciPy and math in the user's code, and what they stand for while a function is recorded.

`np.zeros(3)` calls no protocol, so nothing tells that a recorded value will be written into its result. So while a
function is recorded, the names by which its code reaches NumPy, SciPy and math (`np`, `math`, or `zeros` after an
import of it) stand for our namespaces: in the globals of the functions that it can reach, and in closures. NumPy itself
is not changed. Other threads see those names too; there they behave as NumPy, because they check whether a function is
being recorded in their own context. Afterwards each name is restored, even after an error.
"""

from __future__ import annotations

import contextlib
import dis
import itertools
import math
import sys
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any

from chainrule.answers import WRITES
from chainrule.array import Array
from chainrule.buffered import BUFFERED
from chainrule.forks import waited_for
from chainrule.libraries import NUMPY as PLAIN_TYPES
from chainrule.reach import is_filled, is_library, reached
from chainrule.standins.buffer import WRITING
from chainrule.standins.function import meant
from chainrule.standins.library import chainrule_standin, given_arrays
from chainrule.standins.math_functions import MATH_FUNCTIONS, math_standin
from chainrule.standins.numpy_functions import JOINS, MODULES, NUMPY_FUNCTIONS, module_standin
from chainrule.standins.scipy_functions import of_scipy, scipy_standin

__all__ = ["standins"]

_FUNCTIONS = {id(function): standin for function, standin in (NUMPY_FUNCTIONS | MATH_FUNCTIONS).items()}
"""The stand-in for a function, by its id, because not every value of a name has a hash."""
_WRITES = {*WRITING, *(getattr(f, "__name__", "") for f in WRITES), "at", "out", "flat", "real", "imag"}
"""Names of what writes into an array: methods, functions, keywords, and attributes that can be set."""


class Name:
    """A name in a module's globals, or a variable of a closure, that is replaced for a while.

    Recordings may be nested. The name has the stand-in of the last one that began and has not ended.
    """

    def __init__(self, scope: dict[str, Any] | types.CellType, name: str):
        self.scope, self.name = scope, name
        self.found: Any = None
        self.users: dict[int, Any] = {}
        self.standins: list[Any] = []

    def stand_for(self, found: Any, standin: Any) -> None:
        """Note what the name has now, and what it may stand for."""
        if not self.users:
            self.found = found
        if not any(standin is known for known in self.standins):
            self.standins.append(standin)

    def show(self) -> None:
        """Bind the name to what its users want, unless the user's code gave it a value of its own."""
        wanted = [*self.users.values()][-1] if self.users else self.found
        if isinstance(self.scope, types.CellType):
            if is_filled(self.scope) and self._is_ours(self.scope.cell_contents):
                self.scope.cell_contents = wanted
        elif self._is_ours(self.scope.get(self.name)):
            self.scope[self.name] = wanted

    def _is_ours(self, value: Any) -> bool:
        return value is self.found or any(value is standin for standin in self.standins)


class _StandIns:
    """Context: these names stand for our namespaces.

    Ctrl-C may come at any line, so each step can be done twice, and leaving undoes whatever was done. If Ctrl-C
    comes before the first line of leaving, the object leaves when it is deleted.
    """

    __slots__ = ("buffered", "left", "names")

    def __init__(self, names: list[tuple[Name, Any]]):
        self.names = names
        self.buffered = BUFFERED.get()

    def __enter__(self) -> None:
        self.left = False
        BUFFERED.set(True)
        with _lock:
            for name, standin in self.names:
                name.users[id(self)] = standin
                name.show()

    def __exit__(self, *failure: Any) -> None:
        self._leave()

    def __del__(self) -> None:
        if not getattr(self, "left", True):
            self._leave()

    def _leave(self) -> None:
        BUFFERED.set(self.buffered)
        with _lock:
            for name, _ in self.names:
                name.users.pop(id(self), None)
                name.show()
        self.left = True


_nothing = contextlib.nullcontext()


def standins(f: Callable[..., Any], args: tuple[Any, ...] = ()) -> Any:
    """Context: the names by which f, given these arguments, reaches NumPy, SciPy and math stand for our namespaces."""
    names = _names_for(f, args)
    return _StandIns(names) if names else _nothing


_lock = waited_for(threading.Lock())


_HARMLESS = PLAIN_TYPES | {Array, str, list, tuple, dict}
"""Types of arguments that have no code of the user's."""

# Which names ---------------------------------------------------------------------------------------------------------

_names: dict[tuple[int, str], Name] = {}
"""Every name that was replaced once, by the id of its scope, which the name keeps alive."""
_known: dict[Any, tuple[list[Any], list[tuple[dict[str, Any], str, Any]], list[tuple[Name, Any]]]] = {}
"""Cache for each function: the objects that keep its key alive, the globals that were read, and its stand-ins."""


def _names_for(f: Callable[..., Any], args: tuple[Any, ...]) -> list[tuple[Name, Any]]:
    """The names that must stand for something else while f runs, and for what; most often none."""
    roots = [f]
    for x in args:
        if type(x) not in _HARMLESS:
            roots.append(type(x))
    held: list[Any] = []
    if type(f) is types.FunctionType and f.__closure__ is None and len(roots) == 1:  # the common case
        held.append(f.__code__)
        key: Any = id(f.__code__)
    else:
        key = tuple(_fingerprint(root, held) for root in roots)
    known = _known.get(key)
    if known is None or any(meant(scope.get(name)) is not value for scope, name, value in known[1]):
        functions = [x for root in roots for x in reached(root) if isinstance(x, types.FunctionType)]
        functions = [x for x in functions if not is_library(x.__code__.co_filename)]
        links = [link for function in functions for link in _links(function)]
        if len(_known) >= 1000:
            _known.clear()
        known = _known[key] = (held, links, _needed(functions))
    return known[2]


def _fingerprint(x: Any, held: list[Any], depth: int = 0) -> Any:
    """A key that identifies the code that a function can reach."""
    code = getattr(x, "__code__", None)
    if type(x) is types.FunctionType and depth < 6:
        held.append(code)
        cells = [cell for cell in x.__closure__ or () if is_filled(cell)]
        named = [cell for cell in cells if _may_stand(cell.cell_contents)]  # the variable itself will be replaced
        held += named
        found = (_fingerprint(cell.cell_contents, held, depth + 1) for cell in cells)
        return id(code), *found, *map(id, named)
    if type(x) is types.MethodType:
        held.append(type(x.__self__))
        return _fingerprint(x.__func__, held, depth + 1), id(type(x.__self__))
    if isinstance(x, type):
        held.append(x)
        return id(x)
    held.append(type(x))
    parts = [getattr(x, "func", None)] if hasattr(x, "func") else [*getattr(x, "__dict__", {}).values()][:20]
    return id(type(x)), *(_fingerprint(p, held, depth + 1) for p in parts if callable(p) and depth < 6)


def _may_stand(value: Any) -> bool:
    """Whether a value of a name may have a stand-in."""
    return isinstance(value, types.ModuleType) or id(value) in _FUNCTIONS or bool(of_scipy(value))


def _links(function: types.FunctionType) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The user's functions and classes, and SciPy's objects, among the globals that a function names."""
    scope = function.__globals__
    for code in _codes(function.__code__):
        for name in code.co_names:
            value = meant(scope.get(name))
            if isinstance(value, types.FunctionType | type) or of_scipy(value):
                yield scope, name, value


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code, and that of the functions inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from _codes(part)


def _needed(functions: list[types.FunctionType]) -> list[tuple[Name, Any]]:
    """The names of these functions that must stand for something else, and for what."""
    codes = {function: list(_codes(function.__code__)) for function in functions}
    every = [code for found in codes.values() for code in found]
    writes = any(_writes(code) for code in every)
    kept = frozenset[str]().union(*map(_passed_on, every)) if any(map(_asks_identity, every)) else frozenset[str]()
    made: dict[int, tuple[Name, Any]] = {}
    for function, own in codes.items():
        used = {name for code in own for name in code.co_names}
        scope = function.__globals__
        places: list[tuple[Any, str, Any]] = [(scope, name, scope[name]) for name in used if name in scope]
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        places += [(cell, name, cell.cell_contents) for name, cell in cells if is_filled(cell)]
        for where, name, bound in places:
            value = meant(bound)  # another recording may be running
            standin = None if name in kept else _standin_of(value, used, writes, kept)
            if standin is not None:
                found = _names.setdefault((id(where), name), Name(where, name))
                found.stand_for(value, standin)
                made[id(found)] = found, standin
    return list(made.values())


def _standin_of(value: Any, used: set[str], writes: bool, kept: frozenset[str]) -> Any:
    """The stand-in for a value of a name; None if it may stay."""
    if isinstance(value, types.ModuleType):
        if value is math:
            return math_standin(kept)
        if of_scipy(value):
            return scipy_standin(value, kept)
        if not writes and not used & {*JOINS}:
            return None
        if value is sys.modules.get("chainrule"):
            return chainrule_standin(value, kept)
        return module_standin(value, kept) if value in MODULES else None
    if of_scipy(value):
        return scipy_standin(value, kept)
    if callable(value) and str(getattr(value, "__module__", "")).startswith("chainrule."):
        return given_arrays(value) if writes else None
    standin = _FUNCTIONS.get(id(value))
    if standin is None or writes or value in MATH_FUNCTIONS or value.__name__ in JOINS:
        return standin
    return None


def _writes(code: types.CodeType) -> bool:
    """Whether code writes into an array (by an index, in place, by a function or a keyword), or makes lists."""
    names = {*code.co_names}
    for const in code.co_consts:
        if isinstance(const, tuple):  # the names of the keywords of a call, or any other tuple
            names |= {part for part in const if isinstance(part, str)}
    return bool(_WRITES & names) or any(
        step.opname in ("STORE_SUBSCR", "STORE_SLICE", "BUILD_LIST")
        or (step.opname == "BINARY_OP" and "=" in step.argrepr)
        for step in dis.get_instructions(code)
    )


def _steps(code: types.CodeType) -> list[dis.Instruction]:
    return [step for step in dis.get_instructions(code) if step.opname not in ("CACHE", "EXTENDED_ARG")]


def _asks_identity(code: types.CodeType) -> bool:
    """Whether code compares anything but a constant by `is`. Then names that may be compared stay what they are."""
    return any(
        step.opname == "IS_OP" and before.opname not in ("LOAD_CONST", "LOAD_COMMON_CONSTANT")
        for before, step in itertools.pairwise(_steps(code))
    )


def _passed_on(code: types.CodeType) -> set[str]:
    """The names of what code reads but does not call there: it may compare them, or pass them on to be compared."""
    found = set()
    steps = _steps(code)
    first = 0
    for i, (step, after) in enumerate(itertools.pairwise(steps)):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
            first = i
        elif step.opname != "LOAD_ATTR":
            continue
        marks = steps[i + 1] if sys.version_info >= (3, 13) else steps[first - 1]
        called = marks.opname == "PUSH_NULL" or "NULL" in step.argrepr or "NULL" in steps[first].argrepr
        if not called and after.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            found.add(step.argval)
    return found
