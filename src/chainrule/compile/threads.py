"""Sharing the rows of a large kernel between threads.

The rows are cut into the same pieces whatever the number of threads is, and the pieces' sums are added in the same
order: so results do not depend on that number.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["PIECES", "number_of_threads", "shared"]

PIECES = 8

_pool: list[ThreadPoolExecutor] = []


def number_of_threads() -> int:
    """CHAINRULE_NUM_THREADS, else OMP_NUM_THREADS, else as many as there are processors for this process."""
    for name in ("CHAINRULE_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def shared(function: Callable[..., Any], count: int, step: int, *arguments: Any) -> Any:
    """The sum of `function(first, last, *arguments)` over the pieces of range(count), cut at multiples of step."""
    units = -(-count // step)
    cuts = [min(units * i // PIECES * step, count) for i in range(PIECES + 1)]
    pieces = [(a, b) for a, b in itertools.pairwise(cuts) if a < b]
    threads = number_of_threads()
    if threads == 1:
        results = [function(a, b, *arguments) for a, b in pieces]
    else:
        if not _pool:
            _pool.append(ThreadPoolExecutor(threads, thread_name_prefix="chainrule"))
        # every second piece is this thread's own work
        others = [_pool[0].submit(function, a, b, *arguments) for a, b in pieces[1::2]]
        mine = [function(a, b, *arguments) for a, b in pieces[::2]]
        results = []
        for i in range(len(pieces)):
            results.append(others[i // 2].result() if i % 2 else mine[i // 2])
    if results[0] is None:
        return None
    if isinstance(results[0], tuple):
        return tuple(sum(parts) for parts in zip(*results, strict=True))
    return sum(results)
