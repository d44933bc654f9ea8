"""Losses.

Those of scores or probabilities and a label take `(C,)` with an int label, or `(N, C)` with `(N,)` labels and then
return `(N,)` losses. `cross_entropy_loss` and `hinge_loss` are the blocks of the notes from which this library grew.
The others are those of torch.nn.functional, with its names and its `reduction`.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import elementwise, library_block, sum_to
from chainrule.blocks.activations import relu, sigmoid, softplus
from chainrule.blocks.elementwise import absolute, clip, exp, log, minimum, where
from chainrule.blocks.elementwise import sqrt_ as sqrt
from chainrule.blocks.indexing import one_hot
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.reductions import mean
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to
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


def _softmax_cross_entropy_notation(s, label, weight, label_smoothing):
    if weight is None and not label_smoothing:
        return call("logsumexp", s) - s.at(label.text)
    return call("softmax_cross_entropy", s, label)


@library_block(notation=_softmax_cross_entropy_notation)
def softmax_cross_entropy(xp, s, label, weight=None, label_smoothing=0.0):
    """L = −log softmax(s)_c: the cross-entropy loss of scores, computed without overflow.

    Parameters
    ----------
    s : scores (logits), shape (C,) or (N, C).
    label : the index of the right class, an int, or (N,) integers. It has no gradient.
    weight : the weight of each class, shape (C,); 1 by default. It has no gradient.
    label_smoothing : with ε here the target is 1 − ε for the right class, and ε / C more for each class.

    Returns a scalar, or (N,) losses. The gradient with respect to s is softmax(s) − e_c.
    With a weight PyTorch's `reduction="mean"` divides the sum of these losses by that of `weight[label]`.

    Source of smoothing: C. Szegedy et al., Rethinking the inception architecture for computer vision (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.softmax_cross_entropy(np.array([1000.0, 0.0]), 0)
    np.float64(0.0)
    """
    label = check_label(s, label)
    top = xp.max(s, axis=-1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(s - top), axis=-1))
    loss = total - chosen(s - top, label)
    if weight is None and not label_smoothing:
        return loss
    weight = _class_weight(xp, s, weight)
    loss = (1 - label_smoothing) * weight[np.asarray(label)] * loss
    if label_smoothing:
        every = xp.sum(weight * (total[..., None] - (s - top)), axis=-1)
        loss = loss + label_smoothing / s.shape[-1] * every
    return loss


def _class_weight(xp, s, weight):
    """The weight of each class, in the dtype of the scores."""
    if weight is None:
        return xp.ones(s.shape[-1:], dtype=s.dtype)
    if np.shape(weight) != tuple(s.shape[-1:]):
        raise BlockError(
            f"the weight of shape {np.shape(weight)} should have one number for each of the {s.shape[-1]} classes"
            + at_line()
        )
    return xp.asarray(weight, dtype=s.dtype)


@softmax_cross_entropy.backward("s")
def softmax_cross_entropy_ds(xp, dz, z, s, label, weight=None, label_smoothing=0.0):
    label = check_label(s, label)
    target = one_hot(xp, label, s.shape[-1], s)
    if weight is None and not label_smoothing:
        return dz[..., None] * (softmax(s) - target)
    weight = _class_weight(xp, s, weight)
    target = (1 - label_smoothing) * weight[np.asarray(label)][..., None] * target
    target = target + label_smoothing / s.shape[-1] * weight
    return dz[..., None] * (softmax(s) * xp.sum(target, axis=-1, keepdims=True) - target)


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


def _squared_hinge_notation(s, label, margin):
    j, c = "j", label.text
    return total(call("max", s.at(j) - s.at(c) + margin, 0) ** 2, f"j≠{c}")


@library_block(notation=_squared_hinge_notation)
def squared_hinge_loss(xp, s, label, margin=1.0):
    """L = Σ_{j≠c} max(s_j − s_c + margin, 0)²: as `hinge_loss`, but smooth, and harder on large errors.

    Parameters
    ----------
    s, label, margin : as in `hinge_loss`.

    Returns a scalar, or (N,) losses.

    >>> import numpy as np, chainrule as cr
    >>> cr.squared_hinge_loss(np.array([1.0, 2.0, -3.0]), 0)
    np.float64(4.0)
    """
    t, _ = _behind(xp, s, label, margin)
    return xp.sum(t * t, axis=-1)


def _behind(xp, s, label, margin):
    """How far the right score is from leading every other by the margin (0 if it does), and its one-hot rows."""
    label = check_label(s, label)
    right = one_hot(xp, label, s.shape[-1], s)
    t = (s - chosen(s, label)[..., None] + margin) * (1 - right)
    return xp.where(t > 0, t, 0 * t), right


@squared_hinge_loss.backward("s")
def squared_hinge_loss_ds(xp, dz, z, s, label, margin=1.0):
    t, right = _behind(xp, s, label, margin)
    return dz[..., None] * (2 * (t - right * xp.sum(t, axis=-1, keepdims=True)))


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


# As torch.nn.functional: a loss for each entry, and their mean ---------------------------------------------------


def reduced(losses, reduction):
    """The mean or the sum of the losses, or the losses themselves."""
    if reduction == "mean":
        return mean(losses)
    if reduction == "sum":
        return sum_(losses)
    if reduction == "none":
        return losses
    raise BlockError(f'reduction is "mean", "sum" or "none", not {reduction!r}' + at_line())


def weighted(losses, weight, reduction):
    return reduced(losses if weight is None else losses * weight, reduction)


def l1_loss(x, y, reduction="mean"):
    """|x − y|; the derivative at x = y is 0.

    Parameters
    ----------
    x, y : prediction and target, arrays that broadcast against each other. Both have gradients.
    reduction : "mean" of all entries, their "sum", or "none" for a loss for each.

    >>> import numpy as np, chainrule as cr
    >>> cr.l1_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    np.float64(1.5)
    """
    return reduced(absolute(x - y), reduction)


_huber = elementwise(
    "huber",
    lambda xp, d, delta=1.0: xp.where(abs(d) < delta, 0.5 * d * d, delta * (abs(d) - 0.5 * delta)),
    lambda xp, z, d, delta: xp.where(abs(d) < delta, d, delta * xp.sign(d)),
    notation=lambda d, delta: call("huber", d),
)


def huber_loss(x, y, reduction="mean", delta=1.0):
    """½ (x − y)² where |x − y| < delta, else delta · (|x − y| − ½ delta): quadratic near 0, linear beyond.

    Parameters
    ----------
    x, y, reduction : as in `l1_loss`.
    delta : where the line begins; positive.

    Source: P. J. Huber, Robust estimation of a location parameter (1964).

    >>> import numpy as np, chainrule as cr
    >>> cr.huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise BlockError(f"huber_loss: delta must be positive, not {delta}" + at_line())
    return reduced(_huber(x - y, delta=delta), reduction)


def smooth_l1_loss(x, y, reduction="mean", beta=1.0):
    """½ (x − y)² / beta where |x − y| < beta, else |x − y| − ½ beta: huber_loss / beta, and l1_loss for beta = 0.

    Parameters
    ----------
    x, y, reduction : as in `l1_loss`.
    beta : where the line begins; not negative.

    Source: R. Girshick, Fast R-CNN (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none", beta=2.0)
    array([0.0625, 2.    ])
    """
    if not beta >= 0:
        raise BlockError(f"smooth_l1_loss: beta must not be negative, it is {beta}" + at_line())
    return l1_loss(x, y, reduction) if beta == 0 else reduced(_huber(x - y, delta=beta) / beta, reduction)


def _log_at_least_minus_100(xp, p):
    """max(log p, −100), as PyTorch has it, so that a probability of 0 costs much but not infinity."""
    tiny = p < math.exp(-100)
    return xp.where(tiny, -100.0, xp.log(xp.where(tiny, 1.0, p)))


_binary_cross_entropy = elementwise(
    "binary_cross_entropy",
    lambda xp, p, y: (y - 1) * _log_at_least_minus_100(xp, 1 - p) - y * _log_at_least_minus_100(xp, p),
    lambda xp, z, p, y: (p - y) / clip(p * (1 - p), 1e-12, None),
    lambda xp, z, p, y: _log_at_least_minus_100(xp, 1 - p) - _log_at_least_minus_100(xp, p),
)


def binary_cross_entropy(p, target, weight=None, reduction="mean"):
    """−y log p − (1 − y) log(1 − p), for a probability p of class 1. On scores use `…_with_logits`.

    Parameters
    ----------
    p : probabilities, from 0 to 1.
    target : y, 0 or 1, or a probability. It has a gradient too.
    weight : factors of the losses, or None.
    reduction : as in `l1_loss`.

    As in PyTorch a logarithm is at least −100, and p (1 − p) in the gradient at least 1e−12.
    Raises BlockError where p is not a probability.

    >>> import numpy as np, chainrule as cr
    >>> cr.binary_cross_entropy(np.array([0.5, 1.0]), np.array([1.0, 0.0]), reduction="none")
    array([  0.69314718, 100.        ])
    """
    if np.any((value_of(p) < 0) | (value_of(p) > 1)):
        raise BlockError("binary_cross_entropy: p must be from 0 to 1; scores go to …_with_logits" + at_line())
    return weighted(_binary_cross_entropy(p, target), weight, reduction)


def _as(xp, parameter, s):
    """A parameter that may be an array, in the library and the dtype of the scores."""
    if isinstance(parameter, int | float):
        return parameter
    return xp.asarray(parameter, dtype=getattr(s, "dtype", None))


def _factor(xp, s, y, pos_weight):
    """The factor of softplus(−s): 1, or pos_weight where y = 1."""
    return 1 if pos_weight is None else 1 + (_as(xp, pos_weight, s) - 1) * y


_with_logits = elementwise(
    "binary_cross_entropy_with_logits",
    lambda xp, s, y, pos_weight=None: (1 - y) * s + _factor(xp, s, y, pos_weight) * softplus(-s),
    lambda xp, z, s, y, pos_weight: (1 - y) - _factor(xp, s, y, pos_weight) * sigmoid(-s),
    lambda xp, z, s, y, pos_weight: -s if pos_weight is None else (_as(xp, pos_weight, s) - 1) * softplus(-s) - s,
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
    reduction : as in `l1_loss`.

    Source: C. Cortes and V. Vapnik, Support-vector networks (1995).

    >>> import numpy as np, chainrule as cr
    >>> cr.binary_hinge_loss(np.array([0.5, 2.0]), np.array([1, -1]), reduction="none")
    array([0.5, 3. ])
    """
    return reduced(relu(margin - s * y), reduction)


def nll_loss(log_p, label, weight=None, reduction="mean"):
    """−log p_c, given the logarithms of probabilities: the negative log-likelihood.

    Parameters
    ----------
    log_p : shape (C,) or (N, C), as `log_softmax` returns them.
    label : the index c of the right class, an int, or (N,) integers. It has no gradient.
    weight : the weight of each class, shape (C,), or None.
    reduction : "mean" (weighted by the classes' weights, as in PyTorch), "sum", or "none".

    >>> import numpy as np, chainrule as cr
    >>> cr.nll_loss(np.array([[-1.0, -2.0], [-3.0, -4.0]]), np.array([0, 1]))
    np.float64(2.5)
    """
    label = check_label(log_p, label)
    losses = -chosen(log_p, label)
    if weight is None:
        return reduced(losses, reduction)
    mine = _class_weight(np, log_p, value_of(weight))[np.asarray(label)]
    if reduction == "mean":
        return sum_(losses * mine) / np.sum(mine)
    return reduced(losses * mine, reduction)


_kl_div = elementwise(
    "kl_divergence",
    lambda xp, log_q, p: p * (_log_or_0(xp, p) - log_q),
    lambda xp, z, log_q, p: -p,
    lambda xp, z, log_q, p: xp.where(p == 0, 0.0, 1 + _log_or_0(xp, p)) - log_q,
    notation=lambda log_q, p: p * (call("log", p) - log_q),
)


def _log_or_0(xp, p):
    return xp.log(xp.where(p == 0, 1.0, p))


def kl_div(log_q, target, reduction="mean", log_target=False):
    """p (log p − log q): the Kullback-Leibler divergence of p from q, entry by entry; 0 where p = 0.

    Parameters
    ----------
    log_q : the logarithms of the model's probabilities.
    target : the probabilities p, or their logarithms if `log_target` is True.
    reduction : "batchmean" for the divergence itself (the sum divided by the length of the first axis), or as in
        `l1_loss`; "mean", the default as in PyTorch, divides by the number of entries.

    >>> import numpy as np, chainrule as cr
    >>> cr.kl_div(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]]), reduction="batchmean") == np.log(2)
    np.True_
    """
    losses = exp(target) * (target - log_q) if log_target else _kl_div(log_q, target)
    if reduction == "batchmean":
        return sum_(losses) / (losses.shape[0] if losses.ndim else 1)
    return reduced(losses, reduction)


def poisson_nll_loss(x, target, log_input=True, full=False, eps=1e-8, reduction="mean"):
    """The negative log-likelihood of counts: e^x − y x, or x − y log(x + eps) where x is the rate itself.

    Parameters
    ----------
    x : the logarithm of the rate; with `log_input=False` the rate.
    target : the counts y.
    full : True to add Stirling's approximation of log y! where y > 1.
    reduction : as in `l1_loss`.

    >>> import numpy as np, chainrule as cr
    >>> cr.poisson_nll_loss(np.array([0.0, 0.0]), np.array([1.0, 5.0]))
    np.float64(1.0)
    """
    losses = exp(x) - target * x if log_input else x - target * log(x + eps)
    if full:
        y = where(target > 1, target, 1.0)
        losses = losses + where(target > 1, y * log(y) - y + 0.5 * log(2 * math.pi * y), 0.0)
    return reduced(losses, reduction)


_gaussian_nll = elementwise(
    "gaussian_nll",
    lambda xp, d, var, eps=1e-6: 0.5 * (xp.log(clip(var, eps, None)) + d * d / clip(var, eps, None)),
    lambda xp, z, d, var, eps: d / clip(var, eps, None),
    lambda xp, z, d, var, eps: 0.5 * (1 - d * d / clip(var, eps, None)) / clip(var, eps, None),
)


def gaussian_nll_loss(x, target, var, full=False, eps=1e-6, reduction="mean"):
    """½ (log v + (x − y)² / v): the negative log-likelihood of a normal distribution with mean x and variance v.

    Parameters
    ----------
    x, target : mean and observation; both have gradients.
    var : the variance, which broadcasts against them. It counts as eps where it is less, but keeps its gradient.
    full : True to add the constant ½ log 2π.
    reduction : as in `l1_loss`.

    Raises BlockError where a variance is negative.

    >>> import numpy as np, chainrule as cr
    >>> cr.gaussian_nll_loss(np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    np.float64(1.25)
    """
    if np.any(value_of(var) < 0):
        raise BlockError("gaussian_nll_loss: a variance is negative" + at_line())
    losses = _gaussian_nll(x - target, var, eps=eps)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def cosine_similarity(x, y, axis=-1, eps=1e-8):
    """x · y / (‖x‖ ‖y‖) along the axis: the cosine of the angle. A norm counts as eps where it is less.

    Parameters
    ----------
    x, y : arrays that broadcast against each other.
    axis : the axis of the vectors, the last one by default. (PyTorch's `dim` is 1 by default.)

    >>> import numpy as np, chainrule as cr
    >>> cr.cosine_similarity(np.array([1.0, 0.0]), np.array([3.0, 4.0]))
    np.float64(0.6)
    """
    shape = np.broadcast_shapes(tuple(x.shape), tuple(y.shape))
    x, y = (v if tuple(v.shape) == shape else broadcast_to(v, shape=shape) for v in (x, y))
    x, y = (v / clip(_norm(v, axis, keepdims=True), eps, None) for v in (x, y))
    return sum_(x * y, axis=axis)


def _norm(x, axis, keepdims=False):
    """√Σx² along the axis; its derivative where it is 0 is 0."""
    squares = sum_(x * x, axis=axis, keepdims=keepdims)
    zero = value_of(squares) == 0
    return where(zero, 0.0, sqrt(where(zero, 1.0, squares)))


def triplet_margin_loss(anchor, positive, negative, margin=1.0, eps=1e-6, swap=False, reduction="mean"):
    """max(‖a − p‖ − ‖a − n‖ + margin, 0): an anchor should be nearer to its like than to what is unlike it.

    Parameters
    ----------
    anchor, positive, negative : shape (N, D) or (D,).
    margin : by how much nearer.
    eps : is added to each difference, as in PyTorch.
    swap : True to use ‖p − n‖ where it is smaller than ‖a − n‖.
    reduction : as in `l1_loss`, over the N losses.

    Source: V. Balntas et al., Learning shallow convolutional feature descriptors with triplet losses (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.triplet_margin_loss(np.zeros(2), np.array([3.0, 4.0]), np.array([0.0, 2.0]), eps=0.0)
    np.float64(4.0)
    """
    near, far = _norm(anchor - positive + eps, -1), _norm(anchor - negative + eps, -1)
    if swap:
        far = minimum(far, _norm(positive - negative + eps, -1))
    return reduced(relu(near - far + margin), reduction)
