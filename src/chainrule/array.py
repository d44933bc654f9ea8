"""Array: a recorded value, the handle that user code holds.

A `Node` is one recorded step: the block, its inputs, its result, and the line of user code. It never changes. An
`Array` points at a node; an update in place (`x += y`, `x[i] = v`) makes it point at a new node, so whatever was
recorded before still sees the old value. There is no tape and no mode: a node refers to its inputs, and is freed when
nothing refers to it.

This file has what an array holds, and how plain values leave it. `step.py` records steps; `operators.py`,
`protocols.py` and `inplace.py` let plain NumPy code record them, and set the methods.
"""

from __future__ import annotations

import math
import operator
import os
import sys
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np

from chainrule import absent
from chainrule.answers import ANSWERS, from_objects
from chainrule.errors import RecordingError
from chainrule.foreign_calls import refuse_foreign_call, refuse_what_they_ask
from chainrule.hints import attribute_hint
from chainrule.instead import refuse_what_asks
from chainrule.layout import copied_as_it_lies, flags_of
from chainrule.libraries import PLAIN, as_numpy, class_in_numpy, copied, is_complex, is_foreign, is_traced, numpy_dtype
from chainrule.likeness import ArrayClass, OfArrays, is_told_the_truth
from chainrule.methods import Methods
from chainrule.node import Node, at_line, is_internal, user_frame
from chainrule.operands import NUMERIC, asked_by_sparse, asks_for_a_quantity, numeric, plain_array, taken_apart_by
from chainrule.shown import is_formatted, is_only_printed, is_only_shown
from chainrule.targets import refused_write, target_of_write
from chainrule.texts import note_written, text_of
from chainrule.views import View

__all__ = [
    "WATCHER",
    "Array",
    "constant",
    "form_of",
    "holds_recorded",
    "is_recorded",
    "joined",
    "node_of",
    "read",
    "read_by_error",
    "value_of",
]

WATCHER: ContextVar[Callable[[Node, str], Any] | None] = ContextVar("WATCHER", default=None)
"""Callback for reads of concrete values, on which later steps may depend: set by `chainrule.compile`, or None.

If a value is not known yet (under JAX's tracing) it returns the value to continue with; else None.
"""


def read(node: Node, how: str = "value") -> Any:
    """The value of a node; the watcher is told, since later steps may depend on it. `how` says what is read."""
    watcher = WATCHER.get()
    if watcher is not None:
        assumed = watcher(node, how)
        if assumed is not None:
            return assumed
    return node.value


def shown(node: Node) -> Any:
    """The value of a node, to be printed or drawn only: no later step depends on it, so the watcher adds no guard."""
    return node.value if WATCHER.get() is None or is_only_printed(sys._getframe(2)) else read(node)


def read_by_error(*operands: Any) -> None:
    """Report to the watcher that an error depends on the values of operands: the code may catch it and go on."""
    if WATCHER.get() is None:
        return
    for x in operands:
        if type(x) is Array:
            read(x._node, "error")
        elif type(x) is tuple or type(x) is list:
            read_by_error(*x)
        elif type(x) is dict:
            read_by_error(*x.values())


