"""Decompositions: eigenvalues and eigenvectors, singular values and vectors, QR, Cholesky.

A block returns one array, so the factors of a decomposition are packed into one (vectors above values, stacked in rows)
and sliced out again.

The vectors of a repeated value are any basis of their space and have no derivative, so a loss that depends on them is
an error. The values alone have a derivative: where the cotangent of the vectors is zero, their part of the rule is
zero, never 0 · ∞. Two values count as repeated where rounding cannot tell them apart (`_nearly_equal`), because the
rule would amplify rounding into a wrong number there.

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
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity, solve
from chainrule.domains import apart, example, hermitian, normal
from chainrule.errors import BlockError, DependsOnPhase, NoDerivative
from chainrule.formula import call
from chainrule.libraries import is_complex, is_foreign, is_jax, is_numpy, namespace_of, numpy_dtype
from chainrule.node import at_line
from chainrule.step import owned

# Packing -------------------------------------------------------------------------------------------------------


def _pack(xp, *rows):
    """Factors stacked in rows; those with fewer columns are padded with zeros."""
    width = max(r.shape[-1] for r in rows)
    filled = [
        r
        if r.shape[-1] == width
        else xp.concat([r, xp.zeros((*r.shape[:-1], width - r.shape[-1]), dtype=r.dtype)], axis=-1)
        for r in rows
    ]
    return xp.concat(filled, axis=-2)


def _real(xp, x):
    return xp.real(x) if is_complex(x) else x


def _diagonal(x):
    """The diagonals of square matrices."""
    if is_foreign(x) and not is_recorded(x):
        return namespace_of((x,)).linalg.diagonal(x)
    i = np.arange(x.shape[-1])
    return x[..., i, i]


def _on_diagonal(d):
    """Matrices with these diagonals."""
    return d[..., None, :] * identity(d.shape[-1], d)


# Where there is no derivative ----------------------------------------------------------------------------------


def _rounding(x):
    """The rounding error of an eigenvalue or singular value, relative to the largest one: about ε √n."""
    return 16 * float(np.finfo(numpy_dtype(x.dtype)).eps) * math.sqrt(max(x.shape[-1], 1))


def _any(condition):
    return bool(namespace_of((condition,)).any(condition))


def _nearly_equal(values):
    """Which values (in the last axis) are equal up to rounding, as a matrix of booleans."""
    xp = namespace_of((values,))
    scale = xp.max(abs(values), axis=-1, keepdims=True)[..., None] if values.shape[-1] else 0.0
    return abs(values[..., None, :] - values[..., :, None]) <= _rounding(values) * scale


def _reciprocal_gaps(xp, values, cotangents, what):
    """1 / (λ_j − λ_i), and 0 where the two are equal (as on the diagonal): the loss must not depend on them."""
    near = step(_nearly_equal, values)
    off_diagonal = ~np.eye(values.shape[-1], dtype=bool)
    off_diagonal = namespace_of((near,)).asarray(off_diagonal)
    for cotangent in cotangents:
        if _any((cotangent != 0) & near & off_diagonal):
            raise NoDerivative(
                f"the loss (or its gradient, differentiated again) depends on {what} of a repeated value: they are any "
                "basis of their space, and have no derivative. Write the loss with the values alone, or without the "
                "decomposition: a function of a matrix with np.linalg.inv, np.linalg.matrix_power, cr.expm, cr.logm or "
                "cr.sqrtm" + at_line()
            )
    gaps = values[..., None, :] - values[..., :, None]
    return xp.where(near, 0.0, 1 / xp.where(near, 1.0, gaps))


def _must_not_depend_on_phase(phase, like, what):
    """Complex vectors are known up to a phase e^{iφ}; the derivative of the loss by φ must be zero."""
    xp = namespace_of((phase,))
    if phase.shape[-1] and _any(abs(phase) > math.sqrt(_rounding(like)) * xp.max(abs(like), axis=(-2, -1))[..., None]):
        raise DependsOnPhase(
            f"the loss depends on the phase of {what}, which is arbitrary: each is known up to a factor e^iφ. "
            "Write a loss that does not, with np.abs(v) or v v* for instance" + at_line()
        )


def _is_hermitian(xp, x):
    """Whether matrices with entries are Hermitian but for rounding, as an array without axes."""
    return xp.all(abs(x - adjoint(xp, x)) <= math.sqrt(_rounding(x)) * xp.max(abs(x)))


def of_triangle(xp, dx, x, lower=True):
    """The gradient of a block that reads one triangle of x: Hermitian if x is Hermitian, else that triangle alone."""
    plain = namespace_of((x,))
    if 0 in x.shape or bool(_is_hermitian(plain, x)):
        return dx
    n = x.shape[-1]
    read = np.tril(np.full((n, n), 2.0), -1) + np.eye(n)
    return dx * xp.asarray(read if lower else read.T, dtype=dx.dtype)


def _with_one_triangle(xp, x, lower=True):
    """What a block that reads one triangle of x gives to JAX, which takes the mean of both."""
    if not is_jax(x):
        return x
    half = xp.tril(x, -1) if lower else xp.triu(x, 1)
    read = half + adjoint(xp, half) + _on_diagonal(_diagonal(x))
    return xp.where(_is_hermitian(xp, x), x, read)  # of a Hermitian matrix the gradient is Hermitian


# Eigenvalues of Hermitian matrices -----------------------------------------------------------------------------


@library_block(notation=lambda x, lower: call("eigh", x), complex=True, example=example(hermitian(2, 2)))
def eigh(xp, x, lower=True):
    """The eigenvectors of a Hermitian x as columns, and below each its eigenvalue, in ascending order."""
    if is_numpy(xp) and not np.isfinite(x).all():
        return _eigh_of_values_that_are_not_finite(x, "L" if lower else "U")
    x = _with_one_triangle(xp, x, lower)
    w, v = xp.linalg.eigh(x) if lower else xp.linalg.eigh(x, UPLO="U")
    return _pack(xp, v, w[..., None, :])


def _eigh_of_values_that_are_not_finite(x, UPLO):
    """eigh, with NaN vectors if an entry is inf or NaN, because LAPACK may fail on them."""
    finite = np.isfinite(x).all(axis=(-2, -1))[..., None, None]
    v = np.linalg.eigh(np.where(finite, x, 0.0), UPLO=UPLO).eigenvectors
    return _pack(np, np.where(finite, v, np.nan), np.linalg.eigvalsh(x, UPLO=UPLO)[..., None, :])


eigh.free_signs = True


@eigh.backward
def eigh_backward(xp, dz, z, x, lower=True):
    v, w = z[..., :-1, :], _real(xp, z[..., -1, :])
    v_h = adjoint(xp, v)
    turn = v_h @ dz[..., :-1, :]
    if is_complex(turn):
        _must_not_depend_on_phase(_diagonal(turn.imag), turn, "complex eigenvectors")
    rates = _reciprocal_gaps(xp, w, [turn], "eigenvectors")
    inner = (turn - adjoint(xp, turn)) * (0.5 * rates) + _on_diagonal(_real(xp, dz[..., -1, :]))
    return of_triangle(xp, v @ inner @ v_h, x, lower)


def _is_lower(UPLO):
    if UPLO.upper() not in ("L", "U"):
        raise BlockError(f"UPLO is 'L' or 'U', not {UPLO!r}" + at_line())
    return UPLO.upper() == "L"


@answers(np.linalg.eigh)
def numpy_eigh(a, UPLO="L"):
    z = eigh(a, lower=_is_lower(UPLO))
    return EighResult(owned(_real(np, z[..., -1, :])), owned(z[..., :-1, :]))


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
    return _pack(xp, v, w[..., None, :])


eig.free_signs = True


@eig.backward
def eig_backward(xp, dz, z, x):
    v, w = z[..., :-1, :], z[..., -1, :]
    _must_be_diagonalizable(v, dz)
    v_h = adjoint(xp, v)
    turn = v_h @ dz[..., :-1, :]
    along = _diagonal(turn)
    if is_complex(along):
        # A real matrix has real eigenvectors for its real eigenvalues, which have no phase.
        phases = along.imag if is_complex(x) else xp.where(w.imag == 0, 0.0, along.imag)
        _must_not_depend_on_phase(phases, turn, "complex eigenvectors")
        w = xp.conj(w)
    turn = turn - (v_h @ v) * _real(xp, along)[..., None, :]  # the columns keep their length
    inner = turn * _reciprocal_gaps(xp, w, [turn], "eigenvectors") + _on_diagonal(dz[..., -1, :])
    return solve(v_h, inner @ v_h)


def _must_be_diagonalizable(v, dz):
    """Raise if the derivative would have no right digit: its relative error is ε κ², κ the eigenvectors' condition."""
    if 0 in v.shape:
        return
    xp = namespace_of((v,))
    s = xp.linalg.svdvals(v)
    dependent = s[..., -1] <= math.sqrt(_rounding(v)) * s[..., 0]
    if _any(dependent & xp.any(dz != 0, axis=(-2, -1))):
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
    return _pack(xp, u, s[..., None, :], adjoint(xp, v_h))


