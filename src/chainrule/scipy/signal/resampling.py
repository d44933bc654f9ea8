"""Resampling: upsampling with zeros, filtering and downsampling; or cutting or extending the spectrum."""

import numpy as np
import scipy.signal

from chainrule.array import form_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy.arguments import fixed
from chainrule.scipy.convolved import convolved
from chainrule.scipy.signal.recursive import lfilter, sosfilt, sosfiltfilt
from chainrule.standins.scipy_functions import twin


@twin(scipy.signal.upfirdn)
def upfirdn(h, x, up=1, down=1, axis=-1, mode="constant", cval=0):
    if mode != "constant" or fixed(cval, "cval"):
        raise BlockError(f"upfirdn with mode={mode!r} has no derivative here; pad with np.pad first" + at_line())
    x = np.moveaxis(as_array(x), axis, -1)
    spread = np.pad(x[..., None], [(0, 0)] * x.ndim + [(0, up - 1)])
    spread = np.reshape(spread, (*x.shape[:-1], -1))[..., : (x.shape[-1] - 1) * up + 1]
    return np.moveaxis(convolved(spread, as_array(h))[..., ::down], -1, axis)


@twin(scipy.signal.resample_poly)
def resample_poly(x, up, down, axis=0, window=("kaiser", 5.0), padtype="constant", cval=None):
    if padtype != "constant" or cval is not None:
        raise BlockError(
            f"resample_poly with padtype={padtype!r} has no derivative here; pad with np.pad first" + at_line()
        )
    x = as_array(x)
    common = np.gcd(up, down)
    up, down = int(up // common), int(down // common)
    if up == down == 1:
        return +x
    size = x.shape[axis] * up
    size = size // down + bool(size % down)
    if not isinstance(window, str | tuple):
        h = as_array(window)
        half = (h.size - 1) // 2
    else:
        half = 10 * max(up, down)
        h = scipy.signal.firwin(2 * half + 1, 1 / max(up, down), window=window)
    before = down - half % down
    drop = (half + before) // down
    y = upfirdn(np.concatenate([np.zeros(before), h * up]), x, up, down, axis)
    missing = drop + size - y.shape[axis]
    if missing > 0:  # entries that the filter does not reach
        y = np.pad(y, [(0, missing if i == axis % y.ndim else 0) for i in range(y.ndim)])
    return np.moveaxis(np.moveaxis(y, axis, 0)[drop : drop + size], 0, axis)


@twin(scipy.signal.decimate)
def decimate(x, q, n=None, ftype="iir", axis=-1, zero_phase=True):
    x = as_array(x)
    if ftype == "iir":
        sos = scipy.signal.cheby1(n or 8, 0.05, 0.8 / q, output="sos")
        y = sosfiltfilt(sos, x, axis) if zero_phase else sosfilt(sos, x, axis)
    elif ftype == "fir":
        b = scipy.signal.firwin((n or 20 * q) + 1, 1.0 / q, window="hamming")
        if zero_phase:
            return resample_poly(x, 1, q, axis, b)
        y = lfilter(b, np.ones(1), x, axis)
    else:
        raise BlockError("decimate has a derivative with ftype='iir' or 'fir'; else filter, then slice" + at_line())
    return np.moveaxis(np.moveaxis(y, axis, 0)[::q], 0, axis)


@twin(scipy.signal.resample)
def resample(x, num, t=None, axis=0, window=None, domain="time"):
    """By the spectrum, cut or padded with zeros; with a window, by the matrix of SciPy's results for unit vectors."""
    x, t = np.moveaxis(as_array(x), axis, -1), fixed(t, "t")
    n = x.shape[-1]
    if window is not None or domain != "time":
        y = x @ scipy.signal.resample(np.eye(n), num, axis=1, window=window, domain=domain)
    elif is_complex(form_of(x)):
        y = _resampled(np.real(x), n, num) + 1j * _resampled(np.imag(x), n, num)
    else:
        y = _resampled(x, n, num)
    y = np.moveaxis(y, -1, axis)
    return y if t is None else (y, np.zeros(num))


def _resampled(x, n, num):
    both = min(n, num)
    spectrum = np.fft.rfft(x)[..., : both // 2 + 1]
    if both % 2 == 0 and n != num:  # the middle entry is the sum of two frequencies, or is split into two halves
        factors = np.ones(both // 2 + 1)
        factors[-1] = 2.0 if num < n else 0.5
        spectrum = spectrum * factors
    return np.fft.irfft(spectrum, num) * (num / n)
