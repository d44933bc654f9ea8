"""Forms: sums of products of atoms as data, and the arithmetic of their coefficients."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.absent import made_of
from chainrule.blocks.indexing.entries import Slot
from chainrule.node import Node

__all__ = [
    "LARGE",
    "ONE",
    "SMALL",
    "Atom",
    "Form",
    "Hot",
    "Notes",
    "Product",
    "UnreadableError",
    "atom_form",
    "broadcast",
    "has_same_size",
    "inverse",
    "is_array",
    "is_negative",
    "is_unit",
    "negated",
    "not_large",
    "scaled",
    "shape_of",
]


@dataclass(frozen=True, eq=False)
class Hot:
    """One-hot rows; one object for each content.

    Attributes
    ----------
    labels, size : as in `constants.OneHot`; labels known only at run time are a node.
    put : whether it comes from an `add_at`, which stores numbers and multiplies nothing by zero.
    """

    labels: Any
    size: int
    dtype: Any
    put: bool = False

    @functools.cached_property
    def is_identity(self) -> bool:
        """Whether it is an identity matrix, perhaps with axes of length 1 between."""
        if self.at_run_time or self.labels.size != self.size:
            return False
        return bool((self.labels.ravel() == np.arange(self.size)).all())

    @property
    def at_run_time(self) -> bool:
        return type(self.labels) is Node

    @property
    def rows(self) -> tuple[int, ...]:
        """The shape of the labels."""
        return shape_of(self.labels)

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.rows, self.size)

    @property
    def key(self) -> tuple[Any, ...]:
        """The index of the entries at the labels; labels known only at run time have a slot in it."""
        label = Slot(0) if self.at_run_time else self.labels if self.rows else int(self.labels)
        return (*np.ix_(*map(np.arange, self.rows)), label)


Atom = Node | Hot
Product = frozenset[tuple[Atom, int]]
ONE: Product = frozenset()


@dataclass(frozen=True, eq=False)
class Form:
    """Σ coefficient · Π atom^exponent.

    Attributes
    ----------
    terms : the coefficient of each product: a number or a constant array.
    cost : the cost of the blocks that it was read from and that it makes unnecessary.
    lost : the atoms that cancelled somewhere.
    stable : whether it is worth some extra cost: factors cancel or no longer overflow.
    gain : whether any simplification was found.
    masks : the atoms that must stay factors of each term: the form was read without a mask that is 0 where they are.
    slopes : the atoms that multiply only nonzero entries (see `product_or_zero`): beside 0 they may be infinite or NaN.
    """

    terms: dict[Product, Any]
    cost: int = 0
    lost: frozenset[Any] = frozenset()
    stable: bool = False
    gain: bool = False
    slopes: frozenset[Any] = frozenset()
    masks: frozenset[Any] = frozenset()

    @property
    def atoms(self) -> frozenset[Any]:
        return frozenset([atom for product in self.terms for atom, _ in product])


@dataclass
class Notes:
    """Notes taken while forms are multiplied and added; the attributes are those of `Form`."""

    lost: set[Any]
    stable: bool
    gain: bool
    slopes: set[Any]
    masks: set[Any]

    @classmethod
    def of(cls, *forms: Form, gain: bool) -> Notes:
        """The combined notes of several forms. What is a plain factor in one of them is no slope: 0 · NaN is NaN."""
        notes = cls(set(), any(f.stable for f in forms), gain, set(), set())
        for f in forms:
            notes.lost |= f.lost
            notes.slopes |= f.slopes
            notes.masks |= f.masks
        for f in forms:
            if not notes.slopes <= f.slopes:
                notes.slopes -= f.atoms - f.slopes
        return notes

    def from_(self, made: Any, *atoms: Any) -> Any:
        """Note a new atom that replaces others: it is a slope if one of them is."""
        if type(made) is Node and not self.slopes.isdisjoint(atoms):
            self.slopes.add(made)
        return made

    def form(self, terms: dict[Product, Any], gain: bool) -> Form:
        kept = frozenset(self.slopes), frozenset(self.masks)
        return Form(terms, 0, frozenset(self.lost), self.stable, gain, *kept)


class UnreadableError(Exception):
    """A value cannot be read as a sum of products, or need not be."""


def shape_of(atom: Any) -> tuple[int, ...]:
    if isinstance(atom, Hot):
        return atom.shape
    return np.shape(atom.value) if type(atom) is Node else getattr(atom, "shape", ())


def atom_form(x: Node) -> Form:
    return Form({frozenset([(x, 1)]): 1.0})


def broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    return a if a == b or not b else b if not a else np.broadcast_shapes(a, b)


# Coefficients: numbers and constant arrays -----------------------------------------------------------------------


def scaled(x: Any, y: Any) -> Any:
    """The product of two coefficients, unless it over- or underflows, or is larger than both."""
    if not is_array(x) and not is_array(y):
        return _finite(x * y)
    if not is_array(x) or not is_array(y):
        x, y = (x, y) if is_array(x) else (y, x)
        if is_unit(y):
            return x if y == 1 else negated(x)
    has_same_size(x, y)
    with np.errstate(all="ignore"):
        z = not_large(x * y)
    if np.count_nonzero(abs(z) > SMALL) != np.count_nonzero(np.broadcast_to(x, z.shape) * np.sign(y)):
        raise UnreadableError
    return made_of(z, x, y)


def negated(c: Any) -> Any:
    return made_of(-c, c) if is_array(c) else -c


def inverse(c: Any) -> Any:
    if not is_array(c):
        return _finite(1 / c)
    if not ((abs(c) > SMALL) & (abs(c) < LARGE)).all():
        raise UnreadableError
    return 1 / c


SMALL, LARGE = 1e-30, 1e30
"""What coefficients are put together to lies between: far from what float32 can hold."""


def _finite(c: float) -> float:
    if not SMALL < abs(c) < LARGE:
        raise UnreadableError
    return c


def not_large(c: Any) -> Any:
    """A coefficient to which others were put together, unless that overflows."""
    if not np.all(abs(c) < LARGE):
        raise UnreadableError
    return c


def has_same_size(x: Any, y: Any) -> None:
    if broadcast(np.shape(x), np.shape(y)) not in (np.shape(x), np.shape(y)):
        raise UnreadableError


def is_negative(c: Any) -> bool:
    return not is_array(c) and c < 0


def is_unit(c: Any) -> bool:
    return not is_array(c) and (c == 1 or c == -1)


def is_array(c: Any) -> bool:
    return type(c) is np.ndarray
