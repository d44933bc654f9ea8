"""scipy.fft: Fourier transforms call NumPy's with other arguments; cosine and sine transforms are defined here.

Each cosine or sine transform is a product of a diagonal, an orthogonal and a diagonal matrix. So one block is enough,
the orthogonal transform; its transpose is the transform in the other direction. G. Strang, The discrete cosine
transform (1999).
"""

import operator
from typing import Any

import numpy as np
import scipy.fft

from chainrule.block import axis_from_right, unlisted_block
from chainrule.blocks.complex_numbers import conjugate
from chainrule.blocks.fourier import OTHER_NORM, shape_and_axes, sized
from chainrule.blocks.shaping import as_array
from chainrule.errors import BlockError
from chainrule.formula import call
from chainrule.node import at_line
from chainrule.scipy.arguments import fixed
from chainrule.standins.scipy_functions import twin

# Fourier transforms --------------------------------------------------------------------------------------------


def _of_one_axis(function):
    def transform(x, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, *, plan=None):
        return function(as_array(x), n, axis, norm)

    return transform


def _of_axes(function, default=None):
    def transform(x, s=None, axes=default, norm=None, overwrite_x=False, workers=None, *, plan=None):
        s = as_several(s)
        return function(as_array(x), s, axes_of(s, axes), norm)

    return transform


def as_several(x):
    """A length or an axis as a tuple."""
    return x if x is None or np.ndim(x) else (int(x),)


def axes_of(s, axes):
    """The axes to transform, made explicit: NumPy's transforms warn if they are given only lengths."""
    axes = as_several(axes)
    return tuple(range(-len(s), 0)) if axes is None and s is not None else axes


def other_norm(norm: Any) -> Any:
    return OTHER_NORM[norm or "backward"]


def _hfftn(x, s, axes, norm):
    return np.fft.irfftn(conjugate(np, x), s, axes, other_norm(norm))


def _ihfftn(x, s, axes, norm):
    return np.conj(np.fft.rfftn(x, s, axes, other_norm(norm)))


for name in "fft ifft rfft irfft hfft ihfft".split():
    twin(getattr(scipy.fft, name))(_of_one_axis(getattr(np.fft, name)))
for name in "fftn ifftn rfftn irfftn".split():
    twin(getattr(scipy.fft, name))(_of_axes(getattr(np.fft, name)))
    twin(getattr(scipy.fft, f"{name[:-1]}2"))(_of_axes(getattr(np.fft, name), (-2, -1)))
for name, function in {"hfft": _hfftn, "ihfft": _ihfftn}.items():
    twin(getattr(scipy.fft, f"{name}n"))(_of_axes(function))
    twin(getattr(scipy.fft, f"{name}2"))(_of_axes(function, (-2, -1)))
for name in ("fftshift", "ifftshift"):
    twin(getattr(scipy.fft, name))(getattr(np.fft, name))


# Cosine and sine transforms ------------------------------------------------------------------------------------

INVERSE = {1: 1, 2: 3, 3: 2, 4: 4}
"""The type of the transform in the other direction."""


@unlisted_block(notation=lambda x, kind, **_: call(kind.upper(), x), complex=True)
def orthogonal_transform(xp, x, kind="dct", axis=-1, type=2):
    """The orthogonal cosine or sine transform (`kind` is "dct" or "dst") along an axis."""
    return getattr(scipy.fft, kind)(x, type, axis=axis, norm="ortho")


@orthogonal_transform.backward
def orthogonal_transform_backward(xp, dz, z, x, kind="dct", axis=-1, type=2):
    return orthogonal_transform(dz, kind=kind, axis=axis, type=INVERSE[type])


def cosine_or_sine(kind, x, type, n, axis, norm, orthogonalize, inverse):
    """The transform along one axis; each direction scales the whole, and the first or last entry."""
    if norm not in (None, *OTHER_NORM):
        raise BlockError(f'norm={norm!r}; it is "backward", "ortho" or "forward"' + at_line())
    norm = norm or "backward"
    x = as_array(x)
    axis = axis_from_right(axis, x.ndim)
    x = x if n is None else sized(x, operator.index(n), axis)
    n = x.shape[axis]
    type, norm = (INVERSE[type], OTHER_NORM[norm]) if inverse else (type, norm)
    length = 2 * (n + ({"dct": -1, "dst": 1}[kind] if type == 1 else 0))
    scale = {"backward": 1, "ortho": 0, "forward": -1}[norm]
    ends = np.ones(n)
    if not (norm == "ortho" if orthogonalize is None else orthogonalize):
        if kind == "dct" and type == 1:
            ends[[0, -1]] = np.sqrt(2)
        elif type in (2, 3):
            ends[0 if kind == "dct" else -1] = np.sqrt(2)
    ends = ends.astype(x.dtype)[(slice(None), *(None,) * (-1 - axis))]
    x = x / ends if type in (1, 3) else x
    z = orthogonal_transform(x, kind=kind, axis=axis, type=type) * length ** (scale / 2)
    return z * ends if type in (1, 2) else z


def along_axes(one, x, s, axes):
    """A transform along several axes, one after the other; s are their lengths, or None."""
    x, s = as_array(x), as_several(s)
    for n, axis in zip(*shape_and_axes(x, s, axes_of(s, axes)), strict=True):
        x = one(x, n, axis)
    return x


def _cosines(kind, inverse):
    def transform(x, type=2, n=None, axis=-1, norm=None, overwrite_x=False, workers=None, orthogonalize=None):
        return cosine_or_sine(kind, x, type, n, axis, norm, orthogonalize, inverse)

    def transform_of_axes(x, type=2, s=None, axes=None, norm=None, overwrite_x=False, workers=None, orthogonalize=None):
        def one(x, n, axis):
            return cosine_or_sine(kind, x, type, n, axis, norm, orthogonalize, inverse)

        return along_axes(one, x, s, axes)

    return transform, transform_of_axes


for kind in ("dct", "dst"):
    for inverse in (False, True):
        name = "i" * inverse + kind
        for many, function in zip(("", "n"), _cosines(kind, inverse), strict=True):
            twin(getattr(scipy.fft, name + many))(function)


# Hankel transforms ---------------------------------------------------------------------------------------------


@twin(scipy.fft.fht)
def fht(a, dln, mu, offset=0.0, bias=0.0):
    return _hankel(scipy.fft.fht, a, dln, mu, offset, bias)


@twin(scipy.fft.ifht)
def ifht(A, dln, mu, offset=0.0, bias=0.0):
    return _hankel(scipy.fft.ifht, A, dln, mu, offset, bias)


def _hankel(function, x, dln, mu, offset, bias):
    x = as_array(x)
    options = {"dln": dln, "mu": mu, "offset": offset, "bias": bias}
    return x @ function(np.eye(x.shape[-1]), **{name: fixed(value, name) for name, value in options.items()})
