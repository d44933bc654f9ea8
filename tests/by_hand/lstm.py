"""An LSTM over time: a step with four gates, and a loop over the steps backwards."""

import numpy as np

import chainrule as cr


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def lstm_step_forward(x, prev_h, prev_c, Wx, Wh, b):
    a = x @ Wx + prev_h @ Wh + b
    H = prev_h.shape[1]
    i = sigmoid(a[:, :H])
    f = sigmoid(a[:, H : 2 * H])
    o = sigmoid(a[:, 2 * H : 3 * H])
    g = np.tanh(a[:, 3 * H :])
    next_c = f * prev_c + i * g
    next_h = o * np.tanh(next_c)
    return next_h, next_c, (x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c)


def lstm_step_backward(dnext_h, dnext_c, cache):
    x, prev_h, prev_c, Wx, Wh, i, f, o, g, next_c = cache
    H = prev_h.shape[1]
    tanh_c = np.tanh(next_c)
    do = dnext_h * tanh_c
    dnext_c = dnext_c + dnext_h * o * (1 - tanh_c**2)
    df = dnext_c * prev_c
    di = dnext_c * g
    dg = dnext_c * i
    dprev_c = dnext_c * f
    da = np.zeros((x.shape[0], 4 * H))
    da[:, :H] = di * i * (1 - i)
    da[:, H : 2 * H] = df * f * (1 - f)
    da[:, 2 * H : 3 * H] = do * o * (1 - o)
    da[:, 3 * H :] = dg * (1 - g**2)
    dx = da @ Wx.T
    dprev_h = da @ Wh.T
    dWx = x.T @ da
    dWh = prev_h.T @ da
    db = da.sum(axis=0)
    return dx, dprev_h, dprev_c, dWx, dWh, db


def lstm_forward(x, h0, Wx, Wh, b):
    N, T = x.shape[:2]
    H = h0.shape[1]
    h = np.zeros((N, T, H))
    prev_h, prev_c = h0, np.zeros_like(h0)
    caches = []
    for t in range(T):
        prev_h, prev_c, cache = lstm_step_forward(x[:, t], prev_h, prev_c, Wx, Wh, b)
        h[:, t] = prev_h
        caches.append(cache)
    return h, caches


def lstm_backward(dh, caches):
    x, prev_h, _, Wx, Wh = caches[0][:5]
    (N, D), H, T = x.shape, prev_h.shape[1], dh.shape[1]
    dx = np.zeros((N, T, D))
    dWx, dWh, db = np.zeros_like(Wx), np.zeros_like(Wh), np.zeros(4 * H)
    dprev_h, dprev_c = np.zeros((N, H)), np.zeros((N, H))
    for t in reversed(range(T)):
        dnext = dh[:, t] + dprev_h
        dx_t, dprev_h, dprev_c, dWx_t, dWh_t, db_t = lstm_step_backward(dnext, dprev_c, caches[t])
        dx[:, t] = dx_t
        dWx += dWx_t
        dWh += dWh_t
        db += db_t
    return dx, dprev_h, dWx, dWh, db


def check():
    rng = np.random.default_rng(3)
    N, T, D, H = 2, 3, 3, 4
    x, h0 = rng.normal(size=(N, T, D)), rng.normal(size=(N, H))
    Wx, Wh, b = rng.normal(size=(D, 4 * H)), rng.normal(size=(H, 4 * H)), rng.normal(size=4 * H)
    return cr.check(lstm_forward, against=lstm_backward)(x, h0, Wx, Wh, b)


MISTAKES = [
    ("tanh of c forgotten", "do = dnext_h * tanh_c", "do = dnext_h * next_c"),
    (
        "h forgotten in c",
        "dnext_c = dnext_c + dnext_h * o * (1 - tanh_c**2)",
        "dnext_c = dnext_c + 0 * dnext_h",
    ),
    (
        "c instead of tanh(c)",
        "dnext_c = dnext_c + dnext_h * o * (1 - tanh_c**2)",
        "dnext_c = dnext_c + dnext_h * o * (1 - next_c**2)",
    ),
    ("i and g swapped", "di = dnext_c * g", "di = dnext_c * i"),
    ("wrong gate for c", "dprev_c = dnext_c * f", "dprev_c = dnext_c * i"),
    ("no derivative of sigmoid", "da[:, :H] = di * i * (1 - i)", "da[:, :H] = di"),
    ("df * f", "da[:, H : 2 * H] = df * f * (1 - f)", "da[:, H : 2 * H] = df * f"),
    ("tanh as sigmoid", "da[:, 3 * H :] = dg * (1 - g**2)", "da[:, 3 * H :] = dg * g * (1 - g)"),
    ("mean in db", "db = da.sum(axis=0)", "db = da.mean(axis=0)"),
    ("Wx for Wh", "dWh = prev_h.T @ da", "dWh = (prev_h + 1).T @ da"),
    ("the loop overwrites", "        dWx += dWx_t", "        dWx = dWx_t"),
    ("the state forgotten", "dnext = dh[:, t] + dprev_h", "dnext = dh[:, t]"),
]
