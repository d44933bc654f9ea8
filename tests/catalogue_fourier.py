"""Cases of numpy.fft, compared with torch.fft.

A spectrum is complex; Re z Im z + Re z sees both of its parts, and is not linear, so that second derivatives count.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from cases import Case
from chainrule.domains import normal


def _parts(xp: Any, z: Any) -> Any:
    return xp.real(z) * xp.imag(z) + xp.real(z)


def _seen(f: Any, xp: Any, real_in: bool, real_out: bool) -> Any:
    """A transform as a function with real results; one of real numbers sees the real part of its operand."""

    def of(x: Any) -> Any:
        z = f(xp.real(x) if real_in else x)
        return z if real_out else _parts(xp, z)

    return of


REAL_IN = ("rfft", "rfft2", "rfftn", "ihfft")
REAL_OUT = ("irfft", "irfft2", "irfftn", "hfft")

CALLS: list[tuple[str, tuple[int, ...], dict[str, Any]]] = [
    *((name, (2, 4), {}) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((name, (2, 3), {}) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((name, (3, 5), {"n": 4}) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((name, (3, 2), {"n": 5, "axis": 0}) for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")),
    *((name, (2, 3), {"n": 1}) for name in ("fft", "rfft", "irfft")),
    *(
        (name, (2, 5), {"norm": norm})
        for name in ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
        for norm in ("backward", "ortho", "forward")
    ),
    *((name, (2, 3, 2), {}) for name in ("fft2", "ifft2", "rfft2", "fftn", "ifftn", "rfftn")),
    *((name, (2, 2, 3), {}) for name in ("irfft2", "irfftn")),
    *(
        (name, (2, 3, 3), {"s": (3, 4), "axes": (0, -1), "norm": "ortho"})
        for name in ("fft2", "ifft2", "rfft2", "irfft2", "fftn", "ifftn", "rfftn", "irfftn")
    ),
    *((name, (3, 4), {"s": (-1, 2), "axes": (0, 1)}) for name in ("fft2", "rfftn", "irfftn")),
    *((name, (3, 4), {"axes": (1,), "norm": "forward"}) for name in ("fftn", "irfftn")),
]
"""The function, the shape of its operand, and its other arguments."""

_TORCH_NAMES = {"axis": "dim", "axes": "dim"}


def _case(name: str, shape: tuple[int, ...], options: dict[str, Any]) -> Case:
    kinds = (name in REAL_IN, name in REAL_OUT)
    for_torch = {_TORCH_NAMES.get(key, key): value for key, value in options.items()}
    return Case(
        f"fft.{name} {shape} {options}",
        _seen(lambda x: getattr(np.fft, name)(x, **options), np, *kinds),
        _seen(lambda x: getattr(torch.fft, name)(x, **for_torch), torch, *kinds),
        (normal(*shape),),
    )


FOURIER_CASES = [_case(*call) for call in CALLS]
FOURIER_CASES += [
    Case("fft.fftshift", np.fft.fftshift, torch.fft.fftshift, (normal(3, 4),)),
    Case("fft.ifftshift", np.fft.ifftshift, torch.fft.ifftshift, (normal(3, 4),)),
    Case("fft.fftshift axes", lambda x: np.fft.fftshift(x, 1), lambda x: torch.fft.fftshift(x, (1,)), (normal(3, 5),)),
    Case(
        "fft.ifftshift axes",
        lambda x: np.fft.ifftshift(x, axes=(0, 1)),
        lambda x: torch.fft.ifftshift(x, (0, 1)),
        (normal(3, 5),),
    ),
    Case(
        "fft.fftfreq of a recorded spacing",
        lambda d: np.fft.fftfreq(5, d),
        lambda d: torch.fft.fftfreq(5, dtype=d.real.dtype) / d,
        (normal(),),
    ),
    Case(
        "fft.rfftfreq of a recorded spacing",
        lambda d: np.fft.rfftfreq(5, d),
        lambda d: torch.fft.rfftfreq(5, dtype=d.real.dtype) / d,
        (normal(),),
    ),
    Case(
        "fft and back, a filter between",
        lambda x: np.fft.irfft(np.fft.rfft(np.real(x)) * np.exp(-np.fft.rfftfreq(6)), n=6),
        lambda x: torch.fft.irfft(torch.fft.rfft(x.real) * torch.exp(-torch.fft.rfftfreq(6, dtype=torch.float64)), 6),
        (normal(2, 6),),
    ),
]
"""All cases of numpy.fft."""
