"""Buffer: an array that a recorded function made, and that recorded values may be written into.

    p = np.zeros(3)         # a Buffer, while a function is recorded
    p[0] = 1.0              # still plain: NumPy does it
    p[1] = x * 2            # x is recorded, so from here on p is a recorded array

A Buffer computes with NumPy, on its memory, until a recorded value is written into it; then it becomes an `Array`, the
very same object, whose value is the content of the memory. NumPy's result from buffers alone is a buffer again; its
result from a buffer and a recorded array is recorded, with the buffer as a constant.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import Any

import numpy as np

from chainrule.answers import WRITES, recorded_constant
from chainrule.array import Array, holds_recorded, joined
from chainrule.errors import RecordingError
from chainrule.node import NO_PARAMS, Node, at_line
from chainrule.views import EntriesStep, IndexStep, View, view_of

__all__ = ["Buffer", "Memory", "buffer", "called", "is_recorded", "made_buffer", "plain_of"]


class Memory(Node):
    """The plain array of a buffer, stored where a recorded array has its node.

    Attributes
    ----------
    views : the buffers that are views of this memory.
    """

    __slots__ = ("views",)

    def __init__(self, array: np.ndarray):
        super().__init__(None, (), NO_PARAMS, array)
        self.views: list[weakref.ref[Any]] = []

    differentiable = False  # type: ignore[assignment]  # it becomes a number or a plain array without losing anything

    def refuse_aliases(self) -> None:
        """Raise if plain code holds a view of the memory: it would not see later writes."""
        views = sum(view() is not None for view in self.views)
        if sys.getrefcount(self.value) > 2 + views:
            raise RecordingError(
                "a recorded value is written into an array of which plain code keeps a view (of np.asarray, say), "
                "which would not change with it; make the view after the write" + at_line()
            )


class Buffer(Array):
    """A plain array that becomes a recorded one when a recorded value is written into it."""

    __slots__ = ()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(plain_of(self), dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        run = getattr(ufunc, method)
        out = options.get("out", ())
        targets = [x for x in (out if type(out) is tuple else (out,)) if type(x) is Buffer]
        if method == "at" and type(inputs[0]) is Buffer:
            targets = [inputs[0]]
        return called(run, inputs, options, targets)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        targets = [x for x in [kwargs.get("out")] if type(x) is Buffer]
        if function in WRITES and args and type(args[0]) is Buffer:
            targets = [args[0]]
        return called(function, args, kwargs, targets)

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __getattr__(self, name: str) -> Any:
        return getattr(plain_of(self), name)

    @property
    def shape(self) -> tuple[int, ...]:
        return Array.shape.fget(self)  # type: ignore[attr-defined]

    @shape.setter
    def shape(self, new: Any) -> None:
        if type(_settled(self)) is Array or self._view is not None or any(view() for view in self._own.views):  # type: ignore[attr-defined]
            Array.shape.fset(self, new)  # type: ignore[attr-defined]
        self._own.value.shape = new

    @property
    def value(self) -> Any:
        """The plain array itself."""
        return Array.value.fget(self) if type(_settled(self)) is Array else self._own.value  # type: ignore[attr-defined]

    def __reduce__(self) -> Any:
        return plain_of(self).__reduce__()

    def settled(self) -> Any:
        """The plain array, or self if it has become a recorded array."""
        return plain_of(self)

    __hash__ = None  # type: ignore[assignment]


def buffer(array: Any) -> Any:
    """A plain floating-point array as a buffer; anything else unchanged."""
    if type(array) is not np.ndarray or array.dtype.kind not in "fc":
        return array
    return made_buffer(Memory(array if array.base is None else array.copy(order="K")))


def made_buffer(memory: Memory, view: View | None = None) -> Buffer:
    """The buffer of a memory."""
    made = object.__new__(Buffer)
    Array.__init__(made, memory)
    if view is not None:
        made._view = view
        view.seen.views.append(weakref.ref(made))  # type: ignore[attr-defined]
    return made


def is_recorded(x: Any) -> bool:
    """Whether x is a recorded array, or a list, a tuple, a dict or an array of dtype object that holds one."""
    kind = type(x)
    if kind is Buffer:
        return type(_settled(x)) is Array
    if kind is list or kind is tuple:
        return any(map(is_recorded, x))
    if kind is dict:
        return any(map(is_recorded, x.values()))
    if kind is np.ndarray:
        return x.dtype.kind == "O" and holds_recorded(x)
    return kind is Array


def plain_of(x: Any) -> Any:
    """The memory of a buffer, also in a list, a tuple or a dict; anything else unchanged.

    An array of dtype object that holds recorded numbers becomes one recorded array.
    """
    kind = type(x)
    if kind is Buffer:
        x = _settled(x)
        return x._own.value if type(x) is Buffer else x
    if kind is list or kind is tuple:
        return kind([plain_of(part) for part in x])
    if kind is dict:
        return {key: plain_of(part) for key, part in x.items()}
    return joined(x) if kind is np.ndarray and x.dtype.kind == "O" and holds_recorded(x) else x


# Becoming recorded ---------------------------------------------------------------------------------------------------


def _settled(x: Buffer) -> Array:
    """A buffer in its present state: recorded if it is a view of one that has become recorded."""
    if x._view is not None and type(x._view.root) is Array:
        _become_recorded(x)
    return x


def _become_recorded(x: Buffer) -> None:
    """Turn a buffer into a recorded array; a view together with the array whose memory it shares."""
    if x._view is None:
        x._own.refuse_aliases()  # type: ignore[attr-defined]
        made = recorded_constant(x._own.value.copy(order="K"))
    else:
        root, _, steps = x._view
        if type(root) is Buffer:
            _become_recorded(root)
        made = root
        for step in steps or ():
            made = step(made)
        if any(type(step) is EntriesStep for step in steps or ()):
            made._view = view_of(root)._replace(steps=steps)
        if made._view is None:
            raise RecordingError(
                "a view of an array cannot be written into here: the array that is recorded would not change with it; "
                "write into the array itself" + at_line()
            )
    x._own, x._view, x._unsure = made._own, made._view, made._unsure
    object.__dict__["__class__"].__set__(x, Array)


# Computing -----------------------------------------------------------------------------------------------------------


def called(run: Callable[..., Any], args: Any, kwargs: Any, targets: list[Any]) -> Any:
    """Call a function of NumPy on buffers: on their memory if nothing is recorded.

    `targets` are the buffers that it writes into.
    """
    recorded = is_recorded(args) or is_recorded(kwargs)
    if recorded:
        for target in targets:
            if type(target) is Buffer:
                _become_recorded(target)
    plain_args, plain_kwargs = plain_of(args), plain_of(kwargs)
    value = run(*plain_args, **plain_kwargs)
    if recorded or value is None:
        return value
    if targets:
        return next((t for t in targets if type(t) is Buffer and t._own.value is value), value)

    def again(i: int) -> Callable[[Any], Any]:
        before, after = plain_args[:i], plain_args[i + 1 :]  # the step must not hold the memory itself
        return lambda x: run(*before, x, *after, **plain_kwargs)

    return _as_buffer(value, [(x, again(i)) for i, x in enumerate(args) if type(x) is Buffer])


def _as_buffer(value: Any, sources: list[tuple[Buffer, Callable[[Any], Any]]]) -> Any:
    """A result of NumPy's as a buffer: a view of the one whose memory it shares, if there is one.

    `sources` are the buffers that it was made of, each with the step that makes the result from another array.
    """
    if type(value) in (list, tuple):
        parts = [
            _as_buffer(part, [(source, _part(step, i)) for source, step in sources]) for i, part in enumerate(value)
        ]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if type(value) is not np.ndarray or value.dtype.kind not in "fc":
        return value
    for source, step in sources:
        if source._own.value is value:
            return source
        if np.may_share_memory(value, source._own.value):
            return made_buffer(Memory(value), _view_of(source, step))
    return made_buffer(Memory(value))


def _part(step: Callable[[Any], Any], i: int) -> Callable[[Any], Any]:
    return lambda x: step(x)[i]


def _view_of(source: Buffer, step: Callable[[Any], Any]) -> View:
    view = view_of(source, step)
    return view if source._view is None else view._replace(seen=view.root._own)


def _operator(name: str) -> Callable[..., Any]:
    """An operator: NumPy calls the other operand's own method if that is recorded."""

    def method(self: Buffer, *others: Any) -> Any:
        if type(_settled(self)) is Array:
            return getattr(self, name)(*others)
        value = getattr(self._own.value, name)(*plain_of(others))
        return value if type(value) is Array else buffer(value)

    method.__name__ = name
    return method


