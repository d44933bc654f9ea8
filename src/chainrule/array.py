"""Array: a recorded value, and the protocols by which plain NumPy code records itself.

A `Node` is one recorded step: the block, what went in, what came out, and the line of user code. It never changes.
An `Array` is the handle that user code holds. It points at a node; an update in place (`x += y`, `x[i] = v`) makes the
handle point at a new node, so whatever was recorded before still sees the old value.
There is no tape and no mode: a node knows where it came from, and is freed when nobody needs it.
"""

from __future__ import annotations

import copy
import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from functools import partial
from types import NoneType
from typing import Any, Protocol

import numpy as np

from chainrule import absent
from chainrule.answers import (
    ANSWERS,
    AS_NUMPY,
    SAME_LAYOUT,
    STEP_BY_STEP,
    WRITES,
    answer,
    from_objects,
    full_name,
    getitem_key,
    no_block_for,
    recorded_constant,
    setitem_key,
    under_another_value,
)
from chainrule.errors import BlockError, ChainruleError, RecordingError
from chainrule.instead import function_to_write_instead
from chainrule.layout import copied_as_it_lies, is_contiguous
from chainrule.libraries import (
    NUMPY,
    NUMPY_NAMESPACE,
    PLAIN,
    PYTHON,
    copied,
    dtype_of,
    is_complex,
    is_foreign,
    is_numpy,
    library_of,
    namespace_of,
)
from chainrule.likeness import ArrayClass, OfArrays, is_told_the_truth
from chainrule.methods import Methods
from chainrule.node import Node, at_line, is_internal, now, user_frame
from chainrule.operands import (
    NUMERIC,
    ComputesItself,
    check_argument,
    gives_way,
    numeric,
    plain_array,
    taken_apart_by,
)
from chainrule.views import IndexStep, View, is_entry, is_number, refuse_shared, same_steps, view_of

__all__ = [
    "ANSWERS",
    "NO_PARAMS",
    "WATCHER",
    "Array",
    "answer",
    "constant",
    "form_of",
    "holds_recorded",
    "is_number",
    "looked_at",
    "node_of",
    "owned",
    "read_only",
    "record",
    "value_of",
]

NO_PARAMS: dict[str, Any] = {}


class BlockLike(Protocol):
    """What recording asks of a block; `chainrule.block.Block` is the one that there is."""

    name: str
    forward: Callable[..., Any]
    differentiable: bool
    view: bool
    may_copy: bool


# Recording -------------------------------------------------------------------------------------------------


def constant(operand: Any) -> Any:
    """A plain operand as a node may keep it: the user may write into his own array later, so a copy is kept.

    What holds recorded arrays one by one (a list, an array of dtype object) becomes one recorded array. What is of
    another class becomes the array that NumPy makes of it, or an error.
    """
    if type(operand) is not np.ndarray or operand.dtype.kind not in NUMERIC:
        if type(operand) in PLAIN or isinstance(operand, str):  # a text is the format of einsum
            return operand
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


def record(
    block: Any,
    operands: tuple[Any, ...],
    params: dict[str, Any] = NO_PARAMS,
    run: Callable[..., Any] | None = None,
    known: Any = None,
) -> Any:
    """Run the block's forward rule on the operands' values and return the recorded result; `known` if it has run.

    `run` is the function of NumPy or the operator that was called, if it takes the very operands: on NumPy's arrays it
    runs instead of the rule, so value, dtype, errors and warnings are its own.
    """
    inputs = []
    values = []
    xp = NUMPY_NAMESPACE
    unsure = False
    for operand in operands:
        kind = type(operand)
        if kind is not Array and kind not in PLAIN:
            operand = constant(operand)
            kind = type(operand)
        if kind is Array:
            unsure = unsure or operand._unsure
            operand = operand._own if operand._view is None else operand._node
            value = operand.value
        else:
            value = operand
        inputs.append(operand)
        values.append(value)
        if type(value) not in NUMPY:
            xp = None
    try:
        if known is not None:
            value = known
        elif run is not None and xp is not None:
            try:
                value = run(*values)
            except (ZeroDivisionError, OverflowError):  # Python's numbers refuse what NumPy's call infinite
                value = run(*(np.asarray(x)[()] if type(x) in (float, complex) else x for x in values))
        else:
            value = block.forward(xp or namespace_of(values), *values, **params)
    except ChainruleError:
        raise
    except Exception as error:
        if xp is None and isinstance(error, NOT_THERE) and not is_numpy(used := namespace_of(values)):
            raise not_covered(block, used, str(error)) from error
        raise explained(error, f"block {block.name}", values) from error
    if isinstance(value, (tuple, list, dict, NoneType)):
        if value is not None and hasattr(block, "several"):
            return block.several(value, operands, params)
        raise RecordingError(
            f"block {block.name} returned {type(value).__name__}; a block returns one array" + at_line()
        )
    if xp is None and isinstance(value, np.ndarray | np.generic) and not is_numpy(used := namespace_of(values)):
        raise not_covered(block, used, "its result is NumPy's")
    if type(value) is Array:
        raise RecordingError(
            f"block {block.name} uses a recorded array that is not one of its operands, so its gradient would be lost; "
            "pass every array that the block needs as an operand" + at_line()
        )
    frame = user_frame()
    result = Array(Node(block, tuple(inputs), params, value, frame.f_code, frame.f_lasti))
    result._unsure = unsure
    if block.view and type(operands[0]) is Array:
        source = operands[0]
        if unsure and block.may_copy and not is_contiguous(source._node.value):
            result._view = view_of(source)._replace(steps=None)
        elif isinstance(value, np.ndarray) and (np.may_share_memory(value, source._node.value) or is_entry(source)):
            result._view = view_of(source, partial(block, **params))
        elif xp is None and not _is_immutable(value):  # in other libraries it may be either
            result._view = view_of(source)._replace(steps=None)
    return result


