"""Value and gradient, uncompiled: chainrule beside HIPS autograd, MyGrad and PyTorch eager, in one run.

    pip install ".[benchmarks]"
    python -m benchmarks.eager

NumPy arrays go in and NumPy arrays come out of every run, and all gradients must agree before anything is timed.
Each library is used as its users would: its own fused functions where it has them. "plain NumPy" is code without a call
to chainrule. "by hand" is the limit: the arithmetic alone, forward and backward written out in NumPy.
Ratios are times divided by that of the first row. One thread for all, unless OMP_NUM_THREADS says otherwise: idle
threads of one library spin for a while after its run and slow down the next one. It must be set before NumPy is
imported.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import contextlib
import importlib
import itertools
import platform
import time
import tracemalloc
from collections.abc import Callable
from importlib import metadata
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.timing import Run, compare, seconds, table
from chainrule import recording


def installed(name: str) -> Any:
    """The module, or None."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


hips, mygrad, torch = installed("autograd"), installed("mygrad"), installed("torch")
if hips:
    anp = importlib.import_module("autograd.numpy")
    hips_logsumexp = importlib.import_module("autograd.scipy.special").logsumexp
if mygrad:
    from mygrad.nnet.activations import relu as mygrad_relu
    from mygrad.nnet.activations import softmax as mygrad_softmax
    from mygrad.nnet.losses import softmax_crossentropy as mygrad_softmax_crossentropy


# (a) the notes' cross-entropy example: W (3, 2), x (2,), right class 0 -----------------------------------------


def cross_entropy(W: np.ndarray, x: np.ndarray) -> dict[str, Run]:
    """The notes' way, by the probabilities p, and each library's fused function of the scores."""

    def blocks(W, x):
        return cr.cross_entropy_loss(cr.softmax(W @ x), 0)

    def fused(W, x):
        return cr.softmax_cross_entropy(W @ x, 0)

    def plain(W, x, np=np):
        s = np.dot(W, x)
        e = np.exp(s - np.max(s))
        p = e / np.sum(e)
        return -np.log(p[0])

    def by_hand():
        s = W @ x
        e = np.exp(s - np.max(s))
        p = e / np.sum(e)
        ds = p.copy()
        ds[0] -= 1
        return -np.log(p[0]), (np.outer(ds, x), ds @ W)

    def value_and_grad(library, f):
        differentiated = library.value_and_grad(f, (0, 1))
        return lambda: differentiated(W, x)

    runs = {
        "chainrule, cr.softmax, cr.cross_entropy_loss": value_and_grad(cr, blocks),
        "chainrule, plain NumPy": value_and_grad(cr, plain),
        "chainrule, fused": value_and_grad(cr, fused),
    }
    if hips:

        def stable(W, x):
            s = anp.dot(W, x)
            return hips_logsumexp(s) - s[0]

        runs["HIPS autograd, plain NumPy"] = value_and_grad(hips, lambda W, x: plain(W, x, anp))
        runs["HIPS autograd, logsumexp"] = value_and_grad(hips, stable)
    if mygrad:
        label = np.array([0])

        def in_mygrad(loss):
            Wt, xt = mygrad.tensor(W), mygrad.tensor(x)
            L = loss(mygrad.matmul(Wt, xt))
            L.backward()
            return L.data, (Wt.grad, xt.grad)

        runs |= guarded_and_not("MyGrad, softmax", lambda: in_mygrad(lambda s: -mygrad.log(mygrad_softmax(s)[0])))
        runs |= guarded_and_not(
            "MyGrad, fused", lambda: in_mygrad(lambda s: mygrad_softmax_crossentropy(s.reshape(1, -1), label))
        )
    if torch:
        target = torch.tensor(0)

        def in_torch(loss):
            Wt, xt = leaf(W), leaf(x)
            L = loss(Wt @ xt)
            L.backward()
            return L.detach().numpy(), (Wt.grad.numpy(), xt.grad.numpy())

        runs["PyTorch eager, softmax"] = lambda: in_torch(lambda s: -torch.log(torch.softmax(s, 0)[0]))
        runs["PyTorch eager, fused"] = lambda: in_torch(lambda s: torch.nn.functional.cross_entropy(s, target))
    return runs | {"by hand, NumPy": by_hand}


