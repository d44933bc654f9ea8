"""scipy.linalg: its functions that have a derivative, under their own names and with their own arguments.

The values are SciPy's own; what is written here says how to differentiate. `_` takes the arguments that say how SciPy
computes: check_finite, overwrite_a, lapack_driver.
"""

import functools
from typing import Any

import numpy as np
import scipy.linalg

from chainrule.array import form_of, value_of
from chainrule.block import as_floats, sum_to, unlisted_block
from chainrule.blocks.complex_numbers import adjoint, conjugate
from chainrule.blocks.decompositions import of_triangle
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity
from chainrule.blocks.matrix_functions import (
    block_diag,
    cho_solve,
    expm,
    logm,
    solve_sylvester,
    solve_triangular,
    sqrtm,
)
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy.convolved import convolved, flipped
from chainrule.standins.scipy_functions import twin, without_gradient
from chainrule.step import owned

# Stacks of matrices --------------------------------------------------------------------------------------------


def one_by_one(*cores):
    """Decorator: stacks are computed one after the other, as SciPy does, for a twin that is written for one.

    Parameters
    ----------
    cores : how many axes each of the first arguments has; 0 for a vector or a matrix.
    """

    def decorate(function):
        @functools.wraps(function)
        def of_stacks(*args, **options):
            given = [as_array(x) for x, _ in zip(args, cores, strict=False) if x is not None]
            own = [core or min(x.ndim, 2) for x, core in zip(given, cores, strict=False)]
            lead = np.broadcast_shapes(*(x.shape[: x.ndim - n] for x, n in zip(given, own, strict=True)))
            if not lead:
                return function(*args, **options)
            stacks = [np.broadcast_to(x, lead + x.shape[x.ndim - n :]) for x, n in zip(given, own, strict=True)]
            others = args[len(given) :]
            results = [function(*(x[at] for x in stacks), *others, **options) for at in np.ndindex(lead)]
            if not isinstance(results[0], tuple):
                return _stacked(results, lead)
            return tuple([_stacked(part, lead) for part in zip(*results, strict=True)])

        return of_stacks

    return decorate


def _stacked(parts, lead):
    """The results for the matrices of a stack, with its axes."""
    if parts[0] is None:
        return None
    z = np.stack([as_array(part) for part in parts])
    return np.reshape(z, lead + z.shape[1:])


# Matrices made of the entries of others ------------------------------------------------------------------------


def rearranged(function, *arrays):
    """The result of a function that only moves entries of arrays, negates them, and adds zeros and ones.

    The function runs on numbers that stand for the entries: 2, 3, …, for 0 and 1 are its own.
    """
    given = [as_array(x) for x in arrays]
    ends = np.cumsum([2, *(x.size for x in given)])
    numbers = [np.arange(a, b, dtype=float).reshape(x.shape) for a, b, x in zip(ends, ends[1:], given, strict=False)]
    places = np.asarray(function(*numbers)).astype(int)
    entries = np.concatenate([np.array([0.0, 1.0]), *map(np.ravel, given)])[abs(places)]
    return np.where(places < 0, -entries, entries) if np.any(places < 0) else entries


@twin(scipy.linalg.toeplitz)
def toeplitz(c, r=None):
    return rearranged(scipy.linalg.toeplitz, c, np.conj(c) if r is None else r)


@twin(scipy.linalg.hankel)
def hankel(c, r=None):
    return rearranged(scipy.linalg.hankel, c, *(() if r is None else (r,)))


@twin(scipy.linalg.circulant)
def circulant(c):
    return rearranged(scipy.linalg.circulant, c)


@twin(scipy.linalg.convolution_matrix)
def convolution_matrix(a, n, mode="full"):
    return rearranged(lambda a: scipy.linalg.convolution_matrix(a, n, mode), a)


@twin(scipy.linalg.leslie)
def leslie(f, s):
    return rearranged(scipy.linalg.leslie, f, s)


@twin(scipy.linalg.companion)
def companion(a):
    one = np.ones((*a.shape[:-1], 1))
    return rearranged(lambda others: scipy.linalg.companion(np.concatenate([one, others], -1)), a[..., 1:] / a[..., :1])


@twin(scipy.linalg.diagsvd)
def diagsvd(s, M, N):
    return rearranged(lambda s: scipy.linalg.diagsvd(s, M, N), s)


@twin(scipy.linalg.fiedler)
def fiedler(a):
    return abs(a[..., :, None] - a[..., None, :])


