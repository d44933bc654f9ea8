"""scipy.signal itself, with autograd's own convolution."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy.signal import *  # noqa: F403

Axes = Sequence[Sequence[int]]


def convolve(A: Any, B: Any, axes: Axes | None = None, dot_axes: Axes = ((), ()), mode: str = "full") -> Any:
    """The convolution along pairs of axes, by default along all; along pairs of `dot_axes` the products are summed.

    The result has the other axes of A, then those of B, then the axes along which it convolves.
    """
    if mode not in ("full", "same", "valid"):
        raise ValueError(f"mode={mode!r} of a convolution; it is 'full', 'same' or 'valid'")
    axes = [range(A.ndim), range(B.ndim)] if axes is None else axes
    (a, own), (b, its) = (_arranged(x, axes[i], dot_axes[i]) for i, x in enumerate((A, B)))
    n, dots = len(axes[0]), len(dot_axes[0])
    along, sizes = tuple(range(-n, 0)), b.shape[-n:]
    if mode == "valid" and any(k > m for k, m in zip(sizes, a.shape[-n:], strict=True)):
        return np.moveaxis(convolve(B, A, axes[::-1], dot_axes[::-1], mode), range(its), range(own, own + its))
    if mode != "valid":
        around = [(k // 2, (k - 1) // 2) if mode == "same" else (k - 1, k - 1) for k in sizes]
        a = np.pad(a, [(0, 0)] * (own + dots) + around)
    windows = sliding_window_view(a, sizes, axis=along)
    summed = [*range(own, own + dots), *along], [*range(its, its + dots), *along]
    z = np.tensordot(windows, np.flip(b, along), summed)  # axes: those of A, of the convolution, of B
    return np.moveaxis(z, range(own + n, own + n + its), range(own, own + its))


def _arranged(x: Any, axes: Sequence[int], dot_axes: Sequence[int]) -> tuple[Any, int]:
    """x with its other axes first, then the dot axes, then those of the convolution; and how many are first."""
    dots, along = ([axis % x.ndim for axis in some] for some in (dot_axes, axes))
    others = [axis for axis in range(x.ndim) if axis not in (*dots, *along)]
    return np.transpose(x, (*others, *dots, *along)), len(others)
