"""Identities on nodes: if the left side matches, the right side is made."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from chainrule.algebra.patterns import COMMUTE, Call, Identity, Number, Pattern, Variable
from chainrule.blocks.elementwise import negative
from chainrule.libraries import is_complex, is_inexact
from chainrule.node import Node, value_of_operand
from chainrule.simplify.builder import CONSTANT, Builder
from chainrule.simplify.structure import kept_reduction

__all__ = ["IdentityRule", "holds", "made", "match_factors"]

Binding = dict[str, Any]
_MATCHED = ""
"""The name under which a binding keeps the matched nodes, without the outermost."""


@dataclass(frozen=True)
class IdentityRule:
    """An identity as a rule for the block on its left side."""

    identity: Identity

    @property
    def blocks(self) -> tuple[Any, ...]:
        return (self.identity.left.block,)

    def may_apply(self, kinds: Set[Any]) -> bool:
        """Whether operands made by these blocks can match the left side."""
        return self.needs <= kinds

    @functools.cached_property
    def needs(self) -> frozenset[Any]:
        inner = [x for x in self.identity.left.operands if not isinstance(x, Variable)]
        return frozenset(x.block if isinstance(x, Call) else CONSTANT for x in inner)

    def apply(self, build: Builder, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The right side, if the block of the left side, applied to these operands, matches it; else None."""
        for binding in _match_operands(self.identity.left, build, operands, params, {}):
            if not holds([self.identity.right], binding):
                continue
            if not self.identity.once or all(map(build.dies, binding.get(_MATCHED, ()))):
                return made(self.identity.right, build, binding)
        return None


def holds(right: Iterable[Pattern], binding: Binding) -> bool:
    """Whether a match and its replacement are computed in real numbers."""
    return all(is_inexact(x.value) for x in binding.get(_MATCHED, ())) and all(_is_real(x, binding) for x in right)


def _is_real(pattern: Pattern, binding: Binding) -> bool:
    """Whether a pattern is computed in real numbers: not complex ones, and not integers, which may wrap."""
    if isinstance(pattern, Number):
        return True
    if isinstance(pattern, Variable):
        return not is_complex(value_of_operand(binding[pattern.name]))
    operands = pattern.operands
    return all(_is_real(x, binding) for x in operands) and any(_is_inexact(x, binding) for x in operands)


def _is_inexact(pattern: Pattern, binding: Binding) -> bool:
    if isinstance(pattern, Variable):
        return is_inexact(value_of_operand(binding[pattern.name]))
    return isinstance(pattern, Call)


def made(pattern: Pattern, build: Builder, binding: Binding) -> Any:
    """The value of a pattern, built from the values of its variables."""
    if isinstance(pattern, Variable):
        return binding[pattern.name]
    if isinstance(pattern, Number):
        return pattern.value
    operands = [made(x, build, binding) for x in pattern.operands]
    params = {name: binding[v] for name, v in pattern.params}
    return build.call(pattern.block, *operands, **params)


def match_factors(
    patterns: Mapping[Pattern, int], build: Builder, product: Mapping[Any, int], binding: Binding
) -> Iterator[tuple[list[Any], Binding]]:
    """All matches of a product of patterns inside a product: the factors that match, and the binding."""
    if not patterns:
        yield [], binding
        return
    (pattern, e), *rest = patterns.items()
    for x, n in product.items():
        if type(x) is Node and n * e > 0:
            for found in _match(pattern, build, x, binding):
                for others, more in match_factors(dict(rest), build, product, found):
                    yield [x, *others], more


def _match_operands(
    pattern: Call, build: Builder, operands: tuple[Any, ...], params: dict[str, Any], binding: Binding
) -> Iterator[Binding]:
    if len(operands) != len(pattern.operands):
        return
    for name, variable in pattern.params:
        if not isinstance(variable, str):
            if params[name] != variable:
                return
            continue
        if binding.get(variable, params[name]) != params[name]:
            return
        binding = binding | {variable: params[name]}
    orders = [operands]
    if pattern.block in COMMUTE:
        orders.append(operands[::-1])
    for order in orders:
        found: list[Binding] = [binding]
        for inner, x in zip(pattern.operands, order, strict=True):
            found = [more for b in found for more in _match(inner, build, x, b)]
            if not found:
                break
        yield from found


def _match(pattern: Pattern, build: Builder, x: Any, binding: Binding) -> Iterator[Binding]:
    if isinstance(pattern, Variable):
        if pattern.name not in binding:
            yield binding | {pattern.name: x}
        elif build.same(binding[pattern.name], x):
            yield binding
    elif isinstance(pattern, Number):
        c = build.uniform(x)
        if c is not None and c == pattern.value and (c != 0 or _signs_agree(c, pattern.value)):
            yield binding
    elif pattern.block is negative and (y := _bound(pattern.operands[0], binding)) is not None:
        if build.are_opposite(x, y):
            yield binding
    elif type(x) is Node and not build.is_leaf(x):
        kept = {"keepdims": True} if ("keepdims", True) in pattern.params else {}
        found = kept_reduction(x) if kept else x
        if found is not None and found.block is pattern.block and _may_match_operands(pattern, found):
            binding = binding | {_MATCHED: (*binding.get(_MATCHED, ()), found)}
            yield from _match_operands(pattern, build, found.inputs, found.params | kept, binding)


def _may_match_operands(pattern: Call, x: Node) -> bool:
    """A quick test, since most nodes do not match."""
    return pattern.operands_made_by.issubset({i.block for i in x.inputs if type(i) is Node})


def _bound(pattern: Pattern, binding: Binding) -> Any:
    """The value bound to a variable; None for an unbound one, and for other patterns."""
    return binding.get(pattern.name) if isinstance(pattern, Variable) else None


def _signs_agree(a: Any, b: float) -> bool:
    return isinstance(a, int) or math.copysign(1.0, float(a)) == math.copysign(1.0, b)
