"""Writes one value of a tape as a Python expression."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.code.tape import CONSTANT, TracedValue
from chainrule.constants import is_identity

__all__ = ["Dialect", "expression", "literal", "written"]

BINARY: dict[str, ast.operator] = {
    "+": ast.Add(),
    "-": ast.Sub(),
    "*": ast.Mult(),
    "/": ast.Div(),
    "//": ast.FloorDiv(),
    "%": ast.Mod(),
    "**": ast.Pow(),
    "@": ast.MatMult(),
    "&": ast.BitAnd(),
    "|": ast.BitOr(),
    "^": ast.BitXor(),
}
COMPARED: dict[str, ast.cmpop] = {
    "<": ast.Lt(),
    "<=": ast.LtE(),
    ">": ast.Gt(),
    ">=": ast.GtE(),
    "==": ast.Eq(),
    "!=": ast.NotEq(),
}
SIGNS: dict[str, ast.unaryop] = {"-x": ast.USub(), "~x": ast.Invert(), "+x": ast.UAdd()}

Show = Callable[[TracedValue], ast.expr]


class Dialect:
    """The differences between libraries in how expressions are written."""

    def __init__(self, prefix: str, array: str, float_type: str):
        self.prefix = prefix
        self.array = array
        self.float_type = float_type


def dotted(name: str) -> ast.expr:
    first, *rest = name.split(".")
    made: ast.expr = ast.Name(first)
    for part in rest:
        made = ast.Attribute(made, part)
    return made


def expression(value: TracedValue, show: Show, dialect: Dialect) -> ast.expr:
    """The call that made a value; `show` gives the expressions of its operands."""
    function, args, kwargs = value.function, value.args, value.kwargs

    def arg(x: Any) -> ast.expr:
        return literal(x, show, dialect)

    if function == CONSTANT:
        return constant(value.content, dialect)
    if function in BINARY:
        return ast.BinOp(arg(args[0]), BINARY[function], arg(args[1]))
    if function in COMPARED:
        return ast.Compare(arg(args[0]), [COMPARED[function]], [arg(args[1])])
    if function in SIGNS:
        return ast.UnaryOp(SIGNS[function], arg(args[0]))
    if function == "[]":
        return ast.Subscript(arg(args[0]), index(args[1], show, dialect))
    if function.startswith(".at."):
        at = ast.Subscript(ast.Attribute(arg(args[0]), "at"), index(args[1], show, dialect))
        return ast.Call(ast.Attribute(at, function.removeprefix(".at.")), [arg(args[2])], [])
    if function.endswith(" property"):
        return ast.Attribute(arg(args[0]), function.split()[0][1:])
    keywords = [ast.keyword(name, arg(x)) for name, x in kwargs.items()]
    if function.startswith("."):
        return ast.Call(ast.Attribute(arg(args[0]), function[1:]), [arg(x) for x in args[1:]], keywords)
    return ast.Call(dotted(function), [arg(x) for x in args], keywords)


def index(key: Any, show: Show, dialect: Dialect) -> ast.expr:
    """The index inside brackets, with slices written with colons."""
    if isinstance(key, slice):
        parts = (None if p is None else literal(p, show, dialect) for p in (key.start, key.stop, key.step))
        return ast.Slice(*parts)
    if type(key) is tuple and key:
        return ast.Tuple([index(part, show, dialect) for part in key], ast.Load())
    return literal(key, show, dialect)


def literal(x: Any, show: Show, dialect: Dialect) -> ast.expr:
    """The expression of a call's argument."""
    if isinstance(x, ast.expr):
        return x
    if isinstance(x, TracedValue):
        return show(x)
    if type(x) is tuple or (isinstance(x, tuple) and not hasattr(x, "_fields")):
        return ast.Tuple([literal(part, show, dialect) for part in x], ast.Load())
    if isinstance(x, list):
        return ast.List([literal(part, show, dialect) for part in x], ast.Load())
    if isinstance(x, slice):
        parts = [x.start, x.stop, x.step] if x.step is not None else [x.start, x.stop]
        parts = parts[1:] if parts[0] is None and len(parts) == 2 else parts
        return ast.Call(ast.Name("slice"), [literal(part, show, dialect) for part in parts], [])
    if isinstance(x, bool | int | float | complex | str) or x is None or x is Ellipsis:
        return number(x, dialect) if isinstance(x, float | int) and not isinstance(x, bool) else ast.Constant(x)
    if isinstance(x, np.dtype) or (isinstance(x, type) and issubclass(x, np.generic)):
        return ast.Name("bool") if np.dtype(x).kind == "b" else dotted(f"{dialect.prefix}.{np.dtype(x).name}")
    if isinstance(x, np.longdouble) and dialect.prefix == "np":
        return ast.Call(dotted("np.longdouble"), [ast.Constant(str(x))], [])  # a literal has the digits of a float64
    if isinstance(x, np.clongdouble) and dialect.prefix == "np":
        real, imag = (literal(part, show, dialect) for part in (x.real, x.imag))
        return ast.BinOp(real, ast.Add(), ast.BinOp(ast.Constant(1j), ast.Mult(), imag))
    if str(x).startswith("torch."):
        return dotted(str(x))
    raise TypeError(f"no way to write {type(x).__name__} in code")


