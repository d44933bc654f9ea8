"""scipy.fftpack, the older transforms: scipy.fft with other arguments, a different order for real transforms, and
derivatives of periodic functions."""

from typing import Any

import numpy as np
import scipy.fftpack

from chainrule.block import unlisted_block
from chainrule.blocks.shaping import as_array
from chainrule.formula import call
from chainrule.scipy.arguments import fixed
from chainrule.scipy.fft import INVERSE, along_axes, as_several, axes_of, cosine_or_sine
from chainrule.standins.scipy_functions import twin

# Fourier transforms --------------------------------------------------------------------------------------------


def _of_one_axis(function):
    def transform(x, n=None, axis=-1, overwrite_x=False):
        return function(as_array(x), n, axis)

    return transform


def _of_axes(function, default=None):
    def transform(x, shape=None, axes=default, overwrite_x=False):
        shape = as_several(shape)
        return function(as_array(x), shape, axes_of(shape, axes))

    return transform


for name in ("fft", "ifft"):
    twin(getattr(scipy.fftpack, name))(_of_one_axis(getattr(np.fft, name)))
    twin(getattr(scipy.fftpack, f"{name}n"))(_of_axes(getattr(np.fft, f"{name}n")))
    twin(getattr(scipy.fftpack, f"{name}2"))(_of_axes(getattr(np.fft, f"{name}n"), (-2, -1)))


@twin(scipy.fftpack.rfft)
def rfft(x, n=None, axis=-1, overwrite_x=False):
    """The transform of a real signal, in one real array: y₀, Re y₁, Im y₁, Re y₂, …"""
    z = np.moveaxis(np.fft.rfft(as_array(x), n, axis), axis, -1)
    n = np.shape(x)[axis] if n is None else n
    parts = np.reshape(np.stack([z.real, z.imag], axis=-1), (*z.shape[:-1], -1))
    return np.moveaxis(np.concatenate([parts[..., :1], parts[..., 2 : n + 1]], axis=-1), -1, axis)


@twin(scipy.fftpack.irfft)
def irfft(x, n=None, axis=-1, overwrite_x=False):
    """The signal, from the result of `rfft`."""
    x = np.moveaxis(as_array(x), axis, -1)
    n = x.shape[-1] if n is None else n
    x = np.concatenate([x[..., :n], np.zeros((*x.shape[:-1], max(n - x.shape[-1], 0)), x.dtype)], axis=-1)
    zero = np.zeros((*x.shape[:-1], 1), x.dtype)
    parts = np.concatenate([x[..., :1], zero, x[..., 1:], zero][: 4 - n % 2], axis=-1)
    z = parts[..., ::2] + 1j * parts[..., 1::2]
    return np.moveaxis(np.fft.irfft(z, n), -1, axis)


# Cosine and sine transforms: the inverse ones are not scaled ------------------------------------------------------


def _cosines(kind, inverse):
    def one(x, type, n, axis, norm):
        return cosine_or_sine(kind, x, INVERSE[type] if inverse else type, n, axis, norm, None, False)

    def transform(x, type=2, n=None, axis=-1, norm=None, overwrite_x=False):
        return one(x, type, n, axis, norm)

    def transform_of_axes(x, type=2, shape=None, axes=None, norm=None, overwrite_x=False):
        return along_axes(lambda x, n, axis: one(x, type, n, axis, norm), x, shape, axes)

    return transform, transform_of_axes


for kind in ("dct", "dst"):
    for inverse in (False, True):
        name = "i" * inverse + kind
        for many, function in zip(("", "n"), _cosines(kind, inverse), strict=True):
            twin(getattr(scipy.fftpack, name + many))(function)


# Derivatives of periodic functions --------------------------------------------------------------------------------


@unlisted_block(notation=lambda x, name, **_: call(name, x), complex=True)
def periodic(xp, x, name="diff", parameters=(), options=()):
    """A function of scipy.fftpack along the last axis. It is linear and commutes with shifts of the period."""
    function = getattr(scipy.fftpack, name)
    rows = [function(row, *parameters, **dict(options)) for row in np.reshape(x, (-1, x.shape[-1]))]
    return np.reshape(np.stack(rows), x.shape) if rows else np.zeros(x.shape, x.dtype)


periodic.leading_axes = True


@periodic.backward
def periodic_backward(xp, dz, z, x, **how):
    """Its matrix has the entries c_{i−k}, so its transpose is the same function applied to the reversed signal."""
    return _turned(periodic(_turned(dz), **how))


def _turned(x):
    """x_{−k} for each k."""
    return np.roll(x[..., ::-1], 1, axis=-1)


def _of_periodic_signal(name: str) -> None:
    @twin(getattr(scipy.fftpack, name))
    def made(x: Any, *parameters: Any, **options: Any) -> Any:
        parameters = tuple(fixed(p, f"an argument of {name}") for p in parameters)
        options = {key: fixed(p, f"{key} of {name}") for key, p in options.items() if key != "_cache"}
        return periodic(as_array(x), name=name, parameters=parameters, options=tuple(options.items()))


for name in "diff tilbert itilbert hilbert ihilbert sc_diff cs_diff cc_diff ss_diff shift".split():
    _of_periodic_signal(name)
