"""Reading indexing: parts of arrays, their diagonals, and entries put into an array of zeros."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.block import Block
from chainrule.blocks.decompositions import eigh, svd
from chainrule.blocks.indexing import add_at, getitem, key_of
from chainrule.explain.closed import calls
from chainrule.explain.closed.parts import Part
from chainrule.explain.closed.picks import entry
from chainrule.explain.closed.reading import Reading
from chainrule.explain.closed.terms import ONE, Expr, Term, axes_of_shape, single
from chainrule.node import Node

__all__ = ["ENTRIES"]


def _getitem(r: Reading, node: Node, x: Any, key: tuple[Any, ...]) -> Expr | None:
    found = _part(r, node, x, key) or _read_back(r, node, x, key)
    if found is not None:
        return found
    value = r.of(x).fresh()
    if _only_axes(key, value.shape):
        read = sum(k is not None for k in key)
        rest = list(value.axes[len(value.axes) - read :]) if read else []
        lead = value.axes[: len(value.axes) - read]
        taken = [(k, None if k is None else rest.pop(0)) for k in key]
        return value.along((*lead, *(i for k, i in taken if not isinstance(k, int | np.integer))))
    if (places := _places(key, value.shape)) is not None:
        return _picked(r, value, key, places)
    if _is_diagonal(key, value.shape):
        i, j = value.axes
        assert i is not None
        assert j is not None
        same = value.renamed({j: i})
        return r.atoms.collected(same.terms, (i,))
    return None


def _places(key: tuple[Any, ...], shape: tuple[int, ...]) -> list[int | None] | None:
    """The one place that an index reads along each axis, None for whole axes; None if it is another kind of index."""
    lead = len(shape) - len(key)
    found: list[int | None] = [None] * max(lead, 0)
    for k, n in zip(key, shape[lead:] if lead >= 0 else (), strict=False):
        if isinstance(k, int | np.integer):
            found.append(int(k) % n)
        elif isinstance(k, slice) and (k == slice(None) or len(range(*k.indices(n))) == 1):
            found.append(None if k == slice(None) else k.indices(n)[0])
        else:
            return None
    return found if any(place is not None for place in found) else None


def _picked(r: Reading, value: Expr, key: tuple[Any, ...], places: list[int | None]) -> Expr:
    """The entries at places along some axes: those of an integer leave, those of a slice have length 1."""
    axes = value.axes
    for i, place in zip(axes, places, strict=True):
        if i is not None and place is not None:
            value = entry(r.atoms, value, i, place)
    keys = [slice(None)] * (len(axes) - len(key)) + [*key]
    kept = [(i, place) for i, place, k in zip(axes, places, keys, strict=True) if isinstance(k, slice)]
    return value.along(tuple(None if place is not None else i for i, place in kept))


def _part(r: Reading, node: Node, x: Any, key: tuple[Any, ...]) -> Expr | None:
    """Vectors sliced out of the packed result of a decomposition."""
    if type(x) is not Node or x in r.leaves or x.block not in (eigh, svd):
        return None
    if len(key) != 2 or not all(isinstance(k, slice) for k in key) or np.ndim(x.value) != 2:
        return None
    of = x.inputs[0]
    if type(of) is not Node:
        return None
    rows = range(*key[0].indices(len(x.value)))
    first = {range(np.shape(of.value)[0]): "U" if x.block is svd else "V"}
    if x.block is svd:
        first[range(np.shape(of.value)[0] + 1, len(x.value))] = "V"
    letter = first.get(rows)
    shape = np.shape(node.value)
    if letter is None or None in axes_of_shape(shape):
        return None
    return r.whole(("part", x.block, id(of), letter, shape), shape, content=Part(letter, shape, of))


def _read_back(r: Reading, node: Node, x: Any, key: tuple[Any, ...]) -> Expr | None:
    """Indexing into zeros with entries put in: those entries, or zeros."""
    if type(x) is not Node or x in r.leaves or x.block is not add_at:
        return None
    places = np.arange(np.size(x.value)).reshape(np.shape(x.value))
    put, read = places[(..., *key_of(x))], places[(..., *key)]
    if np.size(put) == np.size(np.unique(put)):
        if np.shape(put) == np.shape(read) and np.array_equal(put, read):
            return r.of(x.inputs[0])
        if not np.isin(read, put).any():
            return r.atoms.number(0, axes_of_shape(np.shape(node.value)))
    return None


def _add_at(r: Reading, node: Node, v: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Expr | None:
    value = r.of(v).fresh()
    if _only_axes(key, shape):
        idx = iter(value.free())
        return value.along(tuple(None if n == 1 else next(idx) for n in shape))
    axes = axes_of_shape(shape)
    free = tuple(i for i in axes if i is not None)
    if len(shape) == len(key) == 1 and free and (places := _places(key, shape)) is not None:
        hot = Expr((Term(ONE, r.hot(places[0], shape[0], free)),), axes)
        return r.atoms.times(hot, value)
    if _is_diagonal(key, shape):
        delta = single(calls.identity(r.atoms, shape[0]), free, axes)
        return r.atoms.times(delta, value.along((*value.axes, None)))
    if len(shape) == len(key) == 2 and len(value.free()) == 1 and len(free) == 2:
        rows, labels = (np.asarray(k) for k in key)
        if rows.shape == labels.shape == (shape[0],) and np.array_equal(rows, np.arange(shape[0])):
            hot = Expr((Term(ONE, r.hot(labels % shape[1], shape[1], free)),), axes)
            return r.atoms.times(hot, value.along((*value.axes, None)))
    return None


def _only_axes(key: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Whether an index reads the whole array, and only adds or removes axes of length 1."""
    sizes = list(shape[len(shape) - sum(k is not None for k in key) :]) if shape else []
    for k in key:
        n = None if k is None else sizes.pop(0)
        whole = isinstance(k, slice) and k == slice(None)
        if not (k is None or whole or (isinstance(k, int | np.integer) and n == 1)):
            return False
    return True


def _is_diagonal(key: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    return (
        len(key) == len(shape) == 2
        and shape[0] == shape[1] > 1
        and all(isinstance(k, np.ndarray) and np.array_equal(k, np.arange(shape[0])) for k in key)
    )


ENTRIES: dict[Block, Callable[..., Expr | None]] = {
    getitem: _getitem,
    add_at: _add_at,
}
"""The reading of each such block."""
