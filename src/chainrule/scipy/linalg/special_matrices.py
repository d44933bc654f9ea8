"""Matrices built from the entries of arrays: Toeplitz, Hankel and companion matrices, block diagonals."""

import numpy as np
import scipy.linalg

from chainrule.blocks.matrix_functions import block_diag
from chainrule.blocks.shaping import as_array
from chainrule.scipy.accepted import accepts, starts_without_zero
from chainrule.scipy.linalg.arrays import twin_of_arrays


def rearranged(function, *arrays):
    """The result of a function that only moves entries of arrays, negates them, and adds zeros and ones.

    The function runs on the numbers 2, 3, …, which stand for the entries; 0 and 1 stand for themselves.
    """
    given = [as_array(x) for x in arrays]
    ends = np.cumsum([2, *(x.size for x in given)])
    numbers = [np.arange(a, b, dtype=float).reshape(x.shape) for a, b, x in zip(ends, ends[1:], given, strict=False)]
    places = np.asarray(function(*numbers)).astype(int)
    entries = np.concatenate([np.array([0.0, 1.0]), *map(np.ravel, given)])[abs(places)]
    return np.where(places < 0, -entries, entries) if np.any(places < 0) else entries


@twin_of_arrays(scipy.linalg.toeplitz)
def toeplitz(c, r=None):
    return rearranged(scipy.linalg.toeplitz, c, np.conj(c) if r is None else r)


@twin_of_arrays(scipy.linalg.hankel)
def hankel(c, r=None):
    return rearranged(scipy.linalg.hankel, c, *(() if r is None else (r,)))


@twin_of_arrays(scipy.linalg.circulant)
def circulant(c):
    return rearranged(scipy.linalg.circulant, c)


@twin_of_arrays(scipy.linalg.convolution_matrix)
def convolution_matrix(a, n, mode="full"):
    return rearranged(lambda a: scipy.linalg.convolution_matrix(a, n, mode), a)


@twin_of_arrays(scipy.linalg.leslie)
def leslie(f, s):
    return rearranged(scipy.linalg.leslie, f, s)


@twin_of_arrays(scipy.linalg.companion)
def companion(a):
    accepts(starts_without_zero, a)
    one = np.ones((*a.shape[:-1], 1))
    return rearranged(lambda others: scipy.linalg.companion(np.concatenate([one, others], -1)), a[..., 1:] / a[..., :1])


@twin_of_arrays(scipy.linalg.diagsvd)
def diagsvd(s, M, N):
    return rearranged(lambda s: scipy.linalg.diagsvd(s, M, N), s)


@twin_of_arrays(scipy.linalg.fiedler)
def fiedler(a):
    return abs(a[..., :, None] - a[..., None, :])


@twin_of_arrays(scipy.linalg.khatri_rao)
def khatri_rao(a, b):
    z = a[..., :, None, :] * b[..., None, :, :]
    return np.reshape(z, (*z.shape[:-3], -1, z.shape[-1]))


twin_of_arrays(scipy.linalg.block_diag)(block_diag)
