"""Measurements of labelled regions: sums, means, extreme entries, centers of mass."""

import numpy as np
import scipy.ndimage

from chainrule.array import form_of, value_of
from chainrule.blocks.indexing.entries import gathered
from chainrule.blocks.integers import step
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.standins.scipy_functions import twin, without_gradient


class _Groups:
    """The entries of an array by the label of their group.

    Attributes
    ----------
    ids : for each entry, the number of its group; entries without a group get the number after the last one.
    count : how many groups there are.
    back : the index that maps results of the groups to the requested labels.
    """

    def __init__(self, x, labels, index):
        self.x = np.ravel(as_array(x))
        self.single = labels is None or index is None or np.ndim(index) == 0
        if labels is None:
            self.ids, wanted = np.zeros(self.x.size, int), np.zeros(1, int)
            self.count, self.back = 1, wanted
            return
        labels = np.ravel(np.broadcast_to(value_of(labels), np.shape(form_of(x))))
        if index is None:
            self.ids, self.count, self.back = np.where(labels != 0, 0, 1), 1, np.zeros(1, int)
            return
        wanted, self.back = np.unique(np.atleast_1d(value_of(index)).ravel(), return_inverse=True)
        at = np.minimum(np.searchsorted(wanted, labels), len(wanted) - 1)
        self.ids, self.count = np.where(wanted[at] == labels, at, len(wanted)), len(wanted)
        self.shape = np.shape(index)

    def sums(self, x):
        return np.bincount(self.ids, weights=x, minlength=self.count + 1)[: self.count]

    def sizes(self):
        return np.bincount(self.ids, minlength=self.count + 1)[: self.count]

    def chosen(self, choose):
        """One entry of each group, at the place that `choose` selects by values."""
        sizes = self.sizes()
        if not np.all(sizes):
            raise BlockError("no entry has one of the labels in index, so none can be chosen for it" + at_line())
        members = np.split(np.argsort(self.ids, kind="stable"), np.cumsum(sizes))[: self.count]
        at = step(lambda x: np.array([own[choose(x[own])] for own in members]), self.x)
        return gathered(self.x, (at,))

    def asked(self, z):
        """The results for the requested labels."""
        return z[0] if self.single else np.reshape(z[self.back], self.shape)


def _measurement(function):
    def measured(input, labels=None, index=None):
        groups = _Groups(input, labels, index)
        return groups.asked(function(groups))

    return measured


def _mean(groups):
    return groups.sums(groups.x) / groups.sizes()


def _variance(groups):
    apart = groups.x - np.append(_mean(groups), 0.0)[groups.ids]
    return groups.sums(apart * apart) / groups.sizes()


def _median(groups):
    middle = [lambda x, k=k: np.argsort(x, kind="stable")[(len(x) - k) // 2] for k in (0, 1)]
    return (groups.chosen(middle[0]) + groups.chosen(middle[1])) / 2


_MEASUREMENTS = {
    "sum": lambda groups: groups.sums(groups.x),
    "sum_labels": lambda groups: groups.sums(groups.x),
    "mean": _mean,
    "variance": _variance,
    "standard_deviation": lambda groups: np.sqrt(_variance(groups)),
    "minimum": lambda groups: groups.chosen(np.argmin),
    "maximum": lambda groups: groups.chosen(np.argmax),
    "median": _median,
}
for _name, _function in _MEASUREMENTS.items():
    twin(getattr(scipy.ndimage, _name))(_measurement(_function))


@twin(scipy.ndimage.extrema)
def extrema(input, labels=None, index=None):
    groups = _Groups(input, labels, index)
    least, greatest = (groups.asked(groups.chosen(choose)) for choose in (np.argmin, np.argmax))
    return least, greatest, *scipy.ndimage.extrema(value_of(input), value_of(labels), index)[2:]


@twin(scipy.ndimage.center_of_mass)
def center_of_mass(input, labels=None, index=None):
    groups = _Groups(input, labels, index)
    total = groups.sums(groups.x)
    places = [groups.asked(groups.sums(groups.x * np.ravel(g)) / total) for g in np.indices(input.shape, float)]
    return tuple(places) if groups.single else [tuple(p[i] for p in places) for i in range(len(places[0]))]


without_gradient(
    scipy.ndimage,
    "binary_closing binary_dilation binary_erosion binary_fill_holes binary_hit_or_miss binary_opening "
    "binary_propagation distance_transform_bf distance_transform_cdt distance_transform_edt find_objects histogram "
    "iterate_structure label maximum_position minimum_position value_indices watershed_ift",
)
