"""A recurrent layer with a dict of gradients, which a loop backwards in time adds up."""

import numpy as np

import chainrule as cr


def forward(X, Wx, Wh, b, h0):
    h, hs = h0, [h0]
    for t in range(X.shape[0]):
        h = np.tanh(X[t] @ Wx + h @ Wh + b)
        hs.append(h)
    return np.stack(hs[1:]), (X, Wx, Wh, hs)


def backward(dH, cache):
    X, Wx, Wh, hs = cache
    grads = {"X": np.zeros_like(X), "Wx": np.zeros_like(Wx), "Wh": np.zeros_like(Wh), "b": np.zeros(Wh.shape[0])}
    dh_next = np.zeros_like(hs[0])
    for t in reversed(range(X.shape[0])):
        dh = dH[t] + dh_next
        da = dh * (1 - hs[t + 1] ** 2)
        grads["X"][t] = da @ Wx.T
        grads["Wx"] += X[t].T @ da
        grads["Wh"] += hs[t].T @ da
        grads["b"] += da.sum(axis=0)
        dh_next = da @ Wh.T
    grads["h0"] = dh_next
    return grads


def check():
    rng = np.random.default_rng(13)
    shapes = (4, 2, 3), (3, 2), (2, 2), (2,), (2, 2)
    return cr.check(forward, against=backward)(*(rng.normal(size=shape) for shape in shapes))


MISTAKES = [
    ("overwritten", 'grads["Wx"] += X[t].T @ da', 'grads["Wx"] = X[t].T @ da'),
    ("the later state", "hs[t].T @ da", "hs[t + 1].T @ da"),
    ("not transposed", "dh_next = da @ Wh.T", "dh_next = da @ Wh"),
    ("the state forgotten", "dh = dH[t] + dh_next", "dh = dH[t]"),
]
