"""Functions of NumPy whose result has no gradient: they answer with the plain array that NumPy gives."""

import numpy as np

from chainrule.array import Array, value_of
from chainrule.block import answers


def _of_values(function):
    @answers(function)
    def plain(*args, **kwargs):
        return function(*(value_of(a) for a in args), **{name: value_of(a) for name, a in kwargs.items()})

    return plain


for _function in (
    # what an array looks like
    np.shape,
    np.ndim,
    np.size,
    np.result_type,
    np.iscomplexobj,
    np.isrealobj,
    # a new array like this one
    np.zeros_like,
    np.ones_like,
    np.empty_like,
    # where something holds
    np.nonzero,
    np.flatnonzero,
    np.argwhere,
    np.searchsorted,
    np.isclose,
    np.allclose,
    np.array_equal,
):
    _of_values(_function)


@answers(np.full_like)
def numpy_full_like(a, fill_value, dtype=None, order="K", subok=True, shape=None):
    """np.full_like; a recorded fill value keeps its gradient."""
    made = np.zeros_like(value_of(a), dtype=dtype, order=order, shape=shape)
    if not isinstance(fill_value, Array):
        made[...] = fill_value
        return made
    return np.astype(np.broadcast_to(fill_value, made.shape), made.dtype)


@answers(np.real)
def numpy_real(val):
    """Recorded arrays are real."""
    return val
