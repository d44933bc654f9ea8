"""Steps of linear algebra: matrix products and systems of equations, of matrices or stacks of them.

Small ones are written as loops, because a call of BLAS would take longer. Larger ones call BLAS and LAPACK from
compiled code (`linear.py`). If no such library can be called, NumPy computes them between the steps of a program.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from chainrule.compile import fortran
from chainrule.compile.elimination import write_determinant, write_solution
from chainrule.compile.loop_nests import nested, of_pieces, over_pieces
from chainrule.compile.loops import (
    ArrayEntry,
    Assign,
    Constant,
    Do,
    Increase,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Return,
    Statement,
    Store,
    call,
)
from chainrule.compile.program_writer import ProgramWriter, dtype_name
from chainrule.compile.signatures import Argument
from chainrule.compile.systems import (
    write_cholesky,
    write_factors,
    write_logarithm,
    write_sign,
    write_solved,
    write_solved_by_triangle,
)
from chainrule.compile.values import Value, cost, is_stack, product_is_worth_threads, product_lengths

__all__ = ["LINEAR_STEPS"]

SMALL_MATRICES, SMALL_VECTOR = 4096, 16_384
"""Products of two matrices, or of a matrix and a vector, with fewer multiplications are loops."""
WORTH_THREADS_STACK = 2_000_000
"""A step on a stack is shared between threads if it computes at least this many numbers."""

Write = Callable[[Value, str], LoopFunction]
"""Writes the function of a step on matrices. Its parameters: operands, the result if it is an array, scratch memory."""


# Matrices and stacks -----------------------------------------------------------------------------------------------


def _of_matrices(write: Write, in_loops: bool = False) -> Callable[[ProgramWriter, Value], None]:
    """The step of an operation on matrices and vectors, or on stacks of them; `in_loops` if it never calls BLAS."""

    def step(to: ProgramWriter, value: Value) -> None:
        if not (to.native or in_loops):
            to.threads(False)
        lead = np.broadcast_shapes(*(a.shape[:-2] for a in value.args))
        if lead:
            _on_stack(to, value, write, _Stack.of(value, lead))
            return
        function = to.function(_form(value), value, lambda name: _visible(to, write(value, name)))
        _called(to, value, function, [to.value(a) for a in value.args], _own(write, value))

    return step


def _form(value: Value) -> tuple[object, ...]:
    return value.op, repr(sorted(value.params.items())), tuple((v.shape, v.dtype) for v in (*value.args, value))


def _own(write: Write, value: Value) -> list[Argument]:
    """The scratch memory of the function of a step."""
    return [argument for argument in write(value, "").takes if argument.is_scratch]


def _visible(to: ProgramWriter, function: LoopFunction) -> LoopFunction:
    """A function as the program calls it: only Python needs to know what it takes."""
    return replace(function, takes=()) if to.native else function


def _called(
    to: ProgramWriter,
    value: Value,
    function: str,
    operands: Sequence[LoopExpression],
    own: Sequence[Argument],
    out: tuple[int, ...] | None = None,
    shared: int = 0,
) -> None:
    """Call the function of a step; it takes a result of the shape `out`, and threads share `shared` rows."""
    arguments = list(operands)
    if value.shape:
        to.allocate(value)
        arguments.append(to.shaped(value, value.shape if out is None else out))
    if to.native:
        arguments += [to.scratch("u", np.dtype(a.dtype), a.shape) for a in own]  # type: ignore[arg-type]
    made = call("shared", Name(function), shared, 1, 0, *arguments) if shared else call(function, *arguments)
    if value.shape:
        to.body.append(Do(made))
    else:
        to.put(value, made)


class _Stack(NamedTuple):
    """A step on a stack of matrices.

    Attributes
    ----------
    lead : the lengths of the stack; one length if the operands are stacks of the same lengths, or single matrices.
    one : the step on one matrix.
    shapes : the shapes of the operands and the result.
    parts : for each of them, the indices of its matrix at one position of the stack.
    """

    lead: tuple[int, ...]
    one: Value
    shapes: list[tuple[int, ...]]
    parts: list[tuple[LoopExpression, ...]]

    @classmethod
    def of(cls, value: Value, lead: tuple[int, ...]) -> _Stack:
        args = tuple(Value("input", (), {}, a.shape[-2:], a.dtype) for a in value.args)
        one = Value(value.op, args, value.params, value.shape[len(lead) :], value.dtype)
        leads = [*(a.shape[:-2] for a in value.args), lead]
        if all(own in ((), lead) for own in leads):
            lead = (math.prod(lead),)
            leads = [lead if own else () for own in leads]
        indices = [Name(f"b{k}") for k in range(len(lead))]
        parts: list[tuple[LoopExpression, ...]] = []
        for own in leads:
            along = indices[len(lead) - len(own) :]
            parts.append(tuple(Constant(0) if n == 1 else index for n, index in zip(own, along, strict=True)))
        shapes = [(*own, *v.shape) for own, v in zip(leads, (*args, one), strict=True)]
        return cls(lead, one, shapes, parts)


def _on_stack(to: ProgramWriter, value: Value, write: Write, stack: _Stack) -> None:
    """Write a step on a stack: a function that calls that of one matrix, for each."""
    own = _own(write, stack.one)
    shares = not to.native and not own and cost(value) >= WORTH_THREADS_STACK and stack.lead[0] > 1
    one = to.function(_form(stack.one), value, lambda name: replace(write(stack.one, name), takes=()))

    def over_all(name: str) -> LoopFunction:
        return _visible(to, _over_stack(name, one, value, stack, own, shares))

    function = to.function((_form(value), "stack"), value, over_all)
    operands = [to.shaped(a, shape) for a, shape in zip(value.args, stack.shapes, strict=False)]
    _called(to, value, function, operands, own, stack.shapes[-1], stack.lead[0] if shares else 0)


def _over_stack(
    name: str, one: str, value: Value, stack: _Stack, own: Sequence[Argument], shares: bool
) -> LoopFunction:
    operands = [f"x{k}" for k in range(len(value.args))]
    scratch = [f"u{k}" for k in range(len(own))]
    parts = [Name(x)[at] if at else Name(x) for x, at in zip((*operands, "z"), stack.parts, strict=True)]
    *given, result = parts
    memory = [*map(Name, scratch)]
    body: list[Statement]
    if stack.one.shape:
        body = [Do(call(one, *given, result, *memory))]
    else:
        body = [Store(Name("z")[stack.parts[-1]], call(one, *given, *memory))]
    takes = [Argument(a.dtype.name, shape) for a, shape in zip(value.args, stack.shapes, strict=False)]
    takes.append(Argument(value.dtype.name, stack.shapes[-1], True))
    inner = nested([(f"b{k}", 0, n) for k, n in enumerate(stack.lead) if k], body)
    if shares:
        rows = nested([("b0", Name("first"), Name("last"))], inner)
        return over_pieces(name, [*operands, "z"], Constant(stack.lead[0]), rows, (*of_pieces(0), *takes))
    whole = nested([("b0", 0, stack.lead[0])], inner)
    return LoopFunction(name, (*operands, "z", *scratch), tuple(whole), "kernel", (*takes, *own))


# Products ----------------------------------------------------------------------------------------------------------


def _matmul(to: ProgramWriter, value: Value) -> None:
    in_one_step = not is_stack(value) or product_is_worth_threads(value) or not fortran.is_available()
    if to.native or not in_one_step:
        _own_product(to, value)
    else:
        _product_of_numpy(to, value)


def _product_of_numpy(to: ProgramWriter, value: Value) -> None:
    factors = zip(value.args, value.params["turned"], strict=True)
    left, right = (_turned(to.value(a), a) if turned else to.value(a) for a, turned in factors)
    if not value.shape:
        to.put(value, call(dtype_name(value), call("np.dot", left, right)))
        return
    to.allocate(value)
    to.threads(product_is_worth_threads(value))
    to.body.append(Do(call("np.matmul", left, right, out=to.named(value))))


def _turned(x: LoopExpression, value: Value) -> LoopExpression:
    return Method(x, "T") if len(value.shape) == 2 else Method(x, "swapaxes", (Constant(-1), Constant(-2)))


def _write_product(value: Value, name: str) -> LoopFunction:
    """The function of a product of matrices or vectors."""
    is_vector = min(len(v.shape) for v in value.args) == 1
    is_small = math.prod(product_lengths(value)) < (SMALL_VECTOR if is_vector else SMALL_MATRICES)
    takes = [Argument(v.dtype.name, v.shape) for v in value.args]
    takes += [Argument(value.dtype.name, value.shape, True)] * bool(value.shape)
    if is_small or not value.shape or not fortran.is_available():
        return _product_in_loops(value, name, tuple(takes))
    turned = map(Constant, value.params["turned"])
    body = Do(call("la.product", *map(Name, "xyz"), *turned))
    return LoopFunction(name, ("x", "y", "z"), (body,), "kernel", tuple(takes))


_own_product = _of_matrices(_write_product)


def _product_in_loops(value: Value, name: str, takes: tuple[Argument, ...]) -> LoopFunction:
    """The function of a small product. Its innermost loop is over neighbours: columns of y, or else the summed axis."""
    x, y = value.args
    turned_x, turned_y = value.params["turned"]
    i, j, k = map(Name, "ijk")
    lengths = {i: 0 if len(x.shape) == 1 else x.shape[1 if turned_x else 0]}
    lengths[k] = x.shape[-1] if len(x.shape) == 1 else x.shape[0 if turned_x else 1]
    lengths[j] = 0 if len(y.shape) == 1 else y.shape[0 if turned_y else 1]
    at_x = (k,) if not lengths[i] else (k, i) if turned_x else (i, k)
    at_y = (k,) if not lengths[j] else (j, k) if turned_y else (k, j)
    place = tuple(index for index in (i, j) if lengths[index])
    product, zero = ArrayEntry(Name("x"), at_x) * ArrayEntry(Name("y"), at_y), call(dtype_name(value), 0)
    z = ArrayEntry(Name("z"), place)

    def over(*indices: Name) -> list[tuple[str, int, int]]:
        return [(index.text, 0, lengths[index]) for index in indices]

    if lengths[j] and not turned_y:
        along, around = j, place[:-1]
    elif turned_x and not lengths[j]:
        along, around = i, ()
    else:
        along, around = k, place
    if along == k:
        total = Name("total")
        body: list[Statement] = [Assign(("total",), zero), *nested(over(k), [Increase(total, product)])]
        body = nested(over(*around), [*body, Store(z, total) if place else Return((total,))])
    else:
        body = [*nested(over(along), [Store(z, zero)]), *nested(over(k, along), [Increase(z, product)])]
        body = nested(over(*around), body)
    return LoopFunction(name, ("x", "y", *(["z"] if place else [])), tuple(body), "kernel", takes)


LINEAR_STEPS: dict[str, Callable[[ProgramWriter, Value], None]] = {
    "matmul": _matmul,
    "solve": _of_matrices(write_solution, in_loops=True),
    "det": _of_matrices(write_determinant, in_loops=True),
    "cholesky": _of_matrices(write_cholesky),
    "factors": _of_matrices(write_factors),
    "solved": _of_matrices(write_solved),
    "solved_by_triangle": _of_matrices(write_solved_by_triangle),
    "sign_of_factors": _of_matrices(write_sign),
    "logarithm_of_factors": _of_matrices(write_logarithm),
}
"""The writers of these steps."""
