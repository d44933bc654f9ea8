"""Equations and products with Toeplitz and circulant matrices, which are given by a column and a row."""

import numpy as np
import scipy.linalg

from chainrule.array import form_of
from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts
from chainrule.scipy.convolved import convolved, flipped
from chainrule.scipy.linalg.arrays import one_by_one, twin_of_arrays
from chainrule.scipy.products import of_columns
from chainrule.step import owned


@unlisted_block(notation=lambda c, r, b: call("solve", call("toeplitz", c, r), b), complex=True)
def toeplitz_solve(xp, c, r, b):
    """z = a⁻¹ b for the Toeplitz matrix a with the first column c and the first row r, and a matrix b."""
    if c.ndim == r.ndim == 1:
        return of_columns(lambda b: scipy.linalg.solve_toeplitz((c, r), b), b)
    lead = np.broadcast_shapes(c.shape[:-1], r.shape[:-1], b.shape[:-2])
    c, r = (np.broadcast_to(x, lead + x.shape[-1:]) for x in (c, r))
    b = np.broadcast_to(b, lead + b.shape[-2:])
    return np.reshape([scipy.linalg.solve_toeplitz((c[at], r[at]), b[at]) for at in np.ndindex(lead)], b.shape)


@toeplitz_solve.backward
def toeplitz_solve_backward(xp, dz, z, c, r, b):
    c_h, r_h, n = conjugate(xp, c), conjugate(xp, r), c.shape[-1]
    first = np.arange(n) == 0  # the entry that c and r share is taken from c
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


@twin_of_arrays(scipy.linalg.solve_toeplitz)
def solve_toeplitz(c_or_cr, b, check_finite=True):
    c, r = _column_and_row(c_or_cr)
    b = as_array(b)
    return owned(toeplitz_solve(c, r, b[:, None])[..., 0]) if b.ndim == 1 else toeplitz_solve(c, r, b)


@twin_of_arrays(scipy.linalg.matmul_toeplitz)
def matmul_toeplitz(c_or_cr, x, check_finite=False, workers=None):
    return _times_toeplitz(*_column_and_row(c_or_cr), x)


@one_by_one(1, 1, 0)
def _times_toeplitz(c, r, x):
    n = x.shape[0]
    diagonals = np.concatenate([r[:0:-1], c])
    rows = np.reshape(x, (n, -1)).T
    z = convolved(rows, diagonals)[..., n - 1 : n - 1 + c.size].T
    return np.reshape(z, (c.size, *x.shape[1:]))


def _is_regular(spectrum):
    """Whether SciPy treats a circulant matrix as regular, judged by its eigenvalues."""
    size = abs(spectrum)
    return not np.any(size <= size.max(axis=-1, keepdims=True) * size.shape[-1] * np.finfo(np.float64).eps)


@twin_of_arrays(scipy.linalg.solve_circulant)
def solve_circulant(c, b, singular="raise", tol=None, caxis=-1, baxis=0, outaxis=0):
    if singular != "raise":
        raise BlockError("solve_circulant has a derivative where c is regular: singular='raise'" + at_line())
    c, b = np.moveaxis(as_array(c), caxis, -1), np.moveaxis(as_array(b), baxis, -1)
    c = np.reshape(c, (*c.shape[:-1], *(1,) * (b.ndim - 1), c.shape[-1]))
    accepts(_is_regular, np.fft.fft(c))
    z = np.fft.ifft(np.fft.fft(b) / np.fft.fft(c))
    return np.moveaxis(z if is_complex(form_of(c)) or is_complex(form_of(b)) else np.real(z), -1, outaxis)
