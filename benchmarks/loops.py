"""Long loops in plain Python: processor seconds until full speed, for more and more steps, and the time of a call.

    python -m benchmarks loops

Each is compiled in a process of its own with an empty cache: value and gradient, from the first call until the compiled
code answers (importing apart). The seconds are the processor's, so other work on the machine counts little. They should
grow with the number of steps, and not faster.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["PROGRAMS", "main", "measured"]

RNG = np.random.default_rng(0)
START, STEP = np.array([1.0, 2.0, 3.0]), 1e-3
DATA = RNG.normal(size=100_001)


def _lorenz(x: Any) -> Any:
    return np.stack([10 * (x[1] - x[0]), x[0] * (28 - x[2]) - x[1], x[0] * x[1] - 8 / 3 * x[2]])


def euler(x: Any, dt: float, n: int) -> Any:
    for _ in range(n):
        x = x + dt * _lorenz(x)
    return np.sum(x)


def runge_kutta(x: Any, dt: float, n: int) -> Any:
    for _ in range(n):
        k1 = _lorenz(x)
        k2 = _lorenz(x + dt / 2 * k1)
        k3 = _lorenz(x + dt / 2 * k2)
        k4 = _lorenz(x + dt * k3)
        x = x + dt / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
    return np.sum(x)


def heat(u: Any, dt: float, n: int) -> Any:
    for _ in range(n):
        u = u + dt * (np.roll(u, 1) - 2 * u + np.roll(u, -1))
    return np.sum(u**2)


def autoregression(p: Any, dt: float, n: int) -> Any:
    total = 0.0
    for t in range(1, n + 1):
        rest = DATA[t] - p[0] - p[1] * DATA[t - 1]
        total = total - 0.5 * np.log(p[2]) - rest * rest / (2 * p[2])
    return total


def adam(w: Any, rate: float, n: int) -> Any:
    X = DATA[:250].reshape(50, 5)
    y = X @ np.arange(5.0)
    m, v = np.zeros(5), np.zeros(5)
    for t in range(1, n + 1):
        g = X.T @ (X @ w - y) / 50
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        w = w - rate * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    return np.sum((X @ w - y) ** 2)


def logistic_map(a: Any, start: float, n: int) -> Any:
    x = np.zeros(n + 1)
    x[0] = start
    for t in range(1, n + 1):
        x[t] = a * x[t - 1] * (1 - x[t - 1])
    return np.sum(x**2)


def trajectory(x: Any, dt: float, n: int) -> Any:
    out = np.empty((n, 3))
    for t in range(n):
        x = x + dt * np.tanh(x[::-1])
        out[t] = x
    return np.sum(out**2)


PROGRAMS: dict[str, tuple[Callable[..., Any], tuple[Any, float]]] = {
    "Euler steps, 3 numbers": (euler, (START, STEP)),
    "Runge-Kutta, 3 numbers": (runge_kutta, (START, STEP)),
    "np.roll of 50 points": (heat, (RNG.normal(size=50), 0.1)),
    "AR(1) likelihood": (autoregression, (np.array([0.0, 0.5, 1.0]), 0.0)),
    "Adam by hand": (adam, (np.zeros(5), 0.01)),
    "x[t] = a x[t-1] (1 - x[t-1])": (logistic_map, (3.2, 0.3)),
    "out[t] = x": (trajectory, (START, STEP)),
}


def measured(name: str, n: int) -> dict[str, float]:
    """Processor seconds until full speed, and the seconds of a call, in this process."""
    import chainrule as cr

    program, arguments = PROGRAMS[name]
    compiled = cr.compile(cr.value_and_grad(lambda x, step: program(x, step, n)))
    start = time.process_time()
    for _ in range(3):
        compiled(*arguments)
    until = time.process_time() - start
    calls = []
    for _ in range(20):
        begun = time.perf_counter()
        compiled(*arguments)
        calls.append(time.perf_counter() - begun)
    return {"until": until, "call": float(np.median(calls))}


def main(rounds: int) -> None:
    sizes = (1_000, 10_000) if rounds < 50 else (1_000, 10_000, 100_000)
    heads = "".join(f"{f'{n:,} steps: s':>18}{'µs a call':>11}" for n in sizes)
    print(f"long loops: processor seconds until full speed (load {os.getloadavg()[0]:.1f})\n  {'':<30}{heads}")
    for name in PROGRAMS:
        row = f"  {name:<30}"
        for n in sizes:
            with tempfile.TemporaryDirectory() as cache:
                code = f"import json; from benchmarks.loops import *; print(json.dumps(measured({name!r}, {n})))"
                environment = os.environ | {"CHAINRULE_CACHE_DIR": cache}
                run = subprocess.run(
                    [sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.PIPE, text=True
                )
            found = json.loads(run.stdout)
            row += f"{found['until']:>18.2f}{found['call'] * 1e6:>11.0f}"
        print(row, flush=True)
    print()
