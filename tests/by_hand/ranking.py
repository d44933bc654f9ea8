"""A hinge loss over pairs: relevant documents shall score higher than others by a margin."""

import numpy as np

import chainrule as cr


def loss(w, X, relevant, margin=0.7, reg=0.1):
    s = X @ w
    pos, neg = s[relevant], s[~relevant]
    gap = margin - pos[:, None] + neg[None, :]
    return np.mean(np.maximum(gap, 0)) + 0.5 * reg * w @ w


def gradient(w, X, relevant, margin=0.7, reg=0.1):
    s = X @ w
    pos, neg = s[relevant], s[~relevant]
    gap = neg[None, :] - pos[:, None] + margin
    active = (gap > 0).astype(float)
    dgap = active / gap.size
    ds = np.zeros(len(s))
    ds[relevant] = -dgap.sum(axis=1)
    ds[~relevant] = dgap.sum(axis=0)
    dw = X.T @ ds
    dw += reg * w
    return dw


def check():
    rng = np.random.default_rng(26)
    X, relevant = rng.normal(size=(7, 3)), np.array([True, False, True, False, False, True, False])
    return cr.check(loss, against=gradient, argnums=0)(rng.normal(size=3), X, relevant)


MISTAKES = [
    ("no margin", "gap = neg[None, :] - pos[:, None] + margin", "gap = neg[None, :] - pos[:, None]"),
    ("turned", "active = (gap > 0)", "active = (gap < 0)"),
    ("n", "dgap = active / gap.size", "dgap = active / len(pos)"),
    ("sign", "ds[relevant] = -dgap.sum(axis=1)", "ds[relevant] = dgap.sum(axis=1)"),
    ("mean", "ds[~relevant] = dgap.sum(axis=0)", "ds[~relevant] = dgap.mean(axis=0)"),
    ("swapped", "ds[~relevant] = dgap.sum(axis=0)", "ds[~relevant] += dgap.sum() / len(neg)"),
    ("2", "dw += reg * w", "dw += 2 * reg * w"),
    ("overwritten", "dw += reg * w", "dw = reg * w"),
]
