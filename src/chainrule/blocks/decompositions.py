"""Decompositions: eigenvalues and eigenvectors, singular values and vectors, QR, Cholesky.

A block returns one array, so the factors of a decomposition are packed into one (vectors above values, stacked in rows)
and sliced out again.

Vectors of repeated values have no derivative, see `factors.py`.

Derivatives: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation
(2008); Z.-Q. Wan and S.-X. Zhang, Automatic differentiation for complex valued SVD (2019); for QR, H.-J. Liao, J.-G.
Liu, L. Wang and T. Xiang, Differentiable programming tensor networks (2019); I. Murray, Differentiation of the
Cholesky decomposition (2016).
"""

import math

import numpy as np
from numpy.linalg._linalg import EighResult, EigResult, QRResult, SVDResult

from chainrule.array import is_recorded, value_of
from chainrule.block import answers, library_block
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.factors import (
    any_entry,
    diagonal_of,
    must_not_depend_on_phase,
    of_triangle,
    on_diagonal,
    packed,
    real_part,
    reciprocal_gaps,
    rounding,
    with_one_triangle,
)
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity, solve
from chainrule.domains import apart, example, hermitian, normal
from chainrule.errors import BlockError, NoDerivative
from chainrule.formula import call
from chainrule.libraries import is_complex, is_numpy, namespace_of
from chainrule.node import at_line
from chainrule.step import owned

# Eigenvalues of Hermitian matrices -----------------------------------------------------------------------------


@library_block(notation=lambda x, lower: call("eigh", x), complex=True, example=example(hermitian(2, 2)))
def eigh(xp, x, lower=True):
    """The eigenvectors of a Hermitian x as columns, and below each its eigenvalue, in ascending order."""
    if is_numpy(xp) and not np.isfinite(x).all():
        return _eigh_of_values_that_are_not_finite(x, "L" if lower else "U")
    x = with_one_triangle(xp, x, lower)
    w, v = xp.linalg.eigh(x) if lower else xp.linalg.eigh(x, UPLO="U")
    return packed(xp, v, w[..., None, :])


def _eigh_of_values_that_are_not_finite(x, UPLO):
    """eigh, with NaN vectors if an entry is inf or NaN, because LAPACK may fail on them."""
    finite = np.isfinite(x).all(axis=(-2, -1))[..., None, None]
    v = np.linalg.eigh(np.where(finite, x, 0.0), UPLO=UPLO).eigenvectors
    return packed(np, np.where(finite, v, np.nan), np.linalg.eigvalsh(x, UPLO=UPLO)[..., None, :])


eigh.free_signs = True


@eigh.backward
def eigh_backward(xp, dz, z, x, lower=True):
    v, w = z[..., :-1, :], real_part(xp, z[..., -1, :])
    v_h = adjoint(xp, v)
    turn = v_h @ dz[..., :-1, :]
    if is_complex(turn):
        must_not_depend_on_phase(diagonal_of(turn.imag), turn, "complex eigenvectors")
    rates = reciprocal_gaps(xp, w, [turn], "eigenvectors")
    inner = (turn - adjoint(xp, turn)) * (0.5 * rates) + on_diagonal(real_part(xp, dz[..., -1, :]))
    return of_triangle(xp, v @ inner @ v_h, x, lower)


def _is_lower(UPLO):
    if UPLO.upper() not in ("L", "U"):
        raise BlockError(f"UPLO is 'L' or 'U', not {UPLO!r}" + at_line())
    return UPLO.upper() == "L"


@answers(np.linalg.eigh)
def numpy_eigh(a, UPLO="L"):
    z = eigh(a, lower=_is_lower(UPLO))
    return EighResult(owned(real_part(np, z[..., -1, :])), owned(z[..., :-1, :]))


@answers(np.linalg.eigvalsh)
def numpy_eigvalsh(a, UPLO="L"):
    return numpy_eigh(a, UPLO).eigenvalues


# Eigenvalues of any matrices -----------------------------------------------------------------------------------


@library_block(
    notation=lambda x: call("eig", x),
    complex=True,
    example=example(hermitian(2, 2)),
)
def eig(xp, x):
    """The eigenvectors of x as columns of length 1, and below each its eigenvalue."""
    w, v = xp.linalg.eig(x)
    return packed(xp, v, w[..., None, :])


