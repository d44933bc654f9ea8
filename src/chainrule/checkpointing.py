"""checkpoint: a function whose steps are not stored, but computed again in the backward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import numpy as np

from chainrule.argnums import name_of, needs_function
from chainrule.array import WATCHER, Array, form_of
from chainrule.block.own import OwnBlock
from chainrule.errors import GradientError
from chainrule.hints import spelled
from chainrule.libraries import as_numpy
from chainrule.node import at_line
from chainrule.recording import Rolls, computed
from chainrule.transforms import vjp
from chainrule.trees import flatten

__all__ = ["checkpoint"]

P = ParamSpec("P")
R = TypeVar("R")


class Checkpoint(OwnBlock):
    """One call of a function whose steps are not stored: a block without a backward rule."""

    @property
    def does(self) -> Any:
        return self  # each call has its own block, though the same code makes all of them

    def pull(
        self, xp: Any, dz: Any, z: Any, operands: Sequence[Any], params: dict[str, Any], wanted: Sequence[bool]
    ) -> Sequence[Any]:
        """The gradients, by recording the steps of the function again."""
        chosen = [i for i, want in enumerate(wanted) if want]

        def again(*active: Any) -> Any:
            full = list(operands)
            for i, x in zip(chosen, active, strict=True):
                full[i] = x
            value = self._run(xp, *full)
            return value if self.results is None else self.results.packed(xp, value)

        value, pullback = vjp(again, *(operands[i] for i in chosen))
        if not np.array_equal(as_numpy(form_of(value)), as_numpy(form_of(z)), equal_nan=True):
            raise GradientError(
                f"checkpoint: {self.name} gave another result when it was computed again for the backward pass; does "
                "it draw random numbers, or use something that has changed? Give it what it needs as arguments"
                + at_line()
            )
        grads: list[Any] = [None] * len(operands)
        for i, g in zip(chosen, pullback(dz), strict=True):
            grads[i] = g
        return grads


@spelled
def checkpoint(f: Callable[P, R]) -> Callable[P, R]:
    """The function f, but only its arguments and results are stored: the backward pass computes its steps again.

    The backward pass takes about the time of one more call of f, and the memory of the steps is saved: a chain of n
    calls of `cr.checkpoint(layer)` stores the values between the layers, and the values inside one layer at a time.

    Parameters
    ----------
    f : a function of arrays, or trees of arrays, that returns an array or several. Every recorded array that it needs
        must be among its arguments; other values may come from outside, but must not change. It must give the same
        result each time, so random numbers are drawn outside.

    Gradients of any order are right. For a second derivative the repeated steps are recorded, so the second backward
    pass stores them. `cr.compile` decides itself which values are stored: `cr.compile(f, memory="√n")` computes the
    steps of long chains again.

    Raises
    ------
    GradientError : f gave another result when it was computed again.

    >>> import numpy as np, chainrule as cr
    >>> layer = cr.checkpoint(lambda x, W: np.tanh(x @ W))
    >>> cr.grad(lambda x, W: np.sum(layer(layer(x, W), W)))(np.array([1.0, 2.0]), np.zeros((2, 2)))
    array([0., 0.])
    """
    needs_function(f, "checkpoint")

    @functools.wraps(f)
    def checkpointed(*args: P.args, **kwargs: P.kwargs) -> R:
        leaves, rebuild = flatten((args, kwargs))
        watcher = WATCHER.get()
        decides = isinstance(watcher, Rolls) and watcher.decides_memory
        if decides or not any(type(leaf) is Array for leaf in leaves):
            return f(*args, **kwargs)  # the compiler decides which values are stored when it has the whole program
        places = [i for i, leaf in enumerate(leaves) if type(leaf) is Array or isinstance(leaf, np.ndarray)]

        def run(*operands: Any) -> Any:
            full = list(leaves)
            for i, x in zip(places, operands, strict=True):
                full[i] = x
            new_args, new_kwargs = rebuild(full)
            return computed(f, new_args, new_kwargs)

        run.__name__ = name_of(f)
        return Checkpoint(run)(*(leaves[i] for i in places))

    return checkpointed
