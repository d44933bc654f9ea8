"""Detects code that only shows or checks values: a format (`"%.3f" % x`), a plot, a test. It gets plain values."""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import itertools
import sys
from typing import Any, NamedTuple

from chainrule.node import is_internal
from chainrule.source_text import expressions_at, object_named, parts_of_name

__all__ = ["is_formatted", "is_only_printed", "is_only_shown"]

_PLOTS_AND_LOGS = ("matplotlib.", "mpl_toolkits.", "seaborn.", "plotly.", "tqdm.", "logging.", "loguru.", "rich.")
_SHOW = (*_PLOTS_AND_LOGS, "numpy.testing.")
"""Modules that return no computed values to the user's code."""

_REMAINDERS = [
    step.arg
    for text in ("a % b", "a %= b")
    for step in dis.get_instructions(compile(text, "", "exec"))
    if step.opname == "BINARY_OP"
]


def is_only_shown(frame: Any) -> bool:
    """Whether the code of a frame, or what called it through NumPy, shows or checks values."""
    while frame is not None:
        if _is_of(frame.f_globals.get("__name__"), _SHOW):
            return True
        if not is_internal(frame.f_code.co_filename):
            return False
        frame = frame.f_back
    return False


def is_formatted(frame: Any) -> bool:
    """Whether a frame is formatting a string: Python calls `float` on a number in the operator % of strings only."""
    code, at = frame.f_code.co_code, frame.f_lasti
    return at >= 0 and dis.opname[code[at]] == "BINARY_OP" and code[at + 1] in _REMAINDERS


def is_only_printed(frame: Any) -> bool:
    """Whether the value that a frame reads goes only to a print, a log or a plot, as in `print(f"{x:.3f}")`, so that no
    later step can depend on it. False if the source of the code is not known."""
    while frame is not None and (
        is_internal(frame.f_code.co_filename) or _is_of(frame.f_globals.get("__name__"), _PLOTS_AND_LOGS)
    ):
        frame = frame.f_back
    if frame is None or frame.f_lasti < 0:
        return False
    statement = _statement_at(frame.f_code, frame.f_lasti)
    return (
        statement is not None
        and _prints(frame, statement.called)
        and all(object_named(frame, (name,)) is getattr(builtins, name) for name in statement.builtins)
    )


def _is_of(module: str | None, packages: tuple[str, ...]) -> bool:
    return f"{module}.".startswith(packages)


# What the statement calls ----------------------------------------------------------------------------------------


def _prints(frame: Any, called: tuple[str, ...]) -> bool:
    """Whether a function, known by its name, prints, logs or plots."""
    function = object_named(frame, called)
    if function is print:
        return True
    if called[-1] == "write" and len(called) > 1:
        return object_named(frame, called[:-1]) in (sys.stdout, sys.stderr)
    return _is_of(getattr(function, "__module__", None), _PLOTS_AND_LOGS)


# The statement ---------------------------------------------------------------------------------------------------


class _Statement(NamedTuple):
    """A statement that calls a function with strings, and ignores the result.

    Attributes
    ----------
    called : the name of the function, in its parts.
    builtins : the names of Python's functions that make the strings.
    """

    called: tuple[str, ...]
    builtins: frozenset[str]


@functools.lru_cache(maxsize=10_000)
def _statement_at(code: Any, at: int) -> _Statement | None:
    """The statement of an instruction, if the instruction's result is only used in the strings that it shows."""
    chain = expressions_at(code, at)
    used: set[str] = set()
    for inner, outer in itertools.pairwise(chain):
        if isinstance(outer, ast.Expr) and isinstance(inner, ast.Call):
            called = parts_of_name(inner.func)
            return None if called is None else _Statement(called, frozenset(used))
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name):
            used.add(inner.func.id)
        if not (_makes_text(inner) or isinstance(inner, ast.Tuple | ast.List | ast.Starred | ast.keyword)):
            return None
        if isinstance(outer, ast.GeneratorExp | ast.ListComp) and outer.elt is not inner:
            return None
        if isinstance(outer, ast.IfExp) and outer.test is inner:
            return None
    return None


_TEXT_OF = frozenset(("str", "repr", "format", "ascii"))


def _makes_text(node: ast.AST) -> bool:
    """Whether an expression only joins strings."""
    match node:
        case ast.JoinedStr() | ast.FormattedValue() | ast.Constant(value=str()):
            return True
        case ast.GeneratorExp() | ast.ListComp() | ast.IfExp() | ast.BinOp(op=ast.Add()):
            return True
        case ast.BinOp(left=left, op=ast.Mod()):
            return _makes_text(left)
        case ast.Call(func=ast.Attribute(value=text, attr="format" | "join" | "ljust" | "rjust" | "center")):
            return _makes_text(text)
        case ast.Call(func=ast.Name(id=name)):
            return name in _TEXT_OF
    return False
