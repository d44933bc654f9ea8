"""Reading the derivative of a recorded gradient as a sum of networks.

H v, recorded for a general v, is computed by blocks that are linear in v. Each of them does something simple to the
networks of its operand: it renames, drops or adds labels, or adds a factor. The factors are the numbers of the
recording itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.graph import Graph
from chainrule.layout import bytes_of
from chainrule.libraries import NUMPY_NAMESPACE
from chainrule.node import Node
from chainrule.structured.networks import (
    SMALL,
    Factor,
    Label,
    Labels,
    TensorNetwork,
    Unreadable,
    cheapest,
    leaves,
    merged,
    placed,
    product,
    renamed,
    without_identities,
)

__all__ = ["IndexReading", "Networks"]

TERMS = 6
"""A sum of more networks is put together."""
FACTORS = 8
"""A product of more factors is put together."""

Networks = list[TensorNetwork]


class IndexReading:
    """The networks of the nodes of a graph that depend, linearly, on one of them.

    Attributes
    ----------
    columns : the labels of each axis of that node.
    largest : the largest number of entries of a matrix that moves entries, as a slice does.
    """

    def __init__(self, seed: Node, largest: int):
        self.largest = largest
        shape = np.shape(seed.value)
        self.columns: tuple[Labels, ...] = tuple((Label(n),) if n != 1 else () for n in shape)
        self.dtype = np.asarray(seed.value).dtype
        self._of: dict[Node, Networks] = {seed: [TensorNetwork(1.0, (), self.columns)]}
        self._arrays: dict[Any, Any] = {}
        self._names: dict[Any, Label] = {}

    def read(self, graph: Graph, rules: Mapping[Block, Callable[..., Networks | None]]) -> Networks:
        """The networks of the graph's output, by a rule for each block; a rule that does not apply gives None."""
        for node in graph.nodes:
            if any(type(x) is Node and x in self._of for x in node.inputs):
                rule = rules.get(node.block)  # type: ignore[call-overload]
                found = None if rule is None else rule(self, node, *node.inputs, **node.params)
                self._of[node] = self.small(self.by_entries(node) if found is None else found)
        return self._of[graph.outputs[0]]

    def depends(self, x: Any) -> bool:
        return type(x) is Node and x in self._of

    def of(self, x: Any) -> Networks:
        return self._of[x]

    def constant(self, x: Any) -> Any:
        """An operand that does not depend on v; equal arrays are one object."""
        if self.depends(x):
            raise Unreadable
        value = np.asarray(x.value if type(x) is Node else x)
        if value.dtype.kind not in "fiub" or not np.all(np.isfinite(value)):
            raise Unreadable
        return value if value.dtype.kind == "f" else value.astype(self.dtype)

    def times(self, n: TensorNetwork, x: Any, axes: Sequence[Labels]) -> TensorNetwork:
        """A network times a constant with the labels of these axes.

        A constant has no label for an axis along which it does not change, so one that is uniform is a number. Equal
        arrays, and transposes of each other, are one object.
        """
        array, labels = placed(self.constant(x), axes)
        for axis in reversed(range(array.ndim)):
            first = array.take([0], axis)
            if np.array_equal(np.broadcast_to(first, array.shape), array):
                array, labels = first.squeeze(axis), labels[:axis] + labels[axis + 1 :]
        if not labels:
            return replace(n, number=n.number * float(array))
        for turned in (array, array.T):
            known = self._arrays.get(_content(turned))
            if known is not None:
                return n.times((known, labels if turned is array else labels[::-1]))
        self._arrays[_content(array)] = array
        return n.times((array, labels))

    def split(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Two operands, the one that depends on v first."""
        return (x, y) if self.depends(x) else (y, x)

    def hot(self, part: Any, size: int) -> np.ndarray:
        """What a part of a key reads from an axis, as one-hot rows; an integer reads one row."""
        places = np.arange(size)[part]
        if np.size(places) * size > self.largest:
            raise Unreadable
        return np.asarray(np.equal.outer(places, np.arange(size)), self.dtype)

    # Keeping it small -----------------------------------------------------------------------------------------

    def labels(self) -> Labels:
        return leaves(label for axis in self.columns for label in axis)

    def small(self, networks: Networks) -> Networks:
        """The same sum, with like terms put together, of few networks with few factors."""
        found: Networks = []
        for network in networks:
            network = self.named(self.short(network.settled()))
            for place, other in enumerate(found):
                both = merged(other, network, self.labels(), self.dtype)
                if both is not None:
                    found[place] = both
                    break
            else:
                found.append(network)
        while len(found) > TERMS:
            first, second, *rest = found
            both = merged(first, second, self.labels(), self.dtype, SMALL)
            if both is None:
                raise Unreadable
            found = [*rest, both]
        return [network for network in found if network.number]

    def named(self, n: TensorNetwork) -> TensorNetwork:
        """The same, in which the label of an axis of an array is the same whenever its other labels are."""
        known = set(self.labels())
        n = without_identities(n, known)
        names: dict[Label, Label] = {}
        for array, labels in n.factors:
            own = [names.get(label, label) for label in labels]
            new = [label for label in own if label not in known]
            if len(new) == 1:
                key = id(array), array.shape, tuple(None if label is new[0] else label for label in own)
                name = self._names.setdefault(key, new[0])
                if name not in known and not name.parts:
                    names[new[0]] = name
                known |= {name, new[0]}
            known.update(own)
        axes = tuple(tuple(names.get(label, label) for label in axis) for axis in n.axes)
        return replace(n, factors=renamed(n.factors, names), axes=axes)

    def short(self, network: TensorNetwork) -> TensorNetwork:
        """The same with fewer factors: two are multiplied if that sums over a label and the product is not larger.

        Of many factors more are multiplied, those first whose product is smallest.
        """
        factors, kept = list(network.factors), {*network.rows, *self.labels()}
        while True:
            pairs = itertools.combinations(range(len(factors)), 2)
            chosen = next((pair for pair in pairs if _is_worth_it(factors, pair, kept)), None)
            if chosen is None and len(factors) <= FACTORS:
                return replace(network, factors=tuple(factors))
            i, j = chosen or cheapest(factors, tuple(kept))
            others = [f for k, f in enumerate(factors) if k not in (i, j)]
            made = product(factors[i], factors[j], kept.union(*(labels for _, labels in others)))
            if chosen is None and made[0].size > SMALL:
                raise Unreadable
            factors = [*others, made]

    def by_entries(self, node: Node) -> Networks:
        """A block that no rule knows, by its whole matrix, if that is small: its rule pulls back an identity."""
        wanted = [self.depends(x) for x in node.inputs]
        size = np.size(node.value)
        if sum(wanted) != 1 or node.block is None:
            raise Unreadable
        x = node.inputs[wanted.index(True)]
        if size * np.size(x.value) > self.largest or type(x.value) is float or type(node.value) is float:
            raise Unreadable
        operands = [i.value if type(i) is Node else i for i in node.inputs]
        shape = np.shape(node.value)
        seeds = np.eye(size, dtype=self.dtype).reshape((size, *shape))
        pulled = node.block.pull(NUMPY_NAMESPACE, seeds, node.value, operands, node.params, wanted)
        of_x = pulled[wanted.index(True)]
        if of_x is None:  # the result does not depend on it
            return []
        matrix = np.reshape(of_x, (*shape, *np.shape(x.value)))
        axes = tuple((Label(n),) if n != 1 else () for n in shape)
        return [self.times(n, matrix, (*axes, *n.axes)).with_axes(axes) for n in self.of(x)]


def _is_worth_it(factors: Sequence[Factor], pair: tuple[int, int], kept: set[Label]) -> bool:
    """Whether two factors have a label that no other has, and their product is not larger than the larger of them."""
    (x, a), (y, b) = factors[pair[0]], factors[pair[1]]
    outside = kept.union(*(labels for k, (_, labels) in enumerate(factors) if k not in pair))
    if not (set(a) & set(b)) - outside:
        return False
    return math.prod(label.size for label in {*a, *b} & outside) <= max(x.size, y.size)


def _content(array: np.ndarray) -> Any:
    return array.shape, array.dtype, hash(bytes_of(array))
