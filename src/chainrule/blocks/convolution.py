"""Convolution and pooling over one, two or three axes of positions, as in torch.nn.functional.

A convolution z = conv(x, w) is linear in x and in w, so three maps are enough for all orders of derivatives, each
bilinear, and each with the other two as its backward rules:

    convolution            x, w  ↦ z
    convolution_transpose  z, w  ↦ x     (the transpose with respect to x; what conv_transpose computes)
    convolution_kernel     x, z  ↦ w     (the transpose with respect to w)

All three are one matrix product over the *columns* of x: what the kernel meets at each position (im2col).
Operands may have extra leading axes, which broadcast against each other as in matmul.

Source: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document processing
(2006); V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning (2016).
"""

import functools
import itertools
import math
from typing import Any

import numpy as np

from chainrule.array import value_of
from chainrule.block import library_block, sum_to
from chainrule.blocks.indexing import add_at
from chainrule.blocks.shaping import reshape
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_numpy
from chainrule.node import at_line

# Windows ---------------------------------------------------------------------------------------------------------


def _places(kernel, positions, stride, dilation):
    """For each place in the kernel, the slices of the (padded) input that it meets at the positions."""
    for place in itertools.product(*map(range, kernel)):
        yield tuple(
            slice(o * d, o * d + s * (n - 1) + 1, s) if n else slice(0, 0)
            for o, n, s, d in zip(place, positions, stride, dilation, strict=True)
        )


