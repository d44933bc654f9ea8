"""Calls of scipy.fft."""

from typing import Any

import numpy as np
import scipy.fft

from . import Call

X = np.random.default_rng(0).normal(size=(3, 5))
Y = np.random.default_rng(1).normal(size=(3, 5))


def _real(name: str, **options: Any) -> Call:
    return Call(lambda x: getattr(scipy.fft, name)(x, **options), (X,))


def _complex(name: str, **options: Any) -> Call:
    return Call(lambda x, y: getattr(scipy.fft, name)(x + 1j * y, **options), (X, Y))


CALLS: dict[str, Call] = {
    **{name: _complex(name) for name in "fft ifft irfft hfft fftn ifftn irfftn hfftn fft2 ifft2 irfft2 hfft2".split()},
    **{name: _real(name) for name in "rfft ihfft rfftn ihfftn rfft2 ihfft2 fftshift ifftshift".split()},
    **{name: _real(name) for name in "dct idct dst idst dctn idctn dstn idstn".split()},
    "fft, of another length": _complex("fft", n=7, axis=0, norm="ortho"),
    "irfft, of another length": _complex("irfft", n=7, norm="forward"),
    "hfftn, of two lengths": _complex("hfftn", s=(2, 6), norm="ortho"),
    "ihfft2, with a norm": _real("ihfft2", norm="forward"),
    "fht": Call(lambda x: scipy.fft.fht(x, 0.1, 0.5), (X,)),
    "ifht": Call(lambda x: scipy.fft.ifht(x, 0.1, 0.5, 0.2), (X,)),
    "dct, complex": _complex("dct"),
    "fftn, of one length": _complex("fftn", s=4, axes=0),
    "idstn, of one length": _real("idstn", s=4, axes=0),
    "dctn, of one length": _real("dctn", type=2, s=(4,), axes=(0,)),
    "idst, of another length": _real("idst", type=3, n=6, norm="forward"),
    **{
        f"{name}, type {kind}, {options}": _real(name, type=kind, **options)
        for name in ("dct", "idst")
        for kind in (1, 2, 3, 4)
        for options in ({"norm": "forward"}, {"norm": "ortho"}, {"norm": "ortho", "orthogonalize": False})
    },
}
