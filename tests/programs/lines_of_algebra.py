"""Lines that multiply and solve: products of all ranks, einsum, convolution, linear algebra, losses."""

from __future__ import annotations

import math

import numpy as np

from .lines_of_entries import either, no_ties, nonzero
from .writer import Unfit, rule


@rule
def product(w):
    x, y = w.pick(kind=either), w.pick(kind=either)
    a, b = w.values[x], w.values[y]
    texts = [
        "{} @ {}",
        "np.matmul({}, {})",
        "np.dot({}, {})",
        "np.inner({}, {})",
        "np.outer({}, {})",
        "np.kron({}, {})",
    ]
    if a.shape == b.shape:
        texts += ["np.vdot({}, {})", "np.linalg.vecdot({}, {})"]
    if a.ndim and b.ndim:
        i = w.choose(i for i in range(a.ndim) if a.shape[i] in b.shape)
        texts += [f"np.tensordot({{}}, {{}}, axes=([{i}], [{b.shape.index(a.shape[i])}]))"]
    _let_product(w, w.choose(texts), x, y)


def _let_product(w, text, x, y):
    """PyTorch's operator @ does not mix real and complex numbers; the function may be told to."""
    w.let(text.format(x, y), f"np.matmul({x}, {y})" if "@" in text else None)


@rule
def matrix_product(w):
    x = w.pick(lambda x: x.ndim > 0, kind=either)
    y = w.pick(lambda y: y.ndim > 0 and y.shape[max(y.ndim - 2, 0)] == w.values[x].shape[-1], kind=either)
    _let_product(w, w.choose(["{} @ {}", "np.matmul({}, {})", "np.dot({}, {})"]), x, y)


@rule
def cross(w):
    x = w.pick(lambda x: x.ndim > 0 and x.shape[-1] == 3)
    w.let(f"np.cross({x}, {w.partner(x, lambda x, y: y.ndim > 0 and y.shape[-1] == 3)})")


@rule
def einsum(w):
    """Indices of equal length get the same letter or not, as drawn; the result keeps some of them."""
    names = [w.pick(kind=either) for _ in range(w.number(1, 3))]
    lengths: dict[str, int] = {}
    terms = []
    for name in names:
        term = ""
        for n in w.values[name].shape:
            term += w.choose([*(c for c in lengths if lengths[c] == n), "ijklmnopq"[len(lengths)]])
            lengths[term[-1]] = n
        terms.append(term)
    kept = w.some(sorted(lengths))
    inputs = ",".join(terms)
    implicit = "".join(sorted(c for c in lengths if inputs.count(c) == 1))
    arrow = "" if "".join(kept) == implicit and w.flag() else "->" + "".join(kept)
    arguments = ", ".join(names)
    w.let(f'np.einsum("{inputs}{arrow}", {arguments})', f'np.einsum("{inputs}->{"".join(kept)}", {arguments})')


@rule
def einsum_with_ellipsis(w):
    x, y = w.pick(lambda x: x.ndim > 0), w.pick(lambda y: y.ndim > 0)
    w.let(w.choose(['np.einsum("...i,...i->...", {}, {})', 'np.einsum("i...,...j->j...", {}, {})']).format(x, y))


@rule
def convolve(w):
    x, y = w.pick(lambda x: x.ndim == 1), w.pick(lambda y: y.ndim == 1)
    w.let(f"np.convolve({x}, {y}, mode='{w.choose(['full', 'valid'])}')")


SQUARE = {
    "np.linalg.inv({})": None,
    "np.linalg.det({})": None,
    "np.linalg.slogdet({})[1]": None,
    "np.linalg.matrix_power({}, 2)": None,
    "np.linalg.matrix_power({}, -1)": None,
    "np.linalg.solve({}, {})": None,
}


@rule
def of_square_matrix(w):
    """Made well conditioned, or so by chance."""
    x = w.pick(lambda x: x.ndim > 1 and x.shape[-1] == x.shape[-2])
    text = w.choose(SQUARE)
    matrix = w.choose([x, f"(0.5 * {x} + 3.0 * np.eye({w.values[x].shape[-1]}))"])
    if np.max(np.linalg.cond(w.evaluate(matrix))) > 30:
        raise Unfit
    y = w.pick(lambda y: y.ndim > 0)
    w.let(text.format(matrix, y))


@rule
def positive_definite(w):
    x = w.pick(lambda x: x.ndim > 1)
    text = w.choose(["np.linalg.cholesky({})", "np.linalg.inv({})", "np.linalg.slogdet({})[1]", "np.linalg.det({})"])
    w.let(text.format(f"({x} @ np.matrix_transpose({x}) + np.eye({w.values[x].shape[-2]}))"))


@rule
def norm(w):
    x = w.pick(nonzero)
    value = w.values[x]
    axis = w.number(-value.ndim, value.ndim - 1) if value.ndim else None
    clear = value.size > 1 and no_ties(np.abs(value))
    texts = [
        "np.linalg.norm({0})",
        "np.linalg.norm({0}, axis={1})",
        "np.linalg.norm({0}, 1, axis={1})",
        "np.linalg.norm({0}, 3, axis={1}, keepdims=True)",
        "np.linalg.vector_norm({0}, axis={1})",
    ]
    texts += ["np.linalg.norm({0}, np.inf, axis={1})", "np.linalg.norm({0}, -np.inf, axis={1})"] if clear else []
    texts += ["np.linalg.norm({0}, 'fro')"] if value.ndim == 2 else []
    w.let(w.choose(texts).format(x, axis))


@rule
def loss(w):
    s = w.pick(lambda s: s.ndim in (1, 2))
    value = w.values[s]
    rows, classes = value.shape[:-1], value.shape[-1]
    labels = np.array([w.number(0, classes - 1) for _ in range(math.prod(rows))], dtype=int).reshape(rows)
    text = w.choose(
        ["cr.softmax_cross_entropy({}, {})", "cr.hinge_loss({}, {})", "cr.cross_entropy_loss(cr.softmax({}), {})"]
    )
    lead = value - np.take_along_axis(value, labels[..., None], -1) + 1
    if "hinge" in text and not nonzero(lead):
        raise Unfit
    w.let(
        text.format(s, int(labels) if not rows else f"np.array({labels.tolist()})"),
        text.format(s, labels.tolist()),
    )


@rule
def layer(w):
    x = w.pick(lambda x: x.ndim > 0 and x.shape[-1] > 1 and bool(np.all(np.std(x, axis=-1) > 0.3)))
    w.let(w.choose([f"cr.layer_norm({x})", f"cr.rms_norm({x}, eps=1e-5)"]))
