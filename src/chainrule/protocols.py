"""NumPy's protocols: NumPy passes calls with recorded arrays to the *answers* of its functions, which record them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from chainrule.answers import (
    ANSWERS,
    AS_NUMPY,
    SAME_LAYOUT,
    STEP_BY_STEP,
    WRITES,
    answer,
    full_name,
    no_block_for,
    recorded_constant,
)
from chainrule.array import Array, joined, node_of, value_of
from chainrule.errors import RecordingError
from chainrule.foreign_calls import refused_by_torch
from chainrule.layout import is_contiguous, laid_out_as
from chainrule.libraries import PLAIN
from chainrule.node import NO_PARAMS, at_line
from chainrule.numpy_value import HAVE_DTYPE, NotNumPy, answered, plain
from chainrule.operands import ComputesItself, check_argument
from chainrule.step import explained, record
from chainrule.targets import refused_write, target_of_write
from chainrule.views import is_number

__all__ = ["call"]

# Functions -------------------------------------------------------------------------------------------------


_COMMON = frozenset([Array, np.ndarray])


def array_function(self: Array, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
    if _COMMON.issuperset(types):
        return call(function, *args, **kwargs)
    if not all(issubclass(kind, (Array, np.ndarray)) or hasattr(kind, "__array_namespace__") for kind in types):
        return NotImplemented  # the other class may hold recorded arrays; an array library's class cannot
    if any(kind is not Array and kind is not np.ndarray and issubclass(kind, np.ndarray) for kind in types):
        for x in _with_parts((*args, *kwargs.values())):
            check_argument(x)
    return call(function, *args, **kwargs)


def _with_parts(args: tuple[Any, ...]) -> Iterator[Any]:
    """Plain arguments, and the items of lists and tuples among them."""
    for x in args:
        if isinstance(x, (list, tuple)):
            yield from _with_parts(tuple(x))
        elif type(x) is not Array:
            yield x


_NEED_NO_CHECK = PLAIN | {tuple, list, dict, str, slice, type}
"""Types of arguments that NumPy takes unchanged."""


def call(function: Any, *args: Any, **kwargs: Any) -> Any:
    """Call the answer for a function of NumPy."""
    if "out" in kwargs:
        out = kwargs["out"]
        kwargs = {key: value for key, value in kwargs.items() if key != "out"}
        if out is not None:
            return _into(out, full_name(function), function, None, args, kwargs)
    handler = answer(function)
    if handler is None:
        raise no_block_for(full_name(function))
    for arg in (*args, *kwargs.values()) if kwargs else args:
        if type(arg) not in _NEED_NO_CHECK and type(arg) is not Array:
            if issubclass(
                type(arg), Array
            ):  # a buffer in an argument that NumPy's protocol does not check, such as rcond
                return call(function, *map(_settled, args), **{key: _settled(x) for key, x in kwargs.items()})
            check_argument(arg)
    if function in AS_NUMPY:
        result = handler(*args, **kwargs)
    else:
        result = answered(handler, function, function, args, kwargs, function in WRITES)
    if function not in SAME_LAYOUT and not hasattr(handler, "forward"):
        for made in result if type(result) is not Array and isinstance(result, tuple | list) else (result,):
            if type(made) is Array and made._view is None and not any(made is arg for arg in args):
                made._unsure = not is_contiguous(made._own.value)
    return result


def _settled(arg: Any) -> Any:
    return arg.settled() if type(arg) is not Array and isinstance(arg, Array) else arg


# Ufuncs ----------------------------------------------------------------------------------------------------


def array_ufunc(self: Array, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
    if len(inputs) == 1 and not kwargs and method == "__call__" and _dtype_of(self) in _FLOATING:  # most often
        block = ANSWERS.get(ufunc)
        if hasattr(block, "forward"):
            return record(block, inputs, NO_PARAMS, ufunc)
    try:
        return _ufunc(ufunc, method, inputs, kwargs)
    except ComputesItself:
        if any(getattr(type(x), "__array_ufunc__", None) and not isinstance(x, (Array, np.ndarray)) for x in inputs):
            return NotImplemented
        raise


def _ufunc(ufunc: Any, method: str, inputs: Any, kwargs: Any) -> Any:
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
        if method == "__call__" and {*"".join(ufunc.types)} == {*"O->"} and not kwargs:  # of np.frompyfunc
            return joined(ufunc(*(np.asarray(x) for x in inputs)))
        raise no_block_for(name)
    if method != "__call__":
        run = getattr(ufunc, method)
        return answered(handler, name, run, inputs, kwargs, method == "at", (ufunc, method) in STEP_BY_STEP)
    _must_be_covered(handler, name, kwargs)
    return answered(partial(_in_the_loop, ufunc, handler), name, ufunc, inputs, kwargs)


_ABOUT_DTYPES = frozenset(["dtype", "casting", "order", "subok"])


def _must_be_covered(handler: Any, name: str, options: dict[str, Any]) -> None:
    """Raise for keyword arguments of a ufunc that the answer does not take; those about dtypes are handled here."""
    taken = () if hasattr(handler, "forward") else handler.__code__.co_varnames
    if refused := [key for key in options if key not in _ABOUT_DTYPES and key not in taken]:
        hint = "; where= needs out= too, for what is not computed" if "where" in refused else ""
        raise RecordingError(
            f"{name} with {', '.join(f'{key}=' for key in refused)} is not covered for recorded arrays{hint}{at_line()}"
        )


def _in_the_loop(ufunc: Any, handler: Any, *inputs: Any, dtype: Any = None, **options: Any) -> Any:
    """Call the answer for a ufunc on operands in the dtypes in which the ufunc computes with dtype=."""
    inputs = _as_the_loop_takes(ufunc, inputs, dtype)
    return handler(*inputs, **{key: value for key, value in options.items() if key not in _ABOUT_DTYPES})


def _as_the_loop_takes(ufunc: Any, inputs: Any, dtype: Any = None) -> Any:
    """The operands of a ufunc, cast to the dtypes in which NumPy or SciPy computes (mostly for integers and float16).

    Rules are written for floating-point numbers. Without the cast, compiled `expm1` of int8 would have three digits, −x
    of an unsigned integer would wrap, and float32 beside float64 would be computed with seven digits. `dtype` is the
    keyword argument.
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
    if type(x) in HAVE_DTYPE:
        kind, other = x.dtype.kind, dtype.kind
        wider = kind == other == "f" and x.dtype.itemsize < dtype.itemsize
        if wider or (kind in "ub" and other in "fc") or (kind != "c" and other == "c"):
            return x.astype(dtype)
    return complex(x) if type(x) in (int, float) and dtype.kind == "c" else x


