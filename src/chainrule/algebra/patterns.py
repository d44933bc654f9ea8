"""Identities as text: `log(1 + exp(x)) = softplus(x)` is parsed into a pattern and a replacement.

A name is a variable: it matches any operand, and the same operand at each occurrence. A number matches a constant whose
entries all equal it; −0 is not 0. A function is a block, an operator the block that implements it; `axis=a` binds a
parameter, `axis=-1` requires a value. Sums and products match in either order.
"""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from typing import Any

import chainrule.blocks  # noqa: F401  registers the library's blocks
from chainrule.algebra.powers import common, multiplied, over
from chainrule.block import Block, block_named
from chainrule.blocks.activations import logaddexp
from chainrule.blocks.elementwise import absolute, add, divide, multiply, negative, power, subtract
from chainrule.blocks.linalg import matmul

__all__ = ["COMMUTE", "Call", "Identity", "Number", "Pattern", "Variable", "identities"]

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
"""Blocks whose operands match in either order."""


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

    @functools.cached_property
    def operands_made_by(self) -> frozenset[Block]:
        """The blocks that make the operands, without `negative`: −x may match results of other blocks."""
        return frozenset(x.block for x in self.operands if isinstance(x, Call) and x.block is not negative)


Pattern = Variable | Number | Call


@dataclass(frozen=True)
class Identity:
    """left = right.

    Attributes
    ----------
    text : its source text.
    left, right : the two sides.
    once : apply only if nothing else uses the nodes that the left side matches.
    """

    text: str
    left: Call
    right: Pattern
    once: bool = False

    @functools.cached_property
    def factors(self) -> tuple[dict[Pattern, int], dict[Pattern, int]]:
        """Both sides as products without shared factors; in a larger product the right one may replace the left one."""
        left, right = _product_of(self.left), _product_of(self.right)
        shared = common((left, right))
        return over(left, shared), over(right, shared)

    @functools.cached_property
    def factors_made_by(self) -> frozenset[Block]:
        """The blocks that make factors of the left side, without reductions, which may match through other blocks."""
        return frozenset(x.block for x in self.factors[0] if isinstance(x, Call) and not x.params)


def _product_of(pattern: Pattern) -> dict[Pattern, int]:
    if isinstance(pattern, Number) and pattern.value == 1:
        return {}
    if isinstance(pattern, Call) and pattern.block in (multiply, divide):
        x, y = map(_product_of, pattern.operands)
        return over(x, y) if pattern.block is divide else multiplied(x, *y.items())
    return {pattern: 1}


# Parsing ---------------------------------------------------------------------------------------------------------


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
    """The block of a function name in the text."""
    block = BUILTINS.get(name) or block_named(name)
    assert block is not None, f"no block is called {name}"
    return block


def _param(tree: ast.expr) -> Any:
    return tree.id if isinstance(tree, ast.Name) else ast.literal_eval(tree)
