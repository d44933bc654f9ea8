"""Conditions under which rewriting a sum of products preserves computed values."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from chainrule.algebra.terms import Hot, Product
from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import add, exp, negative, subtract
from chainrule.blocks.indexing import getitem
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.node import Node
from chainrule.simplify.structure import is_result_of, origins

__all__ = ["covers", "may_meet"]


def covers(terms: Iterable[Product], lost: Iterable[Any]) -> bool:
    """Whether a form is NaN wherever a cancelled atom is, because it still depends on the atom."""
    wanted = [atom for atom in lost if type(atom) is Node]
    if not wanted:
        return True
    kept = {node for product in terms for atom, _ in product for node in origins(atom)}
    return all(atom in kept or any(x in kept for x in _sources(atom)) for atom in wanted)


_FROM_ONE = (getitem, reshape, broadcast_to, add, sum_, subtract, negative, exp, sigmoid, softmax)


def _sources(atom: Node) -> list[Node]:
    """The nodes that a cancelled node is computed from: where one of them is NaN, so is the node."""
    found = [atom]
    while is_result_of(atom, *_FROM_ONE):
        inner = [x for x in atom.inputs if type(x) is Node and np.asarray(x.value).dtype.kind == "f"]
        if len(inner) != 1:
            break
        atom = inner[0]
        found.append(atom)
    return found


def may_meet(terms: Iterable[Product], factor: Product) -> bool:
    """Whether multiplying out could simplify: a factor meets its inverse, an exponential, or a one-hot row."""
    if any(isinstance(t, Hot) or is_result_of(t, exp) for t, _ in factor):
        return True
    powers = dict(factor)
    return any(
        powers.get(atom, 0) * e < 0 or isinstance(atom, Hot) or is_result_of(atom, exp)
        for product in terms
        for atom, e in product
    )
