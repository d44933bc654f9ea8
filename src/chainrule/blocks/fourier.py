"""Fourier transforms: every function of numpy.fft.

The discrete transform is multiplication by the symmetric matrix F with F_jk = e^(−2πi jk/n), so its adjoint is
multiplication by the conjugate of F: the transform in the other direction, with the other normalisation. The real
transforms keep the half of a spectrum that determines the rest; their adjoints count each entry of that half once or
twice.
W. L. Briggs and V. E. Henson, The DFT: An Owner's Manual for the Discrete Fourier Transform (1995), chapter 2.
"""

import operator

import numpy as np

from chainrule.block import answers, axis_from_right, library_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.shaping import as_array
from chainrule.domains import example, normal
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.libraries import is_complex, is_numpy
from chainrule.node import at_line

OTHER_NORM = {"backward": "forward", "ortho": "ortho", "forward": "backward"}
"""The normalisation of the adjoint: which of the two directions divides by n."""


@library_block(
    notation=lambda x, axis, inverse, norm: call("ℱ⁻¹" if inverse else "ℱ", x),
    complex=True,
    example=example(normal(4)),
)
def fft(xp, x, axis=-1, inverse=False, norm="backward"):
    """z_k = Σ_j x_j e^(−2πi jk/n) along one axis, or the inverse of it."""
    return (xp.fft.ifft if inverse else xp.fft.fft)(_as_complex(xp, x), axis=axis, norm=norm)


def _as_complex(xp, x):
    """x, converted to complex for libraries that cannot transform real numbers."""
    return x if is_numpy(xp) or is_complex(x) else xp.astype(x, xp.result_type(x.dtype, xp.complex64))


@fft.backward
def fft_backward(xp, dz, z, x, axis=-1, inverse=False, norm="backward"):
    return fft(dz, axis=axis, inverse=not inverse, norm=OTHER_NORM[norm])


@library_block(notation=lambda x, axis, norm: call("ℱ", x), complex=True, example=example(normal(4)))
def rfft(xp, x, axis=-1, norm="backward"):
    """The first n // 2 + 1 entries of the transform of n real numbers; the others are their conjugates."""
    return xp.fft.rfft(x, axis=axis, norm=norm)


@rfft.backward
def rfft_backward(xp, dz, z, x, axis=-1, norm="backward"):
    n = x.shape[axis]
    return irfft(dz * _times(xp, n, axis, 0.5, x.dtype), n=n, axis=axis, norm=OTHER_NORM[norm])


@library_block(notation=lambda x, n, axis, norm: call("ℱ⁻¹", x), complex=True, example=example(normal(3), n=4))
def irfft(xp, x, n=0, axis=-1, norm="backward"):
    """The n real numbers whose transform begins with these n // 2 + 1 entries."""
    return xp.fft.irfft(_as_complex(xp, x), n=n, axis=axis, norm=norm)


@irfft.backward
def irfft_backward(xp, dz, z, x, n=0, axis=-1, norm="backward"):
    return rfft(dz, axis=axis, norm=OTHER_NORM[norm]) * _times(xp, n, axis, 2.0, z.dtype)


