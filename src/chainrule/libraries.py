"""The array library of a plain value, and the namespace that computes with it."""

from __future__ import annotations

import functools
import importlib
import math
import sys
import types
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

__all__ = [
    "NUMPY",
    "NUMPY_NAMESPACE",
    "PLAIN",
    "PYTHON",
    "as_array_beside",
    "as_numpy",
    "as_numpy_number",
    "class_in_numpy",
    "copied",
    "dtype_of",
    "has_views",
    "is_complex",
    "is_complex_dtype",
    "is_differentiated_there",
    "is_foreign",
    "is_inexact",
    "is_jax",
    "is_numpy",
    "is_traced",
    "jax_in_double_precision",
    "library_of",
    "namespace_of",
    "numpy_dtype",
    "numpy_form",
    "numpys",
    "own_dtype",
    "special_functions_of",
    "takes_numpys",
]

_NUMBERS = [t for t in np.sctypeDict.values() if issubclass(t, np.number | np.bool) and t is not np.timedelta64]

PLAIN = frozenset([bool, int, float, complex, type(None), *_NUMBERS])
"""Types of immutable operands, which a node may hold without a copy."""

PYTHON = frozenset([bool, int, float, complex])
"""Python's own numbers. They do not decide the dtype of a result: `2.0 * x` has the dtype of x."""

NUMPY = PLAIN | {np.ndarray}
"""Types that NumPy computes with; for any other the library must be found."""


_FLOAT64 = np.dtype(np.float64)
_OF_PYTHON = {float: _FLOAT64, complex: np.dtype(np.complex128), bool: np.dtype(np.bool)}
"""The dtypes of the NumPy numbers for Python's; that of an integer depends on its value."""


def as_numpy_number(value: Any, dtype: Any) -> Any:
    """A Python number as the NumPy number that NumPy takes for a result of the given dtype; other values unchanged.

    Integers, which have no gradient, stay Python's: they take the dtype of the array beside them.

    >>> as_numpy_number(2.0, np.dtype("float32")), as_numpy_number(3, np.dtype("float32"))
    (np.float32(2.0), 3)
    """
    kind = type(value)
    if kind is float and dtype is _FLOAT64:  # most often
        return np.float64(value)
    if kind not in PYTHON or kind is int:
        return value
    if isinstance(dtype, np.dtype):
        if kind is float and dtype.kind in "fc":
            return np.finfo(dtype).dtype.type(value)
        if kind is complex and dtype.kind == "c":
            return dtype.type(value)
    return np.asarray(value)[()]


def numpys(x: Any) -> Any:
    """A Python number as NumPy's, which gives inf where Python raises an error; anything else unchanged."""
    return np.asarray(x)[()] if type(x) in PYTHON else x


def is_inexact(value: Any) -> bool:
    """Whether a value is of a floating (or complex) type, in any array library."""
    if isinstance(value, (float, complex)):
        return True
    dtype = getattr(value, "dtype", None)
    if isinstance(dtype, np.dtype):
        return dtype.kind in "fc" or "float" in dtype.name  # bfloat16 of ml_dtypes is of kind V
    return dtype is not None and ("float" in str(dtype) or "complex" in str(dtype))


def is_complex(value: Any) -> bool:
    """Whether a value is of a complex type, in any array library."""
    kind = type(value)
    if kind in PYTHON:
        return kind is complex
    try:
        return value.dtype.kind == "c"
    except AttributeError:  # no array, or one of a library whose dtypes have no kind
        return isinstance(value, complex) or "complex" in str(getattr(value, "dtype", ""))


def _numpy_without_its_python_layer() -> Any:
    """NumPy, with the functions that rules use most taken from its core: np.sum spends most of its time in wrappers."""
    namespace = types.ModuleType("numpy")
    vars(namespace).update(vars(np))
    for name, ufunc in {"sum": np.add, "max": np.maximum, "min": np.minimum}.items():

        def reduction(x: Any, axis: Any = None, keepdims: bool = False, _reduce: Any = ufunc.reduce) -> Any:
            return _reduce(x, axis=axis, keepdims=keepdims)

        setattr(namespace, name, reduction)
    namespace.broadcast_to = _broadcast_to  # type: ignore[attr-defined]
    return namespace


