"""The library of blocks, one room a family. Importing this package registers them all."""

from chainrule.blocks import (
    activations,
    elementwise,
    indexing,
    linalg,
    losses,
    normalisation,
    plain,
    reductions,
    shaping,
)

__all__ = [
    "activations",
    "elementwise",
    "indexing",
    "linalg",
    "losses",
    "normalisation",
    "plain",
    "reductions",
    "shaping",
]
