"""Which names need a stand-in while a function is recorded, and which stand-in."""

from __future__ import annotations

import builtins
import functools
import itertools
import random
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NamedTuple

from chainrule.block import Block
from chainrule.node import is_library
from chainrule.reach import (
    Place,
    globals_of,
    is_filled,
    is_of_library,
    is_of_library_module,
    own_attribute,
    reached,
    words_of,
)
from chainrule.standins.codes import (
    asks_identity,
    codes_in,
    has_imports,
    may_draw,
    names_called,
    names_passed_on,
    uses_arrays,
    writes_or_joins,
)
from chainrule.standins.draws import GENERATORS, DrawingGenerator
from chainrule.standins.function import Stands, meant
from chainrule.standins.imports import importer
from chainrule.standins.library import chainrule_standin, given_arrays
from chainrule.standins.loops import CACHED, CALLED_FOR_EACH, called_for_each
from chainrule.standins.modules import LOOP_NAMES, MODULES, NUMBER_TYPES, NUMPY_FUNCTIONS, module_standin
from chainrule.standins.number_modules import NUMBER_FUNCTIONS, NUMBER_MODULES, number_module_standin
from chainrule.standins.number_types import PYTHON_TYPES
from chainrule.standins.numpy_functions import JOINS, READERS
from chainrule.standins.python_functions import PYTHON_FUNCTIONS
from chainrule.standins.replaced import ReplacedName, name_in
from chainrule.standins.scipy_functions import of_scipy, scipy_standin

__all__ = ["ON_IMPORT", "needs_of", "standin_in_place"]


_FUNCTIONS = {id(function): standin for function, standin in (NUMPY_FUNCTIONS | NUMBER_FUNCTIONS).items()}
"""The stand-in for a function, by the function's id, since not every value of a name is hashable."""
_PYTHON = PYTHON_TYPES | PYTHON_FUNCTIONS
"""The stand-ins for Python's own types and functions, by name."""
_known: dict[Any, _Needs] = {}
"""Cache for each function."""


class _Needs(NamedTuple):
    """What a function needs while it is recorded.

    Attributes
    ----------
    names : the names that need a stand-in, with it; most often none.
    kept : the names that keep their meaning, because code compares them by `is`.
    outside : whether buffers must stand for arrays from outside.
    links : the globals, and members of modules and classes, that this result depends on.
    contents : the globals whose contents it depends on, such as a dict of functions, with their fingerprint.
    held : objects whose ids are in the cache's key, kept alive.
    """

    names: list[tuple[ReplacedName, Any]]
    kept: frozenset[str]
    outside: bool
    links: list[tuple[Mapping[str, Any], str, Any]]
    contents: list[tuple[dict[str, Any], str, Any]]
    held: list[Any]


def needs_of(roots: list[Any]) -> _Needs:
    """What some functions need while they are recorded."""
    f = roots[0]
    held: list[Any] = []
    if type(f) is types.FunctionType and not f.__closure__ and not f.__defaults__ and len(roots) == 1:  # most are
        held.append(f.__code__)
        key: Any = id(f.__code__)
    else:
        key = tuple(_fingerprint(root, held) for root in roots)
    known = _known.get(key)
    if known is None or not _is_current(known):
        found = [x for root in roots for x in reached(root)]
        functions = [x for x in found if isinstance(x, types.FunctionType)]
        functions = [x for x in functions if not is_library(x.__code__.co_filename)]
        links = [link for function in functions for link in _links(function)] + _members(found, functions)
        contents = [place for function in functions for place in _contents(function, held)]
        if len(_known) >= 1000:
            _known.clear()
        codes = [(function, code) for function in functions for code in codes_in(function.__code__)]
        draws = any(may_draw(code) for _, code in codes)
        outside = any(uses_arrays(function, code) for function, code in codes)
        outside = outside or any(_holds_objects(x, draws) for x in found)
        names, kept = _needed(functions)
        names += _names_in_random() if any(map(_is_pythons_random, found)) else []
        known = _known[key] = _Needs(names, kept, outside, links, contents, held)
    return known


def _is_current(needs: _Needs) -> bool:
    """Whether what a result depends on has the same values as before."""
    for scope, name, value in needs.links:
        if meant(scope.get(name)) is not value:
            return False
    return all(_fingerprint(meant(scope.get(name)), []) == key for scope, name, key in needs.contents)


def _is_pythons_random(x: Any) -> bool:
    """Whether x is Python's module random, a generator of it, or a method of one."""
    owner = x.__self__ if isinstance(x, types.MethodType | types.BuiltinMethodType) else x
    return x is random or isinstance(owner, random.Random)


