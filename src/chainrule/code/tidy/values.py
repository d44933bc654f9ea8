"""Rules for values: zeros, numbers, casts, `where`, and products with functions of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.algebra.terms import LARGE, SMALL
from chainrule.code.tape import CONSTANT, WRITE, Tape, TracedValue, values_in
from chainrule.code.tidy.calls import call, is_diagonal, is_float, is_zero
from chainrule.constants import is_identity

__all__ = ["cast", "chosen", "diagonal_product", "numbers", "outer", "read_of_written", "trace", "zeros"]


def zeros(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """Sums and products with zeros."""
    zero = [is_zero(x) for x in args]
    if not any(zero) or value.shape is None or not is_float(value):
        return None
    nothing = tape.call(f"{tape.prefix}.zeros", (value.shape,), {"dtype": value.dtype}, value.shape, value.dtype)
    if value.function in ("*", "@") or (zero[0] and (value.function in ("/", "-x", "[]") or name in MOVES)):
        return nothing
    if value.function in ("+", "-") and len(args) == 2:
        rest = args[0] if zero[1] else args[1]
        if all(zero):
            return nothing
        if isinstance(rest, TracedValue) and rest.shape == value.shape:
            return rest if zero[1] or value.function == "+" else call(tape, value, "-x", rest)
    return None


MOVES = frozenset(["matrix_transpose", "T property", "mT property", "reshape", "permute_dims"])
"""Calls that only move entries."""


def read_of_written(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """A read from zeros with one part written: that part, or zeros."""
    if (
        value.function != "[]"
        or not isinstance(args[0], TracedValue)
        or args[0].function != WRITE
        or value.shape is None
    ):
        return None
    old, template, key, new = args[0].args
    if template != "[]=" or not is_zero(old) or any(map(_has_values, (key, args[1]))):
        return None
    places = np.zeros(old.shape, bool)
    places[key] = True
    read = places[args[1]].copy()
    if not read.any():
        return tape.call(f"{tape.prefix}.zeros", (value.shape,), {"dtype": value.dtype}, value.shape, value.dtype)
    places[args[1]] = False
    if not (read.all() and not places.any() and isinstance(new, TracedValue)):
        return None
    if new.shape == value.shape:
        return new
    return call(tape, value, f"{tape.prefix}.broadcast_to", new, value.shape)


def _has_values(x: Any) -> bool:
    return any(True for _ in values_in(x))


def chosen(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """A `where` whose condition is the same everywhere."""
    if name != "where" or len(args) != 3 or not isinstance(args[0], TracedValue) or args[0].function != CONSTANT:
        return None
    condition = args[0].content
    x = args[1] if condition.all() else args[2] if not condition.any() else None
    return x if isinstance(x, TracedValue) and x.shape == value.shape and x.dtype == value.dtype else None


def cast(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x.astype(dtype); and no cast of a condition that is multiplied by or added to floats."""
    if name == "astype" and value.function in ("np.astype", "jnp.astype"):
        return call(tape, value, ".astype", *args)
    if value.function not in ("*", "+"):
        return None
    plain = tuple(_condition(x) for x in args)
    if plain != args and any(
        x is y and isinstance(y, TracedValue) and is_float(y) for x, y in zip(plain, args, strict=True)
    ):
        return tape.call(value.function, plain, {}, value.shape, value.dtype)
    return None


def _condition(x: Any) -> Any:
    """The condition before its cast to floats, or x itself."""
    if (
        isinstance(x, TracedValue)
        and x.function.split(".")[-1] in ("astype", "to")
        and isinstance(x.args[0], TracedValue)
    ):
        return x.args[0] if "bool" in str(x.args[0].dtype) and is_float(x) else x
    return x


def numbers(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """(0.5 x) (2 y) = x y, unless the numbers together over- or underflow."""
    if value.function != "*":
        return None
    (a, x), (b, y) = map(_coefficient, args)
    if a is None or b is None or not SMALL < abs(a * b) < LARGE:
        return None
    if a * b != 1:
        x = tape.call("*", (x, a * b), {}, x.shape, value.dtype)
    return call(tape, value, "*", x, y)


def _coefficient(x: Any) -> tuple[Any, Any]:
    """The number and the value of a product with a number; (None, x) for anything else."""
    if isinstance(x, TracedValue) and x.function == "*":
        for number, rest in (x.args, x.args[::-1]):
            if isinstance(number, int | float) and isinstance(rest, TracedValue) and rest.shape == x.shape:
                return number, rest
    return None, x


def trace(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """The sum of the diagonal."""
    if name != "sum" or value.shape != () or not isinstance(args[0], TracedValue) or args[0].function != "[]":
        return None
    x, key = args[0].args
    if x.shape is not None and is_diagonal(key, x.shape):
        return call(tape, value, f"{tape.prefix}.trace", x)
    return None


def outer(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x[:, None] * y is an outer product; so is its transpose."""
    prefix = tape.prefix
    if value.function == "*" and len(value.shape or ()) == 2:
        x, y = (a if isinstance(a, TracedValue) else None for a in args)
        if x and y and _is_column(x) and len(y.shape or ()) == 1:
            return call(tape, value, f"{prefix}.outer", x.args[0], y)
        if x and y and _is_column(y) and len(x.shape or ()) == 1:
            return call(tape, value, f"{prefix}.outer", y.args[0], x)
    if value.function == ".T property" and args[0].function == f"{prefix}.outer":
        return call(tape, value, f"{prefix}.outer", *args[0].args[::-1])
    return None


def _is_column(x: TracedValue) -> bool:
    return x.function == "[]" and x.args[1] == (slice(None), None) and len(x.args[0].shape or ()) == 1


def diagonal_product(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """(s·I) y = s·y, and x diag(v) = x * v."""
    if value.function != "@" or not all(isinstance(x, TracedValue) and len(x.shape or ()) == 2 for x in args):
        return None
    for x, y, first in ((*args, True), (*args[::-1], False)):
        v = _times_identity(x)
        if v is None:
            continue
        if v.shape == ():
            return call(tape, value, "*", v, y)
        if not first and len(v.shape) == 1:
            return call(tape, value, "*", y, v)
        if first and len(v.shape) == 1:
            column = tape.call("[]", (v, (slice(None), None)), {}, (*v.shape, 1), v.dtype)
            return call(tape, value, "*", column, y)
    return None


def _times_identity(x: TracedValue) -> TracedValue | None:
    """v, where x is v * I."""
    if x.function != "*":
        return None
    for v, eye in (x.args, x.args[::-1]):
        if not isinstance(eye, TracedValue) or not isinstance(v, TracedValue):
            continue
        if eye.function == CONSTANT and is_identity(eye.content):
            return v
    return None
