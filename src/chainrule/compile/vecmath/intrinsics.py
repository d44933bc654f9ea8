"""Tools for writing elementary functions: control of rounding, and operations of LLVM that Python lacks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.compile.spans import Span, combined
from chainrule.compile.typed import KINDS, LONG, Overloaded, TypedNumber, loaded, span_of

__all__ = [
    "bits32",
    "bits64",
    "exact",
    "f32",
    "f64",
    "finish",
    "fma",
    "from_bits32",
    "from_bits64",
    "i32",
    "i64",
    "maximum",
    "minimum",
    "of_both",
    "piece_of",
    "select",
    "shift_right",
    "strict",
    "take",
    "whole",
]


f32, f64 = np.float32, np.float64
i32, i64 = np.int32, np.int64

# How functions are compiled --------------------------------------------------------------------------------------


def exact(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as written, but a product and a sum may be one fused multiply-add, which rounds once."""
    function.flags = ("contract",)  # type: ignore[attr-defined]
    return function


def strict(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as written, with each operation rounded: a rounding error is computed from that."""
    function.flags = ()  # type: ignore[attr-defined]
    return function


of_both = Overloaded
"""The function for float64 and float32."""

# What LLVM has ---------------------------------------------------------------------------------------------------


def intrinsic(emit: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator: a function of compiled code only. `emit(to, *arguments)` writes it with the translation `to`."""

    def function(*given: Any) -> Any:
        raise NotImplementedError(f"{emit.__name__} exists in compiled code only")

    function.emit = emit  # type: ignore[attr-defined]
    function.__doc__ = emit.__doc__
    return function


def _bits(source: str, target: str) -> Callable[..., Any]:
    return intrinsic(lambda to, x: TypedNumber(target, to.builder.bitcast(to.cast(x, source).value, KINDS[target])))


bits64, from_bits64 = _bits("float64", "int64"), _bits("int64", "float64")
bits32, from_bits32 = _bits("float32", "int32"), _bits("int32", "float32")


@intrinsic
def maximum(to: Any, x: Any, y: Any) -> TypedNumber:
    """The larger of two numbers; NaN if one of them is."""
    return to.extreme("maximum", x, y)


@intrinsic
def minimum(to: Any, x: Any, y: Any) -> TypedNumber:
    """The smaller of two numbers; NaN if one of them is."""
    return to.extreme("minimum", x, y)


@intrinsic
def fma(to: Any, x: Any, y: Any, z: Any) -> TypedNumber:
    """x · y + z, rounded once."""
    return to.intrinsic("fma", x, y, z)


@intrinsic
def select(to: Any, condition: Any, x: Any, y: Any) -> TypedNumber:
    """x where the condition holds, else y, without a branch."""
    x, y = to.together(x, y)
    return TypedNumber(x.dtype, to.builder.select(to.cast(condition, "bool").value, x.value, y.value))


@intrinsic
def shift_right(to: Any, x: Any, n: Any) -> TypedNumber:
    """The bits of x shifted right by n places, with zeros from the left."""
    x, n = to.together(x, n)
    return TypedNumber(x.dtype, to.builder.lshr(x.value, n.value), combined(">>", span_of(x), span_of(n)))


def _add_one(place: int) -> Callable[..., Any]:
    def add_one(to: Any, array: Any) -> TypedNumber:
        """Atomically add one to an entry of an array of integers; returns what it was before."""
        here = to.place(array, [place])
        return TypedNumber("int64", to.builder.atomic_rmw("add", here, LONG(1), "seq_cst"), Span(0))

    return intrinsic(add_one)


take, finish = _add_one(0), _add_one(1)  # turns: how many pieces have been taken, and how many are done


@intrinsic
def piece_of(to: Any, cuts: Any, piece: Any, n: Any) -> tuple[TypedNumber, TypedNumber, TypedNumber]:
    """The first row of a piece, the row after its last, and the number of its rows; all within 0 and n."""
    n, zero = to.number(n), to.number(0)
    ends = [loaded(to.builder, "int64", to.place(cuts, [part])) for part in (piece, to.binary("+", piece, 1))]
    first = to.extreme("minimum", to.extreme("maximum", ends[0], zero), n)
    last = to.extreme("minimum", to.extreme("maximum", ends[1], first), n)
    count = to.builder.sub(last.value, first.value)
    below = span_of(n).below
    token = ("piece", id(count))
    return (
        TypedNumber("index", first.value, Span(0, n.span.high, below), ("first", token)),
        TypedNumber("index", last.value, Span(0, n.span.high, below), ("last", token)),
        TypedNumber("index", count, Span(0, n.span.high), ("-", ("last", token), ("first", token))),
    )


@intrinsic
def whole(to: Any, n: Any, block: int) -> TypedNumber:
    """The largest multiple of a number that is at most n."""
    n = to.number(n)
    full = to.binary("-", n, to.binary("%", n, block))
    low = 0 if n.span.low is not None and n.span.low >= 0 else None
    return TypedNumber("index", full.value, Span(low, n.span.high, span_of(n).below, block))
