"""Programs as people write them with SciPy: nothing in them is adapted to chainrule."""

import numpy as np
import pytest
import scipy.fft
import scipy.linalg
import scipy.ndimage
from scipy.linalg import cho_factor, cho_solve, expm
from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.signal import butter, filtfilt, lfilter, savgol_filter
from scipy.sparse import coo_matrix, diags, eye, kron, lil_matrix
from scipy.sparse.linalg import cg, factorized, spsolve
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.spatial.transform import Rotation

import chainrule as cr

rng = np.random.default_rng(0)


# Image deblurring with total variation
IMG = rng.normal(size=(12, 12))


def deblur(x):
    r = gaussian_filter(x, sigma=1.2, mode="nearest") - IMG
    gx, gy = np.gradient(x)
    return 0.5 * np.sum(r**2) + 0.1 * np.sum(np.sqrt(gx**2 + gy**2 + 1e-3))


# Finite elements in 2-D, assembled with coo
N = 4


def mesh():
    n = N + 1
    tri = []
    for i in range(N):
        for j in range(N):
            a = i * n + j
            tri += [[a, a + 1, a + n], [a + 1, a + n + 1, a + n]]
    xy = np.stack(np.meshgrid(np.linspace(0, 1, n), np.linspace(0, 1, n)), -1).reshape(-1, 2)
    return xy, np.array(tri)


XY, TRI = mesh()


def fem(kappa):
    rows, cols, vals = [], [], []
    f = np.zeros(len(XY))
    for e, t in enumerate(TRI):
        p = XY[t]
        B = np.array([p[1] - p[2], p[2] - p[0], p[0] - p[1]])
        d1, d2 = p[1] - p[0], p[2] - p[0]
        area = 0.5 * abs(d1[0] * d2[1] - d1[1] * d2[0])
        ke = kappa[e] * (B @ B.T) / (4 * area)
        for a in range(3):
            f[t[a]] += area / 3
            for b in range(3):
                rows.append(t[a])
                cols.append(t[b])
                vals.append(ke[a, b])
    K = coo_matrix((vals, (rows, cols)), shape=(len(XY), len(XY))).tocsr()
    free = [i for i in range(len(XY)) if 0 < XY[i, 0] < 1 and 0 < XY[i, 1] < 1]
    u = np.zeros(len(XY))
    u[free] = spsolve(K[free, :][:, free], f[free])
    return np.dot(f, u)


# Reaction diffusion with a sparse laplacian in an object
class Fisher:
    def __init__(self, n):
        L = diags([1.0, -2.0, 1.0], [-1, 0, 1], shape=(n, n))
        self.L = (kron(L, eye(n)) + kron(eye(n), L)).tocsr()
        self.solve = factorized((eye(n * n) - 0.1 * self.L).tocsc())

    def run(self, u, r, d):
        for _ in range(4):
            u = self.solve(u + 0.1 * r * u * (1 - u))
            u = u + 0.01 * d * self.L.dot(u)
        return u


F = Fisher(4)


def fisher(u, r, d):
    return np.sum(F.run(u, r, d) ** 2)


# Fit of a recursive filter
X, Y = rng.normal(size=40), rng.normal(size=40)


def fit(b, a):
    y = lfilter(b, np.r_[1.0, a], X)
    y = filtfilt(*butter(2, 0.3), y)
    return np.mean((savgol_filter(y, 7, 2) - Y) ** 2)


# Pose
P = rng.normal(size=(6, 3))
OBS = rng.normal(size=(6, 2))


def reprojection(pose):
    r = Rotation.from_rotvec(pose[:3])
    p = r.apply(P) + pose[3:] + np.array([0, 0, 6])
    uv = p[:, :2] / p[:, 2:]
    return np.sum((uv - OBS) ** 2) + 0.1 * (r * Rotation.from_euler("z", 30, degrees=True).inv()).magnitude()


# Gaussian process
T = rng.uniform(size=(8, 2))
Z = rng.normal(size=8)


def gp(theta):
    ls, s, noise = np.exp(theta)
    K = s**2 * np.exp(-0.5 * cdist(T / ls, T / ls, "sqeuclidean")) + noise**2 * np.eye(len(T))
    c = cho_factor(K, lower=True)
    alpha = cho_solve(c, Z)
    return 0.5 * Z @ alpha + np.log(np.diag(c[0])).sum()


# KdV by fft
XX = np.linspace(0, 2 * np.pi, 16, endpoint=False)
k = scipy.fft.fftfreq(16, 1 / 16)


