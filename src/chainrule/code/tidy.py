"""Calls in the form in which people write them: `x.T`, `np.sum(x)`, `x[:, 0]`.

What a rule does it does for any number of axes, with axes counted from the right and kept. Each function here takes a
call and returns an equal one that reads better, or the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.code.tape import CONSTANT, WRITE, Tape, Value, values_in

__all__ = ["tidied"]

REDUCTIONS = frozenset("sum prod max min amax amin mean any all".split())


def tidied(tape: Tape, outputs: list[Any]) -> list[Any]:
    """The outputs, made of tidy calls."""
    new: dict[Value, Any] = {}

    def again(x: Any) -> Any:
        if isinstance(x, Value):
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
        if made is not value and isinstance(made, Value):
            made.name, made.hint = made.name or value.name, made.hint or value.hint
            made.gradient_of = made.gradient_of or again(value.gradient_of)
            made.content = value.content if made.shape is None else made.content
        new[value] = made
    return [again(x) for x in outputs]


def _tidy(tape: Tape, value: Value, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    kwargs = {k: x for k, x in kwargs.items() if not (k in ("keepdims", "keepdim") and x is False)}
    function, args = _as_operator(value.function, args, kwargs)
    name = function.split(".")[-1]
    if function in ELEMENTWISE or name in ("where", "maximum", "minimum"):
        args = tuple(_broadcasting(tape, x, value, args) for x in args)
    value = Value(function, args, kwargs, value.shape, value.dtype, value.order)
    for rule in RULES:
        found = rule(tape, value, name, args, kwargs)
        if found is not None:
            return found
    return tape.call(function, args, kwargs, value.shape, value.dtype)


def _written(tape: Tape, old: Value, template: str, key: Any, new: Any) -> Value:
    """A write; a number along the diagonal of zeros is that number times the identity."""
    shape: tuple[int, ...] = old.shape or ()
    key = short_key(key, len(shape))
    if isinstance(new, Value) and new.function.split(".")[-1] == "broadcast_to":
        new = new.args[0]
    if is_zero(old) and _is_diagonal(key, shape) and isinstance(new, Value) and new.shape == ():
        eye = tape.constant(np.eye(shape[0], dtype=str(old.dtype).removeprefix("torch.")))
        return tape.call("*", (new, eye), {}, shape, old.dtype)
    if template != "[]=" and _names_each_once(key, shape):
        template = "[]="
    if template == "[]=" and isinstance(new, Value) and new.function == "+" and isinstance(new.args[0], Value):
        read, more = new.args
        if read.function == "[]" and read.args[0] is old and short_key(read.args[1], len(shape)) == key:
            return tape.write(old, "[]+=", (key, more))
    return tape.write(old, template, (key, new))


def _names_each_once(key: Any, shape: tuple[int, ...]) -> bool:
    """Whether an index that is known names no entry twice."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(isinstance(p, Value) and p.function != CONSTANT for p in parts):
        return False
    plain = tuple(p.content if isinstance(p, Value) else p for p in parts)
    places = np.arange(math.prod(shape)).reshape(shape)[plain]
    return np.unique(places).size == places.size


def is_zero(x: Any) -> bool:
    """Whether a value is an array of zeros."""
    if not isinstance(x, Value):
        return False
    return x.function.split(".")[-1] in ("zeros", "zeros_like") or (x.function == CONSTANT and not x.content.any())


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
ELEMENTWISE = frozenset(["+", "-", "*", "/", "**", ">", ">=", "<", "<=", "==", "!=", "&", "|"])


def _as_operator(function: str, args: tuple[Any, ...], kwargs: Any) -> tuple[str, tuple[Any, ...]]:
    prefix, _, name = function.rpartition(".")
    if (
        prefix in ("np", "jnp", "torch")
        and name in UFUNCS
        and not kwargs
        and all(isinstance(x, Value) for x in args[:1])
    ):
        return UFUNCS[name], args
    return function, args


def _broadcasting(tape: Tape, x: Any, value: Value, args: tuple[Any, ...]) -> Any:
    """An operand without what only makes its shape fit: the operation broadcasts by itself."""
    while isinstance(x, Value) and x.args and isinstance(x.args[0], Value):
        source = x.args[0]
        name = x.function.split(".")[-1]
        if name == "broadcast_to" or (x.function == "[]" and _only_new_axes_first(x.args[1])):
            candidate = source
        elif (
            name in REDUCTIONS
            and x.shape
            and math.prod(x.shape) == 1
            and (x.kwargs.get("keepdims") or x.kwargs.get("keepdim"))
        ):
            candidate = tape.call(x.function, (source,), {}, (), x.dtype)
        else:
            break
        shapes = [y.shape for y in args if isinstance(y, Value) and y is not x and y.shape is not None]
        if candidate.shape is None or broadcast(candidate.shape, *shapes) != value.shape:
            break
        x = candidate
    return x


