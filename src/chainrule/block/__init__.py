"""Block: a forward rule, a backward rule, and its mathematical notation.

Both rules are written against an array namespace `xp`. Given plain arrays they compute; given recorded arrays they
record. So the same rule is run, differentiated again, and printed.

The contract of a backward rule: it is linear in its cotangent `dz`, and accepts a `dz` with extra *leading* axes
(shape K + z.shape), giving gradients of shape K + x.shape. Axes are therefore counted from the right.
"""

from chainrule.block.base import Block, axis_from_right
from chainrule.block.elementwise import (
    Elementwise,
    as_floats,
    elementwise,
    in_one_precision,
    in_precision,
    minus_one,
    one,
    product_or_zero,
    singular,
    sum_to,
    unless_masked,
)
from chainrule.block.making import BLOCKS, answers, block, block_named, library_block, unlisted_block

__all__ = [
    "BLOCKS",
    "Block",
    "Elementwise",
    "answers",
    "as_floats",
    "axis_from_right",
    "block",
    "block_named",
    "elementwise",
    "in_one_precision",
    "in_precision",
    "library_block",
    "minus_one",
    "one",
    "product_or_zero",
    "singular",
    "sum_to",
    "unless_masked",
    "unlisted_block",
]
