"""Minima, least squares and roots over trees of parameters, by SciPy's solvers with exact derivatives.

The solution is differentiable: by the implicit function theorem it has derivatives by whatever the function depends
on (`chainrule.scipy.optimize`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.argnums import needs_function
from chainrule.compile import compile as compiled_function
from chainrule.errors import GradientError
from chainrule.forks import imported
from chainrule.inputs import with_numpys_arrays
from chainrule.jacobians import hessian, hvp, jacobian
from chainrule.libraries import as_numpy
from chainrule.node import at_line
from chainrule.standins.scipy_functions import holds_recorded_values
from chainrule.transforms import value_and_grad
from chainrule.trees import ravel

__all__ = ["least_squares", "minimize", "root"]

HESSIANS = ("dogleg", "trust-exact")
PRODUCTS = ("newton-cg", "trust-ncg", "trust-krylov", "trust-constr")
"""Methods of scipy.optimize.minimize that take the Hessian, or its products with vectors."""


def minimize(
    f: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    method: str | None = None,
    bounds: tuple[Any, Any] | None = None,
    constraints: Sequence[dict[str, Any]] | dict[str, Any] = (),
    compile: bool = False,
    callback: Callable[[Any], Any] | None = None,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """The minimum of f, as `scipy.optimize.minimize`, over any tree of arrays, with exact derivatives.

    Parameters
    ----------
    f : a function `f(x, *args)` that returns a scalar.
    x0 : where to start: an array, or nested tuples, lists, dicts and dataclasses of arrays. Arrays of other libraries
        become NumPy's.
    method : one of SciPy's methods. It is given the gradient, the Hessian, or products with it, as it needs.
    bounds : a pair of trees like x0, or of numbers, None for no bound: `(lower, upper)`.
    constraints : dicts of `"type"` (`"eq"`, `"ineq"`), `"fun"` and `"args"`, as SciPy's; `fun` takes trees.
    compile : whether f and its derivatives are compiled (`cr.compile`).
    callback : called with the tree after each iteration.

    Returns SciPy's OptimizeResult, in which `x` and `jac` are trees like x0.

    >>> import numpy as np, chainrule as cr
    >>> def loss(p, scale):
    ...     return np.sum((p["w"] - 1.0) ** 2) + scale * (p["b"] - p["w"][0]) ** 4
    >>> result = cr.minimize(loss, {"w": np.zeros(2), "b": 3.0}, (1.0,), method="trust-exact")
    >>> result.x["w"].round(3)
    array([1., 1.])

    The minimum has derivatives by what the function depends on:

    >>> cr.grad(lambda a: cr.minimize(lambda x: (x - a**2) ** 2, 0.5).x)(3.0).round(6)
    np.float64(6.0)
    """
    needs_function(f, "minimize")
    (x0, args), _ = with_numpys_arrays((x0, args), {})
    vector, unravel = ravel(x0)

    def of_vector(v: Any) -> Any:
        return f(unravel(v), *args)

    chosen = (method or "").lower()
    recorded = holds_recorded_values((f, x0, args, bounds, constraints))
    made = _unchanged if recorded else _for_scipy(compile)
    derivatives: dict[str, Any] = {"jac": True}
    if chosen in HESSIANS:
        derivatives["hess"] = made(hessian(of_vector))
    elif chosen in PRODUCTS:
        derivatives["hessp"] = made(hvp(of_vector))
    result = _solver("minimize", recorded)(
        made(value_and_grad(of_vector)),
        vector,
        method=method,
        bounds=_bounds(bounds, x0, vector),
        constraints=_constraints(constraints, unravel, made),
        tol=tol,
        callback=None if callback is None else lambda v: callback(unravel(v)),
        options=options,
        **derivatives,
    )
    return _as_trees(result, unravel, "x", "jac")


def least_squares(
    f: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    bounds: tuple[Any, Any] | None = None,
    compile: bool = False,
    **options: Any,
) -> Any:
    """The minimum of the sum of squares of f's entries, as `scipy.optimize.least_squares`, over any tree of arrays.

    Parameters
    ----------
    f : a function `f(x, *args)` that returns an array or a tree of arrays: the residuals.
    x0, bounds, compile : as of `minimize`.
    options : SciPy's: method, loss, f_scale, ….

    Returns SciPy's OptimizeResult, in which `x` is a tree like x0.

    >>> import numpy as np, chainrule as cr
    >>> t = np.linspace(0, 1, 5)
    >>> result = cr.least_squares(lambda p: p["a"] * np.exp(-p["k"] * t) - 2 * np.exp(-3 * t), {"a": 1.0, "k": 1.0})
    >>> round(float(result.x["a"]), 6), round(float(result.x["k"]), 6)
    (2.0, 3.0)
    """
    needs_function(f, "least_squares")
    (x0, args), _ = with_numpys_arrays((x0, args), {})
    vector, unravel = ravel(x0)

    def residuals(v: Any) -> Any:
        return ravel(f(unravel(v), *args))[0]

    recorded = holds_recorded_values((f, x0, args, bounds))
    made = _unchanged if recorded else _for_scipy(compile)
    limits = _bounds(bounds, x0, vector)
    result = _solver("least_squares", recorded)(
        made(residuals),
        vector,
        jac=made(jacobian(residuals)),
        bounds=(-np.inf, np.inf) if limits is None else (limits.lb, limits.ub),
        **options,
    )
    return _as_trees(result, unravel, "x", "grad")


def root(
    f: Callable[..., Any],
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    method: str = "hybr",
    compile: bool = False,
    tol: float | None = None,
    options: dict[str, Any] | None = None,
) -> Any:
    """A root of f, as `scipy.optimize.root`, over any tree of arrays, with the exact Jacobian.

    Parameters
    ----------
    f : a function `f(x, *args)` that returns as many numbers as x has, in any tree.
    x0, compile : as of `minimize`.
    method : `"hybr"` or `"lm"`, which take the Jacobian, or another one of SciPy's.

    Returns SciPy's OptimizeResult, in which `x` is a tree like x0.

    >>> import numpy as np, chainrule as cr
    >>> result = cr.root(lambda p: {"u": p["x"] ** 2 - 2.0, "v": p["y"] - p["x"]}, {"x": 1.0, "y": 0.0})
    >>> round(float(result.x["y"]), 9)
    1.414213562
    """
    needs_function(f, "root")
    (x0, args), _ = with_numpys_arrays((x0, args), {})
    vector, unravel = ravel(x0)

    def of_vector(v: Any) -> Any:
        return ravel(f(unravel(v), *args))[0]

    recorded = holds_recorded_values((f, x0, args))
    made = _unchanged if recorded else _for_scipy(compile)
    slopes = made(jacobian(of_vector)) if method in ("hybr", "lm") else None
    result = _solver("root", recorded)(made(of_vector), vector, jac=slopes, method=method, tol=tol, options=options)
    return _as_trees(result, unravel, "x")


def _unchanged(f: Callable[..., Any]) -> Callable[..., Any]:
    return f


def _for_scipy(compile: bool) -> Callable[..., Any]:
    """A function that wraps f so that its results are NumPy arrays, even if f uses arrays of another library."""

    def made(f: Callable[..., Any]) -> Callable[..., Any]:
        if compile:
            return compiled_function(f)

        def called(*args: Any) -> Any:
            found = f(*args)
            return tuple(map(as_numpy, found)) if isinstance(found, tuple) else as_numpy(found)

        return called

    return made


def _solver(name: str, recorded: bool) -> Callable[..., Any]:
    """SciPy's solver, or its twin where the problem depends on recorded values."""
    return getattr(imported("chainrule.scipy.optimize" if recorded else "scipy.optimize"), name)


