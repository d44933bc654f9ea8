"""Blocks on values as atoms: functions of each entry, and blocks that use whole operands."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.blocks import normalisation
from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.terms import Atom, Expr, Index, single

__all__ = ["call", "elementwise", "identity", "softmax"]


def call(atoms: Atoms, block: Any, params: dict[str, Any], args: list[Expr], axes: tuple[Index | None, ...]) -> Expr:
    """A block on values, as an atom over all its axes."""
    idx = tuple(i for i in axes if i is not None)
    # Only a block that works row by row shares indices with its operands; that is unknown here.
    own = tuple(a.fresh() for a in args)
    key = ("call", block, _text(params), tuple((atoms.key(a), a.shape) for a in own))
    shape = tuple(1 if i is None else i.size for i in axes)
    atom = atoms.atom(key, kind="call", axes=len(idx), block=block, params=params, args=own, shape=shape)
    return single(atom, idx, axes)


def elementwise(atoms: Atoms, block: Any, params: dict[str, Any], args: list[Expr]) -> Expr:
    """A function of each entry: an atom over the indices on which its operands depend."""
    axes = args[0].axes
    fresh = [a.with_fresh_dummies() for a in args]
    together = Expr(tuple(t for a in fresh for t in a.terms), axes)
    idx = atoms.sorted_indices(together)
    keys = [("each", block, _text(params), tuple(atoms.key(a, order) for a in fresh)) for order in (idx, idx[::-1])]
    if keys[1] in atoms.known:
        return single(atoms.known[keys[1]], idx[::-1], axes)
    key = keys[0]
    atom = atoms.atom(
        key,
        kind="call",
        axes=len(idx),
        block=block,
        params=params,
        args=tuple(a.along(idx) for a in fresh),
        shape=tuple(i.size for i in idx),
        symmetric=len(idx) == 2
        and idx[0].size == idx[1].size
        and all(atoms.key(a, idx) == atoms.key(a, idx[::-1]) for a in fresh),
    )
    return single(atom, idx, axes)


def identity(atoms: Atoms, n: int) -> Atom:
    return atoms.atom(("delta", n), kind="delta", axes=2, shape=(n, n), symmetric=True)


def softmax(atoms: Atoms, u: Expr, place: int) -> Expr:
    """softmax(u) along an axis; terms that are constant along it are left out."""
    k = u.axes[place]
    there = [t for t in u.terms if k in t.indices()]
    axis = place - len(u.axes)
    return call(atoms, normalisation.softmax, {"axis": axis}, [Expr(tuple(there), u.axes)], u.axes)


def _text(params: Any) -> Any:
    if isinstance(params, np.ndarray):
        return (params.shape, params.tolist().__repr__())
    if isinstance(params, dict):
        return tuple((k, _text(v)) for k, v in params.items())
    if isinstance(params, tuple | list):
        return tuple(map(_text, params))
    return int(params) if isinstance(params, np.integer) else repr(params)
