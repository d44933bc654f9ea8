"""Pseudoinverses and least squares, in which small singular values count as zero.

The derivative of a pseudoinverse: G. H. Golub and V. Pereyra, The differentiation of pseudo-inverses (1973). It holds
if the singular values that are left out are rounding errors. A larger tolerance leaves out more: then the matrix is
first replaced by one of lower rank, whose derivative includes the rotation of the kept singular vectors.
"""

import math

import numpy as np

from chainrule.array import form_of, value_of
from chainrule.block import answers, as_floats, in_one_precision, in_precision, library_block, unlisted_block
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_inexact, is_numpy
from chainrule.node import at_line
from chainrule.step import owned

# What is left out --------------------------------------------------------------------------------------------------


@unlisted_block(notation=lambda x, rtol: call("low_rank", x), complex=True)
def low_rank(xp, x, rtol):
    """x with 0 in place of its singular values up to `rtol` times the largest one."""
    u, s, v_h = xp.linalg.svd(x, full_matrices=False)
    kept = xp.where(step(_counts(rtol), s), s, 0.0)
    return (u * kept[..., None, :]) @ v_h


@low_rank.backward
def low_rank_backward(xp, dz, z, x, rtol):
    """Kept and dropped singular vectors u, v rotate into each other; the gap of s² between them divides.

    With M = U* dz V, the entries of U* dx V are M_ij where i and j are kept, and where only one of them is,
    M_ij + (s² M_ij + s_i s_j M*_ij) / (s_i² − s_j²) with the smaller s, and s_i > s_j.
    """
    u, s, v_h = xp.linalg.svd(x, full_matrices=False)
    kept = step(_counts(rtol), s)
    u_h, v, row, column = adjoint(xp, u), adjoint(xp, v_h), s[..., :, None], s[..., None, :]
    one = step(lambda kept: kept[..., :, None] != kept[..., None, :], kept)
    least = xp.where(row < column, row, column)
    gap = xp.where(one, abs(row - column) * (row + column), math.inf)
    m = u_h @ dz @ v
    turned = (least**2 * m + row * column * adjoint(xp, m)) / gap
    u_kept, v_kept = xp.where(kept[..., None, :], u, 0.0), xp.where(kept[..., :, None], v_h, 0.0)
    rows, columns = u_kept @ u_h, v @ v_kept
    return rows @ dz + dz @ columns - rows @ dz @ columns + u @ turned @ v_h


def _counts(rtol):
    """Which singular values do not count as zero."""
    return lambda s: s > np.asarray(rtol)[..., None] * np.max(s, axis=-1, keepdims=True, initial=0.0)


def without_small(a, rtol):
    """a without the singular values that count as zero, if they are larger than rounding errors."""
    if np.max(rtol) <= max(_precision(a), USUAL) or 0 in a.shape:
        return a
    if not bool(step(lambda plain: _leaves_out_more_than_rounding(plain, rtol), a)):
        return a
    return low_rank(a, rtol=rtol)


def _leaves_out_more_than_rounding(x, rtol):
    s = np.linalg.svdvals(x)
    return bool(np.any(_counts(_precision(x))(s) & ~_counts(rtol)(s)))


USUAL = 1e-15
"""The tolerance of np.linalg.pinv."""


def _precision(a):
    """NumPy's relative tolerance below which a singular value counts as zero."""
    return max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)


def one_number(threshold):
    """A threshold as a plain number, which may be recorded or an array without axes; None unchanged."""
    if threshold is None:
        return None
    found = np.asarray(value_of(threshold))
    if found.ndim:
        raise BlockError(f"rcond is one number, not an array of shape {found.shape}; write rcond[0]" + at_line())
    return found.item()


def threshold_of_lapack(rcond, a):
    """The relative threshold of LAPACK's gelsd: values ≤ 0 and ≥ 1 stand for the machine precision."""
    return rcond if 0 < rcond < 1 else float(np.finfo(form_of(a).dtype).eps) / 2


