"""Interpolation: map_coordinates, at coordinates that are computed from an angle, a shift or a matrix."""

import functools
from typing import Any

import numpy as np
import scipy.ndimage

from chainrule.array import value_of
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import fixed, padded
from chainrule.scipy.ndimage.edges import for_each_axis
from chainrule.scipy.products import along_axis, matrix_of
from chainrule.standins.scipy_functions import twin

_MARGIN = 12
"""How many entries SciPy pads in modes for which its splines have no boundary condition."""


@functools.cache
def _prefilter(n, order, mode):
    """The matrix that makes the coefficients of a spline through n values."""
    return matrix_of(lambda x: scipy.ndimage.spline_filter1d(x, order, axis=0, mode=mode), n)


@twin(scipy.ndimage.spline_filter1d)
def spline_filter1d(input, order=3, axis=-1, output=np.float64, mode="mirror"):
    return +input if order < 2 else along_axis(_prefilter(input.shape[axis], order, mode), input, axis)


@twin(scipy.ndimage.spline_filter)
def spline_filter(input, order=3, output=np.float64, mode="mirror"):
    for axis in range(input.ndim):
        input = spline_filter1d(input, order, axis, mode=mode)
    return input


def _moved_inside(t, n, mode):
    """Maps a coordinate t outside an axis of n entries to the inside: sign and place, as in sign · t + place.

    The sign is 0 where the result does not depend on the coordinate.
    """
    last = n - 1
    below, above = t < 0, t > last
    outside = below | above
    if mode in ("constant", "grid-constant", "nearest"):
        return np.ones(t.shape), np.zeros(t.shape)
    if mode in ("wrap", "grid-wrap"):
        period = last if mode == "wrap" else n
        times = (
            np.floor(t / period)
            if mode == "grid-wrap"
            else np.where(below, np.floor(t / period), np.ceil(t / period) - 1)
        )
        return np.ones(t.shape), np.where(outside, -period * times, 0.0)
    start = 0.0 if mode == "mirror" else -0.5
    period = 2 * (last - 2 * start) or 1
    times = np.floor((t - start) / period)
    place = t - period * times  # within one period, whose second half is reversed
    back = place > last - start
    moved = np.where(back, 2 * (last - start) - place, place)
    sign = np.where(back, -1.0, 1.0)
    return np.where(outside, sign, 1.0), np.where(outside, moved - sign * t, 0.0)


def _spline_weights(t, order):
    """The values of the B-splines of the entries around t, from the first one on, by de Boor's recurrence.

    t counts from the middle of an entry in even orders, from an entry in odd ones.
    """
    u = t + 0.5 if order % 2 == 0 else t
    weights = [1.0 + 0 * u]
    for k in range(1, order + 1):
        left = [(u + k - 1 - j) / k for j in range(k)]
        weights = [
            (left[j - 1] * weights[j - 1] if j else 0.0) + ((1 - left[j]) * weights[j] if j < k else 0.0)
            for j in range(k + 1)
        ]
    return weights


def _interpolated(x, coordinates, order, mode, cval, prefilter):
    """A spline through the entries of x, at coordinates along its last axes. Those before are kept.

    The result is a sum over nearby entries: their coefficients times the B-splines of each axis.
    """
    order = 3 if order is None else order
    x, count = as_array(x), len(coordinates)
    coordinates = [as_array(c) for c in coordinates]
    within = x.shape[-count:]
    inside = step(lambda *cs: _all_inside(cs, within), *coordinates) if mode == "constant" else True
    if prefilter and order > 1 and mode in ("nearest", "grid-constant"):
        width = [(0, 0)] * (x.ndim - count) + [(_MARGIN, _MARGIN)] * count
        x = np.pad(x, width, mode="edge") if mode == "nearest" else padded(x, width, cval)
        coordinates = [c + _MARGIN for c in coordinates]
    sizes = x.shape[-count:]
    if prefilter and order > 1:
        for axis in range(-count, 0):
            x = spline_filter1d(x, order, axis, mode=mode)
    nearby: list[Any] = []
    weight: Any = 1.0
    for axis, (t, n) in enumerate(zip(coordinates, sizes, strict=True)):
        t, first = _on_axis(t, n, order, mode)
        nearby.append(first)
        spread = (..., *[slice(None) if i == axis else None for i in range(count)])  # an axis for each of the sum's
        weight = weight * np.stack(_spline_weights(t, order), axis=-1)[spread]
    places = step(lambda *firsts: _places(firsts, sizes, order, mode), *nearby)
    flat = np.reshape(x, (*x.shape[:-count], -1))
    if mode == "grid-constant":
        flat = np.concatenate([flat, np.broadcast_to(cval, (*flat.shape[:-1], 1))], axis=-1)
    z = np.sum(np.take(flat, places, axis=-1) * weight, axis=tuple(range(-count, 0)))
    return z if inside is True else np.where(inside, z, cval)


