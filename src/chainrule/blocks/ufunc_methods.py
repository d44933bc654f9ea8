"""Methods of ufuncs (reduce, accumulate, reduceat, outer, at), and ufuncs with two results.

As in NumPy, reduce and accumulate work along the first axis if none is given.

Ufuncs without a block of their own are reduced step by step, from the left, as NumPy defines it. With AVX-512
NumPy's own `power.reduce`, `arctan2.reduce` and their `reduceat` are wrong where the reduced axis is contiguous (seen
with NumPy 2.4).
"""

import math
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS, STEP_BY_STEP
from chainrule.array import Array, value_of
from chainrule.block import answers, axis_from_right
from chainrule.blocks.indexing.keys import full_key, write
from chainrule.blocks.integers import step
from chainrule.blocks.normalisation import logsumexp
from chainrule.blocks.plain import plain_of
from chainrule.blocks.reductions import axes_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError, RecordingError
from chainrule.node import at_line
from chainrule.step import owned
from chainrule.views import is_number

# Ufuncs with a block of their own ------------------------------------------------------------------------------------


def _prepared(array, dtype, out):
    if out is not None:
        raise BlockError("a method of a ufunc with out= and a recorded array: use the returned array" + at_line())
    array = as_array(array)
    return array if dtype is None else np.astype(array, dtype)


def _reduce(ufunc, function):
    @answers((ufunc, "reduce"))
    def numpy_ufunc_reduce(array, axis=0, dtype=None, out=None, keepdims=False, initial=None, where=True):
        array, where = _prepared(array, dtype, out), value_of(where)
        if not array.ndim:
            axis = None
        options = {"axis": axis, "keepdims": keepdims, "where": where}
        return function(array, **options, **({} if initial is None else {"initial": initial}))


_reduce(np.add, np.sum)
_reduce(np.multiply, np.prod)
_reduce(np.maximum, np.max)
_reduce(np.minimum, np.min)
_reduce(np.fmax, np.nanmax)
_reduce(np.fmin, np.nanmin)


def _reduce_from_neutral(ufunc, function, neutral):
    def reduce(array, axis, keepdims, where, initial=None):
        array = array if where is True else np.where(value_of(where), array, neutral)
        z = function(array, axis=axis, keepdims=keepdims)
        return z if initial is None else ufunc(z, initial)

    _reduce(ufunc, reduce)


_reduce_from_neutral(np.hypot, np.linalg.vector_norm, 0.0)
_reduce_from_neutral(np.logaddexp, logsumexp, -math.inf)


def _accumulate(ufunc, function):
    @answers((ufunc, "accumulate"))
    def numpy_ufunc_accumulate(array, axis=0, dtype=None, out=None):
        return function(_prepared(array, dtype, out), axis=axis)


def _running_extreme(ufunc):
    """The running extreme, read from its first occurrence, so that the first of a tie gets the gradient."""

    def running_extreme(a, axis):
        return owned(np.take_along_axis(a, step(lambda value: _first_met(ufunc, value, axis), a), axis))

    return running_extreme


def _first_met(ufunc, value, axis):
    """For each index along the axis, the index at which the extreme so far first occurs."""
    best = ufunc.accumulate(np.moveaxis(value, axis, -1), axis=-1)
    new = np.ones(best.shape, bool)
    now, before = best[..., 1:], best[..., :-1]
    new[..., 1:] = (now != before) & ~(np.isnan(now) & np.isnan(before))
    return np.moveaxis(np.maximum.accumulate(np.where(new, np.arange(best.shape[-1]), 0), axis=-1), -1, axis)


_accumulate(np.add, np.cumsum)
_accumulate(np.multiply, np.cumprod)
for _extreme in (np.maximum, np.minimum, np.fmax, np.fmin):
    _accumulate(_extreme, _running_extreme(_extreme))


# Any binary ufunc ----------------------------------------------------------------------------------------------------


def _running(ufunc, rows, z=None, where=None):
    """The results so far, along the first axis, from the first entry to the last."""
    for i in range(rows.shape[0]):
        here = True if where is None else where[i]
        z = rows[i] if z is None else ufunc(z, rows[i]) if np.all(here) else np.where(here, ufunc(z, rows[i]), z)
        yield z


def _fold(ufunc):
    def reduce(array, axis, keepdims, where, initial=None):
        axes = sorted(axes_of(axis_from_right(axis, array.ndim)))
        if len(axes) > 1 and ufunc.identity is None:
            raise BlockError(f"numpy.{ufunc.__name__}.reduce has an order, so it goes along one axis" + at_line())
        if initial is None and (where is not True or 0 in [array.shape[i] for i in axes]):
            raise BlockError(f"numpy.{ufunc.__name__}.reduce of nothing, or with where=, needs initial=" + at_line())
        rest = [i for i in range(-array.ndim, 0) if i not in axes]
        kept = tuple(array.shape[i] for i in rest)
        rows, where = (
            np.reshape(np.transpose(a, axes + rest), (math.prod(array.shape[i] for i in axes), *kept))
            for a in (array, np.broadcast_to(value_of(where), array.shape))
        )
        if initial is not None:
            initial = initial if isinstance(initial, Array) else np.asarray(initial, rows.dtype)
            initial = np.broadcast_to(initial, kept)
        *_, z = _running(ufunc, rows, initial, where)
        shape = tuple(1 if i in axes else n for i, n in zip(range(-array.ndim, 0), array.shape, strict=True))
        return owned(np.reshape(z, shape) if keepdims else z)

    _reduce(ufunc, reduce)
    STEP_BY_STEP.add((ufunc, "reduce"))


