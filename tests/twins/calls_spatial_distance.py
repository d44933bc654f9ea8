"""Calls of scipy.spatial.distance."""

from typing import Any

import numpy as np
from scipy.spatial import distance

from . import Call

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(4, 3)), RNG.normal(size=(5, 3))
P = np.abs(RNG.normal(size=(4, 3))) + 0.1
W = np.array([0.5, 1.5, 2.0])
VI = np.array([[2.0, 0.3, 0.0], [0.3, 1.0, 0.1], [0.0, 0.1, 1.5]])
WEIGHTED = "braycurtis canberra chebyshev cityblock correlation cosine euclidean minkowski sqeuclidean".split()


def _user(u: Any, v: Any) -> Any:
    return np.sum((u - v) ** 4) ** 0.25


CALLS: dict[str, Call] = {
    **{name: Call(lambda u, v, name=name: getattr(distance, name)(u, v), (X[0], Y[0])) for name in WEIGHTED},
    **{
        f"{name}, weighted": Call(lambda u, v, w, name=name: getattr(distance, name)(u, v, w=w), (X[0], Y[0], W))
        for name in WEIGHTED
        if name != "chebyshev"
    },
    "minkowski, of order 3": Call(lambda u, v, w: distance.minkowski(u, v, 3, w), (X[0], Y[0], W)),
    "seuclidean": Call(lambda u, v, w: distance.seuclidean(u, v, w), (X[0], Y[0], W)),
    "mahalanobis": Call(lambda u, v, m: distance.mahalanobis(u, v, m), (X[0], Y[0], VI)),
    "jensenshannon": Call(lambda p, q: distance.jensenshannon(p, q, base=2.0), (P[0], P[1])),
    "jensenshannon, of rows": Call(lambda p, q: distance.jensenshannon(p, q, axis=1), (P[:2], P[2:])),
    **{
        f"cdist, {name}": Call(lambda x, y, name=name: distance.cdist(x, y, name), (P, P[::-1, ::-1] * 1.5))
        for name in (*WEIGHTED, "seuclidean", "mahalanobis", "jensenshannon")
    },
    "cdist": Call(lambda x, y: distance.cdist(x, y), (X, Y)),
    "cdist, with weights": Call(lambda x, y, w: distance.cdist(x, y, "minkowski", p=3, w=w), (X, Y, W)),
    "cdist, with a matrix": Call(lambda x, y, m: distance.cdist(x, y, "mahal", VI=m), (X, Y, VI)),
    "cdist, by a function": Call(lambda x, y: distance.cdist(x, y, _user), (X, Y)),
    "cdist, by SciPy's function": Call(lambda x, y: distance.cdist(x, y, distance.canberra), (X, Y)),
    "pdist": Call(lambda x: distance.pdist(x), (X,)),
    "pdist, variances": Call(lambda x: distance.pdist(x, "seuclidean"), (X,)),
    "pdist, covariances": Call(lambda x: distance.pdist(x, "mahalanobis"), (Y,)),
    "pdist, cosine": Call(lambda x: distance.squareform(distance.pdist(x, "cosine")), (X,)),
    "squareform": Call(lambda d: distance.squareform(d), (np.arange(1.0, 7.0),)),
    "squareform, back": Call(lambda x: distance.squareform(distance.cdist(x, x), checks=False), (X,)),
    "directed_hausdorff": Call(lambda x, y: distance.directed_hausdorff(x, y)[0], (X, Y), compiles=False),  # it draws
}
