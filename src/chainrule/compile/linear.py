"""Products of matrices and systems of equations in compiled code: calls of BLAS and LAPACK.

Each function here has two forms: its meaning in NumPy, and its code in LLVM IR. All arrays are contiguous. LAPACK's
matrices are stored column by column (Fortran order), so it reads a matrix in C order as the transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.fortran import LARGEST
from chainrule.compile.interface import TABLE
from chainrule.compile.python_objects import INT, NULL, POINTER
from chainrule.compile.typed import IN_MEMORY, LONG, TypedArray, TypedNumber, Untranslatable
from chainrule.forks import imported

__all__ = ["factored", "factored_with_pivots", "product", "solved", "solved_by_triangle", "write_threads"]


def _emitted(emit: Callable[..., Any]) -> Callable[[Any], Any]:
    """Decorator: `emit(to, *arguments)` writes the function with the translation `to`."""

    def mark(function: Any) -> Any:
        function.emit = emit
        return function

    return mark


# Calls of Fortran --------------------------------------------------------------------------------------------------


def _call(to: Any, name: str, like: TypedArray, *arguments: Any) -> None:
    """Call a function of BLAS or LAPACK, for the dtype of an array.

    Every argument is passed by its address: an array, a text of one letter, an int, a float (a number of that dtype),
    or an address of LLVM.
    """
    to.translator.calls_blas = True
    function = _slot(to, ("s" if like.dtype == "float32" else "d") + name)
    kind = ir.FunctionType(ir.VoidType(), [POINTER] * len(arguments)).as_pointer()
    given = [_address(to, x, like.dtype) for x in arguments]
    to.builder.call(to.builder.bitcast(function, kind), given)


def _slot(to: Any, name: str) -> ir.Value:
    """An entry of the table of addresses."""
    table = to.module.globals["chainrule.table"]
    return to.builder.load(to.builder.gep(table, [INT(0), INT(TABLE.index(name))]))


def _address(to: Any, x: Any, dtype: str) -> ir.Value:
    if isinstance(x, TypedArray):
        return to.builder.bitcast(x.data, POINTER)
    if isinstance(x, ir.Value):
        return to.builder.bitcast(x, POINTER)
    if isinstance(x, str):
        return _known(to, f"letter.{x}", ir.IntType(8)(ord(x)))
    if isinstance(x, float):
        return _known(to, f"{dtype}.{x}", IN_MEMORY[dtype](x))
    return _known(to, f"length.{x}", LONG(x))


def _known(to: Any, name: str, value: ir.Constant) -> ir.Value:
    """The address of a constant."""
    name = f"chainrule.{name}"
    if name not in to.module.globals:
        made = ir.GlobalVariable(to.module, value.type, name)
        made.initializer, made.global_constant, made.linkage = value, True, "internal"
    return to.builder.bitcast(to.module.globals[name], POINTER)


def _lengths(*arrays: TypedArray) -> list[tuple[int, ...]]:
    """The shapes of arrays, which must be known."""
    shapes = [x.shape for x in arrays]
    if not all(isinstance(n, int) and n <= LARGEST for shape in shapes for n in shape):
        raise Untranslatable("BLAS needs known lengths")
    return shapes


def _status(to: Any) -> ir.Value:
    """Memory for LAPACK's status number (info), set to 0 first: a library may write only its lower half."""
    place = to.variable(LONG)
    to.builder.store(LONG(0), place)
    return place


def _succeeded(to: Any, place: ir.Value) -> ir.Value:
    status = to.builder.load(place)
    return to.builder.icmp_signed("==", to.builder.trunc(status, INT), INT(0))


# Products ----------------------------------------------------------------------------------------------------------


def _write_product(to: Any, x: TypedArray, y: TypedArray, z: TypedArray, turned_x: bool, turned_y: bool) -> None:
    of_x, of_y, of_z = _lengths(x, y, z)
    if len(of_y) == 1:  # x y, and the rows of x are columns there
        _call(to, "gemv", x, "N" if turned_x else "T", of_x[1], of_x[0], 1.0, x, of_x[1], y, 1, 0.0, z, 1)
    elif len(of_x) == 1:  # x y as yᵀ x
        _call(to, "gemv", y, "T" if turned_y else "N", of_y[1], of_y[0], 1.0, y, of_y[1], x, 1, 0.0, z, 1)
    else:  # zᵀ = yᵀ xᵀ
        rows, columns = of_z
        inner = of_x[0] if turned_x else of_x[1]
        turns = ["T" if turned else "N" for turned in (turned_y, turned_x)]
        _call(to, "gemm", z, *turns, columns, rows, inner, 1.0, y, of_y[1], x, of_x[1], 0.0, z, columns)


@_emitted(_write_product)
def product(x: Any, y: Any, z: Any, turned_x: bool, turned_y: bool) -> None:
    """z = x y; x and y are matrices, transposed first if `turned`, or one of them a vector."""
    z[...] = (x.T if turned_x else x) @ (y.T if turned_y else y)


# Systems of equations ----------------------------------------------------------------------------------------------


def _write_factored(to: Any, a: TypedArray) -> TypedNumber:
    ((n, _),) = _lengths(a)
    status = _status(to)
    _call(to, "potrf", a, "L", n, a, n, status)
    return TypedNumber("bool", _succeeded(to, status))