def _method(name: str) -> Callable[..., Any]:
    """A method that writes into nothing; with a recorded argument it is recorded."""

    def method(self: Buffer, *args: Any, **kwargs: Any) -> Any:
        if type(_settled(self)) is Array:
            return getattr(self, name)(*args, **kwargs)
        if is_recorded(args) or is_recorded(kwargs):
            if type(kwargs.get("out")) is Buffer:
                _become_recorded(kwargs["out"])
            whole = recorded_constant(self._own.value.copy(order="K"))
            return getattr(whole, name)(*plain_of(args), **plain_of(kwargs))
        args, kwargs = plain_of(args), plain_of(kwargs)
        step = IndexStep(args[0]) if name == "__getitem__" else lambda x: getattr(x, name)(*args, **kwargs)
        return _as_buffer(step(self._own.value), [(self, step)])

    method.__name__ = name
    return method


def _writing(name: str) -> Callable[..., Any]:
    """A method, or an operator, that writes into the array itself."""

    def method(self: Buffer, *args: Any, **kwargs: Any) -> Any:
        if type(_settled(self)) is Buffer and (is_recorded(args) or is_recorded(kwargs)):
            _become_recorded(self)
        args, kwargs = plain_of(args), plain_of(kwargs)
        if type(self) is Array:
            return getattr(self, name)(*args, **kwargs)
        value = getattr(self._own.value, name)(*args, **kwargs)
        return self if value is self._own.value else value

    method.__name__ = name
    return method


