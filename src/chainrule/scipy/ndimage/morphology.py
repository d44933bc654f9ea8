"""Grey morphology: the smallest or largest entry of each window, minus or plus a structure."""

import numpy as np
import scipy.ndimage

from chainrule.scipy.convolved import flipped
from chainrule.scipy.ndimage.edges import for_all_axes
from chainrule.scipy.ndimage.ranks import chosen_of_windows, footprint_of, greatest, least
from chainrule.standins.scipy_functions import twin


@twin(scipy.ndimage.grey_erosion)
def grey_erosion(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """The smallest of the entries minus the structure."""
    footprint = footprint_of(size, _under(structure, footprint), input.ndim, axes)
    origin, mode = for_all_axes(origin, axes, input.ndim, 0), for_all_axes(mode, axes, input.ndim, "reflect")
    structure = None if structure is None else -np.reshape(structure, footprint.shape)
    return chosen_of_windows(input, least, footprint, mode, cval, origin, structure)


def _under(structure, footprint):
    return np.ones(structure.shape, bool) if structure is not None and footprint is None else footprint


@twin(scipy.ndimage.grey_dilation)
def grey_dilation(
    input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
):
    """The largest of the entries plus the reversed structure."""
    n = input.ndim
    footprint = flipped(footprint_of(size, _under(structure, footprint), n, axes), n)
    origin, mode = for_all_axes(origin, axes, n, 0), for_all_axes(mode, axes, n, "reflect")
    origin = [-o - (k % 2 == 0) for o, k in zip(origin, footprint.shape, strict=True)]
    structure = None if structure is None else flipped(np.reshape(structure, footprint.shape), n)
    return chosen_of_windows(input, greatest, footprint, mode, cval, origin, structure)


def _one_after_the_other(first, second):
    def filtered(
        input, size=None, footprint=None, structure=None, output=None, mode="reflect", cval=0.0, origin=0, *, axes=None
    ):
        how = (size, footprint, structure, None, mode, cval, origin)
        return second(first(input, *how, axes=axes), *how, axes=axes)

    return filtered


grey_opening = twin(scipy.ndimage.grey_opening)(_one_after_the_other(grey_erosion, grey_dilation))
grey_closing = twin(scipy.ndimage.grey_closing)(_one_after_the_other(grey_dilation, grey_erosion))


@twin(scipy.ndimage.morphological_gradient)
def morphological_gradient(input, *how, **more):
    return grey_dilation(input, *how, **more) - grey_erosion(input, *how, **more)


@twin(scipy.ndimage.morphological_laplace)
def morphological_laplace(input, *how, **more):
    return grey_dilation(input, *how, **more) + grey_erosion(input, *how, **more) - 2 * input


@twin(scipy.ndimage.white_tophat)
def white_tophat(input, *how, **more):
    return input - grey_opening(input, *how, **more)


@twin(scipy.ndimage.black_tophat)
def black_tophat(input, *how, **more):
    return grey_closing(input, *how, **more) - input
