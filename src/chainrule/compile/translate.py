"""From Python to LLVM: the functions of generated modules, and those of `chainrule.compile.vecmath`, as LLVM's code.

What is translated is a small part of Python, with NumPy's meaning: numbers of one dtype each, contiguous arrays, loops
over ranges, branches, one return at the end. Python's own numbers take the dtype of what they meet. What can be
computed while translating is. Nothing is checked while the code runs: an index outside of its array is the writer's
mistake.

A function is translated anew for each combination of dtypes and shapes that it is called with. Functions of vecmath are
written out where they are called.
"""

from __future__ import annotations

import ast
import functools
import inspect
import itertools
import math
import operator
import sys
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir

__all__ = [
    "IN_MEMORY",
    "KINDS",
    "LONG",
    "Array",
    "Number",
    "Overloaded",
    "Translator",
    "Untranslatable",
    "begun",
    "contiguous",
    "loaded",
    "stored",
]

LONG = ir.IntType(64)
BIT = ir.IntType(1)
KINDS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "int32": ir.IntType(32), "int64": LONG, "bool": BIT}
KINDS["index"] = LONG
"""`index` is what counts loops and places in arrays: an int64 that never overflows, which LLVM makes use of."""
IN_MEMORY = KINDS | {"bool": ir.IntType(8)}
SUMS = ("reassoc", "contract")
"""Sums in kernels may be reassociated and products added in one step; NaN, Inf and the sign of zero keep their meaning.
"""


INTERLEAVED = 4
LONG_LOOP, LONG_CHAIN = 256, 4
"""A loop of so many entries computes INTERLEAVED vectors at once, if a function in it has so many lines."""


class Untranslatable(Exception):
    """Python that is not among what is translated."""


class Number(NamedTuple):
    """A number that is known when the code runs."""

    dtype: str
    value: ir.Value


class Array(NamedTuple):
    """An array: where its entries are; lengths and strides (in entries) are ints, or LLVM's numbers."""

    dtype: str
    data: ir.Value
    shape: tuple[Any, ...]
    strides: tuple[Any, ...]


class Overloaded(NamedTuple):
    """A function of numbers, by their dtype; of float32 through float64 if there is none."""

    name: str
    of64: Callable[..., Any]
    of32: Callable[..., Any] | None = None


PYTHON: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
ON_FLOATS: dict[type, str] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
ON_INTEGERS: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.LShift: "shl",
    ast.RShift: "ashr",
}
COMPARED: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


