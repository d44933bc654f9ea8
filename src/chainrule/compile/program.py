"""Programs: one function that runs the kernels, the matrix products and the calls in order.

A program of small steps is *native*: it is compiled as a whole, so that a call costs about a microsecond, and a step a
few nanoseconds. A program of few large steps stays a Python function, because its overhead is small compared with its
work; NumPy does its matrix products, and everything without a kernel.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.compile import runtime
from chainrule.compile.alike import merged
from chainrule.compile.blas import all_threads, one_thread, several_threads
from chainrule.compile.buffers import Lifetime, share
from chainrule.compile.failures import OtherInputs, Overflowed
from chainrule.compile.loops import (
    LoopFunction,
)
from chainrule.compile.operations import COMPUTED
from chainrule.compile.printed import array_text, function_text
from chainrule.compile.program_writer import ProgramWriter
from chainrule.compile.schedule import Kernel, ProgramStep, needed, schedule
from chainrule.compile.signatures import Entry, Parameter
from chainrule.compile.steps import STEPS
from chainrule.compile.threads import shared
from chainrule.compile.values import SMALL, Value, calls_blas, cost, has_loops, size_of
from chainrule.compile.verified import verify
from chainrule.forks import imported

__all__ = ["Program", "write_program"]

LARGE = 100_000
"""Arrays with more entries may be worth several threads."""

HEAD = """import math

import numpy as np

from chainrule.compile import linear as la
from chainrule.compile.blas import all_threads, one_thread, several_threads
from chainrule.compile.failures import OtherInputs, Overflowed
from chainrule.compile.runtime import body, dense, kernel, program, read, scratch, vm, written
from chainrule.compile.threads import shared
"""
SCOPE = {
    "np": np,
    "all_threads": all_threads,
    "one_thread": one_thread,
    "several_threads": several_threads,
    "OtherInputs": OtherInputs,
    "Overflowed": Overflowed,
    "dense": runtime.dense,
    "shared": shared,
}
"""The globals of a program that is a Python function."""


@dataclass(eq=False)
class Program:
    """A program, and the outside objects it needs.

    Attributes
    ----------
    name : the main function.
    functions : all functions, the main function last.
    arrays : small constants that the functions read, by name.
    inputs : the inputs that it takes, in order.
    outputs : the values that it computes.
    outside : by name, objects that cannot be written as source: blocks' rules, large constants.
    native : whether it is compiled as a whole.
    parameters : those of a native main function: where its inputs, results and buffers come from.
    lifetimes : the lifetimes of its buffers.
    overwritten : the donated inputs that hold results afterwards.
    work : roughly how many numbers it computes, besides what BLAS does.
    """

    name: str
    native: bool
    functions: list[LoopFunction]
    arrays: dict[str, np.ndarray]
    inputs: list[Value]
    outputs: list[Value]
    outside: dict[str, Any]
    parameters: list[Parameter]
    lifetimes: list[Lifetime]
    overwritten: list[Value]
    work: int

    @functools.cached_property
    def text(self) -> str:
        """The Python source of all functions and small constants."""
        arrays = [array_text(name, array) for name, array in self.arrays.items()]
        head = f'"""{self.name}, written by chainrule.compile."""\n\n{HEAD}'
        return "\n\n\n".join([head.rstrip(), *arrays, *map(function_text, self.functions)]) + "\n"

    def memory(self) -> int:
        """The bytes of its buffers, and of the scratch memory of its functions."""
        own: list[Any] = [a for f in self.functions if not self.native for a in f.takes if a.is_scratch]
        return sum(share(self.lifetimes)[1]) + sum(math.prod(a.shape) * np.dtype(a.dtype).itemsize for a in own)

    def load(self, entries: Mapping[str, Entry]) -> dict[str, Callable[..., Any]]:
        """The compiled program: functions by the names of its entries if it is native, else by its own name."""
        load_program = imported("chainrule.compile.cache").load_program
        constants = [np.ascontiguousarray(array) for array in self.outside.values()] if self.native else []
        file, compiled = load_program(self.name, self.text, self.functions, self.arrays, entries, constants)
        if self.native:
            return compiled
        scope = SCOPE | compiled | self.outside
        main = function_text(self.functions[-1])
        lines_before = self.text.count("\n") - main.count("\n") - 1
        exec(compile("\n" * lines_before + main, file, "exec"), scope)
        return {self.name: scope[self.name]}


def write_program(
    title: str,
    inputs: Sequence[Value],
    outputs: Sequence[Value],
    native: bool | None = None,
    donated: Sequence[Value] = (),
    guards: Sequence[tuple[Value, str, bool]] = (),
) -> Program:
    """The program that computes the outputs from the inputs.

    Results may be written into the donated inputs. Then the guards (each with its kind and its expected
    outcome) are computed first, so that a run that takes another path stops before anything is overwritten.
    """
    steps, values = schedule(outputs), needed(outputs)
    work = sum(cost(v) for v in values if not calls_blas(v))
    if native is None:
        native = _is_native(steps, values, work)
    checked = 0
    if native or any(isinstance(step, ProgramStep) and step.value.op == "call" for step in steps):
        donated = ()  # a call may raise after something has been overwritten
    if donated:
        steps, checked = _needed_first(steps, [value for value, _, _ in guards])
    writer = ProgramWriter(title, inputs, outputs, native, steps, values)
    writer.donate(donated)
    for writer.at, step in enumerate(steps):
        if donated and writer.at == checked:
            writer.check(guards)
        if isinstance(step, Kernel):
            writer.kernel(step)
        else:
            STEPS[step.value.op](writer, step.value)
    functions = merged([*writer.functions, writer.main()])
    verify(functions, {*writer.arrays, *(() if native else writer.outside)})
    return Program(
        writer.title,
        native,
        functions,
        writer.arrays,
        writer.inputs,
        writer.outputs,
        writer.outside,
        writer.parameters,
        writer.lifetimes,
        writer.overwritten,
        work,
    )


def _is_native(steps: Sequence[Kernel | ProgramStep], values: Sequence[Value], work: int) -> bool:
    """Whether a program is compiled as a whole, without Python between its steps."""
    if work > SMALL and (work > SMALL * len(steps) or max(map(size_of, values)) > LARGE):
        return False
    return all(v.dtype in COMPUTED for v in values) and all(
        has_loops(s.value, work <= SMALL, SMALL) for s in steps if isinstance(s, ProgramStep)
    )


def _needed_first(steps: list[Kernel | ProgramStep], values: Sequence[Value]) -> tuple[list[Kernel | ProgramStep], int]:
    """The steps, with those that the values need moved to the front, and the number of these."""
    made = {v: i for i, step in enumerate(steps) for v in step.values()}
    wanted: set[int] = set()
    stack = [made[v] for v in values if v in made]
    while stack:
        i = stack.pop()
        if i not in wanted:
            wanted.add(i)
            stack += [made[a] for v in steps[i].values() for a in v.args if a in made]
    first = [step for i, step in enumerate(steps) if i in wanted]
    return first + [step for i, step in enumerate(steps) if i not in wanted], len(first)
