"""A function of one sample as a function of a batch: vmap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.argnums import name_of, needs_function
from chainrule.array import Array, form_of
from chainrule.errors import GradientError
from chainrule.hints import spelled
from chainrule.libraries import is_foreign, namespace_of
from chainrule.node import at_line
from chainrule.recording import computed
from chainrule.transforms import derived_from
from chainrule.trees import flatten

__all__ = ["vmap"]

Axes = Any
"""An axis, None, or a tree of them: a prefix of the argument's (or of the result's) tree."""


@spelled
def vmap(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """A function that calls f for each sample along an axis of its arguments, and stacks the results.

    Parameters
    ----------
    f : a function of arrays or trees of arrays, for one sample.
    in_axes : the axis of the samples in each argument: an int for all, or a tuple with an int, None (the argument is
        the same for all samples) or a tree of these for each. Keyword arguments have their samples along axis 0.
    out_axes : the axis of the samples in the result: an int, or a tree of them.

    The samples are computed one after the other, so f may contain any Python code, and branches on values.
    `cr.compile` compiles all of them into one program.

    Raises
    ------
    GradientError : the arguments have different numbers of samples, or none has an axis of samples.

    Gradients of each sample's loss, for the same weights:

    >>> import numpy as np, chainrule as cr
    >>> def loss(w, x, y):
    ...     return (x @ w - y) ** 2
    >>> X, y = np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([1.0, 1.0])
    >>> cr.vmap(cr.grad(loss), in_axes=(None, 0, 0))(np.array([3.0, 2.0]), X, y)
    array([[ 4.,  0.],
           [ 0., 12.]])

    References: `jax.vmap`, whose arguments these are.
    """
    needs_function(f, "vmap")

    def mapped(*args: Any, **kwargs: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple | list) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise GradientError(f"in_axes has {len(axes)} entries for {len(args)} arguments" + at_line())
        leaves, rebuild = flatten((tuple(args), kwargs))
        places = _axis_of_each((tuple(axes), dict.fromkeys(kwargs, 0)), (tuple(args), kwargs))
        count = _number_of_samples(f, leaves, places)
        results = []
        for i in range(count):
            sample = [x if axis is None else _entry(x, axis, i) for x, axis in zip(leaves, places, strict=True)]
            given, named = rebuild(sample)
            results.append(computed(f, given, named))
        return _stacked(results, out_axes)

    return derived_from(mapped, f, "vmap")


def _axis_of_each(axes: Axes, tree: Any) -> list[int | None]:
    """The axis of each leaf of a tree, from a tree of axes that may end earlier."""
    if axes is None or isinstance(axes, int):
        return [axes] * len(flatten(tree)[0])
    if isinstance(axes, dict):
        return [axis for name in sorted(tree) for axis in _axis_of_each(axes[name], tree[name])]
    if not isinstance(tree, tuple | list) or len(axes) != len(tree):
        raise GradientError(f"axes {axes!r} do not fit a {type(tree).__name__}; give an int or None" + at_line())
    return [axis for part, x in zip(axes, tree, strict=True) for axis in _axis_of_each(part, x)]


def _number_of_samples(f: Callable[..., Any], leaves: list[Any], places: list[int | None]) -> int:
    counts = {}
    for x, axis in zip(leaves, places, strict=True):
        if axis is not None:
            shape = np.shape(form_of(x))
            if not -len(shape) <= axis < len(shape):
                raise GradientError(
                    f"vmap of {name_of(f)}: an argument of shape {shape} has no axis {axis}; in_axes=None keeps it the "
                    "same for all samples" + at_line()
                )
            counts[shape[axis]] = shape
    if len(counts) > 1:
        (a, b), *_ = zip(counts, list(counts)[1:], strict=False)
        raise GradientError(
            f"vmap of {name_of(f)}: one argument has {a} samples (shape {counts[a]}), another {b} (shape {counts[b]})"
            + at_line()
        )
    if not counts:
        raise GradientError(f"vmap of {name_of(f)}: no argument has an axis of samples" + at_line())
    return next(iter(counts))


def _entry(x: Any, axis: int, i: int) -> Any:
    x = x if type(x) is Array or is_foreign(x) else np.asarray(x)
    return x[(slice(None),) * (axis % len(x.shape)) + (i,)]


def _stacked(results: list[Any], axes: Axes) -> Any:
    if not results:
        raise GradientError("vmap of no samples: the shape of the result is not known" + at_line())
    rows = [flatten(result)[0] for result in results]
    rebuild = flatten(results[0])[1]
    parts = []
    for axis, leaves in zip(_axis_of_each(axes, results[0]), zip(*rows, strict=True), strict=True):
        xp = np if any(type(x) is Array for x in leaves) else namespace_of(leaves)
        parts.append(xp.stack(leaves, axis=axis))
    return rebuild(parts)
