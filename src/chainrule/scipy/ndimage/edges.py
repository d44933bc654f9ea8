"""Values beyond the edges of an array, by the modes of scipy.ndimage; and arguments for some of the axes."""

from typing import Any

import numpy as np

from chainrule.array import form_of
from chainrule.scipy.arguments import padded

__all__ = ["axes_of", "for_all_axes", "for_each_axis", "padded_by_modes"]


_PAD: dict[str, Any] = {
    **dict.fromkeys(("reflect", "grid-mirror"), "symmetric"),
    **dict.fromkeys(("constant", "grid-constant"), "constant"),
    **dict.fromkeys(("wrap", "grid-wrap"), "wrap"),
    "nearest": "edge",
    "mirror": "reflect",
}
"""NumPy's name of each mode."""


def axes_of(axes, ndim):
    """Axes counted from the left, all of them by default."""
    axes = range(ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    return [i % ndim for i in axes]


def for_each_axis(value, count):
    """One argument for each axis."""
    return [value] * count if isinstance(value, str) or np.ndim(form_of(value)) == 0 else list(value)


def padded_by_modes(x, before, after, modes, cval):
    """x, padded by `before` and `after` entries along each axis."""
    for axis, (mode, *width) in enumerate(zip(modes, before, after, strict=True)):
        if not any(width):
            continue
        if _PAD[mode] == "constant":
            widths = [width if i == axis else (0, 0) for i in range(x.ndim)]
            x = padded(x, widths, cval)
        else:
            places = np.pad(np.arange(x.shape[axis]), width, _PAD[mode])
            sides = [np.take(x, part, axis) for part in (places[: width[0]], places[len(places) - width[1] :])]
            x = np.concatenate([sides[0], x, sides[1]], axis)
    return x


def for_all_axes(value, axes, ndim, other):
    """An argument that is given for some axes, completed for all axes."""
    axes, full = axes_of(axes, ndim), [other] * ndim
    for axis, v in zip(axes, for_each_axis(value, len(axes)), strict=True):
        full[axis] = v
    return full
