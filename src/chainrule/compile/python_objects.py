"""Python's and NumPy's objects in LLVM IR: reading their fields, and calling the functions that make them."""

from __future__ import annotations

from collections.abc import Sequence

from llvmlite import ir

from chainrule.compile.interface import (
    ALIGNED,
    C_CONTIGUOUS,
    DATA,
    DTYPE,
    FLAGS,
    LENGTHS,
    NDIM,
    NUMBER,
    SIGNATURES,
    TABLE,
    TYPE,
    WRITEABLE,
)
from chainrule.compile.typed import IN_MEMORY, LONG, TypedNumber, loaded

__all__ = ["INT", "NULL", "POINTER", "PythonObjects"]

INT = ir.IntType(32)
POINTER = ir.IntType(8).as_pointer()
NULL = POINTER(None)
LETTERS = {"v": ir.VoidType(), "p": POINTER, "d": ir.DoubleType(), "l": LONG, "i": INT, "L": LONG.as_pointer()}


class PythonObjects:
    """Writes instructions that read objects and call functions, at the builder's position.

    Parameters
    ----------
    builder : writes the instructions.
    table : the table of addresses (see `interface.py`).
    """

    def __init__(self, builder: ir.IRBuilder, table: ir.GlobalVariable):
        self.builder = builder
        self.table = table

    # The table ----------------------------------------------------------------------------------------------

    def slot(self, index: int) -> ir.Value:
        return self.builder.load(self.builder.gep(self.table, [INT(0), INT(index)]))

    def known(self, name: str) -> ir.Value:
        """An object or a function from the table."""
        return self.slot(TABLE.index(name))

    def call(self, name: str, *arguments: ir.Value) -> ir.Value:
        """A call of a function of Python or NumPy."""
        result, *takes = (LETTERS[letter] for letter in SIGNATURES[name])
        function = self.builder.bitcast(self.known(name), ir.FunctionType(result, takes).as_pointer())
        return self.builder.call(function, arguments)

    # Objects ------------------------------------------------------------------------------------------------

    def field(self, thing: ir.Value, offset: int, kind: ir.Type) -> ir.Value:
        place = self.builder.gep(thing, [LONG(offset)])
        return self.builder.load(self.builder.bitcast(place, kind.as_pointer()))

    def type_of(self, thing: ir.Value) -> ir.Value:
        return self.field(thing, TYPE, POINTER)

    def number_in(self, thing: ir.Value, dtype: str) -> TypedNumber:
        """The number in a Python float or a NumPy scalar."""
        place = self.builder.gep(thing, [LONG(NUMBER)])
        return loaded(self.builder, dtype, self.builder.bitcast(place, IN_MEMORY[dtype].as_pointer()))

    def data(self, array: ir.Value) -> ir.Value:
        """The address of an array's entries."""
        return self.field(array, DATA, POINTER)

    def length(self, array: ir.Value, axis: int) -> ir.Value:
        return self.builder.load(self.builder.gep(self.field(array, LENGTHS, LONG.as_pointer()), [LONG(axis)]))

    def is_contiguous(self, array: ir.Value, dtype: str, ndim: int, writeable: bool) -> ir.Value:
        """Whether an array has this dtype and number of axes, is in C order, and writeable if required."""
        flags = INT(C_CONTIGUOUS | ALIGNED | (WRITEABLE if writeable else 0))
        fits = self.equal(self.builder.and_(self.field(array, FLAGS, INT), flags), flags)
        fits = self.builder.and_(fits, self.equal(self.field(array, NDIM, INT), INT(ndim)))
        return self.builder.and_(fits, self.equal(self.field(array, DTYPE, POINTER), self.known(f"dtype {dtype}")))

    def equal(self, x: ir.Value, y: ir.Value) -> ir.Value:
        if isinstance(x.type, ir.PointerType):
            x, y = (self.builder.ptrtoint(v, LONG) for v in (x, y))
        return self.builder.icmp_signed("==", x, y)

    def exists(self, thing: ir.Value) -> ir.Value:
        return self.builder.not_(self.equal(thing, NULL))

    def packed(self, kind: str, parts: Sequence[ir.Value]) -> ir.Value:
        """A "Tuple" or a "List" of objects, whose references it steals."""
        whole = self.call(f"Py{kind}_New", LONG(len(parts)))
        for i, part in enumerate(parts):
            self.call(f"Py{kind}_SetItem", whole, LONG(i), part)
        return whole
