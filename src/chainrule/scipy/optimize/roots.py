"""Roots and fixed points: their derivatives follow from the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.scipy._callbacks import Callback, implicit
from chainrule.scipy.arguments import by_name
from chainrule.scipy.optimize.results import filled_fields, plain_callback, solution_of
from chainrule.standins.scipy_functions import filled, read_values, twin, with_value


def _root(name: str, f: Callback, x: Any, fixed_point: bool = False) -> Any:
    """The recorded root of f, near the one that SciPy has found."""
    x = solution_of(x)
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
    options["fprime2"] = plain_callback(options.get("fprime2"), args)
    result = scipy.optimize.newton(
        callback, read_values(x0), plain_callback(fprime, args), **{k: read_values(x) for k, x in options.items()}
    )
    if options.get("full_output"):
        x = with_value(_root("newton", callback, result[0]), result[0])
        return (x, filled(result[1], root=x)) if np.ndim(result[0]) == 0 else (x, *result[1:])
    return with_value(_root("newton", callback, result), result)


@twin(scipy.optimize.root_scalar, adopts=False)
def root_scalar(f: Any, args: Any = (), method: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root_scalar, 3, rest, options)
    callback = Callback(f, args, has_jacobian=options.get("fprime") is True)
    given = {k: plain_callback(x, args) if callable(x) else read_values(x) for k, x in options.items()}
    result = scipy.optimize.root_scalar(callback, method=method, **given)
    return filled(result, root=_root("root_scalar", callback, result.root))


@twin(scipy.optimize.fsolve, adopts=False)
def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0, *rest: Any, **options: Any
) -> Any:
    options, callback = by_name(scipy.optimize.fsolve, 5, rest, options), Callback(func, args)
    result = scipy.optimize.fsolve(
        callback, read_values(x0), (), plain_callback(fprime, args), full_output, **read_values(options)
    )
    x = result[0] if full_output else result
    made = with_value(_root("fsolve", callback, x), x)
    if not full_output:
        return made
    return made, filled_fields("fsolve", result[1], callback.operands(), fvec=result[1]["fvec"]), *result[2:]


@twin(scipy.optimize.root, adopts=False)
def root(fun: Any, x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root, 5, rest, options)
    callback = Callback(fun, args, has_jacobian=jac is True)
    result = scipy.optimize.root(
        callback, read_values(x0), (), method, plain_callback(jac, args), **read_values(options)
    )
    return filled_fields("root", result, callback.operands(), x=_root("root", callback, result.x), fun=result.fun)


@twin(scipy.optimize.fixed_point, adopts=False)
def fixed_point(func: Any, x0: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
    options, callback = by_name(scipy.optimize.fixed_point, 3, rest, options), Callback(func, args)
    result = scipy.optimize.fixed_point(callback, read_values(x0), (), **read_values(options))
    return with_value(_root("fixed_point", callback, result, fixed_point=True), result)
