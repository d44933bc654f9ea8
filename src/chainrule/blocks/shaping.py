"""Shaping: the same entries in another arrangement. The backward rule puts the gradient's entries back."""

import math

import numpy as np

from chainrule.array import Array, form_of, joined
from chainrule.block import answers, axis_from_right, library_block, sum_to
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import moved
from chainrule.blocks.copies import numpy_copy, order_in_memory
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call, repeated, reshaped
from chainrule.libraries import is_foreign, is_numpy
from chainrule.node import at_line
from chainrule.step import owned


def as_array(a):
    """A recorded array unchanged, anything else as an array; recorded numbers in a list as one recorded array."""
    return a if isinstance(a, Array) or is_foreign(a) else joined(np.asarray(a))


def lead_of(dz, z):
    """K: the extra leading axes of a cotangent."""
    return dz.shape[: dz.ndim - z.ndim]


@library_block(
    bounds=of_operand,
    view=True,
    notation=reshaped,
    complex=True,
    example=example(normal(2, 3), shape=(3, 2)),
    dependence=moved,
)
def reshape(xp, x, shape=()):
    """The entries of x, in C order, in another shape."""
    return xp.reshape(x, shape)


reshape.may_copy = True


@reshape.backward
def reshape_backward(xp, dz, z, x, shape=()):
    return xp.reshape(dz, lead_of(dz, z) + x.shape)


@library_block(
    bounds=of_operand,
    view=True,
    notation=lambda x, axes: x.T if axes == tuple(range(-1, -x.ndim - 1, -1)) else call("transpose", x),
    complex=True,
    example=example(normal(2, 3), axes=(-1, -2)),
    dependence=moved,
)
def transpose(xp, x, axes=()):
    """The axes of x in another order; `axes` counted from the right."""
    return xp.permute_dims(x, tuple(a + x.ndim for a in axes))


@transpose.backward
def transpose_backward(xp, dz, z, x, axes=()):
    inverse = sorted(range(-len(axes), 0), key=lambda i: axes[i])
    extra = dz.ndim - z.ndim
    return xp.permute_dims(dz, (*range(extra), *(a + dz.ndim for a in inverse)))


def swapped(x):
    """The last two axes of x exchanged."""
    return transpose(x, axes=(*range(-x.ndim, -2), -1, -2))


@library_block(
    bounds=of_operand,
    view=True,
    notation=repeated,
    complex=True,
    example=example(normal(3), shape=(2, 3)),
    dependence=moved,
)
def broadcast_to(xp, x, shape=()):
    """x, repeated along new axes and along axes of length 1."""
    # With NumPy always a view: NUMPY_NAMESPACE's faster version copies small arrays.
    return np.broadcast_to(x, shape) if is_numpy(xp) else xp.broadcast_to(x, shape)


@broadcast_to.backward
def broadcast_to_backward(xp, dz, z, x, shape=()):
    return sum_to(xp, dz, x.shape, z.shape)


