"""A linear classifier, 256 images of 3072 numbers and 10 classes, float32: softmax and hinge loss."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch, torch_runs, with_jax


def main(rounds: int) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(256, 3072)).astype(np.float32)
    W = (0.01 * rng.normal(size=(3072, 10))).astype(np.float32)
    labels = rng.integers(0, 10, 256)
    rows = np.arange(256)
    ds = rng.normal(size=(256, 10)).astype(np.float32)

    for name, mine in (("softmax", cr.softmax_cross_entropy), ("hinge", cr.hinge_loss)):

        def loss(W, x, labels, mine=mine):
            return np.mean(mine(x @ W, labels))

        compiled = cr.compile(cr.value_and_grad(loss))
        runs = {"chainrule, compiled": lambda compiled=compiled: compiled(W, x, labels)}
        if jax:

            def in_jax(W, x, labels, name=name):
                s = x @ W
                if name == "softmax":
                    return -jax.numpy.mean(jax.nn.log_softmax(s)[rows, labels])
                t = jax.numpy.maximum(s - s[rows, labels][:, None] + 1, 0)
                return jax.numpy.mean(jax.numpy.sum(t.at[rows, labels].set(0), axis=1))

            runs["JAX jit"] = with_jax(in_jax, 0, (W, x, labels))
        if torch:

            def in_torch(W, x, labels, name=name):
                s = x @ W
                if name == "softmax":
                    return torch.nn.functional.cross_entropy(s, labels)
                return torch.nn.functional.multi_margin_loss(s, labels, reduction="mean") * 10

            runs |= torch_runs(in_torch, (0,), (W, x, labels))
        limits = {"its two products, NumPy": lambda: (x @ W, x.T @ ds)}
        print(measure(f"linear classifier 256×3072×10, {name}, float32", runs, limits, "µs", rounds, 1e-4), "\n")
