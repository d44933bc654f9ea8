"""Systems of equations in compiled code, by LAPACK: factors of a matrix, and solutions and determinants from them.

A matrix with its factors L and U has more rows: those after the first n hold the pivots, and the last one begins with
the sign of the permutation, 0 if the matrix is singular (see `linear.py`). LAPACK is called as NumPy calls it, so it
finds the same pivots. Where NumPy raises an error the result is NaN, and a guard leaves the program.
"""

from __future__ import annotations

import numpy as np

from chainrule.compile.loop_nests import nested
from chainrule.compile.loops import (
    Assign,
    Constant,
    Do,
    For,
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

__all__ = [
    "write_cholesky",
    "write_factors",
    "write_logarithm",
    "write_sign",
    "write_solved",
    "write_solved_by_triangle",
]

A, B, U, Z, I, J = map(Name, "abuzij")


def _takes(value: Value, own: tuple[int, ...] | None = None) -> tuple[Argument, ...]:
    """The arguments of a function: the operands, the result if it is an array, and memory of its own."""
    takes = [Argument(a.dtype.name, a.shape) for a in value.args]
    takes += [Argument(value.dtype.name, value.shape, True)] * bool(value.shape)
    return (*takes, *([] if own is None else [Argument(value.dtype.name, own, True, True)]))


def _lower(n: int, body: list[Statement]) -> Statement:
    """A loop over the entries i, j of a lower triangle."""
    return For("i", Constant(0), Constant(n), Constant(1), tuple(nested([("j", 0, I + 1)], body)))


def _nan_unless(condition: LoopExpression, value: Value) -> LoopExpression:
    """1 where a condition holds, else NaN."""
    kind = f"np.{value.dtype.name}"
    return call("vm.select", condition, call(kind, 1), call(kind, np.nan))


def write_cholesky(value: Value, name: str) -> LoopFunction:
    """The lower Cholesky factor z of a; NaN if a is not positive definite."""
    n = value.shape[0]
    body = [
        _lower(n, [Store(U[J, I], A[I, J])]),
        Assign(("good",), call("la.factored", U)),
        Assign(("factor",), _nan_unless(Name("good"), value)),
        Store(Z[...], Constant(0)),
        _lower(n, [Store(Z[I, J], U[J, I] * Name("factor"))]),
    ]
    return LoopFunction(name, ("a", "z", "u"), tuple(body), "kernel", _takes(value, (n, n)))


def write_factors(value: Value, name: str) -> LoopFunction:
    """The factors of a, as LAPACK packs them, column after column, and its pivots."""
    n = value.shape[1]
    body = [*nested([("i", 0, n), ("j", 0, n)], [Store(Z[J, I], A[I, J])]), Do(call("la.factored_with_pivots", Z))]
    return LoopFunction(name, ("a", "z"), tuple(body), "kernel", _takes(value))


def write_solved(value: Value, name: str) -> LoopFunction:
    """The solution z of a z = b, or aᵀ z = b if `turned`, from the factors of a."""
    n, columns = value.shape
    body = [
        *nested([("i", 0, n), ("j", 0, columns)], [Store(U[J, I], B[I, J])]),
        Do(call("la.solved", A, U, value.params["turned"])),
        *nested([("i", 0, n), ("j", 0, columns)], [Store(Z[I, J], U[J, I])]),
    ]
    return LoopFunction(name, ("a", "b", "z", "u"), tuple(body), "kernel", _takes(value, (columns, n)))


def write_solved_by_triangle(value: Value, name: str) -> LoopFunction:
    """The solution z of a z = b, or aᵀ z = b if `turned`, for a triangle a; NaN if it has a zero on the diagonal."""
    n = value.shape[0]
    which = [value.params[key] for key in ("lower", "turned", "unit_diagonal")]
    body: list[Statement] = [Store(Z[...], B), Do(call("la.solved_by_triangle", A, Z, *which))]
    if not value.params["unit_diagonal"]:
        kind = f"np.{value.dtype.name}"
        is_zero = A[I, I].is_equal(call(kind, 0))
        found = Assign(("factor",), call("vm.select", is_zero, call(kind, np.nan), Name("factor")))
        body += [Assign(("factor",), call(kind, 1)), *nested([("i", 0, n)], [found])]
        body += nested([("i", 0, n), ("j", 0, value.shape[1])], [Store(Z[I, J], Z[I, J] * Name("factor"))])
    return LoopFunction(name, ("a", "b", "z"), tuple(body), "kernel", _takes(value))


def write_sign(value: Value, name: str) -> LoopFunction:
    """The sign of a determinant, from the factors of its matrix."""
    rows, n = value.args[0].shape
    kind, sign = f"np.{value.dtype.name}", Name("sign")
    turned = call("vm.select", A[I, I] < call(kind, 0), -sign, sign)
    body = [Assign(("sign",), A[rows - 1, 0]), *nested([("i", 0, n)], [Assign(("sign",), turned)]), Return((sign,))]
    return LoopFunction(name, ("a",), tuple(body), "kernel", _takes(value))


def write_logarithm(value: Value, name: str) -> LoopFunction:
    """log |det a|, from the factors of a."""
    rows, n = value.args[0].shape
    kind, total = f"np.{value.dtype.name}", Name("total")
    body = [
        Assign(("total",), call(kind, 0)),
        *nested([("i", 0, n)], [Assign(("total",), total + call("vm.log", call("abs", A[I, I])))]),
        Assign(("total",), call("vm.select", A[rows - 1, 0].is_equal(call(kind, 0)), call(kind, -np.inf), total)),
        Return((total,)),
    ]
    return LoopFunction(name, ("a",), tuple(body), "kernel", _takes(value))
