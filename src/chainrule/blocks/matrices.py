"""Matrices: inverses, systems of equations, determinants, products, diagonals and triangles.

Derivatives: M. Giles, Collected matrix derivative results for forward and reverse mode algorithmic differentiation
(2008).
Stacks of matrices are covered throughout, as NumPy covers them.
"""

import math
import operator

import numpy as np
from numpy.linalg._linalg import SlogdetResult

from chainrule.array import Array, form_of
from chainrule.block import answers, library_block, sum_to
from chainrule.blocks.complex_numbers import adjoint, conjugate
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal, positive_definite
from chainrule.errors import BlockError, NoDerivative
from chainrule.formula import call
from chainrule.libraries import is_complex, is_inexact, namespace_of
from chainrule.node import at_line
from chainrule.step import owned


def identity(n, like):
    """A plain identity matrix of the array library and dtype of another array."""
    return namespace_of((form_of(like),)).eye(n, dtype=like.dtype)


# Inverses and systems of equations -----------------------------------------------------------------------------


@library_block(np.linalg.inv, notation=lambda x: x**-1, complex=True, example=example(positive_definite(2, 2)))
def inv(xp, x):
    """z = x⁻¹."""
    return xp.linalg.inv(x)


@inv.backward
def inv_backward(xp, dz, z, x):
    z = adjoint(xp, z)
    return -(z @ dz @ z)


@library_block(notation=lambda a, b: a**-1 @ b, complex=True, example=example(positive_definite(2, 2), normal(2, 1)))
def solve(xp, a, b):
    """z = a⁻¹ b for a matrix b, without the inverse."""
    return xp.linalg.solve(a, b)


@solve.backward
def solve_backward(xp, dz, z, a, b):
    db = solve(adjoint(xp, a), dz)
    da = -(db @ adjoint(xp, z))
    stack = z.shape[:-2]
    return sum_to(xp, da, a.shape, stack + a.shape[-2:]), sum_to(xp, db, b.shape, z.shape)


@answers(np.linalg.solve)
def numpy_solve(a, b):
    """np.linalg.solve: b is one vector, or a stack of matrices."""
    a, b = (x if isinstance(x, Array) else np.asarray(x) for x in (a, b))
    return owned(solve(a, b[:, None])[..., 0]) if b.ndim == 1 else solve(a, b)


@answers(np.linalg.tensorsolve)
def numpy_tensorsolve(a, b, axes=None):
    """np.linalg.tensorsolve: one system of equations with one unknown for each entry of the result."""
    a, b = (x if isinstance(x, Array) else np.asarray(x) for x in (a, b))
    if axes is not None:
        for axis in axes:
            a = np.moveaxis(a, axis, -1)
    shape = a.shape[b.ndim :]
    n = math.prod(shape)
    if a.size != n * n:
        raise BlockError(
            f"tensorsolve of shapes {a.shape} and {b.shape}: not as many equations as unknowns" + at_line()
        )
    return owned(np.reshape(np.linalg.solve(np.reshape(a, (n, n)), np.ravel(b)), shape))


@answers(np.linalg.tensorinv)
def numpy_tensorinv(a, ind=2):
    """np.linalg.tensorinv: the inverse of the matrix whose rows are the first `ind` axes."""
    if ind <= 0:
        raise BlockError(f"tensorinv with ind={ind}, which must be positive" + at_line())
    rows = math.prod(a.shape[:ind])
    return owned(np.reshape(inv(np.reshape(a, (rows, -1))), a.shape[ind:] + a.shape[:ind]))


@answers(np.linalg.matrix_power)
def numpy_matrix_power(a, n):
    """np.linalg.matrix_power: aⁿ by repeated squaring."""
    n = operator.index(n)
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


# Determinants --------------------------------------------------------------------------------------------------


@library_block(np.linalg.det, notation=lambda x: call("det", x), complex=True, example=example(normal(2, 2)))
def det(xp, x):
    """z = det x."""
    return xp.linalg.det(x)


@det.backward
def det_backward(xp, dz, z, x):
    return dz[..., None, None] * conjugate(xp, _cofactors(xp, z, x))