def owned(x: Any) -> Any:
    """A result that is a new array in NumPy, not a view of an operand or of an intermediate result."""
    if type(x) is Array:
        x._view = None
    return x


def read_only(x: Any) -> Any:
    """A result that NumPy does not let anybody write into."""
    if type(x) is Array and isinstance(x._own.value, np.ndarray):
        x._own.value.flags.writeable = False
    return x


def explained(error: Exception, what: str, values: Sequence[Any]) -> Exception:
    """The error of a forward rule or of a function of NumPy, with its name, the shapes and the user's line."""
    shapes = " and ".join(str(np.shape(v)) if type(v) in NUMPY else repr(v) for v in values)
    where = f"in {what}, inputs of shape {shapes}{at_line()}"
    if type(error) is ValueError:
        return BlockError(f"{error}\n  {where}")
    error.add_note(where)  # keeps the kind of error that the code may be waiting for (LinAlgError, IndexError, …)
    return error


NOT_THERE = (AttributeError, TypeError, NotImplementedError, ModuleNotFoundError, RuntimeError, IndexError, KeyError)
"""What is raised where a library lacks a function, or its function takes less than NumPy's."""


def not_covered(block: BlockLike, xp: Any, why: str) -> RecordingError:
    """The error where a rule of a block cannot compute with the arrays of another library."""
    name = library_of(xp)
    return RecordingError(
        f"block {block.name} does not compute with arrays of {name} ({why}); give it NumPy's: np.asarray(x)" + at_line()
    )


WATCHER: ContextVar[Callable[[Node, str], None] | None] = ContextVar("WATCHER", default=None)
"""Who is told when a concrete value is read, so that what follows may depend on it: `chainrule.compile`, or nobody."""


def read(node: Node, how: str = "value") -> Any:
    """The value of a node, on which what the caller does next may depend; `how` says which part of it counts."""
    watcher = WATCHER.get()
    if watcher is not None:
        watcher(node, how)
    return node.value


def value_of(x: Any) -> Any:
    """The plain value of a recorded array; anything else as it is."""
    return read(x._node) if type(x) is Array else x


def node_of(x: Array) -> Node:
    """The step that a recorded array stands for, as it is now."""
    return x._node


def form_of(x: Any) -> Any:
    """As value_of, where only its shape, its dtype and its library count."""
    return x._node.value if type(x) is Array else x


def looked_at(x: Any) -> Any:
    """As value_of, but recorded where somebody compiles: what it decides is then the guard, not its entries."""
    return x if WATCHER.get() is not None else value_of(x)


# As NumPy has it -------------------------------------------------------------------------------------------


class _NotNumPy(Exception):
    """An argument is not NumPy's, so NumPy's own function cannot tell the result."""


