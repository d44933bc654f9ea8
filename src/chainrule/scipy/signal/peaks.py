"""Peaks: their heights and prominences. Their places have no gradient."""

import numpy as np
import scipy.signal

from chainrule.array import value_of
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.node import at_line
from chainrule.standins.scipy_functions import twin, without_gradient


@twin(scipy.signal.peak_prominences)
def peak_prominences(x, peaks, wlen=None):
    x = as_array(x).astype(np.float64)
    peaks = value_of(peaks)
    _, left, right = scipy.signal.peak_prominences(value_of(x), peaks, wlen)
    return x[peaks] - np.maximum(x[left], x[right]), left, right


@twin(scipy.signal.find_peaks)
def find_peaks(x, *args, **options):
    """The places have no gradient, the heights do."""
    x = as_array(x).astype(np.float64)
    peaks, found = scipy.signal.find_peaks(value_of(x), *args, **options)
    recorded = {"peak_heights": lambda: x[peaks]}
    recorded["left_thresholds"] = lambda: x[peaks] - x[peaks - 1]
    recorded["right_thresholds"] = lambda: x[peaks] - x[peaks + 1]
    recorded["prominences"] = lambda: x[peaks] - np.maximum(x[found["left_bases"]], x[found["right_bases"]])
    if refused := {name for name, value in found.items() if value.dtype.kind == "f"} - {*recorded}:
        raise BlockError(
            f"find_peaks has no derivative of {', '.join(sorted(refused))}; leave out width=, or give x.value"
            + at_line()
        )
    return peaks, {name: recorded[name]() if name in recorded else value for name, value in found.items()}


without_gradient(scipy.signal, "argrelextrema argrelmax argrelmin choose_conv_method find_peaks_cwt")
