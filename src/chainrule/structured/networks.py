"""Networks: linear maps kept as products of arrays in index notation.

A network is Σ a_ij b_jk …, a product of factors with a label for each axis. It maps an array v to an array z: some
labels are those of the columns (the axes of v), some those of the rows (the axes of z), the others are summed over. A
label that is a row and a column is a δ. So Xᵀ diag(d) X is X_ni d_n X_nj, and I ⊗ A is δ_ab A_ij.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = [
    "Factor",
    "Label",
    "TensorNetwork",
    "Unreadable",
    "cheapest",
    "contracted",
    "gathered",
    "is_identity",
    "leaves",
    "matched",
    "merged",
    "placed",
    "product",
    "reached",
    "renamed",
    "without_identities",
]

SMALL = 1_000_000
"""The largest number of entries of an array that is made only to join others: an identity, or a sum of products."""


class Unreadable(Exception):
    """A map that networks do not express."""


class Label:
    """An axis. Two are the same only if they are the same object. One that is split is read as its parts."""

    __slots__ = ("parts", "size")

    def __init__(self, size: int):
        self.size = size
        self.parts: tuple[Label, ...] = ()

    def split(self, first: int) -> None:
        """Split an axis of n entries into two, of `first` and n / first, as a reshape does."""
        self.parts = (Label(first), Label(self.size // first))


Labels = tuple[Label, ...]
Labelled = set[Label] | frozenset[Label]
Factor = tuple[Any, Labels]
"""An array, and a label for each axis; a number has none."""


def leaves(labels: Iterable[Label]) -> Labels:
    """The labels, with those that were split replaced by their parts."""
    found: list[Label] = []
    for label in labels:
        found += leaves(label.parts) if label.parts else (label,)
    return tuple(found)


def matched(a: Iterable[Label], b: Iterable[Label]) -> None:
    """Split labels until both rows of labels have the same sizes."""
    left, right = list(reversed(leaves(a))), list(reversed(leaves(b)))
    while left and right:
        x, y = left.pop(), right.pop()
        if x.size == y.size:
            continue
        large, small, rest = (x, y, left) if x.size > y.size else (y, x, right)
        if large.size % small.size:
            raise Unreadable
        large.split(small.size)
        rest.append(large.parts[1])


@dataclass(frozen=True, eq=False)
class TensorNetwork:
    """A number times a product of arrays, summed over the labels that are neither rows nor columns.

    Attributes
    ----------
    axes : the labels of each axis of the result; none for an axis of length 1, several for one that joins several.
    """

    number: float
    factors: tuple[Factor, ...]
    axes: tuple[Labels, ...]

    @property
    def rows(self) -> Labels:
        return leaves(label for axis in self.axes for label in axis)

    def settled(self) -> TensorNetwork:
        """The same, in which no label is split; factors with the same labels are one, numbers are in the number."""
        number, found = self.number, dict[frozenset[Label], Factor]()
        for array, labels in self.factors:
            if any(label.parts for label in labels):
                labels = leaves(labels)
                array = array.reshape([label.size for label in labels])
            if not labels:
                number *= float(array)
                continue
            key: Any = frozenset(labels)
            if len(key) < len(labels):
                key = object()  # a diagonal is read
            elif key in found:
                other, order = found[key]
                array, labels = other * array.transpose([labels.index(label) for label in order]), order
            found[key] = (array, labels)
        return TensorNetwork(number, tuple(found.values()), tuple(leaves(axis) for axis in self.axes))

    def with_axes(self, axes: tuple[Labels, ...]) -> TensorNetwork:
        return replace(self, axes=axes)

    def times(self, *factors: Factor) -> TensorNetwork:
        return replace(self, factors=(*self.factors, *factors))


def placed(array: Any, axes: Sequence[Labels]) -> Factor:
    """An array as a factor: its last axes have the labels of `axes`; axes of length 1 have none."""
    array = np.asarray(array)
    labels: list[Label] = []
    for n, axis in zip(reversed(array.shape), reversed(axes), strict=False):
        labels[:0] = axis if n != 1 else ()
    labels = [*leaves(labels)]
    return array.reshape([label.size for label in labels]), tuple(labels)


def renamed(factors: Iterable[Factor], names: Mapping[Label, Label]) -> tuple[Factor, ...]:
    return tuple((array, tuple(names.get(label, label) for label in labels)) for array, labels in factors)


def contracted(factors: Sequence[Factor], labels: Sequence[Label], dtype: Any) -> np.ndarray:
    """The product of factors as an array with these axes, summed over all other labels.

    What no factor depends on is repeated; a label that is there twice is a diagonal.
    """
    out = tuple(dict.fromkeys(labels))
    left = [_read_once(f) for f in factors]
    while len(left) > 1:
        i, j = cheapest(left, out)
        others = [f for k, f in enumerate(left) if k not in (i, j)]
        kept = {*out, *(label for _, own in others for label in own)}
        left = [*others, product(left[i], left[j], kept)]
    array, own = _summed(left[0], set(out)) if left else (np.ones((), dtype), ())
    array = np.broadcast_to(_spread(np.asarray(array, dtype), own, out), [label.size for label in out])
    return _on_diagonals(array, out, labels)


def product(a: Factor, b: Factor, kept: Labelled) -> Factor:
    """Two factors as one, summed over the labels that are not kept: a product of matrices, or of stacks of them."""
    (x, of_x), (y, of_y) = _summed(a, {*kept, *b[1]}), _summed(b, {*kept, *a[1]})
    both = [label for label in of_x if label in of_y]
    if kept.issuperset(both):
        labels = (*of_x, *(label for label in of_y if label not in both))
        return _spread(x, of_x, labels) * _spread(y, of_y, labels), labels
    stack = [label for label in both if label in kept]
    inner = [label for label in both if label not in kept]
    rows, columns = [label for label in of_x if label not in both], [label for label in of_y if label not in both]
    left = x.transpose([of_x.index(label) for label in (*stack, *rows, *inner)])
    right = y.transpose([of_y.index(label) for label in (*stack, *inner, *columns)])
    shape = [math.prod(label.size for label in part) for part in (stack, rows, inner, columns)]
    left, right = left.reshape(shape[0], shape[1], shape[2]), right.reshape(shape[0], shape[2], shape[3])
    labels = (*stack, *rows, *columns)
    return (left @ right).reshape([label.size for label in labels]), labels


def _spread(array: np.ndarray, own: Labels, labels: Sequence[Label]) -> np.ndarray:
    """An array with the axes of these labels, of length 1 where it does not have one."""
    turned = array.transpose([own.index(label) for label in labels if label in own])
    return turned.reshape([label.size if label in own else 1 for label in labels])


def cheapest(factors: Sequence[Factor], out: Sequence[Label]) -> tuple[int, int]:
    """The places of the two factors whose product grows least."""
    uses = Counter([*out, *(label for _, own in factors for label in own)])
    best: Any = None
    for i, j in itertools.combinations(range(len(factors)), 2):
        a, b = factors[i][1], factors[j][1]
        both = set(a) & set(b)
        size = math.prod(label.size for label in {*a, *b} if uses[label] > (2 if label in both else 1))
        grown = (not both and len(factors) > 2, size - factors[i][0].size - factors[j][0].size)
        if best is None or grown < best[0]:
            best = (grown, i, j)
    return best[1:]


def _read_once(f: Factor) -> Factor:
    """A factor in which no label is there twice: its diagonal."""
    array, labels = f
    own = tuple(dict.fromkeys(labels))
    if len(own) == len(labels):
        return f
    return np.einsum(array, [own.index(label) for label in labels], range(len(own))), own


def _summed(f: Factor, kept: Labelled) -> Factor:
    """A factor, summed over the labels that are not kept."""
    array, labels = f
    if kept.issuperset(labels):
        return f
    gone = tuple(i for i, label in enumerate(labels) if label not in kept)
    return np.asarray(array.sum(axis=gone)), tuple(label for label in labels if label in kept)


def _on_diagonals(array: np.ndarray, own: Sequence[Label], labels: Sequence[Label]) -> np.ndarray:
    """An array with more axes, of labels that it has already: 0 beside the diagonals."""
    own = list(own)
    for place, label in enumerate(labels):
        if own[place : place + 1] != [label]:
            first = own.index(label)
            made = np.zeros((*array.shape[:place], label.size, *array.shape[place:]), array.dtype)
            every = np.arange(label.size)
            np.moveaxis(made, (first, place), (0, 1))[every, every] = np.moveaxis(array, first, 0)
            array = made
            own.insert(place, label)
    return array


def reached(factors: Sequence[Factor], start: set[Label], closed: Labelled = frozenset()) -> tuple[Factor, ...]:
    """The factors that can be reached from labels, without going through others."""
    found: list[Factor] = []
    near = set(start)
    left = list(factors)
    while more := [f for f in left if near & set(f[1])]:
        found += more
        left = [f for f in left if not any(f is g for g in more)]
        near |= {x for _, labels in more for x in labels} - closed
    return tuple(found)


def is_identity(array: np.ndarray) -> bool:
    """Whether it is an identity matrix."""
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array[0, -1] != (array.shape[0] == 1):
        return False
    return np.count_nonzero(array) == len(array) and bool(np.all(array.diagonal() == 1))


def without_identities(n: TensorNetwork, columns: Labelled) -> TensorNetwork:
    """The same network, in which an identity matrix as a factor makes its two labels one, unless both are columns."""
    for factor in n.factors:
        array, labels = factor
        if is_identity(array) and not columns.issuperset(labels):
            a, b = labels if labels[1] not in columns else labels[::-1]
            rest = tuple(f for f in n.factors if f is not factor)
            axes = tuple(tuple(a if label is b else label for label in axis) for axis in n.axes)
            return without_identities(TensorNetwork(n.number, renamed(rest, {b: a}), axes), columns)
    return n


def gathered(n: TensorNetwork, columns: Labels, dtype: Any) -> TensorNetwork:
    """The same network, with its factors that neither rows nor columns depend on in the number."""
    there = reached(n.factors, {*n.rows, *columns})
    apart = [f for f in n.factors if not any(f is g for g in there)]
    return replace(n, number=n.number * float(contracted(apart, (), dtype)), factors=there) if apart else n


# Sums of two networks as one ---------------------------------------------------------------------------------------


def merged(
    a: TensorNetwork, b: TensorNetwork, columns: Labels, dtype: Any, limit: int | None = None
) -> TensorNetwork | None:
    """a + b as one network: what they have in common is a factor, the sum of the rest is another.

    None if the new factor has more than `limit` entries. Without a limit it may not have more than twice as many as
    those that it replaces, and no δ is written out for it.
    """
    a, b = a.settled(), b.settled()
    for x, y in zip(a.axes, b.axes, strict=True):
        matched(x, y)
    a, b = a.settled(), b.settled()
    b = _with_rows_of(a, b, columns)
    shared = [f for f in a.factors if any(_is_same(f, g) for g in b.factors)]
    rest = [[f for f in x.factors if not any(_is_same(f, g) for g in shared)] for x in (a, b)]
    rows = list(a.rows)
    for place, pair in enumerate(zip(a.rows, b.rows, strict=True)):
        if pair[0] is not pair[1]:
            size = pair[0].size
            if limit is None or size**2 > limit:
                return None
            rows[place] = new = Label(size)
            for own, label in zip(rest, pair, strict=True):
                own.append((np.eye(size, dtype=dtype), (label, new)))
    outside = {*rows, *columns, *(label for _, labels in shared for label in labels)}
    labels = tuple(dict.fromkeys(label for own in rest for _, ls in own for label in ls if label in outside))
    size = math.prod(label.size for label in labels)
    most = max((array.size for own in rest for array, _ in own), default=1)
    if size > (2 * most if limit is None else limit):
        return None
    new_rows = iter(rows)
    axes = tuple(tuple(itertools.islice(new_rows, len(axis))) for axis in a.axes)
    if not rest[0] and not rest[1]:
        return TensorNetwork(a.number + b.number, tuple(shared), axes)
    total = sum(x.number * contracted(own, labels, dtype) for x, own in zip((a, b), rest, strict=True))
    return TensorNetwork(1.0, (*shared, (np.asarray(total, dtype), labels)), axes).settled()


def _is_same(f: Factor, g: Factor) -> bool:
    return f[0] is g[0] and f[1] == g[1]


def _with_rows_of(a: TensorNetwork, b: TensorNetwork, columns: Labels) -> TensorNetwork:
    """b, with a's labels for those rows that are labels of their own in both."""
    taken = {*columns, *(label for _, labels in b.factors for label in labels), *b.rows}
    names: dict[Label, Label] = {}
    for x, y in zip(a.rows, b.rows, strict=True):
        if x is not y and x not in taken and y not in columns and y not in names and x not in names.values():
            names[y] = x
    axes = tuple(tuple(names.get(label, label) for label in axis) for axis in b.axes)
    return TensorNetwork(b.number, renamed(b.factors, names), axes)
