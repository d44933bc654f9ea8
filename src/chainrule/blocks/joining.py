"""Joining, splitting and repeating arrays. The backward rule takes each array's part of the gradient."""

import numpy as np

from chainrule.array import Array
from chainrule.block import answers, axis_from_right, library_block
from chainrule.block.dependence import moved
from chainrule.blocks.plain import plain_of
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call, vector
from chainrule.node import at_line
from chainrule.numpy_value import answered


@library_block(
    notation=lambda *xs, axis: call("concatenate", *xs),
    complex=True,
    example=example(normal(2, 2), normal(2, 1)),
    dependence=moved,
)
def concatenate(xp, *xs, axis=-1):
    """Arrays joined along an existing axis."""
    return xp.concat(xs, axis=axis)


@concatenate.backward
def concatenate_backward(xp, dz, z, *xs, axis=-1):
    stops = np.cumsum([x.shape[axis] for x in xs])
    after = (slice(None),) * (-1 - axis)
    return tuple(dz[(..., slice(int(b) - x.shape[axis], int(b)), *after)] for x, b in zip(xs, stops, strict=True))


def _stacked(*xs, axis):
    """[a, b], if the entries are numbers."""
    return call("stack", *xs) if any(x.shape for x in xs) else vector(*xs)


@library_block(notation=_stacked, complex=True, example=example(normal(3), normal(3)), dependence=moved)
def stack(xp, *xs, axis=-1):
    """Arrays of the same shape joined along a new axis, counted from the right in the result."""
    return xp.stack(xs, axis=axis + xs[0].ndim + 1 if hasattr(xs[0], "ndim") else 0)


@stack.backward
def stack_backward(xp, dz, z, *xs, axis=-1):
    after = (slice(None),) * (-1 - axis)
    return tuple(dz[(..., i, *after)] for i in range(len(xs)))


# NumPy's own signatures: each is one of the blocks above ---------------------------------------------------------


@answers(np.concatenate, np.concat)
def numpy_concatenate(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    _no_out(out, "concatenate")
    if dtype is None and axis is not None and _are_arrays(arrays):
        return _concatenate(arrays, axis)
    options = {"axis": axis, "dtype": dtype, "casting": casting}
    return answered(_concatenate, "numpy.concatenate", np.concatenate, (arrays,), options)


def _concatenate(arrays, axis=0, dtype=None, casting=None):
    arrays = _arrays(arrays, dtype)
    if axis is None:
        arrays, axis = [np.ravel(a) for a in arrays], 0
    return concatenate(*arrays, axis=axis_from_right(axis, arrays[0].ndim))


@answers(np.stack)
def numpy_stack(arrays, axis=0, out=None, *, dtype=None, casting="same_kind"):
    _no_out(out, "stack")
    if dtype is None and _are_arrays(arrays):
        return _stack(arrays, axis)
    options = {"axis": axis, "dtype": dtype, "casting": casting}
    return answered(_stack, "numpy.stack", np.stack, (arrays,), options)


def _stack(arrays, axis=0, dtype=None, casting=None):
    arrays = _arrays(arrays, dtype)
    return stack(*arrays, axis=axis_from_right(axis, arrays[0].ndim + 1))


def _are_arrays(arrays):
    """Whether there are arrays only, all with axes, and at least one. Numbers take the dtype of the arrays."""
    return (
        type(arrays) in (list, tuple)
        and len(arrays) > 0
        and all(type(a) in (Array, np.ndarray) and a.ndim for a in arrays)
    )


def _arrays(arrays, dtype):
    arrays = [as_array(a) for a in arrays]
    return arrays if dtype is None else [np.astype(a, dtype) for a in arrays]


@answers(np.vstack)
def numpy_vstack(tup, *, dtype=None, casting="same_kind"):
    return np.concatenate([np.atleast_2d(a) for a in tup], axis=0, dtype=dtype)


@answers(np.hstack)
def numpy_hstack(tup, *, dtype=None, casting="same_kind"):
    arrays = [np.atleast_1d(a) for a in tup]
    return np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1, dtype=dtype)


def _no_out(out, name):
    if out is not None:
        raise BlockError(f"numpy.{name}(out=…) with a recorded array: use the returned array" + at_line())


