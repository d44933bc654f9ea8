"""Machine code in this process: object files loaded, and Python functions made of what they define.

An *entry* is machine code that Python can call: it takes arrays and numbers as Python has them, runs compiled code, and
makes Python's objects of the results. What it needs of Python and NumPy (types, functions of their C interfaces) it
finds in a table that is filled in when the code is loaded; so code from the cache runs in any process.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from chainrule.compile.failures import OtherInputs, asking_llvm
from chainrule.forks import IMPORTING, imported

__all__ = [
    "DTYPES",
    "LLVM",
    "TABLE",
    "Argument",
    "Entry",
    "Leaf",
    "Parameter",
    "Result",
    "initialize",
    "load",
    "processor",
]

DTYPES = ("float32", "float64", "int32", "int64", "bool")
"""The dtypes of arrays and numbers that entries take and give."""


class Argument(NamedTuple):
    """A parameter of a compiled function: an array (without axes: a number), or memory for its own use.

    Attributes
    ----------
    dtype, shape : of the array; a length that is no integer is any, but the same wherever it has the same name.
    is_written, is_scratch : whether the function writes into it; whether whoever calls it does not know of it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    is_written: bool = False
    is_scratch: bool = False


class Leaf(NamedTuple):
    """What an entry takes: an array, or a number of a type: "float", "int", "bool" are Python's, "numpy.…" NumPy's.

    One of Python's integers that is taken lies in a range.
    """

    dtype: str
    shape: tuple[int, ...]
    type: str = ""
    range: tuple[int, int] = (0, 0)

    @property
    def is_array(self) -> bool:
        return not self.type


Result = Leaf
"""What an entry gives."""


class Parameter(NamedTuple):
    """What the main function of a native program is handed over.

    Attributes
    ----------
    role, place : "input" (which leaf), "result" (which), "buffer" for what is computed in between (from which byte of
        it on), or "constant" (which of the arrays that the code was loaded with).
    dtype, shape : as the function sees it.
    """

    role: str
    place: int
    dtype: str
    shape: tuple[int, ...]


class Entry(NamedTuple):
    """How Python calls the main function of a native program.

    Attributes
    ----------
    leaves : what it takes.
    parameters : what the function is handed over, in order.
    results : what comes out; those that are numbers are what the function returns, in order.
    guards : the last so many results are none: ("truth", outcome) or ("integer", outcome) says what each must be.
    structure : nested tuples and lists of positions among the results, or None for a flat tuple.
    parallel : whether other threads of Python may run meanwhile.
    """

    leaves: tuple[Leaf, ...]
    parameters: tuple[Parameter, ...]
    results: tuple[Result, ...]
    guards: tuple[tuple[str, int], ...]
    structure: Any
    parallel: bool


FUNCTIONS = (
    "PyErr_Occurred PyErr_SetNone PyFloat_AsDouble PyFloat_FromDouble PyLong_AsLongLong PyLong_FromLongLong "
    "PyBool_FromLong PyObject_IsTrue PyTuple_New PyTuple_SetItem PyList_New PyList_SetItem Py_DecRef Py_IncRef "
    "PyEval_SaveThread PyEval_RestoreThread PyMem_RawMalloc PyMem_RawFree"
).split()
OBJECTS: dict[str, Any] = {"None": None, "ndarray": np.ndarray, "float": float, "int": int, "bool": bool}
OBJECTS |= {"OtherInputs": OtherInputs, "MemoryError": MemoryError}
OBJECTS |= {f"dtype {name}": np.dtype(name) for name in DTYPES}
OBJECTS |= {f"numpy.{name}": np.dtype(name).type for name in DTYPES}
OF_NUMPY = {"PyArray_Scalar": 60, "PyArray_Empty": 184}
"""Functions of NumPy's C interface, by their places in its table, which never change."""

TABLE = [*OBJECTS, *FUNCTIONS, *OF_NUMPY]
"""What stands in the table, in order; after it come the addresses of constants."""


def _addresses() -> list[int]:
    api = ctypes.pythonapi
    pointer = api.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    core = getattr(np, "_core", None) or np.core
    of_numpy = ctypes.cast(pointer(core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    found = [id(thing) for thing in OBJECTS.values()]  # they live as long as Python and NumPy do
    found += [ctypes.cast(getattr(api, name), ctypes.c_void_p).value or 0 for name in FUNCTIONS]
    return found + [of_numpy[place] or 0 for place in OF_NUMPY.values()]


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


METH_FASTCALL = 0x80


class _Code:
    """Code in memory; each function made of it holds on to it."""

    def __init__(self, engine: Any, constants: Sequence[np.ndarray]):
        self.engine, self.constants = engine, constants
        self.definitions: list[_MethodDef] = []

    def function(self, name: str) -> Callable[..., Any]:
        address = self.engine.get_function_address(f"chainrule.{name}")
        if not address:
            raise ImportError(f"the code has no function {name}")
        definition = _MethodDef(name.encode(), address, METH_FASTCALL, None)
        self.definitions.append(definition)
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
        return make(ctypes.addressof(definition), self, None)


LLVM = threading.RLock()
"""Held while LLVM works. A fork waits for it: in the new process, which has one thread, it would be taken for ever."""


_held: list[Any] = []


def _before_fork() -> None:
    """Take the lock of imports first, since an import may make llvmlite's own; then that, which any disposal takes."""
    IMPORTING.__enter__()
    own = getattr(getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None), "_lock", None)
    _held[:] = [LLVM] if own is None else [LLVM, own]
    for lock in _held:
        lock.__enter__()


def _after_fork() -> None:
    for lock in reversed(_held):
        lock.__exit__(None, None, None)
    IMPORTING.__exit__(None, None, None)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork)
_machine: list[Any] = []


def initialize() -> Any:
    """llvmlite's binding, ready for this processor."""
    with asking_llvm():
        llvm = imported("llvmlite.binding")
    with LLVM, asking_llvm():
        if not _machine:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            _machine.append(llvm.Target.from_triple(llvm.get_process_triple()))
    return llvm


def processor() -> Any:
    """The processor of this machine, with all that it can do, as LLVM's target."""
    llvm = initialize()
    features = llvm.get_host_cpu_features().flatten()
    return _machine[0].create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=features, opt=3, codemodel="jitdefault", jit=True
    )


def load(code: bytes, names: Sequence[str], constants: Sequence[np.ndarray] = ()) -> dict[str, Callable[..., Any]]:
    """The entries of these names in an object file, as functions; `constants` are contiguous arrays that it reads."""
    llvm = initialize()
    with LLVM, asking_llvm():
        machine = _machine[0].create_target_machine(codemodel="jitdefault", jit=True)
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        engine.add_object_file(llvm.ObjectFileRef.from_data(code))
        engine.finalize_object()
        addresses = [*_addresses(), *(c.ctypes.data for c in constants)]
        place = engine.get_global_value_address("chainrule.table")
        if not place:
            raise ImportError("the code has no table")
        ctypes.memmove(place, (ctypes.c_void_p * len(addresses))(*addresses), 8 * len(addresses))
        loaded = _Code(engine, constants)
        return {name: loaded.function(name) for name in names}
