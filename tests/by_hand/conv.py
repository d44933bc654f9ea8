"""A convolution with loops over everything."""

import numpy as np

import chainrule as cr


def conv_forward(x, w, b, stride=2, pad=1):
    N, _, H, W = x.shape
    F, _, HH, WW = w.shape
    xp = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    Ho, Wo = 1 + (H + 2 * pad - HH) // stride, 1 + (W + 2 * pad - WW) // stride
    out = np.zeros((N, F, Ho, Wo))
    for n in range(N):
        for f in range(F):
            for i in range(Ho):
                for j in range(Wo):
                    window = xp[n, :, i * stride : i * stride + HH, j * stride : j * stride + WW]
                    out[n, f, i, j] = np.sum(window * w[f]) + b[f]
    return out, (w, b, xp, stride, pad)


def conv_backward(dout, cache):
    w, b, xp, stride, pad = cache
    N, F, Ho, Wo = dout.shape
    HH, WW = w.shape[2:]
    dxp = np.zeros_like(xp)
    dw = np.zeros_like(w)
    db = np.zeros_like(b)
    for n in range(N):
        for f in range(F):
            db[f] += np.sum(dout[n, f])
            for i in range(Ho):
                for j in range(Wo):
                    top, left = i * stride, j * stride
                    dw[f] += xp[n, :, top : top + HH, left : left + WW] * dout[n, f, i, j]
                    dxp[n, :, top : top + HH, left : left + WW] += w[f] * dout[n, f, i, j]
    dx = dxp[:, :, pad:-pad, pad:-pad]
    return dx, dw, db


def check():
    rng = np.random.default_rng(5)
    x, w, b = rng.normal(size=(2, 2, 4, 4)), rng.normal(size=(3, 2, 3, 3)), rng.normal(size=3)
    return cr.check(conv_forward, against=conv_backward)(x, w, b)


MISTAKES = [
    ("mean in db", "db[f] += np.sum(dout[n, f])", "db[f] += np.mean(dout[n, f])"),
    ("overwritten db", "db[f] += np.sum(dout[n, f])", "db[f] = np.sum(dout[n, f])"),
    ("stride forgotten", "top, left = i * stride, j * stride", "top, left = i, j"),
    (
        "overwritten dw",
        "dw[f] += xp[n, :, top : top + HH, left : left + WW] * dout[n, f, i, j]",
        "dw[f] = xp[n, :, top : top + HH, left : left + WW] * dout[n, f, i, j]",
    ),
    (
        "overlap overwritten",
        "dxp[n, :, top : top + HH, left : left + WW] += w[f] * dout[n, f, i, j]",
        "dxp[n, :, top : top + HH, left : left + WW] = w[f] * dout[n, f, i, j]",
    ),
    (
        "flipped",
        "dxp[n, :, top : top + HH, left : left + WW] += w[f] * dout[n, f, i, j]",
        "dxp[n, :, top : top + HH, left : left + WW] += w[f, :, ::-1, ::-1] * dout[n, f, i, j]",
    ),
    ("cut in the wrong place", "dx = dxp[:, :, pad:-pad, pad:-pad]", "dx = dxp[:, :, : -2 * pad, : -2 * pad]"),
    (
        "first example only",
        "dw[f] += xp[n, :, top : top + HH, left : left + WW] * dout[n, f, i, j]",
        "dw[f] += (n == 0) * xp[n, :, top : top + HH, left : left + WW] * dout[n, f, i, j]",
    ),
]
