"""The user's local variables: their names are the names of what is recorded."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from chainrule.array import Array, node_of
from chainrule.node import is_internal

__all__ = ["watch_locals"]


class Calls(Protocol):
    """Who hears of the calls of user functions."""

    def enter(self, frame: Any) -> int | None: ...

    def leave(self, depth: int) -> None: ...


@contextlib.contextmanager
def watch_locals(
    plain: dict[str, Any], calls: Calls | None = None, revealed: Callable[[Any], Any] = lambda value: value
) -> Iterator[None]:
    """While user code runs, name each recorded value after the first local variable that holds it.

    Plain arrays that are seen are added to `plain` under their names. `calls` hears when a user's function is entered,
    and, if it wants to (by not returning None), when it is left. `revealed` says which array a local variable holds,
    where that is not the array itself.
    """

    def look(frame: Any, event: str, argument: Any) -> Any:
        for name, local in frame.f_locals.items():
            value = revealed(local)
            if type(value) is Array:
                if node_of(value).name is None:
                    node_of(value).name = name
            elif type(value) is np.ndarray:
                plain.setdefault(name, value)
        return look

    def enter(frame: Any, event: str, argument: Any) -> Any:
        filename = frame.f_code.co_filename
        if filename == "<string>" and frame.f_back is not None:  # what namedtuple and dataclass generate
            filename = frame.f_back.f_code.co_filename
        if is_internal(filename):
            return None
        depth = None if calls is None else calls.enter(frame)
        return look if calls is None or depth is None else look_and_tell(calls, depth)

    def look_and_tell(calls: Calls, depth: int) -> Any:
        def look_until_left(frame: Any, event: str, argument: Any) -> Any:
            look(frame, event, argument)
            if event == "return":  # an exception that leaves the function ends in one too
                calls.leave(depth)
            return look_until_left

        return look_until_left

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
