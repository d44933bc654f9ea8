"""The names of NumPy, SciPy and math in the user's code, and what they stand for while a function is recorded.

`np.zeros(3)` calls no protocol, so nothing tells that a recorded value will be written into its result. So while a
function is recorded, the names by which its code reaches NumPy, SciPy and math (`np`, `math`, or `zeros` after an
import of it) stand for our namespaces: in the globals of the functions that it can reach, and in closures. NumPy itself
is not changed. Other threads see those names too; there they behave as NumPy, because they check whether a function is
being recorded in their own context. Afterwards each name is restored, even after an error.
"""

from __future__ import annotations

import builtins
import contextlib
import functools
import inspect
import itertools
import math
import sys
import threading
import types
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

from chainrule.answers import WRITES
from chainrule.array import Array
from chainrule.buffered import BUFFERED
from chainrule.forks import waited_for
from chainrule.libraries import NUMPY as PLAIN_TYPES
from chainrule.reach import Place, globals_of, is_filled, is_library, own_attribute, reached, steps_of
from chainrule.standins.buffer import WRITING
from chainrule.standins.draws import GENERATORS, Drawing
from chainrule.standins.function import meant
from chainrule.standins.imports import importer
from chainrule.standins.library import chainrule_standin, given_arrays
from chainrule.standins.loops import CALLED_FOR_EACH, called_for_each
from chainrule.standins.math_functions import MATH_FUNCTIONS, math_standin
from chainrule.standins.modules import LOOP_NAMES, MODULES, NUMBER_TYPES, NUMPY_FUNCTIONS, module_standin
from chainrule.standins.number_types import PYTHON_TYPES
from chainrule.standins.numpy_functions import JOINS, UNSEEN_WORDS
from chainrule.standins.outside import Outside
from chainrule.standins.scipy_functions import of_scipy, scipy_standin

__all__ = ["standins"]

_FUNCTIONS = {id(function): standin for function, standin in (NUMPY_FUNCTIONS | MATH_FUNCTIONS).items()}
"""The stand-in for a function, by its id, because not every value of a name has a hash."""
_WRITES = {*WRITING, *(getattr(f, "__name__", "") for f in WRITES), "at", "out", "output", "flat", "real", "imag"}
"""Names of what writes into an array: methods, functions, keywords, and attributes that can be set."""


class Name:
    """A name in a module's globals, or a variable of a closure, that is replaced for a while.

    Recordings may be nested. The name has the stand-in of the last one that began and has not ended.
    """

    def __init__(self, scope: dict[str, Any] | types.CellType | types.FunctionType, name: str):
        self.place = Place(scope, name, None)
        self.found: Any = None
        self.users: dict[int, Any] = {}
        self.standins: list[Any] = []

    def stand_for(self, found: Any, standin: Any) -> None:
        """Note what the name has now, and what it may stand for."""
        if not self.users and not self._is_ours(found):  # another thread's recording may have just ended
            self.found = found
        if not any(standin is known for known in self.standins):
            self.standins.append(standin)

    def show(self) -> None:
        """Bind the name to what its users want, unless the user's code gave it a value of its own."""
        wanted = [*self.users.values()][-1] if self.users else self.found
        if not self._is_ours(self.place.now()):
            return
        if wanted is None:  # a name of Python's builtins
            self.place.holder.pop(self.place.key, None)
        else:
            self.place.put(wanted)

    def _is_ours(self, value: Any) -> bool:
        return value is self.found or any(value is standin for standin in self.standins)


class _StandIns:
    """Context: these names stand for our namespaces, and buffers for arrays from outside.

    Ctrl-C may come at any line, so each step can be done twice, and leaving undoes whatever was done. If Ctrl-C
    comes before the first line of leaving, the object leaves when it is deleted.
    """

    __slots__ = ("before", "buffered", "imported", "left", "names", "outside")

    def __init__(self, names: list[tuple[Name, Any]], outside: Outside | None):
        self.names = names
        self.outside = outside
        self.buffered = BUFFERED.get()
        self.before = _imported.get()
        self.imported = _Imported(id(self))

    def __enter__(self) -> None:
        self.left = False
        BUFFERED.set(True)
        _imported.set(self.imported)
        try:
            with _lock:
                for name, standin in self.names:
                    name.users[id(self)] = standin
                    name.show()
            if self.outside is not None:
                self.outside.enter()
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *failure: Any) -> None:
        self._leave()

    def __del__(self) -> None:
        if not getattr(self, "left", True):
            self._leave()

    def _leave(self) -> None:
        BUFFERED.set(self.buffered)
        _imported.set(self.before)
        try:
            for outside in (*self.imported.outside, self.outside):
                if outside is not None:
                    outside.leave()
                    if not self.buffered:
                        outside.settle()
        finally:
            with _lock:
                for name, _ in (*self.names, *self.imported.names):
                    name.users.pop(id(self), None)
                    name.show()
        self.left = True


