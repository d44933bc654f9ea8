"""Checks of code before it is translated.

Rules: a function reads only parameters and variables that are set on every path to the read; it calls existing
functions with the right number of arguments; only a loop sets its own index; a function returns only at its end. Bounds
of indices are checked by the translation, which knows the lengths (`spans.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from chainrule.compile.loops import (
    Assign,
    Constant,
    Finally,
    For,
    FunctionCall,
    If,
    Increase,
    LoopExpression,
    LoopFunction,
    Name,
    Return,
    Slice,
    Statement,
    While,
    parts_of,
)
from chainrule.errors import CompilerError

__all__ = ["verify"]

KNOWN = frozenset("np math vm la abs min max bool dense shared work one_thread all_threads several_threads".split())
"""The names that every function may use."""


def verify(functions: Sequence[LoopFunction], arrays: Collection[str] = ()) -> None:
    """Raise CompilerError if code breaks one of these rules.

    Parameters
    ----------
    functions : each may call those before it.
    arrays : names of constants that they may read.

    >>> verify([LoopFunction("twice", ("x",), (Return((Name("x") + Name("y"),)),))])
    Traceback (most recent call last):
        ...
    chainrule.errors.CompilerError: twice reads y, which is not set there
    """
    known: dict[str, int | None] = dict.fromkeys((*KNOWN, *arrays))
    for function in functions:
        if len(set(function.parameters)) < len(function.parameters):
            raise CompilerError(f"{function.name} has two parameters of one name")
        _Verifier(function, known).body(function.body, {*function.parameters}, frozenset(), True)
        own = sum(argument.is_scratch for argument in function.takes)
        known[function.name] = len(function.parameters) - (own if function.role == "kernel" else 0)


class _Verifier:
    """Checks one function.

    Attributes
    ----------
    known : the names it may use, with the number of arguments of functions.
    """

    def __init__(self, function: LoopFunction, known: dict[str, int | None]):
        self.name, self.known = function.name, known

    def body(self, body: Sequence[Statement], names: set[str], indices: frozenset[str], outermost: bool) -> None:
        """Check statements, given the names that are set, and add those that they set."""
        for k, statement in enumerate(body):
            match statement:
                case Return() if not outermost or k + 1 < len(body):
                    raise CompilerError(f"{self.name} returns before its end")
                case Assign(targets, value):
                    self.reads(value, names)
                    self._sets(targets, names, indices)
                case For(index, start, stop, step, inside):
                    for bound in (start, stop, step):
                        self.reads(bound, names)
                    self._sets([index], set(), indices)
                    self.body(inside, {*names, index}, indices | {index}, False)
                case While(condition, inside):
                    self.reads(condition, names)
                    self.body(inside, set(names), indices, False)
                case If(condition, inside, otherwise):
                    self.reads(condition, names)
                    either = [set(names), set(names)]
                    for branch, found in zip((inside, otherwise), either, strict=True):
                        self.body(branch, found, indices, False)
                    names |= either[0] & either[1]
                case Finally(inside, last):
                    before = set(names)
                    self.body(inside, names, indices, outermost and k + 1 == len(body))
                    self.body(last, before, indices, False)
                case Increase(Name(target), value):
                    self.reads(Name(target), names)
                    self.reads(value, names)
                    self._sets([target], names, indices)
                case _:
                    for part in parts_of(statement):
                        self.reads(part, names)

    def _sets(self, targets: Sequence[str], names: set[str], indices: frozenset[str]) -> None:
        for name in targets:
            if name in indices:
                raise CompilerError(f"{self.name} sets {name} inside of the loop whose index it is")
        names.update(targets)

    def reads(self, x: Any, names: set[str]) -> None:
        """Check an expression, given the names that are set."""
        stack = [x]
        while stack:
            part = stack.pop()
            if isinstance(part, Name):
                self._require(part.text, names)
            elif isinstance(part, FunctionCall):
                self._require(part.function, names)
                takes = self.known.get(part.function)
                if takes is not None and takes != len(part.arguments):
                    raise CompilerError(
                        f"{self.name} calls {part.function} with {len(part.arguments)} arguments, which takes {takes}"
                    )
                stack += [*part.arguments, *(value for _, value in part.named)]
            elif isinstance(part, LoopExpression | Slice) and not isinstance(part, Constant):
                stack += parts_of(part)

    def _require(self, name: str, names: set[str]) -> None:
        if name not in names and name.split(".")[0] not in self.known:
            raise CompilerError(f"{self.name} reads {name}, which is not set there")
