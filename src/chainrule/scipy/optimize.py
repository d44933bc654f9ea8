"""Twins of scipy.optimize: the solver runs plain, and the derivative is taken at the solution.

A root has the derivative of the implicit function theorem; a minimum is a root of the gradient, or of the conditions of
Karush, Kuhn and Tucker with the bounds and constraints that are active. Starting points and brackets have none.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.array import Array, form_of, value_of
from chainrule.errors import GradientError, RecordingError
from chainrule.jacobians import jacobian
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback, implicit, unwatched, without_derivative
from chainrule.scipy.arguments import by_name, fixed
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import filled, read_values, twin, with_value, without_gradient
from chainrule.transforms import vjp

__all__: list[str] = []

without_gradient(scipy.optimize, "linear_sum_assignment quadratic_assignment")


def _numbers(x: Any) -> Any:
    """A solution as recorded steps take it: an array or a number of NumPy's."""
    return np.asarray(x, float)[()]


def _plain_callback(f: Any, args: Any) -> Any:
    """A derivative that the user gives to a solver: its plain values."""
    return Callback(f, args) if callable(f) else f


# Roots ---------------------------------------------------------------------------------------------------------------


def _root(name: str, f: Callback, x: Any, fixed_point: bool = False) -> Any:
    """The recorded root of f, near the one that SciPy has found."""
    x = _numbers(x)
    near = f.at(x)

    def residual(z: Any, *outside: Any) -> Any:
        value = near(z, *outside)
        return value - z if fixed_point else value

    return implicit(name, residual, x, f.operands())


def _bracketed(name: str) -> Callable[..., Any]:
    solver = getattr(scipy.optimize, name)

    def root(f: Any, a: Any, b: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
        options, callback = by_name(solver, 4, rest, options), Callback(f, args)
        result = solver(callback, read_values(a), read_values(b), **read_values(options))
        if options.get("full_output"):
            x = with_value(_root(name, callback, result[0]), result[0])
            return x, filled(result[1], root=x)
        return with_value(_root(name, callback, result), result)

    root.__name__ = name
    return twin(solver, adopts=False)(root)


for _name in "brentq brenth bisect ridder toms748".split():
    _bracketed(_name)


@twin(scipy.optimize.newton, adopts=False)
def newton(func: Any, x0: Any, fprime: Any = None, args: Any = (), *rest: Any, **options: Any) -> Any:
    options, callback = by_name(scipy.optimize.newton, 4, rest, options), Callback(func, args)
    options["fprime2"] = _plain_callback(options.get("fprime2"), args)
    result = scipy.optimize.newton(
        callback, read_values(x0), _plain_callback(fprime, args), **{k: read_values(x) for k, x in options.items()}
    )
    if options.get("full_output"):
        x = with_value(_root("newton", callback, result[0]), result[0])
        return (x, filled(result[1], root=x)) if np.ndim(result[0]) == 0 else (x, *result[1:])
    return with_value(_root("newton", callback, result), result)


@twin(scipy.optimize.root_scalar, adopts=False)
def root_scalar(f: Any, args: Any = (), method: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root_scalar, 3, rest, options)
    callback = Callback(f, args, has_jacobian=options.get("fprime") is True)
    given = {k: _plain_callback(x, args) if callable(x) else read_values(x) for k, x in options.items()}
    result = scipy.optimize.root_scalar(callback, method=method, **given)
    return filled(result, root=_root("root_scalar", callback, result.root))


@twin(scipy.optimize.fsolve, adopts=False)
def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0, *rest: Any, **options: Any
) -> Any:
    options, callback = by_name(scipy.optimize.fsolve, 5, rest, options), Callback(func, args)
    result = scipy.optimize.fsolve(
        callback, read_values(x0), (), _plain_callback(fprime, args), full_output, **read_values(options)
    )
    x = result[0] if full_output else result
    made = with_value(_root("fsolve", callback, x), x)
    if not full_output:
        return made
    return made, _filled("fsolve", result[1], callback.operands(), fvec=result[1]["fvec"]), *result[2:]


