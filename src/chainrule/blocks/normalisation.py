"""Normalisation: softmax and its logarithm, and layers that standardise.

Source of softmax: C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
"""

import math

from chainrule.block import axis_from_right, library_block
from chainrule.blocks.reductions import axes_of
from chainrule.blocks.shaping import reshape
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line


@library_block(notation=lambda s, axis: call("softmax", s))
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
    e = xp.exp(s - xp.max(s, axis=axis, keepdims=True))
    return e / xp.sum(e, axis=axis, keepdims=True)


@softmax.backward
def softmax_backward(xp, dp, p, s, axis=-1):
    return p * (dp - xp.sum(dp * p, axis=axis, keepdims=True))


@library_block(notation=lambda s, axis: call("log_softmax", s))
def log_softmax(xp, s, axis=-1):
    """z_i = s_i − log Σ_j e^{s_j} along the axis; finite where softmax would round to 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.log_softmax(np.array([0.0, 1000.0]))
    array([-1000.,     0.])
    """
    shifted = s - xp.max(s, axis=axis, keepdims=True)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=axis, keepdims=True))


@log_softmax.backward
def log_softmax_backward(xp, dz, z, s, axis=-1):
    return dz - xp.exp(z) * xp.sum(dz, axis=axis, keepdims=True)


# Layers: one of two blocks along some axes, then a weight and a bias -------------------------------------------


@library_block(notation=lambda x, axis, eps: call("standardize", x))
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


@library_block(notation=lambda x, axis, eps: x / call("rms", x))
def divide_by_rms(xp, x, axis=-1, eps=None):
    """z = x / √(mean x² + eps) along the axis (or axes); eps is the machine epsilon of x where it is not given.

    >>> import numpy as np
    >>> from chainrule.blocks.normalisation import divide_by_rms
    >>> divide_by_rms(np.array([2.0, 2.0]), eps=0.0)
    array([1., 1.])
    """
    return x / _rms(xp, x, axis, eps)


def _rms(xp, x, axis, eps):
    eps = float(xp.finfo(x.dtype).eps) if eps is None else eps
    return xp.sqrt(xp.mean(x * x, axis=axis, keepdims=True) + eps)


@divide_by_rms.backward
def divide_by_rms_backward(xp, dz, z, x, axis=-1, eps=None):
    return (dz - z * xp.mean(dz * z, axis=axis, keepdims=True)) / _rms(xp, x, axis, eps)


def layer_norm(x, weight=None, bias=None, axis=-1, eps=1e-5):
    """(x − mean x) / √(var x + eps) · weight + bias along the axes, for each of the other positions by itself.

    Parameters
    ----------
    x : an array of any shape.
    weight, bias : arrays with the lengths of the normalised axes, e.g. (D,) for `axis=-1`; None for 1 and 0.
    axis : the normalised axis, or a tuple of them. (PyTorch's `normalized_shape` says it by lengths.)
    eps : keeps the division finite where all entries are equal; there the result is the bias.

    Raises BlockError where the weight or the bias has another shape.

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


def batch_norm(x, weight=None, bias=None, eps=1e-5):
    """Standardise each channel over the batch, times weight plus bias: the form for training.

    Parameters
    ----------
    x : shape (N, C) or (N, C, …); mean and variance are taken over all axes but that of the channels.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.

    For inference, with a mean and a variance kept from training, write (x − mean) / √(var + eps) · weight + bias.

    Raises BlockError where a channel has only one entry, or the weight or the bias another shape.

    Source: S. Ioffe and C. Szegedy, Batch normalization (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.batch_norm(np.array([[1.0, 0.0], [3.0, 8.0]]), eps=0.0)
    array([[-1., -1.],
           [ 1.,  1.]])
    """
    channels = _channels(x, "batch_norm")
    axes = (0, *range(2, x.ndim))
    if x.shape[1] and math.prod(x.shape) == channels:
        raise BlockError(
            f"batch_norm of shape {tuple(x.shape)}: a variance needs more than one entry for each channel" + at_line()
        )
    return _affine(standardize(x, axis=axes, eps=eps), weight, bias, 1)


def group_norm(x, num_groups, weight=None, bias=None, eps=1e-5):
    """Standardise each group of channels of each sample, times weight plus bias.

    Parameters
    ----------
    x : shape (N, C) or (N, C, …), where C is a multiple of num_groups.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.

    Raises BlockError where the channels do not split evenly, or the weight or the bias has another shape.

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


def instance_norm(x, weight=None, bias=None, eps=1e-5):
    """Standardise each channel of each sample over its positions, times weight plus bias.

    Parameters
    ----------
    x : shape (N, C, …), with at least one axis of positions.
    weight, bias : shape (C,); None for 1 and 0.
    eps : as in `layer_norm`.

    Source: D. Ulyanov, A. Vedaldi and V. Lempitsky, Instance normalization (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.instance_norm(np.array([[[1.0, 3.0], [0.0, 8.0]]]), eps=0.0)
    array([[[-1.,  1.],
            [-1.,  1.]]])
    """
    if x.ndim < 3:
        raise BlockError(f"instance_norm needs an array (N, C, …), this one has shape {tuple(x.shape)}" + at_line())
    return _affine(standardize(x, axis=tuple(range(2, x.ndim)), eps=eps), weight, bias, 1)


def _channels(x, name):
    if x.ndim < 2:
        raise BlockError(f"{name} needs an array (N, C, …), this one has shape {tuple(x.shape)}" + at_line())
    return x.shape[1]


def _affine(z, weight, bias, axis):
    """z · weight + bias, which lie along the axes."""
    z = z if weight is None else z * _along(weight, z, axis, "weight")
    return z if bias is None else z + _along(bias, z, axis, "bias")


def _along(parameter, z, axis, name):
    """A parameter with the lengths of some axes of z, with axes of length 1 between, so that it broadcasts."""
    axes = sorted(axes_of(axis_from_right(axis, z.ndim)))
    expected = tuple(z.shape[a] for a in axes)
    if tuple(parameter.shape) != expected:
        raise BlockError(
            f"the {name} of shape {tuple(parameter.shape)} should have the shape {expected} of what is normalised"
            + at_line()
        )
    shape = tuple(z.shape[a] if a in axes else 1 for a in range(min(axes, default=0), 0))
    return parameter if shape == expected else reshape(parameter, shape=shape)