@twin(scipy.linalg.khatri_rao)
def khatri_rao(a, b):
    z = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(z, (*z.shape[:-3], -1, z.shape[-1]))


twin(scipy.linalg.block_diag)(block_diag)


# Matrices of which one triangle is read ------------------------------------------------------------------------


@unlisted_block(notation=lambda x, lower: x, complex=True)
def hermitian_of(xp, x, lower=False):
    """The Hermitian matrix of which one triangle of x is read."""
    half = xp.tril(x, k=-1) if lower else xp.triu(x, k=1)
    return half + adjoint(xp, half) + xp.real(x) * identity(x.shape[-1], x)


@hermitian_of.backward
def hermitian_of_backward(xp, dz, z, x, lower=False):
    return of_triangle(xp, (dz + adjoint(xp, dz)) / 2, x, lower)


@unlisted_block(notation=lambda x, lower: x, complex=True)
def symmetric_of(xp, x, lower=False):
    """The symmetric matrix, complex or not, of which one triangle of x is read."""
    half = xp.tril(x, k=-1) if lower else xp.triu(x, k=1)
    return half + xp.matrix_transpose(half) + x * identity(x.shape[-1], x)


@symmetric_of.backward
def symmetric_of_backward(xp, dz, z, x, lower=False):
    both = dz + xp.matrix_transpose(dz)
    return (xp.tril(both, k=-1) if lower else xp.triu(both, k=1)) + dz * identity(dz.shape[-1], dz)


# Equations -----------------------------------------------------------------------------------------------------

_READ = {
    **dict.fromkeys(("sym", "symmetric"), symmetric_of),
    **dict.fromkeys(("her", "hermitian", "pos", "positive definite"), hermitian_of),
}
"""What is read of a matrix that is said to be of this kind."""

_BANDS = {"diagonal": (0, 0), "tridiagonal": (1, 1), "upper triangular": (0, None), "lower triangular": (None, 0)}
"""The numbers of diagonals below and above that are read; None for all."""


def _as_read(a, assume_a, lower):
    """A matrix with the entries that SciPy reads of it, if it is told to assume its structure."""
    if assume_a in _READ and (is_complex(form_of(a)) or assume_a not in ("her", "hermitian")):
        return _READ[assume_a](a, lower=lower)
    if assume_a in _READ:
        return hermitian_of(a, lower=lower)
    if assume_a in _BANDS:
        below, above = _BANDS[assume_a]
        a = a if below is None else np.triu(a, -below)
        return a if above is None else np.tril(a, above)
    return a


def _solved(a, b):
    """np.linalg.solve with b as SciPy takes it: one vector for a stack of matrices too."""
    b = as_array(b)
    return owned(np.linalg.solve(a, b[:, None])[..., 0]) if b.ndim == 1 else np.linalg.solve(a, b)


@twin(scipy.linalg.solve)
def solve(a, b, lower=False, *_, assume_a=None, transposed=False, **__):
    a = _as_read(as_array(a), assume_a, lower)
    return _solved(np.matrix_transpose(a) if transposed else a, b)


@twin(scipy.linalg.inv)
def inv(a, *_, assume_a=None, lower=False, **__):
    return np.linalg.inv(_as_read(a, assume_a, lower))


@twin(scipy.linalg.det)
def det(a, *_, **__):
    return np.linalg.det(a)


@twin(scipy.linalg.norm)
def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    return np.linalg.norm(a, ord, axis, keepdims)


@twin(scipy.linalg.pinv)
def pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    tolerance, rank = step(lambda x: _tolerance_and_rank(x, atol, rtol), a)
    z = np.linalg.pinv(a, rcond=tolerance)
    return (z, int(rank)) if return_rank else z


@twin(scipy.linalg.pinvh)
def pinvh(a, atol=None, rtol=None, lower=True, return_rank=False, check_finite=True):
    return pinv(hermitian_of(a, lower=lower), atol=atol, rtol=rtol, return_rank=return_rank)


def _tolerance_and_rank(x, atol, rtol):
    """The singular values that count as zero, as a part of the largest one; and how many do not."""
    s = np.linalg.svd(x, compute_uv=False)
    largest = s.max(initial=0.0)
    rtol = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None and not atol else rtol or 0.0
    tolerance = (atol or 0.0) + rtol * largest
    return np.array([tolerance / largest if largest else 0.0, np.sum(s > tolerance)])


