"""The rules of each block.

Most rules are identities of `algebra/identities.py`. Rules about shapes, structured constants and matrix products need
a few lines of Python; the docstring of each states its identity.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.algebra.identities import EXACT, REAL, STABLE
from chainrule.backward import numpy_number
from chainrule.block import Block
from chainrule.blocks.copies import cast_to_integer
from chainrule.blocks.elementwise import multiply
from chainrule.inputs import alias
from chainrule.node import value_of_operand
from chainrule.simplify.builder import Builder, shape_and_dtype
from chainrule.simplify.matching import IdentityRule
from chainrule.simplify.rules import broadcasting, complex_numbers, elementwise, masks, matrices, outside, shapes
from chainrule.simplify.rules.rule import Rewrite
from chainrule.simplify.structure import is_result_of

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


def integers_meet_reals(build: Builder, x: Any, y: Any) -> Any:
    """x y for a real x needs no cast of a boolean or an integer y. Before others it does: they wrap, or are no sums."""
    operands = [_before_casts(v) for v in (x, y)]
    dtypes = [np.result_type(*map(value_of_operand, pair)) for pair in ((x, y), operands)]
    changed = operands[0] is not x or operands[1] is not y
    return build.call(multiply, *operands) if changed and dtypes[0] == dtypes[1] and dtypes[0].kind == "f" else None


def _before_casts(x: Any) -> Any:
    """What was cast to a type of integers that holds all its values."""
    while is_result_of(x, cast_to_integer) and np.can_cast(shape_and_dtype(x.inputs[0])[1], x.value.dtype):
        x = x.inputs[0]
    return x


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
    Rewrite((multiply,), integers_meet_reals, frozenset([cast_to_integer])),
    *(r for r in STRUCTURAL if r.function in _SHORTER),
    *complex_numbers.RULES,
    *map(IdentityRule, REAL),
)
"""The rules for formulas to be read: none that replaces a block by another."""
