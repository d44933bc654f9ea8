"""Stand-ins for NumPy's functions while a function is recorded: new arrays can hold recorded values later.

Each stand-in calls NumPy's own function. Its result is a `Buffer` if it is a new floating-point array. `np.array` and
similar functions turn lists of recorded numbers into one recorded array; NumPy would make an array of dtype object.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.array import Array
from chainrule.buffered import BUFFERED
from chainrule.errors import RecordingError
from chainrule.libraries import NUMPY
from chainrule.node import user_frame
from chainrule.protocols import call
from chainrule.standins.buffer import Buffer, buffer, called, is_recorded, plain_of
from chainrule.standins.function import StandIn
from chainrule.texts import WRITTEN, refuse_reading
from chainrule.views import is_number

__all__ = ["JOINS", "READERS", "UNSEEN_WORDS", "joined", "joined_if_recorded", "standin_of"]


def _new(value: Any, args: tuple[Any, ...]) -> Any:
    """A result of NumPy's as a buffer, if it is a new array."""
    kind = type(value)
    if kind is np.ndarray:
        shared = any(value is arg or (isinstance(arg, np.ndarray) and np.may_share_memory(value, arg)) for arg in args)
        if value.dtype.kind in "fc" and not shared and not _is_for_numpy():
            return buffer(value)
    elif kind is list or (kind is tuple and value and type(value[0]) is np.ndarray):
        return kind(_new(part, args) for part in value)
    return value


def _is_for_numpy() -> bool:
    """Whether a user's method `__array__` makes the array: its result must be NumPy's."""
    return user_frame().f_code.co_name == "__array__"


def _standin(function: Callable[..., Any], joins: bool = True, unseen: bool = False) -> Callable[..., Any]:
    """A function of NumPy that takes lists of recorded numbers, and whose new arrays are buffers."""

    def standin(*args: Any, **kwargs: Any) -> Any:
        if not BUFFERED.get():
            return function(*args, **kwargs)
        if joins and (kwargs or len(args) != 1 or type(args[0]) is not Array):  # most often it is one recorded array
            args = tuple([joined_if_recorded(arg) for arg in args])
            kwargs = {name: arg if name == "out" else joined_if_recorded(arg) for name, arg in kwargs.items()}
        if unseen and "out" not in kwargs and _is_recorded_among_plain((*args, *kwargs.values())):
            return call(function, *map(plain_of, args), **{name: plain_of(arg) for name, arg in kwargs.items()})
        value = function(*args, **kwargs)
        return value if type(value) is Array or type(value) is Buffer else _new(value, args)

    return StandIn(function, standin)


def _is_recorded_among_plain(args: tuple[Any, ...]) -> bool:
    """Whether there is a recorded array among arguments of NumPy's types, so that no other class handles the call."""
    kinds = {type(arg) for arg in args}
    return Array in kinds and kinds <= _PLAIN


_PLAIN = NUMPY | {Array, Buffer, str, list, tuple, type}


# Arrays of lists -----------------------------------------------------------------------------------------------------


def joined(x: Any) -> Any:
    """A list of numbers, or lists of them, of which some are recorded: one recorded array."""
    if type(x) in (list, tuple):
        return np.stack([joined(part) for part in x]) if is_recorded(x) else np.asarray(plain_of(x))
    return plain_of(x)


def joined_if_recorded(x: Any) -> Any:
    """A list, a tuple, a deque or an array of dtype object that holds recorded floating numbers as one array.

    Anything else is unchanged.
    """
    kind = type(x)
    if kind is deque:
        x, kind = list(x), list
    if kind is list or kind is tuple:
        return joined(x) if _holds_floating(x) else x
    return plain_of(x) if kind is np.ndarray else x


def _holds_floating(x: Any) -> bool:
    """Whether a list holds recorded floating numbers. Integers may be lengths, places and axes."""
    for part in x:
        if type(part) in (list, tuple):
            if _holds_floating(part):
                return True
        elif type(part) is Array and part.dtype.kind in "fc":
            return True
    return False


