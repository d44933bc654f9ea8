"""One name for the gradient from above all the way: dout = … dout …; relu, and softmax with cross-entropy."""

import numpy as np

import chainrule as cr


def loss(params, X, labels):
    h = np.maximum(0, X @ params["W1"] + params["b1"])
    scores = h @ params["W2"] + params["b2"]
    scores = scores - scores.max(axis=1, keepdims=True)
    log_p = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    return -log_p[np.arange(len(labels)), labels].mean() + 0.1 * np.sum(params["W1"] ** 2)


def loss_gradients(params, X, labels):
    h = np.maximum(0, X @ params["W1"] + params["b1"])
    scores = h @ params["W2"] + params["b2"]
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    grads = {}
    dout = p.copy()
    dout[np.arange(len(labels)), labels] -= 1
    dout /= len(labels)
    grads["W2"] = h.T @ dout
    grads["b2"] = dout.sum(axis=0)
    dout = dout @ params["W2"].T
    dout[h <= 0] = 0
    grads["W1"] = X.T @ dout + 0.2 * params["W1"]
    grads["b1"] = dout.sum(axis=0)
    return grads


def check():
    rng = np.random.default_rng(7)
    params = {
        "W1": rng.normal(size=(3, 4)),
        "b1": rng.normal(size=4),
        "W2": rng.normal(size=(4, 3)),
        "b2": rng.normal(size=3),
    }
    X, labels = rng.normal(size=(5, 3)), rng.integers(0, 3, size=5)
    return cr.check(loss, argnums="params", against=loss_gradients)(params, X, labels)


MISTAKES = [
    ("1 added", "dout[np.arange(len(labels)), labels] -= 1", "dout[np.arange(len(labels)), labels] += 1"),
    ("1/N forgotten", "dout /= len(labels)", "dout /= 1"),
    ("mask forgotten", "dout[h <= 0] = 0", "dout[h <= -1] = 0"),
    ("mask turned", "dout[h <= 0] = 0", "dout[h > 0] = 0"),
    ("2 forgotten", 'grads["W1"] = X.T @ dout + 0.2 * params["W1"]', 'grads["W1"] = X.T @ dout + 0.1 * params["W1"]'),
    ("weights forgotten", 'grads["W1"] = X.T @ dout + 0.2 * params["W1"]', 'grads["W1"] = X.T @ dout'),
    ("first of the batch", 'grads["b1"] = dout.sum(axis=0)', 'grads["b1"] = dout[0]'),
    ("mean", 'grads["b2"] = dout.sum(axis=0)', 'grads["b2"] = dout.mean(axis=0)'),
]
