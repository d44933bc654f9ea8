"""sum(tanh(2x + 1) · exp(−x²)) of a million numbers, float32: value and gradient."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, pytensor, torch, torch_runs, with_jax


def main(rounds: int) -> None:
    x = np.random.default_rng(0).normal(size=10**6).astype(np.float32)
    compiled = cr.compile(cr.value_and_grad(lambda x: np.sum(np.tanh(2 * x + 1) * np.exp(-(x**2)))))
    runs = {"chainrule, compiled": lambda: compiled(x)}
    if jax:
        jnp = jax.numpy
        runs["JAX jit"] = with_jax(lambda x: jnp.sum(jnp.tanh(2 * x + 1) * jnp.exp(-(x**2))), 0, (x,))
    if torch:
        runs |= torch_runs(lambda x: torch.sum(torch.tanh(2 * x + 1) * torch.exp(-(x**2))), (0,), (x,))
    if pytensor:
        import pytensor.tensor as pt

        v = pt.fvector("x")
        L = pt.sum(pt.tanh(2 * v + 1) * pt.exp(-(v**2)))
        function = pytensor.function([v], [L, pytensor.grad(L, v)], mode="NUMBA")
        runs["PyTensor, Numba"] = lambda: tuple(function(x))
    limits = {"one copy of x": x.copy}
    print(measure("sum(tanh(2x+1)·exp(−x²)), 10⁶ numbers, float32", runs, limits, "µs", rounds, 1e-3), "\n")
