"""Tape: the calls of an array library that compute a result; equal calls are stored once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.simplify.builder import key_of

__all__ = ["ARGUMENT", "CONSTANT", "WRITE", "Tape", "TracedValue", "values_in"]

ARGUMENT, CONSTANT, WRITE = "an argument", "a constant", "a write"


@dataclass(eq=False)
class TracedValue:
    """The result of one call.

    Attributes
    ----------
    function : the called function as written in code ("np.exp", "x.reshape", "+"); or a mark of an argument, a
        constant, or an array after a write into it.
    args, kwargs : its arguments: values, plain Python objects, and tuples, lists and slices of them.
    shape, dtype : those of the result; None if it is not an array.
    order : its place on the tape.
    name, hint : its name in the user's function, and in the rule of the block.
    gradient_of : the value whose gradient it is, or None.
    """

    function: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shape: Any
    dtype: Any
    order: int
    name: str | None = None
    hint: str | None = None
    gradient_of: TracedValue | None = None
    content: Any = field(default=None, repr=False)

    @property
    def operands(self) -> Iterator[TracedValue]:
        yield from values_in((self.args, tuple(self.kwargs.values())))


def values_in(x: Any) -> Iterator[TracedValue]:
    """The values in an argument of a call."""
    if isinstance(x, TracedValue):
        yield x
    elif isinstance(x, tuple | list):
        for part in x:
            yield from values_in(part)
    elif isinstance(x, slice):
        yield from values_in((x.start, x.stop, x.step))


class Tape:
    """The values in the order in which they were computed."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix  # the library's name in the code: np
        self.namespace: Any = None  # the namespace that records its functions here
        self.values: list[TracedValue] = []
        self.asked: list[tuple[TracedValue, bool]] = []  # conditions on which a rule branched
        self._known: dict[Any, TracedValue] = {}

    def _add(self, function: str, args: Any, kwargs: Any, shape: Any, dtype: Any) -> TracedValue:
        value = TracedValue(function, args, kwargs, None if shape is None else tuple(shape), dtype, len(self.values))
        self.values.append(value)
        return value

    def argument(self, name: str, shape: Any, dtype: Any) -> TracedValue:
        value = self._add(ARGUMENT, (), {}, shape, dtype)
        value.name = name
        return value

    def constant(self, content: np.ndarray) -> TracedValue:
        """A plain array; equal arrays give one value."""
        key = (CONSTANT, key_of(content))
        if key not in self._known:
            self._known[key] = self._add(CONSTANT, (), {}, content.shape, content.dtype)
            self._known[key].content = content
        return self._known[key]

    def call(self, function: str, args: tuple[Any, ...], kwargs: dict[str, Any], shape: Any, dtype: Any) -> TracedValue:
        """A call of a pure function; the same call again is the same value."""
        args, kwargs = self._plain(args), {name: self._plain(x) for name, x in kwargs.items() if x is not None}
        key = (function, _key(args), _key(tuple(kwargs.items())))
        if key not in self._known:
            self._known[key] = self._add(function, args, kwargs, shape, dtype)
        return self._known[key]

    def write(self, old: TracedValue, template: str, args: tuple[Any, ...]) -> TracedValue:
        """An array after a write into it."""
        return self._add(WRITE, (old, template, *self._plain(args)), {}, old.shape, old.dtype)

    def _plain(self, x: Any) -> Any:
        """An argument with arrays turned into constants, and NumPy's numbers into Python's."""
        if isinstance(x, np.ndarray):
            return x.item() if x.ndim == 0 else self.constant(x)
        if isinstance(x, np.generic):
            return x.item()
        if isinstance(x, tuple | list):
            return type(x)(self._plain(part) for part in x) if type(x) in (tuple, list) else x
        return x


def _key(x: Any) -> Any:
    if isinstance(x, TracedValue):
        return ("value", x.order)
    if isinstance(x, tuple | list):
        return (type(x), tuple(_key(part) for part in x))
    if isinstance(x, slice):
        return ("slice", _key(x.start), _key(x.stop), _key(x.step))
    return key_of(x)
