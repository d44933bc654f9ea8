"""Reading choices. Guards against zero and infinite values are left out if no value is zero or infinite."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks.elementwise import where
from chainrule.blocks.indexing import getitem
from chainrule.blocks.integers import as_known
from chainrule.blocks.reductions import max_, min_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.blocks.step_functions import bitwise_and, equal, greater, greater_equal, less, less_equal, logical_and
from chainrule.explain.closed import calls
from chainrule.explain.closed.reading import Reading
from chainrule.explain.closed.terms import ONE, Expr, Term, aligned, axes_of_shape
from chainrule.explain.notation import sole_branch
from chainrule.node import Node, value_of_operand

__all__ = ["CHOICES", "negation"]


def _where(r: Reading, node: Node, condition: Any, x: Any, y: Any) -> Expr | None:
    """where(c, x, 0) = x [c]; where(x = y, …, z) is z if nothing is equal, so a guard against zero is left out."""
    chosen = sole_branch(node)
    if chosen is not None:
        return r.of(chosen)
    if not r.of(x).terms and not r.of(y).terms:
        return r.of(y if type(y) is Node else x)
    if type(condition) is Node and not np.any(condition.value) and not r.of(condition).terms:
        return r.of(y)
    if np.ndim(value_of_operand(condition)) == 0:
        return None
    for value, holds in ((x, True), (y, False)):
        other = y if holds else x
        if type(other) is not Node and not np.any(other):
            chosen = r.of(condition)
            if not holds:
                chosen = negation(r, condition) or r.atoms.plus(r.atoms.number(1, ()), chosen.scaled(-1))
            return r.atoms.times(r.of(value), chosen)
    return None


def negation(r: Reading, condition: Any) -> Expr | None:
    """¬(x < y) as x ≥ y; None for other conditions, and with NaN, for which neither holds."""
    if type(condition) is not Node or condition.block not in NEGATED:
        return None
    if any(np.isnan(value_of_operand(x)).any() for x in condition.inputs):
        return None
    axes, args = aligned([r.of(x) for x in condition.inputs])
    return calls.elementwise(r.atoms, NEGATED[condition.block], {}, args).along(axes)


def needed(node: Node) -> tuple[Any, ...]:
    chosen = sole_branch(node)
    if chosen is not None:
        return (chosen,)
    return as_known(node)[0]


NEGATED = {less: greater_equal, less_equal: greater, greater: less_equal, greater_equal: less}


def _equal(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    """[x = y] is 0 if no entries are equal, as almost everywhere; [x = max x] is e_c for the largest entry x_c."""
    hits = np.asarray(node.value)
    axes = axes_of_shape(np.shape(node.value))
    if not hits.any():
        return r.atoms.number(0, axes)
    if _is_extreme(y) and hits.ndim in (1, 2) and None not in axes and (hits.sum(axis=-1) == 1).all():
        return Expr((Term(ONE, r.hot(np.argmax(hits, axis=-1), hits.shape[-1], axes)),), axes)  # type: ignore[arg-type]
    return None


def _and(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    """The conjunction of two conditions as the product of their 0/1 values, if one of them is 0 everywhere."""
    if np.any(node.value) or np.asarray(node.value).dtype != bool:
        return None
    none = any(not r.of(part).terms for part in (x, y))
    return r.atoms.number(0, axes_of_shape(np.shape(node.value))) if none else None


def _is_extreme(x: Any) -> bool:
    while type(x) is Node and x.block in (reshape, broadcast_to, getitem):
        x = x.inputs[0]
    return type(x) is Node and x.block in (max_, min_)


CHOICES: dict[Block, Callable[..., Expr | None]] = {
    where: _where,
    equal: _equal,
    **dict.fromkeys((bitwise_and, logical_and), _and),
}
"""The reading of each such block."""
