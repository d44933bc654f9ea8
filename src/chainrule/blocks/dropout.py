"""Dropout: entries or whole channels are set to 0 at random. A generator or a mask must be given.

There is no `training` flag: to drop nothing, do not call it.
Source: N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014).
"""

import math

import numpy as np

from chainrule.array import WATCHER, is_recorded, value_of
from chainrule.blocks.elementwise import where
from chainrule.errors import BlockError
from chainrule.node import at_line


def dropout(x, p=0.5, rng=None, mask=None):
    """Each entry is set to 0 with probability p; the others are divided by 1 − p, which keeps the mean.

    Parameters
    ----------
    x : an array of any shape.
    p : the probability of being dropped, from 0 to 1.
    rng : a `numpy.random.Generator` that draws the mask. It is drawn once for each call.
    mask : instead of rng: True for the entries that are kept, broadcastable to the shape of x.

    Raises BlockError if p is not a probability, or not exactly one of rng and mask is given.

    Source: N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014).

    >>> import numpy as np, chainrule as cr
    >>> cr.dropout(np.array([1.0, 2.0, 3.0]), mask=np.array([True, False, True]))
    array([2., 0., 6.])
    """
    kept = _kept("dropout", tuple(x.shape), p, rng, mask)
    return where(kept, x * (1 / (1 - p) if p < 1 else 0.0), 0.0)


def _kept(name, shape, p, rng, mask):
    """The mask, True for kept entries; drawn once for each call."""
    if not 0 <= p <= 1:
        raise BlockError(f"{name}: p is a probability, from 0 to 1, not {p}" + at_line())
    if (rng is None) == (mask is None):
        raise BlockError(f"{name}: give either rng=np.random.default_rng(seed) or mask=" + at_line())
    if mask is None:
        if WATCHER.get() is not None:
            raise BlockError(f"{name}: a compiled function would keep one mask for ever; give mask=" + at_line())
        kept = rng.random(shape) >= p
    else:
        kept = mask if is_recorded(mask) and mask.dtype == bool else np.asarray(value_of(mask))
    return np.zeros(kept.shape, dtype=bool) if p == 1 else kept


def _channels(name, n, x):
    """The shape of a mask for whole channels."""
    if x.ndim not in (n + 1, n + 2):
        raise BlockError(f"{name} needs {n + 2} axes, or {n + 1} without N; x has shape {tuple(x.shape)}" + at_line())
    return (*x.shape[:-n], *(1,) * n)


def _dropout_of_channels(n, x, p, rng, mask):
    kept = _kept(f"dropout{n}d", _channels(f"dropout{n}d", n, x), p, rng, mask)
    return dropout(x, p, mask=kept)


def dropout1d(x, p=0.5, rng=None, mask=None):
    """Each channel of x is set to 0 with probability p: as `dropout2d`, with x of shape (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.dropout1d(np.ones((2, 2)), mask=np.array([[True], [False]]))
    array([[2., 2.],
           [0., 0.]])
    """
    return _dropout_of_channels(1, x, p, rng, mask)


def dropout2d(x, p=0.5, rng=None, mask=None):
    """Each channel of x is set to 0 with probability p; the others are divided by 1 − p.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    p, rng : as in `dropout`.
    mask : instead of rng: True for the channels that are kept, shape (N, C, 1, 1) or (C, 1, 1).

    Source: J. Tompson et al., Efficient object localization using convolutional networks (2015).

    >>> import numpy as np, chainrule as cr
    >>> cr.dropout2d(np.ones((2, 1, 2)), mask=np.array([True, False])[:, None, None])
    array([[[2., 2.]],
    <BLANKLINE>
           [[0., 0.]]])
    """
    return _dropout_of_channels(2, x, p, rng, mask)


def dropout3d(x, p=0.5, rng=None, mask=None):
    """Each channel of x is set to 0 with probability p: as `dropout2d`, for (N, C, D, H, W) or (C, D, H, W).

    >>> import numpy as np, chainrule as cr
    >>> cr.dropout3d(np.ones((1, 1, 1, 2)), mask=np.ones((1, 1, 1, 1), bool))
    array([[[[2., 2.]]]])
    """
    return _dropout_of_channels(3, x, p, rng, mask)


_LOWEST = 1.7580993408473766  # selu(−∞) = −scale · alpha


def alpha_dropout(x, p=0.5, rng=None, mask=None):
    """Each entry is set to selu(−∞) with probability p; then all are scaled and shifted to keep mean and variance.

    Parameters
    ----------
    x : an array of mean 0 and variance 1, as `selu` gives it.
    p, rng, mask : as in `dropout`.

    Source: G. Klambauer et al., Self-normalizing neural networks (2017).

    >>> import numpy as np, chainrule as cr
    >>> cr.alpha_dropout(np.array([1.0, 1.0]), mask=np.array([True, False])).round(4)
    array([ 1.6656, -0.7792])
    """
    return _alpha_dropout(x, p, _kept("alpha_dropout", tuple(x.shape), p, rng, mask))


def feature_alpha_dropout(x, p=0.5, rng=None, mask=None):
    """`alpha_dropout` of whole channels.

    Parameters
    ----------
    x : shape (N, C, …).
    p, rng : as in `dropout`.
    mask : instead of rng: True for the channels that are kept, shape (N, C, 1, …).

    >>> import numpy as np, chainrule as cr
    >>> cr.feature_alpha_dropout(np.ones((1, 2, 1)), mask=np.array([[[True], [False]]])).round(4).ravel()
    array([ 1.6656, -0.7792])
    """
    if x.ndim < 2:
        raise BlockError(f"feature_alpha_dropout needs an array (N, C, …), x has shape {tuple(x.shape)}" + at_line())
    shape = (*x.shape[:2], *(1,) * (x.ndim - 2))
    return _alpha_dropout(x, p, _kept("feature_alpha_dropout", shape, p, rng, mask))


def _alpha_dropout(x, p, kept):
    scale = 1 / math.sqrt((1 + p * _LOWEST**2) * (1 - p)) if p < 1 else 0.0
    return where(kept, x, -_LOWEST) * scale + scale * p * _LOWEST
