"""NumPy's own value: the recorded result of a call has the value, dtype and kind that NumPy's function gives.

The *answer* for a function of NumPy (see `answers.py`) defines how it is differentiated and compiled, and may round
differently. So NumPy's own function runs too, on the plain values, and the recorded result adopts its value.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, full_name, recorded_constant, under_another_value
from chainrule.array import WATCHER, Array, read_by_error
from chainrule.errors import BlockError
from chainrule.layout import copied_as_it_lies
from chainrule.libraries import NUMPY, PYTHON, dtype_of
from chainrule.node import Node, at_line, now
from chainrule.step import explained, raises_no_error
from chainrule.views import is_entry
from chainrule.warnings_of_numpy import ALL

__all__ = ["HAVE_DTYPE", "NotNumPy", "answered", "plain"]

HAVE_DTYPE = NUMPY - PYTHON - {type(None)}
"""Types of NumPy's values that have a dtype."""


class NotNumPy(Exception):
    """An argument is not of NumPy's types, so NumPy's own function cannot compute the value."""


def answered(
    handler: Any,
    what: Any,
    run: Any,
    args: Any,
    kwargs: Any,
    writes: bool = False,
    own_value: bool = False,
    converts: bool = False,
) -> Any:
    """The result of the answer for a function of NumPy, with the value that NumPy's own function gives.

    NumPy's function runs first, on the plain values, and its errors and warnings reach the user. The answer then
    records how to differentiate and compile it, and may compute in another way; the recorded result adopts NumPy's
    value, to the bit, with its dtype and its kind (a number or an array without axes).

    Parameters
    ----------
    what : the function of NumPy that was called, or its name.
    run : NumPy's function, on plain arguments.
    writes : whether it writes into an argument; then it gets copies of all.
    own_value : whether the answer's own value stays, in NumPy's dtype.
    converts : whether the function converts its arguments to the precision of its result, as SciPy's compiled ones do.
    """
    if _ANSWERING.get():
        return handler(*args, **kwargs)
    try:
        plain_args = [plain(arg) for arg in args]
        plain_kwargs = plain(kwargs) if kwargs else kwargs
    except NotNumPy:
        return handler(*args, **kwargs)
    if writes:
        plain_args, plain_kwargs = _copies(plain_args), _copies(plain_kwargs)
    try:
        value = run(*plain_args, **plain_kwargs)
    except Exception as error:
        read_by_error(args, kwargs)
        again = None if plain_kwargs else lambda others: run(*others)
        raise explained(error, _name(what), plain_args, again) from error
    if _has_no_entries(args):
        return _constants(value)
    if WATCHER.get() is not None:
        raises_no_error((args, kwargs))
    start = now()
    answering = _ANSWERING.set(True)
    try:
        if converts:
            args, kwargs = _in_precision_of(value, args), _in_precision_of(value, kwargs)
        result = ALL.ignored_in(handler, args, kwargs)  # NumPy has warned
        if _is_coarser(result, value) and not writes:  # NumPy has computed in a wider dtype than the arguments have
            args, kwargs = _in_precision_of(value, args), _in_precision_of(value, kwargs)
            result = ALL.ignored_in(handler, args, kwargs)
    finally:
        _ANSWERING.reset(answering)
    if writes and type(args[0]) is Array and args[0]._view is None and args[0]._own.order > start:
        _adopted(args[0], plain_args[0], start, what)  # the argument that was written into
    if own_value:
        return result if result.dtype == value.dtype else ANSWERS[np.astype](result, value.dtype)
    return _adopted(result, value, start, what)


def _name(what: Any) -> str:
    return what if isinstance(what, str) else full_name(what)


_ANSWERING: ContextVar[bool] = ContextVar("_ANSWERING", default=False)
"""Whether an answer with a known value is running: NumPy then does not compute the values of its steps."""


def plain(x: Any) -> Any:
    """An argument of a NumPy function with the values of recorded arrays; `WATCHER` is not told of these reads."""
    kind = type(x)
    if kind is Array:
        x = np.asarray(x._node.value) if is_entry(x) else x._node.value
        kind = type(x)
    if kind in NUMPY:
        if kind is np.ndarray and x.dtype.kind == "O":
            raise NotNumPy
        return x
    if kind is tuple or kind is list:
        return kind([plain(part) for part in x])
    if kind is dict:
        return {key: plain(part) for key, part in x.items()}
    if kind in _DESCRIBING or isinstance(x, np.dtype | type):
        return x
    raise NotNumPy


def _copies(x: Any) -> Any:
    """Plain arguments with copies of the arrays, in the same memory order, and read-only where the originals are."""
    if type(x) is np.ndarray:
        return copied_as_it_lies(x)
    if type(x) is tuple or type(x) is list:
        return type(x)([_copies(part) for part in x])
    return {key: _copies(part) for key, part in x.items()} if type(x) is dict else x


