"""Rules in Python: their class, the decorator that registers a function as a rule, and common questions."""

from __future__ import annotations

from collections.abc import Callable, Set
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.node import Node
from chainrule.simplify.builder import Builder
from chainrule.simplify.structure import is_result_of

__all__ = ["Rewrite", "adding_to", "made_by", "shape"]


@dataclass(frozen=True)
class Rewrite:
    """A rule in Python: `function(build, *operands, **params)` returns an equal value, or None."""

    blocks: tuple[Block, ...]
    function: Callable[..., Any]
    of: frozenset[Any] = frozenset()
    """One of the operands must be the result of one of these; no condition if empty."""

    def may_apply(self, kinds: Set[Any]) -> bool:
        return not self.of or not self.of.isdisjoint(kinds)

    def apply(self, build: Builder, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        return self.function(build, *operands, **params)


def adding_to(rules: list[Rewrite]) -> Callable[..., Any]:
    """A decorator `rule(*blocks, of=())`, which adds a rule to a list.

    It is a rule for these blocks, if one of the operands is the result of a block in `of`.
    """

    def rule(*blocks: Block, of: tuple[Any, ...] = ()) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
        def register(function: Callable[..., Any]) -> Callable[..., Any]:
            rules.append(Rewrite(blocks, function, frozenset(of)))
            return function

        return register

    return rule


def made_by(x: Any, build: Builder, *blocks: Block) -> Node | None:
    """x, if it is the result of one of these blocks."""
    return x if is_result_of(x, *blocks) and not build.is_leaf(x) else None


def shape(x: Any) -> tuple[int, ...]:
    return np.shape(x.value if type(x) is Node else x)
