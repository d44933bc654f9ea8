"""Bounds: between which numbers a value lies, whatever its operands are, and where it can be NaN.

A product with a cotangent is 0 where the cotangent is, though the slope be infinite or NaN (`product_or_zero`). That
costs a comparison and a choice for each entry, and goes away where a slope is bounded, and can be NaN only where the
cotangent is NaN too. Interval arithmetic: R. E. Moore, Interval analysis (1966).
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from chainrule.compile.values import Value

__all__ = ["is_plain_product"]

DEPTH, MOST = 12, 64
"""How far to look back: so many operations deep for bounds, at so many values for NaN."""

Range = tuple[float, float]
ALL: Range = (-math.inf, math.inf)


def is_plain_product(dz: Value, slope: Value) -> bool:
    """Whether dz · slope is 0 wherever dz is, without being asked.

    >>> x = Value("input", shape=(3,))
    >>> slope = Value("exp", (Value("negative", (Value("square", (x,), shape=(3,)),), shape=(3,)),), shape=(3,))
    >>> is_plain_product(Value("tanh", (x,), shape=(3,)), slope), is_plain_product(Value("input", shape=(3,)), slope)
    (True, False)
    """
    leaves: set[Value] = set()
    bounds = _range(slope, leaves, DEPTH, {})
    return bounds is not None and all(map(math.isfinite, bounds)) and leaves <= _spreads_nan(dz)


def _range(value: Value, leaves: set[Value], depth: int, known: dict[Value, Range | None]) -> Range | None:
    """Between which numbers a value lies; None if it can be NaN where none of the leaves is."""
    if value.op == "constant" and "number" in value.params:
        number = float(value.params["number"])
        return None if math.isnan(number) else (number, number)
    if depth == 0 or value.op not in RANGES or not _goes_along(value):
        leaves.add(value)
        return ALL
    if value not in known:
        operands = [_range(a, leaves, depth - 1, known) for a in value.args]
        found = None if None in operands else RANGES[value.op](*operands)
        known[value] = None if found is None or any(map(math.isnan, found)) else found
    return known[value]


def _spreads_nan(value: Value) -> set[Value]:
    """The values whose NaN this one has too, entry by entry."""
    found: set[Value] = set()
    stack = [value]
    while stack and len(found) < MOST:
        v = stack.pop()
        if v in found:
            continue
        found.add(v)
        if v.op in RANGES and _goes_along(v):
            stack.extend(v.args)
        elif v.op == "product_or_zero" and _goes_along(v):
            stack.append(v.args[0])
    return found


def _goes_along(value: Value) -> bool:
    """Whether each entry is computed from the entries at the same place, and from numbers."""
    return value.dtype.kind == "f" and all(a.shape in (value.shape, ()) for a in value.args)


def _rising(function: Callable[[float], float]) -> Callable[[Range], Range]:
    def bounds(x: Range) -> Range:
        with np.errstate(all="ignore"):
            return float(function(x[0])), float(function(x[1]))

    return bounds


def _add(x: Range, y: Range) -> Range | None:
    return None if math.inf in (x[1], -x[0]) and math.inf in (y[1], -y[0]) else (x[0] + y[0], x[1] + y[1])


def _negative(x: Range) -> Range:
    return -x[1], -x[0]


def _multiply(x: Range, y: Range) -> Range | None:
    for a, b in ((x, y), (y, x)):
        if a[0] <= 0 <= a[1] and not all(map(math.isfinite, b)):
            return None
    products = [a * b for a in x for b in y]
    return min(products), max(products)


def _absolute(x: Range) -> Range:
    low, high = sorted(map(abs, x))
    return (0.0 if x[0] <= 0 <= x[1] else low), high


def _square(x: Range) -> Range:
    low, high = _absolute(x)
    return low * low, high * high


def _periodic(x: Range) -> Range | None:
    return (-1.0, 1.0) if all(map(math.isfinite, x)) else None


RANGES: dict[str, Callable[..., Range | None]] = {
    "add": _add,
    "subtract": lambda x, y: _add(x, _negative(y)),
    "multiply": _multiply,
    "negative": _negative,
    "absolute": _absolute,
    "square": _square,
    "maximum": lambda x, y: (max(x[0], y[0]), max(x[1], y[1])),
    "minimum": lambda x, y: (min(x[0], y[0]), min(x[1], y[1])),
    "exp": _rising(np.exp),
    "tanh": _rising(np.tanh),
    "arctan": _rising(np.arctan),
    "sigmoid": lambda x: (0.0, 1.0),
    "erf": lambda x: (-1.0, 1.0),
    "erfc": lambda x: (0.0, 2.0),
    "sin": _periodic,
    "cos": _periodic,
    "view": lambda x: x,
}
"""For each operation that has NaN where an operand has: the bounds of its result."""
