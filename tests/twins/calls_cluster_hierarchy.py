"""Calls of scipy.cluster.hierarchy."""

import numpy as np
import scipy.cluster.hierarchy as hierarchy
from scipy.spatial.distance import pdist

from . import Call

X = np.random.default_rng(0).normal(size=(7, 3))
Y = pdist(X) + 0.1 * np.random.default_rng(1).random(21)
METHODS = "single complete average weighted centroid median ward".split()


def _of_tree(f):
    return Call(lambda y: f(hierarchy.linkage(y, "average")), (Y,))


def _heights(Z):
    root, nodes = hierarchy.to_tree(Z, rd=True)
    return root.dist, [node.dist for node in nodes[7:]], hierarchy.to_tree(Z).left.dist


CALLS: dict[str, Call] = {
    **{f"linkage, {method}": Call(lambda y, m=method: hierarchy.linkage(y, m), (Y,)) for method in METHODS},
    **{f"linkage, {method} of points": Call(lambda x, m=method: hierarchy.linkage(x, m), (X,)) for method in METHODS},
    **{method: Call(lambda y, f=getattr(hierarchy, method): f(y), (Y,)) for method in METHODS},
    "linkage": Call(lambda x: hierarchy.linkage(x, "average", "cityblock", optimal_ordering=True), (X,)),
    "optimal_leaf_ordering": _of_tree(lambda Z: hierarchy.optimal_leaf_ordering(Z, Y)),
    "cophenet": _of_tree(hierarchy.cophenet),
    "cophenet, with distances": Call(lambda y: hierarchy.cophenet(hierarchy.linkage(y, "ward"), y), (Y,)),
    "maxdists": Call(lambda y: hierarchy.maxdists(hierarchy.linkage(y, "centroid")), (Y,)),
    "to_tree": _of_tree(_heights),
    "leaves_list": Call(lambda y: np.cumsum(y)[hierarchy.leaves_list(hierarchy.linkage(y))], (Y,)),
    "fcluster": Call(
        lambda y: [np.sum(y[:7][hierarchy.fcluster(hierarchy.linkage(y), 3, "maxclust") == k]) for k in (1, 2, 3)], (Y,)
    ),
}
