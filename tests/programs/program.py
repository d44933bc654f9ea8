"""What a program is: inputs and a few lines, as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.special as sp

import chainrule as cr

__all__ = ["Program", "Step", "program"]


@cr.block
def gate(x, y):
    """A user's block without a backward rule: its gradient is derived from its inside."""
    return x * np.tanh(y)


@dataclass(frozen=True)
class Step:
    """One line.

    Attributes
    ----------
    target : the name of what is new.
    numpy : the line in NumPy.
    functional : the same without updates in place, branches and keys that depend on values, and methods, so that it
        runs on PyTorch's and JAX's arrays too; None where that is the same text.
    """

    target: str
    numpy: str
    functional: str | None = None


@dataclass(frozen=True)
class Program:
    """A function of its inputs that returns the scalar L. It prints ready to be pasted among those kept."""

    inputs: dict[str, np.ndarray]
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        inputs = ", ".join(f'"{name}": {_literal(x)}' for name, x in self.inputs.items())
        lines = [f"{s.numpy!r}" if s.functional is None else f"({s.numpy!r}, {s.functional!r})" for s in self.steps]
        return "\n".join(["program(", *(f"    {part}," for part in ["{" + inputs + "}", *lines]), ")"])

    def source(self, functional: bool = False, after: str = "") -> str:
        """The program as Python source; `after` is put behind each line, with its target's name."""
        lines = [after.format(name) for name in self.inputs]
        for step in self.steps:
            lines += [(step.functional or step.numpy) if functional else step.numpy, after.format(step.target)]
        return "\n    ".join([f"def program({', '.join(self.inputs)}):", *filter(None, lines), "return L"])

    def function(self, functional: bool = False, after: str = "", **names: Any) -> Callable[..., Any]:
        """The program as a function, with what `np`, `cr` and others stand for in it."""
        scope = {"np": np, "cr": cr, "sp": sp, "gate": gate} | names
        exec(compile(self.source(functional, after), "<program>", "exec"), scope)
        return scope["program"]


def program(inputs: dict[str, np.ndarray], *lines: str | tuple[str, str]) -> Program:
    """A program from lines of NumPy; a pair is a line and the same in functional form."""
    pairs = [line if isinstance(line, tuple) else (line, None) for line in lines]
    steps = [Step((functional or numpy).split()[0], numpy, functional) for numpy, functional in pairs]
    return Program(inputs, tuple(steps))


def _literal(x: np.ndarray) -> str:
    extra = "" if x.dtype == np.float64 else f", dtype=np.{x.dtype.name}"
    extra += ', order="F"' if x.flags.f_contiguous and not x.flags.c_contiguous else ""
    return f"np.array({x.tolist()}{extra})"