def _times(xp, n, axis, inner, dtype):
    """A factor for each entry of half a spectrum: 1 for those that are their own conjugates, `inner` for the others."""
    factors = np.full(n // 2 + 1, inner)
    factors[0] = 1.0
    if n % 2 == 0:
        factors[-1] = 1.0
    return xp.asarray(np.reshape(factors, (-1, *(1,) * (-1 - axis))), dtype=dtype)


# NumPy's own signatures ------------------------------------------------------------------------------------------


def _norm(norm):
    if norm not in (None, *OTHER_NORM):
        raise BlockError(f'norm={norm!r}; it is "backward", "ortho" or "forward"' + at_line())
    return norm or "backward"


def _length(n, default):
    n = default if n is None else operator.index(n)
    if n < 1:
        raise BlockError(f"a Fourier transform of {n} numbers" + at_line())
    return n


def sized(x, n, axis):
    """The first n entries along an axis, padded with zeros if there are fewer."""
    missing = n - x.shape[axis]
    if missing > 0:
        return np.pad(x, [(0, missing if i == axis else 0) for i in range(-x.ndim, 0)])
    return x[(..., slice(n), *(slice(None),) * (-1 - axis))] if missing else x


def _no_out(out):
    if out is not None:
        raise BlockError("a Fourier transform with out= and a recorded array: use the returned array" + at_line())


def _complex_transform(function, inverse):
    @answers(function)
    def numpy_fft(a, n=None, axis=-1, norm=None, out=None):
        _no_out(out)
        axis = axis_from_right(axis, a.ndim)
        n = _length(n, a.shape[axis])
        return fft(sized(a, n, axis), axis=axis, inverse=inverse, norm=_norm(norm))

    return numpy_fft


fft_of = _complex_transform(np.fft.fft, False)
ifft_of = _complex_transform(np.fft.ifft, True)


@answers(np.fft.rfft)
def rfft_of(a, n=None, axis=-1, norm=None, out=None):
    _no_out(out)
    axis = axis_from_right(axis, a.ndim)
    return rfft(sized(a, _length(n, a.shape[axis]), axis), axis=axis, norm=_norm(norm))


@answers(np.fft.irfft)
def irfft_of(a, n=None, axis=-1, norm=None, out=None):
    _no_out(out)
    axis = axis_from_right(axis, a.ndim)
    n = _length(n, 2 * (a.shape[axis] - 1))
    return irfft(sized(a, n // 2 + 1, axis), n=n, axis=axis, norm=_norm(norm))


@answers(np.fft.hfft)
def hfft_of(a, n=None, axis=-1, norm=None, out=None):
    """np.fft.hfft: the real spectrum of a Hermitian-symmetric signal, given its first half."""
    return irfft_of(conjugate(np, as_array(a)), n, axis, OTHER_NORM[_norm(norm)], out)


@answers(np.fft.ihfft)
def ihfft_of(a, n=None, axis=-1, norm=None, out=None):
    _no_out(out)
    return np.conj(rfft_of(a, n, axis, OTHER_NORM[_norm(norm)]))


def shape_and_axes(a, s, axes, last_is_half=False):
    """The numbers of entries to transform and their axes, in NumPy's order."""
    if axes is None:
        axes = range(-a.ndim if s is None else -len(s), 0)
    axes = [axis_from_right(i, a.ndim) for i in axes]
    if s is None:
        s = [a.shape[i] for i in axes]
        if last_is_half:
            s[-1] = 2 * (s[-1] - 1)
    if len(s) != len(axes):
        raise BlockError(f"a Fourier transform along {len(axes)} axes with {len(s)} lengths" + at_line())
    return [a.shape[i] if n == -1 else n for n, i in zip(s, axes, strict=True)], axes


def _of_many_axes(of_one):
    def transform(a, s, axes, norm):
        s, axes = shape_and_axes(a, s, axes)
        for n, i in zip(reversed(s), reversed(axes), strict=True):
            a = of_one(a, n, i, norm)
        return a if axes else np.copy(a)  # for a number NumPy gives an array

    return transform


_fftn, _ifftn = _of_many_axes(fft_of), _of_many_axes(ifft_of)


@answers(np.fft.fftn)
def fftn_of(a, s=None, axes=None, norm=None, out=None):
    _no_out(out)
    return _fftn(a, s, axes, norm)


@answers(np.fft.ifftn)
def ifftn_of(a, s=None, axes=None, norm=None, out=None):
    _no_out(out)
    return _ifftn(a, s, axes, norm)


@answers(np.fft.fft2)
def fft2_of(a, s=None, axes=(-2, -1), norm=None, out=None):
    return fftn_of(a, s, axes, norm, out)


@answers(np.fft.ifft2)
def ifft2_of(a, s=None, axes=(-2, -1), norm=None, out=None):
    return ifftn_of(a, s, axes, norm, out)


@answers(np.fft.rfftn)
def rfftn_of(a, s=None, axes=None, norm=None, out=None):
    """np.fft.rfftn: the real transform along the last of the axes, then the complex one along the others."""
    _no_out(out)
    s, axes = shape_and_axes(a, s, axes)
    a = rfft_of(a, s[-1], axes[-1], norm)
    for n, i in zip(s[:-1], axes[:-1], strict=True):
        a = fft_of(a, n, i, norm)
    return a


@answers(np.fft.irfftn)
def irfftn_of(a, s=None, axes=None, norm=None, out=None):
    _no_out(out)
    s, axes = shape_and_axes(a, s, axes, last_is_half=True)
    for n, i in zip(s[:-1], axes[:-1], strict=True):
        a = ifft_of(a, n, i, norm)
    return irfft_of(a, s[-1], axes[-1], norm)


@answers(np.fft.rfft2)
def rfft2_of(a, s=None, axes=(-2, -1), norm=None, out=None):
    return rfftn_of(a, s, axes, norm, out)


@answers(np.fft.irfft2)
def irfft2_of(a, s=None, axes=(-2, -1), norm=None, out=None):
    return irfftn_of(a, s, axes, norm, out)


def _shift(function, sign):
    """The zero frequency moved to the middle, or back."""

    @answers(function)
    def numpy_shift(x, axes=None):
        axes = range(x.ndim) if axes is None else [axes] if np.ndim(axes) == 0 else list(axes)
        steps = [sign * (x.shape[i] // 2) for i in axes]
        return np.roll(x, steps, axes) if steps else +x


_shift(np.fft.fftshift, 1)
_shift(np.fft.ifftshift, -1)
