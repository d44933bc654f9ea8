"""Rules about shapes and dtypes: one rearrangement after another."""

from __future__ import annotations

import math
from typing import Any

from chainrule.blocks.copies import cast
from chainrule.blocks.indexing import add_at, getitem, is_whole
from chainrule.blocks.normalisation import logsumexp
from chainrule.blocks.reductions import max_, mean, min_, prod
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape, transpose
from chainrule.simplify.builder import Builder, shape_and_dtype
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape
from chainrule.simplify.structure import kept_shape

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(broadcast_to, reshape)
def to_the_same_shape(build: Builder, x: Any, **params: Any) -> Any:
    """reshape(x, x.shape) = x."""
    return x if params["shape"] == shape(x) else None


@rule(reshape, of=(reshape,))
def reshape_twice(build: Builder, x: Any, **params: Any) -> Any:
    """reshape(reshape(x, a), b) = reshape(x, b)."""
    return build.call(reshape, x.inputs[0], **params)


@rule(broadcast_to, of=(broadcast_to,))
def broadcast_twice(build: Builder, x: Any, **params: Any) -> Any:
    """broadcast_to(broadcast_to(x, a), b) = broadcast_to(x, b)."""
    return build.call(broadcast_to, x.inputs[0], **params)


REDUCTIONS = (sum_, mean, max_, min_, prod, logsumexp)


@rule(reshape, getitem, of=REDUCTIONS)
def kept_axes(build: Builder, x: Any, *indices: Any, **params: Any) -> Any:
    """sum(x, axis)[…, None] = sum(x, axis, keepdims=True), and so for other reductions."""
    inner = made_by(x, build, *REDUCTIONS)
    if inner is None or not build.dies(inner):
        return None
    key = params.get("key", ())
    if not is_whole(key):
        return None
    made = params.get("shape") or _indexed_shape(key, shape(x))
    if made != kept_shape(inner):
        return None
    return build.call(inner.block, inner.inputs[0], axis=inner.params["axis"], keepdims=True)


@rule(add_at)
def put_back_axes(build: Builder, x: Any, *indices: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """add_at with a key of new axes and full slices is a reshape."""
    return build.call(reshape, x, shape=shape) if is_whole(key) and x.value.size == math.prod(shape) else None


def _indexed_shape(key: tuple[Any, ...], old: tuple[int, ...]) -> tuple[int, ...]:
    """The shape after an index of new axes and full slices of the last axes."""
    rest = list(old[len(old) - sum(part is not None for part in key) :])
    return old[: len(old) - len(rest)] + tuple(1 if part is None else rest.pop(0) for part in key)


@rule(cast)
def to_the_same_dtype(build: Builder, x: Any, dtype: Any) -> Any:
    """cast(x, x.dtype) = x."""
    return x if shape_and_dtype(x)[1] == dtype else None


@rule(transpose)
def transpose_twice(build: Builder, x: Any, axes: tuple[int, ...]) -> Any:
    """(xᵀ)ᵀ = x, and a transpose that moves no axis is x."""
    still = tuple(range(-len(axes), 0))
    if axes == still:
        return x
    inner = made_by(x, build, transpose)
    if inner is None:
        return None
    both = tuple(inner.params["axes"][a] for a in axes)
    return inner.inputs[0] if both == still else build.call(transpose, inner.inputs[0], axes=both)
