"""Minima: the solver runs on plain values; the derivative follows from the optimality conditions at the solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.scipy._callbacks import Callback
from chainrule.scipy._solving import Solving
from chainrule.scipy.optimize.active import active_bounds, active_limits
from chainrule.scipy.optimize.conditions import constraints_of, every_operand, recorded_minimum
from chainrule.scipy.optimize.results import filled_fields, solution_of
from chainrule.standins.scipy_functions import holds_recorded_values, read_values, twin


@twin(scipy.optimize.minimize, adopts=False)
def minimize(
    fun: Any,
    x0: Any,
    args: Any = (),
    method: Any = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: Any = None,
    callback: Any = None,
    options: Any = None,
) -> Any:
    plain, constrained = constraints_of(constraints)
    slopes = {"jac": jac, "hess": hess, "hessp": hessp}
    names = [name for name, x in slopes.items() if callable(x)]
    callbacks = [Callback(fun, args, has_jacobian=jac is True), *(Callback(slopes[name], args) for name in names)]
    limits = read_values(bounds)

    def solve(callbacks: Any, given: Any) -> Any:
        x0, slopes, options = given
        slopes = {**slopes, **dict(zip(names, callbacks[1:], strict=True))}
        return scipy.optimize.minimize(
            callbacks[0], x0, (), bounds=limits, constraints=plain, callback=callback, **slopes, **options
        )

    others = {name: x for name, x in slopes.items() if name not in names}
    solving = Solving(solve, callbacks, (x0, others, {"method": method, "tol": tol, "options": options}))
    repeats = not holds_recorded_values(bounds) and not plain and callback is None and hessp is None
    return _recorded("minimize", solving, bounds, constrained, repeats)


@twin(scipy.optimize.minimize_scalar, adopts=False)
def minimize_scalar(
    fun: Any,
    bracket: Any = None,
    bounds: Any = None,
    args: Any = (),
    method: Any = None,
    tol: Any = None,
    options: Any = None,
) -> Any:

    def solve(callbacks: Any, given: Any) -> Any:
        bracket, bounds, options = given
        return scipy.optimize.minimize_scalar(callbacks[0], bracket, bounds, (), *options)

    solving = Solving(solve, [Callback(fun, args)], (bracket, bounds, (method, tol, options)))
    limits = None if bounds is None else [bounds]
    return _recorded("minimize_scalar", solving, limits, [], repeats=not holds_recorded_values(bounds))


def _recorded(
    name: str, solving: Solving, bounds: Any, constraints: Sequence[tuple[str, Callback]], repeats: bool
) -> Any:
    """The result of SciPy's with the recorded minimum. `repeats` if SciPy may solve again: only bounds can act."""

    def solution(result: Any) -> Any:
        return solution_of(result.x)

    result = solving.result
    x = solution(result)
    near = solving.settle(x, solution, repeats)
    operands = solving.operands
    if bounds is not None:
        solving.guard_part(f"{name}_active", lambda r, plain: active_bounds(near, solution(r), plain, bounds))
    active = active_limits(near, x, operands, bounds, constraints)
    made = recorded_minimum(name, near, operands, x, active, solving.again(solution))
    solving.guard(made)
    fun = np.reshape(near(made, *operands), np.shape(result.fun))
    return filled_fields(name, result, every_operand(operands, active), solving, x=made, fun=fun)
