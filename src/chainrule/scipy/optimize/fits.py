"""Least squares and curves fitted by them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.array import Array, form_of
from chainrule.errors import RecordingError
from chainrule.jacobians import jacobian
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback
from chainrule.scipy._solving import Solving
from chainrule.scipy.arguments import by_name, fixed
from chainrule.scipy.optimize.active import active_bounds, active_limits
from chainrule.scipy.optimize.conditions import every_operand, pairs_of, recorded_minimum
from chainrule.scipy.optimize.results import filled_fields, plain_callback, solution_of, without_known_derivative
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import holds_recorded_values, read_values, twin, with_value

LOSSES: dict[str, Callable[[Any], Any]] = {
    "linear": lambda z: z,
    "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
    "huber": lambda z: np.where(z <= 1, z, 2 * np.sqrt(np.where(z <= 1, 1.0, z)) - 1),
    "cauchy": lambda z: np.log1p(z),
    "arctan": lambda z: np.arctan(z),
}
"""SciPy's loss functions of a squared residual."""


@twin(scipy.optimize.least_squares, adopts=False)
def least_squares(
    fun: Any, x0: Any, jac: Any = "2-point", bounds: Any = (-np.inf, np.inf), *rest: Any, **options: Any
) -> Any:
    options = by_name(scipy.optimize.least_squares, 4, rest, options)
    args, kwargs = options.pop("args", ()), options.pop("kwargs", None)
    loss, scale = options.get("loss", "linear"), fixed(options.get("f_scale", 1.0), "the f_scale of least_squares")
    if callable(loss):
        raise RecordingError(f"least_squares is differentiated with a loss of {', '.join(LOSSES)}" + at_line())
    callbacks = [Callback(fun, args, kwargs), *([Callback(jac, args, kwargs)] if callable(jac) else [])]
    limits = read_values(bounds)

    def solve(callbacks: Any, given: Any) -> Any:
        x0, slopes, options = given
        return scipy.optimize.least_squares(callbacks[0], x0, *(callbacks[1:] or [slopes]), limits, **options)

    solving = Solving(solve, callbacks, (x0, None if callable(jac) else jac, options))
    result = solving.result
    x = solution_of(result.x)
    near = solving.settle(x, _solution, not holds_recorded_values(bounds))
    operands = solving.operands

    def cost(z: Any, *outside: Any) -> Any:
        return 0.5 * scale**2 * np.sum(LOSSES[loss]((near(z, *outside) / scale) ** 2))

    pairs = pairs_of(bounds, x.size)
    solving.guard_part("least_squares_active", lambda r, plain: active_bounds(cost, _solution(r), plain, pairs))
    active = active_limits(cost, x, operands, pairs)
    made = recorded_minimum("least_squares", cost, operands, x, active, solving.again(_solution))
    solving.guard(made)
    fields = {"x": made, "cost": cost(made, *operands), "fun": near(made, *operands)}
    return filled_fields("least_squares", result, every_operand(operands, active), solving, **fields)


def _solution(result: Any) -> Any:
    return solution_of(result.x)


@twin(scipy.optimize.leastsq, adopts=False)
def leastsq(
    func: Any, x0: Any, args: Any = (), Dfun: Any = None, full_output: Any = False, *rest: Any, **options: Any
) -> Any:
    f, options = Callback(func, args), read_values(by_name(scipy.optimize.leastsq, 5, rest, options))
    found = scipy.optimize.leastsq(f, read_values(x0), (), plain_callback(Dfun, args), full_output, **options)
    x = solution_of(found[0])
    near, operands = f.at(x), f.operands()
    made = recorded_minimum("leastsq", lambda z, *outside: 0.5 * np.sum(near(z, *outside) ** 2), operands, x, [])
    if not full_output:
        return with_value(made, found[0]), *found[1:]
    covariance = without_known_derivative("the cov_x of leastsq", found[1], operands)
    info = filled_fields("leastsq", found[2], operands, fvec=near(made, *operands))
    return with_value(made, found[0]), covariance, info, *found[3:]


@twin(scipy.optimize.curve_fit, adopts=False)
def curve_fit(
    f: Any,
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    *rest: Any,
    **options: Any,
) -> Any:
    options = by_name(scipy.optimize.curve_fit, 6, rest, options)
    if options.get("loss", "linear") != "linear":
        raise RecordingError("curve_fit has a derivative with loss='linear'; write least_squares" + at_line())
    xdata, ydata, sigma = map(_kept, (xdata, ydata, sigma))
    plain = [read_values(x) for x in (xdata, ydata, p0, sigma)]
    how = read_values(options) | {"jac": plain_callback(options.get("jac"), ())}
    result = scipy.optimize.curve_fit(_plain_model(f), *plain, absolute_sigma, **how)
    p = solution_of(result[0])
    of_all = Callback(lambda p, x: f(x, *[p[i] for i in range(p.shape[0])]))
    near = of_all.at(p, np.asarray(plain[0], float))
    of_model = of_all.operands()
    measured = [x for x in (xdata, ydata, sigma) if type(x) is Array]

    def residuals(z: Any, *outside: Any) -> Any:
        given = iter(outside[len(of_model) :])
        x, y, s = (next(given) if type(part) is Array else part for part in (xdata, ydata, sigma))
        x = x if type(x) is Array else np.asarray(x, float)
        return _by_deviations(near(z, x, *outside[: len(of_model)]) - y, s)

    def cost(z: Any, *outside: Any) -> Any:
        return 0.5 * np.sum(residuals(z, *outside) ** 2)

    operands = [*of_model, *measured]
    bounds = pairs_of(options.get("bounds", (-np.inf, np.inf)), p.size)
    made = recorded_minimum("curve_fit", cost, operands, p, active_limits(cost, p, operands, bounds))
    slopes = jacobian(lambda z: residuals(z, *operands))(made)
    covariance = np.linalg.inv(slopes.T @ slopes)
    if not absolute_sigma:
        covariance = covariance * (2 * cost(made, *operands) / (np.size(form_of(ydata)) - p.size))
    return (with_value(made, result[0]), with_value(covariance, result[1]), *result[2:])


def _kept(x: Any) -> Any:
    """Data as a copied array, which later writes cannot change."""
    return joined(x) if isinstance(x, list | tuple) else x.copy() if isinstance(x, np.ndarray) else x


def _plain_model(f: Any) -> Any:
    """The model on plain values, with its signature: SciPy counts the parameters."""
    plain = Callback(f)

    @functools.wraps(f)
    def model(*args: Any) -> Any:
        return plain(*args)

    return model


def _by_deviations(residuals: Any, sigma: Any) -> Any:
    """Residuals divided by their standard deviations; `sigma` may be a covariance matrix instead."""
    if sigma is None:
        return residuals
    return residuals / sigma if np.ndim(sigma) <= 1 else np.linalg.solve(np.linalg.cholesky(sigma), residuals)
