"""cr.opaque: a function that chainrule cannot look into, with a derivative by differences or by a function."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.argnums import name_of
from chainrule.array import Array
from chainrule.block.base import kept
from chainrule.block.own import OwnBlock
from chainrule.buffered import BUFFERED
from chainrule.errors import GradientError
from chainrule.node import at_line
from chainrule.trees import flatten

__all__ = ["opaque"]

STEPS = {"2-point": 1 / 2, "3-point": 1 / 3}
"""The step of a difference is the machine epsilon to this power, where rounding and curvature errors are equal."""


def opaque(f: Callable[..., Any], jac: str | Callable[..., Any] = "3-point") -> Callable[..., Any]:
    """A function with the values of f, for code that cannot be recorded: an external program, a lookup, a simulation.

    It calls f on plain arrays. Its derivative is taken by finite differences, or by a function that returns it.
    Differences call f once or twice for each number among its arguments, and have about half or two thirds of the
    digits.

    Parameters
    ----------
    f : a function of arrays and numbers, that returns an array or a number, or a tuple of them.
    jac : "2-point" or "3-point": differences to one side, or to both. Or a function of the same arguments that returns
        the Jacobian of f in the usual layout, of shape `z.shape + x.shape`; a tuple of them if f has several arguments
        of a floating type. A second derivative takes differences of such a function; differences themselves have none.

    >>> import numpy as np, chainrule as cr
    >>> def area(x):  # reads a table, calls another program, …
    ...     return float(x[0]) * float(x[1])
    >>> np.round(cr.grad(lambda x: cr.opaque(area)(x) ** 2)(np.array([2.0, 3.0])), 6)
    array([36., 24.])
    >>> cr.grad(cr.opaque(area, jac=lambda x: np.array([x[1], x[0]])))(np.array([2.0, 3.0]))
    array([3., 2.])
    """
    if not callable(jac) and jac not in STEPS:
        raise GradientError(f'jac is "2-point", "3-point" or a function, not {jac!r}' + at_line())
    if not callable(f):
        raise GradientError(f"opaque takes a function, not {type(f).__name__}; write cr.opaque(f)(x)" + at_line())

    @functools.wraps(f)
    def called(*args: Any, **kwargs: Any) -> Any:
        settled = [x.settled() if isinstance(x, Array) else x for x in args]
        if any(isinstance(x, Array) for x in kwargs.values()):
            raise GradientError(f"give recorded arguments of {name_of(f)} by position: it is opaque" + at_line())
        operands = [x for x in settled if type(x) is Array]
        plain = tuple(_HERE if type(x) is Array else kept(x) for x in settled)
        call = _Call(f, jac, plain, {name: kept(x) for name, x in kwargs.items()})
        return call.block()(*operands) if operands else call.run(f, ())

    return called


_HERE = object()
"""Stands for a recorded argument in a call."""


class _Call:
    """A call of an opaque function.

    Attributes
    ----------
    f : the function.
    jac : how its derivative is found.
    args, kwargs : its plain arguments, with `_HERE` in the places of the recorded ones, the operands.
    """

    def __init__(self, f: Callable[..., Any], jac: Any, args: tuple[Any, ...], kwargs: dict[str, Any]):
        self.f, self.jac, self.args, self.kwargs = f, jac, args, kwargs
        self.count = sum(x is _HERE for x in args)

    def run(self, function: Callable[..., Any], operands: Sequence[Any]) -> Any:
        """The result of f, or of its Jacobian, on plain operands."""
        given = iter(operands)
        args = [next(given) if x is _HERE else x for x in self.args]
        buffered = BUFFERED.set(False)
        try:
            return function(*args, **self.kwargs)
        finally:
            BUFFERED.reset(buffered)

    def block(self) -> OwnBlock:
        """The block that calls f."""

        def value(*operands: Any) -> Any:
            return self.run(self.f, operands)

        value.__name__ = value.__qualname__ = name_of(self.f)
        made = OwnBlock(value)

        @made.backward
        def rule(dz: Any, z: Any, *operands: Any) -> Any:
            given = (*operands, *flatten(dz)[0])
            if not any(type(x) is Array for x in given):
                return self.pulled(*given)
            return opaque(self.pulled, "3-point")(*given) if callable(self.jac) else self.first_only()(*given)

        return made

    def first_only(self) -> OwnBlock:
        """The backward rule as a block without a derivative."""

        def value(*given: Any) -> Any:
            return self.pulled(*given)

        value.__name__ = value.__qualname__ = f"{name_of(self.f)}_backward"
        made = OwnBlock(value)

        @made.backward
        def refuse(dz: Any, z: Any, *given: Any) -> Any:
            name = name_of(self.f)
            raise GradientError(
                f"the derivative of {name} is taken by differences, so it has no second derivative; give its first "
                f"one: cr.opaque({name}, jac=…)" + at_line()
            )

        return made

    def pulled(self, *given: Any) -> tuple[np.ndarray, ...]:
        """The gradients of the operands, from the operands and the cotangents of the results."""
        operands, cotangents = given[: self.count], given[self.count :]
        if callable(self.jac):
            return self._by_jacobian(operands, cotangents)
        return tuple(self._by_differences(operands, cotangents, i) for i in range(self.count))

    def _by_jacobian(self, operands: Sequence[Any], cotangents: Sequence[Any]) -> tuple[np.ndarray, ...]:
        slopes = self.run(self.jac, operands)
        slopes = slopes if isinstance(slopes, tuple) else (slopes,)
        if len(slopes) != self.count or len(cotangents) != 1:
            raise GradientError(
                f"jac of {name_of(self.f)} returned {len(slopes)} Jacobians for {self.count} arguments and "
                f"{len(cotangents)} results; it returns one for each argument, of one result" + at_line()
            )
        dz, found = np.asarray(cotangents[0]), []
        for x, slope in zip(operands, map(np.asarray, slopes), strict=True):
            if slope.shape != dz.shape + np.shape(x):
                raise GradientError(
                    f"jac of {name_of(self.f)} returned an array of shape {slope.shape}; for a result of shape "
                    f"{dz.shape} and an argument of shape {np.shape(x)} it has the shape {dz.shape + np.shape(x)}"
                    + at_line()
                )
            found.append(np.tensordot(dz, slope, dz.ndim))
        return tuple(found)

    def _by_differences(self, operands: Sequence[Any], cotangents: Sequence[Any], i: int) -> np.ndarray:
        """∂L/∂operand i, entry by entry."""
        x = np.asarray(operands[i])
        slopes = np.zeros(x.shape)

        def moved(at: Any, step: float) -> list[Any]:
            y = x.copy()
            y[at] += step
            return flatten(self.run(self.f, (*operands[:i], y if x.ndim else y[()], *operands[i + 1 :])))[0]

        here = moved((0,) * x.ndim, 0.0) if self.jac == "2-point" and x.size else []
        relative = float(np.finfo(x.dtype).eps) ** STEPS[self.jac]
        for at in np.ndindex(x.shape):
            step = relative * max(1.0, abs(float(x[at])))
            ahead, back = moved(at, step), here or moved(at, -step)
            length = step if here else 2 * step
            for dz, one, other in zip(cotangents, ahead, back, strict=True):
                slopes[at] += np.sum(np.asarray(dz) * (np.asarray(one) - np.asarray(other))) / length
        return slopes
