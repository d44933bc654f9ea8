"""Factors of matrices: LU, QR, RQ, singular values and vectors."""

import functools
from typing import Any

import numpy as np
import scipy.linalg

from chainrule.array import value_of
from chainrule.block import as_floats, unlisted_block
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity
from chainrule.blocks.matrix_functions import solve_triangular
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line
from chainrule.scipy.linalg.arrays import one_by_one, twin_of_arrays


@unlisted_block(notation=lambda x: call("lu", x), complex=True)
def lu_without_pivots(xp, x):
    """The factors l u = x of square matrices in one matrix: u, and below its diagonal the entries of l."""
    z = np.array(x)
    for i in range(z.shape[-1] - 1):
        z[..., i + 1 :, i] /= z[..., i, i, None]
        z[..., i + 1 :, i + 1 :] -= z[..., i + 1 :, i, None] * z[..., i, None, i + 1 :]
    return z


@lu_without_pivots.backward
def lu_without_pivots_backward(xp, dz, z, x):
    """From dx = dl u + l du: l⁻¹ dx u⁻¹ = l⁻¹ dl + du u⁻¹, a strictly lower plus an upper triangular matrix."""
    l, u = _lower_and_upper(xp, z)
    inner = xp.tril(adjoint(xp, l) @ xp.tril(dz, k=-1), k=-1) + xp.triu(xp.triu(dz) @ adjoint(xp, u))
    half = np.linalg.solve(adjoint(xp, l), inner)
    return adjoint(xp, np.linalg.solve(u, adjoint(xp, half)))


def _lower_and_upper(xp, z):
    return xp.tril(z, k=-1) + identity(z.shape[-1], z), xp.triu(z)


def _packed_lu(a):
    """The factors of a[order] in one matrix, and the order of the rows, which is treated as constant near a."""
    a = as_floats(as_array(a))
    m, n = a.shape[-2:]
    k = min(m, n)
    order = step(lambda x: _order_of_rows(x), a)
    rows = np.take_along_axis(a, order[..., None], -2)
    z = lu_without_pivots(rows[..., :k, :k])
    if m == n:
        return z, order
    l, u = _lower_and_upper(np, z)
    if m > n:
        below = np.matrix_transpose(
            solve_triangular(np.matrix_transpose(u), np.matrix_transpose(rows[..., k:, :]), lower=True)
        )
        return np.concatenate([z, below], axis=-2), order
    right = solve_triangular(l, rows[..., :, k:], lower=True, unit_diagonal=True)
    return np.concatenate([z, right], axis=-1), order


def _order_of_rows(x):
    """The rows of a matrix in the order of partial pivoting."""
    return np.argsort(scipy.linalg.lu(x, p_indices=True)[0], axis=-1)


@twin_of_arrays(scipy.linalg.lu_factor)
def lu_factor(a, *_, **__):
    return _packed_lu(a)[0], scipy.linalg.lu_factor(value_of(a))[1]


@twin_of_arrays(scipy.linalg.lu_solve)
def lu_solve(lu_and_piv, b, trans=0, *_, **__):
    lu, piv = lu_and_piv
    b = as_array(b)
    order = np.apply_along_axis(_as_permutation, -1, value_of(piv), lu.shape[-1])
    if trans == 0:
        b = b[order] if order.ndim == 1 else np.take_along_axis(b, order[..., None], -2)
        return solve_triangular(lu, solve_triangular(lu, b, lower=True, unit_diagonal=True))
    half = solve_triangular(lu, solve_triangular(lu, b, trans), trans, lower=True, unit_diagonal=True)
    back = np.argsort(order, axis=-1)
    return half[back] if back.ndim == 1 else np.take_along_axis(half, back[..., None], -2)


def _as_permutation(piv, n):
    order = np.arange(n)
    for i, j in enumerate(piv):
        order[[i, j]] = order[[j, i]]
    return order