@twin(scipy.linalg.lstsq)
@one_by_one(2, 0)
def lstsq(a, b, cond=None, *_, lapack_driver=None, **__):
    cond = np.finfo(form_of(as_floats(a)).dtype).eps if cond is None else cond
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond=cond)
    if lapack_driver == "gelsy":
        return x, residuals[:0], rank, None
    return x, residuals[0] if b.ndim == 1 and residuals.size else residuals, rank, s


@twin(scipy.linalg.solve_triangular)
def _solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, *_, **__):
    return solve_triangular(a, b, trans, lower, unit_diagonal)


@twin(scipy.linalg.cholesky)
def cholesky(a, lower=False, *_, **__):
    return np.linalg.cholesky(a, upper=not lower)


@twin(scipy.linalg.cho_factor)
def cho_factor(a, lower=False, *_, **__):
    """The other triangle of SciPy's factor has the old entries."""
    c = np.linalg.cholesky(a, upper=not lower)
    return (c + np.triu(a, 1) if lower else c + np.tril(a, -1)), lower


@twin(scipy.linalg.cho_solve)
def _cho_solve(c_and_lower, b, *_, **__):
    c, lower = c_and_lower
    return cho_solve((c, bool(np.all(value_of(lower)))), b)


# Banded and Toeplitz matrices


@unlisted_block(notation=lambda ab, b, **_: call("solve", ab, b), complex=True)
def banded_solve(xp, ab, b, below=0, above=0):
    """z = a⁻¹ b for the matrix b and the matrix a with the diagonals ab: ab[above + i − j, j] = a[i, j]."""
    dtype = np.result_type(ab, b)
    lead = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    if ab.ndim == 2:  # one matrix for all columns
        columns = np.moveaxis(b, -2, 0)
        z = scipy.linalg.solve_banded((below, above), ab.astype(dtype), columns.reshape(b.shape[-2], -1))
        return np.moveaxis(z.reshape(columns.shape), 0, -2)
    ab, b = (np.broadcast_to(x, lead + x.shape[-2:]).astype(dtype) for x in (ab, b))
    z = [scipy.linalg.solve_banded((below, above), ab[at], b[at]) for at in np.ndindex(lead)]
    return np.reshape(z, b.shape)


@banded_solve.backward
def banded_solve_backward(xp, dz, z, ab, b, below=0, above=0):
    db = banded_solve(_transposed_bands(conjugate(xp, ab), below, above), dz, below=above, above=below)
    rows, columns, inside = _places_of_bands(ab.shape[-1], below, above)
    da = -xp.sum(db[..., rows, :] * conjugate(xp, z)[..., columns, :], axis=-1)
    lead = z.shape[:-2]
    return (
        sum_to(xp, da * inside, tuple(ab.shape), lead + tuple(ab.shape[-2:])),
        sum_to(xp, db, tuple(b.shape), tuple(z.shape)),
    )


def _places_of_bands(n, below, above):
    """The row and the column in the matrix of each entry of its diagonals, and which lie in the matrix."""
    columns = np.broadcast_to(np.arange(n), (below + above + 1, n))
    rows = columns + np.arange(-above, below + 1)[:, None]
    return np.clip(rows, 0, n - 1), columns, (rows >= 0) & (rows < n)


def _transposed_bands(ab, below, above):
    rows, columns, inside = _places_of_bands(ab.shape[-1], above, below)
    return ab[..., above + columns - rows, rows] * inside if ab.shape[-1] else ab


@twin(scipy.linalg.solve_banded)
def solve_banded(l_and_u, ab, b, *_, **__):
    below, above = l_and_u
    ab, b = as_array(ab), as_array(b)
    if b.ndim == 1:
        return owned(banded_solve(ab, b[:, None], below=int(below), above=int(above))[..., 0])
    return banded_solve(ab, b, below=int(below), above=int(above))


def _all_bands(ab, lower):
    """The diagonals of a Hermitian matrix, of which those on one side are given."""
    width, n = ab.shape[-2] - 1, ab.shape[-1]
    other = np.conj(ab[..., 1:, :] if lower else ab[..., :-1, :])
    sides = [np.zeros_like(other), ab] if lower else [ab, np.zeros_like(other)]
    rows, columns, inside = _places_of_bands(n, width, width)
    given = np.concatenate(sides, axis=-2)
    mirrored = given[..., np.clip(width + columns - rows, 0, 2 * width), rows]
    own = (rows > columns) if lower else (rows < columns)
    given = np.where(rows == columns, np.real(given), np.where(own, given, np.conj(mirrored)))
    return np.where(inside, given, 0.0)


