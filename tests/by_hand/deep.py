"""A network of any depth: lists of weights and activations, a loop backwards, dropout by given masks."""

import numpy as np

import chainrule as cr


def forward(Ws, bs, X, masks):
    A, zs, As = X, [], [X]
    for i, (W, b) in enumerate(zip(Ws, bs, strict=True)):
        Z = A @ W + b
        A = np.tanh(Z)
        if i < len(masks):
            A = A * masks[i] / 0.8
        zs.append(Z)
        As.append(A)
    return np.sum(A**2) / 2, zs, As


def loss(Ws, bs, X, masks):
    return forward(Ws, bs, X, masks)[0]


def backward(Ws, bs, X, masks):
    _, zs, As = forward(Ws, bs, X, masks)
    dWs, dbs = [None] * len(Ws), [None] * len(bs)
    dA = As[-1]
    for i in reversed(range(len(Ws))):
        if i < len(masks):
            dA = dA * masks[i] / 0.8
        dZ = dA * (1 - np.tanh(zs[i]) ** 2)
        dWs[i] = As[i].T @ dZ
        dbs[i] = dZ.sum(axis=0)
        dA = dZ @ Ws[i].T
    return dWs, dbs


def check():
    rng = np.random.default_rng(25)
    Ws = [rng.normal(size=shape) for shape in ((3, 4), (4, 4), (4, 2))]
    bs = [rng.normal(size=n) for n in (4, 4, 2)]
    masks = [rng.random(size=(5, 4)) > 0.3 for _ in range(2)]
    return cr.check(loss, against=backward, argnums=(0, 1))(Ws, bs, rng.normal(size=(5, 3)), masks)


MISTAKES = [
    ("2", "dA = As[-1]", "dA = 2 * As[-1]"),
    ("mask forgotten", "dA = dA * masks[i] / 0.8", "dA = dA / 0.8"),
    ("keep forgotten", "dA = dA * masks[i] / 0.8", "dA = dA * masks[i]"),
    ("output for input", "(1 - np.tanh(zs[i]) ** 2)", "(1 - zs[i] ** 2)"),
    ("the dropped output", "(1 - np.tanh(zs[i]) ** 2)", "(1 - As[i + 1] ** 2)"),
    ("next input", "dWs[i] = As[i].T @ dZ", "dWs[i] = As[i - 1].T @ dZ"),
    ("no sum", "dbs[i] = dZ.sum(axis=0)", "dbs[i] = dZ[0]"),
    ("dA for dZ", "dA = dZ @ Ws[i].T", "dA = dA @ Ws[i].T"),
]
