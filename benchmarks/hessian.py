"""Hessians, each beside the formula that one derives by hand and writes in NumPy. float64.

A quadratic form, logistic regression, a matrix factorisation by one of its factors, and a network of ten layers by the
weights of the first: S. Laue, M. Mitterreiter, J. Giesen, A simple and efficient tensor calculus (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from benchmarks.peers import jax, measure, torch


class Problem(NamedTuple):
    """A function of arrays and of a library, `loss(*arrays, xp)`; its Hessian by the first array, derived by hand."""

    title: str
    loss: Callable[..., Any]
    by_hand: Callable[..., np.ndarray]
    arrays: tuple[np.ndarray, ...]


def main(rounds: int) -> None:
    rng = np.random.default_rng(0)
    for problem in (quadratic(rng), logistic(rng, 100), logistic(rng, 500), factorisation(rng), layers(rng)):
        _measured(problem, rounds)


def _measured(problem: Problem, rounds: int) -> None:
    title, loss, by_hand, arrays = problem
    hessian = cr.hessian(lambda *given: loss(*given, np))
    compiled = cr.compile(hessian)
    runs = {"chainrule, compiled": lambda: compiled(*arrays)}
    if jax:
        jitted = jax.jit(jax.hessian(lambda *given: loss(*given, jax.numpy)))
        runs["JAX jit"] = lambda: np.asarray(jitted(*arrays))
    if torch:
        of_torch = torch.func.hessian(lambda *given: loss(*given, torch))
        tensors = [torch.from_numpy(x) for x in arrays]
        runs["torch.func"] = lambda: of_torch(*tensors).numpy()
    runs["chainrule, not compiled"] = lambda: hessian(*arrays)
    np.testing.assert_allclose(compiled(*arrays), by_hand(*arrays), rtol=1e-9, atol=1e-9)
    limits = {"derived by hand, NumPy": lambda: by_hand(*arrays)}
    print(measure(f"{title}, float64", runs, limits, "ms", rounds, 1e-9), "\n")


def quadratic(rng: np.random.Generator) -> Problem:
    """xᵀAx: A + Aᵀ."""
    arrays = rng.normal(size=1000), rng.normal(size=(1000, 1000))
    return Problem("quadratic-form Hessian, n=1000", lambda x, A, xp: x @ A @ x, lambda x, A: A + A.T, arrays)


def logistic(rng: np.random.Generator, d: int) -> Problem:
    """Xᵀ diag(p (1 − p)) X."""
    X, w, y = rng.normal(size=(1000, d)), 0.1 * rng.normal(size=d), np.sign(rng.normal(size=1000))

    def loss(w: Any, X: Any, y: Any, xp: Any) -> Any:
        return xp.sum(xp.log1p(xp.exp(-y * (X @ w))))

    def by_hand(w: np.ndarray, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = 1 / (1 + np.exp(-y * (X @ w)))
        return (X * (p * (1 - p))[:, None]).T @ X

    return Problem(f"logistic-regression Hessian, n=1000, d={d}", loss, by_hand, (w, X, y))


def factorisation(rng: np.random.Generator, n: int = 200, k: int = 5) -> Problem:
    """2 δ_ij Σ_l Ω_il V_la V_lb, where some entries Ω of the matrix T are known."""
    U, V, T = rng.normal(size=(n, k)), rng.normal(size=(n, k)), rng.normal(size=(n, n))
    known = (rng.random((n, n)) < 0.5).astype(float)

    def loss(U: Any, V: Any, T: Any, known: Any, xp: Any) -> Any:
        return xp.sum(known * (T - U @ V.T) ** 2)

    def by_hand(U: np.ndarray, V: np.ndarray, T: np.ndarray, known: np.ndarray) -> np.ndarray:
        hessian, i = np.zeros((n, k, n, k)), np.arange(n)
        hessian[i, :, i, :] = 2 * np.einsum("il,la,lb->iab", known, V, V, optimize=True)
        return hessian

    return Problem(f"matrix-factorisation Hessian, n={n}, k={k}", loss, by_hand, (U, V, T, known))


def layers(rng: np.random.Generator, n: int = 40, count: int = 10) -> Problem:
    """[Jᵀ (diag(p) − ppᵀ) J] ⊗ xxᵀ, where J is the Jacobian of the scores by what the first layer's weights give."""
    first, *rest = (rng.normal(size=(n, n)) * np.sqrt(2 / n) for _ in range(count))

    def loss(first: Any, x: Any, *rest_and_xp: Any) -> Any:
        *rest, xp = rest_and_xp
        z = first @ x
        for W in rest:
            z = W @ xp.maximum(z, xp.zeros_like(z))
        return xp.log(xp.sum(xp.exp(z))) - z[3]

    def by_hand(first: np.ndarray, x: np.ndarray, *rest: np.ndarray) -> np.ndarray:
        z, J = first @ x, np.eye(n)
        for W in rest:
            J = W @ ((z > 0)[:, None] * J)
            z = W @ np.maximum(z, 0)
        p = np.exp(z - z.max())
        p /= p.sum()
        M = J.T @ (p[:, None] * J) - np.outer(J.T @ p, J.T @ p)
        return M[:, None, :, None] * np.outer(x, x)[:, None, :]

    title = f"Hessian of {count} ReLU layers of {n} by the first layer's weights"
    return Problem(title, loss, by_hand, (first, rng.normal(size=n), *rest))
