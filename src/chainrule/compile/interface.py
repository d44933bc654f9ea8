"""The binary interfaces of Python and NumPy that compiled code uses. Only this file depends on them.

An *entry* is machine code that Python calls. Reading an array through Python's C functions would take longer than most
small programs run, so entries read the objects' memory directly. CPython and NumPy use this layout on all 64-bit
machines (each field has 8 bytes, n and flags 4):

    offset   any object            float, np.float64, …   np.ndarray
    0        count of references   count                  count
    8        its type              type                   type
    16                             the number             address of the entries
    24                                                    n, the number of axes
    32                                                    address of the n lengths
    40, 48                                                address of the strides; the base
    56                                                    the dtype (an object)
    64                                                    flags

Everything else is done by functions of Python's and NumPy's C interfaces. Their addresses, and those of the objects
with which types and dtypes are compared, differ from process to process. Code reads them from a table that is filled
when it is loaded, so cached code works in any process.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from chainrule.compile import fortran
from chainrule.compile.failures import OtherInputs
from chainrule.compile.signatures import DTYPES

__all__ = ["DATA", "DTYPE", "FLAGS", "KEPT", "LENGTHS", "NDIM", "NUMBER", "SIGNATURES", "TABLE", "TYPE", "addresses"]

HEAD = object.__basicsize__
"""The bytes of an object's reference count and type; a debug build of Python has more."""
TYPE = HEAD - 8
NUMBER = HEAD
DATA, NDIM, LENGTHS, DTYPE, FLAGS = HEAD, HEAD + 8, HEAD + 16, HEAD + 40, HEAD + 48
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400

OF_PYTHON = {
    "PyErr_Occurred": "p",
    "PyErr_SetNone": "vp",
    "PyFloat_AsDouble": "dp",
    "PyFloat_FromDouble": "pd",
    "PyLong_AsLongLong": "lp",
    "PyLong_FromLongLong": "pl",
    "PyBool_FromLong": "pl",
    "PyObject_IsTrue": "ip",
    "PyTuple_New": "pl",
    "PyTuple_SetItem": "iplp",
    "PyList_New": "pl",
    "PyList_SetItem": "iplp",
    "Py_DecRef": "vp",
    "Py_IncRef": "vp",
    "PyEval_SaveThread": "p",
    "PyEval_RestoreThread": "vp",
    "PyMem_RawMalloc": "pl",
    "PyMem_RawFree": "vp",
}
"""Functions of Python: result and arguments, v nothing, p an address, d a double, l 64 bits, i 32 bits, L many of l."""
OF_NUMPY = {"PyArray_Scalar": (60, "pppp"), "PyArray_Empty": (184, "piLpi")}
"""Functions of NumPy: the index in its C API table, which never changes; then result and arguments."""
SIGNATURES = OF_PYTHON | {name: signature for name, (_, signature) in OF_NUMPY.items()}

OBJECTS: dict[str, Any] = {"None": None, "ndarray": np.ndarray, "float": float, "int": int, "bool": bool}
OBJECTS |= {"OtherInputs": OtherInputs, "MemoryError": MemoryError}
OBJECTS |= {f"dtype {name}": np.dtype(name) for name in DTYPES}
OBJECTS |= {f"numpy.{name}": np.dtype(name).type for name in DTYPES}

TABLE = [*OBJECTS, *SIGNATURES, *fortran.ROUTINES, *fortran.STATE]
"""The entries of the table, in order; the addresses of constants follow."""


KEPT = "chainrule.kept."
"""The variable with the address of the memory that an entry keeps for its next call; 0 if none or in use."""


def addresses() -> list[int]:
    """The addresses of the table in this process."""
    api = ctypes.pythonapi
    pointer = api.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    core = getattr(np, "_core", None) or np.core
    of_numpy = ctypes.cast(pointer(core._multiarray_umath._ARRAY_API, None), ctypes.POINTER(ctypes.c_void_p))
    found = [id(thing) for thing in OBJECTS.values()]  # they live as long as the process
    found += [ctypes.cast(getattr(api, name), ctypes.c_void_p).value or 0 for name in OF_PYTHON]
    found += [of_numpy[place] or 0 for place, _ in OF_NUMPY.values()]
    return found + fortran.addresses()
