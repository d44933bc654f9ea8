"""A layer whose weights are g·v/‖v‖, row by row, before a leaky relu and the mean squared error."""

import numpy as np

import chainrule as cr


def loss(v, g, b, x, t):
    norm = np.sqrt(np.sum(v**2, axis=1, keepdims=True))
    w = g[:, None] * v / norm
    z = x @ w.T + b
    a = np.where(z > 0, z, 0.1 * z)
    return np.mean((a - t) ** 2)


def gradients(v, g, b, x, t):
    norm = np.sqrt(np.sum(v**2, axis=1, keepdims=True))
    u = v / norm
    w = g[:, None] * u
    z = x @ w.T + b
    a = np.where(z > 0, z, 0.1 * z)
    da = 2 * (a - t) / a.size
    dz = da * np.where(z > 0, 1, 0.1)
    db = dz.sum(axis=0)
    dw = dz.T @ x
    dg = np.sum(dw * u, axis=1)
    du = g[:, None] * dw
    dv = (du - u * np.sum(du * u, axis=1, keepdims=True)) / norm
    return {"v": dv, "g": dg, "b": db}


def check():
    rng = np.random.default_rng(24)
    v, g, b = rng.normal(size=(3, 4)), rng.normal(size=3), rng.normal(size=3)
    x, t = rng.normal(size=(5, 4)), rng.normal(size=(5, 3))
    return cr.check(loss, against=gradients, argnums=(0, 1, 2))(v, g, b, x, t)


MISTAKES = [
    ("of the batch only", "/ a.size", "/ len(a)"),
    ("2 forgotten", "da = 2 * (a - t)", "da = (a - t)"),
    ("slope", "dz = da * np.where(z > 0, 1, 0.1)", "dz = da * np.where(z > 0, 1, 0)"),
    ("a for z", "np.where(z > 0, 1, 0.1)", "np.where(a > 1, 1, 0.1)"),
    ("mean", "db = dz.sum(axis=0)", "db = dz.mean(axis=0)"),
    ("da", "dw = dz.T @ x", "dw = da.T @ x"),
    ("v for u", "dg = np.sum(dw * u, axis=1)", "dg = np.sum(dw * v, axis=1)"),
    ("g forgotten", "du = g[:, None] * dw", "du = dw"),
    ("projection forgotten", "dv = (du - u * np.sum(du * u, axis=1, keepdims=True)) / norm", "dv = du / norm"),
    ("norm squared", "keepdims=True)) / norm", "keepdims=True)) / norm**2"),
    ("sum over all", "np.sum(du * u, axis=1, keepdims=True)", "np.sum(du * u)"),
]
