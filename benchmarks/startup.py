"""The perceptron in whole processes: from start to the first gradient, and to full speed, with and without a cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np

from benchmarks.peers import jax

CHAINRULE = """
from benchmarks.perceptron_step import problem, step
import chainrule as cr, numpy as np
p, x, y = problem()
f = cr.compile(step)
for _ in range({calls}):
    f(p, x, y, np.float32(0.1))
"""
JAX = """
import numpy as np, jax
from benchmarks.perceptron_step import problem, jax_step
p, x, y = problem()
f = jax_step()
for _ in range({calls}):
    jax.tree.map(np.asarray, f(p, x, y, np.float32(0.1)))
"""


def seconds(program: str, calls: int, cache: str, cold: bool, times: int) -> float:
    taken = []
    for i in range(times):
        folder = os.path.join(cache, str(i)) if cold else cache
        jax_cache = {"JAX_COMPILATION_CACHE_DIR": f"{folder}.jax", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
        environment = os.environ | {"CHAINRULE_CACHE_DIR": folder} | jax_cache
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed libraries come with bytecode, a checkout without
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", program.format(calls=calls)], check=True, env=environment)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken))


def main(rounds: int) -> None:
    times = 3 if rounds >= 10 else 1
    print("perceptron, whole process, seconds")
    for title, calls, cold in (
        ("start to first gradient", 1, True),
        ("start to full speed, empty cache", 3, True),
        ("start to full speed, filled cache", 3, False),
    ):
        with tempfile.TemporaryDirectory() as cache:
            if not cold:
                seconds(CHAINRULE, calls, cache, False, 1)
            mine = seconds(CHAINRULE, calls, cache, cold, times)
            text = f"  {title:<36} chainrule {mine:.2f}"
            if jax:
                if not cold:
                    seconds(JAX, calls, cache, False, 1)
                theirs = seconds(JAX, calls, cache, cold, times)
                text += f"   JAX {theirs:.2f}   chainrule / JAX {mine / theirs:.2f}"
            print(text)
    print()
