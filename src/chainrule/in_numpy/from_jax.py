"""Functions of JAX's arrays, called with NumPy's arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from chainrule.libraries import is_complex, is_inexact

__all__ = ["pulled", "steady", "theirs", "value"]

try:
    from jax import enable_x64
except ImportError:  # older versions
    from jax.experimental import enable_x64  # type: ignore[attr-defined, no-redef]


def theirs(x: Any) -> Any:
    """An array or a number of NumPy's as an array of JAX's; one of JAX's unchanged."""
    return jnp.asarray(x) if isinstance(x, np.ndarray | np.generic) else x


def steady(f: Callable[..., Any]) -> Callable[..., Any]:
    """f itself: functions of JAX draw from keys that are given to them."""
    return f


def value(f: Callable[..., Any], operands: Sequence[Any], constants: Sequence[Any]) -> tuple[Any, ...]:
    """f(*operands), as NumPy's arrays if the operands are.

    In double precision if one of the arrays is, or if there are only numbers.
    """
    arrays = [x for x in (*operands, *constants) if is_inexact(x) and hasattr(x, "dtype")]
    with enable_x64(True) if not arrays or any(map(_is_double, arrays)) else nullcontext():
        results = f(*(jnp.asarray(x) if hasattr(x, "dtype") else x for x in operands))
        if any(isinstance(x, jax.Array) for x in operands):
            return tuple(results)
        return tuple(np.asarray(z)[()] if isinstance(z, jax.Array) else z for z in results)


def _is_double(x: Any) -> bool:
    return x.dtype.itemsize > (8 if is_complex(x) else 4)


def pulled(f: Callable[..., Any], places: Sequence[int], chosen: Sequence[int], count: int) -> Callable[..., Any]:
    """The gradients of some of f's `count` operands, from the operands and the cotangents of the chosen results.

    JAX's complex gradients are the conjugates of ours.
    """

    def gradients(*given: Any) -> tuple[Any, ...]:
        def of_places(*xs: Any) -> tuple[Any, ...]:
            operands = list(given[:count])
            for i, x in zip(places, xs, strict=True):
                operands[i] = x
            results = f(*operands)
            return tuple(results[i] for i in chosen)

        z, pullback = jax.vjp(of_places, *(given[i] for i in places))
        dz = tuple(jnp.conj(g).astype(out.dtype) for g, out in zip(given[count:], z, strict=True))
        return tuple(map(jnp.conj, pullback(dz)))

    return gradients
