"""The equations that a minimum solves: the gradient is 0, or the Karush-Kuhn-Tucker conditions hold.

The latter are for minima at which bounds or constraints are active.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.array import Array, value_of
from chainrule.errors import GradientError, RecordingError
from chainrule.jacobians import jacobian
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback, implicit, unwatched
from chainrule.standins.scipy_functions import read_values
from chainrule.transforms import vjp

__all__ = [
    "EXACT",
    "NEAR",
    "active_bounds",
    "active_constraints",
    "constraints_of",
    "every_operand",
    "pairs_of",
    "recorded_minimum",
]


EXACT, NEAR = 1e-9, 1e-2
"""Relative distances: up to EXACT a solution is at the bound; up to NEAR a method may have stopped before it."""


@dataclass(frozen=True)
class Active:
    """A bound or a constraint that is active at a minimum: a function of z and of its operands, which is 0 there."""

    function: Callable[..., Any]
    operands: list[Any]


def every_operand(operands: list[Any], active: Sequence[Active]) -> list[Any]:
    """All operands that a minimum depends on: those of the objective and of the active constraints."""
    return [*operands, *(x for one in active for x in one.operands)]


def recorded_minimum(
    name: str, objective: Callable[..., Any], operands: list[Any], x: Any, active: Sequence[Active]
) -> Any:
    """The recorded minimum of an objective, which is a function of z and the operands: the root of its conditions."""
    every = every_operand(operands, active)
    if not every:
        return x
    if not active:
        return implicit(name, lambda z, *outside: _gradient(objective, z, *outside), x, every)
    shape, n, count = np.shape(x), int(np.size(x)), len(operands)
    constraints = _together(active)

    def conditions(both: Any, *outside: Any) -> Any:
        z, weights = np.reshape(both[:n], shape), both[n:]
        values, pull = vjp(lambda z: constraints(z, *outside[count:]), z)
        stationary = np.reshape(_gradient(objective, z, *outside[:count]) - pull(weights)[0], (n,))
        return np.concatenate([stationary, values])

    plain = [value_of(part) for part in every]
    with unwatched():
        slope = np.reshape(_gradient(objective, x, *plain[:count]), (n,))
        normals = np.reshape(jacobian(lambda z: constraints(z, *plain[count:]))(x), (-1, n))
    start = np.concatenate([np.reshape(x, (n,)), _multipliers(name, slope, normals)])
    return np.reshape(implicit(name, conditions, start, every)[:n], shape)


def _gradient(f: Callable[..., Any], z: Any, *outside: Any) -> Any:
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


# Which bounds and constraints are active -----------------------------------------------------------------------------


def active_bounds(
    f: Callable[..., Any], x: Any, operands: list[Any], bounds: Any, within: float = NEAR
) -> list[Active]:
    """The bounds at which a minimum of f is: the gradient pushes against them.

    Some methods stop before a bound. The minimum is at the bound if Newton's step along this axis leads beyond it.
    """
    if bounds is None:
        return []
    plain, flat = [value_of(part) for part in operands], np.reshape(x, (-1,))
    with unwatched():
        slope, pull = vjp(lambda z: _gradient(f, z, *plain), x)
    slope = np.reshape(slope, (-1,))

    def curvature(i: int) -> Any:
        direction = np.reshape(np.eye(1, flat.size, i), np.shape(x))
        with unwatched():
            return np.sum(pull(direction)[0] * direction)

    def is_active(i: int, limit: Any, sign: float) -> bool:
        if limit is None or not np.isfinite(value_of(limit)):
            return False
        gap, size = abs(flat[i] - value_of(limit)), max(1.0, abs(flat[i]))
        if gap > within * size or sign * slope[i] < 0:
            return False
        return gap <= EXACT * size or not curvature(i) * gap >= abs(slope[i])

    return [
        _at_limit(i, limit)
        for side, sign in zip(_sides(bounds, flat.size), (1.0, -1.0), strict=True)
        for i, limit in enumerate(side)
        if is_active(i, limit, sign)
    ]


def _sides(bounds: Any, n: int) -> list[Any]:
    """The lower and the upper bounds, one for each unknown."""
    if isinstance(bounds, scipy.optimize.Bounds):
        both = [bounds.lb, bounds.ub]
    else:
        both = [[pair[side] for pair in bounds] for side in (0, 1)]
    return [side if isinstance(side, list | tuple) else list(np.broadcast_to(side, (n,))) for side in both]


def _at_limit(i: int, limit: Any) -> Active:
    if type(limit) is Array:
        return Active(lambda z, limit: np.reshape(z, (-1,))[i] - limit, [limit])
    return Active(lambda z: np.reshape(z, (-1,))[i] - limit, [])


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


def active_constraints(
    f: Callable[..., Any], x: Any, operands: list[Any], callbacks: Sequence[tuple[str, Callback]]
) -> list[Active]:
    """The constraints that are active at a minimum of f.

    Some methods stop before a constraint. It is active if Newton's step leads beyond it.
    """
    size = np.maximum(1.0, np.max(np.abs(x), initial=0.0))
    every = []
    for kind, callback in callbacks:
        near = callback.at(x)
        value = np.reshape(np.asarray(value_of(near.result), float), (-1,))
        every.append((callback, near, value, np.full(value.shape, kind == "eq")))
    if not every:
        return []
    values, equal = (np.concatenate([one[k] for one in every]) for k in (2, 3))
    active = equal | (values <= 1e-6 * size)
    beside = ~active & (values <= NEAR * size)
    if np.any(beside):
        active |= beside & _are_pushed(
            f, x, operands, [near for _, near, _, _ in every], values, active | beside, equal
        )
    found: list[Active] = []
    for callback, near, value, _ in every:
        own, active = active[: value.size], active[value.size :]
        if np.any(own):
            index = np.flatnonzero(own)
            found.append(
                Active(lambda z, *o, near=near, i=index: np.reshape(near(z, *o), (-1,))[i], callback.operands())
            )
    return found


def _are_pushed(
    f: Callable[..., Any], x: Any, operands: list[Any], constraints: list[Any], values: Any, among: Any, equal: Any
) -> Any:
    """For each near constraint, whether the gradient pushes against it."""
    plain = [value_of(part) for part in operands]

    def together(z: Any) -> Any:
        own = [near(z, *map(value_of, map(Array, near.inputs[1:]))) for near in constraints]
        return np.concatenate([np.reshape(part, (-1,)) for part in own])

    with unwatched():
        slope, pull = vjp(lambda z: _gradient(f, z, *plain), x)
        normals = np.reshape(jacobian(together)(x), (len(values), -1))
    places, slope = np.flatnonzero(among), np.reshape(slope, (-1,))
    free = [-normals[i] for i in places if equal[i]]
    weights = scipy.optimize.nnls(np.stack([*normals[places], *free], axis=1), slope)[0]
    pushed = np.zeros(len(values), bool)
    for i, weight in zip(places, weights, strict=False):
        normal = np.reshape(normals[i], np.shape(x))
        with unwatched():
            curvature = np.sum(pull(normal)[0] * normal)
        pushed[i] = weight > 0 and not curvature * values[i] >= weight * np.sum(normal**2) ** 2
    return pushed
