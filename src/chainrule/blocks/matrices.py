"""Matrices: inverses, determinants, Cholesky factors, norms, and what arranges numbers into matrices.

Derivatives: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation
(2008); the pseudoinverse: G. H. Golub and V. Pereyra, The differentiation of pseudo-inverses (1973).
Stacks of matrices are covered throughout, as NumPy covers them.
"""

import math

import numpy as np
from numpy.linalg._linalg import SlogdetResult

from chainrule.array import Array, owned
from chainrule.block import answers, axis_from_right, library_block, sum_to
from chainrule.blocks.indexing import add_at
from chainrule.blocks.reductions import axes_of, axes_text, spread
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_numpy
from chainrule.node import at_line


def _swap(xp, x):
    return xp.matrix_transpose(x)


# Inverses ------------------------------------------------------------------------------------------------------


@library_block(np.linalg.inv, notation=lambda x: x**-1)
def inv(xp, x):
    """z = x⁻¹."""
    return xp.linalg.inv(x)


@inv.backward
def inv_backward(xp, dz, z, x):
    return -(_swap(xp, z) @ dz @ _swap(xp, z))


@library_block(notation=lambda a, b: a**-1 @ b)
def solve(xp, a, b):
    """z = a⁻¹ b for a matrix b, without the inverse."""
    return xp.linalg.solve(a, b)


@solve.backward
def solve_backward(xp, dz, z, a, b):
    db = solve(_swap(xp, a), dz)
    da = -(db @ _swap(xp, z))
    stack = z.shape[:-2]
    return sum_to(xp, da, a.shape, stack + a.shape[-2:]), sum_to(xp, db, b.shape, z.shape)


@answers(np.linalg.solve)
def numpy_solve(a, b):
    """np.linalg.solve: b is one vector, or a stack of matrices."""
    a, b = (x if isinstance(x, Array) else np.asarray(x) for x in (a, b))
    return owned(solve(a, b[:, None])[..., 0]) if b.ndim == 1 else solve(a, b)


@library_block(notation=lambda x, rtol: call("pinv", x))
def pinv(xp, x, rtol=None):
    """z = x⁺, the Moore-Penrose pseudoinverse."""
    return np.linalg.pinv(x, rtol=rtol) if is_numpy(xp) else xp.linalg.pinv(x)


@pinv.backward
def pinv_backward(xp, dz, z, x, rtol=None):
    z_t, dz_t = _swap(xp, z), _swap(xp, dz)
    rows, columns = xp.eye(x.shape[-2], dtype=x.dtype), xp.eye(x.shape[-1], dtype=x.dtype)
    return (rows - x @ z) @ dz_t @ (z @ z_t) + (z_t @ z) @ dz_t @ (columns - z @ x) - z_t @ dz @ z_t


@answers(np.linalg.pinv)
def numpy_pinv(a, rcond=None, hermitian=False, *, rtol=None):
    """np.linalg.pinv; the rank is taken to be constant near a."""
    return pinv(a, rtol=rcond if rtol is None else rtol)


@answers(np.linalg.matrix_power)
def numpy_matrix_power(a, n):
    """aⁿ by repeated squaring."""
    if n < 0:
        a, n = np.linalg.inv(a), -n
    if n == 0:
        return np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape).copy()
    power = None
    while n:
        n, odd = divmod(n, 2)
        if odd:
            power = a if power is None else power @ a
        a = a @ a if n else a
    return +power if power is a else power


# Determinants and Cholesky factors -----------------------------------------------------------------------------


@library_block(np.linalg.det, notation=lambda x: call("det", x))
def det(xp, x):
    """z = det x."""
    return xp.linalg.det(x)


@det.backward
def det_backward(xp, dz, z, x):
    return dz[..., None, None] * _cofactors(xp, z, x)


def _cofactors(xp, z, x):
    """∂z/∂x: z x⁻ᵀ, or minor by minor where some matrix is singular, which is exact there in every order."""
    n = x.shape[-1]
    if n == 0 or bool(xp.all(z != 0)):
        return z[..., None, None] * _swap(xp, inv(x))
    if n == 1:
        return xp.ones_like(x)
    others = np.array([[i for i in range(n) if i != k] for k in range(n)])
    minors = x[..., others[:, None, :, None], others[None, :, None, :]]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return det(minors) * xp.asarray(signs, dtype=x.dtype)