def _positions(size, kernel, stride, padding, dilation):
    """How many positions a kernel has along each axis."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def _padded(xp, x, padding, fill=0.0):
    """x with so many entries before and after along its last axes."""
    if not any(map(any, padding)):
        return x
    n = len(padding)
    shape = (*x.shape[:-n], *(low + size + high for size, (low, high) in zip(x.shape[-n:], padding, strict=True)))
    if is_numpy(xp):
        z = np.full(shape, fill, dtype=x.dtype)
        z[(..., *_inner(x.shape[-n:], padding))] = x
        return z
    z = add_at(x, key=_inner(x.shape[-n:], padding), shape=tuple(shape[-n:]))
    if fill:
        outside = np.full(shape[-n:], True)
        outside[_inner(x.shape[-n:], padding)] = False
        z = xp.where(xp.asarray(outside), fill, z)
    return z


def _inner(size, padding):
    return tuple(slice(low, low + n) for n, (low, _) in zip(size, padding, strict=True))


def _columns(xp, x, kernel, stride, padding, dilation, groups):
    """The columns: x of shape (…, N, C, *size) becomes (…, groups, C/groups · kernel, N · positions)."""
    n = len(kernel)
    lead, (batch, channels), size = x.shape[: -n - 2], x.shape[-n - 2 : -n], x.shape[-n:]
    positions = _positions(size, kernel, stride, padding, dilation)
    x = _padded(xp, x, padding)
    if is_numpy(xp):
        extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        windows: Any = np.lib.stride_tricks.sliding_window_view(x, extent, axis=tuple(range(-n, 0)))
        windows = windows[(..., *(slice(None, None, step) for step in (*stride, *dilation)))]
    else:
        windows = xp.stack([x[(..., *place)] for place in _places(kernel, positions, stride, dilation)], axis=-1)
        windows = xp.reshape(windows, (*lead, batch, channels, *positions, *kernel))
    # (…, N, C, *positions, *kernel) to (…, C, *kernel, N, *positions)
    a = len(lead)
    order = (*range(a), a + 1, *range(a + 2 + n, a + 2 + 2 * n), a, *range(a + 2, a + 2 + n))
    rows = channels // groups * math.prod(kernel)
    return xp.reshape(xp.permute_dims(windows, order), (*lead, groups, rows, batch * math.prod(positions)))


def _from_columns(xp, columns, batch, channels, size, kernel, stride, padding, dilation):
    """The transpose of `_columns`: each entry of x gets the sum of the entries of the columns that it went to."""
    lead = columns.shape[:-3]
    n = len(kernel)
    positions = _positions(size, kernel, stride, padding, dilation)
    columns = xp.reshape(columns, (*lead, channels, math.prod(kernel), batch, *positions))
    shape = tuple(low + m + high for m, (low, high) in zip(size, padding, strict=True))
    every = (slice(None),) * (n + 1)
    pieces = [columns[(..., i, *every)] for i in range(math.prod(kernel))]
    places = _places(kernel, positions, stride, dilation)
    if is_numpy(xp):
        x = np.zeros((*lead, channels, batch, *shape), columns.dtype)
        for piece, place in zip(pieces, places, strict=True):
            x[(..., *place)] += piece
    else:
        x = functools.reduce(
            lambda a, b: a + b,
            (add_at(piece, key=place, shape=shape) for piece, place in zip(pieces, places, strict=True)),
        )
    return _exchange(xp, x[(..., *_inner(size, padding))], n)


def _exchange(xp, x, n):
    """The two axes before the last n exchanged: (…, N, C, *size) to (…, C, N, *size) and back."""
    a = x.ndim - n - 2
    return xp.permute_dims(x, (*range(a), a + 1, a, *range(a + 2, x.ndim)))


# The three maps --------------------------------------------------------------------------------------------------


def _by_group(xp, w, n, groups):
    """A kernel (…, O, C/groups, *kernel) as matrices (…, groups, O/groups, C/groups · kernel)."""
    lead, outputs = w.shape[: -n - 2], w.shape[-n - 2]
    return xp.reshape(w, (*lead, groups, outputs // groups, math.prod(w.shape[-n - 1 :])))


def _z_by_group(xp, z, n, groups):
    """z of shape (…, N, O, *positions) as matrices (…, groups, O/groups, N · positions)."""
    lead, (batch, outputs) = z.shape[: -n - 2], z.shape[-n - 2 : -n]
    rows = (*lead, groups, outputs // groups, batch * math.prod(z.shape[-n:]))
    return xp.reshape(_exchange(xp, z, n), rows)


@library_block(notation=lambda x, w, **_: call("conv", x, w))
def convolution(xp, x, w, stride=(), padding=(), dilation=(), groups=1):
    """z[n, o, t] = Σ x[n, c, t · stride + k · dilation − padding] w[o, c, k], over the channels c of o's group and k.

    Parameters
    ----------
    x : shape (N, C, *size).
    w : the kernel, shape (O, C/groups, *kernel).
    stride, padding, dilation : one for each axis of positions; a padding is a pair (before, after).
    """
    n = len(stride)
    kernel = tuple(w.shape[-n:])
    z = _by_group(xp, w, n, groups) @ _columns(xp, x, kernel, stride, padding, dilation, groups)
    positions = _positions(x.shape[-n:], kernel, stride, padding, dilation)
    z = xp.reshape(z, (*z.shape[:-3], w.shape[-n - 2], x.shape[-n - 2], *positions))
    return _exchange(xp, z, n)


@library_block(notation=lambda z, w, **_: call("convᵀ", z, w))
def convolution_transpose(xp, z, w, size=(), stride=(), padding=(), dilation=(), groups=1):
    """The transpose of `convolution` with respect to x, for an x with `size` entries along each axis of positions."""
    n = len(stride)
    columns = xp.matrix_transpose(_by_group(xp, w, n, groups)) @ _z_by_group(xp, z, n, groups)
    channels = w.shape[-n - 1] * groups
    return _from_columns(xp, columns, z.shape[-n - 2], channels, size, tuple(w.shape[-n:]), stride, padding, dilation)


@library_block(notation=lambda x, z, **_: call("conv", x, z))
def convolution_kernel(xp, x, z, kernel=(), stride=(), padding=(), dilation=(), groups=1):
    """The transpose of `convolution` with respect to w, for a w with `kernel` entries along each axis of positions."""
    n = len(stride)
    columns = _columns(xp, x, kernel, stride, padding, dilation, groups)
    w = _z_by_group(xp, z, n, groups) @ xp.matrix_transpose(columns)
    return xp.reshape(w, (*w.shape[:-3], z.shape[-n - 1], x.shape[-n - 1] // groups, *kernel))


def _summed(xp, dx, x, z, n):
    """Undo the broadcasting of leading axes: z has those of both operands, x only its own."""
    core = x.ndim - n - 2
    return sum_to(xp, dx, tuple(x.shape), tuple(z.shape[: -n - 2]) + tuple(x.shape[core:]))


@convolution.backward("x")
def convolution_dx(xp, dz, z, x, w, **how):
    n = len(how["stride"])
    return _summed(xp, convolution_transpose(dz, w, size=tuple(x.shape[-n:]), **how), x, z, n)


@convolution.backward("w")
def convolution_dw(xp, dz, z, x, w, **how):
    n = len(how["stride"])
    return _summed(xp, convolution_kernel(x, dz, kernel=tuple(w.shape[-n:]), **how), w, z, n)


@convolution_transpose.backward("z")
def convolution_transpose_dz(xp, dx, x, z, w, size=(), **how):
    return _summed(xp, convolution(dx, w, **how), z, x, len(how["stride"]))


@convolution_transpose.backward("w")
def convolution_transpose_dw(xp, dx, x, z, w, size=(), **how):
    n = len(how["stride"])
    return _summed(xp, convolution_kernel(dx, z, kernel=tuple(w.shape[-n:]), **how), w, x, n)


@convolution_kernel.backward("x")
def convolution_kernel_dx(xp, dw, w, x, z, kernel=(), **how):
    n = len(how["stride"])
    return _summed(xp, convolution_transpose(z, dw, size=tuple(x.shape[-n:]), **how), x, w, n)


@convolution_kernel.backward("z")
def convolution_kernel_dz(xp, dw, w, x, z, kernel=(), **how):
    return _summed(xp, convolution(x, dw, **how), z, w, len(how["stride"]))


# What users call -------------------------------------------------------------------------------------------------


def _each(value, n, name, what):
    """A number for each axis of positions."""
    values = (value,) * n if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != n or not all(isinstance(v, int | np.integer) for v in values):
        raise BlockError(f"{name}: {what} is an integer or {n} of them, not {value!r}" + at_line())
    if min(values) < (what in ("stride", "dilation", "kernel_size")):
        raise BlockError(f"{name}: {what} {value!r} is too small" + at_line())
    return tuple(int(v) for v in values)


def _pairs(padding, n, name):
    return tuple((p, p) for p in _each(padding, n, name, "padding"))


def _with_batch(x, n, name):
    """x with its axis of samples, and whether that had to be added."""
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(
            f"{name} needs an array (N, C, {_axes(n)}) or (C, {_axes(n)}), this one has shape {tuple(x.shape)}"
            + at_line()
        )
    alone = x.ndim == n + 1
    return (reshape(x, shape=(1, *x.shape)) if alone else x), alone


def _axes(n):
    return ", ".join("DHW"[3 - n :]) if n > 1 else "L"


def _finish(z, bias, alone, n, name):
    """Add the bias of each channel; take away the axis of samples that was added."""
    channels = z.shape[1]
    if bias is not None:
        if tuple(bias.shape) != (channels,):
            raise BlockError(f"{name}: the bias has shape {tuple(bias.shape)}, it should be ({channels},)" + at_line())
        z = z + reshape(bias, shape=(channels, *(1,) * n))
    return reshape(z, shape=tuple(z.shape[1:])) if alone else z


def _check_kernel(x, weight, channels, groups, n, name):
    if weight.ndim != n + 2:
        raise BlockError(f"{name}: the weight needs {n + 2} axes, it has shape {tuple(weight.shape)}" + at_line())
    if groups < 1 or weight.shape[0] % groups or x.shape[1] != channels:
        raise BlockError(
            f"{name}: x of shape {tuple(x.shape)} does not fit a weight of shape {tuple(weight.shape)} with "
            f"groups={groups}" + at_line()
        )


def _conv(n, x, weight, bias, stride, padding, dilation, groups):
    name = f"conv{n}d"
    x, alone = _with_batch(x, n, name)
    _check_kernel(x, weight, weight.shape[1] * groups, groups, n, name)
    stride, dilation = _each(stride, n, name, "stride"), _each(dilation, n, name, "dilation")
    size, kernel = tuple(x.shape[-n:]), tuple(weight.shape[-n:])
    if padding == "same":
        if stride != (1,) * n:
            raise BlockError(f'{name}: padding="same" needs stride 1, not {stride}' + at_line())
        around = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        padding = tuple((a // 2, a - a // 2) for a in around)
    elif padding == "valid":
        padding = ((0, 0),) * n
    elif isinstance(padding, str):
        raise BlockError(f'{name}: padding is an integer, "same" or "valid", not {padding!r}' + at_line())
    else:
        padding = _pairs(padding, n, name)
    if min(kernel) < 1 or min(_positions(size, kernel, stride, padding, dilation)) < 1:
        raise BlockError(
            f"{name}: a kernel of {kernel} does not fit into {size} entries with their padding" + at_line()
        )
    z = convolution(x, weight, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return _finish(z, bias, alone, n, name)


def conv1d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel along sequences: as `conv2d`, with x of shape (N, C, L) and a weight (O, C/groups, K).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv1d(np.array([[1.0, 2.0, 4.0, 8.0]]), np.array([[[-1.0, 1.0]]]))
    array([[1., 2., 4.]])
    """
    return _conv(1, x, weight, bias, stride, padding, dilation, groups)


