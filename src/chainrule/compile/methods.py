"""Compiled methods: the attributes of an object as arguments of its method."""

from __future__ import annotations

import functools
import threading
import types
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from chainrule.argnums import name_of
from chainrule.array import Array, node_of
from chainrule.errors import RecordingError
from chainrule.forks import imported
from chainrule.node import at_line
from chainrule.trees import flatten

__all__ = ["CompiledFunction", "MethodOfObject", "as_method", "is_recorded"]


P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")


class CompiledFunction(Generic[P, R]):
    """A compiled function of either engine. As an attribute of a class it is a method.

    Attributes
    ----------
    __wrapped__ : the user's function.
    """

    __wrapped__: Any

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._method: Any = None

    @overload
    def __get__(self, owner: None, kind: type) -> CompiledFunction[P, R]: ...
    @overload
    def __get__(
        self: CompiledFunction[Concatenate[Any, Q], R], owner: object, kind: type | None = None
    ) -> Callable[Q, R]: ...
    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        """The method of an object, if it is an attribute of its class."""
        if isinstance(self.__wrapped__, staticmethod):
            return self
        if self._method is None:
            with self._lock:
                self._method = self._method or self._as_method()
        return self._method.__get__(owner, kind)

    def _as_method(self) -> MethodOfObject:
        """The same function as a method, called with an object as its first argument."""
        raise NotImplementedError


class MethodOfObject:
    """A compiled method. Its first argument is its object, whose attributes become arguments of the program."""

    __wrapped__: Any

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else types.MethodType(self, owner)

    def __call__(self, owner: Any, *args: Any, **kwargs: Any) -> Any:
        tree = taken_apart(owner, [])
        if is_recorded((tree, args, kwargs)):
            return self.__wrapped__.__wrapped__(owner, *args, **kwargs)
        return super().__call__(tree, *args, **kwargs)  # type: ignore[misc]


def is_recorded(tree: Any) -> bool:
    """Whether a recorded array is among these arguments: an outer function is being differentiated or compiled."""
    return any(type(leaf) is Array for leaf in flatten(tree)[0])


class _Attributes:
    """An object of a class without declared fields, as a tree of its attributes. Rebuilt, it is such an object."""

    def __init__(self, owner: Any, seen: list[Any]):
        self.owner = owner
        self.parts = {name: taken_apart(x, seen) for name, x in vars(owner).items()}

    def tree_flatten(self) -> tuple[Sequence[Any], Any]:
        return [*self.parts.values()], (type(self.owner), tuple(self.parts))

    @classmethod
    def tree_unflatten(cls, rest: tuple[Any, tuple[str, ...]], values: Sequence[Any]) -> Any:
        kind, names = rest
        made = object.__new__(kind)
        vars(made).update(zip(names, values, strict=True))
        return made


class _Plain:
    pass


_BASIC_SIZE = _Plain.__basicsize__
"""The bytes of an object that has nothing but its attributes; slots and items take more."""


def taken_apart(x: Any, seen: list[Any]) -> Any:
    """An object, and objects among its attributes, as trees of their attributes; other values unchanged.

    `seen` are the objects that were taken apart before.
    """
    if type(x) is dict:
        return {key: taken_apart(part, seen) for key, part in x.items()}
    if type(x) in (list, tuple):
        return type(x)(taken_apart(part, seen) for part in x)
    if not _has_attributes_only(x):
        return x
    if any(x is other for other in seen):
        raise RecordingError(
            f"an object of class {type(x).__name__} is twice among the attributes of the object, or its own attribute; "
            "a compiled method takes a tree of objects" + at_line()
        )
    seen.append(x)
    return _Attributes(x, seen)


def _has_attributes_only(x: Any) -> bool:
    """Whether x is an object of a class written in Python that has nothing but its attributes."""
    kind = type(x)
    if kind is Array or isinstance(x, type | types.ModuleType | types.FunctionType) or not hasattr(x, "__dict__"):
        return False
    leaves = flatten(x)[0]
    return len(leaves) == 1 and leaves[0] is x and kind.__basicsize__ == _BASIC_SIZE and kind.__new__ is object.__new__


def as_method(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method that raises if it changed its object: compiled code does not."""

    @functools.wraps(method)
    def checked(owner: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(owner, _Attributes):  # it is not compiled
            return method(owner.owner, *args, **kwargs)
        if isinstance(owner, type):  # a method of the class
            return method(owner, *args, **kwargs)
        before = _state(owner)
        result = method(owner, *args, **kwargs)
        after = _state(owner)
        if before != after:
            names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
            raise RecordingError(
                f"{name_of(method)} changes self.{names[0]}, which compiled code does not; return the new value, and "
                "assign it outside" + at_line()
            )
        return result

    return checked


def _state(owner: Any) -> dict[str, Any]:
    """For each attribute of an object, a key that changes when it changes."""
    return {name: _identity(x) for name, x in getattr(owner, "__dict__", {}).items()}


def _identity(x: Any) -> Any:
    """A key that changes when something is assigned to x, or written into it."""
    leaves, structure = imported("optree").tree_flatten(taken_apart(x, []), namespace="chainrule")  # type: ignore[arg-type]
    return structure, [id(node_of(leaf)) if type(leaf) is Array else id(leaf) for leaf in leaves]
