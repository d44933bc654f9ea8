"""Arithmetic of compiled code: NumPy's semantics in LLVM instructions, on numbers of one dtype each.

Python's own numbers take the dtype of the other operand; operations on known numbers are computed while translating.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir

from chainrule.compile.spans import ANY, Span, combined, exactly, extreme, wraps
from chainrule.compile.typed import KINDS, TypedNumber, Untranslatable, common, dtype_of, span_of

__all__ = ["Arithmetic"]

PYTHON: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": operator.pow,
    "&": operator.and_,
    "|": operator.or_,
    "<<": operator.lshift,
    ">>": operator.rshift,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
ON_FLOATS: dict[str, str] = {"+": "fadd", "-": "fsub", "*": "fmul", "/": "fdiv"}
ON_INTEGERS: dict[str, str] = {
    "+": "add",
    "-": "sub",
    "*": "mul",
    "&": "and_",
    "|": "or_",
    "<<": "shl",
    ">>": "ashr",
}


class Arithmetic:
    """Writes instructions at the builder's position.

    Attributes
    ----------
    module : LLVM's module.
    builder, memory : where instructions go, and the LLVM block for stack allocations.
    flags : LLVM's fast-math flags for sums and products of floats; None in a kernel, where only a product added to an
        accumulator may be fused.
    """

    def __init__(self, module: ir.Module, builder: ir.IRBuilder, memory: ir.Block, flags: tuple[str, ...] | None):
        self.module, self.builder, self.memory, self.flags = module, builder, memory, flags

    def variable(self, kind: ir.Type) -> ir.Value:
        """A variable on the stack."""
        with self.builder.goto_block(self.memory):
            return self.builder.alloca(kind)

    def number(self, x: Any) -> TypedNumber:
        """A number known while translating, as a number of the code."""
        if isinstance(x, TypedNumber):
            return x
        dtype = {bool: "bool", int: "index", float: "float64"}.get(type(x)) or np.asarray(x).dtype.name
        if dtype not in KINDS:
            raise Untranslatable(f"{x!r} is not a number of the code")
        value = x.item() if isinstance(x, np.generic) else x
        return TypedNumber(dtype, KINDS[dtype](value), _known(value, dtype))

    def cast(self, x: Any, dtype: str) -> TypedNumber:
        if not isinstance(x, TypedNumber):
            kind = np.dtype("int64" if dtype == "index" else dtype)
            with np.errstate(all="ignore"):
                value = kind.type(x).item()
            return TypedNumber(dtype, KINDS[dtype](value), _known(value, dtype))
        builder, before, value = self.builder, x.dtype, x.value
        span = x.span if dtype in ("int64", "index") else ANY
        if before == dtype or {before, dtype} == {"int64", "index"}:
            return x._replace(dtype=dtype)
        to_float, from_float = dtype.startswith("float"), before.startswith("float")
        if dtype == "bool":
            compare = builder.fcmp_unordered if from_float else builder.icmp_signed
            return TypedNumber(dtype, compare("!=", value, value.type(0)))
        if from_float and to_float:
            change = builder.fpext if dtype == "float64" else builder.fptrunc
        elif to_float:
            change = builder.uitofp if before == "bool" else builder.sitofp
        elif from_float:
            change = builder.fptosi
        elif before == "bool":
            change = builder.zext
        else:
            change = builder.trunc if dtype == "int32" else builder.sext
        return TypedNumber(dtype, change(value, KINDS[dtype]), span)

    def together(self, *given: Any) -> list[TypedNumber]:
        """The numbers, converted to their common dtype."""
        dtype = common(tuple(dtype_of(x) for x in given))
        return [self.cast(x, dtype) for x in given]

    def binary(self, op: str, x: Any, y: Any, flags: tuple[str, ...] | None = None) -> Any:
        if not isinstance(x, TypedNumber) and not isinstance(y, TypedNumber):
            with np.errstate(all="ignore"):
                return PYTHON[op](x, y)
        x, y = self.together(x, y)
        builder, dtype = self.builder, x.dtype
        span = _span_of_result(op, x, y)
        if op == "/" and not dtype.startswith("float"):
            x, y = self.cast(x, "float64"), self.cast(y, "float64")
            dtype = "float64"
        if dtype.startswith("float"):
            if op not in ON_FLOATS:
                raise Untranslatable(f"{op} of {dtype}")
            flags = self.flags if flags is None else flags
            if flags is None:
                flags = ("contract",) if op == "*" else ()
            return TypedNumber(dtype, getattr(builder, ON_FLOATS[op])(x.value, y.value, flags=flags))
        if op in ("//", "%"):
            return self.divided(op, x, y)._replace(span=span)
        if dtype == "bool" and op not in ("&", "|"):
            raise Untranslatable(f"{op} of truth values")
        wraps = dtype != "index" or op in ("&", "|", ">>")
        if op in ("&", "|"):
            return TypedNumber(dtype, getattr(builder, ON_INTEGERS[op])(x.value, y.value), span)
        return TypedNumber(
            dtype, getattr(builder, ON_INTEGERS[op])(x.value, y.value, flags=() if wraps else ("nsw",)), span
        )

    def divided(self, op: str, x: TypedNumber, y: TypedNumber) -> TypedNumber:
        """Integer division, rounded down as in Python."""
        builder = self.builder
        quotient, rest = builder.sdiv(x.value, y.value), builder.srem(x.value, y.value)
        zero = rest.type(0)
        apart = builder.icmp_signed("<", builder.xor(rest, y.value), zero)
        below = builder.and_(builder.icmp_signed("!=", rest, zero), apart)
        if op == "//":
            return TypedNumber(x.dtype, builder.sub(quotient, builder.zext(below, quotient.type)))
        return TypedNumber(x.dtype, builder.select(below, builder.add(rest, y.value), rest))

    def unary(self, op: str, x: Any) -> Any:
        if not isinstance(x, TypedNumber):
            return not x if op == "not" else -x
        if op == "not":
            return TypedNumber("bool", self.builder.not_(self.cast(x, "bool").value))
        if op != "-":
            raise Untranslatable(op)
        if x.dtype.startswith("float"):
            return TypedNumber(x.dtype, self.builder.fneg(x.value, flags=self.flags or ()))
        return TypedNumber(x.dtype, self.builder.neg(x.value))

    def compare(self, op: str, x: Any, y: Any) -> Any:
        if not isinstance(x, TypedNumber) and not isinstance(y, TypedNumber):
            return bool(PYTHON[op](x, y))
        x, y = self.together(x, y)
        if x.dtype.startswith("float"):
            compare = self.builder.fcmp_unordered if op == "!=" else self.builder.fcmp_ordered
        else:
            compare = self.builder.icmp_unsigned if x.dtype == "bool" else self.builder.icmp_signed
        return TypedNumber("bool", compare(op, x.value, y.value))

    def intrinsic(self, name: str, *given: Any) -> TypedNumber:
        """A call of one of LLVM's float intrinsics."""
        numbers = self.together(*given)
        if not numbers[0].dtype.startswith("float"):
            numbers = [self.cast(x, "float64") for x in numbers]
        kind = KINDS[numbers[0].dtype]
        kinds = ir.FunctionType(kind, [kind] * len(numbers))
        function = self.module.declare_intrinsic(f"llvm.{name}", [kind], kinds)
        return TypedNumber(numbers[0].dtype, self.builder.call(function, [x.value for x in numbers]))

    def extreme(self, name: str, x: Any, y: Any) -> TypedNumber:
        """The maximum or minimum of two numbers."""
        x, y = self.together(x, y)
        if x.dtype.startswith("float"):
            return self.intrinsic(name, x, y)
        first = self.compare(">" if name == "maximum" else "<", x, y)
        return TypedNumber(
            x.dtype, self.builder.select(first.value, x.value, y.value), extreme(name, span_of(x), span_of(y))
        )

    def absolute(self, x: TypedNumber) -> TypedNumber:
        if x.dtype.startswith("float"):
            return self.intrinsic("fabs", x)
        return self.extreme("maximum", x, self.unary("-", x))


def _known(value: Any, dtype: str) -> Span:
    return exactly(value) if type(value) is int and dtype in BITS else ANY


def _span_of_result(op: str, x: TypedNumber, y: TypedNumber) -> Span:
    """The span of the result of an operation on integers of one dtype; an `index` never overflows."""
    if x.dtype not in BITS:
        return ANY
    span = combined(op, span_of(x), span_of(y))
    return span if x.dtype == "index" or not wraps(span, BITS[x.dtype]) else ANY


BITS = {"int32": 32, "int64": 64, "index": 64}
