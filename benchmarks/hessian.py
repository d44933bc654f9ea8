"""The Hessian of logistic regression, 1000 samples of 100 numbers, float64."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch


def main(rounds: int) -> None:
    rng = np.random.default_rng(0)
    X, w = rng.normal(size=(1000, 100)), 0.1 * rng.normal(size=100)
    y = np.sign(rng.normal(size=1000))
    hessian = cr.hessian(lambda w, X, y: np.sum(np.log1p(np.exp(-y * (X @ w)))))
    compiled = cr.compile(hessian)
    runs = {"chainrule, compiled": lambda: compiled(w, X, y)}
    if jax:
        jnp = jax.numpy
        jitted = jax.jit(jax.hessian(lambda w, X, y: jnp.sum(jnp.log1p(jnp.exp(-y * (X @ w))))))
        runs["JAX jit"] = lambda: np.asarray(jitted(w, X, y))
    if torch:
        Xt, yt, wt = torch.from_numpy(X), torch.from_numpy(y), torch.from_numpy(w)
        of_torch = torch.func.hessian(lambda w: torch.sum(torch.log1p(torch.exp(-yt * (Xt @ w)))))
        runs["torch.func"] = lambda: of_torch(wt).numpy()
    runs["chainrule, not compiled"] = lambda: hessian(w, X, y)

    def closed_form() -> np.ndarray:
        p = 1 / (1 + np.exp(-y * (X @ w)))
        return (X * (p * (1 - p))[:, None]).T @ X

    limits = {"the closed form, NumPy": closed_form}
    print(measure("logistic-regression Hessian, n=1000, d=100, float64", runs, limits, "ms", rounds, 1e-9), "\n")
