"""Systems of linear equations, inverses, least squares, and the factors of positive definite matrices.

`_` takes the arguments that say how SciPy computes: check_finite, overwrite_a.
"""

import numpy as np
import scipy.linalg

from chainrule.array import form_of, value_of
from chainrule.block import as_floats
from chainrule.blocks.integers import step
from chainrule.blocks.matrix_functions import cho_solve, solve_triangular
from chainrule.blocks.shaping import as_array
from chainrule.errors import RecordingError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_positive_definite
from chainrule.scipy.linalg.arrays import one_by_one, twin_of_arrays
from chainrule.scipy.linalg.triangles import hermitian_of, symmetric_of

_READ = {
    **dict.fromkeys(("sym", "symmetric"), symmetric_of),
    **dict.fromkeys(("her", "hermitian", "pos", "positive definite"), hermitian_of),
}
"""What is read of a matrix that is said to be of this kind."""

_BANDS = {"diagonal": (0, 0), "tridiagonal": (1, 1), "upper triangular": (0, None), "lower triangular": (None, 0)}
"""The numbers of diagonals below and above that are read; None for all."""


def _as_read(a, assume_a, lower):
    """A matrix with the entries that SciPy reads of it, if it is told to assume its structure."""
    if assume_a in _READ:
        return _READ[assume_a](a, lower=lower)
    if assume_a in _BANDS:
        below, above = _BANDS[assume_a]
        a = a if below is None else np.triu(a, -below)
        return a if above is None else np.tril(a, above)
    return a


@twin_of_arrays(scipy.linalg.solve)
def solve(
    a,
    b,
    lower=False,
    overwrite_a=False,
    overwrite_b=False,
    check_finite=True,
    assume_a=None,
    transposed=False,
):
    a = _as_read(as_array(a), assume_a, lower)
    if assume_a in ("pos", "positive definite"):
        accepts(is_positive_definite, a)
    return np.linalg.solve(np.matrix_transpose(a) if transposed else a, as_array(b))


@twin_of_arrays(scipy.linalg.inv)
def inv(a, *_, assume_a=None, lower=False, **__):
    a = _as_read(a, assume_a, lower)
    if assume_a in ("pos", "positive definite"):
        accepts(is_positive_definite, a)
    return np.linalg.inv(a)


@twin_of_arrays(scipy.linalg.det)
def det(a, *_, **__):
    return np.linalg.det(a)


@twin_of_arrays(scipy.linalg.norm)
def norm(a, ord=None, axis=None, keepdims=False, check_finite=True):
    return np.linalg.norm(a, ord, axis, keepdims)


@twin_of_arrays(scipy.linalg.pinv)
@one_by_one(2)
def pinv(a, *, atol=None, rtol=None, return_rank=False, check_finite=True):
    tolerance, rank = step(lambda x: _tolerance_and_rank(x, atol, rtol), a)
    z = np.linalg.pinv(a, rcond=tolerance)
    return (z, int(rank)) if return_rank else z


@twin_of_arrays(scipy.linalg.pinvh)
def pinvh(a, atol=None, rtol=None, lower=True, return_rank=False, check_finite=True):
    return pinv(hermitian_of(a, lower=lower), atol=atol, rtol=rtol, return_rank=return_rank)


def _tolerance_and_rank(x, atol, rtol):
    """The singular values that count as zero, as a part of the largest one; and how many do not."""
    s = np.linalg.svd(x, compute_uv=False)
    largest = s.max(initial=0.0)
    rtol = max(x.shape[-2:]) * np.finfo(x.dtype).eps if rtol is None and not atol else rtol or 0.0
    tolerance = (atol or 0.0) + rtol * largest
    return np.array([tolerance / largest if largest else 0.0, np.sum(s > tolerance)])


@twin_of_arrays(scipy.linalg.lstsq)
@one_by_one(2, 0)
def lstsq(a, b, cond=None, overwrite_a=False, overwrite_b=False, check_finite=True, lapack_driver=None):
    cond = np.finfo(form_of(as_floats(a)).dtype).eps if cond is None else cond
    if lapack_driver == "gelss":
        cond = _threshold_of_gelss(cond, a)
    if lapack_driver == "gelsy" and bool(step(lambda x: _leaves_out_more_than_rounding(x, cond), a)):
        raise RecordingError(
            f"scipy.linalg.lstsq with lapack_driver='gelsy' and cond={cond} leaves out part of the matrix, which has "
            "no gradient here; use lapack_driver='gelsd'" + at_line()
        )
    x, residuals, rank, s = np.linalg.lstsq(a, b, rcond=cond)
    if lapack_driver == "gelsy":
        return x, residuals[:0], rank, None
    return x, residuals[0] if b.ndim == 1 and residuals.size else residuals, rank, s


def _threshold_of_gelss(cond, a):
    """The same threshold for gelsd, which takes 0 for its precision."""
    if cond >= 1:
        raise RecordingError(
            f"scipy.linalg.lstsq with cond={cond} leaves out all of the matrix: it is below 1" + at_line()
        )
    return float(np.finfo(form_of(as_floats(a)).dtype).tiny) if cond == 0 else cond


def _leaves_out_more_than_rounding(x, cond):
    rank = scipy.linalg.lstsq(x, np.zeros(x.shape[0], x.dtype), cond, lapack_driver="gelsy")[2]
    return rank < np.linalg.matrix_rank(x)


@twin_of_arrays(scipy.linalg.solve_triangular)
def _solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False, *_, **__):
    return solve_triangular(a, b, trans, lower, unit_diagonal)


@twin_of_arrays(scipy.linalg.cholesky)
def cholesky(a, lower=False, *_, **__):
    return np.linalg.cholesky(a, upper=not lower)


@twin_of_arrays(scipy.linalg.cho_factor)
def cho_factor(a, lower=False, *_, **__):
    """The other triangle of SciPy's factor has the old entries."""
    c = np.linalg.cholesky(a, upper=not lower)
    return (c + np.triu(a, 1) if lower else c + np.tril(a, -1)), lower


@twin_of_arrays(scipy.linalg.cho_solve)
def _cho_solve(c_and_lower, b, *_, **__):
    c, lower = c_and_lower
    return cho_solve((c, bool(np.all(value_of(lower)))), b)
