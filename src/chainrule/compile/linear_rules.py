"""Lowering rules of systems of equations: inverses, determinants, factors.

Small systems are solved by loops, larger ones by LAPACK. Where NumPy raises an error (a singular matrix) the result is
NaN. A guard finds it; then the function runs uncompiled, and NumPy raises its error.
"""

from __future__ import annotations

import numpy as np

from chainrule.blocks.decompositions import cholesky
from chainrule.blocks.integers import of_values
from chainrule.blocks.matrices import det, inv, is_zero_det, logabsdet, sign_of_det, solve
from chainrule.blocks.matrix_functions import triangular_solve
from chainrule.compile import fortran
from chainrule.compile.elimination import MOST_ROWS
from chainrule.compile.lowering_rules import as_dtype, kind_of
from chainrule.compile.making import Maker, RuleTable, key_of
from chainrule.compile.product_rules import reduced, untransposed
from chainrule.compile.values import Value, tail_of
from chainrule.node import Node

__all__ = ["LINEAR_RULES"]

LINEAR_RULES = RuleTable()


# Solutions -----------------------------------------------------------------------------------------------------


@LINEAR_RULES(solve)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _solution(low, node, *args)


@LINEAR_RULES(inv)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    (a,) = args
    identity = np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return _solution(low, node, a, low.constant(identity))


def _solution(low: Maker, node: Node, a: Value, b: Value) -> Value | None:
    if not _is_computed(node) or a.shape[:-2] != b.shape[:-2]:
        return None
    dtype, shape = kind_of(node), np.shape(node.value)
    a, b = (as_dtype(low, x, dtype) for x in (a, b))
    if shape[-2] <= MOST_ROWS:
        z = low.make("solve", [a, b], shape, dtype)
        return _guarded(low, z, z)
    if not fortran.is_available():
        return None
    base, turned = untransposed(low, a)
    if base.op == "cholesky":  # a triangle
        which = {"lower": True, "turned": turned, "unit_diagonal": False}
        return low.make("solved_by_triangle", [base, b], shape, dtype, **which)
    if not turned or key_of(_factors_of(base), [base]) not in low.known:
        base, turned = a, False
    factors = _factors(low, base)
    low.guard(_all(low, _is_regular(low, factors)), "truth", True)
    return low.make("solved", [factors, b], shape, dtype, turned=turned)


def _is_computed(node: Node) -> bool:
    """Whether a result consists of finite real numbers; other results are left to NumPy."""
    return kind_of(node).kind == "f" and bool(np.all(np.isfinite(node.value)))


def _guarded(low: Maker, z: Value, seen: Value) -> Value:
    """z, with a guard that the entries in `seen` are not NaN."""
    low.guard(_all(low, low.make("equal", [seen, seen], seen.shape, bool)), "truth", True)
    return z


def _all(low: Maker, x: Value) -> Value:
    return reduced(low, "all", x, tuple(range(len(x.shape))), ()) if x.shape else x


def _last(low: Maker, z: Value) -> Value:
    """The last entry of each matrix."""
    n, columns = z.shape[-2:]
    return low.make("slice", [z], z.shape[:-2], z.dtype, key=(n - 1, columns - 1))


# Factors -------------------------------------------------------------------------------------------------------


def _factors_of(a: Value) -> Value:
    """The factors of a as a value that is not made yet."""
    n = a.shape[-1]
    return Value("factors", (a,), {}, (*a.shape[:-2], n + tail_of(a.dtype), n), a.dtype)


def _factors(low: Maker, a: Value) -> Value:
    made = _factors_of(a)
    return low.make(made.op, [a], made.shape, made.dtype)


def _is_regular(low: Maker, factors: Value) -> Value:
    rows = factors.shape[-2]
    sign = low.make("slice", [factors], factors.shape[:-2], factors.dtype, key=(rows - 1, 0))
    return low.make("not_equal", [sign, low.constant(sign.dtype.type(0))], sign.shape, bool)


@LINEAR_RULES(cholesky)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    (a,), dtype = args, kind_of(node)
    if not fortran.is_available() or not _is_computed(node):
        return None
    z = low.make("cholesky", [as_dtype(low, a, dtype)], a.shape, dtype)
    return _guarded(low, z, _last(low, z))


@LINEAR_RULES(triangular_solve)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    a, b = args
    if not fortran.is_available() or not _is_computed(node) or a.shape[:-2] != b.shape[:-2] or a.dtype != b.dtype:
        return None
    for x in (a, b):  # SciPy raises for NaN and infinities anywhere in the arrays
        low.guard(_all(low, low.make("isfinite", [x], x.shape, bool)), "truth", True)
    lower = node.params["lower"]
    base, turned = untransposed(low, a)
    which = {"lower": bool(lower) != turned, "turned": turned, "unit_diagonal": bool(node.params["unit_diagonal"])}
    z = low.make("solved_by_triangle", [base, b], b.shape, b.dtype, **which)
    return z if which["unit_diagonal"] else _guarded(low, z, _last(low, z))


# Determinants --------------------------------------------------------------------------------------------------


@LINEAR_RULES(det)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    (a,), dtype = args, kind_of(node)
    if dtype.kind != "f" or a.dtype != dtype:
        return None
    if a.shape[-1] <= MOST_ROWS and _is_computed(node):
        z = low.make("det", [a], a.shape[:-2], dtype)
        return _guarded(low, z, z)
    if not fortran.is_available():
        return None
    sign, logarithm = (_of_factors(low, of, a) for of in ("sign", "logarithm"))
    return low.make("multiply", [sign, low.make("exp", [logarithm], sign.shape, dtype)], sign.shape, dtype)


@LINEAR_RULES(of_values)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    """The test whether log |det| is −∞ (a singular matrix); other tests are left to NumPy."""
    if node.params["function"] is not is_zero_det or args[0].dtype.kind != "f":
        return None
    (z,) = args
    return low.make("equal", [z, low.constant(z.dtype.type(-np.inf))], z.shape, bool)


@LINEAR_RULES(logabsdet)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _of_determinant(low, "logarithm", node, args[0])


@LINEAR_RULES(sign_of_det)
def _(low: Maker, node: Node, args: list[Value]) -> Value | None:
    return _of_determinant(low, "sign", node, args[0])


def _of_determinant(low: Maker, of: str, node: Node, a: Value) -> Value | None:
    if kind_of(node).kind != "f" or a.dtype != kind_of(node) or not fortran.is_available():
        return None
    return _of_factors(low, of, a)


def _of_factors(low: Maker, of: str, a: Value) -> Value:
    factors = _factors(low, a)
    return low.make(f"{of}_of_factors", [factors], a.shape[:-2], a.dtype)
