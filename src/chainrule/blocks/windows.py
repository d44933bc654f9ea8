"""Windows: the entries under a kernel at each position, and their transpose. Convolution and pooling use them.

Source: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document processing
(2006); V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning (2016).
"""

import functools
import itertools
import math
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.block import unlisted_block
from chainrule.blocks.indexing.entries import add_at
from chainrule.blocks.shaping import reshape
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_numpy
from chainrule.node import at_line

# Positions -------------------------------------------------------------------------------------------------------


def places(kernel, positions, stride, dilation):
    """For each entry of the kernel, the slices of the (padded) input that it covers at the positions."""
    for place in itertools.product(*map(range, kernel)):
        yield tuple(
            slice(o * d, o * d + s * (n - 1) + 1, s) if n else slice(0, 0)
            for o, n, s, d in zip(place, positions, stride, dilation, strict=True)
        )


def positions_of(size, kernel, stride, padding, dilation):
    """The number of positions of a kernel along each axis."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def padded(xp, x, padding, fill=0.0):
    """x padded with the given numbers of entries before and after, along its last axes."""
    if not any(map(any, padding)):
        return x
    n = len(padding)
    shape = (*x.shape[:-n], *(low + size + high for size, (low, high) in zip(x.shape[-n:], padding, strict=True)))
    if is_numpy(xp):
        z = np.full(shape, fill, dtype=x.dtype)
        z[(..., *inner(x.shape[-n:], padding))] = x
        return z
    z = add_at(x, key=inner(x.shape[-n:], padding), shape=tuple(shape[-n:]))
    if fill:
        outside = np.full(shape[-n:], True)
        outside[inner(x.shape[-n:], padding)] = False
        z = xp.where(xp.asarray(outside), fill, z)
    return z


def inner(size, padding):
    return tuple(slice(low, low + n) for n, (low, _) in zip(size, padding, strict=True))


def windows_of(xp, x, kernel, stride, padding, dilation):
    """The entries under the kernel: x of shape (…, N, C, *size) becomes (…, N, C, *positions, *kernel)."""
    n = len(kernel)
    positions = positions_of(x.shape[-n:], kernel, stride, padding, dilation)
    x = padded(xp, x, padding)
    if is_numpy(xp):
        extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        windows: Any = np.lib.stride_tricks.sliding_window_view(x, extent, axis=tuple(range(-n, 0)))
        return windows[(..., *(slice(None, None, step) for step in (*stride, *dilation)))]
    windows = xp.stack([x[(..., *place)] for place in places(kernel, positions, stride, dilation)], axis=-1)
    return xp.reshape(windows, (*x.shape[:-n], *positions, *kernel))


@unlisted_block(notation=lambda x, **_: call("columns", x))
def columns(xp, x, kernel=(), stride=(), padding=(), dilation=(), groups=1):
    """The columns (im2col): x of shape (…, N, C, *size) becomes (…, groups, kernel · C/groups, N · positions)."""
    if type(x) is Array:
        return columns(x, kernel=kernel, stride=stride, padding=padding, dilation=dilation, groups=groups)
    n, channels = len(kernel), x.shape[-len(kernel) - 1] // groups
    windows = windows_of(xp, x, kernel, stride, padding, dilation)
    lead, batch, positions = x.shape[: -n - 2], x.shape[-n - 2], windows.shape[-2 * n : -n]
    windows = xp.reshape(windows, (*lead, batch, groups, channels, *positions, *kernel))
    # (…, N, groups, C, *positions, *kernel) to (…, groups, *kernel, C, N, *positions)
    a = len(lead)
    order = (*range(a), a + 1, *range(a + 3 + n, a + 3 + 2 * n), a + 2, a, *range(a + 3, a + 3 + n))
    rows = math.prod(kernel) * channels
    return xp.reshape(xp.permute_dims(windows, order), (*lead, groups, rows, batch * math.prod(positions)))


@unlisted_block(notation=lambda z, **_: call("columnsᵀ", z))
def from_columns(xp, z, batch=1, size=(), kernel=(), stride=(), padding=(), dilation=()):
    """The transpose of `columns`: each entry of x gets the sum over its copies in the columns."""
    how = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    if type(z) is Array:
        return from_columns(z, batch=batch, size=size, **how)
    lead, (groups, rows), n = z.shape[:-3], z.shape[-3:-1], len(kernel)
    channels = rows // math.prod(kernel)
    positions = positions_of(size, **how)
    z = xp.reshape(z, (*lead, groups, math.prod(kernel), channels, batch, *positions))
    shape = tuple(low + m + high for m, (low, high) in zip(size, padding, strict=True))
    every = (slice(None),) * (n + 2)
    pieces = [z[(..., i, *every)] for i in range(math.prod(kernel))]
    where = places(kernel, positions, stride, dilation)
    if is_numpy(xp):
        x = xp.zeros((*lead, groups, channels, batch, *shape), dtype=z.dtype)
        for piece, place in zip(pieces, where, strict=True):
            x[(..., *place)] += piece
    else:
        x = functools.reduce(
            lambda a, b: a + b,
            (add_at.forward(xp, piece, key=place, shape=shape) for piece, place in zip(pieces, where, strict=True)),
        )
    x = xp.reshape(x[(..., *inner(size, padding))], (*lead, groups * channels, batch, *size))
    return exchange(xp, x, n)


@columns.backward
def columns_backward(xp, dz, z, x, groups=1, **how):
    n = len(how["kernel"])
    return from_columns(dz, batch=x.shape[-n - 2], size=tuple(x.shape[-n:]), **how)


@from_columns.backward
def from_columns_backward(xp, dx, x, z, batch=1, size=(), **how):
    return columns(dx, groups=z.shape[-3], **how)


def exchange(xp, x, n):
    """The two axes before the last n exchanged: (…, N, C, *size) to (…, C, N, *size) and back."""
    a = x.ndim - n - 2
    return xp.permute_dims(x, (*range(a), a + 1, a, *range(a + 2, x.ndim)))


# Checks of users' arguments --------------------------------------------------------------------------------------


def each(value, n, name, what):
    """One number for each axis of positions."""
    values = (value,) * n if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != n or not all(isinstance(v, int | np.integer) for v in values):
        raise BlockError(f"{name}: {what} is an integer or {n} of them, not {value!r}" + at_line())
    if min(values) < (what in ("stride", "dilation", "kernel_size")):
        raise BlockError(f"{name}: {what} {value!r} is too small" + at_line())
    return tuple(int(v) for v in values)


def pairs(padding, n, name):
    return tuple((p, p) for p in each(padding, n, name, "padding"))


def with_batch(x, n, name):
    """x with a sample axis, and whether it was added."""
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(
            f"{name} needs an array (N, C, {axes_text(n)}) or (C, {axes_text(n)}), this one has shape {tuple(x.shape)}"
            + at_line()
        )
    alone = x.ndim == n + 1
    return (reshape(x, shape=(1, *x.shape)) if alone else x), alone


def axes_text(n):
    return ", ".join("DHW"[3 - n :]) if n > 1 else "L"
