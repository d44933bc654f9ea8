"""Equations with banded matrices, which are given by their diagonals."""

import numpy as np
import scipy.linalg

from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.formula import call
from chainrule.scipy.accepted import accepts
from chainrule.scipy.linalg.arrays import twin_of_arrays
from chainrule.scipy.products import of_columns
from chainrule.step import owned


@unlisted_block(notation=lambda ab, b, **_: call("solve", ab, b), complex=True)
def banded_solve(xp, ab, b, below=0, above=0):
    """z = a⁻¹ b for the matrix b and the matrix a with the diagonals ab: ab[above + i − j, j] = a[i, j]."""
    dtype = np.result_type(ab, b)
    lead = np.broadcast_shapes(ab.shape[:-2], b.shape[:-2])
    if ab.ndim == 2:
        return of_columns(lambda b: scipy.linalg.solve_banded((below, above), ab.astype(dtype), b), b)
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
    """The row and column of each entry of the stored diagonals, and whether it lies inside the matrix."""
    columns = np.broadcast_to(np.arange(n), (below + above + 1, n))
    rows = columns + np.arange(-above, below + 1)[:, None]
    return np.clip(rows, 0, n - 1), columns, (rows >= 0) & (rows < n)


def _transposed_bands(ab, below, above):
    rows, columns, inside = _places_of_bands(ab.shape[-1], above, below)
    return ab[..., above + columns - rows, rows] * inside if ab.shape[-1] else ab


@twin_of_arrays(scipy.linalg.solve_banded)
def solve_banded(l_and_u, ab, b, *_, **__):
    below, above = l_and_u
    ab, b = as_array(ab), as_array(b)
    if b.ndim == 1:
        return owned(banded_solve(ab, b[:, None], below=int(below), above=int(above))[..., 0])
    return banded_solve(ab, b, below=int(below), above=int(above))


def all_bands(ab, lower):
    """All diagonals of a Hermitian matrix, from those on one side."""
    width, n = ab.shape[-2] - 1, ab.shape[-1]
    other = np.conj(ab[..., 1:, :] if lower else ab[..., :-1, :])
    sides = [np.zeros_like(other), ab] if lower else [ab, np.zeros_like(other)]
    rows, columns, inside = _places_of_bands(n, width, width)
    given = np.concatenate(sides, axis=-2)
    mirrored = given[..., np.clip(width + columns - rows, 0, 2 * width), rows]
    own = (rows > columns) if lower else (rows < columns)
    given = np.where(rows == columns, np.real(given), np.where(own, given, np.conj(mirrored)))
    return np.where(inside, given, 0.0)


@twin_of_arrays(scipy.linalg.solveh_banded)
def solveh_banded(ab, b, overwrite_ab=False, overwrite_b=False, lower=False, check_finite=True):
    width = ab.shape[-2] - 1
    bands = all_bands(as_array(ab), lower)
    accepts(_is_positive, bands)
    return solve_banded((width, width), bands, b)


def _is_positive(bands):
    """Whether a Hermitian matrix, given by all its diagonals, is positive definite."""
    width = bands.shape[-2] // 2
    try:
        for upper in np.reshape(bands[..., : width + 1, :], (-1, width + 1, bands.shape[-1])):
            scipy.linalg.cholesky_banded(upper)
    except np.linalg.LinAlgError:
        return False
    return True


@twin_of_arrays(scipy.linalg.cho_solve_banded)
def cho_solve_banded(cb_and_lower, b, *_, **__):
    cb, lower = as_array(cb_and_lower[0]), cb_and_lower[1]
    width = cb.shape[-2] - 1
    other = _transposed_bands(np.conj(cb), width if lower else 0, 0 if lower else width)
    first, second = (((width, 0), cb), ((0, width), other)) if lower else (((width, 0), other), ((0, width), cb))
    return solve_banded(*second, solve_banded(*first, b))