def _attribute(name: str) -> property:
    """An attribute that is a view of the memory: `x.T`."""

    def read(self: Buffer) -> Any:
        if type(_settled(self)) is Array:
            return getattr(self, name)
        return _as_buffer(getattr(self._own.value, name), [(self, attrgetter(name))])

    def write(self: Buffer, value: Any) -> None:
        if type(_settled(self)) is Buffer and is_recorded(value):
            _become_recorded(self)
        setattr(self if type(self) is Array else self._own.value, name, plain_of(value))

    return property(read, write)


BINARY = "add sub mul truediv floordiv mod pow matmul lshift rshift and or xor".split()
OPERATORS = [
    *(f"__{side}{name}__" for name in [*BINARY, "divmod"] for side in ("", "r")),
    *(f"__{name}__" for name in "lt le gt ge eq ne neg pos abs invert contains".split()),
    *(f"__{name}__" for name in "bool int index float complex str repr format".split()),
]
METHODS = [
    *"all any argmax argmin argpartition argsort astype choose clip compress conj conjugate copy cumprod".split(),
    *"cumsum diagonal dot dump flatten item max mean min nonzero prod ravel repeat reshape round searchsorted".split(),
    *"squeeze std sum swapaxes take tobytes tofile tolist trace transpose var view __getitem__".split(),
]
WRITING = [*(f"__i{name}__" for name in BINARY), *"__setitem__ fill sort partition put resize".split()]
ATTRIBUTES = "T mT real imag strides flags nbytes itemsize".split()

for _names, _make in ((OPERATORS, _operator), (METHODS, _method), (WRITING, _writing), (ATTRIBUTES, _attribute)):
    for _name in _names:
        setattr(Buffer, _name, _make(_name))
