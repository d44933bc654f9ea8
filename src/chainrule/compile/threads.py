"""Sharing the rows of a large kernel between threads.

The rows are cut into the same pieces for any number of threads. Each thread takes the next piece when it is done with
one, so a late or slow thread delays no other. The pieces' sums are added in the order of the pieces, so results do not
depend on which thread computed which piece.

The caller takes pieces too, and does all of them if no worker wakes in time. A sleeping processor takes some 50 µs to
wake; so workers are woken before the caller starts, and the caller spins while the last pieces are done.
"""

from __future__ import annotations

import functools
import math
import os
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np

__all__ = ["PIECES", "cores_are_taken", "number_of_threads", "shared"]

PIECES = 64
PATIENCE = 2_000
"""The number of checks whether other threads are done, before sleeping between checks; about 0.2 ms."""


def number_of_threads() -> int:
    """CHAINRULE_NUM_THREADS, else OMP_NUM_THREADS, else the number of processors for this process."""
    for name in ("CHAINRULE_NUM_THREADS", "OMP_NUM_THREADS"):
        text = os.environ.get(name, "")
        if text.isdigit() and int(text) > 0:
            return int(text)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def cores_are_taken() -> bool:
    """Whether other work keeps all processors: as many threads besides this one run, or wait for one.

    Then threads that share a computation wait for each other longer than they compute. Threads that a library has
    started in this process (of BLAS, PyTorch, JAX) do not count: after their work they spin for a while, in case there
    is more, and give way to others. False where the system does not tell.
    """
    most = os.cpu_count() or 1
    running = _running_threads()
    return running > most and running - _pools.running() > most


def _running_threads() -> int:
    """How many threads of all processes run or wait for a processor; 0 if the system does not tell."""
    try:
        return int(_read("/proc/loadavg").split()[3].partition(b"/")[0])
    except OSError:
        return 0


def _read(file: str) -> bytes:
    """A short file of the system. It is a file object, which Python closes even if Ctrl-C comes before `close`."""
    with open(file, "rb", buffering=0) as stream:
        return stream.read(1000)


class _Pools:
    """The threads of this process that Python did not start."""

    FRESH = 0.05
    """Seconds for which a count is used: to count anew takes some 10 µs for each thread."""

    def __init__(self) -> None:
        self.counted, self.count = -math.inf, 0

    def running(self) -> int:
        """How many of them run."""
        now = time.monotonic()
        if now - self.counted > self.FRESH:
            pythons = {thread.native_id for thread in threading.enumerate()}
            others = [name for name in os.listdir("/proc/self/task") if int(name) not in pythons]
            self.counted, self.count = now, sum(map(_runs, others))
        return self.count


def _runs(thread: str) -> bool:
    """Whether a thread of this process runs, or waits for a processor."""
    try:
        return _read(f"/proc/self/task/{thread}/stat").rpartition(b")")[2].split()[0] == b"R"
    except OSError:  # it has ended
        return False


_pools = _Pools()


def shared(function: Callable[..., Any], count: int, step: int, sums: int, *arguments: Any) -> Any:
    """Run a kernel over all pieces of range(count), cut at multiples of step.

    Returns the sums over the pieces: None, a number, or a tuple, by how many `sums` there are.
    """
    parts = np.zeros((PIECES, sums))
    turns = np.zeros(2, np.int64)
    job = _Job(function, (_cuts(count, step), turns, parts, *arguments))
    try:
        for _ in range(0 if cores_are_taken() else min(number_of_threads(), PIECES) - 1):
            _workers.ask(job)
        job.run()
        job.wait(turns)
    except BaseException:  # Ctrl-C: no thread may still write into these arrays when the caller goes on
        job.run()
        job.wait(turns)
        raise
    if sums == 0:
        return None
    totals = parts.sum(axis=0).tolist()
    return totals[0] if sums == 1 else tuple(totals)


@functools.lru_cache(1024)
def _cuts(count: int, step: int) -> np.ndarray:
    units = -(-count // step)
    cuts = np.array([min(units * i // PIECES * step, count) for i in range(PIECES + 1)])
    cuts.flags.writeable = False
    return cuts


class _Job:
    """A kernel with its arguments, for several threads to run until no piece is left."""

    def __init__(self, function: Callable[..., Any], arguments: tuple[Any, ...]):
        self.function, self.arguments = function, arguments
        self.error: BaseException | None = None

    def run(self) -> None:
        self.function(*self.arguments)

    def wait(self, turns: np.ndarray) -> None:
        """Wait until all pieces are done."""
        looks = 0
        while turns[1] < PIECES:
            if self.error is not None:
                raise self.error
            looks += 1
            if looks > PATIENCE:
                time.sleep(5e-5)


class _Workers:
    """Threads that wait for jobs. They are started on first use, and again in a forked process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.jobs: SimpleQueue[_Job] = SimpleQueue()
        self.lock = threading.Lock()
        self.started = 0

    def ask(self, job: _Job) -> None:
        self.jobs.put(job)
        if self.started < number_of_threads() - 1:
            with self.lock:
                if self.started < number_of_threads() - 1:
                    threading.Thread(target=self._work, args=(self.jobs,), daemon=True, name="chainrule").start()
                    self.started += 1

    @staticmethod
    def _work(jobs: SimpleQueue[_Job]) -> None:
        while True:
            job = jobs.get()
            try:
                job.run()
            except BaseException as error:  # the caller raises it
                job.error = error
            del job  # keep no reference to the caller's arrays


_workers = _Workers()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_workers.forget)