@library_block(notation=lambda x: call("log|det|", x))
def logabsdet(xp, x):
    """z = log |det x|."""
    return xp.linalg.slogdet(x)[1]


@logabsdet.backward
def logabsdet_backward(xp, dz, z, x):
    return dz[..., None, None] * _swap(xp, inv(x))


@library_block(notation=lambda x: call("sign det", x), differentiable=False)
def sign_of_det(xp, x):
    """The sign of det x, a step function."""
    return xp.linalg.slogdet(x)[0]


@answers(np.linalg.slogdet)
def numpy_slogdet(a):
    return SlogdetResult(sign_of_det(a), logabsdet(a))


@library_block(notation=lambda x: call("chol", x))
def cholesky(xp, x):
    """The lower triangular z with z zᵀ = x, for a symmetric positive definite x. The gradient is symmetric too."""
    return xp.linalg.cholesky(x)


@cholesky.backward
def cholesky_backward(xp, dz, z, x):
    z_t = _swap(xp, z)
    inner = xp.tril(z_t @ dz)
    inner = 0.5 * (inner + _swap(xp, xp.tril(inner, k=-1)))  # the lower triangle, mirrored
    return _swap(xp, solve(z_t, _swap(xp, solve(z_t, inner))))


@answers(np.linalg.cholesky)
def numpy_cholesky(a, /, *, upper=False):
    return owned(_swap(np, cholesky(_swap(np, a)))) if upper else cholesky(a)


# Products ------------------------------------------------------------------------------------------------------


@answers(np.linalg.multi_dot)
def numpy_multi_dot(arrays, *, out=None):
    """A product of several matrices, in the order that costs least; the first and the last may be vectors."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if out is not None or not 2 <= len(arrays) < len(letters):
        raise BlockError("multi_dot is covered for 2 to 50 arrays, without out=" + at_line())
    terms = [letters[i : i + 2] for i in range(len(arrays))]
    first, last = terms[0][0], terms[-1][1]
    if np.ndim(arrays[0]) == 1:
        terms[0], first = terms[0][1], ""
    if np.ndim(arrays[-1]) == 1:
        terms[-1], last = terms[-1][0], ""
    return np.einsum(f"{','.join(terms)}->{first}{last}", *arrays)


if hasattr(np, "matvec"):  # new in NumPy 2.2

    @answers(np.matvec)
    def numpy_matvec(x1, x2):
        """Stacks of matrices times stacks of vectors."""
        return owned((x1 @ x2[..., None])[..., 0])

    @answers(np.vecmat)
    def numpy_vecmat(x1, x2):
        """Stacks of vectors times stacks of matrices."""
        return owned((np.conj(x1)[..., None, :] @ x2)[..., 0, :])


@answers(np.kron)
def numpy_kron(a, b):
    """Every entry of a times all of b: a product that broadcasts, reshaped."""
    ndim = max(np.ndim(a), np.ndim(b))
    m = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    n = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    z = np.reshape(a, [s for i in m for s in (i, 1)]) * np.reshape(b, [s for j in n for s in (1, j)])
    return owned(np.reshape(z, tuple(i * j for i, j in zip(m, n, strict=True))))


@answers(np.cross)
def numpy_cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """The vector product of vectors with three entries."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise BlockError(f"cross of vectors with {a.shape[-1]} and {b.shape[-1]} entries; both need 3" + at_line())
    next_, last = [1, 2, 0], [2, 0, 1]
    return owned(np.moveaxis(a[..., next_] * b[..., last] - a[..., last] * b[..., next_], -1, axisc))


@answers(np.linalg.cross)
def numpy_linalg_cross(x1, x2, /, *, axis=-1):
    return numpy_cross(x1, x2, axis=axis)


# Diagonals and triangles ---------------------------------------------------------------------------------------


@answers(np.diag)
def numpy_diag(v, k=0):
    """np.diag: a matrix with the vector v on a diagonal, or a diagonal of the matrix v."""
    if v.ndim == 2:
        return np.diagonal(v, k)
    if v.ndim != 1:
        raise BlockError(f"diag of an array with {v.ndim} axes" + at_line())
    n, i = v.shape[0] + abs(k), np.arange(v.shape[0])
    return add_at(v, key=(i + max(-k, 0), i + max(k, 0)), shape=(n, n))


