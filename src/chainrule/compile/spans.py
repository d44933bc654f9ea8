"""Spans: the range of an index, so that the translation can prove that code stays inside its arrays.

A length that is not known while translating has a name, its *token*, which can bound an index. Interval arithmetic:
R. E. Moore, Interval analysis (1966).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

__all__ = ["ANY", "Span", "along", "combined", "exactly", "extreme", "joined", "wraps"]


class Span(NamedTuple):
    """The known range of an integer.

    Attributes
    ----------
    low, high : its least and largest value; None if not known.
    below : pairs (token, n): it is at most the length named token, plus n.
    multiple : a divisor of the integer.
    """

    low: int | None = None
    high: int | None = None
    below: tuple[tuple[Any, int], ...] = ()
    multiple: int = 1


ANY = Span()


def exactly(n: int) -> Span:
    return Span(n, n)


def along(start: Span, stop: Span, step: int) -> Span:
    """The index of a loop from start to before stop.

    >>> along(exactly(0), exactly(10), 4)
    Span(low=0, high=8, below=(), multiple=1)
    """
    if start.low == start.high and stop.low == stop.high and start.low is not None and stop.low is not None:
        places = range(start.low, stop.low, step)
        return Span(places[0], places[-1]) if places else Span(0, -1)
    if step < 1:
        return ANY
    short = step if start.low == start.high == 0 and stop.multiple % step == 0 else 1
    high = None if stop.high is None else stop.high - short
    return Span(start.low, high, tuple((token, n - short) for token, n in stop.below))


def joined(x: Span, y: Span) -> Span:
    """The span of a number that is one or the other."""
    low = None if x.low is None or y.low is None else min(x.low, y.low)
    high = None if x.high is None or y.high is None else max(x.high, y.high)
    return Span(low, high, tuple(pair for pair in x.below if pair in y.below))


def extreme(name: str, x: Span, y: Span) -> Span:
    """The span of the "maximum" or "minimum" of two numbers."""
    lows, highs = ([n for n in ends if n is not None] for ends in ((x.low, y.low), (x.high, y.high)))
    if name == "minimum":
        return Span(min(lows) if len(lows) == 2 else None, min(highs, default=None), x.below + y.below)
    return Span(max(lows, default=None), max(highs) if len(highs) == 2 else None)


def wraps(span: Span, bits: int) -> bool:
    """Whether a result may overflow an integer of this many bits."""
    limit = 1 << (bits - 1)
    return not (span.low is not None and span.high is not None and -limit <= span.low <= span.high < limit)


def combined(op: str, x: Span, y: Span) -> Span:
    """The span of the result of an operation on integers."""
    return RESULTS[op](x, y) if op in RESULTS else ANY


def _add(x: Span, y: Span) -> Span:
    below = [(token, n + y.high) for token, n in x.below if y.high is not None]
    below += [(token, n + x.high) for token, n in y.below if x.high is not None]
    return Span(_sum(x.low, y.low), _sum(x.high, y.high), tuple(below))


def _subtract(x: Span, y: Span) -> Span:
    return _add(x, Span(None if y.high is None else -y.high, None if y.low is None else -y.low))


def _sum(x: int | None, y: int | None) -> int | None:
    return None if x is None or y is None else x + y


def _multiply(x: Span, y: Span) -> Span:
    if None in (x.low, x.high, y.low, y.high):
        return Span(0) if _at_least(x, 0) and _at_least(y, 0) else ANY
    ends = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]  # type: ignore[operator]
    return Span(min(ends), max(ends))


def _modulo(x: Span, y: Span) -> Span:
    return Span(0, y.high - 1) if _at_least(y, 1) and y.high is not None else ANY


def _floor_divide(x: Span, y: Span) -> Span:
    if y.low != y.high or not _at_least(y, 1):
        return ANY
    low, high = (None if n is None else n // y.low for n in (x.low, x.high))  # type: ignore[operator]
    return Span(low, high)


def _bits_of_both(x: Span, y: Span) -> Span:
    highs = [s.high for s in (x, y) if _at_least(s, 0) and s.high is not None]
    return Span(0, min(highs)) if highs else ANY


def _shift_right(x: Span, y: Span) -> Span:
    if y.low != y.high or y.low is None or not _at_least(x, 0):
        return ANY
    return Span(x.low >> y.low, None if x.high is None else x.high >> y.low)  # type: ignore[operator]


def _at_least(x: Span, n: int) -> bool:
    return x.low is not None and x.low >= n


RESULTS: dict[str, Callable[[Span, Span], Span]] = {
    "+": _add,
    "-": _subtract,
    "*": _multiply,
    "%": _modulo,
    "//": _floor_divide,
    "&": _bits_of_both,
    ">>": _shift_right,
}
