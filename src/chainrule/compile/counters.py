"""Python's integers among the arguments: compiled in, or operands that change from call to call.

An integer may be a length, an axis, a number of steps; so at first each value makes a new version. A counter, such as
the t of Adam, would make a new version on each call. After a few values the function is therefore recorded with the
integer as an operand. It stays one if only arithmetic depends on it that is exact for all integers of a range.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.block.bounds import Range
from chainrule.blocks.elementwise import divide, power
from chainrule.compile.recorder import Recorded, Signature
from chainrule.graph import graph_between
from chainrule.layout import bytes_of
from chainrule.node import Node

__all__ = ["Counters", "only_arithmetic", "same_result"]

FEW = 4
"""The first FEW values of an integer each make a version."""
MOST = 1 << 26
"""The square of a larger integer is not exact in float64."""
EXACT = 1 << 53
FAMILIES = 128


Interval = tuple[int, int]
"""A range of integers, both ends included."""
POSITIVE, NEGATIVE = (1, MOST), (-MOST, -1)
"""The ranges of an operand. 0 is left out: Python raises on division by 0, NumPy gives inf."""


class _ValuesSoFar:
    """The values of one integer argument so far."""

    def __init__(self) -> None:
        self.values: set[int] = set()
        self.refused: set[Interval] = set()

    def range_with(self, value: int) -> Interval | None:
        """Note a new `value`; returns the range in which this integer is an operand, or None if it is compiled in."""
        if len(self.values) <= FEW:
            self.values.add(value)
        within = POSITIVE if value > 0 else NEGATIVE
        often = len(self.values) > FEW and within not in self.refused
        return within if often and within[0] <= value <= within[1] else None


class Counters:
    """The state of all integer arguments of one function."""

    def __init__(self) -> None:
        self._families: dict[Any, dict[int, _ValuesSoFar]] = {}

    def ranges(self, signature: Signature) -> dict[int, Interval]:
        """The ranges of the integers that are operands for this call, by their positions among all arguments."""
        places = self._families.pop(signature.family, {})
        self._families[signature.family] = places  # the most recently used
        while len(self._families) > FAMILIES:
            del self._families[next(iter(self._families))]
        found = {
            place: places.setdefault(place, _ValuesSoFar()).range_with(value)
            for place, value in signature.integers.items()
        }
        return {place: within for place, within in found.items() if within is not None}

    def refuse(self, signature: Signature, ranges: Mapping[int, Interval]) -> None:
        """Compile these integers in: more than arithmetic depends on them."""
        for place, within in ranges.items():
            self._families[signature.family][place].refused.add(within)


# Whether only arithmetic depends on an integer -----------------------------------------------------------------------


def only_arithmetic(recorded: Recorded, ranges: Mapping[int, Interval]) -> bool:
    """Whether some inputs (Python integers) are used only in arithmetic that is exact in their ranges.

    Parameters
    ----------
    ranges : the ranges of those inputs, by their positions.
    """
    bounds: dict[Any, Range] = {recorded.inputs[i]: Range(*within) for i, within in ranges.items()}
    dependent: set[Any] = set(bounds)
    for node in graph_between(recorded.inputs, [*recorded.outputs, *(g.node for g in recorded.guards)]).nodes:
        if not any(type(x) is Node and x in dependent for x in node.inputs):
            continue
        dependent.add(node)
        if any(type(x) is Node and x in bounds for x in node.inputs):
            operands = [bounds.get(x) or _range_of(x) if type(x) is Node else _range_of(x) for x in node.inputs]
            if not _is_exact(node, operands, bounds):
                return False
    return all(guard.how == "truth" for guard in recorded.guards if guard.node in dependent)


def _range_of(x: Any) -> Range | None:
    """The range of an operand that is a Python integer; None for anything else."""
    value = x.value if type(x) is Node else x
    return Range(value, value) if type(value) is int and (type(x) is not Node or x.block is None) else None


def _is_exact(node: Node, operands: list[Range | None], bounds: dict[Any, Range]) -> bool:
    """Whether a step is arithmetic that is exact for the integers; notes the range of an integer result."""
    values = [x.value if type(x) is Node else x for x in node.inputs]
    if any(np.asarray(v).dtype.kind not in "fc" and r is None for v, r in zip(values, operands, strict=True)):
        return False  # with an array of integers it may wrap, or raise
    kind = np.asarray(node.value).dtype.kind
    if kind in "fc":
        return not _may_be_undefined(node, operands)
    if kind == "b":
        return True
    known = [r for r in operands if r is not None]
    rule = _power if node.block is power else node.block.bounds
    if rule is None or type(node.value) is not int or len(known) < len(operands) or node.params:
        return False
    found = rule(*known)
    if found is None or not max(-found.low, found.high) <= EXACT:
        return False
    bounds[node] = found
    return True


def _may_be_undefined(node: Node, operands: list[Range | None]) -> bool:
    """Whether Python may raise where NumPy gives inf, or return a complex number where NumPy gives NaN."""
    if node.block is divide:
        return operands[1] is not None and operands[1].holds_zero
    if node.block is power:
        base, exponent = operands
        may_be_zero = type(node.inputs[0]) is Node and type(node.inputs[0].value) is float
        return (base is not None and base.low < 1) or (exponent is not None and exponent.low < 0 and may_be_zero)
    return False


def _power(x: Range, y: Range) -> Range | None:
    """The range of a power with a small integer exponent."""
    if y.low != y.high or not 0 <= y.low <= 8:
        return None
    powers = [x.low**y.low, x.high**y.low] + ([0] if x.holds_zero else [])
    return Range(min(powers), max(powers))


def same_result(one: Recorded, other: Recorded) -> bool:
    """Whether two runs returned the same values, to the bit, with the same dtypes and types."""
    if len(one.outputs) != len(other.outputs):
        return False
    for a, b in zip(one.outputs, other.outputs, strict=True):
        x, y = (out.value if type(out) is Node else out for out in (a, b))
        if type(x) is not type(y) or np.shape(x) != np.shape(y):
            return False
        if isinstance(x, np.ndarray | np.generic | float | complex):
            if np.asarray(x).dtype != np.asarray(y).dtype or bytes_of(np.asarray(x)) != bytes_of(np.asarray(y)):
                return False
        elif x is not y and x != y:
            return False
    return True
