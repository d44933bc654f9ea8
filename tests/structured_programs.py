"""Random scalar functions of one array, from parts that arrange, multiply, sum and bend it."""

from __future__ import annotations

import numpy as np

import chainrule as cr

SHAPES = [(), (1,), (5,), (6,), (1, 4), (3, 1), (3, 4), (2, 6), (1, 1), (2, 3, 2), (3, 1, 2)]


def _axis(rng, x):
    return int(rng.integers(0, x.ndim))


def _whole_axis(rng, x):
    return x.ndim and rng.random() < 0.9


def _linear(rng, x):
    """A product with a constant matrix, on either side."""
    a = rng.normal(size=(int(rng.integers(1, 5)), x.shape[0]))
    b = rng.normal(size=(x.shape[-1], int(rng.integers(1, 5))))
    if x.ndim == 1:
        return (lambda x: a @ x) if rng.random() < 0.5 else (lambda x: x @ b)
    if x.ndim == 2:
        return (lambda x: a @ x) if rng.random() < 0.5 else (lambda x: x @ b)
    return lambda x: x @ b


def _rows(rng, x):
    w = rng.normal(size=[n if rng.random() < 0.6 else 1 for n in x.shape])
    return lambda x: w * x


def _shifted(rng, x):
    w = rng.normal(size=x.shape[-1:] if x.ndim else ())
    return lambda x: x + w


def _bent(rng, x):
    bends = [np.tanh, np.sin, lambda x: x**2, lambda x: np.maximum(x, 0.1), lambda x: np.exp(0.3 * x), np.abs]
    bends += [lambda x: np.where(x > 0, x, 0.2 * x**2), lambda x: 1 / (1 + np.exp(-x)), lambda x: np.logaddexp(0, x)]
    return bends[int(rng.integers(len(bends)))]


def _normalised(rng, x):
    if not x.ndim:
        return np.cos
    k = _axis(rng, x) - x.ndim
    kinds = [
        lambda x: cr.softmax(x, axis=k),
        lambda x: cr.log_softmax(x, axis=k),
        lambda x: x - np.mean(x, axis=k, keepdims=True),
        lambda x: x / (1 + np.sum(x**2, axis=k, keepdims=True)),
        lambda x: np.cumsum(x, axis=k),
    ]
    return kinds[int(rng.integers(len(kinds)))]


def _reduced(rng, x):
    if not x.ndim:
        return np.negative
    k = _axis(rng, x)
    kinds = [lambda x: np.sum(x, axis=k), lambda x: np.mean(x, axis=k), lambda x: np.log(np.sum(np.exp(x), axis=k))]
    return kinds[int(rng.integers(len(kinds)))]


def _arranged(rng, x):
    shape = x.shape
    kinds = [lambda x: x.T, lambda x: np.reshape(x, -1), lambda x: x[None], lambda x: x[..., None]]
    if x.ndim:
        n = shape[-1]
        part = np.array(rng.integers(0, n, int(rng.integers(1, 4))))
        kinds += [lambda x: x[..., : max(n - 1, 1)], lambda x: x[..., part], lambda x: x[..., 0], lambda x: x[::-1]]
        kinds += [lambda x: np.reshape(x, (shape[0], -1)), lambda x: np.broadcast_to(x, (2, *shape))]
        kinds += [lambda x: np.concatenate([x, 0.5 * x**2], axis=0)]
    if x.ndim == 2:
        labels = rng.integers(0, n, shape[0])
        kinds += [lambda x: x[np.arange(shape[0]), labels], lambda x: np.einsum("ij,kj->ik", x, np.ones((2, n)))]
        kinds += [lambda x: np.einsum("ij,j->i", x, np.arange(1.0, n + 1)), lambda x: np.outer(x, [1.0, 2.0])]
        kinds += [lambda x: x @ x.T, lambda x: np.diag(x[0])]
    return kinds[int(rng.integers(len(kinds)))]


PARTS = [_linear, _linear, _rows, _shifted, _bent, _bent, _normalised, _reduced, _arranged, _arranged]


def random_program(seed):
    """A function of an array that gives a number, and an argument for it."""
    rng = np.random.default_rng(seed)
    start = 0.7 * rng.normal(size=SHAPES[int(rng.integers(len(SHAPES)))])
    chains = []
    for _ in range(int(rng.integers(1, 3))):
        x, chain = start, []
        for _ in range(int(rng.integers(1, 6))):
            part = PARTS[int(rng.integers(len(PARTS)))]
            if part is _linear and not 0 < x.ndim < 4:
                continue
            f = part(rng, x)
            made = np.asarray(f(x))
            if made.size > 60 or made.ndim > 4 or not np.all(np.abs(made) < 1e3):
                continue
            chain.append(f)
            x = made
        chains.append((chain, rng.normal(size=x.shape), int(rng.integers(3))))
    ridge = float(rng.choice([0.0, 0.0, 0.3]))

    def f(x):
        total = ridge * np.sum(x**2)
        for chain, weights, end in chains:
            y = x
            for part in chain:
                y = part(y)
            ends = [lambda y, w=weights: np.sum(w * y**2), lambda y, w=weights: np.sum(w * np.sin(y))]
            ends += [lambda y, w=weights: np.log(1.5 + np.sum((y - w) ** 2))]
            total = total + ends[end](y)
        return total

    return f, start if start.ndim else np.float64(start)
