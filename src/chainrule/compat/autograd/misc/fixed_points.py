"""Fixed points, and their derivatives by the implicit function theorem."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import chainrule as cr
from chainrule.array import value_of
from chainrule.trees import flatten

__all__ = ["fixed_point"]


def fixed_point(
    f: Callable[[Any], Callable[[Any], Any]], a: Any, x0: Any, distance: Callable[[Any, Any], Any], tol: float
) -> Any:
    """The x with f(a)(x) = x, by iteration from x0 until a step is shorter than tol.

    At x the gradient of a solves another fixed point: ∂L/∂a = (∂f/∂a)ᵀ u with u = ∂L/∂x + (∂f/∂x)ᵀ u.

    >>> root = lambda a: fixed_point(lambda a: lambda x: (x + a / x) / 2, a, 1.0, lambda x, y: abs(x - y), 1e-12)
    >>> float(round(cr.grad(root)(4.0), 6)), float(round(cr.grad(cr.grad(root))(4.0), 6))
    (0.25, -0.03125)
    """
    leaves, rebuild = flatten(a)

    def solve(*leaves: Any) -> Any:
        step = f(rebuild(list(leaves)))
        before = value_of(x0)  # where it starts has no influence
        x = step(before)
        while distance(x, before) > tol:
            x, before = step(x), x
        return x

    solution = cr.block(solve)

    def backward(dz: Any, z: Any, *leaves: Any) -> Any:
        def of_cotangent(known: Any) -> Callable[[Any], Any]:
            dz, z, *leaves = known
            pull = cr.vjp(f(rebuild(leaves)), z)[1]
            return lambda u: dz + pull(u)[0]

        u = fixed_point(of_cotangent, (dz, z, *leaves), dz, distance, tol)
        found = cr.vjp(lambda *leaves: f(rebuild(list(leaves)))(z), *leaves)[1](u)
        return found if len(found) > 1 else found[0]

    solution.backward(backward)
    return solution(*leaves)
