"""Losses of scores or probabilities, given the right class (or classes).

Losses of one class take scores (C,) with an int label, or (N, C) with (N,) labels. `cross_entropy_loss` and
`hinge_loss` are the blocks of the notes from which this library grew: they return a loss for each sample. So do
`squared_hinge_loss` and, by default, `softmax_cross_entropy`. The others are those of torch.nn.functional, with its
`reduction`.
"""

import numpy as np

from chainrule.array import form_of, is_recorded
from chainrule.block import as_floats, library_block
from chainrule.blocks.elementwise import where
from chainrule.blocks.integers import one_hot, step
from chainrule.blocks.losses import (
    IGNORED,
    check_label,
    chosen,
    class_weight,
    of_label,
    reduced,
    weighted,
    weighted_mean,
    with_ignored,
)
from chainrule.blocks.normalisation import log_softmax, softmax
from chainrule.blocks.rectifiers import relu
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import as_array
from chainrule.domains import apart, exactly, example, normal, probabilities
from chainrule.errors import BlockError
from chainrule.formula import call, total
from chainrule.libraries import is_inexact
from chainrule.node import at_line

# One class: cross-entropy ----------------------------------------------------------------------------------------


@library_block(notation=lambda p, label: -call("log", p.at(label.text)), example=example(probabilities(3), exactly(2)))
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
    return -xp.log(chosen(as_floats(p), label))


@cross_entropy_loss.backward("p")
def cross_entropy_loss_dp(xp, dz, z, p, label):
    label = check_label(p, label)
    return (-dz / chosen(p, label))[..., None] * one_hot(xp, label, p.shape[-1], p)


def _softmax_cross_entropy_notation(s, label, weight, label_smoothing, ignore_index):
    if weight is None and not label_smoothing:
        return call("logsumexp", s) - s.at(label.text)
    return call("softmax_cross_entropy", s, label)


@library_block(notation=_softmax_cross_entropy_notation, example=example(normal(3), exactly(2)))
def softmax_cross_entropy_(xp, s, label, weight=None, label_smoothing=0.0, ignore_index=IGNORED):
    """L = −log softmax(s)_c: a loss for each row of scores."""
    label, counts = with_ignored(check_label(s, label, ignore_index), ignore_index)
    s = as_floats(s)
    top = xp.max(s, axis=-1, keepdims=True)
    total = xp.log(xp.sum(xp.exp(s - top), axis=-1))
    loss = total - chosen(s - top, label)
    if weight is not None or label_smoothing:
        weight = class_weight(xp, s, weight)
        loss = (1 - label_smoothing) * of_label(weight, label) * loss
    if label_smoothing:
        every = xp.sum(weight * (total[..., None] - (s - top)), axis=-1)
        loss = loss + label_smoothing / s.shape[-1] * every
    return loss if counts is None else xp.where(xp.asarray(counts), loss, 0.0)


@softmax_cross_entropy_.backward("s")
def softmax_cross_entropy_ds(xp, dz, z, s, label, weight=None, label_smoothing=0.0, ignore_index=IGNORED):
    label, counts = with_ignored(check_label(s, label, ignore_index), ignore_index)
    if counts is not None:
        dz = xp.where(xp.asarray(counts), dz, 0.0)
    target = one_hot(xp, label, s.shape[-1], s)
    if weight is None and not label_smoothing:
        return dz[..., None] * (softmax(s) - target)
    weight = class_weight(xp, s, weight)
    target = (1 - label_smoothing) * of_label(weight, label)[..., None] * target
    target = target + label_smoothing / s.shape[-1] * weight
    return dz[..., None] * (softmax(s) * xp.sum(target, axis=-1, keepdims=True) - target)


