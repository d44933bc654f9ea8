"""Calls of scipy.spatial."""

import numpy as np
import scipy.spatial

from . import Call

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
UNIT = np.array([[1.0, 0.0, 0.0], [0.0, 0.6, 0.8]])
TREE = scipy.spatial.KDTree(Y)

CALLS: dict[str, Call] = {
    "distance_matrix": Call(lambda x, y: scipy.spatial.distance_matrix(x, y, p=3), (X, Y)),
    "minkowski_distance": Call(lambda x, y: scipy.spatial.minkowski_distance(x, y, p=4), (X, Y[:4])),
    "minkowski_distance_p": Call(lambda x, y: scipy.spatial.minkowski_distance_p(x, y, p=3), (X, Y[:4])),
    "procrustes": Call(lambda x, y: scipy.spatial.procrustes(x, y), (X, Y[:4])),
    "geometric_slerp": Call(
        lambda t, a: scipy.spatial.geometric_slerp(UNIT[0], np.stack([0 * a, np.cos(a), np.sin(a)]), t),
        (np.array([0.2, 0.7]), 0.4),
    ),
    "KDTree": Call(lambda x, y: scipy.spatial.KDTree(y).query(x, k=2)[0], (X, Y)),
    "KDTree, made before": Call(lambda x: TREE.query(x)[0] * TREE.query(x[0], k=2)[0][1], (X,)),
    "cKDTree": Call(lambda x, y: scipy.spatial.cKDTree(y).query(x, p=1)[0], (X, Y)),
    "cKDTree, one point": Call(lambda x, y: scipy.spatial.cKDTree(y).query(x[0])[0] * x[1, 0], (X, Y)),
}
