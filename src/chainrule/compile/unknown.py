"""Values that are not known while JAX traces: what asks for them, and the guards or errors that follow."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any, NamedTuple

from chainrule import array, blocks
from chainrule.block import Block
from chainrule.blocks.reductions import any_
from chainrule.bodies import Reads
from chainrule.errors import RecordingError
from chainrule.forks import imported
from chainrule.libraries import is_traced
from chainrule.node import Line, Node, at_line, is_internal

__all__ = ["Assumption", "Unknown", "line_of", "unknown"]

INSTEAD = (
    "  for a branch write np.where(condition, a, b), for a bound np.clip(x, low, high), for a loop cr.scan;\n"
    "  give what decides about the path as a Python integer, a bool or a string: these are compiled in;\n"
    '  or leave out engine="jax": cr.compile(f) compiles each path, and checks its branches on each run'
)


class Assumption(NamedTuple):
    """What a rule asked of a value while f was traced: each run checks that the answer is the assumed one."""

    node: Any
    assumed: bool
    block: Block
    line: str


class Unknown(Reads):
    """Called on each value that is read while f is traced: only constants are known.

    Blocks ask whether there is an exceptional case: a label out of range, a singular matrix, a norm of 0. The answer
    is no, or for the first questions what `assumed` says.
    """

    def __init__(self, name: str, assumed: Sequence[bool] = ()):
        super().__init__(name, 0, None)
        self.assumed = assumed
        self.guards: list[Assumption] = []

    def __call__(self, node: Node, how: str) -> Any:
        if not is_traced(node.value):
            return None
        if how != "truth" or not _asked_by_a_block():
            raise RecordingError(unknown(self.title, _READS[how], at_line()))
        number = len(self.guards)
        answer = self.assumed[number] if number < len(self.assumed) else node.block is not any_
        self.guards.append(Assumption(node, answer, node.block, at_line()))
        return answer


def _asked_by_a_block() -> bool:
    """Whether a rule of chainrule's own asks for a truth, and not the user's code."""
    frame: Any = sys._getframe(1)
    while frame.f_code.co_filename in _BETWEEN:
        frame = frame.f_back
    return frame.f_code.co_filename.startswith(_BLOCKS)


_BLOCKS = os.path.dirname(blocks.__file__) + os.sep
_BETWEEN = (__file__, array.__file__)
_READS = {
    "truth": "a branch, a loop or a comparison",
    "integer": "an integer that it computes, for int(x), range(x) or an index,",
    "value": "code that takes plain numbers, as x.value, float(x), print(x) or a set,",
}


def unknown(name: str, who: str, line: str) -> str:
    return (
        f"{name} cannot be compiled by JAX: {who} asks for a value that depends on the arguments, "
        f"and only shapes and dtypes are known while XLA's program is made{line}\n{INSTEAD}"
    )


def line_of(error: BaseException) -> str:
    """The line of the user's code where JAX raised an error, as the end of a message."""
    own = os.path.dirname(imported("jax").__file__)
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    for frame in reversed(frames):
        file = frame.f_code.co_filename
        if not is_internal(file) and not file.startswith(own):
            return f"\n  at {Line(file, frame.f_lineno)}"
    return ""
