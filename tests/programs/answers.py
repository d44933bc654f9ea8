"""What each library says of a program: the value, the gradients, and the Hessian times a vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch

import chainrule as cr

from .jaxprs import evaluate
from .libraries import JAX_NAMES, NUMPY_NAMES, TORCH_NAMES
from .program import Program

__all__ = ["chainrule_answers", "directions", "in_double", "jax_answers", "numbers", "numpy_value", "pytorch_answers"]

Answers = list[np.ndarray]


def numbers(count: int) -> tuple[int, ...]:
    return tuple(range(count))


def in_double(x: np.ndarray) -> np.ndarray:
    return x.astype(np.complex128 if x.dtype.kind == "c" else np.float64, order="K")


def directions(xs: list[np.ndarray]) -> list[np.ndarray]:
    """A vector for each input, by which the Hessian is multiplied: the same each time, nowhere zero."""
    size = sum(x.size for x in xs)
    flat = np.cos(1.0 + np.arange(size))
    stops = np.cumsum([x.size for x in xs])[:-1]
    found = [v.reshape(x.shape) for v, x in zip(np.split(flat, stops), xs, strict=True)]
    return [
        (v + 1j * np.sin(3 * v) if np.iscomplexobj(x) else v).astype(x.dtype) for v, x in zip(found, xs, strict=True)
    ]


def numpy_value(program: Program, xs: list[np.ndarray], functional: bool = False) -> Any:
    """The value, from plain NumPy."""
    f = program.function(functional=True, **NUMPY_NAMES) if functional else program.function()
    return f(*(x.copy(order="K") for x in xs))


def chainrule_answers(f: Callable[..., Any], xs: list[np.ndarray]) -> list[Any]:
    value, gradients = cr.value_and_grad(f, numbers(len(xs)))(*xs)
    products = cr.hvp(f, numbers(len(xs)))(*xs, tuple(directions(xs)))
    return [value, *gradients, *products]


def pytorch_answers(program: Program, xs: list[np.ndarray], noise: Callable[..., Any] | None = None) -> Answers:
    """In double precision; with `noise`, that is applied to every value."""
    extra = {"noise": noise} if noise else {}
    f = program.function(functional=True, after="{0} = noise({0})" if noise else "", **TORCH_NAMES, **extra)
    inputs = [torch.tensor(in_double(x)).requires_grad_() for x in xs]
    value = f(*inputs)

    def gradients(z: torch.Tensor) -> tuple[torch.Tensor, ...]:
        if not z.requires_grad:
            return tuple(torch.zeros_like(x) for x in inputs)
        return torch.autograd.grad(z, inputs, create_graph=True, allow_unused=True, materialize_grads=True)

    first = gradients(value)
    vectors = [torch.tensor(in_double(v)) for v in directions(xs)]
    second = gradients(sum(torch.sum(torch.real(g * torch.conj(v))) for g, v in zip(first, vectors, strict=True)))
    return [z.resolve_conj().numpy(force=True) for z in [value, *first, *second]]


def jax_answers(program: Program, xs: list[np.ndarray], noise: Callable[..., Any] | None = None) -> Answers:
    """In double precision. A complex input is a pair of real ones here, so no convention for its gradient is needed.

    With `noise`, that is applied to what every step computes, also in the backward pass.
    """
    pairs = [_pair(in_double(x)) for x in xs]
    vectors = [_pair(in_double(v)) for v in directions(xs)]
    with jax.enable_x64(True):
        f = program.function(functional=True, **JAX_NAMES)

        def loss(pairs: Any) -> Any:
            return f(*(jax.lax.complex(*pair) if len(pair) == 2 else pair[0] for pair in pairs))

        def all_answers(pairs: Any, vectors: Any) -> Any:
            (value, first), (_, second) = jax.jvp(jax.value_and_grad(loss), (pairs,), (vectors,))
            return value, first, second

        closed = jax.make_jaxpr(all_answers)(pairs, vectors)
        leaves = jax.tree.leaves((pairs, vectors))
        value, *rest = evaluate(closed.jaxpr, closed.consts, leaves, noise)
    slots = [slot for _ in range(2) for slot in pairs]
    found = iter(rest)
    return [value, *(_joined([next(found) for _ in slot]) for slot in slots)]


def _pair(x: np.ndarray) -> list[np.ndarray]:
    return [x.real.copy(), x.imag.copy()] if np.iscomplexobj(x) else [x]


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0]
