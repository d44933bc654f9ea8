"""Rules for axes: reductions, transposes, reshapes and indices as people write them."""

from __future__ import annotations

from typing import Any

from chainrule.code.tape import Tape, TracedValue
from chainrule.code.tidy.calls import REDUCTIONS, call, only_new_axes_first, short_key

__all__ = ["double_transpose", "indexed", "part_of_joined", "reduction", "same_array", "shaped", "transposed"]


def same_array(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """Drop calls without effect: a cast to the same dtype, a reshape to the same shape, a copy of a copy."""
    x = args[0] if args else None
    if not isinstance(x, TracedValue) or x.shape != value.shape or x.dtype != value.dtype:
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
    if name == "array" and x.function.split(".")[-1] in ("array", "copy"):
        return x
    if value.function == "[]" and args[1] in ((), (Ellipsis,)):
        return x
    return None


def reduction(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """Drop `axis` if it covers all axes; write a single axis as a number."""
    if name not in REDUCTIONS or not args or not isinstance(args[0], TracedValue) or args[0].shape is None:
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


def indexed(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x[0] for x[..., 0], if the Ellipsis covers no axis."""
    if (
        value.function not in ("[]", ".at.add", ".at.set")
        or not isinstance(args[0], TracedValue)
        or args[0].shape is None
    ):
        return None
    key = short_key(args[1], len(args[0].shape))
    return tape.call(value.function, (args[0], key, *args[2:]), kwargs, value.shape, value.dtype)


def transposed(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x.T."""
    x = args[0] if args else None
    if not isinstance(x, TracedValue) or x.shape is None or len(x.shape) != 2:
        return None
    axes = next((a for a in (*args[1:], *kwargs.values()) if isinstance(a, tuple | list)), ())
    swaps = name in ("matrix_transpose", "mT property") or value.function.endswith(".mT property")
    swaps = swaps or (name in ("swapaxes", "moveaxis") and value.shape == x.shape[::-1] and len(args) == 3)
    swaps = swaps or (name in ("transpose", "permute_dims", "permute") and tuple(a % 2 for a in axes) == (1, 0))
    swaps = swaps or (name == "transpose" and not args[1:] and not kwargs)
    if not swaps:
        return None
    return x.args[0] if x.function == ".T property" else call(tape, value, ".T property", x)


def double_transpose(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x.T.T is x."""
    if value.function == ".T property" and args[0].function == ".T property":
        return args[0].args[0]
    return None


def shaped(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """x.reshape(…), x[:, None]."""
    x = args[0] if args else None
    if not isinstance(x, TracedValue) or x.shape is None or value.shape is None:
        return None
    if name == "reshape":
        if len(value.shape) == 1:
            return call(tape, value, ".reshape", x, -1)
        places = _new_axes(x.shape, value.shape)
        if places is not None:
            return call(tape, value, "[]", x, places if len(places) > 1 else places[0])
        return call(tape, value, ".reshape", x, value.shape)
    if name in ("expand_dims", "unsqueeze") and (places := _new_axes(x.shape, value.shape)):
        return call(tape, value, "[]", x, places if len(places) > 1 else places[0])
    return None


def _new_axes(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[Any, ...] | None:
    """The index that adds axes of length 1, if the shapes differ only in these; else None."""
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


def part_of_joined(tape: Tape, value: TracedValue, name: str, args: Any, kwargs: Any) -> Any:
    """A part of concatenated rows that lies in one of the operands: index that operand instead."""
    if value.function != "[]" or not isinstance(args[0], TracedValue):
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
        if not isinstance(part, TracedValue) or part.shape is None:
            return None
        stop = start + part.shape[0]
        if places and start <= min(places) and max(places) < stop:
            row = at - start if isinstance(at, int) else slice(places[0] - start, places[-1] + 1 - start, at.step)
            if row == slice(0, part.shape[0], 1):
                row = slice(None)
            column = (
                slice(None) if key[1] == slice(0, part.shape[1]) or key[1] == slice(None, part.shape[1]) else key[1]
            )
            if row == 0 and part.function == "[]" and only_new_axes_first(part.args[1]) and column == slice(None):
                return part.args[0]
            if (row, column) == (slice(None), slice(None)):
                return part
            return tape.call("[]", (part, short_key((Ellipsis, row, column), 2)), {}, value.shape, value.dtype)
        start = stop
    return None