eig.free_signs = True


@eig.backward
def eig_backward(xp, dz, z, x):
    v, w = z[..., :-1, :], z[..., -1, :]
    _must_be_diagonalizable(v, dz)
    v_h = adjoint(xp, v)
    turn = v_h @ dz[..., :-1, :]
    along = diagonal_of(turn)
    if is_complex(along):
        # A real matrix has real eigenvectors for its real eigenvalues, which have no phase.
        phases = along.imag if is_complex(x) else xp.where(w.imag == 0, 0.0, along.imag)
        must_not_depend_on_phase(phases, turn, "complex eigenvectors")
        w = xp.conj(w)
    turn = turn - (v_h @ v) * real_part(xp, along)[..., None, :]  # the columns keep their length
    inner = turn * reciprocal_gaps(xp, w, [turn], "eigenvectors") + on_diagonal(dz[..., -1, :])
    return solve(v_h, inner @ v_h)


def _must_be_diagonalizable(v, dz):
    """Raise if the derivative would have no right digit: its relative error is ε κ², κ the eigenvectors' condition."""
    if 0 in v.shape:
        return
    xp = namespace_of((v,))
    s = xp.linalg.svdvals(v)
    dependent = s[..., -1] <= math.sqrt(rounding(v)) * s[..., 0]
    if any_entry(dependent & xp.any(dz != 0, axis=(-2, -1))):
        raise NoDerivative(
            "the matrix has too few eigenvectors (a repeated eigenvalue of a matrix that cannot be diagonalized), so "
            "its eigenvalues have no derivative. Write the loss without them: with np.trace, np.linalg.det, "
            "np.linalg.matrix_power or cr.expm" + at_line()
        )


@answers(np.linalg.eig)
def numpy_eig(a):
    z = eig(a)
    return EigResult(owned(z[..., -1, :]), owned(z[..., :-1, :]))


@answers(np.linalg.eigvals)
def numpy_eigvals(a):
    return numpy_eig(a).eigenvalues


# Singular values -----------------------------------------------------------------------------------------------


@library_block(notation=lambda x, full: call("svd", x), complex=True, example=example(apart(3, 2)))
def svd(xp, x, full=False):
    """x = U diag(s) V*: the columns of U, below them the singular values, below these the columns of V."""
    if is_recorded(x):
        raise NotImplementedError(
            "LAPACK computes it"
        )  # there are no steps to expand, and NumPy's may loop forever, see below
    if is_numpy(xp) and not np.isfinite(x).all():
        return _svd_of_values_that_are_not_finite(x, full)
    u, s, v_h = xp.linalg.svd(x, full_matrices=full)
    return packed(xp, u, s[..., None, :], adjoint(xp, v_h))


def _svd_of_values_that_are_not_finite(x, full):
    """svd, with NaN vectors if an entry is inf or NaN, because LAPACK may loop forever on them."""
    finite = np.isfinite(x).all(axis=(-2, -1))[..., None, None]
    u, s, v_h = np.linalg.svd(np.where(finite, x, 0.0), full_matrices=full)
    s = np.where(finite[..., 0], s, np.linalg.svdvals(x))
    return packed(np, np.where(finite, u, np.nan), s[..., None, :], adjoint(np, np.where(finite, v_h, np.nan)))


def _unpack_svd(xp, z, m, k):
    return z[..., :m, :k], real_part(xp, z[..., m, :k]), z[..., m + 1 :, :k]


svd.free_signs = True


