"""A class of a layer, with an object for its activation and dicts of parameters and gradients."""

import numpy as np

import chainrule as cr


class ReLU:
    def __call__(self, z):
        return np.clip(z, 0, np.inf)

    def grad(self, x):
        return (x > 0).astype(float)


class Tanh:
    def __call__(self, z):
        return np.tanh(z)

    def grad(self, x):
        return 1 - np.tanh(x) ** 2


class FullyConnected:
    def __init__(self, n_in, n_out, act_fn, rng):
        self.act_fn = act_fn
        self.parameters = {"W": rng.normal(size=(n_in, n_out)), "b": rng.normal(size=(1, n_out))}
        self.gradients = {"W": np.zeros((n_in, n_out)), "b": np.zeros((1, n_out))}
        self.X = None

    def forward(self, X):
        self.X = X
        Z = X @ self.parameters["W"] + self.parameters["b"]
        return self.act_fn(Z)

    def backward(self, dLdy):
        dX, dW, dB = self._bwd(dLdy, self.X)
        self.gradients["W"] = dW
        self.gradients["b"] = dB
        return dX

    def _bwd(self, dLdy, X):
        W = self.parameters["W"]
        b = self.parameters["b"]
        Z = X @ W + b
        dZ = dLdy * self.act_fn.grad(Z)
        dX = dZ @ W.T
        dW = X.T @ dZ
        dB = dZ.sum(axis=0, keepdims=True)
        return dX, dW, dB


def check():
    r = np.random.default_rng(3)
    layer = FullyConnected(3, 4, Tanh(), r)
    return cr.check(layer.forward, against=layer.backward)(r.normal(size=(5, 3)))


MISTAKES = [
    ("grad", "return 1 - np.tanh(x) ** 2", "return 1 - x ** 2"),
    ("no act", "dZ = dLdy * self.act_fn.grad(Z)", "dZ = dLdy"),
    ("of act", "dZ = dLdy * self.act_fn.grad(Z)", "dZ = dLdy * self.act_fn.grad(self.act_fn(Z))"),
    ("sum", "dB = dZ.sum(axis=0, keepdims=True)", "dB = dZ.mean(axis=0, keepdims=True)"),
    ("dLdy", "dW = X.T @ dZ", "dW = X.T @ dLdy"),
    ("dX", "dX = dZ @ W.T", "dX = dLdy @ W.T"),
    ("b not set", 'self.gradients["b"] = dB', 'self.gradients["b"] = 0 * dB'),
]
