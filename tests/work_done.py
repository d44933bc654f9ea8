"""How much work a function does, told without a clock: machines differ, and a busy one is slow."""

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any


def calls_of(function: Callable[..., Any], *args: Any) -> int:
    """How many calls of functions, in Python and in C, a call of this one makes."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    profile = sys.getprofile()
    sys.setprofile(count)
    try:
        function(*args)
    finally:
        sys.setprofile(profile)
    return calls


@contextlib.contextmanager
def not_hanging(seconds: int = 120) -> Iterator[None]:
    """Context: TimeoutError if what takes a moment has not ended after minutes."""

    def stop(number: int, frame: Any) -> None:
        raise TimeoutError(f"not ended after {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
