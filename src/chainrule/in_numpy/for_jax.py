"""Functions of NumPy as steps of JAX: `jax.pure_callback` with rules for the derivatives."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from chainrule.in_numpy import NumpyFunction
from chainrule.libraries import is_complex, is_inexact

__all__ = ["call"]

_ONE_BY_ONE: Any = (
    {"vmap_method": "sequential"} if "vmap_method" in inspect.signature(jax.pure_callback).parameters else {}
)
"""The option that computes samples one by one under `jax.vmap`. Before JAX 0.4.34 this was the default."""


def call(f: NumpyFunction, arrays: Sequence[Any]) -> tuple[Any, ...]:
    """f(*arrays), differentiable by JAX."""
    if not any(isinstance(x, jax.core.Tracer) for x in arrays):
        results = f(*map(_array, arrays))
        return tuple(jnp.asarray(z, dtype=_dtype(z, arrays)) for z in results)
    return tuple((_entrywise if f.entrywise else _reverse)(f, _forms(f, arrays))(*arrays))


def _forms(f: NumpyFunction, arrays: Sequence[Any]) -> list[jax.ShapeDtypeStruct]:
    """The shapes and dtypes of the results, found with sample numbers because the values are not known yet."""
    if f.forms is not None:
        return [jax.ShapeDtypeStruct(shape, dtype) for shape, dtype in f.forms]
    rng = np.random.default_rng(0)
    some = [_array(_of_shape(rng, x.shape).astype(x.dtype)) for x in arrays]
    return [jax.ShapeDtypeStruct(np.shape(z), _dtype(z, arrays)) for z in f(*some)]


def _of_shape(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Sample numbers. Square matrices are symmetric and positive definite, as some functions require."""
    x = rng.uniform(0.2, 0.8, shape)
    if len(shape) > 1 and shape[-1] == shape[-2]:
        x = (x + np.swapaxes(x, -1, -2)) / 2 + shape[-1] * np.eye(shape[-1])
    return x


def _dtype(z: Any, arrays: Sequence[Any]) -> Any:
    """The dtype of a result, in the precision of the floating operands."""
    dtype = np.asarray(z).dtype
    floating = [x.dtype for x in arrays if is_inexact(x)]
    if floating and is_inexact(z):
        precision = reduce(jnp.promote_types, floating)
        dtype = jnp.promote_types(precision, jnp.complex64) if is_complex(z) else jnp.finfo(precision).dtype
    return jax.dtypes.canonicalize_dtype(dtype)


def _array(x: Any) -> np.ndarray:
    """A JAX array as a NumPy array; half precision becomes single, in which NumPy and SciPy can compute."""
    array = np.asarray(x)
    return array.astype(np.float32) if is_inexact(array) and array.dtype.itemsize == 2 else array


def _called(f: NumpyFunction, forms: Sequence[jax.ShapeDtypeStruct]) -> Any:
    def run(*arrays: Any) -> Any:
        return tuple(np.asarray(z, dtype=form.dtype) for z, form in zip(f(*map(_array, arrays)), forms, strict=True))

    return lambda *arrays: jax.pure_callback(run, tuple(forms), *arrays, **_ONE_BY_ONE)


def _entrywise(f: NumpyFunction, forms: Sequence[jax.ShapeDtypeStruct]) -> Any:
    """The step with a JVP rule made of slopes, so that JAX differentiates it in both modes."""
    step = jax.custom_jvp(_called(f, forms))

    def pushed(primals: Any, tangents: Any) -> Any:
        moved = [i for i, t in enumerate(tangents) if not isinstance(t, SymbolicZero)]
        parts = [call(f.slope(i), primals)[0] * tangents[i] for i in moved]
        dz = sum(parts[1:], parts[0]) if parts else jnp.zeros(forms[0].shape, forms[0].dtype)
        return step(*primals), (jnp.broadcast_to(dz, forms[0].shape).astype(forms[0].dtype),)

    step.defjvp(pushed, symbolic_zeros=True)
    return step


def _reverse(f: NumpyFunction, forms: Sequence[jax.ShapeDtypeStruct]) -> Any:
    """The step with a pullback, so that JAX differentiates it in reverse mode."""
    step = jax.custom_vjp(_called(f, forms))
    places: list[int] = []

    def forward(*operands: Any) -> Any:
        places[:] = [i for i, x in enumerate(operands) if x.perturbed and is_inexact(x.value)]
        arrays = tuple(x.value for x in operands)
        return step(*arrays), arrays  # a step again, so that JAX can differentiate this too

    def backward(arrays: Any, cotangents: Any) -> Any:
        dz = []
        for form, g in zip(forms, cotangents, strict=True):
            if jnp.issubdtype(form.dtype, jnp.inexact):
                dz.append(jnp.conj(jnp.zeros(form.shape, form.dtype) if isinstance(g, SymbolicZero) else g))
        like = [(arrays[i].shape, arrays[i].dtype) for i in places]
        found = dict(zip(places, call(f.pulled(tuple(places), len(arrays), like), (*arrays, *dz)), strict=True))
        return tuple(jnp.conj(found[i]) if i in found else None for i in range(len(arrays)))

    step.defvjp(forward, backward, symbolic_zeros=True)
    return step
