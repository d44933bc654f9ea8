"""Sizes: checks that the result of a step fits its operands.

Compiled code has no bounds checks. So each step is checked when it is made: an operation may read only existing entries
of its operands, and must write all entries of its result.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.compile.values import KERNEL_OPS, REDUCTIONS, Value, tail_of
from chainrule.errors import CompilerError

__all__ = ["require_fitting"]

Shape = tuple[int, ...]


def require_fitting(value: Value) -> None:
    """Raise CompilerError where a step does not fit its operands.

    >>> x = Value("input", shape=(2,))
    >>> require_fitting(Value("reshape", (x,), shape=(2, 1)))
    >>> require_fitting(Value("reshape", (x,), shape=(2, 2)))
    Traceback (most recent call last):
        ...
    chainrule.errors.CompilerError: a step that does not fit: reshape of (2,) to (2, 2)
    """
    fits = FITS.get(value.op, _entry_by_entry if value.op in KERNEL_OPS else None)
    if fits is not None and not fits(value, *(a.shape for a in value.args)):
        operands = " and ".join(str(a.shape) for a in value.args)
        raise CompilerError(f"a step that does not fit: {value.op} of {operands} to {value.shape}")


def _entry_by_entry(value: Value, *operands: Shape) -> bool:
    return all(_repeats(shape, value.shape) for shape in operands)


def _repeats(small: Shape, large: Shape) -> bool:
    """Whether an array can be broadcast to a shape."""
    along = large[len(large) - len(small) :]
    return len(small) <= len(large) and all(n in (1, m) for n, m in zip(small, along, strict=True))


def _view(value: Value, x: Shape) -> bool:
    return [n for n in x if n != 1] == [n for n in value.shape if n != 1]


def _reshape(value: Value, x: Shape) -> bool:
    return math.prod(x) == math.prod(value.shape)


def _transpose(value: Value, x: Shape) -> bool:
    order = value.params["order"]
    return sorted(order) == list(range(len(x))) and value.shape == tuple(x[a] for a in order)


def _one_hot(value: Value, labels: Shape) -> bool:
    return value.shape[:-1] == labels


def _reduction(value: Value, x: Shape) -> bool:
    return value.shape == _kept(value, x)


def _pick(value: Value, x: Shape, label: Shape) -> bool:
    """One label for each row, or one number for all rows."""
    return value.shape == _kept(value, x) and (label == value.shape or "number" in value.args[1].params)


def _kept(value: Value, x: Shape) -> Shape:
    return tuple(n for a, n in enumerate(x) if a not in value.params["axes"])


def _matmul(value: Value, x: Shape, y: Shape) -> bool:
    x, y = (
        (*shape[:-2], shape[-1], shape[-2]) if turned and len(shape) > 1 else shape
        for shape, turned in zip((x, y), value.params["turned"], strict=True)
    )
    inner = y[-2] if len(y) > 1 else y[0]
    lead = np.broadcast_shapes(x[:-2], y[:-2])
    return x[-1] == inner and value.shape == (*lead, *x[-2:-1], *(y[-1:] if len(y) > 1 else ()))


def _part(value: Value, shape: Shape) -> Shape:
    """The shape of the part of an array that a key selects."""
    return np.broadcast_to(0, shape)[(..., *value.params["key"])].shape


def _slice(value: Value, x: Shape) -> bool:
    return value.shape == _part(value, x)


def _place(value: Value, x: Shape) -> bool:
    return _repeats(x, _part(value, value.shape))


def _diagonal(value: Value, x: Shape) -> bool:
    return _repeats(x, value.shape) and all(value.shape[a] == value.shape[b] for a, b in value.params["pairs"])


def _accumulate(value: Value, x: Shape) -> bool:
    return x == value.shape and 0 <= value.params["axis"] < len(x)


def _set(value: Value, x: Shape, y: Shape) -> bool:
    return _repeats(x, value.shape) and _repeats(y, _part(value, value.shape))


def _increase(value: Value, x: Shape, y: Shape) -> bool:
    return x == value.shape and y == () == _part(value, x)


def _concatenate(value: Value, *operands: Shape) -> bool:
    axis = value.params["axis"]
    others = {(*x[:axis], *x[axis + 1 :]) for x in (*operands, value.shape)}
    return len(others) == 1 and sum(x[axis] for x in operands) == value.shape[axis]


def _solve(value: Value, a: Shape, b: Shape) -> bool:
    return len(a) > 1 and a == (*b[:-2], b[-2], b[-2]) and value.shape == b


def _det(value: Value, a: Shape) -> bool:
    return len(a) > 1 and a[-1] == a[-2] and value.shape == a[:-2]


def _cholesky(value: Value, a: Shape) -> bool:
    return len(a) > 1 and a[-1] == a[-2] and value.shape == a


def _factors(value: Value, a: Shape) -> bool:
    return len(a) > 1 and a[-1] == a[-2] and value.shape == _with_tail(value, a)


def _solved(value: Value, a: Shape, b: Shape) -> bool:
    return a == _with_tail(value, (*b[:-2], b[-2], b[-2])) and value.shape == b


def _of_factors(value: Value, a: Shape) -> bool:
    n = a[-1]
    return a == _with_tail(value, (*a[:-2], n, n)) and value.shape == a[:-2]


def _with_tail(value: Value, a: Shape) -> Shape:
    """The shape of square matrices with their factors and pivots."""
    return (*a[:-2], a[-2] + tail_of(value.dtype), a[-1])


FITS: dict[str, Callable[..., bool]] = {
    "view": _view,
    "reshape": _reshape,
    "transpose": _transpose,
    "one_hot": _one_hot,
    "pick": _pick,
    "matmul": _matmul,
    "slice": _slice,
    "place": _place,
    "diagonal": _diagonal,
    "accumulate": _accumulate,
    "set": _set,
    "increase": _increase,
    "concatenate": _concatenate,
    "solve": _solve,
    "det": _det,
    "cholesky": _cholesky,
    "factors": _factors,
    "solved": _solved,
    "solved_by_triangle": _solve,
    "sign_of_factors": _of_factors,
    "logarithm_of_factors": _of_factors,
    **dict.fromkeys(REDUCTIONS - {"pick"}, _reduction),
}
"""For each operation, a test whether its result fits operands of these shapes."""
