"""Loops: the language of compiled code, as objects: loops, entries of arrays, assignments, sums.

Kernels, windows, products and programs are built of these objects. `verified` checks each function; `printed` writes
it as readable Python that also runs; `translate` writes it as LLVM IR.

Expressions are built with Python's operators: `x * y[i]` is a product with an entry. Only equality is a function,
`is_equal`, since `==` tests whether two expressions are the same expression.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from types import EllipsisType
from typing import Any

import numpy as np

from chainrule.compile.signatures import Argument

__all__ = [
    "ALL",
    "NUMBERS",
    "And",
    "ArrayEntry",
    "Assign",
    "Binary",
    "Compare",
    "Constant",
    "Do",
    "Finally",
    "For",
    "FunctionCall",
    "If",
    "Increase",
    "Length",
    "LoopExpression",
    "LoopFunction",
    "Method",
    "Name",
    "Raise",
    "Return",
    "Several",
    "Slice",
    "Statement",
    "Store",
    "Unary",
    "While",
    "as_expression",
    "call",
    "is_long",
    "kind",
    "number",
    "parts_of",
]


# Expressions -------------------------------------------------------------------------------------------------------


class LoopExpression:
    """An expression, whose value is a number, an array, or several of them."""

    __slots__ = ()

    def __add__(self, other: Any) -> Binary:
        return Binary("+", self, as_expression(other))

    def __radd__(self, other: Any) -> Binary:
        return Binary("+", as_expression(other), self)

    def __sub__(self, other: Any) -> Binary:
        return Binary("-", self, as_expression(other))

    def __mul__(self, other: Any) -> Binary:
        return Binary("*", self, as_expression(other))

    def __truediv__(self, other: Any) -> Binary:
        return Binary("/", self, as_expression(other))

    def __floordiv__(self, other: Any) -> Binary:
        return Binary("//", self, as_expression(other))

    def __and__(self, other: Any) -> Binary:
        return Binary("&", self, as_expression(other))

    def __or__(self, other: Any) -> Binary:
        return Binary("|", self, as_expression(other))

    def __neg__(self) -> Unary:
        return Unary("-", self)

    def __lt__(self, other: Any) -> Compare:
        return Compare("<", self, as_expression(other))

    def __le__(self, other: Any) -> Compare:
        return Compare("<=", self, as_expression(other))

    def __gt__(self, other: Any) -> Compare:
        return Compare(">", self, as_expression(other))

    def __ge__(self, other: Any) -> Compare:
        return Compare(">=", self, as_expression(other))

    def is_equal(self, other: Any) -> Compare:
        return Compare("==", self, as_expression(other))

    def is_other(self, other: Any) -> Compare:
        return Compare("!=", self, as_expression(other))

    def __getitem__(self, index: Any) -> ArrayEntry:
        parts = index if isinstance(index, tuple) else (index,)
        return ArrayEntry(
            self, tuple(p if p is None or p is ... or isinstance(p, Slice) else as_expression(p) for p in parts)
        )


@dataclass(frozen=True, slots=True)
class Name(LoopExpression):
    """A variable, a parameter, or a global; a name with dots is found in a module."""

    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Constant(LoopExpression):
    """A Python or NumPy number, a string, or None. Python's own numbers take the dtype of the other operand."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return type(other) is Constant and self._key() == other._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> Any:
        return type(self.value), repr(self.value)  # 0.0 is not -0.0, nor 0, and NaN is NaN


@dataclass(frozen=True, slots=True)
class Binary(LoopExpression):
    """One of + - * / // % ** & | << >>."""

    op: str
    left: LoopExpression
    right: LoopExpression


@dataclass(frozen=True, slots=True)
class Unary(LoopExpression):
    """- or not."""

    op: str
    operand: LoopExpression


@dataclass(frozen=True, slots=True)
class Compare(LoopExpression):
    op: str
    left: LoopExpression
    right: LoopExpression


@dataclass(frozen=True, slots=True)
class And(LoopExpression):
    """Whether all of several conditions hold."""

    conditions: tuple[LoopExpression, ...]


@dataclass(frozen=True, slots=True)
class FunctionCall(LoopExpression):
    """A call of a function, by its name, with positional and keyword arguments."""

    function: str
    arguments: tuple[LoopExpression, ...]
    named: tuple[tuple[str, LoopExpression], ...] = ()


@dataclass(frozen=True, slots=True)
class Method(LoopExpression):
    """A call `of.name(arguments)`; if arguments is None, the attribute `of.name`."""

    of: LoopExpression
    name: str
    arguments: tuple[LoopExpression, ...] | None = None


@dataclass(frozen=True, slots=True)
class Length(LoopExpression):
    """The length of an array along an axis."""

    array: LoopExpression
    axis: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """A range of indices along an axis, as Python's slice."""

    start: LoopExpression | None = None
    stop: LoopExpression | None = None
    step: LoopExpression | None = None


ALL = Slice()


