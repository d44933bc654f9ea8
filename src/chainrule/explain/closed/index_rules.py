"""Identities of real numbers on the factors of a term, beyond those built into index notation.

Each rule takes a term and the indices that are not summed over, and returns an equal term, a list of them, or None.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.algebra.powers import multiplied
from chainrule.blocks.activations import sigmoid
from chainrule.blocks.elementwise import absolute, maximum
from chainrule.blocks.indexing import getitem
from chainrule.blocks.matrices import inv
from chainrule.blocks.normalisation import softmax
from chainrule.blocks.rectifiers import relu
from chainrule.blocks.step_functions import equal, greater, greater_equal, less, less_equal, not_equal
from chainrule.explain.closed import calls, identities
from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.parts import Part
from chainrule.explain.closed.terms import (
    ONE,
    Atom,
    Expr,
    Factor,
    Factors,
    Index,
    Term,
    single,
    summed,
    uses,
    without,
)

__all__ = ["simpler"]

PASSES = 40


def simpler(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> list[Term]:
    """The term in its normal form: a list, since a sum in brackets may be opened on the way."""
    done: list[Term] = []
    todo = [term]
    for _ in range(PASSES):
        if not todo:
            break
        term = todo.pop(0)
        for rule in RULES:
            found = rule(atoms, term, free)
            if found is not None:
                todo[:0] = [found] if isinstance(found, Term) else found
                break
        else:
            done.append(term)
    return done + todo


# Identity matrices and one-hot rows ----------------------------------------------------------------------------


def identity_renames(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """Σ_j δ_ij x_j = x_i."""
    for (atom, idx), _e in term.factors.items():
        if atom.kind != "delta":
            continue
        i, j = idx
        rest = Term(term.number, without(term.factors, (atom, idx)))
        if i is j:
            return rest if i in free else summed(rest, {i})
        if i not in free or j not in free:
            old, new = (j, i) if j not in free else (i, j)
            rest = rest.renamed({old: new})
            return rest if new in free or new in rest.indices() else summed(rest, {new})
    return None


def one_hot_rows_pick(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """e_c e_c = e_c; Σ e_c = 1; p e_c = p[c] e_c."""
    for hot, idx in [f for f in term.factors if f[0].kind == "hot"]:
        rest: Factors = dict(term.factors)
        e = rest.pop((hot, idx))
        if e > 1:
            return Term(term.number, rest | {(hot, idx): ONE})
        k = idx[-1]
        if k not in free and not any(k in i for _, i in rest) and hot.content.ndim == 0:
            return Term(term.number, rest)
        if hot.content.ndim == 1 and k not in free and not any(k in i for _, i in rest):
            return summed(Term(term.number, rest), {idx[0]} - set(free))
        columns = [f for f in rest if k in f[1] and isinstance(f[0].content, Part) and f[0].content.column is None]
        if k not in free and hot.content.ndim == 0 and columns and all(k in f[1] for f in columns):
            return _columns(atoms, Term(term.number, dict(term.factors)), (hot, idx), columns)
        for (atom, there), power in list(rest.items()):
            if atom.kind in ("leaf", "call") and there == idx:
                (picked,) = _picked(atoms, atom, idx, hot.content).at(idx[:-1]).terms
                made = _with_power(Term(term.number, without(rest, (atom, there))), picked, power)
                return Term(term.number, made.factors | {(hot, idx): ONE})
    return None


def _columns(atoms: Atoms, term: Term, hot: Factor, columns: list[Factor]) -> Term:
    """Σ_k U_ik e_k = u: one vector of a decomposition."""
    (k,) = hot[1]
    rest = without(term.factors, *columns)
    for atom, (i, _) in columns:
        part = dataclasses.replace(atom.content, shape=atom.shape[:1], column=int(hot[0].content))
        key = ("part", id(part.of), part.letter, part.column)
        column = atoms.atom(key, kind="leaf", axes=1, content=part, shape=part.shape)
        rest = multiplied(rest, ((column, (i,)), term.factors[atom, (i, k)]))
    return Term(term.number, rest)


def _picked(atoms: Atoms, atom: Atom, idx: tuple[Index, ...], labels: np.ndarray) -> Expr:
    """p[c], or p[rows, labels]."""
    key = (int(labels),) if labels.ndim == 0 else (np.arange(len(labels)), labels)
    return calls.call(atoms, getitem, {"key": key}, [single(atom, idx)], idx[:-1])


# Functions ------------------------------------------------------------------------------------------------------


def inverse_cancels(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """Σ_j A⁻¹_ij A_jk = δ_ik."""
    count = uses(term)
    for (inverse, (i, j)), e in [f for f in term.factors.items() if f[0][0].block is inv and f[0][0].axes == 2]:
        inner = inverse.args[0]
        if e != 1 or i is j or [[*t.factors.values()] for t in inner.terms] != [[1]]:
            continue  # not the inverse of one matrix
        ((base, _),) = inner.terms[0].factors
        for (other, idx), k in term.factors.items():
            if other is not base or k != 1 or idx[0] is idx[1]:
                continue
            pairs = [(j, i, 0), (i, j, 1)]
            for shared, outer, place in pairs:
                sides = (0, 1) if base.symmetric else (place,)
                for side in sides:
                    if idx[side] is shared and shared not in free and count[shared] == 2:
                        rest = without(term.factors, (inverse, (i, j)), (other, idx))
                        delta = calls.identity(atoms, shared.size)
                        return Term(term.number, rest | {(delta, (outer, idx[1 - side])): ONE})
    return None


def derivative_of_the_logistic(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """σ(u) σ(−u) = σ(u) (1 − σ(u))."""
    logistics = [f for f, e in term.factors.items() if f[0].block is sigmoid and e == 1]
    for a, idx in logistics:
        for b, there in logistics:
            if a is b or set(there) != set(idx):
                continue
            u = a.args[0].at(idx)
            v = b.args[0].at(there)
            negative = all(t.number < 0 for t in v.terms)
            if negative and atoms.key(u, idx) == atoms.key(v.scaled(-1), idx):
                one = Expr((Term(ONE, {}), Term(-ONE, {(a, idx): ONE})), idx)
                rest = without(term.factors, (b, there))
                return Term(term.number, rest | atoms.in_brackets(one).factors)
    return None


def step_of_a_maximum(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """max(x, y) [x > y] = x [x > y], and max(0, x) [x > 0] = max(0, x)."""
    for (atom, idx), e in term.factors.items():
        if atom.block not in (maximum, relu) or e < 1:
            continue
        for (test, there), k in term.factors.items():
            if test.block is not greater or k != 1 or there != idx:
                continue
            zero, x = test.args[1], test.args[0]
            keys = {atoms.key(a) for a in atom.args}
            if not zero.terms and atoms.key(x) in keys:
                return Term(term.number, without(term.factors, (test, there)))
    return None


def probabilities_sum_to_one(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """Σ_k softmax(u)_k = 1."""
    count = uses(term)
    for (atom, idx), e in term.factors.items():
        if atom.block is not softmax or e != 1 or not isinstance(atom.params["axis"], int) or not atom.shape:
            continue
        if len(idx) == len(atom.shape):
            k = idx[atom.params["axis"]]
            if k not in free and count[k] == 1:
                rest = Term(term.number, without(term.factors, (atom, idx)))
                return summed(rest, {i for i in idx if i is not k} - set(free))
    return None


def indicator_is_its_own_power(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """[c]² = [c]; so are the truths of the user's data."""
    for f, e in term.factors.items():
        is_truth = isinstance(f[0].content, np.ndarray) and f[0].kind == "leaf" and f[0].content.dtype == bool
        if (is_truth or f[0].block in COMPARISONS) and e > 1:
            return Term(term.number, term.factors | {f: ONE})
    return None


