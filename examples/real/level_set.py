"""Level sets: a front moves with speed F, upwind by Osher and Sethian, on a padded grid."""

import numpy as np
from numpy import sqrt, zeros

N = 10
xs = np.linspace(-1, 1, N)
X, Y = np.meshgrid(xs, xs, indexing="ij")


def reinit(phi, dx, its=2):
    phi0 = phi.copy()
    S = phi0 / np.sqrt(phi0**2 + dx**2)
    for _ in range(its):
        a = np.zeros_like(phi)
        b = np.zeros_like(phi)
        c = np.zeros_like(phi)
        d = np.zeros_like(phi)
        a[1:, :] = (phi[1:, :] - phi[:-1, :]) / dx
        b[:-1, :] = a[1:, :]
        c[:, 1:] = (phi[:, 1:] - phi[:, :-1]) / dx
        d[:, :-1] = c[:, 1:]
        G = np.zeros_like(phi)
        pos = phi0 > 0
        neg = ~pos
        G[pos] = (
            sqrt(
                np.maximum(np.maximum(a, 0) ** 2, np.minimum(b, 0) ** 2)[pos]
                + np.maximum(np.maximum(c, 0) ** 2, np.minimum(d, 0) ** 2)[pos]
                + 1e-12
            )
            - 1
        )
        G[neg] = (
            sqrt(
                np.maximum(np.minimum(a, 0) ** 2, np.maximum(b, 0) ** 2)[neg]
                + np.maximum(np.minimum(c, 0) ** 2, np.maximum(d, 0) ** 2)[neg]
                + 1e-12
            )
            - 1
        )
        phi -= 0.3 * dx * S * G
    return phi


def heaviside(phi, eps):
    H = zeros(phi.shape)
    inside = np.abs(phi) <= eps
    H[phi > eps] = 1.0
    H[inside] = 0.5 * (1 + phi[inside] / eps + np.sin(np.pi * phi[inside] / eps) / np.pi)
    return H


def evolve(p):
    cx, cy, r, F = p
    dx = xs[1] - xs[0]
    phi = np.sqrt((X - cx) ** 2 + (Y - cy) ** 2) - r
    t, dt = 0.0, 0.4 * dx
    area = np.empty(3)
    for k in range(3):
        P = np.pad(phi, 1, mode="edge")
        Dxm = (P[1:-1, 1:-1] - P[:-2, 1:-1]) / dx
        Dxp = (P[2:, 1:-1] - P[1:-1, 1:-1]) / dx
        Dym = (P[1:-1, 1:-1] - P[1:-1, :-2]) / dx
        Dyp = (P[1:-1, 2:] - P[1:-1, 1:-1]) / dx
        gp = np.sqrt(np.fmax(Dxm, 0) ** 2 + np.fmin(Dxp, 0) ** 2 + np.fmax(Dym, 0) ** 2 + np.fmin(Dyp, 0) ** 2 + 1e-12)
        phi = phi - dt * F * gp
        phi = reinit(phi, dx)
        area[k] = np.sum(1 - heaviside(phi, 1.5 * dx)) * dx * dx
        t += dt
    target = np.pi * (0.5 + 0.3 * t) ** 2
    return (area[-1] - target) ** 2 + area.std()


LOSS, ARGS = evolve, (np.array([0.05, -0.1, 0.5, 0.7]),)
