"""The twins: replacements of SciPy's functions, classes and objects that take recorded values (`scipy_functions`)."""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any

from chainrule.answers import Above
from chainrule.errors import RecordingError
from chainrule.instead import INSTEAD
from chainrule.node import at_line
from chainrule.standins.scipy_values import called_plainly, read_values

__all__ = ["TWINS", "Twin", "full_name", "load_twins", "no_twin", "twin", "twin_of", "without_gradient"]

load_twins = Above()
"""Registers the twins of one of SciPy's modules, such as "scipy.stats"; `chainrule.scipy` sets it."""


class Twin:
    """The replacement of a function, a class or an object of SciPy.

    Attributes
    ----------
    function : SciPy's function.
    made : the twin.
    adopts : whether the result gets SciPy's value.
    """

    __slots__ = ("adopts", "function", "made")

    def __init__(self, function: Any, made: Any, adopts: bool):
        self.function, self.made, self.adopts = function, made, adopts

    @property
    def differentiable(self) -> bool:
        """Whether its results have a gradient."""
        return not isinstance(self.made, OfValues)


class OfValues:
    """The twin of a function whose results can have no gradient: SciPy's own function on the plain values."""

    def __init__(self, function: Any):
        self.function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return called_plainly(self.function, read_values(args), read_values(kwargs))


TWINS: dict[int, Twin] = {}
"""Every twin, by the id of SciPy's function, because not every object has a hash."""


def twin(function: Any, adopts: bool = True) -> Callable[[Any], Any]:
    """Decorator: the twin of a function, a class or an object of SciPy's (see `scipy_functions`)."""

    def register(made: Any) -> Any:
        TWINS[id(function)] = Twin(function, made, adopts)
        return made

    return register


def twin_of(x: Any) -> Twin | None:
    """The twin of a function, a class or an object of SciPy's; None if it has none."""
    return TWINS.get(id(x))


def without_gradient(module: types.ModuleType, names: str) -> None:
    """Register functions of a SciPy module whose results are integers, booleans or strings."""
    for name in names.split():
        function = getattr(module, name)
        TWINS[id(function)] = Twin(function, OfValues(function), adopts=False)


def no_twin(name: str) -> RecordingError:
    """The error that a function has no derivative here, and what to write instead."""
    if name in INSTEAD:
        return RecordingError(f"{name} does not take recorded arrays; write {INSTEAD[name]}" + at_line())
    return RecordingError(
        f"the derivative of {name} is not known{at_line()}\n"
        f"  write it with functions that have one, or let it be taken by differences, cr.opaque({name})(…), or by a\n"
        f"  function that you give, cr.opaque({name}, jac=…)(…)"
    )


def full_name(function: Any) -> str:
    """The name of a function of SciPy's without its private modules: scipy.optimize.brentq."""
    module = str(getattr(function, "__module__", ""))
    name = str(getattr(function, "__qualname__", None) or getattr(function, "__name__", type(function).__name__))
    return ".".join([*(part for part in module.split(".") if not part.startswith("_")), name])