def answered(
    handler: Any, what: Any, run: Any, args: Any, kwargs: Any, writes: bool = False, own_value: bool = False
) -> Any:
    """The result of what answers for a function of NumPy, with the value that NumPy's own function has.

    NumPy's function runs first, on the plain values: what it refuses is refused, with its error, and its warnings are
    given. What answers then records how to differentiate and compile it, and may compute in another way; the recorded
    result takes over NumPy's value, to the bit, with its dtype and its kind (a number or an array without axes).

    Parameters
    ----------
    what : what was called: a function of NumPy, or its name.
    run : NumPy's function, on plain arguments.
    writes : whether it writes into an argument; then it gets copies of all.
    own_value : whether the answer's own value stays, in NumPy's dtype.
    """
    if _ANSWERING.get():
        return handler(*args, **kwargs)
    try:
        plain_args = [_plain(arg) for arg in args]
        plain_kwargs = _plain(kwargs) if kwargs else kwargs
    except _NotNumPy:
        return handler(*args, **kwargs)
    if writes:
        plain_args, plain_kwargs = copy.deepcopy((plain_args, plain_kwargs))
    try:
        value = run(*plain_args, **plain_kwargs)
    except Exception as error:
        raise explained(error, _name(what), plain_args) from error
    if _has_no_entries(args):
        return _constants(value)
    start = now()
    answering = _ANSWERING.set(True)
    try:
        with np.errstate(all="ignore"):  # NumPy has warned
            result = handler(*args, **kwargs)
    finally:
        _ANSWERING.reset(answering)
    if writes and type(args[0]) is Array and args[0]._view is None and args[0]._own.order > start:
        _adopted(args[0], plain_args[0], start, what)  # what was written into
    if own_value:
        return result if result.dtype == value.dtype else ANSWERS[np.astype](result, value.dtype)
    return _adopted(result, value, start, what)


def _name(what: Any) -> str:
    return what if isinstance(what, str) else full_name(what)


_ANSWERING: ContextVar[bool] = ContextVar("_ANSWERING", default=False)
"""Whether an answer runs whose value is known: then NumPy is not asked for the values of its steps."""


def _plain(x: Any) -> Any:
    """An argument of a function of NumPy with the values of recorded arrays, which nobody is told of."""
    kind = type(x)
    if kind is Array:
        x = np.asarray(x._node.value) if is_entry(x) else x._node.value
        kind = type(x)
    if kind in NUMPY:
        if kind is np.ndarray and x.dtype.kind == "O":
            raise _NotNumPy
        return x
    if kind is tuple or kind is list:
        return kind([_plain(part) for part in x])
    if kind is dict:
        return {key: _plain(part) for key, part in x.items()}
    if kind in _DESCRIBING or isinstance(x, np.dtype | type):
        return x
    raise _NotNumPy


_DESCRIBING = frozenset([str, slice, range, type(Ellipsis), type(np._NoValue)])
"""Types of arguments that hold no numbers to compute with."""


def _has_no_entries(args: Any) -> bool:
    """Whether recorded arrays are among the arguments, all of them empty: there is nothing to differentiate by."""
    found = False
    for arg in args:
        if type(arg) is Array:
            found = True
            if np.size(arg._own.value):
                return False
        elif type(arg) is list or type(arg) is tuple:
            recorded = [x for x in arg if type(x) is Array]
            if any(np.size(x._own.value) for x in recorded):
                return False
            found = found or bool(recorded)
    return found


def _as_the_loop_takes(ufunc: Any, inputs: Any, dtype: Any = None) -> Any:
    """The operands of a ufunc in the dtypes in which NumPy or SciPy computes: of integers and float16 mostly others.

    Rules are written for floating numbers, so `expm1` of bytes would be computed with three digits when it is compiled,
    and −x of an unsigned integer would wrap; of a float32 beside float64, a step would be rounded to seven digits.
    `dtype` is that of the keyword argument.
    """
    dtypes = [_dtype_of(x) for x in inputs]
    kinds = {*dtypes}
    if dtype is None and kinds <= _FLOATING and not kinds >= _MIXED:
        return inputs
    if any(kind is None for kind in dtypes):
        return inputs
    wanted = {} if dtype is None else {"signature": (*[None] * ufunc.nin, *[np.dtype(dtype)] * ufunc.nout)}
    try:
        loop = ufunc.resolve_dtypes((*dtypes, *[None] * ufunc.nout), casting="unsafe", **wanted)
    except TypeError:
        return inputs  # NumPy refuses them itself when it is called
    return [_as_taken(x, taken) for x, taken in zip(inputs, loop, strict=False)]


def _as_taken(x: Any, dtype: Any) -> Any:
    if type(x) is Array:
        return ANSWERS[np.astype](x, dtype) if x.dtype != dtype and dtype.kind in "fciu" else x
    if type(x) in _HAVE_DTYPE:
        kind, other = x.dtype.kind, dtype.kind
        if (kind in "ub" and other in "fc") or (kind == other == "f" and x.dtype.itemsize < dtype.itemsize):
            return x.astype(dtype)
    return x


def _dtype_of(x: Any) -> Any:
    """An operand's dtype, or the type of a number of Python; None if it is of another library."""
    if type(x) is Array:
        x = x._node.value
    kind = type(x)
    if kind in _HAVE_DTYPE:
        return x.dtype
    return kind if kind in (int, float, complex) else np.dtype(bool) if kind is bool else None


