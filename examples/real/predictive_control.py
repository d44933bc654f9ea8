"""Predictive control: condensed matrices, a Riccati equation, projected gradient steps, the loop closed."""

import numpy as np
import scipy.linalg as la
from numpy.linalg import eigvals, matrix_power

A = np.array([[1.0, 0.1], [0.0, 0.95]])
B = np.array([[0.0], [0.1]])


def dlqr(A, B, Q, R):
    P = la.solve_discrete_are(A, B, Q, R)
    K = np.linalg.inv(R + B.T @ P @ B) @ (B.T @ P @ A)
    return K, P


class MPC:
    def __init__(self, A, B, Q, R, N, umax):
        self.N, self.umax = N, umax
        nx, nu = B.shape
        self.K, P = dlqr(A, B, Q, R)
        self.Phi = np.vstack([matrix_power(A, i + 1) for i in range(N)])
        G = np.zeros((N * nx, N * nu))
        for i in range(N):
            for j in range(i + 1):
                G[i * nx : (i + 1) * nx, j * nu : (j + 1) * nu] = matrix_power(A, i - j) @ B
        Qbar = la.block_diag(*[Q] * (N - 1), P)
        Rbar = np.kron(np.eye(N), R)
        self.H = G.T @ Qbar @ G + Rbar
        self.F = G.T @ Qbar @ self.Phi

    def control(self, x, iters=15):
        f = self.F @ x
        L = np.linalg.norm(self.H, 2)
        u = np.zeros_like(f)
        for _ in range(iters):
            u = np.clip(u - (self.H @ u + f) / L, -self.umax, self.umax)
        return u[0]


def closed_loop(weights):
    Q = np.diag(weights[:2])
    R = np.atleast_2d(weights[2])
    ctrl = MPC(A, B, Q, R, 4, umax=1.0)
    stable = np.abs(eigvals(A - B @ ctrl.K)).max()
    x = np.array([1.0, 0.0])
    traj, inputs = [x], []
    for k in range(4):
        u = ctrl.control(x)
        x = A @ x + B.flatten() * u
        traj.append(x)
        inputs.append(u)
    traj = np.array(traj)
    return np.trapezoid(traj[:, 0] ** 2, dx=0.1) + 0.01 * np.dot(inputs, inputs) + 0.1 * stable


LOSS, ARGS = closed_loop, (np.array([10.0, 1.0, 0.1]),)
