"""A recurrent network over characters: dicts by time, dhnext, and gradients that are clipped."""

import numpy as np

import chainrule as cr


def loss(Wxh, Whh, Why, bh, by, inputs, targets, hprev):
    h = hprev
    total = 0
    for t in range(len(inputs)):
        x = np.zeros((Wxh.shape[1], 1))
        x[inputs[t]] = 1
        h = np.tanh(Wxh @ x + Whh @ h + bh)
        y = Why @ h + by
        p = np.exp(y) / np.sum(np.exp(y))
        total += -np.log(p[targets[t], 0])
    return total


def gradients(Wxh, Whh, Why, bh, by, inputs, targets, hprev):
    xs, hs, ys, ps = {}, {}, {}, {}
    hs[-1] = np.copy(hprev)
    for t in range(len(inputs)):
        xs[t] = np.zeros((Wxh.shape[1], 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        ys[t] = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(ys[t]) / np.sum(np.exp(ys[t]))
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby = np.zeros_like(bh), np.zeros_like(by)
    dhnext = np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    for dparam in [dWxh, dWhh, dWhy, dbh, dby]:
        np.clip(dparam, -500, 500, out=dparam)
    return dWxh, dWhh, dWhy, dbh, dby


def check():
    r = np.random.default_rng(3)
    return cr.check(loss, argnums=(0, 1, 2, 3, 4), against=gradients)(
        r.normal(size=(4, 3)),
        r.normal(size=(4, 4)),
        r.normal(size=(3, 4)),
        r.normal(size=(4, 1)),
        r.normal(size=(3, 1)),
        [0, 2, 1, 1, 2],
        [2, 1, 1, 2, 0],
        r.normal(size=(4, 1)),
    )


MISTAKES = [
    ("no dhnext", "dh = np.dot(Why.T, dy) + dhnext", "dh = np.dot(Why.T, dy)"),
    ("plus", "dy[targets[t]] -= 1", "dy[targets[t]] += 1"),
    ("tanh", "dhraw = (1 - hs[t] * hs[t]) * dh", "dhraw = hs[t] * (1 - hs[t]) * dh"),
    ("hs[t]", "dWhh += np.dot(dhraw, hs[t - 1].T)", "dWhh += np.dot(dhraw, hs[t].T)"),
    ("dh next", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh.T, dh)"),
    ("not transposed", "dhnext = np.dot(Whh.T, dhraw)", "dhnext = np.dot(Whh, dhraw)"),
    ("clip", "np.clip(dparam, -500, 500, out=dparam)", "np.clip(dparam, -0.1, 0.1, out=dparam)"),
    ("overwritten", "dbh += dhraw", "dbh = dhraw"),
    ("dby", "dby += dy", "dby += ps[t]"),
    ("dh raw twice", "dbh += dhraw", "dbh += dh"),
    ("targets", "dy[targets[t]] -= 1", "dy[inputs[t]] -= 1"),
]