def _svd_of_values_that_are_not_finite(x, full):
    """svd, with NaN vectors if an entry is inf or NaN, because LAPACK may loop forever on them."""
    finite = np.isfinite(x).all(axis=(-2, -1))[..., None, None]
    u, s, v_h = np.linalg.svd(np.where(finite, x, 0.0), full_matrices=full)
    s = np.where(finite[..., 0], s, np.linalg.svdvals(x))
    return _pack(np, np.where(finite, u, np.nan), s[..., None, :], adjoint(np, np.where(finite, v_h, np.nan)))


def _unpack_svd(xp, z, m, k):
    return z[..., :m, :k], _real(xp, z[..., m, :k]), z[..., m + 1 :, :k]


svd.free_signs = True


@svd.backward
def svd_backward(xp, dz, z, x, full=False):
    m, n = x.shape[-2:]
    k = min(m, n)
    if _any(dz[..., k:] != 0):
        raise NoDerivative(
            "the loss depends on singular vectors beyond the first min(m, n): they are any basis of the rest of "
            "the space, and have no derivative. Use U[..., :k] and Vh[..., :k, :] with k = min(m, n), or "
            "full_matrices=False" + at_line()
        )
    u, s, v = _unpack_svd(xp, z, m, k)
    du, ds, dv = _unpack_svd(xp, dz, m, k)
    u_h, v_h = adjoint(xp, u), adjoint(xp, v)
    turn_u, turn_v = u_h @ du, v_h @ dv
    rates = _reciprocal_gaps(xp, s, [turn_u, turn_v], "singular vectors")
    skew_u, skew_v = turn_u - adjoint(xp, turn_u), turn_v - adjoint(xp, turn_v)
    sums = s[..., None, :] + s[..., :, None]
    sums = xp.where(step(_is_zero, sums), math.inf, sums)
    # 1 / (s_j² − s_i²) in two parts: for U and V rotating together, and against each other.
    inner = 0.5 * ((skew_u + skew_v) * rates + (skew_u - skew_v) / sums)
    inner = inner * (1 - identity(k, s)) + _on_diagonal(ds)
    if is_complex(turn_u):
        phase_u, phase_v = _diagonal(turn_u.imag), _diagonal(turn_v.imag)
        _must_not_depend_on_phase(phase_u + phase_v, abs(turn_u) + abs(turn_v), "complex singular vectors")
        inner = inner + _on_diagonal(1j * _over_singular(xp, phase_u, s))
    dx = u @ inner @ v_h
    if m > k:
        dx = dx + _over_singular(xp, du - u @ turn_u, s[..., None, :]) @ v_h
    if n > k:
        dx = dx + u @ adjoint(xp, _over_singular(xp, dv - v @ turn_v, s[..., None, :]))
    return dx


