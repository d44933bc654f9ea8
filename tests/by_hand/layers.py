"""A layer of an object that keeps its parameters and their gradients: self.W and self.dW, self.b and self.db."""

import numpy as np

import chainrule as cr


class Dense:
    def __init__(self, n_in, n_out):
        rng = np.random.default_rng(8)
        self.W = rng.normal(size=(n_in, n_out))
        self.b = rng.normal(size=n_out)

    def forward(self, x):
        self.x = x
        self.z = x @ self.W + self.b
        self.mask = self.z > 0
        a = np.where(self.mask, self.z, 0.1 * self.z)
        return a

    def backward(self, da):
        dz = np.where(self.mask, da, 0.1 * da)
        self.dW = self.x.T @ dz
        self.db = dz.sum(axis=0)
        dx = dz @ self.W.T
        return dx


def check():
    layer = Dense(3, 2)
    x = np.random.default_rng(9).normal(size=(4, 3))
    return cr.check(layer.forward, against=layer.backward)(x)


MISTAKES = [
    ("slope below 0", "dz = np.where(self.mask, da, 0.1 * da)", "dz = np.where(self.mask, da, 0)"),
    ("mean", "self.db = dz.sum(axis=0)", "self.db = dz.mean(axis=0)"),
    ("first of the batch", "self.dW = self.x.T @ dz", "self.dW = np.outer(self.x[0], dz[0])"),
    ("output for input", "self.dW = self.x.T @ dz", "self.dW = self.x.T @ (dz * self.z)"),
    ("sign", "dx = dz @ self.W.T", "dx = -dz @ self.W.T"),
]
