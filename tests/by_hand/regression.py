"""Logistic regression with a penalty, divided by m at the end."""

import numpy as np

import chainrule as cr


def loss(theta, X, y, lam):
    h = 1 / (1 + np.exp(-(X @ theta)))
    return np.mean(-y * np.log(h) - (1 - y) * np.log(1 - h)) + lam / (2 * len(y)) * np.sum(theta[1:] ** 2)


def gradient(theta, X, y, lam):
    m = len(y)
    h = 1 / (1 + np.exp(-(X @ theta)))
    beta = h - y
    grad = X.T @ beta
    reg = lam * theta
    reg[0] = 0
    grad = (grad + reg) / m
    return grad


def check():
    r = np.random.default_rng(3)
    return cr.check(loss, argnums=0, against=gradient)(
        r.normal(size=3), r.normal(size=(5, 3)), r.integers(0, 2, 5), 0.7
    )


MISTAKES = [
    ("sign", "beta = h - y", "beta = y - h"),
    ("bias in reg", "reg[0] = 0", "reg[0] = 1"),
    ("scale after", "grad = (grad + reg) / m", "grad = grad / m + reg"),
    ("reg minus", "grad = (grad + reg) / m", "grad = (grad - reg) / m"),
    ("lam", "reg = lam * theta", "reg = lam / 2 * theta"),
    ("sigmoid'", "beta = h - y", "beta = (h - y) * h * (1 - h)"),
]