def _over_singular(xp, turn, s):
    """turn / s: the rotation of a vector out of the span of the others, or against its partner. Undefined at s = 0."""
    zero = step(_are_nearly_zero, s)
    if _any((turn != 0) & zero):
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
    return s <= _rounding(s) * namespace_of((s,)).max(s, axis=-1, keepdims=True)


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
    return SVDResult(owned(u), owned(_real(np, z[..., m, :k])), owned(adjoint(np, v)))


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
    return owned(_real(np, svd(x)[..., m, : min(m, n)]))


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
    return _pack(xp, q, adjoint(xp, r))


qr.free_signs = True


@qr.backward
def qr_backward(xp, dz, z, x, complete=False):
    m, n = x.shape[-2:]
    k = min(m, n)
    if _any(dz[..., :m, k:] != 0):
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
    inner = lower + adjoint(xp, lower) + _on_diagonal(_real(xp, _diagonal(m)))
    return adjoint(xp, solve(r, adjoint(xp, dq + q @ inner)))


def _must_have_full_rank(r):
    xp = namespace_of((r,))
    if 0 in r.shape:
        return
    diagonal = abs(_diagonal(r[..., : r.shape[-1], : r.shape[-2]]))
    if _any(diagonal <= _rounding(r) * xp.max(abs(r), axis=(-2, -1))[..., None]):
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
    return xp.linalg.cholesky(_with_one_triangle(xp, x))


@cholesky.backward
def cholesky_backward(xp, dz, z, x):
    z_h = adjoint(xp, z)
    inner = z_h @ dz
    lower = xp.tril(inner, k=-1)
    inner = 0.5 * (lower + adjoint(xp, lower) + _on_diagonal(_real(xp, _diagonal(inner))))
    return of_triangle(xp, adjoint(xp, solve(z_h, adjoint(xp, solve(z_h, inner)))), x)


@answers(np.linalg.cholesky)
def numpy_cholesky(a, /, *, upper=False):
    return owned(adjoint(np, cholesky(adjoint(np, a)))) if upper else cholesky(a)
