"""Many programs, one after the other; each failure is shrunk and told."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import torch

from chainrule.errors import RecordingError

from .compare import compare
from .program import Program
from .shrink import shrink
from .writer import write_program

__all__ = ["CHUNK", "is_refused", "of_chunk", "reports"]

FULLY = 10
"""Every so many programs, one has float32 inputs too and is also simplified and explained."""
CHUNK = 50


def fully(index: int) -> bool:
    return index % FULLY == 0


def failure_of(program: Program, everything: bool) -> BaseException | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # overflow in a gradient shows as a difference
            compare(program, everything)
    except Exception as error:
        return None if is_refused(error) else error
    return None


def is_refused(error: BaseException) -> bool:
    """Whether a program is refused with what to write instead.

    A reshape is used beside its base, where only NumPy's order in memory tells if it is a view; or an array of dtype
    object beside real or imaginary parts.
    """
    told = ("may share the memory", "join the numbers with np.stack")
    return isinstance(error, RecordingError) and any(words in str(error) for words in told)


def report(seed: int, index: int) -> str | None:
    """Compare one program; if it fails, what to tell of it."""
    program = write_program(seed, index, mixed=fully(index))
    error = failure_of(program, fully(index))
    if error is None:
        return None

    def fails(smaller: Program) -> bool:
        return type(failure_of(smaller, fully(index))) is type(error)

    small = shrink(program, fails)
    last = failure_of(small, fully(index)) or error
    return f"program {index} of seed {seed}: {type(last).__name__}: {last}\n{small}\n"


def reports(seed: int, indices: Iterable[int]) -> list[str]:
    found = [report(seed, index) for index in indices]
    return [text for text in found if text]


def of_chunk(task: tuple[int, range]) -> tuple[int, list[str]]:
    torch.set_num_threads(1)
    return len(task[1]), reports(*task)