class Translator:
    """The functions of one module.

    Parameters
    ----------
    module : LLVM's module, to which they are added.
    text : the source of the generated functions.
    scope : what their names stand for.
    """

    def __init__(self, module: ir.Module, text: str, scope: dict[str, Any]):
        self.module, self.scope = module, scope
        self.definitions = _definitions(ast.parse(text))
        self.functions: dict[Any, tuple[ir.Function, list[str]]] = {}
        self.constants: dict[int, ir.GlobalVariable] = {}
        self.written_out = 0  # how many long functions of vecmath so far

    def interleaved(self) -> Any:
        """What tells LLVM to compute several vectors at once.

        An elementary function is a long chain of operations, each of which waits for the one before.
        """
        how = self.module.add_metadata(["llvm.loop.interleave.count", ir.IntType(32)(INTERLEAVED)])
        loop = self.module.add_metadata([how, ir.IntType(32)(len(self.module.metadata))])
        loop.operands = (loop, how)  # a loop's name begins with itself
        return loop

    def function(self, name: str, takes: Sequence[Any]) -> tuple[ir.Function, list[str]]:
        """LLVM's function for arguments like these (Numbers and Arrays), and the dtypes of the numbers that it returns.

        It is handed over the addresses of the arrays, such lengths of theirs as are not known, and the numbers, in the
        order of its parameters; at last an address, at which it leaves the numbers, eight bytes apart. What a kernel
        writes never lies in the memory of another argument; the buffers of a program may share theirs.
        """
        key = (name, *map(_kind, takes))
        if key not in self.functions:
            kinds = [value.type for given in takes for value in _parts(given)]
            kind = ir.FunctionType(ir.VoidType(), [*kinds, LONG.as_pointer()])
            function = ir.Function(self.module, kind, f"{name}.{len(self.functions)}")
            function.linkage = "internal"
            function.attributes.add("nounwind")
            body, memory = begun(function)
            parameters = iter(function.args)
            here: list[Any] = []
            for given in takes:
                if isinstance(given, Number):
                    here.append(Number(given.dtype, next(parameters)))
                    continue
                data = next(parameters)
                if not self.scope[name].is_program:
                    data.add_attribute("noalias")
                lengths = tuple(n if isinstance(n, int) else next(parameters) for n in given.shape)
                here.append(contiguous(given.dtype, data, lengths, body))
            writer = _Function(self, body, memory, SUMS)
            returned = writer.run(self.definitions[name], self.scope, here)
            place = function.args[-1]
            for k, number in enumerate(returned):
                there = body.gep(place, [LONG(k)])
                body.store(stored(body, number), body.bitcast(there, IN_MEMORY[number.dtype].as_pointer()))
            body.ret_void()
            self.functions[key] = function, [number.dtype for number in returned]
        return self.functions[key]

    def inside(self, builder: ir.IRBuilder, memory: ir.Block) -> _Function:
        """What writes code where the builder is; what it needs on the stack is made in the block `memory`."""
        return _Function(self, builder, memory, SUMS)

    def constant(self, array: np.ndarray) -> Array:
        """An array that is known, as a constant of the module."""
        dtype = array.dtype.name
        if id(array) not in self.constants:
            kind = ir.ArrayType(IN_MEMORY[dtype], array.size)
            known = ir.GlobalVariable(self.module, kind, f"constant.{len(self.constants)}")
            known.initializer, known.global_constant, known.linkage = kind(array.ravel().tolist()), True, "internal"
            self.constants[id(array)] = known
        known = self.constants[id(array)]
        data = known.gep([LONG(0), LONG(0)]) if array.size else known.bitcast(IN_MEMORY[dtype].as_pointer())
        return contiguous(dtype, data, array.shape)