def _names_in_random() -> list[tuple[ReplacedName, Any]]:
    """The functions of math by which Python's random generators compute, and what they stand for."""
    found = []
    for key, value in vars(random).items():
        value = meant(value)  # another recording may be running
        if isinstance(value, types.BuiltinFunctionType) and value in NUMBER_FUNCTIONS:
            name = name_in(vars(random), key)
            name.stand_for(value, NUMBER_FUNCTIONS[value])
            found.append((name, NUMBER_FUNCTIONS[value]))
    return found


def _holds_objects(x: Any, draws: bool) -> bool:
    """Whether a container or an object of the user's holds an object or a function of SciPy's: a spline, a solver.

    Also true for a random generator, if the function draws.
    """
    if isinstance(x, GENERATORS):
        return draws
    if isinstance(x, list | tuple):
        parts: Any = x
    elif isinstance(x, dict):
        parts = x.values()
    elif isinstance(x, types.FunctionType | types.ModuleType | type) or of_scipy(x):
        return False
    else:
        attributes = getattr(x, "__dict__", None)  # some objects answer to every name
        parts = attributes.values() if isinstance(attributes, dict | types.MappingProxyType) else ()
    return any(of_scipy(part) or (draws and isinstance(part, GENERATORS)) for part in itertools.islice(parts, 100))


def _fingerprint(x: Any, held: list[Any], depth: int = 0) -> Any:
    """A key that identifies the code that a function can reach."""
    if type(x) is types.FunctionType and depth < 6:
        code = x.__code__
        held.append(code)
        cells = [cell for cell in x.__closure__ or () if is_filled(cell)]
        named = [cell for cell in cells if _may_stand(cell.cell_contents)]  # these variables will be replaced
        held += named
        found = (_fingerprint(cell.cell_contents, held, depth + 1) for cell in cells)
        return id(code), *found, *map(id, named), *_defaults(x, held)
    if type(x) is types.MethodType:
        held.append(type(x.__self__))
        return _fingerprint(x.__func__, held, depth + 1), id(type(x.__self__))
    if isinstance(x, type | types.ModuleType) or (isinstance(x, Block) and x.pure):  # without code of the user's
        held.append(x)
        return id(x)
    held.append(type(x))
    if isinstance(x, list | tuple | dict):
        parts = [*(x.values() if isinstance(x, dict) else x)]
    else:
        parts = [x.func] if isinstance(x, functools.partial) else [*(own_attribute(x, "__dict__") or {}).values()][:20]
    parts = [p for p in parts if _may_have_code(p)] if depth < 6 else []
    return id(type(x)), *(_fingerprint(p, held, depth + 1) for p in parts if len(held) < 100)


def _defaults(function: types.FunctionType, held: list[Any]) -> Iterator[int]:
    """Ids of defaults that may need stand-ins: `lambda x, f=f: f(x)` in a loop has one code object and many f."""
    if function.__defaults__ and any(map(_may_stand, function.__defaults__)):
        held.append(function)  # its defaults will be replaced
        yield id(function)


def _may_have_code(x: Any) -> bool:
    """Whether an object may lead to user code: a function, a container, an object with attributes."""
    return callable(x) or isinstance(x, list | tuple | dict) or (hasattr(x, "__dict__") and not _may_stand(x))


def _may_stand(value: Any) -> bool:
    """Whether the value of a name may need a stand-in."""
    return (
        isinstance(value, (types.ModuleType, *GENERATORS, *CALLED_FOR_EACH))
        or id(value) in _FUNCTIONS
        or bool(of_scipy(value))
        or _is_of_chainrule(value)
    )


def _is_of_chainrule(x: Any) -> bool:
    return callable(x) and str(getattr(x, "__module__", "")).startswith("chainrule.")


def _links(function: types.FunctionType) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Of the globals that a function names, the user's functions and classes, and values that may need a stand-in."""
    scope = function.__globals__
    for code in codes_in(function.__code__):
        for name in globals_of(code):
            value = meant(scope.get(name))
            if isinstance(value, types.FunctionType | type) or _may_stand(value):
                yield scope, name, value
        if has_imports(code):
            yield vars(builtins), "__import__", meant(vars(builtins)["__import__"])


def _contents(function: types.FunctionType, held: list[Any]) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """The globals that a function names and that may hold other code later: containers, objects, registries."""
    scope = function.__globals__
    for name in {name for code in codes_in(function.__code__) for name in globals_of(code)}:
        value = meant(scope.get(name))
        if isinstance(value, types.FunctionType):
            changes = value.__closure__ is not None  # as functools.singledispatch makes
        else:
            changes = not isinstance(value, type | types.ModuleType | Block) and _may_have_code(value)
        if changes:
            yield scope, name, _fingerprint(value, held)


