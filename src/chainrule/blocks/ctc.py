"""Connectionist temporal classification: the loss of a sequence whose alignment with its labels is unknown.

Source: A. Graves et al., Connectionist temporal classification: labelling unsegmented sequence data with recurrent
neural networks (2006), equations 6 to 8, in logarithms.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.block import library_block
from chainrule.blocks.elementwise import where
from chainrule.blocks.losses import reduced
from chainrule.blocks.normalisation import logsumexp
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line

NEVER = -1e30
"""The logarithm of an impossible alignment. It is finite, because differences of infinities would be NaN."""


@library_block(
    notation=lambda log_p, **_: call("ctc", log_p),
    example=example(normal(3, 1, 3), targets=((1, 2),), input_lengths=(3,), target_lengths=(2,)),
)
def ctc(xp, log_p, targets=(), input_lengths=(), target_lengths=(), blank=0):
    """−log of the total probability of all alignments that read as the targets, for each sequence of the batch.

    The rows of `targets` may be padded with anything. A target that does not fit into its sequence has the loss +∞.
    Its backward rule is derived from the steps inside.
    """
    lengths = np.asarray(target_lengths)
    labels = np.asarray(targets).reshape(len(lengths), -1)
    width = 2 * labels.shape[1] + 1
    states = np.full((len(lengths), width), blank)  # a blank before, between and after the labels
    states[:, 1::2] = np.where(np.arange(labels.shape[1]) < lengths[:, None], labels, blank)
    skips = np.zeros(states.shape, bool)  # from a label to the next one, unless they are the same
    skips[:, 2:] = (states[:, 2:] != blank) & (states[:, 2:] != states[:, :-2])
    skips = xp.asarray(skips)
    rows = np.arange(len(lengths))[:, None]
    begin = xp.asarray(np.arange(width) < 2)
    alpha = xp.where(begin, log_p[(0, rows, states)], NEVER)
    inputs = np.asarray(input_lengths)[:, None]
    if np.any(inputs == 0):  # an empty sequence reads as the empty target
        alpha = xp.where(xp.asarray(inputs > 0), alpha, xp.asarray(np.where(np.arange(width) == 0, 0.0, NEVER)))
    for t in range(1, log_p.shape[0]):
        never = xp.full_like(alpha[:, :1], NEVER)
        one_back = xp.concat([never, alpha[:, :-1]], axis=-1)
        two_back = xp.where(skips, xp.concat([never, one_back[:, :-1]], axis=-1), NEVER)
        longer = logsumexp(xp.stack([alpha, one_back, two_back], axis=-1), axis=-1) + log_p[(t, rows, states)]
        alpha = xp.where(xp.asarray(t < inputs), longer, alpha)
    last = xp.asarray((np.arange(width) == 2 * lengths[:, None]) | (np.arange(width) == 2 * lengths[:, None] - 1))
    loss = -logsumexp(xp.where(last, alpha, NEVER), axis=-1)
    return xp.where(loss < -NEVER / 2, loss, math.inf)


def ctc_loss(log_p, targets, input_lengths, target_lengths, blank=0, reduction="mean", zero_infinity=False):
    """−log of the probability that a sequence of class probabilities reads as its target, however it is aligned.

    An alignment names a class for each time; it is read by merging repetitions and then leaving out the blanks.

    Parameters
    ----------
    log_p : logarithms of probabilities, shape (T, N, C), or (T, C) for a single sequence, as `log_softmax` gives them.
    targets : the labels, integers without the blank: shape (N, S), or all sequences one after the other, shape (ΣS,).
    input_lengths, target_lengths : the length of each sequence and of each target: (N,) integers, or an int.
    blank : the class that means no label.
    reduction : "mean" of the losses, each divided by the length of its target; "sum", or "none" for (N,) losses.
    zero_infinity : True to let a target that does not fit into its sequence cost 0 instead of +∞.

    The gradient is that of the definition: minus the probability of each class at each time, given the target.
    PyTorch's is larger by exp(log_p), which makes no difference once it has passed `log_softmax`. An infinite loss has
    the gradient 0 (PyTorch: NaN).

    Raises BlockError if shapes, lengths or labels do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.ctc_loss(np.log(np.full((2, 1, 2), 0.5)), np.array([[1]]), 2, 1) == -np.log(0.75)
    np.True_
    """
    alone = log_p.ndim == 2
    if alone:
        log_p = log_p[:, None, :]
    if log_p.ndim != 3:
        raise BlockError(f"ctc_loss: log_p has shape {tuple(log_p.shape)}; give (T, N, C) or (T, C)" + at_line())
    times, batch, classes = log_p.shape
    inputs, lengths = (_lengths(v, batch) for v in (input_lengths, target_lengths))
    if batch and (inputs.max() > times or min(inputs.min(), lengths.min()) < 0):
        raise BlockError(f"ctc_loss: lengths {inputs.tolist()}, {lengths.tolist()} for {times} times" + at_line())
    targets = _rows(np.asarray(value_of(targets)), lengths, alone)
    used = targets[np.arange(targets.shape[1]) < lengths[:, None]]
    if not 0 <= blank < classes or np.any((used < 0) | (used >= classes) | (used == blank)):
        raise BlockError(f"ctc_loss: blank {blank} or a target is not one of the {classes} classes" + at_line())
    losses = ctc(log_p, targets=targets, input_lengths=inputs, target_lengths=lengths, blank=blank)
    if zero_infinity:
        losses = where(value_of(losses) == math.inf, 0.0, losses)
    if reduction == "mean":
        losses = losses / np.maximum(lengths, 1).astype(losses.dtype)
    losses = reduced(losses, reduction)
    return losses[0] if alone and reduction == "none" else losses


def _lengths(lengths, batch):
    lengths = np.asarray(value_of(lengths))
    if lengths.dtype.kind not in "iu" or lengths.size not in (1, batch):
        raise BlockError(
            f"ctc_loss: {lengths.size} lengths for {batch} sequences; give an integer for each" + at_line()
        )
    return np.broadcast_to(lengths.reshape(-1), (batch,))


def _rows(targets, lengths, alone):
    """The targets as one row for each sequence."""
    if targets.ndim == 2 or alone:
        targets = targets.reshape(len(lengths), -1)
        fits = targets.shape[1] >= lengths.max(initial=0)
    else:
        fits = targets.ndim == 1 and targets.size == lengths.sum()
    if not fits or (targets.size and targets.dtype.kind not in "iu"):
        raise BlockError(
            f"ctc_loss: targets of shape {targets.shape} for the lengths {lengths.tolist()}; "
            "give integers (N, S), or (ΣS,) one after the other" + at_line()
        )
    if targets.ndim == 2:
        return targets.astype(int)
    rows = np.zeros((len(lengths), lengths.max(initial=0)), int)
    rows[np.arange(rows.shape[1]) < lengths[:, None]] = targets
    return rows