class _Imported:
    """The modules of the user's that functions import while one recording runs, and the names of these."""

    def __init__(self, user: int):
        self.user = user
        self.modules: set[types.ModuleType] = set()
        self.names: list[tuple[Name, Any]] = []
        self.outside: list[Outside] = []

    def add(self, module: types.ModuleType) -> None:
        """Names of the module's functions stand for something else until the recording ends."""
        if module in self.modules:
            return
        self.modules.add(module)
        own = [x for x in vars(module).values() if isinstance(x, types.FunctionType | type)]
        roots = [x for x in own if x.__module__ == module.__name__]
        if roots:
            needed = _needs_of(roots)
            with _lock:
                self.names += needed.names
                for name, standin in needed.names:
                    name.users[self.user] = standin
                    name.show()
            if needed.outside:
                self.outside.append(Outside(roots))
                self.outside[-1].enter()


_imported: ContextVar[_Imported | None] = ContextVar("_imported", default=None)
"""What is imported while the innermost recording runs."""
_nothing = contextlib.nullcontext()


def standins(f: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], recorded: Iterable[Any] = ()) -> Any:
    """Context: names of NumPy, SciPy and math that f reaches stand for ours, and buffers for plain arrays.

    `args` and `kwargs` are what f is called with; plain arrays in them are replaced too. `recorded` are the arrays
    whose recorded copies are among them.
    """
    roots = [f]
    for x in (*args, *kwargs.values()) if kwargs else args:
        if type(x) not in _HARMLESS:
            roots += _with_code(x)
    needed = _needs_of(roots)
    if not needed.names and not needed.outside:
        return _nothing
    return _StandIns(needed.names, Outside([f, args, kwargs], recorded) if needed.outside else None)


_lock = waited_for(threading.Lock())


_HARMLESS = PLAIN_TYPES | {Array, str}
"""Types of arguments that have no code of the user's."""


def _with_code(x: Any, depth: int = 0) -> Iterator[Any]:
    """The arguments, or their parts, that may have code of the user's: functions and objects."""
    kind = type(x)
    if kind in _HARMLESS:
        return
    if (kind is list or kind is tuple or kind is dict) and depth < 6:
        for part in x.values() if kind is dict else x:
            if type(part) not in _HARMLESS:
                yield from _with_code(part, depth + 1)
    else:
        yield x


# Which names ---------------------------------------------------------------------------------------------------------

_names: weakref.WeakValueDictionary[tuple[int, str], Name] = weakref.WeakValueDictionary()
"""The names that are replaced or may be again, by the id of their scope, which a name keeps alive."""
_known: dict[Any, _Needs] = {}
"""Cache for each function."""


class _Needs(NamedTuple):
    """What a function needs while it is recorded.

    Attributes
    ----------
    names : the names that must stand for something else, and for what; most often none.
    outside : whether buffers must stand for arrays from outside.
    links : the globals that this was worked out from.
    held : the objects that keep the key of the cache alive.
    """

    names: list[tuple[Name, Any]]
    outside: bool
    links: list[tuple[dict[str, Any], str, Any]]
    held: list[Any]


def _needs_of(roots: list[Any]) -> _Needs:
    """What functions need while they are recorded."""
    f = roots[0]
    held: list[Any] = []
    if type(f) is types.FunctionType and f.__closure__ is None and len(roots) == 1:  # the common case
        held.append(f.__code__)
        key: Any = id(f.__code__)
    else:
        key = tuple(_fingerprint(root, held) for root in roots)
    known = _known.get(key)
    if known is None or any(meant(scope.get(name)) is not value for scope, name, value in known.links):
        found = [x for root in roots for x in reached(root)]
        functions = [x for x in found if isinstance(x, types.FunctionType)]
        functions = [x for x in functions if not is_library(x.__code__.co_filename)]
        links = [link for function in functions for link in _links(function)]
        if len(_known) >= 1000:
            _known.clear()
        outside = any(_uses_arrays(function, code) for function in functions for code in _codes(function.__code__))
        outside = outside or any(map(_holds_scipy, found))
        known = _known[key] = _Needs(_needed(functions), outside, links, held)
    return known


def _holds_scipy(x: Any) -> bool:
    """Whether a container or an object of the user's holds an object or a function of SciPy's: a spline, a solver."""
    if isinstance(x, list | tuple):
        parts: Any = x
    elif isinstance(x, dict):
        parts = x.values()
    elif isinstance(x, types.FunctionType | types.ModuleType | type) or of_scipy(x):
        return False
    else:
        parts = getattr(x, "__dict__", {}).values()
    return any(of_scipy(part) for part in itertools.islice(parts, 100))