@library_block(
    bounds=of_operand,
    view=True,
    notation=lambda x, axis: call("flip", x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=moved,
)
def flip(xp, x, axis=None):
    """The entries in reverse order along the axes."""
    return xp.flip(x, axis=axis)


@flip.backward
def flip_backward(xp, dz, z, x, axis=None):
    return xp.flip(dz, axis=axis)


@library_block(
    notation=lambda x, shift, axis: call("roll", x),
    complex=True,
    example=example(normal(2, 3), shift=(1,), axis=(-1,)),
    dependence=moved,
)
def roll(xp, x, shift=(), axis=()):
    """The entries moved along the axes; entries that leave at one end come back at the other."""
    return xp.roll(x, shift, axis=axis)


@roll.backward
def roll_backward(xp, dz, z, x, shift=(), axis=()):
    return xp.roll(dz, tuple(-s for s in shift), axis=axis)


# NumPy's own signatures: each is one of the blocks above ---------------------------------------------------------


@answers(np.reshape)
def numpy_reshape(a, shape=None, order="C", *, newshape=None, copy=None):
    shape = newshape if shape is None else shape
    if order != "C":
        if order in ("K", "k"):
            raise BlockError('order \'K\' is not permitted for reshaping; write "C", "F" or "A"' + at_line())
        if order_in_memory(order, a) == "F":
            return np.transpose(numpy_reshape(np.transpose(a), tuple(_shape(shape, a))[::-1], copy=copy))
    z = reshape(a, shape=_shape(shape, a))
    if copy is None:
        return z
    if copy:
        return owned(numpy_copy(z, "C"))
    if z._view is None or z._view.steps is None:
        raise BlockError(f"reshape with copy=False: the entries may not lie as {z.shape} needs them" + at_line())
    return z


def _shape(shape, a):
    """A shape with its −1 resolved, so that the parameter is explicit."""
    if type(shape) is not tuple:
        shape = (shape,) if np.ndim(shape) == 0 else tuple(shape)
    shape = tuple(map(int, shape))
    if shape.count(-1) == 1:
        known = math.prod(n for n in shape if n != -1)
        if known and a.size % known == 0:
            shape = tuple(a.size // known if n == -1 else n for n in shape)
    return shape


@answers(np.ravel)
def numpy_ravel(a, order="C"):
    """np.ravel: a view if the entries are contiguous, else a copy."""
    if order != "C":
        order = order_in_memory(order, a)
    z = numpy_reshape(a, (a.size,), order=order)
    value = form_of(z)
    if not isinstance(value, np.ndarray) or z._view is None or z._view.steps is None:
        return z
    flags = form_of(a).flags
    if flags.c_contiguous if order == "C" else flags.f_contiguous:
        return z
    return owned(z if value.flags.c_contiguous else numpy_copy(z, "C"))


@answers(np.transpose)
def numpy_transpose(a, axes=None):
    if axes is None:
        axes = range(-a.ndim, 0)[::-1]
    axes = axis_from_right((axes,) if isinstance(axes, int | np.integer) else tuple(axes), a.ndim)
    if len(axes) != a.ndim:
        raise BlockError(f"transpose of an array with {a.ndim} axes by {len(axes)} axes" + at_line())
    return transpose(a, axes=axes) if a.ndim > 1 else a


@answers(np.matrix_transpose, np.linalg.matrix_transpose)
def numpy_matrix_transpose(x, /):
    if x.ndim < 2:
        raise BlockError(f"matrix_transpose needs at least 2 axes, the array has shape {x.shape}" + at_line())
    return np.swapaxes(x, -1, -2)


@answers(np.swapaxes)
def numpy_swapaxes(a, axis1, axis2):
    order = list(range(-a.ndim, 0))
    i, j = axis_from_right((axis1,), a.ndim)[0], axis_from_right((axis2,), a.ndim)[0]
    order[i], order[j] = order[j], order[i]
    return transpose(a, axes=tuple(order))


@answers(np.moveaxis)
def numpy_moveaxis(a, source, destination):
    both = ((axes,) if hasattr(axes, "__index__") else tuple(axes) for axes in (source, destination))
    source, destination = (axis_from_right(axes, a.ndim) for axes in both)
    order = [i for i in range(-a.ndim, 0) if i not in source]
    for to, which in sorted(zip(destination, source, strict=True)):
        order.insert(to + a.ndim, which)
    return a if order == sorted(order) else transpose(a, axes=tuple(order))


@answers(np.squeeze)
def numpy_squeeze(a, axis=None):
    drop = [i for i, n in enumerate(a.shape) if n == 1]
    if axis is not None:
        axes = axis_from_right(axis, a.ndim)
        drop = [i + a.ndim for i in (axes if isinstance(axes, tuple) else (axes,))]
        if any(a.shape[i] != 1 for i in drop):
            raise BlockError(f"squeeze of an axis whose length is not 1: axis {axis} of shape {a.shape}" + at_line())
    if not drop:
        return a  # as in NumPy: the same array, not a view
    return reshape(a, shape=tuple(n for i, n in enumerate(a.shape) if i not in drop))


@answers(np.expand_dims)
def numpy_expand_dims(a, axis):
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    at = {i + a.ndim + len(axes) for i in axis_from_right(tuple(axes), a.ndim + len(axes))}
    old = iter(a.shape)
    return reshape(a, shape=tuple(1 if i in at else next(old) for i in range(a.ndim + len(axes))))


@answers(np.atleast_1d)
def numpy_atleast_1d(*arrays):
    made = tuple(reshape(a, shape=(1,)) if np.ndim(a) == 0 else a for a in arrays)
    return made[0] if len(made) == 1 else made


@answers(np.atleast_2d)
def numpy_atleast_2d(*arrays):
    made = tuple(a if np.ndim(a) >= 2 else np.reshape(a, (1, -1)) for a in arrays)
    return made[0] if len(made) == 1 else made


@answers(np.broadcast_to)
def numpy_broadcast_to(array, shape, subok=False):
    return broadcast_to(array, shape=(shape,) if np.ndim(shape) == 0 else tuple(shape))


@answers(np.broadcast_arrays)
def numpy_broadcast_arrays(*arrays, subok=False):
    shape = np.broadcast_shapes(*(np.shape(a) for a in arrays))
    return tuple(np.broadcast_to(a, shape) for a in arrays)


@answers(np.flip)
def numpy_flip(m, axis=None):
    return flip(m, axis=axis)


@answers(np.roll)
def numpy_roll(a, shift, axis=None):
    if axis is None:
        return owned(np.reshape(np.roll(np.ravel(a), shift, axis=0), a.shape))
    by_axis: dict[int, int] = {}
    for n, i in zip(*np.broadcast_arrays(np.atleast_1d(shift), np.atleast_1d(axis)), strict=True):
        i = axis_from_right(i, a.ndim)
        by_axis[i] = by_axis.get(i, 0) + int(n)  # an axis may be given several times
    return roll(a, shift=tuple(by_axis.values()), axis=tuple(by_axis))