@twin(scipy.linalg.solveh_banded)
def solveh_banded(ab, b, overwrite_ab=False, overwrite_b=False, lower=False, check_finite=True):
    width = ab.shape[-2] - 1
    return solve_banded((width, width), _all_bands(as_array(ab), lower), b)


@twin(scipy.linalg.cho_solve_banded)
def cho_solve_banded(cb_and_lower, b, *_, **__):
    cb, lower = cb_and_lower
    width = cb.shape[-2] - 1
    other = _transposed_bands(np.conj(cb), width if lower else 0, 0 if lower else width)
    first, second = (((width, 0), cb), ((0, width), other)) if lower else (((width, 0), other), ((0, width), cb))
    return solve_banded(*second, solve_banded(*first, b))


@unlisted_block(notation=lambda c, r, b: call("solve", call("toeplitz", c, r), b), complex=True)
def toeplitz_solve(xp, c, r, b):
    """z = a⁻¹ b for the Toeplitz matrix a with the first column c and the first row r, and a matrix b."""
    if c.ndim == r.ndim == 1:
        columns = np.moveaxis(b, -2, 0)
        z = scipy.linalg.solve_toeplitz((c, r), columns.reshape(len(c), -1))
        return np.moveaxis(z.reshape(columns.shape), 0, -2)
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1], b.shape[:-2])
    c, r = (np.broadcast_to(x, lead + x.shape[-1:]) for x in (c, r))
    b = np.broadcast_to(b, lead + b.shape[-2:])
    return np.reshape([scipy.linalg.solve_toeplitz((c[at], r[at]), b[at]) for at in np.ndindex(lead)], b.shape)


@toeplitz_solve.backward
def toeplitz_solve_backward(xp, dz, z, c, r, b):
    c_h, r_h, n = conjugate(xp, c), conjugate(xp, r), c.shape[-1]
    first = np.arange(n) == 0  # the entry that c and r share is that of c
    row = xp.where(first, r_h, c_h) if c.ndim == r.ndim else c_h * ~first + r_h * first
    db = toeplitz_solve(xp.where(first, c_h, r_h), row, dz)
    z_h, other = flipped(xp.matrix_transpose(conjugate(xp, z)), 1), xp.matrix_transpose(db)
    diagonals = -xp.sum(convolved(other, z_h, axes=1), axis=-2)  # d[k + n − 1] = −Σ db[i + k] z[i]*
    lead = z.shape[:-2]
    return (
        sum_to(xp, diagonals[..., n - 1 :], tuple(c.shape), (*lead, n)),
        sum_to(xp, flipped(diagonals[..., :n], 1) * ~first, tuple(r.shape), (*lead, n)),
        sum_to(xp, db, tuple(b.shape), tuple(z.shape)),
    )


def _column_and_row(c_or_cr):
    if isinstance(c_or_cr, tuple):
        return [as_array(x) for x in c_or_cr]
    c = as_array(c_or_cr)
    return [c, np.conj(c)]


@twin(scipy.linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr, b, check_finite=True):
    c, r = _column_and_row(c_or_cr)
    b = as_array(b)
    return owned(toeplitz_solve(c, r, b[:, None])[..., 0]) if b.ndim == 1 else toeplitz_solve(c, r, b)


@twin(scipy.linalg.matmul_toeplitz)
def matmul_toeplitz(c_or_cr, x, check_finite=False, workers=None):
    return _times_toeplitz(*_column_and_row(c_or_cr), x)


@one_by_one(1, 1, 0)
def _times_toeplitz(c, r, x):
    n = x.shape[0]
    diagonals = np.concatenate([r[:0:-1], c])
    rows = np.reshape(x, (n, -1)).T
    z = convolved(rows, diagonals)[..., n - 1 : n - 1 + c.size].T
    return np.reshape(z, (c.size, *x.shape[1:]))


@twin(scipy.linalg.solve_circulant)
def solve_circulant(c, b, singular="raise", tol=None, caxis=-1, baxis=0, outaxis=0):
    if singular != "raise":
        raise BlockError("solve_circulant has a derivative where c is regular: singular='raise'" + at_line())
    c, b = np.moveaxis(as_array(c), caxis, -1), np.moveaxis(as_array(b), baxis, -1)
    c = np.reshape(c, (*c.shape[:-1], *(1,) * (b.ndim - 1), c.shape[-1]))
    z = np.fft.ifft(np.fft.fft(b) / np.fft.fft(c))
    return np.moveaxis(z if is_complex(form_of(c)) or is_complex(form_of(b)) else np.real(z), -1, outaxis)


