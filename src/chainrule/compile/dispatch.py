"""Dispatch: the fast path from a call to compiled code.

For a native program the fast path is an entry of machine code, which checks its arguments itself. If arguments are
trees, or other values than arrays and numbers, or if the program is a Python function, a few lines of Python, generated
for each version, run first. If anything is unexpected they raise an error, and the general path takes over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compile.failures import OtherInputs
from chainrule.compile.signatures import DTYPES, TRUTHS, Entry, Leaf
from chainrule.compile.values import Value

__all__ = ["FAST", "entries_of", "fast_path", "plain"]

FAST = "fast"
"""The name of the entry that returns the function's own result structure."""
PARALLEL = 1000
"""Programs with more work than this release the GIL."""

CANONICAL = {np.dtype(name): np.dtype(name) for name in DTYPES}


def plain(leaf: Any) -> Any:
    """An argument in the form that compiled code takes."""
    if type(leaf) is np.ndarray:
        dtype: Any = CANONICAL.get(leaf.dtype, leaf.dtype)  # NumPy has several int64 types; compiled code knows one
        if not leaf.ndim:
            return dtype.type(leaf[()])
        if leaf.dtype is not dtype or not leaf.flags.aligned or not leaf.flags.c_contiguous:
            return np.require(leaf, dtype, ["C", "A"])
        return leaf
    if isinstance(leaf, np.generic) and leaf.dtype in CANONICAL:
        return CANONICAL[leaf.dtype].type(leaf)
    return leaf


def entries_of(version: Any, inputs: Sequence[Value]) -> dict[str, Entry]:
    """The entries of a native program: one with flat results and guards, and if possible one with f's own results."""
    program = version.program
    ranges = version.signature.ranges
    leaves = [
        _taken(v, leaf, ranges.get(i), version.writes)
        for i, (v, leaf) in enumerate(zip(inputs, version.signature.leaves, strict=True))
    ]
    place = {v: i for i, v in enumerate(inputs)}
    used = [place[v] for v in program.inputs]
    kinds = [kind for kind in version.kinds if kind is not None]
    results = [_given(v, kind) for v, kind in zip(program.outputs, kinds, strict=False)]
    guards = [_given(v, ("guard", None)) for v in program.outputs[len(kinds) :]]
    parallel = program.work > PARALLEL
    parameters = tuple(program.parameters)
    flat = Entry(tuple(leaves[i] for i in used), parameters, (*results, *guards), (), None, parallel)
    structure = _structure(version)
    unknown = any(np.asarray(leaf).dtype not in CANONICAL for leaf in version.signature.leaves)
    if structure is None or unknown or not all(map(_is_simple, version.expected, guards)):
        return {program.name: flat}
    expected = tuple((how, int(found)) for how, found in version.expected)
    parameters = tuple(p._replace(place=used[p.place]) if p.role == "input" else p for p in parameters)
    return {program.name: flat, FAST: Entry(tuple(leaves), parameters, flat.results, expected, structure, parallel)}


def _taken(value: Value, leaf: Any, within: tuple[int, int] | None, is_written: bool) -> Leaf:
    if within is not None:
        return Leaf(value.dtype.name, (), "int", within)
    if np.ndim(leaf):
        return Leaf(value.dtype.name, value.shape, is_written=is_written)
    return Leaf(value.dtype.name, (), "float" if type(leaf) is float else f"numpy.{value.dtype.name}")


def _given(value: Value, kind: tuple[str, Any]) -> Leaf:
    if value.shape or kind[0] == "0-d":
        return Leaf(value.dtype.name, value.shape)
    if kind[0] == "guard":
        return Leaf(value.dtype.name, (), {"f": "float", "i": "int", "b": "bool"}[value.dtype.kind])
    return Leaf(
        value.dtype.name, (), kind[1].__name__ if kind[1] in (float, int, bool) else f"numpy.{value.dtype.name}"
    )


def _is_simple(expected: tuple[str, Any], guard: Leaf) -> bool:
    """Whether machine code can check a guard."""
    how = expected[0]
    return not guard.shape and (how in TRUTHS or (how == "integer" and guard.dtype.startswith("int")))


class _Slot(int):
    """The position of a result or an argument in a structure."""


def _structure(version: Any) -> Any:
    """The results as nested tuples and lists of positions; None for other structures, or if not all are new."""
    if version.donated or None in version.kinds:
        return None
    return _places(version.rebuild([_Slot(i) for i in range(len(version.kinds))]))


def _places(structure: Any) -> Any:
    if type(structure) is _Slot:
        return int(structure)
    if type(structure) not in (tuple, list):
        return None
    parts = [_places(part) for part in structure]
    return None if None in parts else type(structure)(parts)


# The fast path in Python -------------------------------------------------------------------------------------------


