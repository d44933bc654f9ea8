"""Methods of ufuncs: reduce, accumulate and outer. Like NumPy's, they work along the first axis if none is given."""

import numpy as np

from chainrule.array import ANSWERS, value_of
from chainrule.block import Elementwise, answers
from chainrule.blocks.reductions import logsumexp


def _method(ufunc, method, function):
    @answers((ufunc, method))
    def numpy_ufunc_method(array, axis=0, **others):
        return function(array, axis=axis, **others)


def _log_sum_exp(a, axis, keepdims=False):
    return logsumexp(a, axis=axis, keepdims=keepdims)


def _running_extreme(ufunc):
    """The best so far: read from where it was first met, so that a tie is the first's."""

    def running_extreme(a, axis):
        value = np.moveaxis(value_of(a), axis, -1)
        best = ufunc.accumulate(value, axis=-1)
        new = np.ones(value.shape, bool)
        new[..., 1:] = best[..., 1:] != best[..., :-1]
        positions = np.maximum.accumulate(np.where(new, np.arange(value.shape[-1]), 0), axis=-1)
        return np.take_along_axis(a, np.moveaxis(positions, -1, axis), axis)

    return running_extreme


_method(np.add, "reduce", np.sum)
_method(np.multiply, "reduce", np.prod)
_method(np.maximum, "reduce", np.max)
_method(np.minimum, "reduce", np.min)
_method(np.fmax, "reduce", np.nanmax)
_method(np.fmin, "reduce", np.nanmin)
_method(np.hypot, "reduce", lambda a, axis, keepdims=False: np.linalg.vector_norm(a, axis=axis, keepdims=keepdims))
_method(np.logaddexp, "reduce", _log_sum_exp)
_method(np.add, "accumulate", np.cumsum)
_method(np.multiply, "accumulate", np.cumprod)
_method(np.maximum, "accumulate", _running_extreme(np.maximum))
_method(np.minimum, "accumulate", _running_extreme(np.minimum))


def _outer(ufunc):
    @answers((ufunc, "outer"))
    def numpy_ufunc_outer(a, b, **others):
        return ufunc(np.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b, **others)


for _ufunc, _answer in list(ANSWERS.items()):
    if isinstance(_ufunc, np.ufunc) and isinstance(_answer, Elementwise) and _ufunc.nin == 2:
        _outer(_ufunc)


@answers((np.subtract, "at"))
def numpy_subtract_at(a, indices, b):
    """np.subtract.at: x[key] −= v, where an entry that is named several times loses the sum."""
    np.add.at(a, indices, -b)