@answers(np.array_split)
def numpy_array_split(ary, indices_or_sections, axis=0):
    before, n = (slice(None),) * (axis % ary.ndim), ary.shape[axis]
    if np.ndim(indices_or_sections) == 0:
        sizes = [len(piece) for piece in np.array_split(np.arange(n), indices_or_sections)]
        stops = [int(stop) for stop in np.cumsum(sizes)]
    else:
        stops = [*(int(stop) for stop in indices_or_sections), n]
    return [ary[(*before, slice(start, stop))] for start, stop in zip([0, *stops[:-1]], stops, strict=True)]


@answers(np.split)
def numpy_split(ary, indices_or_sections, axis=0):
    if np.ndim(indices_or_sections) == 0 and ary.shape[axis] % indices_or_sections:
        raise BlockError(
            f"an axis of length {ary.shape[axis]} does not split evenly into {indices_or_sections}" + at_line()
        )
    return numpy_array_split(ary, indices_or_sections, axis)


@answers(np.tile)
def numpy_tile(A, reps):
    A = as_array(A)
    reps = tuple(int(n) for n in np.atleast_1d(plain_of(reps)))
    ndim = max(len(reps), A.ndim)
    A = np.reshape(A, (1,) * (ndim - A.ndim) + A.shape)
    reps = (1,) * (ndim - len(reps)) + reps
    return A[np.ix_(*(np.tile(np.arange(n), r) for n, r in zip(A.shape, reps, strict=True)))]


@answers(np.repeat)
def numpy_repeat(a, repeats, axis=None):
    a, repeats = as_array(a), plain_of(repeats)
    if axis is None or not a.ndim:
        a, axis = np.ravel(a), 0
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)


# Made of these ----------------------------------------------------------------------------------------------------


@answers(np.atleast_3d)
def numpy_atleast_3d(*arrays):
    made = tuple(_atleast_3d(a) for a in arrays)
    return made[0] if len(made) == 1 else made


def _atleast_3d(a):
    shape = np.shape(a)
    return a if len(shape) >= 3 else np.reshape(a, {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)])


@answers(np.column_stack)
def numpy_column_stack(tup):
    return np.concatenate([np.reshape(a, (-1, 1)) if np.ndim(a) < 2 else a for a in tup], axis=1)


@answers(np.dstack)
def numpy_dstack(tup):
    return np.concatenate([_atleast_3d(a) for a in tup], axis=2)


@answers(np.append)
def numpy_append(arr, values, axis=None):
    return np.concatenate([np.ravel(arr), np.ravel(values)] if axis is None else [arr, values], axis=axis or 0)


@answers(np.block)
def numpy_block(arrays):
    """np.block: nested lists; the innermost are joined along the last axis, the next along the one before, …"""
    if not isinstance(arrays, list):
        return np.copy(arrays)
    depth = _depth(arrays)
    ndim = max([depth, *(np.ndim(a) for a in _leaves(arrays))])
    return _joined(arrays, ndim, -depth)


def _depth(arrays):
    return 1 + max(map(_depth, arrays)) if isinstance(arrays, list) else 0


def _leaves(arrays):
    return [leaf for part in arrays for leaf in _leaves(part)] if isinstance(arrays, list) else [arrays]


def _joined(arrays, ndim, axis):
    if isinstance(arrays, list):
        return np.concatenate([_joined(part, ndim, axis + 1) for part in arrays], axis=axis)
    return np.reshape(arrays, (1,) * (ndim - np.ndim(arrays)) + np.shape(arrays))


@answers(np.vsplit)
def numpy_vsplit(ary, indices_or_sections):
    if ary.ndim < 2:
        raise BlockError(f"vsplit of an array of shape {ary.shape}; it takes 2 or more axes" + at_line())
    return np.split(ary, indices_or_sections, axis=0)


@answers(np.hsplit)
def numpy_hsplit(ary, indices_or_sections):
    if not ary.ndim:
        raise BlockError("hsplit of a number; it takes 1 or more axes" + at_line())
    return np.split(ary, indices_or_sections, axis=1 if ary.ndim > 1 else 0)


@answers(np.dsplit)
def numpy_dsplit(ary, indices_or_sections):
    if ary.ndim < 3:
        raise BlockError(f"dsplit of an array of shape {ary.shape}; it takes 3 or more axes" + at_line())
    return np.split(ary, indices_or_sections, axis=2)


@answers(np.unstack)
def numpy_unstack(x, /, *, axis=0):
    return tuple(np.moveaxis(x, axis, 0))