def _fingerprint(x: Any, held: list[Any], depth: int = 0) -> Any:
    """A key that identifies the code that a function can reach."""
    if type(x) is types.FunctionType and depth < 6:
        code = x.__code__
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
    if isinstance(x, list | tuple | dict):
        parts = [*(x.values() if isinstance(x, dict) else x)]
    else:
        parts = [x.func] if isinstance(x, functools.partial) else [*(own_attribute(x, "__dict__") or {}).values()][:20]
    parts = [p for p in parts if _may_have_code(p)] if depth < 6 else []
    return id(type(x)), *(_fingerprint(p, held, depth + 1) for p in parts if len(held) < 100)


def _may_have_code(x: Any) -> bool:
    """Whether the user's code may be reached through an object: a function, a container, an object with attributes."""
    return callable(x) or isinstance(x, list | tuple | dict) or (hasattr(x, "__dict__") and not _may_stand(x))


def _may_stand(value: Any) -> bool:
    """Whether a value of a name may have a stand-in."""
    return (
        isinstance(value, (types.ModuleType, *GENERATORS, *CALLED_FOR_EACH))
        or id(value) in _FUNCTIONS
        or bool(of_scipy(value))
        or _is_of_chainrule(value)
    )


def _is_of_chainrule(x: Any) -> bool:
    return callable(x) and str(getattr(x, "__module__", "")).startswith("chainrule.")


def _links(function: types.FunctionType) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The user's functions and classes, and what may have a stand-in, among the globals that a function names."""
    scope = function.__globals__
    for code in _codes(function.__code__):
        for name in globals_of(code):
            value = meant(scope.get(name))
            if isinstance(value, types.FunctionType | type) or _may_stand(value):
                yield scope, name, value
        if _imports(code):
            yield vars(builtins), "__import__", meant(vars(builtins)["__import__"])


def _imports(code: types.CodeType) -> bool:
    return any(step.opname == "IMPORT_NAME" for step in steps_of(code))


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
    called = {name for code in every for name in _called(code)}
    kept |= {*NUMBER_TYPES} - called
    made: dict[int, tuple[Name, Any]] = {}

    def replace(where: Any, name: str, found: Any, standin: Any) -> None:
        if standin is not None:
            replaced = _names.setdefault((id(where), name), Name(where, name))
            replaced.stand_for(found, standin)
            made[id(replaced)] = replaced, standin

    for function, own in codes.items():
        used = {name for code in own for name in code.co_names}
        scope = function.__globals__
        named = {name for code in own for name in globals_of(code)}
        places: list[tuple[Any, str, Any]] = [(scope, name, scope[name]) for name in named if name in scope]
        cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
        places += [(cell, name, cell.cell_contents) for name, cell in cells if is_filled(cell)]
        for where, name, bound in places:
            value = meant(bound)  # another recording may be running
            if name not in kept:
                replace(where, name, value, _standin_of(value, used, writes, kept))
        for name in {*PYTHON_TYPES} & named - kept - {*scope}:
            replace(scope, name, None, PYTHON_TYPES[name])
        defaults = [meant(x) for x in function.__defaults__ or ()]
        standins = [_standin_of(x, used, writes, kept) or x for x in defaults]
        if any(x is not y for x, y in zip(defaults, standins, strict=True)):
            replace(function, "__defaults__", function.__defaults__, tuple(standins))
    if any(map(_imports, every)):
        found = meant(vars(builtins)["__import__"])
        replace(vars(builtins), "__import__", found, importer(found, _module_of, _entered, kept))
    return list(made.values())


def _module_of(value: Any, kept: frozenset[str]) -> Any:
    """The stand-in for a module that a function has imported."""
    return _standin_of(meant(value), {*JOINS}, True, kept)


def _entered(module: types.ModuleType) -> None:
    """A function has imported a module of the user's."""
    imported = _imported.get()
    if imported is not None:
        imported.add(module)


def _standin_of(value: Any, used: set[str], writes: bool, kept: frozenset[str]) -> Any:
    """The stand-in for a value of a name; None if it may stay."""
    if not _may_stand(value):
        return None
    if isinstance(value, types.ModuleType):
        if value is math:
            return math_standin(kept)
        if of_scipy(value):
            return scipy_standin(value, kept)
        if value is sys.modules.get("chainrule"):
            return chainrule_standin(value, kept) if writes or used & {*JOINS} else None
        if value not in MODULES or not (writes or used & ({*JOINS, *LOOP_NAMES, *NUMBER_TYPES} - kept)):
            return None
        return module_standin(value, kept)
    if of_scipy(value):
        return scipy_standin(value, kept)
    if isinstance(value, GENERATORS):
        return Drawing(value) if writes else None
    if _is_of_chainrule(value):
        return given_arrays(value) if writes else None
    standin = _FUNCTIONS.get(id(value))
    if standin is None:
        return called_for_each(value)
    if writes or value in MATH_FUNCTIONS or value.__name__ in (*JOINS, *LOOP_NAMES, *NUMBER_TYPES):
        return standin
    return None


