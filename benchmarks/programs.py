"""Plain programs of all kinds: loops, small matrices, geometry, statistics, beside JAX, PyTorch and HIPS autograd.

    python -m benchmarks.programs [name …]    all, or those whose name begins so

For each program: seconds of a process from its start to full speed, with an empty and a filled cache, and the median
time of a call, for all libraries in one run. JAX gets the program as it stands (its loops unrolled), and as lax.scan.
A library that is not at full speed after `--patience` seconds is left out, and its times are given as "more".
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from benchmarks.peers import check, hips, jax, torch, versions
from benchmarks.plain import PROGRAMS, Problem, in_library
from benchmarks.timing import Run, compare

__all__ = ["RUNS", "main"]


def _chainrule(problem: Problem) -> Run:
    if problem.jacobian:
        compiled = cr.compile(cr.jacobian(problem.loss, problem.which))
    else:
        compiled = cr.compile(cr.value_and_grad(problem.loss, problem.which))
    return lambda: compiled(*problem.arrays)


def _eager(problem: Problem) -> Run:
    made = cr.jacobian if problem.jacobian else cr.value_and_grad
    function = made(problem.loss, problem.which)
    return lambda: function(*problem.arrays)


def _in_jax(problem: Problem, loss: Callable[..., Any]) -> Run:
    made = jax.jacrev if problem.jacobian else jax.value_and_grad
    jitted = jax.jit(made(loss, problem.which))
    return lambda: jax.tree.map(np.asarray, jitted(*problem.arrays))


def _jax(problem: Problem) -> Run | None:
    return _in_jax(problem, in_library(problem.loss, jax.numpy)) if jax else None


def _scan(problem: Problem) -> Run | None:
    return _in_jax(problem, problem.scan(jax)) if jax and problem.scan else None


def _torch(problem: Problem) -> Run | None:
    if not torch:
        return None
    loss = in_library(problem.loss, torch)
    real = next((a.dtype for a in problem.arrays if isinstance(a, np.ndarray)), np.dtype(float))
    torch.set_default_dtype(torch.float32 if real == np.float32 else torch.float64)

    def run() -> Any:
        tensors = [torch.from_numpy(np.asarray(a)) for a in problem.arrays]
        leaves = [tensors[i].requires_grad_() for i in problem.which]
        if problem.jacobian:
            return [torch.autograd.functional.jacobian(loss, tensors[0]).numpy()]
        L = loss(*tensors)
        L.backward()
        return L.detach().numpy(), tuple(leaf.grad.numpy() for leaf in leaves)

    return run


def _hips(problem: Problem) -> Run | None:
    if not hips:
        return None
    import autograd.numpy as anp

    loss = in_library(problem.loss, anp)
    if problem.jacobian:
        made = hips.jacobian(loss)
        return lambda: [made(*problem.arrays)]
    differentiated = hips.value_and_grad(loss, problem.which)
    return lambda: differentiated(*problem.arrays)


RUNS: dict[str, Callable[[Problem], Run | None]] = {
    "chainrule, compiled": _chainrule,
    "JAX jit": _jax,
    "JAX, lax.scan": _scan,
    "PyTorch eager": _torch,
    "HIPS autograd": _hips,
    "chainrule, not compiled": _eager,
}
CALLS = {"chainrule, compiled": 3, "chainrule, not compiled": 1}
"""Calls until full speed; 2 for the others."""
IMPORTS = {"JAX jit": "jax", "JAX, lax.scan": "jax", "PyTorch eager": "torch", "HIPS autograd": "autograd"}
"""What a process imports beside chainrule."""
PROCESS = """
from benchmarks.plain import PROGRAMS
from benchmarks.programs import RUNS
run = RUNS[{way!r}](PROGRAMS[{name!r}]())
for _ in range({calls}):
    run()
"""


def _seconds(way: str, name: str, cache: str, patience: float) -> float:
    """Seconds of a process from its start to full speed; infinite if that takes longer than `patience`."""
    environment = os.environ | {
        "CHAINRULE_CACHE_DIR": os.path.join(cache, "ours"),
        "JAX_COMPILATION_CACHE_DIR": os.path.join(cache, "jax"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "BENCHMARKS_ONLY": IMPORTS.get(way, ""),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    program = PROCESS.format(way=way, name=name, calls=CALLS.get(way, 2))
    start = time.perf_counter()
    try:
        subprocess.run([sys.executable, "-c", program], check=True, env=environment, timeout=patience)
    except subprocess.TimeoutExpired:
        return float("inf")
    return time.perf_counter() - start


def report(name: str, rounds: int, patience: float, ways: list[str]) -> str:
    """One program's table."""
    problem = PROGRAMS[name]()
    started: dict[str, tuple[float, float]] = {}
    runs: dict[str, Run] = {}
    for way in ways:
        run = RUNS[way](problem)
        if run is None:
            continue
        with tempfile.TemporaryDirectory() as cache:
            first = _seconds(way, name, cache, patience)
            started[way] = first, _seconds(way, name, cache, patience) if first < patience else first
        if first < patience:
            runs[way] = run
    for way, run in runs.items():
        for _ in range(CALLS.get(way, 2)):
            run()
    check(runs, 1e-3 if "attention" in name else 1e-7)
    times = compare(runs, rounds) if runs else {}
    lines = [f"{name}\n  {'':<24}{'median µs':>13}{'ratio':>8}{'empty cache s':>15}{'filled s':>10}"]
    reference = next(iter(times.values())).median if times else 1.0
    for way, (empty, filled) in started.items():
        call = (
            f"{times[way].median * 1e6:>13.1f}{times[way].median / reference:>8.2f}" if way in times else f"{'-':>21}"
        )
        lines.append(f"  {way:<24}{call}{_told(empty, patience):>15}{_told(filled, patience):>10}")
    return "\n".join(lines)


def _told(seconds: float, patience: float) -> str:
    return f"{seconds:.2f}" if seconds < patience else f"> {patience:.0f}"


def main(rounds: int, names: list[str] | None = None, patience: float = 120.0, ways: list[str] | None = None) -> None:
    for name in PROGRAMS:
        if not names or any(name.lower().startswith(wanted.lower()) for wanted in names):
            print(report(name, rounds, patience, ways or [*RUNS]), end="\n\n", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Plain programs, beside other libraries.")
    parser.add_argument("names", nargs="*", help="the programs whose names begin so (default: all)")
    parser.add_argument("--rounds", type=int, default=30, help="measurements of each run (default: %(default)s)")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds to wait for full speed (%(default)s)")
    parser.add_argument("--ways", nargs="*", choices=[*RUNS], help="the libraries (default: all)")
    options = parser.parse_args()
    print(versions(), end="\n\n")
    main(options.rounds, options.names, options.patience, options.ways)
