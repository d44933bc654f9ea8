"""Writes programs step by step: names, memory, calls of kernels, and the main function around them."""

from __future__ import annotations

import collections
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.compile.alike import anonymous
from chainrule.compile.buffers import Lifetime, Workspace, share
from chainrule.compile.kernels import Source, form_of, write_kernel
from chainrule.compile.loops import (
    NUMBERS,
    Assign,
    Constant,
    Do,
    Finally,
    If,
    LoopExpression,
    LoopFunction,
    Method,
    Name,
    Raise,
    Return,
    Several,
    Slice,
    Statement,
    Store,
    Unary,
    call,
    is_long,
    number,
)
from chainrule.compile.names import ProgramNames, identifier
from chainrule.compile.schedule import Kernel, ProgramStep, is_for_kernels
from chainrule.compile.signatures import OVERFLOW, Argument, Parameter
from chainrule.compile.values import REDUCTIONS, Value, axes_of, size_of

__all__ = ["ProgramWriter", "base_of", "dtype_name"]

FEW_ENTRIES = 64
"""Constants of at most this many entries are written into native programs; larger ones may not fit on the stack."""


class ProgramWriter:
    """Writes a program step by step.

    Attributes
    ----------
    functions, arrays, inputs, outside, parameters, lifetimes, overwritten : as in the `Program` that is written.
    at : the step that is being written.
    body : the statements of the main function so far.
    forms : the functions written so far, keyed by the form of their steps.
    users, last : for each value the steps that read it, and the last one that reads it or a value in its memory.
    buffers : the names of the arrays for intermediate values; allocated : the results that the caller allocates.
    donated : the inputs that may be overwritten, once `may_overwrite` is set.
    several : whether NumPy's products use several threads at this step; None if that has not been set.
    """

    def __init__(
        self,
        title: str,
        inputs: Sequence[Value],
        outputs: Sequence[Value],
        native: bool,
        steps: Sequence[Kernel | ProgramStep],
        values: Sequence[Value],
    ):
        self.native, self.outputs = native, list(outputs)
        self.name_of = ProgramNames(title)
        self.title = self.name_of.of_program
        used = set(values)
        self.inputs = [v for v in inputs if v in used]
        for v in self.inputs:
            self.name_of(v)
        self.times_out = collections.Counter(outputs)
        self.escaping = {base_of(v) for v in outputs}
        self.users = _users(steps, outputs)
        self.last = _last_uses(values, self.users)
        self.functions: list[LoopFunction] = []
        self.arrays: dict[str, np.ndarray] = {}
        self.outside: dict[str, Any] = {}
        self.parameters: list[Parameter] = []
        self.lifetimes: list[Lifetime] = []
        self.held: dict[Value, int] = {}  # the places of values among the lifetimes
        self.overwritten: list[Value] = []
        self.body: list[Statement] = []
        self.alike: dict[Any, LoopFunction] = {}
        self.forms: dict[Any, Any] = {}
        self.buffers: list[str] = []
        self.allocated: list[Value] = []
        self.donated: list[Value] = []
        self.may_overwrite, self.at = False, 0
        self.several: bool | None = None

    def donate(self, donated: Sequence[Value]) -> None:
        given = set(self.inputs)
        self.donated = [v for v in donated if v in given and v not in self.escaping]

    def check(self, guards: Sequence[tuple[Value, str, bool]]) -> None:
        """Leave the program if a guard is not as expected; from here on donated inputs may be overwritten."""
        if not self.donated:
            return
        tests = {
            Unary("not", self.value(v)) if truth else self.value(v): "Overflowed" if how == OVERFLOW else "OtherInputs"
            for v, how, truth in guards
        }
        self.body += [If(test, (Raise(error),)) for test, error in tests.items()]
        self.may_overwrite = True

    # Operands ---------------------------------------------------------------------------------------------

    def named(self, value: Value) -> Name:
        return Name(self.name_of(value))

    def value(self, value: Value) -> LoopExpression:
        """A value in the program: a variable, or a constant."""
        if value.op == "none":
            return Constant(None)
        if base_of(value) is not value or (value.shape and _is_held_as_number(value)):
            return self.shaped(value, value.shape)
        if value.op != "constant":
            return self.named(value)
        if "number" in value.params:
            known = value.params["number"]
            if not value.shape:
                return Constant(known.item()) if value.weak and np.isfinite(known) else _strong(known)
            if not self.native or size_of(value) > FEW_ENTRIES:
                return self._outside(value, np.full(value.shape, known, value.dtype))
            return call("np.full", value.shape, number(known))
        array = value.params["array"]
        if not self.native or array.size > FEW_ENTRIES:
            return self._outside(value, array)
        self.arrays[self.name_of(value)] = array
        return self.named(value)

    def _outside(self, value: Value, array: Any) -> Name:
        self.outside[self.name_of(value)] = array
        return self.named(value)

    def shaped(self, value: Value, shape: tuple[int, ...]) -> LoopExpression:
        base = base_of(value)
        if base.op == "constant" and "number" in base.params and shape != base.shape:
            return number(base.params["number"]) if not shape else _reshaped(self.value(base), shape)
        if _is_held_as_number(base):
            held = self.named(base) if base.op != "constant" else self.value(base)
            return held if not shape else call("np.full", shape, held, Name(dtype_name(base)))
        whole = self.value(base)
        if not shape and base.shape:
            return whole[(0,) * len(base.shape)]
        return whole if base.shape == shape else _reshaped(whole, shape)

    def filling(self, value: Value) -> LoopExpression:
        """The right side of a store into a result: an array, or the number that fills it."""
        base = base_of(value)
        if base.op == "constant" and "number" in base.params:
            return number(base.params["number"])
        return self.named(base) if _is_held_as_number(base) else self.value(value)

    # Kernels ----------------------------------------------------------------------------------------------

    def kernel(self, kernel: Kernel) -> None:
        wanted = {v for v in kernel.values() if self.users.get(v, set()) - {self.at} or v in self.times_out}
        for v in [v for v in kernel.values() if v in wanted and v.op == "view"]:  # the same entries: stored once
            wanted.discard(v)
            if base_of(v) in kernel.loops:
                wanted.add(base_of(v))
        roots = [v for v in kernel.values() if v in wanted]
        if not roots:
            return
        in_place = self._in_place(kernel, roots)
        source = self._written(kernel, wanted, roots[0], in_place)
        arguments = [self.shaped(v, source.shapes[v]) for v in source.arrays]
        targets = {result: v for v, result in in_place.items()}
        for v in source.stored:
            self.allocate(v, targets.get(v))
            arguments.append(self.shaped(v, source.shapes[v]))
        arguments += [self.scratch(*own) for own in source.scratch if self.native]
        name = source.function.name
        if source.shared is None:
            made = call(name, *arguments)
        else:
            made = call("shared", Name(name), source.shared, source.step, len(source.returned), *arguments)
        if not source.returned:
            self.body.append(Do(made))
            return
        self.body.append(Assign(tuple(map(self.name_of, source.returned)), made))
        if not self.native:
            self._typed(source.returned)

    def _written(self, kernel: Kernel, wanted: set[Value], root: Value, in_place: Mapping[Value, Value]) -> Source:
        """The kernel as a function. Kernels of the same form, on other values, share one function."""
        form, values = form_of(kernel, wanted)
        if form in self.forms and not in_place:
            source, before = self.forms[form]
            return source.on(dict(zip(before, values, strict=True)))
        name = self.name_of.free(f"{self.title}_{identifier(self.name_of(root))}")
        source = write_kernel(kernel, wanted, name, self.name_of, not self.native, in_place)
        source.function = self.defined(source.function)
        if not in_place:
            self.forms[form] = source, values
        return source

    def function(self, form: Any, value: Value, write: Callable[[str], LoopFunction]) -> str:
        """The name of the function for a step; it is written once for all steps of this form."""
        if form not in self.forms:
            name = self.name_of.free(f"{self.title}_{identifier(self.name_of(value))}")
            self.forms[form] = self.defined(write(name)).name
        return str(self.forms[form])

    def scratch(self, name: str, dtype: np.dtype, shape: tuple[int, ...]) -> Name:
        """Memory for this step only, in a native program."""
        self.buffers.append(self.name_of.free(name))
        self.lifetimes.append(Lifetime(shape, dtype, self.at, self.at))
        return Name(self.buffers[-1])

    def defined(self, function: LoopFunction) -> LoopFunction:
        """Add a function, unless an equal one exists; returns that or the new one."""
        known = self.alike.setdefault(anonymous(function), function)
        if known is function:
            self.functions.append(function)
        return known

    def _typed(self, values: Sequence[Value]) -> None:
        """Convert the Python numbers that compiled code returns to NumPy's."""
        for v in values:
            if (not v.weak and v.dtype != np.float64) or v.dtype.kind != "f":
                self.put(v, call(dtype_name(v), self.named(v)))

    def _in_place(self, kernel: Kernel, roots: Sequence[Value]) -> dict[Value, Value]:
        """The donated input that a kernel may overwrite with its result, if it has only one result.

        With another result, or a second pass over the row, the input could be read after it has been overwritten.
        """
        (result, *others), values = roots, list(kernel.values())
        if not self.may_overwrite or others or any(v.op in REDUCTIONS or v.op == "one_hot" for v in values):
            return {}
        if not kernel.along[result] or self.times_out[result] != 1:
            return {}
        for v in self.donated:
            fits = (v.shape, v.dtype) == (result.shape, result.dtype) and self.last.get(v, -1) == self.at
            if fits and kernel.required(v) == kernel.along[result]:
                return {v: result}
        return {}

    # Statements -------------------------------------------------------------------------------------------

    def put(self, value: Value, what: LoopExpression) -> None:
        """Give a value its name."""
        self.body.append(Assign((self.name_of(value),), what))

    def store(self, value: Value, what: LoopExpression, index: Any = ...) -> None:
        """Store into the array of a value."""
        self.body.append(Store(self.named(value)[index], what))

    def allocate(self, value: Value, target: Value | None = None) -> None:
        """Provide the array of a value: a donated or a new one for a result, else a buffer."""
        if target is None and self.may_overwrite and self.times_out[value] == 1:  # one that no later step reads
            dead = [v for v in self.donated if (v.shape, v.dtype) == (value.shape, value.dtype)]
            target = next((v for v in dead if self.last.get(v, -1) < self.at), None)
        if target is not None:
            self.donated.remove(target)
            self.put(value, self.named(target))
            self.overwritten.append(target)
        elif value not in self.escaping:
            self.held[value] = len(self.lifetimes)
            self.lifetimes.append(Lifetime(value.shape, value.dtype, self.at, self.last.get(value, self.at)))
            self.buffers.append(self.name_of(value))
        elif self.native:
            self.allocated.append(value)
        else:
            self.put(value, call("np.empty", value.shape, Name(dtype_name(value))))

    def continues(self, value: Value, x: Value, *others: Value) -> bool:
        """Let a value that differs from x in a few entries reuse the memory of x, if no later step reads x."""
        held = self.held.get(x)
        if held is None or value in self.escaping or self.last[x] != self.at or any(_shares(v, x) for v in others):
            return False
        life = self.lifetimes[held]
        self.lifetimes[held] = life._replace(last=max(life.last, self.last.get(value, self.at)))
        self.held[value] = held
        self.name_of.of[value] = self.name_of(x)
        return True

    def threads(self, several: bool) -> None:
        """Set whether NumPy's own functions use several threads from here on."""
        if several != self.several:
            self.body.append(Do(call("several_threads" if several else "one_thread")))
            self.several = several

    # The main function --------------------------------------------------------------------------------------------

    def main(self) -> LoopFunction:
        """The main function, when all steps are written."""
        return self._native_main() if self.native else self._python_main()

    def _python_main(self) -> LoopFunction:
        results: list[LoopExpression] = []
        given: set[Value] = set()
        for out in self.outputs:
            result, base = self.value(out), base_of(out)
            if out.shape and base.shape and (base in given or base.op in ("input", "constant", "call")):
                result = Method(result, "copy", ())
            given.add(base)
            results.append(result)
        body = [*self.body, Return((Several(tuple(results)),))]
        if self.buffers:
            self.outside["work"] = Workspace(self.lifetimes)
            buffers = Name("buffers")
            take = [
                Assign(("buffers",), Method(Name("work"), "take", ())),
                Assign(tuple(self.buffers), buffers if len(self.buffers) > 1 else buffers[0]),
            ]
            give: list[Statement] = [
                Assign(("results",), Several(tuple(results))),
                Do(Method(Name("work"), "give", (buffers,))),
                Return((Name("results"),)),
            ]
            body = [*take, *self.body, *give]
        if self.several is not None:  # restore the threads whatever happens
            body = [Finally(tuple(body), (Do(call("all_threads")),))]
        return LoopFunction(self.title, tuple(map(self.name_of, self.inputs)), tuple(body), "python")

    def _native_main(self) -> LoopFunction:
        """The main function of a native program: it gets memory to write into, and returns results that are numbers."""
        names: list[str] = []
        takes: list[Argument] = []

        def parameter(name: str, role: str, index: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
            self.parameters.append(Parameter(role, index, dtype.name, shape))
            names.append(name)
            takes.append(Argument(dtype.name, shape, role in ("result", "buffer")))

        results: dict[int, tuple[str, Value]] = {}
        handed_out: set[Value] = set()
        allocated = set(self.allocated)
        numbers: list[LoopExpression] = []
        for k, out in enumerate(self.outputs):
            base = base_of(out)
            if not out.shape:
                numbers.append(self.value(out))
            elif base in allocated and base not in handed_out:
                handed_out.add(base)
                results[k] = (self.name_of(base), base)
            else:
                name = self.name_of.free(f"{identifier(self.name_of(out))}_result")
                self.body.append(Store(Name(name)[...], self.filling(out)))
                results[k] = (name, out)
        for v in self.allocated:  # arrays of which only an entry is returned, as a number
            if v not in handed_out:
                self.lifetimes.append(Lifetime(v.shape, v.dtype, 0, self.at))
                self.buffers.append(self.name_of(v))
        for i, v in enumerate(self.inputs):
            parameter(self.name_of(v), "input", i, v.dtype, v.shape)
        for k, (name, v) in results.items():
            parameter(name, "result", k, v.dtype, v.shape)
        body = (*self.body, Return((Several(tuple(numbers)),) if numbers else ()))
        if is_long(body):
            body = (*self._in_one_array(), *body)
        chosen, sizes = share(self.lifetimes)
        starts = list(itertools.accumulate(sizes, initial=0))
        for name, life, slot in zip(self.buffers, self.lifetimes, chosen, strict=True):
            parameter(name, "buffer", starts[slot], life.dtype, life.shape)
        for i, (name, array) in enumerate(self.outside.items()):
            parameter(name, "constant", i, array.dtype, array.shape)
        return LoopFunction(self.title, tuple(names), body, "program", tuple(takes))

    def _in_one_array(self) -> list[Statement]:
        """Make all buffers of one dtype parts of one array, and provide memory for the numbers."""
        parts: list[Statement] = []
        lives: list[Lifetime] = []
        for dtype in dict.fromkeys(life.dtype for life in self.lifetimes):
            own = [k for k, life in enumerate(self.lifetimes) if life.dtype == dtype]
            chosen, sizes = share([self.lifetimes[k] for k in own])
            starts = [0, *(n // dtype.itemsize for n in itertools.accumulate(sizes))]
            for k, slot in zip(own, chosen, strict=True):
                life, start = self.lifetimes[k], starts[slot]
                part = Name(f"memory_{dtype.name}")[Slice(Constant(start), Constant(start + math.prod(life.shape)))]
                parts.append(Assign((self.buffers[k],), _reshaped(part, life.shape)))
            lives.append(Lifetime((starts[-1],), dtype, 0, self.at))
        numbers = sum(len(line.names) for line in self.body if isinstance(line, Assign))
        self.buffers = [*(f"memory_{life.dtype.name}" for life in lives), NUMBERS]
        self.lifetimes = [*lives, Lifetime((max(numbers, 1),), np.dtype(np.float64), 0, self.at)]
        return parts


def _reshaped(x: LoopExpression, shape: tuple[int, ...]) -> LoopExpression:
    return Method(x, "reshape", (Constant(shape),))


def _strong(x: Any) -> LoopExpression:
    """A NumPy number, so that its dtype takes part in promotion."""
    made = number(x)
    return call("np.float64", made) if type(made.value) is float else made


def dtype_name(value: Value) -> str:
    return f"np.{'bool_' if value.dtype == bool else value.dtype.name}"


# Lifetimes of values -----------------------------------------------------------------------------------------------


def _users(steps: Sequence[Kernel | ProgramStep], outputs: Sequence[Value]) -> dict[Value, set[int]]:
    """The steps that read each value; a result counts as read after the last step."""
    users: dict[Value, set[int]] = {}
    for i, step in enumerate(steps):
        for v in step.values():
            for a in v.args:
                users.setdefault(a, set()).add(i)
    for v in outputs:
        users.setdefault(v, set()).add(len(steps))
    return users


SHARING = frozenset(["view", "reshape", "slice", "call"])
"""Operations whose result may lie in the memory of an operand; a call may return a view of its argument."""


def _last_uses(values: Sequence[Value], users: dict[Value, set[int]]) -> dict[Value, int]:
    """The last step that reads each value, or a value that shares its memory."""
    last: dict[Value, int] = {}
    for value in reversed(values):
        last[value] = max([*users.get(value, ()), last.get(value, -1)])
        if value.op in SHARING:
            for operand in value.args:
                last[operand] = max(last.get(operand, -1), last[value])
    return last


def _is_held_as_number(value: Value) -> bool:
    """Whether a kernel returns a value as a number: it has one entry, whatever its shape."""
    return not value.shape or (is_for_kernels(value) and not axes_of(value.shape))


def _shares(value: Value, x: Value) -> bool:
    """Whether a value may lie in the memory of x."""
    return value is x or (value.op in SHARING and any(_shares(operand, x) for operand in value.args))


def base_of(value: Value) -> Value:
    """The value that owns this one's memory."""
    while value.op in ("view", "reshape"):
        value = value.args[0]
    return value
