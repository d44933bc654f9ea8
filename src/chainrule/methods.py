"""NumPy's methods of arrays (`x.sum()`, `x.reshape(2, 3)`, `x.T`); each calls NumPy's function of the same meaning."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.views import is_number, is_same_view

__all__ = ["Methods"]


def _method(function: Any) -> Any:
    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._call(function, self, *args, **kwargs)

    method.__doc__ = f"As numpy.{function.__name__}."
    return method


_CLASS = type


def _no_view(own: Any, dtype: Any, kind: Any) -> str:
    """Why a view as another dtype or class cannot be recorded, and what to write instead."""
    if kind is not None:
        return f"a recorded array cannot be a {kind.__name__}; leave out .view({kind.__name__})"
    other = np.dtype(dtype)
    if (own.kind, other.kind) == ("c", "f"):
        instead = "np.stack([x.real, x.imag], axis=-1), and reshape it"
    elif (own.kind, other.kind) == ("f", "c"):
        instead = "x[..., ::2] + 1j * x[..., 1::2]"
    else:
        instead = "x.astype(dtype), which converts the numbers"
    return f"x.view({other}) reads the memory of x in another way, which has no gradient; write {instead}"


class Methods:
    """The methods of `Array`, which calls NumPy's functions by `_call`."""

    __slots__ = ()

    if TYPE_CHECKING:  # the operators, which `operators.py` gives to Array

        def __add__(self, other: Any) -> Any: ...
        def __radd__(self, other: Any) -> Any: ...
        def __sub__(self, other: Any) -> Any: ...
        def __rsub__(self, other: Any) -> Any: ...
        def __mul__(self, other: Any) -> Any: ...
        def __rmul__(self, other: Any) -> Any: ...
        def __truediv__(self, other: Any) -> Any: ...
        def __rtruediv__(self, other: Any) -> Any: ...
        def __floordiv__(self, other: Any) -> Any: ...
        def __rfloordiv__(self, other: Any) -> Any: ...
        def __mod__(self, other: Any) -> Any: ...
        def __rmod__(self, other: Any) -> Any: ...
        def __pow__(self, other: Any) -> Any: ...
        def __rpow__(self, other: Any) -> Any: ...
        def __matmul__(self, other: Any) -> Any: ...
        def __rmatmul__(self, other: Any) -> Any: ...
        def __lt__(self, other: Any) -> Any: ...
        def __le__(self, other: Any) -> Any: ...
        def __gt__(self, other: Any) -> Any: ...
        def __ge__(self, other: Any) -> Any: ...
        def __neg__(self) -> Any: ...
        def __pos__(self) -> Any: ...
        def __abs__(self) -> Any: ...

    sum = _method(np.sum)
    mean = _method(np.mean)
    prod = _method(np.prod)
    max = _method(np.max)
    min = _method(np.min)
    std = _method(np.std)
    var = _method(np.var)
    any = _method(np.any)
    all = _method(np.all)
    argmax = _method(np.argmax)
    argmin = _method(np.argmin)
    argsort = _method(np.argsort)
    cumsum = _method(np.cumsum)
    dot = _method(np.dot)
    take = _method(np.take)
    repeat = _method(np.repeat)
    squeeze = _method(np.squeeze)
    swapaxes = _method(np.swapaxes)
    diagonal = _method(np.diagonal)
    trace = _method(np.trace)
    ravel = _method(np.ravel)
    astype = _method(np.astype)
    round = _method(np.round)
    cumprod = _method(np.cumprod)
    nonzero = _method(np.nonzero)
    searchsorted = _method(np.searchsorted)
    argpartition = _method(np.argpartition)
    choose = _method(np.choose)
    put = _method(np.put)

    def clip(self: Any, min: Any = None, max: Any = None, out: Any = None, **kwargs: Any) -> Any:
        """As ndarray.clip: either bound may be left out."""
        return self._call(np.clip, self, min, max, out=out, **kwargs)

    def compress(self: Any, condition: Any, axis: Any = None, out: Any = None) -> Any:
        """As ndarray.compress: the slices where the condition holds."""
        return self._call(np.compress, condition, self, axis, out)

    def sort(self: Any, *args: Any, **kwargs: Any) -> None:
        """As ndarray.sort: in place."""
        self._write(self._call(np.sort, self, *args, **kwargs))

    def partition(self: Any, *args: Any, **kwargs: Any) -> None:
        """As ndarray.partition: in place."""
        self._write(self._call(np.partition, self, *args, **kwargs))

    def fill(self: Any, value: Any) -> None:
        """As ndarray.fill: one number everywhere."""
        if np.ndim(value):
            raise ValueError("setting an array element with a sequence.")
        self[...] = value

    def resize(self: Any, *shape: Any, refcheck: bool = True) -> None:
        """As ndarray.resize: in place, with zeros where the array grows."""
        if self._view is not None:
            raise RecordingError("a view cannot be resized; resize a copy of it" + at_line())
        new_shape = shape[0] if len(shape) == 1 and not isinstance(shape[0], int) else shape
        size, flat = int(np.prod(new_shape, dtype=int)), self._call(np.ravel, self)
        flat = flat[:size] if size <= self.size else self._call(np.pad, flat, (0, size - self.size))
        self._own = self._call(np.reshape, flat, new_shape)._node

    def view(self: Any, dtype: Any = None, type: Any = None) -> Any:
        """As ndarray.view without a change of the dtype."""
        if isinstance(dtype, _CLASS) and issubclass(dtype, np.ndarray):  # as NumPy reads it
            dtype, type = None, dtype
        if isinstance(dtype, int | tuple):  # a shape, as PyTorch's method takes it
            raise TypeError("x.view takes a dtype; write x.reshape(shape)" + at_line())
        if type not in (None, np.ndarray) or (dtype is not None and np.dtype(dtype) != self.dtype):
            raise RecordingError(_no_view(self.dtype, dtype, type) + at_line())
        return self._call(np.reshape, self, self.shape)

    def conj(self: Any) -> Any:
        """As ndarray.conj: real numbers are returned unchanged, without a copy."""
        return self._call(np.conjugate, self) if self.dtype.kind == "c" else self

    conjugate = conj

    def copy(self: Any, order: str = "C") -> Any:
        """As ndarray.copy."""
        return self._call(np.astype, self, self.dtype) if is_number(self) else self._call(np.copy, self, order or "C")

    def reshape(self: Any, *shape: Any, **kwargs: Any) -> Any:
        """As ndarray.reshape: the shape as one tuple or as several integers."""
        return self._call(np.reshape, self, shape[0] if len(shape) == 1 else shape, **kwargs)

    def flatten(self: Any, order: str = "C") -> Any:
        """As ndarray.flatten: the result of ravel, as a copy."""
        entries = self._call(np.ravel, self, order)
        entries._view = None
        return entries

    def transpose(self: Any, *axes: Any) -> Any:
        """As ndarray.transpose: the axes as one tuple, as several integers, or none to reverse them."""
        return self._call(np.transpose, self, axes[0] if len(axes) == 1 else (axes or None))

    @property
    def T(self: Any) -> Any:  # noqa: N802
        return self.transpose()

    @property
    def mT(self: Any) -> Any:  # noqa: N802
        return self._call(np.matrix_transpose, self)

    @property
    def real(self: Any) -> Any:
        return self._call(np.real, self)

    @real.setter
    def real(self: Any, value: Any) -> None:
        self._set_part(self.real, value)

    @property
    def imag(self: Any) -> Any:
        return self._call(np.imag, self)

    @imag.setter
    def imag(self: Any, value: Any) -> None:
        if self.dtype.kind != "c":
            raise TypeError("a real array has no imaginary part to set" + at_line())
        self._set_part(self.imag, value)

    def _set_part(self: Any, part: Any, value: Any) -> None:
        """Write into a part of self. After `z.real += v`, whose value is that view, it has been written already."""
        if is_number(self):
            raise AttributeError("a number has no parts to set; write z = v + 1j * z.imag" + at_line())
        if not (value is part or is_same_view(part, value)):
            part[...] = value

    @property
    def flat(self: Any) -> Flat:
        """As ndarray.flat: the entries in C order, to read and to write."""
        return Flat(self)

    @flat.setter
    def flat(self: Any, new: Any) -> None:
        Flat(self)[:] = new


class Flat:
    """The value of `x.flat`: the entries of x in C order. Reading gives a copy, writing goes into x."""

    def __init__(self, x: Any):
        self.x = x

    def __len__(self) -> int:
        return self.x.size

    def __iter__(self) -> Iterator[Any]:
        return iter(self.x.ravel())

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, int | np.integer):
            return self.x[np.unravel_index(range(self.x.size)[key], self.x.shape)]
        return self.x.flatten()[key].copy()

    def __setitem__(self, key: Any, new: Any) -> None:
        places = np.arange(self.x.size)[key]
        if np.ndim(new):
            new = np.resize(new, np.shape(places))  # a shorter one is repeated, as in NumPy
        self.x[np.unravel_index(places, self.x.shape)] = new

    def copy(self) -> Any:
        """As ndarray.flatten."""
        return self.x.flatten()
