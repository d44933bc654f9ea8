"""Every contraction with axes of every length, 1 against n among them: value, gradient, Jacobian and refusals as NumPy.

    python -m tests.sweeps.contractions        # 16,000 calls, about a minute

A contraction is linear in each operand, so its derivative along a unit array is its value there: that is what the
gradients are compared with.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.errors import ChainruleError

SUBSCRIPTS = (
    "i,i-> i,i->i i,i ij,jk->ik ij,jk ij,ij-> ij,ij->ij ij,j->i ij,j-> ij,j->j ii,i->i ii,i-> ii,ij->j i,ij->j "
    "...i,...i->... i...,i... ...,... ...i,i i,...i->... ij,jk,kl->il i,i,i->i ijk,jil,kl->ij i,j->ij ii,ii->i ij,ji "
    "i,i,->i"
).split()

PRODUCTS: dict[str, Callable[..., Any]] = {
    "matmul": np.matmul,
    "dot": np.dot,
    "inner": np.inner,
    "outer": np.outer,
    "kron": np.kron,
    "vdot": np.vdot,
    "vecdot": np.vecdot,
    "vecdot axis=0": lambda x, y: np.vecdot(x, y, axis=0),
    "matvec": np.matvec,
    "vecmat": np.vecmat,
    "tensordot 0": lambda x, y: np.tensordot(x, y, 0),
    "tensordot 1": lambda x, y: np.tensordot(x, y, 1),
    "tensordot 2": lambda x, y: np.tensordot(x, y, 2),
    "tensordot axes": lambda x, y: np.tensordot(x, y, ((0,), (-1,))),
    "linalg.matmul": np.linalg.matmul,
    "linalg.outer": np.linalg.outer,
    "linalg.tensordot": lambda x, y: np.linalg.tensordot(x, y, axes=1),
    "linalg.vecdot": np.linalg.vecdot,
    "linalg.cross": np.linalg.cross,
    "multi_dot": lambda x, y: np.linalg.multi_dot([x, y]),
    "multi_dot of three": lambda x, y: np.linalg.multi_dot([x, y, np.ones((y.shape[-1], 2))]),
    "@": lambda x, y: x @ y,
    ".dot": lambda x, y: x.dot(y),
    "convolve": np.convolve,
    "correlate": np.correlate,
}

SHAPES = [(), (0,), (1,), (2,), (3,), (1, 1), (1, 2), (2, 1), (2, 2), (1, 3), (3, 1), (2, 3), (3, 2), (0, 2), (2, 0)]
SHAPES += [(1, 2, 1), (2, 1, 2), (1, 1, 1), (3, 2, 2)]


def einsums() -> Iterator[tuple[str, Callable[..., Any], tuple[tuple[int, ...], ...]]]:
    """A name, a function, and the shapes of its operands."""
    for subscripts in SUBSCRIPTS:
        for optimize in (False, True):
            for shapes in _shapes_for(subscripts):
                yield (
                    f"{subscripts} optimize={optimize}",
                    lambda *xs, s=subscripts, o=optimize: np.einsum(s, *xs, optimize=o),
                    shapes,
                )


def products() -> Iterator[tuple[str, Callable[..., Any], tuple[tuple[int, ...], ...]]]:
    """The same for the functions of two operands."""
    for name, product in PRODUCTS.items():
        for shapes in itertools.product(SHAPES, repeat=2):
            yield name, product, shapes


def _shapes_for(subscripts: str) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Lengths 0, 2 and 3 for each letter, and 1 for some of its places."""
    terms = subscripts.split("->")[0].split(",")
    letters = sorted({c for term in terms for c in term if c != "."})
    places = [(k, i) for k, term in enumerate(terms) for i, c in enumerate(term.replace("...", ".")) if c]
    rng = np.random.default_rng(len(subscripts))
    masks = list(itertools.product((False, True), repeat=len(places)))
    for lengths in itertools.product((2, 3, 0), repeat=len(letters)):
        length = dict(zip(letters, lengths, strict=True)) | {".": 2}
        for which in rng.permutation(len(masks))[:12]:
            ones = {place for place, one in zip(places, masks[which], strict=True) if one}
            yield tuple(
                tuple(1 if (k, i) in ones else length[c] for i, c in enumerate(term.replace("...", ".")))
                for k, term in enumerate(terms)
            )


def fault(f: Callable[..., Any], shapes: tuple[tuple[int, ...], ...], seed: int) -> str | None:
    """What is wrong with f on arrays of these shapes, or None."""
    rng = np.random.default_rng(seed)
    xs = [np.asarray(rng.normal(size=shape)) for shape in shapes]
    recorded = [cr.variable(x) for x in xs]
    try:
        expected = f(*xs)
    except (ValueError, TypeError, IndexError, np.linalg.LinAlgError) as error:
        try:
            f(*recorded)
        except (ValueError, TypeError, IndexError, ChainruleError):
            return None
        return f"accepted, where NumPy raises {error!r}"
    z = f(*recorded)
    if z.shape != np.shape(expected) or not np.allclose(z.value, expected, rtol=1e-12, equal_nan=True):
        return f"value {z.value} for {expected}"
    weights = rng.normal(size=np.shape(expected))
    gradients = cr.grad(lambda *xs: np.sum(f(*xs) * weights), tuple(range(len(xs))))(*xs)
    for k, (x, gradient) in enumerate(zip(xs, gradients, strict=True)):
        units = np.eye(x.size).reshape(x.size, *x.shape)
        slopes = [np.sum(_slope(f, xs, k, unit) * weights) for unit in units]
        if gradient.shape != x.shape or not np.allclose(gradient, np.reshape(slopes, x.shape)):
            return f"gradient {gradient} by operand {k}"
    jacobian = cr.jacobian(f)(*xs)
    if jacobian.shape != np.shape(expected) + xs[0].shape:
        return f"a Jacobian of shape {jacobian.shape}"
    pushed = cr.jvp(f, xs, xs)[1]
    total = sum(np.asarray(_slope(f, xs, k, x)) for k, x in enumerate(xs))
    return None if np.allclose(pushed, total) else f"jvp {pushed} for {total}"


def _slope(f: Callable[..., Any], xs: list[np.ndarray], k: int, direction: np.ndarray) -> Any:
    """The derivative of f along a direction of operand k, in which it is linear."""
    return f(*xs[:k], np.asarray(direction), *xs[k + 1 :])


def main() -> int:
    parser = argparse.ArgumentParser(description="Try every contraction with axes of every length.")
    parser.add_argument("--every", type=int, default=1, help="take every n-th case only")
    every = parser.parse_args().every
    tried = faults = 0
    for seed, (name, f, shapes) in enumerate(itertools.islice(itertools.chain(einsums(), products()), 0, None, every)):
        tried += 1
        if (found := fault(f, shapes, seed)) is not None:
            faults += 1
            print(f"{name} of {shapes}: {found}")
    print(f"{tried} cases, {faults} faults")
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
