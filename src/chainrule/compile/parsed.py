"""Parses hand-written Python, the functions of `vecmath`, into the objects of `loops`.

It accepts a small part of Python: assignments, loops over ranges, branches, one return at the end.
"""

from __future__ import annotations

import ast
import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

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
)
from chainrule.compile.signatures import Argument
from chainrule.compile.typed import Untranslatable

__all__ = ["parsed", "parsed_text"]

BINARY: dict[type, str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.Div: "/",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.Pow: "**",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.LShift: "<<",
    ast.RShift: ">>",
}
COMPARED: dict[type, str] = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!="}


def parsed(function: Callable[..., Any]) -> LoopFunction:
    """A Python function as a `LoopFunction`."""
    try:
        return _functions_in(function.__module__)[function.__name__]
    except (KeyError, OSError, AttributeError) as error:
        raise Untranslatable(f"{function!r} has no source") from error


@functools.cache
def _functions_in(module: str) -> _Functions:
    return _Functions(inspect.getsource(sys.modules[module]))


class _Functions:
    """The functions of a module, each parsed on first use."""

    def __init__(self, text: str):
        self.definitions = {line.name: line for line in ast.parse(text).body if isinstance(line, ast.FunctionDef)}
        self.read: dict[str, LoopFunction] = {}

    def __getitem__(self, name: str) -> LoopFunction:
        if name not in self.read:
            self.read[name] = _function(self.definitions[name])
        return self.read[name]


def parsed_text(text: str, takes: Sequence[Argument] = ()) -> LoopFunction:
    """The first function of a source text."""
    definition = next(line for line in ast.parse(text).body if isinstance(line, ast.FunctionDef))
    return _function(definition, tuple(takes))


def _function(definition: ast.FunctionDef, takes: tuple[Argument, ...] = ()) -> LoopFunction:
    return LoopFunction(
        definition.name, tuple(a.arg for a in definition.args.args), _body(definition.body), "kernel", takes
    )


def _body(lines: Sequence[ast.stmt]) -> tuple[Statement, ...]:
    return tuple(statement for line in lines if not _is_text(line) for statement in _statements(line))


def _is_text(line: ast.stmt) -> bool:
    """Whether a line is a docstring."""
    return isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)


def _statements(line: ast.stmt) -> list[Statement]:
    match line:
        case ast.Pass():
            return []
        case ast.Assign([ast.Tuple(targets)], value):
            return [Assign(tuple(target.id for target in targets if isinstance(target, ast.Name)), _of(value))]
        case ast.Assign([target], value):
            return [_assigned(target, _of(value))]
        case ast.AugAssign(target, ast.Add(), value):
            return [Increase(_of(target), _of(value))]  # type: ignore[arg-type]
        case ast.For(ast.Name(index), ast.Call(ast.Name("range"), bounds), body, []):
            ends = [_of(bound) for bound in bounds]
            start, stop, step = [[Constant(0), *ends, Constant(1)], [*ends, Constant(1)], ends][len(ends) - 1]
            return [For(index, start, stop, step, _body(body))]
        case ast.While(test, body, []):
            return [While(_of(test), _body(body))]
        case ast.If(test, body, otherwise):
            return [If(_of(test), _body(body), _body(otherwise))]
        case ast.Return(None):
            return [Return(())]
        case ast.Return(ast.Tuple(values)):
            return [Return(tuple(map(_of, values)))]
        case ast.Return(value):
            return [Return((_of(value),))]  # type: ignore[arg-type]
        case ast.Expr(value):
            return [Do(_of(value))]
    raise Untranslatable(ast.unparse(line))


def _assigned(target: ast.expr, value: LoopExpression) -> Statement:
    if isinstance(target, ast.Name):
        return Assign((target.id,), value)
    return Store(_of(target), value)  # type: ignore[arg-type]


def _of(x: ast.expr) -> LoopExpression:
    match x:
        case ast.Constant(value):
            return Constant(value)
        case ast.Name(text):
            return Constant({"True": True, "False": False}[text]) if text in ("True", "False") else Name(text)
        case ast.Tuple(parts):
            return Several(tuple(map(_of, parts)))
        case ast.BinOp(left, op, right) if type(op) in BINARY:
            return Binary(BINARY[type(op)], _of(left), _of(right))
        case ast.UnaryOp(ast.USub(), ast.Constant(value)):
            return Constant(-value)  # type: ignore[operator]
        case ast.UnaryOp(ast.USub(), operand):
            return Unary("-", _of(operand))
        case ast.UnaryOp(ast.Not(), operand):
            return Unary("not", _of(operand))
        case ast.Compare(left, ops, others):
            operands = [_of(left), *map(_of, others)]
            pairs = zip(ops, operands, operands[1:], strict=False)
            tests = tuple(Compare(COMPARED[type(op)], a, b) for op, a, b in pairs)
            return tests[0] if len(tests) == 1 else And(tests)
        case ast.BoolOp(ast.And(), conditions):
            return And(tuple(map(_of, conditions)))
        case ast.Subscript(ast.Attribute(array, "shape"), ast.Constant(int(axis))):
            return Length(_of(array), axis)
        case ast.Call(ast.Name("len"), [array], []):
            return Length(_of(array))
        case ast.Attribute():
            return Name(ast.unparse(x))
        case ast.Subscript(array, index):
            parts = index.elts if isinstance(index, ast.Tuple) else [index]
            return ArrayEntry(_of(array), tuple(map(_index, parts)))
        case ast.Call(ast.Attribute(of, "reshape"), arguments, []):
            return Method(_of(of), "reshape", tuple(map(_of, arguments)))
        case ast.Call(function, arguments, []):
            return FunctionCall(ast.unparse(function), tuple(map(_of, arguments)))
    raise Untranslatable(ast.unparse(x))


def _index(part: ast.expr) -> Any:
    if isinstance(part, ast.Slice):
        return Slice(*(None if end is None else _of(end) for end in (part.lower, part.upper, part.step)))
    if isinstance(part, ast.Constant) and (part.value is None or part.value is ...):
        return part.value
    return _of(part)
