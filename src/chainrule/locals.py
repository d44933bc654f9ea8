"""The user's local variables: their names are the names of what is recorded."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.node import is_internal

__all__ = ["watch_locals"]


@contextlib.contextmanager
def watch_locals(plain: dict[str, Any]) -> Iterator[None]:
    """While user code runs, name each recorded value after the first local variable that holds it.

    Plain arrays that are seen are added to `plain` under their names.
    """

    def look(frame: Any, event: str, argument: Any) -> Any:
        for name, value in frame.f_locals.items():
            if type(value) is Array:
                if value._node.name is None:
                    value._node.name = name
            elif type(value) is np.ndarray:
                plain.setdefault(name, value)
        return look

    def enter(frame: Any, event: str, argument: Any) -> Any:
        filename = frame.f_code.co_filename
        if filename == "<string>" and frame.f_back is not None:  # what namedtuple and dataclass generate
            filename = frame.f_back.f_code.co_filename
        return None if is_internal(filename) else look

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)