# Pseudoinverses ------------------------------------------------------------------------------------------------------


@library_block(notation=lambda x, rtol, hermitian: call("pinv", x), complex=True, example=example(normal(3, 2)))
def pinv(xp, x, rtol=1e-15, hermitian=False):
    """z = x⁺, the Moore-Penrose pseudoinverse. The rank is treated as constant near x."""
    if is_numpy(xp) or hermitian:
        return xp.linalg.pinv(x, rtol=rtol, hermitian=hermitian)
    return xp.linalg.pinv(x, rtol=rtol)


@pinv.backward
def pinv_backward(xp, dz, z, x, rtol=1e-15, hermitian=False):
    z_h, dz_h = adjoint(xp, z), adjoint(xp, dz)
    rows, columns = identity(x.shape[-2], x), identity(x.shape[-1], x)
    return (rows - x @ z) @ dz_h @ (z @ z_h) + (z_h @ z) @ dz_h @ (columns - z @ x) - z_h @ dz @ z_h


@answers(np.linalg.pinv)
def numpy_pinv(a, rcond=None, hermitian=False, *, rtol=np._NoValue):
    """np.linalg.pinv; the rank is taken to be constant near a."""
    a = as_floats(a)
    if hermitian and not bool(step(lambda plain: np.allclose(plain, adjoint(np, plain)), a)):
        raise BlockError("pinv with hermitian=True of a matrix that is not Hermitian" + at_line())
    if rcond is None:
        rcond = USUAL if rtol is np._NoValue else _precision(a) if rtol is None else rtol
    rcond = value_of(rcond)
    return pinv(without_small(a, rcond), rtol=rcond, hermitian=hermitian)


# Least squares -------------------------------------------------------------------------------------------------------


@library_block(
    notation=lambda a, b, rtol: call("lstsq", a, b), complex=True, example=example(normal(3, 2), normal(3, 1))
)
def lstsq(xp, a, b, rtol=0.0):
    """The shortest z for which |a z − b| is smallest, column by column. The rank of a is taken to be constant."""
    return np.linalg.lstsq(a, b, rcond=rtol)[0] if is_numpy(xp) else xp.linalg.pinv(a, rtol=rtol) @ b


@lstsq.backward
def lstsq_backward(xp, dz, z, a, b, rtol=0.0):
    """From z = a⁺ b and the derivative of the pseudoinverse, with products ordered so that all matrices are small."""
    a = in_precision(a, z.dtype)
    p = pinv(a, rtol=rtol)
    p_h = adjoint(xp, p)
    db = p_h @ dz
    left_over = b - a @ z
    free = dz - p @ (a @ dz)  # the part of dz outside the row space of a
    da = left_over @ adjoint(xp, p @ db) + (p_h @ z) @ adjoint(xp, free) - db @ adjoint(xp, z)
    return da, db


@answers(np.linalg.lstsq)
def numpy_lstsq(a, b, rcond=None):
    """np.linalg.lstsq: all but the rank, an integer, have gradients."""
    a, b = (x if is_inexact(form_of(x)) else np.astype(x, np.float64) for x in (as_array(a), as_array(b)))
    a, b = in_one_precision(a, b)
    rcond = one_number(rcond)
    (m, n), columns = a.shape, b[:, None] if b.ndim == 1 else b
    rtol = _precision(a) if rcond is None else threshold_of_lapack(rcond, a)
    z = lstsq(without_small(a, rtol), columns, rtol=rtol)
    rank = int(step(lambda plain: np.linalg.lstsq(plain, np.empty((m, 0)), rcond=rcond)[2], a))
    left_over = columns - a @ z
    if rank == n and m > n:
        residuals = np.sum(np.real(left_over * np.conj(left_over)), axis=0)
    else:
        residuals = np.empty(0, np.finfo(left_over.dtype).dtype)
    return (owned(z[:, 0]) if b.ndim == 1 else z), residuals, rank, np.linalg.svdvals(a)
