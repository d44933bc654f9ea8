"""Polynomials for NumPy's older functions: an array of coefficients, the highest power first."""

import operator

import numpy as np

from chainrule.array import form_of
from chainrule.block import answers, library_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.integers import step
from chainrule.blocks.pseudoinverses import one_number, threshold_of_lapack
from chainrule.blocks.shaping import as_array
from chainrule.domains import exactly, example
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex, is_inexact, is_numpy, numpy_form
from chainrule.node import at_line
from chainrule.step import owned


def _coefficients(p):
    p = as_array(p)
    return np.atleast_1d(p)


def _without_leading_zeros(p):
    first = 0
    while first < p.shape[0] and bool(p[first] == 0):
        first += 1
    return p[first:]


# Values, sums and products -----------------------------------------------------------------------------------------


def _value(p, x, zero):
    """Horner's rule."""
    z = zero
    for coefficient in p:
        z = z * x + coefficient
    return z


@answers(np.polyval)
def numpy_polyval(p, x):
    return _value(p, x, np.zeros_like(numpy_form(form_of(x))))


def _added(add):
    @answers(add)
    def numpy_polynomial_sum(a1, a2):
        a1, a2 = _coefficients(a1), _coefficients(a2)
        n = max(a1.shape[0], a2.shape[0])
        a1, a2 = (np.pad(a, (n - a.shape[0], 0)) for a in (a1, a2))
        return a1 + a2 if add is np.polyadd else a1 - a2


_added(np.polyadd)
_added(np.polysub)


@answers(np.polymul)
def numpy_polymul(a1, a2):
    """np.polymul: a convolution, without leading zeros."""
    return np.convolve(*map(_at_least_its_constant, (a1, a2)))


def _at_least_its_constant(p):
    """The coefficients without leading zeros; of the polynomial 0 its constant, which has a derivative."""
    p = _coefficients(p)
    shorter = _without_leading_zeros(p)
    return shorter if shorter.size else p[-1:] if p.size else np.zeros(1, p.dtype)


@answers(np.polydiv)
def numpy_polydiv(u, v):
    """np.polydiv: quotient and remainder by long division."""
    given = u, v = _coefficients(u), _coefficients(v)
    u, v = u + 0.0, v + 0.0
    dtype = np.result_type(u, v)
    rest = np.astype(u, dtype)
    n, quotient, scale = v.shape[0], [], 1.0 / v[0]  # in the precision of v
    for k in range(u.shape[0] - n + 1):
        leading = scale * rest[k]
        quotient.append(leading)
        rest = np.concatenate([rest[:k], rest[k : k + n] - leading * v, rest[k + n :]])
    q = np.stack(quotient) if quotient else np.zeros(1, dtype)
    # NumPy decides which rounding residues of cancelled coefficients stay.
    count = int(step(lambda u, v: np.asarray(len(np.polydiv(u, v)[1])), *given))
    return q, owned(rest[len(rest) - count :])


@answers(np.polyder)
def numpy_polyder(p, m=1):
    p, m = _coefficients(p), operator.index(m)
    if m < 0:
        raise BlockError(f"the derivative of order {m} of a polynomial; see np.polyint" + at_line())
    for _ in range(m):
        p = p[:-1] * np.arange(p.shape[0] - 1, 0, -1)
    return p


@answers(np.polyint)
def numpy_polyint(p, m=1, k=None):
    p, m = _coefficients(p), operator.index(m)
    if m < 0:
        raise BlockError(f"the integral of order {m} of a polynomial; see np.polyder" + at_line())
    k = _coefficients(np.zeros(m) if k is None else k)
    if k.shape[0] == 1 and m > 1:
        k = np.broadcast_to(k, (m,))
    if k.shape[0] < m:
        raise BlockError(f"an integral of order {m} with {k.shape[0]} constants" + at_line())
    for i in range(m):
        p = np.concatenate([p / np.arange(p.shape[0], 0, -1), k[i : i + 1]])
    return p


@answers(np.vander)
def numpy_vander(x, N=None, increasing=False):
    powers = _vandermonde(x, x.shape[0] if N is None else N)
    return powers if increasing else owned(np.flip(powers, -1))


def _vandermonde(x, n):
    return _powers(np, np.astype(x, np.result_type(x.dtype, int)), n)  # in double precision, as NumPy's


def _powers(xp, x, n):
    """1, x, x², … along a new last axis: n of them."""
    columns = [xp.ones_like(x), x]
    while len(columns) < n:
        columns.append(columns[-1] * x)
    return xp.stack(columns[:n], axis=-1) if n else xp.reshape(x, (*x.shape, 1))[..., :0]


