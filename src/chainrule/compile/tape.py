"""Long programs as data: a table of steps, and a short loop that runs them.

In LLVM IR a program of thousands of steps would be thousands of calls, and LLVM's compile time grows with their number.
But these calls use few different functions. So a long program becomes a *tape*: for each step the number of a function,
and the places in memory of its arguments and results. Machine code is written only for the different functions. A step
of a tape costs a few nanoseconds more than a direct call.

All that a step reads or writes is in memory: numbers that a step returns have eight bytes each in the array `numbers`,
constants lie in an array of their own. A part of an array is a place in it; nothing is copied.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

from chainrule.compile.loops import (
    NUMBERS,
    ArrayEntry,
    Assign,
    Constant,
    Do,
    FunctionCall,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Return,
    Several,
    Slice,
    Statement,
    Store,
)
from chainrule.compile.typed import (
    IN_MEMORY,
    LONG,
    TypedArray,
    TypedNumber,
    Untranslatable,
    begun,
    contiguous,
    is_in_one_piece,
    loaded,
    stored,
)
from chainrule.errors import CompilerError

__all__ = ["run_tape"]

BITS = 40
"""A place is one integer: its lowest BITS bits are the offset in bytes, the bits above them the number of the array."""
BYTES = ir.IntType(8).as_pointer()


class _InMemory(NamedTuple):
    """An array or a number in memory.

    Attributes
    ----------
    root : the number of the program's array in which it lies.
    start : the offset of its first byte there.
    dtype, shape, strides : of the array; the strides in bytes. A number has no axes.
    """

    root: int
    start: int
    dtype: str
    shape: tuple[int, ...] = ()
    strides: tuple[int, ...] = ()

    @property
    def layout(self) -> Any:
        return self[2:]

    @property
    def packed(self) -> int:
        return self.root << BITS | self.start

    @property
    def size(self) -> int:
        return np.dtype(self.dtype).itemsize


def run_tape(translator: Any, function: LoopFunction, given: Sequence[Any], writer: Any) -> list[TypedNumber]:
    """Write a long program as a tape, and the loop that runs it where the writer is; returns the program's results."""
    tape = _Tape(writer.builder.function.name, translator, dict(zip(function.parameters, given, strict=True)), writer)
    *steps, last = function.body
    for step in steps:
        tape.step(step)
    if not isinstance(last, Return):
        raise Untranslatable("a long program without results")
    return tape.run(last.values)


