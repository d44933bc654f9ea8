"""An attention head that returns its gradients in a dict, intermediate ones too."""

import numpy as np

import chainrule as cr


def attention(X, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scores = Q @ K.swapaxes(-1, -2) / np.sqrt(Q.shape[-1])
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    return A @ V


def attention_backward(dout, X, Wq, Wk, Wv):
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    d = Q.shape[-1]
    scores = Q @ K.swapaxes(-1, -2) / np.sqrt(d)
    e = np.exp(scores - scores.max(axis=-1, keepdims=True))
    A = e / e.sum(axis=-1, keepdims=True)
    dA = dout @ V.swapaxes(-1, -2)
    dV = A.swapaxes(-1, -2) @ dout
    dscores = A * (dA - (dA * A).sum(axis=-1, keepdims=True))
    dQ = dscores @ K / np.sqrt(d)
    dK = dscores.swapaxes(-1, -2) @ Q / np.sqrt(d)
    dWq = np.einsum("btd,bth->dh", X, dQ)
    dWk = np.einsum("btd,bth->dh", X, dK)
    dWv = np.einsum("btd,bth->dh", X, dV)
    dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T
    return {"dX": dX, "dWq": dWq, "dWk": dWk, "dWv": dWv, "dA": dA, "dscores": dscores, "dQ": dQ}


def check():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(2, 3, 4))
    Wq, Wk, Wv = rng.normal(size=(4, 2)), rng.normal(size=(4, 2)), rng.normal(size=(4, 2))
    return cr.check(attention, against=attention_backward)(X, Wq, Wk, Wv)


MISTAKES = [
    ("V of the first", "dA = dout @ V.swapaxes(-1, -2)", "dA = dout @ V[0].T"),
    ("A not transposed", "dV = A.swapaxes(-1, -2) @ dout", "dV = A @ dout"),
    (
        "softmax as elementwise",
        "dscores = A * (dA - (dA * A).sum(axis=-1, keepdims=True))",
        "dscores = A * (1 - A) * dA",
    ),
    (
        "sum over another axis",
        "dscores = A * (dA - (dA * A).sum(axis=-1, keepdims=True))",
        "dscores = A * (dA - (dA * A).sum(axis=-2, keepdims=True))",
    ),
    ("1/√d forgotten", "dQ = dscores @ K / np.sqrt(d)", "dQ = dscores @ K"),
    ("1/d", "dK = dscores.swapaxes(-1, -2) @ Q / np.sqrt(d)", "dK = dscores.swapaxes(-1, -2) @ Q / d"),
    ("not transposed", "dK = dscores.swapaxes(-1, -2) @ Q / np.sqrt(d)", "dK = dscores @ Q / np.sqrt(d)"),
    ("first of the batch", 'dWv = np.einsum("btd,bth->dh", X, dV)', "dWv = X[0].T @ dV[0]"),
    ("V forgotten", "dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T", "dX = dQ @ Wq.T + dK @ Wk.T"),
    ("K twice", "dX = dQ @ Wq.T + dK @ Wk.T + dV @ Wv.T", "dX = dQ @ Wq.T + dK @ Wk.T + dK @ Wk.T + dV @ Wv.T"),
]
