"""A function of JAX or PyTorch inside plain NumPy code: from_jax, from_torch.

The function becomes a block. The other library computes its value and its backward rule. That rule is such a function
too, so there are derivatives of all orders. Arrays are passed without copies where the libraries allow it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.argnums import name_of, needs_function
from chainrule.array import Array
from chainrule.block.own import OwnBlock
from chainrule.forks import imported
from chainrule.libraries import is_inexact
from chainrule.trees import flatten

__all__ = ["from_jax", "from_torch"]


def from_torch(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's arrays with the values and derivatives of a function of PyTorch's tensors.

    Parameters
    ----------
    f : a function of tensors, numbers or trees of them, that returns a tensor or a tree of tensors; a module too.
        Values that it reads from outside, such as the parameters of a module, are constants; to differentiate by them,
        pass them as an argument (`torch.func.functional_call`).

    >>> import numpy as np, chainrule as cr, torch
    >>> softplus = cr.from_torch(torch.nn.functional.softplus)
    >>> cr.grad(lambda x: np.sum(softplus(2 * x)))(np.zeros(2))
    array([1., 1.])
    """
    needs_function(f, "from_torch")
    return _borrowed(f, imported("chainrule.in_numpy.from_torch"))


def from_jax(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy's arrays with the values and derivatives of a function of JAX's arrays.

    Parameters
    ----------
    f : a function of arrays, numbers or trees of them, that returns an array or a tree of arrays; `jax.jit` may have
        made it. Arrays of double precision stay so, whether or not `jax_enable_x64` is set.

    >>> import numpy as np, chainrule as cr, jax
    >>> logsumexp = cr.from_jax(jax.jit(jax.scipy.special.logsumexp))
    >>> cr.grad(lambda x: logsumexp(x) * 3)(np.zeros(3))
    array([1., 1., 1.])
    """
    needs_function(f, "from_jax")
    return _borrowed(f, imported("chainrule.in_numpy.from_jax"))


def _borrowed(f: Callable[..., Any], library: Any) -> Callable[..., Any]:
    """f on arrays: `library` (a module of `in_numpy`) computes its values and pulls cotangents back."""

    @functools.wraps(f)
    def called(*args: Any, **kwargs: Any) -> Any:
        leaves, rebuild = flatten((args, kwargs))
        places = [i for i, x in enumerate(leaves) if type(x) is Array]
        places = places or [i for i, x in enumerate(leaves) if hasattr(x, "dtype") or isinstance(x, float | complex)]
        constants = [x for i, x in enumerate(leaves) if i not in places]
        results: list[Callable[[list[Any]], Any]] = []

        def of_operands(*operands: Any) -> tuple[Any, ...]:
            """f as a function of the recorded leaves, in the arrays of the library, with a flat result."""
            given = [library.theirs(x) if hasattr(x, "dtype") else x for x in leaves]
            for i, x in zip(places, operands, strict=True):
                given[i] = x
            new_args, new_kwargs = rebuild(given)
            found, again = flatten(f(*new_args, **new_kwargs))
            results[:] = [again]
            return tuple(found)

        found = _as_tuple(
            _called(library.steady(of_operands), name_of(f), library, constants)(*(leaves[i] for i in places))
        )
        return results[0](list(found))

    return called


def _called(f: Callable[..., Any], name: str, library: Any, constants: list[Any]) -> Callable[..., Any]:
    """A flat function of the library's arrays, which uses some constants, as a block."""

    def value(*operands: Any) -> Any:
        found = library.value(f, operands, constants)
        return found[0] if len(found) == 1 else found

    value.__name__ = value.__qualname__ = name
    made = OwnBlock(value)

    @made.backward
    def rule(dz: Any, z: Any, *operands: Any) -> Any:
        places = [i for i, x in enumerate(operands) if is_inexact(x)]
        chosen = [i for i, out in enumerate(flatten(z)[0]) if is_inexact(out)]
        cotangents = [g for i, g in enumerate(flatten(dz)[0]) if i in chosen]
        pulled = _called(library.pulled(f, places, chosen, len(operands)), f"{name}_backward", library, constants)
        found = iter(_as_tuple(pulled(*operands, *cotangents)))
        return tuple(next(found) if i in places else None for i in range(len(operands)))

    return made


def _as_tuple(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)