class _Tape:
    """A tape while it is written.

    Attributes
    ----------
    title : the name of the function in LLVM, with which all names of the tape begin.
    roots : the addresses of the program's arrays.
    names : the places of its variables.
    code : the steps: for each the number of its function, then the places of what it takes and gives.
    functions : the functions, keyed by what they do and by the memory layout of their arguments.
    """

    def __init__(self, title: str, translator: Any, given: dict[str, Any], writer: Any):
        self.title = title
        self.translator, self.writer = translator, writer
        self.roots: list[ir.Value] = []
        self.names: dict[str, _InMemory] = {}
        self.code: list[int] = []
        self.functions: dict[Any, tuple[int, ir.Function, list[str]]] = {}
        self.constants = bytearray()
        self.known: dict[Any, _InMemory] = {}
        self.constants_root = self._root(None)
        numbers = {name: x for name, x in given.items() if isinstance(x, TypedNumber)}
        taken = writer.variable(ir.ArrayType(LONG, max(len(numbers), 1)))
        root = self._root(taken)
        for k, (name, x) in enumerate(numbers.items()):  # eight bytes apart
            place = writer.builder.gep(taken, [LONG(0), LONG(k)])
            place = writer.builder.bitcast(place, IN_MEMORY[x.dtype].as_pointer())
            writer.builder.store(stored(writer.builder, x), place)
            self.names[name] = _InMemory(root, 8 * k, x.dtype)
        for name, x in given.items():
            if isinstance(x, TypedArray):
                self.names[name] = _whole(self._root(x.data), x.dtype, x.shape)
        self.numbers = given[NUMBERS].shape[0]
        self.used = 0

    def _root(self, data: ir.Value | None) -> int:
        self.roots.append(data)
        return len(self.roots) - 1

    # Places ------------------------------------------------------------------------------------------------

    def place(self, x: LoopExpression) -> _InMemory:
        """Where the value of an expression lies."""
        match x:
            case Name(text):
                if text not in self.names:
                    known = self.translator.constant(self.translator.scope[text])
                    self.names[text] = _whole(self._root(known.data), known.dtype, known.shape)
                return self.names[text]
            case Constant(value):
                return self._constant(np.asarray(value))
            case Method(of, "reshape", (Constant(shape),)):
                return _reshaped(self.place(of), shape)
            case ArrayEntry(array, index):
                return _part(self.place(array), index)
            case FunctionCall("np.full", (Constant(shape), Constant(value), *_)):
                return self._constant(np.full(shape, value))
            case FunctionCall("np.full", (Constant(shape), one, *_)):
                return _reshaped(self.place(one), shape)
            case FunctionCall(kind, (Constant(value),)) if kind.startswith("np."):
                return self._constant(np.asarray(value, getattr(np, kind[3:])))
        raise Untranslatable(repr(x))

    def _constant(self, array: np.ndarray) -> _InMemory:
        dtype = "int64" if array.dtype.kind == "i" and array.dtype.itemsize == 8 else array.dtype.name
        key = dtype, array.shape, array.tobytes()
        if key not in self.known:
            self.constants += bytes(-len(self.constants) % 8)
            self.known[key] = _whole(self.constants_root, dtype, array.shape)._replace(start=len(self.constants))
            self.constants += array.tobytes()
        return self.known[key]

    def _number(self, dtype: str) -> _InMemory:
        """Reserve memory for a number that a step returns."""
        if self.used == self.numbers:
            raise CompilerError("a long program returns more numbers than it has memory for")
        self.used += 1
        numbers = self.names[NUMBERS]
        return _InMemory(numbers.root, 8 * (self.used - 1), dtype)

    # Steps -------------------------------------------------------------------------------------------------

    def step(self, statement: Statement) -> None:
        match statement:
            case Do(FunctionCall() as called):
                self._call(called, ())
            case Assign(names, FunctionCall() as called) if called.function in self.translator.scope:
                self._call(called, names)
            case Assign((name,), value):
                self.names[name] = self.place(value)
            case Store(target, value):
                self._copy(self.place(target), self.place(value))
            case _:
                raise Untranslatable(repr(statement))

    def _call(self, called: FunctionCall, names: Sequence[str]) -> None:
        places = [self.place(x) for x in called.arguments]
        key = called.function, *(p.layout for p in places)
        if key not in self.functions:
            self._add(key, len(places), lambda at, step: self._calling(called.function, places, at, step))
        number, _, dtypes = self.functions[key]
        if len(dtypes) != len(names):
            raise CompilerError(f"{called.function} returns {len(dtypes)} numbers, not {len(names)}")
        self.names.update((name, self._number(dtype)) for name, dtype in zip(names, dtypes, strict=True))
        self.code += [number, *(p.packed for p in places), *(self.names[name].packed for name in names)]

    def _calling(
        self, function: str, places: Sequence[_InMemory], at: Sequence[ir.Value], step: Any
    ) -> list[TypedNumber]:
        """A call of a function with what lies at these addresses."""
        given = [_read(p, address, step.builder) for p, address in zip(places, at, strict=True)]
        returned: list[TypedNumber] = step.call_function(function, given)
        return returned

    def _copy(self, target: _InMemory, source: _InMemory) -> None:
        key = None, target.layout, source.layout
        if key not in self.functions:
            self._add(key, 2, lambda at, step: self._copying(target, source, at, step))
        self.code += [self.functions[key][0], target.packed, source.packed]

    def _copying(self, target: _InMemory, source: _InMemory, at: Sequence[ir.Value], step: Any) -> list[TypedNumber]:
        entry = _read(source, at[1], step.builder) if not source.shape else _strided(source, at[1], step.builder)
        if target.shape:
            step.fill(_strided(target, at[0], step.builder), entry)
        elif isinstance(entry, TypedNumber):
            place = step.builder.bitcast(at[0], IN_MEMORY[target.dtype].as_pointer())
            step.builder.store(stored(step.builder, step.cast(entry, target.dtype)), place)
        else:
            raise CompilerError(f"an array of shape {source.shape} is written into one entry")
        return []

    def _add(self, key: Any, takes: int, write: Any) -> None:
        """Add a function: it takes the addresses of the roots and of the places, and returns that of the next step."""
        kind = ir.FunctionType(LONG.as_pointer(), [BYTES.as_pointer(), LONG.as_pointer()])
        function = ir.Function(self.translator.module, kind, f"{self.title}.step.{len(self.functions)}")
        function.linkage = "internal"
        function.attributes.add("nounwind")
        roots, places = function.args
        builder, memory = begun(function)

        def address(k: int) -> ir.Value:
            packed = builder.load(builder.gep(places, [LONG(k)]))
            root = builder.load(builder.gep(roots, [builder.lshr(packed, LONG(BITS))]))
            return builder.gep(root, [builder.and_(packed, LONG((1 << BITS) - 1))])

        returned = write([address(k) for k in range(takes)], self.translator.inside(builder, memory))
        for k, number in enumerate(returned):
            to = builder.bitcast(address(takes + k), IN_MEMORY[number.dtype].as_pointer())
            builder.store(stored(builder, number), to)
        builder.ret(builder.gep(places, [LONG(takes + len(returned))]))
        self.functions[key] = len(self.functions), function, [number.dtype for number in returned]

    # The loop ----------------------------------------------------------------------------------------------

    def run(self, results: Sequence[LoopExpression]) -> list[TypedNumber]:
        """Write the loop over all steps; returns the program's results."""
        if len(results) == 1 and isinstance(results[0], Several):
            results = results[0].parts
        places = [self.place(x) for x in results]
        builder, module = self.writer.builder, self.translator.module
        self.roots[self.constants_root] = _data(module, f"{self.title}.numbers", bytes(self.constants))
        kind = ir.ArrayType(BYTES, len(self.roots))
        roots = self.writer.variable(kind)
        addresses = [builder.bitcast(data, BYTES) for data in self.roots]
        for i, data in enumerate(addresses):
            builder.store(data, builder.gep(roots, [LONG(0), LONG(i)]))
        roots = builder.bitcast(roots, BYTES.as_pointer())
        functions = [function for _, function, _ in self.functions.values()]
        if functions:
            self._loop(roots, functions)
        return [
            loaded(
                builder,
                p.dtype,
                builder.bitcast(builder.gep(addresses[p.root], [LONG(p.start)]), IN_MEMORY[p.dtype].as_pointer()),
            )
            for p in places
        ]

    def _loop(self, roots: ir.Value, functions: Sequence[ir.Function]) -> None:
        builder, module = self.writer.builder, self.translator.module
        kind = ir.ArrayType(functions[0].type, len(functions))
        table = ir.GlobalVariable(module, kind, f"{self.title}.functions")
        table.initializer, table.global_constant, table.linkage = kind(functions), True, "internal"
        code = np.array(self.code, np.int64)
        start = builder.bitcast(_data(module, f"{self.title}.tape", code.tobytes()), LONG.as_pointer())
        end = builder.gep(start, [LONG(len(code))])
        at = self.writer.variable(LONG.as_pointer())
        builder.store(start, at)
        step, after = builder.append_basic_block("step"), builder.append_basic_block("done")
        builder.branch(step)
        builder.position_at_end(step)
        here = builder.load(at)
        function = builder.load(builder.gep(table, [LONG(0), builder.load(here)]))
        there = builder.call(function, [roots, builder.gep(here, [LONG(1)])])
        builder.store(there, at)
        builder.cbranch(builder.icmp_unsigned("<", *(builder.ptrtoint(p, LONG) for p in (there, end))), step, after)
        builder.position_at_end(after)


