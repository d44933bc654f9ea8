"""A network of layer objects and a loss object, each with forward and backward; the layers keep their gradients."""

import numpy as np

import chainrule as cr


class Linear:
    def __init__(self, W, b):
        self.W, self.b = W, b

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, d):
        self.dW = self.x.T @ d
        self.db = d.sum(axis=0)
        return d @ self.W.T


class ReLU:
    def forward(self, x):
        self.off = x <= 0
        out = x.copy()
        out[self.off] = 0
        return out

    def backward(self, d):
        d = d.copy()
        d[self.off] = 0
        return d


class MSE:
    def forward(self, p, t):
        self.p, self.t = p, t
        return 0.5 * np.sum((p - t) ** 2) / len(p)

    def backward(self, d=1.0):
        return d * (self.p - self.t) / len(self.p)


def run(W1, b1, W2, b2, x, t):
    layers, loss = [Linear(W1, b1), ReLU(), Linear(W2, b2)], MSE()
    for layer in layers:
        x = layer.forward(x)
    return layers, loss, loss.forward(x, t)


def loss(W1, b1, W2, b2, x, t):
    return run(W1, b1, W2, b2, x, t)[2]


def loss_gradients(W1, b1, W2, b2, x, t):
    layers, criterion, _ = run(W1, b1, W2, b2, x, t)
    d = criterion.backward()
    for layer in reversed(layers):
        d = layer.backward(d)
    first, _, last = layers
    return {"W1": first.dW, "b1": first.db, "W2": last.dW, "b2": last.db, "x": d}


def check():
    rng = np.random.default_rng(12)
    shapes = (3, 4), (4,), (4, 2), (2,), (5, 3), (5, 2)
    return cr.check(loss, against=loss_gradients)(*(rng.normal(size=shape) for shape in shapes))


MISTAKES = [
    ("n forgotten in the loss", "return d * (self.p - self.t) / len(self.p)", "return d * (self.p - self.t)"),
    ("mask turned", "        d[self.off] = 0", "        d[~self.off] = 0"),
    ("W halved", "return d @ self.W.T", "return d @ self.W.T * 0.5"),
    ("mean", "self.db = d.sum(axis=0)", "self.db = d.mean(axis=0)"),
]
