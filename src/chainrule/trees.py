"""Pytrees: arguments and results may be arrays, or tuples, lists, dicts and objects with declared fields of them.

Such objects are named tuples, dataclasses, attrs classes, namespaces, and objects of classes that are registered with
optree, JAX or PyTorch. They are rebuilt without calling `__init__`, which may compute something or reject gradients.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import itertools
import math
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.array import Array, form_of
from chainrule.errors import GradientError
from chainrule.escape import printable
from chainrule.forks import imported, waited_for
from chainrule.libraries import is_foreign, is_inexact, namespace_of
from chainrule.node import at_line
from chainrule.operands import holds_numbers

__all__ = ["Tree", "flatten", "leaf_names", "orders_of", "ravel"]

SINGLE = (np.ndarray, Array, float, complex, np.generic)
"""Types that are always leaves."""

NAMESPACE = "chainrule"

Rebuild = Callable[[list[Any]], Any]


def flatten(tree: Any) -> tuple[list[Any], Rebuild]:
    """The leaves of a tree, and the function that puts other leaves in their places.

    >>> leaves, rebuild = flatten({"W": 1.0, "b": (2.0, 3.0)})
    >>> leaves
    [1.0, 2.0, 3.0]
    >>> rebuild([10, 20, 30])
    {'W': 10, 'b': (20, 30)}
    """
    if type(tree) is Array:  # the common cases need no tree library
        return [tree], _only
    if isinstance(tree, SINGLE):
        return [tree.settled() if isinstance(tree, Array) else tree], _only
    optree = imported("optree")
    leaves, structure = optree.tree_flatten(tree, is_leaf=_learn, namespace=NAMESPACE)  # type: ignore[arg-type]
    leaves = [leaf.settled() if isinstance(leaf, Array) else leaf for leaf in leaves]
    return leaves, lambda new: optree.tree_unflatten(structure, new)


def _only(leaves: list[Any]) -> Any:
    return leaves[0]


def orders_of(tree: Any) -> tuple[tuple[Any, ...], ...]:
    """The keys of the dicts in a tree, in their order, which a function that walks through them sees.

    The tree library sorts keys, so its structures are equal whatever the order.

    >>> orders_of([{"W": 1.0, "b": 2.0}, {"b": 1.0, "W": 2.0}])
    (('W', 'b'), ('b', 'W'))
    """
    found: list[tuple[Any, ...]] = []

    def note(part: Any) -> bool:
        if isinstance(part, dict):
            found.append(tuple(part))
        return False

    imported("optree").tree_flatten(tree, is_leaf=note, namespace=NAMESPACE)  # type: ignore[arg-type]
    return tuple(found)


class Tree:
    """An argument. Its leaves of a floating type are differentiated; all other leaves are passed through.

    Attributes
    ----------
    leaves : the leaves to differentiate; all leaves if none is of a floating type, for an error to name.

    >>> tree = Tree({"W": 1.0, "steps": 3, "act": np.tanh})
    >>> tree.leaves
    [1.0]
    >>> tree.gradient([0.5])
    {'W': 0.5, 'steps': None, 'act': None}
    """

    def __init__(self, tree: Any):
        self._all, self._rebuild = flatten(tree)
        if type(tree) is np.ndarray and tree.dtype.kind in "fc":  # the common case
            self._places, self.leaves = [0], self._all
            return
        places = [i for i, leaf in enumerate(self._all) if is_inexact(form_of(leaf)) or _is_container(leaf)]
        self._places = places or list(range(len(self._all)))
        self.leaves = [self._all[i] for i in self._places]

    def argument(self, new: Sequence[Any]) -> Any:
        """The argument with other leaves in the places of those to differentiate."""
        return self._filled(list(self._all), new)

    def gradient(self, new: Sequence[Any]) -> Any:
        """The gradient of the argument; None for a leaf without one."""
        return self._filled([None] * len(self._all), new)

    def of_tangents(self, tree: Any) -> list[Any]:
        """The leaves in the places to differentiate, of a tree structured like the argument or like its gradient.

        The other leaves are ignored.
        """
        leaves, _ = flatten(tree)
        return [leaves[i] for i in self._places] if len(leaves) == len(self._all) else leaves

    def _filled(self, full: list[Any], new: Sequence[Any]) -> Any:
        if self._rebuild is _only and len(new) == 1:  # an array or a number
            return new[0]
        for i, leaf in zip(self._places, new, strict=True):
            full[i] = leaf
        return self._rebuild(full)


def ravel(tree: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The numbers of a tree as one vector, and the function that makes such a tree of a vector.

    Parameters
    ----------
    tree : an array, or nested tuples, lists, dicts and objects of arrays. Leaves that are not of a floating type are
        not in the vector; the function puts them back as they are.

    Returns `(vector, unravel)`; the vector has the common dtype of its parts, `unravel` gives each part its own dtype.

    >>> import numpy as np, chainrule as cr
    >>> vector, unravel = cr.ravel({"W": np.ones((2, 2)), "b": np.zeros(2), "steps": 3})
    >>> vector
    array([1., 1., 1., 1., 0., 0.])
    >>> unravel(2 * vector)["W"]
    array([[2., 2.],
           [2., 2.]])

    References: `jax.flatten_util.ravel_pytree`.
    """
    parts = Tree(tree)
    leaves = [x if type(x) is Array or is_foreign(x) else np.asarray(x) for x in parts.leaves]
    xp = np if any(type(x) is Array for x in leaves) else namespace_of(leaves)
    shapes = [tuple(x.shape) for x in leaves]
    ends = [*itertools.accumulate(map(math.prod, shapes))]
    size = ends[-1] if ends else 0
    flat = xp.concat([xp.reshape(x, (-1,)) for x in leaves]) if leaves else np.zeros(0)

    def unravel(vector: Any) -> Any:
        if tuple(vector.shape) != (size,):
            raise GradientError(
                f"unravel takes a vector of {size} numbers, not an array of shape {tuple(vector.shape)}" + at_line()
            )
        new = []
        for x, shape, end in zip(leaves, shapes, ends, strict=True):
            part = vector[end - math.prod(shape) : end].reshape(shape)
            new.append(part if part.dtype == x.dtype else xp.astype(part, x.dtype))
        return parts.argument(new)

    return flat, unravel