def _fold_running(ufunc):
    def accumulate(array, axis):
        rows = np.moveaxis(array, axis, 0)
        return np.stack(list(_running(ufunc, rows)), axis=axis) if rows.shape[0] else array

    _accumulate(ufunc, accumulate)
    STEP_BY_STEP.add((ufunc, "accumulate"))


def _outer(ufunc):
    @answers((ufunc, "outer"))
    def numpy_ufunc_outer(a, b, **others):
        a, b = as_array(a), as_array(b)
        return ufunc(np.reshape(a, a.shape + (1,) * b.ndim), b, **others)


def _reduceat(ufunc):
    @answers((ufunc, "reduceat"))
    def numpy_ufunc_reduceat(array, indices, axis=0, dtype=None, out=None):
        """reduceat: each result reduces the entries from one index to the next; one entry if that is not greater."""
        array = _prepared(array, dtype, out)
        rows = np.moveaxis(array, axis, 0)
        starts = [int(i) for i in np.asarray(value_of(indices))]
        stops = [*starts[1:], rows.shape[0]]
        if any(not 0 <= start < rows.shape[0] for start in starts):
            raise IndexError(f"the indices {starts} of reduceat for an axis of length {rows.shape[0]}{at_line()}")
        parts = [
            ufunc.reduce(rows[start:stop], axis=0) if start + 1 < stop else rows[start]
            for start, stop in zip(starts, stops, strict=True)
        ]
        return np.moveaxis(np.stack(parts), 0, axis)


def _at(ufunc):
    @answers((ufunc, "at"))
    def numpy_ufunc_at(a, indices, *b):
        """x[key] = ufunc(x[key], b), one after the other where an entry is indexed several times."""
        if not isinstance(a, Array):
            raise RecordingError(
                f"np.{ufunc.__name__}.at of a recorded array into a plain one would lose its gradient" + at_line()
            )
        if is_number(a):
            raise RecordingError(f"np.{ufunc.__name__}.at of a number, which cannot be written into" + at_line())
        places = np.arange(a.size).reshape(a.shape)[full_key(indices, a.shape)]
        others = [np.ravel(np.broadcast_to(x, places.shape)) for x in b]
        places = places.ravel()
        flat: Any = np.ravel(a)
        for turn in _turns(places):
            flat = write(flat, ufunc(flat[places[turn]], *(x[turn] for x in others)), (places[turn],))
        flat = np.reshape(flat, a.shape)
        a._write(flat)


def _turns(places):
    """The positions handled in each turn, so that none occurs twice in one turn."""
    order = np.argsort(places, kind="stable")
    ordered = places[order]
    new = np.ones(len(places), bool)
    new[1:] = ordered[1:] != ordered[:-1]
    first = np.maximum.accumulate(np.where(new, np.arange(len(places)), 0)) if len(places) else order
    turn = np.empty(len(places), int)
    turn[order] = np.arange(len(places)) - first
    return [np.flatnonzero(turn == i) for i in range(turn.max() + 1 if len(places) else 0)]


def _of_values(ufunc):
    """The answer for methods of step functions, which have no gradient: NumPy's method runs on the values."""
    for method in ("reduce", "accumulate", "reduceat"):

        @answers((ufunc, method))
        def numpy_ufunc_method(array, *args, _method=getattr(ufunc, method), **kwargs):
            return _method(plain_of(array), *map(plain_of, args), **plain_of(kwargs))


for _ufunc, _answer in list(ANSWERS.items()):
    if not isinstance(_ufunc, np.ufunc) or _ufunc.signature is not None or _ufunc.nout > 1:
        continue
    if (_ufunc, "at") not in ANSWERS:
        _at(_ufunc)
    if _ufunc.nin == 2:
        _outer(_ufunc)
        if getattr(_answer, "differentiable", True):
            _reduceat(_ufunc)
            if (_ufunc, "reduce") not in ANSWERS:
                _fold(_ufunc)
                STEP_BY_STEP.add((_ufunc, "reduceat"))
            if (_ufunc, "accumulate") not in ANSWERS:
                _fold_running(_ufunc)
        else:
            _of_values(_ufunc)


@answers((np.subtract, "at"))
def numpy_subtract_at(a, indices, b):
    """np.subtract.at: x[key] −= v, where an entry that is indexed several times loses the sum."""
    b = as_array(b)
    np.add.at(a, indices, -np.astype(b, np.result_type(a, b)))


# Ufuncs with two results ---------------------------------------------------------------------------------------------


@answers(np.modf)
def numpy_modf(x):
    """np.modf: the fractional part, and the integral part, which is a step function."""
    whole = np.trunc(x)
    return np.where(np.isinf(x), 0.0, x - np.where(np.isinf(x), 0.0, whole))[()], whole


@answers(np.divmod)
def numpy_divmod(x1, x2):
    return np.floor_divide(x1, x2), np.remainder(x1, x2)


@answers(np.frexp)
def numpy_frexp(x):
    """np.frexp: x = m 2^e, with integers e."""
    exponent = step(lambda value: np.frexp(value)[1], x)
    return np.ldexp(x, -exponent), exponent