_FLOATING = frozenset(map(np.dtype, "fdFD")) | {float, complex}
_MIXED = frozenset(map(np.dtype, "fd"))


def _constants(value: Any) -> Any:
    """NumPy's result of empty arrays, recorded."""
    if isinstance(value, tuple | list):
        parts = [_constants(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return recorded_constant(value) if type(value) in _HAVE_DTYPE and value.dtype.kind in "fc" else value


def _adopted(result: Any, value: Any, start: int, what: Any) -> Any:
    """A recorded result (or several) with NumPy's value. `start` is a number before the nodes that were made for it."""
    kind = type(result)
    if kind is Array:
        dtype = dtype_of(value) if type(value) in _HAVE_DTYPE or type(value) in PYTHON else np.dtype(object)
        if dtype.kind != "O" and result._own.order > start:
            if result.shape != np.shape(value):
                raise BlockError(
                    f"{_name(what)}: what is recorded has the shape {result.shape}, NumPy's result {np.shape(value)}; "
                    f"this is a fault of chainrule, please report it{at_line()}"
                )
            if result.dtype != dtype:
                result = ANSWERS[np.astype](result, dtype)
            if result._view is None and dtype.kind in "fc" and not np.array_equal(result._own.value, value):
                if WATCHER.get() is not None:  # compiled code computes by the rule, and digits are no other path
                    value = _of_kind(value, np.asarray(result._own.value, dtype))
                else:
                    result = under_another_value(result, value)
            result._own.value = value
        return result
    if kind in NUMPY and type(value) in _HAVE_DTYPE:
        return value
    if isinstance(result, tuple | list) and isinstance(value, tuple | list) and len(result) == len(value):
        parts = [_adopted(part, own, start, what) for part, own in zip(result, value, strict=True)]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    return result


def _of_kind(value: Any, digits: np.ndarray) -> Any:
    """Other digits as an array, a number of NumPy or one of Python, as a value is."""
    if type(value) in PYTHON:
        return digits.item()
    return digits[()] if isinstance(value, np.generic) else digits


_HAVE_DTYPE = NUMPY - {bool, int, float, complex, NoneType}


# The handle ------------------------------------------------------------------------------------------------


MIRRORED = {
    name: f"__{other}__" for name, other in zip("lt le gt ge eq ne".split(), "gt ge lt le eq ne".split(), strict=True)
}
"""The comparison that the other operand is asked for."""


def _binary(function: Any, name: str) -> tuple[Any, Any, Any]:
    """The operator, its reflection and its in-place form for a NumPy function; plain values have Python's operator."""
    run = getattr(operator, f"__{name}__")
    mirrored = MIRRORED.get(name, f"__r{name}__")

    def forward(self: Array, other: Any) -> Any:
        kind = type(other)
        if kind not in NUMPY and kind is not Array:
            return _with_other(self, other)
        if function is np.power:
            _looks_whether_real(self, other)
        return record(ANSWERS[function], (self, other), NO_PARAMS, run)

    def _with_other(self: Array, other: Any) -> Any:
        """The other operand is of a class that may compute for itself."""
        if gives_way(self, other, mirrored):
            return NotImplemented
        if isinstance(other, (list, tuple)):
            return record(ANSWERS[function], (self, other))
        if isinstance(other, (str, bytes)) and function in (np.equal, np.not_equal):
            return getattr(read(self._node), f"__{name}__")(other)
        return function(self, other)  # NumPy asks both

    def reflected(self: Array, other: Any) -> Any:
        if type(other) not in NUMPY and getattr(type(other), "__array_ufunc__", other) is None:
            return NotImplemented
        if function is np.power:
            _looks_whether_real(other, self)
        return record(ANSWERS[function], (other, self), NO_PARAMS, run)

    def in_place(self: Array, other: Any) -> Array:
        if type(other) not in NUMPY and type(other) is not Array and gives_way(self, other, mirrored):
            return NotImplemented
        # What cannot change is not changed: `s += 1` names a new one, and whoever else holds the old one keeps it.
        if is_number(self) or _is_immutable(self._own.value):
            return forward(self, other)
        return self._write(record(ANSWERS[function], (self, other), NO_PARAMS, run))

    return forward, reflected, in_place


def _looks_whether_real(base: Any, exponent: Any) -> None:
    """Python makes a complex number of (−8.0) ** 0.5: for its numbers the sign of the base decides, as in a branch."""
    x, y = form_of(base), form_of(exponent)
    if type(x) not in (int, float) or type(y) is not float or (type(exponent) is not Array and y.is_integer()):
        return
    if base < 0 and type(exponent) is Array:
        bool(exponent % 1 == 0)


def _is_immutable(value: Any) -> bool:
    """Whether a value is an array of a library whose arrays cannot change, as JAX's."""
    return type(value) not in NUMPY and not hasattr(type(value), "__iadd__")


def _unary(function: Any, run: Any) -> Any:
    def method(self: Array) -> Any:
        return record(ANSWERS[function], (self,), NO_PARAMS, run)

    return method


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call what answers for a function of NumPy."""
    if "out" in kwargs:
        out = kwargs["out"]
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        if out is not None:
            return _into(out, full_name(function), function, None, args, kwargs)
    handler = answer(function)
    if handler is None:
        raise no_block_for(full_name(function))
    for arg in (*args, *kwargs.values()) if kwargs else args:
        if type(arg) not in PLAIN and type(arg) is not Array:
            check_argument(arg)
    if function in AS_NUMPY:
        result = handler(*args, **kwargs)
    else:
        result = answered(handler, function, function, args, kwargs, function in WRITES)
    if function not in SAME_LAYOUT and not hasattr(handler, "forward"):
        for made in result if isinstance(result, tuple | list) else (result,):
            if type(made) is Array and made._view is None and not any(made is arg for arg in args):
                made._unsure = not is_contiguous(made._own.value)
    return result


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
    _call = staticmethod(call)

    # Methods that need what stands above this file; the files named set them.
    backward: Callable[..., None]  # transforms.py
    __array_namespace__: Callable[..., Any]  # namespace.py
    _to_objects: Callable[..., np.ndarray]  # objects.py
    _repr_mimebundle_: Callable[..., dict[str, str]]  # explain/arrays.py

    def __init__(self, node: Node):
        self._own = node
        self._view: View | None = None
        self._unsure = False  # whether its entries may lie in another order in memory than NumPy's would
        self._shares = ""  # the other argument of the function whose memory it shares

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """What `isinstance` takes it for in user code: the class of the plain value. See `likeness`."""
        return Array if is_told_the_truth(sys._getframe(1)) else self._class

    @property
    def _class(self) -> type:
        kind = type(self._own.value)
        if kind is np.ndarray or kind not in PLAIN:
            return np.ndarray if kind is np.ndarray else Array
        if self._view is not None and self._view.steps is not None:
            return np.ndarray  # x[..., 0]
        return kind

    @property
    def _node(self) -> Node:
        """The node that holds the value, taken again if this is a view and its memory was written to."""
        view = self._view
        if view is not None and view.stale:
            self._own = view.taken_again()._own
            self._view = view._replace(seen=view.root._own)
        return self._own

    # What it holds ----------------------------------------------------------------------------------------

    @property
    def value(self) -> Any:
        """The plain value, read-only: a write into it would change what was recorded."""
        if _asks_for_a_quantity(sys._getframe(1)):
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

    @property
    def dtype(self) -> Any:
        value = self._node.value
        return value.dtype if hasattr(value, "dtype") else np.result_type(type(value))

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape, dtype=int))

    @property
    def nbytes(self) -> int:
        return self._node.value.nbytes

    @property
    def itemsize(self) -> int:
        return self._node.value.itemsize

    @property
    def strides(self) -> tuple[int, ...]:
        raise RecordingError(
            "a recorded array has no strides, for it has no memory of its own; "
            "windows are np.lib.stride_tricks.sliding_window_view(x, n)" + at_line()
        )

    @property
    def flags(self) -> Any:
        return read(self._node).flags  # those of `value` would say that it is read-only

    @property
    def device(self) -> Any:
        return getattr(self._node.value, "device", "cpu")

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
            np.array2string(np.asarray(read(node)), separator=", ", prefix="Array(")
            if node.block is None or (isinstance(node.value, np.ndarray | np.generic))
            else repr(read(node))
        )
        told = [text]
        if node.name:
            told.append(f"name={node.name!r}")
        if node.block:
            told.append(f"block={node.block.name}")
        return f"Array({', '.join(told)})"

    def _mime_(self) -> tuple[str, str]:
        """What a notebook shows, as marimo asks for it."""
        return "text/html", self._repr_mimebundle_()["text/html"]

    def __str__(self) -> str:
        return str(read(self._node))

    def __format__(self, spec: str) -> str:
        return format(read(self._node), spec)

    # Plain values: control flow may depend on them, gradients may not be lost through them ------------------

    def __bool__(self) -> bool:
        return bool(read(self._node, "truth"))

    def __int__(self) -> int:
        return int(read(self._node, "integer"))

    def __index__(self) -> int:
        return operator.index(read(self._node))

    def __float__(self) -> float:
        self._refuse("float(x) (math.exp(x) calls it: write np.exp(x)), or writing x into a plain array,")
        return float(read(self._node))

    def __complex__(self) -> complex:
        self._refuse("complex(x)")
        return complex(read(self._node))

    def item(self, *args: Any) -> Any:
        self._refuse("x.item()")
        return read(self._node).item(*args)

    def tolist(self) -> Any:
        self._refuse("x.tolist()")
        return read(self._node).tolist()

    def tobytes(self, *args: Any) -> bytes:
        self._refuse("x.tobytes()")
        return read(self._node).tobytes(*args)

    def tofile(self, *args: Any, **kwargs: Any) -> None:
        read(self._node).tofile(*args, **kwargs)  # writes a file and nothing that is computed with

    def dump(self, file: Any) -> None:
        read(self._node).dump(file)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        """What NumPy asks for in np.asarray(x) and np.array([x, y]): recorded numbers, in an array of dtype object."""
        if not self._node.differentiable:
            return np.array(read(self._node), dtype=dtype)
        if (advice := taken_apart_by(sys._getframe(1))) is not None:
            raise RecordingError(advice + at_line())
        if (found := function_to_write_instead()) is not None:
            raise RecordingError(f"{found[0]} does not take recorded arrays; write {found[1]}" + at_line())
        if dtype not in (None, object, np.dtype(object)):
            self._refuse(f"np.asarray(x, dtype={dtype}), or writing x into a plain array,")
        if is_complex(self._node.value):
            raise RecordingError(
                "np.array([…]) or np.asarray(…) of recorded complex numbers gives an array of dtype object; NumPy "
                "takes the wrong real and imaginary parts of it; join the numbers with np.stack([…])" + at_line()
            )
        return self._to_objects(shared=not copy)

    def _refuse(self, what: str) -> None:
        if self._node.differentiable:
            raise RecordingError(
                f"{what} would lose the gradient of a recorded array{at_line()}\n"
                "  keep computing with the recorded array itself: np.stack or np.concatenate join several,\n"
                "  np.zeros_like(x), np.zeros_like(x, shape=(2, 3), dtype=complex) make one to write into;\n"
                "  where no gradient is wanted, write cr.stop_gradient(x) first, or read x.value"
            )

    # NumPy's protocols ------------------------------------------------------------------------------------

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        try:
            return self._ufunc(ufunc, method, inputs, kwargs)
        except ComputesItself:
            if any(
                getattr(type(x), "__array_ufunc__", None) and not isinstance(x, (Array, np.ndarray)) for x in inputs
            ):
                return NotImplemented
            raise

    def _ufunc(self, ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
        if not kwargs and method == "__call__" and ufunc in ANSWERS:
            handler: Any = ANSWERS[ufunc]
            inputs = _as_the_loop_takes(ufunc, inputs)
            if hasattr(handler, "forward"):
                return record(handler, inputs, NO_PARAMS, ufunc)
            return answered(handler, ufunc, ufunc, inputs, kwargs)
        out = kwargs.pop("out", (None,))
        if any(o is not None for o in out):
            return _into(out[0] if len(out) == 1 else out, full_name(ufunc), ufunc, method, inputs, kwargs)
        name = full_name(ufunc) + (f".{method}" if method != "__call__" else "")
        handler = answer(ufunc) if method == "__call__" else ANSWERS.get((ufunc, method))
        if handler is None:
            raise no_block_for(name)
        if method != "__call__":
            run = getattr(ufunc, method)
            return answered(handler, name, run, inputs, kwargs, method == "at", (ufunc, method) in STEP_BY_STEP)
        _must_be_covered(handler, name, kwargs)
        return answered(partial(_in_the_loop, ufunc, handler), name, ufunc, inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if not all(issubclass(kind, (Array, np.ndarray)) for kind in types):
            return NotImplemented
        if any(kind is not Array and kind is not np.ndarray for kind in types):
            for x in _with_parts((*args, *kwargs.values())):
                check_argument(x)
        return call(function, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """NumPy calls a ufunc's name as a method of each entry of an array of dtype object: `x.exp()`."""
        ufunc = getattr(np, name, None)
        if isinstance(ufunc, np.ufunc) and ufunc in ANSWERS:
            return partial(ufunc, self)
        if name == "is_integer" and issubclass(self._class, np.floating | np.integer | float):
            return lambda: bool(np.equal(np.floor(self), self))
        raise AttributeError(f"a recorded array has no attribute {name!r}")

    def __copy__(self) -> Any:
        return self.copy()

    def __reduce__(self) -> Any:
        raise RecordingError("a recorded array cannot be pickled: it would lose where it came from; send x.value")

    def __deepcopy__(self, memo: Any) -> Any:
        return self.copy()  # a copy of the value that remembers where it came from

    # Operators --------------------------------------------------------------------------------------------

    __add__, __radd__, __iadd__ = _binary(np.add, "add")
    __sub__, __rsub__, __isub__ = _binary(np.subtract, "sub")
    __mul__, __rmul__, __imul__ = _binary(np.multiply, "mul")
    __truediv__, __rtruediv__, __itruediv__ = _binary(np.divide, "truediv")
    __floordiv__, __rfloordiv__, __ifloordiv__ = _binary(np.floor_divide, "floordiv")
    __mod__, __rmod__, __imod__ = _binary(np.remainder, "mod")
    __pow__, __rpow__, __ipow__ = _binary(np.power, "pow")
    __matmul__, __rmatmul__, __imatmul__ = _binary(np.matmul, "matmul")
    __lshift__, __rlshift__, __ilshift__ = _binary(np.left_shift, "lshift")
    __rshift__, __rrshift__, __irshift__ = _binary(np.right_shift, "rshift")
    __and__, __rand__, __iand__ = _binary(np.bitwise_and, "and")
    __or__, __ror__, __ior__ = _binary(np.bitwise_or, "or")
    __xor__, __rxor__, __ixor__ = _binary(np.bitwise_xor, "xor")
    __lt__ = _binary(np.less, "lt")[0]
    __le__ = _binary(np.less_equal, "le")[0]
    __gt__ = _binary(np.greater, "gt")[0]
    __ge__ = _binary(np.greater_equal, "ge")[0]
    __eq__ = _binary(np.equal, "eq")[0]  # type: ignore[assignment]
    __ne__ = _binary(np.not_equal, "ne")[0]  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]
    __neg__ = _unary(np.negative, operator.neg)
    __pos__ = _unary(np.positive, operator.pos)
    __abs__ = _unary(np.abs, operator.abs)
    __invert__ = _unary(np.invert, operator.invert)

    def __round__(self, ndigits: int | None = None) -> Any:
        if self._class is np.ndarray:
            raise TypeError("type numpy.ndarray doesn't define __round__ method" + at_line())
        if ndigits is None:
            return _whole(np.rint, self, "__round__")
        if self._class in PYTHON:
            return record(ANSWERS[round], (self,), {"ndigits": operator.index(ndigits)})
        return call(np.round, self, ndigits)

    def conj(self) -> Any:
        """As ndarray.conj; as complex.conjugate for a number of Python's."""
        if self._class is complex:
            return answered(ANSWERS[np.conjugate], "conjugate", complex.conjugate, (self,), {})
        return super().conj()

    conjugate = conj

    def __floor__(self) -> int:
        return _whole(np.floor, self, "__floor__")

    def __ceil__(self) -> int:
        return _whole(np.ceil, self, "__ceil__")

    def __trunc__(self) -> int:
        return _whole(np.trunc, self, "__trunc__")

    def __divmod__(self, other: Any) -> Any:
        return (self // other, self % other) if self._class in PYTHON else np.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return (other // self, other % self) if self._class in PYTHON else np.divmod(other, self)

    def _holds(self, item: Any) -> bool:
        return bool(np.any(np.equal(self._node.value, value_of(item))))

    __contains__ = OfArrays(_holds, "argument of type {} is not iterable")

    def __getitem__(self, key: Any) -> Any:
        result = call(getitem_key, self, key)
        # NumPy's x[..., 0] is no number but a view without axes, which writes through.
        known = result._view is not None and result._view.steps is not None
        if known or (isinstance(result._own.value, np.generic) and _has_ellipsis(key)):
            if not is_number(self):  # of a number it is an array of its own
                result._view = view_of(self, IndexStep(key))
            result._own.value = np.asarray(result._own.value)
        return result

    # Updates in place: the handle moves on to a new node ----------------------------------------------------

    def __setitem__(self, key: Any, new: Any) -> None:
        if type(new) is Array and new._view is not None and not new._view.stale:
            mine = view_of(self, IndexStep(key))
            if new._view.root is mine.root and same_steps(new._view.steps, mine.steps):
                return  # the second half of `x[key] += v`: the view has written itself already
        if is_number(self):
            raise RecordingError("a number cannot be written into; write x = np.full((), v, like=x)" + at_line())
        self._write(call(setitem_key, self, new, key))

    def _write(self, result: Array) -> Array:
        """Take over the result of an update in place, with this array's shape and dtype, as NumPy does."""
        if isinstance(self._own.value, np.ndarray) and not self._own.value.flags.writeable:
            raise BlockError("this array is read-only, as in NumPy; write into a copy of it (x.copy())" + at_line())
        if self._shares:
            refuse_shared(self)
        if result.shape != self.shape:
            raise BlockError(f"an array of shape {self.shape} cannot hold a result of shape {result.shape}" + at_line())
        if result.dtype != self.dtype:
            if not np.can_cast(result.dtype, self.dtype, "same_kind"):
                raise BlockError(f"an array of dtype {self.dtype} cannot hold a result of {result.dtype}" + at_line())
            result = call(np.astype, result, self.dtype)
        if self._view is not None:
            self._view = self._view.write(result)
        elif isinstance(self._node.value, np.ndarray) and isinstance(result._node.value, np.generic):
            result = call(np.copy, result)  # an array without axes stays one, where NumPy computes a number
        self._own = result._node
        return self


_ABOUT_DTYPES = frozenset(["dtype", "casting", "order", "subok"])


def _must_be_covered(handler: Any, name: str, options: dict[str, Any]) -> None:
    """Raise for a keyword argument of a ufunc that is not about dtypes, unless the answer takes it."""
    taken = () if hasattr(handler, "forward") else handler.__code__.co_varnames
    if refused := [key for key in options if key not in _ABOUT_DTYPES and key not in taken]:
        hint = "; where= needs out= too, for what is not computed" if "where" in refused else ""
        raise RecordingError(
            f"{name} with {', '.join(f'{key}=' for key in refused)} is not covered for recorded arrays{hint}{at_line()}"
        )


def _in_the_loop(ufunc: Any, handler: Any, *inputs: Any, dtype: Any = None, **options: Any) -> Any:
    """What answers for a ufunc, given the operands in the dtypes in which the ufunc computes with dtype=."""
    inputs = _as_the_loop_takes(ufunc, inputs, dtype)
    return handler(*inputs, **{key: value for key, value in options.items() if key not in _ABOUT_DTYPES})


def _whole(rounded: Any, x: Array, name: str) -> int:
    """A number as an integer of Python, which has no gradient; arrays have no such method."""
    if x.ndim:
        raise TypeError(f"type numpy.ndarray doesn't define {name} method" + at_line())
    return int(rounded(x))


def _into(out: Any, name: str, function: Any, method: str | None, args: Any, kwargs: Any) -> Any:
    """The result of a function of NumPy, written into `out`, which must be a recorded array."""
    if type(out) is not Array:
        raise RecordingError(
            f"out= of {name} with a recorded array: the result belongs in a new array, or in a recorded one; "
            f"write z = {name.replace('numpy.', 'np.')}(…) (or y = y + x instead of y += x for a plain y)" + at_line()
        )
    if is_number(out):
        raise TypeError("return arrays must be of ArrayType" + at_line())
    run = function if method is None else getattr(function, method)
    written = _written_by_numpy(run, name, args, kwargs, out)
    where = kwargs.pop("where", True) if method is not None else True
    with np.errstate(all="ignore" if written is not None or where is not True else None):
        result = call(function, *args, **kwargs) if method is None else run(*args, **kwargs)
    if where is not True:
        result = call(np.where, where, result, out)
    result = result if type(result) is Array else recorded_constant(result)
    if written is not None:
        result = call(np.broadcast_to, result, out.shape) if result.shape != out.shape else result
        result = call(np.astype, result, out.dtype) if result.dtype != out.dtype else result
    out._write(result)
    if written is not None and out._view is None:
        out._own.value = written
    return out


def _written_by_numpy(run: Any, name: str, args: Any, kwargs: Any, out: Array) -> Any:
    """What NumPy's function writes into a copy of `out`; None if not all arguments are NumPy's."""
    try:
        plain_args, plain_kwargs, written = _plain(args), _plain(kwargs), np.array(_plain(out))
    except _NotNumPy:
        return None
    try:
        run(*plain_args, **plain_kwargs, out=written)
    except Exception as error:
        raise explained(error, name, plain_args) from error
    return written


def _with_parts(args: tuple[Any, ...]) -> Iterator[Any]:
    """Plain arguments, and what stands in lists and tuples among them."""
    for x in args:
        if isinstance(x, (list, tuple)):
            yield from _with_parts(tuple(x))
        elif type(x) is not Array:
            yield x


def _asks_for_a_quantity(frame: Any) -> bool:
    """Whether another class computes just now: one with units asks each operand whether it is a quantity too."""
    while frame.f_code.co_name in ("<listcomp>", "<genexpr>"):
        frame = frame.f_back
    return frame.f_code.co_name in ("__array_ufunc__", "__array_function__") and not is_internal(
        frame.f_code.co_filename
    )


def _has_ellipsis(key: Any) -> bool:
    return key is Ellipsis or (type(key) is tuple and any(part is Ellipsis for part in key))
