"""From recorded blocks to index notation.

Each block that is sums and products underneath has a line here; a function of each entry becomes an atom, and so does
any other block, over the values of its operands.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.block import BLOCKS, Elementwise
from chainrule.explain.closed import rules
from chainrule.explain.closed.parts import Part
from chainrule.explain.closed.terms import Atoms, Expr, Index, Term, UnreadableError, aligned, exactly
from chainrule.libraries import is_complex
from chainrule.node import Node

__all__ = ["Reading"]

HALF = Fraction(1, 2)
ONE = Fraction(1)


class Reading:
    """Reads nodes as values in index notation, down to leaves.

    Parameters
    ----------
    atoms : of which the values are made.
    leaves : nodes that are not looked into.
    is_symmetric : whether a leaf is a symmetric matrix.
    """

    def __init__(
        self, atoms: Atoms, leaves: Container[Node], is_symmetric: Callable[[Node], bool] = lambda node: False
    ):
        self.atoms = atoms
        self.leaves = leaves
        self.is_symmetric = is_symmetric
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
            elif missing := [i for i in _needed(top) if type(i) is Node and i not in self.done]:
                stack.extend(missing)
            else:
                self.done[top] = self._read(top)
        return self.done[x]

    def _leaf(self, node: Node) -> Expr:
        if is_complex(node.value):
            raise UnreadableError
        symmetric = self.is_symmetric(node)
        return self._whole(("leaf", id(node)), np.shape(node.value), content=node, symmetric=symmetric)

    def _whole(self, key: Any, shape: tuple[int, ...], content: Any, symmetric: bool = False) -> Expr:
        axes = axes_of_shape(shape)
        idx = tuple(i for i in axes if i is not None)
        atom = self.atoms.atom(key, kind="leaf", axes=len(idx), content=content, shape=shape, symmetric=symmetric)
        return Expr((Term(ONE, {(atom, idx): ONE}),), axes)

    def _constant(self, x: Any) -> Expr:
        if x is None or isinstance(x, str):
            raise UnreadableError
        c = np.asarray(x)
        if c.dtype.kind not in "fiub" or c.size == 0:
            raise UnreadableError
        axes = axes_of_shape(c.shape)
        idx = tuple(i for i in axes if i is not None)
        if (c == c.flat[0]).all():
            return self.atoms.number(c.flat[0].item(), axes)
        if c.ndim == 2 and c.shape[0] == c.shape[1] and np.array_equal(c, c[0, 0] * np.eye(len(c))):
            return Expr((Term(exactly(c[0, 0]), {(rules.identity(self.atoms, len(c)), idx): ONE}),), axes)
        if c.ndim == 2 and np.count_nonzero(c) == 1 and len(idx) == 2:  # c e_i e_jᵀ
            places = [int(k[0]) for k in np.nonzero(c)]
            hots = [self._hot(k, i.size, (i,)) for k, i in zip(places, idx, strict=True)]
            return Expr((Term(exactly(c[tuple(places)]), hots[0] | hots[1]),), axes)
        number = c.max()
        rows = c.reshape(-1, c.shape[-1])
        if (
            len(idx) == c.ndim <= 2
            and (np.count_nonzero(rows, axis=1) == 1).all()
            and (rows.max(axis=1) == number).all()
        ):
            return Expr((Term(exactly(number), self._hot(np.argmax(c, axis=-1), c.shape[-1], idx)),), axes)
        return self._whole(("constant", c.dtype.str, c.shape, c.tobytes()), c.shape, content=x)

    def _hot(self, labels: Any, size: int, idx: tuple[Index, ...]) -> dict[Any, Fraction]:
        labels = np.asarray(labels)
        atom = self.atoms.atom(
            ("hot", labels.shape, size, labels.tobytes()),
            kind="hot",
            axes=len(idx),
            content=labels,
            shape=(*labels.shape, size),
        )
        return {(atom, idx): ONE}

    def _read(self, node: Node) -> Expr:
        if is_complex(node.value):
            raise UnreadableError
        block = node.block
        ours = BLOCKS.get(block.name) is block or isinstance(block, Elementwise)
        if ours and block.name in READ:
            found = READ[block.name](self, node, *node.inputs, **node.params)
            if found is not None:
                return found.along(_checked(found, np.shape(node.value)))
        if block.name == "alias":
            return self.of(node.inputs[0])
        args = [self.of(x) for x in node.inputs]
        if isinstance(block, Elementwise) or block.name == "where":
            axes, args = aligned(args)
            found = rules.elementwise(self.atoms, block, node.params, args)
            return found.along(axes)
        return rules.call(self.atoms, block, node.params, args, axes_of_shape(np.shape(node.value)))


def _needed(node: Node) -> tuple[Any, ...]:
    chosen = _always_chosen(node)
    if chosen is not None:
        return (chosen,)
    return node.inputs[1:] if _is_mask(node) or _replaces_zero(node) else node.inputs


def _checked(x: Expr, shape: tuple[int, ...]) -> tuple[Index | None, ...]:
    """The axes of a value of a shape: those that are repeated get an index of their own."""
    axes = (None,) * (len(shape) - len(x.axes)) + x.axes
    made = tuple(Index(n) if i is None and n > 1 else i for i, n in zip(axes, shape, strict=True))
    if tuple(1 if i is None else i.size for i in made) != shape:
        raise UnreadableError
    return made


def axes_of_shape(shape: tuple[int, ...]) -> tuple[Index | None, ...]:
    return tuple(Index(n) if n != 1 else None for n in shape)


# Blocks that are sums and products ---------------------------------------------------------------------------------


def _add(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    return r.atoms.plus(r.of(x), r.of(y))


def _subtract(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    return r.atoms.plus(r.of(x), r.of(y).scaled(-1))


def _negative(r: Reading, node: Node, x: Any) -> Expr:
    return r.of(x).scaled(-1)


def _same(r: Reading, node: Node, x: Any, **params: Any) -> Expr:
    return r.of(x)


def _multiply(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    return r.atoms.times(r.of(x), r.of(y))


def _divide(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    if type(y) is not Node:
        return r.atoms.times(r.of(x), r.of(1 / np.asarray(y)))
    return r.atoms.times(r.of(x), r.atoms.power(r.of(y), -ONE))


def _square(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), 2 * ONE)


def _sqrt(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), HALF)


def _reciprocal(r: Reading, node: Node, x: Any) -> Expr:
    return r.atoms.power(r.of(x), -ONE)


def _power(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    if type(y) is Node or np.ndim(y) or float(y) * 2 != int(float(y) * 2) or y == 0:
        return None
    return r.atoms.power(r.of(x), Fraction(float(y)))


def _sum(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr:
    value = r.of(x).fresh()
    over = {a % len(value.axes) for a in (axis if isinstance(axis, tuple) else (axis,))} if value.axes else set()
    rest = tuple(None if a in over else i for a, i in enumerate(value.axes) if keepdims or a not in over)
    return r.atoms.sum(value, {i for a, i in enumerate(value.axes) if a in over and i is not None}, rest)


def _mean(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr:
    count = np.size(x.value) // max(np.size(node.value), 1)
    return _sum(r, node, x, axis, keepdims).scaled(Fraction(1, count))


def _norm(r: Reading, node: Node, x: Any, axis: Any, keepdims: bool) -> Expr:
    squares = r.atoms.power(r.of(x), 2 * ONE)
    over = {a % len(squares.axes) for a in (axis if isinstance(axis, tuple) else (axis,))}
    rest = tuple(None if a in over else i for a, i in enumerate(squares.axes) if keepdims or a not in over)
    total = r.atoms.sum(squares, {i for a, i in enumerate(squares.axes) if a in over and i is not None}, rest)
    return r.atoms.power(total, HALF)


def _broadcast(r: Reading, node: Node, x: Any, shape: tuple[int, ...]) -> Expr:
    return r.of(x)


def _reshape(r: Reading, node: Node, x: Any, shape: tuple[int, ...]) -> Expr | None:
    value = r.of(x)
    if [n for n in value.shape if n != 1] != [n for n in shape if n != 1]:
        return None
    idx = iter(value.free())
    return value.along(tuple(None if n == 1 else next(idx) for n in shape))


def _transpose(r: Reading, node: Node, x: Any, axes: tuple[int, ...]) -> Expr:
    value = r.of(x)
    lead = len(value.axes) - len(axes)
    return value.along((*value.axes[:lead], *(value.axes[a] for a in axes)))


def _matmul(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    a, b = r.of(x).fresh(), r.of(y).fresh()
    rows, columns = a.axes[-2:-1], b.axes[-1:] if len(b.axes) > 1 else ()
    inner = (a.axes[-1], b.axes[-2] if len(b.axes) > 1 else b.axes[0])
    left, right = a.axes[:-2], b.axes[:-2]
    lead_a = (None,) * (len(right) - len(left)) + left
    lead_b = (None,) * (len(left) - len(right)) + right
    names = {i: j for i, j in zip(lead_b, lead_a, strict=True) if i is not None and j is not None}
    if inner[0] is not None and inner[1] is not None:
        names[inner[1]] = inner[0]
    b = b.renamed(names)
    lead = tuple(j if j is not None else i for i, j in zip(lead_b, lead_a, strict=True))
    return r.atoms.shorter(r.atoms.product(a, b, (*lead, *rows, *columns)))


def _outer(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    a, b = r.of(x).fresh(), r.of(y).fresh()
    if len(a.axes) != 1 or len(b.axes) != 1:
        return None
    return r.atoms.shorter(r.atoms.product(a, b, (a.axes[0], b.axes[0])))


def _einsum(r: Reading, node: Node, *xs: Any, subscripts: str) -> Expr | None:
    inputs, output = subscripts.split("->")
    letters: dict[str, Index | None] = {}
    total: Expr | None = None
    for x, term in zip(xs, inputs.split(","), strict=True):
        value = r.of(x).fresh()
        own = term.replace("...", "")
        if len(own) != len(value.axes) or ("..." in output and len(output) - 3 != np.ndim(node.value)):
            return None
        names: dict[Index, Index] = {}
        for letter, i in zip(own, value.axes, strict=True):
            known = letters.setdefault(letter, i)
            if i is not None and known is not None:
                names[i] = known
        value = value.renamed(names)
        if len(set(value.free())) < len(value.free()):  # a repeated letter reads a diagonal
            value = Expr(value.terms, tuple(dict.fromkeys(value.free())))
        so_far = () if total is None else total.free()
        axes = tuple(dict.fromkeys((*so_far, *value.free())))
        total = value.along(axes) if total is None else r.atoms.product(total, value, axes)
    assert total is not None
    kept = tuple(letters[c] for c in output.replace("...", ""))
    over = set(total.free()) - set(kept)
    return r.atoms.sum(total, over, kept)


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
    if _is_diagonal(key, value.shape):
        i, j = value.axes
        assert i is not None
        assert j is not None
        same = value.renamed({j: i})
        return r.atoms.collected(same.terms, (i,))
    return None


def _part(r: Reading, node: Node, x: Any, key: tuple[Any, ...]) -> Expr | None:
    """The vectors in the array into which a decomposition packs its factors."""
    if type(x) is not Node or x in r.leaves or x.block is None or x.block.name not in ("eigh", "svd"):
        return None
    if len(key) != 2 or not all(isinstance(k, slice) for k in key) or np.ndim(x.value) != 2:
        return None
    of = x.inputs[0]
    if type(of) is not Node:
        return None
    rows = range(*key[0].indices(len(x.value)))
    first = {range(np.shape(of.value)[0]): "U" if x.block.name == "svd" else "V"}
    if x.block.name == "svd":
        first[range(np.shape(of.value)[0] + 1, len(x.value))] = "V"
    letter = first.get(rows)
    shape = np.shape(node.value)
    if letter is None or None in axes_of_shape(shape):
        return None
    return r._whole(("part", x.block.name, id(of), letter, shape), shape, content=Part(letter, shape, of))


def _read_back(r: Reading, node: Node, x: Any, key: tuple[Any, ...]) -> Expr | None:
    """What is read where something was put alone: that, or zeros."""
    if type(x) is not Node or x in r.leaves or x.block is None or x.block.name != "add_at":
        return None
    places = np.arange(np.size(x.value)).reshape(np.shape(x.value))
    put, read = places[(..., *x.params["key"])], places[(..., *key)]
    if np.size(put) == np.size(np.unique(put)):
        if np.shape(put) == np.shape(read) and np.array_equal(put, read):
            return r.of(x.inputs[0])
        if not np.isin(read, put).any():
            return r.atoms.number(0, axes_of_shape(np.shape(node.value)))
    return None


def _only_axes(key: tuple[Any, ...], shape: tuple[int, ...]) -> bool:
    """Whether an index reads all there is: it only adds axes of length 1, or takes them away."""
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


def _add_at(r: Reading, node: Node, v: Any, key: tuple[Any, ...], shape: tuple[int, ...]) -> Expr | None:
    value = r.of(v).fresh()
    if _only_axes(key, shape):
        idx = iter(value.free())
        return value.along(tuple(None if n == 1 else next(idx) for n in shape))
    axes = axes_of_shape(shape)
    free = tuple(i for i in axes if i is not None)
    if len(shape) == len(key) == 1 and isinstance(key[0], int | np.integer) and not value.free() and free:
        hot = Expr((Term(ONE, r._hot(int(key[0]) % shape[0], shape[0], free)),), axes)
        return r.atoms.times(hot, value)
    if _is_diagonal(key, shape):
        delta = Expr((Term(ONE, {(rules.identity(r.atoms, shape[0]), free): ONE}),), axes)
        return r.atoms.times(delta, value.along((*value.axes, None)))
    if len(shape) == len(key) == 2 and len(value.free()) == 1 and len(free) == 2:
        rows, labels = (np.asarray(k) for k in key)
        if rows.shape == labels.shape == (shape[0],) and np.array_equal(rows, np.arange(shape[0])):
            hot = Expr((Term(ONE, r._hot(labels % shape[1], shape[1], free)),), axes)
            return r.atoms.times(hot, value.along((*value.axes, None)))
    return None


def _is_mask(node: Node) -> bool:
    """where((dz = 0) ∧ ¬finite(s), 0, dz s), which is dz s wherever s is finite."""
    if node.block is None or node.block.name != "where" or type(node.inputs[0]) is not Node:
        return False
    both = node.inputs[0]
    return (
        both.block is not None
        and both.block.name == "bitwise_and"
        and any(type(x) is Node and x.block is not None and x.block.name == "invert" for x in both.inputs)
    )


def _always_chosen(node: Node) -> Any:
    """What a selection by a constant takes everywhere."""
    if node.block is None or node.block.name != "where" or type(node.inputs[0]) is Node:
        return None
    condition, x, y = node.inputs
    return x if np.all(condition) else y if not np.any(condition) else None


def _replaces_zero(node: Node) -> bool:
    """where(z = 0, c, z), which is z wherever that is not zero."""
    if node.block is None or node.block.name != "where" or type(node.inputs[0]) is not Node:
        return False
    test, c, z = node.inputs
    return (
        type(c) is not Node
        and test.block is not None
        and test.block.name == "equal"
        and test.inputs[0] is z
        and not np.any(test.value)
    )


def _where(r: Reading, node: Node, condition: Any, x: Any, y: Any) -> Expr | None:
    """where(c, x, 0) = x [c]; what guards against zero is left out where nothing is zero."""
    chosen = _always_chosen(node)
    if chosen is not None:
        return r.of(chosen)
    if _is_mask(node) or _replaces_zero(node):
        return r.of(y)
    if not r.of(x).terms and not r.of(y).terms:
        return r.of(y if type(y) is Node else x)
    if type(condition) is not Node or np.ndim(condition.value) == 0:
        return None
    for value, holds in ((x, True), (y, False)):
        other = y if holds else x
        if type(other) is not Node and not np.any(other):
            chosen = r.of(condition)
            if not holds and condition.block is not None and condition.block.name in NEGATED:
                a, b = (r.of(i) for i in condition.inputs)
                axes, args = aligned([a, b])
                block = STEPS[NEGATED[condition.block.name]]
                chosen = rules.elementwise(r.atoms, block, {}, args).along(axes)
            elif not holds:
                chosen = r.atoms.plus(r.atoms.number(1, ()), chosen.scaled(-1))
            return r.atoms.times(r.of(value), chosen)
    return None


NEGATED = {"less": "greater_equal", "less_equal": "greater", "greater": "less_equal", "greater_equal": "less"}
STEPS = {step: ANSWERS[getattr(np, step)] for step in NEGATED}


def _equal(r: Reading, node: Node, x: Any, y: Any) -> Expr | None:
    """Where nothing is equal, as almost everywhere, [x = y] is 0; [x = max x] is e_c for the largest entry x_c."""
    hits = np.asarray(node.value)
    axes = axes_of_shape(np.shape(node.value))
    if not hits.any():
        return r.atoms.number(0, axes)
    if _is_extreme(y) and hits.ndim in (1, 2) and None not in axes and (hits.sum(axis=-1) == 1).all():
        return Expr((Term(ONE, r._hot(np.argmax(hits, axis=-1), hits.shape[-1], axes)),), axes)  # type: ignore[arg-type]
    return None


def _is_extreme(x: Any) -> bool:
    while type(x) is Node and x.block is not None and x.block.name in ("reshape", "broadcast_to", "getitem"):
        x = x.inputs[0]
    return type(x) is Node and x.block is not None and x.block.name in ("max", "min")


def _logaddexp(r: Reading, node: Node, x: Any, y: Any) -> Expr:
    """log(e^x + e^y)."""
    exps = [_exponential(r, r.of(v)) for v in (x, y)]
    total = r.atoms.plus(*exps)
    return rules.elementwise(r.atoms, BLOCKS["log"], {}, [total])


def _log_ndtr(r: Reading, node: Node, x: Any) -> Expr:
    """log Φ(x)."""
    return rules.elementwise(r.atoms, BLOCKS["log"], {}, [rules.elementwise(r.atoms, BLOCKS["ndtr"], {}, [r.of(x)])])


def _inv(r: Reading, node: Node, x: Any) -> Expr | None:
    return inverse(r.atoms, r.of(x).fresh())


def inverse(atoms: Atoms, x: Expr) -> Expr:
    """(c A)⁻¹ = A⁻¹/c, (A B)⁻¹ = B⁻¹ A⁻¹, (Aᵀ)⁻¹ = (A⁻¹)ᵀ."""
    if len(x.axes) != 2 or None in x.axes:
        return rules.call(atoms, BLOCKS["inv"], {}, [x], x.axes)
    i, j = x.free()
    term = atoms.bracketed(x)
    if term is None:
        raise UnreadableError
    chain = _chain(term, i, j)
    if chain is None:
        term = atoms.in_brackets(x)
        chain = list(term.factors)
    terms = Term(1 / term.number if isinstance(term.number, Fraction) else term.number**-1, {})
    for atom, (a, b) in chain:
        local = (Index(a.size), Index(b.size))
        inner = Expr((Term(ONE, {(atom, local): ONE}),), local)
        made = atoms.atom(
            ("call", "inv", atom.number),
            kind="call",
            axes=2,
            block=BLOCKS["inv"],
            params={},
            args=(inner,),
            shape=atom.shape,
            symmetric=atom.symmetric,
        )
        terms = Term(terms.number, terms.factors | {(made, (b, a)): ONE})
    # The indices of a chain stay, each factor with its two exchanged; rows and columns of the whole are exchanged too.
    return atoms.collected([Term(terms.number, terms.factors)], (j, i))


def _chain(term: Term, i: Index, j: Index) -> list[Any] | None:
    """The factors of A B C as they stand between two indices, if the term is a product of square matrices."""
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
        if atom.name == "log":
            inner = atom.args[0].renamed(dict(zip(atom.args[0].free(), idx, strict=True))).along(value.axes)
            power = r.atoms.power(inner, ONE * int(term.number))
            return r.atoms.times(_exponential(r, rest), power) if rest.terms else power
        if atom.name == "log_softmax" and idx == value.free() and not rest.terms and term.number == 1:
            return rules.call(r.atoms, BLOCKS["softmax"], atom.params, list(atom.args), value.axes)
        found = _is_logsumexp(r, value, term)
        if found is not None:
            return found
    block = BLOCKS["exp"]
    if all(t.number < 0 for t in value.terms):
        return r.atoms.power(rules.elementwise(r.atoms, block, {}, [value.scaled(-1)]), -ONE)
    return rules.elementwise(r.atoms, block, {}, [value])


def _is_logsumexp(r: Reading, value: Expr, term: Term) -> Expr | None:
    if term.number != -1 or len(term.factors) != 1:
        return None
    (((atom, idx), e),) = term.factors.items()
    if atom.name != "logsumexp" or e != 1:
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
    return rules.softmax(r.atoms, rest, place)


READ: dict[str, Callable[..., Expr | None]] = {
    "add": _add,
    "subtract": _subtract,
    "negative": _negative,
    "positive": _same,
    "cast": _same,
    "copy": _same,
    "multiply": _multiply,
    "divide": _divide,
    "square": _square,
    "sqrt": _sqrt,
    "reciprocal": _reciprocal,
    "power": _power,
    "sum": _sum,
    "mean": _mean,
    "norm": _norm,
    "broadcast_to": _broadcast,
    "reshape": _reshape,
    "transpose": _transpose,
    "matmul": _matmul,
    "outer": _outer,
    "einsum": _einsum,
    "getitem": _getitem,
    "add_at": _add_at,
    "where": _where,
    "equal": _equal,
    "inv": _inv,
    "solve": _solve,
    "exp": _exp,
    "logaddexp": _logaddexp,
    "log_ndtr": _log_ndtr,
}
