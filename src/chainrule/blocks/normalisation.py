"""Normalisation: softmax and its logarithm, and layers that standardise.

Source of softmax: C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
"""

import math
from functools import partial

import numpy as np

from chainrule.array import is_recorded, value_of
from chainrule.block import as_floats, axis_from_right, library_block
from chainrule.block.bounds import anything, within
from chainrule.block.dependence import along_axis
from chainrule.blocks.convolution import convolution
from chainrule.blocks.elementwise import square
from chainrule.blocks.integers import one_hot
from chainrule.blocks.reductions import axes_of, axes_text, reduced_shape, spread
from chainrule.blocks.shaping import as_array, reshape
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_numpy
from chainrule.node import at_line


@library_block(
    bounds=within(0, 1, open=True),
    notation=lambda s, axis: call("softmax", s),
    example=example(normal(3)),
    dependence=along_axis,
)
def softmax(xp, s, axis=-1):
    """p_i = e^{s_i} / Σ_j e^{s_j} along the axis: positive numbers that sum to one.

    Parameters
    ----------
    s : scores, an array of any shape.
    axis : the axis (or axes) of the classes; the last one by default.

    >>> import numpy as np, chainrule as cr
    >>> cr.softmax(np.array([0.0, 0.0]))
    array([0.5, 0.5])
    """
    s = as_floats(s)
    e = xp.exp(s - xp.max(s, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


@softmax.backward
def softmax_backward(xp, dp, p, s, axis=-1):
    return p * (dp - xp.sum(dp * p, axis=axis, keepdims=True))


@library_block(
    bounds=anything, notation=lambda s, axis: call("log_softmax", s), example=example(normal(3)), dependence=along_axis
)
def log_softmax(xp, s, axis=-1):
    """z_i = s_i − log Σ_j e^{s_j} along the axis; finite where softmax would round to 0.

    Parameters
    ----------
    s, axis : as in `softmax`.

    >>> import numpy as np, chainrule as cr
    >>> cr.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    s = as_floats(s)
    shifted = s - xp.max(s, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


@log_softmax.backward
def log_softmax_backward(xp, dz, z, s, axis=-1):
    return dz - xp.exp(z) * xp.sum(dz, axis=axis, keepdims=True)


@library_block(
    bounds=anything,
    notation=lambda x, axis, keepdims: call("logsumexp", x, index=axes_text(x, axis)),
    example=example(normal(2, 3), axis=-1),
    dependence=along_axis,
)
def logsumexp(xp, x, axis=None, keepdims=False):
    """z = log Σ e^x along the axes, computed after subtracting the largest entry, so that nothing overflows.

    Parameters
    ----------
    x : an array of any shape.
    axis : an axis, a tuple of axes, or None for all.
    keepdims : whether the reduced axes stay, with length 1.

    >>> import numpy as np, chainrule as cr
    >>> np.isclose(cr.logsumexp(np.array([1000.0, 1000.0])), 1000 + np.log(2))
    np.True_
    """
    top = xp.max(x, axis=axis, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0.0)
    z = xp.log(xp.sum(xp.exp(x - top), axis=axis, keepdims=True)) + top
    z = z if keepdims else xp.reshape(z, reduced_shape(x, axis))
    return z[()] if is_numpy(xp) else z


@logsumexp.backward
def logsumexp_backward(xp, dz, z, x, axis=None, keepdims=False):
    """Not e^{x − z}: where x is large, so is the error of z, and two entries of 10¹⁰ would get more than half each."""
    return spread(xp, dz, z, x, axis) * softmax(x, axis=axis)


def softmin(s, axis=-1):
    """softmax(−s): the smallest score gets the largest share.

    Parameters
    ----------
    s, axis : as in `softmax`.

    >>> import numpy as np, chainrule as cr
    >>> cr.softmin(np.array([0.0, 1000.0]))
    array([1., 0.])
    """
    return softmax(-as_floats(s), axis=axis)


def gumbel_softmax(s, tau=1.0, hard=False, axis=-1, rng=None):
    """softmax((s + g) / tau), with g from the Gumbel distribution: a soft draw of a class, distributed as softmax(s).

    Parameters
    ----------
    s : scores, an array of any shape.
    tau : the temperature; as it nears 0, the rows near one-hot.
    hard : True for one-hot rows, with the gradient of the soft ones.
    axis : the axis of the classes, the last one by default.
    rng : a `numpy.random.Generator` that draws g. It must be given.

    Source: E. Jang, S. Gu and B. Poole, Categorical reparameterization with Gumbel-softmax (2017).

    >>> import numpy as np, chainrule as cr
    >>> cr.gumbel_softmax(np.array([1000.0, 0.0]), hard=True, rng=np.random.default_rng(0))
    array([1., 0.])
    """
    if rng is None:
        raise BlockError("gumbel_softmax: give rng=np.random.default_rng(seed)" + at_line())
    s = as_floats(s)
    noise = np.asarray(rng.gumbel(size=tuple(s.shape)), dtype=s.dtype)
    soft = softmax((s + noise) / tau, axis=axis)
    if not hard:
        return soft
    plain = value_of(soft)
    drawn = np.moveaxis(one_hot(np, np.argmax(plain, axis=axis), plain.shape[axis], plain), -1, axis)
    return soft + (drawn - plain)


# Layers: one of two blocks along some axes, then weight and bias -----------------------------------------------


@library_block(notation=lambda x, axis, eps: call("standardize", x), example=example(normal(3)))
def standardize(xp, x, axis=-1, eps=1e-5):
    """z = (x − mean x) / √(var x + eps) along the axis (or axes): mean 0 and variance 1.

    >>> import numpy as np
    >>> from chainrule.blocks.normalisation import standardize
    >>> standardize(np.array([1.0, 3.0]), eps=0.0)
    array([-1.,  1.])
    """
    deviation = x - xp.mean(x, axis=axis, keepdims=True)
    return deviation / xp.sqrt(xp.mean(deviation * deviation, axis=axis, keepdims=True) + eps)


@standardize.backward
def standardize_backward(xp, dz, z, x, axis=-1, eps=1e-5):
    deviation = x - xp.mean(x, axis=axis, keepdims=True)
    scale = xp.sqrt(xp.mean(deviation * deviation, axis=axis, keepdims=True) + eps)
    along = xp.mean(dz * z, axis=axis, keepdims=True)
    return (dz - xp.mean(dz, axis=axis, keepdims=True) - z * along) / scale


@library_block(notation=lambda x, axis, eps: x / call("rms", x), example=example(normal(3)))
def divide_by_rms(xp, x, axis=-1, eps=None):
    """z = x / √(mean x² + eps) along the axis (or axes); eps is by default the machine epsilon of x.

    >>> import numpy as np
    >>> from chainrule.blocks.normalisation import divide_by_rms
    >>> divide_by_rms(np.array([2.0, 2.0]), eps=0.0)
    array([1., 1.])
    """
    return x / _rms(xp, x, axis, eps)


def _rms(xp, x, axis, eps):
    x = as_floats(x)
    eps = float(xp.finfo(x.dtype).eps) if eps is None else eps
    return xp.sqrt(xp.mean(x * x, axis=axis, keepdims=True) + eps)


@divide_by_rms.backward
def divide_by_rms_backward(xp, dz, z, x, axis=-1, eps=None):
    return (dz - z * xp.mean(dz * z, axis=axis, keepdims=True)) / _rms(xp, x, axis, eps)


def layer_norm(x, weight=None, bias=None, axis=-1, eps=1e-5):
    """(x − mean x) / √(var x + eps) · weight + bias along the axes, separately for each position of the other axes.

    Parameters
    ----------
    x : an array of any shape.
    weight, bias : arrays with the lengths of the normalised axes, e.g. (D,) for `axis=-1`; None for 1 and 0.
    axis : the normalised axis, or a tuple of them. (PyTorch's `normalized_shape` gives lengths instead.)
    eps : keeps the division finite where all entries are equal; there the result is the bias.

    Raises BlockError if the weight or the bias has another shape.

    Source: J. L. Ba, J. R. Kiros and G. E. Hinton, Layer normalization (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.layer_norm(np.array([1.0, 3.0]), np.array([2.0, 2.0]), np.array([1.0, 1.0]), eps=0.0)
    array([-1.,  3.])
    """
    return _affine(standardize(x, axis=axis, eps=eps), weight, bias, axis)


def rms_norm(x, weight=None, axis=-1, eps=None):
    """x / √(mean x² + eps) · weight along the axes: layer_norm without the mean.

    Parameters
    ----------
    x, weight, axis : as in `layer_norm`.
    eps : the machine epsilon of x by default, as in PyTorch.

    Source: B. Zhang and R. Sennrich, Root mean square layer normalization (2019).

    >>> import numpy as np, chainrule as cr
    >>> cr.rms_norm(np.array([2.0, -2.0]), np.array([1.0, 3.0]), eps=0.0)
    array([ 1., -3.])
    """
    return _affine(divide_by_rms(x, axis=axis, eps=eps), weight, None, axis)


def batch_norm(
    x, *, weight=None, bias=None, eps=1e-5, running_mean=None, running_var=None, training=True, momentum=0.1
):
    """Standardise each channel over the batch, times weight plus bias.

    All but x are given by name: PyTorch has them in another order.

    Parameters
    ----------
    x : shape (N, C) or (N, C, …); mean and variance are taken over all axes but that of the channels.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.
    running_mean, running_var : plain arrays (C,) or None. In training they are moved towards the mean and the variance
        (with n − 1) of the batch, in place, as in PyTorch: r ← (1 − momentum) r + momentum · statistic.
    training : False to take the running mean and variance instead of those of the batch. (PyTorch's default.)
    momentum : see above.

    Raises BlockError if a channel has only one entry, or the weight, the bias or a statistic another shape.

    Source: S. Ioffe and C. Szegedy, Batch normalization (2015).

    >>> import numpy as np, chainrule as cr
    >>> x, mean, var = np.array([[1.0, 0.0], [3.0, 8.0]]), np.zeros(2), np.ones(2)
    >>> cr.batch_norm(x, eps=0.0, running_mean=mean, running_var=var)
    array([[-1., -1.],
           [ 1.,  1.]])
    >>> mean
    array([0.2, 0.4])
    """
    channels = _channels(x, "batch_norm")
    _check_statistics("batch_norm", (running_mean, running_var), channels)
    if not training:
        return _affine(_by_statistics("batch_norm", x, running_mean, running_var, eps), weight, bias, 1)
    axes = (0, *range(2, x.ndim))
    if x.shape[1] and math.prod(x.shape) == channels:
        raise BlockError(
            f"batch_norm of shape {tuple(x.shape)}: a variance needs more than one entry for each channel" + at_line()
        )
    _update(running_mean, running_var, x, axes, momentum)
    return _affine(standardize(x, axis=axes, eps=eps), weight, bias, 1)


def _check_statistics(name, statistics, channels):
    for statistic in statistics:
        if statistic is not None and np.shape(statistic) != (channels,):
            raise BlockError(
                f"{name}: a running statistic of shape {np.shape(statistic)} should be ({channels},)" + at_line()
            )


def _by_statistics(name, x, mean, var, eps):
    if mean is None or var is None:
        raise BlockError(f"{name}: without statistics of the input, give running_mean= and running_var=" + at_line())
    x = as_floats(x)
    shape = (-1, *(1,) * (x.ndim - 2))
    mean, var = (np.reshape(np.astype(as_array(s), x.dtype), shape) for s in (mean, var))
    return (x - mean) * (1 / np.sqrt(var + eps))


def _update(mean, var, x, axes, momentum):
    """Move the running statistics towards those of x. The statistics of several samples are averaged."""
    for running, statistic in ((mean, np.mean), (var, partial(np.var, ddof=1))):
        if running is not None:
            new = statistic(x if is_recorded(running) else value_of(x), axis=axes)
            running += momentum * ((new if new.ndim == 1 else new.mean(axis=0)) - running)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Standardise each group of channels of each sample, times weight plus bias.

    Parameters
    ----------
    x : shape (N, C) or (N, C, …), where C is a multiple of num_groups.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.

    Raises BlockError if the channels do not split evenly, or the weight or the bias has another shape.

    Source: Y. Wu and K. He, Group normalization (2018).

    >>> import numpy as np, chainrule as cr
    >>> cr.group_norm(np.array([[1.0, 3.0, 0.0, 8.0]]), 2, eps=0.0)
    array([[-1.,  1., -1.,  1.]])
    """
    channels = _channels(x, "group_norm")
    if num_groups < 1 or channels % num_groups:
        raise BlockError(f"group_norm: {channels} channels do not split evenly into {num_groups} groups" + at_line())
    grouped = reshape(x, shape=(x.shape[0], num_groups, math.prod(x.shape[1:]) // num_groups))
    return _affine(reshape(standardize(grouped, eps=eps), shape=tuple(x.shape)), weight, bias, 1)


def instance_norm(
    x, *, weight=None, bias=None, eps=1e-5, running_mean=None, running_var=None, use_input_stats=True, momentum=0.1
):
    """Standardise each channel of each sample over its positions, times weight plus bias.

    All but x are given by name: PyTorch has them in another order.

    Parameters
    ----------
    x : shape (N, C, …), with at least one axis of positions.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.
    running_mean, running_var, momentum : as in `batch_norm`; the statistics are averaged over the samples.
    use_input_stats : False to take the running mean and variance instead of those of the input.

    Source: D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance normalization (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.instance_norm(np.array([[[1.0, 3.0], [0.0, 8.0]]]), eps=0.0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    if x.ndim < 3:
        raise BlockError(f"instance_norm needs an array (N, C, …), this one has shape {tuple(x.shape)}" + at_line())
    _check_statistics("instance_norm", (running_mean, running_var), x.shape[1])
    if not use_input_stats:
        return _affine(_by_statistics("instance_norm", x, running_mean, running_var, eps), weight, bias, 1)
    axes = tuple(range(2, x.ndim))
    if math.prod(x.shape[2:]) == 1:
        raise BlockError(
            f"instance_norm of shape {tuple(x.shape)}: a variance needs more than one position" + at_line()
        )
    _update(running_mean, running_var, x, axes, momentum)
    return _affine(standardize(x, axis=axes, eps=eps), weight, bias, 1)


def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    """x / (k + alpha · mean x²)^beta, with the mean over `size` neighbouring channels.

    Parameters
    ----------
    x : shape (N, C, …), with at least one axis of positions.
    size : the number of neighbouring channels, half of them before; channels beyond the ends count as 0.
    alpha, beta, k : numbers.

    Source: A. Krizhevsky, I. Sutskever and G. E. Hinton, ImageNet classification with deep convolutional neural
    networks (2012).

    >>> import numpy as np, chainrule as cr
    >>> cr.local_response_norm(np.array([[[1.0], [1.0], [1.0]]]), 3, alpha=3.0, beta=1.0)[0, :, 0]
    array([0.33333333, 0.25      , 0.33333333])
    """
    if x.ndim < 3 or size < 1:
        raise BlockError(
            f"local_response_norm over {size} channels of shape {tuple(x.shape)}; give (N, C, …)" + at_line()
        )
    x = as_floats(x)
    squares = reshape(square(x), shape=(x.shape[0], 1, x.shape[1], math.prod(x.shape[2:])))
    how = {"stride": (1, 1), "padding": ((size // 2, (size - 1) // 2), (0, 0)), "dilation": (1, 1)}
    means = convolution(squares, np.full((1, 1, size, 1), 1 / size, dtype=x.dtype), **how)
    return x / (k + alpha * reshape(means, shape=tuple(x.shape))) ** beta


def _channels(x, name):
    if x.ndim < 2:
        raise BlockError(f"{name} needs an array (N, C, …), this one has shape {tuple(x.shape)}" + at_line())
    return x.shape[1]


def _affine(z, weight, bias, axis):
    """z · weight + bias, both along the axes."""
    z = z if weight is None else z * _along(weight, z, axis, "weight")
    return z if bias is None else z + _along(bias, z, axis, "bias")


def _along(parameter, z, axis, name):
    """A parameter with the lengths of some axes of z, with axes of length 1 between, so that it broadcasts."""
    if not hasattr(parameter, "shape"):
        raise BlockError(
            f"the {name} is {parameter!r}, should be an array; which axes are normalised says axis=, as in "
            "cr.layer_norm(x, weight, bias, axis=-1)" + at_line()
        )
    axes = sorted(axes_of(axis_from_right(axis, z.ndim)))
    expected = tuple(z.shape[a] for a in axes)
    if tuple(parameter.shape) != expected:
        raise BlockError(
            f"the {name} of shape {tuple(parameter.shape)} should have the shape {expected} of what is normalised"
            + at_line()
        )
    shape = tuple(z.shape[a] if a in axes else 1 for a in range(min(axes, default=0), 0))
    return parameter if shape == expected else reshape(parameter, shape=shape)
