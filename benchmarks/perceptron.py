"""A perceptron 784-256-256-10, batch 128, float32: one step of gradient descent, the update inside."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch
from benchmarks.perceptron_step import jax_step, problem, step


def main(rounds: int) -> None:
    parameters, x, labels = problem()
    rate = np.float32(0.1)
    compiled = cr.compile(step)
    runs = {"chainrule, compiled": lambda: compiled(parameters, x, labels, rate)}
    if jax:
        jitted = jax_step()
        runs["JAX jit"] = lambda: jax.tree.map(np.asarray, jitted(parameters, x, labels, rate))
    if torch:
        y = torch.from_numpy(labels)

        def in_torch() -> Any:
            leaves = U, a, V, b, W, c = [torch.from_numpy(p).requires_grad_() for p in parameters]
            h = torch.relu(torch.addmm(a, torch.from_numpy(x), U))
            g = torch.relu(torch.addmm(b, h, V))
            L = torch.nn.functional.cross_entropy(torch.addmm(c, g, W), y)
            L.backward()
            with torch.no_grad():
                return L.numpy(), [(p - float(rate) * p.grad).numpy() for p in leaves]

        runs["PyTorch eager"] = in_torch
    h, s = np.ones((128, 256), np.float32), np.ones((128, 10), np.float32)

    def products() -> Any:
        U, _, V, _, W, _ = parameters
        return x @ U, h @ V, h @ W, s @ W.T, h.T @ s, h @ V.T, h.T @ h, x.T @ h

    title = "perceptron 784-256-256-10, batch 128, float32, with its update"
    print(measure(title, runs, {"its eight products, NumPy": products}, "µs", rounds, 1e-3), "\n")
