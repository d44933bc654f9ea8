"""Layers of neural networks, made of other blocks: linear, embedding, dropout, attention; and one-hot rows.

Names and shapes follow torch.nn.functional.
"""

import math

import numpy as np

from chainrule.array import value_of
from chainrule.blocks.elementwise import where
from chainrule.blocks.linalg import matmul
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.shaping import transpose
from chainrule.errors import BlockError
from chainrule.node import at_line


def linear(x, weight, bias=None):
    """z = x Wᵀ + b: the affine map of each row of x.

    Parameters
    ----------
    x : shape (…, D).
    weight : the matrix W, shape (C, D), or (D,) for a single output without an axis of its own.
    bias : shape (C,), or None for 0.

    Returns shape (…, C). Raises BlockError where the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.linear(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [0.0, 3.0]]), np.array([0.5, 0.0]))
    array([3.5, 6. ])
    """
    if weight.ndim not in (1, 2) or x.ndim < 1 or x.shape[-1] != weight.shape[-1]:
        raise BlockError(
            f"linear: x of shape {tuple(x.shape)} and a weight of shape {tuple(weight.shape)}; "
            "give (…, D) and (C, D)" + at_line()
        )
    z = matmul(x, _swapped(weight) if weight.ndim == 2 else weight)
    if bias is None:
        return z
    if tuple(bias.shape) != tuple(weight.shape[:-1]):
        raise BlockError(
            f"linear: a bias of shape {tuple(bias.shape)} for a weight of shape {tuple(weight.shape)}; "
            f"it should be {tuple(weight.shape[:-1])}" + at_line()
        )
    return z + bias


def _swapped(x):
    """The last two axes exchanged."""
    return transpose(x, axes=(*range(-x.ndim, -2), -1, -2))


def embedding(weight, indices):
    """The rows of a table that the indices name. (PyTorch's order of arguments is `embedding(indices, weight)`.)

    Parameters
    ----------
    weight : the table, shape (V, D). A row's gradient is the sum over all places where it was taken.
    indices : integers from 0 to V − 1, of any shape. They have no gradient.

    Returns shape indices.shape + (D,). Raises BlockError where an index is not one of the rows.

    >>> import numpy as np, chainrule as cr
    >>> cr.embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1, 0]))
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    return weight[_indices(indices, weight.shape[0], "embedding", "rows")]


def one_hot(labels, num_classes=None, dtype=np.float64):
    """Rows of zeros with a single one, at the label.

    Parameters
    ----------
    labels : integers from 0 to num_classes − 1, of any shape.
    num_classes : the length of a row; by default the largest label plus one.
    dtype : of the result. (PyTorch gives integers, which would turn float32 into float64 in NumPy.)

    Returns shape labels.shape + (num_classes,); it has no gradient. Raises BlockError where a label does not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.one_hot(np.array([0, 2]))
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = np.asarray(value_of(labels))
    if num_classes is None:
        if not labels.size:
            raise BlockError("one_hot of no labels: say how many classes there are, num_classes=" + at_line())
        num_classes = int(labels.max()) + 1
    return np.eye(num_classes, dtype=dtype)[_indices(labels, num_classes, "one_hot", "classes")]


def _indices(indices, count, name, what):
    """Plain integers from 0 to count − 1."""
    indices = np.asarray(value_of(indices))
    if indices.dtype.kind not in "iu":
        raise BlockError(f"{name}: the indices must be integers, not {indices.dtype}" + at_line())
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise BlockError(f"{name}: {wrong} is not one of the {count} {what}" + at_line())
    return indices


def dropout(x, p=0.5, rng=None, mask=None):
    """Each entry is set to 0 with probability p; the others are divided by 1 − p, so that the mean stays.

    Parameters
    ----------
    x : an array of any shape.
    p : the probability of being dropped, from 0 to 1.
    rng : a `numpy.random.Generator` that draws the mask. It is drawn once for each call.
    mask : instead of rng: True for the entries that are kept, broadcastable to the shape of x.

    Raises BlockError where p is not a probability, or not exactly one of rng and mask is given.

    Source: N. Srivastava et al., Dropout: a simple way to prevent neural networks from overfitting (2014).

    >>> import numpy as np, chainrule as cr
    >>> cr.dropout(np.array([1.0, 2.0, 3.0]), mask=np.array([True, False, True]))
    array([2., 0., 6.])
    """
    if not 0 <= p <= 1:
        raise BlockError(f"dropout: p is a probability, from 0 to 1, not {p}" + at_line())
    if (rng is None) == (mask is None):
        raise BlockError("dropout: give either rng=np.random.default_rng(seed) or mask=" + at_line())
    if mask is None:
        mask = rng.random(tuple(x.shape)) >= p
    if p == 1:
        mask = np.zeros_like(value_of(mask), dtype=bool)
    return where(value_of(mask), x * (1 / (1 - p) if p < 1 else 0.0), 0.0)


def scaled_dot_product_attention(q, k, v, mask=None, is_causal=False, scale=None):
    """softmax(q kᵀ · scale + mask) v: each query gets a mean of the values, weighted by how well their keys fit.

    Parameters
    ----------
    q : queries, shape (…, L, E).
    k : keys, shape (…, S, E).
    v : values, shape (…, S, D).
    mask : broadcastable to (…, L, S): booleans, True where a query may look at a key; or numbers that are added to the
        scores, −∞ where it may not. Numbers have a gradient.
    is_causal : True to let query i look at the keys 0 … i only (besides what the mask allows).
    scale : 1/√E by default.

    Returns shape (…, L, D). A query that may look at no key gets 0. Raises BlockError where the shapes do not fit.

    Source: A. Vaswani et al., Attention is all you need (2017).

    >>> import numpy as np, chainrule as cr
    >>> q, k, v = np.zeros((1, 2)), np.ones((2, 2)), np.array([[1.0], [3.0]])
    >>> cr.scaled_dot_product_attention(q, k, v)
    array([[2.]])
    """
    if min(q.ndim, k.ndim, v.ndim) < 2 or q.shape[-1] != k.shape[-1] or k.shape[-2] != v.shape[-2]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (q, k, v))
        raise BlockError(f"attention over q, k, v of shapes {shapes}; give (…, L, E), (…, S, E), (…, S, D)" + at_line())
    scale = 1 / math.sqrt(q.shape[-1]) if scale is None else scale
    scores = matmul(q * scale, _swapped(k))
    allowed = None
    if mask is not None:
        allowed = np.asarray(value_of(mask))
        if allowed.dtype != bool:
            allowed = allowed != -np.inf
            scores = scores + where(allowed, mask, 0.0)
    if is_causal:
        causal = np.tri(q.shape[-2], k.shape[-2], dtype=bool)
        allowed = causal if allowed is None else allowed & causal
    if allowed is None:
        return matmul(softmax(scores), v)
    some = allowed.any(axis=-1, keepdims=True)  # a row without any key would be softmax of −∞ alone, which is NaN
    weights = softmax(where(allowed | ~some, scores, -math.inf))
    return matmul(where(some, weights, 0.0), v)