class Array(Methods, metaclass=ArrayClass):
    """A recorded array: a value plus where it came from.

    You get one as the argument of a function that chainrule differentiates or explains, or from `cr.variable`.
    It behaves as the NumPy array that it holds.

    Attributes: `value` (the plain array, read-only), `grad` (after `backward()`), `name`, and NumPy's `shape`,
    `dtype`, `ndim`, `size`, `T`, `mT`.

    >>> import chainrule as cr
    >>> x = cr.variable([1.0, 2.0], name="x")
    >>> x * 2
    Array([2., 4.], block=multiply)
    """

    __slots__ = ("__weakref__", "_own", "_shares", "_unsure", "_view")
    __array_priority__ = 1000

    # Methods that need higher layers; the files named set them.
    _call: Callable[..., Any]  # protocols.py
    __array_ufunc__: Callable[..., Any]  # protocols.py
    __array_function__: Callable[..., Any]  # protocols.py
    __truediv__: Callable[..., Any]  # operators.py, like all operators and methods of numbers
    __mod__: Callable[..., Any]
    __contains__: Any  # inplace.py
    __getitem__: Callable[..., Any]  # inplace.py
    __setitem__: Callable[..., None]  # inplace.py
    _write: Callable[..., Array]  # inplace.py
    strides: Any  # blocks/strided.py
    backward: Callable[..., None]  # imperative.py
    item: Callable[..., Any]  # python_numbers.py
    tolist: Callable[..., Any]  # python_numbers.py
    __array_namespace__: Callable[..., Any]  # namespace.py
    _to_objects: Callable[..., np.ndarray]  # objects.py
    _repr_mimebundle_: Callable[..., dict[str, str]]  # explain/__init__.py

    def __init__(self, node: Node):
        self._own = node
        self._view: View | None = None
        self._unsure = False  # whether its order in memory may differ from NumPy's
        self._shares = ""  # the other argument of the function whose memory it shares

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """The class that `isinstance` sees in user code: that of the plain value. See `likeness`."""
        return Array if is_told_the_truth(sys._getframe(1)) else self._class

    @property
    def _class(self) -> type:
        value = self._own.value
        kind = type(value)
        if kind is np.ndarray or (self._view is not None and self._view.steps is not None):  # x[..., 0]
            return np.ndarray
        return kind if kind in PLAIN else class_in_numpy(value) or Array

    @property
    def _node(self) -> Node:
        """The node that holds the value, taken again if this is a view and its memory was written to."""
        view = self._view
        if view is not None and view.stale:
            self._own = view.taken_again()._own
            self._view = view._replace(seen=view.root._own)
        return self._own

    def settled(self) -> Any:
        """The array itself; for a buffer, the plain or recorded array that it holds now."""
        return self

    # Contents ---------------------------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The plain value, read-only: a write into it would change what was recorded."""
        if asks_for_a_quantity(sys._getframe(1)):
            self._refuse("a class with units, which takes x.value for the numbers of a quantity,")
        value = read(self._node)
        if isinstance(value, np.ndarray):
            value = value.view()
            value.flags.writeable = False
        return value

    @property
    def grad(self) -> Any:
        """∂L/∂self, after `L.backward()`; None before."""
        return self._node.grad

    @property
    def name(self) -> str | None:
        return self._node.name

    @name.setter
    def name(self, name: str) -> None:
        self._node.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(getattr(self._node.value, "shape", ()))

    @shape.setter
    def shape(self, new: Any) -> None:
        raise RecordingError(f"a recorded array keeps its shape; write x = x.reshape({new})" + at_line())

    @property
    def dtype(self) -> Any:
        value = self._node.value
        return numpy_dtype(value.dtype) if hasattr(value, "dtype") else np.result_type(type(value))

    @property
    def ndim(self) -> int:
        return len(getattr(self._node.value, "shape", ()))

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self._node.value.nbytes

    @property
    def itemsize(self) -> int:
        return self._node.value.itemsize

    @property
    def flags(self) -> Any:
        return flags_of(read(self._node))  # those of `value` would say that it is read-only

    @property
    def device(self) -> Any:
        value = self._node.value
        return None if is_traced(value) else getattr(value, "device", "cpu")

    def _length(self) -> int:
        return len(self._node.value)

    __len__ = OfArrays(_length, "object of type {} has no len()")

    def __iter__(self) -> Iterator[Any]:
        if self.ndim == 0:
            kind = self._class
            told = f"{kind.__name__!r} object is not iterable" if kind in PLAIN else "iteration over a 0-d array"
            raise TypeError(told)
        return (self[i] for i in range(self.shape[0]))

    def __repr__(self) -> str:
        node = self._node
        text = (
            np.array2string(np.asarray(as_numpy(shown(node))), separator=", ", prefix="Array(")
            if node.block is None or (isinstance(node.value, np.ndarray | np.generic))
            else repr(shown(node))
        )
        told = [text]
        if node.name:
            told.append(f"name={node.name!r}")
        if node.block:
            told.append(f"block={node.block.name}")
        return f"Array({', '.join(told)})"

    def _mime_(self) -> tuple[str, str]:
        """The notebook display, in the form that marimo asks for."""
        return "text/html", self._repr_mimebundle_()["text/html"]

    def __format__(self, spec: str | None = None) -> str:
        return text_of(shown(self._node), self._node.differentiable, spec)

    __str__ = __format__

    # Plain values: control flow may depend on them, gradients may not be lost through them ------------------

    def __bool__(self) -> bool:
        return bool(read(self._node, "truth"))

    def __int__(self) -> int:
        return int(read(self._node, "integer"))

    def __index__(self) -> int:
        return operator.index(read(self._node))

    def __hash__(self) -> int:
        """Integers and booleans may be keys of a dict, as in NumPy; an array with a gradient may not."""
        if self._class is np.ndarray or self._node.differentiable:
            raise TypeError(f"unhashable type: a recorded {self._class.__name__}, which a key would lose" + at_line())
        return hash(read(self._node, "integer" if self.dtype.kind in "iu" else "value"))

    def __float__(self) -> float:
        frame = sys._getframe(1)
        if is_formatted(frame) or is_only_shown(frame):
            return float(shown(self._node))
        if self._node.differentiable and (advice := taken_apart_by(frame)) is not None:
            raise RecordingError(advice + at_line())
        if self._node.differentiable and (target := target_of_write()) is not None:
            raise RecordingError(refused_write(target))
        if os.path.basename(frame.f_code.co_filename) == "_methods.py":  # NumPy's methods of arrays
            name = frame.f_code.co_name.strip("_")
            raise RecordingError(
                f"{name} of an array of dtype object that holds recorded numbers would lose their gradient; join them "
                f"first: np.{name}(np.stack([*x])). For a plain array with a recorded initial= or mean=, write the "
                f"function, np.{name}(x, …), not the method" + at_line()
            )
        self._refuse("float(x) (math.exp(x) calls it: write np.exp(x)), or writing x into a plain array,")
        return float(read(self._node))

    def __complex__(self) -> complex:
        self._refuse("complex(x)")
        return complex(read(self._node))

    def tobytes(self, *args: Any) -> bytes:
        self._refuse("x.tobytes()")
        return read(self._node).tobytes(*args)

    def tofile(self, *args: Any, **kwargs: Any) -> None:
        note_written(read(self._node)).tofile(*args, **kwargs)

    def dump(self, file: Any) -> None:
        note_written(read(self._node)).dump(file)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """Called by np.asarray(x) and np.array([x, y]): recorded numbers, in an array of dtype object."""
        if not self._node.differentiable or is_only_shown(sys._getframe(1)):
            return np.array(shown(self._node), dtype=dtype)
        if dtype is not None and np.dtype(dtype).kind in "iub" and not is_internal(sys._getframe(1).f_code.co_filename):
            # a step function, as int(x), if the user's code asks; NumPy's functions refuse floats as places
            return np.array(read(self._node), dtype=dtype)
        if asked_by_sparse(sys._getframe(1)):
            return np.array(None, dtype=object)
        if (advice := taken_apart_by(sys._getframe(1))) is not None:
            raise RecordingError(advice + at_line())
        refuse_what_asks()
        if dtype not in (None, object, np.dtype(object)):
            self._refuse(f"np.asarray(x, dtype={dtype}), or writing x into a plain array,")
        if is_complex(self._node.value):
            raise RecordingError(
                "np.array([…]) or np.asarray(…) of recorded complex numbers gives an array of dtype object; NumPy "
                "takes the wrong real and imaginary parts of it; join the numbers with np.stack([…])" + at_line()
            )
        if self.ndim == 0 and (read_here := _parts_of_complex_numbers(user_frame())):
            raise RecordingError(
                f"the function reads {sorted(read_here)[0]}, and np.array([…]) of recorded numbers gives an array of "
                "dtype object here, of which NumPy takes the wrong real and imaginary parts if one of the numbers is "
                "complex; join the numbers with np.stack([…])" + at_line()
            )
        return self._to_objects(shared=not copy)

    def _refuse(self, what: str) -> None:
        if self._node.differentiable:
            refuse_what_asks()
            refuse_foreign_call()
            raise RecordingError(
                f"{what} would lose the gradient of a recorded array{at_line()}\n"
                "  keep computing with the recorded array itself: np.stack or np.concatenate join several,\n"
                "  np.zeros_like(x), np.zeros_like(x, shape=(2, 3), dtype=complex) make one to write into;\n"
                "  where no gradient is wanted, write cr.stop_gradient(x) first, or read x.value"
            )

    def __getattr__(self, name: str) -> Any:
        """NumPy calls a ufunc's name as a method of each entry of an array of dtype object: `x.exp()`."""
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc) and ufunc in ANSWERS:
            return partial(ufunc, self)
        refuse_what_they_ask(name, sys._getframe(1))
        if name == "is_integer" and issubclass(self._class, np.floating | np.integer | float):
            return lambda: bool(np.equal(np.floor(self), self)) and bool(np.isfinite(self))
        raise AttributeError(f"a recorded array has no attribute {name!r}{attribute_hint(name)}")

    def __copy__(self) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        raise RecordingError("a recorded array cannot be pickled: it would lose where it came from; send x.value")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()  # a copy of the value that remembers where it came from


