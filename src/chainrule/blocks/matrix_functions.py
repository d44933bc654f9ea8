"""Functions of matrices, with the names of scipy.linalg: exponential, logarithm, square root; triangular systems.

SciPy's own functions do not take recorded arrays, so call these as `cr.expm(x)`.
The derivative of a function of a matrix in the direction E is read off a block triangular matrix:

    f([[A, E], [0, A]]) = [[f(A), L(A, E)], [0, f(A)]]

and its adjoint is E ↦ L(A, E*)*, because the trace of X L(A, Y) is symmetric in X and Y. It is computed by f itself, so
it can be differentiated again. N. J. Higham, Functions of Matrices (2008), chapter 3; R. Mathias, A chain rule for
matrix functions and applications (1996).
"""

import warnings

import numpy as np

from chainrule.array import Array, form_of
from chainrule.block import as_floats, library_block, sum_to
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.matrices import identity
from chainrule.domains import example, normal, positive_definite
from chainrule.errors import BlockError, NoDerivative
from chainrule.forks import imported
from chainrule.formula import call
from chainrule.libraries import is_complex, is_numpy, namespace_of
from chainrule.node import at_line
from chainrule.step import owned

__all__ = ["block_diag", "cho_factor", "cho_solve", "expm", "logm", "solve_sylvester", "solve_triangular", "sqrtm"]


# Functions of a matrix -----------------------------------------------------------------------------------------


@library_block(notation=lambda x: call("exp", x), complex=True, example=example(normal(2, 2)))
def expm(xp, x):
    """z = I + x + x²/2! + …, the exponential of matrices. As scipy.linalg.expm.

    Parameters
    ----------
    x : shape (…, n, n), a square matrix or a stack of them.

    >>> import numpy as np, chainrule as cr
    >>> cr.expm(np.zeros((2, 2)))
    array([[1., 0.],
           [0., 1.]])
    """
    if "torch" in xp.__name__:
        return xp.linalg.matrix_exp(x)
    if xp.__name__.startswith("jax"):
        from jax.scipy.linalg import expm as jax_expm

        return jax_expm(x)
    if not is_numpy(xp):
        raise NotImplementedError("SciPy computes it")
    scipy_expm = imported("scipy.linalg").expm
    return scipy_expm(_native(x)) if x.size else x.copy()


def _native(x):
    """x in native byte order: SciPy's C functions misread any other, or refuse it."""
    return x if x.dtype.isnative else x.astype(x.dtype.newbyteorder("="))


@expm.backward
def expm_backward(xp, dz, z, x):
    return _adjoint_derivative(xp, expm, x, dz)


@library_block(notation=lambda x: call("log", x), complex=True, example=example(positive_definite(2, 2)))
def logm(xp, x):
    """The principal logarithm z of matrices: exp(z) = x. As scipy.linalg.logm, for stacks of matrices too.

    Parameters
    ----------
    x : shape (…, n, n). The result is complex if a real x has a negative eigenvalue.

    >>> import numpy as np, chainrule as cr
    >>> cr.logm(np.diag([1.0, np.e])).round(6)
    array([[0., 0.],
           [0., 1.]])
    """
    if not is_numpy(xp):
        raise NotImplementedError("SciPy computes it")
    scipy_logm = imported("scipy.linalg").logm
    return _each(scipy_logm, as_floats(x))


logm.draws = True  # SciPy estimates a norm


@logm.backward
def logm_backward(xp, dz, z, x):
    return _adjoint_derivative(xp, logm, x, dz)


def _adjoint_derivative(xp, f, x, dz):
    """L(x, dz*)*. The direction is scaled to length 1 first, so that f loses no digits."""
    n = x.shape[-1]
    direction = adjoint(xp, dz)
    if 0 in direction.shape:
        return dz
    plain, size = namespace_of((form_of(direction),)), step(_size, direction)
    x = xp.broadcast_to(x, np.broadcast_shapes(x.shape, direction.shape))
    top = xp.concat([x, direction / size], axis=-1)
    below = xp.concat([plain.zeros(x.shape, dtype=x.dtype), x], axis=-1)
    return adjoint(xp, f(xp.concat([top, below], axis=-2))[..., :n, n:] * size)


def _size(matrices):
    """The largest absolute value in each matrix; 1 for a matrix of zeros."""
    xp = namespace_of((matrices,))
    size = xp.max(abs(matrices), axis=(-2, -1), keepdims=True)
    return xp.where(size == 0, 1.0, size)


