"""Shared by all losses: reductions, and labels.

The losses are in three files: `classification` (scores or probabilities and a class), `regression` (a prediction and a
target) and `distances` (pairs and triplets of vectors). `ctc` has the loss of sequences without an alignment.
"""

import math

import numpy as np

from chainrule.array import is_recorded, value_of
from chainrule.block import as_floats
from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import labels_fit, step
from chainrule.blocks.reductions import mean
from chainrule.blocks.reductions import sum as sum_
from chainrule.errors import BlockError
from chainrule.libraries import as_numpy
from chainrule.node import at_line

IGNORED = -100
"""The label of ignored entries, as in PyTorch."""


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
    """The losses times weights, reduced; a mean is divided by the number of losses."""
    return reduced(losses if weight is None else losses * weight, reduction)


def weighted_mean(losses, counts, reduction):
    """The losses reduced; a mean is divided by the sum of their weights, as in PyTorch."""
    if reduction != "mean":
        return reduced(losses, reduction)
    number = np.sum(counts)
    return sum_(losses) / number if number else sum_(losses) + math.nan


def chosen(scores, label):
    """The entry of each row at its label: shape label.shape."""
    if type(label) is int or label.ndim == 0:
        return scores[..., label if is_recorded(label) else int(label)]
    rows = np.indices(label.shape, sparse=True)
    return scores[(..., *rows, label if is_recorded(label) else np.asarray(label))]


def _fits(scores, label, ignore_index):
    """Whether labels known only at run time fit; `check_label` reports what is wrong if they do not."""
    if label.dtype.kind not in "iu" or not scores.ndim or tuple(scores.shape[:-1]) != label.shape:
        return False
    return bool(labels_fit(label, classes=scores.shape[-1], ignored=ignore_index))


def check_label(scores, label, ignore_index=None):
    """The labels, checked: an integer (or one for each row) from 0 to C − 1, or the label of ignored rows."""
    if type(label) is int and scores.ndim == 1 and 0 <= label < scores.shape[0]:
        return label
    if is_recorded(label) and _fits(scores, label, ignore_index):
        return label
    label = np.asarray(as_numpy(value_of(label)))
    classes = scores.shape[-1] if scores.ndim else 0
    if label.dtype.kind not in "iu":
        raise BlockError(f"the label must be an integer class index, not {label.dtype}" + at_line())
    if not scores.ndim or tuple(scores.shape[:-1]) != label.shape:
        raise BlockError(
            f"scores of shape {tuple(scores.shape)} with labels of shape {label.shape}: "
            "give (C,) with an int, or (N, C) with (N,); the classes are along the last axis" + at_line()
        )
    counting = label if ignore_index is None else label[label != ignore_index]
    if counting.size and not (counting.min() >= 0 and counting.max() < classes):
        wrong = counting.min() if counting.min() < 0 else counting.max()
        raise BlockError(f"label {wrong} is not one of the {classes} classes" + at_line())
    return label


def with_ignored(label, ignore_index):
    """Labels that are all valid, and a mask of the rows that count: None if all do."""
    counts = (label if is_recorded(label) else np.asarray(label)) != ignore_index
    if counts.all():
        return label, None
    return np.where(counts, label, 0), counts


def of_label(weight, label):
    """The weight of the class of each label."""
    return gathered(weight, (label if is_recorded(label) else np.asarray(label),))


def class_weight(xp, s, weight):
    """The weight of each class, in the dtype of the scores, or in double precision if the scores are integers."""
    s = as_floats(s)
    if weight is None:
        return xp.ones(s.shape[-1:], dtype=s.dtype)
    if np.shape(weight) != tuple(s.shape[-1:]):
        raise BlockError(
            f"the weight of shape {np.shape(weight)} should have one number for each of the {s.shape[-1]} classes"
            + at_line()
        )
    if is_recorded(weight):
        return np.astype(step(lambda weight: weight, weight), s.dtype)  # it has no gradient
    return xp.asarray(value_of(weight), dtype=s.dtype)
