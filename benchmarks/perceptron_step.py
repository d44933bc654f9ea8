"""The perceptron's step, apart from what the benchmark of it imports, so that whole processes can be timed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np


def problem() -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    parameters = [
        array.astype(np.float32)
        for rows, columns in itertools.pairwise((784, 256, 256, 10))
        for array in (rng.normal(size=(rows, columns)) * np.sqrt(2 / rows), 0.1 * rng.normal(size=columns))
    ]
    return parameters, rng.normal(size=(128, 784)).astype(np.float32), rng.integers(0, 10, 128)


def step(parameters: Any, x: Any, labels: Any, rate: Any) -> Any:
    """One step of gradient descent in plain NumPy, with chainrule's gradient."""
    import chainrule as cr

    def loss(parameters):
        U, a, V, b, W, c = parameters
        h = cr.relu(x @ U + a)
        g = cr.relu(h @ V + b)
        return np.mean(cr.softmax_cross_entropy(g @ W + c, labels))

    L, grads = cr.value_and_grad(loss)(parameters)
    return L, [p - rate * g for p, g in zip(parameters, grads, strict=True)]


def jax_step() -> Any:
    import jax
    from jax import numpy as jnp

    rows = np.arange(128)

    def loss(parameters, x, labels):
        U, a, V, b, W, c = parameters
        h = jax.nn.relu(x @ U + a)
        g = jax.nn.relu(h @ V + b)
        return -jnp.mean(jax.nn.log_softmax(g @ W + c)[rows, labels])

    def step(parameters, x, labels, rate):
        L, grads = jax.value_and_grad(loss)(parameters, x, labels)
        return L, [p - rate * g for p, g in zip(parameters, grads, strict=True)]

    return jax.jit(step)
