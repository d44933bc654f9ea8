"""Two layers from scratch: relu, softmax, and W1_grad, b1_grad, …"""

import numpy as np

import chainrule as cr


def relu(X):
    return np.maximum(X, 0)


def softmax(X):
    X_exp = np.exp(X)
    partition = X_exp.sum(1, keepdims=True)
    return X_exp / partition


def net(X, W1, b1, W2, b2):
    H = relu(X @ W1 + b1)
    return softmax(H @ W2 + b2)


def cross_entropy(y_hat, y):
    return -np.log(y_hat[range(len(y_hat)), y])


def train_loss(W1, b1, W2, b2, X, y):
    return cross_entropy(net(X, W1, b1, W2, b2), y).mean()


def grads(W1, b1, W2, b2, X, y):
    n = X.shape[0]
    Z = X @ W1 + b1
    H = relu(Z)
    y_hat = softmax(H @ W2 + b2)
    p = y_hat.copy()
    p[np.arange(n), y] -= 1
    delta = p / n
    W2_grad = H.T @ delta
    b2_grad = delta.sum(0)
    back = delta @ W2.T
    back = back * (Z > 0)
    W1_grad = X.T @ back
    b1_grad = back.sum(0)
    return [W1_grad, b1_grad, W2_grad, b2_grad]


def check():
    r = np.random.default_rng(3)
    return cr.check(train_loss, argnums=(0, 1, 2, 3), against=grads)(
        r.normal(size=(3, 4)),
        r.normal(size=4),
        r.normal(size=(4, 3)),
        r.normal(size=3),
        r.normal(size=(5, 3)),
        r.integers(0, 3, 5),
    )


MISTAKES = [
    ("plus", "p[np.arange(n), y] -= 1", "p[np.arange(n), y] += 1"),
    ("n", "delta = p / n", "delta = p"),
    ("mask", "back = back * (Z > 0)", "back = back * Z"),
    ("mask 2", "back = back * (Z > 0)", "back = back * (Z < 0)"),
    ("p for delta", "W2_grad = H.T @ delta", "W2_grad = H.T @ p"),
    ("b2", "b2_grad = delta.sum(0)", "b2_grad = p.sum(0)"),
    ("Z", "W2_grad = H.T @ delta", "W2_grad = Z.T @ delta"),
]
