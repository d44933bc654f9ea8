"""Normalisation: softmax and its logarithm.

Source: C. M. Bishop, Pattern Recognition and Machine Learning (2006), section 4.3.4.
"""

from chainrule.block import library_block
from chainrule.formula import call


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
