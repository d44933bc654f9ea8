"""A step of a gated recurrent unit."""

import numpy as np

import chainrule as cr


def sig(x):
    return 1 / (1 + np.exp(-x))


def gru_forward(x, h, Wz, Wr, Wn, Uz, Ur, Un):
    z = sig(x @ Wz + h @ Uz)
    r = sig(x @ Wr + h @ Ur)
    n = np.tanh(x @ Wn + (r * h) @ Un)
    out = (1 - z) * n + z * h
    return out, (x, h, Wz, Wr, Wn, Uz, Ur, Un, z, r, n)


def gru_backward(dout, cache):
    x, h, Wz, Wr, Wn, Uz, Ur, Un, z, r, n = cache
    dn = dout * (1 - z)
    dz = dout * (h - n)
    dh = dout * z
    dn_pre = dn * (1 - n**2)
    drh = dn_pre @ Un.T
    dr = drh * h
    dh += drh * r
    dz_pre = dz * z * (1 - z)
    dr_pre = dr * r * (1 - r)
    dh += dz_pre @ Uz.T + dr_pre @ Ur.T
    dx = dz_pre @ Wz.T + dr_pre @ Wr.T + dn_pre @ Wn.T
    return dx, dh, x.T @ dz_pre, x.T @ dr_pre, x.T @ dn_pre, h.T @ dz_pre, h.T @ dr_pre, (r * h).T @ dn_pre


def check():
    r = np.random.default_rng(3)
    return cr.check(gru_forward, against=gru_backward)(
        r.normal(size=(2, 3)),
        r.normal(size=(2, 4)),
        *[r.normal(size=(3, 4)) for _ in range(3)],
        *[r.normal(size=(4, 4)) for _ in range(3)],
    )


MISTAKES = [
    ("z sign", "dz = dout * (h - n)", "dz = dout * (n - h)"),
    ("dn", "dn = dout * (1 - z)", "dn = dout * z"),
    ("dh", "dh = dout * z", "dh = dout * (1 - z)"),
    ("tanh", "dn_pre = dn * (1 - n**2)", "dn_pre = dn * n * (1 - n)"),
    ("r", "dh += drh * r", "dh = drh * r"),
    ("dr", "dr = drh * h", "dr = drh * n"),
    ("sigmoid", "dr_pre = dr * r * (1 - r)", "dr_pre = dr * (1 - r**2)"),
    ("Ur", "dh += dz_pre @ Uz.T + dr_pre @ Ur.T", "dh += dz_pre @ Uz.T"),
    ("Un", "(r * h).T @ dn_pre", "h.T @ dn_pre"),
    ("dx", "dx = dz_pre @ Wz.T + dr_pre @ Wr.T + dn_pre @ Wn.T", "dx = dz_pre @ Wz.T + dr_pre @ Wr.T - dn_pre @ Wn.T"),
    ("swapped", "x.T @ dz_pre, x.T @ dr_pre, x.T @ dn_pre", "x.T @ dr_pre, x.T @ dz_pre, x.T @ dn_pre"),
]
