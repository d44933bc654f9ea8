"""Reductions that ignore NaN: an entry that is NaN gets the gradient 0.

The answers for plain reductions are called directly, because perhaps only `initial` or `mean` is recorded, which
NumPy's protocol does not check.
"""

import numpy as np

from chainrule.answers import ANSWERS
from chainrule.array import form_of
from chainrule.block import answers
from chainrule.errors import BlockError
from chainrule.libraries import is_inexact
from chainrule.node import at_line


def _filled(a, neutral):
    return np.where(np.isnan(a), neutral, a) if is_inexact(form_of(a)) else a


def _without_nan(function, plain, neutral):
    """The reduction with NaN replaced by its neutral element."""

    plain = ANSWERS[plain]

    @answers(function)
    def numpy_nan_reduction(a, *args, **kwargs):
        return plain(_filled(a, neutral), *args, **kwargs)


_without_nan(np.nansum, np.sum, 0.0)
_without_nan(np.nanprod, np.prod, 1.0)
_without_nan(np.nancumsum, np.cumsum, 0.0)
_without_nan(np.nancumprod, np.cumprod, 1.0)


def _over_the_rest(function, plain):
    """The reduction over the entries that are not NaN."""

    plain = ANSWERS[plain]

    @answers(function)
    def numpy_nan_reduction(a, *args, where=True, **kwargs):
        return plain(a, *args, where=~np.isnan(a) & where, **kwargs)


_over_the_rest(np.nanmean, np.mean)


def _spread_of_the_rest(function, plain):
    """A variance or standard deviation of the entries that are not NaN; NaN where there are no more than `ddof`."""

    plain = ANSWERS[plain]

    @answers(function)
    def numpy_nan_spread(
        a, axis=None, dtype=None, out=None, ddof=0, keepdims=False, *, where=True, correction=None, **given
    ):
        here = ~np.isnan(a) & where
        ddof = ddof if correction is None else correction
        z = plain(a, axis, dtype, out, ddof, keepdims, where=here, **given)
        enough = np.sum(here, axis=axis, keepdims=keepdims) > ddof
        if np.all(enough) or not is_inexact(form_of(a)):  # for a dtype without NaN it is NumPy's variance
            return z
        return np.where(enough, z, np.nan)[()]


_spread_of_the_rest(np.nanvar, np.var)
_spread_of_the_rest(np.nanstd, np.std)


def _nan_extreme(function, plain, neutral):
    plain = ANSWERS[plain]

    @answers(function)
    def numpy_nan_extreme(a, axis=None, out=None, keepdims=False, initial=None, where=True):
        if initial is None and where is not True:
            raise BlockError(f"numpy.{function.__name__} with where= needs initial=" + at_line())
        if not is_inexact(form_of(a)):
            return plain(a, axis, out, keepdims, initial, where)
        options = {"axis": axis, "out": out, "keepdims": keepdims}
        if initial is not None:
            return plain(_filled(a, neutral), initial=initial, where=where, **options)
        z = plain(_filled(a, neutral), **options)
        nothing = np.all(np.isnan(a), axis=axis, keepdims=keepdims)
        return np.where(nothing, np.nan, z)[()] if nothing.any() else z


_nan_extreme(np.nanmax, np.max, -np.inf)
_nan_extreme(np.nanmin, np.min, np.inf)
