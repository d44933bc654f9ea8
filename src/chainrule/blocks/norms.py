"""Norms of vectors and of matrices, and condition numbers.

The norms of matrices of order 2, −2 and "nuc" are made of singular values: G. A. Watson, Characterization of the
subdifferential of some matrix norms (1992).
"""

import functools
import math

import numpy as np

from chainrule.array import form_of
from chainrule.block import answers, as_floats, axis_from_right, library_block
from chainrule.block.bounds import within
from chainrule.block.dependence import along_axis
from chainrule.blocks.integers import step
from chainrule.blocks.limits import ROOTS, pulled_root, root_elsewhere, scale_of
from chainrule.blocks.matrices import inv
from chainrule.blocks.reductions import axes_of, axes_text, spread, square_of
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import dtype_of, is_differentiated_there
from chainrule.node import at_line
from chainrule.step import owned


@library_block(
    bounds=within(0, math.inf),
    notation=lambda x, axis, keepdims: call("norm", x, index=axes_text(x, axis)),
    complex=True,
    example=example(normal(2, 3)),
    dependence=along_axis,
)
def norm(xp, x, axis=None, keepdims=False):
    """z = sqrt(Σ |x|²) along the axes. Where z = 0 the gradient is 0, as in PyTorch; that of ‖x‖² is smooth there."""
    total = xp.sum(square_of(xp, x), axis=axis, keepdims=keepdims)
    return root_elsewhere(xp, total, x, axis, keepdims) if is_differentiated_there(x) else xp.sqrt(total)


@norm.backward
def norm_backward(xp, dz, z, x, axis=None, keepdims=False):
    root = functools.partial(norm.forward, axis=axis, keepdims=keepdims)
    return pulled_root(xp, dz, z, lambda y: spread(xp, y, z, x, axis), x, axis, root)


ROOTS.add(norm)
norm.flat_at_infinity = True


def _vector_norm(x, order, axis, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    if order in (None, 2):
        return norm(x, **options)
    if order == 0:
        return np.sum(np.astype(x != 0, dtype_of(form_of(x).real)), **options)
    x = np.abs(x)
    if abs(order) == math.inf:
        return np.max(x, **options) if order > 0 else np.min(x, **options)
    if order == 1:
        return np.sum(x, **options)
    total = _sum_of_powers(x, order, axis)
    scale = scale_of(x, axis, order) if order > 0 else None
    if scale is not None:
        total = _sum_of_powers(x / scale, order, axis)
    zero = total == 0
    z = np.where(zero, 0.0, np.where(zero, 1.0, total) ** (1 / order))
    z = z if scale is None else scale * z
    return z if keepdims else np.squeeze(z, axis=axis)[()]


def _sum_of_powers(x, order, axis):
    """Σ x^order along the axes, of numbers that are not negative."""
    if order < 1:  # the slope at an entry of 0 is infinite or undefined; 0 as in PyTorch
        zero = x == 0
        powers = np.where(zero, 0.0 if order > 0 else math.inf, np.where(zero, 1.0, x) ** order)
    else:
        powers = x**order
    return np.sum(powers, axis=axis, keepdims=True)


def _matrix_norm(x, order, axis, keepdims):
    rows, columns = axis
    if order in (None, "fro"):
        return norm(x, axis=axis, keepdims=keepdims)
    if order in ("nuc", 2, -2):
        s = np.linalg.svdvals(np.moveaxis(x, axis, (-2, -1)))
        z = np.sum(s, axis=-1) if order == "nuc" else np.max(s, axis=-1) if order == 2 else np.min(s, axis=-1)
        return np.expand_dims(z, axis) if keepdims else z
    if order not in (1, -1, math.inf, -math.inf):
        raise BlockError(
            f"matrices have no norm of order {order!r}; there are 'fro', 'nuc', 1, -1, 2, -2, inf and -inf" + at_line()
        )
    summed, rest = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    z = np.max(sums, axis=rest, keepdims=True) if order > 0 else np.min(sums, axis=rest, keepdims=True)
    return z if keepdims else owned(np.squeeze(z, axis=axis)[()])


@answers(np.linalg.norm)
def numpy_norm(x, ord=None, axis=None, keepdims=False):
    """np.linalg.norm: of all entries without ord and axis, else of vectors along one axis or matrices along two."""
    x = as_floats(x)
    if axis is None and ord is not None and x.ndim not in (1, 2):
        raise BlockError(f"a norm of order {ord!r} of an array with {x.ndim} axes needs axis=" + at_line())
    if axis is None and ord is None:
        return norm(x, axis=None, keepdims=keepdims)
    axes = axes_of(axis_from_right(axis, x.ndim))
    if len(axes) > 2:
        raise BlockError(f"a norm along {len(axes)} axes; vectors have one, matrices two" + at_line())
    if len(axes) == 2:
        return _matrix_norm(x, ord, axes, keepdims)
    if isinstance(ord, str):
        raise BlockError(f"vectors have no norm of order {ord!r}" + at_line())
    return _vector_norm(x, ord, axes, keepdims)


@answers(np.linalg.vector_norm)
def numpy_vector_norm(x, /, *, axis=None, keepdims=False, ord=2):
    return _vector_norm(as_floats(x), ord, axis_from_right(axis, x.ndim), keepdims)


@answers(np.linalg.matrix_norm)
def numpy_matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return _matrix_norm(as_floats(x), ord, (-2, -1), keepdims)


def _has_no_condition(x, smallest):
    """The matrices for which np.linalg.cond is inf: singular ones, and infinite ones, whose singular values are NaN."""
    return (smallest == 0) | (np.isnan(smallest) & ~np.isnan(x).any(axis=(-2, -1)))


@answers(np.linalg.cond)
def numpy_cond(x, p=None):
    """np.linalg.cond: the norm of x times that of its inverse. For a singular matrix it is inf, without a gradient."""
    if p in (None, 2, -2):
        s = np.linalg.svdvals(x)
        above, below = (s[..., -1], s[..., 0]) if p == -2 else (s[..., 0], s[..., -1])
        singular = step(_has_no_condition, x, below)
        if not bool(np.any(singular)):
            return above / below
        return np.where(singular, math.inf, above / np.where(singular, 1.0, below))
    singular = step(lambda value: np.isinf(np.linalg.cond(value, p)), x)
    any_singular = bool(np.any(singular))
    if any_singular:
        x = np.where(singular[..., None, None], np.eye(x.shape[-1], dtype=x.dtype), x)
    z = _matrix_norm(x, p, (-2, -1), False) * _matrix_norm(inv(x), p, (-2, -1), False)
    return np.where(singular, math.inf, z)[()] if any_singular else z
