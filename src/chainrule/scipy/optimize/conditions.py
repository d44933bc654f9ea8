"""The equations that a minimum solves: the gradient is 0, or the Karush-Kuhn-Tucker conditions hold.

The latter are for minima at which bounds or constraints are active.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.errors import GradientError, RecordingError
from chainrule.jacobians import jacobian
from chainrule.node import at_line
from chainrule.scipy._callbacks import Again, Callback, implicit, unwatched
from chainrule.standins.scipy_functions import plain_values, read_values
from chainrule.transforms import vjp

__all__ = [
    "Active",
    "constraints_of",
    "every_operand",
    "gradient_of",
    "pairs_of",
    "recorded_minimum",
]


@dataclass(frozen=True)
class Active:
    """A bound or a constraint that is active at a minimum: a function of z and of its operands, which is 0 there."""

    function: Callable[..., Any]
    operands: list[Any]


def every_operand(operands: list[Any], active: Sequence[Active]) -> list[Any]:
    """All operands that a minimum depends on: those of the objective and of the active constraints."""
    return [*operands, *(x for one in active for x in one.operands)]


def recorded_minimum(
    name: str,
    objective: Callable[..., Any],
    operands: list[Any],
    x: Any,
    active: Sequence[Active],
    again: Again | None = None,
) -> Any:
    """The recorded minimum of an objective, which is a function of z and the operands: the root of its conditions.

    `again` tells how it is found for other operands; then the same constraints are active, and have no operands.
    """
    every = every_operand(operands, active)
    if not every:
        return x
    if not active:
        return implicit(name, lambda z, *outside: gradient_of(objective, z, *outside), x, every, again)
    shape, n, count = np.shape(x), int(np.size(x)), len(operands)
    constraints = _together(active)

    def conditions(both: Any, *outside: Any) -> Any:
        z, weights = np.reshape(both[:n], shape), both[n:]
        values, pull = vjp(lambda z: constraints(z, *outside[count:]), z)
        stationary = np.reshape(gradient_of(objective, z, *outside[:count]) - pull(weights)[0], (n,))
        return np.concatenate([stationary, values])

    def with_multipliers(x: Any, plain: Sequence[Any]) -> Any:
        with unwatched():
            slope = np.reshape(gradient_of(objective, x, *plain[:count]), (n,))
            normals = np.reshape(jacobian(lambda z: constraints(z, *plain[count:]))(x), (-1, n))
        return np.concatenate([np.reshape(x, (n,)), _multipliers(name, slope, normals)])

    start = with_multipliers(x, plain_values(every))
    if again is not None:
        find = again.value.f
        again = Again(lambda *operands: with_multipliers(find(*operands), operands), again.content)
    return np.reshape(implicit(name, conditions, start, every, again)[:n], shape)


def gradient_of(f: Callable[..., Any], z: Any, *outside: Any) -> Any:
    """∂f/∂z of a scalar f."""
    value, pull = vjp(lambda z: f(z, *outside), z)
    seed = np.ones(np.shape(value))[()]
    return pull(seed)[0]


def _together(active: Sequence[Active]) -> Callable[..., Any]:
    """Active constraints as one function of z and of the operands of all of them, one after the other."""

    def constraints(z: Any, *outside: Any) -> Any:
        values, rest = [], list(outside)
        for one in active:
            own, rest = rest[: len(one.operands)], rest[len(one.operands) :]
            values.append(np.reshape(one.function(z, *own), (-1,)))
        return np.concatenate(values)

    return constraints


def _multipliers(name: str, slope: Any, normals: Any) -> Any:
    """The Lagrange multipliers: the coefficients of the constraints' gradients, the rows of `normals`."""
    if np.linalg.matrix_rank(normals) < len(normals):
        raise GradientError(
            f"more constraints are active at the minimum of {name} than are independent, so it has no derivative"
            + at_line()
        )
    return np.linalg.lstsq(normals.T, slope, rcond=None)[0]


# What SciPy's solvers are given --------------------------------------------------------------------------------------


def pairs_of(bounds: Any, n: int) -> Any:
    """Bounds as a pair for each unknown."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    low, high = (list(side) if np.ndim(side) else [side] * n for side in bounds)
    return list(zip(low, high, strict=True))


def constraints_of(constraints: Any) -> tuple[list[Any], list[tuple[str, Callback]]]:
    """The constraints as SciPy takes them, with plain values; and the kind and the function of each."""
    new = (scipy.optimize.LinearConstraint, scipy.optimize.NonlinearConstraint)
    given = [constraints] if isinstance(constraints, (dict, *new)) else list(constraints)
    plain: list[Any] = []
    callbacks: list[tuple[str, Callback]] = []
    for item in given:
        if isinstance(item, new):
            plain.append(_plain_constraint(item))
            callbacks += _between(item)
            continue
        if not isinstance(item, dict):
            raise RecordingError(
                "constraints are differentiated as dicts, {'type': 'ineq', 'fun': …}, as LinearConstraint and as "
                f"NonlinearConstraint, and not as {type(item).__name__}" + at_line()
            )
        callback = Callback(item["fun"], item.get("args", ()))
        callbacks.append((item["type"], callback))
        made = {**item, "fun": callback, "args": ()}
        if callable(item.get("jac")):
            made["jac"] = Callback(item["jac"], item.get("args", ()))
        plain.append(made)
    return plain, callbacks


def _plain_constraint(item: Any) -> Any:
    """A LinearConstraint or NonlinearConstraint as SciPy takes it, with plain values."""
    low, high = read_values(item.lb), read_values(item.ub)
    if isinstance(item, scipy.optimize.LinearConstraint):
        return scipy.optimize.LinearConstraint(read_values(item.A), low, high, item.keep_feasible)
    jac, hess = (Callback(x) if callable(x) else x for x in (item.jac, item.hess))
    options = (item.keep_feasible, item.finite_diff_rel_step, item.finite_diff_jac_sparsity)
    return scipy.optimize.NonlinearConstraint(Callback(item.fun), low, high, jac, hess, *options)


def _between(item: Any) -> list[tuple[str, Callback]]:
    """lb ≤ f(z) ≤ ub as equations and one-sided inequalities."""
    linear = isinstance(item, scipy.optimize.LinearConstraint)
    low, high = np.asarray(read_values(item.lb), float), np.asarray(read_values(item.ub), float)
    sides = [("eq", item.lb, 1.0, low == high), ("ineq", item.lb, 1.0, np.isfinite(low) & (low != high))]
    sides.append(("ineq", item.ub, -1.0, np.isfinite(high) & (low != high)))

    def one(limit: Any, sign: float, which: Any) -> Callback:
        def above(z: Any) -> Any:
            f = item.A @ z if linear else item.fun(z)
            away = sign * (f - limit)
            return np.reshape(away, (-1,))[np.broadcast_to(which, np.shape(away)).ravel()]

        return Callback(above)

    return [(kind, one(limit, sign, which)) for kind, limit, sign, which in sides if np.any(which)]
