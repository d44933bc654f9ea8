"""One turn: programs of one kind for some seconds, in a process of its own that may hang or crash."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["TURN", "Told", "turn"]

TURN = 60.0
"""Seconds of a turn."""
LONGEST = 180.0
"""Seconds after which a program counts as one that does not end."""

Told = tuple[str, int, str]
"""What is told of a program: "begun", "ran", "refused" or "failed"; its number; a text."""


def turn(seed: int, name: str, start: int, seconds: float) -> Iterator[Told]:
    """What happens to each program; a hang or a crash is told as a failure and ends the turn."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(there, seed, name, start, seconds), daemon=True)
    process.start()
    there.close()
    last = start
    try:
        while here.poll(LONGEST):
            told: Told = here.recv()
            last = told[1]
            if told[0] == "over":
                return
            yield told
        yield "failed", last, f"it did not end\n{_made(seed, name, last)}"
    except EOFError:
        process.join()
        yield "failed", last, f"the interpreter ended with {process.exitcode}\n{_made(seed, name, last)}"
    finally:
        process.kill()
        process.join()


def _made(seed: int, name: str, index: int) -> str:
    from .kinds import KINDS

    return str(KINDS[name].make(seed, index))


def _work(told: Connection, seed: int, name: str, start: int, seconds: float) -> None:
    import torch

    from .kinds import KINDS, Refused

    torch.set_num_threads(1)
    kind = KINDS[name]
    index, end = start, time.monotonic() + seconds
    while index == start or time.monotonic() < end:
        told.send(("begun", index, ""))
        program: Any = kind.make(seed, index)
        try:
            error = kind.failure(program)
        except Refused as refused:
            told.send(("refused", index, str(refused)))
        else:
            if error is None:
                told.send(("ran", index, ""))
            else:
                small = kind.smaller(program, error)
                last = kind.failure(small) or error
                told.send(("failed", index, f"{type(last).__name__}: {last}\n{small}"))
        index += 1
    told.send(("over", index, ""))
