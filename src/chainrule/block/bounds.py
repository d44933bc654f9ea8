"""Bounds: the range of a block's result, from the ranges of its operands.

A block that declares its bounds is NaN wherever an operand is.
Interval arithmetic: R. E. Moore, Interval analysis (1966).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["ANY", "Bounds", "Range", "anything", "even", "falling", "of_operand", "rising", "within"]


LARGE = 1e100


class Range(NamedTuple):
    """The numbers from low to high.

    Attributes
    ----------
    open : for the lower and the upper end, whether no real number reaches it (although one may round to it): σ(x) is
        never 0 or 1. An infinite end is always open.
    nan : whether the result may be NaN where no operand is.
    """

    low: float
    high: float
    open: tuple[bool, bool] = (False, False)
    nan: bool = False

    @property
    def ends(self) -> tuple[tuple[float, bool], tuple[float, bool]]:
        """Each end, and whether it is open."""
        return (self.low, self.open[0] or self.low == -math.inf), (self.high, self.open[1] or self.high == math.inf)

    @property
    def is_positive(self) -> bool:
        """Whether every real number in it is positive."""
        return self.low > 0 or (self.low == 0 and self.open[0])

    @property
    def negated(self) -> Range:
        return Range(-self.high, -self.low, self.open[::-1], self.nan)

    @property
    def is_bounded(self) -> bool:
        """Whether it is bounded, far from overflow."""
        return self.low > -LARGE and self.high < LARGE

    @property
    def is_infinite(self) -> bool:
        return math.inf in (-self.low, self.high)

    @property
    def holds_zero(self) -> bool:
        return self.low <= 0 <= self.high


ANY = Range(-math.inf, math.inf)

Bounds = Callable[..., Range]
"""A function of the operands' ranges."""


def of_operand(x: Range, *rest: Range) -> Range:
    """Bounds of a block that only selects and arranges entries of its first operand."""
    return x._replace(nan=False)


def within(low: float, high: float, open: bool = False) -> Bounds:
    """Bounds that do not depend on the operands, of a block that may be NaN where an operand is infinite."""
    return lambda *xs: Range(low, high, (open, open), any(x.is_infinite for x in xs))


def anything(*xs: Range) -> Range:
    """Bounds of a result that may be any number, and NaN where an operand is infinite."""
    return ANY._replace(nan=any(x.is_infinite for x in xs))


def rising(function: Callable[[float], float]) -> Bounds:
    """Bounds of a function of one operand that rises with it, as log where it is defined."""

    def bounds(x: Range) -> Range:
        with np.errstate(all="ignore"):
            low, high = float(function(x.low)), float(function(x.high))
        if math.isnan(low) or math.isnan(high):
            return Range(-math.inf, math.inf if math.isnan(high) else high, nan=True)
        return Range(low, high, (x.ends[0][1], x.ends[1][1]))

    return bounds


def falling(function: Callable[[float], float]) -> Bounds:
    """Bounds of a function of one operand that falls with it."""
    return lambda x: negative(rising(lambda end: -function(end))(x))


def even(function: Callable[[float], float]) -> Bounds:
    """Bounds of a function of one operand that rises with its magnitude."""
    return lambda x: rising(function)(absolute(x))


# Arithmetic ----------------------------------------------------------------------------------------------------------


def add(x: Range, y: Range) -> Range:
    low, high = x.low + y.low, x.high + y.high
    nan = (x.high == math.inf and y.low == -math.inf) or (x.low == -math.inf and y.high == math.inf)
    open = x.open[0] or y.open[0], x.open[1] or y.open[1]
    return Range(-math.inf if low != low else low, math.inf if high != high else high, open, nan)


def negative(x: Range) -> Range:
    return Range(-x.high, -x.low, x.open[::-1])


def subtract(x: Range, y: Range) -> Range:
    return add(x, negative(y))


def multiply(x: Range, y: Range) -> Range:
    corners = []
    for a, a_is_open in x.ends:
        for b, b_is_open in y.ends:
            at_zero = (a == 0 and not a_is_open) or (b == 0 and not b_is_open)
            corners.append((0 if 0 in (a, b) else a * b, not at_zero and (a_is_open or b_is_open)))
    low, low_is_open = min(corners)
    high, high_is_closed = max((end, not is_open) for end, is_open in corners)
    nan = (x.holds_zero and y.is_infinite) or (y.holds_zero and x.is_infinite)
    return Range(low, high, (low_is_open, not high_is_closed), nan)


def reciprocal(x: Range) -> Range:
    if x.low < 0 < x.high or (0, False) in x.ends:
        return ANY
    low, high = (math.copysign(math.inf, x.low + x.high) if end == 0 else 1 / end for end in (x.high, x.low))
    return Range(low, high, (x.ends[1][1], x.ends[0][1]))


def divide(x: Range, y: Range) -> Range:
    nan = (x.holds_zero and y.holds_zero) or (x.is_infinite and y.is_infinite)
    return multiply(x, reciprocal(y))._replace(nan=nan)


def remainder(x: Range, y: Range) -> Range:
    """Bounds of a remainder with a positive divisor; for others nothing is known."""
    return Range(0, y.high) if y.low > 0 and not x.is_infinite else ANY._replace(nan=True)


def absolute(x: Range) -> Range:
    if x.low < 0 < x.high:
        return Range(0, max(-x.low, x.high))
    return x if x.low >= 0 else negative(x)


def square(x: Range) -> Range:
    x = absolute(x)
    return Range(x.low * x.low, x.high * x.high, x.open)


def maximum(x: Range, y: Range) -> Range:
    low, high = max(x.low, y.low), max(x.high, y.high)
    return Range(low, high, ((low, True) in (x.ends[0], y.ends[0]), (high, False) not in (x.ends[1], y.ends[1])))


def minimum(x: Range, y: Range) -> Range:
    return negative(maximum(negative(x), negative(y)))


def periodic(x: Range) -> Range:
    """Bounds of sine and cosine."""
    return Range(-1.0, 1.0, nan=x.is_infinite)


# Reductions ----------------------------------------------------------------------------------------------------------


def total(x: Range) -> Range:
    """Bounds of a sum of some entries."""
    low, high = x.low if x.low >= 0 else -math.inf, x.high if x.high <= 0 else math.inf
    return Range(low, high, x.open, _mixes_infinities(x))


def mean(x: Range) -> Range:
    """Bounds of a mean, a maximum or a minimum, which lie between the entries."""
    return x._replace(nan=_mixes_infinities(x))


def _mixes_infinities(x: Range) -> bool:
    return -x.low == x.high == math.inf