@svd.backward
def svd_backward(xp, dz, z, x, full=False):
    m, n = x.shape[-2:]
    k = min(m, n)
    if any_entry(dz[..., k:] != 0):
        raise NoDerivative(
            "the loss depends on singular vectors beyond the first min(m, n): they are any basis of the rest of "
            "the space, and have no derivative. Use U[..., :k] and Vh[..., :k, :] with k = min(m, n), or "
            "full_matrices=False" + at_line()
        )
    u, s, v = _unpack_svd(xp, z, m, k)
    du, ds, dv = _unpack_svd(xp, dz, m, k)
    u_h, v_h = adjoint(xp, u), adjoint(xp, v)
    turn_u, turn_v = u_h @ du, v_h @ dv
    rates = reciprocal_gaps(xp, s, [turn_u, turn_v], "singular vectors")
    skew_u, skew_v = turn_u - adjoint(xp, turn_u), turn_v - adjoint(xp, turn_v)
    sums = s[..., None, :] + s[..., :, None]
    sums = xp.where(step(_is_zero, sums), math.inf, sums)
    # 1 / (s_j² − s_i²) in two parts: for U and V rotating together, and against each other.
    inner = 0.5 * ((skew_u + skew_v) * rates + (skew_u - skew_v) / sums)
    inner = inner * (1 - identity(k, s)) + on_diagonal(ds)
    if is_complex(turn_u):
        phase_u, phase_v = diagonal_of(turn_u.imag), diagonal_of(turn_v.imag)
        must_not_depend_on_phase(phase_u + phase_v, abs(turn_u) + abs(turn_v), "complex singular vectors")
        inner = inner + on_diagonal(1j * _over_singular(xp, phase_u, s))
    dx = u @ inner @ v_h
    if m > k:
        dx = dx + _over_singular(xp, du - u @ turn_u, s[..., None, :]) @ v_h
    if n > k:
        dx = dx + u @ adjoint(xp, _over_singular(xp, dv - v @ turn_v, s[..., None, :]))
    return dx


def _over_singular(xp, turn, s):
    """turn / s: the rotation of a vector out of the span of the others, or against its partner. Undefined at s = 0."""
    zero = step(_are_nearly_zero, s)
    if any_entry((turn != 0) & zero):
        raise NoDerivative(
            "the loss depends on the singular vectors of the singular value 0, which have no derivative; "
            "use those of the others" + at_line()
        )
    return xp.where(zero, 0.0, turn / xp.where(zero, 1.0, s))


def _is_zero(x):
    return x == 0


def _are_nearly_zero(s):
    """Which singular values are 0 up to rounding."""
    if not s.shape[-1]:
        return s == 0
    return s <= rounding(s) * namespace_of((s,)).max(s, axis=-1, keepdims=True)


@answers(np.linalg.svd)
def numpy_svd(a, full_matrices=True, compute_uv=True, hermitian=False):
    """np.linalg.svd; in the full matrices only the first min(m, n) vectors have a gradient."""
    if hermitian:
        return _svd_of_hermitian(a) if compute_uv else _svd_of_hermitian(a).S
    if not compute_uv:
        return numpy_svdvals(a)
    m, n = a.shape[-2:]
    k = min(m, n)
    full = bool(full_matrices and m != n)
    z = svd(a, full=full)
    u = z[..., :m, : m if full else k]
    v = z[..., m + 1 :, : n if full else k]
    return SVDResult(owned(u), owned(real_part(np, z[..., m, :k])), owned(adjoint(np, v)))


def _svd_of_hermitian(a):
    """From eigenvalues and eigenvectors, as in NumPy: the signs of the eigenvalues go into V."""
    w, v = numpy_eigh(a)
    order = step(lambda w: np.argsort(abs(w), axis=-1)[..., ::-1], w)
    signs = np.take_along_axis(step(lambda w: np.copysign(1.0, w), w), order, axis=-1)
    u = np.take_along_axis(v, order[..., None, :], axis=-1)
    return SVDResult(u, np.take_along_axis(abs(w), order, axis=-1), owned(adjoint(np, u * signs[..., None, :])))


@answers(np.linalg.svdvals)
def numpy_svdvals(x, /):
    m, n = x.shape[-2:]
    return owned(real_part(np, svd(x)[..., m, : min(m, n)]))


@answers(np.linalg.matrix_rank)
def numpy_matrix_rank(A, tol=None, hermitian=False, *, rtol=None):
    """np.linalg.matrix_rank: an integer, which has no gradient."""
    options = {} if rtol is None else {"rtol": value_of(rtol)}
    return np.linalg.matrix_rank(value_of(A), value_of(tol), hermitian, **options)


# QR ------------------------------------------------------------------------------------------------------------


