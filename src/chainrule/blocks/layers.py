"""Layers of neural networks, composed of other blocks: linear and bilinear maps, embeddings; and one-hot rows.

Names and shapes follow torch.nn.functional.
"""

import math

import numpy as np

from chainrule.array import is_recorded, value_of
from chainrule.blocks.elementwise import where
from chainrule.blocks.integers import counted, labels_fit, one_hot_rows
from chainrule.blocks.linalg import matmul
from chainrule.blocks.reductions import max_
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import swapped
from chainrule.errors import BlockError
from chainrule.node import at_line


def linear(x, weight, bias=None):
    """z = x Wᵀ + b: the affine map of each row of x.

    Parameters
    ----------
    x : shape (…, D).
    weight : the matrix W, shape (C, D), or (D,) for a single output without an axis.
    bias : shape (C,), or None for 0.

    Returns shape (…, C). Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.linear(np.array([1.0, 2.0]), np.array([[1.0, 1.0], [0.0, 3.0]]), np.array([0.5, 0.0]))
    array([3.5, 6. ])
    """
    if weight.ndim not in (1, 2) or x.ndim < 1 or x.shape[-1] != weight.shape[-1]:
        raise BlockError(
            f"linear: x of shape {tuple(x.shape)} and a weight of shape {tuple(weight.shape)}; "
            "give (…, D) and (C, D)" + at_line()
        )
    z = matmul(counted(x), swapped(weight) if weight.ndim == 2 else weight)
    if bias is None:
        return z
    if tuple(bias.shape) != tuple(weight.shape[:-1]):
        raise BlockError(
            f"linear: a bias of shape {tuple(bias.shape)} for a weight of shape {tuple(weight.shape)}; "
            f"it should be {tuple(weight.shape[:-1])}" + at_line()
        )
    return z + bias


def bilinear(x, y, weight, bias=None):
    """z_o = xᵀ W_o y + b_o: a bilinear form of each pair of rows.

    Parameters
    ----------
    x : shape (…, D).
    y : shape (…, E).
    weight : the matrices W, shape (C, D, E).
    bias : shape (C,), or None for 0.

    Returns shape (…, C). Raises BlockError if the shapes do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.bilinear(np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.eye(2)[None])
    array([11.])
    """
    fits = weight.ndim == 3 and min(x.ndim, y.ndim) >= 1 and tuple(x.shape[:-1]) == tuple(y.shape[:-1])
    if not fits or (x.shape[-1], y.shape[-1]) != tuple(weight.shape[1:]):
        shapes = ", ".join(str(tuple(a.shape)) for a in (x, y, weight))
        raise BlockError(f"bilinear over x, y, weight of shapes {shapes}; give (…, D), (…, E), (C, D, E)" + at_line())
    by_class = np.tensordot(counted(x), weight, axes=([-1], [1]))  # (…, C, E)
    z = sum_(by_class * y[..., None, :], axis=-1)
    if bias is None:
        return z
    if tuple(bias.shape) != tuple(weight.shape[:1]):
        raise BlockError(
            f"bilinear: a bias of shape {tuple(bias.shape)} for a weight of shape {tuple(weight.shape)}; "
            f"it should be {tuple(weight.shape[:1])}" + at_line()
        )
    return z + bias


