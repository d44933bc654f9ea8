"""Linear problems: linear programs, nonnegative least squares, assignments."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.optimize

from chainrule.array import Array, form_of, value_of
from chainrule.errors import GradientError
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name
from chainrule.scipy.optimize.results import filled_fields
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import read_values, twin, with_value, without_gradient


@twin(scipy.optimize.linprog, adopts=False)
def linprog(
    c: Any,
    A_ub: Any = None,
    b_ub: Any = None,
    A_eq: Any = None,
    b_eq: Any = None,
    bounds: Any = None,
    method: str = "highs",
    *rest: Any,
    **options: Any,
) -> Any:
    options = by_name(scipy.optimize.linprog, 7, rest, options)
    bounds = (0, None) if bounds is None else bounds
    given = [joined(x) if isinstance(x, list | tuple) else x for x in (c, A_ub, b_ub, A_eq, b_eq)]
    result = scipy.optimize.linprog(*map(read_values, given), read_values(bounds), method, **options)
    if result.x is None:
        return result
    c, A_ub, b_ub, A_eq, b_eq = given
    rows, limits = _active_rows(np.asarray(result.x), A_ub, b_ub, A_eq, b_eq, bounds)
    _check_regular(rows, read_values(c), 0 if A_eq is None else len(read_values(A_eq)))
    made = np.linalg.solve(np.stack(rows), np.stack(limits))
    every = [x for x in (*given, *limits) if type(x) is Array]
    filled = filled_fields("linprog", result, every, x=made, fun=np.dot(c, made))
    for name in (
        "ineqlin",
        "eqlin",
        "lower",
        "upper",
    ):  # the Lagrange multipliers of the constraints, and the residuals
        filled[name] = filled_fields(f"the {name} of linprog", result[name], every)
    return filled


def _active_rows(x: Any, A_ub: Any, b_ub: Any, A_eq: Any, b_eq: Any, bounds: Any) -> tuple[list[Any], list[Any]]:
    """The constraints that are active at x, those of A_eq first: rows and limits, row · x = limit."""
    rows, limits = [], []
    if A_eq is not None:
        for i in range(len(read_values(A_eq))):
            rows.append(A_eq[i])
            limits.append(np.ravel(b_eq)[i])
    if A_ub is not None:
        plain = np.ravel(read_values(b_ub))
        slack = plain - np.asarray(read_values(A_ub)) @ x
        for i in map(int, np.flatnonzero(slack <= 1e-8 * np.maximum(1.0, np.abs(plain)))):
            rows.append(A_ub[i])
            limits.append(np.ravel(b_ub)[i])
    pairs = [bounds] if bounds[0] is None or np.ndim(form_of(bounds[0])) == 0 else list(bounds)
    pairs = pairs * x.size if len(pairs) == 1 else pairs
    for i, pair in enumerate(pairs):
        near = [b for b in pair if b is not None and abs(x[i] - value_of(b)) <= 1e-9 * max(1.0, abs(x[i]))]
        if near:
            rows.append(np.eye(x.size)[i])
            limits.append(near[0])
    return rows, limits


def _check_regular(rows: list[Any], c: Any, equations: int) -> None:
    """Raise if the active constraints do not determine the solution, or if it is not unique."""
    n = np.size(c)
    plain = np.reshape([value_of(row) for row in rows], (len(rows), n))
    if len(rows) != n or np.linalg.matrix_rank(plain) < n:
        raise GradientError(
            f"the solution of linprog has no derivative: {len(rows)} constraints are active for {n} unknowns; "
            "it is unique and regular where these are as many, and independent" + at_line()
        )
    prices = np.linalg.solve(plain.T, c)[equations:]
    if np.any(np.abs(prices) <= 1e-9 * np.max(np.abs(c))):
        raise GradientError(
            "the solution of linprog has no derivative: it is not unique, another one has the same value" + at_line()
        )


@twin(scipy.optimize.nnls, adopts=False)
def nnls(A: Any, b: Any, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.nnls, 2, rest, options)
    A, b = (joined(x) if isinstance(x, list | tuple) else x for x in (A, b))
    x, norm = scipy.optimize.nnls(read_values(A), read_values(b), **options)
    free = np.flatnonzero(x > 0)
    columns = A[:, free]
    solved = np.linalg.solve(columns.T @ columns, columns.T @ b)
    made = np.zeros((x.size, free.size))
    made[free, np.arange(free.size)] = 1.0
    return with_value(made @ solved, x), with_value(np.linalg.norm(columns @ solved - b), norm)


without_gradient(scipy.optimize, "linear_sum_assignment quadratic_assignment")
