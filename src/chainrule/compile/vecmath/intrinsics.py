"""How elementary functions are compiled, and what LLVM has and Python has not. All of Numba that they use is here."""

# What Numba compiles has types of its own.
# mypy: ignore-errors

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic, overload

__all__ = [
    "bits32",
    "bits64",
    "exact",
    "f32",
    "f64",
    "finish",
    "fma",
    "from_bits32",
    "from_bits64",
    "i32",
    "i64",
    "maximum",
    "minimum",
    "of_both",
    "of_two",
    "select",
    "shift_right",
    "strict",
    "take",
]

f32, f64 = np.float32, np.float64
i32, i64 = np.int32, np.int64

# How functions are compiled --------------------------------------------------------------------------------------

STRICT = {
    "error_model": "numpy",
    "fastmath": False,
    "forceinline": True,
    "no_cpython_wrapper": True,
    "no_cfunc_wrapper": True,
}
EXACT = STRICT | {"fastmath": {"contract"}}


def exact(function):
    """Compile as it stands, but that a product may be added in one step."""
    return njit(**EXACT)(function)


def strict(function):
    """Compile as it stands: each operation is rounded, as sums and products in two numbers need it."""
    return njit(**STRICT)(function)


def of_both(name, of64, of32=None):
    """The function for both kinds of numbers, for use in compiled code; of float32 through float64 if it has no own."""

    def function(x):
        raise NotImplementedError("in compiled code only")

    def choose(x):
        if x == types.float32:
            return (lambda x: of32(x)) if of32 is not None else (lambda x: f32(of64(f64(x))))
        return (lambda x: of64(x)) if x == types.float64 else None

    function.__name__ = name
    overload(function, jit_options=EXACT)(choose)
    return function


def of_two(name, of64, of32=None):
    """The same for two arguments."""

    def function(x, y):
        raise NotImplementedError("in compiled code only")

    def choose(x, y):
        if x == types.float32 and y == types.float32:
            return (lambda x, y: of32(x, y)) if of32 is not None else (lambda x, y: f32(of64(f64(x), f64(y))))
        return (lambda x, y: of64(x, y)) if x == types.float64 and y == types.float64 else None

    function.__name__ = name
    overload(function, jit_options=EXACT)(choose)
    return function


# What LLVM has ---------------------------------------------------------------------------------------------------


def _bit_cast(source, target, llvm):
    @intrinsic
    def cast(context, x):
        return target(source), lambda cg, builder, signature, arguments: builder.bitcast(arguments[0], llvm)

    return cast


bits64 = _bit_cast(types.float64, types.int64, ir.IntType(64))
from_bits64 = _bit_cast(types.int64, types.float64, ir.DoubleType())
bits32 = _bit_cast(types.float32, types.int32, ir.IntType(32))
from_bits32 = _bit_cast(types.int32, types.float32, ir.FloatType())


def _call(builder, name, arguments):
    kind = arguments[0].type
    function = builder.module.declare_intrinsic(name, [kind], ir.FunctionType(kind, [kind] * len(arguments)))
    return builder.call(function, arguments)


def _extreme(name):
    @intrinsic
    def extreme(context, x, y):
        """The larger (smaller) one, NaN if one is."""
        return x(x, x), lambda cg, builder, signature, arguments: _call(builder, name, arguments)

    return extreme


maximum, minimum = _extreme("llvm.maximum"), _extreme("llvm.minimum")


@intrinsic
def fma(context, x, y, z):
    """x · y + z, rounded once."""
    return x(x, x, x), lambda cg, builder, signature, arguments: _call(builder, "llvm.fma", arguments)


@intrinsic
def select(context, condition, x, y):
    """x where the condition holds, else y, without a branch."""

    def generate(cg, builder, signature, arguments):
        return builder.select(cg.cast(builder, arguments[0], types.boolean, types.boolean), arguments[1], arguments[2])

    return x(types.boolean, x, x), generate


@intrinsic
def shift_right(context, x, n):
    """The bits of x moved down by n, zeros coming in: `>>` makes a number of 64 bits, so twice as many vectors."""
    return x(x, x), lambda cg, builder, signature, arguments: builder.lshr(*arguments)


def _add_one(place):
    @intrinsic
    def add_one(context, array):
        """Add one to an entry of an array of integers, whatever other threads do with it; what it was before."""

        def generate(cg, builder, signature, arguments):
            data = cg.make_array(signature.args[0])(cg, builder, arguments[0]).data
            here = builder.gep(data, [ir.Constant(ir.IntType(64), place)])
            return builder.atomic_rmw("add", here, ir.Constant(ir.IntType(64), 1), "seq_cst")

        return types.int64(array), generate

    return add_one


take, finish = _add_one(0), _add_one(1)  # turns: how many pieces have been taken, and how many are done
