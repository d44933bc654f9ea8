"""Shaping: the same entries in another arrangement. The backward rule puts the gradient's entries back."""

import math

import numpy as np

from chainrule.array import Array, form_of, joined, value_of
from chainrule.block import answers, axis_from_right, library_block, sum_to
from chainrule.block.bounds import of_operand
from chainrule.block.dependence import entrywise, moved
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call, formula
from chainrule.layout import is_contiguous
from chainrule.libraries import copied, is_complex, is_complex_dtype, is_foreign, is_numpy
from chainrule.node import at_line
from chainrule.numpy_value import answered
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
    notation=lambda x, shape: x if math.prod(shape) == 1 else call("reshape", x),
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
    notation=lambda x, shape: x,
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
    notation=lambda *xs, axis: call("concatenate", *xs),
    complex=True,
    example=example(normal(2, 2), normal(2, 1)),
    dependence=moved,
)
def concatenate(xp, *xs, axis=-1):
    """Arrays joined along an axis that they have."""
    return xp.concat(xs, axis=axis)


@concatenate.backward
def concatenate_backward(xp, dz, z, *xs, axis=-1):
    stops = np.cumsum([x.shape[axis] for x in xs])
    after = (slice(None),) * (-1 - axis)
    return tuple(dz[(..., slice(int(b) - x.shape[axis], int(b)), *after)] for x, b in zip(xs, stops, strict=True))


@library_block(
    notation=lambda *xs, axis: call("stack", *xs), complex=True, example=example(normal(3), normal(3)), dependence=moved
)
def stack(xp, *xs, axis=-1):
    """Arrays of one shape joined along a new axis, counted from the right in the result."""
    return xp.stack(xs, axis=axis + xs[0].ndim + 1 if hasattr(xs[0], "ndim") else 0)


@stack.backward
def stack_backward(xp, dz, z, *xs, axis=-1):
    after = (slice(None),) * (-1 - axis)
    return tuple(dz[(..., i, *after)] for i in range(len(xs)))


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


@library_block(
    bounds=of_operand,
    notation=lambda x, dtype: formula(x),
    complex=True,
    example=example(normal(2, 3), dtype=np.dtype(np.float64)),
    dependence=entrywise,
)
def cast(xp, x, dtype=None):
    """The same entries in another dtype; a real dtype keeps the real part of complex numbers.

    The gradient comes back in the dtype of x.
    """
    if is_complex(x) and not is_complex_dtype(dtype) and "bool" not in str(dtype):
        x = xp.real(x)
    if type(x) in (bool, int, float, complex):
        return np.asarray(x).astype(dtype)[()]
    return x.astype(dtype) if hasattr(x, "astype") else xp.astype(x, dtype)


@cast.backward
def cast_backward(xp, dz, z, x, dtype=None):
    return cast(dz, dtype=x.dtype if hasattr(x, "dtype") else np.result_type(x))


@library_block(
    notation=lambda x, dtype: call(str(dtype), x),
    differentiable=False,
    example=example(normal(2, 3), dtype=np.dtype(int)),
)
def cast_to_integer(xp, x, dtype=None):
    """The entries rounded towards zero, or as booleans: a step function, so the gradient ends here."""
    return cast(x, dtype=dtype)


