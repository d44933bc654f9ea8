"""Arrays in compiled code: addresses of entries, parts of arrays, and loops over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.arithmetic import Arithmetic
from chainrule.compile.spans import ANY, Span, along
from chainrule.compile.typed import (
    IN_MEMORY,
    LONG,
    TypedArray,
    TypedNumber,
    Untranslatable,
    contiguous,
    is_in_one_piece,
    loaded,
    long,
    span_of,
    stored,
)
from chainrule.errors import CompilerError

__all__ = ["Indexing"]

INTERLEAVED = 4
LONG_LOOP = 256
"""A loop of at least this many entries that contains a long function computes INTERLEAVED vectors at once.

Such a function is a long chain of dependent operations; interleaving hides their latency.
"""

VECTORS = 8
"""An innermost loop of at least this many entries is vectorised.

Without this, LLVM would unroll it, and vectorise the next loop, whose entries are not adjacent in memory.
"""


class Indexing(Arithmetic):
    """Reads and writes arrays.

    Attributes
    ----------
    chains, loops : the number of long functions inlined so far, and of loops.
    """

    chains = loops = 0

    def loop(self, start: Any, stop: Any, step: Any, body: Callable[[TypedNumber], None]) -> None:
        builder, long = self.builder, _is_long(start, stop)
        span = along(span_of(start), span_of(stop), step) if isinstance(step, int) else ANY
        start, stop, step = (self.cast(x, "index").value for x in (start, stop, step))
        place = self.variable(LONG)
        builder.store(start, place)
        condition, inside, after = (builder.append_basic_block(name) for name in ("for", "do", "done"))
        builder.branch(condition)
        builder.position_at_end(condition)
        builder.cbranch(builder.icmp_signed("<", builder.load(place), stop), inside, after)
        builder.position_at_end(inside)
        i = builder.load(place)
        before, inner = self.chains, self.loops
        body(TypedNumber("index", i, span))
        builder.store(builder.add(i, step, flags=("nsw",)), place)
        back = builder.branch(condition)
        if self.chains > before:
            if long:
                back.set_metadata("llvm.loop", _loop_metadata(self.module, "llvm.loop.interleave.count", INTERLEAVED))
        elif self.loops == inner and _length(start, stop) >= VECTORS:
            back.set_metadata("llvm.loop", _loop_metadata(self.module, "llvm.loop.unroll.disable"))
        self.loops += 1
        builder.position_at_end(after)

    def place(self, array: TypedArray, parts: Sequence[Any]) -> Any:
        """The address of an entry; the part of the array, if there are slices among the indices."""
        if ... in parts:
            if len(parts) != 1:
                raise Untranslatable("an ellipsis among other indices")
            return array if array.shape else array.data
        data, fixed = array.data, 0
        shape: list[Any] = []
        strides: list[Any] = []
        axis = 0
        for part in parts:
            if part is None:
                shape.append(1)
                strides.append(0)
                continue
            length, stride = array.shape[axis], array.strides[axis]
            axis += 1
            if isinstance(part, slice):
                part, length, step = self.cut(part, length)
                shape.append(length)
                strides.append(self.index("mul", stride, step))
            else:
                if not isinstance(part, TypedNumber):
                    part = part + length if part < 0 else int(part)
                _require_inside(part, length)
            # A move of the address for each axis: a sum of indices times powers of two becomes an "or" of them, in
            # which LLVM no longer sees that an inner loop's entries are neighbours.
            move = self.index("mul", part, stride)
            if isinstance(move, int):
                fixed += move
            else:
                data = self.builder.gep(data, [move], inbounds=True)
        if axis > len(array.shape):
            raise Untranslatable("too many indices")
        shape += array.shape[axis:]
        strides += array.strides[axis:]
        data = self.builder.gep(data, [long(fixed)], inbounds=True)
        return TypedArray(array.dtype, data, tuple(shape), tuple(strides)) if shape else data

    def cut(self, part: slice, length: Any) -> tuple[Any, Any, Any]:
        """The start, the number of entries and the step of a slice."""
        bounds = [part.start, part.stop, part.step]
        if isinstance(length, int) and not any(isinstance(b, TypedNumber) for b in bounds):
            places = range(*slice(*bounds).indices(length))
            return places.start, len(places), places.step
        start, stop = (0 if bounds[0] is None else bounds[0]), (length if bounds[1] is None else bounds[1])
        if bounds[2] is not None:
            raise Untranslatable("a step between bounds that are not known")
        low = span_of(start).low
        if low is None or low < 0 or not _is_at_most(span_of(stop), length, 0):
            raise CompilerError("a part of an array that may lie outside of it")
        tokens = tuple(n.token if isinstance(n, TypedNumber) else n for n in (stop, start))
        token = None if None in tokens else ("-", *tokens)
        return start, TypedNumber("index", long(self.index("sub", stop, start)), token=token), 1

    def index(self, op: str, x: Any, y: Any) -> Any:
        """Arithmetic on indices; ints stay ints."""
        x, y = (v.value if isinstance(v, TypedNumber) and v.dtype in ("index", "int64") else v for v in (x, y))
        x, y = (self.cast(v, "index").value if isinstance(v, TypedNumber) else v for v in (x, y))
        if isinstance(x, int) and isinstance(y, int):
            return {"add": x + y, "sub": x - y, "mul": x * y}[op]
        if (op, x) == ("add", 0) or (op, x) == ("mul", 1):
            return y
        if (op, y) in (("add", 0), ("sub", 0), ("mul", 1)):
            return x
        if op == "mul" and (x == 0 or y == 0):
            return 0
        return getattr(self.builder, op)(long(x), long(y), flags=("nsw",))

    def fill(self, array: TypedArray, value: Any) -> None:
        """array[...] = value: a number, or an array that is broadcast."""
        if isinstance(value, TypedArray):
            along_axes = array.shape[len(array.shape) - len(value.shape) :]
            if len(value.shape) > len(array.shape) or not all(map(_repeats, value.shape, along_axes)):
                raise CompilerError(f"an array of shape {value.shape} is written into one of shape {array.shape}")
        if not isinstance(value, TypedArray):
            number = self.cast(value, array.dtype)

        def along(axis: int, at: Any, source: Any) -> None:
            if axis == len(array.shape):
                entry = number if source is None else loaded(self.builder, value.dtype, source)
                self.builder.store(stored(self.builder, self.cast(entry, array.dtype)), at)
                return
            missing = len(array.shape) - len(value.shape) if source is not None else 0

            def step(i: TypedNumber) -> None:
                there = self.builder.gep(at, [long(self.index("mul", i, array.strides[axis]))], inbounds=True)
                if source is None or axis < missing or value.shape[axis - missing] == 1 != array.shape[axis]:
                    along(axis + 1, there, source)
                    return
                move = long(self.index("mul", i, value.strides[axis - missing]))
                along(axis + 1, there, self.builder.gep(source, [move], inbounds=True))

            length = array.shape[axis]
            self.loop(0, length, 1, step)

        along(0, array.data, value.data if isinstance(value, TypedArray) else None)

    def reshaped(self, array: TypedArray, *shape: Any) -> TypedArray:
        new = shape[0] if isinstance(shape[0], tuple) else shape
        known = all(isinstance(n, int) for n in (*array.shape, *new))
        if not known or not is_in_one_piece(array.shape, array.strides):
            raise Untranslatable("reshape of a part of an array")
        if math.prod(new) != math.prod(array.shape):
            raise CompilerError(f"a reshape of {array.shape} to {new}, which has another size")
        return contiguous(array.dtype, array.data, new)

    def full(self, shape: tuple[int, ...], value: Any, dtype: Any = None) -> TypedArray:
        name = np.dtype(dtype).name if dtype is not None else self.number(value).dtype
        place = self.variable(ir.ArrayType(IN_MEMORY[name], math.prod(shape)))
        data = self.builder.bitcast(place, IN_MEMORY[name].as_pointer())
        array = contiguous(name, data, shape)
        self.fill(array, value)
        return array


def _require_inside(index: Any, length: Any) -> None:
    """Raise unless the index surely lies inside its array: anything else is a bug in the generated code."""
    span = span_of(index)
    if span.low is None or span.low < 0 or not _is_at_most(span, length, -1):
        size = length if isinstance(length, int) else length.token
        raise CompilerError(f"an index that may lie outside of its array: {span} for a length of {size}")


def _is_at_most(span: Span, length: Any, more: int) -> bool:
    """Whether a number is surely at most `length + more`."""
    if isinstance(length, int) and span.high is not None and span.high <= length + more:
        return True
    token = getattr(length, "token", None)
    return token is not None and any(token == name and n <= more for name, n in span.below)


def _repeats(small: Any, large: Any) -> bool:
    """Whether an axis of one length can be written along an axis of another."""
    if isinstance(small, int):
        return small in (1, large)
    return not isinstance(large, int) and small.token is not None and small.token == large.token


def _is_long(start: Any, stop: Any) -> bool:
    """Whether a loop is long; yes if its length is not known."""
    return isinstance(start, TypedNumber) or isinstance(stop, TypedNumber) or stop - start >= LONG_LOOP


def _length(start: Any, stop: Any) -> int:
    """The length of a loop between constants; 0 if it is not known."""
    known = isinstance(start, ir.Constant) and isinstance(stop, ir.Constant)
    return int(stop.constant) - int(start.constant) if known else 0


def _loop_metadata(module: ir.Module, what: str, *number: int) -> Any:
    """Metadata of a loop that tells LLVM how to optimise it."""
    how = module.add_metadata([what, *map(ir.IntType(32), number)])
    loop = module.add_metadata([how, ir.IntType(32)(len(module.metadata))])
    loop.operands = (loop, how)  # a loop's metadata refers to itself
    return loop
