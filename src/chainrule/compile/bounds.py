"""Bounds: the range of a value for any operands, and where it can be NaN.

A product with a cotangent is 0 where the cotangent is 0, even if the slope is infinite or NaN (`product_or_zero`). That
costs a comparison and a select per entry. Both are dropped where the slope is bounded and can be NaN only where the
cotangent is NaN too. Interval arithmetic: R. E. Moore, Interval analysis (1966).
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.block.bounds import ANY, Bounds, Range, of_operand
from chainrule.compile.operations import BLOCK_OF
from chainrule.compile.values import Value

__all__ = ["grows", "grows_alone", "is_plain_product", "lowest", "may_be_infinite", "may_overflow", "numerators"]

DEPTH, MOST = 12, 64
"""Limits of the search: depth in operations for bounds, number of values for NaN."""


def is_plain_product(dz: Value, slope: Value) -> bool:
    """Whether the plain product dz · slope is 0 wherever dz is 0.

    >>> x = Value("input", shape=(3,))
    >>> slope = Value("exp", (Value("negative", (Value("square", (x,), shape=(3,)),), shape=(3,)),), shape=(3,))
    >>> is_plain_product(Value("tanh", (x,), shape=(3,)), slope), is_plain_product(Value("input", shape=(3,)), slope)
    (True, False)
    """
    leaves: set[Value] = set()
    bounds = _range(slope, leaves, DEPTH, {})
    return not bounds.is_infinite and leaves <= _spreads_nan(dz)


def may_be_infinite(value: Value) -> bool:
    """Whether the range of a value has no known bounds."""
    return _range(value, set(), DEPTH, {}).is_infinite


def numerators(dz: Value) -> list[Value] | None:
    """The factors of a cotangent, without its numbers and its divisors; the divisors can be infinite.

    None if there is no divisor; the cotangent is then 0 only where a factor is 0.
    """
    found: list[Value] = []
    stack, divided = [dz], False
    while stack:
        v = stack.pop()
        if v.op in ("negative", "multiply", "product_or_zero"):
            stack.extend(v.args)
        elif v.op == "reciprocal" or (v.op == "divide" and "number" not in v.args[1].params):
            divided = True
            stack.extend(v.args[:-1])
        elif v.op == "divide":
            stack.append(v.args[0])
        elif not v.params.get("number") and v not in found:
            found.append(v)
    return found if divided else None


GROWING_WITH = frozenset("add subtract multiply divide negative absolute square power product_or_zero view".split())
"""The operations whose results are large only where their operands are."""


def grows(value: Value) -> bool:
    """Whether a value overflows where its operand is still far from overflow, as exp does."""
    return value.op in BLOCK_OF and BLOCK_OF[value.op].grows


def may_overflow(slope: Value, depth: int = 6) -> bool:
    """Whether a value can overflow to infinity although the function's operands are finite."""
    if grows(slope):
        return True
    operands = slope.args[:1] if slope.op == "divide" else slope.args
    return depth > 0 and slope.op in GROWING_WITH and any(may_overflow(a, depth - 1) for a in operands)


def lowest(value: Value) -> float:
    """The lower end of a value's range."""
    return _range(value, set(), DEPTH, {}).low


def grows_alone(value: Value) -> bool:
    """Whether a value is infinite only if the slope of its block (such as exp) is infinite, so 0 · slope is NaN.

    >>> x = Value("input", shape=(3,))
    >>> e = Value("exp", (x,), shape=(3,))
    >>> grows_alone(Value("negative", (e,), shape=(3,))), grows_alone(Value("square", (e,), shape=(3,)))
    (True, False)
    """
    while not grows(value):
        operands = [a for a in value.args if "number" not in a.params]
        if value.op not in GROWING_WITH or len(operands) != 1 or not _keeps_finite(value):
            return False
        value = operands[0]
    return True


def _keeps_finite(value: Value) -> bool:
    """Whether an operation on one operand and numbers is finite wherever the operand is."""
    bounds = _bounds_of(value)
    if bounds is None:
        return False
    largest = float(np.finfo(value.dtype).max)
    finite = Range(-largest, largest)
    found = bounds(*[_number(a) or finite for a in value.args])
    with np.errstate(over="ignore"):
        return bool(np.isfinite(value.dtype.type([found.low, found.high])).all())


def _range(value: Value, leaves: set[Value], depth: int, known: dict[Value, Range]) -> Range:
    """The range of a value, which can be NaN only where one of the leaves is."""
    number = _number(value)
    if number is not None:
        return number
    bounds = _bounds_of(value)
    if depth == 0 or bounds is None:
        leaves.add(value)
        return ANY
    if value not in known:
        known[value] = bounds(*[_range(a, leaves, depth - 1, known) for a in value.args])
        if known[value].nan:
            leaves.add(value)
    return known[value]


def _number(value: Value) -> Range | None:
    """The range of a number that is not NaN; None for other values."""
    number = float(value.params.get("number", math.nan))
    return None if math.isnan(number) else Range(number, number)


def _spreads_nan(value: Value) -> set[Value]:
    """The values whose NaN this one propagates, entry by entry."""
    found: set[Value] = set()
    stack = [value]
    while stack and len(found) < MOST:
        v = stack.pop()
        if v in found:
            continue
        found.add(v)
        if _bounds_of(v) is not None:
            stack.extend(v.args)
        elif v.op == "product_or_zero" and _goes_along(v):
            stack.append(v.args[0])
    return found


def _bounds_of(value: Value) -> Bounds | None:
    """The bounds of an elementwise operation; None if not known."""
    if not _goes_along(value):
        return None
    if value.op == "view":
        return of_operand
    block = BLOCK_OF.get(value.op)
    return None if block is None else block.bounds


def _goes_along(value: Value) -> bool:
    """Whether the value is elementwise in its operands that are not numbers."""
    return value.dtype.kind == "f" and all(a.shape in (value.shape, ()) for a in value.args)
