"""Losses of a prediction and a target, entry by entry, as in torch.nn.functional.

Both have gradients, and broadcast against each other. `reduction` is "mean" over all entries, "sum", or "none".
"""

import math

import numpy as np

from chainrule.array import form_of
from chainrule.block import as_floats, elementwise, library_block, sum_to
from chainrule.blocks.elementwise import absolute, clip, exp, log, square, where
from chainrule.blocks.losses import reduced, weighted
from chainrule.blocks.reductions import sum as sum_
from chainrule.domains import apart, example, normal, positive, probabilities
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line


@library_block(notation=lambda x, y: call("mean", (x - y) ** 2), example=example(normal(3), normal(3)))
def mean_squared_error(xp, x, y):
    """L = mean (x − y)², over all entries.

    Parameters
    ----------
    x, y : prediction and target, arrays that broadcast against each other. Both have gradients.

    >>> import numpy as np, chainrule as cr
    >>> cr.mean_squared_error(np.array([1.0, 2.0]), np.array([0.0, 0.0]))
    np.float64(2.5)
    """
    return xp.mean((as_floats(x) - y) ** 2)


@mean_squared_error.backward
def mean_squared_error_backward(xp, dz, z, x, y):
    difference = as_floats(x) - y
    d = dz[(..., *(None,) * difference.ndim)] * (2 / max(math.prod(difference.shape), 1) * difference)
    return tuple(sum_to(xp, g, np.shape(form_of(o)), difference.shape) for g, o in ((d, x), (-d, y)))


def _by_weight(losses, weight, reduction):
    """The losses times weights; a mean is divided by the sum of the weights."""
    if weight is None or reduction != "mean":
        return weighted(losses, weight, reduction)
    return sum_(losses * weight) / sum_(weight)


def mse_loss(x, y, reduction="mean", weight=None):
    """(x − y)²; the mean of all entries is `mean_squared_error`.

    Parameters
    ----------
    x, y, reduction, weight : as in `l1_loss`.

    >>> import numpy as np, chainrule as cr
    >>> cr.mse_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0]), reduction="none")
    array([1., 4.])
    """
    return _by_weight(square(as_floats(x) - y), weight, reduction)


def l1_loss(x, y, reduction="mean", weight=None):
    """|x − y|; the derivative at x = y is 0.

    Parameters
    ----------
    x, y : prediction and target, arrays that broadcast against each other. Both have gradients.
    reduction : "mean" of all entries, their "sum", or "none" for a loss for each.
    weight : factors of the losses, or None; a mean is then divided by their sum. They have a gradient.

    >>> import numpy as np, chainrule as cr
    >>> cr.l1_loss(np.array([1.0, 2.0]), np.array([0.0, 4.0]))
    np.float64(1.5)
    """
    return _by_weight(absolute(as_floats(x) - y), weight, reduction)


_huber = elementwise(
    "huber_penalty",
    lambda xp, d, delta=1.0: xp.where(abs(d) < delta, 0.5 * d * d, delta * (abs(d) - 0.5 * delta)),
    lambda xp, z, d, delta: xp.where(abs(d) < delta, d, delta * xp.sign(d)),
    notation=lambda d, delta: call("huber", d),
    example=example(apart(2, 3)),
)


def huber_loss(x, y, reduction="mean", delta=1.0, weight=None):
    """½ (x − y)² where |x − y| < delta, else delta · (|x − y| − ½ delta): quadratic near 0, linear beyond.

    Parameters
    ----------
    x, y, reduction : as in `l1_loss`.
    delta : where the linear part begins; positive.
    weight : factors of the losses, or None; a mean is still divided by the number of losses, as in PyTorch.

    Source: P. J. Huber, Robust estimation of a location parameter (1964).

    >>> import numpy as np, chainrule as cr
    >>> cr.huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise BlockError(f"huber_loss: delta must be positive, not {delta}" + at_line())
    return weighted(_huber(as_floats(x) - y, delta=delta), weight, reduction)


def smooth_l1_loss(x, y, reduction="mean", beta=1.0):
    """½ (x − y)² / beta where |x − y| < beta, else |x − y| − ½ beta: huber_loss / beta, and l1_loss for beta = 0.

    Parameters
    ----------
    x, y, reduction : as in `l1_loss`.
    beta : where the linear part begins; not negative.

    Source: R. Girshick, Fast R-CNN (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none", beta=2.0)
    array([0.0625, 2.    ])
    """
    if not beta >= 0:
        raise BlockError(f"smooth_l1_loss: beta must not be negative, it is {beta}" + at_line())
    return l1_loss(x, y, reduction) if beta == 0 else reduced(_huber(as_floats(x) - y, delta=beta) / beta, reduction)


_kl_div = elementwise(
    "kl_divergence",
    lambda xp, log_q, p: p * (_log_or_0(xp, p) - log_q),
    lambda xp, z, log_q, p: -p,
    lambda xp, z, log_q, p: xp.where(p == 0, 0.0, 1 + _log_or_0(xp, p)) - log_q,
    notation=lambda log_q, p: p * (call("log", p) - log_q),
    example=example(normal(2, 3), probabilities(2, 3)),
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
    target = as_floats(target)
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
    x, target = as_floats(x), as_floats(target)
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
    example=example(normal(2, 3), positive(2, 3)),
)


def gaussian_nll_loss(x, target, var, full=False, eps=1e-6, reduction="mean"):
    """½ (log v + (x − y)² / v): the negative log-likelihood of a normal distribution with mean x and variance v.

    Parameters
    ----------
    x, target : mean and observation; both have gradients.
    var : the variance, which broadcasts against them. A variance below eps counts as eps, but keeps its gradient.
    full : True to add the constant ½ log 2π.
    reduction : as in `l1_loss`.

    Raises BlockError if a variance is negative.

    >>> import numpy as np, chainrule as cr
    >>> cr.gaussian_nll_loss(np.array([1.0, 2.0]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    np.float64(1.25)
    """
    if np.any(var < 0):
        raise BlockError("gaussian_nll_loss: a variance is negative" + at_line())
    losses = _gaussian_nll(as_floats(x) - target, var, eps=eps)
    return reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)
