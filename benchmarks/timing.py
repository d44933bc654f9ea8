"""Timing several ways to compute the same, in turn, so that a drift of the machine favours none."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Times", "compare", "table"]

Run = Callable[[], Any]


@dataclass(frozen=True)
class Times:
    """Seconds for one call: the median and the quartiles over all rounds."""

    lower: float
    median: float
    upper: float


def compare(runs: Mapping[str, Run], rounds: int = 30, at_least: float = 0.002) -> dict[str, Times]:
    """Time every run once in each round, in an order shuffled anew, so that none always follows the same other.

    Parameters
    ----------
    runs : what to time, by name.
    rounds : how many times each is measured.
    at_least : seconds that one measurement lasts; a faster run is repeated within it.

    Garbage is collected before each measurement, so nobody pays for another's. What the imported libraries hold for
    good is first taken out of the collector's sight: PyTorch's alone takes 0.1 s to look through.
    """
    gc.collect()
    gc.freeze()
    shuffle = random.Random(0).sample
    repeats = {}
    for name, run in runs.items():
        run()  # warm up: threads and processors that have slept take longer
        repeats[name] = max(1, int(at_least / min(seconds(run) for _ in range(5))))
    measured: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name in shuffle(list(runs), len(runs)):
            gc.collect()
            measured[name].append(seconds(runs[name], repeats[name]))
    return {name: Times(*np.quantile(times, (0.25, 0.5, 0.75)).tolist()) for name, times in measured.items()}


def seconds(run: Run, repeats: int = 1) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - start) / repeats


def table(title: str, times: Mapping[str, Times], unit: str, reference: str) -> str:
    """The times as text, in `unit` ("µs" or "ms"), with their ratios to the run called `reference`."""
    scale = {"µs": 1e6, "ms": 1e3}[unit]
    width = max(map(len, times))
    lines = [title, f"  {'':<{width}}  {'median ' + unit:>10}  {'quartiles':>19}  {'ratio':>7}"]
    for name, t in times.items():
        quartiles = f"{t.lower * scale:.1f} – {t.upper * scale:.1f}"
        ratio = t.median / times[reference].median
        lines.append(f"  {name:<{width}}  {t.median * scale:>10.1f}  {quartiles:>19}  {ratio:>7.2f}")
    return "\n".join(lines)