def conv2d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel over images (cross-correlation, as in all deep learning libraries).

    Parameters
    ----------
    x : shape (N, C, H, W), or (C, H, W) for a single one.
    weight : the kernel, shape (O, C/groups, KH, KW).
    bias : shape (O,), or None.
    stride : by how many entries the kernel moves; an integer, or one for each axis.
    padding : so many zeros are put around x; an integer, one for each axis, "valid" for none, or "same" for as many as
        keep the size (with stride 1).
    dilation : the distance between the entries that the kernel meets.
    groups : the channels are split into so many groups, and each output sees only its own.

    Returns shape (N, O, H', W') with H' = ⌊(H + 2 padding − dilation (KH − 1) − 1) / stride⌋ + 1.
    Raises BlockError where the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.conv2d(np.arange(9.0).reshape(1, 3, 3), np.ones((1, 1, 2, 2)))
    array([[[ 8., 12.],
            [20., 24.]]])
    """
    return _conv(2, x, weight, bias, stride, padding, dilation, groups)


def conv3d(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Slide a kernel over volumes: as `conv2d`, with x of shape (N, C, D, H, W) and a weight (O, C/groups, KD, KH, KW).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv3d(np.ones((1, 2, 2, 2)), np.ones((1, 1, 2, 2, 2)))
    array([[[[8.]]]])
    """
    return _conv(3, x, weight, bias, stride, padding, dilation, groups)


