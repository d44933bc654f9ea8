"""Arrays as those of a GPU are: on a device, with NumPy's functions, and never NumPy's arrays without being asked.

A stand-in for CuPy, whose contract it keeps: dtypes are NumPy's; `np.asarray(x)` is an error, `x.get()` is not; an
operation takes arrays of one device, and no array of NumPy's; what makes arrays makes them on the default device unless
it is told another; a sum is an array without axes.
"""

from __future__ import annotations

import sys
import types
from typing import Any

import numpy as np

DEFAULT = "gpu:0"


class DeviceArray:
    """An array on a device."""

    __array_priority__ = 100

    def __init__(self, data: Any, device: str = DEFAULT):
        self._data, self.device = np.asarray(data), device

    dtype = property(lambda self: self._data.dtype)
    shape = property(lambda self: self._data.shape)
    ndim = property(lambda self: self._data.ndim)
    size = property(lambda self: self._data.size)
    nbytes = property(lambda self: self._data.nbytes)
    itemsize = property(lambda self: self._data.itemsize)
    T = property(lambda self: DeviceArray(self._data.T, self.device))
    mT = property(lambda self: DeviceArray(self._data.mT, self.device))  # noqa: N815
    real = property(lambda self: DeviceArray(self._data.real, self.device))
    imag = property(lambda self: DeviceArray(self._data.imag, self.device))

    def get(self) -> np.ndarray:
        return self._data.copy()

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Please use `.get()`.")

    def __array_namespace__(self, api_version: str | None = None) -> Any:
        return NAMESPACE

    def to_device(self, device: str, stream: Any = None) -> DeviceArray:
        return DeviceArray(self._data.copy(), device)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        own = all(isinstance(x, DeviceArray | np.ndarray | np.generic | int | float | complex) for x in inputs)
        if getattr(np, ufunc.__name__, None) is not ufunc or not own:  # SciPy's functions, and other classes
            return NotImplemented
        return computed(getattr(ufunc, method), inputs, kwargs)

    def __array_function__(self, function: Any, kinds: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, DeviceArray | np.ndarray) for kind in kinds):
            return NotImplemented
        return computed(function, args, kwargs)

    def copy(self, order: str = "C") -> DeviceArray:
        return DeviceArray(self._data.copy(), self.device)

    def astype(self, dtype: Any, copy: bool = True) -> DeviceArray:
        return DeviceArray(self._data.astype(dtype), self.device)

    def __getitem__(self, key: Any) -> DeviceArray:
        return DeviceArray(self._data[_key(key, self)], self.device)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._data[_key(key, self)] = plain(value, self.device)

    def __len__(self) -> int:
        return len(self._data)

    def __bool__(self) -> bool:
        return bool(self._data)

    def __int__(self) -> int:
        return int(self._data)

    def __index__(self) -> int:
        return self._data.__index__()

    def __float__(self) -> float:
        return float(self._data)

    def __complex__(self) -> complex:
        return complex(self._data)

    def __repr__(self) -> str:
        return f"DeviceArray({self._data!r}, {self.device!r})"


def _key(key: Any, of: DeviceArray) -> Any:
    if isinstance(key, tuple):
        return tuple(_key(part, of) for part in key)
    return plain(key, of.device) if isinstance(key, DeviceArray) else key


def plain(x: Any, device: str) -> Any:
    """The numbers of what an operation is given; an error for an array of NumPy's or of another device."""
    if isinstance(x, DeviceArray):
        if x.device != device:
            raise ValueError(f"an array on {x.device} beside one on {device}")
        return x._data
    if isinstance(x, np.ndarray):
        raise TypeError("Unsupported type <class 'numpy.ndarray'>")
    if type(x) in (list, tuple):
        return type(x)(plain(part, device) for part in x)
    return x


def _arrays(x: Any) -> list[DeviceArray]:
    if isinstance(x, DeviceArray):
        return [x]
    return [a for part in x for a in _arrays(part)] if type(x) in (list, tuple) else []


def computed(function: Any, args: Any, kwargs: Any, device: str | None = None) -> Any:
    """What one of NumPy's functions gives for arrays on a device."""
    found = _arrays([*args, *kwargs.values()])
    device = found[0].device if found else device or DEFAULT
    out = kwargs.get("out")
    result = function(*(plain(x, device) for x in args), **{k: plain(x, device) for k, x in kwargs.items()})
    return out if isinstance(out, DeviceArray) else wrapped(result, device)


def wrapped(x: Any, device: str) -> Any:
    if isinstance(x, np.ndarray | np.generic):
        return DeviceArray(x, device)
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return type(x)(*(wrapped(part, device) for part in x))
    return type(x)(wrapped(part, device) for part in x) if type(x) in (list, tuple) else x


for _name in (
    "add radd sub rsub mul rmul truediv rtruediv floordiv rfloordiv mod rmod pow rpow matmul rmatmul and rand or ror "
    "xor rxor lt le gt ge eq ne neg pos abs invert lshift rshift iadd isub imul itruediv ipow"
).split():

    def _operator(self: Any, *others: Any, _name: str = f"__{_name}__") -> Any:
        if any(type(x).__module__.startswith("chainrule") for x in others):
            return NotImplemented
        result = getattr(self._data, _name)(*(plain(x, self.device) for x in others))
        return result if result is NotImplemented else DeviceArray(result, self.device)

    setattr(DeviceArray, f"__{_name}__", _operator)


class _Namespace(types.ModuleType):
    """NumPy's functions for arrays on devices."""

    def __init__(self, name: str, source: Any):
        super().__init__(name)
        self._source = source

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._source, name)
        if isinstance(found, types.ModuleType):
            return _Namespace(f"{self.__name__}.{name}", found)
        if not callable(found) or isinstance(found, type) or name in ("isdtype", "finfo", "iinfo", "can_cast"):
            return found

        def called(*args: Any, device: Any = None, **kwargs: Any) -> Any:
            return computed(found, args, kwargs, device)

        if isinstance(found, np.ufunc):
            called.at = lambda *args: computed(found.at, args, {})  # type: ignore[attr-defined]
        return called

    def asarray(self, x: Any, dtype: Any = None, device: Any = None, copy: bool | None = None) -> DeviceArray:
        device = device or (x.device if isinstance(x, DeviceArray) else DEFAULT)
        data = x._data if isinstance(x, DeviceArray) else np.array(x)
        moved = isinstance(x, DeviceArray) and x.device != device
        return DeviceArray(np.array(data, dtype=dtype, copy=True if copy or moved else None), device)

    def astype(self, x: DeviceArray, dtype: Any, copy: bool = True) -> DeviceArray:
        return x.astype(dtype)

    def result_type(self, *of: Any) -> Any:
        return np.result_type(*(x._data if isinstance(x, DeviceArray) else x for x in of))


NAMESPACE = _Namespace("device_arrays", np)
sys.modules.setdefault("device_arrays", NAMESPACE)


def on_device(x: Any, device: str = "gpu:1") -> DeviceArray:
    """NumPy's numbers on a device, which is not the default one."""
    return DeviceArray(np.array(x), device)
