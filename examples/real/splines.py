"""A natural cubic spline as a class: second derivatives from a tridiagonal system, values by the interval."""

import numpy as np


class CubicSpline:
    def __init__(self, x, y):
        self.x, self.y = x, y
        n = len(x)
        h = np.diff(x)
        A = np.zeros((n, n))
        rhs = np.zeros(n)
        A[0, 0] = A[-1, -1] = 1.0
        for i in range(1, n - 1):
            A[i, i - 1 : i + 2] = [h[i - 1], 2 * (h[i - 1] + h[i]), h[i]]
            rhs[i] = 6 * ((y[i + 1] - y[i]) / h[i] - (y[i] - y[i - 1]) / h[i - 1])
        self.m = np.linalg.solve(A, rhs)

    def __call__(self, t):
        t = np.atleast_1d(t)
        result = np.zeros_like(t, dtype=float)
        for k, v in enumerate(t):
            i = min(max(np.searchsorted(self.x, v) - 1, 0), len(self.x) - 2)
            h = self.x[i + 1] - self.x[i]
            a, b = (self.x[i + 1] - v) / h, (v - self.x[i]) / h
            result[k] = (
                a * self.y[i] + b * self.y[i + 1] + ((a**3 - a) * self.m[i] + (b**3 - b) * self.m[i + 1]) * h**2 / 6
            )
        return result


def roughness(y):
    """Squared misfit at three places plus the bending, by the values at the knots."""
    spline = CubicSpline(np.array([0.0, 1.0, 2.5, 3.0, 4.0]), y)
    at = spline([0.4, 1.9, 3.3])
    return np.sum((at - np.array([0.5, 0.8, -0.2])) ** 2) + 1e-2 * np.sum(spline.m**2)


LOSS, ARGS = roughness, (np.array([0.0, 1.0, 0.5, 0.2, -0.6]),)