# (b) a perceptron of three layers: 784-256-256-10, batch 128, float32 --------------------------------------------


def perceptron(rng: np.random.Generator) -> tuple[dict[str, Run], Run]:
    """The runs by name, and the eight matrix products of forward and backward alone."""
    sizes, batch = (784, 256, 256, 10), 128
    parameters = [
        array.astype(np.float32)
        for rows, columns in itertools.pairwise(sizes)
        for array in (rng.normal(size=(rows, columns)) * np.sqrt(2 / rows), 0.1 * rng.normal(size=columns))
    ]
    x = rng.normal(size=(batch, sizes[0])).astype(np.float32)
    label = rng.integers(0, sizes[-1], batch)
    rows = np.arange(batch)

    def with_blocks(parameters):
        U, a, V, b, W, c = parameters
        h = cr.relu(x @ U + a)
        h = cr.relu(h @ V + b)
        return np.mean(cr.softmax_cross_entropy(h @ W + c, label))

    def plain(parameters):
        U, a, V, b, W, c = parameters
        h = np.maximum(x @ U + a, 0)
        h = np.maximum(h @ V + b, 0)
        s = h @ W + c
        s = s - np.max(s, axis=-1, keepdims=True)
        return np.mean(np.log(np.sum(np.exp(s), axis=-1)) - s[rows, label])

    def by_hand():
        U, a, V, b, W, c = parameters
        h = np.maximum(x @ U + a, 0)
        g = np.maximum(h @ V + b, 0)
        s = g @ W + c
        s -= np.max(s, axis=-1, keepdims=True)
        e = np.exp(s)
        total = np.sum(e, axis=-1, keepdims=True)
        L = np.mean(np.log(total[:, 0]) - s[rows, label])
        ds = e / total
        ds[rows, label] -= 1
        ds /= np.float32(batch)
        dg = (ds @ W.T) * (g > 0)
        dh = (dg @ V.T) * (h > 0)
        return L, (x.T @ dh, dh.sum(0), h.T @ dg, dg.sum(0), g.T @ ds, ds.sum(0))

    h, s = np.ones((batch, 256), np.float32), np.ones((batch, 10), np.float32)

    def products():
        U, _, V, _, W, _ = parameters
        return x @ U, h @ V, h @ W, s @ W.T, h.T @ s, h @ V.T, h.T @ h, x.T @ h

    of_blocks, of_plain = cr.value_and_grad(with_blocks), cr.value_and_grad(plain)
    runs: dict[str, Run] = {
        "chainrule, cr.relu and cr.softmax_cross_entropy": lambda: of_blocks(parameters),
        "chainrule, plain NumPy": lambda: of_plain(parameters),
    }
    if hips:

        def in_hips(parameters):
            U, a, V, b, W, c = parameters
            h = anp.maximum(anp.dot(x, U) + a, 0)
            h = anp.maximum(anp.dot(h, V) + b, 0)
            s = anp.dot(h, W) + c
            return anp.mean(hips_logsumexp(s, axis=-1) - s[rows, label])

        of_hips = hips.value_and_grad(in_hips)
        runs["HIPS autograd"] = lambda: of_hips(parameters)
    if mygrad:

        def in_mygrad():
            tensors = U, a, V, b, W, c = [mygrad.tensor(p) for p in parameters]
            h = mygrad_relu(mygrad.matmul(x, U) + a)
            h = mygrad_relu(mygrad.matmul(h, V) + b)
            L = mygrad_softmax_crossentropy(mygrad.matmul(h, W) + c, label)
            L.backward()
            return L.data, tuple(t.grad for t in tensors)

        runs |= guarded_and_not("MyGrad", in_mygrad)
    if torch:

        def in_torch():
            tensors = U, a, V, b, W, c = [leaf(p) for p in parameters]
            h = torch.relu(torch.addmm(a, torch.from_numpy(x), U))
            h = torch.relu(torch.addmm(b, h, V))
            L = torch.nn.functional.cross_entropy(torch.addmm(c, h, W), torch.from_numpy(label))
            L.backward()
            return L.detach().numpy(), tuple(t.grad.numpy() for t in tensors)

        runs["PyTorch eager"] = in_torch
    return runs | {"by hand, NumPy": by_hand}, products


