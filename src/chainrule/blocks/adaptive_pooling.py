"""Pooling to a given size: windows are sized so that they cover the whole array."""

import math
from typing import Any

import numpy as np

from chainrule.block import as_floats
from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import step
from chainrule.blocks.linalg import matmul
from chainrule.blocks.pooling import check_axes, first_of_channels
from chainrule.blocks.shaping import reshape
from chainrule.errors import BlockError
from chainrule.node import at_line


def along_axes(x, matrices):
    """x with each of its last axes mapped by a plain matrix (length of the result, length of the axis)."""
    x = as_floats(x)
    for axis, matrix in enumerate(matrices, -len(matrices)):
        matrix = np.asarray(matrix, dtype=x.dtype)
        if axis == -1:
            x = matmul(x, matrix.T)
        else:
            rows, rest = tuple(x.shape[:axis]), tuple(x.shape[axis + 1 :])
            x = matmul(matrix, reshape(x, shape=(*rows, x.shape[axis], math.prod(rest))))
            x = reshape(x, shape=(*rows, len(matrix), *rest))
    return x


def averages(length, result):
    """The matrix of means over windows that cover an axis: window i goes from ⌊i n/m⌋ to ⌈(i + 1) n/m⌉."""
    matrix = np.zeros((result, length))
    for i, (start, stop) in enumerate(_shares(length, result)):
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


def _shares(length, result):
    return [(i * length // result, -(-(i + 1) * length // result)) for i in range(result)]


def _output_size(n, name, x, output_size):
    """The size of the result along each axis; None keeps that of x."""
    check_axes(n, name, x)
    wanted = (output_size,) * n if output_size is None or np.ndim(output_size) == 0 else tuple(output_size)
    if len(wanted) != n or any(w is not None and (not isinstance(w, int | np.integer) or w < 0) for w in wanted):
        raise BlockError(f"{name}: output_size is an integer or {n} of them (or None), not {output_size!r}" + at_line())
    if 0 in x.shape[-n:]:
        raise BlockError(f"{name}: there is nothing in an array {tuple(x.shape)}" + at_line())
    return tuple(int(x.shape[i - n] if w is None else w) for i, w in enumerate(wanted))


def _adaptive_avg_pool(n, x, output_size):
    size = _output_size(n, f"adaptive_avg_pool{n}d", x, output_size)
    return along_axes(x, [averages(a, b) for a, b in zip(x.shape[-n:], size, strict=True)])


def adaptive_avg_pool1d(x, output_size):
    """Means of windows such that the result has a given length: as `adaptive_avg_pool2d`, for (N, C, L) or (C, L).

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_avg_pool1d(np.array([[1.0, 3.0, 5.0]]), 2)
    array([[2., 4.]])
    """
    return _adaptive_avg_pool(1, x, output_size)


def adaptive_avg_pool2d(x, output_size):
    """Means of windows such that the result has a given size.

    Parameters
    ----------
    x : shape (N, C, H, W) or (C, H, W).
    output_size : the size of the result; an integer, or one for each axis, None to keep that of x.

    Window i of m goes from ⌊i n/m⌋ to ⌈(i + 1) n/m⌉, so neighbouring windows may share an entry.

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_avg_pool2d(np.arange(16.0).reshape(1, 4, 4), 1)
    array([[[7.5]]])
    """
    return _adaptive_avg_pool(2, x, output_size)


def adaptive_avg_pool3d(x, output_size):
    """Means of windows such that the result has a given size: as `adaptive_avg_pool2d`, for volumes.

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_avg_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
    array([[[[3.5]]]])
    """
    return _adaptive_avg_pool(3, x, output_size)


def _adaptive_max_pool(n, x, output_size, return_indices):
    """The largest entry of each window, taken from x; the first one if several are equal."""
    size = _output_size(n, f"adaptive_max_pool{n}d", x, output_size)
    found = step(lambda x: _largest_of_shares(np.asarray(x), size), x)
    entries, flat = found + first_of_channels(x, n), reshape(x, shape=(math.prod(x.shape),))
    z = gathered(flat, (entries,))
    return (z, found) if return_indices else z


def _largest_of_shares(x, size):
    """For each window the index of its first largest entry, or of a NaN, in its flattened channel."""
    n = len(size)
    inside = x.shape[-n:]
    place = np.arange(math.prod(inside)).reshape(inside)
    found = np.empty((*x.shape[:-n], *size), int)
    for at in np.ndindex(*size):
        shares = (_shares(a, b)[i] for a, b, i in zip(inside, size, at, strict=True))
        window: tuple[Any, ...] = tuple(slice(*share) for share in shares)
        largest = np.argmax(x[(..., *window)].reshape(*x.shape[:-n], -1), axis=-1)
        found[(..., *at)] = place[window].reshape(-1)[largest]
    return found


def adaptive_max_pool1d(x, output_size, return_indices=False):
    """The largest entries of windows such that the result has a given length: as `adaptive_max_pool2d`.

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_max_pool1d(np.array([[1.0, 5.0, 3.0]]), 2)
    array([[5., 5.]])
    """
    return _adaptive_max_pool(1, x, output_size, return_indices)


def adaptive_max_pool2d(x, output_size, return_indices=False):
    """The largest entries of windows such that the result has a given size.

    Parameters
    ----------
    x, output_size : as in `adaptive_avg_pool2d`, with the same windows.
    return_indices : True to return also their indices in their flattened channels.

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_max_pool2d(np.arange(16.0).reshape(1, 4, 4), (1, 2))
    array([[[13., 15.]]])
    """
    return _adaptive_max_pool(2, x, output_size, return_indices)


def adaptive_max_pool3d(x, output_size, return_indices=False):
    """The largest entries of windows such that the result has a given size: as `adaptive_max_pool2d`, for volumes.

    >>> import numpy as np, chainrule as cr
    >>> cr.adaptive_max_pool3d(np.arange(8.0).reshape(1, 2, 2, 2), 1)
    array([[[[7.]]]])
    """
    return _adaptive_max_pool(3, x, output_size, return_indices)
