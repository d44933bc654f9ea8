"""scipy.cluster.hierarchy: SciPy decides which clusters are joined; the heights are functions of the distances.

The distance of two clusters is one of those between their members (single, complete), their mean (average, weighted),
or comes from the distance of weighted means (centroid, median, ward).
G. N. Lance, W. T. Williams, A general theory of classificatory sorting strategies (1967).
"""

from typing import Any

import numpy as np
import scipy.cluster.hierarchy as scipys

from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.scipy.spatial.distance import pdist, squareform
from chainrule.standins.scipy_functions import read_values, twin, without_gradient

# Joining clusters ------------------------------------------------------------------------------------------------


@twin(scipys.linkage)
def linkage(y, method="single", metric="euclidean", optimal_ordering=False):
    y = as_array(y)
    distances = y if y.ndim == 1 else pdist(y, metric)

    def joined(values: Any) -> Any:
        return scipys.linkage(values, method, optimal_ordering=optimal_ordering)

    links = step(joined, distances)
    return _links(links, _heights(distances, links, method))


def _links(links, heights):
    """SciPy's linkage array: the two clusters that are joined, their distance, and the size of the new cluster."""
    return np.concatenate([links[:, :2], heights[:, None], links[:, 3:]], axis=1)


def _heights(distances, links, method):
    """The distance of the two clusters of each link."""
    if method in _CHOOSE:
        choose = _CHOOSE[method]
        return distances[step(lambda d, links: _chosen(d, links, choose), distances, links)]
    by_size = method not in ("weighted", "median")
    one, other = (step(lambda links, side=side: _weights(links, by_size)[side], links) for side in (0, 1))
    if method in ("average", "weighted"):
        return _between(one, squareform(distances), other)
    squares = squareform(distances**2)
    square = _between(one, squares, other) - (_between(one, squares, one) + _between(other, squares, other)) / 2
    if method == "ward":
        square = square * step(_ward, links)
    return np.sqrt(square)


def _between(one, distances, other):
    """The mean of the distances between two weighted sets, for each row of weights."""
    return np.sum((one @ distances) * other, axis=-1)


_CHOOSE = {"single": np.argmin, "complete": np.argmax}


def _members(links: np.ndarray) -> list[list[int]]:
    """The points of each cluster: first the clusters of one point, then the cluster of each link."""
    members = [[i] for i in range(len(links) + 1)]
    for i, j in links[:, :2].astype(int):
        members.append(members[i] + members[j])
    return members


def _chosen(distances: np.ndarray, links: np.ndarray, choose: Any) -> np.ndarray:
    """For each link, the position of the point distance that is the distance of the clusters."""
    n, members = len(links) + 1, _members(links)
    places = np.zeros((n, n), int)
    places[np.triu_indices(n, 1)] = np.arange(len(distances))
    places = places + places.T
    chosen = []
    for i, j in links[:, :2].astype(int):
        pairs = places[np.ix_(members[i], members[j])].ravel()
        chosen.append(pairs[choose(distances[pairs])])
    return np.array(chosen)


def _weights(links: np.ndarray, by_size: bool) -> tuple[np.ndarray, np.ndarray]:
    """For each link, the weights of the points in both clusters: equal, or halved at each link."""
    n = len(links) + 1
    weights = [*np.eye(n)]
    sizes = [1.0] * n
    for i, j in links[:, :2].astype(int):
        share = sizes[i] / (sizes[i] + sizes[j]) if by_size else 0.5
        weights.append(share * weights[i] + (1 - share) * weights[j])
        sizes.append(sizes[i] + sizes[j])
    one, other = links[:, :2].astype(int).T
    return np.stack([weights[i] for i in one]), np.stack([weights[j] for j in other])


def _ward(links: np.ndarray) -> np.ndarray:
    """Twice the harmonic sum of the sizes of both clusters."""
    sizes = np.array([len(m) for m in _members(links)], float)
    one, other = sizes[links[:, :2].astype(int)].T
    return 2 * one * other / (one + other)


def _shortcut(name: str) -> None:
    @twin(getattr(scipys, name))
    def made(y):
        return linkage(y, name)


for _name in "single complete average weighted centroid median ward".split():
    _shortcut(_name)


@twin(scipys.optimal_leaf_ordering)
def optimal_leaf_ordering(Z, y, metric="euclidean"):
    Z = as_array(Z)
    return _links(step(lambda Z, y: scipys.optimal_leaf_ordering(Z, y, metric), Z, as_array(y)), Z[:, 2])


# What is read from a linkage -------------------------------------------------------------------------------------


@twin(scipys.cophenet, adopts=False)
def cophenet(Z, Y=None):
    """The height at which each two points come into the same cluster."""
    Z = as_array(Z)
    n = Z.shape[0] + 1
    distances = Z[:, 2][step(_first_common, Z)]
    if Y is None:
        return distances
    d, y = distances - np.mean(distances), as_array(Y) - np.mean(as_array(Y))
    if y.size != n * (n - 1) // 2:
        raise ValueError(f"Y has {y.size} distances, and Z is of {n} points")
    return np.sum(d * y) / np.sqrt(np.sum(d**2) * np.sum(y**2)), distances


def _first_common(links: np.ndarray) -> np.ndarray:
    """For each pair of points the link that joins them."""
    n, members = len(links) + 1, _members(links)
    found = np.zeros((n, n), int)
    for at, (i, j) in enumerate(links[:, :2].astype(int)):
        found[np.ix_(members[i], members[j])] = found[np.ix_(members[j], members[i])] = at
    return found[np.triu_indices(n, 1)]


@twin(scipys.maxdists)
def maxdists(Z):
    """The greatest height in each cluster; with centroids a link may be lower than the links inside it."""
    Z = as_array(Z)
    return Z[:, 2][step(_highest, Z)]


def _highest(links: np.ndarray) -> np.ndarray:
    """For each link the highest one below it, or itself."""
    n = len(links) + 1
    highest: list[int] = []
    for at, (i, j) in enumerate(links[:, :2].astype(int)):
        below = [highest[k - n] for k in (i, j) if k >= n]
        highest.append(max([at, *below], key=lambda k: links[k, 2]))
    return np.array(highest)


@twin(scipys.to_tree, adopts=False)
def to_tree(Z, rd=False):
    """The clusters as objects, each with its height."""
    Z = as_array(Z)
    n = Z.shape[0] + 1
    root, nodes = scipys.to_tree(read_values(Z), rd=True)
    for node in nodes[n:]:
        node.dist = Z[node.id - n, 2]
    return (root, nodes) if rd else root


@twin(scipys.leaves_list, adopts=False)
def leaves_list(Z):
    return step(scipys.leaves_list, as_array(Z))


without_gradient(
    scipys,
    "correspond cut_tree dendrogram fcluster fclusterdata from_mlab_linkage is_isomorphic is_monotonic is_valid_im "
    "is_valid_linkage leaders num_obs_linkage to_mlab_linkage",
)