@twin_of_arrays(scipy.linalg.lu)
def lu(a, permute_l=False, overwrite_a=False, check_finite=True, p_indices=False):
    z, order = _packed_lu(a)
    m, n = z.shape[-2:]
    k = min(m, n)
    l = np.tril(z[..., :, :k], -1) + np.eye(m, k)
    u = np.triu(z[..., :k, :])
    back = np.argsort(order, axis=-1)
    if permute_l:
        return np.take_along_axis(l, back[..., None], -2), u
    return (back if p_indices else np.eye(m)[back]), l, u


def aligned(vectors, by_scipy, *operands):
    """Vectors with the signs (or phases) that a function of SciPy gives them."""

    def phases(x, *operands):
        inner = np.sum(np.conj(x) * by_scipy(*operands), axis=-2, keepdims=True)
        size = abs(inner)
        return np.where(size > 0, inner / np.where(size > 0, size, 1), 1)

    return vectors * step(phases, vectors, *operands)


@twin_of_arrays(scipy.linalg.qr)
def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    modes: dict[str, Any] = {"full": "complete", "economic": "reduced", "r": "reduced"}
    if mode not in modes:
        raise BlockError(f"scipy.linalg.qr with mode={mode!r} has no derivative; write mode='economic'" + at_line())
    order = [scipy.linalg.qr(value_of(a), mode="r", pivoting=True)[1]] if pivoting else []
    q, r = np.linalg.qr(np.take_along_axis(a, order[0][..., None, :], -1) if pivoting else a, modes[mode])
    if mode != "r":
        return q, r, *order
    r = np.concatenate([r, np.zeros((*a.shape[:-2], a.shape[-2] - r.shape[-2], a.shape[-1]))], axis=-2)
    return r, *order


@twin_of_arrays(scipy.linalg.rq)
@one_by_one(2)
def rq(a, overwrite_a=False, lwork=None, mode="full", check_finite=True):
    """Computed by a QR factorisation of the reversed rows, transposed; the signs are SciPy's."""
    if (
        mode not in ("full", "economic", "r")
        or a.shape[-2] > a.shape[-1]
        or (mode == "full" and a.shape[0] != a.shape[1])
    ):
        raise BlockError(
            f"scipy.linalg.rq of a matrix of shape {a.shape} with mode={mode!r} has no derivative here; "
            "write mode='economic', with at least as many columns as rows" + at_line()
        )
    q, r = np.linalg.qr(adjoint(np, a)[..., ::-1])
    q, r = adjoint(np, q)[::-1], adjoint(np, r)[::-1, ::-1]
    q = adjoint(np, aligned(adjoint(np, q), lambda a: adjoint(np, scipy.linalg.rq(a, mode="economic")[1]), a))
    r = a @ adjoint(np, q)
    return r if mode == "r" else (r, q)


@twin_of_arrays(scipy.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, overwrite_a=False, check_finite=True, lapack_driver="gesdd"):
    if not compute_uv:
        return np.linalg.svdvals(a)
    u, s, vh = np.linalg.svd(a, full_matrices)
    by_scipy = functools.partial(scipy.linalg.svd, full_matrices=full_matrices, lapack_driver=lapack_driver)
    u = aligned(u, lambda a: by_scipy(a)[0], a)
    v = aligned(adjoint(np, vh), lambda a: adjoint(np, by_scipy(a)[2]), a)
    return u, s, adjoint(np, v)


@twin_of_arrays(scipy.linalg.svdvals)
def svdvals(a, *_, **__):
    return np.linalg.svdvals(a)


@twin_of_arrays(scipy.linalg.subspace_angles)
@one_by_one(2, 2)
def subspace_angles(A, B):
    """The angles from their cosines, or from their sines where these are small."""
    qa, qb = np.linalg.qr(A)[0], np.linalg.qr(B)[0]
    inner = adjoint(np, qa) @ qb
    cosines = np.linalg.svdvals(inner)
    apart = qb - qa @ inner if qa.shape[1] >= qb.shape[1] else qa - qb @ adjoint(np, inner)
    sines = np.linalg.svdvals(apart)[::-1][: cosines.size]
    small = step(lambda cosines: cosines**2 >= 0.5, cosines)
    angles = np.where(small, np.arcsin(np.where(small, sines, 0.0)), np.arccos(np.where(small, 0.0, cosines)))
    return angles[::-1]
