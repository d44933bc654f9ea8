"""scipy.spatial.distance: each metric is written once, along the last axis, for two vectors and for sets of them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.spatial
import scipy.spatial.distance

from chainrule.array import value_of
from chainrule.blocks.elementwise import where
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.scipy.accepted import accepts, is_finite, is_not_negative
from chainrule.scipy.linalg.functions import orthogonal_procrustes
from chainrule.scipy.linalg.special_matrices import rearranged
from chainrule.standins.scipy_functions import twin, without_gradient

# The metrics ---------------------------------------------------------------------------------------------------


def _sum(x, w):
    return np.sum(x if w is None else w * x, axis=-1)


def _root(x):
    """√x; its derivative at 0 is taken to be 0, as that of a norm."""
    zero = as_array(x) == 0
    return where(zero, 0.0, np.sqrt(where(zero, 1.0, x)))


def _sqeuclidean(u, v, w=None):
    return _sum((u - v) ** 2, w)


def _minkowski(u, v, p=2, w=None):
    d = u - v
    if w is not None:
        d = d * ((w != 0) if p == np.inf else w ** (1 / p))
    return np.linalg.norm(d, ord=p, axis=-1)


def _euclidean(u, v, w=None):
    return _minkowski(u, v, 2, w)


def _cityblock(u, v, w=None):
    return _sum(abs(u - v), w)


def _chebyshev(u, v, w=None):
    d = abs(u - v)
    return np.max(d if w is None else d * (w > 0), axis=-1)


def _canberra(u, v, w=None):
    size = abs(u) + abs(v)
    zero = size == 0
    return _sum(where(zero, 0.0, abs(u - v) / where(zero, 1.0, size)), w)


def _braycurtis(u, v, w=None):
    return _sum(abs(u - v), w) / _sum(abs(u + v), w)


def _cosine(u, v, w=None):
    return 1 - _sum(u * v, w) / np.sqrt(_sum(u * u, w) * _sum(v * v, w))


def _correlation(u, v, w=None, centered=True):
    if w is not None:
        w = w / np.sum(w)
    if centered:
        u, v = (x - (np.mean(x, axis=-1) if w is None else _sum(x, w))[..., None] for x in (u, v))
    return _cosine(u, v, w)


def _seuclidean(u, v, V=None):
    return _minkowski(u, v, 2, 1 / as_array(V))


def _mahalanobis(u, v, VI=None):
    d = u - v
    return _root(np.sum((d @ VI) * d, axis=-1))


def _relative_entropy(p, m):
    """p log(p / m), and 0 where p = 0."""
    zero = p == 0
    return where(zero, 0.0, p * np.log(where(zero, 1.0, p / where(zero, 1.0, m))))


def _jensenshannon(p, q, base=None, axis=-1, keepdims=False):
    p, q = (x / np.sum(x, axis=axis, keepdims=True) for x in (p, q))
    m = (p + q) / 2
    z = np.sum(_relative_entropy(p, m) + _relative_entropy(q, m), axis=axis, keepdims=keepdims)
    return _root((z if base is None else z / np.log(base)) / 2)


METRICS: dict[str, Callable[..., Any]] = {
    "sqeuclidean": _sqeuclidean,
    "minkowski": _minkowski,
    "euclidean": _euclidean,
    "cityblock": _cityblock,
    "chebyshev": _chebyshev,
    "canberra": _canberra,
    "braycurtis": _braycurtis,
    "cosine": _cosine,
    "correlation": _correlation,
    "seuclidean": _seuclidean,
    "mahalanobis": _mahalanobis,
    "jensenshannon": _jensenshannon,
}
"""The metrics that have a derivative."""

_SHORT = {
    **dict.fromkeys(("euclid", "eu", "e"), "euclidean"),
    **dict.fromkeys(("sqe", "sqeuclid"), "sqeuclidean"),
    **dict.fromkeys(("cheb", "chebychev", "cheby", "ch"), "chebyshev"),
    **dict.fromkeys(("cblock", "cb", "c", "manhattan"), "cityblock"),
    **dict.fromkeys(("cos",), "cosine"),
    **dict.fromkeys(("co",), "correlation"),
    **dict.fromkeys(("mahal", "mah"), "mahalanobis"),
    **dict.fromkeys(("mi", "m", "pnorm"), "minkowski"),
    **dict.fromkeys(("js",), "jensenshannon"),
    **dict.fromkeys(("se", "s"), "seuclidean"),
}
"""SciPy's other names for these metrics."""


def _of_vectors(metric):
    def distance(u, v, *args, **options):
        u, v = as_array(u), as_array(v)
        further = [_given(x) for x in args]
        options = {name: _given(x) for name, x in options.items()}
        _accept_weights(metric, [*further, *options.values()])
        if metric in (_minkowski, _euclidean, _seuclidean):  # by scipy.linalg.norm
            accepts(is_finite, u, v)
        return metric(u, v, *further, **options)

    return distance