def embedding(weight, indices, padding_idx=None):
    """The rows of a table at the given indices. (PyTorch's order of arguments is `embedding(indices, weight)`.)

    Parameters
    ----------
    weight : the table, shape (V, D). A row's gradient is the sum over all its uses.
    indices : integers from 0 to V − 1, of any shape. They have no gradient.
    padding_idx : a row that gets no gradient, or None; a negative one counts from the end.

    Returns shape indices.shape + (D,). Raises BlockError if an index is not one of the rows.

    >>> import numpy as np, chainrule as cr
    >>> cr.embedding(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1, 0]))
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    indices = _indices(indices, weight.shape[0], "embedding", "rows")
    rows = weight[indices]
    if padding_idx is None:
        return rows
    padding = indices == _padding_row(padding_idx, weight, "embedding")
    return where(padding[..., None], value_of(rows), rows)


def _padding_row(padding_idx, weight, name):
    count = weight.shape[0]
    if not -count <= padding_idx < count:
        raise BlockError(f"{name}: padding_idx {padding_idx} is not one of the {count} rows" + at_line())
    return padding_idx % count


def embedding_bag(weight, indices, offsets=None, mode="mean", per_sample_weights=None, padding_idx=None):
    """The mean, sum or maximum of the table rows in each bag of indices.

    Parameters
    ----------
    weight : the table, shape (V, D).
    indices : integers from 0 to V − 1: shape (B, n), a bag in each row, or (n,), the bags one after the other.
    offsets : where each bag begins, shape (B,); for indices of one axis only.
    mode : "mean", "sum", or "max" (entry by entry).
    per_sample_weights : factors of the rows, one for each index, for mode "sum"; or None. They have a gradient.
    padding_idx : an index to ignore, or None.

    Returns shape (B, D); an empty bag gives 0. Raises BlockError if shapes or indices do not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.embedding_bag(np.array([[1.0], [2.0], [6.0]]), np.array([0, 1, 2]), np.array([0, 2]))
    array([[1.5],
           [6. ]])
    """
    if mode not in ("mean", "sum", "max"):
        raise BlockError(f'embedding_bag: mode is "mean", "sum" or "max", not {mode!r}' + at_line())
    if per_sample_weights is not None and (mode != "sum" or np.shape(per_sample_weights) != np.shape(indices)):
        raise BlockError(
            "embedding_bag: per_sample_weights are for mode='sum', one for each index; "
            f"they are {np.shape(per_sample_weights)} for {np.shape(indices)} and mode {mode!r}" + at_line()
        )
    indices = _indices(indices, weight.shape[0], "embedding_bag", "rows")
    at = _bags(indices, offsets)
    counts = at >= 0
    bags = np.zeros(at.shape, int) if not indices.size else indices.reshape(-1)[at]
    if padding_idx is not None:
        counts &= bags != _padding_row(padding_idx, weight, "embedding_bag")
    rows = weight[bags]
    if per_sample_weights is not None:
        rows = rows * np.reshape(per_sample_weights, (-1,))[at][..., None]
    number = counts.sum(axis=-1, keepdims=True)
    if mode == "max":
        largest = max_(where(counts[..., None], rows, -math.inf), axis=-2)
        return where(number > 0, largest, 0.0)
    total = sum_(where(counts[..., None], rows, 0.0), axis=-2)
    return total / np.maximum(number, 1).astype(total.dtype) if mode == "mean" else total


def _bags(indices, offsets):
    """For each bag, a row with the positions of its indices, padded with −1."""
    if (indices.ndim, offsets is None) not in ((2, True), (1, False)):
        raise BlockError(
            f"embedding_bag: indices of shape {indices.shape}; give (B, n) alone, or (n,) with offsets" + at_line()
        )
    places = np.arange(indices.size)
    if offsets is None:
        return places.reshape(indices.shape) if indices.size else np.full((indices.shape[0], 1), -1)
    starts = np.asarray(value_of(offsets))
    bounds = np.append(starts, indices.size)
    if starts.dtype.kind not in "iu" or np.any(np.diff(bounds) < 0) or bounds[0] != 0:
        raise BlockError(
            f"embedding_bag: offsets {starts} must be integers that begin at 0 and rise to {indices.size}" + at_line()
        )
    rows = np.full((len(starts), max(int(np.diff(bounds).max(initial=1)), 1)), -1)
    bag = np.repeat(np.arange(len(starts)), np.diff(bounds))
    rows[bag, places - bounds[bag]] = places
    return rows


def one_hot(labels, num_classes=None, dtype=np.float64):
    """Rows of zeros with a single one, at the label.

    Parameters
    ----------
    labels : integers from 0 to num_classes − 1, of any shape.
    num_classes : the length of a row; by default (None or −1) the largest label plus one.
    dtype : the dtype of the result. (PyTorch returns integers, which in NumPy would turn float32 into float64.)

    Returns shape labels.shape + (num_classes,); it has no gradient. Raises BlockError if a label does not fit.

    >>> import numpy as np, chainrule as cr
    >>> cr.one_hot(np.array([0, 2]))
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    if is_recorded(labels) and num_classes is not None:
        labels = _indices(labels, num_classes, "one_hot", "classes")
        return one_hot_rows(labels, classes=num_classes, dtype=np.dtype(dtype))
    labels = np.asarray(value_of(labels))
    if num_classes is None or num_classes == -1:
        if not labels.size:
            raise BlockError("one_hot of no labels: say how many classes there are, num_classes=" + at_line())
        num_classes = int(labels.max()) + 1
    return np.eye(num_classes, dtype=dtype)[_indices(labels, num_classes, "one_hot", "classes")]


def _indices(indices, count, name, what):
    """Plain integers from 0 to count − 1."""
    if is_recorded(indices) and indices.dtype.kind in "iu" and labels_fit(indices, classes=count):
        return indices
    indices = np.asarray(value_of(indices))
    if indices.dtype.kind not in "iu":
        raise BlockError(f"{name}: the indices must be integers, not {indices.dtype}" + at_line())
    if indices.size and (indices.min() < 0 or indices.max() >= count):
        wrong = indices.min() if indices.min() < 0 else indices.max()
        raise BlockError(f"{name}: {wrong} is not one of the {count} {what}" + at_line())
    return indices