def kdv(a):
    u = a * np.cos(XX) + 0.1 * np.sin(2 * XX)
    for _ in range(5):
        ux = scipy.fft.ifft(1j * k * scipy.fft.fft(u)).real
        u = u - 0.01 * u * ux
        u = scipy.fft.idct(scipy.fft.dct(u, norm="ortho") * np.exp(-0.001 * np.arange(16) ** 2), norm="ortho")
    return np.sum(u**2)


# LQR
def lqr(p):
    A = np.array([[1.0, 0.1], [0.1 * p[0], 1 - 0.1 * p[1]]])
    B = np.array([[0.0], [0.1]])
    S = scipy.linalg.solve_discrete_are(A, B, np.eye(2), np.array([[0.5]]))
    K = np.linalg.solve(0.5 + B.T @ S @ B, B.T @ S @ A)
    x = np.array([1.0, 0.0])
    c = 0.0
    for _ in range(10):
        u = -K @ x
        c += x @ x + 0.5 * u @ u
        x = A @ x + B @ u
    return c


# Image registration
def register(q):
    yy, xx = np.meshgrid(np.arange(12.0), np.arange(12.0), indexing="ij")
    w = map_coordinates(IMG, [yy + q[0] + q[2] * xx, xx + q[1]], order=3, mode="reflect")
    return (
        np.mean((w - IMG.T) ** 2) + 0.01 * scipy.ndimage.sum_labels(w, np.arange(144).reshape(12, 12) % 3, [0, 1]).sum()
    )


# Spring network with lil and cg
EDGES = [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]


def springs(s):
    K = lil_matrix((4, 4))
    for (i, j), c in zip(EDGES, s, strict=True):
        K[i, i] += c
        K[j, j] += c
        K[i, j] -= c
        K[j, i] -= c
    K = K.tocsr() + eye(4) * 0.1
    x, info = cg(K, np.array([1.0, 0, 0, -1.0]), rtol=1e-12)
    assert info == 0
    return x @ x


# Markov generator
def markov(q):
    Q = np.zeros((3, 3))
    Q[0, 1], Q[1, 2], Q[2, 0] = q
    Q[np.diag_indices(3)] = -Q.sum(axis=1)
    return expm(Q * 0.7)[0] @ np.array([1.0, 2.0, 5.0])


# MDS stress
D0 = squareform(np.abs(rng.normal(size=15)) + 1)


def stress(x):
    return np.sum((squareform(pdist(x)) - D0) ** 2)


PROGS = {
    "deblur": (deblur, IMG * 0.5),
    "fem": (fem, rng.uniform(1, 2, size=len(TRI))),
    "fisher": (fisher, rng.uniform(size=16), 0.8, 0.3),
    "fit": (fit, np.array([0.5, 0.2]), np.array([-0.3, 0.1])),
    "pose": (reprojection, rng.normal(size=6) * 0.3),
    "gp": (gp, np.array([-0.5, 0.1, -1.0])),
    "kdv": (kdv, 1.0),
    "lqr": (lqr, np.array([0.5, 0.3])),
    "register": (register, np.array([0.3, -0.2, 0.05])),
    "springs": (springs, rng.uniform(1, 2, size=5)),
    "markov": (markov, np.array([0.3, 0.5, 0.2])),
    "stress": (stress, rng.normal(size=(6, 2))),
}


def _cases(name):
    f, *args = PROGS[name]
    return f, args, tuple(range(len(args)))


@pytest.mark.parametrize("name", PROGS)
def test_the_gradient_of_a_program(name):
    f, args, every = _cases(name)
    value, gradients = cr.value_and_grad(f, every)(*args)
    assert value == f(*args)
    for i, (x, g) in enumerate(zip(args, gradients, strict=True)):
        x = np.asarray(x, float)
        along = np.cos(np.arange(x.size) * 1.3).reshape(x.shape)

        def at(step, i=i, x=x, along=along, f=f, args=args):
            return f(*args[:i], (x + step * along)[()], *args[i + 1 :])

        h = 1e-4
        slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
        np.testing.assert_allclose(np.sum(g * along), slope, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", ["springs", "gp", "fisher", "fit"])
def test_a_compiled_program_is_right_for_other_numbers(name):
    f, args, every = _cases(name)
    gradient = cr.grad(f, every)
    compiled = cr.compile(gradient)
    for scale in (1.0, 1.0, 1.01, 0.99):
        moved = [x * scale for x in args]
        for one, other in zip(compiled(*moved), gradient(*moved), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-10)