# (c) a scalar chain: x ← sin x, one block a step; and x ← 1.0001 x + 0.0001, two -----------------------------------


def sines(x: Any, steps: int, sin: Callable[[Any], Any] = np.sin) -> Any:
    for _ in range(steps):
        x = sin(x)
    return x


def lines(x: Any, steps: int) -> Any:
    for _ in range(steps):
        x = 1.0001 * x + 0.0001
    return x


def sines_by_hand(x: np.float64, steps: int) -> tuple[Any, Any]:
    xs = []
    for _ in range(steps):
        xs.append(x)
        x = np.sin(x)
    dx = np.float64(1.0)
    for z in reversed(xs):
        dx = dx * np.cos(z)
    return x, dx


def lines_by_hand(x: np.float64, steps: int) -> tuple[Any, Any]:
    for _ in range(steps):
        x = 1.0001 * x + 0.0001
    dx = np.float64(1.0)
    for _ in range(steps):
        dx = dx * 1.0001
    return x, dx


def chain(kind: str, steps: int) -> dict[str, Run]:
    x = np.float64(0.5)
    of_functions = {"sines": sines, "lines": lines}[kind]

    def value_and_grad(library: Any, *options: Any) -> Run:
        differentiated = library.value_and_grad(lambda x: of_functions(x, steps, *options))
        return lambda: differentiated(x)

    runs: dict[str, Run] = {"chainrule, plain NumPy": value_and_grad(cr)}
    if hips:
        runs["HIPS autograd"] = value_and_grad(hips, *[anp.sin] * (kind == "sines"))
    if mygrad:

        def in_mygrad():
            t = mygrad.tensor(x)
            L = of_functions(t, steps, *[mygrad.sin] * (kind == "sines"))
            L.backward()
            return L.data, t.grad

        runs |= guarded_and_not("MyGrad", in_mygrad)
    if torch:

        def in_torch():
            t = torch.tensor(x, requires_grad=True)
            L = of_functions(t, steps, *[torch.sin] * (kind == "sines"))
            L.backward()
            return L.detach().numpy(), t.grad.numpy()

        runs["PyTorch eager"] = in_torch
    by_hand = {"sines": sines_by_hand, "lines": lines_by_hand}[kind]
    runs["by hand, NumPy"] = lambda: by_hand(x, steps)
    return runs


# Common to all -------------------------------------------------------------------------------------------------


def leaf(array: np.ndarray) -> Any:
    """A tensor on the array's own memory, to be differentiated by."""
    return torch.from_numpy(array).requires_grad_()


def guarded_and_not(name: str, run: Run) -> dict[str, Run]:
    """MyGrad by default makes arrays read-only while they are in use; its users turn that off for speed."""

    def unguarded():
        with mygrad.mem_guard_off:
            return run()

    return {name: run, f"{name}, memory guard off": unguarded}


def assert_agree(runs: dict[str, Run], rtol: float) -> None:
    """Every run gives the value and gradients that the hand-written one gives."""
    value, gradients = runs["by hand, NumPy"]()
    expected = [value, *(gradients if isinstance(gradients, tuple) else (gradients,))]
    for name, run in runs.items():
        value, gradients = run()
        found = [value, *(gradients if isinstance(gradients, tuple | list) else (gradients,))]
        assert len(found) == len(expected), name
        for f, e in zip(found, expected, strict=True):
            scale = np.max(np.abs(e))
            np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol * scale, err_msg=name)


