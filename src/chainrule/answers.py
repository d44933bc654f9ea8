"""Answers: for each function of NumPy or SciPy, the block (or function of blocks) that records a call of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.errors import RecordingError
from chainrule.node import at_line

__all__ = [
    "ANSWERS",
    "AS_NUMPY",
    "SAME_LAYOUT",
    "STEP_BY_STEP",
    "WRITES",
    "Above",
    "answer",
    "block_in_numpy",
    "from_objects",
    "full_name",
    "getitem_key",
    "in_another_library",
    "no_block_for",
    "pulled_in_numpy",
    "recorded_constant",
    "setitem_key",
    "under_another_value",
    "with_part",
]

ANSWERS: dict[Any, Callable[..., Any]] = {}
"""For each function of NumPy or SciPy, its answer.

`chainrule.block` fills it where the blocks are defined. A key may be a dotted name such as
`"scipy.special.expit"`: SciPy is slow to import, and code that calls its functions has imported it already.
"""


def answer(function: Any) -> Callable[..., Any] | None:
    """The answer for a function of NumPy or SciPy: a block or a function of blocks; None if there is none."""
    found = ANSWERS.get(function) or _named.get(function)
    if found is None:
        for name in _names_of(function):
            if name in ANSWERS:
                found = _named[function] = ANSWERS[name]
    return found


_named: dict[Any, Callable[..., Any]] = {}
"""Cache of the answers that were found by name."""


def _names_of(function: Any) -> Iterator[str]:
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc):  # ufuncs did not always know their module
        yield f"scipy.special.{name}"
    if module:
        yield f"{module}.{name}"


def full_name(function: Any) -> str:
    """The full name of a function of NumPy or SciPy, for errors: `numpy.linalg.svd`."""
    name = getattr(function, "__name__", "")
    module = getattr(function, "__module__", None)
    if isinstance(function, np.ufunc) and module in (None, "numpy"):
        module = "numpy" if getattr(np, name, None) is function else "scipy.special"
    return f"{module}.{getattr(function, '__name__', function)}".lstrip(".")


def no_block_for(name: str) -> RecordingError:
    """The error for a function without an answer."""
    return RecordingError(
        f"{name} has no block, so its gradient is not known{at_line()}\n"
        f"  write it with functions that have one, or make a block of it:\n"
        f"      @cr.block\n"
        f"      def my_block(x): ...            # plain NumPy\n"
        f"      @my_block.backward\n"
        f"      def my_block_backward(dz, z, x): ...   # ∂L/∂x from dz = ∂L/∂z"
    )


def getitem_key(x: Any, key: Any) -> Any:
    """Stands for `x[key]` in the table of answers, where NumPy has no function for it."""
    return x[key]


def setitem_key(x: Any, new: Any, key: Any) -> Any:
    """Stands for `x[key] = new` in the table of answers."""
    x[key] = new


class Above:
    """A function that recording calls but cannot import, because it uses blocks, which belong to a higher layer.

    >>> double = Above()
    >>> @double.is_
    ... def by_adding(x):
    ...     return x + x
    >>> double(3)
    6
    """

    __slots__ = ("function",)

    def is_(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Decorator: sets the function."""
        self.function = function
        return function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


recorded_constant = Above()
"""A plain array, recorded so that recorded values can be written into it."""

in_another_library = Above()
"""Converts a recorded NumPy array to the library of other arrays, as a step: `in_another_library(x, others)`."""

block_in_numpy = Above()
"""The block as computed by NumPy, for arrays of a library that lacks functions that its rules need.

Its rules raise `Unreachable` if NumPy cannot compute with these arrays.
"""

pulled_in_numpy = Above()
"""The gradients of the given block's operands, by NumPy: `pulled_in_numpy(block, dz, z, operands, params, wanted)`."""

under_another_value = Above()
"""A recorded result with NumPy's own value, as a new step; the rule keeps the value that it has computed."""

with_part = Above()
"""A complex array after a write into a view of its real or imaginary part: `with_part(z, steps of the view, new)`."""

from_objects = Above()
"""The entries of an array of dtype object, stacked to one recorded array."""

AS_NUMPY: set[Any] = {
    *(getitem_key, setitem_key),
    *(np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std, np.where, np.reshape, np.ravel),
    *(np.transpose, np.concatenate, np.concat, np.stack, np.astype, np.copy, np.broadcast_to),
    *(np.zeros_like, np.ones_like, np.empty_like, np.zeros, np.ones, np.empty),
    *(np.apply_along_axis, np.apply_over_axes, np.piecewise),  # they call functions of the user
}
"""Functions whose answers compute NumPy's value themselves; these are the functions that are called most.

For all others NumPy's own function gives the value, and the answer records the step (see `numpy_value.py`).
"""

STEP_BY_STEP: set[Any] = set()
"""Methods of ufuncs whose answers follow the definition: one entry after the other, from the left.

The answer's value is kept, because with AVX-512 NumPy's `power.reduce` and `arctan2.reduce` are wrong on the last axis.
"""

WRITES: set[Any] = {
    *(np.put, np.place, np.putmask, np.copyto, np.put_along_axis, np.fill_diagonal),
    *(np.median, np.nanmedian, np.quantile, np.nanquantile, np.percentile, np.nanpercentile, np.nan_to_num),
}
"""Functions that write into an argument."""

SAME_LAYOUT: set[Any] = {
    *(np.sum, np.mean, np.prod, np.max, np.min, np.var, np.std, np.cumsum, np.matmul, np.dot, np.where, np.clip),
    *(np.outer, np.inner, np.diag, np.tril, np.triu, np.roll, np.cumprod, np.diff, np.nan_to_num, np.round),
    *(np.concatenate, np.stack, np.vstack, np.hstack, np.copy, np.astype, np.conjugate, np.sort),
    *(np.zeros_like, np.ones_like, np.empty_like, np.full_like, np.zeros, np.ones, np.empty, np.full),
}
"""Functions whose answers return results with NumPy's memory layout.

Other answers may return another memory order. This matters only to `reshape`, which in NumPy is a view or a copy
depending on that order; for such results it counts as unknown (see `View`).
"""