@library_block(notation=lambda x: x**0.5, complex=True, example=example(positive_definite(2, 2)))
def sqrtm(xp, x):
    """The principal square root z of matrices: z z = x. As scipy.linalg.sqrtm, for stacks of matrices too.

    Parameters
    ----------
    x : shape (…, n, n). The result is complex if a real x has a negative eigenvalue. A singular x has no derivative.

    >>> import numpy as np, chainrule as cr
    >>> cr.sqrtm(np.diag([4.0, 9.0]))
    array([[2., 0.],
           [0., 3.]])
    """
    if not is_numpy(xp):
        raise NotImplementedError("SciPy computes it")
    scipy_sqrtm = imported("scipy.linalg").sqrtm
    return _each(scipy_sqrtm, as_floats(x))


@sqrtm.backward
def sqrtm_backward(xp, dz, z, x):
    """From dz z + z dz = dx, a Sylvester equation."""
    plain = namespace_of((dz,))
    if bool(plain.any(step(_is_singular, z) & plain.any(dz != 0, axis=(-2, -1)))):
        raise NoDerivative("the square root of a singular matrix has no derivative" + at_line())
    z_h = adjoint(xp, z)
    return solve_sylvester(z_h, z_h, dz)


def _is_singular(z):
    """Whether two eigenvalues of a matrix add up to 0."""
    xp = namespace_of((z,))
    w = xp.linalg.eigvals(z)
    sums = abs(w[..., None, :] + w[..., :, None])
    largest = xp.max(sums, axis=(-2, -1), keepdims=True) if w.shape[-1] else sums
    return xp.any(sums <= 16 * xp.finfo(z.dtype).eps * largest, axis=(-2, -1))


def _each(function, x):
    """A function of SciPy for each matrix of a stack, in the precision of x. It may be complex where x is real."""
    if x.size == 0:
        return x.copy()
    x = _native(x)
    matrices = x.reshape(-1, *x.shape[-2:])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # "may be inaccurate", caused by float32 rounding
        z = np.stack([function(matrix) for matrix in matrices]).reshape(x.shape)
    if is_complex(z) and not is_complex(x) and not z.imag.any():
        z = z.real
    return z.astype(np.result_type(x.dtype, np.complex64) if is_complex(z) else x.dtype)


# Equations -----------------------------------------------------------------------------------------------------


@library_block(
    notation=lambda a, b, q: call("sylvester", a, b, q),
    complex=True,
    example=example(positive_definite(2, 2), positive_definite(3, 3), normal(2, 3)),
)
def solve_sylvester(xp, a, b, q):
    """The z for which a z + z b = q. As scipy.linalg.solve_sylvester, for stacks of matrices too.

    Parameters
    ----------
    a : shape (…, n, n).
    b : shape (…, m, m).
    q : shape (…, n, m), as the result.

    >>> import numpy as np, chainrule as cr
    >>> cr.solve_sylvester(np.diag([1.0, 2.0]), np.array([[1.0]]), np.array([[2.0], [6.0]]))
    array([[1.],
           [2.]])
    """
    if not is_numpy(xp):
        raise NotImplementedError("SciPy computes it")
    scipy_solve_sylvester = imported("scipy.linalg").solve_sylvester
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2], q.shape[:-2])
    dtype = np.result_type(a, b, q)  # SciPy's answer is wrong where one matrix is real and another complex
    a, b, q = (x.astype(dtype) for x in (a, b, q))
    if not lead:
        return scipy_solve_sylvester(a, b, q)
    a, b, q = (np.broadcast_to(x, lead + x.shape[-2:]) for x in (a, b, q))
    z = np.empty(q.shape, dtype)
    for at in np.ndindex(lead):
        z[at] = scipy_solve_sylvester(a[at], b[at], q[at])
    return z


@solve_sylvester.backward
def solve_sylvester_backward(xp, dz, z, a, b, q):
    dq = solve_sylvester(adjoint(xp, a), adjoint(xp, b), dz)
    z_h = adjoint(xp, z)
    lead = z.shape[:-2]
    return (
        sum_to(xp, -(dq @ z_h), a.shape, lead + a.shape[-2:]),
        sum_to(xp, -(z_h @ dq), b.shape, lead + b.shape[-2:]),
        sum_to(xp, dq, q.shape, z.shape),
    )


@library_block(
    notation=lambda a, b, lower, unit_diagonal: a**-1 @ b,
    complex=True,
    example=example(positive_definite(2, 2), normal(2, 1)),
)
def triangular_solve(xp, a, b, lower=False, unit_diagonal=False):
    """z = a⁻¹ b for a matrix b and a triangular a; only that triangle of a is read."""
    if is_numpy(xp) and a.ndim == 2 and b.size and a.dtype == b.dtype:
        scipy_solve_triangular = imported("scipy.linalg").solve_triangular
        columns = np.moveaxis(b, -2, 0)
        z = scipy_solve_triangular(a, columns.reshape(len(a), -1), lower=lower, unit_diagonal=unit_diagonal)
        return np.ascontiguousarray(np.moveaxis(z.reshape(columns.shape), 0, -2))
    return xp.linalg.solve(_triangle(xp, a, lower, unit_diagonal), b)


