"""The distance to the nearest centre, which argmin finds."""

import numpy as np

import chainrule as cr


def loss(C, X):
    d = ((X[:, None] - C) ** 2).sum(-1)
    return d.min(axis=1).mean()


def gradient(C, X):
    d = ((X[:, None] - C) ** 2).sum(-1)
    nearest = d.argmin(axis=1)
    dC = np.zeros_like(C)
    for i, k in enumerate(nearest):
        dC[k] += 2 * (C[k] - X[i])
    return dC / len(X)


def check():
    r = np.random.default_rng(3)
    return cr.check(loss, argnums=0, against=gradient)(r.normal(size=(3, 2)), r.normal(size=(7, 2)))


MISTAKES = [
    ("argmax", "nearest = d.argmin(axis=1)", "nearest = d.argmax(axis=1)"),
    ("sign", "dC[k] += 2 * (C[k] - X[i])", "dC[k] += 2 * (X[i] - C[k])"),
    ("2", "dC[k] += 2 * (C[k] - X[i])", "dC[k] += C[k] - X[i]"),
    ("overwritten", "dC[k] += 2 * (C[k] - X[i])", "dC[k] = 2 * (C[k] - X[i])"),
    ("n centres", "return dC / len(X)", "return dC / len(C)"),
]
