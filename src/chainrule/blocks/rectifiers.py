"""Rectifiers: activations of several pieces, linear or exponential, named as in torch.nn.functional and jax.nn."""

import math

import numpy as np

from chainrule.block import as_floats, elementwise, library_block, sum_to
from chainrule.blocks.activations import where_of_numbers
from chainrule.blocks.elementwise import clip
from chainrule.blocks.shaping import reshape
from chainrule.domains import exactly, example, far_from_zero
from chainrule.errors import BlockError
from chainrule.formula import call, cases, name, relation
from chainrule.libraries import is_numpy
from chainrule.node import at_line

relu = elementwise(
    "relu",
    lambda xp, x: xp.where(x > 0, x, 0 * x) if not is_numpy(xp) else xp.maximum(x, 0),
    lambda xp, z, x: x > 0,  # relu'(0) = 0, as in PyTorch
    notation=lambda x: call("max", x, 0),
    example=example(far_from_zero(2, 3)),
)
relu.__doc__ = """max(x, 0), entry by entry; the derivative at 0 is 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.relu(np.array([-1.0, 0.0, 2.0]))
    array([0., 0., 2.])
    """

_WIDE = example(exactly([[-4.0, -2.0, -0.25], [0.75, 2.0, 7.0]]))
"""Operands on every piece of a piecewise linear function."""

# Piecewise linear. The derivative at a kink is PyTorch's, which is that of one side.

leaky_relu = elementwise(
    "leaky_relu",
    lambda xp, x, negative_slope=0.01: where_of_numbers(xp, x > 0, x, negative_slope * x),
    lambda xp, z, x, negative_slope: xp.where(x > 0, xp.ones_like(x), negative_slope),
    notation=lambda x, negative_slope: cases(relation(">", x, 0), x, negative_slope * x),
    example=example(far_from_zero(2, 3)),
)
leaky_relu.__doc__ = """x where x > 0, else negative_slope · x; the derivative at 0 is the negative slope.

    Parameters
    ----------
    x : an array of any shape.
    negative_slope : the slope for negative x; it has no gradient (see `prelu`).

    Source: A. L. Maas, A. Y. Hannun and A. Y. Ng, Rectifier nonlinearities improve neural network acoustic models
    (2013).

    >>> import numpy as np, chainrule as cr
    >>> cr.leaky_relu(np.array([-1.0, 2.0]), negative_slope=0.5)
    array([-0.5,  2. ])
    """


@library_block(
    notation=lambda x, weight: call("prelu", x, weight),
    example=example(far_from_zero(2, 3), exactly([0.25, 0.5, 0.1])),
)
def prelu(xp, x, weight):
    """x where x > 0, else weight · x, with a learned slope; the derivative at 0 is the weight.

    Parameters
    ----------
    x : an array; its second axis, if it has one, is the channel axis.
    weight : the slope: a number, one entry, or one for each channel, shape (C,). It has a gradient.

    Source: K. He et al., Delving deep into rectifiers (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.prelu(np.array([-1.0, 2.0]), np.array([0.25]))
    array([-0.25,  2.  ])
    """
    return where_of_numbers(xp, x > 0, x, _by_channel(xp, weight, x) * x)


def _by_channel(xp, weight, x):
    """The weight, with axes of length 1 so that it broadcasts along the channels of x."""
    weight = weight if hasattr(weight, "shape") else xp.asarray(weight, dtype=as_floats(x).dtype)
    size = math.prod(weight.shape)
    channels = x.shape[1] if x.ndim > 1 else 1
    if weight.ndim > 1 or size not in (1, channels):
        raise BlockError(
            f"prelu of shape {tuple(x.shape)} needs 1 or {channels} slopes, not {tuple(weight.shape)}" + at_line()
        )
    return xp.reshape(weight, (size,) + (1,) * max(x.ndim - 2, 0) if size > 1 else ())


@prelu.backward("x")
def prelu_dx(xp, dz, z, x, weight):
    return xp.where(x > 0, dz, _by_channel(xp, weight, x) * dz)


