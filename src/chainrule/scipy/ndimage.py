"""scipy.ndimage: filters, ranks, morphology, interpolation, and measurements of labelled regions.

A filter is padding, as its mode says, and the convolution of what is then there. A rank is the entry that it chooses.
What interpolates is map_coordinates at coordinates that are computed from the angle, the shift or the matrix.
"""

import functools
from typing import Any

import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.array import form_of, value_of
from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.scipy.arguments import by_name, fixed, padded
from chainrule.scipy.convolved import convolved, flipped
from chainrule.scipy.products import along_axis, matrix_of
from chainrule.standins.scipy_functions import twin, without_gradient

# Linear filters ------------------------------------------------------------------------------------------------

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


def _each(value, count):
    """One argument for each axis."""
    return [value] * count if isinstance(value, str) or np.ndim(form_of(value)) == 0 else list(value)


def _padded(x, before, after, modes, cval):
    """x with so many entries before and after along each axis."""
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


def _correlated(x, weights, axes, mode, cval, origin):
    """z[i] = Σ w[j] x[i + j − middle − origin] over the axes: padded, then convolved by the weights backwards."""
    x, weights = as_array(x), as_array(weights)
    count, axes = weights.ndim, axes_of(axes, x.ndim)
    origins = dict(zip(axes, _each(origin, count), strict=True))
    axes = sorted(axes)  # SciPy takes the axes of the weights in this order
    before, after, modes = [0] * x.ndim, [0] * x.ndim, [mode] * x.ndim
    for axis, k in zip(axes, weights.shape, strict=True):
        before[axis], after[axis] = k // 2 + origins[axis], k - 1 - k // 2 - origins[axis]
    x = np.moveaxis(_padded(x, before, after, modes, cval), axes, range(-count, 0))
    return np.moveaxis(convolved(x, flipped(weights, count), axes=count, valid=True), range(-count, 0), axes)


def _convolved(x, weights, axes, mode, cval, origin):
    """The correlation with the weights backwards; their middle is the other one of two."""
    x, weights = as_array(x), as_array(weights)
    axes = axes_of(axes, x.ndim)
    sizes = dict(zip(sorted(axes), weights.shape, strict=True))
    origins = [-o - (sizes[axis] % 2 == 0) for axis, o in zip(axes, _each(origin, weights.ndim), strict=True)]
    return _correlated(x, flipped(weights, weights.ndim), axes, mode, cval, origins)


