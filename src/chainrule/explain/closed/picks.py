"""One entry along an axis: (x yᵀ)₀ is x₀ yᵀ, σ(u)₀ is σ(u₀), [a, b]₀ is a."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.block import Elementwise
from chainrule.blocks.elementwise import where
from chainrule.blocks.indexing import add_at, getitem
from chainrule.blocks.joining import stack
from chainrule.explain.closed import calls
from chainrule.explain.closed.atoms import Atoms, product
from chainrule.explain.closed.terms import ONE, Atom, Expr, Factors, Index, Term, axes_of_shape, single

__all__ = ["entries_of_term", "entry", "hot"]


def hot(atoms: Atoms, labels: Any, size: int, idx: tuple[Index, ...]) -> Factors:
    """The one-hot rows of some labels, as a factor."""
    labels = np.asarray(labels)
    atom = atoms.atom(
        ("hot", labels.shape, size, labels.tobytes()),
        kind="hot",
        axes=len(idx),
        content=labels,
        shape=(*labels.shape, size),
    )
    return {(atom, idx): ONE}


def entry(atoms: Atoms, x: Expr, i: Index, c: int) -> Expr:
    """The value at place c along the axis of an index that it has."""
    axes = tuple(a for a in x.axes if a is not i)
    picked = (entries_of_term(atoms, term, i, c) for term in x.terms)
    return atoms.shorter(atoms.collected([term for term in picked if term is not None], axes))


def entries_of_term(atoms: Atoms, term: Term, i: Index, c: int) -> Term | None:
    """A term with each of its factors at place c along an index; None if it is 0."""
    kept = term.indices()
    made = Term(term.number, {f: e for f, e in term.factors.items() if i not in f[1]})
    for (atom, idx), e in term.factors.items():
        if i in idx:
            found = atoms.bracketed(atoms.power(_entry(atoms, atom, idx, i, c), e))
            if found is None:
                return None
            made = product(made, found, kept)
    return made


def _entry(atoms: Atoms, atom: Atom, idx: tuple[Index, ...], i: Index, c: int) -> Expr:
    """The entries of an atom, whose axes have these indices, at place c along one of them."""
    rest = tuple(j for j in idx if j is not i)
    if atom.kind == "hot" and i is idx[-1] and atom.content.ndim == 0:
        return atoms.number(int(c == atom.content), ())
    if atom.kind == "hot" and i is idx[0] and i is not idx[-1]:
        return Expr((Term(ONE, hot(atoms, atom.content[c], idx[-1].size, rest)),), rest)
    if atom.kind == "delta":
        return Expr((Term(ONE, hot(atoms, c, i.size, rest) if rest else {}),), rest)
    if atom.value is not None:
        return entry(atoms, atom.value.at(idx).with_fresh_dummies(), i, c).along(rest)
    if isinstance(atom.block, Elementwise) or atom.block is where:
        args = [entry(atoms, a.at(idx).with_fresh_dummies().along(idx), i, c).along(rest) for a in atom.args]
        return calls.elementwise(atoms, atom.block, atom.params, args)
    found = _of_parts(atoms, atom, idx, i, c)
    return _read(atoms, atom, idx, i, c) if found is None else found


def _of_parts(atoms: Atoms, atom: Atom, idx: tuple[Index, ...], i: Index, c: int) -> Expr | None:
    """The operand that a stack has there, or the entry that is put into zeros there; None for other atoms."""
    rest = tuple(j for j in idx if j is not i)
    if atom.block is stack and _place(atom, idx, i) == len(atom.shape) + atom.params["axis"] and idx.count(i) == 1:
        return atom.args[c].at(rest).with_fresh_dummies().along(rest)
    if atom.block is add_at and atom.axes == len(atom.shape) == 1 and len(atom.params["key"]) == 1:
        places = np.arange(atom.shape[0])[atom.params["key"][0]]
        if len(np.unique(places)) < np.size(places):
            return None
        if c not in places:
            return atoms.number(0, ())
        value = atom.args[0].fresh()
        at = int(np.flatnonzero(np.atleast_1d(places) == c)[0])
        return entry(atoms, value, value.free()[0], at).along(()) if value.free() else value.along(())
    return None


def _read(atoms: Atoms, atom: Atom, idx: tuple[Index, ...], i: Index, c: int) -> Expr:
    """A[c, :], and A[:, d][c] as A[c, d]."""
    key: list[Any] = [slice(None)] * len(atom.shape)
    value = _whole(atom)
    if atom.block is getitem and _is_plain(atom.params["key"]) and len(atom.args[0].axes) == len(atom.params["key"]):
        key, value = [*atom.params["key"]], atom.args[0]
    sizes = value.shape
    long = [n for n, k in enumerate(key) if k == slice(None) and sizes[n] != 1]
    for n, j in zip(long, idx, strict=True):
        if j is i:
            key[n] = c
    rest = tuple(j for j in idx if j is not i)
    left = iter(rest)
    axes = tuple(None if sizes[n] == 1 else next(left) for n, k in enumerate(key) if k == slice(None))
    return calls.call(atoms, getitem, {"key": tuple(key)}, [value], axes).along(rest)


def _whole(atom: Atom) -> Expr:
    axes = axes_of_shape(atom.shape)
    return single(atom, tuple(a for a in axes if a is not None), axes)


def _is_plain(key: tuple[Any, ...]) -> bool:
    return all(k == slice(None) if isinstance(k, slice) else isinstance(k, int | np.integer) for k in key)


def _place(atom: Atom, idx: tuple[Index, ...], i: Index) -> int:
    """The axis of an array that has an index; axes of length 1 have none."""
    long = [n for n, size in enumerate(atom.shape) if size != 1]
    return long[idx.index(i)]