def softmax_cross_entropy(s, label, weight=None, label_smoothing=0.0, ignore_index=IGNORED, reduction="none"):
    """L = −log softmax(s)_c: the cross-entropy loss of scores, computed without overflow.

    Parameters
    ----------
    s : scores (logits), shape (C,) or (N, C), or with more axes before that of the classes.
    label : the index of the right class, an int, or (N,) integers, without a gradient; or probabilities of the shape
        of s, which have one.
    weight : the weight of each class, shape (C,); 1 by default. It has no gradient.
    label_smoothing : ε; the target is 1 − ε for the right class, plus ε / C for every class.
    ignore_index : the loss of rows with this label is 0.
    reduction : "none" for a loss for each row, their "sum", or "mean": over the rows that count, weighted by the
        weights of their classes. PyTorch's default is "mean", and its classes are along axis 1.

    The gradient with respect to s is softmax(s) − e_c. The mean over no rows is NaN, with a gradient of 0.
    Raises BlockError if the shapes do not fit or a label is not one of the classes.

    Source of smoothing: C. Szegedy et al., Rethinking the inception architecture for computer vision (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.softmax_cross_entropy(np.array([1000.0, 0.0]), 0)
    np.float64(0.0)
    >>> cr.softmax_cross_entropy(np.zeros((2, 4)), np.array([1, -100]), reduction="mean") == np.log(4)
    np.True_
    """
    if is_inexact(form_of(label)):
        return reduced(_of_probabilities(s, label, weight, label_smoothing), reduction)
    options = {"weight": weight, "label_smoothing": label_smoothing, "ignore_index": ignore_index}
    losses = softmax_cross_entropy_(s, label, **options)
    return weighted_mean(losses, _counted(s, label, weight, ignore_index), reduction) if reduction != "none" else losses


def _counted(s, label, weight, ignore_index):
    """The weight of each row in a mean: 0 if it is ignored, else the weight of its class."""
    label, counts = with_ignored(check_label(s, label, ignore_index), ignore_index)
    if weight is None and is_recorded(label):
        weights = np.ones(label.shape, dtype=s.dtype)
    else:
        weights = of_label(class_weight(np, s, weight), label)
    return weights if counts is None else weights * counts


def _of_probabilities(s, target, weight, label_smoothing):
    """The cross-entropy of softmax(s) with target probabilities."""
    if tuple(target.shape) != tuple(s.shape):
        raise BlockError(
            f"softmax_cross_entropy: probabilities of shape {tuple(target.shape)} for scores of shape {tuple(s.shape)}"
            + at_line()
        )
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / s.shape[-1]
    if weight is not None:
        target = target * class_weight(np, s, weight)
    return -sum_(log_softmax(s) * target, axis=-1)


def nll_loss(log_p, label, weight=None, reduction="mean", ignore_index=IGNORED):
    """−log p_c, given the logarithms of probabilities: the negative log-likelihood.

    Parameters
    ----------
    log_p : shape (C,) or (N, C), as `log_softmax` returns them, or with more axes before that of the classes.
    label : the index c of the right class, an int, or (N,) integers. It has no gradient.
    weight : the weight of each class, shape (C,), or None.
    reduction : "mean" (weighted by the classes' weights, as in PyTorch), "sum", or "none".
    ignore_index : rows with this label are ignored.

    >>> import numpy as np, chainrule as cr
    >>> cr.nll_loss(np.array([[-1.0, -2.0], [-3.0, -4.0]]), np.array([0, 1]))
    np.float64(2.5)
    """
    log_p = as_floats(log_p)
    counted = _counted(log_p, label, weight, ignore_index)
    label, _ = with_ignored(check_label(log_p, label, ignore_index), ignore_index)
    losses = -chosen(log_p, label)
    if weight is not None or not np.all(counted):
        losses = where(counted != 0, losses * counted, 0.0)
    return weighted_mean(losses, counted, reduction)


# One class: margins ----------------------------------------------------------------------------------------------


def _hinge_notation(s, label, margin):
    j, c = "j", label.text
    return total(call("max", s.at(j) - s.at(c) + margin, 0), f"j≠{c}")


@library_block(notation=_hinge_notation, example=example(apart(3), exactly(2)))
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
    label, s = check_label(s, label), as_floats(s)
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


