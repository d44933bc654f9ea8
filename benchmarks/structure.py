"""A step of Newton's method by structured second derivatives: what is found, kept and needed, and the time.

    python -m benchmarks.structure

The dense matrix of 100,000 parameters would take 80 GB.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr

N = 100_000
RNG = np.random.default_rng(0)
DATA = RNG.normal(size=(50, N)) / 300
RATINGS, WEIGHTS, V = RNG.normal(size=(N // 5, 30)), RNG.uniform(size=(N // 5, 30)), RNG.normal(size=(30, 5))
PIXELS, IMAGES = RNG.normal(size=784), RNG.normal(size=(50, 784))
LABELS = np.eye(10)[RNG.integers(0, 10, 50)]

PROGRAMS: dict[str, tuple[Callable[[Any], Any], tuple[int, ...]]] = {
    "logistic regression, 50 samples": (
        lambda w: np.sum(np.logaddexp(0, -(DATA @ w))) + 0.1 * np.sum(np.cosh(w)),
        (N,),
    ),
    "logsumexp with a ridge": (lambda x: np.log(np.sum(np.exp(x))) + 0.1 * np.sum(x**2), (N,)),
    "matrix factorisation": (
        lambda U: np.sum(WEIGHTS * (RATINGS - U @ V.T) ** 2) + 0.1 * np.sum(U**2),
        (N // 5, 5),
    ),
    "a layer, one image": (lambda W: -cr.log_softmax(W @ PIXELS)[1] + 0.01 * np.sum(W**2), (128, 784)),
    "a layer, 50 images": (
        lambda W: -np.mean(np.sum(LABELS * cr.log_softmax(IMAGES @ W), axis=1)) + 0.01 * np.sum(W**2),
        (784, 10),
    ),
    "a chain": (lambda x: np.sum(np.cosh(x - 1)) + 10 * np.sum((x[1:] - x[:-1]) ** 2), (N,)),
}


def step(f: Callable[[Any], Any], w: np.ndarray) -> tuple[Any, float]:
    """The matrix, and the size of what is left of the gradient after a linear step."""
    g = np.ravel(cr.grad(f)(w))
    H = cr.hessian(f, structure=True)(w)
    return H, float(np.linalg.norm(H @ H.solve(g) - g) / np.linalg.norm(g))


def main() -> None:
    for title, (f, shape) in PROGRAMS.items():
        w = 0.01 * RNG.normal(size=shape)
        start = time.perf_counter()
        H, left = step(f, w)
        took = time.perf_counter() - start
        tracemalloc.start()
        step(f, w)
        memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        print(f"{title}\n  {H}\n  peak {memory / 1e6:.0f} MB, {took:.2f} s, residual {left:.0e}")


if __name__ == "__main__":
    main()
