"""Regression by a Gaussian process: the kernel entry by entry, a Cholesky factor, the marginal likelihood."""

import numpy as np

X_train = np.array([-1.5, -0.7, 0.1, 0.8, 1.6])
y_train = np.sin(2 * X_train)


def rbf(x1, x2, length, variance):
    return variance * np.exp(-0.5 * (x1 - x2) ** 2 / length**2)


class GP:
    def __init__(self, length, variance, noise):
        self.params = (length, variance)
        self.noise = noise

    def kernel(self, A, B):
        K = np.zeros((len(A), len(B)))
        for i, a in enumerate(A):
            for j, b in enumerate(B):
                K[i, j] = rbf(a, b, *self.params)
        return K

    def fit(self, X, y):
        self.X, self.y = X, y
        K = self.kernel(X, X)
        K[np.diag_indices_from(K)] += self.noise
        self.L = np.linalg.cholesky(K)
        self.alpha = np.linalg.solve(self.L.T, np.linalg.solve(self.L, y))
        return self

    def loglikelihood(self):
        return -0.5 * self.y.dot(self.alpha) - np.log(np.diagonal(self.L)).sum() - 0.5 * len(self.y) * np.log(2 * np.pi)

    def predict(self, X):
        return self.kernel(X, self.X) @ self.alpha


def objective(log_params):
    """Negative marginal likelihood and a test error, by the logarithms of length, variance and noise."""
    length, variance, noise = np.exp(log_params)
    gp = GP(length, variance, noise).fit(X_train, y_train)
    return -gp.loglikelihood() + (gp.predict(np.array([0.4]))[0] - np.sin(0.8)) ** 2


LOSS, ARGS = objective, (np.log(np.array([0.8, 1.0, 0.05])),)