def _bounds(bounds: tuple[Any, Any] | None, x0: Any, vector: Any) -> Any:
    if bounds is None:
        return None
    if not isinstance(bounds, tuple | list) or len(bounds) != 2:
        raise GradientError("bounds is a pair (lower, upper) of numbers or of trees like x0" + at_line())
    sides = []
    for side, nothing in zip(bounds, (-np.inf, np.inf), strict=True):
        side = nothing if side is None else side
        limits = side if np.isscalar(side) or side is x0 else ravel(side)[0]
        if np.shape(limits) not in ((), vector.shape):
            raise GradientError(
                f"a bound has {np.size(limits)} numbers, x0 has {vector.size}: give a number, or a tree like x0"
                + at_line()
            )
        sides.append(limits)
    return imported("scipy.optimize").Bounds(*sides)


def _constraints(constraints: Any, unravel: Any, made: Any) -> list[dict[str, Any]]:
    """Constraints of trees as constraints of vectors, with their Jacobians."""
    found = []
    for item in [constraints] if isinstance(constraints, dict) else constraints:
        args = item.get("args", ())

        def of_vector(v: Any, fun: Any = item["fun"], args: Any = args) -> Any:
            return ravel(fun(unravel(v), *args))[0]

        found.append({"type": item["type"], "fun": made(of_vector), "jac": made(jacobian(of_vector))})
    return found


def _as_trees(result: Any, unravel: Any, *names: str) -> Any:
    """SciPy's result with its vectors as trees. Some methods leave a field out, or store something else in it."""
    shape = np.shape(result["x"])
    for name in names:
        if name in result and np.shape(result[name]) == shape:
            result[name] = unravel(result[name])
    return result