def growth(kind: str, sizes: tuple[int, ...]) -> str:
    """Time and memory of chainrule's scalar chain at several lengths."""
    rows = [f"  {'steps':>9}  {'seconds':>8}  {'µs a step':>9}  {'peak MB':>8}  {'bytes a step':>12}"]
    for steps in sizes:
        run = chain(kind, steps)["chainrule, plain NumPy"]
        run()
        taken = np.median([seconds(run) for _ in range(3)])
        tracemalloc.start()
        run()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        per_step = f"{taken / steps * 1e6:>9.2f}  {peak / 1e6:>8.1f}  {peak / steps:>12.0f}"
        rows.append(f"  {steps:>9,}  {taken:>8.3f}  {per_step}")
    return "\n".join(rows)


def without_standins(run: Run) -> Run:
    """The run without the context in which names of NumPy stand for others. These programs need none."""

    def plain():
        kept = recording.standins
        recording.standins = lambda *args: contextlib.nullcontext()
        try:
            return run()
        finally:
            recording.standins = kept

    return plain


def cost_of_standins(runs: dict[str, Run], rounds: int) -> str:
    """What the search for names that need a stand-in adds to each run."""
    rows = ["the search for names that need a stand-in", f"  {'':<30}  {'added':>7}"]
    for name, run in runs.items():
        times = compare({"with": run, "without": without_standins(run)}, rounds)
        rows.append(f"  {name:<30}  {times['with'].median / times['without'].median - 1:>7.1%}")
    return "\n".join(rows)


def versions() -> str:
    peers = {"autograd": hips, "mygrad": mygrad, "torch": torch}
    known = ", ".join(f"{name} {metadata.version(name)}" for name in ("numpy", *peers) if peers.get(name, True))
    threads = f"{os.environ['OMP_NUM_THREADS']} thread(s) of {os.cpu_count()} cores"
    return f"Python {platform.python_version()}, {known}\n{threads}, {time.strftime('%Y-%m-%d')}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Value and gradient, uncompiled, beside other libraries.")
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each run (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="few rounds and short chains, to see that it works")
    options = parser.parse_args()
    rounds = 3 if options.quick else options.rounds
    for name, module in (("HIPS autograd", hips), ("MyGrad", mygrad), ("PyTorch", torch)):
        if module is None:
            print(f"{name} is not installed: skipped")
    print(versions(), end="\n\n")

    from examples.notes import sections

    inputs = next(section.inputs for section in sections() if section.cell == 63)
    of_standins: dict[str, Run] = {}
    runs = cross_entropy(np.array(inputs["W"]), np.array(inputs["x"]))
    of_standins["cross-entropy, W 3×2"] = runs["chainrule, plain NumPy"]
    assert_agree(runs, 1e-12)
    times = compare(runs, 3 * rounds)
    print(table("(a) the notes' cross-entropy, W 3×2, one right class", times, "µs", next(iter(runs))))

    runs, products = perceptron(np.random.default_rng(0))
    assert_agree(runs, 1e-4)
    of_standins["perceptron 784-256-256-10"] = runs["chainrule, plain NumPy"]
    times = compare(runs | {"its matrix products alone, NumPy": products}, rounds)
    print("\n" + table("(b) perceptron 784-256-256-10, batch 128, float32", times, "ms", next(iter(runs))))

    steps = 1000 if options.quick else 10_000
    for kind, title in (("sines", "x ← sin x"), ("lines", "x ← 1.0001 x + 0.0001")):
        runs = chain(kind, steps)
        of_standins[title] = runs["chainrule, plain NumPy"]
        assert_agree(runs, 1e-9)
        times = compare(runs, max(3, rounds // 5))
        print("\n" + table(f"(c) a chain of {steps:,} steps {title}", times, "ms", next(iter(runs))))

    print("\n" + cost_of_standins(of_standins, rounds))

    sizes = tuple(s // 100 if options.quick else s for s in (10_000, 100_000, 1_000_000))
    print("\nchainrule's chain x ← sin x by length\n" + growth("sines", sizes))


if __name__ == "__main__":
    main()
