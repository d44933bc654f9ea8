"""Gray–Scott reaction–diffusion on a torus; the fields are arrays of the module, set anew for each run."""

import numpy as np

n = 10
U = np.zeros((n + 2, n + 2))
V = np.zeros((n + 2, n + 2))
u, v = U[1:-1, 1:-1], V[1:-1, 1:-1]


def laplacian(Z):
    return Z[0:-2, 1:-1] + Z[1:-1, 0:-2] - 4 * Z[1:-1, 1:-1] + Z[1:-1, 2:] + Z[2:, 1:-1]


def periodic(Z):
    Z[0, :] = Z[-2, :]
    Z[-1, :] = Z[1, :]
    Z[:, 0] = Z[:, -2]
    Z[:, -1] = Z[:, 1]


def pattern(rates):
    """Sum of squares of the second substance after some steps, by both diffusivities, feed and kill rate."""
    Du, Dv, F, k = rates
    u[...] = 1.0
    v[...] = 0.0
    u[4:7, 4:7] = 0.50
    v[4:7, 4:7] = 0.25
    for _ in range(6):
        periodic(U)
        periodic(V)
        Lu, Lv = laplacian(U), laplacian(V)
        uvv = u * v * v
        u[:] += Du * Lu - uvv + F * (1 - u)
        v[:] += Dv * Lv + uvv - (F + k) * v
    return np.sum(v**2)


LOSS, ARGS = pattern, (np.array([0.16, 0.08, 0.035, 0.065]),)
