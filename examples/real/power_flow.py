"""Power flow in a grid of three buses by Newton's method, with a Jacobian written entry by entry."""

import numpy as np

lines = [(0, 1, 0.02, 0.06), (0, 2, 0.08, 0.24), (1, 2, 0.06, 0.18)]
P = np.array([0.0, 0.4, -0.6])
Q = np.array([0.0, 0.1, -0.25])


def ybus(scale, n=3):
    Y = np.zeros((n, n), dtype=complex)
    for f, t, r, x in lines:
        y = 1 / (r + 1j * x * scale)
        Y[f, f] += y
        Y[t, t] += y
        Y[f, t] -= y
        Y[t, f] -= y
    return Y


def powers(V, th, G, B):
    n = len(V)
    p, q = np.zeros(n), np.zeros(n)
    for i in range(n):
        for k in range(n):
            d = th[i] - th[k]
            p[i] += V[i] * V[k] * (G[i, k] * np.cos(d) + B[i, k] * np.sin(d))
            q[i] += V[i] * V[k] * (G[i, k] * np.sin(d) - B[i, k] * np.cos(d))
    return p, q


def jacobian(V, th, G, B, p, q):
    n = len(V)
    J = np.zeros((2 * (n - 1), 2 * (n - 1)))
    for i in range(1, n):
        for k in range(1, n):
            d = th[i] - th[k]
            a, b = i - 1, k - 1
            if i == k:
                J[a, b] = -q[i] - B[i, i] * V[i] ** 2
                J[a, b + n - 1] = p[i] / V[i] + G[i, i] * V[i]
                J[a + n - 1, b] = p[i] - G[i, i] * V[i] ** 2
                J[a + n - 1, b + n - 1] = q[i] / V[i] - B[i, i] * V[i]
            else:
                J[a, b] = V[i] * V[k] * (G[i, k] * np.sin(d) - B[i, k] * np.cos(d))
                J[a, b + n - 1] = V[i] * (G[i, k] * np.cos(d) + B[i, k] * np.sin(d))
                J[a + n - 1, b] = -V[i] * V[k] * (G[i, k] * np.cos(d) + B[i, k] * np.sin(d))
                J[a + n - 1, b + n - 1] = V[i] * (G[i, k] * np.sin(d) - B[i, k] * np.cos(d))
    return J


def losses(parameters):
    """Power that the slack bus must give, by a factor of the reactances and one of the load."""
    Y = ybus(parameters[0])
    G, B = Y.real, Y.imag
    V, th = np.ones(3), np.zeros(3)
    load = np.concatenate([P[1:], Q[1:]]) * parameters[1]
    for iteration in range(3):
        p, q = powers(V, th, G, B)
        mismatch = load - np.concatenate([p[1:], q[1:]])
        if np.max(np.abs(mismatch)) < 1e-10:
            break
        dx = np.linalg.solve(jacobian(V, th, G, B, p, q), mismatch)
        th[1:] += dx[:2]
        V[1:] += dx[2:]
    p, q = powers(V, th, G, B)
    return p[0] + 0.1 * q[0] + V.min()


LOSS, ARGS = losses, (np.array([1.0, 1.0]),)
