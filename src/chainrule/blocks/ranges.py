"""Ranges with recorded end points: linspace, logspace, geomspace."""

import operator

import numpy as np

from chainrule.array import Array
from chainrule.block import answers
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line


@answers(np.linspace)
def numpy_linspace(start, stop, num=50, endpoint=True, retstep=False, dtype=None, axis=0, *, device=None):
    """np.linspace: evenly spaced numbers from start to stop."""
    start, stop = _in_common(start, stop)
    shares, steps = _shares(num, endpoint)
    shares = np.reshape(shares, (-1, *(1,) * max(start.ndim, stop.ndim)))
    z = np.where(shares == 1, stop, start + (stop - start) * np.astype(shares, np.finfo(start.dtype).dtype))
    if dtype is not None and np.issubdtype(dtype, np.integer):
        z = np.floor(z)
    z = _finished(z, dtype, axis)
    return (z, (stop - start) / steps if steps else np.nan) if retstep else z


def _in_common(start, stop):
    """Both as arrays of the same floating dtype; a Python number takes the dtype of the other."""
    ends = [a if isinstance(a, Array | int | float | complex) else np.asarray(a) for a in (start, stop)]
    dtype = np.result_type(*ends, 0.0)
    return [np.astype(as_array(a), dtype) for a in ends]


def _shares(num, endpoint):
    num = operator.index(num)
    if num < 0:
        raise BlockError(f"a range of {num} numbers" + at_line())
    return np.linspace(0.0, 1.0, num, endpoint), num - 1 if endpoint else num


def _finished(z, dtype, axis):
    z = z if dtype is None else np.astype(z, dtype)
    return np.moveaxis(z, 0, axis) if axis else z


@answers(np.logspace)
def numpy_logspace(start, stop, num=50, endpoint=True, base=10.0, dtype=None, axis=0):
    """np.logspace: powers of the base, the exponents evenly spaced. The base may be recorded too."""
    ndim = max(np.ndim(a) for a in (start, stop, base))
    if np.ndim(base):
        base = np.reshape(base, (1,) * (1 + ndim - np.ndim(base)) + np.shape(base))
        start, stop = (as_array(a) for a in (start, stop))  # no longer a Python number
    start, stop = (np.reshape(a, (1,) * (ndim - a.ndim) + a.shape) for a in _in_common(start, stop))
    return _finished(np.power(base, numpy_linspace(start, stop, num, endpoint)), dtype, axis)


@answers(np.geomspace)
def numpy_geomspace(start, stop, num=50, endpoint=True, dtype=None, axis=0):
    """np.geomspace: start (stop / start)^t in double precision; for complex numbers a logarithmic spiral."""
    wanted = np.result_type(np.float64, np.float64 if dtype is None else dtype)  # a complex one makes a spiral
    start, stop = (np.astype(a, np.result_type(a.dtype, wanted)) for a in _in_common(start, stop))
    if bool(np.any(start == 0)) or bool(np.any(stop == 0)):
        raise BlockError("a geometric range cannot begin or end with 0" + at_line())
    shares, _ = _shares(num, endpoint)
    shares = np.reshape(shares, (-1, *(1,) * max(start.ndim, stop.ndim)))
    between = start * (stop / start) ** np.astype(shares, np.finfo(start.dtype).dtype)
    z = np.where(shares == 0, start, np.where(shares == 1, stop, between))
    return _finished(z, dtype, axis)