@prelu.backward("weight")
def prelu_dweight(xp, dz, z, x, weight):
    shape = tuple(_by_channel(xp, weight, x).shape)
    lead = dz.shape[: dz.ndim - z.ndim]
    return xp.reshape(sum_to(xp, xp.where(x > 0, 0.0, x * dz), shape, z.shape), lead + tuple(weight.shape))


threshold = elementwise(
    "threshold",
    lambda xp, x, threshold=0.0, value=0.0: where_of_numbers(xp, x > threshold, x, value),
    lambda xp, z, x, threshold, value: x > threshold,
    notation=lambda x, threshold, value: cases(relation(">", x, threshold), x, value),
    example=example(far_from_zero(2, 3)),
)
threshold.__doc__ = """x where x > threshold, else the value; the derivative at the threshold is 0.

    Parameters
    ----------
    x : an array of any shape.
    threshold, value : numbers; they have no gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.threshold(np.array([0.5, 2.0]), threshold=1.0, value=-1.0)
    array([-1.,  2.])
    """


def rrelu(x, lower=1 / 8, upper=1 / 3, rng=None):
    """x where x > 0, else x times a slope drawn for each entry between lower and upper.

    Parameters
    ----------
    x : an array of any shape.
    lower, upper : the least and the greatest slope.
    rng : a `numpy.random.Generator` that draws the slopes; without one all are (lower + upper) / 2, as in inference.

    Source: B. Xu et al., Empirical evaluation of rectified activations in convolutional network (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.rrelu(np.array([-1.0, 2.0]), lower=0.25, upper=0.75)
    array([-0.5,  2. ])
    """
    if rng is None:
        return leaky_relu(x, negative_slope=(lower + upper) / 2)
    x = as_floats(x)
    slopes = np.asarray(rng.uniform(lower, upper, math.prod(x.shape)), dtype=x.dtype)
    return reshape(prelu(reshape(x, shape=(1, slopes.size)), slopes), shape=tuple(x.shape))


hardtanh = elementwise(
    "hardtanh",
    lambda xp, x, min_val=-1.0, max_val=1.0: clip(x, min_val, max_val),
    lambda xp, z, x, min_val, max_val: (x > min_val) & (x < max_val),
    notation=lambda x, min_val, max_val: call("clip", x, min_val, max_val),
    example=_WIDE,
)
hardtanh.__doc__ = """x, moved into [min_val, max_val]; the derivative at both bounds is 0 (that of np.clip is 1).

    Parameters
    ----------
    x : an array of any shape.
    min_val, max_val : the bounds; they have no gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.hardtanh(np.array([-3.0, 0.5, 3.0]))
    array([-1. ,  0.5,  1. ])
    """

relu6 = elementwise("relu6", lambda xp, x: clip(x, 0, 6), lambda xp, z, x: (x > 0) & (x < 6), example=_WIDE)
relu6.__doc__ = """min(max(x, 0), 6); the derivative at 0 and at 6 is 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.relu6(np.array([-1.0, 3.0, 8.0]))
    array([0., 3., 6.])
    """

hardsigmoid = elementwise(
    "hardsigmoid",
    lambda xp, x: clip(x + 3, 0, 6) / 6,
    lambda xp, z, x: xp.where((x > -3) & (x < 3), xp.ones_like(x), 0.0) / 6,
    example=_WIDE,
)
hardsigmoid.__doc__ = """min(max(x + 3, 0), 6) / 6: a sigmoid of three straight pieces; the derivative at ±3 is 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.hardsigmoid(np.array([-4.0, 0.0, 4.0]))
    array([0. , 0.5, 1. ])
    """

hardswish = elementwise(
    "hardswish",
    lambda xp, x: x * clip(x + 3, 0, 6) / 6,
    lambda xp, z, x: xp.where(x < 3, (x / 3 + 0.5) * (x > -3), 1.0),
    example=_WIDE,
)
hardswish.__doc__ = """x · hardsigmoid(x); the derivative at −3 is 0 and at 3 it is 1.

    Source: A. Howard et al., Searching for MobileNetV3 (2019).

    >>> import numpy as np, chainrule as cr
    >>> cr.hardswish(np.array([-4.0, 0.0, 4.0]))
    array([-0.,  0.,  4.])
    """

