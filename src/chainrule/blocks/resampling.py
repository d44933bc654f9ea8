"""Images in other sizes and arrangements, as in torch.nn.functional: patches as columns, resizing, pixels as channels.

`unfold` and `fold` are transposes of each other, so each is the backward rule of the other. Resizing is linear and
separable, so it is one matrix product for each axis.
"""

import math

import numpy as np

from chainrule.block import library_block
from chainrule.blocks.adaptive_pooling import along_axes, averages
from chainrule.blocks.integers import counted
from chainrule.blocks.shaping import reshape, transpose
from chainrule.blocks.windows import each, from_columns, pairs, positions_of, windows_of, with_batch
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line

# Patches ---------------------------------------------------------------------------------------------------------

_TWO_BY_TWO = {"kernel": (2, 2), "stride": (1, 1), "padding": ((0, 0), (0, 0)), "dilation": (1, 1)}


@library_block(
    notation=lambda x, **_: call("unfold", x), complex=True, example=example(normal(1, 1, 2, 3), **_TWO_BY_TWO)
)
def patches(xp, x, kernel=(), stride=(), padding=(), dilation=()):
    """The entries under a kernel at each position: x of shape (N, C, *size) becomes (N, C · kernel, positions)."""
    n, a = len(kernel), x.ndim - len(kernel)
    windows = windows_of(xp, x, kernel, stride, padding, dilation)  # (…, N, C, *positions, *kernel)
    rows, positions = x.shape[a - 1] * math.prod(kernel), math.prod(windows.shape[a : a + n])
    windows = xp.permute_dims(windows, (*range(a), *range(a + n, a + 2 * n), *range(a, a + n)))
    return xp.reshape(windows, (*x.shape[: a - 1], rows, positions))