@answers(np.diagflat)
def numpy_diagflat(v, k=0):
    return numpy_diag(np.ravel(v), k)


@answers(np.linalg.diagonal)
def numpy_linalg_diagonal(x, /, *, offset=0):
    return np.diagonal(x, offset, -2, -1)


@answers(np.linalg.trace)
def numpy_linalg_trace(x, /, *, offset=0, dtype=None):
    return np.trace(x if dtype is None else np.astype(x, dtype), offset, -2, -1)


def _below(m, k):
    """Where a matrix has its entries on the diagonal k and below."""
    rows, columns = m.shape[-2:] if m.ndim > 1 else (m.shape[0], m.shape[0])
    return np.arange(columns) <= np.arange(rows)[:, None] + k


@answers(np.tril)
def numpy_tril(m, k=0):
    return np.where(_below(m, k), m, 0.0)


@answers(np.triu)
def numpy_triu(m, k=0):
    return np.where(_below(m, k - 1), 0.0, m)


# Norms ---------------------------------------------------------------------------------------------------------


@library_block(notation=lambda x, axis, keepdims: call("norm", x, index=axes_text(x, axis)))
def norm(xp, x, axis=None, keepdims=False):
    """z = sqrt(Σ x²) along the axes. Where z = 0 the gradient is 0, as in PyTorch."""
    return xp.sqrt(xp.sum(x * x, axis=axis, keepdims=keepdims))


@norm.backward
def norm_backward(xp, dz, z, x, axis=None, keepdims=False):
    return spread(xp, dz / xp.where(z == 0, 1.0, z), z, x, axis) * x


def _vector_norm(x, order, axis, keepdims):
    options = {"axis": axis, "keepdims": keepdims}
    if order in (None, 2):
        return norm(x, **options)
    if order == 0:
        return np.sum(np.astype(x != 0, x.dtype), **options)
    x = np.abs(x)
    if abs(order) == math.inf:
        return np.max(x, **options) if order > 0 else np.min(x, **options)
    if order == 1:
        return np.sum(x, **options)
    if order < 1:  # the slope at an entry that is 0 is infinite or none; PyTorch says 0
        zero = x == 0
        powers = np.where(zero, 0.0 if order > 0 else math.inf, np.where(zero, 1.0, x) ** order)
    else:
        powers = x**order
    total = np.sum(powers, **options)
    zero = total == 0
    return np.where(zero, 0.0, np.where(zero, 1.0, total) ** (1 / order))[()]


def _matrix_norm(x, order, axis, keepdims):
    rows, columns = axis
    if order in (None, "fro"):
        return norm(x, axis=axis, keepdims=keepdims)
    if order not in (1, -1, math.inf, -math.inf):
        raise BlockError(
            f"the norm of order {order!r} of a matrix needs its singular values, which have no block yet; "
            "covered are 'fro', 1, -1, inf and -inf" + at_line()
        )
    summed, rest = (rows, columns) if abs(order) == 1 else (columns, rows)
    sums = np.sum(np.abs(x), axis=summed, keepdims=True)
    z = np.max(sums, axis=rest, keepdims=True) if order > 0 else np.min(sums, axis=rest, keepdims=True)
    return z if keepdims else np.squeeze(z, axis=axis)[()]


@answers(np.linalg.norm)
def numpy_norm(x, ord=None, axis=None, keepdims=False):
    """np.linalg.norm: of all entries without ord and axis, else of vectors along one axis or matrices in two."""
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
    return _vector_norm(x, ord, axis_from_right(axis, x.ndim), keepdims)


@answers(np.linalg.matrix_norm)
def numpy_matrix_norm(x, /, *, keepdims=False, ord="fro"):
    return _matrix_norm(x, ord, (-2, -1), keepdims)


@answers(np.linalg.cond)
def numpy_cond(x, p=None):
    """np.linalg.cond, for the norms that are covered."""
    return _matrix_norm(x, 2 if p is None else p, (-2, -1), False) * _matrix_norm(inv(x), p, (-2, -1), False)
