"""Kernels: the loops of one kernel as a function, which is then compiled."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.compile.kernel_writer import BodyWriter
from chainrule.compile.loop_nests import of_pieces, over_pieces
from chainrule.compile.loops import (
    Assign,
    Constant,
    Length,
    LoopExpression,
    LoopFunction,
    Name,
    Return,
    Slice,
    Statement,
    Store,
    call,
    kind,
)
from chainrule.compile.schedule import Kernel
from chainrule.compile.signatures import Argument
from chainrule.compile.values import Value
from chainrule.layout import bytes_of

__all__ = ["Source", "form_of", "write_kernel"]


class Source:
    """A kernel as a function.

    Attributes
    ----------
    function : the function.
    arrays : the values it reads (arrays and numbers), in the order of its parameters.
    stored : the values it writes into arrays, the parameters after those.
    scratch : its scratch memory, the last parameters: name, dtype and shape of each.
    returned : the numbers it returns; if it is shared, the sums that each piece stores in `parts`.
    shapes : the shape in which each array must be passed.
    takes : the shapes it is written for; any length, if its code contains none.
    shared : the number of rows to divide between threads, at multiples of `step`; None if it is called as a whole.
    """

    def __init__(self) -> None:
        self.function: LoopFunction
        self.arrays: list[Value] = []
        self.stored: list[Value] = []
        self.scratch: list[tuple[str, np.dtype, tuple[int, ...]]] = []
        self.returned: list[Value] = []
        self.shapes: dict[Value, tuple[int, ...]] = {}
        self.takes: dict[Value, tuple[int | str, ...]] = {}
        self.shared: int | None = None
        self.step = 1

    def on(self, values: Mapping[Value, Value]) -> Source:
        """The function for another kernel with an equal key; `values` gives its value for each of this kernel's."""
        other = copy.copy(self)
        other.arrays, other.stored, other.returned = (
            [values[v] for v in own] for own in (self.arrays, self.stored, self.returned)
        )
        other.shapes = {values[v]: shape for v, shape in self.shapes.items()}
        return other


def form_of(kernel: Kernel, wanted: set[Value]) -> tuple[Any, list[Value]]:
    """A key of a kernel, and its values in order. Kernels with equal keys have the same code, for different values.

    Known numbers are part of the key, because they stand in the code.
    """
    places: dict[Value, int] = {}

    def place(operand: Value) -> Any:
        if operand.op == "constant" and "number" in operand.params:
            return bytes_of(operand.params["number"]), operand.dtype
        if operand in places:
            return places[operand]
        places[operand] = len(places)
        return operand.shape, operand.dtype

    form: list[Any] = [tuple(kernel.lengths), kernel.inner]
    for v in kernel.values():
        params = repr(sorted(v.params.items())) if v.params else ""
        form.append((v.op, params, kernel.loops[v], kernel.along[v], kernel.kind[v], v in wanted, v.shape, v.dtype))
        form += map(place, v.args)
        places[v] = len(places)
    return tuple(form), list(places)


def write_kernel(
    kernel: Kernel,
    wanted: set[Value],
    name: str,
    name_of: Callable[[Value], str],
    may_share: bool = False,
    in_place: Mapping[Value, Value] | None = None,
) -> Source:
    """Write a kernel as a function; `wanted` are the values that are used outside of it.

    A large kernel that may be shared loops over pieces of its rows until none is left, so that several threads can run
    it at once (`chainrule.compile.threads`). An `in_place` input is read from the array of the result that overwrites
    it: with two parameters for one memory LLVM would assume an overlap, and not vectorise.
    """
    writer = BodyWriter(kernel, wanted, name_of, may_share, in_place or {})
    body = writer.body()
    source = Source()
    source.arrays, source.shapes, source.step = writer.arrays, writer.shapes, writer.step
    for v in writer.stored:
        if kernel.along[v]:
            source.stored.append(v)
            source.shapes[v] = writer.shape(kernel.along[v])
        else:
            source.returned.append(v)
    row = tuple(writer.length[g] for g in writer.inner)
    source.scratch = [(writer.kept_name(v), v.dtype, row) for v in sorted(writer.buffered, key=lambda v: v.order)]
    any_length = len(writer.groups) == 1 and not writer.has_length and not source.scratch
    source.takes = {v: ("n",) * len(shape) if any_length else shape for v, shape in source.shapes.items()}
    if writer.shared:
        source.shared = writer.length[(writer.outer or writer.inner)[0]]
    takes = _arguments(source) if may_share else ()
    source.function = (_shared_function if writer.shared else _function)(name, source, writer, body, takes)
    return source


def _arguments(source: Source) -> tuple[Argument, ...]:
    """The arguments of the function when Python calls it."""
    takes = [*of_pieces(len(source.returned))] if source.shared is not None else []
    takes += [Argument(v.dtype.name, source.takes.get(v, ())) for v in source.arrays]
    takes += [Argument(v.dtype.name, source.takes[v], is_written=True) for v in source.stored]
    return (*takes, *(Argument(dtype.name, shape, True, True) for _, dtype, shape in source.scratch))


def _parameters(source: Source, writer: BodyWriter) -> dict[Value, str]:
    """The names of the arrays that are read and written in the body."""
    kind = writer.kernel.kind
    names = {v: writer.name_of(v) for v in source.arrays}
    return names | {v: writer.name_of(v) if kind[v] == "total" else writer.stored_name(v) for v in source.stored}


def _function(
    name: str, source: Source, writer: BodyWriter, body: list[Statement], takes: tuple[Argument, ...]
) -> LoopFunction:
    """The kernel as a function that is called as a whole, and returns its numbers."""
    parameters = [*_parameters(source, writer).values(), *(scratch for scratch, _, _ in source.scratch)]
    if source.returned:
        totals = {v for v in source.returned if writer.kernel.kind[v] == "total"}
        results = (call(kind(v.dtype), writer.named(v)) if v in totals else writer.named(v) for v in source.returned)
        body = [*body, Return(tuple(results))]
    return LoopFunction(name, tuple(parameters), tuple(body), "kernel", takes)


def _shared_function(
    name: str, source: Source, writer: BodyWriter, body: list[Statement], takes: tuple[Argument, ...]
) -> LoopFunction:
    """The kernel as a function whose rows threads share; it leaves the sums of each piece in `parts`."""
    parameters = _parameters(source, writer)
    given = dict(parameters)
    before: list[Statement] = []
    if writer.outer:
        rows: LoopExpression = Constant(source.shared)
    else:  # a slice of each array, so that LLVM knows its bounds
        for v, parameter in parameters.items():
            if source.shapes[v]:
                given[v] = f"{parameter}_all"
                before.append(Assign((parameter,), Name(given[v])[Slice(Name("first"), Name("last"))]))
        rows = Length(Name(next(given[v] for v in parameters if source.shapes[v])))
    sums = [Store(Name("parts")[Name("piece"), i], writer.named(v)) for i, v in enumerate(source.returned)]
    own = [scratch for scratch, _, _ in source.scratch]
    return over_pieces(name, [*given.values(), *own], rows, [*before, *body, *sums], takes)