def _only_new_axes_first(key: Any) -> bool:
    parts = key if isinstance(key, tuple) else (key,)
    parts = tuple(part for part in parts if part is not Ellipsis)
    while parts and parts[-1] == slice(None):
        parts = parts[:-1]
    return bool(parts) and all(part is None for part in parts)


def broadcast(*shapes: tuple[int, ...]) -> tuple[int, ...] | None:
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        return None


def _keeps_axes(x: Value) -> bool:
    return bool(x.kwargs.get("keepdims") or x.kwargs.get("keepdim"))


def _call(tape: Tape, like: Value, function: str, *args: Any, **kwargs: Any) -> Value:
    return tape.call(function, args, kwargs, like.shape, like.dtype)


def _same_array(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """What changes nothing: a cast to the dtype that it has, a shape that it has."""
    x = args[0] if args else None
    if not isinstance(x, Value) or x.shape != value.shape or x.dtype != value.dtype:
        return None
    if name in (
        "asarray",
        "astype",
        "to",
        "reshape",
        "broadcast_to",
        "expand_as",
        "permute_dims",
        "squeeze",
        "contiguous",
    ):
        return x if name != "permute_dims" else None
    if value.function == "[]" and args[1] in ((), (Ellipsis,)):
        return x
    return None


def _reduction(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """No axis where it is over all of them; a number where it is one."""
    if name not in REDUCTIONS or not args or not isinstance(args[0], Value) or args[0].shape is None:
        return None
    x, *rest = args
    word = next((w for w in ("axis", "dim") if w in kwargs), None)
    axis = rest[0] if rest and not word else kwargs.get(word) if word else None
    if isinstance(axis, int):
        axis = (axis,)
    others = {k: v for k, v in kwargs.items() if k not in ("axis", "dim")}
    keeps = others.get("keepdims", others.get("keepdim", False))
    if axis is None or len(rest) > 1:
        return None
    if len(axis) == len(x.shape) and not keeps:
        return tape.call(value.function, (x,), others, value.shape, value.dtype)
    axis = axis[0] if len(axis) == 1 else tuple(sorted(axis))
    word = "dim" if value.function.startswith("torch.") else "axis"
    keep_word = "keepdim" if word == "dim" else "keepdims"
    others = {keep_word: True} if keeps else {}
    return tape.call(value.function, (x,), {word: axis, **others}, value.shape, value.dtype)


def _indexed(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x[0] for x[..., 0], where the dots stand for no axis."""
    if value.function not in ("[]", ".at.add", ".at.set") or not isinstance(args[0], Value) or args[0].shape is None:
        return None
    key = short_key(args[1], len(args[0].shape))
    return tape.call(value.function, (args[0], key, *args[2:]), kwargs, value.shape, value.dtype)


def short_key(key: Any, ndim: int) -> Any:
    """An index without the dots that stand for no axis, and without whole axes at the end."""
    if not isinstance(key, tuple) or not key:
        return key
    if key[0] is not Ellipsis:
        return tuple(_short_slice(part) for part in key)
    parts = tuple(_short_slice(part) for part in key[1:])
    taken = sum(part is not None for part in parts)
    if taken != ndim or not parts:
        return (Ellipsis, *parts)
    while len(parts) > 1 and isinstance(parts[-1], slice) and parts[-1] == slice(None):
        parts = parts[:-1]
    return parts[0] if len(parts) == 1 else parts


def _short_slice(part: Any) -> Any:
    """1:3 for 1:3:1, :3 for 0:3."""
    if not isinstance(part, slice):
        return part
    step = None if part.step == 1 else part.step
    return slice(None if part.start == 0 and (step is None or step > 0) else part.start, part.stop, step)


def _transposed(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x.T."""
    x = args[0] if args else None
    if not isinstance(x, Value) or x.shape is None or len(x.shape) != 2:
        return None
    axes = next((a for a in (*args[1:], *kwargs.values()) if isinstance(a, tuple | list)), ())
    swaps = name in ("matrix_transpose", "mT property") or value.function.endswith(".mT property")
    swaps = swaps or (name in ("swapaxes", "moveaxis") and value.shape == x.shape[::-1] and len(args) == 3)
    swaps = swaps or (name in ("transpose", "permute_dims", "permute") and tuple(a % 2 for a in axes) == (1, 0))
    swaps = swaps or (name == "transpose" and not args[1:] and not kwargs)
    if not swaps:
        return None
    return x.args[0] if x.function == ".T property" else _call(tape, value, ".T property", x)


def _shaped(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x.reshape(…), x[:, None]."""
    x = args[0] if args else None
    if not isinstance(x, Value) or x.shape is None or value.shape is None:
        return None
    if name == "reshape":
        if len(value.shape) == 1:
            return _call(tape, value, ".reshape", x, -1)
        places = _new_axes(x.shape, value.shape)
        if places is not None:
            return _call(tape, value, "[]", x, places if len(places) > 1 else places[0])
        return _call(tape, value, ".reshape", x, value.shape)
    if name in ("expand_dims", "unsqueeze") and (places := _new_axes(x.shape, value.shape)):
        return _call(tape, value, "[]", x, places if len(places) > 1 else places[0])
    return None


def _new_axes(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Any, ...] | None:
    """The index that adds axes of length 1, if that is all that a shape adds."""
    if len(new) <= len(old) or len(old) > 2 or 1 in old:
        return None
    key: list[Any] = []
    rest = list(old)
    for n in new:
        if rest and n == rest[0]:
            key.append(slice(None))
            rest.pop(0)
        elif n == 1:
            key.append(None)
        else:
            return None
    if rest:
        return None
    while key and key[-1] == slice(None) and len(key) > 1:
        key.pop()
    return tuple(key)


def _cast(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x.astype(dtype); and no cast of a condition that a number is multiplied with."""
    if name == "astype" and value.function in ("np.astype", "jnp.astype"):
        return _call(tape, value, ".astype", *args)
    if value.function not in ("*", "+"):
        return None
    plain = tuple(_condition(x) for x in args)
    if plain != args and any(
        x is y and isinstance(y, Value) and _is_float(y) for x, y in zip(plain, args, strict=True)
    ):
        return tape.call(value.function, plain, {}, value.shape, value.dtype)
    return None


def _condition(x: Any) -> Any:
    """A condition that is cast to numbers, before the cast."""
    if isinstance(x, Value) and x.function.split(".")[-1] in ("astype", "to") and isinstance(x.args[0], Value):
        return x.args[0] if "bool" in str(x.args[0].dtype) and _is_float(x) else x
    return x


def _is_float(x: Value) -> bool:
    return "float" in str(x.dtype)


def _numbers(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """(0.5 x) (2 y) = x y."""
    if value.function != "*":
        return None
    (a, x), (b, y) = map(_coefficient, args)
    if a is None or b is None:
        return None
    if a * b != 1:
        x = tape.call("*", (x, a * b), {}, x.shape, value.dtype)
    return _call(tape, value, "*", x, y)


def _coefficient(x: Any) -> tuple[Any, Any]:
    """A number with which a value is multiplied, and the value; None for no number."""
    if isinstance(x, Value) and x.function == "*":
        for number, rest in (x.args, x.args[::-1]):
            if isinstance(number, int | float) and isinstance(rest, Value) and rest.shape == x.shape:
                return number, rest
    return None, x


def _outer(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x[:, None] * y is an outer product; so is its transpose."""
    prefix = tape.prefix
    if value.function == "*" and len(value.shape or ()) == 2:
        x, y = (a if isinstance(a, Value) else None for a in args)
        if x and y and _is_column(x) and len(y.shape or ()) == 1:
            return _call(tape, value, f"{prefix}.outer", x.args[0], y)
        if x and y and _is_column(y) and len(x.shape or ()) == 1:
            return _call(tape, value, f"{prefix}.outer", y.args[0], x)
    if value.function == ".T property" and args[0].function == f"{prefix}.outer":
        return _call(tape, value, f"{prefix}.outer", *args[0].args[::-1])
    return None


def _is_column(x: Value) -> bool:
    return x.function == "[]" and x.args[1] == (slice(None), None) and len(x.args[0].shape or ()) == 1


def _chosen(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """A choice that is the same everywhere."""
    if name != "where" or len(args) != 3 or not isinstance(args[0], Value) or args[0].function != CONSTANT:
        return None
    condition = args[0].content
    x = args[1] if condition.all() else args[2] if not condition.any() else None
    return x if isinstance(x, Value) and x.shape == value.shape and x.dtype == value.dtype else None


def _part_of_joined(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """A part of joined rows that lies in one of what was joined."""
    if value.function != "[]" or not isinstance(args[0], Value):
        return None
    joined = args[0]
    if joined.function.split(".")[-1] not in ("concat", "concatenate", "cat") or len(joined.shape or ()) != 2:
        return None
    axis = next((a for a in (*joined.args[1:], *joined.kwargs.values()) if isinstance(a, int)), 0)
    key = short_key(args[1], 2)
    key = key if isinstance(key, tuple) else (key,)
    key = (*key, *(slice(None),) * (2 - len(key)))
    if axis not in (0, -2) or len(key) != 2 or not isinstance(key[0], int | slice):
        return None
    at = range(joined.shape[0])[key[0]]
    places = [at] if isinstance(at, int) else list(at)
    start = 0
    for part in joined.args[0]:
        if not isinstance(part, Value) or part.shape is None:
            return None
        stop = start + part.shape[0]
        if places and start <= min(places) and max(places) < stop:
            row = at - start if isinstance(at, int) else slice(places[0] - start, places[-1] + 1 - start, at.step)
            if row == slice(0, part.shape[0], 1):
                row = slice(None)
            column = (
                slice(None) if key[1] == slice(0, part.shape[1]) or key[1] == slice(None, part.shape[1]) else key[1]
            )
            if row == 0 and part.function == "[]" and _only_new_axes_first(part.args[1]) and column == slice(None):
                return part.args[0]
            if (row, column) == (slice(None), slice(None)):
                return part
            return tape.call("[]", (part, short_key((Ellipsis, row, column), 2)), {}, value.shape, value.dtype)
        start = stop
    return None


def _trace(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """The sum of the diagonal."""
    if name != "sum" or value.shape != () or not isinstance(args[0], Value) or args[0].function != "[]":
        return None
    x, key = args[0].args
    if x.shape is not None and _is_diagonal(key, x.shape):
        return _call(tape, value, f"{tape.prefix}.trace", x)
    return None


def _is_diagonal(key: Any, shape: tuple[int, ...]) -> bool:
    parts = [p for p in key if p is not Ellipsis] if isinstance(key, tuple) else []
    if len(shape) != 2 or shape[0] != shape[1] or len(parts) != 2:
        return False
    return all(
        isinstance(p, Value) and p.function == CONSTANT and np.array_equal(p.content, np.arange(shape[0]))
        for p in parts
    )


def _zeros(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """What zeros leave of a sum or a product."""
    zero = [is_zero(x) for x in args]
    if not any(zero) or value.shape is None or not _is_float(value):
        return None
    nothing = tape.call(f"{tape.prefix}.zeros", (value.shape,), {"dtype": value.dtype}, value.shape, value.dtype)
    if value.function in ("*", "@") or (zero[0] and (value.function in ("/", "-x", "[]") or name in MOVES)):
        return nothing
    if value.function in ("+", "-") and len(args) == 2:
        rest = args[0] if zero[1] else args[1]
        if all(zero):
            return nothing
        if isinstance(rest, Value) and rest.shape == value.shape:
            return rest if zero[1] or value.function == "+" else _call(tape, value, "-x", rest)
    return None


MOVES = frozenset(["matrix_transpose", "T property", "mT property", "reshape", "permute_dims"])
"""What leaves entries as they are, in other places."""


def _read_of_written(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """What is read from zeros into which one part was written: that part, or zeros."""
    if value.function != "[]" or not isinstance(args[0], Value) or args[0].function != WRITE or value.shape is None:
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
    if not (read.all() and not places.any() and isinstance(new, Value)):
        return None
    if new.shape == value.shape:
        return new
    return _call(tape, value, f"{tape.prefix}.broadcast_to", new, value.shape)


def _has_values(x: Any) -> bool:
    return any(True for _ in values_in(x))


def _diagonal_product(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """(s·I) y = s·y, and x diag(v) = x * v."""
    if value.function != "@" or not all(isinstance(x, Value) and len(x.shape or ()) == 2 for x in args):
        return None
    for x, y, first in ((*args, True), (*args[::-1], False)):
        v = _times_identity(x)
        if v is None:
            continue
        if v.shape == ():
            return _call(tape, value, "*", v, y)
        if not first and len(v.shape) == 1:
            return _call(tape, value, "*", y, v)
        if first and len(v.shape) == 1:
            column = tape.call("[]", (v, (slice(None), None)), {}, (*v.shape, 1), v.dtype)
            return _call(tape, value, "*", column, y)
    return None


def _times_identity(x: Value) -> Value | None:
    """v, where x is v * I."""
    if x.function != "*":
        return None
    for v, eye in (x.args, x.args[::-1]):
        if isinstance(eye, Value) and isinstance(v, Value) and _is_identity(eye):
            return v
    return None


def _is_identity(x: Value) -> bool:
    n = len(x.shape or ()) == 2 and x.shape[0]
    return bool(n) and x.function == CONSTANT and x.shape == (n, n) and np.array_equal(x.content, np.eye(n))


def _double_transpose(tape: Tape, value: Value, name: str, args: Any, kwargs: Any) -> Any:
    """x.T.T is x."""
    if value.function == ".T property" and args[0].function == ".T property":
        return args[0].args[0]
    return None


RULES: tuple[Callable[..., Any], ...] = (
    _same_array,
    _zeros,
    _read_of_written,
    _chosen,
    _part_of_joined,
    _trace,
    _reduction,
    _transposed,
    _shaped,
    _cast,
    _numbers,
    _double_transpose,
    _diagonal_product,
    _outer,
    _indexed,
)