def _is_container(leaf: Any) -> bool:
    """Whether a leaf is an array container that cannot be differentiated (a DataFrame, a sparse matrix): an error."""
    return type(leaf) is not Array and not isinstance(leaf, SINGLE) and not is_foreign(leaf) and holds_numbers(leaf)


def leaf_names(tree: Any, name: str) -> list[str]:
    """A name for each leaf to differentiate of an argument: its key or field, else the argument's name and its place.

    >>> leaf_names({"W": 1.0, "b": (2.0, 3.0)}, "params")
    ['W', 'b0', 'b1']
    """
    if isinstance(tree, SINGLE):
        return [printable(name)]
    optree = imported("optree")
    paths = optree.tree_paths(tree, is_leaf=_learn, namespace=NAMESPACE)  # type: ignore[arg-type]
    return [_path_name(paths[i], name) for i in Tree(tree)._places]


def _path_name(path: tuple[Any, ...], name: str) -> str:
    keys = [i for i, part in enumerate(path) if isinstance(part, str)]
    if keys:
        name, path = path[keys[-1]], path[keys[-1] + 1 :]
    return printable(name + "_".join(str(part) for part in path))


# Classes that the tree library does not know -----------------------------------------------------------------------

Parts = tuple[Callable[[Any], tuple[Sequence[Any], Any, Sequence[Any]]], Callable[[Any, Sequence[Any]], Any]]
"""How an object is taken apart (children, the rest of it, names of the children) and rebuilt."""

_known: set[type] = {
    *(int, bool, str, bytes, types.NoneType, types.FunctionType, types.BuiltinFunctionType, *SINGLE),
    *(tuple, list, dict, collections.OrderedDict, collections.defaultdict, collections.deque),
}
_lock = waited_for(threading.Lock())


def _learn(x: Any) -> bool:
    """Register the class of x with the tree library, on first sight, if it has parts. Called as its `is_leaf`."""
    kind = type(x)
    if kind not in _known:
        optree = imported("optree")
        with _lock:
            entry = optree.register_pytree_node.get(kind, namespace=NAMESPACE)  # type: ignore[attr-defined]
            registered = entry is not None and entry.type is kind  # optree has one entry for all named tuples
            parts = None if registered else _parts_of(x)
            if parts is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", UserWarning)  # optree warns that it has a rule for all named tuples
                    optree.register_pytree_node(kind, *parts, namespace=NAMESPACE)  # type: ignore[arg-type]
            if registered or parts is not None or isinstance(x, tuple):
                _known.add(kind)
    return False


def _parts_of(x: Any) -> Parts | None:
    """How objects of the class of x are taken apart, or None if they are leaves."""
    kind = type(x)
    if isinstance(x, tuple):
        makes = next(c for c in kind.__mro__ if "__new__" in vars(c))
        plain = "_fields" in vars(makes) or not issubclass(kind, tuple) or hasattr(kind, "n_sequence_fields")
        return None if plain else _sequence(tuple)  # known already, unless it is constructed in its own way
    for library, module in (("jax", "jax.tree_util"), ("torch", "torch.utils._pytree")):
        if library in sys.modules and module in sys.modules:
            parts = _registered_with(sys.modules[module], x)
            if parts is not None:
                return parts
    if callable(getattr(kind, "tree_flatten", None)) and callable(getattr(kind, "tree_unflatten", None)):
        return _by_methods(kind)
    if isinstance(x, list):
        return _sequence(list)
    if isinstance(x, dict):
        return _mapping(kind)
    if isinstance(x, types.SimpleNamespace) or dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__"):
        return _by_attributes(kind)
    return None