@twin(scipy.ndimage.correlate)
def correlate(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _correlated(input, weights, axes, mode, cval, origin)


@twin(scipy.ndimage.convolve)
def convolve(input, weights, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _convolved(input, weights, axes, mode, cval, origin)


@twin(scipy.ndimage.correlate1d)
def correlate1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _correlated(input, weights, axis, mode, cval, origin)


@twin(scipy.ndimage.convolve1d)
def convolve1d(input, weights, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _convolved(input, weights, axis, mode, cval, origin)


@twin(scipy.ndimage.uniform_filter1d)
def uniform_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    size = fixed(size, "size")
    return _correlated(input, np.full(size, 1 / size), axis, mode, cval, origin)


@twin(scipy.ndimage.uniform_filter)
def uniform_filter(input, size=3, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    axes = axes_of(axes, input.ndim)
    each = [_each(v, len(axes)) for v in (size, mode, origin)]
    for axis, n, m, o in zip(axes, *each, strict=True):
        input = uniform_filter1d(input, n, axis, None, m, cval, o)
    return input


def _gaussian(sigma, order, radius):
    """A Gaussian's derivative at −radius … radius: the Gaussian times a polynomial q, q′ − x q / σ² for each order."""
    x = np.arange(-radius, radius + 1)
    phi = np.exp(-0.5 / (sigma * sigma) * x**2)
    q = [1.0]
    for _ in range(order):
        slopes = [(k + 1) * c for k, c in enumerate(q[1:])] + [0.0, 0.0]
        q = [a - b / (sigma * sigma) for a, b in zip(slopes, [0.0, *q], strict=True)]
    return phi / np.sum(phi) * sum(c * x**k for k, c in enumerate(q))


@twin(scipy.ndimage.gaussian_filter1d)
def gaussian_filter1d(
    input, sigma, axis=-1, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None
):
    if radius is None:
        radius = int(truncate * float(value_of(sigma)) + 0.5)
    return _correlated(input, _gaussian(sigma, order, radius)[::-1], axis, mode, cval, 0)


@twin(scipy.ndimage.gaussian_filter)
def gaussian_filter(
    input, sigma, order=0, output=None, mode="reflect", cval=0.0, truncate=4.0, *, radius=None, axes=None
):
    axes = axes_of(axes, input.ndim)
    each = [_each(v, len(axes)) for v in (sigma, order, mode, radius)]
    for axis, s, o, m, r in zip(axes, *each, strict=True):
        if value_of(s) > 1e-15:
            input = gaussian_filter1d(input, s, axis, o, None, m, cval, truncate, radius=r)
    return input


def _derivative(smooth):
    """The derivative along one axis, smoothed along the others."""

    def filtered(input, axis=-1, output=None, mode="reflect", cval=0.0):
        modes = _each(mode, input.ndim)
        axis = axis % input.ndim
        z = _correlated(input, np.array([-1.0, 0.0, 1.0]), axis, modes[axis], cval, 0)
        for i in range(input.ndim):
            if i != axis:
                z = _correlated(z, np.array(smooth), i, modes[i], cval, 0)
        return z

    return filtered


twin(scipy.ndimage.prewitt)(_derivative([1.0, 1.0, 1.0]))
twin(scipy.ndimage.sobel)(_derivative([1.0, 2.0, 1.0]))


@twin(scipy.ndimage.laplace)
def laplace(input, output=None, mode="reflect", cval=0.0, *, axes=None):
    axes = axes_of(axes, input.ndim)
    modes = _each(mode, len(axes))
    second = np.array([1.0, -2.0, 1.0])
    return sum(_correlated(input, second, i, m, cval, 0) for i, m in zip(axes, modes, strict=True))


@twin(scipy.ndimage.gaussian_laplace)
def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **options):
    """Smoothed along `axes`; for each of them, the second derivative along it."""
    axes, total = axes_of(axes, input.ndim), 0.0
    for axis, m in zip(axes, _each(mode, len(axes)), strict=True):
        orders = [2 * (i == axis) for i in axes]
        total = total + gaussian_filter(input, sigma, orders, None, m, cval, axes=axes, **options)
    return total


@twin(scipy.ndimage.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **options):
    """Smoothed along all axes; the derivatives are those along `axes`."""
    axes, slopes = axes_of(axes, input.ndim), []
    for axis, m in zip(axes, _each(mode, len(axes)), strict=True):
        orders = [int(i == axis) for i in range(input.ndim)]
        slopes.append(gaussian_filter(input, sigma, orders, None, m, cval, **options))
    return np.linalg.norm(np.stack(slopes), axis=0)


def _of_a_spectrum(function, first):
    """A filter that multiplies a Fourier transform by numbers that do not depend on it.

    `first` is the name of its first argument, from which these follow.
    """

    def filtered(input, *rest, **options):
        options = by_name(function, 1, rest, options) | {"output": None}
        options[first] = fixed(options[first], f"the {first} of {function.__name__}")
        return input * function(np.ones(input.shape, input.dtype), **options)

    return filtered


for _name, _first in {"gaussian": "sigma", "uniform": "size", "ellipsoid": "size", "shift": "shift"}.items():
    _function = getattr(scipy.ndimage, f"fourier_{_name}")
    twin(_function)(_of_a_spectrum(_function, _first))


# Ranks and morphology ------------------------------------------------------------------------------------------


def _chosen(x, choose, footprint, mode, cval, origin, offsets=None):
    """In each window of x, the entry at a place that is chosen by values: choose(entries) along the last axis.

    `offsets` are added to the entries of a window, those under the footprint.
    """
    x = as_array(x)
    n, modes = x.ndim, _each(mode, x.ndim)
    before = [k // 2 + o for k, o in zip(footprint.shape, _each(origin, n), strict=True)]
    after = [k - 1 - b for k, b in zip(footprint.shape, before, strict=True)]
    places = _padded(np.arange(x.size).reshape(x.shape), before, after, modes, x.size)
    windows = sliding_window_view(places, footprint.shape)[..., footprint]
    entries = np.append(np.ravel(x), cval)
    under = None if offsets is None else offsets[footprint]
    found = step(lambda x, *s: choose(x[windows] + (s[0] if s else 0)), entries, *(() if under is None else (under,)))
    at = step(lambda k: np.take_along_axis(windows, k[..., None], -1)[..., 0], found)
    z = gathered(entries, (at,))
    return z if under is None else z + gathered(under, (found,))


def _footprint(size, footprint, ndim, axes=None):
    """The truths of a window over all axes."""
    axes = axes_of(axes, ndim)
    if footprint is None:
        footprint = np.ones(_each(size, len(axes)), bool)
    footprint = np.asarray(footprint, bool)
    shape = [1] * ndim
    for axis, k in zip(sorted(axes), footprint.shape, strict=True):
        shape[axis] = k
    return footprint.reshape(shape)


def _of_axes(value, axes, ndim, other):
    """An argument that is given for some axes, for all of them."""
    axes, full = axes_of(axes, ndim), [other] * ndim
    for axis, v in zip(axes, _each(value, len(axes)), strict=True):
        full[axis] = v
    return full


def _at_rank(rank):
    """The place of the entry of this rank, of k entries: a number, or a function of k."""

    def choose(entries):
        k = entries.shape[-1]
        r = rank(k) if callable(rank) else rank
        return np.argpartition(entries, r, axis=-1)[..., r]

    return choose


def _least(entries):
    return np.argmin(entries, axis=-1)


def _greatest(entries):
    return np.argmax(entries, axis=-1)


def _ranked(input, choose, size, footprint, mode, cval, origin, axes):
    origin, mode = _of_axes(origin, axes, input.ndim, 0), _of_axes(mode, axes, input.ndim, "reflect")
    return _chosen(input, choose, _footprint(size, footprint, input.ndim, axes), mode, cval, origin)


@twin(scipy.ndimage.minimum_filter)
def minimum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, _least, size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.maximum_filter)
def maximum_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, _greatest, size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.minimum_filter1d)
def minimum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _ranked(input, _least, size, None, mode, cval, origin, axis)


@twin(scipy.ndimage.maximum_filter1d)
def maximum_filter1d(input, size, axis=-1, output=None, mode="reflect", cval=0.0, origin=0):
    return _ranked(input, _greatest, size, None, mode, cval, origin, axis)


@twin(scipy.ndimage.median_filter)
def median_filter(input, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    return _ranked(input, _at_rank(lambda k: k // 2), size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.rank_filter)
def rank_filter(input, rank, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None):
    rank = fixed(rank, "rank")
    return _ranked(input, _at_rank(lambda k: rank % k), size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.percentile_filter)
def percentile_filter(
    input, percentile, size=None, footprint=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    percentile = fixed(percentile, "percentile")
    percentile += 100.0 * (percentile < 0)

    def rank(k):
        return k - 1 if percentile == 100.0 else int(k * percentile / 100.0)

    return _ranked(input, _at_rank(rank), size, footprint, mode, cval, origin, axes)


@twin(scipy.ndimage.grey_erosion)
def grey_erosion(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """The least of the entries less the structure."""
    footprint = _footprint(size, _under(structure, footprint), input.ndim, axes)
    origin, mode = _of_axes(origin, axes, input.ndim, 0), _of_axes(mode, axes, input.ndim, "reflect")
    structure = None if structure is None else -np.reshape(structure, footprint.shape)
    return _chosen(input, _least, footprint, mode, cval, origin, structure)


def _under(structure, footprint):
    return np.ones(structure.shape, bool) if structure is not None and footprint is None else footprint


@twin(scipy.ndimage.grey_dilation)
def grey_dilation(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """The greatest of the entries and the structure backwards together."""
    n = input.ndim
    footprint = flipped(_footprint(size, _under(structure, footprint), n, axes), n)
    origin, mode = _of_axes(origin, axes, n, 0), _of_axes(mode, axes, n, "reflect")
    origin = [-o - (k % 2 == 0) for o, k in zip(origin, footprint.shape, strict=True)]
    structure = None if structure is None else flipped(np.reshape(structure, footprint.shape), n)
    return _chosen(input, _greatest, footprint, mode, cval, origin, structure)


def _one_after_the_other(first, second):
    def filtered(
        input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
    ):
        how = (size, footprint, structure, None, mode, cval, origin)
        return second(first(input, *how, axes=axes), *how, axes=axes)

    return filtered


grey_opening = twin(scipy.ndimage.grey_opening)(_one_after_the_other(grey_erosion, grey_dilation))
grey_closing = twin(scipy.ndimage.grey_closing)(_one_after_the_other(grey_dilation, grey_erosion))


@twin(scipy.ndimage.morphological_gradient)
def morphological_gradient(input, *how, **more):
    return grey_dilation(input, *how, **more) - grey_erosion(input, *how, **more)


@twin(scipy.ndimage.morphological_laplace)
def morphological_laplace(input, *how, **more):
    return grey_dilation(input, *how, **more) + grey_erosion(input, *how, **more) - 2 * input


@twin(scipy.ndimage.white_tophat)
def white_tophat(input, *how, **more):
    return input - grey_opening(input, *how, **more)


@twin(scipy.ndimage.black_tophat)
def black_tophat(input, *how, **more):
    return grey_closing(input, *how, **more) - input


# Interpolation -------------------------------------------------------------------------------------------------

_MARGIN = 12
"""How far SciPy pads before the splines of the modes for which they have no boundary of their own."""


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
    """Where a coordinate t outside of an axis of n entries lies inside: a sign and a place, as in sign · t + place.

    The sign is 0 where the coordinate does not matter.
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
    place = t - period * times  # in one period, of which the second half runs back
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

    It is a sum over the entries nearby, of their coefficients and the B-splines of each axis.
    """
    order = 3 if order is None else order
    x, count = as_array(x), len(coordinates)
    coordinates = [as_array(c) for c in coordinates]
    inside = step(lambda *cs: _all_inside(cs, x.shape[-count:]), *coordinates) if mode == "constant" else True
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
    """The places in the flattened array of the entries near each point, with an axis for each coordinate."""
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
    """The entry that an index beyond the ends of an axis means; −1 for none."""
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
    factors = _each(fixed(zoom, "zoom, from which the size of the result follows,"), input.ndim)
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


# Measurements --------------------------------------------------------------------------------------------------


class _Groups:
    """The entries of an array by the label of their group.

    Attributes
    ----------
    ids : for each entry the number of its group; that of the last one, which is nobody's, for the others.
    count : how many groups there are.
    back : how results for the groups become those for the labels that were asked for.
    """

    def __init__(self, x, labels, index):
        self.x = np.ravel(as_array(x))
        self.single = labels is None or index is None or np.ndim(index) == 0
        if labels is None:
            self.ids, wanted = np.zeros(self.x.size, int), np.zeros(1, int)
            self.count, self.back = 1, wanted
            return
        labels = np.ravel(np.broadcast_to(value_of(labels), np.shape(form_of(x))))
        if index is None:
            self.ids, self.count, self.back = np.where(labels != 0, 0, 1), 1, np.zeros(1, int)
            return
        wanted, self.back = np.unique(np.atleast_1d(value_of(index)).ravel(), return_inverse=True)
        at = np.minimum(np.searchsorted(wanted, labels), len(wanted) - 1)
        self.ids, self.count = np.where(wanted[at] == labels, at, len(wanted)), len(wanted)
        self.shape = np.shape(index)

    def sums(self, x):
        return np.bincount(self.ids, weights=x, minlength=self.count + 1)[: self.count]

    def sizes(self):
        return np.bincount(self.ids, minlength=self.count + 1)[: self.count]

    def chosen(self, choose):
        """An entry of each group, at the place that is chosen by values."""
        sizes = self.sizes()
        if not np.all(sizes):
            raise BlockError("no entry has one of the labels in index, so none can be chosen for it" + at_line())
        members = np.split(np.argsort(self.ids, kind="stable"), np.cumsum(sizes))[: self.count]
        at = step(lambda x: np.array([own[choose(x[own])] for own in members]), self.x)
        return gathered(self.x, (at,))

    def asked(self, z):
        """The results for the labels that were asked for."""
        return z[0] if self.single else np.reshape(z[self.back], self.shape)


def _measurement(function):
    def measured(input, labels=None, index=None):
        groups = _Groups(input, labels, index)
        return groups.asked(function(groups))

    return measured


def _mean(groups):
    return groups.sums(groups.x) / groups.sizes()


def _variance(groups):
    apart = groups.x - np.append(_mean(groups), 0.0)[groups.ids]
    return groups.sums(apart * apart) / groups.sizes()


def _median(groups):
    middle = [lambda x, k=k: np.argsort(x, kind="stable")[(len(x) - k) // 2] for k in (0, 1)]
    return (groups.chosen(middle[0]) + groups.chosen(middle[1])) / 2


_MEASUREMENTS = {
    "sum": lambda groups: groups.sums(groups.x),
    "sum_labels": lambda groups: groups.sums(groups.x),
    "mean": _mean,
    "variance": _variance,
    "standard_deviation": lambda groups: np.sqrt(_variance(groups)),
    "minimum": lambda groups: groups.chosen(np.argmin),
    "maximum": lambda groups: groups.chosen(np.argmax),
    "median": _median,
}
for _name, _function in _MEASUREMENTS.items():
    twin(getattr(scipy.ndimage, _name))(_measurement(_function))


@twin(scipy.ndimage.extrema)
def extrema(input, labels=None, index=None):
    groups = _Groups(input, labels, index)
    least, greatest = (groups.asked(groups.chosen(choose)) for choose in (np.argmin, np.argmax))
    return least, greatest, *scipy.ndimage.extrema(value_of(input), value_of(labels), index)[2:]


@twin(scipy.ndimage.center_of_mass)
def center_of_mass(input, labels=None, index=None):
    groups = _Groups(input, labels, index)
    total = groups.sums(groups.x)
    places = [groups.asked(groups.sums(groups.x * np.ravel(g)) / total) for g in np.indices(input.shape, float)]
    return tuple(places) if groups.single else [tuple(p[i] for p in places) for i in range(len(places[0]))]


without_gradient(
    scipy.ndimage,
    "binary_closing binary_dilation binary_erosion binary_fill_holes binary_hit_or_miss binary_opening "
    "binary_propagation distance_transform_bf distance_transform_cdt distance_transform_edt find_objects histogram "
    "iterate_structure label maximum_position minimum_position value_indices watershed_ift",
)