@dataclass(frozen=True, slots=True)
class ArrayEntry(LoopExpression):
    """An entry of an array, or a part of it if there are slices among the indices; `...` alone is all of it."""

    array: LoopExpression
    index: tuple[LoopExpression | Slice | EllipsisType | None, ...]


@dataclass(frozen=True, slots=True)
class Several(LoopExpression):
    """A tuple."""

    parts: tuple[LoopExpression, ...]


def as_expression(x: Any) -> LoopExpression:
    return x if isinstance(x, LoopExpression) else Constant(x)


def call(function: str, *arguments: Any, **named: Any) -> FunctionCall:
    return FunctionCall(
        function, tuple(map(as_expression, arguments)), tuple((k, as_expression(v)) for k, v in named.items())
    )


def kind(dtype: Any) -> str:
    """The name of the function that makes a number of this dtype."""
    return "bool" if np.dtype(dtype) == np.bool_ else f"np.{np.dtype(dtype).name}"


def number(x: Any) -> Constant:
    """A NumPy number; a finite float64 or a bool is written as a Python number."""
    array = np.asarray(x)
    if array.dtype == np.bool_ or (array.dtype == np.float64 and np.isfinite(array)):
        return Constant(array.item())
    return Constant(array[()])


# Statements --------------------------------------------------------------------------------------------------------


class Statement:
    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Assign(Statement):
    """Assign a value to one or several variables."""

    names: tuple[str, ...]
    value: LoopExpression


@dataclass(frozen=True, slots=True)
class Store(Statement):
    """Store a value in an entry or a part of an array."""

    target: ArrayEntry
    value: LoopExpression


@dataclass(frozen=True, slots=True)
class Increase(Statement):
    """Add to a variable or an entry: these sums may be reassociated."""

    target: Name | ArrayEntry
    value: LoopExpression


@dataclass(frozen=True, slots=True)
class For(Statement):
    """A loop over the integers from start to before stop."""

    index: str
    start: LoopExpression
    stop: LoopExpression
    step: LoopExpression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class While(Statement):
    condition: LoopExpression
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class If(Statement):
    condition: LoopExpression
    body: tuple[Statement, ...]
    otherwise: tuple[Statement, ...] = ()


@dataclass(frozen=True, slots=True)
class Do(Statement):
    """A call for its side effect."""

    call: LoopExpression


@dataclass(frozen=True, slots=True)
class Return(Statement):
    """The last statement of a function."""

    values: tuple[LoopExpression, ...]


@dataclass(frozen=True, slots=True)
class Raise(Statement):
    """Leave a program that is run by Python."""

    error: str


@dataclass(frozen=True, slots=True)
class Finally(Statement):
    """`try: … finally: …`, in a program that is run by Python."""

    body: tuple[Statement, ...]
    last: tuple[Statement, ...]


@dataclass(frozen=True)
class LoopFunction:
    """A function.

    Attributes
    ----------
    name, parameters, body : as of a Python function.
    role : "kernel": called by programs; "program": the main function of a program that is compiled as a whole;
        "python": one that Python runs.
    takes : the types of its parameters; empty for a kernel that has some, and that only compiled code calls.
    """

    name: str
    parameters: tuple[str, ...]
    body: tuple[Statement, ...]
    role: str = "kernel"
    takes: tuple[Argument, ...] = ()

    @property
    def may_be_called_by_python(self) -> bool:
        """Whether a kernel says what it takes; one of constants alone takes nothing."""
        return bool(self.takes) or not self.parameters

    @functools.cached_property
    def assigned(self) -> dict[str, set[Any]]:
        """For each variable, the distinct expressions assigned to it."""
        found: dict[str, set[Any]] = {}
        for statement in _all(self.body):
            if isinstance(statement, Assign):
                for name in statement.names:
                    found.setdefault(name, set()).add(statement.value)
            elif isinstance(statement, Increase) and isinstance(statement.target, Name):
                found.setdefault(statement.target.text, set()).add(statement)
        for name in self.parameters:
            if name in found:
                found[name].add("what is given")
        return found


LONG_PROGRAM = 200
"""A native program of more statements than this is compiled as a table of steps: see `tape.py`."""
NUMBERS = "numbers"
"""The parameter of a long native program that has the memory for its numbers."""


def is_long(body: Sequence[Statement]) -> bool:
    """Whether the main function of a native program is long."""
    return len(body) > LONG_PROGRAM


def _all(body: Sequence[Statement]) -> Iterator[Statement]:
    """The statements of a body, nested ones included."""
    stack = [*reversed(body)]
    while stack:
        statement = stack.pop()
        yield statement
        stack += [part for part in parts_of(statement) if isinstance(part, Statement)]


def parts_of(thing: Any) -> Iterator[Any]:
    """The parts of a statement or an expression: expressions, statements, names, numbers."""
    for field in fields(thing):
        part = getattr(thing, field.name)
        if isinstance(part, tuple):
            yield from part
        else:
            yield part