def number(x: float, dialect: Dialect) -> ast.expr:
    if isinstance(x, float) and not math.isfinite(x):
        if math.isnan(x):
            return dotted(f"{dialect.prefix}.nan")
        infinity = dotted(f"{dialect.prefix}.inf")
        return infinity if x > 0 else ast.UnaryOp(ast.USub(), infinity)
    if x < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-x))
    return ast.Constant(x)


def constant(x: np.ndarray, dialect: Dialect) -> ast.expr:
    """A plain array: as a call (`arange`, `eye`, …) if it is regular, else in full."""
    p = dialect.prefix
    if x.ndim == 1 and x.dtype.kind in "iu" and x.size > 1 and np.all(np.diff(x) == x[1] - x[0]) and x[1] != x[0]:
        start, step = int(x[0]), int(x[1] - x[0])
        stop = start + step * x.size
        given = [stop] if (start, step) == (0, 1) else [start, stop] if step == 1 else [start, stop, step]
        if step > 0:
            return ast.Call(dotted(f"{p}.arange"), [ast.Constant(n) for n in given], [])
    if x.ndim == 2 and x.shape[0] == x.shape[1] > 1 and x.dtype.kind in "fb":
        eye = ast.Call(dotted(f"{p}.eye"), [ast.Constant(len(x))], _dtype_of(x, dialect, bool_is_natural=False))
        if is_identity(x):
            return eye
        if is_identity(1 - x):
            return ast.BinOp(ast.Constant(1), ast.Sub(), eye) if x.dtype.kind == "f" else ast.UnaryOp(ast.Invert(), eye)
        for k in (-1, 0):
            if np.array_equal(x, np.tri(len(x), k=k)):
                square = ast.Tuple([ast.Constant(n) for n in x.shape], ast.Load())
                ones = ast.Call(dotted(f"{p}.ones"), [square], _dtype_of(x, dialect, bool_is_natural=False))
                return ast.Call(dotted(f"{p}.tril"), [ones, *([number(k, dialect)] if k else [])], [])
    if x.size > 1 and x.dtype.kind == "f" and (x == x.flat[0]).all():
        shape = literal(x.shape if x.ndim > 1 else x.size, lambda v: ast.Constant(None), dialect)
        if x.flat[0] in (0, 1):
            return ast.Call(dotted(f"{p}.{'ones' if x.flat[0] else 'zeros'}"), [shape], _dtype_of(x, dialect))
        given_shape = literal(x.shape, lambda v: ast.Constant(None), dialect)
        entry = literal(x.flat[0].item(), lambda v: ast.Constant(None), dialect)  # a longdouble stays one
        return ast.Call(dotted(f"{p}.full"), [given_shape, entry], _dtype_of(x, dialect))
    listed = literal(x.tolist(), lambda v: ast.Constant(None), dialect)
    return ast.Call(dotted(f"{p}.{dialect.array}"), [listed], _dtype_of(x, dialect))


def _dtype_of(x: np.ndarray, dialect: Dialect, bool_is_natural: bool = True) -> list[ast.keyword]:
    """The `dtype` argument, if the library would choose another dtype for plain numbers."""
    natural = {"int64", dialect.float_type} | ({"bool"} if bool_is_natural else set())
    if x.dtype.name in natural and (x.size or x.dtype.kind == "f"):
        return []
    return [ast.keyword("dtype", literal(x.dtype, lambda v: ast.Constant(None), dialect))]


def written(e: ast.expr) -> str:
    return ast.unparse(ast.fix_missing_locations(e))
