"""Rules for elementwise blocks that cannot be identities in text, because they depend on dtypes or other nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import absolute, negative, power, square, subtract, where
from chainrule.node import Node
from chainrule.simplify.builder import CONSTANT, Builder, shape_and_dtype
from chainrule.simplify.rules.rule import Rewrite, adding_to, made_by, shape

__all__ = ["RULES"]

RULES: list[Rewrite] = []
rule = adding_to(RULES)


@rule(absolute, of=(square,))
def absolute_of_square(build: Builder, x: Any) -> Any:
    """|x²| = x² for floats: an integer's square may overflow and be negative."""
    return x if made_by(x, build, square) is not None and shape_and_dtype(x)[1].kind == "f" else None


@rule(where)
def where_of_equals(build: Builder, condition: Any, x: Any, y: Any) -> Any:
    """where(c, x, x) = x."""
    return x if type(x) is Node and x is y and shape(x) == np.broadcast_shapes(shape(condition), shape(x)) else None


@rule(subtract, of=(sigmoid,))
def complement_that_is_there(build: Builder, one: Any, y: Any) -> Any:
    """1 − σ(x) = σ(−x), if σ(−x) is computed anyway: then the two can cancel."""
    inner = made_by(y, build, sigmoid)
    if inner is None or build.uniform(one) != 1 or inner.inputs[0] not in build.negated:
        return None
    return build.call(sigmoid, build.call(negative, inner.inputs[0]))


@rule(power, of=(CONSTANT,))
def power_zero(build: Builder, x: Any, y: Any) -> Any:
    """x⁰ = 1, for NaN too."""
    if build.uniform(y) != 0:
        return None
    form, dtype = np.broadcast_shapes(shape(x), shape(y)), np.result_type(x.value, y)
    return np.broadcast_to(np.ones((), dtype), form)[()]