def _triangle(xp, a, lower, unit_diagonal):
    k = int(unit_diagonal)
    a = xp.tril(a, k=-k) if lower else xp.triu(a, k=k)
    return a + identity(a.shape[-1], a) if unit_diagonal else a


@triangular_solve.backward
def triangular_solve_backward(xp, dz, z, a, b, lower=False, unit_diagonal=False):
    db = triangular_solve(adjoint(xp, a), dz, lower=not lower, unit_diagonal=unit_diagonal)
    da = -(db @ adjoint(xp, z))
    da = xp.tril(da, k=-int(unit_diagonal)) if lower else xp.triu(da, k=int(unit_diagonal))
    stack = z.shape[:-2]
    return sum_to(xp, da, a.shape, stack + a.shape[-2:]), sum_to(xp, db, b.shape, z.shape)


def solve_triangular(a, b, trans=0, lower=False, unit_diagonal=False):
    """Solve a x = b for a triangular a. As scipy.linalg.solve_triangular.

    Parameters
    ----------
    a : (…, n, n); only the chosen triangle is read, so only it has a gradient.
    b : (n,), (n, k), or a stack of matrices.
    trans : 0 or "N" for a x = b, 1 or "T" for aᵀ x = b, 2 or "C" for a* x = b.
    lower : whether a is lower triangular.
    unit_diagonal : whether the diagonal of a is taken to be ones, and not read.

    >>> import numpy as np, chainrule as cr
    >>> cr.solve_triangular(np.array([[2.0, 0.0], [1.0, 4.0]]), np.array([2.0, 5.0]), lower=True)
    array([1., 1.])
    """
    a, b = (x if isinstance(x, Array) else np.asarray(x) for x in (a, b))
    if trans not in (0, "N", 1, "T", 2, "C"):
        raise BlockError(f"trans is 0, 1, 2, 'N', 'T' or 'C', not {trans!r}" + at_line())
    if trans in (2, "C"):
        a = np.conj(a)
    if trans not in (0, "N"):
        a, lower = np.matrix_transpose(a), not lower
    options = {"lower": bool(lower), "unit_diagonal": bool(unit_diagonal)}
    if b.ndim == 1:
        return owned(triangular_solve(a, b[:, None], **options)[..., 0])
    return triangular_solve(a, b, **options)


def cho_factor(a, lower=False):
    """The Cholesky factor of a and whether it is the lower one, for `cho_solve`. As scipy.linalg.cho_factor.

    The other triangle of the factor holds zeros; SciPy leaves the old entries there.

    Parameters
    ----------
    a : shape (…, n, n), Hermitian and positive definite.
    lower : whether the factor is the lower one.

    Raises
    ------
    numpy.linalg.LinAlgError : a is not positive definite.

    >>> import numpy as np, chainrule as cr
    >>> cr.cho_factor(np.diag([4.0, 9.0]), lower=True)
    (array([[2., 0.],
           [0., 3.]]), True)
    """
    return np.linalg.cholesky(a, upper=not lower), bool(lower)


def cho_solve(c_and_lower, b):
    """Solve a x = b from the Cholesky factor of a. As scipy.linalg.cho_solve.

    Parameters
    ----------
    c_and_lower : the result of `cho_factor`.
    b : (n,), (n, k), or a stack of matrices.

    >>> import numpy as np, chainrule as cr
    >>> a = np.array([[4.0, 2.0], [2.0, 5.0]])
    >>> cr.cho_solve(cr.cho_factor(a), a @ np.array([1.0, 2.0]))
    array([1., 2.])
    """
    c, lower = c_and_lower
    half = solve_triangular(c, b, trans=0 if lower else 2, lower=lower)
    return solve_triangular(c, half, trans=2 if lower else 0, lower=lower)


def block_diag(*arrs):
    """One matrix with the given matrices along its diagonal, and zeros elsewhere. As scipy.linalg.block_diag.

    Parameters
    ----------
    arrs : matrices; a vector is a row, a number a 1 × 1 matrix.

    >>> import numpy as np, chainrule as cr
    >>> cr.block_diag(np.ones((1, 2)), 3.0)
    array([[1., 1., 0.],
           [0., 0., 3.]])
    """
    blocks = [np.atleast_2d(a if isinstance(a, Array) else np.asarray(a)) for a in arrs] or [np.zeros((1, 0))]
    width = sum(a.shape[-1] for a in blocks)
    rows, start = [], 0
    for a in blocks:
        lead, (m, n) = a.shape[:-2], a.shape[-2:]
        before, after = np.zeros((*lead, m, start), a.dtype), np.zeros((*lead, m, width - start - n), a.dtype)
        rows.append(np.concatenate([before, a, after], axis=-1))
        start += n
    return np.concatenate(rows, axis=-2)
