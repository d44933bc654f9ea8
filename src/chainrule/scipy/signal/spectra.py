"""Spectra: Fourier transforms of windowed pieces of a signal, and the inverse."""

import numpy as np
import scipy.signal

from chainrule.array import form_of
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.libraries import is_complex
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name, with_defaults
from chainrule.scipy.signal.lengths import extended, longer
from chainrule.scipy.signal.smoothing import detrend
from chainrule.standins.scipy_functions import twin


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
        """The one-sided power of real signals, where each frequency also stands for its negative."""
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


def _power(x, y, return_onesided, axis, **how):
    """The cross spectra of the pieces of two signals: shape (…, frequencies, pieces). Of one signal if y is x."""
    same, x, y = x is y, np.moveaxis(as_array(x), axis, -1), np.moveaxis(as_array(y), axis, -1)
    n = max(x.shape[-1], y.shape[-1])
    x, y = longer(x, n), longer(y, n)
    onesided = return_onesided and not (is_complex(form_of(x)) or is_complex(form_of(y)))
    pieces = _Pieces(x, **how)
    one = pieces.spectra(x, onesided)
    power = np.real(one) ** 2 + np.imag(one) ** 2 if same else np.conj(one) * pieces.spectra(y, onesided)
    return pieces.doubled(power * pieces.scale, onesided)


@twin(scipy.signal.csd)
def csd(x, y, *rest, **options):
    how = with_defaults(scipy.signal.csd, 2, rest, options)
    average, axis = how.pop("average"), how["axis"]
    power = _power(x, y, **how)
    z = np.mean(power, axis=-1) if average == "mean" else _median(power)
    return np.zeros(z.shape[-1]), np.moveaxis(z, -1, axis)


def _median(power):
    """The mean power, estimated from the median, for an exponential distribution (as SciPy does)."""
    odd = 2.0 * np.arange(1.0, (power.shape[-1] - 1) // 2 + 1)
    bias = 1 + np.sum(1 / (odd + 1) - 1 / odd)
    if is_complex(form_of(power)):
        return (np.median(np.real(power), axis=-1) + 1j * np.median(np.imag(power), axis=-1)) / bias
    return np.median(power, axis=-1) / bias


@twin(scipy.signal.welch)
def welch(x, *rest, **options):
    return csd(x, x, *rest, **options)


@twin(scipy.signal.periodogram)
def periodogram(x, *rest, **options):
    how = with_defaults(scipy.signal.periodogram, 1, rest, options)
    window, nfft, axis = how.pop("window"), how.pop("nfft"), how["axis"]
    x = as_array(x)
    n = x.shape[axis]
    if nfft is not None and nfft < n:
        x, n, nfft = np.moveaxis(np.moveaxis(x, axis, -1)[..., :nfft], -1, axis), nfft, None
    window = scipy.signal.get_window(window or "boxcar", n) if isinstance(window, str | tuple | None) else window
    return csd(x, x, window=window, nperseg=n, noverlap=0, nfft=nfft, **how)


@twin(scipy.signal.coherence)
def coherence(x, y, *rest, **options):
    options = by_name(scipy.signal.coherence, 2, rest, options)
    places, both = csd(x, y, **options)
    return places, abs(both) ** 2 / (csd(x, x, **options)[1] * csd(y, y, **options)[1])


@twin(scipy.signal.spectrogram)
def spectrogram(x, *rest, **options):
    how = with_defaults(scipy.signal.spectrogram, 1, rest, options)
    mode, window, axis = how.pop("mode"), how["window"], how["axis"]
    x = as_array(x)
    if how["noverlap"] is None:
        length = min(256 if how["nperseg"] is None else how["nperseg"], x.shape[axis])
        how["noverlap"] = (length if isinstance(window, str | tuple) else len(window)) // 8
    if mode == "psd":
        z = _power(x, x, **how)
    elif mode in ("complex", "magnitude"):
        z = _transforms(x, boundary=None, padded=False, **how)
        z = abs(z) if mode == "magnitude" else z
    else:
        raise BlockError(
            f"spectrogram with mode={mode!r} has no derivative; write np.angle of mode='complex'" + at_line()
        )
    return np.zeros(z.shape[-2]), np.zeros(z.shape[-1]), _frequencies_last(z, axis)


def _transforms(x, return_onesided, boundary, padded, axis, scaling, **how):
    """The transforms of the pieces: shape (…, frequencies, pieces)."""
    x = np.moveaxis(x, axis, -1)
    pieces = _Pieces(x, scaling="density" if scaling in ("psd", "density") else "spectrum", **how)
    half = pieces.length // 2
    x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(half, half)]) if boundary == "zeros" else extended(x, boundary, half)
    if padded:
        x = longer(x, x.shape[-1] + (-(x.shape[-1] - pieces.length) % pieces.step) % pieces.length)
    return pieces.spectra(x, return_onesided and not is_complex(form_of(x))) * np.sqrt(pieces.scale)


@twin(scipy.signal.stft)
def stft(x, *rest, **options):
    how = with_defaults(scipy.signal.stft, 1, rest, options)
    z = _transforms(as_array(x), **how)
    return np.zeros(z.shape[-2]), np.zeros(z.shape[-1]), _frequencies_last(z, how["axis"])


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
    """The inverse transforms of the pieces; where pieces overlap they are added, weighted by their windows."""
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
