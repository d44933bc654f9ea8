"""Convolutions and correlations, in SciPy's modes."""

import numpy as np
import scipy.signal

from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import padded
from chainrule.scipy.convolved import convolved, flipped
from chainrule.scipy.ndimage.edges import axes_of
from chainrule.standins.scipy_functions import twin

__all__ = ["correlate"]


def _convolved(x, y, mode, count):
    """SciPy's convolution along the last axes, in its modes "full", "valid" and "same" (the middle, as large as x)."""
    x, y = as_array(x), as_array(y)
    if mode == "valid":
        smaller = x.shape[x.ndim - count :] < y.shape[y.ndim - count :]
        return convolved(y, x, axes=count, valid=True) if smaller else convolved(x, y, axes=count, valid=True)
    z = convolved(x, y, axes=count)
    return _middle(z, x.shape[x.ndim - count :]) if mode == "same" else z


def _middle(z, sizes):
    starts = [(m - n) // 2 for m, n in zip(z.shape[z.ndim - len(sizes) :], sizes, strict=True)]
    return z[(..., *(slice(a, a + n) for a, n in zip(starts, sizes, strict=True)))]


@twin(scipy.signal.convolve)
def convolve(in1, in2, mode="full", method="auto"):
    return _convolved(in1, in2, mode, np.ndim(in1)) if np.ndim(in1) else in1 * in2


@twin(scipy.signal.fftconvolve)
def fftconvolve(in1, in2, mode="full", axes=None):
    in1, in2 = as_array(in1), as_array(in2)
    axes = axes_of(axes, in1.ndim)
    last = range(-len(axes), 0)
    return np.moveaxis(
        _convolved(np.moveaxis(in1, axes, last), np.moveaxis(in2, axes, last), mode, len(axes)), last, axes
    )


twin(scipy.signal.oaconvolve)(fftconvolve)


@twin(scipy.signal.correlate)
def correlate(in1, in2, mode="full", method="auto"):
    in2 = as_array(in2)
    return convolve(in1, flipped(conjugate(np, in2), in2.ndim), mode)


@twin(scipy.signal.convolve2d)
def convolve2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    in1, in2 = as_array(in1), as_array(in2)
    if mode == "valid":
        return _convolved(in1, in2, mode, 2)
    widths = [(k - 1, k - 1) for k in in2.shape]
    if boundary in ("fill", "pad"):
        around = padded(in1, widths, fillvalue)
    else:
        around = np.pad(in1, widths, mode="wrap" if boundary in ("wrap", "circular") else "symmetric")
    z = convolved(around, in2, axes=2, valid=True)
    return _middle(z, in1.shape) if mode == "same" else z


@twin(scipy.signal.correlate2d)
def correlate2d(in1, in2, mode="full", boundary="fill", fillvalue=0):
    in1, in2 = as_array(in1), as_array(in2)
    if mode == "same":  # of an even number, the other of the two middle entries
        full = correlate2d(in1, in2, "full", boundary, fillvalue)
        return full[tuple(slice(k // 2, k // 2 + n) for k, n in zip(in2.shape, in1.shape, strict=True))]
    return convolve2d(in1, flipped(conjugate(np, in2), 2), mode, boundary, fillvalue)
