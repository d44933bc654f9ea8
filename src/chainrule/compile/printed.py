"""Prints compiled functions as Python source, for `source()` and for programs that run as Python functions."""

from __future__ import annotations

from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from chainrule.compile.loops import (
    And,
    ArrayEntry,
    Assign,
    Binary,
    Compare,
    Constant,
    Do,
    Finally,
    For,
    FunctionCall,
    If,
    Increase,
    Length,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Raise,
    Return,
    Several,
    Slice,
    Statement,
    Store,
    Unary,
    While,
)
from chainrule.compile.signatures import Argument

__all__ = ["array_text", "function_text", "number_text", "text_of"]

ORDER = {"&": 4, "|": 3, "<<": 5, ">>": 5, "+": 6, "-": 6, "*": 7, "/": 7, "//": 7, "%": 7, "**": 9}
"""Operator precedence; a stronger operator needs no brackets inside a weaker one."""
AND, NOT, COMPARED, NEGATED, WHOLE = 0, 1, 2, 8, 10


def function_text(function: LoopFunction) -> str:
    lines = [f"def {function.name}({', '.join(function.parameters)}):", *_indented(function.body)]
    if function.role != "python":
        lines.insert(0, f"@{function.role}({', '.join(map(_argument_text, function.takes))})")
    return "\n".join(lines)


def _argument_text(argument: Argument) -> str:
    role = "scratch" if argument.is_scratch else "written" if argument.is_written else "read"
    return f'{role}("{argument.dtype}", {argument.shape})'


# Statements --------------------------------------------------------------------------------------------------------


def _indented(body: Sequence[Statement]) -> list[str]:
    return ["    " + line for statement in body for line in _lines(statement)] or ["    pass"]


def _lines(statement: Statement) -> list[str]:
    match statement:
        case Assign(names, value):
            return [f"{', '.join(names)} = {_bare(value)}"]
        case Store(target, value):
            return [f"{text_of(target)} = {text_of(value)}"]
        case Increase(target, value):
            return [f"{text_of(target)} += {text_of(value)}"]
        case For(index, start, stop, step, body):
            bounds = [start, stop, step]
            if step == Constant(1):
                bounds = [stop] if start == Constant(0) else [start, stop]
            return [f"for {index} in range({_joined(bounds)}):", *_indented(body)]
        case While(condition, body):
            return [f"while {text_of(condition)}:", *_indented(body)]
        case If(condition, body, otherwise):
            rest = ["else:", *_indented(otherwise)] if otherwise else []
            return [f"if {text_of(condition)}:", *_indented(body), *rest]
        case Do(expression):
            return [text_of(expression)]
        case Return(values):
            return [f"return {_joined(values)}" if values else "return"]
        case Raise(error):
            return [f"raise {error}"]
        case Finally(body, last):
            return ["try:", *_indented(body), "finally:", *_indented(last)]
    raise TypeError(f"no statement: {statement!r}")


# Expressions -------------------------------------------------------------------------------------------------------


def text_of(x: Any, around: int = AND) -> str:
    """The text of an expression, in brackets if the surrounding operator binds more strongly."""
    match x:
        case Name(text):
            return text
        case Constant(value):
            return number_text(value) if isinstance(value, np.generic | float) else repr(value)
        case ArrayEntry(array, index):
            return f"{text_of(array, WHOLE)}[{_joined(index)}]"
        case FunctionCall(function, arguments, named):
            given = [*map(text_of, arguments), *(f"{name}={text_of(value)}" for name, value in named)]
            return f"{function}({', '.join(given)})"
        case Binary(op, left, right):
            own, right_first = ORDER[op], op == "**"
            text = f"{text_of(left, own + right_first)} {op} {text_of(right, own + (not right_first))}"
            return _in_brackets(text, own < around)
        case Unary("not", operand):
            return _in_brackets(f"not {text_of(operand, NOT)}", around > NOT)
        case Unary(op, operand):
            return _in_brackets(f"{op}{text_of(operand, NEGATED)}", around > NEGATED)
        case Compare(op, left, right):
            text = f"{text_of(left, COMPARED + 1)} {op} {text_of(right, COMPARED + 1)}"
            return _in_brackets(text, around > COMPARED)
        case And(conditions):
            return _in_brackets(" and ".join(text_of(c, NOT) for c in conditions), around > AND)
        case Length(array, axis):
            return f"{text_of(array, WHOLE)}.shape[{axis}]"
        case Method(of, name, arguments):
            return f"{text_of(of, WHOLE)}.{name}" + ("" if arguments is None else f"({_joined(arguments)})")
        case Several(parts):
            return f"({_joined(parts)}{',' if len(parts) == 1 else ''})"
        case Slice(start, stop, step):
            ends = ["" if end is None else text_of(end) for end in (start, stop)]
            return ":".join([*ends, *([] if step is None else [text_of(step)])])
        case EllipsisType():
            return "..."
        case None:
            return "None"
    raise TypeError(f"no expression: {x!r}")


def _bare(x: LoopExpression) -> str:
    """The text of an assigned expression: several values without brackets."""
    return _joined(x.parts) if isinstance(x, Several) and len(x.parts) > 1 else text_of(x)


def _joined(parts: Sequence[Any]) -> str:
    return ", ".join(map(text_of, parts))


def _in_brackets(text: str, needed: bool) -> str:
    return f"({text})" if needed else text


def number_text(number: Any) -> str:
    """The source text of a number."""
    dtype = np.asarray(number).dtype
    if dtype.kind == "b":
        return str(bool(number))
    if dtype.kind in "iu":
        return f"np.{dtype.name}({int(number)})"
    if dtype.kind == "c":
        parts = [number_text(np.float64(part)) for part in (number.real, number.imag)]
        return f"np.{dtype.name}(complex({', '.join(parts)}))"
    value = float(number)
    text = repr(value) if np.isfinite(value) else {"inf": "np.inf", "-inf": "-np.inf"}.get(str(value), "np.nan")
    if type(number) is float or (dtype == np.float64 and np.isfinite(value)):
        return text
    return f"np.{dtype.name}({text})"


def array_text(name: str, array: np.ndarray) -> str:
    """The line of source that defines a small array."""
    numbers = ", ".join(number_text(x) if isinstance(x, float) else repr(x) for x in array.ravel().tolist())
    shape = "" if array.ndim == 1 else f".reshape({array.shape})"
    return f"{name} = np.array([{numbers}], np.{array.dtype.name if array.dtype != bool else 'bool_'}){shape}"
