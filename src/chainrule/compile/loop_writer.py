"""Writes a loop: its body is a function, and another one calls it for each step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.compile.loop_lowering import LoweredLoop
from chainrule.compile.loop_nests import nested
from chainrule.compile.loops import (
    ArrayEntry,
    Assign,
    Binary,
    Constant,
    Do,
    For,
    Increase,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Return,
    Several,
    Statement,
    Store,
    call,
)
from chainrule.compile.program_writer import ProgramWriter, dtype_name
from chainrule.compile.schedule import Kernel, needed, schedule
from chainrule.compile.signatures import Argument, Parameter
from chainrule.compile.values import Value

__all__ = ["write_loop"]

Steps = dict[str, Callable[[ProgramWriter, Value], None]]


def write_loop(to: ProgramWriter, value: Value, writers: Steps) -> None:
    """Write a loop's functions, and the call; `writers` are those of steps outside of kernels."""
    body = _Body(to, value.params["lowered"], writers)
    _LoopWriter(to, value, body).write()


class _Body:
    """The body of a loop as a function.

    Attributes
    ----------
    function : its name.
    parameters : where its arguments come from.
    inputs : the inputs that it takes.
    constants : the names of the constants that it takes.
    """

    def __init__(self, to: ProgramWriter, loop: LoweredLoop, writers: Steps):
        title = to.name_of.free(f"{to.title}_step")
        steps, values = schedule(loop.outputs), needed(loop.outputs)
        inputs = [v for v in (*loop.states, *loop.entries, *loop.outside) if v in set(values)]
        writer = ProgramWriter(title, inputs, loop.outputs, True, steps, values)
        writer.name_of.taken = to.name_of.taken
        writer.title = writer.name_of.of_program = title
        writer.functions, writer.arrays, writer.alike = to.functions, to.arrays, to.alike
        for writer.at, step in enumerate(steps):
            if isinstance(step, Kernel):
                writer.kernel(step)
            else:
                writers[step.value.op](writer, step.value)
        main = writer.main()
        *lines, last = main.body
        if isinstance(last, Return) and len(last.values) == 1 and isinstance(last.values[0], Several):
            last = Return(last.values[0].parts)
        to.functions.append(replace(main, role="body", body=(*lines, last)))
        to.outside.update(writer.outside)
        self.function = title
        self.parameters: list[Parameter] = writer.parameters
        self.inputs, self.constants = writer.inputs, list(writer.outside)


