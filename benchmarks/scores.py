"""Softmax cross-entropy on large scores, 1024×32768 float32: as in the output layer of a language model."""

from __future__ import annotations

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch, torch_runs, with_jax


def main(rounds: int) -> None:
    rng = np.random.default_rng(0)
    s = rng.normal(size=(1024, 32768)).astype(np.float32)
    labels = rng.integers(0, 32768, 1024)
    rows = np.arange(1024)
    compiled = cr.compile(cr.value_and_grad(lambda s, labels: np.mean(cr.softmax_cross_entropy(s, labels))))
    runs = {"chainrule, compiled": lambda: compiled(s, labels)}
    if jax:
        runs["JAX jit"] = with_jax(
            lambda s, labels: -jax.numpy.mean(jax.nn.log_softmax(s)[rows, labels]), 0, (s, labels)
        )
    if torch:
        runs |= torch_runs(torch.nn.functional.cross_entropy, (0,), (s, labels))
    limits = {"one copy of the scores": s.copy}
    print(
        measure("softmax cross-entropy on scores 1024×32768, float32", runs, limits, "ms", rounds // 3 or 1, 1e-3), "\n"
    )
