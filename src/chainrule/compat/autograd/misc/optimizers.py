"""Optimizers that run a whole loop: `adam(gradient, x0)`, where gradient takes the parameters and the iteration."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.optimizers import Optimizer
from chainrule.optimizers import adam as adam_steps
from chainrule.trees import ravel

__all__ = ["adam", "rmsprop", "sgd"]

Gradient = Callable[[Any, int], Any]


def _run(optimizer: Optimizer, grad: Gradient, x0: Any, callback: Any, num_iters: int) -> Any:
    x, state = x0, optimizer.init(x0)
    for i in range(num_iters):
        g = grad(x, i)
        if callback:
            callback(x, i, g)
        x, state = optimizer.step(x, g, state)
    return x


def adam(
    grad: Gradient,
    x0: Any,
    callback: Any = None,
    num_iters: int = 100,
    step_size: float = 0.001,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
) -> Any:
    """Adam, from x0, a tree of arrays.

    >>> float(round(adam(lambda x, i: 2 * (x - 3.0), 0.0, num_iters=300, step_size=0.1), 3))
    3.0
    """
    return _run(adam_steps(step_size, b1, b2, eps), grad, x0, callback, num_iters)


def _on_vectors(grad: Gradient, x0: Any, callback: Any, num_iters: int, step: Callable[..., Any], state: float) -> Any:
    """Iterate on a vector: `step(g, state)` returns the step and the new state."""
    x, unravel = ravel(x0)
    kept = np.full(x.shape, state)
    for i in range(num_iters):
        gradient = grad(unravel(x), i)
        if callback:
            callback(unravel(x), i, gradient)
        move, kept = step(ravel(gradient)[0], kept)
        x = x + move
    return unravel(x)


def sgd(
    grad: Gradient, x0: Any, callback: Any = None, num_iters: int = 200, step_size: float = 0.1, mass: float = 0.9
) -> Any:
    """Gradient descent with a velocity v ← mass · v − (1 − mass) g, x ← x + step_size · v."""

    def step(g: Any, velocity: Any) -> tuple[Any, Any]:
        velocity = mass * velocity - (1.0 - mass) * g
        return step_size * velocity, velocity

    return _on_vectors(grad, x0, callback, num_iters, step, 0.0)


def rmsprop(
    grad: Gradient,
    x0: Any,
    callback: Any = None,
    num_iters: int = 100,
    step_size: float = 0.1,
    gamma: float = 0.9,
    eps: float = 1e-8,
) -> Any:
    """RMSProp: steps are divided by the root of a running mean of g²."""

    def step(g: Any, mean: Any) -> tuple[Any, Any]:
        mean = gamma * mean + (1 - gamma) * g**2
        return -step_size * g / (np.sqrt(mean) + eps), mean

    return _on_vectors(grad, x0, callback, num_iters, step, 1.0)
