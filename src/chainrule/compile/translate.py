"""From Python to LLVM: the functions of generated modules, and those of `chainrule.compile.vecmath`, as LLVM's code.

What is translated is a small part of Python, with NumPy's meaning: numbers of one dtype each, contiguous arrays, loops
over ranges, branches, one return at the end. Python's own numbers take the dtype of what they meet. What can be
computed while translating is. Nothing is checked while the code runs: an index that cannot be seen to lie inside its
array (`spans.py`) is an error here.

A function is translated anew for each combination of dtypes and shapes that it is called with. Functions of vecmath are
written out where they are called.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import itertools
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.indexing import Indexing
from chainrule.compile.spans import ANY, Span, joined
from chainrule.compile.typed import (
    IN_MEMORY,
    KINDS,
    LONG,
    Overloaded,
    TypedArray,
    TypedNumber,
    Untranslatable,
    begun,
    contiguous,
    kind_of,
    loaded,
    parts_of,
    span_of,
    stored,
)

__all__ = ["Translator"]

SUMS = ("reassoc", "contract")
"""What kernels sum up (`total += x * y`) may be reassociated, and products added to it in one step; NaN, Inf and the
sign of zero keep their meaning. All else is computed as it is written: x · y · x is not x² · y where x² overflows, and
√(x² − y²) is 0, not NaN, where x = y.
"""
LONG_CHAIN = 4
"""A function of vecmath of so many lines is a long one."""


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

    def function(self, name: str, takes: Sequence[Any]) -> tuple[ir.Function, list[str]]:
        """LLVM's function for arguments like these (Numbers and Arrays), and the dtypes of the numbers that it returns.

        It is handed over the addresses of the arrays, such lengths of theirs as are not known, and the numbers, in the
        order of its parameters; at last an address, at which it leaves the numbers, eight bytes apart. What a kernel
        writes never lies in the memory of another argument; the buffers of a program may share theirs.
        """
        key = (name, *map(kind_of, takes))
        if key not in self.functions:
            kinds = [value.type for given in takes for value in parts_of(given)]
            kind = ir.FunctionType(ir.VoidType(), [*kinds, LONG.as_pointer()])
            function = ir.Function(self.module, kind, f"{name}.{len(self.functions)}")
            function.linkage = "internal"
            function.attributes.add("nounwind")
            body, memory = begun(function)
            parameters = iter(function.args)
            here: list[Any] = []
            for given in takes:
                if isinstance(given, TypedNumber):
                    here.append(given._replace(value=next(parameters), token=None))
                    continue
                data = next(parameters)
                if not self.scope[name].is_program:
                    data.add_attribute("noalias")
                lengths = tuple(n if isinstance(n, int) else n._replace(value=next(parameters)) for n in given.shape)
                here.append(contiguous(given.dtype, data, lengths, body))
            writer = _FunctionTranslation(self, body, memory)
            returned = writer.run(self.definitions[name], self.scope, here)
            place = function.args[-1]
            for k, number in enumerate(returned):
                there = body.gep(place, [LONG(k)])
                body.store(stored(body, number), body.bitcast(there, IN_MEMORY[number.dtype].as_pointer()))
            body.ret_void()
            self.functions[key] = function, [number.dtype for number in returned]
        return self.functions[key]

    def inside(self, builder: ir.IRBuilder, memory: ir.Block) -> _FunctionTranslation:
        """What writes code where the builder is; what it needs on the stack is made in the block `memory`."""
        return _FunctionTranslation(self, builder, memory)

    def constant(self, array: np.ndarray) -> TypedArray:
        """An array that is known, as a constant of the module: its bytes, which are faster to write than numbers."""
        dtype = array.dtype.name
        if id(array) not in self.constants:
            kind = ir.ArrayType(ir.IntType(8), array.nbytes)
            known = ir.GlobalVariable(self.module, kind, f"constant.{len(self.constants)}")
            known.initializer, known.global_constant, known.linkage = kind(bytearray(array.tobytes())), True, "internal"
            known.align = array.itemsize
            self.constants[id(array)] = known
        data = self.constants[id(array)].bitcast(IN_MEMORY[dtype].as_pointer())
        return contiguous(dtype, data, array.shape)


class _FunctionTranslation(Indexing):
    """The translation of one function, or of one that is written out inside another.

    Attributes
    ----------
    names, variables : what each name was bound to; the place in memory of one that is a variable.
    straight : whether there are neither loops nor branches, so that names stand for values.
    """

    def __init__(
        self, translator: Translator, builder: ir.IRBuilder, memory: ir.Block, flags: tuple[str, ...] | None = None
    ):
        super().__init__(translator.module, builder, memory, flags)
        self.translator = translator
        self.names: dict[str, Any] = {}
        self.variables: dict[str, TypedNumber] = {}
        self.straight = False
        self.assigned: dict[str, set[str]] = {}
        self.known: dict[str, TypedNumber] = {}
        self.refined: dict[str, Span] = {}

    def run(self, definition: ast.FunctionDef, scope: dict[str, Any], given: Sequence[Any]) -> list[Any]:
        """Translate the body with these arguments; what it returns."""
        self.scope = scope
        parameters = [a.arg for a in definition.args.args]
        if len(parameters) != len(given):
            raise Untranslatable(f"{definition.name} takes {len(parameters)} arguments, not {len(given)}")
        body = definition.body
        self.straight = all(isinstance(line, ast.Assign | ast.Return | ast.Expr) for line in body)
        self.assigned = _assigned(definition)
        for name, x in zip(parameters, given, strict=True):
            self.names[name] = x
            if name in self.assigned and isinstance(x, TypedNumber) and not self.straight:
                self.assign(name, x)
        returned: list[Any] = []
        for line in body:
            if isinstance(line, ast.Return):
                value = None if line.value is None else self.value(line.value)
                returned = list(value) if isinstance(value, tuple) and not isinstance(value, TypedNumber) else [value]
                returned = (
                    [] if value is None else [x if isinstance(x, TypedArray) else self.number(x) for x in returned]
                )
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
        value = self.binary(type(line.op), now, self.value(line.value), SUMS if self.flags is None else self.flags)
        self.put(line.target, self.cast(value, now.dtype) if isinstance(now, TypedNumber) else value)

    def put(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Tuple):
            for part, x in zip(target.elts, value, strict=True):
                self.put(part, x)
        elif isinstance(target, ast.Name):
            self.assign(target.id, value)
        elif isinstance(target, ast.Subscript):
            array = self.value(target.value)
            place = self.place(array, self.parts(target.slice))
            if isinstance(place, TypedArray):
                self.fill(place, value)
            else:
                self.builder.store(stored(self.builder, self.cast(value, array.dtype)), place)
        else:
            raise Untranslatable(ast.unparse(target))

    def assign(self, name: str, value: Any) -> None:
        """A number is kept in a place of the variable's own: LLVM finds out which value it has where."""
        if isinstance(value, TypedArray) or self.straight:
            self.names[name] = value
            self.variables.pop(name, None)
            return
        if isinstance(value, tuple) and not isinstance(value, TypedNumber):
            raise Untranslatable(f"{name} is several values")
        number = self.number(value)
        known = self.variables.get(name)
        if known is None or known.dtype != number.dtype:
            self.variables[name] = known = TypedNumber(number.dtype, self.variable(KINDS[number.dtype]))
        self.builder.store(number.value, known.value)
        self._learn(name, number)

    def _learn(self, name: str, number: TypedNumber) -> None:
        """What is known of a variable: something only if the same is assigned to it wherever it is."""
        self.refined.pop(name, None)
        if len(self.assigned[name]) > 1:
            self.known[name] = number._replace(span=ANY, token=None)
        elif name in self.known:
            self.known[name] = number._replace(span=joined(self.known[name].span, number.span), token=None)
        else:
            self.known[name] = number if number.token is not None else number._replace(token=(name, id(self)))

    def _for(self, line: ast.For) -> None:
        bounds = [self.value(a) for a in line.iter.args]  # type: ignore[attr-defined]
        start, stop, step = [(0, bounds[0], 1), (*bounds, 1), bounds][len(bounds) - 1]
        self.loop(start, stop, step, lambda i: self._body(line.target.id, i, line.body))  # type: ignore[attr-defined]

    def _body(self, name: str, i: TypedNumber, body: list[ast.stmt]) -> None:
        self.variables.pop(name, None)
        self.names[name] = i
        for line in body:
            self.statement(line)

    def _while(self, line: ast.While) -> None:
        builder = self.builder
        condition, inside, after = (builder.append_basic_block(name) for name in ("while", "do", "done"))
        builder.branch(condition)
        builder.position_at_end(condition)
        test, refined = self.cast(self.value(line.test), "bool"), self._refined(line.test)
        builder.cbranch(test.value, inside, after)
        builder.position_at_end(inside)
        with self._where(refined):
            for each in line.body:
                self.statement(each)
        builder.branch(condition)
        builder.position_at_end(after)

    def _if(self, line: ast.If) -> None:
        test = self.value(line.test)
        if not isinstance(test, TypedNumber):
            for each in line.body if test else line.orelse:
                self.statement(each)
            return
        refined = self._refined(line.test)
        with self.builder.if_else(self.cast(test, "bool").value) as (then, otherwise):
            for block, body, known in ((then, line.body, refined), (otherwise, line.orelse, {})):
                with block, self._where(known):
                    for each in body:
                        self.statement(each)

    def _refined(self, test: ast.expr) -> dict[str, Span]:
        """What is known of variables where a condition holds: between which numbers it says that they lie."""
        tests = test.values if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And) else [test]
        found: dict[str, Span] = {}
        for part in tests:
            if not isinstance(part, ast.Compare):
                continue
            for x, op, y in zip([part.left, *part.comparators], part.ops, part.comparators, strict=False):
                if isinstance(op, ast.Lt | ast.LtE):
                    self._refine(found, x, y, 0 if isinstance(op, ast.LtE) else 1)
        return found

    def _refine(self, found: dict[str, Span], x: ast.expr, y: ast.expr, apart: int) -> None:
        """x + apart ≤ y."""
        low, high = (span_of(v) if isinstance(v := self.value(part), int | TypedNumber) else ANY for part in (x, y))
        if isinstance(x, ast.Name) and x.id in self.variables:
            known = found.get(x.id, low)
            highs = [n for n in (known.high, None if high.high is None else high.high - apart) if n is not None]
            below = tuple((token, n - apart) for token, n in high.below)
            found[x.id] = known._replace(high=min(highs, default=None), below=known.below + below)
        if isinstance(y, ast.Name) and y.id in self.variables:
            known = found.get(y.id, high)
            lows = [n for n in (known.low, None if low.low is None else low.low + apart) if n is not None]
            found[y.id] = known._replace(low=max(lows, default=None))

    @contextlib.contextmanager
    def _where(self, refined: dict[str, Span]) -> Iterator[None]:
        """Within this, more is known of variables, until they are assigned to."""
        before, self.refined = self.refined, self.refined | refined
        yield
        self.refined = before

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
            about = self.known[name]
            span = self.refined.get(name, about.span)
            return TypedNumber(place.dtype, self.builder.load(place.value), span, about.token)
        if name in self.names:
            return self.names[name]
        known = self.scope[name] if name in self.scope else BUILTINS[name]
        return self.translator.constant(known) if isinstance(known, np.ndarray) else known

    def attribute(self, thing: Any, name: str) -> Any:
        if isinstance(thing, TypedArray):
            if name == "shape":
                return thing.shape
            if name == "reshape":
                return functools.partial(self.reshaped, thing)
        return getattr(thing, name)

    def compared(self, node: ast.Compare) -> Any:
        operands = [self.value(part) for part in [node.left, *node.comparators]]
        found = [self.compare(type(op), *pair) for op, pair in zip(node.ops, itertools.pairwise(operands), strict=True)]
        return functools.reduce(lambda x, y: self.binary(ast.BitAnd, x, y), found)

    def subscript(self, thing: Any, index: ast.expr) -> Any:
        if not isinstance(thing, TypedArray):
            return thing[self.value(index)]
        place = self.place(thing, self.parts(index))
        return place if isinstance(place, TypedArray) else loaded(self.builder, thing.dtype, place)

    def parts(self, index: ast.expr) -> list[Any]:
        """The indices between brackets."""
        parts = index.elts if isinstance(index, ast.Tuple) else [index]
        return [self._slice(p) if isinstance(p, ast.Slice) else self.value(p) for p in parts]

    def _slice(self, part: ast.Slice) -> slice:
        return slice(*(None if b is None else self.value(b) for b in (part.lower, part.upper, part.step)))

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
            if known and x.strides != contiguous(x.dtype, x.data, x.shape).strides:
                raise Untranslatable("a part of an array as an argument")
        return [x if isinstance(x, TypedArray) else self.number(x) for x in given]

    def overloaded(self, function: Overloaded, given: list[Any]) -> TypedNumber:
        numbers = self.together(*given)
        if numbers[0].dtype == "float32" and function.of32 is not None:
            return self.written_out(function.of32, numbers)
        result = self.written_out(function.of64, [self.cast(x, "float64") for x in numbers])
        return self.cast(result, "float32") if numbers[0].dtype == "float32" else result

    def written_out(self, function: Any, given: list[Any]) -> TypedNumber:
        """A function of vecmath, inside this one."""
        if not hasattr(function, "flags"):
            raise Untranslatable(f"{function!r} is not among what is translated")
        definition = _definition_of(function)
        self.chains += len(definition.body) >= LONG_CHAIN
        inside = _FunctionTranslation(self.translator, self.builder, self.memory, function.flags)
        returned = inside.run(definition, function.__globals__, list(map(self.number, given)))
        self.chains += inside.chains
        return returned[0] if len(returned) == 1 else tuple(returned)  # type: ignore[return-value]


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
    abs: Indexing.absolute,
    min: lambda t, x, y: t.extreme("minimum", x, y),
    max: lambda t, x, y: t.extreme("maximum", x, y),
    len: lambda t, x: t.attribute(x, "shape")[0],
    math.sqrt: lambda t, x: t.intrinsic("sqrt", x),
    math.copysign: lambda t, x, y: t.intrinsic("copysign", x, y),
    np.floor: lambda t, x: t.intrinsic("floor", x),
    np.ceil: lambda t, x: t.intrinsic("ceil", x),
    np.trunc: lambda t, x: t.intrinsic("trunc", x),
    np.rint: lambda t, x: t.intrinsic("rint", x),
}


def _assigned(definition: ast.FunctionDef) -> dict[str, set[str]]:
    """For each name that is assigned to, the texts of what is."""
    found: dict[str, set[str]] = {}
    for line in ast.walk(definition):
        if isinstance(line, ast.Assign | ast.AugAssign):
            text = ast.unparse(line.value) if isinstance(line, ast.Assign) else ast.unparse(line)
            for target in line.targets if isinstance(line, ast.Assign) else [line.target]:
                names = target.elts if isinstance(target, ast.Tuple) else [target]
                for name in names:
                    if isinstance(name, ast.Name):
                        found.setdefault(name.id, set()).add(text)
    for parameter in definition.args.args:
        if parameter.arg in found:
            found[parameter.arg].add("what is given")
    return found


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
