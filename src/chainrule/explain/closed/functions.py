"""Reading functions with identities of their own: exponentials of logarithms, and inverses of products."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule.block import Block
from chainrule.blocks.activations import logaddexp, ndtr
from chainrule.blocks.elementwise import exp, log
from chainrule.blocks.matrices import inv, solve
from chainrule.blocks.normalisation import log_softmax, logsumexp, softmax
from chainrule.blocks.special.error_functions import log_ndtr
from chainrule.explain.closed import calls
from chainrule.explain.closed.atoms import Atoms
from chainrule.explain.closed.reading import Reading
from chainrule.explain.closed.terms import ONE, Expr, Factors, Index, Term, UnwritableError, single
from chainrule.node import Node

__all__ = ["FUNCTIONS"]


def _exp(r: Reading, node: Node, x: Any) -> Expr | None:
    return _exponential(r, r.of(x))


def _exponential(r: Reading, value: Expr) -> Expr:
    """e^0 = 1; e^(u ± log x) = e^u x^±1; e^(u − logsumexp(u)) = softmax(u)."""
    if not value.terms:
        return r.atoms.number(1, value.axes)
    for term in value.terms:
        if abs(term.number) != 1 or len(term.factors) != 1:
            continue
        (((atom, idx), e),) = term.factors.items()
        if e != 1:
            continue
        rest = Expr(tuple(t for t in value.terms if t is not term), value.axes)
        if atom.block is log:
            inner = atom.args[0].at(idx).along(value.axes)
            power = r.atoms.power(inner, ONE * int(term.number))
            return r.atoms.times(_exponential(r, rest), power) if rest.terms else power
        if atom.block is log_softmax and idx == value.free() and not rest.terms and term.number == 1:
            return calls.call(r.atoms, softmax, atom.params, list(atom.args), value.axes)
        found = _is_logsumexp(r, value, term)
        if found is not None:
            return found
    if all(t.number < 0 for t in value.terms):
        return r.atoms.power(calls.elementwise(r.atoms, exp, {}, [value.scaled(-1)]), -ONE)
    return calls.elementwise(r.atoms, exp, {}, [value])


def _is_logsumexp(r: Reading, value: Expr, term: Term) -> Expr | None:
    if term.number != -1 or len(term.factors) != 1:
        return None
    (((atom, idx), e),) = term.factors.items()
    if atom.block is not logsumexp or e != 1:
        return None
    u = atom.args[0]
    axis = atom.params["axis"]
    axis = axis[0] if isinstance(axis, tuple) and len(axis) == 1 else axis
    if not isinstance(axis, int) or u.shape != value.shape or None in u.axes:
        return None
    rest = Expr(tuple(t for t in value.terms if t is not term), value.axes)
    place = axis % len(u.axes)
    if r.atoms.key(rest) != r.atoms.key(u) or tuple(i for n, i in enumerate(value.free()) if n != place) != idx:
        return None
    return calls.softmax(r.atoms, rest, place)


def _logaddexp(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    """log(e^x + e^y)."""
    exps = [_exponential(r, r.of(v)) for v in (x, y)]
    total = r.atoms.plus(*exps)
    return calls.elementwise(r.atoms, log, {}, [total])


def _log_ndtr(r: Reading, node: Node, x: Any) -> Expr:
    """log Φ(x)."""
    return calls.elementwise(r.atoms, log, {}, [calls.elementwise(r.atoms, ndtr, {}, [r.of(x)])])


def _inv(r: Reading, node: Node, x: Any) -> Expr | None:
    return inverse(r.atoms, r.of(x).fresh())


def inverse(atoms: Atoms, x: Expr) -> Expr:
    """(c A)⁻¹ = A⁻¹/c, (A B)⁻¹ = B⁻¹ A⁻¹, (Aᵀ)⁻¹ = (A⁻¹)ᵀ."""
    if len(x.axes) != 2 or None in x.axes:
        return calls.call(atoms, inv, {}, [x], x.axes)
    i, j = x.free()
    term = atoms.bracketed(x)
    if term is None:
        raise UnwritableError
    chain = _chain(term, i, j)
    if chain is None:
        term = atoms.in_brackets(x)
        chain = list(term.factors)
    factors: Factors = {}
    for atom, (a, b) in chain:
        local = (Index(a.size), Index(b.size))
        inner = single(atom, local)
        made = atoms.atom(
            ("call", inv, atom.number),
            kind="call",
            axes=2,
            block=inv,
            params={},
            args=(inner,),
            shape=atom.shape,
            symmetric=atom.symmetric,
        )
        factors[made, (b, a)] = ONE
    # The two indices of each factor are exchanged, and so are the rows and columns of the whole.
    return atoms.collected([Term(term.number**-1, factors)], (j, i))


def _chain(term: Term, i: Index, j: Index) -> list[Any] | None:
    """The factors of A B C in order from index i to j, if the term is a product of square matrices."""
    left = dict(term.factors)
    chain = []
    at = i
    while left:
        found = next((f for f, e in left.items() if at in f[1] and e == 1 and len(f[1]) == 2), None)
        if found is None or found[1][0].size != found[1][1].size or found[1][0] is found[1][1]:
            return None
        del left[found]
        chain.append(found)
        at = found[1][1] if found[1][0] is at else found[1][0]
    return chain if at is j and chain else None


def _solve(r: Reading, node: Node, a: Any, b: Any) -> Expr | None:
    left, right = r.of(a).fresh(), r.of(b).fresh()
    if len(left.axes) != 2 or len(right.axes) != 2 or None in left.axes:
        return None
    made = inverse(r.atoms, left)
    names = {right.axes[0]: made.axes[1]}
    assert right.axes[0] is not None
    right = right.renamed(names)  # type: ignore[arg-type]
    return r.atoms.shorter(r.atoms.product(made, right, (made.axes[0], right.axes[1])))


FUNCTIONS: dict[Block, Callable[..., Expr | None]] = {
    inv: _inv,
    solve: _solve,
    exp: _exp,
    logaddexp: _logaddexp,
    log_ndtr: _log_ndtr,
}
"""The reading of each such block."""
