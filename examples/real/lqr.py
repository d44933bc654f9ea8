"""Optimal control: the Riccati recursion backwards in a list, then a rollout."""

import numpy as np


def lqr(A, B, Q, R, N):
    P = [None] * (N + 1)
    K = [None] * N
    P[N] = Q
    for i in range(N, 0, -1):
        P[i - 1] = Q + A.T @ P[i] @ A - (A.T @ P[i] @ B) @ np.linalg.pinv(R + B.T @ P[i] @ B) @ (B.T @ P[i] @ A)
    for i in range(N):
        K[i] = -np.linalg.inv(R + B.T @ P[i + 1] @ B) @ B.T @ P[i + 1] @ A
    return K


def rollout_cost(parameters, N=6):
    """Cost of the controlled pendulum, by its mass, length and damping."""
    mass, length, damping = parameters
    dt = 0.1
    A = np.eye(2)
    A[0, 1] = dt
    A[1, 0] = dt * 9.81 / length
    A[1, 1] -= dt * damping / (mass * length**2)
    B = np.zeros((2, 1))
    B[1, 0] = dt / (mass * length**2)
    Q, R = np.diag([1.0, 0.1]), 0.05 * np.eye(1)
    K = lqr(A, B, Q, R, N)
    x = np.array([[0.3], [0.0]])
    cost = 0
    xs = np.zeros((N + 1, 2))
    for t in range(N):
        u = K[t] @ x
        cost += (x.T @ Q @ x + u.T @ R @ u).item()
        x = A @ x + B @ u
        xs[t + 1] = x.ravel()
    return cost + np.abs(xs).max()


LOSS, ARGS = rollout_cost, (np.array([1.0, 0.8, 0.2]),)
