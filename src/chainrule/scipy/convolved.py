"""Convolution along the last axes of two arrays, the basis of the filters of scipy.ndimage and scipy.signal.

It is linear in each operand. Its two kinds are transposes of each other, so each is the backward rule of the other:

    full     z[t] = Σ x[s] w[t − s], every t for which there is a term
    valid    the same, only those t for which w lies inside of x
"""

import numpy as np
import scipy.ndimage
import scipy.signal

from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.formula import call
from chainrule.libraries import is_inexact

__all__ = ["convolved", "flipped"]

_SHORT = 64
"""The number of entries of a kernel up to which the sum itself is fastest; for longer ones Fourier transforms are."""


@unlisted_block(notation=lambda x, w, **_: call("conv", x, w), complex=True)
def convolved(xp, x, w, axes=1, valid=False):
    """The convolution of x and w along their last `axes` axes. Leading axes broadcast. If `valid`, x must be ≥ w."""
    x, w = (v if is_inexact(v) else np.asarray(v, np.float64) for v in (x, w))
    if 0 in x.shape or 0 in w.shape:
        sign = -1 if valid else 1
        shape = [n + sign * (k - 1) for n, k in zip(x.shape[-axes:], w.shape[-axes:], strict=True)]
        lead = np.broadcast_shapes(x.shape[:-axes], w.shape[:-axes])
        return np.zeros((*lead, *shape), np.result_type(x, w))
    if w.ndim == axes and w.size <= _SHORT:
        return _summed(x, w, valid)
    if x.ndim == axes and x.size <= _SHORT and not valid:
        return _summed(w, x, valid)
    ndim = max(x.ndim, w.ndim)
    x, w = (v.reshape((1,) * (ndim - v.ndim) + v.shape) for v in (x, w))
    return scipy.signal.fftconvolve(x, w, "valid" if valid else "full", axes=tuple(range(-axes, 0)))


def _summed(x, w, valid):
    """The convolution by a short kernel, in C. SciPy's result has the size of x; the kernel's middle is its origin."""
    if not valid:
        x = np.pad(x, [(0, 0)] * (x.ndim - w.ndim) + [(k - 1, k - 1) for k in w.shape])
    x = x.astype(np.result_type(x, w), copy=False)
    if w.ndim == 1:
        z = scipy.ndimage.convolve1d(x, w, mode="constant")
    else:
        z = scipy.ndimage.convolve(x, w.reshape((1,) * (x.ndim - w.ndim) + w.shape), mode="constant")
    first = [k - 1 - k // 2 for k in w.shape]
    sizes = [n - k + 1 for n, k in zip(x.shape[-w.ndim :], w.shape, strict=True)]
    return z[(..., *(slice(a, a + n) for a, n in zip(first, sizes, strict=True)))]


def flipped(x, axes):
    """x backwards along its last axes."""
    return x[(..., *(slice(None, None, -1),) * axes)]


@convolved.backward("x")
def convolved_dx(xp, dz, z, x, w, axes=1, valid=False):
    dx = convolved(dz, flipped(conjugate(xp, w), axes), axes=axes, valid=not valid)
    return sum_to(xp, dx, tuple(x.shape), (*z.shape[:-axes], *x.shape[x.ndim - axes :]))


@convolved.backward("w")
def convolved_dw(xp, dz, z, x, w, axes=1, valid=False):
    x = flipped(conjugate(xp, x), axes)
    dw = convolved(x, dz, axes=axes, valid=True) if valid else convolved(dz, x, axes=axes, valid=True)
    return sum_to(xp, dw, tuple(w.shape), (*z.shape[:-axes], *w.shape[w.ndim - axes :]))
