"""Stand-ins for objects of SciPy while a function is recorded: splines, distributions, sparse matrices, rotations."""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.libraries import PLAIN
from chainrule.node import at_line
from chainrule.numpy_value import answered
from chainrule.standins.buffer import plain_of
from chainrule.standins.function import Stands, meant
from chainrule.standins.scipy_values import called_plainly, errors_read, holds_recorded_values, plain_values, with_value
from chainrule.standins.twins import full_name, no_twin, twin_of

__all__ = ["Instance", "as_scipys", "has_twin", "wrapped"]


class Instance(Stands):
    """A stand-in for an object of SciPy: its methods take recorded values, or it was made from recorded values.

    Attributes
    ----------
    _plain : SciPy's object, made of the plain values.
    _twin : its twin; None until a recorded value needs it.
    """

    __array_priority__ = 2000  # arrays leave operators to it

    def __init__(self, plain: Any, twin: Any = None):
        self.__dict__.update(_plain=plain, _twin=twin)

    @property
    def _meant(self) -> Any:
        return self if self._is_recorded() else self._plain

    @property
    def _of_values(self) -> Any:
        return self._plain

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return type(self._plain)

    def _made(self) -> Any:
        """The twin."""
        if self._twin is None:
            single, of_class = twin_of(self._plain), twin_of(type(self._plain))
            made = single.made if single is not None else of_class.made.of(self._plain)  # type: ignore[union-attr]
            self.__dict__["_twin"] = made
        return self._twin

    def _is_recorded(self) -> bool:
        return self._twin is not None and holds_recorded_values(self._twin)

    is_recorded = property(_is_recorded)

    def __getattr__(self, name: str) -> Any:
        plain = self._plain
        found = getattr(plain, name)
        if callable(found) and not isinstance(found, type):
            return ScipyMethod(self, name)
        if self._is_recorded():
            if not hasattr(self._twin, name):
                raise no_twin(f"{full_name(type(plain))}.{name}")
            return getattr(self._twin, name)
        return wrapped(found)

    def __setattr__(self, name: str, value: Any) -> None:
        if self._is_recorded() or holds_recorded_values(value):
            setattr(self._made(), name, value)
        else:
            setattr(self._plain, name, value)

    def __iter__(self) -> Any:
        if self._is_recorded():
            return map(ScipyMethod(self, "__getitem__"), range(len(self._plain)))
        return map(wrapped, self._plain)

    def __eq__(self, other: object) -> Any:
        if type(self._plain).__eq__ is object.__eq__:
            return self is other or self._plain is meant(other)
        return ScipyMethod(self, "__eq__")(other)

    def __ne__(self, other: object) -> Any:
        if type(self._plain).__ne__ is object.__ne__:
            return not self == other
        return ScipyMethod(self, "__ne__")(other)

    def __hash__(self) -> int:
        return hash(self._plain)

    def __repr__(self) -> str:
        return repr(self._plain)

    def __copy__(self) -> Instance:
        if twin_of(self._plain) is not None:  # a single object, such as scipy.stats.norm, has a registered twin
            return self
        return Instance(copy.copy(self._plain), copy.copy(self._twin))

    def __deepcopy__(self, memo: Any) -> Instance:
        if twin_of(self._plain) is not None:
            return self
        return Instance(copy.deepcopy(self._plain, memo), copy.deepcopy(self._twin, memo))

    def __reduce_ex__(self, protocol: Any) -> Any:
        if self._is_recorded():
            raise RecordingError("an object that holds recorded values cannot be pickled" + at_line())
        return self._plain.__reduce_ex__(protocol)


class ScipyMethod:
    """A method of an object of SciPy's."""

    def __init__(self, owner: Instance, name: str):
        self.owner, self.name = owner, name
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        owner, name = self.owner, self.name
        run = getattr(owner._plain, name)
        if not (owner._is_recorded() or holds_recorded_values((args, kwargs))):
            owner.__dict__["_twin"] = None  # the method may change the object
            return wrapped(called_plainly(run, args, kwargs))
        made = getattr(owner._made(), name, None)
        if made is None:
            raise no_twin(f"{full_name(type(owner._plain))}.{name}")
        args, kwargs = plain_of(args), plain_of(kwargs)
        with errors_read(args, kwargs):
            value = called_plainly(run, plain_values(args), plain_values(kwargs))
        if getattr(made, "takes_value", False):
            return with_value(made(value, *args, **kwargs), value)
        return as_scipys(value, made, f"{full_name(type(owner._plain))}.{name}", args, kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(getattr(self.owner._plain, self.name), name)

    def __repr__(self) -> str:
        return repr(getattr(self.owner._plain, self.name))


def _special_method(name: str) -> Callable[..., Any]:
    is_operator = name not in ("__call__", "__getitem__", "__setitem__", "__len__")

    def method(self: Instance, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(self._plain, name):
            if is_operator:
                return NotImplemented
            raise TypeError(f"{type(self._plain).__name__!r} object has no {name}")
        return ScipyMethod(self, name)(*args, **kwargs)

    method.__name__ = name
    return method


BINARY = "add sub mul truediv floordiv mod pow matmul".split()
for _name in (
    *(f"__{side}{name}__" for name in BINARY for side in ("", "r")),
    *(f"__{name}__" for name in "call neg pos abs getitem setitem len lt le gt ge".split()),
):
    setattr(Instance, _name, _special_method(_name))


def wrapped(value: Any) -> Any:
    """A result of SciPy, wrapped as an `Instance` if it is an object that may be called with recorded values."""
    kind = type(value)
    if kind in PLAIN or kind is np.ndarray or kind is tuple:
        return value
    if kind is types.BuiltinMethodType and has_twin(type(value.__self__)):
        return ScipyMethod(Instance(value.__self__), value.__name__)
    return Instance(value) if has_twin(kind) and not isinstance(value, type) else value


def has_twin(kind: type) -> bool:
    """Whether SciPy's objects of a class have twins."""
    found = twin_of(kind)
    return found is not None and hasattr(found.made, "of")


def as_scipys(value: Any, made: Any, name: str, args: Any, kwargs: Any) -> Any:
    """The result of a twin's method, with the value that SciPy's method gives: an array, or another object."""
    if isinstance(value, tuple) and any(twin_of(type(part)) is not None for part in value):
        parts = zip(value, made(*args, **kwargs), strict=True)
        return tuple([as_scipys(own, functools.partial(_itself, part), name, (), {}) for own, part in parts])
    found = twin_of(type(value))
    if found is None:
        return answered(made, name, lambda *a, **k: value, args, kwargs)
    made = made(*args, **kwargs)
    return Instance(value, made) if isinstance(found.made, type) else made


def _itself(x: Any) -> Any:
    return +x if type(x) is Array else x
