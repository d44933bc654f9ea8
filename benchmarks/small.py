"""The notes' examples: cross-entropy and hinge loss of W (3×2) and x, and L = (2x + 3y) z of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers import hips, jax, measure, micrograd, mygrad, pytensor, torch, torch_runs, with_jax
from benchmarks.timing import Run


def cross_entropy(W: np.ndarray, x: np.ndarray) -> dict[str, Run]:
    def loss(W, x):
        return cr.cross_entropy_loss(cr.softmax(W @ x), 0)

    compiled = cr.compile(cr.value_and_grad(loss, ("W", "x")))
    runs: dict[str, Run] = {"chainrule, compiled": lambda: compiled(W, x)}
    if jax:
        runs["JAX jit"] = with_jax(lambda W, x: -jax.nn.log_softmax(W @ x)[0], (0, 1), (W, x))
    if torch:
        runs |= torch_runs(lambda W, x: -torch.log(torch.softmax(W @ x, 0)[0]), (0, 1), (W, x))
    if pytensor:
        runs["PyTensor, Numba"] = _in_pytensor(lambda s, pt: -pt.log(pt.special.softmax(s)[0]), W, x)
    if hips:
        import autograd.numpy as anp
        from autograd.scipy.special import logsumexp

        def in_hips(W, x):
            s = anp.dot(W, x)
            return logsumexp(s) - s[0]

        differentiated = hips.value_and_grad(in_hips, (0, 1))
        runs["HIPS autograd"] = lambda: differentiated(W, x)
    if mygrad:
        from mygrad.nnet.losses import softmax_crossentropy

        label = np.array([0])

        def in_mygrad() -> Any:
            with mygrad.mem_guard_off:
                Wt, xt = mygrad.tensor(W), mygrad.tensor(x)
                L = softmax_crossentropy(mygrad.matmul(Wt, xt).reshape(1, -1), label)
                L.backward()
                return L.data, (Wt.grad, xt.grad)

        runs["MyGrad"] = in_mygrad
    eager = cr.value_and_grad(loss, ("W", "x"))
    runs["chainrule, not compiled"] = lambda: eager(W, x)
    return runs


def hinge(W: np.ndarray, x: np.ndarray) -> dict[str, Run]:
    compiled = cr.compile(cr.value_and_grad(lambda W, x: cr.hinge_loss(W @ x, 0), (0, 1)))
    runs: dict[str, Run] = {"chainrule, compiled": lambda: compiled(W, x)}
    others = np.array([0.0, 1.0, 1.0])
    if jax:
        runs["JAX jit"] = with_jax(
            lambda W, x: jax.numpy.sum(others * jax.nn.relu(W @ x - (W @ x)[0] + 1)), (0, 1), (W, x)
        )
    if torch:
        mask = torch.from_numpy(others)

        def in_torch(W, x):
            s = W @ x
            return torch.sum(mask * torch.relu(s - s[0] + 1))

        runs |= torch_runs(in_torch, (0, 1), (W, x))
    if pytensor:
        runs["PyTensor, Numba"] = _in_pytensor(lambda s, pt: pt.sum(others * pt.maximum(s - s[0] + 1, 0)), W, x)
    return runs


def numbers(x: float, y: float, z: float) -> dict[str, Run]:
    compiled = cr.compile(cr.value_and_grad(lambda x, y, z: (2 * x + 3 * y) * z, (0, 1, 2)))
    runs: dict[str, Run] = {"chainrule, compiled": lambda: compiled(x, y, z)}
    if jax:
        runs["JAX jit"] = with_jax(lambda x, y, z: (2 * x + 3 * y) * z, (0, 1, 2), (x, y, z))
    if micrograd:
        from micrograd.engine import Value

        def in_micrograd() -> Any:
            a, b, c = Value(x), Value(y), Value(z)
            L = (2 * a + 3 * b) * c
            L.backward()
            return L.data, (a.grad, b.grad, c.grad)

        runs["micrograd"] = in_micrograd
    if torch:

        def in_torch() -> Any:
            tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (x, y, z)]
            L = (2 * tensors[0] + 3 * tensors[1]) * tensors[2]
            L.backward()
            return L.item(), tuple(t.grad.item() for t in tensors)

        runs["PyTorch eager"] = in_torch
    return runs


def _in_pytensor(loss: Any, W: np.ndarray, x: np.ndarray) -> Run:
    import pytensor.tensor as pt

    Wt, xt = pt.dmatrix("W"), pt.dvector("x")
    L = loss(Wt @ xt, pt)
    function = pytensor.function([Wt, xt], [L, *pytensor.grad(L, [Wt, xt])], mode="NUMBA")

    def run() -> Any:
        value, dW, dx = function(W, x)
        return value, (dW, dx)

    return run


def main(rounds: int) -> None:
    rng = np.random.default_rng(0)
    W, x = rng.normal(size=(3, 2)), rng.normal(size=2)
    print(measure("the notes' cross-entropy, W 3×2, float64", cross_entropy(W, x), {}, "µs", rounds, 1e-12), "\n")
    print(measure("the notes' hinge loss, W 3×2, float64", hinge(W, x), {}, "µs", rounds, 1e-12), "\n")
    print(measure("L = (2x + 3y) z, numbers", numbers(1.0, 2.0, 3.0), {}, "µs", rounds, 1e-12), "\n")
