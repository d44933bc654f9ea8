"""scipy.spatial.KDTree: the distances of nearest neighbours have a derivative, their indices have none."""

import numpy as np
import scipy.spatial

from chainrule.array import WATCHER, Array, value_of
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.scipy.arguments import fixed
from chainrule.standins.scipy_functions import plain_values, twin


class Neighbours:
    """Points, and the tree in which SciPy finds the nearest ones."""

    def __init__(self, data, *args, **options):
        self.data = as_array(data)
        self.options = args, options
        self.tree = scipy.spatial.KDTree(plain_values(self.data), *args, **options)

    @classmethod
    def of(cls, tree):
        made = cls.__new__(cls)
        made.data, made.tree, made.options = np.asarray(tree.data), tree, ((), {})
        return made

    def query(self, x, k=1, eps=0, p=2.0, distance_upper_bound=np.inf, workers=1):
        x = as_array(x)
        found = self._found(x, k, eps, fixed(p, "p"), distance_upper_bound, workers)
        many = np.ndim(found) == x.ndim
        missing = found == len(self.data)
        points = self.data[np.where(missing, 0, found)]
        distances = np.linalg.norm((x[..., None, :] if many else x) - points, ord=p, axis=-1)
        return np.where(missing, np.inf, distances), found

    def _found(self, x, *how):
        """The indices of the neighbours: a step, which compiled code repeats for other points."""
        if WATCHER.get() is None:
            return self.tree.query(value_of(x), *how)[1]
        args, options = self.options
        if type(self.data) is Array:
            return step(lambda data, x: scipy.spatial.KDTree(data, *args, **options).query(x, *how)[1], self.data, x)
        return step(lambda x: self.tree.query(x, *how)[1], x)


for _name in ("query_ball_point", "query_pairs", "query_ball_tree", "count_neighbors"):

    def _method(self, *args, _name=_name, **options):
        value_of(self.data)  # the result is plain, so a compiled function is guarded by the numbers
        for x in args:
            if isinstance(x, Neighbours):
                value_of(x.data)
        others = [x.tree if isinstance(x, Neighbours) else value_of(x) for x in args]
        return getattr(self.tree, _name)(*others, **options)

    setattr(Neighbours, _name, _method)

for _kind in (scipy.spatial.KDTree, scipy.spatial.cKDTree):
    twin(_kind)(Neighbours)
