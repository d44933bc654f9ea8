"""Calls of SciPy: recorded values among the arguments, their plain values, and results with SciPy's values."""

from __future__ import annotations

import contextlib
import copy
import types
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, under_another_value
from chainrule.array import Array, read_by_error, value_of
from chainrule.buffered import BUFFERED
from chainrule.libraries import PLAIN, dtype_of
from chainrule.numpy_value import plain
from chainrule.reach import reached
from chainrule.standins.buffer import Buffer, is_recorded, plain_of
from chainrule.standins.function import Stands, meant
from chainrule.trees import flatten

__all__ = [
    "called_plainly",
    "errors_read",
    "filled",
    "holds_recorded_values",
    "plain_result",
    "plain_values",
    "read_values",
    "unwrapped",
    "with_value",
    "with_values",
]


def holds_recorded_values(x: Any) -> bool:
    """Whether x is recorded, or holds a recorded value: a tree, a callback with its closure, an object."""
    kind = type(x)
    if kind in _ARRAYS:
        return is_recorded(x)
    if kind in PLAIN or kind is str:
        return False
    if kind is tuple or kind is list:
        return any(map(holds_recorded_values, x))
    if kind is dict:
        return any(map(holds_recorded_values, x.values()))
    if hasattr(kind, "is_recorded"):
        return bool(x.is_recorded)
    if isinstance(x, type | types.ModuleType | types.BuiltinFunctionType):
        return False
    return any(type(part) in _ARRAYS and is_recorded(part) for part in reached(x))


_ARRAYS = (Array, Buffer, np.ndarray)


def plain_values(x: Any) -> Any:
    """A tree with the plain values of recorded arrays, for the value of a step that is recorded too.

    Compiled code computes such a value by that step, so `WATCHER` is not told of the read.
    """
    return with_values(x, plain)


def read_values(x: Any) -> Any:
    """A tree with the plain values of recorded arrays. `WATCHER` is told of the reads."""
    return with_values(x, value_of)


def with_values(x: Any, value: Callable[[Any], Any]) -> Any:
    """A tree with `value(x)` in place of each recorded array x."""
    kind = type(x)
    if kind in PLAIN or kind is np.ndarray or kind is str:
        return x
    if kind is Array or kind is Buffer:
        x = plain_of(x)
        return value(x) if type(x) is Array else x
    if hasattr(kind, "_of_values"):
        return x._of_values
    if kind is tuple or kind is list:
        return kind([with_values(part, value) for part in x])
    if kind is dict:
        return {key: with_values(part, value) for key, part in x.items()}
    if callable(x) or isinstance(x, type):
        return x
    leaves, rebuild = flatten(x)
    if len(leaves) == 1 and leaves[0] is x:
        return x
    return rebuild([with_values(leaf, value) for leaf in leaves])


# Calls and results ---------------------------------------------------------------------------------------------------


def plain_result(function: Any, *args: Any, **kwargs: Any) -> Any:
    """The result of SciPy's own function for the plain values of the arguments."""
    return called_plainly(function, plain_values(args), plain_values(kwargs))


def called_plainly(function: Any, args: Any, kwargs: Any) -> Any:
    """The result of SciPy's own function for plain arguments."""
    buffered = BUFFERED.set(False)
    try:
        return function(*unwrapped(args), **unwrapped(kwargs))
    finally:
        BUFFERED.reset(buffered)


@contextlib.contextmanager
def errors_read(args: Any, kwargs: Any) -> Iterator[None]:
    """Context: an error counts as a read of the arguments (`WATCHER`), since the code may catch it and branch."""
    try:
        yield
    except Exception:
        with_values((args, kwargs), read_by_error)
        raise


def unwrapped(x: Any) -> Any:
    """Arguments as SciPy takes them: its own objects and functions instead of their stand-ins."""
    kind = type(x)
    if kind is Buffer:
        return plain_of(x)
    if issubclass(kind, Stands):
        return meant(x)
    if kind is tuple or kind is list:
        return kind([unwrapped(part) for part in x])
    if kind is dict:
        return {key: unwrapped(part) for key, part in x.items()}
    return x


def with_value(recorded: Any, value: Any) -> Any:
    """A recorded result with SciPy's own value."""
    if type(recorded) is not Array:
        return value
    dtype = dtype_of(value)
    if recorded.dtype != dtype:
        recorded = ANSWERS[np.astype](recorded, dtype)
    if recorded.shape != np.shape(value):
        recorded = np.reshape(recorded, np.shape(value))
    return under_another_value(recorded, value)


def filled(result: Any, **fields: Any) -> Any:
    """SciPy's result (a tuple or an object), with recorded fields that have SciPy's values."""
    fields = {name: with_value(x, getattr(result, name)) for name, x in fields.items()}
    if isinstance(result, tuple):
        names: Any = type(result)._fields  # type: ignore[attr-defined]
        made = tuple.__new__(type(result), [fields.get(name, x) for name, x in zip(names, result, strict=True)])
        if hasattr(result, "__dict__"):
            made.__dict__.update(vars(result) | {n: x for n, x in fields.items() if n not in names})
        return made
    made = copy.copy(result)
    for name, x in fields.items():
        setattr(made, name, x)
    return made
