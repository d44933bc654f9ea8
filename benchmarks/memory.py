"""Chains of 10,000 layers with `memory="√n"`: the bytes for intermediate results, and the time of a call, beside those
of the program that keeps all.

    python -m benchmarks memory

Value and gradient, compiled. In theory a chain of n layers keeps 2√n states at least if each is computed at most twice:
every √n-th, and those of one segment. The rest is what a layer computes inside, and what does not grow with the chain.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.timing import compare

__all__ = ["main"]

LAYERS = 10_000


def dense(x: Any, W: Any, b: Any) -> Any:
    for _ in range(LAYERS):
        x = np.tanh(x @ W + b)
    return np.sum(x**2)


def residual(x: Any, W: Any, b: Any) -> Any:
    for _ in range(LAYERS):
        x = x + 0.01 * np.tanh(x @ W + b)
    return np.sum(x**2)


def oscillators(x: Any, v: Any, k: Any) -> Any:
    for _ in range(LAYERS):
        v = v - 0.01 * k * np.sin(x)
        x = x + 0.01 * v
    return np.sum(x**2)


def gated(x: Any, W: Any, U: Any) -> Any:
    for _ in range(LAYERS):
        z = 1 / (1 + np.exp(-(x @ W)))
        x = z * x + (1 - z) * np.tanh(x @ U)
    return np.sum(x**2)


def chains() -> dict[str, tuple[Callable[..., Any], tuple[Any, ...], int]]:
    """Each with its arguments, and the bytes of a state."""
    rng = np.random.default_rng(0)
    W, U, b = rng.normal(size=(32, 32)) / 8, rng.normal(size=(32, 32)) / 8, rng.normal(size=32)
    x, points = rng.normal(size=(32, 32)), rng.normal(size=500)
    return {
        "tanh(x @ W + b), 32×32": (dense, (x, W, b), x.nbytes),
        "x + tanh(x @ W + b) / 100, 32×32": (residual, (x, W, b), x.nbytes),
        "pendulums, 2×500 numbers": (oscillators, (points, points[::-1].copy(), points**2), 2 * points.nbytes),
        "gated, 32×32": (gated, (x, W, U), x.nbytes),
    }


def main(rounds: int) -> None:
    print(f"{LAYERS:,} layers (load {os.getloadavg()[0]:.1f}): values kept, in states, and ms of a call")
    print(f"  {'':<36}{'all kept':>9}{'√n':>7}{'× 2√n':>8}{'ms':>9}{'√n: ms':>9}{'×':>7}")
    for name, (f, arguments, state) in chains().items():
        f = cr.value_and_grad(f, (0, 1, 2))
        compiled = {"all": cr.compile(f), "√n": cr.compile(f, memory="√n")}
        found = {kind: [run(*arguments) for _ in range(3)][-1] for kind, run in compiled.items()}
        assert found["all"][0] == found["√n"][0]
        for a, b in zip(found["all"][1], found["√n"][1], strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-13 * np.max(np.abs(a)))
        whole, few = (run.memory() / state for run in compiled.values())
        runs = {kind: functools.partial(run, *arguments) for kind, run in compiled.items()}
        times = [1e3 * t.median for t in compare(runs, min(rounds, 9)).values()]
        print(
            f"  {name:<36}{whole:>9,.0f}{few:>7,.0f}{few / (2 * math.sqrt(LAYERS)):>8.2f}"
            f"{times[0]:>9.1f}{times[1]:>9.1f}{times[1] / times[0]:>7.2f}",
            flush=True,
        )
    print()


if __name__ == "__main__":
    main(9)