def _accept_weights(metric, options):
    """Raise if weights or variances are negative, as SciPy does."""
    for x in options:
        if metric is not _mahalanobis and np.ndim(x):
            accepts(_is_positive if metric is _seuclidean else is_not_negative, x)


def _is_positive(x):
    return np.all(x > 0)


def _given(x):
    """An argument: a list is an array."""
    return as_array(x) if isinstance(x, list | tuple) else x


for _name, _metric in METRICS.items():
    twin(getattr(scipy.spatial.distance, _name))(_of_vectors(_metric))


# Sets of points ------------------------------------------------------------------------------------------------


def _between(metric, x, y, points, options):
    """The distances of vectors along the last axis. `points` are all, for what SciPy estimates from them."""
    options = {name: _given(value) for name, value in options.items() if value is not None}
    if callable(metric):
        name = getattr(metric, "__name__", "")
        if METRICS.get(name) is None or getattr(scipy.spatial.distance, name, None) != metric:
            x, y = (np.broadcast_to(v, np.broadcast_shapes(x.shape, y.shape)) for v in (x, y))
            each = [metric(x[at], y[at], **options) for at in np.ndindex(x.shape[:-1])]
            return np.reshape(np.stack([as_array(d) for d in each]), x.shape[:-1]).astype(np.float64)
        metric = name
    x, y, points = (v.astype(np.float64) for v in (x, y, points))
    name = metric.lower()
    name = _SHORT.get(name, name)
    if name not in METRICS:
        raise BlockError(
            f"metric={metric!r} has no derivative: it counts truths; those that have one are "
            f"{', '.join(sorted(METRICS))}" + at_line()
        )
    if name == "seuclidean" and "V" not in options:
        options["V"] = np.var(points, axis=0, ddof=1)
    if name == "mahalanobis" and "VI" not in options:
        options["VI"] = np.linalg.inv(np.cov(points.T)).T
    _accept_weights(METRICS[name], options.values())
    return METRICS[name](x, y, **options)


@twin(scipy.spatial.distance.cdist)
def cdist(XA, XB, metric="euclidean", *, out=None, **options):
    a, b = as_array(XA), as_array(XB)
    return _between(metric, a[:, None, :], b[None, :, :], np.concatenate([a, b]), options)


@twin(scipy.spatial.distance.pdist)
def pdist(X, metric="euclidean", *, out=None, **options):
    x = as_array(X)
    first, second = np.triu_indices(x.shape[0], 1)
    return _between(metric, x[first], x[second], x, options)


@twin(scipy.spatial.distance.squareform)
def squareform(X, force="no", checks=True):
    return rearranged(lambda x: scipy.spatial.distance.squareform(x, force, False), X)


@twin(scipy.spatial.distance.directed_hausdorff)
def directed_hausdorff(u, v, rng=0):
    _, i, j = scipy.spatial.distance.directed_hausdorff(value_of(u), value_of(v), rng)
    return np.linalg.norm(u[i] - v[j]), i, j


@twin(scipy.spatial.distance_matrix)
def distance_matrix(x, y, p=2, threshold=1000000):
    return _minkowski(as_array(x)[:, None, :], as_array(y)[None, :, :], p)


@twin(scipy.spatial.minkowski_distance)
def minkowski_distance(x, y, p=2.0):
    return _minkowski(as_array(x), as_array(y), p)


@twin(scipy.spatial.minkowski_distance_p)
def minkowski_distance_p(x, y, p=2.0):
    d = abs(as_array(x) - as_array(y))
    return np.max(d, axis=-1) if p == np.inf else np.sum(d**p, axis=-1)


def _differ(centred):
    """Whether not all points are equal."""
    return np.any(centred != 0)


@twin(scipy.spatial.procrustes)
def procrustes(data1, data2):
    """Two sets of points, centred and scaled to one, the second turned to lie on the first."""
    both = [as_array(x) - np.mean(as_array(x), axis=0) for x in (data1, data2)]
    for x in both:
        accepts(_differ, x)
    first, second = (x / np.linalg.norm(x) for x in both)
    turn, scale = orthogonal_procrustes(first, second)
    second = (second @ turn.T) * scale
    return first, second, np.sum((first - second) ** 2)


@twin(scipy.spatial.geometric_slerp)
def geometric_slerp(start, end, t, tol=1e-7):
    start, end, t = as_array(start), as_array(end), as_array(t)
    sine = np.linalg.norm(end - np.sum(start * end) * start)
    angle = np.arctan2(sine, np.sum(start * end))
    t = t[..., None]
    return (np.sin((1 - t) * angle) * start + np.sin(t * angle) * end) / np.sin(angle)


without_gradient(scipy.spatial.distance, "is_valid_dm is_valid_y num_obs_dm num_obs_y")
