"""Attention that looks back only: a mask of -inf, batches and heads by einsum."""

import numpy as np

import chainrule as cr


def attend(q, k, v):
    T, d = q.shape[-2:]
    scores = np.einsum("bhtd,bhsd->bhts", q, k) / np.sqrt(d)
    scores = np.where(np.tri(T, dtype=bool), scores, -np.inf)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    p = e / e.sum(axis=-1, keepdims=True)
    out = np.einsum("bhts,bhsd->bhtd", p, v)
    return out, (q, k, v, p)


def attend_backward(dout, cache):
    q, k, v, p = cache
    d = q.shape[-1]
    dv = np.einsum("bhts,bhtd->bhsd", p, dout)
    dp = np.einsum("bhtd,bhsd->bhts", dout, v)
    inner = np.sum(dp * p, axis=-1, keepdims=True)
    dscores = p * (dp - inner)
    dscores = dscores / np.sqrt(d)
    dq = np.einsum("bhts,bhsd->bhtd", dscores, k)
    dk = np.einsum("bhts,bhtd->bhsd", dscores, q)
    return dq, dk, dv


def check():
    rng = np.random.default_rng(22)
    q, k, v = rng.normal(size=(3, 2, 2, 4, 3))
    return cr.check(attend, against=attend_backward)(q, k, v)


MISTAKES = [
    ("axes of p swapped", '"bhts,bhtd->bhsd", p, dout', '"bhst,bhtd->bhsd", p, dout'),
    ("k for v", '"bhtd,bhsd->bhts", dout, v', '"bhtd,bhsd->bhts", dout, k'),
    ("p forgotten", "inner = np.sum(dp * p,", "inner = np.sum(dp,"),
    ("axis", "np.sum(dp * p, axis=-1", "np.sum(dp * p, axis=-2"),
    ("elementwise", "dscores = p * (dp - inner)", "dscores = p * (1 - p) * dp"),
    ("times √d", "dscores = dscores / np.sqrt(d)", "dscores = dscores * np.sqrt(d)"),
    ("√T", "dscores = dscores / np.sqrt(d)", "dscores = dscores / np.sqrt(len(q[0, 0]))"),
    ("dq with q", '->bhtd", dscores, k)', '->bhtd", dscores, q)'),
    ("dk with k", '->bhsd", dscores, q)', '->bhsd", dscores, k)'),
    ("swapped", "return dq, dk, dv", "return dk, dq, dv"),
]
