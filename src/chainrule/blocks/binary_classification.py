"""Losses of binary decisions: one for each sample, or one for each class of a sample."""

import math

import numpy as np

from chainrule.block import as_floats, elementwise
from chainrule.blocks.activations import sigmoid, softplus
from chainrule.blocks.elementwise import clip
from chainrule.blocks.losses import (
    reduced,
    weighted,
)
from chainrule.blocks.rectifiers import relu
from chainrule.blocks.reductions import mean
from chainrule.domains import exactly, example, normal, probabilities
from chainrule.errors import BlockError
from chainrule.libraries import is_inexact
from chainrule.node import at_line


def _log_at_least_minus_100(xp, p):
    """max(log p, −100), as in PyTorch, so that the loss of a probability of 0 is large but finite."""
    tiny = p < math.exp(-100)
    return xp.where(tiny, -100.0, xp.log(xp.where(tiny, 1.0, p)))


def _cross_entropy_of_two(xp, p, y):
    return (y - 1) * _log_at_least_minus_100(xp, 1 - p) - y * _log_at_least_minus_100(xp, p)


_binary_cross_entropy = elementwise(
    "binary_cross_entropy",
    lambda xp, p, y: _cross_entropy_of_two(xp, as_floats(p), as_floats(y)),
    lambda xp, z, p, y: (p - y) / clip(p * (1 - p), 1e-12, None),
    lambda xp, z, p, y: _log_at_least_minus_100(xp, 1 - p) - _log_at_least_minus_100(xp, p),
    example=example(probabilities(2, 3), exactly([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])),
)


def binary_cross_entropy(p, target, weight=None, reduction="mean"):
    """−y log p − (1 − y) log(1 − p), for a probability p of class 1. For scores use `…_with_logits`.

    Parameters
    ----------
    p : probabilities, from 0 to 1.
    target : y, 0 or 1, or a probability. It has a gradient too.
    weight : factors of the losses, or None.
    reduction : "mean" of all entries, their "sum", or "none".

    As in PyTorch a logarithm is at least −100, and p (1 − p) in the gradient at least 1e−12.
    Raises BlockError if p is not a probability.

    >>> import numpy as np, chainrule as cr
    >>> cr.binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 0.0]), reduction="none")
    array([  0.69314718, 100.        ])
    """
    if np.any((p < 0) | (p > 1)):
        raise BlockError("binary_cross_entropy: p must be from 0 to 1; scores go to …_with_logits" + at_line())
    return weighted(_binary_cross_entropy(p, target), weight, reduction)


def _as(xp, parameter, s):
    """A parameter that may be an array, in the library of the scores, and in their dtype if it is floating."""
    if isinstance(parameter, int | float):
        return parameter
    return xp.asarray(parameter, dtype=getattr(s, "dtype", None) if is_inexact(s) else None)


def _factor(xp, s, y, pos_weight):
    """The factor of softplus(−s): 1, or pos_weight where y = 1."""
    return 1 if pos_weight is None else 1 + (_as(xp, pos_weight, s) - 1) * y


def _times(xp, pos_weight, s, y):
    return y if pos_weight is None else y * _as(xp, pos_weight, s)


def _with_logits_(xp, s, y, pos_weight):
    return (1 - y) * s + _factor(xp, s, y, pos_weight) * softplus(-s)


_with_logits = elementwise(
    "binary_cross_entropy_with_logits",
    lambda xp, s, y, pos_weight=None: _with_logits_(xp, as_floats(s), as_floats(y), pos_weight),
    lambda xp, z, s, y, pos_weight: (1 - y) * sigmoid(s) - _times(xp, pos_weight, s, y) * sigmoid(-s),
    lambda xp, z, s, y, pos_weight: -s if pos_weight is None else (_as(xp, pos_weight, s) - 1) * softplus(-s) - s,
    example=example(normal(2, 3), exactly([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])),
)


def binary_cross_entropy_with_logits(s, target, weight=None, reduction="mean", pos_weight=None):
    """−y log σ(s) − (1 − y) log(1 − σ(s)), for the score s of class 1, computed without overflow.

    Parameters
    ----------
    s : scores (logits).
    target : y, 0 or 1, or a probability. It has a gradient too.
    weight, reduction : as in `binary_cross_entropy`.
    pos_weight : a factor of the first term, a number or an array that broadcasts. It has no gradient.

    The gradient with respect to s is σ(s) − y.

    >>> import numpy as np, chainrule as cr
    >>> cr.binary_cross_entropy_with_logits(np.array([-1000.0, 1000.0]), np.array([1.0, 1.0]), reduction="none")
    array([1000.,    0.])
    """
    return weighted(_with_logits(s, target, pos_weight=pos_weight), weight, reduction)


def binary_hinge_loss(s, y, margin=1.0, reduction="mean"):
    """max(margin − y s, 0), for a score s and a class y of 1 or −1; the derivative at the kink is 0.

    Parameters
    ----------
    s : scores.
    y : 1 or −1 for each.
    margin : how far on the right side a score should be.
    reduction : "mean" of all entries, their "sum", or "none".

    Source: C. Cortes and V. Vapnik, Support-vector networks (1995).

    >>> import numpy as np, chainrule as cr
    >>> cr.binary_hinge_loss(np.array([0.5, 2.0]), np.array([1, -1]), reduction="none")
    array([0.5, 3. ])
    """
    return reduced(relu(margin - as_floats(s) * y), reduction)


def soft_margin_loss(s, y, reduction="mean"):
    """log(1 + e^{−y s}), for a score s and a class y of 1 or −1, without overflow (PyTorch's is infinite at −1000).

    Parameters
    ----------
    s, y, reduction : as in `binary_hinge_loss`.

    >>> import numpy as np, chainrule as cr
    >>> cr.soft_margin_loss(np.array([-1000.0, 1000.0]), np.array([1.0, 1.0]))
    np.float64(500.0)
    """
    return reduced(softplus(-(as_floats(s) * y)), reduction)


def multilabel_soft_margin_loss(s, target, weight=None, reduction="mean"):
    """The mean over the classes of −y log σ(s) − (1 − y) log(1 − σ(s)): each class is an independent binary decision.

    Parameters
    ----------
    s : scores, shape (C,) or (N, C).
    target : y, 0 or 1 for each class. It has a gradient too.
    weight : a factor for each class, shape (C,), or None.
    reduction : "mean" over the samples, "sum", or "none".

    >>> import numpy as np, chainrule as cr
    >>> cr.multilabel_soft_margin_loss(np.array([1000.0, 0.0]), np.array([1.0, 1.0])) == np.log(2) / 2
    np.True_
    """
    losses = _with_logits(s, target)
    return reduced(mean(losses if weight is None else losses * weight, axis=-1), reduction)
