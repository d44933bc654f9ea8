"""Eigenvalues and eigenvectors of Hermitian, banded and general matrices, and of pairs of matrices."""

import functools

import numpy as np
import scipy.linalg

from chainrule.array import value_of
from chainrule.blocks.complex_numbers import adjoint
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.scipy.linalg.arrays import one_by_one, twin_of_arrays
from chainrule.scipy.linalg.banded import all_bands
from chainrule.scipy.linalg.decompositions import aligned
from chainrule.scipy.linalg.triangles import hermitian_of
from chainrule.standins.scipy_functions import without_gradient

__all__ = ["eigh_of", "order_of"]


@twin_of_arrays(scipy.linalg.eigh)
def eigh(a, b=None, *, lower=True, eigvals_only=False, subset_by_index=None, subset_by_value=None, type=1, **options):
    given = (as_array(a),) if b is None else (as_array(a), as_array(b))
    options.update(lower=lower, subset_by_index=subset_by_index, subset_by_value=subset_by_value, type=type)
    w, v = eigh_of([hermitian_of(x, lower=lower) for x in given], type)
    chosen = _chosen(w, subset_by_index, subset_by_value)
    if eigvals_only:
        return w[..., chosen]
    return w[..., chosen], aligned(v[..., chosen], lambda *given: scipy.linalg.eigh(*given, **options)[1], *given)


def eigh_of(matrices, type):
    """Eigenvalues and eigenvectors of Hermitian matrices; for a pair, by the Cholesky factor of the second."""
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


@twin_of_arrays(scipy.linalg.eigvalsh)
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
    entries = all_bands(a_band, lower)[np.clip(width + below, 0, 2 * width), np.arange(n)]
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
    return w, aligned(v[:, chosen], lambda *given: function(*given, **how)[1], *given)


@twin_of_arrays(scipy.linalg.eigh_tridiagonal)
@one_by_one(1, 1)
def eigh_tridiagonal(
    d, e, eigvals_only=False, select="a", select_range=None, check_finite=True, tol=0.0, lapack_driver="auto"
):
    function = functools.partial(scipy.linalg.eigh_tridiagonal, tol=tol, lapack_driver=lapack_driver)
    return _eigh_as(function, _of_diagonals(d, e), (d, e), eigvals_only, select, select_range)


@twin_of_arrays(scipy.linalg.eigvalsh_tridiagonal)
def eigvalsh_tridiagonal(d, e, select="a", select_range=None, *_, **__):
    return eigh_tridiagonal(d, e, True, select, select_range)


@twin_of_arrays(scipy.linalg.eig_banded)
@one_by_one(2)
def eig_banded(
    a_band, lower=False, eigvals_only=False, overwrite_a_band=False, select="a", select_range=None, *_, **__
):
    def function(a_band, **how):
        return scipy.linalg.eig_banded(a_band, lower, **how)

    return _eigh_as(function, _of_bands(a_band, lower), (a_band,), eigvals_only, select, select_range)


@twin_of_arrays(scipy.linalg.eigvals_banded)
def eigvals_banded(a_band, lower=False, overwrite_a_band=False, select="a", select_range=None, check_finite=True):
    return eig_banded(a_band, lower, True, select=select, select_range=select_range)


@twin_of_arrays(scipy.linalg.eig)
@one_by_one(2, 2)
def eig(
    a,
    b=None,
    left=False,
    right=True,
    overwrite_a=False,
    overwrite_b=False,
    check_finite=True,
    homogeneous_eigvals=False,
):
    """The eigenvalues in SciPy's order; left eigenvectors are the rows of the inverse of the right ones."""
    if homogeneous_eigvals:
        raise BlockError("scipy.linalg.eig with homogeneous_eigvals=True has no derivative; divide them" + at_line())
    given = (a,) if b is None else (a, b)
    w, v = np.linalg.eig(a if b is None else np.linalg.solve(b, a))
    order = step(lambda w, *given: order_of(w, scipy.linalg.eigvals(*given)), w, *given)
    w, v = w[order], v[:, order]
    vectors = []
    if left:
        rows = np.linalg.inv(v if b is None else b @ v)
        rows = adjoint(np, rows / np.linalg.norm(rows, axis=-1, keepdims=True))
        vectors.append(aligned(rows, lambda *given: scipy.linalg.eig(*given, left=True)[1], *given))
    if right:
        vectors.append(aligned(v, lambda *given: scipy.linalg.eig(*given)[1], *given))
    return (w, *vectors) if vectors else w


def order_of(values, like):
    """The positions in `values` of the numbers of `like`, which are the same numbers in another order."""
    order, left = [], list(range(len(values)))
    for number in like:
        order.append(min(left, key=lambda i: abs(values[i] - number)))
        left.remove(order[-1])
    return np.array(order)


@twin_of_arrays(scipy.linalg.eigvals)
def eigvals(a, b=None, overwrite_a=False, check_finite=True, homogeneous_eigvals=False):
    return eig(a, b, right=False, homogeneous_eigvals=homogeneous_eigvals)


without_gradient(scipy.linalg, "bandwidth ishermitian issymmetric")
