"""Recording a function for compilation: its inputs, what it returned, and which concrete values it looked at."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.array import WATCHER, Array, constant, node_of
from chainrule.compile.steady import Draws, Told, is_generator, told
from chainrule.errors import RecordingError
from chainrule.forks import imported
from chainrule.graph import graph_between
from chainrule.layout import layout_of
from chainrule.libraries import PLAIN
from chainrule.node import NO_PARAMS, Line, Node, at_line
from chainrule.recording import checked_result, name_of
from chainrule.sharing import sharing_pairs
from chainrule.standins.names import standins
from chainrule.trees import flatten
from chainrule.watching.locals import watch_locals

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
    family : the key of all calls that differ in their integers only.
    integers : those, by their places among all that is given.
    ranges : the leaves that are Python's integers, by their places: from which to which they may be.
    """

    key: Any
    leaves: list[Any]
    rebuild: Callable[[list[Any]], Any]
    family: Any
    integers: dict[int, int]
    ranges: dict[int, tuple[int, int]]


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
    enum.Enum,
)
"""Types of arguments that are part of what is compiled: another value is another version."""


def signature_of(
    args: tuple[Any, ...], kwargs: dict[str, Any], name: str, operands: Mapping[int, tuple[int, int]] | None = None
) -> Signature:
    """The signature of a call.

    Parameters
    ----------
    name : of the function, for errors.
    operands : the integers that are leaves, by their places among all that is given, with their ranges.
    """
    optree = imported("optree")
    flatten((args, kwargs))  # makes the tree library know the dataclasses in it
    everything: list[Any]
    everything, structure = optree.tree_flatten((args, kwargs), namespace="chainrule")  # type: ignore[arg-type]
    key: list[Any] = []
    leaves: list[Any] = []
    at: list[int] = []
    integers: dict[int, int] = {}
    ranges: dict[int, tuple[int, int]] = {}
    for i, leaf in enumerate(everything):
        kind = type(leaf)
        if kind is int:
            integers[i] = leaf
        if kind is np.ndarray:
            if leaf.dtype.kind not in "fciub":
                raise RecordingError(f"{name}: arrays of dtype {leaf.dtype} cannot be compiled" + at_line())
            key.append((leaf.dtype, leaf.shape, layout_of(leaf), leaf.flags.writeable))
        elif kind is float or kind is complex or (kind in PLAIN and isinstance(leaf, np.number | np.bool_)):
            key.append(kind)
        elif kind is int and operands and i in operands:
            ranges[len(leaves)] = operands[i]
            key.append(operands[i])
        elif isinstance(leaf, STATIC):
            key.append((kind, leaf) if kind is not slice else (kind, repr(leaf)))
            continue
        elif is_generator(leaf):
            raise RecordingError(
                f"{name}: an argument of type {kind.__name__} cannot be compiled: a compiled function draws nothing.\n"
                "Draw outside and give the numbers: noise = rng.normal(size=3), or mask = rng.random(x.shape) >= p for "
                "cr.dropout(x, p, mask=mask)" + at_line()
            )
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

    if pairs := sharing_pairs(leaves):
        key.append(("shared memory", *pairs))
    family = (structure, tuple(int if i in integers else part for i, part in enumerate(key)))
    return Signature((structure, tuple(key)), leaves, rebuild, family, integers, ranges)


class Recorded(NamedTuple):
    """One run of a function."""

    inputs: list[Node]
    outputs: list[Any]
    rebuild: Callable[[list[Any]], Any]
    result: Any
    guards: list[Guard]
    names: list[str]
    drew: bool
    """Whether it drew random numbers."""
    seeded: Line | None
    """Where it made a generator without a seed."""
    writes: bool
    """Whether it updates an argument in place, so that memory that arguments share would matter."""

    def told(self) -> list[Told]:
        return told(self.inputs, self.outputs, self.guards)


def record(f: Callable[..., Any], signature: Signature, names: list[str]) -> Recorded:
    """Run f on recorded inputs, watching which concrete values it looks at, and whether it draws random numbers."""
    inputs = [
        Node(None, (), NO_PARAMS, constant(leaf), name=name) for leaf, name in zip(signature.leaves, names, strict=True)
    ]
    seen: dict[tuple[Node, str], Guard] = {}

    def watch(node: Node, how: str) -> None:
        if (node, how) not in seen and (node, "value") not in seen:
            seen[node, how] = Guard(node, how, found(node.value, how))

    handles = [Array(node) for node in inputs]
    for pair in sharing_pairs(signature.leaves):
        for i, j in (pair, pair[::-1]):
            handles[i]._shares = names[j]
    args, kwargs = signature.rebuild(handles)
    draws = Draws(f)
    token = WATCHER.set(watch)
    try:
        with watch_locals({}, draws), standins(f, args):
            returned = f(*args, **kwargs)
    except ValueError as error:
        if isinstance(error.__cause__, RecordingError):
            raise error.__cause__ from None
        raise
    finally:
        WATCHER.reset(token)
    writes = any(handle._own is not node for handle, node in zip(handles, inputs, strict=True))
    outputs, rebuild = flatten(returned)
    outputs = [out if isinstance(out, STATIC) else checked_result(out, name_of(f)) for out in outputs]
    nodes = [node_of(out) if type(out) is Array else out for out in outputs]
    drew = draws.happened() and not any(node.block.draws for node in graph_between(inputs, nodes).nodes)
    result = rebuild([_copied(out.value if type(out) is Node else out) for out in nodes])
    return Recorded(inputs, nodes, rebuild, result, list(seen.values()), names, drew, draws.seeded, writes)


def found(value: Any, how: str) -> Any:
    """What somebody who looks at a value finds."""
    return bool(value) if how == "truth" else int(value) if how == "integer" else np.array(value)


def _copied(value: Any) -> Any:
    return value.copy() if isinstance(value, np.ndarray) else value