# Matrix equations


@twin(scipy.linalg.solve_sylvester)
def _solve_sylvester(a, b, q):
    return solve_sylvester(a, b, q)


@twin(scipy.linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a, q):
    a = as_array(a)
    return solve_sylvester(a, np.conj(np.matrix_transpose(a)), as_array(q))


@unlisted_block(notation=lambda a, q: call("lyapunov", a, q), complex=True)
def discrete_lyapunov(xp, a, q):
    """The z for which a z a* − z + q = 0."""
    lead = np.broadcast_shapes(a.shape[:-2], q.shape[:-2])
    if not lead:
        return scipy.linalg.solve_discrete_lyapunov(a, q)
    a, q = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (a, q))
    z = [scipy.linalg.solve_discrete_lyapunov(a[at], q[at]) for at in np.ndindex(lead)]
    return np.reshape(z, q.shape)


@discrete_lyapunov.backward
def discrete_lyapunov_backward(xp, dz, z, a, q):
    dq = discrete_lyapunov(adjoint(xp, a), dz)
    da = dq @ a @ adjoint(xp, z) + adjoint(xp, dq) @ a @ z
    lead = z.shape[:-2]
    return sum_to(xp, da, a.shape, lead + a.shape[-2:]), sum_to(xp, dq, q.shape, z.shape)


@twin(scipy.linalg.solve_discrete_lyapunov)
def solve_discrete_lyapunov(a, q, method=None):
    return discrete_lyapunov(as_array(a), as_array(q))


def _riccati(x, a, b, q, r, e, s, solve_lyapunov, gain):
    """The derivatives of the solution x of a Riccati equation, by two of Newton's steps from x itself.

    Each step solves a Lyapunov equation. The first step is right to the first order in a, b, q and r, and Newton's
    steps double the order.
    D. L. Kleinman, On an iterative technique for Riccati equation computations (1968).
    """
    a, b, q, r = map(as_array, (a, b, q, r))
    e = np.eye(a.shape[-1]) if e is None else as_array(e)
    s = np.zeros(b.shape) if s is None else as_array(s)
    for _ in range(2):
        k = gain(x, a, b, r, e, s)
        closed = np.linalg.solve(e, a - b @ k)
        sk = s @ k
        w = q + adjoint(np, k) @ r @ k - sk - adjoint(np, sk)
        y = np.linalg.solve(adjoint(np, e), solve_lyapunov(adjoint(np, closed), w))
        x = adjoint(np, np.linalg.solve(adjoint(np, e), adjoint(np, y)))
    return x


@twin(scipy.linalg.solve_continuous_are)
def solve_continuous_are(a, b, q, r, e=None, s=None, balanced=True):
    def gain(x, a, b, r, e, s):
        return np.linalg.solve(r, adjoint(np, b) @ x @ e + adjoint(np, s))

    x = step(_plain(scipy.linalg.solve_continuous_are, balanced), *_given(a, b, q, r, e, s))
    return _riccati(x, a, b, q, r, e, s, lambda a, w: solve_continuous_lyapunov(a, -w), gain)


@twin(scipy.linalg.solve_discrete_are)
def solve_discrete_are(a, b, q, r, e=None, s=None, balanced=True):
    def gain(x, a, b, r, e, s):
        return np.linalg.solve(r + adjoint(np, b) @ x @ b, adjoint(np, b) @ x @ a + adjoint(np, s))

    x = step(_plain(scipy.linalg.solve_discrete_are, balanced), *_given(a, b, q, r, e, s))
    return _riccati(x, a, b, q, r, e, s, discrete_lyapunov, gain)


def _given(a, b, q, r, e, s):
    """The matrices of a Riccati equation, in a form without None."""
    a, b = as_array(a), as_array(b)
    return (
        a,
        b,
        as_array(q),
        as_array(r),
        np.eye(a.shape[-1]) if e is None else e,
        np.zeros(b.shape) if s is None else s,
    )


def _plain(function, balanced):
    return lambda *matrices: function(*matrices, balanced=balanced)


# Functions of matrices -----------------------------------------------------------------------------------------


