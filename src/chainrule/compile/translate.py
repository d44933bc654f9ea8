"""From loops to LLVM IR: the functions of generated programs, and those of `chainrule.compile.vecmath`.

The code has the semantics of NumPy: each number has a dtype, arrays are contiguous, loops over ranges, branches, one
return at the end. Python's own numbers take the dtype of the other operand. Known numbers are computed while
translating. The code has no checks at run time: an index that is not proved to lie inside its array (`spans.py`) is an
error here.

A function is translated anew for each combination of dtypes and shapes that it is called with. Functions of vecmath are
inlined.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from types import EllipsisType
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.indexing import Indexing
from chainrule.compile.loops import (
    And,
    ArrayEntry,
    Assign,
    Binary,
    Compare,
    Constant,
    Do,
    For,
    FunctionCall,
    If,
    Increase,
    Length,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Return,
    Several,
    Slice,
    Statement,
    Store,
    Unary,
    While,
    is_long,
)
from chainrule.compile.parsed import parsed
from chainrule.compile.spans import ANY, Span
from chainrule.compile.tape import run_tape
from chainrule.compile.typed import (
    IN_MEMORY,
    LONG,
    MANY_VALUES,
    Overloaded,
    TypedArray,
    TypedNumber,
    Untranslatable,
    as_it_stands,
    begun,
    contiguous,
    is_in_one_piece,
    kind_of,
    loaded,
    parts_of,
    span_of,
    stored,
)
from chainrule.compile.variables import Variables

__all__ = ["Translator"]

SUMS = ("reassoc", "contract")
"""LLVM's fast-math flags for sums of kernels (`total += x * y`): they may be reassociated, and use fused multiply-add.
NaN, Inf and the sign of zero keep their meaning. Everything else is computed as written, because x · y · x is not x² ·
y if x² overflows, and √(x² − y²) must be 0, not NaN, where x = y.
"""
LONG_CHAIN = 4
"""A function of vecmath with at least this many lines counts as long."""


LONG_BODY = 20
"""A loop body with more statements calls its kernels as functions; in a shorter one they are inlined."""


def _called(line: Statement) -> list[str]:
    """The function that a statement of a body calls, if it calls one."""
    match line:
        case Do(FunctionCall(name)) | Assign(_, FunctionCall(name)):
            return [name]
    return []


class Translator:
    """The functions of one module.

    Parameters
    ----------
    module : LLVM's module, to which they are added.
    scope : the globals of the functions, these functions among them.

    Attributes
    ----------
    apart : the functions that are not inlined, because LLVM's time grows faster than a function's length.
    calls_blas : whether a function has been translated that calls BLAS or LAPACK.
    """

    calls_blas = False

    def __init__(self, module: ir.Module, scope: Mapping[str, Any]):
        self.module, self.scope = module, scope
        self.functions: dict[Any, tuple[ir.Function, list[str]]] = {}
        self.constants: dict[int, ir.GlobalVariable] = {}
        long_bodies = (f.body for f in scope.values() if getattr(f, "role", "") == "body" and len(f.body) > LONG_BODY)
        self.apart = {name for body in long_bodies for line in body for name in _called(line)}

    def function(self, name: str, takes: Sequence[Any]) -> tuple[ir.Function, list[str]]:
        """LLVM's function for arguments of these types, and the dtypes of the numbers that it returns.

        It takes the addresses of the arrays with their unknown lengths, and the numbers, in the order of its
        parameters; then an address, at which it stores the numbers it returns, eight bytes apart. The arrays that a
        kernel writes never overlap another argument; the buffers of a program may.
        """
        key = (name, *map(kind_of, takes))
        if key not in self.functions:
            kinds = [value.type for given in takes for value in parts_of(given)]
            kind = ir.FunctionType(ir.VoidType(), [*kinds, LONG.as_pointer()])
            function = ir.Function(self.module, kind, f"{name}.{len(self.functions)}")
            function.linkage = "internal"
            function.attributes.add("nounwind")
            if name in self.apart:
                function.attributes.add("noinline")
            if self.scope[name].role == "program" and len(takes) > MANY_VALUES:
                as_it_stands(function)
            body, memory = begun(function)
            parameters = iter(function.args)
            here: list[Any] = []
            for given in takes:
                if isinstance(given, TypedNumber):
                    here.append(given._replace(value=next(parameters), token=None))
                    continue
                data = next(parameters)
                if self.scope[name].role == "kernel":
                    data.add_attribute("noalias")
                lengths = tuple(n if isinstance(n, int) else n._replace(value=next(parameters)) for n in given.shape)
                here.append(contiguous(given.dtype, data, lengths, body))
            writer = _FunctionTranslation(self, body, memory)
            what = self.scope[name]
            if what.role in ("program", "body") and is_long(what.body):
                returned = run_tape(self, what, here, writer)
                if len(returned) > MANY_VALUES:
                    as_it_stands(function)
            else:
                returned = writer.run(what, self.scope, here)
            place = function.args[-1]
            for k, number in enumerate(returned):
                there = body.gep(place, [LONG(k)])
                body.store(stored(body, number), body.bitcast(there, IN_MEMORY[number.dtype].as_pointer()))
            body.ret_void()
            self.functions[key] = function, [number.dtype for number in returned]
        return self.functions[key]

    def inside(self, builder: ir.IRBuilder, memory: ir.Block) -> _FunctionTranslation:
        """A translation that writes at the builder's position and allocates its stack memory in the block `memory`."""
        return _FunctionTranslation(self, builder, memory)

    def constant(self, array: np.ndarray) -> TypedArray:
        """A known array as a constant of the module, written as bytes, which is faster than numbers."""
        dtype = array.dtype.name
        if id(array) not in self.constants:
            kind = ir.ArrayType(ir.IntType(8), array.nbytes)
            known = ir.GlobalVariable(self.module, kind, f"constant.{len(self.constants)}")
            known.initializer, known.global_constant, known.linkage = kind(bytearray(array.tobytes())), True, "internal"
            known.align = array.itemsize
            self.constants[id(array)] = known
        data = self.constants[id(array)].bitcast(IN_MEMORY[dtype].as_pointer())
        return contiguous(dtype, data, array.shape)