def _registered_with(trees: Any, x: Any) -> Parts | None:
    """The parts of an object that is registered with JAX or PyTorch, as they see them."""

    def flatten(x: Any) -> tuple[Sequence[Any], Any, Sequence[Any]]:
        children, structure = trees.tree_flatten(x, is_leaf=lambda part: part is not x)
        return children, structure, range(len(children))

    children = flatten(x)[0]
    if len(children) == 1 and children[0] is x:
        return None
    if trees.__name__.startswith("jax"):
        return flatten, lambda structure, children: trees.tree_unflatten(structure, children)
    return flatten, lambda structure, children: trees.tree_unflatten(children, structure)


def _by_methods(kind: Any) -> Parts:
    """The parts of an object whose class has `tree_flatten` and `tree_unflatten`, as JAX asks for them."""

    def flatten(x: Any) -> tuple[Sequence[Any], Any, Sequence[Any]]:
        children, rest = x.tree_flatten()
        return children, rest, range(len(children))

    return flatten, lambda rest, children: kind.tree_unflatten(rest, children)


def _sequence(base: Any) -> Parts:
    """The parts of a subclass of list or of tuple: its items, and any other attributes."""

    def flatten(x: Any) -> tuple[Sequence[Any], Any, Sequence[Any]]:
        attributes = dict(getattr(x, "__dict__", {}))
        names = (*range(len(x)), *attributes)
        return [*base.__iter__(x), *attributes.values()], (type(x), len(x), tuple(attributes)), names

    def unflatten(rest: Any, children: Sequence[Any]) -> Any:
        kind, count, names = rest
        new = base.__new__(kind, children[:count]) if base is tuple else base.__new__(kind)
        if base is list:
            list.extend(new, children[:count])
        if names:
            new.__dict__.update(zip(names, children[count:], strict=True))
        return new

    return flatten, unflatten


def _mapping(kind: Any) -> Parts:
    """The parts of a subclass of dict: its values, and any other attributes."""

    def flatten(x: Any) -> tuple[Sequence[Any], Any, Sequence[Any]]:
        keys, attributes = tuple(dict.keys(x)), dict(getattr(x, "__dict__", {}))
        children = [*dict.values(x), *attributes.values()]
        return children, (keys, tuple(attributes)), (*keys, *attributes)

    def unflatten(rest: Any, children: Sequence[Any]) -> Any:
        keys, names = rest
        new = kind.__new__(kind)
        for key, child in zip(keys, children, strict=False):
            dict.__setitem__(new, key, child)
        if names:
            new.__dict__.update(zip(names, children[len(keys) :], strict=True))
        return new

    return flatten, unflatten


def _by_attributes(kind: Any) -> Parts | None:
    """The parts of an object with declared fields: these, and attributes that it was given later."""
    make = types.SimpleNamespace.__new__ if issubclass(kind, types.SimpleNamespace) else object.__new__
    try:
        make(kind)
    except TypeError:  # it is a number, a dict or an exception too
        return None
    slots = tuple(
        name
        for c in reversed(kind.__mro__)
        for name, slot in vars(c).items()
        if isinstance(slot, types.MemberDescriptorType) and name != "__dict__"
    )
    declared = [f.name for f in dataclasses.fields(kind)] if dataclasses.is_dataclass(kind) else []
    declared += [f.name for f in getattr(kind, "__attrs_attrs__", ())]
    cached = frozenset(
        name for c in kind.__mro__ for name, x in vars(c).items() if isinstance(x, functools.cached_property)
    )

    def flatten(x: Any) -> tuple[Sequence[Any], Any, Sequence[Any]]:
        own = dict(_attributes(x, slots))
        of_class = [name for name in declared if name not in own and hasattr(x, name)]  # a default that was never set
        names = dict.fromkeys([*(n for n in declared if n in own), *of_class, *own])
        found = {name: own[name] if name in own else getattr(x, name) for name in names if name not in cached}
        return list(found.values()), tuple(found), tuple(found)

    def unflatten(names: tuple[str, ...], children: Sequence[Any]) -> Any:
        new = make(kind)
        for name, child in zip(names, children, strict=True):
            if name in slots:
                object.__setattr__(new, name, child)
            else:  # bypasses descriptors and frozen classes
                vars(new)[name] = child
        return new

    return flatten, unflatten


def _attributes(x: Any, slots: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    """The attributes of an object itself, not of its class."""
    for name in slots:
        with contextlib.suppress(AttributeError):  # where it is not set
            yield name, object.__getattribute__(x, name)
    yield from getattr(x, "__dict__", {}).items()