twin(scipy.linalg.expm)(expm)


@twin(scipy.linalg.logm)
def _logm(A, *_, **__):
    return logm(A)


@twin(scipy.linalg.sqrtm)
def _sqrtm(A, *_, **__):
    return sqrtm(A)


@twin(scipy.linalg.cosm)
def cosm(A):
    z = expm(1j * A) + expm(-1j * A)
    return z / 2 if is_complex(form_of(A)) else np.real(z) / 2


@twin(scipy.linalg.sinm)
def sinm(A):
    z = (expm(1j * A) - expm(-1j * A)) / 2j
    return z if is_complex(form_of(A)) else np.real(z)


@twin(scipy.linalg.tanm)
def tanm(A):
    return np.linalg.solve(cosm(A), sinm(A))


@twin(scipy.linalg.coshm)
def coshm(A):
    return (expm(A) + expm(-A)) / 2


@twin(scipy.linalg.sinhm)
def sinhm(A):
    return (expm(A) - expm(-A)) / 2


@twin(scipy.linalg.tanhm)
def tanhm(A):
    return np.linalg.solve(coshm(A), sinhm(A))


@twin(scipy.linalg.signm)
def signm(A, *_, **__):
    return A @ np.linalg.inv(sqrtm(A @ A))


@twin(scipy.linalg.fractional_matrix_power)
def fractional_matrix_power(A, t):
    if not hasattr(t, "_node") and t == int(t):
        return np.linalg.matrix_power(A, int(t))
    return expm(t * logm(A))


@twin(scipy.linalg.expm_frechet)
def expm_frechet(A, E, method=None, compute_expm=True, check_finite=True):
    n = A.shape[-1]
    z = expm(np.block([[A, E], [np.zeros(A.shape), A]]))
    return (z[..., :n, :n], z[..., :n, n:]) if compute_expm else z[..., :n, n:]


@twin(scipy.linalg.polar)
def polar(a, side="right"):
    p = sqrtm(adjoint(np, a) @ a if side == "right" else a @ adjoint(np, a))
    return (a @ np.linalg.inv(p) if side == "right" else np.linalg.solve(p, a)), p


@twin(scipy.linalg.orthogonal_procrustes)
@one_by_one(2, 2)
def orthogonal_procrustes(A, B, check_finite=True):
    u, p = polar(adjoint(np, A) @ B)
    return u, np.real(np.trace(p))


# Decompositions ------------------------------------------------------------------------------------------------


@unlisted_block(notation=lambda x: call("lu", x), complex=True)
def lu_without_pivots(xp, x):
    """The factors l u = x of square matrices: u, and below its diagonal those entries of l."""
    z = np.array(x)
    for i in range(z.shape[-1] - 1):
        z[..., i + 1 :, i] /= z[..., i, i, None]
        z[..., i + 1 :, i + 1 :] -= z[..., i + 1 :, i, None] * z[..., i, None, i + 1 :]
    return z


@lu_without_pivots.backward
def lu_without_pivots_backward(xp, dz, z, x):
    """From dx = dl u + l du: l⁻¹ dx u⁻¹ = l⁻¹ dl + du u⁻¹, of which one is below the diagonal and one above."""
    l, u = _lower_and_upper(xp, z)
    inner = xp.tril(adjoint(xp, l) @ xp.tril(dz, k=-1), k=-1) + xp.triu(xp.triu(dz) @ adjoint(xp, u))
    half = np.linalg.solve(adjoint(xp, l), inner)
    return adjoint(xp, np.linalg.solve(u, adjoint(xp, half)))


def _lower_and_upper(xp, z):
    return xp.tril(z, k=-1) + identity(z.shape[-1], z), xp.triu(z)


def _packed_lu(a):
    """The factors of a[order] in one matrix, and the order of the rows. The order is taken to be constant near a."""
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


@twin(scipy.linalg.lu_factor)
def lu_factor(a, *_, **__):
    return _packed_lu(a)[0], scipy.linalg.lu_factor(value_of(a))[1]


@twin(scipy.linalg.lu_solve)
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


@twin(scipy.linalg.lu)
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


def _aligned(vectors, by_scipy, *operands):
    """Vectors with the signs (or phases) that a function of SciPy gives them."""

    def phases(x, *operands):
        inner = np.sum(np.conj(x) * by_scipy(*operands), axis=-2, keepdims=True)
        size = abs(inner)
        return np.where(size > 0, inner / np.where(size > 0, size, 1), 1)

    return vectors * step(phases, vectors, *operands)


