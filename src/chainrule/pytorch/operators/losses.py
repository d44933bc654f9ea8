"""Losses and distances."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.blocks import binary_classification as binary
from chainrule.blocks import classification, distances, regression

__all__ = ["LOSSES"]

NAMES_OF_REDUCTIONS = ("none", "mean", "sum")


def loss(function: Callable[..., Any]) -> Callable[..., Any]:
    """A loss of two arrays, with PyTorch's numbers for the reductions."""
    return lambda x, y, reduction=1, **how: function(x, y, reduction=NAMES_OF_REDUCTIONS[reduction], **how)


def _classes_last(x):
    """Scores (N, C, …) with the axis of the classes at the end."""
    return np.moveaxis(x, 1, -1) if np.ndim(x) > 2 else x


def cross_entropy(s, target, weight=None, reduction=1, ignore_index=-100, label_smoothing=0.0):
    target = target if target.dtype.kind in "iu" else _classes_last(target)
    how = {"weight": weight, "label_smoothing": label_smoothing, "ignore_index": ignore_index}
    return classification.softmax_cross_entropy(
        _classes_last(s), target, reduction=NAMES_OF_REDUCTIONS[reduction], **how
    )


def nll_loss(log_p, target, weight=None, reduction=1, ignore_index=-100):
    how = {"weight": weight, "ignore_index": ignore_index}
    return classification.nll_loss(_classes_last(log_p), target, reduction=NAMES_OF_REDUCTIONS[reduction], **how)


def binary_cross_entropy(p, target, weight=None, reduction=1):
    return binary.binary_cross_entropy(p, target, weight=weight, reduction=NAMES_OF_REDUCTIONS[reduction])


def binary_cross_entropy_with_logits(s, target, weight=None, pos_weight=None, reduction=1):
    how = {"weight": weight, "pos_weight": pos_weight}
    return binary.binary_cross_entropy_with_logits(s, target, reduction=NAMES_OF_REDUCTIONS[reduction], **how)


kl_div = loss(regression.kl_div)

LOSSES: dict[str, Callable[..., Any]] = {
    "cross_entropy_loss": cross_entropy,
    "nll_loss": nll_loss,
    "nll_loss_nd": nll_loss,
    "nll_loss2d": nll_loss,
    "mse_loss": loss(regression.mse_loss),
    "l1_loss": loss(regression.l1_loss),
    "smooth_l1_loss": lambda x, y, reduction=1, beta=1.0: loss(regression.smooth_l1_loss)(x, y, reduction, beta=beta),
    "huber_loss": lambda x, y, reduction=1, delta=1.0: loss(regression.huber_loss)(x, y, reduction, delta=delta),
    "kl_div": lambda x, y, reduction=1, log_target=False: kl_div(x, y, reduction, log_target=log_target),
    "soft_margin_loss": loss(binary.soft_margin_loss),
    "multilabel_margin_loss": loss(classification.multilabel_margin_loss),
    "binary_cross_entropy": binary_cross_entropy,
    "binary_cross_entropy_with_logits": binary_cross_entropy_with_logits,
    "cosine_similarity": lambda x, y, dim=1, eps=1e-8: distances.cosine_similarity(x, y, axis=dim, eps=eps),
    "pairwise_distance": lambda x, y, p=2.0, eps=1e-6, keepdim=False: distances.pairwise_distance(
        x, y, p, eps, keepdim
    ),
    "cdist": lambda x, y, p=2.0, compute_mode=None: distances.cdist(x, y, p),
}
