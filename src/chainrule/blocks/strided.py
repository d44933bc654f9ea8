"""Strides: windows as `np.lib.stride_tricks.as_strided` takes them, by the places of entries in NumPy's memory."""

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.array import Array
from chainrule.block import answers
from chainrule.blocks.plain import plain_of
from chainrule.errors import RecordingError
from chainrule.layout import laid_out_as
from chainrule.node import at_line
from chainrule.step import read_only
from chainrule.views import EntriesStep, View

__all__: list[str] = []


def _memory(x):
    """The array whose memory x shares, with the positions of its entries: as they lie there, and as x shows them.

    NumPy has the memory of neither. The positions lie as the entries would, and x is the same view of them.
    """
    root, seen, steps = x._view if x._view is not None else View(x, x._own, ())
    value = root._own.value
    known = steps is not None and not x._unsure and isinstance(value, np.ndarray) and value.dtype == x.dtype
    if known and np.subtract(*np.lib.array_utils.byte_bounds(value)[::-1]) == value.nbytes:  # without gaps
        places = laid_out_as(np.arange(value.size).reshape(value.shape), value)
        shown = places
        for step in steps or ():
            shown = step(shown)
        if isinstance(shown, np.ndarray) and np.may_share_memory(shown, places):
            return root, seen, places, shown
    raise RecordingError(
        "the strides of this array are not known; windows are np.lib.stride_tricks.sliding_window_view(x, n), and "
        "other places are x.ravel()[i[:, None] + j]" + at_line()
    )


def _strides(x: Array) -> tuple[int, ...]:
    """As ndarray.strides: those of NumPy's array."""
    *_, shown = _memory(x)
    return tuple(s // shown.itemsize * x.itemsize for s in shown.strides)


@answers(as_strided)
def numpy_as_strided(x, shape=None, strides=None, subok=False, writeable=True, **options):
    """np.lib.stride_tricks.as_strided: a view of the memory of x; none of its entries may lie outside of it."""
    root, seen, places, shown = _memory(x)
    shape, strides = plain_of(shape), plain_of(strides)
    shape = x.shape if shape is None else tuple(np.atleast_1d(shape).tolist())
    steps = shown.strides if strides is None else tuple(s * shown.itemsize // x.itemsize for s in strides)
    in_entries = strides is None or all(s % x.itemsize == 0 for s in strides)
    if not in_entries or not _lies_within(places, shown, shape, steps):
        raise RecordingError(
            f"as_strided with shape {shape} and strides {strides} reads beyond the entries of its array" + at_line()
        )
    taken = EntriesStep(as_strided(shown, shape, steps).copy())
    made = taken(root)
    made._view = View(root, seen, (taken,))
    return made if writeable else read_only(made)


def _lies_within(places, shown, shape, strides):
    """Whether an array at the address of `shown` with this shape and these strides lies in the memory of `places`."""
    if 0 in shape:
        return True
    lowest, end = np.lib.array_utils.byte_bounds(places)
    ends = [(n - 1) * s for n, s in zip(shape, strides, strict=True)]
    start = shown.__array_interface__["data"][0]
    return lowest <= start + sum(min(e, 0) for e in ends) and start + sum(max(e, 0) for e in ends) < end


Array.strides = property(_strides)
