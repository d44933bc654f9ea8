"""Batch normalisation in few lines, with a dict as cache; eps is a default."""

import numpy as np

import chainrule as cr


def forward(x, gamma, beta, eps=1e-5):
    mu = x.mean(axis=0)
    var = x.var(axis=0)
    x_hat = (x - mu) / np.sqrt(var + eps)
    y = gamma * x_hat + beta
    return y, {"x": x, "x_hat": x_hat, "mu": mu, "var": var, "gamma": gamma, "eps": eps}


def backward(dy, cache):
    x, mu, var, eps = cache["x"], cache["mu"], cache["var"], cache["eps"]
    m = x.shape[0]
    grads = {}
    grads["beta"] = dy.sum(axis=0)
    grads["gamma"] = (dy * cache["x_hat"]).sum(axis=0)
    dx_hat = dy * cache["gamma"]
    dvar = (dx_hat * (x - mu) * -0.5 * (var + eps) ** -1.5).sum(axis=0)
    dmu = (-dx_hat / np.sqrt(var + eps)).sum(axis=0) + dvar * (-2 * (x - mu)).sum(axis=0) / m
    grads["x"] = dx_hat / np.sqrt(var + eps)
    grads["x"] += dvar * 2 * (x - mu) / m
    grads["x"] += dmu / m
    return grads


def check():
    rng = np.random.default_rng(1)
    x, gamma, beta = rng.normal(size=(5, 3)), rng.normal(size=3), rng.normal(size=3)
    return cr.check(forward, against=backward)(x, gamma, beta)


MISTAKES = [
    (
        "power",
        "dvar = (dx_hat * (x - mu) * -0.5 * (var + eps) ** -1.5).sum(axis=0)",
        "dvar = (dx_hat * (x - mu) * -0.5 * (var + eps) ** -0.5).sum(axis=0)",
    ),
    ("1/m forgotten", 'grads["x"] += dvar * 2 * (x - mu) / m', 'grads["x"] += dvar * 2 * (x - mu)'),
    ("2 forgotten", 'grads["x"] += dvar * 2 * (x - mu) / m', 'grads["x"] += dvar * (x - mu) / m'),
    ("1/m forgotten in mu", 'grads["x"] += dmu / m', 'grads["x"] += dmu'),
    ("mu by assignment", 'grads["x"] += dmu / m', 'grads["x"] = dmu / m'),
    (
        "sign in mu",
        "dmu = (-dx_hat / np.sqrt(var + eps)).sum(axis=0)",
        "dmu = (dx_hat / np.sqrt(var + eps)).sum(axis=0)",
    ),
    ("beta averaged", 'grads["beta"] = dy.sum(axis=0)', 'grads["beta"] = dy.mean(axis=0)'),
    (
        "x instead of x_hat",
        'grads["gamma"] = (dy * cache["x_hat"]).sum(axis=0)',
        'grads["gamma"] = (dy * x).sum(axis=0)',
    ),
]
