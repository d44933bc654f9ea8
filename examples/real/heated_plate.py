"""Heat in a plate by finite elements: matrices of triangles in a loop, a sparse matrix of triplets, spsolve."""

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve


def make_mesh(nx, ny):
    x, y = np.meshgrid(np.linspace(0, 1, nx), np.linspace(0, 1, ny))
    points = np.column_stack([x.ravel(), y.ravel()])
    tris = []
    for j in range(ny - 1):
        for i in range(nx - 1):
            a = j * nx + i
            tris.append([a, a + 1, a + nx])
            tris.append([a + 1, a + nx + 1, a + nx])
    return points, np.array(tris)


def assemble(points, tris, kappa):
    rows, cols, vals = [], [], []
    b = np.zeros(len(points))
    for t, tri in enumerate(tris):
        p = points[tri]
        J = np.array([p[1] - p[0], p[2] - p[0]]).T
        area = 0.5 * abs(np.linalg.det(J))
        G = np.linalg.inv(J).T @ np.array([[-1, 1, 0], [-1, 0, 1]])
        Ke = kappa[t] * area * G.T @ G
        for i in range(3):
            for j in range(3):
                rows.append(tri[i])
                cols.append(tri[j])
                vals.append(Ke[i, j])
            b[tri[i]] += area / 3
    n = len(points)
    return coo_matrix((vals, (rows, cols)), shape=(n, n)).tocsr(), b


def mean_temperature(params):
    points, tris = make_mesh(4, 4)
    centre = points[tris].mean(axis=1)
    kappa = params[0] + params[1] * np.exp(-((centre - 0.5) ** 2).sum(axis=1) * 4)
    K, b = assemble(points, tris, kappa)
    boundary = np.where((points[:, 0] == 0) | (points[:, 0] == 1))[0]
    inner = np.setdiff1d(np.arange(len(points)), boundary)
    T = np.zeros(len(points))
    T[inner] = spsolve(K[inner][:, inner], b[inner])
    return T.mean() + T.max()


LOSS, ARGS = mean_temperature, (np.array([1.0, 2.0]),)
