"""Results of solvers: recorded solutions, and fields whose derivatives are not known."""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.scipy._callbacks import Callback, without_derivative
from chainrule.scipy._solving import Solving
from chainrule.standins.scipy_functions import filled, with_value

__all__ = ["filled_fields", "plain_callback", "solution_of", "with_root", "without_known_derivative"]


def solution_of(x: Any) -> Any:
    """A solution as recorded steps take it: an array or a number of NumPy's."""
    return np.asarray(x, float)[()]


def plain_callback(f: Any, args: Any) -> Any:
    """A derivative that the user passes to a solver, as a function that returns plain values."""
    return Callback(f, args) if callable(f) else f


def filled_fields(name: str, result: Any, operands: list[Any], solving: Solving | None = None, **fields: Any) -> Any:
    """SciPy's result with recorded fields, which have SciPy's values.

    Its other arrays depend on the operands too, but their derivatives are not known.
    """
    made = copy.copy(result)
    for field, x in result.items():
        again = None if solving is None or field in fields else solving.again(operator.itemgetter(field))
        if again is not None and isinstance(x, _NUMBERS):
            made[field] = without_derivative(f"the {field} of {name}", x, operands, again)
        else:
            made[field] = without_known_derivative(f"the {field} of {name}", x, operands)
    for field, x in fields.items():
        made[field] = with_value(x, result[field])
    return made


def with_root(name: str, result: Any, solving: Solving, root: Any, find: Callable[[Any], Any]) -> Any:
    """SciPy's RootResults with the recorded root; `find` takes them from the solver's result."""
    made = filled(result, root=root)
    for field in ("iterations", "function_calls", "converged"):
        setattr(made, field, solving.part(f"{name}_{field}", functools.partial(_field_of, find, field)))
    return made


def _field_of(find: Callable[[Any], Any], field: str, found: Any) -> Any:
    return getattr(find(found), field)


_NUMBERS = (np.ndarray, np.generic, bool, int, float)


def without_known_derivative(name: str, x: Any, operands: list[Any]) -> Any:
    """A part of a result whose derivative is not known."""
    if type(x) is list:
        return [without_known_derivative(name, part, operands) for part in x]
    return without_derivative(name, x, operands) if isinstance(x, np.ndarray) and x.dtype.kind == "f" else x
