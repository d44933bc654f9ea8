"""Backward passes written by hand, each with one mistake: the wrong line is named first."""

import numpy as np
import pytest

import chainrule as cr

# fmt: off


def cosine(u, v):
    nu, nv, d = np.linalg.norm(u), np.linalg.norm(v), u @ v
    return 1 - d / (nu * nv)


def cosine_by_hand(u, v):
    nu, nv, d = np.linalg.norm(u), np.linalg.norm(v), u @ v
    dc = -1.0
    dd = dc / (nu * nv)
    dnu = -dc * d / (nu * nv)  # wrong
    dnv = -dc * d / (nu * nv**2)
    du = dd * v + dnu * u / nu
    dv = dd * u + dnv * v / nv
    return du, dv


def group_norm(x, g, b):
    X = x.reshape(2, 3)
    xc = X - X.mean(1, keepdims=True)
    var = (xc**2).mean(1, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xh = xc / std
    return g * xh.reshape(6) + b


def group_norm_by_hand(dy, x, g, b):
    X = x.reshape(2, 3)
    xc = X - X.mean(1, keepdims=True)
    var = (xc**2).mean(1, keepdims=True)
    std = np.sqrt(var + 1e-5)
    xh = xc / std
    db = dy
    dg = dy * xh.reshape(6)
    dxh = (dy * g).reshape(2, 3)
    dstd = -(dxh * xc / std**2).sum(1, keepdims=True)
    dvar = dstd / (2 * std)
    dxc = dxh / std + 2 * dvar * xc  # wrong
    dmu = -dxc.sum(1, keepdims=True)
    dX = dxc + dmu / 3
    return dX.reshape(6), dg, db


def gated_unit(x, h, W, U, V, R):
    z = 1 / (1 + np.exp(-(W @ x + U @ h)))
    n = np.tanh(V @ x + R @ h)
    return (1 - z) * h + z * n


def gated_unit_by_hand(dy, x, h, W, U, V, R):
    z = 1 / (1 + np.exp(-(W @ x + U @ h)))
    n = np.tanh(V @ x + R @ h)
    dz = dy * (n - h)
    dn = dy * z
    dh = dy * z  # wrong
    da = dz * z * (1 - z)
    dc = dn * (1 - n**2)
    dx = W.T @ da + V.T @ dc
    dh = dh + U.T @ da + R.T @ dc
    return dx, dh, np.outer(da, x), np.outer(da, h), np.outer(dc, x), np.outer(dc, h)


LABELS = np.array([1, 0, 0, 1])


def focal(s):
    p = 1 / (1 + np.exp(-s))
    q = np.where(LABELS == 1, p, 1 - p)
    w = (1 - q) ** 2
    return np.mean(-w * np.log(q))


def focal_by_hand(s):
    p = 1 / (1 + np.exp(-s))
    q = np.where(LABELS == 1, p, 1 - p)
    w = (1 - q) ** 2
    dl = np.ones_like(s) / len(s)
    dw = -dl * np.log(q)
    dq = -dl * w / q - 2 * dw * (1 - q)
    dp = np.where(LABELS == 1, dq, dq)  # wrong
    ds = dp * p * (1 - p)
    return ds


def triplet(a, p, n):
    dp, dn = a - p, a - n
    m = np.sum(dp**2, 1) - np.sum(dn**2, 1) + 1.0
    return np.mean(np.maximum(m, 0))


def triplet_by_hand(a, p, n):
    dp, dn = a - p, a - n
    m = np.sum(dp**2, 1) - np.sum(dn**2, 1) + 1.0
    dh = np.full(len(m), 1 / len(m))
    dm = dh * (m > 0)
    ddp = 2 * dp * dm[:, None]
    ddn = 2 * dn * dm[:, None]  # wrong
    da = ddp + ddn
    return da, -ddp, -ddn


# fmt: on

PLANTED = [
    (cosine, cosine_by_hand, [(4,), (4,)]),
    (group_norm, group_norm_by_hand, [(6,), (6,), (6,)]),
    (gated_unit, gated_unit_by_hand, [(3,), (2,), (2, 3), (2, 2), (2, 3), (2, 2)]),
    (focal, focal_by_hand, [(4,)]),
    (triplet, triplet_by_hand, [(3, 2), (3, 2), (3, 2)]),
]


@pytest.mark.parametrize(("f", "by_hand", "shapes"), PLANTED, ids=lambda x: getattr(x, "__name__", ""))
def test_the_wrong_line_is_named_first(f, by_hand, shapes):
    rng = np.random.default_rng(1)
    report = cr.check(f, against=by_hand)(*(rng.normal(size=shape) for shape in shapes))
    assert not report.ok
    assert report.blame is None
    assert report.mistakes[0].line.text.endswith("# wrong")
