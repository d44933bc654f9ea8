"""Compiled steps while other work keeps all processors: with all threads, beside one thread alone.

    python -m benchmarks busy

As many processes as there are processors do nothing but count. Beside them each step runs in two processes in turn, one
with its usual threads and one with CHAINRULE_NUM_THREADS=1 and OPENBLAS_NUM_THREADS=1, and so it does on its own.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

__all__ = ["STEPS", "main", "median"]

ONE = {"CHAINRULE_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
RNG = np.random.default_rng(0)


def _perceptron() -> Callable[[], object]:
    import chainrule as cr
    from benchmarks.perceptron_step import problem, step

    compiled, (p, x, y) = cr.compile(step), problem()
    return lambda: compiled(p, x, y, np.float32(0.1))


def _wide() -> Callable[[], object]:
    import chainrule as cr

    a, b, x = RNG.normal(size=(3, 1024, 1024)) / 32
    compiled = cr.compile(cr.value_and_grad(lambda a, b: np.sum(np.tanh(x @ a) @ b), (0, 1)))
    return lambda: compiled(a, b)


def _elementwise() -> Callable[[], object]:
    import chainrule as cr

    x = RNG.normal(size=1_000_000)
    compiled = cr.compile(cr.value_and_grad(lambda x: np.sum(np.log(1 + np.exp(np.sin(x) * x)))))
    return lambda: compiled(x)


STEPS = {
    "perceptron 784-256-256-10, batch 128": _perceptron,
    "products of 1024 × 1024": _wide,
    "elementwise, 1,000,000 entries": _elementwise,
}


def median(name: str, rounds: int) -> float:
    """The median time of a step in this process, in milliseconds."""
    run = STEPS[name]()
    for _ in range(4):
        run()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * 1e3


@contextlib.contextmanager
def _busy(count: int) -> Iterator[None]:
    """Within this, so many processes keep the processors."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _in_a_process(name: str, rounds: int, threads: dict[str, str]) -> float:
    code = f"from benchmarks.busy import median; print(median({name!r}, {rounds}))"
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, env=os.environ | threads, stdout=subprocess.PIPE, text=True
    )
    return float(run.stdout)


def main(rounds: int) -> None:
    print(f"  {'ms a step (medians)':<38}{'one thread':>12}{'all threads':>13}{'ratio':>8}")
    for count in (0, os.cpu_count() or 1):
        print(f"{count} other busy processes (load before: {os.getloadavg()[0]:.1f})")
        with _busy(count):
            for name in STEPS:
                turns = [(_in_a_process(name, rounds, ONE), _in_a_process(name, rounds, {})) for _ in range(3)]
                one, all_of_them = np.median(turns, axis=0)
                print(f"  {name:<38}{one:>12.2f}{all_of_them:>13.2f}{all_of_them / one:>8.2f}", flush=True)
    print()