@library_block(notation=_squared_hinge_notation, example=example(apart(3), exactly(2)))
def squared_hinge_loss(xp, s, label, margin=1.0):
    """L = Σ_{j≠c} max(s_j − s_c + margin, 0)²: as `hinge_loss`, but smooth, and with a larger penalty for large errors.

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
    """max(s_j − s_c + margin, 0) for each other class j (0 for the right one), and the labels' one-hot rows."""
    label, s = check_label(s, label), as_floats(s)
    right = one_hot(xp, label, s.shape[-1], s)
    t = (s - chosen(s, label)[..., None] + margin) * (1 - right)
    return xp.where(t > 0, t, 0 * t), right


@squared_hinge_loss.backward("s")
def squared_hinge_loss_ds(xp, dz, z, s, label, margin=1.0):
    t, right = _behind(xp, s, label, margin)
    return dz[..., None] * (2 * (t - right * xp.sum(t, axis=-1, keepdims=True)))


def multi_margin_loss(s, label, p=1, margin=1.0, weight=None, reduction="mean"):
    """Σ_{j≠c} max(s_j − s_c + margin, 0)^p / C: `hinge_loss` or `squared_hinge_loss`, divided by the number of classes.

    Parameters
    ----------
    s, label, margin : as in `hinge_loss`.
    p : 1 or 2.
    weight : the weight of each class, shape (C,), or None; each loss is multiplied by that of its class.
    reduction : "mean" over the samples, "sum", or "none".

    >>> import numpy as np, chainrule as cr
    >>> cr.multi_margin_loss(np.array([1.0, 2.0, -3.0, -9.0]), 0)
    np.float64(0.5)
    """
    if p not in (1, 2):
        raise BlockError(f"multi_margin_loss: p is 1 or 2, not {p!r}" + at_line())
    losses = (hinge_loss if p == 1 else squared_hinge_loss)(s, label, margin=margin) / s.shape[-1]
    factors = None if weight is None else of_label(class_weight(np, s, weight), check_label(s, label))
    return weighted(losses, factors, reduction)


# Several classes -------------------------------------------------------------------------------------------------


def multilabel_margin_loss(s, label, reduction="mean"):
    """Σ_c Σ_j max(s_j − s_c + 1, 0) / C, over the right classes c and the others j: several classes may be right.

    Parameters
    ----------
    s : scores, shape (C,) or (N, C).
    label : the indices of the right classes, integers of the same shape; a list ends at its first negative number.
    reduction : "mean" over the samples, "sum", or "none".

    >>> import numpy as np, chainrule as cr
    >>> cr.multilabel_margin_loss(np.array([0.0, 0.5, 0.0, -3.0]), np.array([0, 2, -1, -1]))
    np.float64(0.75)
    """
    label = as_array(label)
    classes = s.shape[-1] if s.ndim else 0
    if label.dtype.kind not in "iu" or label.shape != tuple(s.shape) or s.ndim not in (1, 2):
        raise BlockError(
            f"multilabel_margin_loss: scores {tuple(s.shape)} and labels {label.shape} of {label.dtype}; "
            "give integers of the same shape, (C,) or (N, C)" + at_line()
        )
    largest = step(lambda label: np.max(label, initial=-1, where=_listed(label)), label)
    if bool(largest >= classes):
        raise BlockError(f"label {int(largest)} is not one of the {classes} classes" + at_line())
    pairs = step(lambda label: _pairs(label, classes, s.dtype), label)
    s = as_floats(s)
    losses = sum_(relu(s[..., None, :] - s[..., :, None] + 1) * pairs, axis=(-2, -1)) / classes
    return reduced(losses, reduction)


def _listed(label):
    """Which labels come before the first negative one."""
    return np.logical_and.accumulate(label >= 0, axis=-1)


def _pairs(label, classes, dtype):
    """For each pair of a right class and another class, how often the right class is listed."""
    right = np.sum((label[..., None] == np.arange(classes)) & _listed(label)[..., None], axis=-2)
    return np.asarray(right[..., :, None] * (right[..., None, :] == 0), dtype=dtype)
