"""Names of a program's values: the user's name if there is one, made unique."""

from __future__ import annotations

import builtins
import keyword
import re

from chainrule.compile.signatures import DTYPES
from chainrule.compile.values import Value

__all__ = ["ProgramNames", "identifier"]

RESERVED = frozenset(
    "np math vm la kernel program body read written scratch dense shared work buffers".split()
    + "one_thread all_threads several_threads".split()
    + "OtherInputs Overflowed results cuts turns parts piece first last count start full i j k z total numbers".split()
    + [f"memory_{dtype}" for dtype in DTYPES]
) | frozenset(name for name in dir(builtins) if name.islower())
"""Names that the generated code itself uses."""
SUFFIXES = ("out", "all", "out_all", "row", "part", "here", "there")
"""Suffixes that kernels append to the name of a value."""
SHORT = {"input": "x", "constant": "c"}


class ProgramNames:
    """The names of values and functions.

    Attributes
    ----------
    of_program : the program's name.
    """

    def __init__(self, title: str):
        self.of: dict[Value, str] = {}
        self.taken: set[str] = set(RESERVED)
        self.tried: dict[tuple[str, tuple[str, ...]], int] = {}
        self.of_program = identifier(title) or "program"
        if keyword.iskeyword(self.of_program) or self.of_program in RESERVED:
            self.of_program = f"{self.of_program}_".replace("lambda_", "unnamed")
        self.taken.add(self.of_program)

    def __call__(self, value: Value) -> str:
        """The name of a value."""
        if value not in self.of:
            base = identifier(value.name or "") or identifier(str(value.params.get("text", ""))) or value.op
            base = SHORT.get(base, base)
            if re.fullmatch(r"i\d*", base):  # loops are i0, i1, …, and a second i would be i2
                base += "_"
            self.of[value] = self._unused(base, SUFFIXES)
        return self.of[value]

    def free(self, name: str) -> str:
        """The name, or the first of name2, name3, … that is free; it is then taken."""
        return self._unused(name, ())

    def _unused(self, base: str, suffixes: tuple[str, ...]) -> str:
        """The first of name, name2, name3, … that is free, also with each suffix; it is then taken.

        Names are never released, so the search continues where the last one ended.
        """
        i = self.tried.get((base, suffixes), 0)
        while True:
            i += 1
            name = f"{base}{i}" if i > 1 else base
            wanted = {name, *(f"{name}_{suffix}" for suffix in suffixes)}
            if not keyword.iskeyword(name) and not wanted & self.taken:
                break
        self.tried[base, suffixes] = i
        self.taken |= wanted
        return name


def identifier(text: str) -> str:
    text = re.sub(r"\W+", "_", text).strip("_")
    text = text.encode("ascii", "ignore").decode()
    return text if text and not text[0].isdigit() else ""
