"""A frame in an earthquake: Newmark's method in matrices, the record as a list of numbers."""

import numpy as np

ground = [0.0, 0.2, -0.3, 0.5, -0.1, 0.4, -0.6, 0.3, 0.1, -0.2]


def assemble(masses, stiffnesses):
    n = len(masses)
    M = np.diag(masses)
    K = np.zeros((n, n))
    for i, k in enumerate(stiffnesses):
        K[i, i] += k
        if i > 0:
            K[i - 1, i - 1] += k
            K[i - 1, i] -= k
            K[i, i - 1] -= k
    return M, K


def newmark(M, C, K, load, dt, beta=0.25, gamma=0.5):
    n, steps = M.shape[0], len(load)
    u, v, a = (np.zeros((steps, n)) for _ in range(3))
    a[0] = np.linalg.solve(M, load[0])
    effective = M / (beta * dt**2) + C * gamma / (beta * dt) + K
    for i in range(1, steps):
        rhs = load[i].copy()
        rhs += M.dot(u[i - 1] / (beta * dt**2) + v[i - 1] / (beta * dt) + (1 / (2 * beta) - 1) * a[i - 1])
        rhs += C.dot(
            gamma / (beta * dt) * u[i - 1] + (gamma / beta - 1) * v[i - 1] + dt * (gamma / (2 * beta) - 1) * a[i - 1]
        )
        u[i] = np.linalg.solve(effective, rhs)
        a[i] = (u[i] - u[i - 1]) / (beta * dt**2) - v[i - 1] / (beta * dt) - (1 / (2 * beta) - 1) * a[i - 1]
        v[i] = v[i - 1] + dt * ((1 - gamma) * a[i - 1] + gamma * a[i])
    return u


def drift(stiffnesses, damping):
    """Root mean square of the drift of the storeys, by their stiffnesses and the damping."""
    M, K = assemble([1.0, 1.0, 0.8], stiffnesses)
    C = damping * M + 0.01 * K
    load = [-M.dot(np.ones(3)) * g for g in ground]
    u = newmark(M, C, K, load, 0.1)
    drifts = np.diff(np.hstack([np.zeros((len(u), 1)), u]), axis=1)
    return np.sqrt((drifts**2).mean())


LOSS, ARGS = drift, ([80.0, 60.0, 40.0], 0.3)
