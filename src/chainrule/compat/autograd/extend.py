"""Own functions with their gradients, as HIPS autograd defines them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import chainrule as cr

__all__ = ["defvjp", "primitive"]


def primitive(f: Callable[..., Any]) -> Any:
    """A function whose inside is not recorded; `defvjp` sets its gradients."""
    return cr.block(f)


def defvjp(function: Any, *makers: Callable[..., Any] | None, argnums: Sequence[int] | None = None) -> None:
    """Give a primitive its gradients: for each argument a function of (output, *args) that returns g ↦ gradient.

    None stands for an argument without influence. `argnums` are the arguments of the makers, by default 0, 1, ….

    >>> import numpy as np
    >>> from chainrule.compat.autograd import grad
    >>> @primitive
    ... def cube(x):
    ...     return x**3
    >>> defvjp(cube, lambda ans, x: lambda g: g * 3 * x**2)
    >>> grad(cube)(2.0)
    np.float64(12.0)
    """
    places = range(len(makers)) if argnums is None else argnums

    def backward(dz: Any, z: Any, *args: Any, **kwargs: Any) -> Any:
        found = [np.zeros_like(x) for x in args]
        for place, maker in zip(places, makers, strict=True):
            if maker is not None:
                found[place] = maker(z, *args, **kwargs)(dz)
        return tuple(found) if len(args) > 1 else found[0]

    function.backward(backward)