class _FunctionTranslation(Variables):
    """The translation of one function, or of one that is inlined in another."""

    def __init__(
        self, translator: Translator, builder: ir.IRBuilder, memory: ir.Block, flags: tuple[str, ...] | None = None
    ):
        super().__init__(translator.module, builder, memory, flags)
        self.translator = translator

    def run(self, function: LoopFunction, scope: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """Translate the body with these arguments; returns its results."""
        self.scope = scope
        if len(function.parameters) != len(given):
            raise Untranslatable(f"{function.name} takes {len(function.parameters)} arguments, not {len(given)}")
        self.straight = all(isinstance(line, Assign | Store | Return | Do) for line in function.body)
        self.assigned = function.assigned
        for name, x in zip(function.parameters, given, strict=True):
            self.bind(name, x)
            if name in self.assigned and isinstance(x, TypedNumber) and not self.straight:
                self.assign(name, x)
        returned: list[Any] = []
        for line in function.body:
            if isinstance(line, Return):
                values = [self.value(value) for value in line.values]
                if len(values) == 1 and isinstance(line.values[0], Several):
                    values = list(values[0])
                returned = [x if isinstance(x, TypedArray) else self.number(x) for x in values]
            else:
                self.statement(line)
        return returned

    # Statements -------------------------------------------------------------------------------------------

    def statement(self, line: Statement) -> None:
        match line:
            case Assign(names, value):
                self._assign(names, self.value(value))
            case Store(target, value):
                self.put(target, self.value(value))
            case Increase(target, value):
                self._increase(target, value)
            case For(index, start, stop, step, body):
                start, stop, step = (self.value(x) for x in (start, stop, step))
                self.loop(start, stop, step, lambda i: self._body(index, i, body))
            case While(condition, body):
                self._while(condition, body)
            case If(condition, body, otherwise):
                self._if(condition, body, otherwise)
            case Do(call):
                self.value(call)
            case _:
                raise Untranslatable(repr(line))

    def _assign(self, names: Sequence[str], value: Any) -> None:
        values = [value] if len(names) == 1 else value
        for name, x in zip(names, values, strict=True):
            self.assign(name, x)

    def _increase(self, target: Name | ArrayEntry, more: LoopExpression) -> None:
        now = self.value(target)
        value = self.binary("+", now, self.value(more), SUMS if self.flags is None else self.flags)
        value = self.cast(value, now.dtype) if isinstance(now, TypedNumber) else value
        if isinstance(target, Name):
            self.assign(target.text, value)
        else:
            self.put(target, value)

    def put(self, target: ArrayEntry, value: Any) -> None:
        array = self.value(target.array)
        place = self.place(array, self.parts(target.index))
        if isinstance(place, TypedArray):
            self.fill(place, value)
        else:
            self.builder.store(stored(self.builder, self.cast(value, array.dtype)), place)

    def _body(self, name: str, i: TypedNumber, body: Sequence[Statement]) -> None:
        self.bind(name, i)
        for line in body:
            self.statement(line)

    def _while(self, condition: LoopExpression, body: Sequence[Statement]) -> None:
        builder = self.builder
        before, inside, after = (builder.append_basic_block(name) for name in ("while", "do", "done"))
        builder.branch(before)
        builder.position_at_end(before)
        test, refined = self.cast(self.value(condition), "bool"), self._refined(condition)
        builder.cbranch(test.value, inside, after)
        builder.position_at_end(inside)
        with self.within(refined):
            for line in body:
                self.statement(line)
        builder.branch(before)
        builder.position_at_end(after)

    def _if(self, condition: LoopExpression, body: Sequence[Statement], otherwise: Sequence[Statement]) -> None:
        test = self.value(condition)
        if not isinstance(test, TypedNumber):
            for line in body if test else otherwise:
                self.statement(line)
            return
        refined = self._refined(condition)
        with self.builder.if_else(self.cast(test, "bool").value) as (then, other):
            for block, lines, known in ((then, body, refined), (other, otherwise, {})):
                with block, self.within(known):
                    for line in lines:
                        self.statement(line)

    def _refined(self, condition: LoopExpression) -> dict[str, Span]:
        """The spans of variables that follow from a condition."""
        found: dict[str, Span] = {}
        for part in condition.conditions if isinstance(condition, And) else (condition,):
            if isinstance(part, Compare) and part.op in ("<", "<="):
                low, high = (self._span(x) for x in (part.left, part.right))
                self.refine(found, (part.left, low), (part.right, high), 0 if part.op == "<=" else 1)
        return found

    def _span(self, x: LoopExpression) -> Span:
        value = self.value(x)
        return span_of(value) if isinstance(value, int | TypedNumber) else ANY

    # Expressions ------------------------------------------------------------------------------------------

    def value(self, x: LoopExpression) -> Any:
        """The value of an expression: a TypedNumber, a TypedArray, several of them, or a known Python object."""
        match x:
            case Name(text):
                return self.name(text)
            case Constant(value):
                return value
            case Binary(op, left, right):
                return self.binary(op, self.value(left), self.value(right))
            case ArrayEntry():
                return self.entry(x)
            case FunctionCall(function, arguments, ()):
                return self.called(self.name(function), [self.value(a) for a in arguments])
            case Unary(op, operand):
                return self.unary(op, self.value(operand))
            case Compare(op, left, right):
                return self.compare(op, self.value(left), self.value(right))
            case And(conditions):
                return functools.reduce(lambda a, b: self.binary("&", a, b), map(self.value, conditions))
            case Several(parts):
                return tuple(map(self.value, parts))
            case Length(array, axis):
                return self.value(array).shape[axis]
            case Method(of, "reshape", arguments) if arguments is not None:
                return self.reshaped(self.value(of), *map(self.value, arguments))
        raise Untranslatable(repr(x))

    def name(self, name: str) -> Any:
        if self.is_bound(name):
            return self.bound(name)
        first, *attributes = name.split(".")
        known = self.scope[first] if first in self.scope else BUILTINS[first]
        known = functools.reduce(getattr, attributes, known)
        return self.translator.constant(known) if isinstance(known, np.ndarray) else known

    def entry(self, x: ArrayEntry) -> Any:
        array = self.value(x.array)
        place = self.place(array, self.parts(x.index))
        return place if isinstance(place, TypedArray) else loaded(self.builder, array.dtype, place)

    def parts(self, index: Sequence[LoopExpression | Slice | EllipsisType | None]) -> list[Any]:
        """The indices between brackets."""
        return [
            slice(*(None if end is None else self.value(end) for end in (p.start, p.stop, p.step)))
            if isinstance(p, Slice)
            else self.value(p)
            if isinstance(p, LoopExpression)
            else p
            for p in index
        ]

    # Calls ------------------------------------------------------------------------------------------------

    def called(self, function: Any, given: list[Any]) -> Any:
        if function is np.full:
            return self.full(*given)
        if isinstance(function, LoopFunction):
            returned = self.call_function(function.name, self._passed(given))
            return returned[0] if len(returned) == 1 else tuple(returned)
        if hasattr(function, "emit"):
            return function.emit(self, *given)
        if not any(isinstance(x, TypedNumber | TypedArray) for x in given) and not isinstance(function, Overloaded):
            with np.errstate(all="ignore"):
                return function(*given)
        if function in CASTS:
            return self.cast(given[0], CASTS[function])
        if function in MATH:
            return MATH[function](self, *given)
        if isinstance(function, Overloaded):
            return self.overloaded(function, given)
        return self.written_out(function, given)

    def call_function(self, name: str, given: Sequence[TypedNumber | TypedArray]) -> list[TypedNumber]:
        """Call a function of the module."""
        builder = self.builder
        function, dtypes = self.translator.function(name, given)
        place = builder.bitcast(self.variable(ir.ArrayType(LONG, max(len(dtypes), 1))), LONG.as_pointer())
        builder.call(function, [*(value for x in given for value in parts_of(x)), place])
        places = [builder.gep(place, [LONG(k)]) for k in range(len(dtypes))]
        return [
            loaded(builder, dtype, builder.bitcast(there, IN_MEMORY[dtype].as_pointer()))
            for dtype, there in zip(dtypes, places, strict=True)
        ]

    def _passed(self, given: list[Any]) -> list[Any]:
        """Arguments of a kernel; its arrays are contiguous."""
        for x in given:
            known = isinstance(x, TypedArray) and all(isinstance(n, int) for n in x.shape)
            if known and not is_in_one_piece(x.shape, x.strides):
                raise Untranslatable("a part of an array as an argument")
        return [x if isinstance(x, TypedArray) else self.number(x) for x in given]

    def overloaded(self, function: Overloaded, given: list[Any]) -> TypedNumber:
        numbers = self.together(*given)
        if numbers[0].dtype == "float32" and function.of32 is not None:
            return self.written_out(function.of32, numbers)
        result = self.written_out(function.of64, [self.cast(x, "float64") for x in numbers])
        return self.cast(result, "float32") if numbers[0].dtype == "float32" else result

    def written_out(self, function: Any, given: list[Any]) -> TypedNumber:
        """Inline a function of vecmath."""
        if not hasattr(function, "flags"):
            raise Untranslatable(f"{function!r} is not among what is translated")
        definition = parsed(function)
        self.chains += len(definition.body) >= LONG_CHAIN
        inside = _FunctionTranslation(self.translator, self.builder, self.memory, function.flags)
        returned = inside.run(definition, function.__globals__, list(map(self.number, given)))
        self.chains += inside.chains
        return returned[0] if len(returned) == 1 else tuple(returned)  # type: ignore[return-value]


BUILTINS = {"abs": abs, "min": min, "max": max, "bool": bool}
CASTS: dict[Any, str] = {
    bool: "bool",
    np.float32: "float32",
    np.float64: "float64",
    np.int32: "int32",
    np.int64: "int64",
}
CASTS |= {np.int64: "int64", np.bool_: "bool", float: "float64", int: "int64"}
MATH: dict[Any, Callable[..., Any]] = {
    abs: Indexing.absolute,
    min: lambda t, x, y: t.extreme("minimum", x, y),
    max: lambda t, x, y: t.extreme("maximum", x, y),
    math.sqrt: lambda t, x: t.intrinsic("sqrt", x),
    math.copysign: lambda t, x, y: t.intrinsic("copysign", x, y),
    np.floor: lambda t, x: t.intrinsic("floor", x),
    np.ceil: lambda t, x: t.intrinsic("ceil", x),
    np.trunc: lambda t, x: t.intrinsic("trunc", x),
    np.rint: lambda t, x: t.intrinsic("rint", x),
}
