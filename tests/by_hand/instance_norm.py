"""Instance normalisation of pictures, with a class that keeps what it needs and stores the gradients of its weights."""

import numpy as np

import chainrule as cr


class InstanceNorm:
    def __init__(self, gamma, beta, eps=1e-5):
        self.gamma, self.beta, self.eps = gamma, beta, eps

    def forward(self, x):
        mean = x.mean(axis=(2, 3), keepdims=True)
        var = x.var(axis=(2, 3), keepdims=True)
        self.std = np.sqrt(var + self.eps)
        self.x_hat = (x - mean) / self.std
        return self.gamma[None, :, None, None] * self.x_hat + self.beta[None, :, None, None]

    def backward(self, grad):
        m = grad.shape[2] * grad.shape[3]
        self.dbeta = grad.sum(axis=(0, 2, 3))
        self.dgamma = (grad * self.x_hat).sum(axis=(0, 2, 3))
        dx_hat = grad * self.gamma[None, :, None, None]
        s1 = dx_hat.sum(axis=(2, 3), keepdims=True)
        s2 = (dx_hat * self.x_hat).sum(axis=(2, 3), keepdims=True)
        return (m * dx_hat - s1 - self.x_hat * s2) / (m * self.std)


def check():
    rng = np.random.default_rng(23)
    layer = InstanceNorm(rng.normal(size=3), rng.normal(size=3))
    return cr.check(layer.forward, against=layer.backward)(rng.normal(size=(2, 3, 2, 4)))


MISTAKES = [
    ("m of the batch", "m = grad.shape[2] * grad.shape[3]", "m = grad.shape[0] * grad.shape[2]"),
    ("mean", "self.dbeta = grad.sum(axis=(0, 2, 3))", "self.dbeta = grad.mean(axis=(0, 2, 3))"),
    ("x_hat forgotten", "(grad * self.x_hat).sum(axis=(0, 2, 3))", "grad.sum(axis=(0, 2, 3))"),
    ("gamma forgotten", "dx_hat = grad * self.gamma[None, :, None, None]", "dx_hat = grad"),
    ("axes of s1", "s1 = dx_hat.sum(axis=(2, 3)", "s1 = dx_hat.sum(axis=(0, 2, 3)"),
    ("s2 of grad", "s2 = (dx_hat * self.x_hat)", "s2 = (grad * self.x_hat)"),
    ("sign of s2", "- self.x_hat * s2)", "+ self.x_hat * s2)"),
    ("s1 forgotten", "(m * dx_hat - s1 - self", "(m * dx_hat - self"),
    ("std squared", "(m * self.std)", "(m * self.std**2)"),
]