_PARTS = frozenset("real imag angle iscomplex isreal iscomplexobj isrealobj".split())
"""Functions of complex numbers that do not work on arrays of dtype object."""


def _parts_of_complex_numbers(frame: Any) -> frozenset[str]:
    """The functions of `_PARTS` that a function uses that also has a complex number among its values."""
    code = frame.f_code
    at_hand = (*code.co_consts, *frame.f_locals.values(), *map(frame.f_globals.get, code.co_names))
    return _PARTS & {*code.co_names} if any(is_complex(form_of(x)) for x in at_hand) else frozenset()


# Plain values -----------------------------------------------------------------------------------------------


def value_of(x: Any) -> Any:
    """The plain value of a recorded array; anything else unchanged."""
    return read(x._node) if type(x) is Array else x


def node_of(x: Array) -> Node:
    """The node that a recorded array points at now."""
    return x._node


def form_of(x: Any) -> Any:
    """Like `value_of`, for callers that use only the shape, the dtype and the library."""
    return x._node.value if type(x) is Array else x


def is_recorded(x: Any) -> bool:
    """Whether x is a recorded array: results computed from it must then be recorded too, not become constants."""
    return type(x) is Array


# Operands --------------------------------------------------------------------------------------------------


def constant(operand: Any) -> Any:
    """A plain operand for a node to keep: a copy, because the user may write into the array later.

    A list or an array of dtype object that holds recorded arrays becomes one recorded array. An object of another class
    becomes the array that NumPy makes of it, or an error.
    """
    if type(operand) is not np.ndarray or operand.dtype.kind not in NUMERIC:
        if type(operand) in PLAIN or isinstance(operand, str):  # a string is the format of einsum
            return operand
        if isinstance(operand, Array):  # a buffer (see `chainrule.standins`)
            operand = operand.settled()
            return operand if type(operand) is Array else constant(operand)
        if is_foreign(operand):
            return copied(operand)
        operand = joined(operand)
        if type(operand) is Array:
            return operand
        operand = numeric(operand)
    return absent.made_of(copied_as_it_lies(operand), operand)


def joined(operand: Any) -> Any:
    """Numbers in a list or an array of dtype object as one array: a recorded one if any of them is recorded."""
    if type(operand) is not np.ndarray:
        operand = np.asarray(operand) if isinstance(operand, (list, tuple)) else plain_array(operand)
    if operand.dtype.kind != "O":
        return operand
    if holds_recorded(operand):
        return from_objects(operand)
    raise RecordingError(
        "an array of dtype object cannot be recorded; use np.stack, np.concatenate or a numeric dtype" + at_line()
    )


def holds_recorded(x: Any) -> bool:
    """Whether a value is an array of dtype object with a recorded array among its entries."""
    return isinstance(x, np.ndarray) and x.dtype == object and any(type(entry) is Array for entry in x.flat)
