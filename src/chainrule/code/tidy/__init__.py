"""Rewrites calls into the form that people write: `x.T`, `np.sum(x)`, `x[:, 0]`.

Rules of blocks work for any number of axes: they count axes from the right and keep them. Each function here takes a
call and returns an equal one that reads better, or None.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.code.tape import CONSTANT, WRITE, Tape, TracedValue
from chainrule.code.tidy.calls import ELEMENTWISE, REDUCTIONS, is_diagonal, is_zero, only_new_axes_first, short_key
from chainrule.code.tidy.shapes import (
    double_transpose,
    indexed,
    part_of_joined,
    reduction,
    same_array,
    shaped,
    transposed,
)
from chainrule.code.tidy.values import cast, chosen, diagonal_product, numbers, outer, read_of_written, trace, zeros

__all__ = ["tidied"]


def tidied(tape: Tape, outputs: list[Any]) -> list[Any]:
    """The outputs, computed by tidy calls."""
    new: dict[TracedValue, Any] = {}

    def again(x: Any) -> Any:
        if isinstance(x, TracedValue):
            return new.get(x, x)
        if type(x) in (tuple, list):
            return type(x)(again(part) for part in x)
        if isinstance(x, slice):
            return slice(again(x.start), again(x.stop), again(x.step))
        return x

    for value in list(tape.values):
        if not value.args:
            continue
        args, kwargs = again(value.args), {k: again(x) for k, x in value.kwargs.items()}
        if value.function == WRITE:
            old, template, key, entries = args
            made: Any = _written(tape, old, template, key, entries)
        else:
            made = _tidy(tape, value, args, kwargs)
        if made is not value and isinstance(made, TracedValue):
            made.name, made.hint = made.name or value.name, made.hint or value.hint
            made.gradient_of = made.gradient_of or again(value.gradient_of)
            made.content = value.content if made.shape is None else made.content
        new[value] = made
    return [again(x) for x in outputs]


def _tidy(tape: Tape, value: TracedValue, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = {k: x for k, x in kwargs.items() if not (k in ("keepdims", "keepdim") and x is False)}
    function, args = _as_operator(value.function, args, kwargs)
    name = function.split(".")[-1]
    if name in ("array", "copy"):  # the code depends on entries, not on their memory order
        kwargs = {k: x for k, x in kwargs.items() if k != "order"}
    if function in ELEMENTWISE or name in ("where", "maximum", "minimum"):
        args = tuple(_broadcasting(tape, x, value, args) for x in args)
    value = TracedValue(function, args, kwargs, value.shape, value.dtype, value.order)
    for rule in RULES:
        found = rule(tape, value, name, args, kwargs)
        if found is not None:
            return found
    return tape.call(function, args, kwargs, value.shape, value.dtype)


def _written(tape: Tape, old: TracedValue, template: str, key: Any, new: Any) -> TracedValue:
    """A write; a number along the diagonal of zeros is that number times the identity."""
    shape: tuple[int, ...] = old.shape or ()
    key = short_key(key, len(shape))
    if isinstance(new, TracedValue) and new.function.split(".")[-1] == "broadcast_to":
        new = new.args[0]
    if is_zero(old) and is_diagonal(key, shape) and isinstance(new, TracedValue) and new.shape == ():
        eye = tape.constant(np.eye(shape[0], dtype=str(old.dtype).removeprefix("torch.")))
        return tape.call("*", (new, eye), {}, shape, old.dtype)
    if template != "[]=" and _names_each_once(key, shape):
        template = "[]="
    if (
        template == "[]="
        and isinstance(new, TracedValue)
        and new.function == "+"
        and isinstance(new.args[0], TracedValue)
    ):
        read, more = new.args
        if read.function == "[]" and read.args[0] is old and short_key(read.args[1], len(shape)) == key:
            return tape.write(old, "[]+=", (key, more))
    return tape.write(old, template, (key, new))


def _names_each_once(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index is known and selects no entry twice."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(p, TracedValue) and p.function != CONSTANT for p in parts):
        return False
    plain = tuple(p.content if isinstance(p, TracedValue) else p for p in parts)
    places = np.arange(math.prod(shape)).reshape(shape)[plain]
    return np.unique(places).size == places.size


UFUNCS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "matmul": "@",
    "greater": ">",
    "greater_equal": ">=",
    "less": "<",
    "less_equal": "<=",
    "equal": "==",
    "not_equal": "!=",
    "negative": "-x",
}


def _as_operator(function: str, args: tuple[Any, ...], kwargs: Any) -> tuple[str, tuple[Any, ...]]:
    prefix, _, name = function.rpartition(".")
    if (
        prefix in ("np", "jnp", "torch")
        and name in UFUNCS
        and not kwargs
        and all(isinstance(x, TracedValue) for x in args[:1])
    ):
        return UFUNCS[name], args
    return function, args


def _broadcasting(tape: Tape, x: Any, value: TracedValue, args: tuple[Any, ...]) -> Any:
    """An operand without calls that only make its shape fit: the operation broadcasts by itself."""
    while isinstance(x, TracedValue) and x.args and isinstance(x.args[0], TracedValue):
        source = x.args[0]
        name = x.function.split(".")[-1]
        if name == "broadcast_to" or (x.function == "[]" and only_new_axes_first(x.args[1])):
            candidate = source
        elif name in REDUCTIONS and x.shape and math.prod(x.shape) == 1 and _keeps_axes(x):
            candidate = tape.call(x.function, (source,), {}, (), x.dtype)
        else:
            break
        shapes = [y.shape for y in args if isinstance(y, TracedValue) and y is not x and y.shape is not None]
        if candidate.shape is None or broadcast(candidate.shape, *shapes) != value.shape:
            break
        x = candidate
    return x


def _keeps_axes(x: TracedValue) -> bool:
    return bool(x.kwargs.get("keepdims") or x.kwargs.get("keepdim"))


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


RULES: tuple[Callable[..., Any], ...] = (
    same_array,
    zeros,
    read_of_written,
    chosen,
    part_of_joined,
    trace,
    reduction,
    transposed,
    shaped,
    cast,
    numbers,
    double_transpose,
    diagonal_product,
    outer,
    indexed,
)