def fast_path(version: Any, function: Callable[..., Any]) -> Callable[..., Any] | None:
    """A fast function for arguments like those of the version; None if it would be no faster than the general path."""
    lines: list[str] = []
    scope: dict[str, Any] = {"ndarray": np.ndarray, "OtherInputs": OtherInputs, "missing": object()}
    arrays = [leaf for leaf in version.signature.leaves if type(leaf) is np.ndarray]
    if not all(leaf.flags.c_contiguous for leaf in arrays):
        return None  # the generated code takes arrays in C order; others have another signature
    if not all(leaf.ndim for leaf in arrays):
        return None  # a 0-d array: compiled code would take it as a number, but it can be written into
    args, kwargs = version.signature.rebuild([_Slot(i) for i in range(len(version.signature.leaves))])
    if kwargs:
        return None
    names = [f"x{arg}" if type(arg) is _Slot else f"a{i}" for i, arg in enumerate(args)]
    if not all(_take_apart(name, arg, lines, scope) for name, arg in zip(names, args, strict=True)):
        return None
    leaves = [f"x{i}" for i in range(len(version.signature.leaves))]
    if version.entry is not None:
        scope["function"] = version.entry
        if names == leaves and not lines:
            return version.entry
        lines.append(f"    return function({', '.join(leaves)})")
    elif not _run_program(version, function, leaves, lines, scope):
        return None
    parameters = [f"{name}=missing" for name in names]  # the function itself reports a wrong number of arguments
    exec("\n".join([f"def fast({', '.join(parameters)}, *more):", "    if more: raise OtherInputs", *lines]), scope)
    return scope["fast"]


def _take_apart(name: str, argument: Any, lines: list[str], scope: dict[str, Any]) -> bool:
    """Write code that extracts the leaves of an argument and checks that the rest is unchanged."""
    kind = type(argument)
    if kind is _Slot:
        if name != f"x{argument}":
            lines.append(f"    x{argument} = {name}")
        return True
    scope[f"type_{name}"] = kind
    if kind in (tuple, list, dict):
        if kind is dict:
            scope[f"keys_{name}"] = [*argument]
            lines.append(f"    if type({name}) is not dict or [*{name}] != keys_{name}: raise OtherInputs")
        else:
            lines.append(f"    if type({name}) is not type_{name} or len({name}) != {len(argument)}: raise OtherInputs")
        parts = argument.items() if kind is dict else enumerate(argument)
        found = []
        for i, (key, part) in enumerate(parts):
            if type(key) not in (str, int):
                return False
            lines.append(f"    {name}_{i} = {name}[{key!r}]")
            found.append(_take_apart(f"{name}_{i}", part, lines, scope))
        return all(found)
    if kind not in (bool, int, str, bytes, type(None)):
        return False
    scope[f"is_{name}"] = argument
    lines.append(f"    if type({name}) is not type_{name} or {name} != is_{name}: raise OtherInputs")
    return True


def _run_program(
    version: Any, function: Callable[..., Any], leaves: list[str], lines: list[str], scope: dict[str, Any]
) -> bool:
    """Write code that runs a Python program: checks its arguments, assembles its results."""
    structure = _structure(version)
    if structure is None or any(kind[0] == "0-d" for kind in version.kinds):
        return False
    if any(how not in TRUTHS for how, _ in version.expected):
        return False
    for i, leaf in enumerate(version.signature.leaves):
        scope[f"type{i}"] = type(leaf)
        lines.append(f"    if type(x{i}) is not type{i}: raise OtherInputs")
        if i in version.signature.ranges:
            low, high = version.signature.ranges[i]
            lines.append(f"    if not {low} <= x{i} <= {high}: raise OtherInputs")
        if type(leaf) is np.ndarray:
            scope |= {f"shape{i}": leaf.shape, f"dtype{i}": leaf.dtype}
            lines.append(f"    if x{i}.shape != shape{i} or x{i}.dtype != dtype{i}: raise OtherInputs")
            lines.append(f"    if not x{i}.flags.c_contiguous or not x{i}.flags.aligned: raise OtherInputs")
            if version.writes:
                lines.append(f"    if not x{i}.flags.writeable: raise OtherInputs")
    scope["function"] = function
    results = [f"r{i}" for i in range(len(version.kinds))]
    guards = [f"g{i}" for i in range(len(version.expected))]
    used = ", ".join(leaves[i] for i in version.used)
    lines.append(f"    [{', '.join([*results, *guards])}] = function({used})")  # in brackets there may be none
    lines += [
        f"    if {'not ' if found else ''}{g}: raise OtherInputs"
        for g, (_, found) in zip(guards, version.expected, strict=True)
    ]
    for i, kind in enumerate(version.kinds):
        scope[f"kind{i}"] = kind[1]
        if kind[0] == "number":
            lines.append(f"    if type(r{i}) is not kind{i}: r{i} = kind{i}(r{i})")
    lines.append(f"    return {_text(structure)}")
    return True


def _text(structure: Any) -> str:
    if type(structure) is int:
        return f"r{structure}"
    inner = ", ".join(map(_text, structure))
    if type(structure) is list:
        return f"[{inner}]"
    return f"({inner}{',' if len(structure) == 1 else ''})"
