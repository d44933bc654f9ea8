"""A failing program made small: lines and terms are left out as long as it still fails.

After A. Zeller and R. Hildebrandt, Simplifying and isolating failure-inducing input (2002), for lines of a program.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from .compare import sound
from .program import Program, Step

__all__ = ["shrink"]


def shrink(program: Program, fails: Callable[[Program], bool]) -> Program:
    """A smaller program that still fails, and still means the same in NumPy and in its functional form."""
    best = program
    while True:
        smaller = next((p for p in _smaller(best) if sound(p) and fails(p)), None)
        if smaller is None:
            return best
        best = smaller


def _smaller(program: Program) -> Iterator[Program]:
    """Programs that are one step smaller, the boldest first."""
    steps = program.steps
    last = steps[-1]
    for name in dict.fromkeys([*(s.target for s in reversed(steps[:-1])), *program.inputs]):
        for text in (f"L = np.sum({name})", f"L = np.sum(np.sin({name}))"):
            if len(text) < len(last.numpy):
                yield replace(program, steps=(*steps[:-1], Step("L", text)))
    for i in reversed(range(len(steps) - 1)):
        yield replace(program, steps=steps[:i] + steps[i + 1 :])
        step = steps[i]
        for other in dict.fromkeys([*program.inputs, *(s.target for s in steps[:i])]):
            if step.numpy.startswith(f"{step.target} = ") and step.numpy != f"{step.target} = {other}":
                rest = tuple(_renamed(s, step.target, other) for s in steps[i + 1 :])
                yield replace(program, steps=steps[:i] + rest)
    for name, x in program.inputs.items():
        if not any(re.search(rf"\b{name}\b", s.numpy) for s in steps):
            yield replace(program, inputs={n: v for n, v in program.inputs.items() if n != name})
        if x.dtype != np.float64:
            yield replace(program, inputs=program.inputs | {name: np.array(x.real, dtype=np.float64)})
        if x.ndim > 1 and not x.flags.c_contiguous:
            yield replace(program, inputs=program.inputs | {name: np.ascontiguousarray(x)})


def _renamed(step: Step, old: str, new: str) -> Step:
    def rename(text: str) -> str:
        return re.sub(rf"\b{old}\b", new, text)

    return Step(rename(step.target), rename(step.numpy), step.functional and rename(step.functional))
