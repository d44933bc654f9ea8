"""scipy.signal: convolutions, recursive filters, smoothing, resampling, and spectra.

A recursive filter is a convolution and one block, the recursion y[n] = u[n] − Σ a[k] y[n − k], whose transpose is the
same recursion backwards. Spectra are Fourier transforms of windowed pieces.
"""

import itertools

import numpy as np
import scipy.ndimage
import scipy.signal

from chainrule.array import Array, form_of, value_of
from chainrule.block import sum_to, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy import ndimage
from chainrule.scipy.arguments import fixed, padded
from chainrule.scipy.convolved import convolved, flipped
from chainrule.standins.scipy_functions import twin, without_gradient

# Convolutions --------------------------------------------------------------------------------------------------


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
    axes = ndimage.axes_of(axes, in1.ndim)
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
    if mode == "same":  # the middle of an even number is the other one of two
        full = correlate2d(in1, in2, "full", boundary, fillvalue)
        return full[tuple(slice(k // 2, k // 2 + n) for k, n in zip(in2.shape, in1.shape, strict=True))]
    return convolve2d(in1, flipped(conjugate(np, in2), 2), mode, boundary, fillvalue)


@twin(scipy.signal.deconvolve)
def deconvolve(signal, divisor):
    signal, divisor = as_array(signal), as_array(divisor)
    count = signal.size - divisor.size + 1
    if count < 1:
        return np.zeros(1), +signal
    quotient = lfilter(signal, divisor, np.eye(1, count)[0])
    return quotient, signal - convolved(divisor, quotient)


# Recursive filters ---------------------------------------------------------------------------------------------


@unlisted_block(notation=lambda a, u: call("recursion", a, u), complex=True)
def recursion(xp, a, u):
    """z with a[0] z[n] + a[1] z[n − 1] + … = u[n], along the last axis."""
    if a.ndim == 1:
        return scipy.signal.lfilter(np.ones(1, a.dtype), a, u)
    lead = np.broadcast_shapes(a.shape[:-1], u.shape[:-1])
    a, u = (np.broadcast_to(x, lead + x.shape[-1:]) for x in (a, u))
    z = [scipy.signal.lfilter(np.ones(1, a.dtype), a[at], u[at]) for at in np.ndindex(lead)]
    return np.reshape(z, u.shape)


@recursion.backward
def recursion_backward(xp, dz, z, a, u):
    du = flipped(recursion(conjugate(xp, a), flipped(dz, 1)), 1)
    k, n = a.shape[-1], z.shape[-1]
    products = convolved(du, flipped(conjugate(xp, z), 1))[..., n - 1 : n - 1 + k]  # Σ du[n + k] z[n]*
    if k > n:
        products = xp.concat([products, np.zeros((*products.shape[:-1], k - n))], axis=-1)
    lead = z.shape[:-1]
    return sum_to(xp, -products, tuple(a.shape), (*lead, k)), sum_to(xp, du, tuple(u.shape), tuple(z.shape))


@twin(scipy.signal.lfilter)
def lfilter(b, a, x, axis=-1, zi=None):
    """A convolution by b, then the recursion by a. The state begins as what is added to the first entries."""
    b, a, x = as_array(b), as_array(a), as_array(x)
    b, a = np.reshape(b, (-1,)) / np.ravel(a)[0], np.reshape(a, (-1,)) / np.ravel(a)[0]
    x = np.moveaxis(x, axis, -1)
    n, states = x.shape[-1], max(b.size, a.size) - 1
    u = _longer(convolved(x, b), n + states)
    if zi is not None:
        u = u + _longer(np.moveaxis(as_array(zi), axis, -1), n + states)
    y = recursion(a, u[..., :n])
    if zi is None:
        return np.moveaxis(y, -1, axis)
    end = u[..., n:] - _longer(convolved(y, a), n + states)[..., n:]
    return np.moveaxis(y, -1, axis), np.moveaxis(end, -1, axis)


def _longer(x, n):
    """x with zeros behind it along the last axis, of length n."""
    return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])


@twin(scipy.signal.lfilter_zi)
def lfilter_zi(b, a):
    """The state of a filter whose input has always been 1: what makes the output constant."""
    b, a = as_array(b), as_array(a)
    n = max(b.size, a.size)
    b, a = _longer(b, n) / a[0], _longer(a, n) / a[0]
    change = b[1:] - a[1:] * b[0]
    first = np.sum(change) / np.sum(a)
    return first * np.cumsum(a)[:-1] - np.concatenate([np.zeros(1), np.cumsum(change)[:-1]])


def _extended(x, padtype, n):
    """x with n entries before and after along the last axis, as filtfilt pads it."""
    if not n or padtype is None:
        return x
    if padtype == "constant":
        return np.pad(x, [(0, 0)] * (x.ndim - 1) + [(n, n)], mode="edge")
    before, after = x[..., n:0:-1], x[..., -2 : -(n + 2) : -1]
    if padtype == "odd":
        before, after = 2 * x[..., :1] - before, 2 * x[..., -1:] - after
    return np.concatenate([before, x, after], axis=-1)


def _both_ways(run, x, axis, padtype, n):
    """A filter forwards, then backwards. run(x, first) filters with the state for a constant input of `first`."""
    y = _extended(np.moveaxis(x, axis, -1), padtype, n)
    for _ in range(2):
        y = run(y, y[..., :1])[..., ::-1]
    return np.moveaxis(y[..., n : y.shape[-1] - n] if n else y, -1, axis)


def _padlen(padlen, default, padtype):
    return 0 if padtype is None else default if padlen is None else padlen


@twin(scipy.signal.filtfilt)
def filtfilt(b, a, x, axis=-1, padtype="odd", padlen=None, method="pad", irlen=None):
    if method != "pad":
        raise BlockError("filtfilt has a derivative with method='pad', not with Gustafsson's" + at_line())
    b, a = np.ravel(as_array(b)), np.ravel(as_array(a))
    zi = lfilter_zi(b, a)

    def run(x, first):
        return lfilter(b, a, x, zi=zi * first)[0]

    return _both_ways(run, as_array(x), axis, padtype, _padlen(padlen, 3 * max(a.size, b.size), padtype))


@twin(scipy.signal.sosfilt)
def sosfilt(sos, x, axis=-1, zi=None):
    sos, x = as_array(sos), as_array(x)
    ends = []
    for i in range(sos.shape[0]):
        if zi is None:
            x = lfilter(sos[i, :3], sos[i, 3:], x, axis)
        else:
            x, end = lfilter(sos[i, :3], sos[i, 3:], x, axis, zi[i])
            ends.append(end)
    return x if zi is None else (x, np.stack(ends))


@twin(scipy.signal.sosfilt_zi)
def sosfilt_zi(sos):
    """The states of the sections; the input of each is what the ones before make of 1."""
    states, scale = [], 1.0
    for i in range(sos.shape[0]):
        b, a = sos[i, :3], sos[i, 3:]
        states.append(scale * lfilter_zi(b, a))
        scale = scale * np.sum(b) / np.sum(a)
    return np.stack(states)


@twin(scipy.signal.sosfiltfilt)
def sosfiltfilt(sos, x, axis=-1, padtype="odd", padlen=None):
    sos, x = as_array(sos), as_array(x)
    zi = sosfilt_zi(sos)
    plain = value_of(sos)
    sections = 2 * len(plain) + 1 - min(np.sum(plain[:, 2] == 0), np.sum(plain[:, 5] == 0))

    def run(x, first):
        states = np.reshape(zi, (zi.shape[0], *(1,) * (x.ndim - 1), 2))
        return sosfilt(sos, x, zi=states * first)[0]

    return _both_ways(run, x, axis, padtype, _padlen(padlen, int(3 * sections), padtype))


@twin(scipy.signal.freqz)
def freqz(b, a=1, worN=512, whole=False, plot=None, fs=2 * np.pi, include_nyquist=False):
    b, a = (np.atleast_1d(as_array(x)) for x in (b, a))
    if type(worN) is Array and worN.dtype.kind == "f":
        places = np.atleast_1d(worN)
    else:
        places, _ = scipy.signal.freqz([1.0], [1.0], worN, whole, None, fs, include_nyquist)
    z = np.exp(-2j * np.pi / fs * places)
    return places, _polynomial(b, z) / _polynomial(a, z)


def _polynomial(coefficients, z):
    """c[0] + c[1] z + c[2] z² + …"""
    value = 0j * z
    for i in reversed(range(coefficients.shape[0])):
        value = value * z + coefficients[i]
    return value


@twin(scipy.signal.freqs)
def freqs(b, a, worN=200, plot=None):
    places = scipy.signal.freqs(value_of(b), value_of(a), worN)[0]
    b, a = np.atleast_1d(as_array(b)), np.atleast_1d(as_array(a))
    return places, _polynomial(b[::-1], 1j * places) / _polynomial(a[::-1], 1j * places)


def freqz_sos(sos, worN=512, whole=False, fs=2 * np.pi):
    response = 1.0
    for i in range(sos.shape[0]):
        places, one = freqz(sos[i, :3], sos[i, 3:], worN, whole, fs=fs)
        response = response * one
    return places, response


for _name in ("freqz_sos", "sosfreqz"):
    if hasattr(scipy.signal, _name):
        twin(getattr(scipy.signal, _name))(freqz_sos)


# Smoothing and ranks -------------------------------------------------------------------------------------------


@twin(scipy.signal.savgol_filter)
def savgol_filter(x, window_length, polyorder, deriv=0, delta=1.0, axis=-1, mode="interp", cval=0.0):
    """A convolution; at the ends ("interp") the polynomial of the first and of the last window."""
    x, how = as_array(x), (window_length, polyorder, deriv, fixed(delta, "delta"))
    weights = scipy.signal.savgol_coeffs(*how)
    if mode != "interp":
        return ndimage.convolve1d(x, weights, axis, None, mode, cval)
    x = np.moveaxis(x, axis, -1)
    ends, half = scipy.signal.savgol_filter(np.eye(window_length), *how, axis=0), window_length // 2
    before = x[..., :window_length] @ ends[:half].T
    after = x[..., -window_length:] @ ends[window_length - half :].T
    middle = ndimage.convolve1d(x, weights, mode="constant")[..., half : x.shape[-1] - half]
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
    return ndimage.rank_filter(a, rank, footprint=np.asarray(domain) != 0, mode="constant")


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


# Resampling ----------------------------------------------------------------------------------------------------


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
    """The spectrum, cut or continued by zeros; with a window, the matrix of what SciPy makes of the unit vectors."""
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
    if both % 2 == 0 and n != num:  # the entry in the middle stands for two, or is one half of them
        factors = np.ones(both // 2 + 1)
        factors[-1] = 2.0 if num < n else 0.5
        spectrum = spectrum * factors
    return np.fft.irfft(spectrum, num) * (num / n)


@twin(scipy.signal.hilbert)
def hilbert(x, N=None, axis=-1):
    x = as_array(x)
    n = x.shape[axis] if N is None else N
    sides = np.zeros(n)
    sides[: (n + 1) // 2] = 2
    sides[0] = 1
    if n % 2 == 0:
        sides[n // 2] = 1
    spectrum = np.moveaxis(np.fft.fft(x, n, axis), axis, -1)
    return np.moveaxis(np.fft.ifft(spectrum * sides), -1, axis)


# Spectra -------------------------------------------------------------------------------------------------------


class _Pieces:
    """How a signal is cut into pieces, and each piece is windowed and transformed."""

    def __init__(self, x, fs, window, nperseg, noverlap, nfft, detrend, scaling):
        n = x.shape[-1]
        if isinstance(window, str | tuple):
            self.length = min(256 if nperseg is None else int(nperseg), n)
            self.window = scipy.signal.get_window(window, self.length)
        else:
            self.window = as_array(window)
            self.length = self.window.size
        self.overlap = self.length // 2 if noverlap is None else int(noverlap)
        self.step = self.length - self.overlap
        self.nfft = self.length if nfft is None else int(nfft)
        self.detrend = detrend
        energy = np.sum(self.window) ** 2 if scaling == "spectrum" else fs * np.sum(self.window**2)
        self.scale = 1.0 / energy

    def of(self, x):
        """The pieces of x: shape (…, pieces, length)."""
        starts = np.arange(0, x.shape[-1] - self.length + 1, self.step)
        return x[..., starts[:, None] + np.arange(self.length)]

    def spectra(self, x, onesided):
        """The transforms of the pieces: shape (…, frequencies, pieces)."""
        pieces = self.of(x)
        if callable(self.detrend):
            pieces = self.detrend(pieces)
        elif self.detrend:
            pieces = detrend(pieces, type=self.detrend)
        pieces = pieces * self.window
        z = np.fft.rfft(pieces, self.nfft) if onesided else np.fft.fft(pieces, self.nfft)
        return np.swapaxes(z, -1, -2)

    def doubled(self, power, onesided):
        """The power of real signals: each frequency stands for its negative too."""
        if not onesided:
            return power
        factors = np.full((self.nfft // 2 + 1, 1), 2.0)
        factors[0] = 1
        if self.nfft % 2 == 0:
            factors[-1] = 1
        return power * factors


def _frequencies_last(z, axis):
    """(…, frequencies, pieces) with the frequencies at the axis."""
    return np.moveaxis(z, -2, axis if axis >= 0 else axis - 1)


def _power(x, y, fs, window, nperseg, noverlap, nfft, detrend, onesided, scaling, axis):
    """The cross spectra of the pieces of two signals: shape (…, frequencies, pieces). Of one signal if y is x."""
    same, x, y = x is y, np.moveaxis(as_array(x), axis, -1), np.moveaxis(as_array(y), axis, -1)
    n = max(x.shape[-1], y.shape[-1])
    x, y = _longer(x, n), _longer(y, n)
    onesided = onesided and not (is_complex(form_of(x)) or is_complex(form_of(y)))
    pieces = _Pieces(x, fs, window, nperseg, noverlap, nfft, detrend, scaling)
    one = pieces.spectra(x, onesided)
    power = np.real(one) ** 2 + np.imag(one) ** 2 if same else np.conj(one) * pieces.spectra(y, onesided)
    return pieces.doubled(power * pieces.scale, onesided)


@twin(scipy.signal.csd)
def csd(
    x,
    y,
    fs=1.0,
    window="hann",
    nperseg=None,
    noverlap=None,
    nfft=None,
    detrend="constant",
    return_onesided=True,
    scaling="density",
    axis=-1,
    average="mean",
):
    power = _power(x, y, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis)
    if average == "mean":
        z = np.mean(power, axis=-1)
    else:
        n = power.shape[-1]
        odd = 2.0 * np.arange(1.0, (n - 1) // 2 + 1)
        bias = 1 + np.sum(1 / (odd + 1) - 1 / odd)  # of a median of n numbers with an exponential distribution
        if is_complex(form_of(power)):
            z = (np.median(np.real(power), axis=-1) + 1j * np.median(np.imag(power), axis=-1)) / bias
        else:
            z = np.median(power, axis=-1) / bias
    return np.zeros(z.shape[-1]), np.moveaxis(z, -1, axis)


@twin(scipy.signal.welch)
def welch(x, *args, **options):
    return csd(x, x, *args, **options)


@twin(scipy.signal.periodogram)
def periodogram(
    x, fs=1.0, window="boxcar", nfft=None, detrend="constant", return_onesided=True, scaling="density", axis=-1
):
    x = as_array(x)
    n = x.shape[axis]
    if nfft is not None and nfft < n:
        x, n, nfft = np.moveaxis(np.moveaxis(x, axis, -1)[..., :nfft], -1, axis), nfft, None
    window = scipy.signal.get_window(window or "boxcar", n) if isinstance(window, str | tuple | None) else window
    return csd(x, x, fs, window, n, 0, nfft, detrend, return_onesided, scaling, axis)


@twin(scipy.signal.coherence)
def coherence(x, y, fs=1.0, window="hann", nperseg=None, noverlap=None, nfft=None, detrend="constant", axis=-1):
    how = (fs, window, nperseg, noverlap, nfft, detrend, True, "density", axis)
    places, both = csd(x, y, *how)
    return places, abs(both) ** 2 / (csd(x, x, *how)[1] * csd(y, y, *how)[1])


@twin(scipy.signal.spectrogram)
def spectrogram(
    x,
    fs=1.0,
    window=("tukey", 0.25),
    nperseg=None,
    noverlap=None,
    nfft=None,
    detrend="constant",
    return_onesided=True,
    scaling="density",
    axis=-1,
    mode="psd",
):
    x = as_array(x)
    if noverlap is None:
        length = min(256 if nperseg is None else nperseg, x.shape[axis])
        noverlap = (length if isinstance(window, str | tuple) else len(window)) // 8
    if mode == "psd":
        z = _power(x, x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, scaling, axis)
    elif mode in ("complex", "magnitude"):
        z = _transforms(x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, None, False, axis, scaling)
        z = abs(z) if mode == "magnitude" else z
    else:
        raise BlockError(
            f"spectrogram with mode={mode!r} has no derivative; write np.angle of mode='complex'" + at_line()
        )
    return np.zeros(z.shape[-2]), np.zeros(z.shape[-1]), _frequencies_last(z, axis)


def _transforms(x, fs, window, nperseg, noverlap, nfft, detrend, onesided, boundary, padded, axis, scaling):
    """The transforms of the pieces: shape (…, frequencies, pieces)."""
    x = np.moveaxis(x, axis, -1)
    scaling = "density" if scaling in ("psd", "density") else "spectrum"
    pieces = _Pieces(x, fs, window, nperseg, noverlap, nfft, detrend, scaling)
    half = pieces.length // 2
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)]) if boundary == "zeros" else _extended(x, boundary, half)
    if padded:
        x = _longer(x, x.shape[-1] + (-(x.shape[-1] - pieces.length) % pieces.step) % pieces.length)
    return pieces.spectra(x, onesided and not is_complex(form_of(x))) * np.sqrt(pieces.scale)


@twin(scipy.signal.stft)
def stft(
    x,
    fs=1.0,
    window="hann",
    nperseg=256,
    noverlap=None,
    nfft=None,
    detrend=False,
    return_onesided=True,
    boundary="zeros",
    padded=True,
    axis=-1,
    scaling="spectrum",
):
    x = as_array(x)
    z = _transforms(x, fs, window, nperseg, noverlap, nfft, detrend, return_onesided, boundary, padded, axis, scaling)
    return np.zeros(z.shape[-2]), np.zeros(z.shape[-1]), _frequencies_last(z, axis)


@twin(scipy.signal.istft)
def istft(
    Zxx,
    fs=1.0,
    window="hann",
    nperseg=None,
    noverlap=None,
    nfft=None,
    input_onesided=True,
    boundary=True,
    time_axis=-1,
    freq_axis=-2,
    scaling="spectrum",
):
    """The transforms back to pieces, which are added where they overlap, as their windows say."""
    z = np.moveaxis(as_array(Zxx), (freq_axis, time_axis), (-1, -2))
    whole = 2 * (z.shape[-1] - 1) if input_onesided else z.shape[-1]
    length = whole if nperseg is None else int(nperseg)
    nfft = whole + (input_onesided and length == whole + 1) if nfft is None else int(nfft)
    step = length - (length // 2 if noverlap is None else int(noverlap))
    window = scipy.signal.get_window(window, length) if isinstance(window, str | tuple) else as_array(window)
    pieces = (np.fft.irfft if input_onesided else np.fft.ifft)(z, nfft)[..., :length]
    pieces = pieces * window * (np.sum(window) if scaling == "spectrum" else np.sqrt(fs * np.sum(window**2)))
    count = pieces.shape[-2]
    size = length + (count - 1) * step
    places = np.arange(count)[:, None] * step + np.arange(length)
    x = add_at(np.reshape(pieces, (*pieces.shape[:-2], -1)), key=(places.ravel(),), shape=(size,))
    weights = np.bincount(places.ravel(), np.tile(window**2, count), size)
    x = x / np.where(weights > 1e-10, weights, 1.0)
    if boundary:
        x = x[..., length // 2 : size - length // 2]
    if x.ndim > 1:
        first, second = sorted(i % z.ndim for i in (time_axis, freq_axis))
        x = np.moveaxis(x, -1, first if time_axis % z.ndim == first else second - 1)
    return np.zeros(x.shape[-1]), x


# Peaks ---------------------------------------------------------------------------------------------------------


@twin(scipy.signal.peak_prominences)
def peak_prominences(x, peaks, wlen=None):
    x = as_array(x).astype(np.float64)
    peaks = value_of(peaks)
    _, left, right = scipy.signal.peak_prominences(value_of(x), peaks, wlen)
    return x[peaks] - np.maximum(x[left], x[right]), left, right


@twin(scipy.signal.find_peaks)
def find_peaks(x, *args, **options):
    """The places have no gradient, the heights do."""
    x = as_array(x).astype(np.float64)
    peaks, found = scipy.signal.find_peaks(value_of(x), *args, **options)
    recorded = {"peak_heights": lambda: x[peaks]}
    recorded["left_thresholds"] = lambda: x[peaks] - x[peaks - 1]
    recorded["right_thresholds"] = lambda: x[peaks] - x[peaks + 1]
    recorded["prominences"] = lambda: x[peaks] - np.maximum(x[found["left_bases"]], x[found["right_bases"]])
    if refused := {name for name, value in found.items() if value.dtype.kind == "f"} - {*recorded}:
        raise BlockError(
            f"find_peaks has no derivative of {', '.join(sorted(refused))}; leave out width=, or give x.value"
            + at_line()
        )
    return peaks, {name: recorded[name]() if name in recorded else value for name, value in found.items()}


without_gradient(scipy.signal, "argrelextrema argrelmax argrelmin choose_conv_method find_peaks_cwt")
