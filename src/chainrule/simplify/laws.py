"""Conditions under which rewriting a sum of products preserves computed values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from chainrule.algebra.terms import Hot, Product
from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import add, exp, negative, subtract
from chainrule.blocks.indexing import getitem
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.reductions import sum as sum_
from chainrule.blocks.shaping import broadcast_to, reshape
from chainrule.libraries import is_inexact
from chainrule.node import Node
from chainrule.simplify.structure import Axes, entry_of_row, is_result_of, origins, sources

__all__ = ["covers", "may_meet"]


def covers(terms: Iterable[Product], lost: Iterable[Any]) -> bool:
    """Whether a form is NaN wherever a cancelled atom is, because it still depends on the atom.

    v e_c depends on v in one entry of each row only.
    """
    wanted = [atom for atom in lost if type(atom) is Node]
    if not wanted:
        return True
    kept: dict[Node, list[Axes]] = {}
    whole = [p for p in terms if not any(isinstance(atom, Hot) and atom.put for atom, _ in p)]
    for atom in {atom for product in whole for atom, _ in product}:
        for node, axes in origins(atom):
            kept.setdefault(node, []).append(axes)
    return all(any(axes >= needed for x, needed in _causes(atom) for axes in kept.get(x, ())) for atom in wanted)


_FROM_ONE = (getitem, reshape, broadcast_to, add, sum_, subtract, negative, exp, sigmoid, softmax)


def _causes(atom: Node) -> Iterator[tuple[Node, Axes]]:
    """The nodes that a cancelled node is computed from: where it is NaN, they are NaN somewhere along these axes."""
    axes: Axes = frozenset()
    yield atom, axes
    while is_result_of(atom, *_FROM_ONE):
        row = entry_of_row(atom)
        inner = [(row, axes | {-1})] if row is not None else sources(atom, axes)
        inner = [(x, along) for x, along in inner if type(x) is Node and is_inexact(x.value)]
        if len(inner) != 1:
            return
        atom, axes = inner[0]
        yield atom, axes


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