@_emitted(_write_factored)
def factored(a: Any) -> bool:
    """Replace aᵀ, of which the lower triangle is read, by its lower Cholesky factor, whose columns are the rows of a.

    Returns whether the matrix is positive definite.
    """
    try:
        a[...] = np.linalg.cholesky(np.tril(a.T) + np.tril(a.T, -1).T).T
    except np.linalg.LinAlgError:
        return False
    return True


def _write_factored_with_pivots(to: Any, a: TypedArray) -> None:
    ((rows, n),) = _lengths(a)
    builder, status = to.builder, _status(to)
    pivots = builder.gep(a.data, [LONG(n * n)])
    _call(to, "getrf", a, n, n, a, n, pivots, status)
    bytes_of = builder.ptrtoint(_slot(to, "bytes of integers"), LONG)
    odd = to.variable(INT)
    builder.store(INT(0), odd)
    first = builder.bitcast(pivots, POINTER)

    def count(i: TypedNumber) -> None:
        place = builder.gep(first, [builder.mul(i.value, bytes_of)])
        pivot = builder.load(builder.bitcast(place, INT.as_pointer()))
        other = builder.icmp_signed("!=", pivot, builder.add(builder.trunc(i.value, INT), INT(1)))
        builder.store(builder.xor(builder.load(odd), builder.zext(other, INT)), odd)

    to.loop(0, n, 1, count)
    number = IN_MEMORY[a.dtype]
    sign = builder.select(builder.icmp_signed("==", builder.load(odd), INT(0)), number(1.0), number(-1.0))
    sign = builder.select(_succeeded(to, status), sign, number(0.0))
    builder.store(sign, builder.gep(a.data, [LONG((rows - 1) * n)]))


@_emitted(_write_factored_with_pivots)
def factored_with_pivots(a: Any) -> None:
    """Replace aᵀ by its factors L and U, with the pivots in the rows after it.

    The last row begins with the sign of the permutation, which is 0 if the matrix is singular.
    """
    n = a.shape[1]
    matrix = np.ascontiguousarray(a[:n].T)
    factors, pivots, status = imported("scipy.linalg").get_lapack_funcs("getrf", (matrix,))(matrix)
    a[:n], a[n] = factors.T, pivots
    a[-1, 0] = 0 if status else (-1.0) ** np.count_nonzero(pivots != np.arange(n))


def _write_solved(to: Any, a: TypedArray, b: TypedArray, turned: bool) -> None:
    (_, n), of_b = _lengths(a, b)
    pivots = to.builder.gep(a.data, [LONG(n * n)])
    columns = of_b[0] if len(of_b) > 1 else 1
    _call(to, "getrs", a, "T" if turned else "N", n, columns, a, n, pivots, b, n, _status(to))


@_emitted(_write_solved)
def solved(a: Any, b: Any, turned: bool) -> None:
    """Replace the rows of b by the solutions x of a x = b, or aᵀ x = b if `turned`, for a factored a."""
    n = a.shape[1]
    of = (np.ascontiguousarray(a[:n].T), a[n].astype(np.int32))
    b[...] = imported("scipy.linalg").lu_solve(of, b.T, trans=int(turned), check_finite=False).T


def _write_solved_by_triangle(
    to: Any, a: TypedArray, b: TypedArray, lower: bool, turned: bool, unit_diagonal: bool
) -> None:
    (n, _), of_b = _lengths(a, b)
    kind = "U" if lower else "L", "U" if unit_diagonal else "N"  # its rows are columns there
    if of_b == (n, 1):
        _call(to, "trsv", a, kind[0], "N" if turned else "T", kind[1], n, a, n, b, 1)
    else:  # xᵀ aᵀ = bᵀ
        sides = "R", kind[0], "T" if turned else "N", kind[1]
        _call(to, "trsm", a, *sides, of_b[1], n, 1.0, a, n, b, of_b[1])


@_emitted(_write_solved_by_triangle)
def solved_by_triangle(a: Any, b: Any, lower: bool, turned: bool, unit_diagonal: bool) -> None:
    """Replace b by the solution x of a x = b, or aᵀ x = b if `turned`, for a triangle a: the lower or the upper one."""
    options = {"lower": lower, "unit_diagonal": unit_diagonal, "check_finite": False}
    b[...] = imported("scipy.linalg").solve_triangular(a, b, trans=int(turned), **options)


# Threads -----------------------------------------------------------------------------------------------------------


def write_threads(to: Any, one: bool) -> None:
    """Let the library use one thread, or those that it had before: as `blas.one_thread` and `blas.all_threads`.

    This runs while the GIL is held, so no other thread can change their number in between.
    """
    builder = to.builder
    place, get, put = (_slot(to, name) for name in ("threads before", "get threads", "set threads"))
    put = builder.bitcast(put, ir.FunctionType(ir.VoidType(), [INT]).as_pointer())
    known = builder.icmp_unsigned("!=", builder.ptrtoint(place, LONG), builder.ptrtoint(NULL, LONG))
    with builder.if_then(known):
        place = builder.bitcast(place, LONG.as_pointer())
        before = builder.load(place)
        changed = builder.icmp_signed("!=", before, LONG(0))
        if one:
            with builder.if_then(builder.not_(changed)):
                get = builder.bitcast(get, ir.FunctionType(INT, []).as_pointer())
                builder.store(builder.sext(builder.call(get, []), LONG), place)
                builder.call(put, [INT(1)])
        else:
            with builder.if_then(changed):
                builder.call(put, [builder.trunc(before, INT)])
                builder.store(LONG(0), place)
