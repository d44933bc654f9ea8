"""Topology optimisation of a beam: stiffness of bilinear elements, assembled with a density for each."""

import numpy as np


def element_stiffness(nu=0.3):
    k = np.array(
        [1 / 2 - nu / 6, 1 / 8 + nu / 8, -1 / 4 - nu / 12, -1 / 8 + 3 * nu / 8]
        + [-1 / 4 + nu / 12, -1 / 8 - nu / 8, nu / 6, 1 / 8 - 3 * nu / 8]
    )
    order = [
        [0, 1, 2, 3, 4, 5, 6, 7], [1, 0, 7, 6, 5, 4, 3, 2], [2, 7, 0, 5, 6, 3, 4, 1], [3, 6, 5, 0, 7, 2, 1, 4],
        [4, 5, 6, 7, 0, 1, 2, 3], [5, 4, 3, 2, 1, 0, 7, 6], [6, 3, 4, 1, 2, 7, 0, 5], [7, 2, 1, 4, 3, 6, 5, 0],
    ]  # fmt: skip
    return 1 / (1 - nu**2) * k[np.array(order)]


def filtered(x, nelx, nely, rmin=1.5):
    xn = np.zeros((nely, nelx))
    for i in range(nelx):
        for j in range(nely):
            total = 0.0
            for k in range(max(i - 1, 0), min(i + 2, nelx)):
                for l in range(max(j - 1, 0), min(j + 2, nely)):
                    fac = max(0, rmin - np.sqrt((i - k) ** 2 + (j - l) ** 2))
                    total += fac
                    xn[j, i] += fac * x[l, k]
            xn[j, i] /= total
    return xn


def compliance(x, penal=3.0):
    """Work of the load on the beam, by the density of each element."""
    nely, nelx = x.shape
    KE = element_stiffness()
    ndof = 2 * (nelx + 1) * (nely + 1)
    x = filtered(x, nelx, nely)
    K = np.zeros((ndof, ndof))
    F, U = np.zeros(ndof), np.zeros(ndof)
    for elx in range(nelx):
        for ely in range(nely):
            n1 = (nely + 1) * elx + ely
            n2 = (nely + 1) * (elx + 1) + ely
            edof = np.array([2 * n1, 2 * n1 + 1, 2 * n2, 2 * n2 + 1, 2 * n2 + 2, 2 * n2 + 3, 2 * n1 + 2, 2 * n1 + 3])
            K[np.ix_(edof, edof)] += (1e-3 + x[ely, elx] ** penal) * KE
    F[1] = -1.0
    fixed = np.union1d(np.arange(0, 2 * (nely + 1), 2), np.array([ndof - 1]))
    free = np.setdiff1d(np.arange(ndof), fixed)
    U[free] = np.linalg.solve(K[np.ix_(free, free)], F[free])
    return F.dot(U)


LOSS, ARGS = compliance, (0.3 + 0.1 * np.arange(6.0).reshape(2, 3),)