_DESCRIBING = frozenset([str, slice, range, type(Ellipsis), type(np._NoValue)])
"""Types of arguments that hold no numbers to compute with."""


def _has_no_entries(args: Any) -> bool:
    """Whether there are recorded arrays among the arguments, and all are empty: nothing can be differentiated."""
    found = False
    for arg in args:
        if type(arg) is Array:
            found = True
            if getattr(arg._own.value, "size", 1):
                return False
        elif type(arg) is list or type(arg) is tuple:
            recorded = [x for x in arg if type(x) is Array]
            if any(getattr(x._own.value, "size", 1) for x in recorded):
                return False
            found = found or bool(recorded)
    return found


def _constants(value: Any) -> Any:
    """NumPy's result of empty arrays, recorded."""
    if isinstance(value, tuple | list):
        parts = [_constants(part) for part in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return recorded_constant(value) if type(value) in HAVE_DTYPE and value.dtype.kind in "fc" else value


def _needs_its_own(node: Node, value: Any, start: int) -> bool:
    """Whether a step must keep the value of its rule, so that NumPy's stands on a node of its own.

    It must if the rule expects a value of another type, and if its backward rule looks for the result among entries
    that the answer has computed, in which NumPy's may not be to the last digit. Digits do not decide: recordings of a
    function have the same steps whatever its numbers are.
    """
    if type(value) is not type(node.value):
        return True
    return node.block.picks and any(type(x) is Node and x.order > start for x in node.inputs)


def _resolution(value: Any) -> float:
    """The distance of neighbouring numbers at 1, of the finest of several values; infinite without real numbers."""
    if isinstance(value, tuple | list):
        return min(map(_resolution, value), default=np.inf)
    known = type(value) is Array or type(value) in HAVE_DTYPE or type(value) in PYTHON
    dtype = dtype_of(value) if known else None
    return float(np.finfo(dtype).eps) if dtype is not None and dtype.kind in "fc" else np.inf


def _is_coarser(result: Any, value: Any) -> bool:
    """Whether a recorded result has a narrower floating-point dtype than NumPy's, so that a compiled one would too."""
    if isinstance(result, tuple | list):
        both = isinstance(value, tuple | list) and len(result) == len(value)
        return both and any(map(_is_coarser, result, value))
    return type(result) is Array and np.inf > _resolution(result) > _resolution(value)


def _in_precision_of(value: Any, x: Any) -> Any:
    """An argument with its real and complex numbers in the precision of a value."""
    if isinstance(x, tuple | list) and not hasattr(x, "_fields"):
        return type(x)([_in_precision_of(value, part) for part in x])
    if type(x) is dict:
        return {key: _in_precision_of(value, part) for key, part in x.items()}
    if (type(x) is not Array and type(x) not in HAVE_DTYPE) or _resolution(value) in (np.inf, _resolution(x)):
        return x
    if x.dtype.kind not in "fc":
        return x
    wide = next(d for d in _PRECISIONS if float(np.finfo(d).eps) == _resolution(value))
    dtype = np.result_type(wide, np.complex64) if x.dtype.kind == "c" else wide
    return ANSWERS[np.astype](x, dtype) if type(x) is Array else x.astype(dtype)


_PRECISIONS: list[np.dtype[Any]] = [np.dtype(kind) for kind in "dfeg"]


def _adopted(result: Any, value: Any, start: int, what: Any) -> Any:
    """A recorded result (or several) with NumPy's value. `start` is an order number before its nodes."""
    kind = type(result)
    if kind is Array:
        dtype = dtype_of(value) if type(value) in HAVE_DTYPE or type(value) in PYTHON else np.dtype(object)
        if dtype.kind != "O" and result._own.order > start:
            if result.shape != (shape := getattr(value, "shape", ())):
                raise BlockError(
                    f"{_name(what)}: what is recorded has the shape {result.shape}, NumPy's result {shape}; "
                    f"this is a fault of chainrule, please report it{at_line()}"
                )
            if result.dtype != dtype:
                result = ANSWERS[np.astype](result, dtype)
            if result._view is None and dtype.kind in "fc" and _needs_its_own(result._own, value, start):
                result._own = under_another_value(result, value)._own  # in place: it may be an operand
            else:
                result._own.value = value
        return result
    if kind is np.ndarray and result.dtype.kind == "O":
        return result
    if kind in NUMPY and type(value) in HAVE_DTYPE:
        return value
    if isinstance(result, tuple | list) and isinstance(value, tuple | list) and len(result) == len(value):
        parts = [_adopted(part, own, start, what) for part, own in zip(result, value, strict=True)]
        return kind(*parts) if hasattr(kind, "_fields") else kind(parts)
    return result
