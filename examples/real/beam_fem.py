"""Euler–Bernoulli beam by finite elements: lil_matrix assembly, fixed dofs, spsolve, first frequencies by eigsh."""

import numpy as np
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh, spsolve


def element(E, I, rho, A, L):
    k = (
        E
        * I
        / L**3
        * np.array(
            [
                [12, 6 * L, -12, 6 * L],
                [6 * L, 4 * L**2, -6 * L, 2 * L**2],
                [-12, -6 * L, 12, -6 * L],
                [6 * L, 2 * L**2, -6 * L, 4 * L**2],
            ]
        )
    )
    m = (
        rho
        * A
        * L
        / 420
        * np.array(
            [
                [156, 22 * L, 54, -13 * L],
                [22 * L, 4 * L**2, 13 * L, -3 * L**2],
                [54, 13 * L, 156, -22 * L],
                [-13 * L, -3 * L**2, -22 * L, 4 * L**2],
            ]
        )
    )
    return k, m


class Beam:
    def __init__(self, heights, length=2.0, E=70.0, rho=2.7, b=0.1):
        self.n = len(heights)
        self.h = heights
        self.Le = length / self.n
        self.E, self.rho, self.b = E, rho, b
        self.ndof = 2 * (self.n + 1)

    def assemble(self):
        K = sp.lil_matrix((self.ndof, self.ndof))
        M = sp.lil_matrix((self.ndof, self.ndof))
        for e in range(self.n):
            A = self.b * self.h[e]
            I = self.b * self.h[e] ** 3 / 12
            k, m = element(self.E, I, self.rho, A, self.Le)
            dofs = np.arange(2 * e, 2 * e + 4)
            for i in range(4):
                for j in range(4):
                    K[dofs[i], dofs[j]] += k[i, j]
                    M[dofs[i], dofs[j]] += m[i, j]
        return K.tocsr(), M.tocsr()

    def solve(self, load):
        K, M = self.assemble()
        free = np.setdiff1d(np.arange(self.ndof), [0, 1])
        f = np.zeros(self.ndof)
        f[-2] = load
        u = np.zeros(self.ndof)
        u[free] = spsolve(K[free][:, free], f[free])
        w2 = eigsh(K[free][:, free].tocsc(), k=2, M=M[free][:, free].tocsc(), sigma=0, return_eigenvectors=False)
        return u, np.sqrt(np.abs(w2))


def design(h):
    beam = Beam(h)
    u, w = beam.solve(-0.001)
    mass = beam.rho * beam.b * np.sum(h) * beam.Le
    return abs(u[-2]) + 0.1 * mass + 0.01 / w.min() + u.dot(u)


LOSS, ARGS = design, (np.array([0.2, 0.15, 0.1, 0.12]),)
