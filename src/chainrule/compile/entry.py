"""Entries: the functions that Python calls, written in LLVM IR around a compiled function.

An entry checks the types, dtypes and shapes of its arguments (it raises OtherInputs if they do not match), allocates
the arrays that the function fills, releases the GIL while it runs, and turns the results into Python objects. A call
costs half a microsecond. `interface.py` describes Python's and NumPy's objects in memory.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from llvmlite import ir

from chainrule.compile.interface import KEPT, TABLE
from chainrule.compile.linear import write_threads
from chainrule.compile.python_objects import INT, NULL, POINTER, PythonObjects
from chainrule.compile.signatures import TRUTHS, Argument, Entry, Leaf, Parameter, Result
from chainrule.compile.spans import Span
from chainrule.compile.translate import Translator
from chainrule.compile.typed import (
    IN_MEMORY,
    KINDS,
    LONG,
    MANY_VALUES,
    TypedArray,
    TypedNumber,
    as_it_stands,
    begun,
    contiguous,
    loaded,
    long,
    stored,
)
from chainrule.errors import CompilerError

__all__ = ["write_entry", "write_kernel_entry"]

SIZES = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "bool": 1}
MANY_ALIKE = 8
ON_STACK = 1 << 14
"""Buffers of at most this many bytes are allocated on the stack."""


def write_kernel_entry(translator: Translator, name: str, takes: Sequence[Argument], table: ir.GlobalVariable) -> None:
    """An entry with the function's own arguments and results."""
    own = [a for a in takes if a.is_scratch]  # the last ones
    places = list(itertools.accumulate((math.prod(a.shape) * SIZES[a.dtype] for a in own), initial=0))  # type: ignore[arg-type]
    given = takes[: len(takes) - len(own)]
    writer = _EntryWriter(translator, name, table, len(given))
    arguments = [writer.argument(i, a) for i, a in enumerate(given)]
    memory = writer.space(int(places[-1])) if own else None
    for a, place in zip(own, places, strict=False):
        data = writer.builder.gep(memory, [LONG(place)])
        arguments.append(writer.array(a.dtype, data, a.shape))
    returned = writer.run(name, arguments, parallel=True)
    made = [writer.number(number, "") for number in returned]
    if not made:
        writer.call("Py_IncRef", writer.known("None"))
        made = [writer.known("None")]
    writer.builder.ret(made[0] if len(made) == 1 else writer.packed("Tuple", made))


def write_entry(translator: Translator, function: str, name: str, entry: Entry, table: ir.GlobalVariable) -> None:
    """An entry of a native program's main function."""
    _require_memory(entry)
    writer = _EntryWriter(translator, name, table, len(entry.leaves))
    if len(entry.leaves) + len(entry.results) > MANY_VALUES:
        as_it_stands(writer.builder.function)
    given = writer.leaves(entry.leaves)
    arrays = {k: writer.fresh(r) for k, r in enumerate(entry.results) if r.is_array}
    buffers = writer.buffers(entry.parameters)
    arguments: list[Any] = []
    for i, p in enumerate(entry.parameters):
        if not p.shape:
            arguments.append(given[p.place])
            continue
        if p.role == "input":
            data = given[p.place]
        elif p.role == "result":
            data = writer.data(arrays[p.place])
        else:
            data = buffers[i] if p.role == "buffer" else writer.slot(len(TABLE) + p.place)
        arguments.append(writer.array(p.dtype, data, p.shape))
    returned = iter(writer.run(function, arguments, entry.parallel, is_program=True))
    numbers = {k: writer.translated.cast(next(returned), r.dtype) for k, r in enumerate(entry.results) if not r.shape}
    count = len(entry.results) - len(entry.guards)
    writer.guard_all([(numbers[count + k], *outcome) for k, outcome in enumerate(entry.guards)])
    objects: list[Any] = []
    for k, r in enumerate(entry.results[:count]):
        if r.is_array and not r.shape:
            place = writer.builder.bitcast(writer.data(arrays[k]), IN_MEMORY[r.dtype].as_pointer())
            writer.builder.store(stored(writer.builder, numbers[k]), place)
        objects.append(arrays[k] if r.is_array else _Number(numbers[k], r.type))
    writer.made.clear()
    structure = tuple(range(count)) if entry.structure is None else entry.structure
    writer.builder.ret(writer.built(structure, objects))


def _require_memory(entry: Entry) -> None:
    """Raise unless the arrays passed have the dtypes and sizes that the function expects."""
    for p in entry.parameters:
        if p.role in ("input", "result"):
            given = (entry.leaves if p.role == "input" else entry.results)[p.place]
            if given.dtype != p.dtype or (math.prod(given.shape) != math.prod(p.shape)):
                raise CompilerError(f"{p.role} {p.place} has the shape {given.shape}, not {p.shape}")


