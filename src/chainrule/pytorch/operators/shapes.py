"""Operators that change the shape or order of entries, not their values."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.array import Array
from chainrule.pytorch.operators.conventions import NotCovered, cast, same_node
from chainrule.transforms import stop_gradient
from chainrule.views import view_of

__all__ = ["SHAPES", "along", "expand"]


def reshape(x, shape):
    if isinstance(shape, np.dtype):
        raise NotCovered("the bytes of an array seen as another dtype")
    return x if tuple(shape) == np.shape(x) else np.reshape(x, tuple(shape))


def flatten(x, start_dim=0, end_dim=-1):
    shape = np.shape(x) or (1,)
    start, end = start_dim % len(shape), end_dim % len(shape) + 1
    return reshape(x, (*shape[:start], math.prod(shape[start:end]), *shape[end:]))


def unflatten(x, dim, sizes):
    dim, shape = dim % np.ndim(x), np.shape(x)
    known = math.prod(n for n in sizes if n != -1)
    return reshape(x, (*shape[:dim], *(shape[dim] // known if n == -1 else n for n in sizes), *shape[dim + 1 :]))


def squeeze(x, dim=None):
    ndim = np.ndim(x)
    dims = range(ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    axes = tuple(d for d in dims if ndim and np.shape(x)[d] == 1)
    return np.squeeze(x, axis=axes) if axes else x


def expand(x, size, implicit=False):
    shape = np.shape(x)
    old = (1,) * (len(size) - len(shape)) + shape
    new = tuple(m if n == -1 else n for m, n in zip(old, size, strict=True))
    return x if new == shape else np.broadcast_to(x, new)


def detach(x):
    """The value of x, which in PyTorch shares the memory of x."""
    z = stop_gradient(x)
    if type(x) is Array:
        z._view = view_of(x, stop_gradient)
    return z


def along(x, dim, part):
    """x[…, part, …], with the part at axis `dim`."""
    return x[(slice(None),) * (dim % np.ndim(x)) + (part,)]


def split(x, sizes, dim=0):
    whole = np.shape(x)[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, whole - start) for start in range(0, whole, sizes)] or [0]
    ends = np.cumsum(sizes).tolist()
    return [along(x, dim, slice(end - size, end)) for size, end in zip(sizes, ends, strict=True)]


def chunk(x, chunks, dim=0):
    return split(x, max(-(-np.shape(x)[dim] // chunks), 1), dim)


def unbind(x, dim=0):
    return [along(x, dim, i) for i in range(np.shape(x)[dim])]


def concatenate(tensors, dim=0):
    """torch.cat; empty vectors are left out whatever the other shapes are, as in PyTorch (for old programs)."""
    kept = [x for x in tensors if np.shape(x) != (0,)]
    return np.concatenate(kept, axis=dim) if len(kept) > 1 else same_node(kept[0])


def unfold(x, dim, size, step):
    if np.ndim(x) == 0:
        return NotImplemented
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=dim)
    return windows if step == 1 else along(windows, dim % np.ndim(x), slice(None, None, step))


def pad(x, widths, mode="constant", value=None):
    pairs = [(0, 0)] * (np.ndim(x) - len(widths) // 2)
    pairs += [(widths[i], widths[i + 1]) for i in range(len(widths) - 2, -1, -2)]
    if mode != "constant":
        if min(widths) < 0:
            raise NotCovered(f"a negative padding with mode {mode!r}")
        name: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[mode]
        return np.pad(x, pairs, mode=name)
    cut = [slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, np.shape(x), strict=True)]
    x = x if min(widths, default=0) >= 0 else x[tuple(cut)]
    return np.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], constant_values=value or 0)


SHAPES: dict[str, Callable[..., Any]] = {
    "view": reshape,
    "_unsafe_view": reshape,
    "reshape": reshape,
    "view_as": lambda x, other: reshape(x, np.shape(other)),
    "reshape_as": lambda x, other: reshape(x, np.shape(other)),
    "flatten": flatten,
    "ravel": flatten,
    "unflatten": unflatten,
    "squeeze": squeeze,
    "unsqueeze": np.expand_dims,
    "permute": np.transpose,
    "transpose": np.swapaxes,
    "swapaxes": np.swapaxes,
    "t": np.transpose,
    "numpy_T": np.transpose,
    "mT": np.matrix_transpose,
    "movedim": np.moveaxis,
    "expand": expand,
    "expand_as": lambda x, other: expand(x, np.shape(other)),
    "broadcast_to": expand,
    "cat": concatenate,
    "concat": concatenate,
    "stack": lambda tensors, dim=0: np.stack(tensors, axis=dim),
    "split": split,
    "split_with_sizes": split,
    "chunk": chunk,
    "unbind": unbind,
    "flip": np.flip,
    "roll": lambda x, shifts, dims=(): np.roll(x, tuple(shifts), tuple(dims) or None),
    "repeat": np.tile,
    "tril": np.tril,
    "triu": np.triu,
    "diagonal": np.diagonal,
    "pad": pad,
    "constant_pad_nd": lambda x, widths, value=0: pad(x, widths, "constant", value),
    "unfold": unfold,
    "clone": lambda x, memory_format=None: same_node(x),
    "contiguous": lambda x, memory_format=None: x,
    "alias": lambda x: x,
    "lift_fresh": lambda x: x,
    "detach": detach,
    "_to_copy": lambda x, dtype=None, **_: cast(same_node(x), dtype),
}