def _conv_transpose(n, x, weight, bias, stride, padding, output_padding, groups, dilation):
    name = f"conv_transpose{n}d"
    x, alone = _with_batch(x, n, name)
    _check_kernel(x, weight, weight.shape[0], groups, n, name)
    stride, dilation = _each(stride, n, name, "stride"), _each(dilation, n, name, "dilation")
    padding, more = _pairs(padding, n, name), _each(output_padding, n, name, "output_padding")
    if any(m >= s for m, s in zip(more, stride, strict=True)):
        raise BlockError(f"{name}: output_padding {more} must be less than the stride {stride}" + at_line())
    size = tuple(
        (t - 1) * s - 2 * p + d * (k - 1) + 1 + m
        for t, s, (p, _), d, k, m in zip(x.shape[-n:], stride, padding, dilation, weight.shape[-n:], more, strict=True)
    )
    if min(size) < 1:
        raise BlockError(f"{name}: the result would have {size} entries; the padding is too large" + at_line())
    z = convolution_transpose(x, weight, size=size, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return _finish(z, bias, alone, n, name)


def conv_transpose1d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv1d`: as `conv_transpose2d`, with x of shape (N, C, L) and a weight (C, O/groups, K).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose1d(np.array([[1.0, 10.0]]), np.array([[[1.0, 2.0]]]), stride=2)
    array([[ 1.,  2., 10., 20.]])
    """
    return _conv_transpose(1, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv2d` (its gradient with respect to x, as a layer): each entry of x puts down a kernel.

    Parameters
    ----------
    x : shape (N, C, H, W), or (C, H, W) for a single one.
    weight : the kernel, shape (C, O/groups, KH, KW).
    bias : shape (O,), or None.
    stride : how far apart the kernels are put down.
    padding : so many entries are cut off around the result.
    output_padding : so many entries are added at the end of each axis: a strided convolution comes from several sizes.
    groups, dilation : as in `conv2d`.

    Returns shape (N, O, H', W') with H' = (H − 1) stride − 2 padding + dilation (KH − 1) + output_padding + 1.
    Raises BlockError where the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose2d(np.array([[[1.0, 10.0]]]), np.ones((1, 1, 1, 2)))
    array([[[ 1., 11., 10.]]])
    """
    return _conv_transpose(2, x, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """The transpose of `conv3d`: as `conv_transpose2d`, with x of shape (N, C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.conv_transpose3d(np.full((1, 1, 1, 1), 3.0), np.ones((1, 1, 1, 1, 2)))
    array([[[[3., 3.]]]])
    """
    return _conv_transpose(3, x, weight, bias, stride, padding, output_padding, groups, dilation)


# Pooling ---------------------------------------------------------------------------------------------------------


@library_block(notation=lambda x, **_: call("max_pool", x))
def max_pool(xp, x, kernel=(), stride=(), padding=(), dilation=()):
    """The largest entry of each window; of several that are as large the first gets the gradient, as in PyTorch."""
    positions = _positions(x.shape[-len(kernel) :], kernel, stride, padding, dilation)
    x = _padded(xp, x, padding, -math.inf)
    return functools.reduce(xp.maximum, (x[(..., *place)] for place in _places(kernel, positions, stride, dilation)))


@max_pool.backward
def max_pool_backward(xp, dz, z, x, **how):
    lead = dz.shape[: dz.ndim - z.ndim]
    found = _first_largest(np.asarray(value_of(x)), np.asarray(value_of(z)), **how)
    if np.any(found < 0):
        dz = xp.where(xp.asarray(found < 0), 0.0, dz)
    dz = xp.reshape(dz, (*lead, found.size))
    return xp.reshape(add_at(dz, key=(found.reshape(-1),), shape=(math.prod(x.shape),)), (*lead, *x.shape))


def _first_largest(x, z, kernel, stride, padding, dilation):
    """For each window the index, in x flattened, of its first entry that is the largest, or NaN as that is.

    It is −1 where a window (with a dilation) meets nothing but padding.
    """
    n = len(kernel)
    batch, size = x.shape[:-n], x.shape[-n:]
    indices = _padded(np, np.arange(math.prod(size)).reshape(size), padding, -1)
    x = _padded(np, x, padding, -math.inf)
    found = np.full(z.shape, -1)
    for place in reversed(list(_places(kernel, z.shape[-n:], stride, dilation))):
        entry, index = x[(..., *place)], indices[place]
        np.copyto(found, index, where=((entry == z) | (entry != entry)) & (index >= 0))
    rows = np.arange(math.prod(batch)).reshape(batch + (1,) * n) * math.prod(size)
    return np.where(found < 0, -1, found + rows)


def _pool(n, name, x, kernel_size, stride, padding, dilation=1):
    """The parameters of a window, checked."""
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(
            f"{name} needs an array (N, C, {_axes(n)}) or (C, {_axes(n)}), this one has shape {tuple(x.shape)}"
            + at_line()
        )
    kernel = _each(kernel_size, n, name, "kernel_size")
    how = {
        "stride": kernel if stride is None else _each(stride, n, name, "stride"),
        "padding": _pairs(padding, n, name),
        "dilation": _each(dilation, n, name, "dilation"),
    }
    if any(2 * p > k for (p, _), k in zip(how["padding"], kernel, strict=True)):
        raise BlockError(f"{name}: padding {padding!r} is more than half of the window {kernel}" + at_line())
    if min(_positions(x.shape[-n:], kernel, **how)) < 1:
        raise BlockError(f"{name}: a window of {kernel} does not fit into an array {tuple(x.shape)}" + at_line())
    return kernel, how


def _max_pool(n, x, kernel_size, stride, padding, dilation):
    kernel, how = _pool(n, f"max_pool{n}d", x, kernel_size, stride, padding, dilation)
    return max_pool(x, kernel=kernel, **how)


def max_pool1d(x, kernel_size, stride=None, padding=0, dilation=1):
    """The largest entry of each window along sequences: as `max_pool2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[3., 2.]])
    """
    return _max_pool(1, x, kernel_size, stride, padding, dilation)


def max_pool2d(x, kernel_size, stride=None, padding=0, dilation=1):
    """The largest entry of each window of each channel.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    kernel_size : the size of a window; an integer, or one for each axis.
    stride : by how many entries the window moves; its own size by default.
    padding : so many entries of −∞ are put around x; at most half of the window.
    dilation : the distance between the entries of a window.

    Where several entries of a window are as large, the first gets the gradient, as in PyTorch.
    Raises BlockError where the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 5.,  7.],
            [13., 15.]]])
    """
    return _max_pool(2, x, kernel_size, stride, padding, dilation)


def max_pool3d(x, kernel_size, stride=None, padding=0, dilation=1):
    """The largest entry of each window of volumes: as `max_pool2d`, with x of shape (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[7.]]]])
    """
    return _max_pool(3, x, kernel_size, stride, padding, dilation)


def _avg_pool(n, x, kernel_size, stride, padding, count_include_pad):
    """A convolution of each channel by itself, with equal weights."""
    kernel, how = _pool(n, f"avg_pool{n}d", x, kernel_size, stride, padding)
    batch, size = tuple(x.shape[:-n]), tuple(x.shape[-n:])
    ones = np.ones((1, 1, *kernel), dtype=x.dtype)
    count = np.prod(kernel, dtype=ones.dtype)
    if not count_include_pad:
        count = convolution(np.ones((1, 1, *size), ones.dtype), ones, **how)
    z = convolution(reshape(x, shape=(math.prod(batch), 1, *size)), ones, **how) / count
    return reshape(z, shape=batch + tuple(z.shape[-n:]))


def avg_pool1d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """The mean of each window along sequences: as `avg_pool2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool1d(np.array([[1.0, 3.0, 2.0, 0.0]]), 2)
    array([[2., 1.]])
    """
    return _avg_pool(1, x, kernel_size, stride, padding, count_include_pad)


def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """The mean of each window of each channel.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    kernel_size, stride : as in `max_pool2d`.
    padding : so many zeros are put around x; at most half of the window.
    count_include_pad : False to divide by the number of entries that are not padding.

    Raises BlockError where the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 2)
    array([[[ 2.5,  4.5],
            [10.5, 12.5]]])
    """
    return _avg_pool(2, x, kernel_size, stride, padding, count_include_pad)


def avg_pool3d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """The mean of each window of volumes: as `avg_pool2d`, with x of shape (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 2)
    array([[[[3.5]]]])
    """
    return _avg_pool(3, x, kernel_size, stride, padding, count_include_pad)