@library_block(notation=lambda x, complete: call("qr", x), complex=True, example=example(normal(3, 2)))
def qr(xp, x, complete=False):
    """x = Q R: the columns of Q, below them those of R*."""
    q, r = xp.linalg.qr(x, mode="complete" if complete else "reduced")
    return packed(xp, q, adjoint(xp, r))


qr.free_signs = True


@qr.backward
def qr_backward(xp, dz, z, x, complete=False):
    m, n = x.shape[-2:]
    k = min(m, n)
    if any_entry(dz[..., :m, k:] != 0):
        raise NoDerivative(
            "the loss depends on columns of Q beyond the first min(m, n): they are any basis of the rest of "
            "the space, and have no derivative. Use Q[..., :k] with k = min(m, n), or mode='reduced'" + at_line()
        )
    q, r = z[..., :m, :k], adjoint(xp, z[..., m:, :k])
    dq, dr = dz[..., :m, :k], adjoint(xp, dz[..., m:, :k])
    _must_have_full_rank(r)
    if n > m:  # x = Q (R₁ R₂): R₂ = Q* x₂ follows from Q
        x_2, dr_2 = x[..., m:], dr[..., m:]
        dx_1 = _qr_of_columns(xp, dq + x_2 @ adjoint(xp, dr_2), dr[..., :m], q, r[..., :m])
        return xp.concat([dx_1, q @ dr_2], axis=-1)
    return _qr_of_columns(xp, dq, dr, q, r)


def _qr_of_columns(xp, dq, dr, q, r):
    """dx = (dQ + Q H) R⁻*, where H is Hermitian with the upper triangle of R dR* − dQ* Q. Diagonals of R are real."""
    m = r @ adjoint(xp, dr) - adjoint(xp, dq) @ q
    lower = xp.tril(m, k=-1)
    inner = lower + adjoint(xp, lower) + on_diagonal(real_part(xp, diagonal_of(m)))
    return adjoint(xp, solve(r, adjoint(xp, dq + q @ inner)))


def _must_have_full_rank(r):
    xp = namespace_of((r,))
    if 0 in r.shape:
        return
    diagonal = abs(diagonal_of(r[..., : r.shape[-1], : r.shape[-2]]))
    if any_entry(diagonal <= rounding(r) * xp.max(abs(r), axis=(-2, -1))[..., None]):
        raise NoDerivative(
            "the first min(m, n) columns of the matrix depend on each other, so QR has no derivative; "
            "np.linalg.svd and np.linalg.pinv have one where the rank stays the same" + at_line()
        )


@answers(np.linalg.qr)
def numpy_qr(a, mode="reduced"):
    """np.linalg.qr in the modes "reduced", "complete" and "r"."""
    if mode not in ("reduced", "complete", "r"):
        raise BlockError(
            f"qr with mode={mode!r} is not covered: it returns LAPACK's reflectors. "
            "Use 'reduced', 'complete' or 'r'" + at_line()
        )
    m, n = a.shape[-2:]
    z = qr(a, complete=mode == "complete" and m > n)
    r = owned(adjoint(np, z[..., m:, :]))
    return r if mode == "r" else QRResult(owned(z[..., :m, :]), r)


# Cholesky ------------------------------------------------------------------------------------------------------


@library_block(notation=lambda x: call("chol", x), complex=True, example=example(hermitian(2, 2)))
def cholesky(xp, x):
    """The lower triangular z with z z* = x, for a Hermitian positive definite x. The gradient is Hermitian too."""
    if "dask" in xp.__name__:  # its own default is the upper one
        return xp.linalg.cholesky(x, lower=True)
    return xp.linalg.cholesky(with_one_triangle(xp, x))


@cholesky.backward
def cholesky_backward(xp, dz, z, x):
    z_h = adjoint(xp, z)
    inner = z_h @ dz
    lower = xp.tril(inner, k=-1)
    inner = 0.5 * (lower + adjoint(xp, lower) + on_diagonal(real_part(xp, diagonal_of(inner))))
    return of_triangle(xp, adjoint(xp, solve(z_h, adjoint(xp, solve(z_h, inner)))), x)


@answers(np.linalg.cholesky)
def numpy_cholesky(a, /, *, upper=False):
    return owned(adjoint(np, cholesky(adjoint(np, a)))) if upper else cholesky(a)
