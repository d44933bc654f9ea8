"""Sets: unique entries and intersections. Each result consists of entries, which keep their gradient."""

import numpy as np
from numpy.lib._arraysetops_impl import UniqueAllResult, UniqueCountsResult, UniqueInverseResult

from chainrule.array import is_recorded
from chainrule.block import answers
from chainrule.blocks.integers import step
from chainrule.blocks.plain import plain_of
from chainrule.blocks.shaping import as_array


def _flat(a):
    return np.ravel(as_array(a))


@answers(np.unique)
def numpy_unique(
    ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, sorted=True
):
    """np.unique: of equal entries the first gets the gradient."""
    if axis is None and not (return_index or return_inverse or return_counts) and is_recorded(ar):
        flat = _flat(ar)
        return flat[_first_places(flat, equal_nan)]
    found = np.unique(plain_of(ar), True, return_inverse, return_counts, axis, equal_nan=equal_nan)
    entries = _flat(ar)[found[1]] if axis is None else np.take(ar, found[1], axis=axis)
    rest = found[1:] if return_index else found[2:]
    return (entries, *rest) if rest else entries


def _first_places(flat, equal_nan):
    """The place of the first of each equal entries, in ascending order.

    Only a comparison of neighbouring sorted entries is read, not their values.
    """
    order = np.argsort(flat)
    differ = plain_of(step(lambda flat, order: _differ(flat[order], equal_nan), flat, order))
    return order[np.flatnonzero(differ)]


def _differ(entries, equal_nan):
    """For sorted entries, whether each differs from the one before."""
    new = entries[1:] != entries[:-1]
    if equal_nan:
        new &= ~(np.isnan(entries[1:]) & np.isnan(entries[:-1]))
    return np.concatenate([[True] * min(len(entries), 1), new])


@answers(np.unique_values)
def numpy_unique_values(x):
    """np.unique_values: in NumPy's order, which need not be the sorted one."""
    order = np.argsort(np.argsort(np.unique_values(plain_of(x)), kind="stable"), kind="stable")
    return numpy_unique(x, equal_nan=False)[order]


@answers(np.unique_counts)
def numpy_unique_counts(x):
    return UniqueCountsResult(*numpy_unique(x, return_counts=True, equal_nan=False))


@answers(np.unique_inverse)
def numpy_unique_inverse(x):
    return UniqueInverseResult(*numpy_unique(x, return_inverse=True, equal_nan=False))


@answers(np.unique_all)
def numpy_unique_all(x):
    return UniqueAllResult(*numpy_unique(x, True, True, True, equal_nan=False))


@answers(np.union1d)
def numpy_union1d(ar1, ar2):
    return numpy_unique(np.concatenate([_flat(ar1), _flat(ar2)]))


@answers(np.intersect1d)
def numpy_intersect1d(ar1, ar2, assume_unique=False, return_indices=False):
    """np.intersect1d: the entries of the first array that are in the second."""
    joined = np.concatenate([_flat(a) if assume_unique else numpy_unique(a) for a in (ar1, ar2)])
    place = np.argsort(plain_of(joined), kind="stable")
    ordered = plain_of(joined)[place]
    both = joined[place[:-1][ordered[1:] == ordered[:-1]]]
    if not return_indices:
        return both
    return both, *np.intersect1d(plain_of(ar1), plain_of(ar2), assume_unique, return_indices=True)[1:]


@answers(np.setdiff1d)
def numpy_setdiff1d(ar1, ar2, assume_unique=False):
    ar1 = _flat(ar1) if assume_unique else numpy_unique(ar1)
    return ar1[~np.isin(plain_of(ar1), plain_of(ar2))]


@answers(np.setxor1d)
def numpy_setxor1d(ar1, ar2, assume_unique=False):
    both = [_flat(a) if assume_unique else numpy_unique(a) for a in (ar1, ar2)]
    joined = np.concatenate(both)
    place = np.argsort(plain_of(joined), kind="stable")
    ordered = plain_of(joined)[place]
    new = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    return joined[place[new[1:] & new[:-1]]]
