"""Products as dicts from each factor to its exponent.

A factor is any hashable object: a node in `sums.py`, an atom with indices in closed forms, a pattern in an identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

__all__ = ["common", "multiplied", "over", "raised"]

F = TypeVar("F")


def multiplied(product: Mapping[F, Any] | Iterable[tuple[F, Any]], *powers: tuple[F, Any]) -> dict[F, Any]:
    """A product times powers of some factors; factors that cancel are removed."""
    made = dict(product)
    for factor, e in powers:
        e = made.get(factor, 0) + e
        if e:
            made[factor] = e
        else:
            made.pop(factor, None)
    return made


def over(product: Mapping[F, Any], divisor: Mapping[F, Any]) -> dict[F, Any]:
    """A product divided by another."""
    return multiplied(product, *((factor, -e) for factor, e in divisor.items()))


def raised(product: Mapping[F, Any], e: Any) -> dict[F, Any]:
    """A product to a power that is not 0."""
    return {factor: n * e for factor, n in product.items()}


def common(products: Iterable[Mapping[F, Any]]) -> dict[F, Any]:
    """The common factor of all products: the smallest power of each factor (negative if all divide by it)."""
    first, *others = products
    shared = {}
    for factor, e in first.items():
        powers = [e, *(p.get(factor, 0) for p in others)]
        if min(powers) > 0 or max(powers) < 0:
            shared[factor] = min(powers, key=abs)
    return shared