def _on_axis(t, n, order, mode):
    """A coordinate less the entry before it (in even orders the nearest one), and the first entry of its splines."""
    sign, place = (step(lambda t, part=part: _moved_inside(t, n, mode)[part], t) for part in (0, 1))
    t = sign * t + place
    nearest = step(np.floor if order % 2 else lambda t: np.floor(t + 0.5), t)
    return t - nearest, step(lambda k: k.astype(int) - order // 2, nearest)


def _places(firsts, sizes, order, mode):
    """The positions, in the flattened array, of the entries near each point; one axis for each coordinate."""
    count = len(firsts)
    each, outside = [], False
    for axis, (first, n) in enumerate(zip(firsts, sizes, strict=True)):
        spread = (..., *[slice(None) if i == axis else None for i in range(count)])
        entry = _entry(first[..., None] + np.arange(order + 1), n, mode)[spread]
        outside = outside | (entry < 0)
        each.append(np.maximum(entry, 0))
    return np.where(outside, np.prod(sizes), np.ravel_multi_index(np.broadcast_arrays(*each), sizes))


def _all_inside(coordinates, sizes):
    return functools.reduce(np.logical_and, [(c >= 0) & (c <= n - 1) for c, n in zip(coordinates, sizes, strict=True)])


def _entry(k, n, mode):
    """The entry that an index beyond the ends of an axis refers to in this mode; −1 for none."""
    if mode == "grid-constant":
        return np.where((k >= 0) & (k < n), k, -1)
    if mode == "nearest":
        return np.clip(k, 0, n - 1)
    sign, place = _moved_inside(k.astype(float), n, "mirror" if mode in ("constant", "wrap") else mode)
    return np.rint(sign * k + place).astype(int)


@twin(scipy.ndimage.map_coordinates)
def map_coordinates(input, coordinates, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    return _interpolated(input, list(coordinates), order, mode, cval, prefilter)


def _shape_of(output_shape, output, shape):
    if output_shape is not None:
        return tuple(output_shape)
    return output.shape if isinstance(output, np.ndarray) else shape


@twin(scipy.ndimage.affine_transform)
def affine_transform(
    input, matrix, offset=0.0, output_shape=None, output=None, order=3, mode="constant", cval=0.0, prefilter=True
):
    n, matrix = input.ndim, as_array(matrix)
    if matrix.ndim == 2 and matrix.shape[1] == n + 1:
        matrix, offset = matrix[:n, :n], matrix[:n, n]
    grid = np.indices(_shape_of(output_shape, output, input.shape), float)
    offset = np.broadcast_to(as_array(offset), (n,))
    if matrix.ndim == 1:
        places = [matrix[i] * grid[i] + offset[i] for i in range(n)]
    else:
        places = [sum(matrix[i, j] * grid[j] for j in range(n)) + offset[i] for i in range(n)]
    return _interpolated(input, places, order, mode, cval, prefilter)


@twin(scipy.ndimage.shift)
def shift(input, shift, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    grid, shift = np.indices(input.shape, float), np.broadcast_to(as_array(shift), (input.ndim,))
    return _interpolated(input, [g - shift[i] for i, g in enumerate(grid)], order, mode, cval, prefilter)


@twin(scipy.ndimage.zoom)
def zoom(input, zoom, output=None, order=3, mode="constant", cval=0.0, prefilter=True, *, grid_mode=False):
    factors = for_each_axis(fixed(zoom, "zoom, from which the size of the result follows,"), input.ndim)
    sizes = [round(n * z) for n, z in zip(input.shape, factors, strict=True)]
    places = []
    for n, m, grid in zip(input.shape, sizes, np.indices(sizes, float), strict=True):
        if grid_mode:
            places.append((grid + 0.5) * n / m - 0.5)
        else:
            places.append(grid * ((n - 1) / (m - 1) if m > 1 else 1.0))
    return _interpolated(input, places, order, mode, cval, prefilter)


@twin(scipy.ndimage.rotate)
def rotate(input, angle, axes=(1, 0), reshape=True, output=None, order=3, mode="constant", cval=0.0, prefilter=True):
    axes = sorted(i % input.ndim for i in axes)
    x = np.moveaxis(input, axes, (-2, -1))
    radians = angle * (np.pi / 180)
    c, s = np.cos(radians), np.sin(radians)
    rows, columns = x.shape[-2:]
    size = (rows, columns)
    if reshape:
        turned = step(_turned, c, s) @ np.array([[0, 0, rows, rows], [0, columns, 0, columns]])
        size = tuple((np.ptp(value_of(turned), axis=1) + 0.5).astype(int))
    i, j = np.indices(size, float) - (np.array(size)[:, None, None] - 1) / 2
    places = [c * i + s * j + (rows - 1) / 2, -s * i + c * j + (columns - 1) / 2]
    return np.moveaxis(_interpolated(x, places, order, mode, cval, prefilter), (-2, -1), axes)


def _turned(c, s):
    return np.array([[c, s], [-s, c]])
