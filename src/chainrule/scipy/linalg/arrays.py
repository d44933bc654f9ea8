"""The arguments of the twins of scipy.linalg: arrays, lists (converted to arrays), and stacks of matrices."""

import functools
import inspect

import numpy as np

from chainrule.blocks.shaping import as_array
from chainrule.standins.buffer import is_recorded
from chainrule.standins.scipy_functions import twin


def twin_of_arrays(function):
    """Decorator for a twin that gets arrays in place of lists, for example of recorded numbers."""

    def register(made):
        @functools.wraps(made)
        def of_arrays(*args, **options):
            options = {name: _as_array(x) if is_recorded(x) else x for name, x in options.items()}  # not a plain range
            return made(*map(_as_array, args), **options)

        return twin(function)(of_arrays)

    return register


def _as_array(x):
    return as_array(x) if isinstance(x, list) else x


def one_by_one(*cores):
    """Decorator for a twin written for one matrix: the matrices of a stack are computed one after the other.

    Parameters
    ----------
    cores : how many axes each of the first arguments has; 0 for a vector or a matrix.
    """

    def decorate(function):
        names = list(inspect.signature(function).parameters)[: len(cores)]

        @functools.wraps(function)
        def of_stacks(*args, **options):
            args = (*args, *(options.pop(name) for name in names[len(args) :] if name in options))
            given = [as_array(x) for x in args[: len(cores)] if x is not None]
            others = args[len(given) :]
            own = [core or min(x.ndim, 2) for x, core in zip(given, cores, strict=False)]
            lead = np.broadcast_shapes(*(x.shape[: x.ndim - n] for x, n in zip(given, own, strict=True)))
            if not lead:
                return function(*given, *others, **options)
            stacks = [np.broadcast_to(x, lead + x.shape[x.ndim - n :]) for x, n in zip(given, own, strict=True)]
            results = [function(*(x[at] for x in stacks), *others, **options) for at in np.ndindex(lead)]
            if not isinstance(results[0], tuple):
                return _stacked(results, lead)
            return tuple([_stacked(part, lead) for part in zip(*results, strict=True)])

        return of_stacks

    return decorate


def _stacked(parts, lead):
    """The results for the matrices of a stack, with its axes."""
    if parts[0] is None:
        return None
    z = np.stack([as_array(part) for part in parts])
    return np.reshape(z, lead + z.shape[1:])
