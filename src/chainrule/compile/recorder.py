"""Recording a function for compilation: its inputs, what it returned, and which concrete values it looked at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import NO_PARAMS, WATCHER, Array, constant, joined
from chainrule.errors import RecordingError
from chainrule.graph import graph_between
from chainrule.locals import watch_locals
from chainrule.node import Node, at_line
from chainrule.trees import flatten

__all__ = ["Guard", "Recorded", "Signature", "found", "record", "signature_of"]


class Guard(NamedTuple):
    """A concrete value that the function looked at, and that decided what it did.

    Attributes
    ----------
    node : the value.
    how : what counts: its "truth", the "integer" that it is, or the whole "value".
    outcome : what was found.
    """

    node: Node
    how: str
    outcome: Any


class Signature(NamedTuple):
    """The arguments of a call, flattened.

    Attributes
    ----------
    key : what a compiled version is for: structure, shapes, dtypes and whatever is no array.
    leaves : the arrays and numbers, in order.
    rebuild : puts other leaves in their places and returns (args, kwargs).
    """

    key: Any
    leaves: list[Any]
    rebuild: Callable[[list[Any]], Any]


STATIC = (
    bool,
    int,
    str,
    bytes,
    type(None),
    type,
    np.dtype,
    slice,
    type(Ellipsis),
    type(lambda: 0),
    type(np.sin),
    type(len),
)
"""Types of arguments that are part of what is compiled: another value is another version."""


def signature_of(args: tuple[Any, ...], kwargs: dict[str, Any], name: str) -> Signature:
    import optree

    flatten((args, kwargs))  # makes the tree library know the dataclasses in it
    everything: list[Any]
    everything, structure = optree.tree_flatten((args, kwargs), namespace="chainrule")  # type: ignore[arg-type]
    key: list[Any] = []
    leaves: list[Any] = []
    at: list[int] = []
    for i, leaf in enumerate(everything):
        kind = type(leaf)
        if kind is np.ndarray:
            if leaf.dtype.kind not in "fciub":
                raise RecordingError(f"{name}: arrays of dtype {leaf.dtype} cannot be compiled" + at_line())
            key.append((leaf.dtype, leaf.shape, leaf.flags.fnc))
        elif kind is float or kind is complex or isinstance(leaf, np.number | np.bool_):
            key.append(kind)
        elif isinstance(leaf, STATIC):
            key.append((kind, leaf) if kind is not slice else (kind, repr(leaf)))
            continue
        else:
            raise RecordingError(
                f"{name}: an argument of type {kind.__name__} cannot be compiled, because nobody can tell when it "
                "changes; give arrays, numbers, strings, or trees of them" + at_line()
            )
        leaves.append(leaf)
        at.append(i)

    def rebuild(new: list[Any]) -> Any:
        full = list(everything)
        for i, leaf in zip(at, new, strict=True):
            full[i] = leaf
        return optree.tree_unflatten(structure, full)

    return Signature((structure, tuple(key)), leaves, rebuild)


class Recorded(NamedTuple):
    """One run of a function."""

    inputs: list[Node]
    outputs: list[Any]
    rebuild: Callable[[list[Any]], Any]
    result: Any
    guards: list[Guard]
    names: list[str]


def record(f: Callable[..., Any], signature: Signature, names: list[str]) -> Recorded:
    """Run f on recorded inputs, watching which concrete values it looks at."""
    inputs = [
        Node(None, (), NO_PARAMS, constant(leaf), name=name) for leaf, name in zip(signature.leaves, names, strict=True)
    ]
    seen: dict[tuple[Node, str], Guard] = {}

    def watch(node: Node, how: str) -> None:
        if (node, how) not in seen and (node, "value") not in seen:
            seen[node, how] = Guard(node, how, found(node.value, how))

    args, kwargs = signature.rebuild([Array(node) for node in inputs])
    generators = _Generators(f)
    token = WATCHER.set(watch)
    try:
        with watch_locals({}):
            returned = f(*args, **kwargs)
    except ValueError as error:
        if isinstance(error.__cause__, RecordingError):
            raise error.__cause__ from None
        raise
    finally:
        WATCHER.reset(token)
    outputs, rebuild = flatten(returned)
    outputs = [joined(out) if isinstance(out, np.ndarray) else out for out in outputs]
    nodes = [out._node if type(out) is Array else out for out in outputs]
    recorded = graph_between(inputs, nodes).nodes
    if not any(node.block.name in DRAWING for node in recorded):
        generators.refuse_if_used()
    result = rebuild([_copied(out.value if type(out) is Node else out) for out in nodes])
    return Recorded(inputs, nodes, rebuild, result, list(seen.values()), names)


def found(value: Any, how: str) -> Any:
    """What somebody who looks at a value finds."""
    return bool(value) if how == "truth" else int(value) if how == "integer" else np.array(value)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value


DRAWING = frozenset(["logm"])
"""Blocks whose own algorithm draws random numbers, on which the result does not depend."""


class _Generators:
    """The random generators that a function can reach: what they draw would be the same on every call."""

    def __init__(self, f: Callable[..., Any]):
        self.f = f
        self.before = self._states()

    def _states(self) -> list[str]:
        found: dict[int, Any] = {}
        stack: list[Any] = [self.f]
        seen: set[int] = set()
        while stack:
            item = stack.pop()
            if id(item) in seen:
                continue
            seen.add(id(item))
            if isinstance(item, np.random.Generator):
                found[id(item)] = item.bit_generator.state
            elif isinstance(item, np.random.RandomState):
                found[id(item)] = item.get_state(legacy=False)
            code = getattr(item, "__code__", None)
            if code is not None:
                stack += [item.__globals__[n] for n in code.co_names if n in item.__globals__]
                stack += [cell.cell_contents for cell in item.__closure__ or () if _is_filled(cell)]
                stack += list(item.__defaults__ or ())
            if type(item) in (list, tuple):
                stack += item
        found[0] = np.random.get_state(legacy=False)
        return [repr(state) for state in found.values()]

    def refuse_if_used(self) -> None:
        if self._states() != self.before:
            raise RecordingError(
                "a compiled function drew random numbers; they would be the same on every call. "
                "Draw them outside and give them as an argument" + at_line()
            )


def _is_filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
