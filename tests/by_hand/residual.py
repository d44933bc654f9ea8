"""A residual block with layer norm; dh is the gradient before the relu."""

import numpy as np

import chainrule as cr


def forward(x, W, gamma):
    h = np.maximum(x @ W, 0)
    s = x + h
    mu = s.mean(-1, keepdims=True)
    sigma = np.sqrt(s.var(-1, keepdims=True) + 1e-5)
    n = (s - mu) / sigma
    return gamma * n, (x, W, gamma, h, n, sigma)


def backward(dy, cache):
    x, W, gamma, h, n, sigma = cache
    dgamma = np.sum(dy * n, axis=0)
    dn = dy * gamma
    ds = (dn - dn.mean(-1, keepdims=True) - n * (dn * n).mean(-1, keepdims=True)) / sigma
    dh = ds * (h > 0)
    dW = x.T @ dh
    dx = ds + dh @ W.T
    return dx, dW, dgamma


def check():
    rng = np.random.default_rng(11)
    x, W, gamma = rng.normal(size=(4, 5)), rng.normal(size=(5, 5)), rng.normal(size=5)
    return cr.check(forward, against=backward)(x, W, gamma)


MISTAKES = [
    ("relu forgotten", "dh = ds * (h > 0)", "dh = ds"),
    ("skip forgotten", "dx = ds + dh @ W.T", "dx = dh @ W.T"),
    ("sigma times", "keepdims=True)) / sigma", "keepdims=True)) * sigma"),
    ("n forgotten", "- n * (dn * n).mean", "- (dn * n).mean"),
]