count_nonzero = getattr(np._core.multiarray, "count_nonzero", np.count_nonzero)  # type: ignore[attr-defined]
"""np.count_nonzero of all entries, without its Python layer, which takes longer than a small array."""


def _broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Like np.broadcast_to, but a small result is copied, which is faster than making a view."""
    if math.prod(shape) > 256:
        return np.broadcast_to(x, shape)
    z = np.empty(shape, x.dtype)
    z[...] = x
    return z


NUMPY_NAMESPACE = _numpy_without_its_python_layer()


def dtype_of(value: Any) -> Any:
    """The dtype of a plain value; for a Python number, that of the NumPy number."""
    known = _OF_PYTHON.get(type(value))
    if known is not None:
        return known
    try:
        return value.dtype
    except AttributeError:
        return np.asarray(value).dtype


def numpy_dtype(dtype: Any) -> Any:
    """NumPy's dtype for one of another library; unchanged where NumPy has none, as for torch.bfloat16.

    >>> import torch
    >>> numpy_dtype(torch.float32)
    dtype('float32')
    """
    if isinstance(dtype, np.dtype):
        return dtype
    found = _NUMPYS.get(dtype)
    if found is None:
        try:
            found = np.dtype(str(dtype).rpartition(".")[2])
        except TypeError:
            found = dtype
        _NUMPYS[dtype] = found
    return found


_NUMPYS: dict[Any, Any] = {}


def own_dtype(xp: Any, dtype: Any) -> Any:
    """A dtype of NumPy's as that of a library with dtypes of its own, as PyTorch; unchanged for other libraries."""
    return getattr(xp, np.dtype(dtype).name, dtype) if _is_numpys(dtype) and not is_numpy(xp) else dtype


def _is_numpys(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) or dtype in (bool, int, float, complex)


def numpy_form(x: Any) -> Any:
    """A NumPy array of the same shape and dtype as an array of another library, for functions that need only these."""
    return np.broadcast_to(np.zeros((), numpy_dtype(x.dtype)), tuple(x.shape)) if is_foreign(x) else x


def is_complex_dtype(dtype: Any) -> bool:
    """Whether a dtype is complex, in any array library and byte order."""
    return dtype.kind == "c" if isinstance(dtype, np.dtype) else "complex" in str(dtype)


def is_numpy(xp: Any) -> bool:
    """Whether a namespace computes with NumPy's arrays."""
    return xp.__name__ == "numpy"


def takes_numpys(xp: Any) -> bool:
    """Whether the functions of a namespace take NumPy's arrays beside their own, as those of JAX and Dask do."""
    return not isinstance(xp, _Adapted)


def namespace_of(values: Any) -> Any:
    """The Array API namespace that computes with these plain values; NumPy where no other array is among them."""
    for value in values:
        if type(value) not in NUMPY:
            return _foreign_namespace(values)
    return NUMPY_NAMESPACE


def _foreign_namespace(values: Any) -> Any:
    import array_api_compat

    arrays = [v for v in values if array_api_compat.is_array_api_obj(v) and not isinstance(v, np.ndarray | np.generic)]
    if not arrays:
        return NUMPY_NAMESPACE
    xp = array_api_compat.array_namespace(*arrays)
    if array_api_compat.is_jax_array(arrays[0]) or array_api_compat.is_dask_array(arrays[0]):
        return xp  # their arrays go where they are needed
    if hasattr(xp, "special_functions"):  # a namespace that stands for another one during one recording
        return xp
    key = xp.__name__, getattr(arrays[0], "device", None)
    found = _ADAPTED.get(key)
    if found is None:
        found = _ADAPTED[key] = _Adapted(xp, key[1])
    return found


