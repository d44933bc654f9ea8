"""The command: see the package."""

from __future__ import annotations

import argparse
import itertools
import sys
import threading
import time
from collections import Counter

from .kinds import KINDS
from .work import TURN, turn


def main() -> int:
    parser = argparse.ArgumentParser(description="Random programs over the whole public surface.")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="the time of the day if none is given")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kinds", nargs="*", choices=list(KINDS), default=list(KINDS), help="all if none is given")
    parser.add_argument("--only", type=int, help="one program, by its number")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else int(time.time()) % 1_000_000
    end = time.monotonic() + 60 * options.minutes
    turns = ((name, 1_000_000 * round_) for round_ in itertools.count() for name in options.kinds)
    if options.only is not None:
        turns = ((name, options.only) for name in options.kinds)
    counts: Counter[tuple[str, str]] = Counter()
    lock = threading.Lock()

    def work() -> None:
        while time.monotonic() < end:
            with lock:
                name, start = next(turns, (None, 0))
            if name is None:
                return
            seconds = 0.0 if options.only is not None else min(TURN, end - time.monotonic())
            for what, number, text in turn(seed, name, start, seconds):
                with lock:
                    counts[name, what] += 1
                    if what == "failed":
                        print(f"{name} {number} of seed {seed}: {text}\n", flush=True)

    workers = [threading.Thread(target=work) for _ in range(options.jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for name in options.kinds:
        ran, refused, failed = (counts[name, what] for what in ("ran", "refused", "failed"))
        print(f"{name:20} {ran + failed:8} ran {refused:8} refused {failed:6} failed   (seed {seed})")
    return int(any(what == "failed" for _, what in counts))


if __name__ == "__main__":
    sys.exit(main())