class _EntryWriter(PythonObjects):
    """One entry, line by line."""

    def __init__(self, translator: Translator, name: str, table: ir.GlobalVariable, takes: int):
        kind = ir.FunctionType(POINTER, [POINTER, POINTER.as_pointer(), LONG])
        entry = ir.Function(translator.module, kind, f"chainrule.{name}")
        builder, memory = begun(entry)
        super().__init__(builder, table)
        self.given_all = entry.args[1]
        self.translated = translator.inside(self.builder, memory)
        self.lengths: dict[str, TypedNumber] = {}
        self.made: list[ir.Value] = []  # arrays, released on failure
        self.name = name
        self.memory: ir.Value | None = None
        self.exits: dict[Any, ir.Block] = {}
        self.require(self.equal(entry.args[2], LONG(takes)))

    def require(self, condition: ir.Value, error: str | None = "OtherInputs") -> None:
        """Continue if the condition holds; else release all new objects and raise the error (None: already set)."""
        after = self.builder.append_basic_block("go on")
        branch = self.builder.cbranch(condition, after, self.left(error))
        branch.set_weights([99, 1])
        self.builder.position_at_end(after)

    def left(self, error: str | None) -> ir.Block:
        """The block that leaves the entry with an error. Exits that release the same objects share one."""
        key = error, len(self.made), self.memory
        if key not in self.exits:
            self.exits[key] = self.builder.append_basic_block("leave")
            with self.builder.goto_block(self.exits[key]):
                if error is not None:
                    self.call("PyErr_SetNone", self.known(error))
                if self.memory is not None:
                    self.call("PyMem_RawFree", self.memory)
                self.builder.branch(self.released(len(self.made)))
        return self.exits[key]

    def released(self, count: int) -> ir.Block:
        """The block that releases the first `count` arrays that were made, in reverse order, and returns."""
        if count not in self.exits:
            self.exits[count] = self.builder.append_basic_block("release")
            with self.builder.goto_block(self.exits[count]):
                if count:
                    self.call("Py_DecRef", self.made[count - 1])
                    self.builder.branch(self.released(count - 1))
                else:
                    self.builder.ret(NULL)
        return self.exits[count]

    # Arguments ---------------------------------------------------------------------------------------------

    def given(self, i: Any) -> tuple[ir.Value, ir.Value]:
        """An argument, and its type."""
        thing = self.builder.load(self.builder.gep(self.given_all, [long(i)]))
        return thing, self.type_of(thing)

    def leaves(self, leaves: Sequence[Leaf]) -> list[Any]:
        """The data of each array, and the numbers. Many leaves of one kind are read in a loop, to keep code short."""
        found: list[Any] = []
        for leaf, run in itertools.groupby(leaves):
            count = len(list(run))
            if count >= MANY_ALIKE:
                found += self.alike(len(found), count, leaf)
            else:
                found += [self.leaf(len(found) + k, leaf) for k in range(count)]
        return found

    def alike(self, start: int, count: int, leaf: Leaf) -> list[Any]:
        kind = KINDS[leaf.dtype] if leaf.type else POINTER
        kept = self.translated.variable(ir.ArrayType(kind, count))

        def take(i: TypedNumber) -> None:
            taken = self.leaf(i, leaf)
            place = self.builder.gep(kept, [INT(0), self.builder.sub(i.value, LONG(start))])
            self.builder.store(taken.value if leaf.type else taken, place)

        self.translated.loop(start, start + count, 1, take)
        values = [self.builder.load(self.builder.gep(kept, [INT(0), INT(k)])) for k in range(count)]
        return [TypedNumber(leaf.dtype, value) if leaf.type else value for value in values]

    def leaf(self, i: Any, leaf: Leaf) -> Any:
        """The data of an array, or a number."""
        if not leaf.type:
            return self.array_given(i, leaf.dtype, leaf.shape, leaf.is_written)[0]
        thing, kind = self.given(i)
        self.require(self.equal(kind, self.known(leaf.type)))
        if leaf.type == "int":
            return self.integer(thing, *leaf.range)
        return self.number_in(thing, leaf.dtype)

    def integer(self, thing: ir.Value, low: int, high: int) -> TypedNumber:
        """A Python integer, which must lie in a range."""
        value = self.call("PyLong_AsLongLong", thing)
        self.require(self.builder.not_(self.exists(self.call("PyErr_Occurred"))))
        above, below = (
            self.builder.icmp_signed(*test) for test in ((">=", value, LONG(low)), ("<=", value, LONG(high)))
        )
        self.require(self.builder.and_(above, below))
        return TypedNumber("int64", value)

    def argument(self, i: int, takes: Argument) -> TypedNumber | TypedArray:
        """An argument of a kernel."""
        if not takes.shape:
            return self.number_given(i, takes.dtype)
        return self.array(takes.dtype, *self.array_given(i, takes.dtype, takes.shape, takes.is_written))

    def array_given(
        self, i: Any, dtype: str, shape: Sequence[int | str], written: bool = False
    ) -> tuple[ir.Value, list[Any]]:
        """The data of an array, and its lengths; the first array with an unknown length fixes it."""
        thing, kind = self.given(i)
        self.require(self.equal(kind, self.known("ndarray")))
        self.require(self.is_contiguous(thing, dtype, len(shape), written))
        lengths: list[Any] = []
        for k, n in enumerate(shape):
            found = self.length(thing, k)
            known = n if isinstance(n, int) else self.lengths.setdefault(n, TypedNumber("index", found, Span(0), n))
            self.require(self.equal(found, long(known)))
            lengths.append(known)
        return self.data(thing), lengths

    def number_given(self, i: int, dtype: str) -> TypedNumber:
        """A number for a kernel: a NumPy scalar of the same dtype, or any object that Python can convert."""
        thing, kind = self.given(i)
        value = self.translated.variable(KINDS[dtype])
        with self.builder.if_else(self.equal(kind, self.known(f"numpy.{dtype}"))) as (same, other):
            with same:
                self.builder.store(self.number_in(thing, dtype).value, value)
            with other:
                if dtype.startswith("float"):
                    found = TypedNumber("float64", self.call("PyFloat_AsDouble", thing))
                elif dtype == "bool":
                    found = TypedNumber("int32", self.call("PyObject_IsTrue", thing))
                else:
                    found = TypedNumber("int64", self.call("PyLong_AsLongLong", thing))
                self.require(self.builder.not_(self.exists(self.call("PyErr_Occurred"))), None)
                self.builder.store(self.translated.cast(found, dtype).value, value)
        return TypedNumber(dtype, self.builder.load(value))

    def array(self, dtype: str, data: ir.Value, shape: Sequence[Any]) -> TypedArray:
        """An array as compiled functions take it, from a byte address."""
        data = self.builder.bitcast(data, IN_MEMORY[dtype].as_pointer())
        return contiguous(dtype, data, shape, self.builder)

    # Memory ------------------------------------------------------------------------------------------------

    def fresh(self, result: Result) -> ir.Value:
        """A new array."""
        n = len(result.shape)
        lengths = self.translated.variable(ir.ArrayType(LONG, max(n, 1)))
        self.builder.store(ir.ArrayType(LONG, max(n, 1))([*result.shape] or [0]), lengths)
        dtype = self.known(f"dtype {result.dtype}")
        self.call("Py_IncRef", dtype)  # PyArray_Empty steals the reference
        array = self.call("PyArray_Empty", INT(n), self.builder.bitcast(lengths, LONG.as_pointer()), dtype, INT(0))
        self.require(self.exists(array), None)
        self.made.append(array)
        return array

    def buffers(self, parameters: Sequence[Parameter]) -> dict[int, ir.Value]:
        """Memory for intermediate results."""
        places = {i: p.place for i, p in enumerate(parameters) if p.role == "buffer"}
        if not places:
            return {}
        ends = (place + math.prod(parameters[i].shape) * SIZES[parameters[i].dtype] for i, place in places.items())
        memory = self.space(max(ends))
        return {i: self.builder.gep(memory, [LONG(place)]) for i, place in places.items()}

    def space(self, size: int) -> ir.Value:
        """Memory for one call: on the stack if small, else reused from the last call unless another thread is using it.

        Writing into newly allocated memory for the first time can take longer than the program itself.
        """
        if size <= ON_STACK:
            memory = self.translated.variable(ir.ArrayType(ir.IntType(8), size))
            memory.align = 64
            return self.builder.bitcast(memory, POINTER)
        self.kept = ir.GlobalVariable(self.translated.module, LONG, f"{KEPT}{self.name}")
        self.kept.initializer = LONG(0)
        place = self.translated.variable(POINTER)
        known = self.builder.atomic_rmw("xchg", self.kept, LONG(0), "acq_rel")
        self.builder.store(self.builder.inttoptr(known, POINTER), place)
        with self.builder.if_then(self.equal(known, LONG(0)), likely=False):
            self.builder.store(self.call("PyMem_RawMalloc", LONG(size)), place)
        self.memory = self.builder.load(place)
        self.require(self.exists(self.memory), "MemoryError")
        return self.memory

    # Running and results -------------------------------------------------------------------------------------

    def run(
        self, function: str, arguments: Sequence[TypedNumber | TypedArray], parallel: bool, is_program: bool = False
    ) -> list[TypedNumber]:
        """The call itself; if `parallel`, the GIL is released during it. Within a program BLAS uses one thread."""
        self.translated.translator.function(function, arguments)  # tells whether BLAS is called
        one_thread = is_program and self.translated.translator.calls_blas
        if one_thread:
            write_threads(self.translated, True)
        state = self.call("PyEval_SaveThread") if parallel else None
        returned = self.translated.call_function(function, arguments)
        if parallel:
            self.call("PyEval_RestoreThread", state)
        if one_thread:
            write_threads(self.translated, False)
        if self.memory is not None:
            before = self.builder.atomic_rmw("xchg", self.kept, self.builder.ptrtoint(self.memory, LONG), "acq_rel")
            self.call("PyMem_RawFree", self.builder.inttoptr(before, POINTER))
            self.memory = None
        return returned

    def guard_all(self, guards: Sequence[tuple[TypedNumber, str, int]]) -> None:
        """Leave if the value of a guard differs from the recorded one, because the call must take another path.

        There is one branch for all: LLVM takes time that is quadratic in the number of branches, for all values live
        across them.
        """
        holds: list[ir.Value] = []
        for number, how, found in guards:
            if how in TRUTHS:
                truth = self.translated.cast(number, "bool").value
                holds.append(truth if found else self.builder.not_(truth))
            else:
                holds.append(self.equal(number.value, number.value.type(found)))
        if holds:
            self.require(functools.reduce(self.builder.and_, holds))

    def number(self, number: TypedNumber, kind: str) -> ir.Value:
        """A number as an object: a NumPy scalar, or a Python number."""
        if kind.startswith("numpy."):
            place = self.translated.variable(IN_MEMORY[number.dtype])
            self.builder.store(stored(self.builder, number), place)
            place = self.builder.bitcast(place, POINTER)
            return self.call("PyArray_Scalar", place, self.known(f"dtype {number.dtype}"), NULL)
        if number.dtype == "bool":
            return self.call("PyBool_FromLong", self.builder.zext(number.value, LONG))
        if number.dtype.startswith("float"):
            return self.call("PyFloat_FromDouble", self.translated.cast(number, "float64").value)
        return self.call("PyLong_FromLongLong", self.translated.cast(number, "int64").value)

    def built(self, structure: Any, objects: Sequence[Any]) -> ir.Value:
        """The results in their structure of tuples and lists. Many numbers of one kind are made in a loop."""
        if isinstance(structure, int):
            made = objects[structure]
            return self.number(*made) if isinstance(made, _Number) else made
        kind = "List" if isinstance(structure, list) else "Tuple"
        whole = self.call(f"Py{kind}_New", LONG(len(structure)))
        start = 0
        for alike, run in itertools.groupby(structure, lambda part: _alike(part, objects)):
            parts = list(run)
            if alike is not None and len(parts) >= MANY_ALIKE:
                self.put_numbers(whole, kind, start, [objects[part] for part in parts])
            else:
                for i, part in enumerate(parts, start):
                    self.call(f"Py{kind}_SetItem", whole, LONG(i), self.built(part, objects))
            start += len(parts)
        return whole

    def put_numbers(self, whole: ir.Value, kind: str, start: int, numbers: Sequence[_Number]) -> None:
        """Put numbers of one kind into a tuple or a list, as objects."""
        (dtype, _), of = numbers[0].number[:2], numbers[0].kind
        kept = self.translated.variable(ir.ArrayType(IN_MEMORY[dtype], len(numbers)))
        for k, number in enumerate(numbers):
            self.builder.store(stored(self.builder, number.number), self.builder.gep(kept, [INT(0), INT(k)]))

        def put(i: TypedNumber) -> None:
            made = self.number(loaded(self.builder, dtype, self.builder.gep(kept, [LONG(0), i.value])), of)
            self.call(f"Py{kind}_SetItem", whole, self.builder.add(i.value, LONG(start)), made)

        self.translated.loop(0, len(numbers), 1, put)


class _Number(NamedTuple):
    """A result that is a number, and the type of the object that it becomes."""

    number: TypedNumber
    kind: str


def _alike(part: Any, objects: Sequence[Any]) -> Any:
    """Equal for results that are numbers of one kind; None for all others."""
    made = objects[part] if isinstance(part, int) else None
    return (made.number.dtype, made.kind) if isinstance(made, _Number) else None
