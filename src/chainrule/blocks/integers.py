"""Blocks of integers: labels, one-hot rows, and *steps*, which are computed from values without a gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.absent import with_absent_zeros
from chainrule.array import is_recorded
from chainrule.block import unlisted_block
from chainrule.blocks.indexing.entries import with_known_key
from chainrule.libraries import as_numpy, is_numpy, is_traced, takes_numpys
from chainrule.node import Node
from chainrule.step import record

__all__ = [
    "argsort",
    "as_known",
    "counted",
    "labels_fit",
    "of_values",
    "one_hot",
    "one_hot_rows",
    "step",
]


def counted(x: Any) -> Any:
    """Booleans as integers, so that sums count them; NumPy's sum of products of booleans would be `or`."""
    return x * 1 if x.dtype == bool else x


@unlisted_block(differentiable=False)
def labels_fit(xp, label, classes=1, ignored=None):
    """Whether all labels are between 0 and classes − 1, or the label of ignored rows."""
    fits = (label >= 0) & (label < classes)
    return xp.all(fits if ignored is None else fits | (label == ignored))


@unlisted_block(differentiable=False)
def one_hot_rows(xp, label, classes=1, dtype=None, absent=False):
    """Rows of zeros with a one at each label: shape label.shape + (classes,). `absent`: whether its zeros are."""
    return xp.astype(label[..., None] == xp.arange(classes), dtype)


@unlisted_block(differentiable=False)
def argsort(xp, x, axis=-1):
    """The indices that sort x; equal entries keep their order."""
    return np.argsort(x, axis=axis, kind="stable") if is_numpy(xp) else xp.argsort(x, axis=axis)


@unlisted_block(differentiable=False)
def of_values(xp, *operands, function=None):
    """A NumPy function of values. Its result has no gradient, and a shape that does not depend on values."""
    return function(*(as_numpy(x) if hasattr(x, "__dlpack__") and not is_traced(x) else x for x in operands))


of_values.needs_numpy = True


def step(function: Any, *operands: Any) -> Any:
    """The result of such a function (see `of_values`), recorded if an operand is, because it depends on values."""
    return (
        record(of_values, operands, {"function": function}) if any(map(is_recorded, operands)) else function(*operands)
    )


def as_known(node: Node) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The operands and parameters of a step, for readers that know all values (explanations).

    Results of steps are constants there, and recorded indices are put into the key.
    """
    operands, params = with_known_key(node)
    return tuple(x.value if type(x) is Node and x.block is of_values else x for x in operands), params


def one_hot(xp, label, classes, like):
    """Rows of absent zeros with a one at each label: shape label.shape + (classes,)."""
    if is_recorded(label):
        return one_hot_rows(label, classes=classes, dtype=like.dtype, absent=True)
    dtype = like.dtype if isinstance(like.dtype, np.dtype) else np.float64
    if type(label) is int:
        rows = np.zeros(classes, dtype)
        rows[label] = 1
    else:
        rows = np.zeros((*np.shape(label), classes), dtype)
        np.put_along_axis(rows, np.asarray(label)[..., None], 1, axis=-1)
    rows = with_absent_zeros(rows)
    return rows if dtype is like.dtype and takes_numpys(xp) else xp.asarray(rows, dtype=like.dtype)
