"""Compare many random programs, and print each failure as a small program.

python -m tests.programs --count 100000 --seed 0 --jobs 2
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time

from .many import CHUNK, of_chunk

CHUNKS = 40
"""After so many chunks a process makes way for a fresh one, for what JAX keeps fills the memory."""


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare random programs with NumPy, PyTorch and JAX.")
    parser.add_argument("--count", type=int, default=100_000, help="how many programs")
    parser.add_argument("--start", type=int, default=0, help="the number of the first one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="how many processes")
    options = parser.parse_args()
    end = options.start + options.count
    tasks = [(options.seed, range(n, min(n + CHUNK, end))) for n in range(options.start, end, CHUNK)]
    done = failures = 0
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(options.jobs, maxtasksperchild=CHUNKS) as pool:
        for count, texts in pool.imap_unordered(of_chunk, tasks):
            done += count
            failures += len(texts)
            print(*texts, sep="\n", end="", flush=True)
            seconds = time.perf_counter() - start
            print(f"{done} programs, {failures} failures, {seconds:.0f} s", file=sys.stderr, flush=True)
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
