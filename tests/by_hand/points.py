"""The distance of two sets of points: a matrix of weights made of argmin in both directions."""

import numpy as np

import chainrule as cr


def loss(A, B):
    d = np.sqrt(((A[:, None] - B) ** 2).sum(-1))
    return d.min(1).mean() + d.min(0).mean()


def gradient(A, B):
    diff = A[:, None] - B
    d = np.sqrt((diff**2).sum(-1))
    ja = d.argmin(1)
    ib = d.argmin(0)
    w = np.zeros_like(d)
    w[np.arange(len(A)), ja] += 1 / len(A)
    w[ib, np.arange(len(B))] += 1 / len(B)
    g = w[..., None] * diff / d[..., None]
    return g.sum(1), -g.sum(0)


def check():
    r = np.random.default_rng(3)
    return cr.check(loss, against=gradient)(r.normal(size=(4, 2)), r.normal(size=(6, 2)))


MISTAKES = [
    ("argmax", "ja = d.argmin(1)", "ja = d.argmax(1)"),
    ("argmax b", "ib = d.argmin(0)", "ib = d.argmax(0)"),
    ("not added", "w[ib, np.arange(len(B))] += 1 / len(B)", "w[ib, np.arange(len(B))] = 1 / len(B)"),
    ("n", "w[np.arange(len(A)), ja] += 1 / len(A)", "w[np.arange(len(A)), ja] += 1"),
    ("d", "g = w[..., None] * diff / d[..., None]", "g = w[..., None] * diff"),
    ("sign", "return g.sum(1), -g.sum(0)", "return g.sum(1), g.sum(0)"),
]
