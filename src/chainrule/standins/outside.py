"""Arrays that were made before a function is recorded, and that it writes into or calls methods of.

    u = np.zeros(5)         # an array of the module, an attribute, or an argument that is not differentiated

    def f(x):
        u[0] = x            # while f is recorded, u is a Buffer with the memory of the array

So while a function is recorded, each place where its code can find such an array (a global, a closure, an attribute, an
entry of a list or a dict, an argument) holds a buffer. Afterwards the place holds the array again, with the values
that the function has written into it, as NumPy leaves it.
"""

from __future__ import annotations

import functools
import threading
import types
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.errors import RecordingError
from chainrule.forks import waited_for
from chainrule.libraries import PLAIN
from chainrule.node import at_line
from chainrule.reach import REACH, Place, Reach, is_of_library
from chainrule.sharing import owner_of_memory
from chainrule.standins.buffer import Buffer, Memory, made_buffer, plain_of
from chainrule.standins.function import Stands
from chainrule.standins.needed import standin_in_place
from chainrule.views import EntriesStep, IndexStep, view_of

__all__ = ["Outside"]


class OutsideMemory(Memory):
    """The memory of an array that code outside of the recording has too.

    Attributes
    ----------
    shared : whether another array that the function can reach lies in the same memory.
    """

    __slots__ = ("shared",)

    def __init__(self, array: np.ndarray):
        super().__init__(array)
        self.shared = False

    def refuse_aliases(self) -> None:
        """Raise if a write is not allowed, or if another array in the same memory would not change with it."""
        if not self.value.flags.writeable:
            raise ValueError("assignment destination is read-only")
        if self.shared:
            raise RecordingError(
                "a recorded value is written into an array whose memory another array of the program shares, which "
                "would not change with it; write into a copy, x.copy(), or take the other one inside the function"
                + at_line()
            )


class _HeldArray:
    """An array from outside, the buffer that stands for it, the places it stands in, and the recordings that use it."""

    def __init__(self, array: np.ndarray, buffer: Buffer):
        self.array, self.buffer = array, buffer
        self.places: list[Place] = []
        self.users: set[int] = set()
        self.is_part = buffer._view is not None  # a part of another buffer, which puts the values back

    def leave(self, user: int) -> None:
        """Put the array back when the last recording that uses the buffer ends."""
        self.users.discard(user)
        if self.users:
            return
        for place in self.places:
            if place.now() is self.buffer:
                place.put(self.array)
        if type(self.buffer) is Array and not self.is_part:
            self.array[...] = self.buffer._node.value
        _held.pop(id(self.array), None)


_held: dict[int, _HeldArray] = {}
"""The arrays from outside for which buffers stand now, by their ids."""
_lock = waited_for(threading.RLock())


class Outside:
    """The arrays from outside that one recording uses.

    `kept` are names that keep their meaning, because code compares them by `is`. `recorded` are the arguments that are
    differentiated: in NumPy a write into their memory changes them.
    """

    def __init__(self, roots: Iterable[Any], kept: frozenset[str], recorded: Iterable[Any] = ()):
        self.kept = kept
        self.roots = list(roots)
        self.recorded = [x for x in recorded if isinstance(x, np.ndarray)]
        self.held: list[_HeldArray] = []
        self.replaced: list[tuple[Place, Any]] = []  # places of tuples, of objects of SciPy's, of generators, of NumPy

    def enter(self) -> None:
        with _lock:
            reached = list(_reached(self.roots))
            found = [place for place in reached if _is_floating(place.value)]
            arrays = {id(place.value): place.value for place in found}
            families: dict[int, dict[int, np.ndarray]] = {}
            for array in arrays.values():
                families.setdefault(id(owner_of_memory(array)), {})[id(array)] = array
            for array in sorted(arrays.values(), key=lambda array: array.base is not None):  # owners of memory first
                if id(array) not in _held:
                    _held[id(array)] = _HeldArray(array, _buffer_of(array, families[id(owner_of_memory(array))]))
                self.held.append(_held[id(array)])
                self.held[-1].users.add(id(self))
                if any(np.may_share_memory(array, x) for x in self.recorded):
                    _forbid_recorded_writes(self.held[-1].buffer)
            for place in found:
                if place.holder is not None:
                    held = _held[id(place.value)]
                    held.places.append(place)
                    place.put(held.buffer)
            for place in reached:
                if place.holder is not None and isinstance(place.value, tuple) and any(map(_is_floating, place.value)):
                    parts = [_held[id(x)].buffer if _is_floating(x) else x for x in place.value]
                    self.replaced.append((place, _tuple_of(type(place.value), parts)))
                    place.put(self.replaced[-1][1])
                elif place.holder is not None and (standin := standin_in_place(place, self.kept)) is not None:
                    self.replaced.append((place, standin))
                    place.put(standin)

    def leave(self) -> None:
        with _lock:
            for place, now in self.replaced:
                if place.now() is now:
                    place.put(place.value)
            for held in self.held:
                held.leave(id(self))

    def settle(self) -> None:
        """Put plain arrays wherever the function has left buffers of its own."""
        with _lock:
            others = {id(held.buffer) for held in _held.values()}  # of recordings in other threads

            def is_left(x: Any) -> bool:
                return type(x) is Buffer and id(x) not in others

            for place in _reached(self.roots):
                if place.holder is None:
                    continue
                if is_left(place.value):
                    place.put(plain_of(place.value))
                elif isinstance(place.value, tuple) and any(map(is_left, place.value)):
                    parts = [plain_of(x) if is_left(x) else x for x in place.value]
                    place.put(_tuple_of(type(place.value), parts))


