"""Small linear systems as loops: Gauss's elimination with partial pivoting, as LAPACK does it.

For a small matrix a call of LAPACK through NumPy takes longer than the elimination itself, and a program with such a
call is not native. For a singular matrix NumPy raises an error; here the loops give NaN, and a guard leaves the
program.
"""

from __future__ import annotations

import numpy as np

from chainrule.compile.loop_nests import nested
from chainrule.compile.loops import (
    Assign,
    Compare,
    Constant,
    For,
    If,
    Increase,
    LoopExpression,
    LoopFunction,
    Name,
    Return,
    Statement,
    Store,
    call,
)
from chainrule.compile.signatures import Argument
from chainrule.compile.values import Value

__all__ = ["MOST_ROWS", "write_determinant", "write_solution"]

MOST_ROWS = 16
"""Matrices of more rows are left to LAPACK."""

I, J, K, U, Z = map(Name, "ijkuz")


def write_solution(value: Value, name: str) -> LoopFunction:
    """The function that writes the solution z of a z = b, NaN if a is singular; u is memory for the elimination."""
    a, b = value.args
    n, columns = b.shape
    good, kind = Name("good"), f"np.{value.dtype.name}"
    last = Constant(n - 1) - K
    back: list[Statement] = [
        Assign(("row",), last),
        Assign(("t",), Z[Name("row"), J]),
        _below(Name("row"), n, [Assign(("t",), Name("t") - U[Name("row"), I] * Z[I, J])]),
        Store(Z[Name("row"), J], Name("t") / U[Name("row"), Name("row")]),
    ]
    body = [
        Store(U[...], Name("a")),
        Store(Z[...], Name("b")),
        Assign(("good",), call(kind, 1)),
        For(
            "k",
            Constant(0),
            Constant(n),
            Constant(1),
            (
                *_pivot(n, [(U, n), (Z, columns)], []),
                Assign(("good",), call("vm.select", U[K, K].is_equal(call(kind, 0)), call(kind, np.nan), good)),
                *_eliminated(n, [_over_columns(Z, columns)]),
            ),
        ),
        *nested([("j", 0, columns), ("k", 0, n)], back),
        *nested([("i", 0, n), ("j", 0, columns)], [Store(Z[I, J], Z[I, J] * good)]),
    ]
    matrices = Argument(a.dtype.name, a.shape), Argument(b.dtype.name, b.shape)
    takes = *matrices, Argument(b.dtype.name, b.shape, True), Argument(a.dtype.name, a.shape, True, True)
    return LoopFunction(name, ("a", "b", "z", "u"), tuple(body), "kernel", takes)


def write_determinant(value: Value, name: str) -> LoopFunction:
    """The function that returns the determinant of a, with memory u for the elimination."""
    (a,) = value.args
    n, kind = a.shape[0], f"np.{value.dtype.name}"
    det = Name("det")
    body = [
        Store(U[...], Name("a")),
        Assign(("det",), call(kind, 1)),
        For(
            "k",
            Constant(0),
            Constant(n),
            Constant(1),
            (
                *_pivot(n, [(U, n)], [Assign(("det",), -det)]),
                Assign(("det",), det * U[K, K]),
                If(U[K, K].is_other(call(kind, 0)), tuple(_eliminated(n, []))),
            ),
        ),
        Return((det,)),
    ]
    takes = Argument(a.dtype.name, a.shape), Argument(a.dtype.name, a.shape, True, True)
    return LoopFunction(name, ("a", "u"), tuple(body), "kernel", takes)


def _pivot(n: int, arrays: list[tuple[Name, int]], swapped: list[Statement]) -> list[Statement]:
    """Find the row with the largest entry in column k, and swap it with row k of the arrays."""
    size, best, at = call("abs", U[I, K]), Name("best"), Name("at")
    found: list[Statement] = [Assign(("most",), size), Assign(("best",), I)]
    swaps: list[Statement] = []
    for array, columns in arrays:
        swap = [
            Assign(("t",), array[K, J]),
            Store(array[K, J], array[at, J]),
            Store(array[at, J], Name("t")),
        ]
        swaps += nested([("j", 0, columns)], swap)
    return [
        Assign(("best",), K),
        Assign(("most",), call("abs", U[K, K])),
        _below(K, n, [If(Compare(">", size, Name("most")), tuple(found))]),
        Assign(("at",), call("min", call("max", best, 0), n - 1)),  # the translator cannot see that best lies there
        If(at.is_other(K), (*swaps, *swapped)),
    ]


def _eliminated(n: int, more: list[Statement]) -> list[Statement]:
    """Subtract row k from the rows below it, so that column k is zero there."""
    factor = Assign(("factor",), U[I, K] / U[K, K])
    own = For("j", K + 1, Constant(n), Constant(1), (Increase(U[I, J], -(Name("factor") * U[K, J])),))
    return [_below(K, n, [factor, own, *more])]


def _over_columns(array: Name, columns: int) -> Statement:
    (loop,) = nested([("j", 0, columns)], [Increase(array[I, J], -(Name("factor") * array[K, J]))])
    return loop


def _below(row: LoopExpression, n: int, body: list[Statement]) -> Statement:
    """A loop over the rows below one."""
    return For("i", row + 1, Constant(n), Constant(1), tuple(body))
