"""Phase retrieval: hybrid input-output and error reduction in place, then the error of magnitudes."""

import numpy as np
from numpy import fft

rng = np.random.default_rng(8)
N = 10
SUPPORT = np.zeros((N, N), dtype=bool)
SUPPORT[2:7, 3:8] = True
TRUE = np.where(SUPPORT, rng.random((N, N)) + 0.2, 0.0)
MAG = np.abs(fft.fftn(TRUE))


class HIO:
    def __init__(self, mag, support, beta=0.9):
        self.mag, self.support, self.beta = mag, support, beta
        self.err = []

    def project(self, g):
        G = fft.fftn(g)
        self.err.append(np.linalg.norm(np.abs(G) - self.mag) / np.linalg.norm(self.mag))
        G.real, G.imag = self.mag * np.cos(np.angle(G)), self.mag * np.sin(np.angle(G))
        return fft.ifftn(G)

    def hio(self, g):
        gp = self.project(g).real
        bad = ~self.support | (gp < 0)
        new = gp.copy()
        new[bad] = g[bad] - self.beta * gp[bad]
        return new

    def er(self, g):
        gp = self.project(g).real
        gp[~self.support] = 0
        gp[gp < 0] *= 0.1
        return gp


def error(start, beta):
    solver = HIO(MAG, SUPPORT, beta)
    g = start.copy()
    for k in range(5):
        g = solver.hio(g) if k % 3 != 2 else solver.er(g)
    G = fft.fftshift(fft.fft2(g))
    radial = np.zeros(4)
    r = np.hypot(*np.indices(G.shape) - N // 2).astype(int)
    for k in range(4):
        radial[k] = np.abs(G[r == k]).mean()
    return solver.err[-1] + 0.01 * np.log(radial).sum()


LOSS, ARGS = error, (rng.random((N, N)), 0.85)
