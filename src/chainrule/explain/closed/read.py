"""From recorded blocks to index notation.

A block that can be written as sums and products, or has identities of its own, has a line in the table of `sums`,
`entries`, `choices` or `functions`. Any other block becomes an atom over the values of its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.block import Elementwise
from chainrule.blocks.elementwise import where
from chainrule.blocks.integers import as_known
from chainrule.constants import OneHot, one_hot, times_identity
from chainrule.explain.closed import calls
from chainrule.explain.closed.atoms import Atoms, exactly
from chainrule.explain.closed.choices import CHOICES, needed
from chainrule.explain.closed.entries import ENTRIES
from chainrule.explain.closed.functions import FUNCTIONS
from chainrule.explain.closed.picks import hot
from chainrule.explain.closed.reading import Reading
from chainrule.explain.closed.sums import SUMS
from chainrule.explain.closed.terms import Expr, Index, Term, UnwritableError, aligned, axes_of_shape, single
from chainrule.explain.data import NO_DATA, Data, Origin
from chainrule.inputs import alias
from chainrule.layout import bytes_of
from chainrule.libraries import is_complex
from chainrule.node import Node

__all__ = ["GraphReading"]

READ = SUMS | ENTRIES | CHOICES | FUNCTIONS


class GraphReading(Reading):
    """Reads nodes as values in index notation, down to leaves.

    Parameters
    ----------
    atoms : the atoms of the values.
    leaves : nodes that are not read further.
    is_symmetric : whether a leaf is a symmetric matrix.
    data : the user's plain arrays.
    """

    def __init__(
        self,
        atoms: Atoms,
        leaves: Container[Node],
        is_symmetric: Callable[[Node], bool] = lambda node: False,
        data: Data = NO_DATA,
    ):
        self.atoms = atoms
        self.leaves = leaves
        self.is_symmetric = is_symmetric
        self.data = data
        self.done: dict[Node, Expr] = {}

    def of(self, x: Any) -> Expr:
        """The value of a node or of a constant."""
        if type(x) is not Node:
            return self._constant(x)
        stack = [x]
        while stack:
            top = stack[-1]
            if top in self.done:
                stack.pop()
            elif top.block is None or top in self.leaves:
                self.done[top] = self._leaf(top)
            elif missing := [i for i in needed(top) if type(i) is Node and i not in self.done]:
                stack.extend(missing)
            else:
                self.done[top] = self._read(top)
        return self.done[x]

    def _leaf(self, node: Node) -> Expr:
        if is_complex(node.value):
            raise UnwritableError
        symmetric = self.is_symmetric(node)
        return self.whole(("leaf", id(node)), np.shape(node.value), content=node, symmetric=symmetric)

    def whole(self, key: Any, shape: tuple[int, ...], content: Any, symmetric: bool = False) -> Expr:
        axes = axes_of_shape(shape)
        idx = tuple(i for i in axes if i is not None)
        atom = self.atoms.atom(key, kind="leaf", axes=len(idx), content=content, shape=shape, symmetric=symmetric)
        return single(atom, idx, axes)

    def _constant(self, x: Any) -> Expr:
        if x is None or isinstance(x, str):
            raise UnwritableError
        c = np.asarray(x)
        if c.dtype.kind not in "fiub" or c.size == 0 or not np.isfinite(c).all():
            raise UnwritableError  # 0·∞ is not 0, and sums with NaN do not cancel
        axes = axes_of_shape(c.shape)
        idx = tuple(i for i in axes if i is not None)
        if (c == c.flat[0]).all():
            return self.atoms.number(c.flat[0].item(), axes)
        if (origin := self.data.origin(c)) is not None:
            return self._of_data(origin, c)
        if (diagonal := times_identity(c)) is not None:
            return single(calls.identity(self.atoms, len(c)), idx).scaled(exactly(diagonal))
        if c.ndim == 2 and np.count_nonzero(c) == 1 and len(idx) == 2:  # c e_i e_jᵀ
            places = [int(k[0]) for k in np.nonzero(c)]
            hots = [self.hot(k, i.size, (i,)) for k, i in zip(places, idx, strict=True)]
            return Expr((Term(exactly(c[tuple(places)]), hots[0] | hots[1]),), axes)
        rows = one_hot(c) if len(idx) == c.ndim <= 2 else None
        if rows is not None:
            return Expr((Term(exactly(rows.number), self.hot(rows.labels, rows.size, idx)),), axes)
        if (other := _all_but_one_hot(c)) is not None and len(idx) == c.ndim:
            less = Expr((Term(exactly(-other.number), self.hot(other.labels, other.size, idx)),), axes)
            return self.atoms.plus(self.atoms.number(other.number, axes), less)
        return self.whole(("constant", c.dtype.str, c.shape, bytes_of(c)), c.shape, content=x)

    def _of_data(self, origin: Origin, x: np.ndarray) -> Expr:
        """A constant that is computed from the user's data; a row becomes a separate atom."""
        value = x if origin.row is not None else origin.value
        if not np.isfinite(value).all():
            raise UnwritableError
        part = self.whole(("data", origin.label, origin.row), value.shape, content=value)
        if origin.transposed:
            part = part.along(part.axes[::-1])
        if origin.inverse:
            part = self.atoms.power(part, Fraction(-1))
        part = part.scaled(exactly(origin.scale))
        return (
            self.atoms.plus(part, self.atoms.number(origin.scale * origin.shift, part.axes)) if origin.shift else part
        )

    def hot(self, labels: Any, size: int, idx: tuple[Index, ...]) -> dict[Any, Fraction]:
        return hot(self.atoms, labels, size, idx)

    def _read(self, node: Node) -> Expr:
        if is_complex(node.value):
            raise UnwritableError
        block = node.block
        inputs, params = as_known(node)
        if block in READ:
            found = READ[block](self, node, *inputs, **params)
            if found is not None:
                return found.along(_checked(found, np.shape(node.value)))
        if block is alias:
            return self.of(node.inputs[0])
        args = [self.of(x) for x in inputs]
        if isinstance(block, Elementwise) or block is where:
            axes, args = aligned(args)
            found = calls.elementwise(self.atoms, block, params, args)
            return found.along(axes)
        return calls.call(self.atoms, block, params, args, axes_of_shape(np.shape(node.value)))


def _all_but_one_hot(c: np.ndarray) -> OneHot | None:
    """The one-hot rows h of a constant matrix of one number beside zeros, one in each row: c·(1 − h)."""
    hot = one_hot(c.max() - c) if c.ndim == 2 and c.dtype.kind in "fiu" else None
    return hot if hot is not None and hot.number == c.max() else None


def _checked(x: Expr, shape: tuple[int, ...]) -> tuple[Index | None, ...]:
    """The axes of a value broadcast to a shape: repeated axes get an index of their own."""
    axes = (None,) * (len(shape) - len(x.axes)) + x.axes
    made = tuple(Index(n) if i is None and n > 1 else i for i, n in zip(axes, shape, strict=True))
    if tuple(1 if i is None else i.size for i in made) != shape:
        raise UnwritableError
    return made
