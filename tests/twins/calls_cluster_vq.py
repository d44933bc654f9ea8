"""Calls of scipy.cluster.vq."""

import numpy as np
import scipy.cluster.vq as vq

from . import Call

X = np.concatenate([np.random.default_rng(0).normal(size=(5, 2)) + k for k in (0, 4, 8)])
BOOK = np.array([[-2.0, 0.1], [4.0, 2.0], [8.2, 11.0]])

CALLS: dict[str, Call] = {
    "whiten": Call(lambda x: vq.whiten(x), (X,)),
    "vq": Call(lambda x, book: vq.vq(x, book)[1], (X, BOOK)),
    "vq, of numbers": Call(lambda x, book: vq.vq(x, book)[1], (X[:, 0], BOOK[:, 0])),
    "kmeans": Call(lambda x: vq.kmeans(x, BOOK), (X,)),
    "kmeans, from a seed": Call(lambda x: vq.kmeans(x, 3, seed=1), (X,), compiles=False),
    "kmeans2": Call(lambda x: vq.kmeans2(x, BOOK, minit="matrix")[0], (X,)),
    "kmeans2, by the options": Call(lambda x: vq.kmeans2(x, 3, 20, minit="++", seed=1)[0], (X,)),
}