def _forbid_recorded_writes(buffer: Any) -> None:
    root = buffer if buffer._view is None else buffer._view.root
    if isinstance(root._own, OutsideMemory):
        root._own.shared = True


def _reached(roots: list[Any]) -> Iterator[Place]:
    """The places that a function can reach, but not those in lists of numbers and in objects of other libraries."""
    queue: deque[Place] = deque(Place(None, None, root) for root in roots)
    seen: set[int] = set()
    reach = Reach()
    while queue and len(seen) < REACH:
        place = queue.popleft()
        yield place
        value = place.value
        kind = type(value)
        if kind in PLAIN or kind in _WITHOUT_PLACES or id(value) in seen:
            continue
        seen.add(id(value))
        if not _is_closed(value):
            queue += reach.places(value)


_WITHOUT_PLACES = {np.ndarray, str, Array, Buffer, types.BuiltinFunctionType, types.CodeType}


def _is_closed(x: Any) -> bool:
    """Whether nothing may be replaced in an object: a list of numbers, or what shares its arrays with others."""
    kind = type(x)
    if kind in (dict, tuple, types.FunctionType, types.MethodType, types.ModuleType):
        return False
    if issubclass(kind, Stands):
        return True
    if kind is list:
        return bool(x) and type(x[0]) in PLAIN and type(x[-1]) in PLAIN
    if any(
        hasattr(x if isinstance(x, type) else kind, name)
        for name in ("__array__", "__array_interface__", "__array_ufunc__")
    ):
        return True
    return is_of_library(kind) and not isinstance(x, _OPEN)


_OPEN = (
    *(tuple, list, dict, set, frozenset, deque, type, property, staticmethod, classmethod),
    *(types.FunctionType, types.MethodType, types.SimpleNamespace, functools.partial),
)
"""Python's own classes that may hold objects of the user."""


def _is_floating(x: Any) -> bool:
    return type(x) is np.ndarray and x.dtype.kind in "fc" and x.size > 0


def _tuple_of(kind: type, parts: list[Any]) -> Any:
    return kind(*parts) if hasattr(kind, "_fields") else kind(parts)


def _buffer_of(array: np.ndarray, family: dict[int, np.ndarray]) -> Buffer:
    """A buffer for an array from outside. If the array is a part of another, the buffer is a view of that one's buffer.

    `family` are the arrays from outside in the same memory, by their ids.
    """
    owner: Any = owner_of_memory(array)
    if (step := _step_in(owner, array, family)) is not None:
        return made_buffer(Memory(array), view_of(_held[id(owner)].buffer, step))
    memory = OutsideMemory(array)
    memory.shared = any(
        other is not array and np.may_share_memory(array, other) and _step_in(array, other, family) is None
        for other in family.values()
    )
    return made_buffer(memory)


def _step_in(whole: Any, part: np.ndarray, family: dict[int, np.ndarray]) -> Any:
    """The step by which an array is taken from another one that a buffer stands for; None if it is not."""
    if whole is part or id(whole) not in family or whole is not owner_of_memory(part):
        return None
    held = _held.get(id(whole))
    unchanged = held is None or type(held.buffer) is Buffer
    if not unchanged or not part.size or part.dtype != whole.dtype:
        return None
    key = _key_of(part, whole)
    return IndexStep(key) if key is not None else _entries_of(part, whole)


def _entries_of(part: np.ndarray, whole: np.ndarray) -> EntriesStep | None:
    """The step by which a part is taken from the entries of the whole, if these lie in C order."""
    if not whole.flags.c_contiguous:
        return None
    bytes_ = np.full(part.shape, _address(part) - _address(whole))
    for axis, stride in enumerate(part.strides):
        bytes_ += np.arange(part.shape[axis]).reshape([-1 if i == axis else 1 for i in range(part.ndim)]) * stride
    return EntriesStep(bytes_ // whole.itemsize)


def _key_of(part: np.ndarray, whole: np.ndarray) -> tuple[slice, ...] | None:
    """The key by which a part is taken from the whole, if it is one of slices with positive steps."""
    if part.ndim != whole.ndim:
        return None
    offset = _address(part) - _address(whole)
    key = [slice(None)] * whole.ndim
    for axis in sorted(range(whole.ndim), key=lambda axis: -whole.strides[axis]):
        stride = whole.strides[axis]
        if stride <= 0:
            return None
        start, offset = divmod(offset, stride)
        step = max(part.strides[axis] // stride, 1)
        key[axis] = slice(start, start + step * (part.shape[axis] - 1) + 1, step)
    taken = whole[tuple(key)]
    same = (_address(taken), taken.shape, taken.strides) == (_address(part), part.shape, part.strides)
    return tuple(key) if same else None


def _address(array: np.ndarray) -> int:
    return array.__array_interface__["data"][0]
