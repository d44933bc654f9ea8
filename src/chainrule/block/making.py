"""Making blocks: `cr.block` for users, and `library_block` for blocks that answer for functions of NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, overload

from chainrule.answers import ANSWERS
from chainrule.block.base import Block
from chainrule.block.own import OwnBlock
from chainrule.domains import Example
from chainrule.hints import spelled

__all__ = ["BLOCKS", "answers", "block", "block_named", "library_block", "unlisted_block"]

Rule: TypeAlias = "Callable[..., Any] | staticmethod[..., Any] | classmethod[Any, ..., Any]"

BLOCKS: dict[str, Block] = {}
"""The library's blocks by name, in the order of their definition."""

UNLISTED: dict[str, Block] = {}
"""Internal blocks of the library, which users do not call by name: recordings hold them while compiling."""


def block_named(name: str) -> Block | None:
    """The library's block of this name."""
    return BLOCKS.get(name) or UNLISTED.get(name)


def of_the_library(made: Block) -> str:
    """Mark a block as one of the library's own; returns its name, which is unique among them."""
    assert block_named(made.name) is None, f"the library has a block {made.name} already"
    made.pure = True
    return made.name


def answers(*functions: Any) -> Callable[[Any], Any]:
    """Decorator: the function is called when one of these functions of NumPy or SciPy gets a recorded array."""

    def register(handler: Any) -> Any:
        for function in functions:
            ANSWERS[function] = handler
        return handler

    return register


@overload
def block(rule: property) -> property: ...
@overload
def block(rule: Rule, **options: Any) -> OwnBlock: ...
@overload
def block(**options: Any) -> Callable[[Rule], OwnBlock]: ...
@spelled  # type: ignore[misc]
def block(
    rule: Any = None,
    *,
    notation: Callable[..., Any] | None = None,
    differentiable: bool = True,
    view: bool = False,
    leading_axes: bool = False,
    complex: bool = True,
    example: Example | None = None,
) -> Any:
    """Make a block from a function: recorded as one node, shown as one box.

    Arguments without a default are operands (arrays with a gradient), arguments with a default are parameters. If the
    first argument is called `xp` the rule gets the array namespace, so that it runs on any array library. Without a
    backward rule the gradient is derived from the steps inside the function. Several results (a tuple, a list or a dict
    of arrays) are returned as such, and the backward rule is given their cotangents in the same form.

    Parameters
    ----------
    rule : the forward rule.
    notation : its formula, as a function of the operands' formulas (see `chainrule.formula`). Default `name(x, y)`.
    differentiable : False for a block whose gradient is zero everywhere (as `np.sign`).
    view : True if the result may be a view of the first operand.
    leading_axes : True promises that the backward rule accepts cotangents with extra leading axes. Without it
        Jacobians call the rule once for each row.
    complex : False refuses gradients of complex numbers. A rule that takes them follows PyTorch's convention: the
        gradient of a real loss is ∂L/∂Re x + i ∂L/∂Im x, so a holomorphic f multiplies by the conjugate of f′.
    example : operands and parameters to show and check the block with (see `chainrule.domains`).

    >>> import numpy as np, chainrule as cr
    >>> @cr.block
    ... def cube(x):
    ...     return x**3
    >>> @cube.backward
    ... def cube_backward(dz, z, x):
    ...     return dz * 3 * x**2
    >>> cr.grad(cube)(2.0)
    np.float64(12.0)
    """

    def make(rule: Any) -> Any:
        if isinstance(rule, property):
            return property(make(rule.fget))
        of_class = isinstance(rule, classmethod)
        return OwnBlock(
            rule.__func__ if isinstance(rule, staticmethod | classmethod) else rule,
            of_class=of_class,
            notation=notation,
            differentiable=differentiable,
            view=view,
            leading_axes=leading_axes,
            complex=complex,
            example=example,
        )

    return make if rule is None else make(rule)


def library_block(*functions: Any, complex: bool = False, **options: Any) -> Callable[[Callable[..., Any]], Block]:
    """Decorator: a block of the library, which answers for these functions of NumPy or SciPy.

    A property test checks each for the contract of leading axes. `complex=True` says that its rules are right for
    complex numbers; without it their gradient is an error.
    """

    def make(rule: Callable[..., Any]) -> Block:
        made = Block(rule, leading_axes=True, complex=complex, **options)
        BLOCKS[of_the_library(made)] = made
        answers(*functions)(made)
        return made

    return make


def unlisted_block(**options: Any) -> Callable[[Callable[..., Any]], Block]:
    """Decorator: a block of the library that no page lists."""

    def make(rule: Callable[..., Any]) -> Block:
        made = Block(rule, leading_axes=True, **options)
        UNLISTED[of_the_library(made)] = made
        return made

    return make