@twin(scipy.linalg.qr)
def qr(a, overwrite_a=False, lwork=None, mode="full", pivoting=False, check_finite=True):
    modes: dict[str, Any] = {"full": "complete", "economic": "reduced", "r": "complete"}
    if mode not in modes:
        raise BlockError(f"scipy.linalg.qr with mode={mode!r} has no derivative; write mode='economic'" + at_line())
    order = [scipy.linalg.qr(value_of(a), mode="r", pivoting=True)[1]] if pivoting else []
    q, r = np.linalg.qr(a[:, order[0]] if pivoting else a, modes[mode])
    return (r, *order) if mode == "r" else (q, r, *order)


@twin(scipy.linalg.rq)
@one_by_one(2)
def rq(a, overwrite_a=False, lwork=None, mode="full", check_finite=True):
    """From the factors of the transposed rows in the opposite order; their signs are SciPy's."""
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
    q = adjoint(np, _aligned(adjoint(np, q), lambda a: adjoint(np, scipy.linalg.rq(a, mode="economic")[1]), a))
    r = a @ adjoint(np, q)
    return r if mode == "r" else (r, q)


@twin(scipy.linalg.svd)
def svd(a, full_matrices=True, compute_uv=True, *_, **options):
    if not compute_uv:
        return np.linalg.svdvals(a)
    u, s, vh = np.linalg.svd(a, full_matrices)
    u = _aligned(u, lambda a: scipy.linalg.svd(a, full_matrices, **options)[0], a)
    v = _aligned(adjoint(np, vh), lambda a: adjoint(np, scipy.linalg.svd(a, full_matrices, **options)[2]), a)
    return u, s, adjoint(np, v)


@twin(scipy.linalg.svdvals)
def svdvals(a, *_, **__):
    return np.linalg.svdvals(a)


@twin(scipy.linalg.eigh)
def eigh(a, b=None, *, lower=True, eigvals_only=False, subset_by_index=None, subset_by_value=None, type=1, **options):
    given = (as_array(a),) if b is None else (as_array(a), as_array(b))
    options.update(lower=lower, subset_by_index=subset_by_index, subset_by_value=subset_by_value, type=type)
    w, v = _eigh([hermitian_of(x, lower=lower) for x in given], type)
    chosen = _chosen(w, subset_by_index, subset_by_value)
    if eigvals_only:
        return w[..., chosen]
    return w[..., chosen], _aligned(v[..., chosen], lambda *given: scipy.linalg.eigh(*given, **options)[1], *given)


def _eigh(matrices, type):
    """Eigenvalues and eigenvectors of Hermitian matrices; those of two by way of the second's Cholesky factor."""
    if len(matrices) == 1:
        return np.linalg.eigh(*matrices)
    a, b = matrices
    root = np.linalg.cholesky(b)
    a = np.linalg.solve(root, adjoint(np, np.linalg.solve(root, a))) if type == 1 else adjoint(np, root) @ a @ root
    w, v = np.linalg.eigh(a)
    return w, root @ v if type == 3 else np.linalg.solve(adjoint(np, root), v)


def _chosen(w, by_index, by_value):
    """Which eigenvalues are wanted: a slice."""
    if by_index is not None:
        return slice(by_index[0], by_index[1] + 1)
    if by_value is not None:
        inside = (value_of(w) > by_value[0]) & (value_of(w) <= by_value[1])
        return slice(int(np.argmax(inside)), int(np.argmax(inside) + np.sum(inside)))
    return slice(None)


@twin(scipy.linalg.eigvalsh)
def eigvalsh(a, b=None, *, lower=True, subset_by_index=None, subset_by_value=None, type=1, **_):
    subset = {"subset_by_index": subset_by_index, "subset_by_value": subset_by_value}
    return eigh(a, b, lower=lower, eigvals_only=True, **subset, type=type)


def _of_diagonals(d, e):
    """The symmetric matrix with the diagonal d and e beside it."""
    return np.diag(d) + np.diag(e, 1) + np.diag(np.conj(e), -1)


def _of_bands(a_band, lower):
    """The Hermitian matrix with these diagonals."""
    n, width = a_band.shape[-1], a_band.shape[-2] - 1
    below = np.arange(n)[:, None] - np.arange(n)  # the row less the column
    entries = _all_bands(a_band, lower)[np.clip(width + below, 0, 2 * width), np.arange(n)]
    return np.where(abs(below) <= width, entries, 0.0)


