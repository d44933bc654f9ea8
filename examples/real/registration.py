"""Iterative closest points: nearest neighbours by a k-d tree, the rotation by an SVD, and Rotation for the error."""

import numpy as np
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

rng = np.random.default_rng(2)
model = rng.normal(size=(12, 3)) * 3


def best_fit(A, B):
    ca, cb = A.mean(axis=0), B.mean(axis=0)
    U, S, Vt = np.linalg.svd((A - ca).T @ (B - cb))
    rot = Vt.T @ U.T
    if np.linalg.det(rot) < 0:
        Vt[-1] *= -1
        rot = Vt.T @ U.T
    return rot, cb - rot @ ca


def icp(src, dst, iters=4):
    tree = cKDTree(dst)
    moved = src.copy()
    for _ in range(iters):
        dist, idx = tree.query(moved)
        rot, t = best_fit(moved, dst[idx])
        moved = moved @ rot.T + t
    return moved


def error(pose):
    rot = Rotation.from_euler("zyx", pose[:3])
    noise = 0.05 * np.sin(np.arange(36)).reshape(12, 3)
    src = rot.apply(model) * (1 + 0.01 * pose[3]) + noise
    moved = icp(src, model)
    total, _ = best_fit(src, moved)
    angle = Rotation.from_matrix(total).magnitude()
    return np.mean(np.sum((moved - model) ** 2, axis=1)) * 100 + angle


LOSS, ARGS = error, (np.array([0.1, -0.05, 0.08, 0.5]),)