@library_block(
    bounds=of_operand,
    notation=lambda x, order: formula(x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=moved,
)
def copy(xp, x, order="K"):
    """The same entries in memory of their own, in C or Fortran's order ("C", "F") or in their own order ("K")."""
    if is_numpy(xp):
        return xp.copy(x, order=order)
    return copied(x)  # other libraries have no order in memory


@copy.backward
def copy_backward(xp, dz, z, x, order="K"):
    return dz


# NumPy's own signatures: each is one of the blocks above ---------------------------------------------------------


@answers(np.reshape)
def numpy_reshape(a, shape=None, order="C", *, newshape=None, copy=None):
    shape = newshape if shape is None else shape
    if order != "C":
        if order in ("K", "k"):
            raise BlockError('order \'K\' is not permitted for reshaping; write "C", "F" or "A"' + at_line())
        if _in_memory(order, a) == "F":
            return np.transpose(numpy_reshape(np.transpose(a), tuple(_shape(shape, a))[::-1], copy=copy))
    z = reshape(a, shape=_shape(shape, a))
    if copy is None:
        return z
    if copy:
        return owned(numpy_copy(z, "C"))
    if z._view is None or z._view.steps is None:
        raise BlockError(f"reshape with copy=False: the entries may not lie as {z.shape} needs them" + at_line())
    return z


def _in_memory(order, a):
    """ "C" or "F": the order that NumPy's order= means, given the memory layout of `a`."""
    order = _letter(order, "C")
    value = form_of(a)
    if order in ("C", "F"):
        return order
    if is_contiguous(value):
        return "C"
    if a._unsure:
        raise BlockError(f'order="{order}" of an array that may lie in either order; write "C" or "F"' + at_line())
    if order == "K" and not value.flags.forc:
        raise BlockError(
            'order="K" of entries that lie neither in C nor in Fortran\'s order is not covered; write '
            '"C" or "F"' + at_line()
        )
    return "F" if value.flags.fnc else "C"


def _letter(order, default):
    """NumPy's order= as a capital letter."""
    letter = default if order is None else str(order).upper()
    if letter not in ("C", "F", "A", "K"):
        raise BlockError(f"order must be one of 'C', 'F', 'A', or 'K' (got {order!r})" + at_line())
    return letter


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
    """As np.ravel: a view if the entries are contiguous, else a copy."""
    if order != "C":
        order = _in_memory(order, a)
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
    """Whether there is at least one, and all are arrays (not numbers, whose dtype follows the arrays'), with axes."""
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
    reps = tuple(int(n) for n in np.atleast_1d(value_of(reps)))
    ndim = max(len(reps), A.ndim)
    A = np.reshape(A, (1,) * (ndim - A.ndim) + A.shape)
    reps = (1,) * (ndim - len(reps)) + reps
    return A[np.ix_(*(np.tile(np.arange(n), r) for n, r in zip(A.shape, reps, strict=True)))]


@answers(np.repeat)
def numpy_repeat(a, repeats, axis=None):
    a, repeats = as_array(a), value_of(repeats)
    if axis is None or not a.ndim:
        a, axis = np.ravel(a), 0
    return np.take(a, np.repeat(np.arange(a.shape[axis]), repeats), axis=axis)


@answers(np.astype)
def numpy_astype(x, dtype, /, order="K", casting="unsafe", subok=True, *, copy=True, device=None):
    dtype = np.dtype(dtype)
    if dtype.kind == "O":
        return np.array(x, dtype=object)  # the recorded numbers
    options = {"order": order, "copy": copy}
    if casting != "unsafe" or (is_complex(form_of(x)) and dtype.kind not in "cb"):
        options["casting"] = casting
        return answered(_astype, "numpy.astype", _cast_by_numpy, (x, dtype), options)  # may raise, or warn
    return _astype(x, dtype, **options)


def _cast_by_numpy(x, dtype, **options):
    return np.asarray(x).astype(dtype, **options)[()]


def _astype(x, dtype, casting=None, order="K", copy=True):
    if not copy and dtype == x.dtype and _lies(x, order):
        return x
    z = cast(x, dtype=dtype) if dtype.kind in "fc" else cast_to_integer(x, dtype=dtype)
    return z if order == "K" or is_contiguous(form_of(z)) else numpy_copy(z, order)


def _lies(x, order):
    """Whether the entries of x lie in the requested order, so that NumPy need not copy them."""
    order, value = _letter(order, "K"), form_of(x)
    if order == "K" or is_contiguous(value):
        return True
    if x._unsure:
        raise BlockError(
            f'copy=False with order="{order}" of an array that may lie in either order: in NumPy it may '
            "be a copy or not; write copy=True" + at_line()
        )
    return {"C": value.flags.c_contiguous, "F": value.flags.f_contiguous, "A": value.flags.forc}[order]


@answers(np.copy)
def numpy_copy(a, order="K", subok=False):
    """np.copy of a number is an array, which can be written into."""
    letter = _letter(order, "K")
    if letter == "A":
        letter = _in_memory(letter, a)
    return copy(a, order=letter)
