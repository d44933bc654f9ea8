"""The libraries that are measured beside chainrule, each used as its users would.

Every function here makes a run of NumPy arrays in, NumPy arrays out: value and gradients of a loss.
"""

from __future__ import annotations

import importlib
import os
import platform
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

import numpy as np

from benchmarks.timing import Run, Times, compare

PEERS = ("jax", "torch", "autograd", "mygrad", "pytensor", "micrograd")


WANTED = os.environ.get("BENCHMARKS_ONLY")
"""The peers to import, separated by blanks; all if it is not set. A timed process imports only what it measures."""


def installed(name: str) -> Any:
    """The module, or None."""
    if WANTED is not None and name not in WANTED.split():
        return None
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


jax, torch, hips, mygrad, pytensor, micrograd = map(installed, PEERS)
if jax:
    jax.config.update("jax_enable_x64", True)


def with_jax(loss: Callable[..., Any], argnums: Any, arrays: Sequence[Any]) -> Run:
    """Jitted; arrays go in as NumPy's and come back as NumPy's."""
    jitted = jax.jit(jax.value_and_grad(loss, argnums))
    return lambda: jax.tree.map(np.asarray, jitted(*arrays))


def with_torch(loss: Callable[..., Any], which: Sequence[int], arrays: Sequence[Any]) -> Run:
    """Eager."""

    def run() -> Any:
        tensors = [torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arrays]
        leaves = [tensors[i].requires_grad_() for i in which]
        L = loss(*tensors)
        L.backward()
        return L.detach().numpy(), tuple(leaf.grad.numpy() for leaf in leaves)

    return run


_asked_for: set[str] = set()


def ask_for_torch_compile() -> None:
    """From here on `torch.compile` is measured too: it takes a C++ compiler, and up to a minute for each workload."""
    _asked_for.add("torch.compile")


def torch_runs(loss: Callable[..., Any], which: Sequence[int], arrays: Sequence[Any]) -> dict[str, Run]:
    """Eager, and compiled if that was asked for; where it fails it is left out, and said so."""
    runs = {"PyTorch eager": with_torch(loss, which, arrays)}
    if "torch.compile" in _asked_for:
        compiled = with_torch(torch.compile(loss), which, arrays)
        try:
            compiled()
        except Exception as error:  # no compiler, or something that it does not know
            print(f"torch.compile is left out: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
        else:
            runs["torch.compile"] = compiled
    return runs


def check(runs: dict[str, Run], rtol: float) -> None:
    """All runs give what the first gives."""
    first, *others = runs
    expected = flat(runs[first]())
    for name in others:
        found = flat(runs[name]())
        assert len(found) == len(expected), name
        for f, e in zip(found, expected, strict=True):
            scale = float(np.max(np.abs(e), initial=0.0))
            np.testing.assert_allclose(f, e, rtol=rtol, atol=rtol * scale, err_msg=name)


def flat(tree: Any) -> list[np.ndarray]:
    if isinstance(tree, tuple | list):
        return [leaf for item in tree for leaf in flat(item)]
    if isinstance(tree, dict):
        return [leaf for key in sorted(tree) for leaf in flat(tree[key])]
    return [np.asarray(tree)]


def measure(title: str, runs: dict[str, Run], limits: dict[str, Run], unit: str, rounds: int, rtol: float) -> str:
    """Check the runs, time them and the limits, and write the table. The first run is chainrule's, compiled."""
    check(runs, rtol)
    times = compare(runs | limits, rounds)
    return table(title, times, len(runs), unit)


def table(title: str, times: dict[str, Times], peers: int, unit: str) -> str:
    """Times, and how many times as long as chainrule's each is; a limit is given as chainrule's share above it."""
    scale = {"µs": 1e6, "ms": 1e3, "s": 1.0}[unit]
    width = max(map(len, times))
    lines = [title, f"  {'':<{width}}  {'median ' + unit:>10}  {'quartiles':>19}  {'times chainrule':>15}"]
    mine = next(iter(times.values())).median
    for i, (name, t) in enumerate(times.items()):
        quartiles = f"{t.lower * scale:.2f} – {t.upper * scale:.2f}"
        lines.append(f"  {name:<{width}}  {t.median * scale:>10.2f}  {quartiles:>19}  {t.median / mine:>15.2f}")
        if i == peers - 1:
            lines.append("")
    best = min((t.median for t in list(times.values())[1:peers]), default=mine)
    summary = [f"best peer / chainrule: {best / mine:.2f}"] if peers > 1 else []
    summary += [f"chainrule / {name}: {mine / t.median:.2f}" for name, t in list(times.items())[peers:]]
    return "\n".join([*lines, "  " + "; ".join(summary)]).replace("\n\n  best", "\n  best")


def versions() -> str:
    names = ("numpy", "llvmlite", *PEERS)
    found = []
    for name in names:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            found.append(f"{name} not installed")
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    machine = f"{_processor()}, {os.cpu_count()} cores, OMP_NUM_THREADS {threads}, {time.strftime('%Y-%m-%d')}"
    return f"Python {platform.python_version()}, {', '.join(found)}\n{machine}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