def _dtype_of(x: Any) -> Any:
    """An operand's dtype, or the type of a number of Python; None if it is of another library."""
    if type(x) is Array:
        x = x._node.value
    kind = type(x)
    if kind in HAVE_DTYPE:
        return x.dtype
    return kind if kind in (int, float, complex) else np.dtype(bool) if kind is bool else None


_FLOATING = frozenset(map(np.dtype, "fdFD")) | {float, complex}
_MIXED = frozenset(map(np.dtype, "fd"))


# Results that are written into an array --------------------------------------------------------------------


def _into(out: Any, name: str, function: Any, method: str | None, args: Any, kwargs: Any) -> Any:
    """The result of a function of NumPy, written into `out`: a recorded array, if the result has a gradient."""
    run = function if method is None else getattr(function, method)
    if type(out) is not Array:
        if not isinstance(out, Array) and _have_no_gradient(args, kwargs):
            return run(*map(value_of, args), **{name: value_of(x) for name, x in kwargs.items()}, out=out)
        if (target := target_of_write()) is not None:
            raise RecordingError(refused_write(target))
        raise RecordingError(
            f"out= of {name} with a recorded array: the result belongs in a new array, or in a recorded one; "
            f"write z = {name.replace('numpy.', 'np.')}(…); a plain array y can hold it after y = np.array(y) in the "
            "function" + at_line()
        )
    if is_number(out):
        raise TypeError("return arrays must be of ArrayType" + at_line())
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


def _have_no_gradient(args: Any, kwargs: Any) -> bool:
    """Whether no recorded array among the arguments has a gradient (integers, booleans, …)."""
    recorded = [x for x in (*args, *kwargs.values()) if type(x) is Array]
    return bool(recorded) and not any(node_of(x).differentiable for x in recorded)


def _written_by_numpy(run: Any, name: str, args: Any, kwargs: Any, out: Array) -> Any:
    """A copy of `out` after NumPy's function has written into it; None if not all arguments are NumPy's."""
    try:
        plain_args, plain_kwargs, value = plain(args), plain(kwargs), plain(out)
    except NotNumPy:
        return None
    written = laid_out_as(value, value) if isinstance(value, np.ndarray) else np.array(value)
    try:
        run(*plain_args, **plain_kwargs, out=written)
    except Exception as error:
        raise explained(error, name, plain_args) from error
    return written


# PyTorch's protocol ----------------------------------------------------------------------------------------


def torch_function(cls: type, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """Called by PyTorch's functions; its operators take the error for NotImplemented, and Python asks Array."""
    raise refused_by_torch(function)


Array._call = staticmethod(call)
Array.__array_ufunc__ = array_ufunc
Array.__array_function__ = array_function
Array.__torch_function__ = classmethod(torch_function)  # type: ignore[attr-defined]
