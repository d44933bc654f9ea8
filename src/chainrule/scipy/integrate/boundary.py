"""The twin of scipy.integrate.solve_bvp: differential equations with conditions at both ends.

SciPy chooses the mesh and finds the values on it. They solve the equations of collocation (J. Kierzenka and L. F.
Shampine, 2001) and the conditions, so their derivatives follow from the implicit function theorem.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.integrate

from chainrule.array import Array, value_of
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy._callbacks import Callback, implicit
from chainrule.scipy.arguments import fixed
from chainrule.scipy.interpolate.piecewise import CubicHermiteSpline
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import read_values, twin, with_value

__all__: list[str] = []


@twin(scipy.integrate.solve_bvp, adopts=False)
def solve_bvp(
    fun: Any,
    bc: Any,
    x: Any,
    y: Any,
    p: Any = None,
    S: Any = None,
    fun_jac: Any = None,
    bc_jac: Any = None,
    tol: float = 1e-3,
    max_nodes: int = 1000,
    verbose: int = 0,
    bc_tol: Any = None,
) -> Any:
    if S is not None or fun_jac is not None or bc_jac is not None:
        raise RecordingError("solve_bvp has a derivative without S=, fun_jac= and bc_jac=; leave them out" + at_line())
    f, conditions = Callback(fun), Callback(bc)
    x = fixed(x, "the mesh x of solve_bvp")
    result = scipy.integrate.solve_bvp(
        f, conditions, x, read_values(y), read_values(p), tol=tol, max_nodes=max_nodes, verbose=verbose, bc_tol=bc_tol
    )
    if result.status:
        raise RecordingError(f"solve_bvp has found no solution: {result.message}" + at_line())
    if np.iscomplexobj(result.y):
        raise RecordingError("solve_bvp has a derivative for real solutions" + at_line())
    n, count = result.y.size, 0 if p is None else len(result.p)
    unknowns = np.concatenate([result.y.ravel(), result.p if count else np.zeros(0)])
    equations = Callback(_equations(fun, bc, result.x, result.y.shape, count))
    near = equations.at(unknowns)
    z = implicit("solve_bvp", near, unknowns, equations.operands())
    if type(z) is not Array:
        return result
    made = copy.copy(result)
    made["y"] = np.reshape(z[:n], result.y.shape)
    parameters = [z[n:]] if count else []
    made["p"] = z[n:] if count else None
    made["yp"] = with_value(joined(fun(result.x, made["y"], *parameters)), result.yp)
    made["sol"] = _RecordedSolution(result, made["y"], made["yp"])
    return made


def _equations(fun: Any, bc: Any, x: np.ndarray, shape: Any, count: int) -> Callable[[Any], Any]:
    """The equations as a function of the values on the mesh and the parameters, one after the other."""
    h, n = np.diff(x), shape[0] * shape[1]

    def equations(z: Any) -> Any:
        y = np.reshape(z[:n], shape)
        parameters = (z[n:],) if count else ()
        slopes = joined(fun(x, y, *parameters))
        left, right = slopes[:, :-1], slopes[:, 1:]
        middle = 0.5 * (y[:, 1:] + y[:, :-1]) - 0.125 * h * (right - left)
        between = joined(fun(x[:-1] + 0.5 * h, middle, *parameters))
        defects = y[:, 1:] - y[:, :-1] - h / 6 * (left + right + 4 * between)
        return np.concatenate([np.ravel(defects), np.ravel(joined(bc(y[:, 0], y[:, -1], *parameters)))])

    return equations


class _RecordedSolution:
    """The recorded solution between the places of the mesh: cubic, by values and slopes."""

    def __init__(self, result: Any, y: Any, slopes: Any):
        self._plain = result.sol
        self._spline = CubicHermiteSpline(result.x, np.matrix_transpose(y), np.matrix_transpose(slopes))

    def __call__(self, x: Any, nu: int = 0) -> Any:
        value = self._plain(value_of(x), nu)
        return with_value(np.moveaxis(self._spline(x, nu), -1, 0), value)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._plain, name)