def _of_list(function: Callable[..., Any], copies: bool) -> Callable[..., Any]:
    def standin(x: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
        if not BUFFERED.get():
            return function(x, dtype, *args, **kwargs)
        if isinstance(x, Array) and function in (np.ascontiguousarray, np.asfortranarray):
            return _laid_out(function, x, dtype)
        if not is_recorded(x) or (dtype is not None and np.dtype(dtype) == object):
            value = function(plain_of(x), dtype, *args, **kwargs)
            if type(x) is Buffer and value is x._own.value:
                return x
            return _new(value, (x,))
        made = joined(x)
        if is_number(made):
            made = np.copy(made)  # an array without axes
        if dtype is not None and made.dtype != np.dtype(dtype):
            made = made.astype(dtype)
        elif made is x and copies and kwargs.get("copy", True):
            made = np.copy(made, order=kwargs.get("order", "K"))
        for _ in range(kwargs.get("ndmin", 0) - made.ndim):
            made = made[None]
        return made

    return StandIn(function, standin)


def _strided(x: Any, *args: Any, **kwargs: Any) -> Any:
    """as_strided, which NumPy's protocol does not know: recorded, or a view of a buffer."""
    return called(_strides_of, (x, *args), kwargs, []) if isinstance(x, Array) else as_strided(x, *args, **kwargs)


def _strides_of(x: Any, *args: Any, **kwargs: Any) -> Any:
    return call(as_strided, x, *args, **kwargs) if type(x) is Array else as_strided(x, *args, **kwargs)


def _from_iterable(iterable: Any, dtype: Any, count: int = -1, **options: Any) -> Any:
    """np.fromiter."""
    if not BUFFERED.get():
        return np.fromiter(iterable, dtype, count, **options)
    numbers = [*(iterable if count < 0 else itertools.islice(iterable, count))]
    if not is_recorded(numbers):
        return _new(np.fromiter(plain_of(numbers), dtype, count, **options), ())
    made = joined(numbers)
    return made if made.dtype == np.dtype(dtype) else made.astype(dtype)


def _laid_out(function: Callable[..., Any], x: Array, dtype: Any) -> Any:
    """A recorded array or a buffer with its entries in C or Fortran's order: unchanged if they already are."""
    x = x.settled()
    if type(x) is not Array:
        return _new(function(x, dtype), (x,))
    if x._unsure:
        return function(x, dtype)
    copy: Any = np.copy
    x = x if dtype is None or x.dtype == np.dtype(dtype) else x.astype(dtype)
    flags, order = (x.flags.c_contiguous, "C") if function is np.ascontiguousarray else (x.flags.f_contiguous, "F")
    return (x if flags else copy(x, order=order)) if x.ndim else x[None]


def _finite(x: Any, dtype: Any = None, order: Any = None) -> Any:
    """np.asarray_chkfinite; a compiled function checks in each run that all numbers are finite."""
    if not BUFFERED.get() or not is_recorded(x):
        return np.asarray_chkfinite(plain_of(x), dtype, order)
    made = _of_list(np.asarray, False)(x, dtype, order=order)
    if made.dtype.kind in "fc" and not bool(np.all(np.isfinite(made))):
        raise ValueError("array must not contain infs or NaNs")
    return made


def _reader(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that reads numbers from a file or a text."""

    def standin(*args: Any, **kwargs: Any) -> Any:
        value = function(*args, **kwargs)
        if WRITTEN.get():
            _refuse_what_was_written(function.__name__, value)
        return _new(value, args) if BUFFERED.get() else value

    return StandIn(function, standin)


def _refuse_what_was_written(name: str, value: Any) -> None:
    if not hasattr(value, "files"):
        return refuse_reading(f"np.{name}", value)
    try:  # a file of np.savez
        for part in value.values():
            refuse_reading(f"np.{name}", part)
    except RecordingError:
        value.close()
        raise


READERS = ("load", "loadtxt", "genfromtxt", "fromfile", "fromstring", "frombuffer")
"""Functions that read an array from a file, a text or bytes."""


JOINS = ("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray")
"""Functions that make an array of a list."""


SEQUENCES = frozenset(
    "concatenate concat stack hstack vstack dstack column_stack block select choose piecewise broadcast_arrays "
    "meshgrid einsum einsum_path atleast_1d atleast_2d atleast_3d ix_ lexsort savez savez_compressed multi_dot "
    "angle".split()
)
"""Functions of lists of arrays, whose items NumPy's protocol checks; and angle, for which a list as `deg` is true."""


UNSEEN = frozenset(
    "full_like pad interp piecewise unwrap sum prod min max amin amax nansum nanprod nanmin nanmax var std nanvar "
    "nanstd".split()
)
"""Functions with arguments that NumPy's protocol does not check, such as `initial`: the answer is called directly."""
UNSEEN_WORDS = frozenset(
    [
        "full_like",
        "pad",
        "interp",
        "piecewise",
        "unwrap",
        "initial",
        "ddof",
        "correction",
        "nanstd",
        "nanvar",
        "asarray_chkfinite",
        "as_strided",
        *READERS,
    ]
)
"""What stands in code that calls one of them with such an argument: the function's own name, or the argument's."""


def standin_of(name: str, function: Any) -> Any:
    """The stand-in for a function of NumPy; None if it needs none."""
    if name.startswith("_") or isinstance(function, type) or not callable(function):
        return None
    if name in ("empty", "empty_like"):  # uninitialised memory would differ from run to run
        return StandIn(function, _standin(getattr(np, name.replace("empty", "zeros"))))
    if name == "as_strided":
        return StandIn(function, _strided)
    if name == "fromiter":
        return StandIn(function, _from_iterable)
    if name in READERS:
        return _reader(function)
    if name == "asarray_chkfinite":
        return StandIn(function, _finite)
    if name in JOINS:
        return _of_list(function, name == "array")
    return _standin(function, name not in SEQUENCES, name in UNSEEN)
