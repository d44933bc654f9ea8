"""Identities as text: `log(1 + exp(x)) = softplus(x)` is read once into a pattern and a replacement.

A name is a variable: it stands for any operand, the same wherever it is written. A number stands for a constant whose
entries are all that number; −0 is not 0. A function is a block, an operator the block that answers for it; `axis=a`
binds a parameter, `axis=-1` asks for one. Sums and products match in either order.
"""

from __future__ import annotations

import ast
import functools
import math
from collections.abc import Iterator, Set
from dataclasses import dataclass
from typing import Any

import chainrule.blocks  # noqa: F401  the library registers itself
from chainrule.block import Block, block_named
from chainrule.blocks.activations import logaddexp
from chainrule.blocks.elementwise import absolute, add, divide, multiply, negative, power, subtract
from chainrule.blocks.linalg import matmul
from chainrule.libraries import is_complex
from chainrule.node import Node
from chainrule.simplify.builder import CONSTANT, Builder

__all__ = ["Call", "Identity", "Number", "Variable", "identities"]

OPERATORS = {
    ast.Add: add,
    ast.Sub: subtract,
    ast.Mult: multiply,
    ast.Div: divide,
    ast.Pow: power,
    ast.MatMult: matmul,
    ast.USub: negative,
}
BUILTINS = {"abs": absolute}
COMMUTE = {add, multiply, logaddexp}

Binding = dict[str, Any]
_MATCHED = ""
"""Under this name a binding keeps the nodes below the first that the pattern has matched."""


@dataclass(frozen=True)
class Variable:
    """Any operand."""

    name: str


@dataclass(frozen=True)
class Number:
    """A constant whose entries are all this number."""

    value: float


@dataclass(frozen=True)
class Call:
    """A block applied to operands; `params` says which variable (a name) or value each parameter has."""

    block: Block
    operands: tuple[Any, ...]
    params: tuple[tuple[str, Any], ...]


Pattern = Variable | Number | Call


@dataclass(frozen=True)
class Identity:
    """left = right.

    Attributes
    ----------
    text : how it is written.
    left, right : the two sides.
    once : used only where what stands on the left side goes away, since nothing else uses it.
    """

    text: str
    left: Call
    right: Pattern
    once: bool = False

    def may_apply(self, kinds: Set[Any]) -> bool:
        """Whether operands made by these blocks can match the left side."""
        return self.needs <= kinds

    @functools.cached_property
    def needs(self) -> frozenset[Any]:
        inner = [x for x in self.left.operands if not isinstance(x, Variable)]
        return frozenset(x.block if isinstance(x, Call) else CONSTANT for x in inner)

    def apply(self, build: Builder, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The right side, where the block of the left side, applied to these operands, matches it; else None."""
        for binding in _match_operands(self.left, build, operands, params, {}):
            if any(is_complex(x.value if type(x) is Node else x) for name, x in binding.items() if name):
                continue
            if not self.once or all(map(build.dies, binding.get(_MATCHED, ()))):
                return self._made(self.right, build, binding)
        return None

    def _made(self, pattern: Pattern, build: Builder, binding: Binding) -> Any:
        if isinstance(pattern, Variable):
            return binding[pattern.name]
        if isinstance(pattern, Number):
            return pattern.value
        operands = [self._made(x, build, binding) for x in pattern.operands]
        params = {name: binding[v] if isinstance(v, str) else v for name, v in pattern.params}
        return build.call(pattern.block, *operands, **params)


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
        if type(x) is not Node:
            c = build.uniform(x)
            if c is not None and c == pattern.value and (c != 0 or _signs_agree(c, pattern.value)):
                yield binding
    elif type(x) is Node and x.block is pattern.block and not build.is_leaf(x):
        binding = binding | {_MATCHED: (*binding.get(_MATCHED, ()), x)}
        yield from _match_operands(pattern, build, x.inputs, x.params, binding)


def _signs_agree(a: Any, b: float) -> bool:
    return isinstance(a, int) or math.copysign(1.0, float(a)) == math.copysign(1.0, b)


# Reading the text ------------------------------------------------------------------------------------------------


def identities(text: str, once: bool = False) -> list[Identity]:
    """The identities of a table, one a line.

    >>> [identity.left.block for identity in identities("log(exp(x)) = x")]
    [<Block log(x)>]
    """
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    found = []
    for line in filter(None, lines):
        left, right = (_read(ast.parse(side.strip(), mode="eval").body) for side in line.split(" = "))
        assert isinstance(left, Call), line
        found.append(Identity(" ".join(line.split()), left, right, once))
    return found


def _read(tree: ast.AST) -> Pattern:
    match tree:
        case ast.Name(id=name):
            return Variable(name)
        case ast.Constant(value=int() | float() as value):
            return Number(value)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
            return Number(-float(value))
        case ast.UnaryOp(op=op, operand=x):
            return Call(OPERATORS[type(op)], (_read(x),), ())
        case ast.BinOp(left=x, op=op, right=y):
            return Call(OPERATORS[type(op)], (_read(x), _read(y)), ())
        case ast.Call(func=ast.Name(id=name), args=args, keywords=keywords):
            params = tuple((k.arg or "", _param(k.value)) for k in keywords)
            return Call(_block_of(name), tuple(map(_read, args)), params)
    raise ValueError(f"not a formula: {ast.unparse(tree)}")


def _block_of(name: str) -> Block:
    """The block that a function in the text stands for."""
    block = BUILTINS.get(name) or block_named(name)
    assert block is not None, f"no block is called {name}"
    return block


def _param(tree: ast.expr) -> Any:
    return tree.id if isinstance(tree, ast.Name) else ast.literal_eval(tree)