def _members(found: list[Any], functions: list[types.FunctionType]) -> list[tuple[Mapping[str, Any], str, Any]]:
    """The functions and classes in the user's modules and classes, which may be replaced by others."""
    words = frozenset[str]().union(*(words_of(function.__code__) for function in functions))
    holders = [vars(x) for x in found if isinstance(x, types.ModuleType) and not is_of_library_module(x)]
    links: list[tuple[Mapping[str, Any], str, Any]]
    links = [(names, name, meant(names[name])) for names in holders for name in words & names.keys()]
    kinds = [vars(x) for x in found if isinstance(x, type) and not is_of_library(x)]
    links += [(names, name, value) for names in kinds for name, value in names.items()]
    return [link for link in links if isinstance(link[2], _WITH_CODE) or _may_stand(link[2])]


_WITH_CODE = (types.FunctionType, type, types.ModuleType, staticmethod, classmethod, property)


def _needed(functions: list[types.FunctionType]) -> tuple[list[tuple[ReplacedName, Any]], frozenset[str]]:
    """The names of these functions that need a stand-in, with the stand-in; and the names that keep their meaning."""
    codes = {function: list(codes_in(function.__code__)) for function in functions}
    every = [code for found in codes.values() for code in found]
    writes = any(writes_or_joins(code) for code in every)
    kept = frozenset[str]().union(*map(names_passed_on, every)) if any(map(asks_identity, every)) else frozenset[str]()
    called = {name for code in every for name in names_called(code)}
    kept |= {*NUMBER_TYPES} - called
    made: dict[int, tuple[ReplacedName, Any]] = {}

    def replace(where: Any, name: str, found: Any, standin: Any) -> None:
        if standin is not None:
            replaced = name_in(where, name)
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
        for name in {*_PYTHON} & named - kept - {*scope}:
            replace(scope, name, None, _PYTHON[name])
        defaults = [meant(x) for x in function.__defaults__ or ()]
        standins = [_standin_of(x, used, writes, kept) or x for x in defaults]
        if any(x is not y for x, y in zip(defaults, standins, strict=True)):
            replace(function, "__defaults__", function.__defaults__, tuple(standins))
    if any(map(has_imports, every)):
        found = meant(vars(builtins)["__import__"])
        replace(vars(builtins), "__import__", found, importer(found, _module_of, _entered, kept))
    return list(made.values()), kept


ON_IMPORT: ContextVar[Callable[[types.ModuleType], None] | None] = ContextVar("ON_IMPORT", default=None)
"""A callback for each user module that a function imports while it is recorded."""


def _module_of(value: Any, kept: frozenset[str]) -> Any:
    """The stand-in for a module that a function has imported."""
    return _standin_of(meant(value), {*JOINS}, True, kept)


def _entered(module: types.ModuleType) -> None:
    """A function has imported a module of the user's."""
    told = ON_IMPORT.get()
    if told is not None:
        told(module)


def standin_in_place(place: Place, kept: frozenset[str]) -> Any:
    """The stand-in for what an attribute or a container holds: `self.xp = np`, `{"new": np.zeros}`; None if none."""
    value = place.value
    if type(value) is functools.partial:
        standin = standin_in_place(place._replace(value=value.func), kept)
        return None if standin is None else functools.partial(standin, *value.args, **value.keywords)
    if isinstance(place.holder, type) and hasattr(type(value), "__get__"):
        return None  # a method, such as a compiled one, which is bound to the object
    if place.key in kept or getattr(value, "__name__", "") in kept or isinstance(value, (Stands, CACHED)):
        return None
    return _standin_of(value, set(), True, kept)


def _standin_of(value: Any, used: set[str], writes: bool, kept: frozenset[str]) -> Any:
    """The stand-in for a value of a name; None if it may stay."""
    if not _may_stand(value):
        return None
    if isinstance(value, types.ModuleType):
        if value in NUMBER_MODULES:
            return number_module_standin(value, kept)
        if of_scipy(value):
            return scipy_standin(value, kept - {*NUMBER_TYPES})  # scipy.cluster.hierarchy.single is not np.single
        if value in (sys.modules.get("chainrule"), sys.modules.get("chainrule.special")):
            return chainrule_standin(value, kept) if writes or used & {*JOINS} else None
        if value not in MODULES or not (writes or used & ({*JOINS, *LOOP_NAMES, *NUMBER_TYPES} - kept)):
            return None
        return module_standin(value, kept)
    if of_scipy(value):
        return scipy_standin(value, kept)
    if isinstance(value, GENERATORS):
        return DrawingGenerator(value) if writes else None
    if _is_of_chainrule(value):
        return given_arrays(value) if writes else None
    standin = _FUNCTIONS.get(id(value))
    if standin is None:
        return called_for_each(value)
    if writes or value in NUMBER_FUNCTIONS or value.__name__ in (*JOINS, *READERS, *LOOP_NAMES, *NUMBER_TYPES):
        return standin
    return None
