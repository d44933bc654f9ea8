"""Writing into recorded arrays: put, place, putmask, copyto, put_along_axis, fill_diagonal; and np.insert.

NumPy itself decides where each value goes: its function writes positions into an array of positions, and the result
gathers the old and new entries by these positions. So every form of index, mask and broadcasting is NumPy's, and if a
position is written several times the last one counts.
"""

import numpy as np

from chainrule.array import Array, node_of, value_of
from chainrule.block import answers
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.views import is_number


def _read_from_both(a, values, places):
    """Entries of a by their positions, and entries of the values by positions that follow those of a."""
    both = np.concatenate([np.ravel(a), np.astype(np.ravel(values), a.dtype)])
    return both[places]


def _places(a, values):
    """The positions of the entries of a, and those of the values after them."""
    shape = np.shape(values)
    old = np.arange(a.size).reshape(a.shape)
    return old, a.size + np.arange(np.prod(shape, dtype=int)).reshape(shape)


def _write(function, a, values, write, *where):
    """Update a as NumPy's function does; `write(old, new, *where)` writes the positions."""
    if not isinstance(a, Array):
        if isinstance(values, Array) and node_of(values).differentiable:
            raise RecordingError(
                f"np.{function.__name__} of a recorded array into a plain one would lose its gradient; "
                "make the array with np.zeros_like(x), or np.empty(shape, like=x), of a recorded x" + at_line()
            )
        write(a, value_of(values), *map(value_of, where))
        return
    if is_number(a):
        raise RecordingError(f"np.{function.__name__} into a number, which cannot be written into" + at_line())
    values = as_array(values)
    old, new = _places(a, values)

    def places(*where):
        written = old.copy()
        write(written, new, *where)
        return written

    a._write(_read_from_both(a, values, step(places, *where)))


@answers(np.put)
def numpy_put(a, ind, v, mode="raise"):
    _write(np.put, a, v, lambda old, new, ind: np.put(old, ind, new, mode), ind)


@answers(np.place)
def numpy_place(arr, mask, vals):
    _write(np.place, arr, vals, lambda old, new, mask: np.place(old, mask, new), mask)


@answers(np.putmask)
def numpy_putmask(a, mask, values):
    _write(np.putmask, a, values, lambda old, new, mask: np.putmask(old, mask, new), mask)


@answers(np.copyto)
def numpy_copyto(dst, src, casting="same_kind", where=True):
    if casting != "same_kind" and isinstance(dst, Array):
        raise RecordingError(f"np.copyto with casting={casting!r} into a recorded array is not covered" + at_line())
    _write(np.copyto, dst, src, lambda old, new, where: np.copyto(old, new, casting, where), where)


@answers(np.put_along_axis)
def numpy_put_along_axis(arr, indices, values, axis):
    _write(np.put_along_axis, arr, values, lambda old, new, at: np.put_along_axis(old, at, new, axis), indices)


@answers(np.fill_diagonal)
def numpy_fill_diagonal(a, val, wrap=False):
    _write(np.fill_diagonal, a, val, lambda old, new: np.fill_diagonal(old, new, wrap))


@answers(np.insert)
def numpy_insert(arr, obj, values, axis=None):
    arr, values = as_array(arr), as_array(values)
    old, new = _places(arr, values)
    return _read_from_both(arr, values, np.insert(old, value_of(obj), new, axis))
