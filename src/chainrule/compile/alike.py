"""Equal functions are compiled once; functions that differ only in numbers become one that takes them as arguments.

A loop in Python is recorded step by step, and its steps become kernels that are equal up to numbers which differ from
step to step (times, coefficients). Without merging, LLVM's compile time grows with the number of different steps.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np

from chainrule.compile.loops import (
    Assign,
    Constant,
    Do,
    Finally,
    For,
    FunctionCall,
    LoopExpression,
    LoopFunction,
    Name,
    Slice,
    Statement,
    parts_of,
)
from chainrule.compile.signatures import Argument

__all__ = ["anonymous", "merged"]

MOST = 64
"""Functions that differ in more numbers than this are not merged."""


def anonymous(function: LoopFunction, numbers: list[Constant] | None = None) -> Any:
    """A key of a function's code, with its variables numbered: equal functions have equal keys.

    Parameters
    ----------
    numbers : if given, functions that differ only in the numbers they compute with have equal keys too; the numbers
        are appended to it in order.

    >>> f, g = (LoopFunction(x, (x,), (Name(x)[...],)) for x in "xy")
    >>> anonymous(f) == anonymous(g)
    True
    """
    places: dict[str, int] = {}

    def numbered(name: str) -> Any:
        return name if "." in name else places.setdefault(name, len(places))

    def told(part: Any) -> Any:
        match part:
            case Name(text):
                return numbered(text)
            case Assign(names, value):
                value = told(value)
                return Assign, tuple(map(numbered, names)), value
            case For(index, start, stop, step, body):
                bounds = told(start), told(stop), told(step)
                return For, numbered(index), bounds, tuple(map(told, body))
            case Constant(value):
                if numbers is None or not _is_data(value):
                    return part
                numbers.append(part)
                return type(value)
            case LoopExpression() | Statement() | Slice():
                return type(part), *(told(getattr(part, field.name)) for field in fields(part))  # type: ignore[arg-type]
            case tuple():
                return tuple(map(told, part))
        return part

    return tuple(map(numbered, function.parameters)), function.role, function.takes, told(function.body)


def _is_data(value: Any) -> bool:
    """Whether a number is data; Python's integers are lengths and indices."""
    return isinstance(value, float | np.floating | np.integer)


def merged(functions: Sequence[LoopFunction]) -> list[LoopFunction]:
    """The functions of a program, its main function last; those that differ only in numbers are merged into one.

    The numbers that differ become arguments, placed just before the scratch memory.
    """
    *kernels, main = functions
    groups: dict[Any, list[tuple[LoopFunction, list[Constant]]]] = {}
    inside = {part.function for kernel in kernels for part in _all(kernel.body) if isinstance(part, FunctionCall)}
    for kernel in kernels:
        numbers: list[Constant] = []
        key = anonymous(kernel, numbers)
        groups.setdefault((key, kernel.name if kernel.name in inside else None), []).append((kernel, numbers))
    calls: dict[str, tuple[str, tuple[Constant, ...]]] = {}
    kept: list[LoopFunction] = []
    for group in groups.values():
        (first, _), *others = group
        columns = [*zip(*(numbers for _, numbers in group), strict=True)]  # for each number its value in each function
        different = [*dict.fromkeys(column for column in columns if len(set(column)) > 1)]
        if not others or len(different) > MOST:
            kept += [kernel for kernel, _ in group]
            continue
        names = dict(zip(different, _free_names(first), strict=False))
        kept.append(_taking(first, names, columns))
        for i, (kernel, _) in enumerate(group):
            calls[kernel.name] = first.name, tuple(column[i] for column in different)
    return [*kept, replace(main, body=tuple(_redirected(statement, calls) for statement in main.body))]


Calls = Mapping[str, tuple[str, tuple[Constant, ...]]]
"""For each merged function, the function that replaces it, and the numbers to pass to it."""


def _redirected(statement: Statement, calls: Calls) -> Statement:
    """A statement of a main function with its call replaced; it may be a call, or assign the result of one."""
    match statement:
        case Do(FunctionCall() as part):
            return Do(_called(part, calls))
        case Assign(names, FunctionCall() as part):
            return Assign(names, _called(part, calls))
        case Finally(body, last):
            return Finally(tuple(_redirected(inner, calls) for inner in body), last)
    return statement


def _called(part: FunctionCall, calls: Calls) -> FunctionCall:
    """A call of a merged function, with this function's numbers as arguments."""
    if part.function in calls:
        name, numbers = calls[part.function]
        return replace(part, function=name, arguments=(*part.arguments, *numbers))
    first = part.arguments[0] if part.arguments else None
    if isinstance(first, Name) and first.text in calls:  # `shared` calls the function given to it
        name, numbers = calls[first.text]
        return replace(part, arguments=(Name(name), *part.arguments[1:], *numbers))
    return part


def _taking(function: LoopFunction, names: Mapping[Any, str], columns: Sequence[Any]) -> LoopFunction:
    """The function with numbers as arguments: those whose column has a name."""
    place = iter(columns)

    def named(part: Any) -> Any:
        if not isinstance(part, Constant) or not _is_data(part.value):
            return part
        column = next(place)
        return Name(names[column]) if column in names else part

    body = _changed(function.body, named)
    end = len(function.parameters) - sum(argument.is_scratch for argument in function.takes)
    parameters = (*function.parameters[:end], *names.values(), *function.parameters[end:])
    if not function.may_be_called_by_python:
        return replace(function, parameters=parameters, body=body)
    numbers = [Argument(np.asarray(column[0].value).dtype.name, ()) for column in names]
    return replace(
        function, parameters=parameters, body=body, takes=(*function.takes[:end], *numbers, *function.takes[end:])
    )


def _free_names(function: LoopFunction) -> Iterator[str]:
    """Names that the function does not use yet."""
    taken = {
        *function.parameters,
        *function.assigned,
        *(part.text for part in _all(function.body) if type(part) is Name),
    }
    return (name for k in itertools.count(1) if (name := f"number{k}") not in taken)


def _all(body: Sequence[Any]) -> Iterator[Any]:
    """The statements and expressions of a body, nested ones included."""
    stack = [*body]
    while stack:
        part = stack.pop()
        if isinstance(part, Statement | LoopExpression | Slice):
            yield part
            stack += parts_of(part)


def _changed(thing: Any, change: Callable[[Any], Any]) -> Any:
    """The statement or expression with each part replaced, from first to last."""
    if isinstance(thing, tuple):
        return tuple(_changed(part, change) for part in thing)
    if not isinstance(thing, Statement | LoopExpression | Slice):
        return thing
    before = {field.name: getattr(thing, field.name) for field in fields(thing)}  # type: ignore[arg-type]
    after = {name: _changed(part, change) for name, part in before.items()}
    same = all(after[name] is part for name, part in before.items())
    return change(thing if same else type(thing)(**after))
