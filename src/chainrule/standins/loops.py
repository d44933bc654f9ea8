"""Stand-ins for functions that are called for each entry (`np.vectorize(f)`), and for functions with a cache."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array, form_of
from chainrule.buffered import BUFFERED
from chainrule.standins.buffer import buffer, is_recorded, plain_of
from chainrule.standins.function import StandIn
from chainrule.standins.numpy_functions import joined
from chainrule.views import is_number

__all__ = ["CALLED_FOR_EACH", "LOOPS", "called_for_each"]

CACHED = type(functools.lru_cache(lambda: None))
CALLED_FOR_EACH = (np.vectorize, CACHED)
"""The types of objects that `called_for_each` has stand-ins for."""


def called_for_each(x: Any) -> StandIn | None:
    """The stand-in for an object of np.vectorize, or for a function with a cache; None for anything else."""
    if isinstance(x, np.vectorize):
        return _vectorized(x)
    if type(x) is CACHED:
        return StandIn(x, functools.partial(_without_cache, x))
    return None


def _without_cache(function: Any, *args: Any, **kwargs: Any) -> Any:
    """A call that does not use the cache for recorded numbers: an equal number has another gradient elsewhere."""
    recorded = is_recorded(args) or is_recorded(kwargs)
    return (function.__wrapped__ if recorded else function)(*args, **kwargs)


def _vectorized(vectorized: np.vectorize) -> StandIn:
    def call(*args: Any, **kwargs: Any) -> Any:
        recorded = is_recorded(args) or is_recorded(kwargs)
        if not recorded or vectorized.signature is not None:  # type: ignore[attr-defined]
            made = vectorized(*plain_of(args), **plain_of(kwargs))
            return buffer(made) if BUFFERED.get() else made
        names = [*range(len(args)), *kwargs]
        excluded = [i for i, name in enumerate(names) if name in vectorized.excluded]  # type: ignore[attr-defined]

        def of_values(*values: Any) -> Any:
            return vectorized.pyfunc(*values[: len(args)], **dict(zip(kwargs, values[len(args) :], strict=True)))

        results, shape = _results(of_values, (*args, *kwargs.values()), excluded)
        several = isinstance(results[0], tuple)
        columns = [*zip(*results, strict=True)] if several else [results]
        otypes = vectorized.otypes or [np.asarray(form_of(column[0])).dtype.char for column in columns]
        made = tuple(_array(column, shape, otype) for column, otype in zip(columns, otypes, strict=True))
        return made if several else made[0]

    return StandIn(vectorized, call)


def _from_function(function: Callable[..., Any], inputs: int, outputs: int, **options: Any) -> Any:
    """np.frompyfunc, whose results with recorded numbers are recorded arrays."""
    ufunc = np.frompyfunc(function, inputs, outputs, **options)

    def call(*args: Any, **kwargs: Any) -> Any:
        if not is_recorded(args) or kwargs:
            return ufunc(*plain_of(args), **kwargs)
        results, shape = _results(function, args, ())
        if not shape:
            return results[0]
        columns = [*zip(*results, strict=True)] if outputs > 1 else [results]
        made = tuple(_array(column, shape, None) for column in columns)
        return made if outputs > 1 else made[0]

    return StandIn(ufunc, call)


def _results(function: Callable[..., Any], args: Any, excluded: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The results for each entry of the arguments (as Python numbers), and the broadcast shape of the arguments."""
    given = {i: joined(x) for i, x in enumerate(args) if i not in excluded}
    arrays = {i: x if type(x) is Array else np.asarray(x) for i, x in given.items()}
    shape = np.broadcast_shapes(*(x.shape for x in arrays.values()))
    columns = {i: np.broadcast_to(x, shape).reshape(-1).tolist() for i, x in arrays.items()}
    results = []
    for place in range(int(np.prod(shape, dtype=int))):
        results.append(function(*(columns[i][place] if i in columns else arg for i, arg in enumerate(args))))
    return results, shape


def _array(results: Any, shape: tuple[int, ...], otype: str | None) -> Any:
    made = joined([*results]).reshape(shape) if shape else joined(results[0])
    if type(made) is Array and is_number(made):
        made = np.copy(made)  # an array without axes
    return made if otype in (None, "O") or made.dtype == np.dtype(otype) else made.astype(otype)


LOOPS: dict[Any, StandIn] = {
    np.vectorize: StandIn(np.vectorize, lambda *args, **kwargs: _vectorized(np.vectorize(*args, **kwargs))),
    np.frompyfunc: StandIn(np.frompyfunc, _from_function),
}
"""The stand-ins for the functions that make such functions."""
