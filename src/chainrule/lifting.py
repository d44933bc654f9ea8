"""Plain NumPy code as a function of JAX's or PyTorch's arrays: to_jax, to_torch.

A recorded step runs its block's rule in the library of its operands. So a function of recorded JAX arrays is a sequence
of JAX's own operations, which `jax.jit` traces and `jax.grad` differentiates; likewise for PyTorch.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.argnums import needs_function
from chainrule.array import form_of
from chainrule.errors import NoAnswer, asking_others
from chainrule.forks import imported
from chainrule.in_numpy import in_numpy
from chainrule.layout import for_pytorch
from chainrule.libraries import is_foreign, is_inexact
from chainrule.recording import record_call
from chainrule.trees import flatten

__all__ = ["to_jax", "to_torch"]


def to_jax(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of JAX arrays made of plain NumPy code.

    Parameters
    ----------
    f : a function of arrays or trees of arrays, written with NumPy.

    Returns a function that works under `jax.jit`, `jax.grad`, `jax.vmap` and `jax.lax.scan`. NumPy constants in f take
    the dtype of the arrays beside them. If no argument is floating, f runs unchanged.

    f becomes JAX's own operations. If JAX cannot trace it (it branches on values, or calls SciPy's solvers), NumPy
    computes all of it in one step (`jax.pure_callback`), with chainrule's derivatives: in reverse mode, of all orders.

    >>> import numpy as np, chainrule as cr, jax
    >>> def loss(w):
    ...     out = np.zeros(2)
    ...     out[0] = np.sum(w**2)
    ...     return np.sum(out)
    >>> jax.jit(jax.grad(cr.to_jax(loss)))(jax.numpy.ones(3, "float32"))
    Array([2., 2., 2.], dtype=float32)
    """
    needs_function(f, "to_jax")
    return _lifted(f, lambda x: imported("jax.numpy").asarray(x))


def to_torch(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of PyTorch tensors made of plain NumPy code.

    Parameters
    ----------
    f : a function of arrays or trees of arrays, written with NumPy.

    Returns a function that `.backward()` goes through, and that `torch.func.grad` and `torch.func.hessian` take.
    NumPy's constants in f take the dtype and the device of the tensors beside them. If PyTorch cannot compute it, as
    with SciPy's solvers, NumPy computes all of it in one step, with chainrule's derivatives. `torch.compile` leaves the
    function as it is.

    >>> import numpy as np, chainrule as cr, torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> cr.to_torch(lambda x: np.sum(np.array([1.0, 10.0]) * x**2))(x).backward()
    >>> x.grad
    tensor([ 2., 40.])
    """
    needs_function(f, "to_torch")
    torch = imported("torch")
    as_it_is = torch.compiler.disable(_lifted(f, lambda x: torch.as_tensor(for_pytorch(x))))

    @functools.wraps(f)
    def lifted(*args: Any, **kwargs: Any) -> Any:  # torch.compile compiles a function that is given to it in any case
        return as_it_is(*args, **kwargs)

    return lifted


def _lifted(f: Callable[..., Any], as_theirs: Callable[[Any], Any]) -> Callable[..., Any]:
    def theirs(tree: Any) -> Any:
        leaves, rebuild = flatten(tree)
        return rebuild([as_theirs(x) if is_inexact(x) and not is_foreign(x) else x for x in leaves])

    @functools.wraps(f)
    def lifted(*args: Any, **kwargs: Any) -> Any:
        args, kwargs = tuple(map(theirs, args)), {name: theirs(x) for name, x in kwargs.items()}
        chosen = [(i, "") for i, x in enumerate(args) if _is_floating(x)]
        chosen += [(-1, name) for name, x in kwargs.items() if _is_floating(x)]
        try:
            with asking_others():
                return theirs(record_call(f, tuple(chosen), args, kwargs).result())
        except NoAnswer as none:  # for example, it reads values that are unknown while the library traces
            return theirs(_in_one_step(f, args, kwargs, none.error))

    return lifted


def _in_one_step(f: Callable[..., Any], args: Any, kwargs: Any, error: Exception) -> Any:
    """f, computed by NumPy as one step of the library; the error if NumPy cannot compute it either."""
    leaves, rebuild = flatten((args, kwargs))

    def of_leaves(*new: Any) -> Any:
        new_args, new_kwargs = rebuild(list(new))
        return f(*new_args, **new_kwargs)

    try:
        with asking_others():
            return in_numpy(of_leaves, leaves)
    except NoAnswer:
        raise error from None


def _is_floating(tree: Any) -> bool:
    return any(is_inexact(form_of(x)) for x in flatten(tree)[0])
