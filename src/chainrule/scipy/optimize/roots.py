"""Roots and fixed points: their derivatives follow from the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.optimize

from chainrule.scipy._callbacks import Callback, implicit
from chainrule.scipy._solving import Solving
from chainrule.scipy.arguments import by_name
from chainrule.scipy.optimize.results import filled_fields, plain_callback, solution_of, with_root
from chainrule.standins.scipy_functions import twin, with_value


def _root(
    name: str, solving: Solving, find: Callable[[Any], Any], fixed_point: bool = False, solves_again: bool = True
) -> Any:
    """The recorded root of the first callback; `find` takes it from SciPy's result."""

    def solution(result: Any) -> Any:
        return solution_of(find(result))

    x = solution(solving.result)
    near = solving.settle(x, solution, solves_again)

    def residual(z: Any, *outside: Any) -> Any:
        value = near(z, *outside)
        return value - z if fixed_point else value

    made = implicit(name, residual, x, solving.operands, solving.again(solution))
    solving.guard(made)
    return made


def _itself(x: Any) -> Any:
    return x


def _first(result: Any) -> Any:
    return result[0]


def _second(result: Any) -> Any:
    return result[1]


def _bracketed(name: str) -> Callable[..., Any]:
    solver = getattr(scipy.optimize, name)

    def solve(callbacks: Any, given: Any) -> Any:
        a, b, options = given
        return solver(callbacks[0], a, b, **options)

    def root(f: Any, a: Any, b: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
        options = by_name(solver, 4, rest, options)
        solving = Solving(solve, [Callback(f, args)], (a, b, options))
        result = solving.result
        if options.get("full_output"):
            x = with_value(_root(name, solving, _first), result[0])
            return x, with_root(name, result[1], solving, x, _second)
        return with_value(_root(name, solving, _itself), result)

    root.__name__ = name
    return twin(solver, adopts=False)(root)


for _name in "brentq brenth bisect ridder toms748".split():
    _bracketed(_name)


def _solve_newton(callbacks: Any, given: Any) -> Any:
    f, fprime, fprime2 = callbacks
    x0, options = given
    return scipy.optimize.newton(f, x0, fprime, fprime2=fprime2, **options)


@twin(scipy.optimize.newton, adopts=False)
def newton(func: Any, x0: Any, fprime: Any = None, args: Any = (), *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.newton, 4, rest, options)
    callbacks = [plain_callback(f, args) for f in (func, fprime, options.pop("fprime2", None))]
    solving = Solving(_solve_newton, callbacks, (x0, options))
    result = solving.result
    if options.get("full_output"):
        is_one = np.ndim(result[0]) == 0
        x = with_value(_root("newton", solving, _first, solves_again=is_one), result[0])
        return (x, with_root("newton", result[1], solving, x, _second)) if is_one else (x, *result[1:])
    return with_value(_root("newton", solving, _itself), result)


@twin(scipy.optimize.root_scalar, adopts=False)
def root_scalar(f: Any, args: Any = (), method: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root_scalar, 3, rest, options)
    names = [name for name in ("fprime", "fprime2") if callable(options.get(name))]
    slopes = [Callback(options.pop(name), args) for name in names]

    def solve(callbacks: Any, given: Any) -> Any:
        return scipy.optimize.root_scalar(
            callbacks[0], method=method, **given, **dict(zip(names, callbacks[1:], strict=True))
        )

    callback = Callback(f, args, has_jacobian=options.get("fprime") is True)
    solving = Solving(solve, [callback, *slopes], options)
    x = _root("root_scalar", solving, lambda result: result.root)
    return with_root("root_scalar", solving.result, solving, x, _itself)


def _solve_equations(callbacks: Any, given: Any) -> Any:
    f, fprime = callbacks
    x0, full_output, options = given
    return scipy.optimize.fsolve(f, x0, (), fprime, full_output, **options)


@twin(scipy.optimize.fsolve, adopts=False)
def fsolve(
    func: Any, x0: Any, args: Any = (), fprime: Any = None, full_output: Any = 0, *rest: Any, **options: Any
) -> Any:
    options = by_name(scipy.optimize.fsolve, 5, rest, options)
    callbacks = [Callback(func, args), plain_callback(fprime, args)]
    solving = Solving(_solve_equations, callbacks, (x0, full_output, options))
    result = solving.result
    if not full_output:
        return with_value(_root("fsolve", solving, _itself), result)
    made = with_value(_root("fsolve", solving, _first, solves_again=False), result[0])
    return made, filled_fields("fsolve", result[1], solving.operands, fvec=result[1]["fvec"]), *result[2:]


@twin(scipy.optimize.root, adopts=False)
def root(fun: Any, x0: Any, args: Any = (), method: str = "hybr", jac: Any = None, *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.root, 5, rest, options)
    callbacks = [Callback(fun, args, has_jacobian=jac is True)]
    if callable(jac):
        callbacks.append(Callback(jac, args))

    def solve(callbacks: Any, given: Any) -> Any:
        x0, jac, options = given
        return scipy.optimize.root(callbacks[0], x0, (), method, *(callbacks[1:] or [jac]), **options)

    solving = Solving(solve, callbacks, (x0, None if callable(jac) else jac, options))
    x = _root("root", solving, lambda result: result.x)
    fun = solving.part("root_fun", lambda result: result.fun)
    return filled_fields("root", solving.result, solving.operands, solving, x=x, fun=fun)


@twin(scipy.optimize.fixed_point, adopts=False)
def fixed_point(func: Any, x0: Any, args: Any = (), *rest: Any, **options: Any) -> Any:
    options = by_name(scipy.optimize.fixed_point, 3, rest, options)

    def solve(callbacks: Any, given: Any) -> Any:
        x0, options = given
        return scipy.optimize.fixed_point(callbacks[0], x0, (), **options)

    solving = Solving(solve, [Callback(func, args)], (x0, options))
    return with_value(_root("fixed_point", solving, _itself, fixed_point=True), solving.result)
