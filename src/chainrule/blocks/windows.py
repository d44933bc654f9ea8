"""Windows: what a kernel meets at each position, and how it is put back. Convolution and pooling are made of this.

Source: K. Chellapilla, S. Puri and P. Simard, High performance convolutional neural networks for document processing
(2006); V. Dumoulin and F. Visin, A guide to convolution arithmetic for deep learning (2016).
"""

import functools
import itertools
import math
from typing import Any

import numpy as np

from chainrule.blocks.indexing import add_at
from chainrule.blocks.shaping import reshape
from chainrule.errors import BlockError
from chainrule.libraries import is_numpy
from chainrule.node import at_line

# Where they are --------------------------------------------------------------------------------------------------


def places(kernel, positions, stride, dilation):
    """For each place in the kernel, the slices of the (padded) input that it meets at the positions."""
    for place in itertools.product(*map(range, kernel)):
        yield tuple(
            slice(o * d, o * d + s * (n - 1) + 1, s) if n else slice(0, 0)
            for o, n, s, d in zip(place, positions, stride, dilation, strict=True)
        )


def positions_of(size, kernel, stride, padding, dilation):
    """How many positions a kernel has along each axis."""
    return tuple(
        (n + low + high - d * (k - 1) - 1) // s + 1
        for n, k, s, (low, high), d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


def padded(xp, x, padding, fill=0.0):
    """x with so many entries before and after along its last axes."""
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


def columns_of(xp, x, kernel, stride, padding, dilation, groups):
    """The columns: x of shape (…, N, C, *size) becomes (…, groups, C/groups · kernel, N · positions)."""
    n = len(kernel)
    lead, (batch, channels), size = x.shape[: -n - 2], x.shape[-n - 2 : -n], x.shape[-n:]
    positions = positions_of(size, kernel, stride, padding, dilation)
    x = padded(xp, x, padding)
    if is_numpy(xp):
        extent = tuple(d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True))
        windows: Any = np.lib.stride_tricks.sliding_window_view(x, extent, axis=tuple(range(-n, 0)))
        windows = windows[(..., *(slice(None, None, step) for step in (*stride, *dilation)))]
    else:
        windows = xp.stack([x[(..., *place)] for place in places(kernel, positions, stride, dilation)], axis=-1)
        windows = xp.reshape(windows, (*lead, batch, channels, *positions, *kernel))
    # (…, N, C, *positions, *kernel) to (…, C, *kernel, N, *positions)
    a = len(lead)
    order = (*range(a), a + 1, *range(a + 2 + n, a + 2 + 2 * n), a, *range(a + 2, a + 2 + n))
    rows = channels // groups * math.prod(kernel)
    return xp.reshape(xp.permute_dims(windows, order), (*lead, groups, rows, batch * math.prod(positions)))


def from_columns(xp, columns, batch, channels, size, kernel, stride, padding, dilation):
    """The transpose of `columns_of`: each entry of x gets the sum of the entries of the columns that it went to."""
    lead = columns.shape[:-3]
    n = len(kernel)
    positions = positions_of(size, kernel, stride, padding, dilation)
    columns = xp.reshape(columns, (*lead, channels, math.prod(kernel), batch, *positions))
    shape = tuple(low + m + high for m, (low, high) in zip(size, padding, strict=True))
    every = (slice(None),) * (n + 1)
    pieces = [columns[(..., i, *every)] for i in range(math.prod(kernel))]
    where = places(kernel, positions, stride, dilation)
    if is_numpy(xp):
        x = np.zeros((*lead, channels, batch, *shape), columns.dtype)
        for piece, place in zip(pieces, where, strict=True):
            x[(..., *place)] += piece
    else:
        x = functools.reduce(
            lambda a, b: a + b,
            (add_at(piece, key=place, shape=shape) for piece, place in zip(pieces, where, strict=True)),
        )
    return exchange(xp, x[(..., *inner(size, padding))], n)


def exchange(xp, x, n):
    """The two axes before the last n exchanged: (…, N, C, *size) to (…, C, N, *size) and back."""
    a = x.ndim - n - 2
    return xp.permute_dims(x, (*range(a), a + 1, a, *range(a + 2, x.ndim)))


# What users give, checked ----------------------------------------------------------------------------------------


def each(value, n, name, what):
    """A number for each axis of positions."""
    values = (value,) * n if isinstance(value, int | np.integer) else tuple(value)
    if len(values) != n or not all(isinstance(v, int | np.integer) for v in values):
        raise BlockError(f"{name}: {what} is an integer or {n} of them, not {value!r}" + at_line())
    if min(values) < (what in ("stride", "dilation", "kernel_size")):
        raise BlockError(f"{name}: {what} {value!r} is too small" + at_line())
    return tuple(int(v) for v in values)


def pairs(padding, n, name):
    return tuple((p, p) for p in each(padding, n, name, "padding"))


def with_batch(x, n, name):
    """x with its axis of samples, and whether that had to be added."""
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(
            f"{name} needs an array (N, C, {axes_text(n)}) or (C, {axes_text(n)}), this one has shape {tuple(x.shape)}"
            + at_line()
        )
    alone = x.ndim == n + 1
    return (reshape(x, shape=(1, *x.shape)) if alone else x), alone


def axes_text(n):
    return ", ".join("DHW"[3 - n :]) if n > 1 else "L"