@twin(scipy.optimize.root, adopts=False)
def root(fun: Any, x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root, 5, rest, options)
    callback = Callback(fun, args, has_jacobian=jac is True)
    result = scipy.optimize.root(
        callback, read_values(x0), (), method, _plain_callback(jac, args), **read_values(options)
    )
    return _filled("root", result, callback.operands(), x=_root("root", callback, result.x), fun=result.fun)


@twin(scipy.optimize.fixed_point, adopts=False)
def fixed_point(func: Any, x0: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
    options, callback = by_name(scipy.optimize.fixed_point, 3, rest, options), Callback(func, args)
    result = scipy.optimize.fixed_point(callback, read_values(x0), (), **read_values(options))
    return with_value(_root("fixed_point", callback, result, fixed_point=True), result)


def _filled(name: str, result: Any, operands: list[Any], **fields: Any) -> Any:
    """A result of SciPy's with recorded fields, which keep SciPy's values.

    Its other arrays depend on the operands too, but their derivatives are not known.
    """
    made = copy.copy(result)
    for field, x in result.items():
        made[field] = _unknown(f"the {field} of {name}", x, operands)
    for field, x in fields.items():
        made[field] = with_value(x, result[field])
    return made


def _unknown(name: str, x: Any, operands: list[Any]) -> Any:
    """A part of a result whose derivative is not known."""
    if type(x) is list:
        return [_unknown(name, part, operands) for part in x]
    return without_derivative(name, x, operands) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x


# Minima --------------------------------------------------------------------------------------------------------------


def _gradient(f: Callable[..., Any], z: Any, *outside: Any) -> Any:
    """∂f/∂z of a scalar f."""
    value, pull = vjp(lambda z: f(z, *outside), z)
    seed = np.ones(np.shape(value))[()]
    return pull(seed)[0]


def _slope(f: Callable[..., Any], x: Any, operands: list[Any]) -> Any:
    """The plain value of ∂f/∂z at x."""
    with unwatched():
        return _gradient(f, x, *map(value_of, operands))


def _minimum(
    name: str, objective: Callable[..., Any], operands: list[Any], x: Any, active: list[tuple[Any, list[Any]]]
) -> Any:
    """The recorded minimum: a root of the gradient, or of the conditions with active constraints.

    Parameters
    ----------
    objective : a function of z and the operands.
    active : functions that are 0 at the minimum, of z and their own operands, and these operands.
    """
    shape, n = np.shape(x), int(np.size(x))
    count, others = len(operands), [len(mine) for _, mine in active]
    every = _operands(operands, active)
    if not every:
        return x
    if not active:
        return implicit(name, lambda z, *outside: _gradient(objective, z, *outside), x, every)

    def constraints(z: Any, *outside: Any) -> Any:
        rest, values = list(outside[count:]), []
        for (g, _), k in zip(active, others, strict=True):
            values.append(np.reshape(g(z, *rest[:k]), (-1,)))
            rest = rest[k:]
        return np.concatenate(values)

    plain = [value_of(x) for x in every]
    slope = np.reshape(_slope(objective, x, plain[:count]), (n,))
    with unwatched():
        normals = np.reshape(jacobian(lambda z: constraints(z, *plain))(x), (-1, n))
    if np.linalg.matrix_rank(normals) < len(normals):
        raise GradientError(
            f"more constraints are active at the minimum of {name} than are independent, so it has no derivative"
            + at_line()
        )
    multipliers = np.linalg.lstsq(normals.T, slope, rcond=None)[0]

    def conditions(both: Any, *outside: Any) -> Any:
        z, weights = np.reshape(both[:n], shape), both[n:]
        values, pull = vjp(lambda z: constraints(z, *outside), z)
        stationary = np.reshape(_gradient(objective, z, *outside[:count]) - pull(weights)[0], (n,))
        return np.concatenate([stationary, values])

    start = np.concatenate([np.reshape(x, (n,)), multipliers])
    return np.reshape(implicit(name, conditions, start, every)[:n], shape)


EXACT, NEAR = 1e-9, 1e-2
"""How far from a bound a solution is at it, and how far before it a method may end; relative to the solution."""


def _operands(operands: list[Any], active: list[tuple[Any, list[Any]]]) -> list[Any]:
    """What a minimum depends on: the operands of the objective, and those of the active constraints."""
    return [*operands, *(x for _, mine in active for x in mine)]


def _at_bounds(
    f: Callable[..., Any], x: Any, operands: list[Any], bounds: Any, within: float = NEAR
) -> list[tuple[Any, list[Any]]]:
    """The bounds at which a minimum of f is, as constraints: the gradient pushes against them.

    Some methods end before a bound: the minimum is at it where Newton's step along this axis leads beyond.
    """
    if bounds is None:
        return []
    plain = [value_of(part) for part in operands]
    with unwatched():
        slope, pull = vjp(lambda z: _gradient(f, z, *plain), x)
    directions = np.eye(np.size(x)).reshape(-1, *np.shape(x))
    if isinstance(bounds, scipy.optimize.Bounds):
        low, high = bounds.lb, bounds.ub
    else:
        low, high = [pair[0] for pair in bounds], [pair[1] for pair in bounds]
    found: list[tuple[Any, list[Any]]] = []
    flat, slope = np.reshape(x, (-1,)), np.reshape(slope, (-1,))
    for side, sign in ((low, 1.0), (high, -1.0)):
        side = list(np.broadcast_to(side, flat.shape)) if not isinstance(side, list | tuple) else side
        for i, limit in enumerate(side):
            if limit is None or not np.isfinite(value_of(limit)):
                continue
            gap, size = abs(flat[i] - value_of(limit)), max(1.0, abs(flat[i]))
            if gap > within * size or sign * slope[i] < 0:
                continue
            if gap > EXACT * size:
                with unwatched():
                    curvature = np.sum(pull(directions[i])[0] * directions[i])
                if curvature * gap >= abs(slope[i]):
                    continue
            found.append(_bound(i, limit))
    return found


def _bound(i: int, limit: Any) -> tuple[Any, list[Any]]:
    if type(limit) is Array:
        return (lambda z, limit: np.reshape(z, (-1,))[i] - limit), [limit]
    return (lambda z: np.reshape(z, (-1,))[i] - limit), []


def _constraints(constraints: Any) -> tuple[list[Any], list[tuple[str, Callback]]]:
    """The constraints as SciPy takes them, with plain values; and the kind and the function of each."""
    given = [constraints] if isinstance(constraints, dict) else list(constraints)
    plain: list[Any] = []
    callbacks: list[tuple[str, Callback]] = []
    for item in given:
        if not isinstance(item, dict):
            raise RecordingError(
                "constraints are differentiated as dicts: {'type': 'ineq', 'fun': …}, and not as "
                f"{type(item).__name__}" + at_line()
            )
        callback = Callback(item["fun"], item.get("args", ()))
        callbacks.append((item["type"], callback))
        made = {**item, "fun": callback, "args": ()}
        if callable(item.get("jac")):
            made["jac"] = Callback(item["jac"], item.get("args", ()))
        plain.append(made)
    return plain, callbacks


def _active(x: Any, callbacks: list[tuple[str, Callback]]) -> list[tuple[Any, list[Any]]]:
    """The constraints that are active at a minimum."""
    found: list[tuple[Any, list[Any]]] = []
    for kind, callback in callbacks:
        near = callback.at(x)
        value = np.reshape(np.asarray(value_of(near.result), float), (-1,))
        size = 1e-6 * np.maximum(1.0, np.max(np.abs(x), initial=0.0))
        places = [i for i, v in enumerate(value) if kind == "eq" or v <= size]
        if places:
            index = np.array(places)
            found.append((lambda z, *o, near=near, i=index: np.reshape(near(z, *o), (-1,))[i], callback.operands()))
    return found


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
    given, callbacks = _constraints(constraints)
    result = scipy.optimize.minimize(
        f,
        read_values(x0),
        (),
        method,
        _plain_callback(jac, args),
        _plain_callback(hess, args),
        _plain_callback(hessp, args),
        read_values(bounds),
        given,
        tol,
        callback,
        options,
    )
    x = _numbers(result.x)
    near = f.at(x)
    operands = f.operands()
    active = _active(x, callbacks)
    active += _at_bounds(near, x, operands, bounds, within=EXACT if active else NEAR)
    made = _minimum("minimize", near, operands, x, active)
    fun = np.reshape(near(made, *operands), np.shape(result.fun))
    return _filled("minimize", result, _operands(operands, active), x=made, fun=fun)


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
    x = _numbers(result.x)
    near = f.at(x)
    operands = f.operands()
    active = _at_bounds(near, x, operands, None if bounds is None else [bounds])
    made = _minimum("minimize_scalar", near, operands, x, active)
    fun = np.reshape(near(made, *operands), np.shape(result.fun))
    return _filled("minimize_scalar", result, _operands(operands, active), x=made, fun=fun)


# Least squares -------------------------------------------------------------------------------------------------------

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
    f = Callback(fun, args, kwargs)
    slopes = Callback(jac, args, kwargs) if callable(jac) else jac
    result = scipy.optimize.least_squares(f, read_values(x0), slopes, read_values(bounds), **read_values(options))
    x = _numbers(result.x)
    near = f.at(x)
    operands = f.operands()

    def cost(z: Any, *outside: Any) -> Any:
        return 0.5 * scale**2 * np.sum(LOSSES[loss]((near(z, *outside) / scale) ** 2))

    active = _at_bounds(cost, x, operands, _pairs(bounds, x.size))
    made = _minimum("least_squares", cost, operands, x, active)
    fields = {"x": made, "cost": cost(made, *operands), "fun": near(made, *operands)}
    return _filled("least_squares", result, _operands(operands, active), **fields)


def _pairs(bounds: Any, n: int) -> Any:
    """Bounds as a pair for each unknown."""
    if isinstance(bounds, scipy.optimize.Bounds):
        return bounds
    low, high = (list(side) if np.ndim(side) else [side] * n for side in bounds)
    return list(zip(low, high, strict=True))


@twin(scipy.optimize.leastsq, adopts=False)
def leastsq(
    func: Any, x0: Any, args: Any = (), Dfun: Any = None, full_output: Any = False, *rest: Any, **options: Any
) -> Any:
    f, options = Callback(func, args), read_values(by_name(scipy.optimize.leastsq, 5, rest, options))
    found = scipy.optimize.leastsq(f, read_values(x0), (), _plain_callback(Dfun, args), full_output, **options)
    x = _numbers(found[0])
    near, operands = f.at(x), f.operands()
    made = _minimum("leastsq", lambda z, *outside: 0.5 * np.sum(near(z, *outside) ** 2), operands, x, [])
    if not full_output:
        return with_value(made, found[0]), *found[1:]
    covariance = _unknown("the cov_x of leastsq", found[1], operands)
    info = _filled("leastsq", found[2], operands, fvec=near(made, *operands))
    return with_value(made, found[0]), covariance, info, *found[3:]


@twin(scipy.optimize.curve_fit, adopts=False)
def curve_fit(
    f: Any,
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: Any = None,
    bounds: Any = (-np.inf, np.inf),
    method: Any = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: Any = None,
    **options: Any,
) -> Any:
    if options.get("loss", "linear") != "linear":
        raise RecordingError("curve_fit has a derivative with loss='linear'; write least_squares" + at_line())
    xdata, ydata, sigma = map(_kept, (xdata, ydata, sigma))
    plain = Callback(f)
    plain_xdata = read_values(xdata)

    @functools.wraps(f)  # SciPy counts its parameters
    def model(*args: Any) -> Any:
        return plain(*args)

    result = scipy.optimize.curve_fit(
        model,
        plain_xdata,
        read_values(ydata),
        read_values(p0),
        read_values(sigma),
        absolute_sigma,
        check_finite,
        read_values(bounds),
        method,
        _plain_callback(jac, ()),
        full_output=full_output,
        nan_policy=nan_policy,
        **options,
    )
    p = _numbers(result[0])
    of_all = Callback(lambda p, x: f(x, *[p[i] for i in range(p.shape[0])]))
    near = of_all.at(p, np.asarray(plain_xdata, float))
    of_model = of_all.operands()
    measured = [x for x in (xdata, ydata, sigma) if type(x) is Array]

    def residuals(z: Any, *outside: Any) -> Any:
        given = iter(outside[len(of_model) :])
        x, y, s = (next(given) if type(part) is Array else part for part in (xdata, ydata, sigma))
        away = near(z, np.asarray(x, float) if type(x) is not Array else x, *outside[: len(of_model)]) - y
        if s is None:
            return away
        return away / s if np.ndim(s) <= 1 else np.linalg.solve(np.linalg.cholesky(s), away)

    def cost(z: Any, *outside: Any) -> Any:
        return 0.5 * np.sum(residuals(z, *outside) ** 2)

    operands = [*of_model, *measured]
    made = _minimum("curve_fit", cost, operands, p, _at_bounds(cost, p, operands, _pairs(bounds, p.size)))
    slopes = jacobian(lambda z: residuals(z, *operands))(made)
    covariance = np.linalg.inv(slopes.T @ slopes)
    if not absolute_sigma:
        covariance = covariance * (2 * cost(made, *operands) / (np.size(value_of(ydata)) - p.size))
    return (with_value(made, result[0]), with_value(covariance, result[1]), *result[2:])


def _kept(x: Any) -> Any:
    """Data as an array, which later writes do not change."""
    return joined(x) if isinstance(x, list | tuple) else x.copy() if isinstance(x, np.ndarray) else x


# Linear problems -----------------------------------------------------------------------------------------------------


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
    plain = [read_values(x) for x in given]
    result = scipy.optimize.linprog(*plain, read_values(bounds), method, **options)
    c, A_ub, b_ub, A_eq, b_eq = given
    if result.x is None:
        return result
    x, rows, limits = np.asarray(result.x), [], []
    if A_eq is not None:
        for i in range(len(plain[3])):
            rows.append(A_eq[i])
            limits.append(np.ravel(b_eq)[i])
    if A_ub is not None:
        slack = np.ravel(plain[2]) - np.asarray(plain[1]) @ x
        for i in map(int, np.flatnonzero(slack <= 1e-8 * np.maximum(1.0, np.abs(np.ravel(plain[2]))))):
            rows.append(A_ub[i])
            limits.append(np.ravel(b_ub)[i])
    pairs = [bounds] if bounds[0] is None or np.ndim(form_of(bounds[0])) == 0 else list(bounds)
    pairs = pairs * x.size if len(pairs) == 1 else pairs
    for i, pair in enumerate(pairs):
        for limit in pair:
            if limit is not None and abs(x[i] - value_of(limit)) <= 1e-9 * max(1.0, abs(x[i])):
                rows.append(np.eye(x.size)[i])
                limits.append(limit)
                break
    plain_rows = np.reshape([value_of(row) for row in rows], (len(rows), x.size))
    if len(rows) != x.size or np.linalg.matrix_rank(plain_rows) < x.size:
        raise GradientError(
            f"the solution of linprog has no derivative: {len(rows)} constraints are active for {x.size} unknowns; "
            "it is unique and regular where these are as many, and independent" + at_line()
        )
    prices = np.linalg.solve(plain_rows.T, plain[0])[0 if plain[3] is None else len(plain[3]) :]
    if np.any(np.abs(prices) <= 1e-9 * np.max(np.abs(plain[0]))):
        raise GradientError(
            "the solution of linprog has no derivative: it is not unique, another one has the same value" + at_line()
        )
    made = np.linalg.solve(np.stack(rows), np.stack(limits))
    every = [x for x in (c, A_ub, b_ub, A_eq, b_eq, *limits) if type(x) is Array]
    filled_result = _filled("linprog", result, every, x=made, fun=np.dot(c, made))
    for name in ("ineqlin", "eqlin", "lower", "upper"):  # the prices of the constraints, and what is left of them
        filled_result[name] = _filled(f"the {name} of linprog", result[name], every)
    return filled_result


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
