"""implicit: derivatives through the solution of equations, by the implicit function theorem."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.argnums import name_of, needs_function
from chainrule.array import Array, form_of
from chainrule.block.own import OwnBlock
from chainrule.errors import GradientError, RecordingError
from chainrule.hints import spelled
from chainrule.libraries import as_numpy, dtype_of, is_inexact, numpy_dtype
from chainrule.node import at_line
from chainrule.recording import computed
from chainrule.transforms import vjp
from chainrule.trees import flatten, ravel

__all__ = ["implicit", "pulled_through_solution"]

NEAR = 0.01
"""A Newton step may change a solution by at most this fraction of its size."""


def pulled_through_solution(
    name: str, residual: Callable[..., Any], xp: Any, dz: Any, z: Any, operands: Sequence[Any], checked: bool = False
) -> Sequence[Any]:
    """The gradients of the operands of a solution z of residual(z, *operands) = 0.

    By the implicit function theorem: where F(z, x) = 0, dz = −(∂F/∂z)⁻¹ ∂F/∂x dx. If `checked`, an error is raised
    unless F(z, x) is 0 up to a small change of z.
    """
    out, pull = vjp(residual, z, *operands)
    form = form_of(z)
    shape, n = np.shape(form_of(out)), int(np.size(form))
    if int(np.prod(shape, dtype=int)) != n:
        raise RecordingError(f"{name}: {n} unknowns, but {np.prod(shape, dtype=int)} equations" + at_line())
    rows = xp.reshape(pull(np.eye(n, dtype=numpy_dtype(dtype_of(form_of(out)))).reshape(n, *shape))[0], (n, n))
    lead = tuple(dz.shape[: len(dz.shape) - np.ndim(form)])
    try:
        if checked:
            _require_solution(name, as_numpy(form_of(rows)), as_numpy(form_of(out)), as_numpy(form))
        solved = xp.linalg.solve(xp.matrix_transpose(rows), xp.reshape(dz, (*lead, n, 1)))
    except np.linalg.LinAlgError:
        raise GradientError(
            f"the Jacobian at the solution of {name} is singular, so the solution has no derivative" + at_line()
        ) from None
    return pull(xp.reshape(-solved, (*lead, *shape)))[1:]


def _require_solution(name: str, slopes: Any, out: Any, z: Any) -> None:
    step = np.max(np.abs(np.linalg.solve(slopes, np.reshape(out, -1))), initial=0.0)
    if step > NEAR * (1 + np.max(np.abs(z), initial=0.0)):
        raise GradientError(
            f"the residual is not 0 at the result of {name}: a Newton step would change it by {step:.2g}; solve to a "
            "smaller tolerance, or see whether both have the same equations" + at_line()
        )


@spelled
def implicit(solve: Callable[..., Any] | None = None, residual: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """The function `solve`, differentiated through the equation of its result x: residual(x, *params) = 0.

    The solver may be anything: it runs on plain arrays, is not recorded, and needs no derivative. By the implicit
    function theorem its result has derivatives of all orders; they need the Jacobian of the residual by x, and one
    linear system.

    Parameters
    ----------
    solve : a function of arrays, or trees of arrays, that returns the solution: an array or a tree of arrays. Without
        it, `implicit(residual=F)` is a decorator of it.
    residual : a function `residual(x, *params)` of the solution and of the arguments of `solve`, made of NumPy's
        functions. It returns as many numbers as x has, all 0 at the solution. For a minimum it is the gradient, for a
        fixed point g(x) − x.

    Every recorded array that one of the two functions uses must be among the arguments.

    Raises
    ------
    GradientError : the residual is not 0 at the result, or its Jacobian is singular there.

    >>> import numpy as np, chainrule as cr
    >>> def solve(a):  # Newton's method, or any other
    ...     x = 1.0
    ...     for _ in range(30):
    ...         x = (x + a / x) / 2
    ...     return x
    >>> square_root = cr.implicit(solve, lambda x, a: x**2 - a)
    >>> cr.grad(square_root)(4.0), cr.grad(cr.grad(square_root))(4.0)
    (np.float64(0.25), np.float64(-0.03125))

    References: `jax.lax.custom_root`; `custom_root` of jaxopt.
    """
    if solve is None:
        return functools.partial(implicit, residual=residual)
    needs_function(solve, "implicit")
    if residual is None:
        raise GradientError("implicit takes the residual too: cr.implicit(solve, residual)" + at_line())
    needs_function(residual, "implicit")

    @functools.wraps(solve)
    def solved(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten((args, kwargs))
        if not any(type(leaf) is Array for leaf in leaves):
            return solve(*args, **kwargs)
        places = [i for i, leaf in enumerate(leaves) if type(leaf) is Array or isinstance(leaf, np.ndarray)]

        def arguments(operands: Sequence[Any]) -> Any:
            full = list(leaves)
            for i, x in zip(places, operands, strict=True):
                full[i] = x
            return rebuild(full)

        return _Solution(solve, residual, arguments).recorded([leaves[i] for i in places])

    return solved


class _Solution:
    """One call of a solver.

    Attributes
    ----------
    solve, residual : the functions.
    arguments : their arguments, as a function of the operands: `operands -> (args, kwargs)`.
    rebuild : the result of the solver, as a function of its leaves.
    unknown : the places of the leaves of a floating type; only these are unknowns.
    """

    def __init__(self, solve: Callable[..., Any], residual: Callable[..., Any], arguments: Callable[..., Any]):
        self.solve, self.residual, self.arguments = solve, residual, arguments
        self.name = name_of(solve)
        self.rebuild: Any = None
        self.unknown: list[int] = []

    def value(self, *operands: Any) -> Any:
        """The leaves of the solution; itself, if it is an array or a number."""
        args, kwargs = self.arguments(operands)
        leaves, self.rebuild = flatten(self.solve(*args, **kwargs))
        self.require_plain(leaves, self.name)
        self.unknown = [i for i, leaf in enumerate(leaves) if is_inexact(leaf)]
        return leaves[0] if len(leaves) == 1 else leaves

    def require_plain(self, leaves: Sequence[Any], name: str) -> None:
        if any(type(leaf) is Array for leaf in leaves):
            raise GradientError(
                f"{name} depends on a recorded array that is not among the arguments of {self.name}; pass it too"
                + at_line()
            )

    def recorded(self, operands: Sequence[Any]) -> Any:
        """The solution as a recorded block of its operands."""

        def value(*operands: Any) -> Any:
            return self.value(*operands)

        value.__name__ = self.name
        block = _Implicit(value)
        block.backward(self.pulled)
        block.leading_axes = True
        result = block(*operands)
        plain = [form_of(x) for x in operands]
        parts = result if isinstance(result, list) else [result]
        args, kwargs = self.arguments(plain)
        out = computed(self.residual, (self.rebuild([form_of(part) for part in parts]), *args), kwargs)
        self.require_plain(flatten(out)[0], name_of(self.residual))
        return self.rebuild(parts)

    def pulled(self, xp: Any, dz: Any, z: Any, *operands: Any) -> Any:
        """The backward rule of the block."""
        parts, slopes = (list(x) if isinstance(x, list) else [x] for x in (z, dz))
        given = [i for i, x in enumerate(operands) if is_inexact(form_of(x))]
        one = len(self.unknown) == 1
        vector, unravel = (parts[self.unknown[0]], _alone) if one else ravel([parts[i] for i in self.unknown])
        lead = tuple(slopes[0].shape[: len(slopes[0].shape) - len(np.shape(form_of(parts[0])))])
        flat = [slopes[i] if one else xp.reshape(slopes[i], (*lead, -1)) for i in self.unknown]

        def equations(x: Any, *chosen: Any) -> Any:
            full, every = list(parts), list(operands)
            for i, part in zip(self.unknown, unravel(x), strict=True):
                full[i] = part
            for i, part in zip(given, chosen, strict=True):
                every[i] = part
            args, kwargs = self.arguments(every)
            out = self.residual(self.rebuild(full), *args, **kwargs)
            return out if len(flatten(out)[0]) == 1 else ravel(out)[0]

        slope = flat[0] if one else xp.concat(flat, axis=-1)
        chosen = [operands[i] for i in given]
        found = pulled_through_solution(self.name, equations, xp, slope, vector, chosen, checked=True)
        gradients: list[Any] = [None] * len(operands)
        for i, g in zip(given, found, strict=True):
            gradients[i] = g
        return tuple(gradients)


def _alone(x: Any) -> list[Any]:
    return [x]


class _Implicit(OwnBlock):
    """The block of one call of a solver."""

    @property
    def does(self) -> Any:
        return self  # each solver has its own block, though the same code makes all of them
