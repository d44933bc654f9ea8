"""HIPS autograd's interface: its programs run by a changed import.

    import chainrule.compat.autograd.numpy as np          # was: import autograd.numpy as np
    from chainrule.compat.autograd import grad            # was: from autograd import grad

`chainrule.compat.autograd.numpy` is NumPy itself, and `….scipy` SciPy, because chainrule differentiates plain NumPy
code. So programs may drop these two imports, and they may also update arrays in place, which autograd refuses.

References: github.com/HIPS/autograd, whose names and arguments these are.
"""

from __future__ import annotations

import builtins  # noqa: F401
import functools
import inspect
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

__all__ = [
    "deriv",
    "elementwise_grad",
    "grad",
    "grad_and_aux",
    "grad_named",
    "hessian",
    "hessian_tensor_product",
    "hessian_vector_product",
    "holomorphic_grad",
    "jacobian",
    "make_ggnvp",
    "make_hvp",
    "make_jvp",
    "make_vjp",
    "multigrad_dict",
    "tensor_jacobian_product",
    "value_and_grad",
    "vector_jacobian_product",
]

numpy = np
for _name in ("numpy", "numpy.linalg", "numpy.fft", "numpy.random", "builtins"):
    sys.modules[f"{__name__}.{_name}"] = sys.modules[_name]

Function = Callable[..., Any]


def _by_argnum(transform: Callable[[Function, Any], Function]) -> Callable[..., Function]:
    """A transform of autograd's: called with a function and `argnum`, a position or several."""

    @functools.wraps(transform)
    def of(fun: Function, argnum: Any = 0) -> Function:
        return transform(fun, argnum)

    return of


def _scalar(fun: Function) -> Function:
    """A function with its result as a scalar, if that is an array with one number."""

    @functools.wraps(fun)
    def of(*args: Any, **kwargs: Any) -> Any:
        loss = fun(*args, **kwargs)
        return np.reshape(loss, ()) if np.size(loss) == 1 and np.ndim(loss) else loss

    return of


@_by_argnum
def grad(fun: Function, argnum: Any) -> Function:
    """The gradient of a scalar function.

    >>> import chainrule.compat.autograd.numpy as np
    >>> from chainrule.compat.autograd import grad
    >>> bool(grad(np.tanh)(1.0) == 1 - np.tanh(1.0) ** 2)
    True
    """
    return cr.grad(_scalar(fun), argnum)


@_by_argnum
def value_and_grad(fun: Function, argnum: Any) -> Function:
    """The value and the gradient of a scalar function."""
    return cr.value_and_grad(_scalar(fun), argnum)


@_by_argnum
def elementwise_grad(fun: Function, argnum: Any) -> Function:
    """The sum of each column of the Jacobian; for a function entry by entry, its derivative at each entry."""
    return cr.elementwise_grad(fun, argnum)


@_by_argnum
def jacobian(fun: Function, argnum: Any) -> Function:
    """The Jacobian, of shape output.shape + input.shape."""
    return cr.jacobian(fun, argnum)


@_by_argnum
def hessian(fun: Function, argnum: Any) -> Function:
    """The Jacobian of the gradient."""
    return cr.hessian(_scalar(fun), argnum)


@_by_argnum
def holomorphic_grad(fun: Function, argnum: Any) -> Function:
    """The complex derivative of a holomorphic function of a complex number."""
    return cr.jacobian(fun, argnum)


@_by_argnum
def deriv(fun: Function, argnum: Any) -> Function:
    """The derivative by a scalar, in forward mode, of the shape of the output."""

    def derivative(*args: Any, **kwargs: Any) -> Any:
        def of_one(x: Any) -> Any:
            return fun(*args[:argnum], x, *args[argnum + 1 :], **kwargs)

        return cr.jvp(of_one, (args[argnum],), (np.ones_like(args[argnum]),))[1]

    return derivative


@_by_argnum
def grad_and_aux(fun: Function, argnum: Any) -> Function:
    """The gradient and aux of a function that returns (loss, aux)."""
    return cr.grad(fun, argnum, has_aux=True)


def grad_named(fun: Function, argname: str) -> Function:
    """The gradient by the argument of this name."""
    return cr.grad(fun, argname)


def multigrad_dict(fun: Function) -> Function:
    """The gradients by all arguments, as a dict by their names."""
    names = [*inspect.signature(fun).parameters]

    def gradients(*args: Any, **kwargs: Any) -> dict[str, Any]:
        given = [*names[: len(args)], *kwargs]
        return dict(zip(given, cr.grad(fun, tuple(given))(*args, **kwargs), strict=True))

    return gradients


@_by_argnum
def make_vjp(fun: Function, argnum: Any) -> Function:
    """A function of the arguments that returns (vjp, output)."""

    def of(*args: Any, **kwargs: Any) -> tuple[Function, Any]:
        out, pullback = cr.vjp(lambda x: fun(*args[:argnum], x, *args[argnum + 1 :], **kwargs), args[argnum])
        return lambda g: pullback(g)[0], out

    return of


@_by_argnum
def make_jvp(fun: Function, argnum: Any) -> Function:
    """A function of the arguments that returns a function of a tangent that returns (output, J v)."""

    def of(*args: Any, **kwargs: Any) -> Function:
        def of_one(x: Any) -> Any:
            return fun(*args[:argnum], x, *args[argnum + 1 :], **kwargs)

        return lambda v: cr.jvp(of_one, (args[argnum],), (v,))

    return of


@_by_argnum
def make_hvp(fun: Function, argnum: Any) -> Function:
    """A function of the arguments that returns (H v for a v, the gradient)."""
    return make_vjp(grad(fun, argnum), argnum)


@_by_argnum
def hessian_vector_product(fun: Function, argnum: Any) -> Function:
    """A function of the arguments and then of a vector or tensor v: the Hessian times v."""
    return cr.hvp(_scalar(fun), argnum)


hessian_tensor_product = hessian_vector_product


@_by_argnum
def vector_jacobian_product(fun: Function, argnum: Any) -> Function:
    """A function of the arguments and then of a vector or tensor v: v times the Jacobian."""

    def product(*args: Any, **kwargs: Any) -> Any:
        *rest, v = args
        return make_vjp(fun, argnum)(*rest, **kwargs)[0](v)

    return product


tensor_jacobian_product = vector_jacobian_product


def make_ggnvp(f: Function, g: Function = lambda x: np.sum(x**2, axis=-1) / 2, f_argnum: int = 0) -> Function:
    """Products with the generalised Gauss–Newton matrix Jᵀ H J, for J of f and H of g at f(x)."""

    def of(*args: Any, **kwargs: Any) -> Function:
        pull, out = make_vjp(f, f_argnum)(*args, **kwargs)
        times_hessian = make_hvp(g)(out)[0]
        push = make_jvp(f, f_argnum)(*args, **kwargs)
        return lambda v: pull(times_hessian(push(v)[1]))

    return of
