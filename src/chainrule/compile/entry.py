"""Entries: what Python calls, written in LLVM's language around a function that Numba has compiled.

An entry looks at the types, dtypes and shapes of what it is given, and raises TypeError for anything else than it is
for; makes the arrays that the function fills; lets other threads run while it runs; and makes Python's objects of what
it returns.
Everything it knows of Python's and NumPy's objects are the offsets below, which are part of their binary interfaces.
"""

# Numba and llvmlite have no types.
# mypy: ignore-errors

from __future__ import annotations

import itertools
import math

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import cgutils
from numba.np.arrayobj import make_array, populate_array

from chainrule.compile.machine import TABLE, Entry

__all__ = ["write_entry", "write_kernel_entry"]

HEAD = object.__basicsize__
"""Objects begin with their count of references and their type; in a float and in NumPy's scalars the number follows."""
TYPE = HEAD - 8
DATA, NDIM, SHAPE, DTYPE, FLAGS = HEAD, HEAD + 8, HEAD + 16, HEAD + 40, HEAD + 48
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400

BYTE, INT, LONG = ir.IntType(8), ir.IntType(32), ir.IntType(64)
POINTER = BYTE.as_pointer()
TAKES = {  # of the functions in the table: result and arguments
    "PyErr_Occurred": (POINTER, ()),
    "PyErr_SetNone": (ir.VoidType(), (POINTER,)),
    "PyFloat_AsDouble": (ir.DoubleType(), (POINTER,)),
    "PyFloat_FromDouble": (POINTER, (ir.DoubleType(),)),
    "PyLong_AsLongLong": (LONG, (POINTER,)),
    "PyLong_FromLongLong": (POINTER, (LONG,)),
    "PyBool_FromLong": (POINTER, (LONG,)),
    "PyObject_IsTrue": (INT, (POINTER,)),
    "PyTuple_New": (POINTER, (LONG,)),
    "PyTuple_SetItem": (INT, (POINTER, LONG, POINTER)),
    "PyList_New": (POINTER, (LONG,)),
    "PyList_SetItem": (INT, (POINTER, LONG, POINTER)),
    "Py_DecRef": (ir.VoidType(), (POINTER,)),
    "Py_IncRef": (ir.VoidType(), (POINTER,)),
    "PyEval_SaveThread": (POINTER, ()),
    "PyEval_RestoreThread": (ir.VoidType(), (POINTER,)),
    "PyMem_RawMalloc": (POINTER, (LONG,)),
    "PyMem_RawFree": (ir.VoidType(), (POINTER,)),
    "PyArray_Scalar": (POINTER, (POINTER, POINTER, POINTER)),
    "PyArray_Empty": (POINTER, (INT, LONG.as_pointer(), POINTER, INT)),
}
NUMBERS = {"float32": ir.FloatType(), "float64": ir.DoubleType(), "int32": INT, "int64": LONG, "bool": BYTE}
SIZES = {"float32": 4, "float64": 8, "int32": 4, "int64": 8, "bool": 1}
ON_STACK = 1 << 14
"""Buffers of up to so many bytes lie on the stack."""


def write_kernel_entry(context, function, name, takes, length):
    """The module of an entry that takes what the function takes, and gives what it returns."""
    own = [a for a in takes if a.scratch is not None]  # the last ones
    places = list(itertools.accumulate((math.prod(a.scratch) * SIZES[a.dtype] for a in own), initial=0))
    given = function.argtypes[: len(takes) - len(own)]
    writer = _Writer(context, function, name, length, len(given))
    arguments = [writer.argument(i, kind) for i, kind in enumerate(given)]
    memory = writer.space(places[-1]) if own else None
    for a, place, kind in zip(own, places, function.argtypes[len(given) :], strict=False):
        data = writer.builder.gep(memory, [ir.Constant(LONG, place)])
        arguments.append(writer.array(kind, data, [ir.Constant(LONG, n) for n in a.scratch]))
    returned = writer.run(arguments, parallel=True)
    kind = function.restype
    if isinstance(kind, types.NoneType):
        writer.call("Py_IncRef", writer.known("None"))
        writer.builder.ret(writer.known("None"))
    elif isinstance(kind, types.BaseTuple):
        numbers = [writer.builder.extract_value(returned, i) for i in range(len(kind))]
        made = [writer.number(value, str(k), "") for value, k in zip(numbers, kind, strict=True)]
        writer.builder.ret(writer.packed("Tuple", made))
    else:
        writer.builder.ret(writer.number(returned, str(kind), ""))
    return writer.module


