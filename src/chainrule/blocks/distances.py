"""Distances and similarities of vectors, and losses of pairs and triplets, as in torch.nn.functional.

Vectors lie along the last axis. Two conventions are PyTorch's: at a distance of 0 the derivative of the distance is 0,
and at the kink of a loss the derivative is that of the positive side.
"""

import numpy as np

from chainrule.block import as_floats
from chainrule.blocks.elementwise import clip, minimum, sqrt_, where
from chainrule.blocks.losses import reduced
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import as_array, broadcast_to
from chainrule.errors import BlockError
from chainrule.node import at_line


def normalize(x, p=2.0, axis=-1, eps=1e-12):
    """x / ‖x‖ along the axis: vectors of length 1. A norm below eps counts as eps.

    Parameters
    ----------
    x : an array.
    p : the order of the norm.
    axis : the axis of the vectors, the last one by default. (PyTorch's `dim` is 1 by default.)

    >>> import numpy as np, chainrule as cr
    >>> cr.normalize(np.array([3.0, 4.0]))
    array([0.6, 0.8])
    """
    return x / clip(np.linalg.norm(x, ord=p, axis=axis, keepdims=True), eps, None)


def pairwise_distance(x, y, p=2.0, eps=1e-6, keepdims=False):
    """‖x − y + eps‖ along the last axis: the distance of each vector of x from that of y.

    Parameters
    ----------
    x, y : arrays (N, D) or (D,) that broadcast against each other.
    p : the order of the norm.
    eps : is added to each difference, as in PyTorch.
    keepdims : True to keep the last axis, of length 1.

    >>> import numpy as np, chainrule as cr
    >>> cr.pairwise_distance(np.array([[3.0, 4.0]]), np.zeros((1, 2)), eps=0.0)
    array([5.])
    """
    return np.linalg.norm(as_floats(x) - y + eps, ord=p, axis=-1, keepdims=keepdims)


def cdist(x, y, p=2.0):
    """The distance of every vector of x from every vector of y.

    Parameters
    ----------
    x : shape (…, P, D).
    y : shape (…, R, D).
    p : the order of the norm.

    Returns shape (…, P, R). Raises BlockError if the vectors have different lengths.

    >>> import numpy as np, chainrule as cr
    >>> cr.cdist(np.array([[0.0, 0.0], [3.0, 0.0]]), np.array([[0.0, 4.0]]))
    array([[4.],
           [5.]])
    """
    if min(x.ndim, y.ndim) < 2 or x.shape[-1] != y.shape[-1]:
        raise BlockError(
            f"cdist of arrays of shape {tuple(x.shape)} and {tuple(y.shape)}; give (…, P, D) and (…, R, D)" + at_line()
        )
    return np.linalg.norm(as_floats(x)[..., :, None, :] - y[..., None, :, :], ord=p, axis=-1)