def _eigh_as(function, dense, given, eigvals_only, select, select_range):
    """The eigenvalues and eigenvectors of a dense matrix, as a function of SciPy gives them for its diagonals."""
    w, v = np.linalg.eigh(dense)
    by_index, by_value = (select_range if select[0] == kind else None for kind in "iv")
    chosen = _chosen(w, by_index, by_value)
    w = w[chosen]
    if eigvals_only:
        return w
    how = {"select": select, "select_range": select_range}
    return w, _aligned(v[:, chosen], lambda *given: function(*given, **how)[1], *given)


@twin(scipy.linalg.eigh_tridiagonal)
@one_by_one(1, 1)
def eigh_tridiagonal(d, e, eigvals_only=False, select="a", select_range=None, *_, **__):
    function = scipy.linalg.eigh_tridiagonal
    return _eigh_as(function, _of_diagonals(d, e), (d, e), eigvals_only, select, select_range)


@twin(scipy.linalg.eigvalsh_tridiagonal)
def eigvalsh_tridiagonal(d, e, select="a", select_range=None, *_, **__):
    return eigh_tridiagonal(d, e, True, select, select_range)


@twin(scipy.linalg.eig_banded)
@one_by_one(2)
def eig_banded(
    a_band, lower=False, eigvals_only=False, overwrite_a_band=False, select="a", select_range=None, *_, **__
):
    def function(a_band, **how):
        return scipy.linalg.eig_banded(a_band, lower, **how)

    return _eigh_as(function, _of_bands(a_band, lower), (a_band,), eigvals_only, select, select_range)


@twin(scipy.linalg.eigvals_banded)
def eigvals_banded(a_band, lower=False, overwrite_a_band=False, select="a", select_range=None, check_finite=True):
    return eig_banded(a_band, lower, True, select=select, select_range=select_range)


@twin(scipy.linalg.eig)
@one_by_one(2, 2)
def eig(a, b=None, left=False, right=True, *_, homogeneous_eigvals=False, **__):
    """The eigenvalues in SciPy's order; left eigenvectors are the rows of the inverse of the right ones."""
    if homogeneous_eigvals:
        raise BlockError("scipy.linalg.eig with homogeneous_eigvals=True has no derivative; divide them" + at_line())
    given = (a,) if b is None else (a, b)
    w, v = np.linalg.eig(a if b is None else np.linalg.solve(b, a))
    order = value_of(step(lambda w, *given: _order_of(w, scipy.linalg.eigvals(*given)), w, *given))
    w, v = w[order], v[:, order]
    vectors = []
    if left:
        rows = np.linalg.inv(v if b is None else b @ v)
        rows = adjoint(np, rows / np.linalg.norm(rows, axis=-1, keepdims=True))
        vectors.append(_aligned(rows, lambda *given: scipy.linalg.eig(*given, left=True)[1], *given))
    if right:
        vectors.append(_aligned(v, lambda *given: scipy.linalg.eig(*given)[1], *given))
    return (w, *vectors) if vectors else w


def _order_of(values, like):
    """The places of like's numbers in values, which are the same numbers in another order."""
    order, left = [], list(range(len(values)))
    for number in like:
        order.append(min(left, key=lambda i: abs(values[i] - number)))
        left.remove(order[-1])
    return np.array(order)


@twin(scipy.linalg.eigvals)
def eigvals(a, b=None, *_, homogeneous_eigvals=False, **__):
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


@twin(scipy.linalg.subspace_angles)
@one_by_one(2, 2)
def subspace_angles(A, B):
    """By their cosines, or by their sines where these are small."""
    qa, qb = np.linalg.qr(A)[0], np.linalg.qr(B)[0]
    inner = adjoint(np, qa) @ qb
    cosines = np.linalg.svdvals(inner)
    apart = qb - qa @ inner if qa.shape[1] >= qb.shape[1] else qa - qb @ adjoint(np, inner)
    sines = np.linalg.svdvals(apart)[::-1][: cosines.size]
    small = value_of(cosines) ** 2 >= 0.5
    angles = np.where(small, np.arcsin(np.where(small, sines, 0.0)), np.arccos(np.where(small, 0.0, cosines)))
    return angles[::-1]


without_gradient(scipy.linalg, "bandwidth ishermitian issymmetric")
