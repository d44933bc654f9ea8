"""scipy.spatial.KDTree: the distances of nearest neighbours have a derivative, their indices have none."""

import numpy as np
import scipy.spatial

from chainrule.array import value_of
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import fixed
from chainrule.standins.scipy_functions import twin


class Neighbours:
    """Points, and the tree in which SciPy finds the nearest ones."""

    def __init__(self, data, *args, **options):
        self.data = as_array(data)
        self.tree = scipy.spatial.KDTree(value_of(self.data), *args, **options)

    @classmethod
    def of(cls, tree):
        made = cls.__new__(cls)
        made.data, made.tree = np.asarray(tree.data), tree
        return made

    def query(self, x, k=1, eps=0, p=2.0, distance_upper_bound=np.inf, workers=1):
        x = as_array(x)
        _, found = self.tree.query(value_of(x), k, eps, fixed(p, "p"), distance_upper_bound, workers)
        many = np.ndim(found) == x.ndim
        missing = found == len(self.data)
        points = self.data[np.where(missing, 0, found)]
        distances = np.linalg.norm((x[..., None, :] if many else x) - points, ord=p, axis=-1)
        return np.where(missing, np.inf, distances), found


for _name in ("query_ball_point", "query_pairs", "query_ball_tree", "count_neighbors"):

    def _method(self, *args, _name=_name, **options):
        others = [x.tree if isinstance(x, Neighbours) else value_of(x) for x in args]
        return getattr(self.tree, _name)(*others, **options)

    setattr(Neighbours, _name, _method)

for _kind in (scipy.spatial.KDTree, scipy.spatial.cKDTree):
    twin(_kind)(Neighbours)
