"""JAX's programs, run by NumPy.

JAX compiles each operation for each shape, which takes a hundred times longer than a small program. Here JAX only
differentiates: what comes out is a list of simple steps (a jaxpr), and NumPy does the frequent ones. The rest is run by
JAX.
As in JAX's documentation, "Writing custom Jaxpr interpreters".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.extend.core import Literal

ROUNDED = frozenset("add sub mul div sqrt rsqrt exp log tanh logistic pow integer_pow reduce_sum dot_general".split())
"""The steps whose results are rounded most often."""


def evaluate(
    jaxpr: Any, constants: Sequence[Any], inputs: Sequence[Any], noise: Callable[[Any], Any] | None = None
) -> list[Any]:
    """The outputs of a jaxpr for these inputs; `noise` is applied to every result that is rounded."""
    values = dict(zip([*jaxpr.constvars, *jaxpr.invars], [*map(np.asarray, constants), *inputs], strict=True))

    def read(variable: Any) -> Any:
        return np.asarray(variable.val) if isinstance(variable, Literal) else values[variable]

    for step in jaxpr.eqns:
        operands = [read(variable) for variable in step.invars]
        name, inner = step.primitive.name, step.params.get("jaxpr", step.params.get("call_jaxpr"))
        if name in ("jit", "pjit", "custom_jvp_call", "custom_vjp_call", "closed_call"):
            results = evaluate(inner.jaxpr, inner.consts, operands, noise)
        elif name in STEPS:
            result = STEPS[name](*operands, **step.params)
            results = result if step.primitive.multiple_results else [result]
        else:
            results = _by_jax(step, operands)
        if noise is not None and name in ROUNDED:
            results = [noise(z) if z.dtype.kind in "fc" else z for z in results]
        values.update(zip(step.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _by_jax(step: Any, operands: list[Any]) -> list[Any]:
    results = step.primitive.bind(*map(jax.numpy.asarray, operands), **step.params)
    return [np.asarray(r) for r in (results if step.primitive.multiple_results else [results])]


def _entrywise(function: Any) -> Any:
    return lambda *xs, **_: function(*xs)


def _broadcast_in_dim(x: Any, *, shape: Any, broadcast_dimensions: Any, **_: Any) -> Any:
    sizes = [1] * len(shape)
    for axis, n in zip(broadcast_dimensions, x.shape, strict=True):
        sizes[axis] = n
    return np.broadcast_to(x.reshape(sizes), shape)


def _reshape(x: Any, *, new_sizes: Any, dimensions: Any, **_: Any) -> Any:
    return np.reshape(x if dimensions is None else np.transpose(x, dimensions), new_sizes)


def _dot_general(x: Any, y: Any, *, dimension_numbers: Any, **_: Any) -> Any:
    (summed_x, summed_y), (batch_x, batch_y) = dimension_numbers
    free_x = [a for a in range(x.ndim) if a not in (*summed_x, *batch_x)]
    free_y = [a for a in range(y.ndim) if a not in (*summed_y, *batch_y)]
    at_x, at_y = list(range(x.ndim)), [x.ndim + a for a in range(y.ndim)]
    for ours, theirs in zip((*summed_x, *batch_x), (*summed_y, *batch_y), strict=True):
        at_y[theirs] = at_x[ours]
    kept = [at_x[a] for a in (*batch_x, *free_x)] + [at_y[a] for a in free_y]
    return np.einsum(x, at_x, y, at_y, kept)


def _pad(x: Any, value: Any, *, padding_config: Any, **_: Any) -> Any:
    low, high, inside = (
        (np.array(part, dtype=int) for part in zip(*padding_config, strict=True)) if x.ndim else (0, 0, 0)
    )
    if x.ndim == 0:
        return x
    sizes = np.array(x.shape) + np.maximum(np.array(x.shape) - 1, 0) * inside
    full = np.full(sizes, value)
    full[tuple(slice(None, None, n + 1) for n in inside)] = x
    wide = np.pad(full, [(max(a, 0), max(b, 0)) for a, b in zip(low, high, strict=True)], constant_values=value[()])
    return wide[tuple(slice(max(-a, 0), n - max(-b, 0)) for a, b, n in zip(low, high, wide.shape, strict=True))]


def _slice(x: Any, *, start_indices: Any, limit_indices: Any, strides: Any) -> Any:
    strides = strides or (1,) * x.ndim
    return x[tuple(map(slice, start_indices, limit_indices, strides))]


def _accumulate(ufunc: Any) -> Any:
    def run(x: Any, *, axis: int, reverse: bool) -> Any:
        ordered = np.flip(x, axis) if reverse else x
        result = ufunc.accumulate(ordered, axis)
        return np.flip(result, axis) if reverse else result

    return run


def _split(x: Any, *, sizes: Any, axis: int) -> Any:
    return np.split(x, np.cumsum(sizes)[:-1], axis)


def _divide(x: Any, y: Any, **_: Any) -> Any:
    if x.dtype.kind in "iu":
        return (np.sign(x) * np.sign(y) * (np.abs(x) // np.abs(y))).astype(x.dtype)
    return np.divide(x, y)


def _converted(x: Any, *, new_dtype: Any, **_: Any) -> Any:
    return (x.real if np.iscomplexobj(x) and new_dtype.kind != "c" else x).astype(new_dtype)


def _reduced(function: Any) -> Any:
    return lambda x, *, axes, **_: function(x, axis=tuple(axes))


def _iota(*_: Any, dtype: Any, shape: Any, dimension: int, **__: Any) -> Any:
    sizes = [1] * len(shape)
    sizes[dimension] = shape[dimension]
    return np.broadcast_to(np.arange(shape[dimension], dtype=dtype).reshape(sizes), shape)


STEPS = {
    "add": np.add,
    "add_any": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": _divide,
    "rem": np.fmod,
    "neg": np.negative,
    "sign": np.sign,
    "abs": np.abs,
    "floor": np.floor,
    "ceil": np.ceil,
    "max": np.maximum,
    "min": np.minimum,
    "pow": np.power,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "square": np.square,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "atan2": np.arctan2,
    "logistic": lambda x: 1 / (1 + np.exp(-x)),
    "conj": np.conj,
    "real": np.real,
    "imag": np.imag,
    "complex": lambda x, y: x + 1j * y,
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "not": np.invert,
    "is_finite": np.isfinite,
    "copy": np.copy,
    "copy_p": np.copy,
}
STEPS = {name: _entrywise(function) for name, function in STEPS.items()} | {
    "integer_pow": lambda x, *, y: np.power(x, y) if y >= 0 else 1 / np.power(x, -y),
    "select_n": lambda which, *cases: np.choose(which, cases),
    "convert_element_type": _converted,
    "broadcast_in_dim": _broadcast_in_dim,
    "reshape": _reshape,
    "squeeze": lambda x, *, dimensions: np.squeeze(x, tuple(dimensions)),
    "expand_dims": lambda x, *, dimensions: np.expand_dims(x, tuple(dimensions)),
    "transpose": lambda x, *, permutation: np.transpose(x, permutation),
    "rev": lambda x, *, dimensions: np.flip(x, tuple(dimensions)),
    "concatenate": lambda *xs, dimension: np.concatenate(xs, dimension),
    "slice": _slice,
    "pad": _pad,
    "iota": _iota,
    "split": _split,
    "stack": lambda *xs, axis: np.stack(xs, axis),
    "unstack": lambda x, *, axis: np.unstack(x, axis=axis),
    "tile": lambda x, *, reps: np.tile(x, reps),
    "stop_gradient": _entrywise(np.copy),
    "clamp": lambda low, x, high: np.clip(x, low, high),
    "reduce_sum": _reduced(np.sum),
    "reduce_max": _reduced(np.max),
    "reduce_min": _reduced(np.min),
    "reduce_prod": _reduced(np.prod),
    "reduce_and": _reduced(np.all),
    "reduce_or": _reduced(np.any),
    "cumsum": _accumulate(np.add),
    "cumprod": _accumulate(np.multiply),
    "cummax": _accumulate(np.maximum),
    "dot_general": _dot_general,
}
"""The steps that NumPy does, by JAX's name."""
