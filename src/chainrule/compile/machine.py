"""Machine code in this process: loads object files and makes Python functions of their entries.

The addresses of this process that the code needs are in a table (see `interface.py`), filled in here.
"""

from __future__ import annotations

import ctypes
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from chainrule.compile.failures import asking_llvm
from chainrule.compile.interface import KEPT, addresses
from chainrule.forks import imported, waited_for

__all__ = [
    "LLVM",
    "initialize",
    "load",
    "processor",
]


class _MethodDef(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


METH_FASTCALL = 0x80


class _Code:
    """Loaded code; each function made of it keeps a reference to it."""

    def __init__(self, engine: Any, constants: Sequence[np.ndarray]):
        self.engine, self.constants = engine, constants
        self.definitions: list[_MethodDef] = []

    def function(self, name: str) -> Callable[..., Any]:
        address = self.engine.get_function_address(f"chainrule.{name}")
        if not address:
            raise ImportError(f"the code has no function {name}")
        if kept := self.engine.get_global_value_address(f"{KEPT}{name}"):
            weakref.finalize(self, _free, self.engine, kept).atexit = False
        definition = _MethodDef(name.encode(), address, METH_FASTCALL, None)
        self.definitions.append(definition)
        make = ctypes.pythonapi.PyCFunction_NewEx
        make.restype, make.argtypes = ctypes.py_object, [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
        return make(ctypes.addressof(definition), self, None)


def _free(engine: Any, kept: int) -> None:
    """Free the memory that an entry has kept, while the engine still has its variables."""
    free = ctypes.pythonapi.PyMem_RawFree
    free.restype, free.argtypes = None, [ctypes.c_void_p]
    free(ctypes.c_void_p.from_address(kept).value)


LLVM = waited_for(threading.RLock())
"""Held while LLVM works. A fork waits for it: in the child, which has one thread, it would stay locked for ever."""


class _LlvmlitesLock:
    """The lock of llvmlite, which it takes when it frees objects; it exists only after llvmlite was imported."""

    taken: Any = None

    def __enter__(self) -> None:
        self.taken = getattr(getattr(sys.modules.get("llvmlite.binding.ffi"), "lib", None), "_lock", None)
        if self.taken is not None:
            self.taken.__enter__()

    def __exit__(self, *error: object) -> None:
        if self.taken is not None:
            self.taken.__exit__(*error)


waited_for(_LlvmlitesLock())
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
    """This machine's processor, with all its features, as LLVM's target."""
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
        table = [*addresses(), *(c.ctypes.data for c in constants)]
        place = engine.get_global_value_address("chainrule.table")
        if not place:
            raise ImportError("the code has no table")
        ctypes.memmove(place, (ctypes.c_void_p * len(table))(*table), 8 * len(table))
        loaded = _Code(engine, constants)
        return {name: loaded.function(name) for name in names}
