"""Max pooling with loops and a mask."""

import numpy as np

import chainrule as cr


def forward(x, HH=2, WW=2, stride=2):
    N, C, H, W = x.shape
    Ho, Wo = 1 + (H - HH) // stride, 1 + (W - WW) // stride
    out = np.zeros((N, C, Ho, Wo))
    for i in range(Ho):
        for j in range(Wo):
            out[:, :, i, j] = x[:, :, i * stride : i * stride + HH, j * stride : j * stride + WW].max(axis=(2, 3))
    return out, (x, HH, WW, stride)


def backward(dout, cache):
    x, HH, WW, stride = cache
    N, C, Ho, Wo = dout.shape
    dx = np.zeros_like(x)
    for n in range(N):
        for c in range(C):
            for i in range(Ho):
                for j in range(Wo):
                    window = x[n, c, i * stride : i * stride + HH, j * stride : j * stride + WW]
                    mask = window == window.max()
                    dx[n, c, i * stride : i * stride + HH, j * stride : j * stride + WW] += mask * dout[n, c, i, j]
    return dx


def check():
    r = np.random.default_rng(3)
    return cr.check(forward, argnums="x", against=backward)(r.normal(size=(2, 2, 4, 4)))


MISTAKES = [
    ("factor", "+= mask * dout[n, c, i, j]", "+= mask * dout[n, c, i, j] / (HH * WW)"),
    ("no mask", "+= mask * dout[n, c, i, j]", "+= dout[n, c, i, j]"),
    ("window", "+= mask * dout[n, c, i, j]", "+= window * dout[n, c, i, j]"),
    ("mask all", "mask = window == window.max()", "mask = window == x.max()"),
    ("positive", "mask = window == window.max()", "mask = window > 0"),
    ("min", "mask = window == window.max()", "mask = window == window.min()"),
    (
        "stride",
        "dx[n, c, i * stride : i * stride + HH, j * stride : j * stride + WW] +=",
        "dx[n, c, i : i + HH, j : j + WW] +=",
    ),
]