COMPARISONS = {less, less_equal, greater, greater_equal, equal, not_equal}


def signs_and_magnitudes(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """|x|² = x², and sign(x) |x| = x."""
    for (atom, idx), e in term.factors.items():
        if atom.block is not absolute:
            continue
        rest = dict(term.factors)
        x = atom.args[0].at(idx)
        inner = atoms.bracketed(x)
        if inner is None or inner.indices() - set(idx):
            continue
        if e.denominator == 1 and e % 2 == 0:
            rest.pop((atom, idx))
            return summed(_with_power(Term(term.number, rest), inner, e), set(idx) - set(free))
    return None


def _with_power(term: Term, inner: Term, e: Fraction) -> Term:
    powers = ((f, n * e) for f, n in inner.factors.items())
    return Term(term.number * inner.number**e, multiplied(term.factors, *powers))


def single_terms_need_no_brackets(atoms: Atoms, term: Term, free: Mapping[Index, Any]) -> Term | None:
    """(Σ_k x_k)¹ = Σ_k x_k if that is one term; and the power of a product is the product of powers."""
    for (atom, idx), e in term.factors.items():
        if atom.kind == "sum" and atom.value is not None and len(atom.value.terms) == 1 and e == 1:
            rest = Term(term.number, without(term.factors, (atom, idx)))
            inner = atom.value.terms[0].renamed(dict(zip(atom.value.free(), idx, strict=True)))
            names = {i: Index(i.size) for i in inner.indices() if i not in idx}
            return summed(_with_power(rest, inner.renamed(names), ONE), set(idx) - set(free))
    return None


RULES = [
    identity_renames,
    single_terms_need_no_brackets,
    *identities.of_products(),
    one_hot_rows_pick,
    inverse_cancels,
    derivative_of_the_logistic,
    step_of_a_maximum,
    probabilities_sum_to_one,
    indicator_is_its_own_power,
    signs_and_magnitudes,
]
