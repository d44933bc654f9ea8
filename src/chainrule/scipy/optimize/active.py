"""Which bounds and constraints are active at a minimum: those against which the objective's gradient pushes.

Their Lagrange multipliers say so, those of bounds and constraints together: at the best portfolio whose weights sum to
1, a weight may stay at 0 although the objective itself would grow with it, because others gain more.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.array import Array, value_of
from chainrule.jacobians import jacobian
from chainrule.scipy._callbacks import Callback, unwatched
from chainrule.scipy.optimize.conditions import Active, gradient_of
from chainrule.standins.scipy_functions import plain_values
from chainrule.transforms import vjp

__all__ = ["active_bounds", "active_limits"]


EXACT, NEAR = 1e-9, 1e-2
"""Relative distances: up to EXACT a solution is at the bound; up to NEAR a method may have stopped before it."""


@dataclass(frozen=True)
class Limit:
    """A bound, or an entry of a constraint: 0 at the limit and positive inside.

    Attributes
    ----------
    function : of z and of the operands; the limit is an entry of its result, that at `place`.
    value : that of the entry at the minimum.
    normal : its gradient by z there.
    equal : whether it is an equation.
    bound : for a bound, its side (0 is below) and the place of the unknown; else None.
    is_at : whether the minimum is at the limit, by its distance.
    """

    function: Callable[..., Any]
    operands: list[Any]
    place: int
    value: float
    normal: Any
    equal: bool
    bound: tuple[int, int] | None
    is_at: bool

    @property
    def is_bound(self) -> bool:
        return self.bound is not None


def active_limits(
    f: Callable[..., Any],
    x: Any,
    operands: list[Any],
    bounds: Any = None,
    callbacks: Sequence[tuple[str, Callback]] = (),
) -> list[Active]:
    """The bounds and constraints that are active at a minimum x of f, a function of z and the operands.

    Some methods stop before a limit. It is active if Newton's step towards it leads beyond it.
    """
    firm = _firm_limits(f, x, operands, [*_near_constraints(x, callbacks), *_near_bounds(x, bounds)])
    return [_entries(list(group)) for _, group in itertools.groupby(firm, key=lambda limit: limit.function)]


def active_bounds(f: Callable[..., Any], x: Any, operands: list[Any], bounds: Any) -> np.ndarray:
    """Which bounds are active: truths in two rows, of lower and of upper bounds."""
    found = np.zeros((2, np.size(x)), bool)
    for limit in _firm_limits(f, x, operands, [*_near_bounds(x, bounds)]):
        assert limit.bound is not None
        found[limit.bound] = True
    return found


def _firm_limits(f: Callable[..., Any], x: Any, operands: list[Any], limits: list[Limit]) -> list[Limit]:
    """Of the limits near a minimum, those that are active."""
    firm = [limit for limit in limits if limit.equal or (limit.is_at and not limit.is_bound)]
    return _pushed(f, x, operands, limits) if len(firm) < len(limits) else firm


def _entries(limits: list[Limit]) -> Active:
    """Limits of one function."""
    function, places = limits[0].function, np.array([limit.place for limit in limits])
    return Active(lambda z, *o: np.reshape(function(z, *o), (-1,))[places], limits[0].operands)


def _near_constraints(x: Any, callbacks: Sequence[tuple[str, Callback]]) -> Iterator[Limit]:
    size = np.maximum(1.0, np.max(np.abs(x), initial=0.0))
    for kind, callback in callbacks:
        near, equal = callback.at(x), kind == "eq"
        values = np.reshape(np.asarray(value_of(near.result), float), (-1,))
        places = np.flatnonzero(equal | (values <= NEAR * size))
        if not places.size:
            continue
        operands = callback.operands()
        plain = [value_of(x) for x in operands]
        with unwatched():
            normals = jacobian(lambda z, near=near, plain=plain: np.reshape(near(z, *plain), (-1,)))(x)
        for i in places:
            normal, is_at = np.reshape(normals[i], (-1,)), bool(values[i] <= 1e-6 * size)
            yield Limit(near, operands, int(i), values[i], normal, equal, bound=None, is_at=is_at)


def _near_bounds(x: Any, bounds: Any) -> Iterator[Limit]:
    if bounds is None:
        return
    flat = np.reshape(x, (-1,))
    for which, (side, sign) in enumerate(zip(_sides(bounds, flat.size), (1.0, -1.0), strict=True)):
        for i, limit in enumerate(side):
            if limit is None or not np.isfinite(value_of(limit)):
                continue
            away: Callable[..., Any]
            gap, size = abs(flat[i] - value_of(limit)), max(1.0, abs(flat[i]))
            if gap > NEAR * size:
                continue
            if type(limit) is Array:
                away, operands = lambda z, limit, i=i, sign=sign: sign * (np.reshape(z, (-1,))[i] - limit), [limit]
            else:
                away, operands = lambda z, i=i, sign=sign, limit=limit: sign * (np.reshape(z, (-1,))[i] - limit), []
            normal = sign * np.eye(1, flat.size, i)[0]
            yield Limit(away, operands, 0, gap, normal, False, (which, i), gap <= EXACT * size)


def _sides(bounds: Any, n: int) -> list[Any]:
    """The lower and the upper bounds, one for each unknown."""
    if isinstance(bounds, scipy.optimize.Bounds):
        both = [bounds.lb, bounds.ub]
    else:
        both = [[pair[side] for pair in bounds] for side in (0, 1)]
    return [side if isinstance(side, list | tuple) else list(np.broadcast_to(side, (n,))) for side in both]


def _pushed(f: Callable[..., Any], x: Any, operands: list[Any], limits: list[Limit]) -> list[Limit]:
    """The limits that are active: constraints at which the minimum is, and bounds that nothing leads away from."""
    plain = plain_values(operands)
    with unwatched():
        slope, pull = vjp(lambda z: gradient_of(f, z, *plain), x)
    slope = np.reshape(slope, (-1,))
    multipliers = _multipliers(slope, limits)
    left = slope - sum(m * limit.normal for m, limit in zip(multipliers, limits, strict=True))

    def is_active(limit: Limit, multiplier: Any) -> bool:
        if limit.equal or (limit.is_at and (multiplier > 0 or not limit.is_bound)):
            return True
        if not multiplier > 0:
            return False
        normal = np.reshape(limit.normal, np.shape(x))
        with unwatched():
            curvature = np.sum(pull(normal)[0] * normal)
        return not curvature * limit.value >= multiplier * np.sum(normal**2) ** 2

    found = [limit for limit, m in zip(limits, multipliers, strict=True) if is_active(limit, m)]
    for limit in limits:
        if limit.is_bound and limit.is_at and left @ limit.normal >= 0 and not any(limit is one for one in found):
            normals = np.stack([*(one.normal for one in found), limit.normal])
            if np.linalg.matrix_rank(normals) == len(normals):
                found.append(limit)
    return found


def _multipliers(slope: Any, limits: list[Limit]) -> Any:
    """Numbers by which the limits' normals sum to the gradient; only those of equations may be negative."""
    normals = np.stack([limit.normal for limit in limits])
    if all(limit.is_bound for limit in limits):
        return np.maximum(normals @ slope, 0.0)
    equal = np.array([limit.equal for limit in limits])
    found = scipy.optimize.nnls(np.concatenate([normals, -normals[equal]]).T, slope)[0]
    multipliers = found[: len(limits)].copy()
    multipliers[equal] -= found[len(limits) :]
    return multipliers
