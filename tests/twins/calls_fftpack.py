"""Calls of scipy.fftpack."""

from typing import Any

import numpy as np
import scipy.fftpack

from . import Call

X = np.random.default_rng(0).normal(size=(3, 5))
Y = np.random.default_rng(1).normal(size=(3, 5))


def _real(name: str, *args: Any, x: np.ndarray = X, **options: Any) -> Call:
    return Call(lambda x: getattr(scipy.fftpack, name)(x, *args, **options), (x,))


def _complex(name: str, **options: Any) -> Call:
    return Call(lambda x, y: getattr(scipy.fftpack, name)(x + 1j * y, **options), (X, Y))


CALLS: dict[str, Call] = {
    **{name: _complex(name) for name in "fft ifft fftn ifftn fft2 ifft2".split()},
    **{name: _real(name) for name in "rfft irfft dct idct dst idst dctn idctn dstn idstn".split()},
    "fftn, of two lengths": _complex("fftn", shape=(4, 3)),
    "fft2, of other axes": _real("fft2", axes=(1, 0)),
    **{
        f"{name}, n={n}, axis {axis}": _real(name, n=n, axis=axis)
        for name in ("rfft", "irfft")
        for n in (1, 2, 3, 4, 5, 6, 7, 8)
        for axis in (0, 1)
    },
    **{
        f"{name}, type {kind}, {norm}": _real(name, type=kind, norm=norm)
        for name in ("dct", "idct", "dst", "idst")
        for kind in (1, 2, 3, 4)
        for norm in (None, "ortho")
    },
    "dctn, of one length": _real("dctn", type=2, shape=(4,), axes=(0,)),
    "idstn, of one axis": _real("idstn", axes=[0], norm="ortho"),
    "diff": _real("diff", x=X[0]),
    "diff, of order 2": _real("diff", 2, 3.0, x=X[0]),
    "diff, of an even length": _real("diff", order=-1, period=2.0, x=X[0, :4]),
    "diff, complex": Call(lambda x, y: scipy.fftpack.diff(x + 1j * y, 3), (X[0], Y[0])),
    **{name: _real(name, x=X[0]) for name in "hilbert ihilbert".split()},
    **{name: _real(name, 0.3, x=X[0]) for name in "tilbert itilbert shift".split()},
    **{name: _real(name, 0.3, 0.7, x=X[0]) for name in "sc_diff cs_diff cc_diff ss_diff".split()},
    "shift, with a period": _real("shift", 0.3, period=4.0, x=X[0]),
}
