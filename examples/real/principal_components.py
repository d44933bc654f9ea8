"""Principal components by power iteration and deflation."""

import numpy as np


def power_iteration(A, n=30):
    b = np.ones(A.shape[0])
    for _ in range(n):
        b = A.dot(b)
        b /= np.linalg.norm(b)
    return b @ A @ b, b


def explained(X, k=2):
    """Share of the variance in the first two components, by the data."""
    X = X.copy()
    X -= X.mean(axis=0)
    C = X.T.dot(X) / (len(X) - 1)
    total = np.trace(C)
    values = np.zeros(k)
    for i in range(k):
        values[i], v = power_iteration(C)
        C -= values[i] * np.outer(v, v)
    return np.sum(values) / total


LOSS, ARGS = (
    explained,
    (np.array([[2.0, 0.1, 0.3], [0.2, 1.5, -0.4], [-1.8, -0.6, 0.5], [0.4, -1.1, -0.3], [-0.9, 0.4, 0.8]]),),
)