class _Function:
    """The translation of one function, or of one that is written out inside another.

    Attributes
    ----------
    names : what each name stands for: a place in memory if it is a variable, else what it was bound to.
    """

    def __init__(self, translator: Translator, builder: ir.IRBuilder, memory: ir.Block, flags: tuple[str, ...]):
        self.translator, self.builder, self.memory, self.flags = translator, builder, memory, flags
        self.names: dict[str, Any] = {}
        self.variables: dict[str, Number] = {}
        self.straight = False

    def run(self, definition: ast.FunctionDef, scope: dict[str, Any], given: Sequence[Any]) -> list[Any]:
        """Translate the body with these arguments; what it returns."""
        self.scope = scope
        parameters = [a.arg for a in definition.args.args]
        if len(parameters) != len(given):
            raise Untranslatable(f"{definition.name} takes {len(parameters)} arguments, not {len(given)}")
        body = definition.body
        self.straight = all(isinstance(line, ast.Assign | ast.Return | ast.Expr) for line in body)
        assigned = {n.id for n in ast.walk(definition) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for name, x in zip(parameters, given, strict=True):
            self.names[name] = x
            if name in assigned and isinstance(x, Number) and not self.straight:
                self.assign(name, x)
        returned: list[Any] = []
        for line in body:
            if isinstance(line, ast.Return):
                value = None if line.value is None else self.value(line.value)
                returned = list(value) if isinstance(value, tuple) and not isinstance(value, Number) else [value]
                returned = [] if value is None else [x if isinstance(x, Array) else self.number(x) for x in returned]
            else:
                self.statement(line)
        return returned

    # Statements -------------------------------------------------------------------------------------------

    def statement(self, line: ast.stmt) -> None:
        method = getattr(self, f"_{type(line).__name__.lower()}", None)
        if method is None:
            raise Untranslatable(ast.unparse(line))
        method(line)

    def _pass(self, line: ast.Pass) -> None:
        pass

    def _expr(self, line: ast.Expr) -> None:
        if not isinstance(line.value, ast.Constant):  # a docstring
            self.value(line.value)

    def _assign(self, line: ast.Assign) -> None:
        value = self.value(line.value)
        for target in line.targets:
            self.put(target, value)

    def _augassign(self, line: ast.AugAssign) -> None:
        now = self.value(ast.copy_location(_read_again(line.target), line))
        value = self.binary(type(line.op), now, self.value(line.value))
        self.put(line.target, self.cast(value, now.dtype) if isinstance(now, Number) else value)

    def put(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            for part, x in zip(target.elts, value, strict=True):
                self.put(part, x)
        elif isinstance(target, ast.Name):
            self.assign(target.id, value)
        elif isinstance(target, ast.Subscript):
            array = self.value(target.value)
            place = self.place(array, target.slice)
            if isinstance(place, Array):
                self.fill(place, value)
            else:
                self.builder.store(stored(self.builder, self.cast(value, array.dtype)), place)
        else:
            raise Untranslatable(ast.unparse(target))

    def assign(self, name: str, value: Any) -> None:
        """A number is kept in a place of the variable's own: LLVM finds out which value it has where."""
        if isinstance(value, Array) or self.straight:
            self.names[name] = value
            self.variables.pop(name, None)
            return
        if isinstance(value, tuple) and not isinstance(value, Number):
            raise Untranslatable(f"{name} is several values")
        number = self.number(value)
        known = self.variables.get(name)
        if known is None or known.dtype != number.dtype:
            self.variables[name] = known = Number(number.dtype, self.variable(KINDS[number.dtype]))
        self.builder.store(number.value, known.value)

    def variable(self, kind: ir.Type) -> ir.Value:
        """A place on the stack."""
        with self.builder.goto_block(self.memory):
            return self.builder.alloca(kind)

    def _for(self, line: ast.For) -> None:
        bounds = [self.value(a) for a in line.iter.args]  # type: ignore[attr-defined]
        start, stop, step = [(0, bounds[0], 1), (*bounds, 1), bounds][len(bounds) - 1]
        self.loop(start, stop, step, lambda i: self._body(line.target.id, i, line.body))  # type: ignore[attr-defined]

    def _body(self, name: str, i: Number, body: list[ast.stmt]) -> None:
        self.variables.pop(name, None)
        self.names[name] = i
        for line in body:
            self.statement(line)

    def loop(self, start: Any, stop: Any, step: Any, body: Callable[[Number], None]) -> None:
        builder, long = self.builder, _is_long(start, stop)
        start, stop, step = (self.cast(x, "index").value for x in (start, stop, step))
        place = self.variable(LONG)
        builder.store(start, place)
        condition, inside, after = (builder.append_basic_block(name) for name in ("for", "do", "done"))
        builder.branch(condition)
        builder.position_at_end(condition)
        builder.cbranch(builder.icmp_signed("<", builder.load(place), stop), inside, after)
        builder.position_at_end(inside)
        i = builder.load(place)
        before = self.translator.written_out
        body(Number("index", i))
        builder.store(builder.add(i, step, flags=("nsw",)), place)
        back = builder.branch(condition)
        if long and self.translator.written_out > before:
            back.set_metadata("llvm.loop", self.translator.interleaved())
        builder.position_at_end(after)

    def _while(self, line: ast.While) -> None:
        builder = self.builder
        condition, inside, after = (builder.append_basic_block(name) for name in ("while", "do", "done"))
        builder.branch(condition)
        builder.position_at_end(condition)
        builder.cbranch(self.cast(self.value(line.test), "bool").value, inside, after)
        builder.position_at_end(inside)
        for each in line.body:
            self.statement(each)
        builder.branch(condition)
        builder.position_at_end(after)

    def _if(self, line: ast.If) -> None:
        test = self.value(line.test)
        if not isinstance(test, Number):
            for each in line.body if test else line.orelse:
                self.statement(each)
            return
        with self.builder.if_else(self.cast(test, "bool").value) as (then, otherwise):
            for block, body in ((then, line.body), (otherwise, line.orelse)):
                with block:
                    for each in body:
                        self.statement(each)

    # Expressions ------------------------------------------------------------------------------------------

    def value(self, node: ast.expr) -> Any:
        """A Number, an Array, several of them, or what Python has computed already."""
        match node:
            case ast.Constant():
                return node.value
            case ast.Name():
                return self.name(node.id)
            case ast.Tuple():
                return tuple(self.value(part) for part in node.elts)
            case ast.BinOp():
                return self.binary(type(node.op), self.value(node.left), self.value(node.right))
            case ast.UnaryOp():
                return self.unary(type(node.op), self.value(node.operand))
            case ast.Compare():
                return self.compared(node)
            case ast.BoolOp():
                join = ast.BitAnd if isinstance(node.op, ast.And) else ast.BitOr
                return functools.reduce(lambda x, y: self.binary(join, x, y), map(self.value, node.values))
            case ast.Attribute():
                return self.attribute(self.value(node.value), node.attr)
            case ast.Subscript():
                return self.subscript(self.value(node.value), node.slice)
            case ast.Call():
                return self.call(node)
        raise Untranslatable(ast.unparse(node))

    def name(self, name: str) -> Any:
        if name in self.variables:
            place = self.variables[name]
            return Number(place.dtype, self.builder.load(place.value))
        if name in self.names:
            return self.names[name]
        known = self.scope[name] if name in self.scope else BUILTINS[name]
        return self.translator.constant(known) if isinstance(known, np.ndarray) else known

    def attribute(self, thing: Any, name: str) -> Any:
        if isinstance(thing, Array):
            if name == "shape":
                return tuple(n if isinstance(n, int) else Number("index", n) for n in thing.shape)
            if name == "reshape":
                return functools.partial(self.reshaped, thing)
        return getattr(thing, name)

    def number(self, x: Any) -> Number:
        """What is known to Python as a number of the code."""
        if isinstance(x, Number):
            return x
        dtype = {bool: "bool", int: "index", float: "float64"}.get(type(x)) or np.asarray(x).dtype.name
        if dtype not in KINDS:
            raise Untranslatable(f"{x!r} is not a number of the code")
        return Number(dtype, KINDS[dtype](x.item() if isinstance(x, np.generic) else x))

    def cast(self, x: Any, dtype: str) -> Number:
        if not isinstance(x, Number):
            kind = np.dtype("int64" if dtype == "index" else dtype)
            with np.errstate(all="ignore"):
                return Number(dtype, KINDS[dtype](kind.type(x).item()))
        builder, before, value = self.builder, x.dtype, x.value
        if before == dtype or {before, dtype} == {"int64", "index"}:
            return Number(dtype, value)
        to_float, from_float = dtype.startswith("float"), before.startswith("float")
        if dtype == "bool":
            compare = builder.fcmp_unordered if from_float else builder.icmp_signed
            return Number(dtype, compare("!=", value, value.type(0)))
        if from_float and to_float:
            change = builder.fpext if dtype == "float64" else builder.fptrunc
        elif to_float:
            change = builder.uitofp if before == "bool" else builder.sitofp
        elif from_float:
            change = builder.fptosi
        elif before == "bool":
            change = builder.zext
        else:
            change = builder.trunc if dtype == "int32" else builder.sext
        return Number(dtype, change(value, KINDS[dtype]))

    def together(self, *given: Any) -> list[Number]:
        """Numbers of one dtype."""
        dtype = _common(tuple(_dtype_of(x) for x in given))
        return [self.cast(x, dtype) for x in given]

    def binary(self, op: type, x: Any, y: Any) -> Any:
        if not isinstance(x, Number) and not isinstance(y, Number):
            with np.errstate(all="ignore"):
                return PYTHON[op](x, y)
        x, y = self.together(x, y)
        builder, dtype = self.builder, x.dtype
        if op is ast.Div and not dtype.startswith("float"):
            x, y = self.cast(x, "float64"), self.cast(y, "float64")
            dtype = "float64"
        if op is ast.Pow:
            return self.cast(self.of_libm("pow", x, y), dtype)
        if dtype.startswith("float"):
            if op not in ON_FLOATS:
                raise Untranslatable(f"{op.__name__} of {dtype}")
            return Number(dtype, getattr(builder, ON_FLOATS[op])(x.value, y.value, flags=self.flags))
        if op in (ast.FloorDiv, ast.Mod):
            return self.divided(op, x, y)
        if dtype == "bool" and op not in (ast.BitAnd, ast.BitOr):
            raise Untranslatable(f"{op.__name__} of truth values")
        wraps = dtype != "index" or op in (ast.BitAnd, ast.BitOr, ast.RShift)
        flags = () if wraps else ("nsw",)
        if op in (ast.BitAnd, ast.BitOr):
            return Number(dtype, getattr(builder, ON_INTEGERS[op])(x.value, y.value))
        return Number(dtype, getattr(builder, ON_INTEGERS[op])(x.value, y.value, flags=flags))

    def divided(self, op: type, x: Number, y: Number) -> Number:
        """Rounded down, as Python does."""
        builder = self.builder
        quotient, rest = builder.sdiv(x.value, y.value), builder.srem(x.value, y.value)
        zero = rest.type(0)
        apart = builder.icmp_signed("<", builder.xor(rest, y.value), zero)
        below = builder.and_(builder.icmp_signed("!=", rest, zero), apart)
        if op is ast.FloorDiv:
            return Number(x.dtype, builder.sub(quotient, builder.zext(below, quotient.type)))
        return Number(x.dtype, builder.select(below, builder.add(rest, y.value), rest))

    def unary(self, op: type, x: Any) -> Any:
        if not isinstance(x, Number):
            return not x if op is ast.Not else -x
        if op is ast.Not:
            return Number("bool", self.builder.not_(self.cast(x, "bool").value))
        if op is not ast.USub:
            raise Untranslatable(op.__name__)
        if x.dtype.startswith("float"):
            return Number(x.dtype, self.builder.fneg(x.value, flags=self.flags))
        return Number(x.dtype, self.builder.neg(x.value))

    def compared(self, node: ast.Compare) -> Any:
        operands = [self.value(part) for part in [node.left, *node.comparators]]
        found = [self.compare(type(op), *pair) for op, pair in zip(node.ops, itertools.pairwise(operands), strict=True)]
        return functools.reduce(lambda x, y: self.binary(ast.BitAnd, x, y), found)

    def compare(self, op: type, x: Any, y: Any) -> Any:
        if not isinstance(x, Number) and not isinstance(y, Number):
            return bool(PYTHON[op](x, y))
        x, y = self.together(x, y)
        if x.dtype.startswith("float"):
            compare = self.builder.fcmp_unordered if op is ast.NotEq else self.builder.fcmp_ordered
        else:
            compare = self.builder.icmp_unsigned if x.dtype == "bool" else self.builder.icmp_signed
        return Number("bool", compare(COMPARED[op], x.value, y.value))

    # Arrays -----------------------------------------------------------------------------------------------

    def subscript(self, thing: Any, index: ast.expr) -> Any:
        if not isinstance(thing, Array):
            return thing[self.value(index)]
        place = self.place(thing, index)
        return place if isinstance(place, Array) else loaded(self.builder, thing.dtype, place)

    def place(self, array: Array, index: ast.expr) -> Any:
        """Where an entry is; the part of the array, if there are slices among the indices."""
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        if any(isinstance(p, ast.Constant) and p.value is Ellipsis for p in parts):
            if len(parts) != 1:
                raise Untranslatable("an ellipsis among other indices")
            return array if array.shape else array.data
        offset: Any = 0
        shape: list[Any] = []
        strides: list[Any] = []
        axis = 0
        for part in parts:
            if isinstance(part, ast.Constant) and part.value is None:
                shape.append(1)
                strides.append(0)
                continue
            length, stride = array.shape[axis], array.strides[axis]
            axis += 1
            if isinstance(part, ast.Slice):
                start, length, step = self.cut(part, length)
                offset = self.index("add", offset, self.index("mul", start, stride))
                shape.append(length)
                strides.append(self.index("mul", stride, step))
                continue
            at = self.value(part)
            if not isinstance(at, Number):
                at = at + length if at < 0 else int(at)
            offset = self.index("add", offset, self.index("mul", at, stride))
        if axis > len(array.shape):
            raise Untranslatable(f"too many indices: {ast.unparse(index)}")
        shape += array.shape[axis:]
        strides += array.strides[axis:]
        data = self.builder.gep(array.data, [_long(offset)], inbounds=True)
        return Array(array.dtype, data, tuple(shape), tuple(strides)) if shape else data

    def cut(self, part: ast.Slice, length: Any) -> tuple[Any, Any, Any]:
        """Where a slice begins, how many entries it has, and how far apart they are."""
        bounds = [None if b is None else self.value(b) for b in (part.lower, part.upper, part.step)]
        if isinstance(length, int) and not any(isinstance(b, Number) for b in bounds):
            places = range(*slice(*bounds).indices(length))
            return places.start, len(places), places.step
        start, stop = (0 if bounds[0] is None else bounds[0]), (length if bounds[1] is None else bounds[1])
        if bounds[2] is not None:
            raise Untranslatable(ast.unparse(part))
        return start, self.index("sub", stop, start), 1

    def index(self, op: str, x: Any, y: Any) -> Any:
        """Arithmetic on places in arrays; ints stay ints."""
        x, y = (v.value if isinstance(v, Number) and v.dtype in ("index", "int64") else v for v in (x, y))
        x, y = (self.cast(v, "index").value if isinstance(v, Number) else v for v in (x, y))
        if isinstance(x, int) and isinstance(y, int):
            return {"add": x + y, "sub": x - y, "mul": x * y}[op]
        if (op, x) == ("add", 0) or (op, x) == ("mul", 1):
            return y
        if (op, y) in (("add", 0), ("sub", 0), ("mul", 1)):
            return x
        if op == "mul" and (x == 0 or y == 0):
            return 0
        return getattr(self.builder, op)(_long(x), _long(y), flags=("nsw",))

    def fill(self, array: Array, value: Any) -> None:
        """array[...] = value: a number, or an array that is broadcast."""
        if not isinstance(value, Array):
            number = self.cast(value, array.dtype)

        def along(axis: int, at: Any, source: Any) -> None:
            if axis == len(array.shape):
                entry = number if source is None else loaded(self.builder, value.dtype, source)
                self.builder.store(stored(self.builder, self.cast(entry, array.dtype)), at)
                return
            missing = len(array.shape) - len(value.shape) if source is not None else 0

            def step(i: Number) -> None:
                there = self.builder.gep(at, [_long(self.index("mul", i, array.strides[axis]))], inbounds=True)
                if source is None or axis < missing or value.shape[axis - missing] == 1 != array.shape[axis]:
                    along(axis + 1, there, source)
                    return
                move = _long(self.index("mul", i, value.strides[axis - missing]))
                along(axis + 1, there, self.builder.gep(source, [move], inbounds=True))

            length = array.shape[axis]
            self.loop(0, length if isinstance(length, int) else Number("index", length), 1, step)

        along(0, array.data, value.data if isinstance(value, Array) else None)

    def reshaped(self, array: Array, *shape: Any) -> Array:
        new = shape[0] if isinstance(shape[0], tuple) else shape
        if (
            not all(isinstance(n, int) for n in (*array.shape, *new))
            or array.strides != contiguous(array.dtype, array.data, array.shape).strides
        ):
            raise Untranslatable("reshape of a part of an array")
        return contiguous(array.dtype, array.data, new)

    def full(self, shape: tuple[int, ...], value: Any, dtype: Any = None) -> Array:
        name = np.dtype(dtype).name if dtype is not None else self.number(value).dtype
        place = self.variable(ir.ArrayType(IN_MEMORY[name], math.prod(shape)))
        data = self.builder.bitcast(place, IN_MEMORY[name].as_pointer())
        array = contiguous(name, data, shape)
        self.fill(array, value)
        return array

    # Calls ------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> Any:
        function = self.value(node.func)
        given = [self.value(a) for a in node.args]
        if node.keywords:
            raise Untranslatable(ast.unparse(node))
        return self.called(function, given)

    def called(self, function: Any, given: list[Any]) -> Any:
        if isinstance(function, functools.partial):
            return function(*given)
        if function is np.full:
            return self.full(*given)
        if hasattr(function, "takes"):  # a kernel
            returned = self.call_function(function.__name__, self._passed(given))
            return returned[0] if len(returned) == 1 else tuple(returned)
        if hasattr(function, "emit"):
            return function.emit(self, *given)
        if not any(isinstance(x, Number | Array) for x in given) and not isinstance(function, Overloaded):
            with np.errstate(all="ignore"):
                return function(*given)
        if function in CASTS:
            return self.cast(given[0], CASTS[function])
        if function in MATH:
            return MATH[function](self, *given)
        if isinstance(function, Overloaded):
            return self.overloaded(function, given)
        return self.written_out(function, given)

    def call_function(self, name: str, given: Sequence[Number | Array]) -> list[Number]:
        """Call a function of the module."""
        builder = self.builder
        function, dtypes = self.translator.function(name, given)
        place = builder.bitcast(self.variable(ir.ArrayType(LONG, max(len(dtypes), 1))), LONG.as_pointer())
        builder.call(function, [*(value for x in given for value in _parts(x)), place])
        places = [builder.gep(place, [LONG(k)]) for k in range(len(dtypes))]
        return [
            loaded(builder, dtype, builder.bitcast(there, IN_MEMORY[dtype].as_pointer()))
            for dtype, there in zip(dtypes, places, strict=True)
        ]

    def _passed(self, given: list[Any]) -> list[Any]:
        """Arguments of a kernel; its arrays are contiguous."""
        for x in given:
            known = isinstance(x, Array) and all(isinstance(n, int) for n in x.shape)
            if known and x.strides != contiguous(x.dtype, x.data, x.shape).strides:
                raise Untranslatable("a part of an array as an argument")
        return [x if isinstance(x, Array) else self.number(x) for x in given]

    def overloaded(self, function: Overloaded, given: list[Any]) -> Number:
        numbers = self.together(*given)
        if numbers[0].dtype == "float32" and function.of32 is not None:
            return self.written_out(function.of32, numbers)
        result = self.written_out(function.of64, [self.cast(x, "float64") for x in numbers])
        return self.cast(result, "float32") if numbers[0].dtype == "float32" else result

    def written_out(self, function: Any, given: list[Any]) -> Number:
        """A function of vecmath, inside this one."""
        if not hasattr(function, "flags"):
            raise Untranslatable(f"{function!r} is not among what is translated")
        definition = _definition_of(function)
        self.translator.written_out += len(definition.body) >= LONG_CHAIN
        inside = _Function(self.translator, self.builder, self.memory, function.flags)
        returned = inside.run(definition, function.__globals__, list(map(self.number, given)))
        return returned[0] if len(returned) == 1 else tuple(returned)  # type: ignore[return-value]

    def intrinsic(self, name: str, *given: Any) -> Number:
        """One of LLVM's own functions of floats."""
        numbers = self.together(*given)
        if not numbers[0].dtype.startswith("float"):
            numbers = [self.cast(x, "float64") for x in numbers]
        kind = KINDS[numbers[0].dtype]
        kinds = ir.FunctionType(kind, [kind] * len(numbers))
        function = self.translator.module.declare_intrinsic(f"llvm.{name}", [kind], kinds)
        return Number(numbers[0].dtype, self.builder.call(function, [x.value for x in numbers]))

    def of_libm(self, name: str, *given: Any) -> Number:
        """A function of the C library, in double precision."""
        module, kind = self.translator.module, KINDS["float64"]
        kinds = ir.FunctionType(kind, [kind] * len(given))
        function = module.globals.get(name) or ir.Function(module, kinds, name)
        return Number("float64", self.builder.call(function, [self.cast(x, "float64").value for x in given]))

    def extreme(self, name: str, x: Any, y: Any) -> Number:
        """The maximum or minimum of two numbers."""
        x, y = self.together(x, y)
        if x.dtype.startswith("float"):
            return self.intrinsic(name, x, y)
        first = self.compare(ast.Gt if name == "maximum" else ast.Lt, x, y)
        return Number(x.dtype, self.builder.select(first.value, x.value, y.value))

    def absolute(self, x: Number) -> Number:
        if x.dtype.startswith("float"):
            return self.intrinsic("fabs", x)
        return self.extreme("maximum", x, self.unary(ast.USub, x))


BUILTINS = {"abs": abs, "min": min, "max": max, "bool": bool, "len": len, "True": True, "False": False}
CASTS: dict[Any, str] = {
    bool: "bool",
    np.float32: "float32",
    np.float64: "float64",
    np.int32: "int32",
    np.int64: "int64",
}
CASTS |= {np.int64: "int64", np.bool_: "bool", float: "float64", int: "int64"}
MATH: dict[Any, Callable[..., Any]] = {
    abs: _Function.absolute,
    min: lambda t, x, y: t.extreme("minimum", x, y),
    max: lambda t, x, y: t.extreme("maximum", x, y),
    len: lambda t, x: t.attribute(x, "shape")[0],
    math.sqrt: lambda t, x: t.intrinsic("sqrt", x),
    math.copysign: lambda t, x, y: t.intrinsic("copysign", x, y),
    np.floor: lambda t, x: t.intrinsic("floor", x),
    np.ceil: lambda t, x: t.intrinsic("ceil", x),
    np.trunc: lambda t, x: t.intrinsic("trunc", x),
    np.rint: lambda t, x: t.intrinsic("rint", x),
    math.sin: lambda t, x: t.of_libm("sin", x),
    math.cos: lambda t, x: t.of_libm("cos", x),
    math.tan: lambda t, x: t.of_libm("tan", x),
    math.pow: lambda t, x, y: t.of_libm("pow", x, y),
}


def begun(function: ir.Function) -> tuple[ir.IRBuilder, ir.Block]:
    """What writes the body of a function, and the block before it, for what it needs on the stack."""
    memory, start = function.append_basic_block("memory"), function.append_basic_block("start")
    ir.IRBuilder(memory).branch(start)
    return ir.IRBuilder(start), memory


def contiguous(dtype: str, data: ir.Value, shape: Sequence[Any], builder: ir.IRBuilder | None = None) -> Array:
    """An array whose entries lie one after the other; the builder multiplies lengths that are not known."""
    strides: list[Any] = [1] * len(shape)
    for k in reversed(range(len(shape) - 1)):
        n, stride = shape[k + 1], strides[k + 1]
        if isinstance(n, int) and isinstance(stride, int):
            strides[k] = n * stride
        else:
            strides[k] = builder.mul(_long(n), _long(stride), flags=("nsw",))  # type: ignore[union-attr]
    return Array(dtype, data, tuple(shape), tuple(strides))


def _is_long(start: Any, stop: Any) -> bool:
    """Whether a loop has many entries, as far as is known."""
    return isinstance(start, Number) or isinstance(stop, Number) or stop - start >= LONG_LOOP


def _long(x: Any) -> ir.Value:
    return LONG(x) if isinstance(x, int) else x.value if isinstance(x, Number) else x


def _kind(given: Number | Array) -> Any:
    """What a function is translated for."""
    if isinstance(given, Number):
        return given.dtype
    return given.dtype, tuple(n if isinstance(n, int) else None for n in given.shape)


def _parts(given: Number | Array) -> list[ir.Value]:
    """What is handed over of an argument."""
    if isinstance(given, Number):
        return [given.value]
    return [given.data, *(n for n in given.shape if not isinstance(n, int))]


def stored(builder: ir.IRBuilder, number: Number) -> ir.Value:
    """A number as it lies in memory: truth values take a byte."""
    return builder.zext(number.value, IN_MEMORY["bool"]) if number.dtype == "bool" else number.value


def loaded(builder: ir.IRBuilder, dtype: str, place: ir.Value) -> Number:
    value = builder.load(place)
    return Number(dtype, builder.trunc(value, BIT) if dtype == "bool" else value)


def _dtype_of(x: Any) -> str:
    if isinstance(x, Number):
        return x.dtype
    return {bool: "a bool", int: "an int", float: "a float"}.get(type(x)) or np.asarray(x).dtype.name


@functools.cache
def _common(dtypes: tuple[str, ...]) -> str:
    """The dtype of what is computed from these: Python's numbers, "a float", take that of others."""
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


def _read_again(target: ast.expr) -> ast.expr:
    """A target as an expression."""
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return ast.Name(target.id, ast.Load())  # type: ignore[attr-defined]


def _definitions(tree: ast.Module) -> dict[str, ast.FunctionDef]:
    return {line.name: line for line in tree.body if isinstance(line, ast.FunctionDef)}


@functools.cache
def _definitions_in(module: str) -> dict[str, ast.FunctionDef]:
    return _definitions(ast.parse(inspect.getsource(sys.modules[module])))


def _definition_of(function: Callable[..., Any]) -> ast.FunctionDef:
    try:
        return _definitions_in(function.__module__)[function.__name__]
    except (KeyError, OSError, AttributeError) as error:
        raise Untranslatable(f"{function!r} has no source") from error
