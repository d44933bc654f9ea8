"""Complex numbers: conjugate, real and imaginary part, phase.

The convention is PyTorch's: the gradient of a real L is ∂L/∂Re x + i ∂L/∂Im x, the direction of steepest ascent. So a
holomorphic block multiplies its cotangent by the conjugate of its derivative; the blocks here are not holomorphic.
K. Kreutz-Delgado, The complex gradient operator and the CR-calculus (2009).
"""

import numpy as np

from chainrule.answers import with_part
from chainrule.array import Array, form_of
from chainrule.block import answers, library_block
from chainrule.block.dependence import entrywise
from chainrule.blocks.copies import cast
from chainrule.blocks.directions import sign_of_complex, unit
from chainrule.blocks.shaping import as_array
from chainrule.blocks.step_functions import sign
from chainrule.domains import example, far_from_zero, normal
from chainrule.formula import call
from chainrule.libraries import dtype_of, is_complex, is_inexact, is_numpy
from chainrule.step import read_only
from chainrule.views import is_number, view_of

__all__ = ["adjoint", "complex_of", "conj"]


def adjoint(xp, x):
    """The conjugate transpose of matrices; for real ones the transpose."""
    return xp.matrix_transpose(conjugate(xp, x))


def conjugate(xp, x):
    """The conjugate; real numbers are unchanged, without a step in the recording."""
    return xp.conj(x) if is_complex(x) else x


@library_block(
    notation=lambda x: call("conj", x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=entrywise,
)
def conj(xp, x):
    """Re x − i Im x."""
    return xp.conj(x)


@conj.backward
def conj_backward(xp, dz, z, x):
    return xp.conj(dz)


@library_block(
    notation=lambda x: call("Re", x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=entrywise,
)
def real(xp, x):
    """The real part."""
    return xp.real(x) * 1.0 if is_complex(x) else x


@real.backward
def real_backward(xp, dz, z, x):
    return cast(dz, dtype=x.dtype)


@library_block(
    notation=lambda x: call("Im", x),
    complex=True,
    example=example(normal(2, 3)),
    dependence=entrywise,
)
def imag(xp, x):
    """The imaginary part."""
    return xp.imag(x) * 1.0 if is_complex(x) else xp.zeros_like(x)


@imag.backward
def imag_backward(xp, dz, z, x):
    return dz * 1j if is_complex(x) else xp.zeros_like(dz)


@library_block(
    notation=lambda x, y: x + 1j * y,
    complex=True,
    example=example(normal(2, 3), normal(2, 3)),
    dependence=entrywise,
)
def complex_of(xp, x, y):
    """The complex numbers with these real and imaginary parts, infinite ones and signed zeros too."""
    if not is_numpy(xp) or is_complex(x) or is_complex(y):
        return x + 1j * y
    z = np.empty(x.shape, np.result_type(x, y, np.complex64))
    z.real, z.imag = x, y
    return z[()]


@complex_of.backward
def complex_of_backward(xp, dz, z, x, y):
    return dz if is_complex(x) else xp.real(dz), -(1j * dz) if is_complex(y) else xp.imag(dz)


@with_part.is_
def _with_part(z, steps, new):
    """The view's steps, taken of other numbers, tell the part that they show and the positions of its entries."""
    positions, shown = np.arange(z.size).reshape(z.shape) * (1 + 1j), np.ones(z.shape, complex)
    for step in steps:
        positions, shown = step(positions), step(shown)
    parts = [np.real(z).flatten(), np.imag(z).flatten()]
    parts[0 if np.all(shown) else 1][positions.astype(int)] = new
    return np.reshape(complex_of(*parts), z.shape)


@library_block(
    notation=lambda x: call("arg", x), complex=True, example=example(far_from_zero(2, 3)), dependence=entrywise
)
def phase(xp, x):
    """The angle between x and the positive real axis, in radians. At 0 the gradient is 0, as in PyTorch."""
    return xp.atan2(xp.imag(x), xp.real(x)) if is_complex(x) else xp.atan2(xp.zeros_like(x), x)


@phase.backward
def phase_backward(xp, dz, z, x):
    if not is_complex(x):
        return xp.zeros_like(dz)
    size = abs(x)
    return dz * 1j * (unit(x) / xp.where(size == 0, 1.0, size))


@answers(np.conjugate)
def numpy_conj(x):
    """np.conj; real numbers are unchanged."""
    return conj(x) if is_complex(form_of(x)) else np.copy(x)[()]


@answers(np.real)
def numpy_real(val):
    """np.real; a real array is its own real part."""
    return _part(val, np.real, real(val)) if is_complex(form_of(val)) else val


@answers(np.imag)
def numpy_imag(val):
    return _part(val, np.imag, imag(val)) if is_complex(form_of(val)) else read_only(imag(val))


def _part(z, function, part):
    """In NumPy the real or imaginary part of a complex array is a view, and that of a number is a number."""
    if type(z) is Array and not is_number(z):
        part._view = view_of(z, function)
    return part


@answers(np.angle)
def numpy_angle(z, deg=False):
    if not is_inexact(form_of(z)):
        z = np.astype(z, np.float64)
    return np.rad2deg(phase(z)) if deg else phase(z)


@answers(np.real_if_close)
def numpy_real_if_close(a, tol=100):
    """np.real_if_close: the real part where all imaginary parts are close to zero."""
    if is_complex(form_of(a)) and not np.iscomplexobj(np.real_if_close(a.value, tol)):
        a = np.real(a)
    return np.copy(a) if is_number(a) else a  # for a number NumPy gives an array


def _complex_where(function, outside):
    """np.emath: the function of NumPy, with complex results where it has no real one."""

    @answers(getattr(np.emath, function.__name__))
    def numpy_emath(x):
        return function(as_complex_where(x, outside))


def as_complex_where(x, outside):
    """x, converted to complex numbers if any real entry has no real result."""
    needed = not is_complex(form_of(x)) and bool(np.any(outside(x)))
    return np.astype(x, np.result_type(dtype_of(x), np.complex64)) if needed else x


for _function in (np.sqrt, np.log, np.log2, np.log10):
    _complex_where(_function, lambda x: x < 0)
for _bounded in (np.arccos, np.arcsin, np.arctanh):
    _complex_where(_bounded, lambda x: abs(x) > 1)


@answers(np.emath.logn)
def numpy_emath_logn(n, x):
    return np.emath.log(x) / np.emath.log(n)


@answers(np.emath.power)
def numpy_emath_power(x, p):
    return np.power(as_complex_where(as_array(x), lambda x: x < 0), as_array(p))


@answers(np.sign)
def numpy_sign(x):
    """np.sign: a step for real numbers; x/|x| for complex ones, and 0 at 0."""
    return sign_of_complex(x) if is_complex(form_of(x)) else sign(x)