# Places ------------------------------------------------------------------------------------------------------------


def _whole(root: int, dtype: str, shape: tuple[int, ...]) -> _InMemory:
    return _InMemory(root, 0, dtype, tuple(shape), _steps(dtype, shape))


def _steps(dtype: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of a contiguous array, in bytes."""
    size = np.dtype(dtype).itemsize
    return tuple(size * math.prod(shape[k + 1 :]) for k in range(len(shape)))


def _reshaped(place: _InMemory, shape: tuple[int, ...]) -> _InMemory:
    if not is_in_one_piece(place.shape, place.strides, place.size):
        raise Untranslatable("reshape of a part of an array")
    if math.prod(shape) != math.prod(place.shape):
        raise CompilerError(f"a reshape of {place.shape} to {shape}, which has another size")
    return place._replace(shape=tuple(shape), strides=_steps(place.dtype, shape))


def _part(place: _InMemory, index: Sequence[Any]) -> _InMemory:
    """A part of an array; its indices are known numbers."""
    if index == (...,):
        return place
    start, shape, strides, axis = place.start, list[int](), list[int](), 0
    for part in index:
        if part is None:
            shape.append(1)
            strides.append(0)
            continue
        length, stride = place.shape[axis], place.strides[axis]
        axis += 1
        if isinstance(part, Slice):
            ends = (None if end is None else end.value for end in (part.start, part.stop, part.step))  # type: ignore[attr-defined]
            indices = range(*slice(*ends).indices(length))
            start += indices.start * stride
            shape.append(len(indices))
            strides.append(indices.step * stride)
        else:
            i = part.value + length if part.value < 0 else part.value
            if not 0 <= i < length:
                raise CompilerError(f"index {part.value} of an axis of length {length}")
            start += i * stride
    return place._replace(start=start, shape=(*shape, *place.shape[axis:]), strides=(*strides, *place.strides[axis:]))


def _read(place: _InMemory, address: ir.Value, builder: ir.IRBuilder) -> TypedNumber | TypedArray:
    """The number or array at an address, as functions take it."""
    data = builder.bitcast(address, IN_MEMORY[place.dtype].as_pointer())
    if not place.shape:
        return loaded(builder, place.dtype, data)
    if not is_in_one_piece(place.shape, place.strides, place.size):
        raise Untranslatable("a part of an array as an argument")
    return contiguous(place.dtype, data, place.shape)


def _strided(place: _InMemory, address: ir.Value, builder: ir.IRBuilder) -> TypedArray:
    data = builder.bitcast(address, IN_MEMORY[place.dtype].as_pointer())
    return TypedArray(place.dtype, data, place.shape, tuple(stride // place.size for stride in place.strides))


def _data(module: ir.Module, name: str, content: bytes) -> ir.GlobalVariable:
    """Bytes in the object code. They are not declared constant, so that LLVM does not try to evaluate the steps."""
    kind = ir.ArrayType(ir.IntType(8), len(content))
    data = ir.GlobalVariable(module, kind, name)
    data.initializer = kind(bytearray(content))
    data.align = 8
    return data
