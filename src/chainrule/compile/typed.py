"""Numbers and arrays of compiled code during translation: LLVM's values with their dtypes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from chainrule.compile.spans import ANY, Span, exactly

__all__ = [
    "IN_MEMORY",
    "KINDS",
    "LONG",
    "MANY_VALUES",
    "Overloaded",
    "TypedArray",
    "TypedNumber",
    "Untranslatable",
    "as_it_stands",
    "begun",
    "common",
    "contiguous",
    "dtype_of",
    "is_in_one_piece",
    "kind_of",
    "loaded",
    "long",
    "parts_of",
    "span_of",
    "stored",
]

LONG = ir.IntType(64)
KINDS = {
    "float32": ir.FloatType(),
    "float64": ir.DoubleType(),
    "int32": ir.IntType(32),
    "int64": LONG,
    "bool": ir.IntType(1),
}
KINDS["index"] = LONG
"""`index` is the type of loop counters and array indices: an int64 that never overflows, which helps LLVM."""
IN_MEMORY = KINDS | {"bool": ir.IntType(8)}


class Untranslatable(Exception):
    """Python outside the part of the language that is translated."""


class TypedNumber(NamedTuple):
    """A number that is known only when the code runs.

    Attributes
    ----------
    dtype, value : its dtype and LLVM's value.
    span : the known range of an integer.
    token : for a length, its name; equal tokens mean equal lengths.
    """

    dtype: str
    value: ir.Value
    span: Span = ANY
    token: Any = None


class TypedArray(NamedTuple):
    """An array: the address of its entries, its lengths and strides (in entries), which are ints or TypedNumbers."""

    dtype: str
    data: ir.Value
    shape: tuple[Any, ...]
    strides: tuple[Any, ...]


class Overloaded(NamedTuple):
    """A function with a version for each dtype; float32 goes through float64 if it has none."""

    name: str
    of64: Callable[..., Any]
    of32: Callable[..., Any] | None = None


def contiguous(dtype: str, data: ir.Value, shape: Sequence[Any], builder: ir.IRBuilder | None = None) -> TypedArray:
    """A contiguous array; the builder multiplies unknown lengths."""
    strides: list[Any] = [1] * len(shape)
    for k in reversed(range(len(shape) - 1)):
        n, stride = shape[k + 1], strides[k + 1]
        if isinstance(n, int) and isinstance(stride, int):
            strides[k] = n * stride
        else:
            strides[k] = TypedNumber("index", builder.mul(long(n), long(stride), flags=("nsw",)))  # type: ignore[union-attr]
    return TypedArray(dtype, data, tuple(shape), tuple(strides))


def is_in_one_piece(shape: Sequence[int], strides: Sequence[int], size: int = 1) -> bool:
    """Whether an array is contiguous in memory; the stride of an axis of length 1 does not matter.

    >>> is_in_one_piece((1, 2), (7, 1)), is_in_one_piece((2, 2), (7, 1))
    (True, False)
    """
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and stride != size:
            return False
        size *= n
    return True


def begun(function: ir.Function) -> tuple[ir.IRBuilder, ir.Block]:
    """A builder for the body of a function, and the block before it, for stack allocations."""
    memory, start = function.append_basic_block("memory"), function.append_basic_block("start")
    ir.IRBuilder(memory).branch(start)
    return ir.IRBuilder(start), memory


MANY_VALUES = 200
"""A function that takes and returns more values than this mainly moves them, so it is not optimised."""


def as_it_stands(function: ir.Function) -> None:
    """Switch optimisation off for a function: LLVM's time grows quadratically with straight-line code."""
    function.attributes.add("noinline")
    function.attributes.add("optnone")


def stored(builder: ir.IRBuilder, number: TypedNumber) -> ir.Value:
    """A number in its memory representation: a bool takes a byte."""
    return builder.zext(number.value, IN_MEMORY["bool"]) if number.dtype == "bool" else number.value


def loaded(builder: ir.IRBuilder, dtype: str, place: ir.Value) -> TypedNumber:
    value = builder.load(place)
    return TypedNumber(dtype, builder.icmp_unsigned("!=", value, value.type(0)) if dtype == "bool" else value)


def long(x: Any) -> ir.Value:
    return LONG(x) if isinstance(x, int) else x.value if isinstance(x, TypedNumber) else x


def kind_of(given: TypedNumber | TypedArray) -> Any:
    """The key of an argument's type: functions are translated once for each."""
    if isinstance(given, TypedNumber):
        return given.dtype, given.span
    return given.dtype, tuple(n if isinstance(n, int) else n.token for n in given.shape)


def parts_of(given: TypedNumber | TypedArray) -> list[ir.Value]:
    """The LLVM values that are passed for an argument."""
    if isinstance(given, TypedNumber):
        return [given.value]
    return [given.data, *(n.value for n in given.shape if not isinstance(n, int))]


def span_of(x: Any) -> Span:
    """The span of an integer, known or not."""
    if isinstance(x, int):
        return exactly(x)
    return x.span if x.token is None else x.span._replace(below=(*x.span.below, (x.token, 0)))


def dtype_of(x: Any) -> str:
    if isinstance(x, TypedNumber):
        return x.dtype
    return {bool: "a bool", int: "an int", float: "a float"}.get(type(x)) or np.asarray(x).dtype.name


@functools.cache
def common(dtypes: tuple[str, ...]) -> str:
    """The common dtype of operands: Python's numbers, such as "a float", take that of the others."""
    strong = {d for d in dtypes if " " not in d}
    if not strong:
        return next(d for weak, d in WEAK.items() if weak in dtypes)
    if strong <= {"index", "bool"} and "index" in strong and "a float" not in dtypes:
        return "index"
    found = np.result_type(*("int64" if d == "index" else d for d in strong))
    if "a float" in dtypes and found.kind != "f":
        return "float64"
    return "int64" if "an int" in dtypes and found.kind == "b" else found.name


WEAK = {"a float": "float64", "an int": "index", "a bool": "bool"}
