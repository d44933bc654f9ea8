"""Rules for masked products: if no entry can be masked, they become plain products, whose factors may cancel."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.block import product_or_zero, unless_masked
from chainrule.blocks.elementwise import multiply
from chainrule.blocks.limits import with_limit
from chainrule.node import Node
from chainrule.simplify.builder import CONSTANT, Builder
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape
from chainrule.simplify.structure import Axes, origins, sources

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(product_or_zero, of=(CONSTANT,))
def product_that_is_never_masked(build: Builder, dz: Any, slope: Any) -> Any:
    """dz s is a plain product if dz is a constant without zeros or s a finite constant."""
    never = np.all(np.not_equal(dz, 0)) if type(slope) is Node else np.all(np.isfinite(slope))
    return build.call(multiply, dz, slope) if never else None


@rule(with_limit)
def limit_that_is_not_differentiated(build: Builder, x: Any, limit: Any, both: Any) -> Any:
    """with_limit(x, …) = x, since a graph that is simplified is not differentiated any more."""
    return x if type(x) is Node else None


@rule(unless_masked, of=(product_or_zero, multiply))
def mask_of_another_form(build: Builder, dx: Any, dz: Any, slope: Any) -> Any:
    """If dz s got a stable form, use the mask of that form, or none."""
    product = build.call(product_or_zero, dz, slope)
    return build.call(unless_masked, dx, *product.inputs) if made_by(product, build, product_or_zero) else dx


@rule(unless_masked)
def mask_that_is_never_needed(build: Builder, dx: Any, dz: Any, slope: Any) -> Any:
    """No entry is masked if dz is never 0, or if the slope is bounded, and NaN only where dz is."""
    if type(dz) is not Node:
        never_zero = bool(np.all(np.asarray(dz) != 0))
    else:
        bounds = build.range_of(dz)
        never_zero = bounds.low > 0 or bounds.high < 0  # e^x rounds to 0
    bounds = build.range_of(slope)
    finite = bounds.is_bounded and _is_nan_only_with(build, slope, dz)
    return dx if (never_zero or finite) and shape(dx) == np.broadcast_shapes(*map(shape, (dx, dz, slope))) else None


def _is_nan_only_with(build: Builder, x: Any, y: Any) -> bool:
    """Whether y is NaN wherever x is: both are computed, at the same place, from everything that can make x NaN."""
    spread: dict[Node, list[Axes]] = {}
    for node, axes in origins(y):
        spread.setdefault(node, []).append(axes)
    stack: list[tuple[Any, Axes]] = [(x, frozenset())]
    for _ in range(24):
        if not stack:
            return True
        x, needed = stack.pop()
        if type(x) is not Node:
            if build.range_of(x).is_infinite:
                return False
        elif not any(axes >= needed for axes in spread.get(x, ())):
            causes = [] if build.is_leaf(x) or build.range_of(x).nan else sources(x, needed)
            if not causes:
                return False
            stack.extend(causes)
    return False


@rule(multiply, of=(unless_masked,))
def mask_that_is_multiplied_anyway(build: Builder, x: Any, y: Any) -> Any:
    """A cotangent dx that is masked where dz is 0, times dz: the mask is not needed, since dz is 0 there.

    So it does not matter whether the slope rounds to infinity there, and factors of dx can cancel.
    """
    for masked, dz in ((x, y), (y, x)):
        inner = made_by(masked, build, unless_masked)
        if inner is None or type(dz) is Node or not build.same(inner.inputs[1], dz) or not np.all(np.isfinite(dz)):
            continue
        if type(inner.inputs[0]) is Node:
            return build.call(product_or_zero, dz, inner.inputs[0])
    return None