def _writes(code: types.CodeType) -> bool:
    """Whether code writes into an array (by an index, in place, by a function or a keyword), or makes lists.

    So that it sees the stand-ins of NumPy's functions. A function with an argument at which NumPy's protocol does not
    look needs its stand-in too.
    """
    return (
        _writes_entries(code)
        or bool((UNSEEN_WORDS | {"deque"}) & _words(code))
        or any(
            step.opname == "BUILD_LIST" or (step.opname == "BUILD_TUPLE" and after.opname not in _NO_ARGUMENT)
            for step, after in itertools.pairwise(steps_of(code))
        )
    )


_NO_ARGUMENT = {
    *("BINARY_SUBSCR", "STORE_SUBSCR", "RETURN_VALUE", "STORE_FAST", "STORE_NAME", "LOAD_CONST", "MAKE_FUNCTION"),
    *("SET_FUNCTION_ATTRIBUTE", "YIELD_VALUE", "LIST_APPEND", "GET_ITER", "COPY", "SWAP"),
}
"""What follows a tuple that is no argument of a call: an index, a result, the closure of a function."""


def _writes_entries(code: types.CodeType) -> bool:
    return bool(_WRITES & _words(code)) or any(
        step.opname in ("STORE_SUBSCR", "STORE_SLICE") or (step.opname == "BINARY_OP" and "=" in step.argrepr)
        for step in steps_of(code)
    )


def _words(code: types.CodeType) -> set[str]:
    """The names of globals, attributes and keywords in code."""
    names = {*code.co_names}
    for const in code.co_consts:
        if isinstance(const, tuple):  # the names of the keywords of a call, or any other tuple
            names |= {part for part in const if isinstance(part, str)}
    return names


def _uses_arrays(function: types.FunctionType, code: types.CodeType) -> bool:
    """Whether code may write into an array, or call a method of one that NumPy computes without asking its argument."""
    if _writes_entries(code):
        return True
    if not _METHODS_OF_ARRAYS & {*code.co_names}:
        return False
    modules = {name for name, x in function.__globals__.items() if isinstance(x, types.ModuleType)}
    parameters = inspect.signature(function).parameters.values() if function.__defaults__ else ()
    modules |= {parameter.name for parameter in parameters if isinstance(parameter.default, types.ModuleType)}
    return any(
        step.argval in _METHODS_OF_ARRAYS
        and step.opname in ("LOAD_ATTR", "LOAD_METHOD")
        and (before.opname not in ("LOAD_GLOBAL", "LOAD_FAST", "LOAD_DEREF") or before.argval not in modules)
        for before, step in itertools.pairwise(steps_of(code))
    )


_METHODS_OF_ARRAYS = {"dot", "clip", "choose", "searchsorted"}


def _called(code: types.CodeType) -> set[str]:
    """The names that code calls, or may pass on to what calls them for each number."""
    called = {name for name, is_called, _ in _reads(code) if is_called}
    return called | {*code.co_names} if called & {"map", *LOOP_NAMES} else called


def _asks_identity(code: types.CodeType) -> bool:
    """Whether code compares anything but a constant by `is`. Then names that may be compared stay what they are."""
    return any(
        step.opname == "IS_OP" and before.opname not in ("LOAD_CONST", "LOAD_COMMON_CONSTANT")
        for before, step in itertools.pairwise(steps_of(code))
    )


def _passed_on(code: types.CodeType) -> set[str]:
    """The names of what code reads but does not call there: it may compare them, or pass them on to be compared."""
    return {name for name, is_called, after in _reads(code) if not is_called and after != "LOAD_ATTR"}


def _reads(code: types.CodeType) -> Iterator[tuple[str, bool, str]]:
    """Each name that code reads, whether it is called there, and the operation that follows."""
    steps = steps_of(code)
    first = 0
    for i, (step, after) in enumerate(itertools.pairwise(steps)):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
            first = i
        elif step.opname not in ("LOAD_ATTR", "LOAD_METHOD"):
            continue
        marks = steps[i + 1] if sys.version_info >= (3, 13) else steps[first - 1]
        pushed = marks.opname == "PUSH_NULL" or "NULL" in step.argrepr or "NULL" in steps[first].argrepr
        is_called = step.opname == "LOAD_METHOD" or (pushed and after.opname not in ("LOAD_ATTR", "LOAD_METHOD"))
        yield step.argval, is_called, "LOAD_ATTR" if after.opname in ("LOAD_ATTR", "LOAD_METHOD") else after.opname
