"""The inputs of a recording: the arguments that are differentiated, as nodes and as recorded arrays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.answers import in_another_library, under_another_value
from chainrule.argnums import name_of
from chainrule.array import Array, constant, form_of, node_of
from chainrule.block import unlisted_block
from chainrule.block.dependence import entrywise
from chainrule.errors import GradientError
from chainrule.libraries import PLAIN, as_array_beside, as_numpy, is_foreign, is_inexact, is_traced
from chainrule.node import NO_PARAMS, Node, at_line
from chainrule.operands import class_name, holds_numbers, to_write_instead
from chainrule.sharing import sharing_pairs
from chainrule.step import record
from chainrule.trees import Tree, flatten

__all__ = ["CalledWith", "alias", "input_node", "must_be_plain", "with_numpys_arrays"]


@unlisted_block(notation=lambda x: x, dependence=entrywise)
def alias(xp: Any, x: Any) -> Any:
    """The same value under a new identity, so that nested gradients cannot mistake one for the other."""
    return x


alias.backward(lambda xp, dz, z, x: dz)


@unlisted_block(notation=lambda x, others: x)
def beside(xp: Any, x: Any, others: Any) -> Any:
    """An array of NumPy's as one of the library of other arrays, on their device."""
    return as_array_beside(x, others)


@beside.backward
def _beside_backward(xp: Any, dz: Any, z: Any, x: Any, others: Any) -> Any:
    """NumPy's array again, unless dz is recorded or has no values yet."""
    if type(dz) is Array or is_traced(dz):
        return xp.astype(dz, x.dtype)
    return np.asarray(as_numpy(dz), dtype=x.dtype)


@in_another_library.is_
def _beside(x: Array, others: list[Any]) -> Array:
    return record(beside, (x,), {"others": others}, known=as_array_beside(form_of(x), others))


@under_another_value.is_
def _aliased(result: Array, value: Any) -> Array:
    node = result._node
    return Array(Node(alias, (node,), NO_PARAMS, value, node.code, node.lasti))


def input_node(x: Any, f: Callable[..., Any], argument: int | str) -> Node:
    """A new input of a recording with the value of x, the argument (or a part of it) of f."""
    if type(x) is np.ndarray and x.dtype.kind in "fc":  # the common case
        return Node(None, (), NO_PARAMS, constant(x))
    if type(x) is float or type(x) is complex:  # Python's numbers are unchanged
        return Node(None, (), NO_PARAMS, x)
    if isinstance(x, (float, complex, list, tuple)):
        x = np.asarray(x)[()]
    must_be_plain(x, f, argument)
    _must_be_floating(form_of(x), f, argument)
    return node_of(record(alias, (x,))) if type(x) is Array else Node(None, (), NO_PARAMS, constant(x))


def must_be_plain(x: Any, f: Callable[..., Any], argument: int | str) -> None:
    """Raise if x is of a class of arrays or quantities that is neither NumPy's nor another array library's."""
    if type(x) is not Array and not is_foreign(x) and holds_numbers(x):
        raise GradientError(
            f"argument {argument} of {name_of(f)} is a {class_name(x)}, which has no gradient; {to_write_instead(x)}"
            + at_line()
        )


def _must_be_floating(x: Any, f: Callable[..., Any], argument: int | str) -> None:
    what = f"argument {argument} of {name_of(f)}"
    if not is_inexact(x):
        kind = getattr(x, "dtype", type(x).__name__)
        hint = f"give it as a float: {x!r} -> {float(x)}" if isinstance(x, int) else "convert it with .astype(float)"
        if not isinstance(x, int) and not hasattr(x, "dtype"):
            hint = "give an array, a number, or nested tuples, lists, dicts or dataclasses of them"
        raise GradientError(f"{what} is of type {kind}, which has no gradient; {hint}" + at_line())


def with_numpys_arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments, with arrays of other libraries as NumPy's; for readers that show or compare numbers."""
    leaves, rebuild = flatten((args, kwargs))
    if not any(type(x) not in PLAIN and type(x) is not Array and is_foreign(x) for x in leaves):
        return args, kwargs
    return rebuild([x if type(x) is Array else as_numpy(x) for x in leaves])