def write_entry(context, function, name, entry: Entry, length):
    """The module of the entry of a native program's main function."""
    writer = _Writer(context, function, name, length, len(entry.leaves))
    given = [writer.leaf(i, leaf) for i, leaf in enumerate(entry.leaves)]
    arrays = {k: writer.fresh(r) for k, r in enumerate(entry.results) if r.is_array}
    buffers = writer.buffers(entry.parameters)
    arguments = []
    for i, (p, kind) in enumerate(zip(entry.parameters, function.argtypes, strict=True)):
        if not p.shape:
            arguments.append(given[p.place])
            continue
        if p.role == "input":
            data = given[p.place]
        elif p.role == "result":
            data = writer.field(arrays[p.place], DATA, POINTER)
        else:
            data = buffers[i] if p.role == "buffer" else writer.slot(len(TABLE) + p.place)
        arguments.append(writer.array(kind, data, [ir.Constant(LONG, n) for n in p.shape]))
    returned = writer.run(arguments, entry.parallel)
    numbers, at = {}, 0
    for k, r in enumerate(entry.results):
        if not r.shape:
            number = writer.builder.extract_value(returned, at)
            numbers[k] = writer.cast(number, function.restype[at], r.dtype)
            at += 1
    count = len(entry.results) - len(entry.guards)
    for k, outcome in zip(range(count, len(entry.results)), entry.guards, strict=True):
        writer.guard(numbers[k], entry.results[k].dtype, outcome)
    objects = []
    for k, r in enumerate(entry.results[:count]):
        if r.is_array and not r.shape:
            place = writer.field(arrays[k], DATA, POINTER)
            writer.builder.store(numbers[k], writer.builder.bitcast(place, NUMBERS[r.dtype].as_pointer()))
        objects.append(arrays[k] if r.is_array else writer.number(numbers[k], r.dtype, r.type))
    writer.made.clear()
    structure = tuple(range(count)) if entry.structure is None else entry.structure
    writer.builder.ret(writer.built(structure, objects))
    return writer.module


