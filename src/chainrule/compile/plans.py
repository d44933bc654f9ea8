"""Plans: programs of long recordings, stored on disk for other processes.

To simplify, lower, schedule and write a recording of thousands of steps takes a second, even if the machine code is in
the cache. So the result of these passes is stored too, keyed by the content of the recording. Decisions that depended
on values are guards of the plan; if one fails, the plan does not fit these values, and the recording is compiled.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from chainrule.compile import fortran
from chainrule.compile.buffers import Workspace
from chainrule.compile.cache import keep_content, kept_content
from chainrule.compile.program import Program
from chainrule.compile.rolled import is_long
from chainrule.compile.steady import Told
from chainrule.compile.values import Value
from chainrule.version import __version__

__all__ = ["Plan", "keep", "kept", "key_of"]


class Plan(NamedTuple):
    """The part of a compiled recording that is stored.

    Attributes
    ----------
    program : the program. A native one has its text, but not its functions, which are in the cache as machine code.
    used : the positions of the inputs that it takes.
    expected : the outcomes of the guards.
    """

    program: Program
    used: tuple[int, ...]
    expected: list[tuple[str, Any]]


def key_of(told: Sequence[Told], leaves: Sequence[Any], names: Sequence[str]) -> str | None:
    """A digest of a recording, equal in every process; None if it is short, or has parts specific to this process."""
    if not is_long(told):
        return None
    forms = [(type(x), np.shape(x), np.asarray(x).dtype.str) for x in leaves]
    text = repr((_identity(), forms, list(names), [(step.what, step.outcome) for step in told]))
    return None if " at 0x" in text else hashlib.sha256(text.encode()).hexdigest()[:32]


def _identity() -> Any:
    """Everything that decides how a recording is compiled: this library's files, and NumPy."""
    if not _known:
        files = sorted(Path(__file__).parent.parent.rglob("*.py"))
        found = [(str(file), about.st_size, about.st_mtime_ns) for file in files if (about := file.stat())]
        _known.append((__version__, np.__version__, sys.version, fortran.is_available(), found))
    return _known[0]


_known: list[Any] = []


def kept(key: str) -> Plan | None:
    """The plan with this key, if there is one on disk, for this user only and undamaged."""
    content = kept_content(key, "plan")
    return None if content is None else pickle.loads(content)  # as trustworthy as the machine code beside it


def keep(key: str, program: Program, inputs: Sequence[Value], expected: list[tuple[str, Any]]) -> None:
    """Store a program on disk, if possible."""
    if not program.native and not all(isinstance(x, np.ndarray | Workspace) for x in program.outside.values()):
        return  # blocks' own rules
    used = set(program.inputs)
    outputs = [Value("output", (), {}, v.shape, v.dtype, v.weak) for v in program.outputs]
    functions = [] if program.native else program.functions
    small = replace(program, functions=functions, arrays={}, inputs=[], outputs=outputs)
    small.text = program.text
    plan = Plan(small, tuple(i for i, v in enumerate(inputs) if v in used), expected)
    with contextlib.suppress(OSError):
        keep_content(key, "plan", pickle.dumps(plan))
