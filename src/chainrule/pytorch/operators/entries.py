"""Taking entries out of arrays, and putting others in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.pytorch.operators.conventions import NotCovered, cast, fixed, same_node
from chainrule.pytorch.operators.shapes import along, expand
from chainrule.step import record

__all__ = ["ENTRIES"]


def slice_(x, dim=0, start=None, end=None, step=1):
    part = slice(start, end, step)
    return x if part.indices(np.shape(x)[dim]) == (0, np.shape(x)[dim], 1) else along(x, dim, part)


def narrow(x, dim, start, length):
    start = int(start)
    return along(x, dim, slice(start, start + length if start >= 0 or start + length else None))


def _key(indices):
    return tuple(slice(None) if i is None else np.asarray(i) for i in indices)


def _places(index, dim):
    """NumPy's key for an index along one axis in the sense of PyTorch's `gather` and `scatter`."""
    grid = list(np.indices(index.shape, sparse=True))
    grid[dim % index.ndim] = index
    return tuple(grid)


def gather(x, dim, index, sparse_grad=False):
    return x[_places(index, dim)] if np.ndim(x) else x


def masked_select(x, mask):
    shape = np.broadcast_shapes(np.shape(x), mask.shape)
    return expand(x, shape)[np.broadcast_to(mask, shape)]


def _changed(x: Any, change: Callable[[Any], Any]) -> Any:
    """A recorded copy of x after a change in place."""
    made = same_node(x) if type(x) is Array else record(fixed, (x,))
    change(made)
    return made


def index_put(x, indices, values, accumulate=False):
    def change(made):
        if accumulate:
            np.add.at(made, _key(indices), values)
        else:
            made[_key(indices)] = values

    return _changed(x, change)


def scatter(x, dim, index, source, reduce=None):
    if reduce is not None:
        raise NotCovered(f"reduce={reduce!r}")
    key = _places(index, dim)
    source = source if np.ndim(source) == 0 else source[tuple(slice(n) for n in index.shape)]
    return _changed(x, lambda made: made.__setitem__(key, source))


def scatter_add(x, dim, index, source):
    key = _places(index, dim)
    return _changed(x, lambda made: np.add.at(made, key, source[tuple(slice(n) for n in index.shape)]))


def index_add(x, dim, index, source, alpha=1):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: np.add.at(made, key, source if alpha == 1 else alpha * source))


def index_copy(x, dim, index, source):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: made.__setitem__(key, source))


def select_scatter(x, source, dim, index):
    key = (slice(None),) * (dim % np.ndim(x)) + (index,)
    return _changed(x, lambda made: made.__setitem__(key, source))


def slice_scatter(x, source, dim=0, start=None, end=None, step=1):
    return select_scatter(x, source, dim, slice(start, end, step))


def copy_from(x, source, non_blocking=False):
    return expand(cast(source, x.dtype), np.shape(x))


def fill(x, value):
    return np.broadcast_to(cast(np.asarray(value) if type(value) is not Array else value, x.dtype), np.shape(x))


ENTRIES: dict[str, Callable[..., Any]] = {
    "select": along,
    "slice": slice_,
    "narrow": narrow,
    "index": lambda x, indices: x[_key(indices)],
    "index_select": lambda x, dim, index: np.take(x, index, axis=dim),
    "take": lambda x, index: np.ravel(x)[index],
    "gather": gather,
    "masked_select": masked_select,
    "index_put": index_put,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "index_add": index_add,
    "index_copy": index_copy,
    "select_scatter": select_scatter,
    "slice_scatter": slice_scatter,
    "copy": copy_from,
    "fill": fill,
    "zero": lambda x: fill(x, 0.0),
}