class _Writer:
    def __init__(self, context, function, name, length, takes):
        self.context, self.function = context, function
        self.module = context.create_module(f"entry of {name}")
        kind = ir.FunctionType(POINTER, [POINTER, POINTER.as_pointer(), LONG])
        self.entry = ir.Function(self.module, kind, f"chainrule.{name}")
        callee = context.call_conv.get_function_type(function.restype, function.argtypes)
        self.callee = ir.Function(self.module, callee, function.llvm_func_name)
        self.table = ir.GlobalVariable(self.module, ir.ArrayType(POINTER, length), "chainrule.table")
        self.builder = ir.IRBuilder(self.entry.append_basic_block("entry"))
        self.made = []  # arrays, to be given back where something goes wrong
        self.memory = None
        self.require(self.equal(self.entry.args[2], ir.Constant(LONG, takes)))

    # The table, memory, errors ------------------------------------------------------------------------------

    def slot(self, index):
        return self.builder.load(self.builder.gep(self.table, [ir.Constant(INT, 0), ir.Constant(INT, index)]))

    def known(self, name):
        return self.slot(TABLE.index(name))

    def call(self, name, *arguments):
        result, takes = TAKES[name]
        function = self.builder.bitcast(self.known(name), ir.FunctionType(result, takes).as_pointer())
        return self.builder.call(function, arguments)

    def field(self, thing, offset, kind):
        place = self.builder.gep(thing, [ir.Constant(LONG, offset)])
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()))

    def equal(self, x, y):
        if isinstance(x.type, ir.PointerType):
            x, y = (self.builder.ptrtoint(v, LONG) for v in (x, y))
        return self.builder.icmp_signed("==", x, y)

    def require(self, condition, error="TypeError"):
        """Go on only where the condition holds; else give back what was made, and raise (None: something has)."""
        with self.builder.if_then(self.builder.not_(condition), likely=False):
            for array in self.made:
                self.call("Py_DecRef", array)
            if self.memory is not None:
                self.call("PyMem_RawFree", self.memory)
            if error is not None:
                self.call("PyErr_SetNone", self.known(error))
            self.builder.ret(ir.Constant(POINTER, None))

    def exists(self, thing):
        return self.builder.not_(self.equal(thing, ir.Constant(POINTER, None)))

    # What is given -----------------------------------------------------------------------------------------

    def given(self, i):
        thing = self.builder.load(self.builder.gep(self.entry.args[1], [ir.Constant(LONG, i)]))
        return thing, self.field(thing, TYPE, POINTER)

    def leaf(self, i, leaf):
        """The data of an array, or a number."""
        if not leaf.type:
            return self.array_given(i, leaf.dtype, len(leaf.shape), leaf.shape)[0]
        thing, kind = self.given(i)
        self.require(self.equal(kind, self.known(leaf.type)))
        return self.compiled(self.field(thing, HEAD, NUMBERS[leaf.dtype]), leaf.dtype)

    def argument(self, i, kind):
        """What a kernel takes."""
        if isinstance(kind, types.Array):
            data, lengths = self.array_given(i, str(kind.dtype), kind.ndim, None, kind.mutable)
            return self.array(kind, data, lengths)
        return self.number_given(i, str(kind))

    def array_given(self, i, dtype, ndim, shape, written=False):
        thing, kind = self.given(i)
        self.require(self.equal(kind, self.known("ndarray")))
        flags = ir.Constant(INT, C_CONTIGUOUS | ALIGNED | (WRITEABLE if written else 0))
        fits = self.equal(self.builder.and_(self.field(thing, FLAGS, INT), flags), flags)
        fits = self.builder.and_(fits, self.equal(self.field(thing, NDIM, INT), ir.Constant(INT, ndim)))
        self.require(
            self.builder.and_(fits, self.equal(self.field(thing, DTYPE, POINTER), self.known(f"dtype {dtype}")))
        )
        along = self.field(thing, SHAPE, LONG.as_pointer())
        lengths = [self.builder.load(self.builder.gep(along, [ir.Constant(LONG, k)])) for k in range(ndim)]
        if shape is not None and shape:
            fits = [self.equal(n, ir.Constant(LONG, m)) for n, m in zip(lengths, shape, strict=True)]
            for other in fits[1:]:
                fits[0] = self.builder.and_(fits[0], other)
            self.require(fits[0])
        return self.field(thing, DATA, POINTER), lengths

    def number_given(self, i, dtype):
        """A number for a kernel: NumPy's of the same dtype, or any that Python can make one of."""
        thing, kind = self.given(i)
        place = cgutils.alloca_once(self.builder, NUMBERS[dtype])
        with self.builder.if_else(self.equal(kind, self.known(f"numpy.{dtype}"))) as (same, other):
            with same:
                self.builder.store(self.field(thing, HEAD, NUMBERS[dtype]), place)
            with other:
                if dtype.startswith("float"):
                    value = self.call("PyFloat_AsDouble", thing)
                    value = value if dtype == "float64" else self.builder.fptrunc(value, NUMBERS[dtype])
                elif dtype == "bool":
                    value = self.builder.trunc(self.call("PyObject_IsTrue", thing), BYTE)
                else:
                    value = self.call("PyLong_AsLongLong", thing)
                    value = value if dtype == "int64" else self.builder.trunc(value, NUMBERS[dtype])
                self.require(self.builder.not_(self.exists(self.call("PyErr_Occurred"))), None)
                self.builder.store(value, place)
        return self.compiled(self.builder.load(place), dtype)

    def cast(self, value, kind, dtype):
        return self.context.cast(self.builder, value, types.unliteral(kind), from_dtype(np.dtype(dtype)))

    def compiled(self, value, dtype):
        """A number as compiled functions take it."""
        return self.builder.trunc(value, ir.IntType(1)) if dtype == "bool" else value

    def array(self, kind, data, lengths):
        """The description of an array as Numba has it."""
        size = SIZES[str(kind.dtype)]
        strides = [ir.Constant(LONG, size)] * len(lengths)
        for k in reversed(range(len(lengths) - 1)):
            strides[k] = self.builder.mul(strides[k + 1], lengths[k + 1])
        made = make_array(kind)(self.context, self.builder)
        data = self.builder.bitcast(data, self.context.get_data_type(kind.dtype).as_pointer())
        populate_array(made, data, lengths, strides, ir.Constant(LONG, size), meminfo=None)
        return made._getvalue()

    # Memory ------------------------------------------------------------------------------------------------

    def fresh(self, result):
        """A new array."""
        lengths = cgutils.alloca_once(self.builder, ir.ArrayType(LONG, max(len(result.shape), 1)))
        self.builder.store(ir.Constant(ir.ArrayType(LONG, max(len(result.shape), 1)), [*result.shape] or [0]), lengths)
        dtype = self.known(f"dtype {result.dtype}")
        self.call("Py_IncRef", dtype)  # PyArray_Empty takes it over
        lengths = self.builder.bitcast(lengths, LONG.as_pointer())
        array = self.call("PyArray_Empty", ir.Constant(INT, len(result.shape)), lengths, dtype, ir.Constant(INT, 0))
        self.require(self.exists(array), None)
        self.made.append(array)
        return array

    def buffers(self, parameters):
        """Memory for what is computed in between."""
        places = {i: p.place for i, p in enumerate(parameters) if p.role == "buffer"}
        if not places:
            return {}
        memory = self.space(
            max(p + math.prod(parameters[i].shape) * SIZES[parameters[i].dtype] for i, p in places.items())
        )
        return {i: self.builder.gep(memory, [ir.Constant(LONG, place)]) for i, place in places.items()}

    def space(self, size):
        """Memory until the function has run: on the stack if it is little."""
        if size <= ON_STACK:
            memory = cgutils.alloca_once(self.builder, ir.ArrayType(BYTE, size))
            memory.align = 64
            return self.builder.bitcast(memory, POINTER)
        self.memory = self.call("PyMem_RawMalloc", ir.Constant(LONG, size))
        self.require(self.exists(self.memory), "MemoryError")
        return self.memory

    # Running, and what comes out -----------------------------------------------------------------------------

    def run(self, arguments, parallel):
        """The call itself; where `parallel` is set other threads may run meanwhile."""
        f = self.function
        state = self.call("PyEval_SaveThread") if parallel else None
        status, returned = self.context.call_conv.call_function(
            self.builder, self.callee, f.restype, f.argtypes, arguments
        )
        if parallel:
            self.call("PyEval_RestoreThread", state)
        if self.memory is not None:
            self.call("PyMem_RawFree", self.memory)
            self.memory = None
        self.require(self.builder.not_(status.is_error), "ArithmeticError")
        return returned

    def guard(self, value, dtype, outcome):
        """Where something else comes out than was found when the function was recorded, this is not its path."""
        how, found = outcome
        if how == "truth":
            kind = value.type
            compare = self.builder.fcmp_unordered if dtype.startswith("float") else self.builder.icmp_signed
            truth = compare("!=", value, kind(0))
            self.require(truth if found else self.builder.not_(truth))
        else:
            self.require(self.equal(value, value.type(found)))

    def number(self, value, dtype, kind):
        """A number as an object: NumPy's, or Python's own."""
        if kind.startswith("numpy."):
            place = cgutils.alloca_once(self.builder, NUMBERS[dtype])
            self.builder.store(self.builder.zext(value, BYTE) if value.type == ir.IntType(1) else value, place)
            null = ir.Constant(POINTER, None)
            place = self.builder.bitcast(place, POINTER)
            return self.call("PyArray_Scalar", place, self.known(f"dtype {dtype}"), null)
        if dtype == "bool":
            return self.call("PyBool_FromLong", self.builder.zext(value, LONG))
        if dtype.startswith("int"):
            return self.call("PyLong_FromLongLong", value if dtype == "int64" else self.builder.sext(value, LONG))
        return self.call(
            "PyFloat_FromDouble", value if dtype == "float64" else self.builder.fpext(value, NUMBERS["float64"])
        )

    def built(self, structure, objects):
        if isinstance(structure, int):
            return objects[structure]
        parts = [self.built(part, objects) for part in structure]
        return self.packed("List" if isinstance(structure, list) else "Tuple", parts)

    def packed(self, kind, parts):
        whole = self.call(f"Py{kind}_New", ir.Constant(LONG, len(parts)))
        for i, part in enumerate(parts):
            self.call(f"Py{kind}_SetItem", whole, ir.Constant(LONG, i), part)
        return whole
