"""The rules of each block.

Most rules are identities of `algebra/identities.py`. Rules about shapes, structured constants and matrix products need
a few lines of Python; the docstring of each states its identity.
"""

from __future__ import annotations

from typing import Any

from chainrule.algebra.identities import EXACT, REAL, STABLE
from chainrule.backward import numpy_number
from chainrule.block import Block
from chainrule.blocks.copies import cast_to_integer
from chainrule.inputs import alias
from chainrule.simplify.builder import Builder, shape_and_dtype
from chainrule.simplify.matching import IdentityRule
from chainrule.simplify.rules import broadcasting, elementwise, masks, matrices, outside, shapes
from chainrule.simplify.rules.rule import Rewrite

STRUCTURAL = [*shapes.RULES, *elementwise.RULES, *masks.RULES, *broadcasting.RULES, *matrices.RULES, *outside.RULES]
"""The rules in Python."""


def _by_block(*rules: IdentityRule | Rewrite) -> dict[Block, list[Any]]:
    found: dict[Block, list[Any]] = {}
    for r in rules:
        for block in r.blocks:
            found.setdefault(block, []).append(r)
    return found


FOR_COMPUTATIONS = _by_block(
    Rewrite((alias,), lambda build, x: x), *map(IdentityRule, STABLE), *map(IdentityRule, EXACT), *STRUCTURAL
)
"""The rules for graphs to be computed."""


def integers_stay(build: Builder, x: Any, dtype: Any) -> Any:
    """A boolean or an integer, cast to an integer, is unchanged."""
    return x if shape_and_dtype(x)[1].kind in "biu" else None


_SHORTER = {
    shapes.to_the_same_shape,
    shapes.to_the_same_dtype,
    shapes.transpose_twice,
    elementwise.where_of_equals,
    matrices.rows_of_identity,
    matrices.product_with_the_identity,
}
FOR_READING = _by_block(
    Rewrite((numpy_number,), lambda build, x, dtype: x),
    Rewrite((cast_to_integer,), integers_stay),
    *(r for r in STRUCTURAL if r.function in _SHORTER),
    *map(IdentityRule, REAL),
)
"""The rules for formulas to be read: none that replaces a block by another."""
