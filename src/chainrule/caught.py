"""Whether the user's code would catch an error. If so, it branches where Python's numbers raise one."""

from __future__ import annotations

import dis
import functools
import types
from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule.node import is_internal, user_frame

__all__ = ["is_caught"]


def is_caught() -> bool:
    """Whether the function that is recorded has a `try … except` around what runs now."""
    frame: Any = user_frame()
    while frame is not None and not str(frame.f_globals.get("__name__", "")).startswith("chainrule."):
        code = frame.f_code
        if not is_internal(code.co_filename) and _has_except(code, frame.f_lasti):
            return True
        frame = frame.f_back
    return False


def _has_except(code: types.CodeType, offset: int) -> bool:
    """Whether an instruction of a function has an `except` around it, not only a `with` or a `finally`."""
    if not code.co_exceptiontable:
        return False
    handlers = list(_handlers(code))
    while handler := next((h for h in handlers if h.start <= offset < h.end), None):
        if handler.is_except:
            return True
        handlers.remove(handler)
        offset = handler.target  # a `with` raises the error again in the code around it
    return False


class _Handler(NamedTuple):
    """What runs when an instruction from start to end raises an error."""

    start: int
    end: int
    target: int
    is_except: bool


@functools.lru_cache(1000)
def _handlers(code: types.CodeType) -> tuple[_Handler, ...]:
    told = dis.Bytecode(code)
    steps = list(told)
    starts = [i for i, step in enumerate(steps) if step.opname == "PUSH_EXC_INFO"]
    excepts = {steps[i].offset for i in starts if _handles(steps[i + 1 :])}
    entries = getattr(told, "exception_entries", ())
    return tuple(_Handler(entry.start, entry.end, entry.target, entry.target in excepts) for entry in entries)


def _handles(steps: Sequence[dis.Instruction]) -> bool:
    """Whether a handler begins here that asks for the class of the error, or that takes any."""
    if steps[0].opname == "POP_TOP":
        return True
    for step in steps:
        if step.opname in ("CHECK_EXC_MATCH", "CHECK_EG_MATCH"):
            return True
        if step.opname in ("RERAISE", "PUSH_EXC_INFO"):
            break
    return False