@library_block(
    notation=lambda z, **_: call("fold", z),
    complex=True,
    example=example(normal(1, 4, 2), size=(2, 3), **_TWO_BY_TWO),
)
def sum_of_patches(xp, z, size=(), kernel=(), stride=(), padding=(), dilation=()):
    """The transpose of `patches`, for an x with `size` entries along each axis: overlapping patches are added."""
    *lead, batch, rows, positions = z.shape
    a, places = len(lead), math.prod(kernel)
    z = xp.reshape(z, (*lead, batch, rows // places, places, positions))
    z = xp.permute_dims(z, (*range(a), a + 2, a + 1, a, a + 3))  # (…, kernel, C, N, positions)
    z = xp.reshape(z, (*lead, 1, rows, batch * positions))
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    return from_columns.forward(xp, z, batch=batch, size=size, **how)


@patches.backward
def patches_backward(xp, dz, z, x, **how):
    return sum_of_patches(dz, size=tuple(x.shape[-len(how["kernel"]) :]), **how)


@sum_of_patches.backward
def sum_of_patches_backward(xp, dx, x, z, size=(), **how):
    return patches(dx, **how)


def _window(name, kernel_size, dilation, padding, stride, size):
    kernel = each(kernel_size, 2, name, "kernel_size")
    how = {"stride": each(stride, 2, name, "stride"), "padding": pairs(padding, 2, name)}
    how["dilation"] = each(dilation, 2, name, "dilation")
    positions = positions_of(size, kernel, **how)
    if min(positions) < 1:
        raise BlockError(
            f"{name}: a kernel of {kernel} does not fit into {size} entries with their padding" + at_line()
        )
    return {"kernel": kernel, **how}, math.prod(positions)


def unfold(x, kernel_size, dilation=1, padding=0, stride=1):
    """The patches under a kernel, each as a column.

    Parameters
    ----------
    x : shape (N, C, H, W), or (C, H, W) for a single one.
    kernel_size, dilation, padding, stride : as in `conv2d`; an integer, or one for each axis.

    Returns shape (N, C · KH · KW, positions).

    >>> import numpy as np, chainrule as cr
    >>> cr.unfold(np.arange(6.0).reshape(1, 2, 3), (2, 2))
    array([[0., 1.],
           [1., 2.],
           [3., 4.],
           [4., 5.]])
    """
    x, alone = with_batch(x, 2, "unfold")
    how, _ = _window("unfold", kernel_size, dilation, padding, stride, tuple(x.shape[-2:]))
    z = patches(x, **how)
    return reshape(z, shape=tuple(z.shape[1:])) if alone else z


def fold(x, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of patches, each put back where `unfold` takes it from.

    Parameters
    ----------
    x : shape (N, C · KH · KW, positions), or without N.
    output_size : (H, W) of the result.
    kernel_size, dilation, padding, stride : as in `unfold`.

    Returns shape (N, C, H, W). Raises BlockError if the number of rows or of positions does not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.fold(np.ones((4, 2)), (2, 3), (2, 2))
    array([[[1., 2., 1.],
            [1., 2., 1.]]])
    """
    size = each(output_size, 2, "fold", "output_size")
    how, positions = _window("fold", kernel_size, dilation, padding, stride, size)
    if x.ndim not in (2, 3) or x.shape[-2] % math.prod(how["kernel"]) or x.shape[-1] != positions:
        raise BlockError(
            f"fold of an array {tuple(x.shape)}: a kernel of {how['kernel']} has {positions} positions in {size}, "
            f"so it should be (N, C · {math.prod(how['kernel'])}, {positions})" + at_line()
        )
    x, alone = counted(x), x.ndim == 2
    z = sum_of_patches(reshape(x, shape=(1, *x.shape)) if alone else x, size=size, **how)
    return reshape(z, shape=tuple(z.shape[1:])) if alone else z


# Other sizes -----------------------------------------------------------------------------------------------------

MODES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "trilinear": (3,),
    "bicubic": (2,),
    "area": (1, 2, 3),
}
"""The modes of `interpolate`, and their numbers of axes of positions."""


def interpolate(x, size=None, scale_factor=None, mode="nearest", align_corners=False, recompute_scale_factor=False):
    """x in another size.

    Parameters
    ----------
    x : shape (N, C, L), (N, C, H, W) or (N, C, D, H, W).
    size : the new size; an integer, or one for each axis of positions.
    scale_factor : the factor, instead of the size; a number, or one for each axis.
    mode : "nearest" (rounds down), "nearest-exact" (to the nearest centre), "linear", "bilinear", "trilinear" for one,
        two and three axes, "bicubic" for two, or "area" for the means of `adaptive_avg_pool2d`.
    align_corners : True to keep the first and the last entry in place, in the linear and cubic modes.
    recompute_scale_factor : True to use the ratio of the sizes, if the new one was rounded down.

    Raises BlockError if not exactly one of size and scale_factor is given, or the mode does not fit.

    Source of "bicubic": R. Keys, Cubic convolution interpolation for digital image processing (1981), with a = −0.75.

    >>> import numpy as np, chainrule as cr
    >>> cr.interpolate(np.array([[[0.0, 4.0]]]), size=4, mode="linear")
    array([[[0., 1., 3., 4.]]])
    """
    n = x.ndim - 2
    if n not in MODES.get(mode, ()):
        raise BlockError(
            f"interpolate: mode {mode!r} for an array {tuple(x.shape)}; modes are {', '.join(MODES)}" + at_line()
        )
    if (size is None) == (scale_factor is None):
        raise BlockError("interpolate: give either size= or scale_factor=" + at_line())
    if align_corners and mode in ("nearest", "nearest-exact", "area"):
        raise BlockError(f"interpolate: align_corners has no meaning for mode {mode!r}" + at_line())
    lengths = tuple(x.shape[2:])
    factors = (None,) * n
    if scale_factor is None:
        size = each(size, n, "interpolate", "size")
    else:
        factors = (scale_factor,) * n if np.ndim(scale_factor) == 0 else tuple(scale_factor)
        if len(factors) != n:
            raise BlockError(f"interpolate: {len(factors)} scale factors for {n} axes" + at_line())
        size = tuple(math.floor(length * float(f)) for length, f in zip(lengths, factors, strict=True))
    if min(size) < 1 or 0 in lengths:
        raise BlockError(f"interpolate: from {lengths} to {size} entries" + at_line())
    if recompute_scale_factor:
        factors = (None,) * n
    if mode == "area":
        return along_axes(x, [averages(a, b) for a, b in zip(lengths, size, strict=True)])
    steps = [a / b if f is None else 1 / f for a, b, f in zip(lengths, size, factors, strict=True)]
    return along_axes(x, [_weights(mode, align_corners, *axis) for axis in zip(lengths, size, steps, strict=True)])


def _weights(mode, align_corners, length, result, step):
    """The matrix that takes an axis of `length` entries to one of `result`, `step` entries apart."""
    if mode == "nearest":
        return np.eye(length)[np.minimum((np.arange(result) * step).astype(int), length - 1)]
    if mode == "nearest-exact":
        return np.eye(length)[np.minimum(((np.arange(result) + 0.5) * step).astype(int), length - 1)]
    if align_corners:
        position = np.arange(result) * ((length - 1) / (result - 1) if result > 1 else 0.0)
    else:
        position = (np.arange(result) + 0.5) * step - 0.5
    if mode != "bicubic":
        position = np.maximum(position, 0.0)
    first = np.floor(position).astype(int)
    t = position - first
    taps = _cubic(t) if mode == "bicubic" else {0: 1 - t, 1: t}
    matrix = np.zeros((result, length))
    for offset, weight in taps.items():
        np.add.at(matrix, (np.arange(result), np.clip(first + offset, 0, length - 1)), weight)
    return matrix


def _cubic(t, a=-0.75):
    """The weights of the four entries around a position between two of them."""

    def near(d):
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d):
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return {-1: far(t + 1), 0: near(t), 1: near(1 - t), 2: far(2 - t)}


# Pixels as channels ----------------------------------------------------------------------------------------------


def pixel_shuffle(x, upscale_factor):
    """Channels as pixels: an array (…, C r², H, W) becomes (…, C, H r, W r).

    Parameters
    ----------
    x : an array of shape (…, C r², H, W).
    upscale_factor : r, a positive integer.

    Source: W. Shi et al., Real-time single image and video super-resolution (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.pixel_shuffle(np.arange(4.0).reshape(4, 1, 1), 2)
    array([[[0., 1.],
            [2., 3.]]])
    """
    r = upscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-3] % (r * r):
        raise BlockError(f"pixel_shuffle by {r} of an array {tuple(x.shape)}; give (…, C · {r * r}, H, W)" + at_line())
    *lead, channels, height, width = x.shape
    x = reshape(x, shape=(*lead, channels // (r * r), r, r, height, width))
    x = transpose(x, axes=(*range(-x.ndim, -4), -2, -4, -1, -3))
    return reshape(x, shape=(*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(x, downscale_factor):
    """Pixels as channels: an array (…, C, H r, W r) becomes (…, C r², H, W). The inverse of `pixel_shuffle`.

    Parameters
    ----------
    x : an array of shape (…, C, H r, W r).
    downscale_factor : r, a positive integer.

    >>> import numpy as np, chainrule as cr
    >>> cr.pixel_unshuffle(np.arange(4.0).reshape(1, 2, 2), 2).ravel()
    array([0., 1., 2., 3.])
    """
    r = downscale_factor
    if x.ndim < 3 or r < 1 or x.shape[-2] % r or x.shape[-1] % r:
        raise BlockError(f"pixel_unshuffle by {r} of an array {tuple(x.shape)}; give (…, C, H · r, W · r)" + at_line())
    *lead, channels, height, width = x.shape
    x = reshape(x, shape=(*lead, channels, height // r, r, width // r, r))
    x = transpose(x, axes=(*range(-x.ndim, -4), -3, -1, -4, -2))
    return reshape(x, shape=(*lead, channels * r * r, height // r, width // r))