class _LoopWriter:
    """The function that calls the body for each step.

    Attributes
    ----------
    parameters, takes, arguments : the function's parameters, their types, and the arguments of the call.
    rows : for each state, the array of its rows, and whether it has one row per step or two used in turn.
    """

    def __init__(self, to: ProgramWriter, value: Value, body: _Body):
        self.to, self.value, self.body = to, value, body
        self.loop: LoweredLoop = value.params["lowered"]
        self.parameters: list[str] = []
        self.takes: list[Argument] = []
        self.arguments: list[LoopExpression] = []
        self.own: list[tuple[str, Argument, LoopExpression | None]] = []
        self.before: list[Statement] = []
        self.inside: list[Statement] = []
        self.after: list[Statement] = []
        self.returned: list[tuple[Value, LoopExpression]] = []

    def write(self) -> None:
        loop = self.loop
        self.step = Name("k")
        self.at: LoopExpression = Constant(loop.length - 1) - self.step if loop.backwards else self.step
        operands = [self._operand(v, f"x{i}") for i, v in enumerate(self.value.args)]
        first, second = len(loop.states), len(loop.states) + len(loop.entries)
        self.given: dict[Value, LoopExpression] = {}
        self.rows = [self._state(i, v, x) for i, (v, x) in enumerate(zip(loop.states, operands, strict=False))]
        for v, x in zip(loop.entries, operands[first:second], strict=True):
            self.given[v] = ArrayEntry(x, (self.at,))
        self.given |= dict(zip(loop.outside, operands[second:], strict=True))
        targets = self._targets()
        self._call(targets)
        for i, (rows, whole) in enumerate(self.rows):
            if loop.results.get(("last", i)) in self.to.users:
                self._last(loop.results["last", i], ArrayEntry(rows, (Constant(self._final(whole)),)))
        self._written()

    # Parameters ---------------------------------------------------------------------------------------------

    def _operand(self, v: Value, name: str) -> Name:
        self.parameters.append(name)
        self.takes.append(Argument(v.dtype.name, v.shape))
        self.arguments.append(self.to.shaped(v, v.shape))
        return Name(name)

    def _result(self, v: Value, name: str) -> Name:
        """A result that is an array, into which the function writes."""
        self.to.allocate(v)
        self.parameters.append(name)
        self.takes.append(Argument(v.dtype.name, v.shape, True))
        self.arguments.append(self.to.named(v))
        return Name(name)

    def _scratch(self, dtype: Any, shape: tuple[int, ...]) -> Name:
        """Memory of the function's own."""
        name = f"b{len(self.own)}"
        argument = self.to.scratch(name, dtype, shape) if self.to.native else None
        self.own.append((name, Argument(dtype.name, shape, True, True), argument))
        return Name(name)

    # States -------------------------------------------------------------------------------------------------

    def _state(self, i: int, v: Value, start: Name) -> tuple[Name, bool]:
        """The rows of a state, the first of which is set before the loop."""
        loop = self.loop
        whole = loop.results.get(("states", i)) in self.to.users
        rows = self._result(loop.results["states", i], f"s{i}") if whole else self._scratch(v.dtype, (2, *v.shape))
        n = loop.length
        first = (n if whole else n % 2) if loop.backwards else 0
        self.before.append(Store(ArrayEntry(rows, (Constant(first),)), start))
        self.given[v] = ArrayEntry(rows, (self._row(whole, not loop.backwards),))
        return rows, whole

    def _row(self, whole: bool, is_lower: bool) -> LoopExpression:
        """The row at this step, or the next one."""
        row = self.at if is_lower else self.at + 1
        if not is_lower and self.loop.backwards:
            row = Constant(self.loop.length) - self.step
        return row if whole else Binary("%", row, Constant(2))

    def _final(self, whole: bool) -> int:
        n = self.loop.length
        return 0 if self.loop.backwards else n if whole else n % 2

    # The body -----------------------------------------------------------------------------------------------

    def _targets(self) -> list[LoopExpression]:
        """For each output of the body, where it goes; a total is added up."""
        loop = self.loop
        found: list[LoopExpression] = []
        for rows, whole in self.rows:
            found.append(ArrayEntry(rows, (self._row(whole, loop.backwards),)))
        for k in range(len(loop.along)):
            found.append(ArrayEntry(self._result(loop.results["along", k], f"y{k}"), (self.at,)))
        for k, v in enumerate(loop.sums):
            result = loop.results["sum", k]
            if v.shape:
                total = self._result(result, f"t{k}")
                self.before.append(Store(total[...], Constant(0)))
                found.append(self._scratch(v.dtype, v.shape))
            else:
                total = Name(f"t{k}")
                self.before.append(Assign((total.text,), call(dtype_name(v), 0)))
                self.returned.append((result, total))
                found.append(Name(f"more{k}"))
        return found

    def _call(self, targets: Sequence[LoopExpression]) -> None:
        body, loop = self.body, self.loop
        arguments: list[LoopExpression] = []
        for p in body.parameters:
            if p.role == "input":
                arguments.append(self.given[body.inputs[p.place]])
            elif p.role == "result":
                target, shape = targets[p.place], loop.outputs[p.place].shape
                arguments.append(target if p.shape == shape else Method(target, "reshape", (Constant(p.shape),)))
            elif p.role == "buffer":
                arguments.append(self._scratch(np.dtype(p.dtype), p.shape))
            else:
                arguments.append(self._constant(body.constants[p.place], p))
        numbers = [k for k, v in enumerate(loop.outputs) if not v.shape]
        names = [f"n{k}" for k in numbers]
        made = call(body.function, *arguments)
        self.inside.append(Assign(tuple(names), made) if names else Do(made))
        first_sum = len(loop.outputs) - len(loop.sums)
        for k, name in zip(numbers, names, strict=True):
            if k < first_sum:
                target = targets[k]
                assert isinstance(target, ArrayEntry)
                self.inside.append(Store(target, Name(name)))
            else:
                self.inside.append(Increase(Name(f"t{k - first_sum}"), Name(name)))
        for k, v in enumerate(loop.sums):
            if v.shape:
                self.inside.append(Do(call(self._adding(v), Name(f"t{k}"), targets[first_sum + k])))

    def _constant(self, name: str, p: Parameter) -> Name:
        parameter = f"c{len(self.parameters)}"
        self.parameters.append(parameter)
        self.takes.append(Argument(p.dtype, p.shape))
        self.arguments.append(Name(name))
        return Name(parameter)

    def _adding(self, v: Value) -> str:
        """The name of a function that adds one array to another."""
        indices = [Name(f"i{a}") for a in range(len(v.shape))]
        body: list[Statement] = [Increase(ArrayEntry(Name("z"), tuple(indices)), ArrayEntry(Name("x"), tuple(indices)))]
        loops = [(index.text, 0, n) for index, n in zip(indices, v.shape, strict=True)]
        name = self.to.name_of.free(f"{self.to.title}_sum")
        return self.to.defined(LoopFunction(name, ("z", "x"), tuple(nested(loops, body)))).name

    # The end ------------------------------------------------------------------------------------------------

    def _last(self, result: Value, last: ArrayEntry) -> None:
        if result.shape:
            self.after.append(Store(self._result(result, f"l{len(self.after)}")[...], last))
        else:
            self.returned.append((result, last))

    def _written(self) -> None:
        to, loop = self.to, self.loop
        steps = For(self.step.text, Constant(0), Constant(loop.length), Constant(1), tuple(self.inside))
        returned: Sequence[LoopExpression] = [x for _, x in self.returned]
        end = Return(tuple(returned))
        name = to.name_of.free(f"{to.title}_loop")
        takes = () if to.native else (*self.takes, *(argument for _, argument, _ in self.own))
        parameters = (*self.parameters, *(own for own, _, _ in self.own))
        body = (*self.before, steps, *self.after, end)
        to.functions.append(LoopFunction(name, parameters, body, "kernel", takes))
        if not to.native:  # a loop calls BLAS itself
            to.threads(loop.threads)
        made = call(name, *self.arguments, *(x for _, _, x in self.own if x is not None))
        values = [v for v, _ in self.returned]
        if not values:
            to.body.append(Do(made))
            return
        to.body.append(Assign(tuple(map(to.name_of, values)), made))
        if not to.native:
            to._typed(values)
