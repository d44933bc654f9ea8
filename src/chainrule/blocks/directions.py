"""Lengths and directions of points in the plane: hypot, arctan2, x/√(x² + y²), x/|x| of complex numbers.

The derivatives are made of directions, whose parts are at most 1. So they are right where a square or a length is not:
where it overflows, or is so small that it has lost digits.
"""

import math

import numpy as np

from chainrule.array import Array
from chainrule.block import Elementwise, elementwise, singular, unlisted_block
from chainrule.block.dependence import entrywise
from chainrule.blocks.limits import ROOTS, length_at_zero
from chainrule.domains import example, far_from_zero
from chainrule.formula import sqrt
from chainrule.libraries import is_differentiated_there, is_numpy

__all__ = ["arctan2", "hypot", "over_hypot", "sign_of_complex", "unit"]


def _keeps_its_digits(xp, z):
    """Whether NumPy's lengths are known to be neither infinite nor so small that they have lost digits."""
    if not is_numpy(xp) or type(z) is Array or type(z) is float:
        return False
    return bool(np.all((z >= np.finfo(z.dtype).smallest_normal) & (z < math.inf)))


def _hypot(xp, x, y):
    """√(x² + y²), which has gradient 0 at the origin when another library differentiates it, too."""
    if not is_differentiated_there(x) and not is_differentiated_there(y):
        return xp.hypot(x, y)
    zero = (x == 0) & (y == 0)
    return xp.where(zero, 0.0, xp.hypot(xp.where(zero, 1.0, x), xp.where(zero, 1.0, y)))


hypot: Elementwise = elementwise(
    "hypot",
    _hypot,
    lambda xp, z, x, y: x / z if _keeps_its_digits(xp, z) else over_hypot(x, y),
    lambda xp, z, x, y: y / z if _keeps_its_digits(xp, z) else over_hypot(y, x),
    notation=lambda x, y: sqrt(x**2 + y**2),
    answers_for=(np.hypot,),
    example=example(far_from_zero(2, 3), far_from_zero(2, 3)),
)

hypot.at_zero = length_at_zero
ROOTS.add(hypot)


def _over_hypot(xp, x, y):
    """x/√(x² + y²); 0 at the origin, as the derivative of a norm."""
    z = xp.hypot(x, y)
    if _keeps_its_digits(xp, z):  # most often
        return x / z
    largest = xp.maximum(abs(x), abs(y))
    largest = xp.where((largest > 0) & xp.isfinite(largest), largest, 1.0)
    x = x / largest
    z = xp.hypot(x, y / largest)
    return x / xp.where(z == 0, 1.0, z)


over_hypot: Elementwise = elementwise(
    "over_hypot",
    _over_hypot,
    singular(lambda xp, z, x, y: over_hypot(y, x) * (over_hypot(y, x) / hypot(x, y))),
    singular(lambda xp, z, x, y: -z * (over_hypot(y, x) / hypot(x, y))),
    notation=lambda x, y: x / sqrt(x**2 + y**2),
    example=example(far_from_zero(2, 3), far_from_zero(2, 3)),
    listed=False,
)


@singular
def _over_square(xp, x, y):
    """x / (x² + y²); 0 at the origin, as in PyTorch."""
    z = hypot(x, y)
    return xp.where(z == 0, 0.0, over_hypot(x, y) / z)


arctan2 = elementwise(
    "arctan2",
    lambda xp, y, x: xp.atan2(y, x),
    lambda xp, z, y, x: _over_square(xp, x, y),
    lambda xp, z, y, x: -_over_square(xp, y, x),
    answers_for=(np.arctan2,),
    example=example(far_from_zero(2, 3), far_from_zero(2, 3)),
)


@unlisted_block(complex=True, notation=lambda x: x / abs(x), dependence=entrywise)
def unit(xp, x):
    """x/|x| of complex numbers; 0 at 0."""
    size = abs(x)
    if _keeps_its_digits(xp, size):  # most often
        return x / size
    real, imag = xp.real(x), xp.imag(x)
    return over_hypot(real, imag) + 1j * over_hypot(imag, real)


@unlisted_block(complex=True, notation=lambda x: x / abs(x), dependence=entrywise)
def sign_of_complex(xp, x):
    """NumPy's sign of complex numbers: `unit`, but a number too if only one part is infinite."""
    return xp.sign(x) if is_numpy(xp) else unit(x)  # JAX's sign has no derivative


@sign_of_complex.backward
@unit.backward
def unit_backward(xp, dz, z, x):
    """The part of ∂L/∂z that turns z; only the phase of x matters, not its size."""
    turned = 1j * z
    size = abs(x)
    return turned * (xp.real(xp.conj(dz) * turned) / xp.where(size == 0, 1.0, size))
