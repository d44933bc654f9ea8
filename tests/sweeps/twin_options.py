"""Do the twins of SciPy's filters compute by themselves what SciPy computes, with every option?

    python -m tests.sweeps.twin_options

A result adopts SciPy's value, so an option that a twin does not heed would give a right value with the gradient of
another function. So each twin's own value is held to SciPy's. It takes a few seconds.
"""

from __future__ import annotations

import itertools
import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import scipy.fft
import scipy.ndimage as nd
import scipy.signal as sg

from chainrule.standins.scipy_functions import TWINS, load_twins

RNG = np.random.default_rng(0)
CUBE, X, K, LONG = (RNG.normal(size=shape) for shape in ((5, 6, 4), (5, 6), (2, 3), (50,)))
MODES = "reflect mirror nearest wrap grid-wrap constant grid-constant grid-mirror".split()


def calls() -> Iterator[tuple[Any, tuple[Any, ...], dict[str, Any]]]:
    """Functions of SciPy, their arguments and options."""
    for axes in ((0,), (1,), (0, 2), (2, 1)):
        for f in (nd.gaussian_filter, nd.gaussian_laplace, nd.gaussian_gradient_magnitude):
            yield f, (CUBE, 0.8), {"axes": axes}
        for f in (nd.uniform_filter, nd.median_filter, nd.maximum_filter, nd.grey_erosion, nd.grey_dilation):
            yield f, (CUBE, 2), {"axes": axes}
    for f, axes in itertools.product((nd.correlate, nd.convolve), ((0, 1), (2, 0), (1, 2))):
        yield f, (CUBE, K), {"axes": axes, "origin": (0, -1)}
    for order, mode in itertools.product(range(6), MODES):
        yield nd.shift, (X, (0.4, -7.3)), {"order": order, "mode": mode, "cval": 0.5}
        yield nd.zoom, (X, (0.7, 1.9)), {"order": order, "mode": mode}
        yield nd.zoom, (X, 1.5), {"order": order, "mode": mode, "grid_mode": True}
        yield nd.rotate, (X, 30.0), {"order": order, "mode": mode}
        places = RNG.uniform(-9, 14, size=(2, 7))
        yield nd.map_coordinates, (X, places), {"order": order, "mode": mode, "prefilter": order % 2 == 0}
    for f, mode in itertools.product((sg.convolve, sg.correlate, sg.fftconvolve), ("full", "same", "valid")):
        for pair in ((X, K), (K, X), (LONG, LONG[:7]), (LONG[:4], LONG), (X, X[::-1])):
            yield f, pair, {"mode": mode}
    for mode, boundary in itertools.product(("full", "same", "valid"), ("fill", "wrap", "symm")):
        for f, kernel in itertools.product((sg.convolve2d, sg.correlate2d), (K, K[:, :2], CUBE[:3, :4, 0])):
            yield f, (X, kernel), {"mode": mode, "boundary": boundary, "fillvalue": 0.3}
    for length, mode in itertools.product((4, 5), ("interp", "wrap", "nearest", "constant", "mirror")):
        yield sg.savgol_filter, (X, length, 2), {"mode": mode, "deriv": 1, "delta": 0.3}
    for num, axis in itertools.product((3, 4, 5, 6, 9), (0, 1)):
        yield sg.resample, (X, num), {"axis": axis}
        yield sg.resample, (X + 1j * X[::-1], num), {"axis": axis}
        yield sg.resample_poly, (X, num, 4), {"axis": axis}
    for options in (
        *({"nperseg": 16, "noverlap": 4}, {"nperseg": 15, "nfft": 20}, {"scaling": "spectrum", "nperseg": 10}),
        *({"detrend": False, "nperseg": 10}, {"return_onesided": False, "nperseg": 8}, {"window": "hamming"}),
    ):
        yield sg.welch, (LONG,), options
        yield sg.csd, (LONG, np.cos(LONG)), options | {"average": "median"}
        yield sg.spectrogram, (LONG,), options
    for boundary, scaling in itertools.product((None, "zeros", "odd", "even", "constant"), ("psd", "spectrum")):
        yield sg.stft, (LONG,), {"nperseg": 9, "noverlap": 7, "boundary": boundary, "scaling": scaling}
    for padtype, padlen in itertools.product(("odd", "even", "constant", None), (None, 0, 5)):
        yield sg.filtfilt, (K[0], np.array([1.0, -0.3]), LONG), {"padtype": padtype, "padlen": padlen}
    for name, kind, norm in itertools.product("dct idct dst idst".split(), (1, 2, 3, 4), (None, "ortho", "forward")):
        yield getattr(scipy.fft, name), (X, kind), {"norm": norm, "axis": 0, "n": 7}


def difference(f: Any, args: Any, options: Any) -> float:
    """How far the twin's own value is from SciPy's, relative to its size."""

    expected, found = f(*args, **options), TWINS[id(f)].made(*args, **options)
    if isinstance(expected, tuple):
        expected, found = expected[-1], found[-1]  # before it are frequencies and times
    assert np.shape(found) == np.shape(expected)
    return float(np.max(abs(found - expected)) / max(np.max(abs(expected)), 1e-12))


def main() -> int:
    count = wrong = 0
    for module in ("scipy.fft", "scipy.ndimage", "scipy.signal"):
        load_twins(module)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for f, args, options in calls():
            count += 1
            if (far := difference(f, args, options)) > 1e-9:
                wrong += 1
                print(f"{f.__name__} of {[np.shape(x) for x in args]} with {options}: {far:.1e}")
    print(f"{count} calls, {wrong} wrong")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