def cosine_similarity(x, y, axis=-1, eps=1e-8):
    """x · y / (‖x‖ ‖y‖) along the axis: the cosine of the angle. A norm below eps counts as eps.

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
    x, y = (normalize(v, axis=axis, eps=eps) for v in (x, y))
    return sum_(x * y, axis=axis)


# Losses ----------------------------------------------------------------------------------------------------------


def _above_zero(t):
    """max(t, 0), with derivative 1 at 0."""
    return clip(t, 0, None)


def margin_ranking_loss(x, y, target, margin=0.0, reduction="mean"):
    """max(−t (x − y) + margin, 0): x should rank above y where t = 1, below where t = −1.

    Parameters
    ----------
    x, y : scores, arrays of one shape. Both have gradients.
    target : t, 1 or −1 for each.
    margin : by how much it should rank above.
    reduction : "mean" of all entries, their "sum", or "none".

    >>> import numpy as np, chainrule as cr
    >>> cr.margin_ranking_loss(np.array([2.0, 2.0]), np.array([1.0, 1.0]), np.array([1.0, -1.0]), reduction="none")
    array([0., 1.])
    """
    return reduced(_above_zero((as_floats(y) - x) * target + margin), reduction)


def hinge_embedding_loss(x, target, margin=1.0, reduction="mean"):
    """x where t = 1, max(margin − x, 0) where t = −1, for a distance x of a similar (t = 1) or dissimilar pair.

    Parameters
    ----------
    x : distances.
    target : t, 1 or −1 for each.
    margin : the distance beyond which a dissimilar pair costs nothing.
    reduction : as in `margin_ranking_loss`.

    Source: R. Hadsell, S. Chopra and Y. LeCun, Dimensionality reduction by learning an invariant mapping (2006).

    >>> import numpy as np, chainrule as cr
    >>> cr.hinge_embedding_loss(np.array([0.25, 0.25]), np.array([1, -1]), reduction="none")
    array([0.25, 0.75])
    """
    target = as_array(target)
    x = as_floats(x)
    losses = where(target == 1, x, 0.0) + where(target == -1, _above_zero(margin - x), 0.0)
    return reduced(losses, reduction)


def cosine_embedding_loss(x, y, target, margin=0.0, reduction="mean"):
    """1 − cos where t = 1, max(cos − margin, 0) where t = −1, for the cosine of the angle between x and y.

    Parameters
    ----------
    x, y : shape (N, D) or (D,). Both have gradients.
    target : t, 1 or −1, shape (N,) or ().
    margin : the cosine below which a dissimilar pair costs nothing; from −1 to 1.
    reduction : as in `margin_ranking_loss`, over the N losses.

    1e−12 is added to each square of a norm, as in PyTorch.

    >>> import numpy as np, chainrule as cr
    >>> cr.cosine_embedding_loss(np.array([1.0, 0.0]), np.array([0.0, 2.0]), np.array(1))
    np.float64(1.0)
    """
    target = as_array(target)
    if target.shape != np.broadcast_shapes(tuple(x.shape), tuple(y.shape))[:-1]:
        raise BlockError(
            f"cosine_embedding_loss: x {tuple(x.shape)}, y {tuple(y.shape)} and a target {target.shape}; "
            "give (N, D), (N, D), (N,) or (D,), (D,), ()" + at_line()
        )
    x, y = as_floats(x), as_floats(y)
    squares = (sum_(x * x, axis=-1) + 1e-12) * (sum_(y * y, axis=-1) + 1e-12)
    cosine = sum_(x * y, axis=-1) / sqrt_(squares)
    losses = where(target == 1, 1 - cosine, 0.0) + where(target == -1, _above_zero(cosine - margin), 0.0)
    return reduced(losses, reduction)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction="mean"):
    """max(‖a − p‖ − ‖a − n‖ + margin, 0): an anchor should be nearer to the positive than to the negative.

    Parameters
    ----------
    anchor, positive, negative : shape (N, D) or (D,). All have gradients.
    margin : by how much nearer it should be; positive.
    p : the order of the norm.
    eps : is added to each difference, as in PyTorch.
    swap : True to use ‖p − n‖ where it is smaller than ‖a − n‖.
    reduction : as in `margin_ranking_loss`, over the N losses.

    Source: V. Balntas et al., Learning shallow convolutional feature descriptors with triplet losses (2016).

    >>> import numpy as np, chainrule as cr
    >>> cr.triplet_margin_loss(np.zeros(2), np.array([3.0, 4.0]), np.array([0.0, 2.0]), eps=0.0)
    np.float64(4.0)
    """

    def distance(x, y):
        return pairwise_distance(x, y, p=p, eps=eps)

    return triplet_margin_with_distance_loss(anchor, positive, negative, distance, margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor, positive, negative, distance_function=None, margin=1.0, swap=False, reduction="mean"
):
    """max(d(a, p) − d(a, n) + margin, 0), as `triplet_margin_loss`, for a distance d of your own.

    Parameters
    ----------
    anchor, positive, negative, margin, swap, reduction : as in `triplet_margin_loss`.
    distance_function : a function of two arrays; `pairwise_distance` by default.

    >>> import numpy as np, chainrule as cr
    >>> manhattan = lambda x, y: np.sum(np.abs(x - y), axis=-1)
    >>> cr.triplet_margin_with_distance_loss(np.zeros(2), np.ones(2), np.array([0.0, 2.0]), manhattan)
    np.float64(1.0)
    """
    if margin <= 0:
        raise BlockError(f"triplet_margin_loss: the margin must be positive, not {margin}" + at_line())
    distance = distance_function or pairwise_distance
    anchor, positive, negative = as_floats(anchor), as_floats(positive), as_floats(negative)
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = minimum(far, distance(positive, negative))
    return reduced(_above_zero(near - far + margin), reduction)
