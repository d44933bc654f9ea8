"""Losses. All take `(C,)` with an int label, or `(N, C)` with `(N,)` labels and then return `(N,)` losses.

`cross_entropy_loss` and `hinge_loss` are the blocks of the notes from which this library grew.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import library_block, sum_to
from chainrule.blocks.indexing import one_hot
from chainrule.blocks.normalisation import softmax
from chainrule.errors import BlockError
from chainrule.formula import call, total
from chainrule.node import at_line


def chosen(scores, label):
    """The entry of each row that its label names: shape label.shape."""
    if type(label) is int or label.ndim == 0:
        return scores[..., int(label)]
    return scores[(..., np.arange(label.shape[0]), np.asarray(label))]


def check_label(scores, label):
    """A label is an integer (or one for each row) between 0 and C − 1."""
    if type(label) is int and scores.ndim == 1 and 0 <= label < scores.shape[0]:
        return label
    label = np.asarray(value_of(label))
    classes = scores.shape[-1] if scores.ndim else 0
    if label.dtype.kind not in "iu":
        raise BlockError(f"the label must be an integer class index, not {label.dtype}" + at_line())
    if tuple(scores.shape[:-1]) != label.shape or scores.ndim not in (1, 2):
        raise BlockError(
            f"scores of shape {tuple(scores.shape)} with labels of shape {label.shape}: "
            "give (C,) with an int, or (N, C) with (N,)" + at_line()
        )
    if label.size and not (label.min() >= 0 and label.max() < classes):
        raise BlockError(
            f"label {label.min() if label.min() < 0 else label.max()} is not one of the {classes} classes" + at_line()
        )
    return label


@library_block(notation=lambda p, label: -call("log", p.at(label.text)))
def cross_entropy_loss(xp, p, label):
    """L = −log p_c: the loss of the probabilities p when the right class is c.

    Parameters
    ----------
    p : probabilities, shape (C,) or (N, C), as `softmax` returns them. On scores use `softmax_cross_entropy`.
    label : the index of the right class, an int, or (N,) integers. It has no gradient.

    Returns a scalar, or (N,) losses. The gradient with respect to p is −1/p_c at c and 0 elsewhere.

    >>> import numpy as np, chainrule as cr
    >>> cr.cross_entropy_loss(np.array([0.5, 0.25, 0.25]), 0) == np.log(2)
    np.True_
    """
    label = check_label(p, label)
    return -xp.log(chosen(p, label))


@cross_entropy_loss.backward("p")
def cross_entropy_loss_dp(xp, dz, z, p, label):
    label = check_label(p, label)
    return (-dz / chosen(p, label))[..., None] * one_hot(xp, label, p.shape[-1], p)


@library_block(notation=lambda s, label: call("logsumexp", s) - s.at(label.text))
def softmax_cross_entropy(xp, s, label):
    """L = −log softmax(s)_c: the cross-entropy loss of scores, computed without overflow.

    Parameters
    ----------
    s : scores (logits), shape (C,) or (N, C).
    label : the index of the right class, an int, or (N,) integers. It has no gradient.

    Returns a scalar, or (N,) losses. The gradient with respect to s is softmax(s) − e_c.

    >>> import numpy as np, chainrule as cr
    >>> cr.softmax_cross_entropy(np.array([1000.0, 0.0]), 0)
    np.float64(0.0)
    """
    label = check_label(s, label)
    top = xp.max(s, axis=-1, keepdims=True)
    return xp.log(xp.sum(xp.exp(s - top), axis=-1)) - chosen(s - top, label)


@softmax_cross_entropy.backward("s")
def softmax_cross_entropy_ds(xp, dz, z, s, label):
    label = check_label(s, label)
    return dz[..., None] * (softmax(s) - one_hot(xp, label, s.shape[-1], s))


def _hinge_notation(s, label, margin):
    j, c = "j", label.text
    return total(call("max", s.at(j) - s.at(c) + margin, 0), f"j≠{c}")


@library_block(notation=_hinge_notation)
def hinge_loss(xp, s, label, margin=1.0):
    """L = Σ_{j≠c} max(s_j − s_c + margin, 0): the multiclass hinge loss of Weston and Watkins (1999).

    Parameters
    ----------
    s : scores, shape (C,) or (N, C).
    label : the index c of the right class, an int, or (N,) integers. It has no gradient.
    margin : by how much the right score should lead.

    Returns a scalar, or (N,) losses. At the kink (s_j − s_c + margin = 0) the derivative is 0.

    >>> import numpy as np, chainrule as cr
    >>> cr.hinge_loss(np.array([1.0, 2.0, -3.0]), 0)
    np.float64(2.0)
    """
    label = check_label(s, label)
    t = (s - chosen(s, label)[..., None] + margin) * (1 - one_hot(xp, label, s.shape[-1], s))
    return xp.sum(xp.where(t > 0, t, 0 * t), axis=-1)


@hinge_loss.backward("s")
def hinge_loss_ds(xp, dz, z, s, label, margin=1.0):
    label = check_label(s, label)
    right = one_hot(xp, label, s.shape[-1], s)
    t = (s - chosen(s, label)[..., None] + margin) * (1 - right)
    hit = xp.astype(t > 0, s.dtype)
    return dz[..., None] * (hit - right * xp.sum(hit, axis=-1, keepdims=True))


@library_block(notation=lambda x, y: call("mean", (x - y) ** 2))
def mean_squared_error(xp, x, y):
    """L = mean (x − y)², over all entries.

    Parameters
    ----------
    x, y : prediction and target, arrays that broadcast against each other. Both have gradients.

    >>> import numpy as np, chainrule as cr
    >>> cr.mean_squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    np.float64(2.5)
    """
    return xp.mean((x - y) ** 2)


@mean_squared_error.backward
def mean_squared_error_backward(xp, dz, z, x, y):
    difference = x - y
    d = dz[(..., *(None,) * difference.ndim)] * (2 / max(math.prod(difference.shape), 1) * difference)
    return tuple(sum_to(xp, g, np.shape(value_of(o)), difference.shape) for g, o in ((d, x), (-d, y)))