# Fits ----------------------------------------------------------------------------------------------------------------


@answers(np.polyfit)
def numpy_polyfit(x, y, deg, rcond=None, full=False, w=None, cov=False):
    """np.polyfit: least squares with columns of unit length, as NumPy scales them."""
    x, y = _coefficients(x) + 0.0, _coefficients(y) + 0.0
    order = operator.index(deg) + 1
    if order < 1 or x.ndim != 1 or y.ndim > 2 or x.shape[0] != y.shape[0] or not x.size:
        raise BlockError(f"polyfit of degree {deg} through points of shapes {x.shape} and {y.shape}" + at_line())
    rcond = one_number(rcond)
    if rcond is None:
        rcond = x.shape[0] * np.finfo(x.dtype).eps
    powers = np.flip(_vandermonde(x, order), -1)
    if w is not None:
        powers, y = powers * w[:, None], y * (w[:, None] if y.ndim == 2 else w)
    scale = np.sqrt(np.sum(powers * powers, axis=0))
    powers = powers / scale
    scales = scale[:, None] if y.ndim == 2 else scale
    fitted = np.linalg.pinv(powers, rtol=threshold_of_lapack(rcond, powers)) @ y
    c = fitted / scales
    if not (full or cov):
        return c
    if full:
        rank = int(step(lambda powers: np.linalg.lstsq(powers, np.empty((len(powers), 0)), rcond)[2], powers))
        singular_values = np.linalg.svd(powers, compute_uv=False)
        left = np.empty(0)
        if rank == order < x.shape[0]:
            left = np.reshape(np.sum((powers @ fitted - y) ** 2, axis=0), -1)
        return c, left, rank, singular_values, rcond
    covariance = np.linalg.inv(powers.T @ powers) / np.outer(scale, scale)
    if cov != "unscaled":
        if x.shape[0] <= order:
            raise BlockError("the covariance of a fit needs more points than coefficients" + at_line())
        covariance = (covariance if y.ndim == 1 else covariance[:, :, None]) * (
            np.sum((powers @ fitted - y) ** 2, axis=0) / (x.shape[0] - order)
        )
    elif y.ndim == 2:
        covariance = covariance[:, :, None]
    return c, covariance


# Roots ---------------------------------------------------------------------------------------------------------------


@library_block(notation=lambda p: call("roots", p), complex=True, example=example(exactly([1.0, -3.5, 1.0, 2.0])))
def roots(xp, p):
    """The z with p_0 zⁿ + … + p_n = 0: the eigenvalues of the companion matrix."""
    if is_numpy(xp):
        return np.roots(p)
    first = xp.reshape(-p[1:] / p[0], (1, -1))
    below = xp.eye(first.shape[1], dtype=p.dtype)[:-1, :]
    return xp.linalg.eigvals(xp.concat([first, below], axis=0))


@roots.backward
def roots_backward(xp, dz, z, p):
    """From p(z) = 0 it follows that ∂z/∂p_k = −z^(n−k) / p′(z): infinite at a multiple root."""
    n = p.shape[0] - 1
    powers = _powers(xp, z, n + 1)
    slope = powers[:, :n] @ xp.flip(p[:-1] * xp.asarray(np.arange(n, 0, -1), dtype=p.dtype))
    return -(dz / conjugate(xp, slope)) @ conjugate(xp, powers[:, ::-1])


@answers(np.roots)
def numpy_roots(p):
    """np.roots; a leading coefficient that is 0 lowers the degree."""
    p = np.atleast_1d(p)
    p = _without_leading_zeros(p if is_inexact(form_of(p)) else p.astype(np.float64))
    return roots(p) if p.shape[0] > 1 else np.zeros(0)


def _are_paired(z):
    """Whether the complex numbers among the roots form conjugate pairs."""
    return np.all(np.sort(z) == np.sort(z.conj()))


@answers(np.poly)
def numpy_poly(seq_of_zeros):
    """np.poly: the polynomial with these roots, or the characteristic polynomial of a matrix."""
    zeros = np.atleast_1d(seq_of_zeros)
    if zeros.ndim == 2 and zeros.shape[0] == zeros.shape[1] > 0:
        zeros = np.linalg.eigvals(zeros)
    elif zeros.ndim != 1:
        raise BlockError(f"poly of an array of shape {zeros.shape}" + at_line())
    if not zeros.size:
        return 1.0
    a = np.ones(1, zeros.dtype)
    for i in range(zeros.shape[0]):
        a = np.convolve(a, np.stack([np.ones((), zeros.dtype), -zeros[i]]))
    paired = is_complex(form_of(zeros)) and bool(step(_are_paired, zeros))
    return np.real(a) if paired else a
