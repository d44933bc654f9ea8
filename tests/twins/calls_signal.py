"""Calls of scipy.signal."""

from typing import Any

import numpy as np
import scipy.signal

from . import Call

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 9))
LONG = RNG.normal(size=23)
V = RNG.normal(size=4)
IMAGE = RNG.normal(size=(4, 5))
K = RNG.normal(size=(2, 3))
B = np.array([0.3, 0.5, -0.2])
A = np.array([1.2, -0.4, 0.3, 0.1])
SOS = scipy.signal.butter(4, 0.4, output="sos")
STATE = RNG.normal(size=(2, 3))


def _of(name: str, *args: Any, **options: Any) -> Call:
    return Call(lambda *xs: getattr(scipy.signal, name)(*xs, **options), args)


def _sections(s: Any) -> Any:
    """Second-order sections: the coefficients that SciPy wants to be 1, are."""
    return np.where(np.arange(6) == 3, 1.0, s)


def _complex(name: str, *args: Any, **options: Any) -> Call:
    """Each argument is the real part of one, and the same numbers backwards are the imaginary part."""
    return Call(lambda *xs: getattr(scipy.signal, name)(*(x + 1j * x[::-1] for x in xs), **options), args)


CALLS: dict[str, Call] = {
    **{
        f"{name}{', ' * bool(mode)}{mode}": _of(name, x, y, **({"mode": mode} if mode else {}))
        for name, (x, y) in {
            **dict.fromkeys(("convolve", "correlate", "oaconvolve"), (LONG, V)),
            **dict.fromkeys(("convolve2d", "correlate2d", "fftconvolve"), (IMAGE, K)),
        }.items()
        for mode in ("", "same", "valid")
    },
    **{
        f"{name}, {boundary}, {mode}": _of(name, IMAGE, K, mode=mode, boundary=boundary, fillvalue=0.7)
        for name in ("convolve2d", "correlate2d")
        for boundary, mode in (("fill", "same"), ("symm", "same"), ("wrap", "full"))
    },
    "correlate, smaller first": _of("correlate", V, LONG, mode="valid"),
    "correlate, complex": _complex("correlate", V, V[:3], mode="same"),
    "convolve, of images": _of("convolve", IMAGE, K, method="direct"),
    "fftconvolve, along an axis": _of("fftconvolve", X, X[:, :4].copy(), axes=1),
    "deconvolve": Call(lambda x, y: scipy.signal.deconvolve(x, y), (LONG[:7], np.array([2.0, 0.3, -0.5]))),
    # Recursive filters
    "lfilter": _of("lfilter", B, A, X),
    "lfilter, with a state": Call(lambda b, a, x, z: scipy.signal.lfilter(b, a, x, zi=z), (B, A, X, STATE)),
    "lfilter, short": Call(lambda b, a, x, z: scipy.signal.lfilter(b, a, x, zi=z), (B, A, X[:, :2], STATE)),
    "lfilter, along the first axis": _of("lfilter", A, np.array([2.0]), X.T.copy(), axis=0),
    "lfilter, complex": _complex("lfilter", B, A, LONG[:6]),
    "lfilter_zi": _of("lfilter_zi", B, A),
    "filtfilt": _of("filtfilt", B, A, LONG),
    "filtfilt, even": _of("filtfilt", B, A, LONG[:9], padtype="even", padlen=3),
    "filtfilt, without padding": _of("filtfilt", B, A, LONG, padtype=None),
    "sosfilt": Call(lambda s, x: scipy.signal.sosfilt(_sections(s), x), (SOS, X)),
    "sosfilt, with a state": Call(
        lambda s, x, z: scipy.signal.sosfilt(_sections(s), x, zi=z), (SOS, LONG[:9], K[:, :2].copy())
    ),
    "sosfilt_zi": Call(lambda s: scipy.signal.sosfilt_zi(_sections(s)), (SOS,)),
    "sosfiltfilt": Call(
        lambda s, x: scipy.signal.sosfiltfilt(_sections(s), x, axis=0, padtype="constant"), (SOS, LONG[:, None])
    ),
    "sosfiltfilt, odd": Call(lambda x: scipy.signal.sosfiltfilt(SOS, x), (LONG,)),
    "freqz": _of("freqz", B, A, worN=5),
    "freqs": _of("freqs", B, A, worN=[0.5, 1.0, 2.0]),
    "freqz_sos": Call(lambda s: scipy.signal.freqz_sos(_sections(s), worN=4, fs=10), (SOS,)),
    "sosfreqz": Call(lambda s: scipy.signal.sosfreqz(_sections(s), worN=4), (SOS,)),
    # Smoothing and ranks
    "savgol_filter": _of("savgol_filter", X, window_length=5, polyorder=2),
    "savgol_filter, of an even window": _of("savgol_filter", X, window_length=4, polyorder=2, axis=1),
    "savgol_filter, slopes": _of("savgol_filter", X, window_length=5, polyorder=3, deriv=1, delta=0.2, mode="mirror"),
    "detrend": Call(lambda x: scipy.signal.detrend(x, bp=[4]) ** 2, (X,)),
    "detrend, the mean": _of("detrend", X, axis=0, type="constant"),
    "medfilt": _of("medfilt", IMAGE, kernel_size=3),
    "medfilt2d": _of("medfilt2d", IMAGE),
    "order_filter": Call(lambda x: scipy.signal.order_filter(x, np.ones((3, 1)), 0), (IMAGE,)),
    "wiener": _of("wiener", IMAGE),
    "wiener, with a noise": Call(lambda x, n: scipy.signal.wiener(x, (3, 3), n), (IMAGE, 0.3)),
    # Resampling
    "upfirdn": _of("upfirdn", V, X, up=3, down=2),
    "resample_poly": _of("resample_poly", LONG, up=3, down=2),
    "resample_poly, by a window": Call(lambda x: scipy.signal.resample_poly(x, 1, 2, axis=1, window=list(V)), (X,)),
    "decimate": _of("decimate", LONG[:22], q=2, n=2),
    "decimate, by a fir": _of("decimate", X, q=2, n=4, ftype="fir"),
    "decimate, without zero phase": _of("decimate", X, q=2, n=4, ftype="fir", zero_phase=False),
    **{f"resample, to {n}": _of("resample", LONG[:m], num=n) for m, n in ((9, 6), (9, 12), (8, 6), (8, 11), (8, 8))},
    "resample": _of("resample", X, num=5, axis=1, window="hamming"),
    "resample, complex": _complex("resample", LONG[:8], num=4),
    "hilbert": _of("hilbert", X),
    "hilbert, longer": _of("hilbert", X, N=12, axis=0),
    # Spectra
    "welch": _of("welch", LONG, nperseg=8),
    "welch, the median": _of("welch", X, fs=3.0, window="hamming", nperseg=4, average="median", scaling="spectrum"),
    "welch, linear": _of("welch", X.T.copy(), axis=0, detrend="linear", nperseg=5, nfft=8, return_onesided=False),
    "periodogram": _of("periodogram", X),
    "periodogram, shorter": _of("periodogram", X, nfft=6, window="hann", scaling="spectrum"),
    "csd": _of("csd", LONG, LONG[::-1].copy(), nperseg=6),
    "csd, the median": _of("csd", LONG[:19].copy(), LONG[4:] ** 2, nperseg=6, average="median"),
    "csd, of another length": _of("csd", LONG, LONG[:19] ** 2, nperseg=6),
    "coherence": _of("coherence", LONG, LONG[::-1] ** 2, nperseg=6),
    "spectrogram": _of("spectrogram", LONG, nperseg=8),
    "spectrogram, complex": _of("spectrogram", X.T.copy(), nperseg=4, mode="complex", axis=0),
    "spectrogram, magnitude": _of("spectrogram", LONG, nperseg=8, mode="magnitude", scaling="spectrum"),
    "stft": _of("stft", LONG, nperseg=8),
    "stft, of columns": _of("stft", X.T.copy(), axis=0, nperseg=5, noverlap=3, boundary="even", scaling="psd"),
    "stft, complex": _complex("stft", LONG[:10], nperseg=4, boundary=None, padded=False, return_onesided=False),
    "istft": Call(lambda x: scipy.signal.istft(scipy.signal.stft(x, nperseg=8)[2] * 2, nperseg=8), (LONG,)),
    "istft, of a table": _complex("istft", RNG.normal(size=(5, 2, 3)), freq_axis=0, time_axis=2, scaling="psd"),
    "istft, of two sides": _complex(
        "istft", RNG.normal(size=(6, 3)), input_onesided=False, boundary=False, window="boxcar"
    ),
    "welch, of a window": Call(lambda x, w: scipy.signal.welch(x, window=w), (LONG, V**2)),
    "istft, of a window": Call(
        lambda x, y, w: scipy.signal.istft(x + 1j * y, window=w),
        (RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4)), V**2),
    ),
    "convolve2d, by what is around": Call(lambda x, v: scipy.signal.convolve2d(x, K, fillvalue=v), (IMAGE, 0.0)),
    "resample_poly, by recorded weights": Call(lambda x, w: scipy.signal.resample_poly(x, 2, 3, window=w), (LONG, V)),
    # Peaks
    "peak_prominences": Call(lambda x: scipy.signal.peak_prominences(x, scipy.signal.find_peaks(x)[0])[0], (LONG,)),
    "find_peaks": Call(
        lambda x: scipy.signal.find_peaks(x, height=-9, threshold=0, prominence=0.1)[1],
        (LONG,),
    ),
}
