"""Linear filters: the input is padded as the mode says, then convolved."""

import numpy as np
import scipy.ndimage

from chainrule.array import value_of
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import by_name, fixed
from chainrule.scipy.convolved import convolved, flipped
from chainrule.scipy.ndimage.edges import axes_of, for_each_axis, padded_by_modes
from chainrule.standins.scipy_functions import twin

__all__ = ["convolve1d"]


def _correlated(x, weights, axes, mode, cval, origin):
    """z[i] = Σ w[j] x[i + j − middle − origin] over the axes: padded, then convolved with the reversed weights."""
    x, weights = as_array(x), as_array(weights)
    count, axes = weights.ndim, axes_of(axes, x.ndim)
    origins = dict(zip(axes, for_each_axis(origin, count), strict=True))
    axes = sorted(axes)  # SciPy takes the axes of the weights in this order
    before, after, modes = [0] * x.ndim, [0] * x.ndim, [mode] * x.ndim
    for axis, k in zip(axes, weights.shape, strict=True):
        before[axis], after[axis] = k // 2 + origins[axis], k - 1 - k // 2 - origins[axis]
    x = np.moveaxis(padded_by_modes(x, before, after, modes, cval), axes, range(-count, 0))
    return np.moveaxis(convolved(x, flipped(weights, count), axes=count, valid=True), range(-count, 0), axes)


def _convolved(x, weights, axes, mode, cval, origin):
    """The correlation with the reversed weights; for an even number of weights the other middle one is the centre."""
    x, weights = as_array(x), as_array(weights)
    axes = axes_of(axes, x.ndim)
    sizes = dict(zip(sorted(axes), weights.shape, strict=True))
    origins = [-o - (sizes[axis] % 2 == 0) for axis, o in zip(axes, for_each_axis(origin, weights.ndim), strict=True)]
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
    each = [for_each_axis(v, len(axes)) for v in (size, mode, origin)]
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
    each = [for_each_axis(v, len(axes)) for v in (sigma, order, mode, radius)]
    for axis, s, o, m, r in zip(axes, *each, strict=True):
        if value_of(s) > 1e-15:
            input = gaussian_filter1d(input, s, axis, o, None, m, cval, truncate, radius=r)
    return input


def _derivative(smooth):
    """The derivative along one axis, smoothed along the others."""

    def filtered(input, axis=-1, output=None, mode="reflect", cval=0.0):
        modes = for_each_axis(mode, input.ndim)
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
    modes = for_each_axis(mode, len(axes))
    second = np.array([1.0, -2.0, 1.0])
    return sum(_correlated(input, second, i, m, cval, 0) for i, m in zip(axes, modes, strict=True))


@twin(scipy.ndimage.gaussian_laplace)
def gaussian_laplace(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **options):
    """The sum over `axes` of second derivatives, each smoothed along all of `axes`."""
    axes, total = axes_of(axes, input.ndim), 0.0
    for axis, m in zip(axes, for_each_axis(mode, len(axes)), strict=True):
        orders = [2 * (i == axis) for i in axes]
        total = total + gaussian_filter(input, sigma, orders, None, m, cval, axes=axes, **options)
    return total


@twin(scipy.ndimage.gaussian_gradient_magnitude)
def gaussian_gradient_magnitude(input, sigma, output=None, mode="reflect", cval=0.0, *, axes=None, **options):
    """The norm of the derivatives along `axes`, smoothed along all axes."""
    axes, slopes = axes_of(axes, input.ndim), []
    for axis, m in zip(axes, for_each_axis(mode, len(axes)), strict=True):
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