class _Adapted(types.ModuleType):
    """The namespace of a library for arrays on one device: its functions make arrays there.

    They take NumPy's dtypes too, where the library has dtypes of its own, as PyTorch.
    """

    def __init__(self, xp: Any, device: Any):
        super().__init__(xp.__name__)
        self._xp = xp
        self._device = device

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._xp, name, None)
        if found is None:
            written = _WRITTEN_OUT.get(name)
            if written is None:
                raise AttributeError(f"module {library_of(self)!r} has no attribute {name!r}")
            found = functools.partial(written, self)
        elif name in _WITHOUT_DERIVATIVE:
            found = functools.partial(_of_detached, found)
        elif name == "asarray":
            found = self._asarray
        elif name == "astype":
            found = self._astype
        elif name in _MAKING:
            found = functools.partial(self._make, found)
        setattr(self, name, found)
        return found

    def _make(self, function: Any, *args: Any, dtype: Any = None, device: Any = None) -> Any:
        return function(*args, dtype=own_dtype(self._xp, dtype), device=device or self._device)

    def _asarray(self, x: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Any:
        if isinstance(x, np.ndarray | np.generic):
            x, copy = np.array(x), None  # a copy: PyTorch warns of read-only arrays, which it would share
        return self._xp.asarray(x, dtype=own_dtype(self._xp, dtype), device=device or self._device, copy=copy)

    def _astype(self, x: Any, dtype: Any, copy: bool = True) -> Any:
        return self._xp.astype(x, own_dtype(self._xp, dtype), copy=copy)


_ADAPTED: dict[Any, _Adapted] = {}
_WITHOUT_DERIVATIVE = frozenset(["floor_divide"])
"""Step functions for which PyTorch has no derivative, not even zero."""


def _of_detached(function: Any, *operands: Any) -> Any:
    return function(*(x.detach() if hasattr(x, "detach") else x for x in operands))


_MAKING = frozenset("arange empty eye full linspace ones zeros".split())
_WRITTEN_OUT: dict[str, Any] = {
    "cumsum": lambda xp, x, axis: xp.cumulative_sum(x, axis=axis),
    "exp2": lambda xp, x: xp.pow(xp.asarray(2.0, dtype=x.dtype), x),
    "fmax": lambda xp, x, y: xp.where(xp.isnan(x), y, xp.where(xp.isnan(y), x, xp.maximum(x, y))),
    "fmin": lambda xp, x, y: xp.where(xp.isnan(x), y, xp.where(xp.isnan(y), x, xp.minimum(x, y))),
    "sinc": lambda xp, x: xp.where(x == 0, 1.0, xp.sin(math.pi * x) / xp.where(x == 0, 1.0, math.pi * x)),
    "logaddexp2": lambda xp, x, y: xp.logaddexp(x * math.log(2), y * math.log(2)) / math.log(2),
    "fmod": lambda xp, x, y: xp.copysign(xp.remainder(xp.abs(x), xp.abs(y)), x),
}
"""Functions of NumPy that the Array API standard lacks, expressed by functions that it has."""


def is_foreign(x: Any) -> bool:
    """Whether x is an array of a library other than NumPy."""
    kind = type(x)
    if isinstance(x, np.ndarray | np.generic | list | tuple):
        return False
    if hasattr(kind, "__array_namespace__"):
        return True
    import array_api_compat as api

    if hasattr(kind, "__array_ufunc__"):  # wrappers of arrays (xarray, pint) forward the question to them
        return bool(api.is_dask_array(x) or api.is_cupy_array(x) or api.is_pydata_sparse_array(x))
    return bool(api.is_array_api_obj(x))


def is_jax(x: Any) -> bool:
    """Whether x is an array of JAX's; also one of a program that JAX traces."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(x, jax.Array)


def is_traced(x: Any) -> bool:
    """Whether x is an array of a program that JAX traces: its shape and dtype are known, its values are not."""
    jax = sys.modules.get("jax")
    return jax is not None and isinstance(x, jax.core.Tracer)


def is_differentiated_there(x: Any) -> bool:
    """Whether x is an array of another library that may differentiate what is computed from it: to_jax, to_torch."""
    return is_traced(x) or bool(getattr(x, "requires_grad", False))


def as_array_beside(x: Any, others: list[Any]) -> Any:
    """An array of NumPy's as one of another library, on the device of its arrays.

    Floating numbers take the dtype of the other arrays, as Python's numbers do: float64 is NumPy's default, and not
    what the user has chosen for these. Complex numbers take the complex dtype of that precision. JAX computes with
    NumPy's arrays, and reads their values where it traces; so there they stay NumPy's.
    """
    import array_api_compat as api

    xp = namespace_of(others)
    dtype = None
    floating = [other.dtype for other in others if is_inexact(other)]
    if is_inexact(x) and floating:
        dtype = xp.result_type(*floating)
        if is_complex(x) and not is_complex_dtype(dtype):
            dtype = xp.result_type(dtype, xp.complex64)
    if api.is_jax_array(others[0]):
        return x if dtype is None else x.astype(dtype)
    made = xp.asarray(np.array(x), dtype=dtype)
    return made if isinstance(xp, _Adapted) else api.to_device(made, api.device(others[0]))


def as_numpy(x: Any) -> Any:
    """An array of another library as NumPy's, in single precision if its dtype is not one of NumPy's own.

    Anything else unchanged.
    """
    import array_api_compat as api

    if not is_foreign(x):
        return x
    if api.is_torch_array(x):
        x = x.detach().cpu().resolve_conj().resolve_neg()
        dtype = numpy_dtype(x.dtype)
        return (x if isinstance(dtype, np.dtype) and dtype.kind != "V" else x.float()).numpy().copy()
    if hasattr(x, "get"):  # CuPy, whose arrays are copied to NumPy's only by this
        return x.get()
    array = np.array(x) if hasattr(x, "__array__") else np.array(np.from_dlpack(x))
    return array.astype(np.float32) if array.dtype.kind == "V" and is_inexact(array) else array


def has_views(x: Any) -> bool:
    """Whether parts and transposes of an array of another library stand for views wherever NumPy's are.

    PyTorch's are views themselves. JAX's arrays cannot change, so what changes here is NumPy's meaning of the code.
    """
    import array_api_compat as api

    return bool(api.is_torch_array(x) or api.is_jax_array(x))


def class_in_numpy(x: Any) -> type | None:
    """The class of what an array of PyTorch or JAX stands for in NumPy's code: without axes it is a number.

    None for arrays of other libraries, which look at the classes of the operands, and for numbers that NumPy lacks.
    """
    dtype = numpy_dtype(x.dtype) if has_views(x) else None
    if not isinstance(dtype, np.dtype) or dtype.kind == "V":
        return None
    return dtype.type if x.ndim == 0 else np.ndarray


def copied(x: Any) -> Any:
    """A copy of an array of another library, safe from later writes into x; x itself if it is immutable."""
    import array_api_compat as api

    if api.is_jax_array(x):
        return x
    if hasattr(x, "clone"):  # PyTorch
        return x.clone()
    return api.array_namespace(x).asarray(x, copy=True)


def library_of(xp: Any) -> str:
    """The name of a namespace's library, for errors."""
    return xp.__name__.removeprefix("array_api_compat.").split(".")[0]


def special_functions_of(xp: Any) -> Any:
    """The special functions of the library of xp. SciPy is slow to import, so it waits until one is called."""
    if hasattr(xp, "special_functions"):  # a namespace that stands for another
        return xp.special_functions
    module = _SPECIAL.get(xp.__name__)
    return importlib.import_module("scipy.special") if module is None else _special_functions(module)


@functools.cache
def _special_functions(module: str) -> Any:
    """The special functions that a library computes. NumPy computes those that it lacks or differentiates wrongly."""
    found = types.ModuleType(module)
    every = vars(importlib.import_module(module))
    vars(found).update({name: f for name, f in every.items() if name not in _NOT_DIFFERENTIATED.get(module, ())})
    return found


_SPECIAL = {
    "array_api_compat.torch": "torch.special",
    "array_api_compat.cupy": "cupyx.scipy.special",
    "jax.numpy": "jax.scipy.special",
}
_NOT_DIFFERENTIATED: dict[str, tuple[str, ...]] = {
    "torch.special": ("gammainc", "gammaincc", "zeta"),
    "jax.scipy.special": ("exp1", "expn", "spence"),
}


def jax_in_double_precision() -> AbstractContextManager[Any]:
    """Context in which JAX has numbers of 64 bits."""
    try:
        from jax import enable_x64
    except ImportError:  # older versions
        from jax.experimental import enable_x64  # type: ignore[attr-defined, no-redef]
    return enable_x64(True)