class CalledWith:
    """The arguments with which a function is called, some of them recorded.

    Attributes
    ----------
    args, kwargs : the arguments.
    trees : those that are recorded.
    given, inputs, handles : the arrays in them as given, their nodes, and the recorded arrays.
    """

    def __init__(self, f: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.f, self.args, self.kwargs = f, list(args), dict(kwargs)
        self.trees: list[Tree] = []
        self.given: list[Any] = []
        self.inputs: list[Node] = []
        self.handles: list[Array] = []

    def record(self, position: int, name: str) -> None:
        """Record an argument, given by position and name."""
        by_position = 0 <= position < len(self.args)
        if not by_position and name not in self.kwargs:
            raise GradientError(
                f"{name_of(self.f)} is differentiated by its argument {name or position}, but was called without it"
                + at_line()
            )
        tree = Tree(self.args[position] if by_position else self.kwargs[name])
        nodes = []
        handles = []
        for leaf in tree.leaves:
            node = input_node(leaf, self.f, name or position)
            handle = Array(node)
            handle._unsure = type(leaf) is Array and leaf._unsure
            nodes.append(node)
            handles.append(handle)
        if len(nodes) == 1 and name:
            nodes[0].name = name
        if by_position:
            self.args[position] = tree.argument(handles)
        else:
            self.kwargs[name] = tree.argument(handles)
        self.trees.append(tree)
        self.given += tree.leaves
        self.inputs += nodes
        self.handles += handles

    def mark_shared(self) -> None:
        """Make updates in place raise if arguments share memory, because in NumPy both would change."""
        if not _own_their_memory(self.given, self.args, self.kwargs):
            _mark_shared(self.handles, self.given, self.args, self.kwargs)


def _own_their_memory(given: list[Any], args: list[Any], kwargs: dict[str, Any]) -> bool:
    """Quick check that no arguments share memory: all are numbers, or arrays that own theirs, and none occurs twice.

    `given` holds the recorded ones as plain arrays.
    """
    arrays = 0
    found = set()
    for x in given:
        if type(x) is np.ndarray and x.base is None:
            found.add(id(x))
            arrays += 1
        elif type(x) not in PLAIN:
            return False
    for x in (*args, *kwargs.values()) if kwargs else args:
        if type(x) is np.ndarray:
            if x.base is not None:
                return False
            found.add(id(x))
            arrays += 1
        elif type(x) is not Array and type(x) not in PLAIN:
            return False
    return len(found) == arrays


def _mark_shared(handles: list[Array], given: list[Any], args: list[Any], kwargs: dict[str, Any]) -> None:
    """Make an update in place raise if an argument shares its memory with another one.

    `given` are the arrays of the handles; args and kwargs contain the arguments that stay plain. If these share memory,
    they become read-only.
    """
    plain = [x for x in (*args, *kwargs.values()) if type(x) not in PLAIN]
    ours = {id(handle) for handle in handles}
    others = [
        leaf for x in plain for leaf in flatten(x)[0] if type(leaf) in (np.ndarray, Array) and id(leaf) not in ours
    ]
    pairs = sharing_pairs([*given, *others])
    first: dict[int, int] = {}  # the first place of each recorded array among them
    for i, x in enumerate((*given, *others)):
        if type(x) is Array:
            j = first.setdefault(id(x if x._view is None else x._view.root), i)
            if j != i:
                pairs.append((j, i))
    for handle, leaf in zip(handles, given, strict=True):
        handle._shares = leaf._shares if type(leaf) is Array else ""
    for pair in pairs:
        for i, j in (pair, pair[::-1]):
            if i < len(handles):
                handles[i]._shares = handles[j]._own.name or "another argument" if j < len(handles) else "an argument"
    beside = [others[j - len(handles)] for i, j in pairs if i < len(handles) <= j]
    read_only = {id(x) for x in beside if type(x) is np.ndarray}
    if read_only:

        def guarded(x: Any) -> Any:
            if type(x) in PLAIN or type(x) is Array:
                return x
            leaves, rebuild = flatten(x)
            return rebuild([_read_only(leaf) if id(leaf) in read_only else leaf for leaf in leaves])

        args[:] = [guarded(x) for x in args]
        kwargs.update({name: guarded(x) for name, x in kwargs.items()})


def _read_only(x: np.ndarray) -> np.ndarray:
    x = x.view()
    x.flags.writeable = False
    return x