softshrink = elementwise(
    "softshrink",
    lambda xp, x, lambd=0.5: where_of_numbers(xp, (x >= -lambd) & (x <= lambd), 0.0, x - lambd * xp.sign(as_floats(x))),
    lambda xp, z, x, lambd: (x < -lambd) | (x > lambd),
    example=_WIDE,
)
softshrink.__doc__ = """x, moved towards 0 by lambd, and 0 where it is nearer than that; the derivative at ±lambd is 0.

    Parameters
    ----------
    x : an array of any shape.
    lambd : a positive number; it has no gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.softshrink(np.array([-2.0, 0.25, 2.0]))
    array([-1.5,  0. ,  1.5])
    """

hardshrink = elementwise(
    "hardshrink",
    lambda xp, x, lambd=0.5: where_of_numbers(xp, (x >= -lambd) & (x <= lambd), 0.0, x),
    lambda xp, z, x, lambd: (x < -lambd) | (x > lambd),
    example=_WIDE,
)
hardshrink.__doc__ = """x, and 0 where |x| ≤ lambd; the derivative at ±lambd is 0.

    Parameters
    ----------
    x : an array of any shape.
    lambd : a positive number; it has no gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.hardshrink(np.array([-2.0, 0.25, 2.0]))
    array([-2.,  0.,  2.])
    """


# Exponential on the negative side. The exponent is 0 where unused, so that it cannot overflow.


def _elu(xp, x, alpha, rate=1.0):
    return where_of_numbers(xp, x > 0, x, alpha * xp.expm1(rate * xp.where(x > 0, 0.0, x)))


def _elu_slope(xp, x, alpha, rate=1.0):
    return xp.where(x > 0, 1.0, alpha * rate * xp.exp(rate * xp.where(x > 0, 0.0, x)))


elu = elementwise(
    "elu",
    lambda xp, x, alpha=1.0: _elu(xp, x, alpha),
    lambda xp, z, x, alpha: _elu_slope(xp, x, alpha),
    notation=lambda x, alpha: cases(relation(">", x, 0), x, alpha * (name("e") ** x - 1)),
    example=example(far_from_zero(2, 3)),
)
elu.__doc__ = """x where x > 0, else alpha · (e^x − 1); the derivative at 0 is alpha.

    Parameters
    ----------
    x : an array of any shape.
    alpha : −alpha is the limit for x → −∞; it has no gradient.

    Source: D.-A. Clevert, T. Unterthiner and S. Hochreiter, Fast and accurate deep network learning by exponential
    linear units (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.elu(np.array([-1000.0, 2.0]))
    array([-1.,  2.])
    """

celu = elementwise(
    "celu",
    lambda xp, x, alpha=1.0: _elu(xp, x, alpha, 1 / alpha),
    lambda xp, z, x, alpha: _elu_slope(xp, x, alpha, 1 / alpha),
    example=example(far_from_zero(2, 3)),
)
celu.__doc__ = """x where x > 0, else alpha · (e^{x/alpha} − 1): its derivative is continuous for every alpha.

    Parameters
    ----------
    x : an array of any shape.
    alpha : −alpha is the limit for x → −∞; it has no gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.celu(np.array([-1000.0, 2.0]), alpha=2.0)
    array([-2.,  2.])
    """

_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805  # the fixed point of mean 0 and variance 1

selu = elementwise(
    "selu",
    lambda xp, x: _SELU_SCALE * _elu(xp, x, _SELU_ALPHA),
    lambda xp, z, x: _SELU_SCALE * _elu_slope(xp, x, _SELU_ALPHA),
    example=example(far_from_zero(2, 3)),
)
selu.__doc__ = """scale · elu(x, alpha), with the constants that keep mean 0 and variance 1 from layer to layer.

    Source: G. Klambauer et al., Self-normalizing neural networks (2017).

    >>> import chainrule as cr
    >>> round(float(cr.selu(-1000.0)), 4)
    -1.7581
    """
