"""Builder: makes nodes in the simplest form that the rules find; equal nodes are made only once."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from chainrule import absent, constants
from chainrule.block import Block
from chainrule.block.bounds import Range
from chainrule.blocks.elementwise import negative
from chainrule.blocks.indexing import Slot
from chainrule.layout import bytes_of
from chainrule.libraries import is_inexact, namespace_of, numpys
from chainrule.node import Node
from chainrule.simplify import structure

__all__ = ["CONSTANT", "Builder", "key_of", "shape_and_dtype"]

CONSTANT, INPUT = "a constant", "an input"

Rules = Mapping[Block, Sequence[Any]]


class Simpler(Protocol):
    """Simplifies across several blocks; implemented in `forms.py`."""

    def simpler(self, node: Node) -> Any:
        """An equal value that is cheaper or more stable, or None."""
        ...

    def are_opposite(self, x: Any, y: Any) -> bool:
        """Whether x = −y."""
        ...


class Builder:
    """Makes nodes, simplified by the rules of a table.

    Parameters
    ----------
    rules : the rules of each block: objects with `apply(build, operands, params)`, which returns an equal value or
        None, and `may_apply(kinds)`, a quick test by the blocks that made the operands.
    uses : how often each node is used in the graph that is being simplified; kept up to date for new nodes.
    leaves : nodes whose blocks and operands rules must not read.
    """

    def __init__(self, rules: Rules, uses: Counter[Node], leaves: Container[Node] = ()):
        self.rules = rules
        self.uses = uses
        self.leaves = leaves
        self.forms: Simpler | None = None
        self.improved: set[Node] = set()
        """Nodes whose value differs from the original's: stable forms of values that over- or underflowed."""
        self.negated: set[Any] = set()
        """Nodes x whose σ(−x) is already in the graph."""
        self._known: dict[Any, Node] = {}
        self._ranges: dict[Node, Range] = {}
        self._facts: dict[tuple[str, int], tuple[Any, Any]] = {}

    # Queries of rules -------------------------------------------------------------------------------------

    def is_leaf(self, x: Node) -> bool:
        """Whether rules must not read the block and operands of a node."""
        return x.block is None or x in self.leaves

    def dies(self, x: Node) -> bool:
        """Whether only the node being replaced uses this node."""
        return self.uses[x] <= 1

    def same(self, x: Any, y: Any) -> bool:
        """Whether two operands are equal: the same node, or constants with the same entries."""
        return x is y or (type(x) is not Node and type(y) is not Node and self.key(x) == self.key(y))

    def are_opposite(self, x: Any, y: Any) -> bool:
        """Whether it can be shown that x = −y; for floats only, since −1 in uint8 is 255."""
        for a, b in ((x, y), (y, x)):
            if type(a) is Node and a.block is negative and self.same(a.inputs[0], b):
                return is_inexact(a.value)
        return self.forms is not None and self.forms.are_opposite(x, y)

    def is_pure(self, block: Any) -> bool:
        """Whether a block gives the same result each time. A user's own block may draw random numbers."""
        return block.pure

    def has_absent_zeros(self, x: Any) -> bool:
        """Whether values multiplied by a constant's zeros may be dropped."""
        return absent.has_absent_zeros(x)

    def uniform(self, x: Any) -> Any:
        return self._fact("uniform", constants.uniform, x)

    def one_hot(self, x: Any) -> constants.OneHot | None:
        """A constant as one-hot rows whose zeros are absent, or None."""
        return self._fact("one_hot", constants.one_hot, x) if self.has_absent_zeros(x) else None

    def is_identity(self, x: Any) -> bool:
        """Whether a constant is an identity matrix whose zeros are absent."""
        return type(x) is np.ndarray and self.has_absent_zeros(x) and self._fact("identity", constants.is_identity, x)

    def range_of(self, x: Any) -> Range:
        """`structure.range_of`, cached for each node."""
        if type(x) is Node and x not in self._ranges:
            self._ranges[x] = structure.range_of(x, known=self._ranges)
        return structure.range_of(x, known=self._ranges)

    def is_seed(self, x: Any) -> bool:
        """Whether a constant is the seed of a Jacobian by a matrix: an identity matrix, reshaped to S + S."""
        return self.has_absent_zeros(x) and self._fact("seed", constants.is_seed, x)

    def _fact(self, name: str, find: Any, x: Any) -> Any:
        """The result of `find` for a constant, cached."""
        known = self._facts.get((name, id(x)))
        if known is None:
            known = self._facts[(name, id(x))] = (x, find(x))  # x is stored, so that its id is not reused
        return known[1]

    # Making nodes -----------------------------------------------------------------------------------------

    def call(self, block: Block, *operands: Any, **params: Any) -> Any:
        """A block, applied with its defaults: a node, or a plain value if all operands are plain."""
        return self.make(block, operands, {**block.defaults, **params})

    def make(self, block: Any, operands: Sequence[Any], params: dict[str, Any], like: Node | None = None) -> Any:
        """A block, applied to operands, in its simplest form.

        `like` is the original that it replaces: the result has its shape, dtype, name and line.
        """
        operands = tuple(operands)
        if not any(type(x) is Node for x in operands):
            return absent.made_of(self.forward(block, operands, params), *operands)
        key = self._key(block, operands, params)
        known = self._known.get(key)
        if known is not None:
            if like is not None and known is not like:
                self._count_uses(operands, -1)
                if type(known) is Node:  # else it has become a constant
                    self.uses[known] += self.uses[like]
            return known
        made = self._new(block, operands, params, like)
        found = made
        if key is not None:
            self._known[key] = made  # a rule may return the node that it is applied to
        kinds = {_kind(x) for x in operands}
        for rule in self.rules.get(block, ()):
            if not rule.may_apply(kinds):
                continue
            x = rule.apply(self, operands, params)
            if x is not None and x is not made and shape_and_dtype(x) == shape_and_dtype(made):
                found = x
                break
        else:
            x = self.forms.simpler(made) if self.forms else None
            if x is not None and x is not made and shape_and_dtype(x) == shape_and_dtype(made):
                found = x
        if key is not None:
            self._known[key] = found
        if found is not made:
            self._replaced(made, found)
        if like is not None and found is not like and type(found) is Node:
            self.uses[found] += self.uses[like]
        return found

    def _count_uses(self, operands: Sequence[Any], change: int) -> None:
        for x in {x for x in operands if type(x) is Node}:
            self.uses[x] += change

    def known(self, block: Block, *operands: Any) -> Node | None:
        """The existing node of a block without parameters on these operands, or None."""
        return self._known.get(self._key(block, operands, {}))

    def keep(self, node: Node) -> Node:
        """The node itself, or an equal one made before."""
        key = self._key(node.block, node.inputs, node.params)
        return node if key is None else self._known.setdefault(key, node)

    def _key(self, block: Any, operands: Sequence[Any], params: dict[str, Any]) -> Any:
        """A key that is equal for equal nodes; None if the block may give another result each time."""
        if not self.is_pure(block):
            return None
        return (block, tuple([x if type(x) is Node else self.key(x) for x in operands]), _key_of_params(params))

    def _new(self, block: Any, operands: tuple[Any, ...], params: dict[str, Any], like: Node | None) -> Node:
        if like is None:
            self._count_uses(operands, 1)
            return Node(block, operands, params, self.forward(block, operands, params))
        if like.block is block and all(x is y for x, y in zip(operands, like.inputs, strict=True)):
            return like
        if not any(x in self.improved for x in operands if type(x) is Node):
            return like.remade(block, operands, params)
        made = Node(block, operands, params, self.forward(block, operands, params), like.code, like.lasti, like.name)
        if not _close(made.value, like.value):
            self.improved.add(made)
        return made

    def _replaced(self, original: Node, found: Any) -> None:
        self._count_uses(original.inputs, -1)
        if type(found) is not Node:
            return
        if isinstance(original.value, np.generic) and type(found.value) is np.ndarray:
            found.value = found.value[()]  # a number where NumPy gives a number: it may meet Python's
        if original in self.improved or not _close(found.value, original.value):
            self.improved.add(found)
        if found.name is None and found.block is not None:
            found.name = original.name
        if found.code is None:
            found.code, found.lasti = original.code, original.lasti

    def forward(self, block: Any, operands: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """The value of a block. Warnings of overflow are left to the later run of the graph."""
        values = [x.value if type(x) is Node else x for x in operands]
        with np.errstate(all="ignore"):
            try:
                return block.forward(namespace_of(values), *values, **params)
            except (ZeroDivisionError, OverflowError):  # Python's numbers raise where NumPy's are infinite
                return block.forward(namespace_of(values), *map(numpys, values), **params)

    def key(self, x: Any) -> Any:
        """A key that is equal for equal constants; it includes whether their zeros are absent."""
        return self._fact("key", key_of, x), self.has_absent_zeros(x)


def _key_of_params(params: dict[str, Any]) -> Any:
    """A key that is equal for equal parameters. An index does not depend on its integer dtype."""
    if "key" in params:
        index = [x.astype(np.intp) if isinstance(x, np.ndarray) else x for x in params["key"]]
        params = {**params, "key": index}
    return key_of(params)


def key_of(x: Any) -> Any:
    """A key that is equal for equal constants: type, shape, dtype and entries."""
    if isinstance(x, np.ndarray):
        data = np.ascontiguousarray(x)
        entries = bytes_of(data)
        short = entries if len(entries) <= 64 else hashlib.blake2b(entries, digest_size=16).digest()
        return (x.dtype.str, x.shape, short)
    if isinstance(x, np.generic):
        return (x.dtype.str, (), bytes_of(x))
    if isinstance(x, dict):
        return tuple([(name, key_of(value)) for name, value in x.items()])
    if isinstance(x, tuple | list):
        return tuple([key_of(part) for part in x])
    if isinstance(x, slice):
        return ("slice", key_of(x.start), key_of(x.stop), key_of(x.step))
    if x is None or isinstance(x, str | np.dtype | type | Slot):
        return x
    if isinstance(x, bool | int | float | complex):
        return (type(x), repr(x))
    return (type(x), id(x))


def _kind(x: Any) -> Any:
    """The kind of an operand, as rules test it: the block that made it, an input, or a constant."""
    if type(x) is not Node:
        return CONSTANT
    return INPUT if x.block is None else x.block


def shape_and_dtype(x: Any) -> Any:
    value = x.value if type(x) is Node else x
    return np.shape(value), getattr(value, "dtype", None) or np.asarray(value).dtype


def _close(x: Any, y: Any) -> bool:
    x, y = np.asarray(x), np.asarray(y)
    if (x == y).all():
        return True
    if x.dtype.kind not in "fc":
        return np.array_equal(x, y)
    with np.errstate(all="ignore"):
        return bool(np.allclose(x, y, rtol=1e-5, atol=0, equal_nan=True))
