"""Pooling: the largest entry, the mean or a norm of each window, as in torch.nn.functional.

A window slides over the last one, two or three axes. Operand and result have the shape (N, C, …) or (C, …).
"""

import functools
import math
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.block import as_floats, library_block, unlisted_block
from chainrule.blocks.convolution import convolution
from chainrule.blocks.elementwise import absolute, where
from chainrule.blocks.indexing.entries import add_at, getitem
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import reshape
from chainrule.blocks.windows import axes_text, each, padded, pairs, places, positions_of
from chainrule.domains import apart, example
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line


@library_block(
    notation=lambda x, **_: call("max_pool", x),
    example=example(apart(1, 1, 4, 4), kernel=(2, 2), stride=(2, 2), padding=((0, 0), (0, 0)), dilation=(1, 1)),
)
def max_pool(xp, x, kernel=(), stride=(), padding=(), dilation=()):
    """The largest entry of each window; if several are equal, the first gets the gradient, as in PyTorch."""
    positions = positions_of(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    x = padded(xp, x, padding, -math.inf)
    return functools.reduce(xp.maximum, (x[(..., *place)] for place in places(kernel, positions, stride, dilation)))


@max_pool.backward
def max_pool_backward(xp, dz, z, x, **how):
    return max_pool_transpose(dz, x, z, **how)


@unlisted_block(notation=lambda dz, x, z, **_: call("max_poolᵀ", dz))
def max_pool_transpose(xp, dz, x, z, kernel=(), stride=(), padding=(), dilation=()):
    """For z = max_pool(x): each ∂L/∂z goes to the first largest entry of its window."""
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    if Array in map(type, (dz, x, z)):
        return max_pool_transpose(dz, x, z, **how)
    if not isinstance(x, np.ndarray):
        return _transpose_by_places(xp, dz, x, z, **how)
    lead, entries, outside = _chosen(dz, x, z, **how)
    if outside is not None:
        dz = xp.where(xp.asarray(outside), 0.0, dz)
    added = add_at(xp.reshape(dz, (*lead, entries.size)), key=(entries,), shape=(math.prod(x.shape),))
    return xp.reshape(added, (*lead, *x.shape))


def _transpose_by_places(xp, dz, x, z, kernel, stride, padding, dilation):
    """`max_pool_transpose` for any library: the gradient of each position in the window, added up."""
    low = [slice(p, p + n) for (p, _), n in zip(padding, x.shape[-len(kernel) :], strict=True)]
    x = padded(xp, x, padding, -math.inf)
    dx: Any = 0.0
    found: Any = None
    for place in places(kernel, z.shape[-len(kernel) :], stride, dilation):
        part = x[(..., *place)]
        largest = (part == z) | xp.isnan(part)
        first = largest if found is None else largest & ~found
        found = largest if found is None else largest | found
        dx = dx + add_at.forward(xp, xp.where(first, dz, 0.0), key=tuple(place), shape=tuple(x.shape))
    return dx[(..., *low)] if any(map(any, padding)) else dx


@unlisted_block(notation=lambda dx, x, z, **_: call("max_pool′", dx))
def max_pool_tangent(xp, dx, x, z, kernel=(), stride=(), padding=(), dilation=()):
    """For z = max_pool(x): the entry of dx at the first largest entry of each window."""
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    if Array in map(type, (dx, x, z)):
        return max_pool_tangent(dx, x, z, **how)
    lead, entries, outside = _chosen(dx, x, z, **how)
    dz = xp.reshape(getitem(xp.reshape(dx, (*lead, math.prod(x.shape))), key=(entries,)), (*lead, *z.shape))
    return dz if outside is None else xp.where(xp.asarray(outside), 0.0, dz)


@max_pool_transpose.backward
def max_pool_transpose_backward(xp, dy, y, dz, x, z, **how):
    return max_pool_tangent(dy, x, z, **how), None, None


@max_pool_tangent.backward
def max_pool_tangent_backward(xp, dy, y, dx, x, z, **how):
    return max_pool_transpose(dy, x, z, **how), None, None


def _chosen(dz, x, z, **how):
    """Leading axes, the indices in x flattened of the windows' first largest entries, and which windows have none."""
    x = np.asarray(x)
    found = _first_largest(x, np.asarray(z), **how)
    entries = (np.maximum(found, 0) + first_of_channels(x, len(how["kernel"]))).reshape(-1)
    return dz.shape[: dz.ndim - z.ndim], entries, found < 0 if np.any(found < 0) else None


def first_of_channels(x, n):
    """The index in the flattened x at which each channel begins, with n axes of length 1 for its positions."""
    batch, size = tuple(x.shape[:-n]), math.prod(x.shape[-n:])
    return (np.arange(math.prod(batch)) * size).reshape(batch + (1,) * n)


def _first_largest(x, z, kernel, stride, padding, dilation):
    """For each window the index, in its flattened channel, of its first largest entry (NaN counts as largest).

    It is −1 if a window (with a dilation) covers only padding.
    """
    size = x.shape[-len(kernel) :]
    indices = padded(np, np.arange(math.prod(size)).reshape(size), padding, -1)
    x = padded(np, x, padding, -math.inf)
    every = list(places(kernel, z.shape[-len(kernel) :], stride, dilation))
    # How many entries come before it: a sum over booleans is several times faster than a selection of indices.
    before, searching = np.zeros(z.shape, np.min_scalar_type(len(every))), np.ones(z.shape, bool)
    has_nan, has_padding = bool(np.isnan(z).any()), any(map(any, padding))
    for place in every:
        entry = x[(..., *place)]
        found = entry == z
        if has_nan:
            found |= entry != entry
        if has_padding:
            found &= indices[place] >= 0
        searching &= ~found
        before += searching
    candidates = np.stack([indices[place] for place in every] + [np.full(z.shape[-len(kernel) :], -1)])
    return candidates[(before, *np.indices(z.shape[-len(kernel) :], sparse=True))]


def _pool(n, name, x, kernel_size, stride, padding, ceil_mode, dilation=1):
    """The parameters of a window, checked."""
    check_axes(n, name, x)
    kernel = each(kernel_size, n, name, "kernel_size")
    how = {
        "stride": kernel if stride is None else each(stride, n, name, "stride"),
        "padding": pairs(padding, n, name),
        "dilation": each(dilation, n, name, "dilation"),
    }
    if any(2 * p > k for (p, _), k in zip(how["padding"], kernel, strict=True)):
        raise BlockError(f"{name}: padding {padding!r} is more than half of the window {kernel}" + at_line())
    if ceil_mode:
        how["padding"] = _with_last_window(x.shape[-n:], kernel, **how)
    if min(positions_of(x.shape[-n:], kernel, **how)) < 1:
        raise BlockError(f"{name}: a window of {kernel} does not fit into an array {tuple(x.shape)}" + at_line())
    return kernel, how


def check_axes(n, name, x):
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(
            f"{name} needs an array (N, C, {axes_text(n)}) or (C, {axes_text(n)}), this one has shape {tuple(x.shape)}"
            + at_line()
        )


def _with_last_window(size, kernel, stride, padding, dilation):
    """The padding, extended at the end so that a last window that begins inside fits."""
    more = []
    for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation, strict=True):
        extent = d * (k - 1) + 1
        positions = -((extent - n - low - high) // s) + 1
        positions -= (positions - 1) * s >= n + low
        more.append((low, high + max((positions - 1) * s + extent - n - low - high, 0)))
    return tuple(more)


def _max_pool(n, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    kernel, how = _pool(n, f"max_pool{n}d", x, kernel_size, stride, padding, ceil_mode, dilation)
    x = as_floats(x)  # the padding is −∞
    z = max_pool(x, kernel=kernel, **how)
    if not return_indices:
        return z
    return z, step(lambda x, z: _first_largest(np.asarray(x), np.asarray(z), kernel, **how), x, z)


def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest entry of each window along sequences: as `max_pool2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[3., 2.]])
    """
    return _max_pool(1, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest entry of each window of each channel.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    kernel_size : the size of a window; an integer, or one for each axis.
    stride : by how many entries the window moves; its own size by default.
    padding : the number of entries of −∞ around x; at most half of the window.
    dilation : the distance between the entries of a window.
    ceil_mode : True to let a last window reach beyond the end, if it begins inside.
    return_indices : True to return also the index of each largest entry in its flattened channel.

    If several largest entries of a window are equal, the first gets the gradient, as in PyTorch.
    Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 5.,  7.],
            [13., 15.]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool3d(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The largest entry of each window of volumes: as `max_pool2d`, with x of shape (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[7.]]]])
    """
    return _max_pool(3, x, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def _avg_pool(n, x, kernel_size, stride, padding, ceil_mode=False, count_include_pad=True, divisor=None):
    """A convolution of each channel separately, with equal weights."""
    name = f"avg_pool{n}d"
    nominal = pairs(padding, n, name)
    kernel, how = _pool(n, name, x, kernel_size, stride, padding, ceil_mode)
    batch, size = tuple(x.shape[:-n]), tuple(x.shape[-n:])
    x = as_floats(x)
    ones = np.ones((1, 1, *kernel), dtype=x.dtype)
    if divisor is not None:
        if divisor == 0:
            raise BlockError(f"{name}: the divisor must not be 0" + at_line())
        count = divisor
    elif count_include_pad and how["padding"] == nominal:
        count = math.prod(kernel)
    else:
        counted = np.ones((1, 1, *size), ones.dtype)
        if count_include_pad:  # the padding counts, entries beyond it do not
            counted = padded(np, counted, nominal, 1.0)
            beyond = zip(how["padding"], nominal, strict=True)
            how_counted = how | {"padding": tuple((0, high - p) for (_, high), (_, p) in beyond)}
        else:
            how_counted = how
        count = convolution(counted, ones, **how_counted)
    z = convolution(reshape(x, shape=(math.prod(batch), 1, *size)), ones, **how) / count
    return reshape(z, shape=batch + tuple(z.shape[-n:]))


def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window along sequences: as `avg_pool2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[2., 1.]])
    """
    return _avg_pool(1, x, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window of each channel.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    kernel_size, stride, ceil_mode : as in `max_pool2d`.
    padding : the number of zeros around x; at most half of the window.
    count_include_pad : False to divide by the number of entries that are not padding.
    divisor_override : a divisor of the sums to use instead.

    Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    return _avg_pool(2, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def avg_pool3d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    """The mean of each window of volumes: as `avg_pool2d`, with x of shape (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[3.5]]]])
    """
    return _avg_pool(3, x, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(n, x, norm_type, kernel_size, stride, ceil_mode):
    x = as_floats(x)
    if abs(norm_type) == math.inf:
        sign = math.copysign(1.0, norm_type)
        return sign * _max_pool(n, sign * absolute(x), kernel_size, stride, 0, 1, ceil_mode, False)
    kernel = each(kernel_size, n, f"lp_pool{n}d", "kernel_size")
    sums = _avg_pool(n, x**norm_type, kernel, stride, 0, ceil_mode) * math.prod(kernel)
    zero = sums == 0
    return where(zero, 0.0, where(zero, 1.0, sums) ** (1 / norm_type))


def lp_pool1d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^{1/p} over each window along sequences: as `lp_pool2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.lp_pool1d(np.array([[3.0, 4.0, 0.0, 1.0]]), 2, 2)
    array([[5., 1.]])
    """
    return _lp_pool(1, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^{1/p} over each window of each channel. Where the sum is 0, the gradient is 0.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W). Powers are of x itself, as in PyTorch, so an odd p needs positive entries.
    norm_type : p; ±∞ for the largest |x| of a window.
    kernel_size, stride, ceil_mode : as in `max_pool2d`.

    >>> import numpy as np, chainrule as cr
    >>> cr.lp_pool2d(np.array([[[1.0, 1.0], [1.0, -1.0]]]), 2, 2)
    array([[[2.]]])
    """
    return _lp_pool(2, x, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(x, norm_type, kernel_size, stride=None, ceil_mode=False):
    """(Σ x^p)^{1/p} over each window of volumes: as `lp_pool2d`, with x of shape (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.lp_pool3d(np.full((1, 2, 2, 1), 3.0), 2, (2, 2, 1))
    array([[[[6.]]]])
    """
    return _lp_pool(3, x, norm_type, kernel_size, stride, ceil_mode)
