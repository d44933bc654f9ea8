"""Operators that reduce axes, and those that choose or sort entries along one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.blocks import normalisation
from chainrule.pytorch.operators.conventions import axes_of, cast, chosen_by_pytorch, same_node

__all__ = ["REDUCTIONS"]


def reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, dim=None, keepdim=False, dtype=None: function(cast(x, dtype), axis=axes_of(dim), keepdims=keepdim)


def spread(function: Callable[..., Any]) -> Callable[..., Any]:
    """`var` and `std`, whose second argument is either the axes or whether to divide by n − 1."""

    def rule(x, dim=None, unbiased=True, keepdim=False, correction=None):
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        ddof = int(unbiased) if correction is None else correction
        return function(x, axis=axes_of(dim), ddof=ddof, keepdims=keepdim)

    return rule


variance, deviation = spread(np.var), spread(np.std)


def with_mean(function: Callable[..., Any]) -> Callable[..., Any]:
    def rule(x, dim=None, unbiased=True, keepdim=False, correction=None):
        axes = None if isinstance(dim, bool) else axes_of(dim)
        return function(x, dim, unbiased, keepdim, correction), np.mean(x, axis=axes, keepdims=keepdim)

    return rule


def _entries(x, indices, dim):
    """The entries of x that PyTorch chose along an axis; so ties are resolved as there."""
    if np.ndim(x) == 0:
        return same_node(x), None
    if np.ndim(indices) == np.ndim(x):
        return np.take_along_axis(x, indices, axis=dim), None
    return np.squeeze(np.take_along_axis(x, np.expand_dims(indices, dim), axis=dim), axis=dim), None


@chosen_by_pytorch
def chosen(result, x, dim=-1, *how, **more):
    return _entries(x, result[1], dim)


@chosen_by_pytorch
def ranked(result, x, k, dim=-1, *how, **more):
    return _entries(x, result[1], dim)


def vector_norm(x, ord=2, dim=None, keepdim=False, dtype=None):
    return np.linalg.vector_norm(cast(x, dtype), ord=ord, axis=axes_of(dim), keepdims=keepdim)


REDUCTIONS: dict[str, Callable[..., Any]] = {
    "sum": reduction(np.sum),
    "mean": reduction(np.mean),
    "prod": reduction(np.prod),
    "amax": reduction(np.max),
    "amin": reduction(np.min),
    "max.default": np.max,
    "min.default": np.min,
    "max.other": np.maximum,
    "min.other": np.minimum,
    "max.dim": chosen,
    "min.dim": chosen,
    "median.dim": chosen,
    "mode": chosen,
    "cummax": chosen,
    "cummin": chosen,
    "sort": chosen,
    "topk": ranked,
    "kthvalue": ranked,
    "var": variance,
    "std": deviation,
    "var_mean": with_mean(variance),
    "std_mean": with_mean(deviation),
    "logsumexp": lambda x, dim, keepdim=False: normalisation.logsumexp(x, axis=axes_of(dim), keepdims=keepdim),
    "linalg_vector_norm": vector_norm,
    "cumsum": lambda x, dim, dtype=None: np.cumsum(cast(x, dtype), axis=dim),
    "cumprod": lambda x, dim, dtype=None: np.cumprod(cast(x, dtype), axis=dim),
}
