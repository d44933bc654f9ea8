"""A two-layer network in the manner of a course: Z, A, m; dZ is m times the gradient, which dW divides by m."""

import numpy as np

import chainrule as cr


def cost(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.tanh(Z1)
    Z2 = W2 @ A1 + b2
    A2 = 1 / (1 + np.exp(-Z2))
    return -np.sum(Y * np.log(A2) + (1 - Y) * np.log(1 - A2)) / m


def gradients(W1, b1, W2, b2, X, Y):
    m = X.shape[1]
    A1 = np.tanh(W1 @ X + b1)
    A2 = 1 / (1 + np.exp(-(W2 @ A1 + b2)))
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T @ dZ2 * (1 - A1**2)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2


def check():
    rng = np.random.default_rng(6)
    W1, b1, W2, b2 = rng.normal(size=(3, 2)), rng.normal(size=(3, 1)), rng.normal(size=(1, 3)), rng.normal(size=(1, 1))
    X, Y = rng.normal(size=(2, 5)), rng.integers(0, 2, size=(1, 5))
    return cr.check(cost, argnums=("W1", "b1", "W2", "b2"), against=gradients)(W1, b1, W2, b2, X, Y)


MISTAKES = [
    ("sign", "dZ2 = A2 - Y", "dZ2 = Y - A2"),
    ("1/m forgotten", "dW2 = dZ2 @ A1.T / m", "dW2 = dZ2 @ A1.T"),
    ("no sum", "db2 = np.sum(dZ2, axis=1, keepdims=True) / m", "db2 = np.sum(dZ2) / m / m * np.ones((1, 1))"),
    ("output in place of input", "dZ1 = W2.T @ dZ2 * (1 - A1**2)", "dZ1 = W2.T @ dZ2 * (1 - np.tanh(A1) ** 2)"),
    ("as sigmoid", "dZ1 = W2.T @ dZ2 * (1 - A1**2)", "dZ1 = W2.T @ dZ2 * A1 * (1 - A1)"),
    ("slope forgotten", "dZ1 = W2.T @ dZ2 * (1 - A1**2)", "dZ1 = W2.T @ dZ2"),
    ("A1 for X", "dW1 = dZ1 @ X.T / m", "dW1 = dZ1 @ A1[:2].T / m"),
]
