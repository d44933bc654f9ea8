"""Smoothing: polynomials of Savitzky and Golay, trends, ranks, Wiener's filter."""

import itertools

import numpy as np
import scipy.signal

from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import fixed
from chainrule.scipy.ndimage.filters import convolve1d
from chainrule.scipy.ndimage.ranks import rank_filter
from chainrule.scipy.signal.convolutions import correlate
from chainrule.standins.scipy_functions import twin

__all__ = ["detrend"]


@twin(scipy.signal.savgol_filter)
def savgol_filter(x, window_length, polyorder, deriv=0, delta=1.0, axis=-1, mode="interp", cval=0.0):
    """A convolution; with mode "interp" the ends are evaluated by the polynomials of the first and last window."""
    x, how = as_array(x), (window_length, polyorder, deriv, fixed(delta, "delta"))
    weights = scipy.signal.savgol_coeffs(*how)
    if mode != "interp":
        return convolve1d(x, weights, axis, None, mode, cval)
    x = np.moveaxis(x, axis, -1)
    ends, half = scipy.signal.savgol_filter(np.eye(window_length), *how, axis=0), window_length // 2
    before = x[..., :window_length] @ ends[:half].T
    after = x[..., -window_length:] @ ends[window_length - half :].T
    middle = convolve1d(x, weights, mode="constant")[..., half : x.shape[-1] - half]
    return np.moveaxis(np.concatenate([before, middle, after], axis=-1), -1, axis)


@twin(scipy.signal.detrend)
def detrend(data, axis=-1, type="linear", bp=0, overwrite_data=False):
    x = np.moveaxis(as_array(data), axis, -1)
    if type in ("constant", "c"):
        return np.moveaxis(x - np.mean(x, axis=-1, keepdims=True), -1, axis)
    breaks = np.unique(np.r_[0, bp, x.shape[-1]])
    parts = []
    for start, end in itertools.pairwise(breaks):
        part, t = x[..., start:end], np.arange(1.0, end - start + 1) / (end - start)
        line = np.linalg.qr(np.stack([t, np.ones(end - start)], axis=1))[0]
        parts.append(part - (part @ line) @ line.T)
    return np.moveaxis(np.concatenate(parts, axis=-1), -1, axis)


@twin(scipy.signal.medfilt)
def medfilt(volume, kernel_size=None):
    size = np.broadcast_to(3 if kernel_size is None else kernel_size, (np.ndim(volume),))
    return order_filter(volume, np.ones(size), int(np.prod(size) // 2))


@twin(scipy.signal.medfilt2d)
def medfilt2d(input, kernel_size=3):
    return medfilt(input, kernel_size)


@twin(scipy.signal.order_filter)
def order_filter(a, domain, rank):
    return rank_filter(a, rank, footprint=np.asarray(domain) != 0, mode="constant")


@twin(scipy.signal.wiener)
def wiener(im, mysize=None, noise=None):
    im = as_array(im)
    size = np.broadcast_to(3 if mysize is None else mysize, (im.ndim,))
    window = np.ones(size) / np.prod(size)
    mean = correlate(im, window, "same")
    variance = correlate(im**2, window, "same") - mean**2
    if noise is None:
        noise = np.mean(np.ravel(variance))
    return np.where(variance < noise, mean, (im - mean) * (1 - noise / variance) + mean)
