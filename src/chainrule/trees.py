"""Pytrees: arguments and results may be arrays, or tuples, lists, dicts, named tuples and dataclasses of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array

__all__ = ["flatten", "leaf_names"]

SINGLE = (np.ndarray, Array, float, complex, np.generic)
"""What is a leaf by itself."""

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree, and the function that puts other leaves in their places.

    >>> leaves, rebuild = flatten({"W": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10, 20, 30])
    {'W': 10, 'b': (20, 30)}
    """
    if isinstance(tree, SINGLE):  # the common case needs no tree library
        return [tree], _only
    import optree

    _register_dataclasses(tree, optree)
    leaves, structure = optree.tree_flatten(tree, namespace="chainrule")  # type: ignore[arg-type]
    return leaves, lambda new: optree.tree_unflatten(structure, new)


def _only(leaves: list[Any]) -> Any:
    return leaves[0]


def leaf_names(tree: Any, name: str) -> list[str]:
    """A name for each leaf of an argument: its key or field where it has one, else the argument's name and its place.

    >>> leaf_names({"W": 1.0, "b": (2.0, 3.0)}, "params")
    ['W', 'b0', 'b1']
    """
    if isinstance(tree, SINGLE):
        return [name]
    import optree

    _register_dataclasses(tree, optree)
    return [_path_name(path, name) for path in optree.tree_paths(tree, namespace="chainrule")]  # type: ignore[arg-type]


def _path_name(path: tuple[Any, ...], name: str) -> str:
    keys = [i for i, part in enumerate(path) if isinstance(part, str)]
    if keys:
        name, path = path[keys[-1]], path[keys[-1] + 1 :]
    return name + "_".join(str(part) for part in path)


_registered: set[type] = set()


def _register_dataclasses(tree: Any, optree: Any) -> None:
    """Make the tree library know the dataclasses in a tree, on first sight."""
    for leaf in optree.tree_leaves(tree, namespace="chainrule"):
        kind = type(leaf)
        if dataclasses.is_dataclass(leaf) and not isinstance(leaf, type) and kind not in _registered:
            names = [field.name for field in dataclasses.fields(leaf)]
            optree.register_pytree_node(
                kind,
                lambda x, names=names: ([getattr(x, n) for n in names], None, names),
                lambda _, children, kind=kind, names=names: kind(**dict(zip(names, children, strict=True))),
                namespace="chainrule",
            )
            _registered.add(kind)
            return _register_dataclasses(tree, optree)  # its fields may hold more of them
