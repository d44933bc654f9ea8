"""Layer normalisation as a class that keeps what it needs; in-place sums, keepdims."""

import numpy as np

import chainrule as cr


class LayerNorm:
    def forward(self, x, weight, bias):
        self.mean = x.mean(axis=-1, keepdims=True)
        self.rstd = 1 / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
        self.norm = (x - self.mean) * self.rstd
        self.weight = weight
        return self.norm * weight + bias

    def backward(self, d_out):
        d_bias = d_out.sum(axis=(0, 1))
        d_weight = (d_out * self.norm).sum(axis=(0, 1))
        d_norm = d_out * self.weight
        d_x = d_norm - d_norm.mean(axis=-1, keepdims=True)
        d_x -= self.norm * (d_norm * self.norm).mean(axis=-1, keepdims=True)
        d_x *= self.rstd
        return d_x, d_weight, d_bias


def check():
    rng = np.random.default_rng(2)
    x, weight, bias = rng.normal(size=(2, 3, 4)), rng.normal(size=4), rng.normal(size=4)
    layer = LayerNorm()
    return cr.check(layer.forward, against=layer.backward)(x, weight, bias)


MISTAKES = [
    ("only one axis summed", "d_bias = d_out.sum(axis=(0, 1))", "d_bias = d_out.sum(axis=0)"),
    ("only the first", "d_bias = d_out.sum(axis=(0, 1))", "d_bias = d_out[0].sum(axis=0)"),
    ("d_out twice", "d_weight = (d_out * self.norm).sum(axis=(0, 1))", "d_weight = (d_out * d_out).sum(axis=(0, 1))"),
    ("weight forgotten", "d_norm = d_out * self.weight", "d_norm = d_out.copy()"),
    (
        "mean over all",
        "d_x = d_norm - d_norm.mean(axis=-1, keepdims=True)",
        "d_x = d_norm - d_norm.mean(keepdims=True)",
    ),
    ("mean forgotten", "d_x = d_norm - d_norm.mean(axis=-1, keepdims=True)", "d_x = d_norm.copy()"),
    (
        "sum instead of mean",
        "d_x -= self.norm * (d_norm * self.norm).mean(axis=-1, keepdims=True)",
        "d_x -= self.norm * (d_norm * self.norm).sum(axis=-1, keepdims=True)",
    ),
    (
        "sign",
        "d_x -= self.norm * (d_norm * self.norm).mean(axis=-1, keepdims=True)",
        "d_x += self.norm * (d_norm * self.norm).mean(axis=-1, keepdims=True)",
    ),
    ("rstd divided", "d_x *= self.rstd", "d_x /= self.rstd"),
]
