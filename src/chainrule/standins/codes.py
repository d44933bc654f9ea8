"""Analyses the bytecode of user code: what it writes, calls, imports and compares."""

from __future__ import annotations

import inspect
import itertools
import sys
import types
from collections.abc import Iterator

from chainrule.answers import WRITES
from chainrule.reach import steps_of
from chainrule.standins.buffer import WRITING
from chainrule.standins.draws import DISTRIBUTION_WORDS
from chainrule.standins.modules import LOOP_NAMES
from chainrule.standins.numpy_functions import UNSEEN_WORDS

__all__ = [
    "asks_identity",
    "codes_in",
    "has_imports",
    "may_draw",
    "names_called",
    "names_passed_on",
    "uses_arrays",
    "writes_or_joins",
]


_WRITES = {*WRITING, *(getattr(f, "__name__", "") for f in WRITES), "at", "out", "output", "flat", "real", "imag"}
"""Names that may write into an array: methods, functions, keywords, and attributes that can be set."""


def has_imports(code: types.CodeType) -> bool:
    return any(step.opname == "IMPORT_NAME" for step in steps_of(code))


def may_draw(code: types.CodeType) -> bool:
    """Whether code may draw random numbers: it names a method of a generator."""
    return bool(DISTRIBUTION_WORDS & _words(code))


def codes_in(code: types.CodeType) -> Iterator[types.CodeType]:
    """A function's code, and that of the functions inside it."""
    yield code
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            yield from codes_in(part)


def writes_or_joins(code: types.CodeType) -> bool:
    """Whether code needs the stand-ins of NumPy's functions.

    It does if it writes into an array (by an index, in place, by a function or a keyword), makes lists, or calls a
    function with an argument at which NumPy's protocol does not look.
    """
    return (
        _writes_entries(code)
        or bool((UNSEEN_WORDS | DISTRIBUTION_WORDS | {"deque", "eval", "exec"}) & _words(code))
        or any(
            step.opname == "BUILD_LIST" or (step.opname == "BUILD_TUPLE" and after.opname not in _NO_ARGUMENT)
            for step, after in itertools.pairwise(steps_of(code))
        )
    )


_NO_ARGUMENT = {
    *("BINARY_SUBSCR", "STORE_SUBSCR", "RETURN_VALUE", "STORE_FAST", "STORE_NAME", "LOAD_CONST", "MAKE_FUNCTION"),
    *("SET_FUNCTION_ATTRIBUTE", "YIELD_VALUE", "LIST_APPEND", "GET_ITER", "COPY", "SWAP"),
}
"""Instructions after a tuple that is not an argument: an index, a return, the closure of a function."""


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


def uses_arrays(function: types.FunctionType, code: types.CodeType) -> bool:
    """Whether code may write into an array, or call a method such as `x.dot(y)` that ignores the class of y."""
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
"""Methods of plain arrays that do not dispatch on a recorded argument."""


def names_called(code: types.CodeType) -> set[str]:
    """The names that code calls, or may pass to a function that calls them for each number, such as `map`."""
    called = {name for name, is_called, _ in _reads(code) if is_called}
    return called | {*code.co_names} if called & {"map", *LOOP_NAMES} else called


def asks_identity(code: types.CodeType) -> bool:
    """Whether code compares anything but a constant by `is`. Names that may be compared must then not be replaced."""
    return any(
        step.opname == "IS_OP" and before.opname not in ("LOAD_CONST", "LOAD_COMMON_CONSTANT")
        for before, step in itertools.pairwise(steps_of(code))
    )


def names_passed_on(code: types.CodeType) -> set[str]:
    """The names that code reads but does not call directly: it may compare them, or pass them on."""
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
