"""Minima: the solver runs on plain values; the derivative follows from the optimality conditions at the solution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.scipy._callbacks import Callback
from chainrule.scipy.optimize.active import active_limits
from chainrule.scipy.optimize.conditions import constraints_of, every_operand, recorded_minimum
from chainrule.scipy.optimize.results import filled_fields, plain_callback, solution_of
from chainrule.standins.scipy_functions import read_values, twin


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
    f = Callback(fun, args, has_jacobian=jac is True)
    given, callbacks = constraints_of(constraints)
    result = scipy.optimize.minimize(
        f,
        read_values(x0),
        (),
        method,
        plain_callback(jac, args),
        plain_callback(hess, args),
        plain_callback(hessp, args),
        read_values(bounds),
        given,
        tol,
        callback,
        options,
    )
    return _recorded("minimize", result, f, bounds, callbacks)


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
    f = Callback(fun, args)
    result = scipy.optimize.minimize_scalar(f, read_values(bracket), read_values(bounds), (), method, tol, options)
    return _recorded("minimize_scalar", result, f, None if bounds is None else [bounds], [])


def _recorded(name: str, result: Any, f: Callback, bounds: Any, constraints: Sequence[tuple[str, Callback]]) -> Any:
    """The result of SciPy's with the recorded minimum."""
    x = solution_of(result.x)
    near = f.at(x)
    operands = f.operands()
    active = active_limits(near, x, operands, bounds, constraints)
    made = recorded_minimum(name, near, operands, x, active)
    fun = np.reshape(near(made, *operands), np.shape(result.fun))
    return filled_fields(name, result, every_operand(operands, active), x=made, fun=fun)
