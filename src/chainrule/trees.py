"""Arguments and results may be arrays or nested tuples, lists, dicts, named tuples and dataclasses of arrays (pytrees)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array

__all__ = ["flatten"]

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree, and the function that puts other leaves in their places.

    >>> leaves, rebuild = flatten({"W": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10, 20, 30])
    {'W': 10, 'b': (20, 30)}
    """
    if isinstance(tree, Array | np.ndarray | float | np.generic):  # the common case needs no tree library
        return [tree], _only
    import optree

    _register_dataclasses(tree, optree)
    leaves, structure = optree.tree_flatten(tree, namespace="chainrule")  # type: ignore[arg-type]
    return leaves, lambda new: optree.tree_unflatten(structure, new)


def _only(leaves: list[Any]) -> Any:
    return leaves[0]


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
