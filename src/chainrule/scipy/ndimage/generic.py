"""Filters by a function of the user's, which is called for each window."""

import numpy as np
import scipy.ndimage
from numpy.lib.stride_tricks import sliding_window_view

from chainrule.blocks.shaping import as_array
from chainrule.scipy._callbacks import Callback
from chainrule.scipy.ndimage.edges import for_all_axes, for_each_axis, padded_by_modes
from chainrule.scipy.ndimage.ranks import footprint_of
from chainrule.standins.numpy_functions import joined
from chainrule.standins.scipy_functions import read_values, twin, with_value


@twin(scipy.ndimage.generic_filter, adopts=False)
def generic_filter(
    input,
    function,
    size=None,
    footprint=None,
    output=None,
    mode="reflect",
    cval=0.0,
    origin=0,
    extra_arguments=(),
    extra_keywords=None,
    *,
    axes=None,
):
    x, f = as_array(joined(input)), Callback(function, tuple(extra_arguments), extra_keywords)
    value = scipy.ndimage.generic_filter(
        read_values(x), f, size, footprint, output, mode, read_values(cval), origin, axes=axes
    )
    window = footprint_of(size, footprint, x.ndim, axes)
    origins = for_all_axes(origin, axes, x.ndim, 0)
    before = [k // 2 + o for k, o in zip(window.shape, origins, strict=True)]
    after = [k - 1 - b for k, b in zip(window.shape, before, strict=True)]
    modes = for_all_axes(mode, axes, x.ndim, "reflect") if axes is not None else for_each_axis(mode, x.ndim)
    places = padded_by_modes(np.arange(x.size).reshape(x.shape), before, after, modes, x.size)
    entries = np.concatenate([np.ravel(x), np.reshape(1.0 * cval, (1,))])
    rows = entries[sliding_window_view(places, window.shape)[..., window].reshape(x.size, -1)]
    f.operands()
    return with_value(np.reshape(np.stack([f.recorded(row) for row in rows]), x.shape), value)