def _cofactors(xp, z, x):
    """∂z/∂x: z x⁻ᵀ, or minor by minor if a matrix is singular, which is exact there in every order."""
    n = x.shape[-1]
    if n == 0 or bool(xp.all(z != 0)):
        return z[..., None, None] * xp.matrix_transpose(inv(x))
    if n == 1:
        return xp.ones_like(x)
    others = np.array([[i for i in range(n) if i != k] for k in range(n)])
    minors = x[..., others[:, None, :, None], others[None, :, None, :]]
    signs = (-1.0) ** np.add.outer(np.arange(n), np.arange(n))
    return det(minors) * xp.asarray(signs, dtype=x.dtype)


@library_block(notation=lambda x: call("log|det|", x), complex=True, example=example(normal(2, 2)))
def logabsdet(xp, x):
    """z = log |det x|."""
    return xp.linalg.slogdet(x)[1]


@logabsdet.backward
def logabsdet_backward(xp, dz, z, x):
    return dz[..., None, None] * adjoint(xp, inv(_regular(xp, x, dz, z)))


def _regular(xp, x, dz, z):
    """x, with the identity in place of singular matrices; log |det x| has no derivative there."""
    plain = namespace_of((z,))
    singular = step(is_zero_det, z)
    if not bool(plain.any(singular)):
        return x
    if bool(plain.any((dz != 0) & singular)):
        raise NoDerivative("log |det x| of a singular matrix has no derivative; np.linalg.det has one" + at_line())
    return xp.where(singular[..., None, None], identity(x.shape[-1], x), x)


def is_zero_det(z):
    """Whether the determinants with these logarithms are 0."""
    return z == -math.inf


@library_block(notation=lambda x: call("sign det", x), complex=True, example=example(normal(2, 2)))
def sign_of_det(xp, x):
    """det x / |det x|: a step function of a real matrix, a phase of a complex one."""
    return xp.linalg.slogdet(x)[0]


@sign_of_det.backward
def sign_of_det_backward(xp, dz, z, x):
    if not is_complex(x):
        return (None,)
    turn = xp.imag(xp.conj(z) * dz)
    return 1j * turn[..., None, None] * adjoint(xp, inv(_regular(xp, x, turn, logabsdet(x))))


@answers(np.linalg.slogdet)
def numpy_slogdet(a):
    return SlogdetResult(sign_of_det(a), logabsdet(a))


# Products ------------------------------------------------------------------------------------------------------


@answers(np.linalg.multi_dot)
def numpy_multi_dot(arrays, *, out=None):
    """A product of several matrices, in the cheapest order; the first and the last may be vectors."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    if out is not None or not 2 <= len(arrays) < len(letters):
        raise BlockError("multi_dot is covered for 2 to 50 arrays, without out=" + at_line())
    if len(arrays) == 2:
        return np.dot(*arrays)
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
        return owned((as_array(x1) @ as_array(x2)[..., None])[..., 0])

    @answers(np.vecmat)
    def numpy_vecmat(x1, x2):
        """Stacks of vectors times stacks of matrices."""
        return owned((conjugate(np, as_array(x1))[..., None, :] @ as_array(x2))[..., 0, :])


@answers(np.kron)
def numpy_kron(a, b):
    """np.kron: each entry of a times all of b, as a broadcast product that is reshaped."""
    ndim = max(np.ndim(a), np.ndim(b))
    m = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    n = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    z = np.reshape(a, [s for i in m for s in (i, 1)]) * np.reshape(b, [s for j in n for s in (1, j)])
    return owned(np.reshape(z, tuple(i * j for i, j in zip(m, n, strict=True))))


@answers(np.cross)
def numpy_cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """np.cross: a missing third entry counts as 0; if both lack it, only the third entry of the product is returned."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if not {a.shape[-1], b.shape[-1]} <= {2, 3}:
        raise BlockError(f"cross of vectors with {a.shape[-1]} and {b.shape[-1]} entries; both need 3" + at_line())
    if a.shape[-1] == b.shape[-1] == 2:
        return owned(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])
    a, b = (x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1) for x in (a, b))
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
    """A mask of the entries on the diagonal k and below."""
    rows, columns = m.shape[-2:] if m.ndim > 1 else (m.shape[0], m.shape[0])
    return np.arange(columns) <= np.arange(rows)[:, None] + k


def _zero_of(m):
    """A zero of Python's that leaves integers integers."""
    return 0.0 if is_inexact(form_of(m)) else 0


@answers(np.tril)
def numpy_tril(m, k=0):
    return np.where(_below(m, k), m, _zero_of(m))


@answers(np.triu)
def numpy_triu(m, k=0):
    return np.where(_below(m, k - 1), _zero_of(m), m)
